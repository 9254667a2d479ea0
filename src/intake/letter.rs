//! A letter: one message that came in, parsed once. Its bytes and what its door knows come in; what goes out are its
//! header lines, who sent it, its subject, the first lines a person wrote, and its parts as texts. Everything in it is
//! hostile: no more than `MOST_BYTES`, `MOST_LINES` and `MOST_TYPES` is looked at, so that neither its size nor
//! its nesting can cost more than a moment. It decides nothing.

use std::borrow::Cow;

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType, decoders::html::html_to_text};

use super::Incoming;
use crate::domain::{address::EmailAddress, wire};

/// How much of a message is read. What we ask of it stands before what it returns or quotes.
const MOST_BYTES: usize = 256 * 1024;
const MOST_LINES: usize = 8_000;
/// Lines that begin with `Content-Type:`. There cannot be more parts in parts than these.
const MOST_TYPES: usize = 64;

/// How many lines of what a person wrote are read.
const WRITTEN_LINES: usize = 10;

/// Where mail servers write the address a message came to, best first.
const RECIPIENT_HEADERS: [&str; 4] = ["X-Original-To", "Delivered-To", "Envelope-To", "To"];

/// One message that came in.
#[derive(Debug)]
pub struct Letter<'a> {
    /// The envelope sender: empty for what machines send (RFC 5321 §4.5.5), `None` when nobody knows.
    pub sender: Option<String>,
    /// Who wrote it, when its `From` names one mailbox that can be written to.
    pub from: Option<EmailAddress>,
    /// The subject, decoded, on one line.
    pub subject: String,
    /// What a person wrote first, in plain text: no more than ten lines, none that is quoted, none of the signature.
    pub lines: Vec<String>,
    /// The name and the value of each header line of the message itself, as they stand there: the name in lower case.
    pub headers: Vec<(String, String)>,
    /// `None` when there is not even a header line; mail-parser panics when an empty message is asked for one.
    message: Option<Message<'a>>,
    bytes: &'a [u8],
    recipient: Option<&'a str>,
}

/// A part of a message that has no parts of its own.
#[derive(Debug)]
pub struct Part<'a> {
    /// Its media type, in lower case, such as `text/plain`.
    pub kind: String,
    /// Its text; HTML without its marks.
    pub text: Cow<'a, str>,
    /// How many messages it is inside of, beyond the first.
    pub depth: usize,
}

impl<'a> Letter<'a> {
    /// Reads a message. One that is none is a letter with nothing in it.
    pub fn read(incoming: &Incoming<'a>) -> Self {
        let bytes = bounded(incoming.bytes);
        let message = MessageParser::default().parse(bytes).filter(|message| !message.parts.is_empty());
        let headers = message.as_ref().map(header_lines).unwrap_or_default();
        let sender = incoming.sender.map(str::to_owned).or_else(|| {
            let returned = headers.iter().find(|(name, _)| name == "return-path");
            returned.map(|(_, value)| value.clone())
        });
        Self {
            sender: sender.map(|sender| sender.trim_matches(['<', '>', ' ']).to_owned()),
            from: message.as_ref().and_then(one_from),
            subject: message.as_ref().map(subject).unwrap_or_default(),
            lines: message.as_ref().map(written_lines).unwrap_or_default(),
            headers,
            message,
            bytes,
            recipient: incoming.recipient,
        }
    }

    /// The first value of a header, as it stands there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The addresses it came to, best known first.
    pub fn recipients(&self) -> Vec<EmailAddress> {
        match self.recipient {
            Some(recipient) => EmailAddress::parse(recipient.trim_matches(['<', '>', ' '])).ok().into_iter().collect(),
            None => self.message.as_ref().map(recipients).unwrap_or_default(),
        }
    }

