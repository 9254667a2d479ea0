//! A message about to be offered: the commands of its transaction and the message in its form on the wire. An
//! envelope and a message come in, checked bytes go out. What could break out of its place (a line end in an address, a
//! bare LF in a message) is refused here, before a byte is written.

use std::{fmt::Write as _, io::Write as _};

use super::{Envelope, capabilities::Capabilities, reply::ReplyLines};
use crate::domain::{
    address::{EmailAddress, without_addresses},
    delivery::Reply,
};

/// Longest command, CRLF included (RFC 5321 §4.5.3.1.4).
pub(super) const COMMAND_OCTETS: usize = 512;
/// Longest line of a message, CRLF not included (RFC 5322 §2.1.1).
const LINE_OCTETS: usize = 998;

/// Why a message cannot be offered to this relay at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("5.6.7 the address needs SMTPUTF8, which the relay does not speak")]
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
pub(super) struct Offer {
    /// `MAIL FROM`, and behind it `RCPT TO`.
    commands: Vec<u8>,
    /// Where `RCPT TO` begins.
    rcpt: usize,
    recipient: EmailAddress,
    message: Vec<u8>,
}

impl Offer {
    /// Checks envelope and message against each other and what the relay can do. A last line without an end gets one.
    pub(super) fn new(
        envelope: &Envelope<'_>,
        mut message: Vec<u8>,
        capabilities: &Capabilities,
    ) -> Result<Self, Unfit> {
        let utf8 = envelope.recipient.needs_smtputf8() || !envelope.sender.is_ascii();
        let eight_bit = !message.is_ascii();
        if utf8 && !capabilities.smtputf8 {
            return Err(Unfit::NeedsSmtpUtf8);
        }
        if eight_bit && !capabilities.eight_bit_mime {
            return Err(Unfit::NeedsEightBit);
        }
        check_lines(&message)?;
        if !message.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        let size = message.len() as u64;
        // A sender is made by us, dot-atom and domain. One that could close its bracket and add a parameter is a bug.
        if envelope.sender.contains(['<', '>', ' ', '"']) {
            return Err(Unfit::BadAddress);
        }
        let mut mail = format!("MAIL FROM:<{}>", envelope.sender);
        if let Some(limit) = capabilities.size {
            if limit != 0 && size > limit {
                return Err(Unfit::TooLarge { size, limit });
            }
            mail.push_str(&format!(" SIZE={size}"));
        }
        if eight_bit {
            mail.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            mail.push_str(" SMTPUTF8");
        }
        let mut to = format!("RCPT TO:<{}>", envelope.recipient.reveal());
        if let Some(id) = envelope.envelope_id.filter(|_| capabilities.dsn) {
            mail.push_str(&format!(" RET=HDRS ENVID={}", xtext(id)));
            to.push_str(" NOTIFY=FAILURE,DELAY");
            // An address in UTF-8 has a form of its own there (RFC 6533 §3), which few relays know.
            if envelope.recipient.reveal().is_ascii() {
                to.push_str(&format!(" ORCPT=rfc822;{}", xtext(envelope.recipient.reveal())));
            }
        }
        let mut commands = command(&mail).ok_or(Unfit::BadAddress)?;
        let rcpt = commands.len();
        commands.extend(command(&to).ok_or(Unfit::BadAddress)?);
        Ok(Self { commands, rcpt, recipient: envelope.recipient.clone(), message })
    }

    /// `MAIL FROM`, with its line end.
    pub(super) fn mail(&self) -> &[u8] {
        &self.commands[..self.rcpt]
    }

    /// `RCPT TO`, with its line end.
    pub(super) fn rcpt(&self) -> &[u8] {
        &self.commands[self.rcpt..]
    }

    /// How many octets the message has.
    pub(super) fn octets(&self) -> usize {
        self.message.len()
    }

    /// Adds the message as it follows on DATA: a dot before each line that begins with one, and the end of data (RFC 5321
    /// §4.5.2).
    pub(super) fn push_dotted(&self, out: &mut Vec<u8>) {
        out.reserve(self.message.len() + 16);
        if self.message.starts_with(b".") {
            out.push(b'.');
        }
        let mut copied = 0;
        for at in memchr::memmem::find_iter(&self.message, b"\n.") {
            out.extend_from_slice(&self.message[copied..=at]);
            out.push(b'.');
            copied = at + 1;
        }
        out.extend_from_slice(&self.message[copied..]);
        out.extend_from_slice(b".\r\n");
    }

    /// Adds the message as one chunk, the last one (RFC 3030 §2).
    pub(super) fn push_chunk(&self, out: &mut Vec<u8>) {
        out.reserve(self.message.len() + 32);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "BDAT {} LAST\r\n", self.message.len());
        out.extend_from_slice(&self.message);
    }

    /// A reply without addresses: relays like to repeat them, and replies are logged, shown and mailed. The recipient's is
    /// masked as everywhere; any other, such as our own sender with its seal, is left out.
    pub(super) fn masked(&self, reply: ReplyLines) -> Reply {
        let mut reply = Reply::from(reply);
        reply.text = without_addresses(&reply.text, Some(&self.recipient));
        reply
    }
}

