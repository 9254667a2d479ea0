//! A message taken apart for reading: its people, text, headers, source and attached parts, as plain values that a
//! template may show. Everything here is decoded but not cleaned; the templates escape it.

use mail_parser::{Header, Message, MessagePart, MimeHeaders, PartType};
use serde::Serialize;

use super::kept::one_line;
use super::moment::size;

/// How many octets of a text or source a page shows; the whole is in the download.
const SHOWN_MAX: usize = 256 << 10;

/// Some text, or as much of it as a page should hold.
#[derive(Debug, Serialize)]
pub(super) struct Excerpt {
    /// The text in runs; a link stands alone in its run.
    pub(super) runs: Vec<Run>,
    /// Whether the end is missing.
    pub(super) is_cut: bool,
}

/// A stretch of text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Run {
    /// The text.
    pub(super) text: String,
    /// Whether it is a web address to click on.
    pub(super) is_link: bool,
}

impl Run {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), is_link: false }
    }
}

/// One header as it was sent.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct HeaderLine {
    /// Its name.
    pub(super) name: String,
    /// Its value, not decoded; line breaks stay where they were.
    pub(super) value: String,
}

/// A part that the message carries besides its text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Attached {
    /// Its number among the attached parts.
    pub(super) number: u32,
    /// What its sender called it, or else its media type.
    pub(super) name: String,
    /// Its media type, as claimed.
    pub(super) kind: String,
    /// Its size in words.
    pub(super) size: String,
}

/// The plain text that was sent, if any was; never one made from the HTML.
pub(super) fn plain_text<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    message.text_bodies().find_map(|part| match &part.body {
        PartType::Text(text) => Some(text.as_ref()),
        _ => None,
    })
}

/// Text with its web addresses told apart.
pub(super) fn with_links(text: &str) -> Excerpt {
    let (mut rest, is_cut) = cut(text);
    let mut runs = Vec::new();
    while let Some(at) = next_link(rest) {
        let (before, from_link) = rest.split_at(at);
        let end =
            from_link.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"')).unwrap_or(from_link.len());
        // What ends a sentence is seldom the end of an address.
        let link = from_link[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
        runs.extend([Run::plain(before), Run { text: link.to_owned(), is_link: true }]);
        rest = &from_link[link.len()..];
    }
    runs.push(Run::plain(rest));
    runs.retain(|run| !run.text.is_empty());
    Excerpt { runs, is_cut }
}

/// The message as it was sent.
pub(super) fn source(bytes: &[u8]) -> Excerpt {
    let is_cut = bytes.len() > SHOWN_MAX;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_MAX)]);
    Excerpt { runs: vec![Run::plain(&text)], is_cut }
}

/// The headers in the order they were sent.
pub(super) fn headers(message: &Message<'_>) -> Vec<HeaderLine> {
    let sent = |from: u32, to: u32| {
        let octets = message.raw_message.get(from as usize..to as usize).unwrap_or_default();
        String::from_utf8_lossy(octets)
    };
    let line = |header: &Header<'_>| HeaderLine {
        name: sent(header.offset_field(), header.offset_start()).trim_end().trim_end_matches(':').to_owned(),
        value: sent(header.offset_start(), header.offset_end()).trim().to_owned(),
    };
    message.headers().iter().map(line).collect()
}

/// The parts that are attached.
pub(super) fn attached(message: &Message<'_>) -> Vec<Attached> {
    let described = |(number, part): (u32, &MessagePart<'_>)| Attached {
        number,
        name: part.attachment_name().map_or_else(|| kind(part), one_line),
        kind: kind(part),
        size: size(part.contents().len()),
    };
    (0..).zip(message.attachments()).map(described).collect()
}

/// A name for a downloaded file: only letters, digits, dots, hyphens and underscores, whatever the sender called it.
pub(super) fn download_name(part: &MessagePart<'_>) -> String {
    let name = part.attachment_name().unwrap_or_default().chars().take(80);
    let tame = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: String = name.map(tame).collect();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() { "part".to_owned() } else { name.to_owned() }
}

/// The media type that a part claims (RFC 2045 section 5).
fn kind(part: &MessagePart<'_>) -> String {
    match part.content_type() {
        Some(kind) => format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("plain")),
        None => "text/plain".to_owned(),
    }
}

fn next_link(text: &str) -> Option<usize> {
    let starts = ["https://", "http://"];
    starts.iter().filter_map(|start| text.find(start)).min()
}

fn cut(text: &str) -> (&str, bool) {
    let end = text.floor_char_boundary(SHOWN_MAX);
    (&text[..end], end < text.len())
}

#[cfg(test)]
mod tests {
    use super::{download_name, headers, with_links};
    use mail_parser::MessageParser;

    #[test]
    fn web_addresses_are_told_from_the_text_around_them() {
        let runs = with_links("See https://x.example/a?b=1. Or <http://y.example>, javascript:z").runs;
        let marked: Vec<_> = runs.iter().map(|run| (run.text.as_str(), run.is_link)).collect();
        assert_eq!(
            marked,
            [
                ("See ", false),
                ("https://x.example/a?b=1", true),
                (". Or <", false),
                ("http://y.example", true),
                (">, javascript:z", false),
            ]
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = with_links(&"é".repeat(super::SHOWN_MAX));
        assert!(text.is_cut);
        assert_eq!(text.runs[0].text.len(), super::SHOWN_MAX);
    }

    #[test]
    fn headers_are_shown_as_they_were_sent() {
        let message = MessageParser::default()
            .parse(b"SUBJECT: =?utf-8?q?a?=\r\n b\r\nX-Y: \xff\r\n\r\n")
            .expect("it is a message");
        let lines: Vec<_> = headers(&message).into_iter().map(|line| (line.name, line.value)).collect();
        assert_eq!(
            lines,
            [("SUBJECT", "=?utf-8?q?a?=\r\n b"), ("X-Y", "\u{fffd}")].map(|(name, value)| (name.into(), value.into()))
        );
    }

    #[test]
    fn a_hostile_attachment_name_makes_a_tame_file_name() {
        let named = |name: &str| {
            let text = format!("Content-Type: application/pdf; name=\"{name}\"\r\n\r\nx");
            let message = MessageParser::default().parse(text.as_bytes()).expect("it is a message").into_owned();
            download_name(&message.parts[0])
        };
        assert_eq!(named("agenda 2026.pdf"), "agenda-2026.pdf");
        assert_eq!(named("../../x"), "x");
        assert_eq!(named(""), "part");
    }
}