    /// What is looked at of it, as it came.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The media type of the whole, in lower case, with its `report-type` behind a space: `multipart/report
    /// delivery-status` (RFC 6522 §3).
    pub fn kind(&self) -> String {
        let Some(content) = self.message.as_ref().and_then(Message::content_type) else {
            return "text/plain".to_owned();
        };
        let report = content.attribute("report-type").map(|report| format!(" {report}")).unwrap_or_default();
        format!("{}/{}{report}", content.c_type, content.c_subtype.as_deref().unwrap_or("")).to_ascii_lowercase()
    }

    /// Its parts, those of messages inside of it as well, in order.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        if let Some(message) = &self.message {
            push_parts(message, 0, &mut parts);
        }
        parts
    }
}

/// The beginning of a message that is looked at.
fn bounded(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    let (mut lines, mut types, mut end) = (0, 0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        const TYPE: &[u8] = b"content-type";
        lines += 1;
        types += usize::from(line.get(..TYPE.len()).is_some_and(|name| name.eq_ignore_ascii_case(TYPE)));
        if lines > MOST_LINES || types > MOST_TYPES {
            break;
        }
        end += line.len();
    }
    &bytes[..end]
}

/// Values as they stand there, however they are broken: a mark that a machine left must be seen.
fn header_lines(message: &Message<'_>) -> Vec<(String, String)> {
    let Some(root) = message.parts.first() else { return Vec::new() };
    let lines = root.headers.iter().map(|header| {
        let place = header.offset_start as usize..header.offset_end as usize;
        let value = String::from_utf8_lossy(message.raw_message.get(place).unwrap_or_default());
        (header.name.as_str().trim().to_ascii_lowercase(), value.trim().to_owned())
    });
    lines.collect()
}

/// More than one author, or one whose address we could not write to, is nobody to answer.
fn one_from(message: &Message<'_>) -> Option<EmailAddress> {
    let mut addresses = message.from()?.iter();
    let (first, second) = (addresses.next()?, addresses.next());
    if second.is_some() {
        return None;
    }
    EmailAddress::parse(first.address()?).ok()
}

fn subject(message: &Message<'_>) -> String {
    wire::one_line(message.subject().unwrap_or_default()).chars().take(300).collect()
}

fn written_lines(message: &Message<'_>) -> Vec<String> {
    let is_plain = |part: &&mail_parser::MessagePart<'_>| {
        let kind = part.content_type().and_then(|content| content.c_subtype.as_deref());
        matches!(part.body, PartType::Text(_)) && kind.is_none_or(|kind| kind.eq_ignore_ascii_case("plain"))
    };
    let Some(part) = message.parts.iter().find(is_plain) else { return Vec::new() };
    let text = part.text_contents().unwrap_or_default();
    let lines = text.lines().take_while(|line| line.trim_end() != "--" && !line.starts_with('>'));
    let lines = lines.map(|line| wire::one_line(line).trim().to_owned()).filter(|line| !line.is_empty());
    lines.take(WRITTEN_LINES).collect()
}

fn push_parts<'a>(message: &'a Message<'_>, depth: usize, parts: &mut Vec<Part<'a>>) {
    for part in &message.parts {
        let kind = part.content_type().map_or_else(
            || "text/plain".to_owned(),
            |content| format!("{}/{}", content.c_type, content.c_subtype.as_deref().unwrap_or("")).to_ascii_lowercase(),
        );
        let text = match &part.body {
            PartType::Text(text) => Cow::Borrowed(text.as_ref()),
            PartType::Html(text) => Cow::Owned(html_to_text(text)),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes),
            PartType::Message(inner) => {
                push_parts(inner, depth + 1, parts);
                continue;
            }
            PartType::Multipart(_) => continue,
        };
        parts.push(Part { kind, text, depth });
    }
}

