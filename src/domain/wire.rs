//! How a mailing is written down: quoted-printable (RFC 2045 §6.7), slot marks, and what people are called in a header.
//! Render writes with it, the splice reads and fills with it. Text comes in; what goes out is ASCII (but for an address
//! that needs SMTPUTF8), its line ends CRLF, the lines of a body at most 76 octets. It knows nothing of MIME parts, nor
//! which headers a message has.

use data_encoding::BASE64;

use super::{
    address::EmailAddress,
    mailing::{Slot, SlotForm},
};

/// Begins a slot's name in rendered text. Private-use characters are taken out of all content before rendering, so
/// that only a template can write one.
pub const SLOT_BEGIN: char = '\u{E000}';
/// Ends a slot's name in rendered text.
pub const SLOT_END: char = '\u{E001}';

/// The length that lines of a header should keep to, without CRLF (RFC 5322 §2.1.1).
pub const SHORT_LINE: usize = 78;

/// The longest line, its soft break's `=` not counted.
const MAX_COLUMN: usize = 75;

/// Why text cannot be written down.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A slot's mark was changed on its way, by a filter for instance.
    #[error("`{0}` is not a slot (a slot may not pass through a filter)")]
    UnknownSlot(String),
}

/// What stands for a slot in rendered text, before it is encoded.
pub fn placeholder(slot: Slot) -> String {
    format!("{SLOT_BEGIN}{}{SLOT_END}", slot.name())
}

/// What stands for a slot in the frozen message, alone in its line: no encoder of quoted-printable ever writes `={`.
pub fn mark(slot: Slot, form: SlotForm) -> String {
    let form = match form {
        SlotForm::Text => "text",
        SlotForm::Html => "html",
    };
    format!("={{{}.{form}}}", slot.name())
}

/// The slot that the line of a frozen message stands for, when it begins with a mark; and the mark's length.
pub fn read_mark(line: &str) -> Option<(Slot, SlotForm, usize)> {
    let inner = line.strip_prefix("={")?;
    let (inner, _) = inner.split_once('}')?;
    let (name, form) = inner.split_once('.')?;
    let form = match form {
        "text" => SlotForm::Text,
        "html" => SlotForm::Html,
        _ => return None,
    };
    Some((Slot::from_name(name)?, form, inner.len() + 3))
}

/// One line fit for a header: no control characters, no private-use characters, single spaces, and nothing that a
/// reader's program would take for an encoded word (RFC 2047 §2).
pub fn one_line(text: &str) -> String {
    let kept: String =
        text.chars().filter(|c| !is_private_use(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ").replace("=?", "= ?")
}

/// The value of an address header such as `To`, folded where it is long: the address alone, or after its name as a
/// phrase (RFC 5322 §3.4), of which 120 characters are kept.
pub fn mailbox(header: &str, name: &str, address: &EmailAddress) -> String {
    let name: String = one_line(name).chars().take(120).collect();
    if name.trim().is_empty() {
        return address.reveal().to_owned();
    }
    let phrase = phrase(&name);
    let last_line = phrase.rsplit("\r\n").next().unwrap_or_default();
    let fits = header.len() + ": ".len() + last_line.len() + address.reveal().len() + " <>".len() <= SHORT_LINE;
    format!("{phrase}{} <{}>", if fits { "" } else { "\r\n" }, address.reveal())
}

/// Text of one line as a phrase (RFC 5322 §3.2.5): in quotation marks, or in encoded words when it is not ASCII. A dot
/// outside of both is an obsolete form that some programs do not read.
pub fn phrase(text: &str) -> String {
    if text.is_ascii() {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        encoded_words(text)
    }
}

/// Words of at most 75 octets that hold whole characters (RFC 2047 §2 and §5).
fn encoded_words(text: &str) -> String {
    let mut words = vec![String::new()];
    for c in text.chars() {
        // 45 octets are 60 characters of base64, and 72 with the frame of an encoded word.
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > 45) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let encoded: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?b?{}?=", BASE64.encode(word.as_bytes()))).collect();
    encoded.join("\r\n ")
}

/// True for the characters that marks are made of, which content may not hold.
pub fn is_private_use(c: char) -> bool {
    ('\u{E000}'..='\u{F8FF}').contains(&c)
}

/// Writes quoted-printable text to the end of a buffer, from the beginning of a line.
pub struct QuotedPrintable<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
}

impl<'a> QuotedPrintable<'a> {
    /// A writer at the beginning of a line.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, column: 0 }
    }

    /// Writes whole lines that end in `\n`, with a mark for each placeholder, alone between soft line breaks.
    ///
    /// # Errors
    /// A placeholder names no slot.
    pub fn body(&mut self, text: &str, form: SlotForm) -> Result<(), WireError> {
        for line in text.lines() {
            self.body_line(line, form)?;
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        Ok(())
    }

    fn body_line(&mut self, line: &str, form: SlotForm) -> Result<(), WireError> {
        let mut pieces = line.split(SLOT_BEGIN);
        self.line_piece(pieces.next().unwrap_or(""));
        for piece in pieces {
            let unknown = || WireError::UnknownSlot(piece.chars().filter(|c| !is_private_use(*c)).take(40).collect());
            let (name, rest) = piece.split_once(SLOT_END).ok_or_else(unknown)?;
            let slot = Slot::from_name(name).ok_or_else(|| WireError::UnknownSlot(name.to_owned()))?;
            if self.column > 0 {
                self.soft_break();
            }
            self.out.extend_from_slice(mark(slot, form).as_bytes());
            self.soft_break();
            self.line_piece(rest);
        }
        Ok(())
    }

    /// A blank at the end is encoded, for relays strip those: it may be the end of the line (RFC 2045 §6.7 rule 3).
    fn line_piece(&mut self, piece: &str) {
        let kept = piece.trim_end_matches([' ', '\t']);
        kept.chars().for_each(|c| self.char(c));
        for blank in piece[kept.len()..].bytes() {
            self.atom(&escaped(blank));
        }
    }

    /// Writes a slot's value in place of its mark. A soft line break must follow it. Control characters, which no
    /// value of ours holds, become spaces.
    pub fn value(&mut self, text: &str, form: SlotForm) {
        for c in text.chars() {
            match (form, if c.is_control() { ' ' } else { c }) {
                (SlotForm::Html, '&') => self.plain("&amp;"),
                (SlotForm::Html, '<') => self.plain("&lt;"),
                (SlotForm::Html, '>') => self.plain("&gt;"),
                (SlotForm::Html, '"') => self.plain("&quot;"),
                (SlotForm::Html, '\'') => self.plain("&#39;"),
                (_, c) => self.char(c),
            }
        }
    }

    fn plain(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.atom(&[byte]));
    }

    /// A character's octets stay on one line: a few programs decode line by line.
    fn char(&mut self, c: char) {
        if matches!(c, ' '..='~') && c != '=' {
            return self.atom(&[c as u8]);
        }
        let mut utf8 = [0; 4];
        let mut atom = [0; 12];
        let octets = c.encode_utf8(&mut utf8).bytes();
        let length = octets.len() * 3;
        for (place, octet) in atom.chunks_exact_mut(3).zip(octets) {
            place.copy_from_slice(&escaped(octet));
        }
        self.atom(&atom[..length]);
    }

    fn atom(&mut self, atom: &[u8]) {
        if self.column + atom.len() > MAX_COLUMN {
            self.soft_break();
        }
        self.out.extend_from_slice(atom);
        self.column += atom.len();
    }

    fn soft_break(&mut self) {
        self.out.extend_from_slice(b"=\r\n");
        self.column = 0;
    }
}

