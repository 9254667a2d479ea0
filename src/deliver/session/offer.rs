//! A message about to be offered: the commands of its transaction and the message in its form on the wire. An
//! envelope and a message come in, checked bytes go out. What could break out of its place (a line end in an address, a
//! bare LF in a message) is refused here, before a byte is written.

use super::{Envelope, capabilities::Capabilities, reply::ReplyLines};
use crate::domain::{address::EmailAddress, delivery::Reply};

/// Longest command, CRLF included (RFC 5321 §4.5.3.1.4).
pub(super) const COMMAND_OCTETS: usize = 512;
/// Longest line of a message, CRLF not included (RFC 5322 §2.1.1).
const LINE_OCTETS: usize = 998;
/// How much of a message is written at once, and has one block timer.
const BLOCK_OCTETS: usize = 64 * 1024;

/// Why a message cannot be offered to this relay at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the address needs SMTPUTF8, which the relay does not speak")]
    NeedsSmtpUtf8,
    #[error("the message has octets above 127, which the relay does not take")]
    NeedsEightBit,
    #[error("the message has {size} octets, and the relay takes {limit}")]
    TooLarge { size: u64, limit: u64 },
    #[error("an address of the envelope cannot stand in a command")]
    BadAddress,
    #[error("the message is empty")]
    Empty,
    #[error("the message has a line end that is not CRLF, or a NUL")]
    BareLineEnd,
    #[error("the message has a line of more than 998 octets")]
    LongLine,
}

/// One message, ready to be offered.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    pub(super) mail: Vec<u8>,
    pub(super) rcpt: Vec<u8>,
    recipient: &'a EmailAddress,
    message: &'a [u8],
}

impl<'a> Offer<'a> {
    /// Checks envelope and message against each other and what the relay can do.
    pub(super) fn new(envelope: &Envelope<'a>, message: &'a [u8], capabilities: &Capabilities) -> Result<Self, Unfit> {
        let utf8 = envelope.recipient.needs_smtputf8() || !envelope.sender.is_ascii();
        let eight_bit = !message.is_ascii();
        if utf8 && !capabilities.smtputf8 {
            return Err(Unfit::NeedsSmtpUtf8);
        }
        if eight_bit && !capabilities.eight_bit_mime {
            return Err(Unfit::NeedsEightBit);
        }
        check_lines(message)?;
        let size = message.len() as u64 + if message.ends_with(b"\r\n") { 0 } else { 2 };
        let mut parameters = String::new();
        if let Some(limit) = capabilities.size {
            if limit != 0 && size > limit {
                return Err(Unfit::TooLarge { size, limit });
            }
            parameters.push_str(&format!(" SIZE={size}"));
        }
        if eight_bit {
            parameters.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            parameters.push_str(" SMTPUTF8");
        }
        // A sender is made by us, dot-atom and domain. One that could close its bracket and add a parameter is a bug.
        if envelope.sender.contains(['<', '>', ' ', '"']) {
            return Err(Unfit::BadAddress);
        }
        let mail = command(&format!("MAIL FROM:<{}>{parameters}", envelope.sender)).ok_or(Unfit::BadAddress)?;
        let rcpt = command(&format!("RCPT TO:<{}>", envelope.recipient.reveal())).ok_or(Unfit::BadAddress)?;
        Ok(Self { mail, rcpt, recipient: envelope.recipient, message })
    }

    /// A reply with the recipient's address masked: relays like to repeat it, and replies are logged and shown.
    pub(super) fn masked(&self, reply: ReplyLines) -> Reply {
        let mut reply = Reply::from(reply);
        let (address, mask) = (self.recipient.reveal().to_ascii_lowercase(), self.recipient.to_string());
        // Lower-casing ASCII moves no byte, so places found in the one are places in the other.
        while let Some(at) = reply.text.to_ascii_lowercase().find(&address) {
            reply.text.replace_range(at..at + address.len(), &mask);
        }
        reply
    }

