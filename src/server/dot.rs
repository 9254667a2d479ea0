//! The end of a message's content and its transparency dots (RFC 5321 section 4.5.2). Octets as they came go in,
//! in any pieces; the message's own octets come out. Only CR LF dot CR LF ends it (or dot CR LF at the very start):
//! a lone LF or CR beside a dot is content, which is what stops one message from being smuggled inside another.

/// Takes content apart, octet by octet.
#[derive(Debug, Default)]
pub(super) struct Unstuffer {
    seen: Seen,
}

/// What came just before.
#[derive(Clone, Copy, Debug, Default)]
enum Seen {
    /// Nothing at all, or a CR LF: a dot here is not content.
    #[default]
    LineStart,
    /// Some octet inside a line.
    Text,
    /// A CR, which was kept.
    Cr,
    /// A dot at a line's start, which was not kept.
    Dot,
    /// That dot and a CR; neither was kept.
    DotCr,
}

impl Unstuffer {
    /// Takes octets until `bytes` or the content ends, appending the message's own to `kept`. Gives how many were
    /// taken, and whether the content ended with them.
    pub(super) fn take(&mut self, bytes: &[u8], kept: &mut Vec<u8>) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            // Most octets are inside lines: they are copied in one piece up to the next CR.
            if matches!(self.seen, Seen::Text) {
                let run = bytes[at..].iter().position(|byte| *byte == b'\r').unwrap_or(bytes.len() - at);
                kept.extend_from_slice(&bytes[at..at + run]);
                at += run;
                if run > 0 {
                    continue;
                }
            }
            at += 1;
            if self.step(byte, kept) {
                return (at, true);
            }
        }
        (at, false)
    }

    fn step(&mut self, byte: u8, kept: &mut Vec<u8>) -> bool {
        match (self.seen, byte) {
            (Seen::LineStart, b'.') => {
                self.seen = Seen::Dot;
                return false;
            }
            (Seen::Dot, b'\r') => {
                self.seen = Seen::DotCr;
                return false;
            }
            (Seen::DotCr, b'\n') => return true,
            // The dot was an ordinary one, so the CR after it was content.
            (Seen::DotCr, _) => kept.push(b'\r'),
            _ => {}
        }
        kept.push(byte);
        self.seen = match (self.seen, byte) {
            (Seen::Cr, b'\n') => Seen::LineStart,
            (_, b'\r') => Seen::Cr,
            _ => Seen::Text,
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Unstuffer;
    use proptest::prelude::*;

    /// What is kept of `wire`, and what was left after the end; `None` when it never ended.
    fn taken(wire: &[u8]) -> Option<(Vec<u8>, &[u8])> {
        let mut kept = Vec::new();
        let (at, ended) = Unstuffer::default().take(wire, &mut kept);
        ended.then_some((kept, &wire[at..]))
    }

    /// As a careful client sends it: a dot before each dot that opens a line.
    fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut line_start = true;
        for (at, byte) in message.iter().enumerate() {
            if line_start && *byte == b'.' {
                wire.push(b'.');
            }
            wire.push(*byte);
            line_start = message[..=at].ends_with(b"\r\n");
        }
        wire
    }

    #[test]
    fn only_a_dot_alone_on_a_line_ends_the_content() {
        assert_eq!(taken(b"a\r\n.\r\nQUIT\r\n"), Some((b"a\r\n".to_vec(), &b"QUIT\r\n"[..])));
        assert_eq!(taken(b".\r\n"), Some((Vec::new(), &b""[..])));
        assert_eq!(taken(b"..\r\n.a\r\n.\r\n"), Some((b".\r\na\r\n".to_vec(), &b""[..])));
        for smuggled in
            ["a\n.\n", "a\n.\r\n", "a\r.\r", "a\r.\r\n", "a\r\n.\n", "a\r\n.\r", "a\r\n.\r\r\n", "a\r\n.\n\r\n"]
        {
            assert_eq!(taken(smuggled.as_bytes()), None, "{smuggled:?}");
        }
    }

    proptest! {
        #[test]
        fn a_stuffed_message_comes_out_as_it_was_in_whatever_pieces_it_came(
            lines in prop::collection::vec("[.a\r\n]{0,6}", 0..8),
            cut in 0_usize..64,
        ) {
            let mut message = lines.join("\r\n").into_bytes();
            message.extend_from_slice(b"\r\n");
            let mut wire = stuffed(&message);
            wire.extend_from_slice(b".\r\n");
            let (first, second) = wire.split_at(cut.min(wire.len()));
            let (mut unstuffer, mut kept) = (Unstuffer::default(), Vec::new());
            let (_, early) = unstuffer.take(first, &mut kept);
            let (_, late) = unstuffer.take(second, &mut kept);
            prop_assert!(early || late);
            prop_assert_eq!(kept, message);
        }
    }
}