fn escaped(octet: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [b'=', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{QuotedPrintable, WireError, encoded_words, mark, one_line, placeholder, read_mark};
    use crate::domain::mailing::{Slot, SlotForm};

    fn encode(text: &str) -> String {
        let mut out = Vec::new();
        QuotedPrintable::new(&mut out).body(text, SlotForm::Text).expect("known slots");
        String::from_utf8(out).expect("ascii")
    }

    fn decode(encoded: &str) -> String {
        let bytes = quoted_printable::decode(encoded, quoted_printable::ParseMode::Strict).expect("valid");
        String::from_utf8(bytes).expect("utf-8")
    }

    #[test]
    fn text_is_written_as_rfc_2045_wants_it() {
        assert_eq!(encode("a=b\né \n\n.x\tz"), "a=3Db\r\n=C3=A9=20\r\n\r\n.x=09z\r\n");
        let long = encode(&"x".repeat(100));
        assert_eq!(long, format!("{}=\r\n{}\r\n", "x".repeat(75), "x".repeat(25)));
    }

    #[test]
    fn a_mark_stands_alone_in_its_line_and_reads_back() {
        let text = format!("Leave: {}.\n{}\n", placeholder(Slot::LeaveUrl), placeholder(Slot::Greeting));
        assert_eq!(encode(&text), "Leave:=20=\r\n={leave_url.text}=\r\n.\r\n={greeting.text}=\r\n\r\n");
        for slot in Slot::ALL {
            for form in [SlotForm::Text, SlotForm::Html] {
                let mark = mark(slot, form);
                assert_eq!(read_mark(&format!("{mark}=\r\n")), Some((slot, form, mark.len())));
            }
        }
        assert_eq!(read_mark("={nothing.text}"), None);
    }

    #[test]
    fn a_slot_changed_by_a_filter_is_refused() {
        let mut out = Vec::new();
        let changed = placeholder(Slot::LeaveUrl).to_uppercase();
        let refused = QuotedPrintable::new(&mut out).body(&changed, SlotForm::Html);
        assert_eq!(refused, Err(WireError::UnknownSlot("LEAVE_URL".into())));
    }

    #[test]
    fn a_header_line_holds_no_break_no_mark_and_no_encoded_word() {
        assert_eq!(one_line(" a\r\nBcc: b\u{E000}\t =?utf-8?q?=0A?= "), "a Bcc: b = ?utf-8?q?=0A?=");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_short_ascii_lines(text in "(\\PC|[ \t\n=.])*") {
            let text: String = text.chars().filter(|c| !super::is_private_use(*c)).collect();
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii());
            for line in encoded.split("\r\n") {
                prop_assert!(line.len() <= 76 && !line.contains(['\r', '\n']) && !line.ends_with([' ', '\t']));
            }
            let lines: String = text.lines().map(|line| format!("{line}\r\n")).collect();
            prop_assert_eq!(decode(&encoded), lines);
        }
    }

    #[test]
    fn encoded_words_are_short_and_hold_whole_characters() {
        assert!(encoded_words(&"ສົມສີ ".repeat(20)).split("\r\n ").all(|word| word.len() <= 75));
    }
}