    /// The message as it goes on the wire.
    pub(super) fn body(&self) -> Body<'a> {
        Body { rest: self.message, ended: false }
    }
}

/// A command with its CRLF; `None` when it would be too long, or more than one line.
pub(super) fn command(line: &str) -> Option<Vec<u8>> {
    let fits = line.len() + 2 <= COMMAND_OCTETS && !line.bytes().any(|byte| byte < b' ' || byte == 0x7f);
    fits.then(|| [line.as_bytes(), b"\r\n"].concat())
}

/// A bare LF in a message may end it early for a lax relay and smuggle in a second one behind (CVE-2023-51764).
fn check_lines(message: &[u8]) -> Result<(), Unfit> {
    if message.is_empty() {
        return Err(Unfit::Empty);
    }
    let mut lines = message.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let text = match line.strip_suffix(b"\r\n") {
            Some(text) => text,
            None if lines.peek().is_none() && !line.ends_with(b"\n") => line,
            None => return Err(Unfit::BareLineEnd),
        };
        if text.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(Unfit::BareLineEnd);
        }
        if text.len() > LINE_OCTETS {
            return Err(Unfit::LongLine);
        }
    }
    Ok(())
}

/// Gives a message out block by block: a dot before each line that begins with one (RFC 5321 §4.5.2), and the end of
/// data at the end of the last block, so that it needs no packet of its own.
#[derive(Debug)]
pub(super) struct Body<'a> {
    rest: &'a [u8],
    ended: bool,
}