fn recipients(message: &Message<'_>) -> Vec<EmailAddress> {
    let values = RECIPIENT_HEADERS.iter().flat_map(|name| message.header_values(*name));
    let texts = values.flat_map(|value| match value {
        HeaderValue::Address(addresses) => {
            addresses.iter().filter_map(|one| one.address().map(str::to_owned)).collect::<Vec<_>>()
        }
        HeaderValue::Text(text) => vec![text.to_string()],
        _ => Vec::new(),
    });
    texts.filter_map(|text| EmailAddress::parse(text.trim_matches(['<', '>'])).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Letter, MOST_BYTES, MOST_TYPES, bounded};
    use crate::intake::Incoming;

    fn letter(text: &str) -> Letter<'_> {
        Letter::read(&Incoming { recipient: None, sender: None, bytes: text.as_bytes() })
    }

    #[test]
    fn the_recipient_is_read_from_the_headers_that_mail_servers_write() {
        let message = "Delivered-To: news+leave.abc@example.org\r\nTo: \"A, B\" <x@example.org>, y@example.org\r\n\r\n";
        let found: Vec<String> = letter(message).recipients().iter().map(|to| to.reveal().to_owned()).collect();
        assert_eq!(found, ["news+leave.abc@example.org", "x@example.org", "y@example.org"]);
        assert!(letter("").recipients().is_empty());
    }

    #[test]
    fn what_the_door_knows_counts_before_the_headers() {
        let bytes = b"Return-Path: <ana@example.org>\r\nTo: x@example.org\r\n\r\n";
        let told = Letter::read(&Incoming { recipient: Some("y@example.org"), sender: Some(""), bytes });
        assert_eq!((told.sender.as_deref(), told.recipients()[0].local()), (Some(""), "y"));
        let untold = Letter::read(&Incoming { recipient: None, sender: None, bytes });
        assert_eq!((untold.sender.as_deref(), untold.recipients()[0].local()), (Some("ana@example.org"), "x"));
        assert_eq!(letter("To: x@example.org\r\n\r\n").sender, None);
    }

    #[test]
    fn what_a_person_wrote_ends_at_the_quote_or_the_signature() {
        let text = "From: Ana <ana@example.org>\r\nSubject: =?utf-8?q?Re:_h=C3=A9?=\r\nContent-Type: multipart/alternative; \
            boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--b\r\nContent-Type: text/plain; \
            charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\r\n  h=E9lp\r\n\r\nplease\r\n-- \
            \r\nAna\r\n--b--\r\n";
        let read = letter(text);
        assert_eq!((read.subject.as_str(), read.lines), ("Re: hé", vec!["hélp".to_owned(), "please".to_owned()]));
        assert_eq!(read.from.expect("one author").local(), "ana");
        assert_eq!(letter("Subject: x\r\n\r\none\r\n> two\r\nthree\r\n").lines, ["one"]);
        assert_eq!(letter("Content-Type: text/html\r\n\r\n<p>subscribe</p>").lines, [""; 0]);
        assert!(letter("From: a@example.org, b@example.org\r\n\r\n").from.is_none());
        assert_eq!(letter(&format!("Subject: x\r\n\r\n{}", "word\r\n".repeat(99))).lines.len(), 10);
    }

    #[test]
    fn a_message_inside_of_a_message_inside_of_a_message_costs_nothing() {
        let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
        assert!(bounded(nested.as_bytes()).len() <= MOST_TYPES * 32);
        assert!(letter(&nested).parts().len() <= 1);
        let parts = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\n".repeat(100_000));
        assert!(letter(&parts).parts().len() <= 8_000);
        let digest =
            format!("Content-Type: multipart/digest; boundary=b\r\n\r\n{}", "--b\r\n\r\na: b\r\n\r\n".repeat(9_000));
        assert!(letter(&digest).parts().len() <= 8_000);
        let headers = "a: b\r\n".repeat(200_000);
        assert!(letter(&headers).headers.len() <= 8_000);
        assert!(letter(&"x".repeat(9 * MOST_BYTES)).bytes().len() <= MOST_BYTES);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let read = Letter::read(&Incoming { recipient: None, sender: None, bytes: &bytes });
            let _ = (read.parts().len(), read.recipients().len(), read.kind());
            prop_assert!(!read.subject.contains(['\r', '\n']));
        }
    }
}
