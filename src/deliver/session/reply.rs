//! Reads a relay's replies (RFC 5321 §4.2) from bytes as they come, in pieces of any size. Bytes go in, whole replies
//! come out in order; how the bytes were cut never changes what comes out. What is not a reply is an error for good:
//! after it nothing on that connection can be believed, so it does not try to find its feet again.
//!
//! Lines end with CRLF and nothing else. A relay that ends a line with a bare LF is refused rather than humoured:
//! relays put other servers' words into their own replies, and where a bare LF ends a line such words could pose as
//! the reply to the next command.

use crate::domain::delivery::Reply;

/// Longest line taken, CRLF included. RFC 5321 §4.5.3.1.5 allows 512; real relays write more.
const LINE_OCTETS: usize = 4096;
/// Most octets in one reply.
const REPLY_OCTETS: usize = 64 * 1024;
/// Most lines in one reply.
const REPLY_LINES: usize = 200;
/// Most characters of text kept.
const TEXT_CHARACTERS: usize = 512;

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// A line longer than 4,096 octets.
    #[error("a line of the reply is longer than 4096 octets")]
    LineTooLong,
    /// A reply of more than 64 KiB or 200 lines.
    #[error("the reply has more than 64 KiB or 200 lines")]
    TooLong,
    /// A line that ends with LF alone.
    #[error("a line of the reply ends without a carriage return")]
    BareNewline,
    /// A line that does not begin with a code from 200 to 599 and a space or hyphen.
    #[error("a line of the reply does not begin with a reply code")]
    NoCode,
    /// Lines of one reply with different codes.
    #[error("the lines of the reply have different codes")]
    CodesDiffer,
}

/// One whole reply, line by line, as EHLO needs it. Text is cleaned: valid UTF-8, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyLines {
    /// 200 to 599, the same on each line.
    pub code: u16,
    /// What stood behind the code on each line; at least one.
    pub lines: Vec<String>,
}

impl From<ReplyLines> for Reply {
    fn from(reply: ReplyLines) -> Self {
        let first = reply.lines.first().map(String::as_str).unwrap_or_default();
        let enhanced = enhanced_code(first).filter(|(class, ..)| u16::from(*class) == reply.code / 100);
        let text: Vec<&str> = reply
            .lines
            .iter()
            .map(|line| match enhanced_code(line) {
                // Relays repeat the code on each line (RFC 2034 §4); once is enough.
                found if found.is_some() && found == enhanced => line.split_once(' ').map_or("", |(_, text)| text),
                _ => line,
            })
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        Self { code: reply.code, enhanced, text: text.join(" ").chars().take(TEXT_CHARACTERS).collect() }
    }
}

/// Collects bytes and gives out replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    bytes: Vec<u8>,
    /// Octets at the front of `bytes` known to hold no LF, so that no octet is looked at twice.
    scanned: usize,
    begun: Option<ReplyLines>,
    octets: usize,
    bad: Option<BadReply>,
}

