//! A message that the inbox keeps, and a glance at it: the few words that a list of messages shows. The message's
//! octets are never changed, and its Debug output names nobody.

use std::fmt;
use std::sync::OnceLock;

use jiff::Timestamp;
use mail_parser::{Address, Message, MessageParser, MessagePart, decoders::html::html_to_text};

use super::frame;

/// One message as it was received.
pub struct KeptMessage {
    /// Its number, counted from 1 in the order of receipt.
    pub id: u64,
    /// When its last octet came; for one read from the folder, when its file was written.
    pub received_at: Timestamp,
    /// The envelope's sender (empty for a bounce); for one read from the folder, what its From header says.
    pub sender: String,
    /// The envelope's recipients in order, a quoted local part without its quotes; for one read from the folder, those of its To and Cc headers.
    pub recipients: Vec<String>,
    /// The message's own octets, transparency dots taken out.
    pub bytes: Vec<u8>,
    glance: OnceLock<Glance>,
}

/// What a list shows of a message. Decoded, but as hostile as the message itself.
#[derive(Debug)]
pub(super) struct Glance {
    /// The name in From, or its address.
    pub(super) from: String,
    /// The decoded subject, on one line.
    pub(super) subject: String,
    /// The first words of the text.
    pub(super) preview: String,
    /// All of that and the recipients in lower case, to search in.
    haystack: String,
}

impl KeptMessage {
    /// A message that came just now, or was read from the folder.
    pub(super) fn new(
        id: u64,
        received_at: Timestamp,
        sender: String,
        recipients: Vec<String>,
        mut bytes: Vec<u8>,
    ) -> Self {
        // It came in pieces into a buffer that may have grown to twice its size.
        bytes.shrink_to_fit();
        Self { id, received_at, sender, recipients, bytes, glance: OnceLock::new() }
    }

    /// The message taken apart. One of no octets at all has one empty part, so that it can be asked like any other.
    pub(super) fn parsed(&self) -> Message<'_> {
        MessageParser::default()
            .parse(&self.bytes)
            .unwrap_or_else(|| Message { parts: vec![MessagePart::default()], ..Message::default() })
    }

    /// The words that a list shows; taken from the message when they are first asked for.
    pub(super) fn glance(&self) -> &Glance {
        self.glance.get_or_init(|| Glance::at(self))
    }

    /// Whether all of `words`, which are in lower case, are in the subject or the names and addresses in any case.
    pub(super) fn mentions(&self, words: &[&str]) -> bool {
        let haystack = &self.glance().haystack;
        words.iter().all(|word| haystack.contains(word))
    }
}

impl fmt::Debug for KeptMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptMessage")
            .field("id", &self.id)
            .field("received_at", &self.received_at)
            .field("recipients", &self.recipients.len())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Glance {
    fn at(message: &KeptMessage) -> Self {
        let recipients = message.recipients.join(" ");
        let parsed = message.parsed();
        let all = |address: Option<&Address<'_>>| people(address).join(" ");
        let subject = one_line(parsed.subject().unwrap_or_default());
        let from = parsed.from().and_then(Address::first).and_then(|first| first.name().or(first.address()));
        let haystack =
            format!("{subject}\n{}\n{}\n{}\n{recipients}", all(parsed.from()), all(parsed.to()), all(parsed.cc()));
        Self {
            from: from.map_or_else(|| message.sender.clone(), one_line),
            subject,
            preview: preview(&parsed),
            haystack: haystack.to_lowercase(),
        }
    }
}

/// The people that an address header names, each as `Name <address>` or as much of that as there is.
pub(super) fn people(header: Option<&Address<'_>>) -> Vec<String> {
    let written = |person: &mail_parser::Addr<'_>| match (person.name(), person.address()) {
        (Some(name), Some(address)) => one_line(&format!("{name} <{address}>")),
        (name, address) => one_line(name.or(address).unwrap_or_default()),
    };
    header.map_or_else(Vec::new, |header| header.iter().map(written).collect())
}

/// Text with its white space and control characters run together into single spaces.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The first words, as mail programs take them: of the HTML, where a preheader stands, or else of the text. Without the
/// invisible characters that mailers pad a preheader with.
fn preview(message: &Message<'_>) -> String {
    let invisible = |c: char| matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let words = match frame::html(message) {
        Some(html) => html_to_text(html),
        None => message.body_preview(600).unwrap_or_default().into_owned(),
    };
    one_line(&words.replace(invisible, "")).chars().take(180).collect()
}

#[cfg(test)]
mod tests {
    use super::{KeptMessage, one_line};
    use jiff::Timestamp;

    fn kept(text: &str) -> KeptMessage {
        let people = ("bounce@news.example".to_owned(), vec!["anna@example.org".to_owned()]);
        KeptMessage::new(1, Timestamp::UNIX_EPOCH, people.0, people.1, text.replace('\n', "\r\n").into_bytes())
    }

    #[test]
    fn a_glance_decodes_the_subject_and_the_name() {
        let message =
            kept("From: =?utf-8?q?B=C3=BCro?= <b@news.example>\nSubject: =?utf-8?b?0JzQuNGA?=\n\nHallo,\n  Welt\n");
        let glance = message.glance();
        assert_eq!((&*glance.from, &*glance.subject, &*glance.preview), ("Büro", "Мир", "Hallo, Welt"));
        assert!(message.mentions(&["мир", "anna@"]), "the search knows no case");
        assert!(!message.mentions(&["мир", "berta"]), "every word must be there");
    }

    #[test]
    fn a_preview_is_the_preheader_of_the_html() {
        let message = kept(
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nHouse\n\
             --b\nContent-Type: text/html\n\n<head><title>Subject</title><style>p{}</style></head>\
             <div>What&nbsp;for &#847;&zwnj;</div><p>House</p>\n--b--\n",
        );
        assert_eq!(message.glance().preview, "What for House");
    }

    #[test]
    fn a_message_without_any_header_still_has_a_glance() {
        assert_eq!(kept("").glance().from, "bounce@news.example");
        assert!(kept("").mentions(&["anna"]));
    }

    #[test]
    fn debug_output_names_nobody() {
        assert!(!format!("{:?}", kept("Subject: x\n\n")).contains('@'));
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line(" a\r\n\tb\u{0}c "), "a b c");
    }
}
