//! The relaxed forms of RFC 6376 §3.4.2 and §3.4.4: what a signature is made over. A message's bytes come in; what goes
//! out is what stays the same when a mail server folds a header anew or drops blanks. It knows no key.

/// RFC 5322 §2.1.1, without CRLF.
const LONGEST_LINE: usize = 998;

/// A header field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// All after the colon, without the last CRLF.
    value: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Writes its relaxed form, with the CRLF at its end.
    pub(super) fn push_relaxed(&self, out: &mut Vec<u8>) {
        push_relaxed_header(out, self.name, self.value);
        out.extend_from_slice(b"\r\n");
    }
}

/// The header fields and the body. `None` for what is no message, or what a mail server would have to change on its way
/// and so break the signature: a bare CR or LF, or a line of more than 998 octets.
pub(super) fn split(message: &[u8]) -> Option<(Vec<Field<'_>>, &[u8])> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut body = None;
    let (mut at, mut begin) = (0, 0);
    for line in lines(message) {
        if line.len() > LONGEST_LINE || line.contains(&b'\n') || line.contains(&b'\r') {
            return None;
        }
        let next = at + line.len() + 2;
        if body.is_none() {
            match line.first() {
                None => body = Some(message.get(next..).unwrap_or_default()),
                // It goes on with the field before it.
                Some(b' ' | b'\t') => {
                    let field = fields.last_mut()?;
                    let colon = field.name.len() + 1;
                    field.value = &message[begin + colon..at + line.len()];
                }
                Some(_) => {
                    fields.push(field(line)?);
                    begin = at;
                }
            }
        }
        at = next;
    }
    Some((fields, body?))
}

fn field(line: &[u8]) -> Option<Field<'_>> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = &line[..colon];
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let name = std::str::from_utf8(name).ok().filter(|_| is_name)?;
    Some(Field { name, value: &line[colon + 1..] })
}

/// Writes a header in its relaxed form: the name in small letters, unfolded, no blanks at the ends, one for many. The
/// CRLF at its end is left to the caller, for the signature's own field has none.
pub(super) fn push_relaxed_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(b':');
    let begins = value.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(value.len());
    push_squeezed(out, &value[begins..]);
}

/// The body in its relaxed form: no blanks at the ends of lines, one for many, no empty lines at the end.
pub(super) fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    for line in lines(body) {
        let begins = out.len();
        for _ in 0..empty_lines {
            out.extend_from_slice(b"\r\n");
        }
        let text_begins = out.len();
        push_squeezed(&mut out, line);
        if out.len() == text_begins {
            out.truncate(begins);
            empty_lines += 1;
        } else {
            out.extend_from_slice(b"\r\n");
            empty_lines = 0;
        }
    }
    out
}

/// The lines, without their CRLF. What follows the last CRLF is a line when there is anything.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.windows(2).position(|pair| pair == b"\r\n");
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[][..], |end| &rest[end + 2..]);
        Some(line)
    })
}

/// Line breaks go, each run of blanks becomes one space, and those at the end go too.
fn push_squeezed(out: &mut Vec<u8>, text: &[u8]) {
    let mut is_after_blank = false;
    for &byte in text {
        match byte {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => is_after_blank = true,
            _ => {
                if is_after_blank {
                    out.push(b' ');
                }
                is_after_blank = false;
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{relaxed_body, split};

    fn relaxed(message: &str) -> Option<(String, String)> {
        let (fields, body) = split(message.as_bytes())?;
        let mut head = Vec::new();
        for field in fields {
            field.push_relaxed(&mut head);
        }
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Some((text(head), text(relaxed_body(body))))
    }

    #[test]
    fn the_relaxed_form_is_that_of_the_rfcs_example() {
        // RFC 6376 §3.4.5, but for the blank before the colon, which nothing of ours writes.
        let message = "A: X\r\nB: Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let expected = ("a:X\r\nb:Y Z\r\n".to_owned(), " C\r\nD E\r\n".to_owned());
        assert_eq!(relaxed(message), Some(expected));
    }

    #[test]
    fn empty_lines_at_the_end_do_not_count_and_those_before_do() {
        for (body, expected) in [
            ("", ""),
            ("\r\n\r\n", ""),
            (" \t\r\n", ""),
            ("a", "a\r\n"),
            ("a\r\n \r\n\r\n", "a\r\n"),
            ("\r\n\r\na\r\n\r\nb", "\r\n\r\na\r\n\r\nb\r\n"),
        ] {
            let found = String::from_utf8(relaxed_body(body.as_bytes())).expect("text");
            assert_eq!(found, expected, "{body:?}");
        }
    }

    #[test]
    fn what_is_no_message_or_would_be_changed_on_its_way_is_not_taken() {
        for wrong in [
            "",
            "A: b\r\n",
            "A: b\r\nno colon\r\n\r\n",
            " A: b\r\n\r\n",
            ": b\r\n\r\n",
            "A b: c\r\n\r\n",
            "Ä: b\r\n\r\n",
            "A: b\n\r\n\r\n",
            "A: b\r\n\r\na\nb\r\n",
            "A: b\r\n\r\na\rb\r\n",
            "A: b\r\n\r\na\r",
        ] {
            assert_eq!(relaxed(wrong), None, "{wrong:?}");
        }
        assert_eq!(relaxed(&format!("A: b\r\n\r\n{}\r\n", "x".repeat(999))), None);
        assert!(relaxed(&format!("A: b\r\n\r\n{}\r\n", "x".repeat(998))).is_some());
    }
}