impl ReplyReader {
    /// Adds bytes as they came. Call [`Self::next_reply`] after each, so that what waits stays small.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.bad.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// True when no byte waits, not even the beginning of a reply.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.begun.is_none() && self.bad.is_none()
    }

    /// The next whole reply; `None` while more bytes are needed.
    ///
    /// # Errors
    /// See [`BadReply`]. After one, it answers with the same error for ever.
    pub fn next_reply(&mut self) -> Result<Option<ReplyLines>, BadReply> {
        if let Some(bad) = self.bad {
            return Err(bad);
        }
        let next = self.read_lines();
        if let Err(bad) = next {
            self.bad = Some(bad);
            self.bytes = Vec::new();
        }
        next
    }

    fn read_lines(&mut self) -> Result<Option<ReplyLines>, BadReply> {
        while let Some(end) = self.line_end()? {
            let line: Vec<u8> = self.bytes.drain(..end).collect();
            self.scanned = 0;
            let Some(line) = line.strip_suffix(b"\r\n") else { return Err(BadReply::BareNewline) };
            let (code, last, text) = split_line(line)?;
            let mut reply = self.begun.take().unwrap_or(ReplyLines { code, lines: Vec::new() });
            if reply.code != code {
                return Err(BadReply::CodesDiffer);
            }
            self.octets += end;
            if reply.lines.len() == REPLY_LINES || self.octets > REPLY_OCTETS {
                return Err(BadReply::TooLong);
            }
            reply.lines.push(cleaned(text));
            if last {
                self.octets = 0;
                return Ok(Some(reply));
            }
            self.begun = Some(reply);
        }
        Ok(None)
    }

    /// Where the first line ends, its LF included.
    fn line_end(&mut self) -> Result<Option<usize>, BadReply> {
        let found = self.bytes[self.scanned..].iter().position(|byte| *byte == b'\n');
        let end = found.map(|at| self.scanned + at + 1);
        if end.unwrap_or(self.bytes.len() + 1) > LINE_OCTETS {
            return Err(BadReply::LineTooLong);
        }
        self.scanned = self.bytes.len();
        Ok(end)
    }
}

/// Code, whether it is the last line, and text. RFC 5321 §4.2 lets a last line be a code with nothing behind it.
fn split_line(line: &[u8]) -> Result<(u16, bool, &[u8]), BadReply> {
    let (digits, rest) = line.split_at_checked(3).ok_or(BadReply::NoCode)?;
    if !matches!(digits, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
        return Err(BadReply::NoCode);
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Ok((code, true, rest)),
        Some((b' ', text)) => Ok((code, true, text)),
        Some((b'-', text)) => Ok((code, false, text)),
        Some(_) => Err(BadReply::NoCode),
    }
}

fn cleaned(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect()
}

