//! The text of a `DKIM-Signature` field (RFC 6376 §3.5), folded so that no line is longer than need be. Tags come in as
//! values; what goes out ends in CRLF. It makes no signature.

use data_encoding::BASE64;
use jiff::Timestamp;

use crate::domain::dkim::DkimKey;

pub(super) const NAME: &str = "DKIM-Signature";

/// RFC 5322 §2.1.1: what a line should not be longer than, without CRLF.
const WIDTH: usize = 78;

/// How much of a base64 value stands on one line, after a tab.
const PIECE: usize = 72;

/// All of the field's value up to and with `b=`, whose value is not yet known. `names` is the value of `h=`.
pub(super) fn unsigned(key: &DkimKey, made_at: Timestamp, names: &[&str], body_hash: &[u8]) -> String {
    let mut folded = Folded { text: String::new(), column: NAME.len() + 1 };
    let algorithm = key.key.algorithm().as_str();
    for tag in ["v=1;".to_owned(), format!("a={algorithm};"), "c=relaxed/relaxed;".to_owned()] {
        folded.push(" ", &tag);
    }
    folded.push(" ", &format!("d={};", key.domain));
    folded.push(" ", &format!("s={};", key.selector));
    folded.push(" ", &format!("t={};", made_at.as_second()));
    for (nth, name) in names.iter().enumerate() {
        let end = if nth + 1 == names.len() { ";" } else { ":" };
        match nth {
            0 => folded.push(" ", &format!("h={name}{end}")),
            _ => folded.push("", &format!("{name}{end}")),
        }
    }
    folded.push(" ", &format!("bh={};", BASE64.encode(body_hash)));
    folded.text.push_str("\r\n\tb=");
    folded.text
}

/// The whole field.
pub(super) fn signed(unsigned: &str, signature: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unsigned.len() + signature.len() * 3 / 2 + 64);
    out.extend_from_slice(NAME.as_bytes());
    out.push(b':');
    out.extend_from_slice(unsigned.as_bytes());
    for (nth, piece) in BASE64.encode(signature).as_bytes().chunks(PIECE).enumerate() {
        if nth > 0 {
            out.extend_from_slice(b"\r\n\t");
        }
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"\r\n");
    out
}

struct Folded {
    text: String,
    column: usize,
}

impl Folded {
    /// Writes a word after a gap, or on a new line when this one would grow too long.
    fn push(&mut self, gap: &str, word: &str) {
        if self.column + gap.len() + word.len() > WIDTH {
            self.text.push_str("\r\n\t");
            self.column = 1;
        } else {
            self.text.push_str(gap);
            self.column += gap.len();
        }
        self.text.push_str(word);
        self.column += word.len();
    }
}