/// Text as a parameter's value (RFC 3461 §4): what is not printable, and `+` and `=`, in hexadecimal.
fn xtext(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'+' | b'=') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

/// A command with its CRLF; `None` when it would be too long, or more than one line.
pub(super) fn command(line: &str) -> Option<Vec<u8>> {
    let fits = line.len() + 2 <= COMMAND_OCTETS && !line.bytes().any(|byte| byte < b' ' || byte == 0x7f);
    fits.then(|| [line.as_bytes(), b"\r\n"].concat())
}

/// A bare LF in a message may end it early for a lax relay and smuggle in a second one behind (CVE-2023-51764).
fn check_lines(message: &[u8]) -> Result<(), Unfit> {
    let (Some(first), Some(last)) = (message.first(), message.last()) else { return Err(Unfit::Empty) };
    // One pass without branches, for it goes over every octet that is sent: CR stands before LF and nowhere else.
    let pairs = message.iter().zip(&message[1..]);
    let is_broken = pairs.fold(false, |is_broken, (one, next)| is_broken | ((*one == b'\r') != (*next == b'\n')));
    if is_broken || *first == b'\n' || *last == b'\r' || memchr::memchr(0, message).is_some() {
        return Err(Unfit::BareLineEnd);
    }
    if has_long_line(message) { Err(Unfit::LongLine) } else { Ok(()) }
}

/// Looks for a stretch of so many octets without a line end, from line end to line end.
fn has_long_line(message: &[u8]) -> bool {
    const WHOLE_LINE: usize = LINE_OCTETS + 2;
    let mut rest = message;
    while rest.len() >= WHOLE_LINE {
        match memchr::memrchr(b'\n', &rest[..WHOLE_LINE]) {
            Some(at) => rest = &rest[at + 1..],
            None => return true,
        }
    }
    // Too short for a whole line that is too long, but not for one without an end.
    rest.len() > LINE_OCTETS && memchr::memchr(b'\n', rest).is_none()
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
        let offer = Offer::new(&Envelope { sender, recipient: &recipient, envelope_id: None }, message.to_vec(), can)?;
        Ok(String::from_utf8(offer.mail().to_vec()).expect("text"))
    }

    fn on_the_wire(message: &[u8]) -> Vec<u8> {
        let recipient = address("ana@example.org");
        let envelope = Envelope { sender: "", recipient: &recipient, envelope_id: None };
        let offer = Offer::new(&envelope, message.to_vec(), &everything()).expect("fit");
        let mut wire = Vec::new();
        offer.push_dotted(&mut wire);
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
    fn notifications_are_asked_for_where_they_are_offered() {
        let recipient = address("a+b=c@example.org");
        let envelope = Envelope { sender: "b-1@example.org", recipient: &recipient, envelope_id: Some("7.42.x=y") };
        let said = |can: &Capabilities| {
            let offer = Offer::new(&envelope, b"a\r\n".to_vec(), can).expect("fit");
            String::from_utf8([offer.mail(), offer.rcpt()].concat()).expect("text")
        };
        assert_eq!(
            said(&Capabilities { dsn: true, ..Capabilities::default() }),
            "MAIL FROM:<b-1@example.org> RET=HDRS ENVID=7.42.x+3Dy\r\n\
             RCPT TO:<a+b=c@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@example.org\r\n"
        );
        assert_eq!(said(&Capabilities::default()), "MAIL FROM:<b-1@example.org>\r\nRCPT TO:<a+b=c@example.org>\r\n");
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
            ("", "ana@example.org", &format!("a\r\n{long}\r\nb\r\n"), &plain, Unfit::LongLine),
            ("", "ana@example.org", &format!("{long}\r\n"), &plain, Unfit::LongLine),
            ("", "ana@example.org", "\na\r\n", &plain, Unfit::BareLineEnd),
        ] {
            assert_eq!(mail(sender, to, message.as_bytes(), can), Err(unfit));
        }
    }

    #[test]
    fn a_line_may_have_998_octets() {
        let line = "x".repeat(998);
        for message in [line.clone(), format!("{line}\r\n"), format!("a\r\n{line}\r\n{line}\r\n"), "a\r\n".repeat(900)]
        {
            assert!(mail("", "ana@example.org", message.as_bytes(), &Capabilities::default()).is_ok());
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
        let envelope = Envelope { sender: "", recipient: &recipient, envelope_id: None };
        let offer = Offer::new(&envelope, b"a\r\n".to_vec(), &everything()).expect("fit");
        let lines = vec!["5.1.1 <ANA@Example.org> unknown".to_owned(), "5.1.1 ana@example.org".to_owned()];
        let reply = offer.masked(ReplyLines { code: 550, lines });
        assert_eq!(reply.text, "<A***@e***.org> unknown A***@e***.org");
        let lines = vec!["5.1.8 <news+bounce.7.42.seal@example.org>: rejected, ask post@relay.example".to_owned()];
        assert_eq!(offer.masked(ReplyLines { code: 550, lines }).text, "<…>: rejected, ask …");
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