impl Body<'_> {
    /// Puts the next block in `block`, in place of what was there; false when all was given out.
    pub(super) fn next_block(&mut self, block: &mut Vec<u8>) -> bool {
        block.clear();
        if self.ended {
            return false;
        }
        // Whole lines only, so each block begins where a line does.
        for line in self.rest.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                block.push(b'.');
            }
            block.extend_from_slice(line);
            self.rest = &self.rest[line.len()..];
            if block.len() >= BLOCK_OCTETS {
                break;
            }
        }
        if self.rest.is_empty() {
            block.extend_from_slice(if block.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" });
            self.ended = true;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Capabilities, Envelope, Offer, ReplyLines, Unfit, command};
    use crate::domain::address::EmailAddress;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("valid")
    }

    fn everything() -> Capabilities {
        Capabilities { smtputf8: true, eight_bit_mime: true, size: Some(200_000), ..Capabilities::default() }
    }

    /// The MAIL command of an offer.
    fn mail(sender: &str, to: &str, message: &[u8], can: &Capabilities) -> Result<String, Unfit> {
        let recipient = address(to);
        let offer = Offer::new(&Envelope { sender, recipient: &recipient }, message, can)?;
        Ok(String::from_utf8(offer.mail).expect("text"))
    }

    fn on_the_wire(message: &[u8]) -> Vec<u8> {
        let recipient = address("ana@example.org");
        let envelope = Envelope { sender: "", recipient: &recipient };
        let offer = Offer::new(&envelope, message, &everything()).expect("fit");
        let (mut body, mut block, mut wire) = (offer.body(), Vec::new(), Vec::new());
        while body.next_block(&mut block) {
            wire.extend_from_slice(&block);
        }
        wire
    }

    #[test]
    fn dots_are_stuffed_and_no_line_end_is_added_that_is_there() {
        for (message, wire) in [
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".a\r\n", "..a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n..b.\r\n\r\n", "a\r\n...b.\r\n\r\n.\r\n"),
            ("\r\n", "\r\n.\r\n"),
        ] {
            assert_eq!(
                on_the_wire(message.as_bytes()).escape_ascii().to_string(),
                wire.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn parameters_are_given_only_when_they_are_offered_and_needed() {
        let mail = |to, message: &[u8], can: &_| mail("b-1@example.org", to, message, can).expect("fit");
        let plain = Capabilities::default();
        assert_eq!(mail("ana@example.org", b"a\r\n", &plain), "MAIL FROM:<b-1@example.org>\r\n");
        assert_eq!(mail("ana@example.org", b"a", &everything()), "MAIL FROM:<b-1@example.org> SIZE=3\r\n");
        let all = mail("añá@example.org", "ñ\r\n".as_bytes(), &everything());
        assert_eq!(all, "MAIL FROM:<b-1@example.org> SIZE=4 BODY=8BITMIME SMTPUTF8\r\n");
    }

    #[test]
    fn what_the_relay_cannot_take_is_unfit() {
        let plain = Capabilities::default();
        let large = "x\r\n".repeat(70_000);
        let long = "x".repeat(999);
        for (sender, to, message, can, unfit) in [
            ("", "añá@example.org", "a\r\n", &plain, Unfit::NeedsSmtpUtf8),
            ("ñ@example.org", "ana@example.org", "a\r\n", &plain, Unfit::NeedsSmtpUtf8),
            ("", "ana@example.org", "ñ\r\n", &plain, Unfit::NeedsEightBit),
            ("", "ana@example.org", &large, &everything(), Unfit::TooLarge { size: 210_000, limit: 200_000 }),
            ("", "ana@example.org", "", &plain, Unfit::Empty),
            ("", "ana@example.org", "a\n.\nb\r\n", &plain, Unfit::BareLineEnd),
            ("", "ana@example.org", "a\rb\r\n", &plain, Unfit::BareLineEnd),
            ("", "ana@example.org", "a\r\n\n", &plain, Unfit::BareLineEnd),
            ("", "ana@example.org", "a\r", &plain, Unfit::BareLineEnd),
            ("", "ana@example.org", "a\0\r\n", &plain, Unfit::BareLineEnd),
            ("", "ana@example.org", &long, &plain, Unfit::LongLine),
        ] {
            assert_eq!(mail(sender, to, message.as_bytes(), can), Err(unfit));
        }
    }

    #[test]
    fn an_address_cannot_break_out_of_its_command() {
        for sender in ["a@b\r\nRCPT TO:<c@d>", "a@b\n", "a@b\0", "a@b> SIZE=1", "<a@b", "a b@c", &"a".repeat(600)] {
            let unfit = mail(sender, "ana@example.org", b"a\r\n", &everything());
            assert_eq!(unfit, Err(Unfit::BadAddress), "{sender:?}");
        }
        assert_eq!(command(&"x".repeat(511)), None);
        assert_eq!(command("NOOP").as_deref(), Some(b"NOOP\r\n".as_slice()));
    }

    #[test]
    fn a_reply_that_repeats_the_address_is_masked() {
        let recipient = address("Ana@example.org");
        let envelope = Envelope { sender: "", recipient: &recipient };
        let offer = Offer::new(&envelope, b"a\r\n", &everything()).expect("fit");
        let lines = vec!["5.1.1 <ANA@Example.org> unknown".to_owned(), "5.1.1 ana@example.org".to_owned()];
        let reply = offer.masked(ReplyLines { code: 550, lines });
        assert_eq!(reply.text, "<A***@e***.org> unknown A***@e***.org");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_end_of_data_stands_only_at_the_end(lines in proptest::collection::vec("[.a]{0,3}", 1..60), copies in 1..900usize) {
            let message = format!("{}\r\n", lines.join("\r\n")).repeat(copies);
            let wire = on_the_wire(message.as_bytes());
            let framed = [b"\r\n".as_slice(), &wire].concat();
            let ends = framed.windows(5).filter(|window| window == b"\r\n.\r\n").count();
            prop_assert_eq!(ends, 1);
            prop_assert!(framed.ends_with(b"\r\n.\r\n"));
            let text = String::from_utf8(wire).expect("ASCII");
            let read: String = text[..text.len() - 3]
                .split_inclusive("\r\n")
                .map(|line| line.strip_prefix('.').unwrap_or(line))
                .collect();
            prop_assert_eq!(read, message);
        }
    }
}
