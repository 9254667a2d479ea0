//! Bytes on their way to the relay, each with its place in the stream: commands and messages come in, the wire takes
//! them out in order. Whoever wants to know whether the relay can have seen something asks for its place.

/// What is to be written, and how much was.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How many of `bytes` were written.
    taken: usize,
    /// How many octets were written before those of `bytes`.
    before: u64,
}

/// A room that was needed for one large message is not kept for all the small ones after it.
const KEPT_OCTETS: usize = 1024 * 1024;

/// What was written is let go of when there is so much of it, though more waits: on a slow line there always does.
const WRITTEN_OCTETS: usize = 256 * 1024;

impl Outbox {
    /// Where to add; only at its end.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The place behind the last octet that was added.
    pub(super) fn place(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }

    /// True when everything before `place` was handed to the connection.
    pub(super) fn has_written(&self, place: u64) -> bool {
        self.before + self.taken as u64 >= place
    }

    /// What is still to be written.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// So many octets of [`Self::waiting`] were written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.bytes.len() || self.taken >= WRITTEN_OCTETS {
            self.before += self.taken as u64;
            self.bytes.drain(..self.taken);
            self.bytes.shrink_to(KEPT_OCTETS);
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outbox;

    #[test]
    fn places_stay_the_same_while_octets_leave() {
        let mut out = Outbox::default();
        out.end().extend_from_slice(b"MAIL\r\n");
        let mail = out.place();
        out.end().extend_from_slice(b"RCPT\r\n");
        assert_eq!((mail, out.place(), out.has_written(mail)), (6, 12, false));
        out.wrote(6);
        assert!(out.has_written(mail) && !out.has_written(12));
        assert_eq!(out.waiting(), b"RCPT\r\n");
        out.wrote(6);
        assert!(out.waiting().is_empty() && out.has_written(12));
        out.end().extend_from_slice(b"DATA\r\n");
        assert_eq!((out.place(), out.has_written(out.place())), (18, false));
    }

    #[test]
    fn a_line_that_is_slower_than_we_are_does_not_pile_up_what_was_written() {
        let mut out = Outbox::default();
        out.end().extend_from_slice(&[b'x'; 50_000]);
        for _ in 0..1_000 {
            out.end().extend_from_slice(&[b'x'; 50_000]);
            out.wrote(50_000);
        }
        assert_eq!((out.place(), out.waiting().len()), (50_050_000, 50_000));
        assert!(out.has_written(50_000_000) && !out.has_written(50_000_001));
        assert!(out.bytes.capacity() < 2_000_000);
    }
}