/// The `5.1.1` at the front of a line (RFC 3463 §2): one digit, then twice one to three.
fn enhanced_code(line: &str) -> Option<(u8, u16, u16)> {
    let word = line.split(' ').next()?;
    let mut parts = word.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || !digits(class, 1) || !digits(subject, 3) || !digits(detail, 3) {
        return None;
    }
    Some((class.parse().ok()?, subject.parse().ok()?, detail.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BadReply, ReplyLines, ReplyReader};
    use crate::domain::delivery::Reply;

    /// All replies of `pieces`, and the error that ended them, if one did.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<ReplyLines>, Option<BadReply>) {
        let (mut reader, mut replies) = (ReplyReader::default(), Vec::new());
        for piece in pieces {
            reader.feed(piece);
            loop {
                match reader.next_reply() {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(bad) => return (replies, Some(bad)),
                }
            }
        }
        (replies, None)
    }

    fn one(bytes: &[u8]) -> Reply {
        let (replies, bad) = read([bytes]);
        assert_eq!((replies.len(), bad), (1, None), "{}", bytes.escape_ascii());
        replies[0].clone().into()
    }

    #[test]
    fn a_reply_has_a_code_an_enhanced_code_and_a_text() {
        let reply = one(b"550 5.1.1 no such user\r\n");
        assert_eq!(reply, Reply { code: 550, enhanced: Some((5, 1, 1)), text: "no such user".into() });
        let reply = one(b"550-5.7.26 not\r\n550-5.7.26 authenticated\r\n550 5.7.26\r\n");
        assert_eq!(reply, Reply { code: 550, enhanced: Some((5, 7, 26)), text: "not authenticated".into() });
        assert_eq!(one(b"250\r\n"), Reply { code: 250, enhanced: None, text: String::new() });
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_only_text() {
        assert_eq!(one(b"450 5.1.1 no\r\n"), Reply { code: 450, enhanced: None, text: "5.1.1 no".into() });
        for text in ["5.1", "5.1.1.1 x", "5.1.1x", "5..1", "5.1.1234", "55.1.1", "5.1.-1"] {
            assert_eq!(one(format!("550 {text}\r\n").as_bytes()).enhanced, None, "{text}");
        }
    }

    #[test]
    fn text_is_clean_and_short() {
        assert_eq!(one(b"550 a\x1b[31m\x00\xffb\tc\r\n").text, "a[31m\u{fffd}bc");
        let long = format!("550-{0}\r\n550 {0}\r\n", "é".repeat(400));
        assert_eq!(one(long.as_bytes()).text.chars().count(), 512);
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let long = [b"250 ".as_slice(), &[b'x'; 5000]].concat();
        let many = "250-x\r\n".repeat(201);
        let wide = format!("250-{}\r\n", "x".repeat(4000)).repeat(17);
        for (bytes, bad) in [
            (b"hello\r\n".as_slice(), BadReply::NoCode),
            (b"\r\n", BadReply::NoCode),
            (b"25\r\n", BadReply::NoCode),
            (b"2500\r\n", BadReply::NoCode),
            (b"150 x\r\n", BadReply::NoCode),
            (b"650 x\r\n", BadReply::NoCode),
            (b"250\tx\r\n", BadReply::NoCode),
            (b"250 x\n", BadReply::BareNewline),
            (b"250-x\r\n550 y\r\n", BadReply::CodesDiffer),
            (&long, BadReply::LineTooLong),
            (many.as_bytes(), BadReply::TooLong),
            (wide.as_bytes(), BadReply::TooLong),
        ] {
            assert_eq!(read([bytes]), (vec![], Some(bad)), "{}", bytes[..bytes.len().min(40)].escape_ascii());
        }
    }

    #[test]
    fn after_an_error_nothing_is_believed() {
        let mut reader = ReplyReader::default();
        reader.feed(b"oops\r\n250 ok\r\n");
        assert_eq!(reader.next_reply(), Err(BadReply::NoCode));
        reader.feed(b"250 ok\r\n");
        assert_eq!(reader.next_reply(), Err(BadReply::NoCode));
        assert!(!reader.is_empty());
    }

    #[test]
    fn half_a_reply_counts_as_waiting_bytes() {
        let mut reader = ReplyReader::default();
        reader.feed(b"250-more\r\n");
        assert_eq!(reader.next_reply(), Ok(None));
        assert!(!reader.is_empty());
        reader.feed(b"250 end\r\n");
        assert!(reader.next_reply().is_ok_and(|reply| reply.is_some()));
        assert!(reader.is_empty());
    }

    /// Bytes that look like replies often enough to reach every branch.
    fn near_replies() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            4 => "[2-5][0-9]{2}[ -][ -~]{0,12}\r\n",
            2 => Just("250-more\r\n".to_owned()),
            2 => "[2-5][0-9]{2} [2-5]\\.[0-9]{1,4}\\.[0-9]{1,3} x\r\n",
            1 => "[ -~]{0,6}\r?\n",
            1 => (4000..5000usize).prop_map(|n| format!("250 {}\r\n", "y".repeat(n))),
        ];
        proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_never_changes_the_replies(
            bytes in near_replies(), cuts in proptest::collection::vec(1..40usize, 1..20),
        ) {
            let mut pieces = Vec::new();
            let (mut rest, mut cuts) = (bytes.as_slice(), cuts.iter().cycle());
            while let (false, Some(cut)) = (rest.is_empty(), cuts.next()) {
                let (piece, behind) = rest.split_at(rest.len().min(*cut));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(read(pieces), read([bytes.as_slice()]));
            prop_assert_eq!(read(bytes.chunks(1)), read([bytes.as_slice()]));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for reply in read([bytes.as_slice()]).0 {
                let reply = Reply::from(reply);
                prop_assert!((200..600).contains(&reply.code));
                prop_assert!(!reply.text.chars().any(char::is_control));
            }
        }
    }
}
