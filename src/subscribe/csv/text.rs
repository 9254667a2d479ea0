//! Bytes of an unknown encoding → lines of text, as a stream. At most two chunks and one line are in memory, whatever
//! comes in.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;

/// The longest line, and the longest record, in bytes of UTF-8.
pub(super) const LONGEST: usize = 64 * 1024;

/// The lines of a file. They end with LF, CRLF or CR.
pub(super) struct Lines<R> {
    input: R,
    /// `None` while all was ASCII, which is the same in every encoding that has no byte order mark.
    decoder: Option<Decoder>,
    text: String,
    /// Up to here `text` has been given out.
    start: usize,
    number: usize,
    progress: Progress,
    /// The last line ended with CR: an LF that comes now belongs to it.
    after_cr: bool,
}

#[derive(PartialEq, Eq)]
enum Progress {
    New,
    Reading,
    Finished,
}

/// One line, without its end.
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: usize,
    /// Its text; `None` when it is longer than [`LONGEST`].
    pub(super) text: Option<String>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        let (decoder, text, progress) = (None, String::new(), Progress::New);
        Self { input, decoder, text, start: 0, number: 0, progress, after_cr: false }
    }

    /// The next line, or `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut too_long = false;
        loop {
            if self.after_cr && self.start < self.text.len() {
                self.start += usize::from(self.text[self.start..].starts_with('\n'));
                self.after_cr = false;
            }
            let rest = &self.text[self.start..];
            let end = rest.find(['\n', '\r']);
            let is_last = end.is_none() && self.progress == Progress::Finished;
            if is_last && rest.is_empty() && !too_long {
                return Ok(None);
            }
            if end.is_some() || is_last {
                let line = &rest[..end.unwrap_or(rest.len())];
                let text = (!too_long && line.len() <= LONGEST).then(|| line.to_owned());
                self.after_cr = rest[line.len()..].starts_with('\r');
                self.start += line.len() + usize::from(!is_last);
                self.number += 1;
                return Ok(Some(Line { number: self.number, text }));
            }
            if rest.len() > LONGEST {
                too_long = true;
                self.start = self.text.len();
            }
            self.fill()?;
        }
    }

    /// The number of the last line given out.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Reads and decodes one chunk more.
    fn fill(&mut self) -> io::Result<()> {
        self.text.drain(..self.start);
        self.start = 0;
        let mut chunk = Vec::with_capacity(CHUNK);
        self.input.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        let is_last = chunk.len() < CHUNK;
        let mut bytes = chunk.as_slice();
        if self.progress == Progress::New
            && let Some((encoding, mark)) = Encoding::for_bom(bytes)
        {
            self.decoder = Some(encoding.new_decoder_without_bom_handling());
            bytes = &bytes[mark..];
        }
        self.progress = if is_last { Progress::Finished } else { Progress::Reading };
        if self.decoder.is_none()
            && let Some(ascii) = bytes.is_ascii().then(|| str::from_utf8(bytes).ok()).flatten()
        {
            self.text.push_str(ascii);
            return Ok(());
        }
        let decoder = self.decoder.get_or_insert_with(|| guess(bytes, is_last).new_decoder_without_bom_handling());
        self.text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3));
        // There is room for all of it, so the decoder never stops early.
        let _ = decoder.decode_to_string(bytes, &mut self.text, is_last);
        Ok(())
    }
}

/// UTF-8 when the bytes are that, but for a character that the end of the chunk cuts; else Windows-1252.
fn guess(bytes: &[u8], is_last: bool) -> &'static Encoding {
    match str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        Err(error) if error.error_len().is_none() && !is_last => UTF_8,
        Err(_) => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Lines};

    fn lines(bytes: &[u8]) -> Vec<(usize, Option<String>)> {
        let mut lines = Lines::new(bytes);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().expect("bytes in memory can be read") {
            found.push((line.number, line.text));
        }
        found
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        lines(bytes).into_iter().map(|(_, text)| text.expect("short")).collect()
    }

    #[test]
    fn a_line_ends_with_lf_crlf_cr_or_the_file() {
        assert_eq!(texts(b"a\nb\r\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(texts(b"a\n\n\r\n\r\rb\n"), ["a", "", "", "", "", "b"]);
        assert_eq!(texts(b""), [""; 0]);
    }

    #[test]
    fn a_crlf_that_two_chunks_share_is_one_end() {
        for before in LONGEST - 3..LONGEST + 3 {
            let text = format!("{}\r\nb", "x\n".repeat(before / 2) + &"x".repeat(before % 2));
            assert_eq!(texts(text.as_bytes()).last().map(String::as_str), Some("b"), "{before}");
            assert_eq!(lines(text.as_bytes()).len(), text.lines().count(), "{before}");
        }
    }

    #[test]
    fn the_encoding_is_told_by_the_mark_or_by_the_bytes() {
        let utf16 = |big: bool| {
            let units = "\u{feff}é\nb".encode_utf16();
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
        };
        assert_eq!(texts("é\nb".as_bytes()), ["é", "b"]);
        assert_eq!(texts("\u{feff}é\nb".as_bytes()), ["é", "b"]);
        assert_eq!(texts(&utf16(true)), ["é", "b"]);
        assert_eq!(texts(&utf16(false)), ["é", "b"]);
        assert_eq!(texts(b"\xe9 \x80\nb"), ["é €", "b"]);
    }

    #[test]
    fn ascii_before_the_first_accent_does_not_settle_the_encoding() {
        let ascii = "x\n".repeat(LONGEST);
        assert_eq!(texts(&[ascii.as_bytes(), b"\xe9"].concat()).last().map(String::as_str), Some("é"));
        for shift in 0..4 {
            let text = format!("é{}\n{}", "x".repeat(shift), "éü\n".repeat(LONGEST / 4));
            assert_eq!(texts(text.as_bytes()).concat(), text.replace('\n', ""));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_counted() {
        for length in [LONGEST, LONGEST + 1, 3 * LONGEST, 10 * LONGEST + 7] {
            let text = format!("a\n{}\nc", "b".repeat(length));
            let found = lines(text.as_bytes());
            assert_eq!(found.len(), 3);
            assert_eq!(found[1].1.is_some(), length <= LONGEST, "{length}");
            assert_eq!(found[2], (3, Some("c".to_owned())));
            assert_eq!(lines("b".repeat(length).as_bytes())[0].1.is_some(), length <= LONGEST);
        }
    }
}
