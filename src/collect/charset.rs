//! Bytes of a feed to text. What comes in is what the server sent and the content type it named; what goes out is text,
//! always: this never fails. A byte order mark counts most, then what the bytes themselves show, then what the server
//! and the document claim.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a document its own claim of an encoding is looked for, in bytes.
const PROLOG: usize = 256;

/// Decodes a feed. Bytes that make no sense become U+FFFD.
pub(super) fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or_else(|| (guess(bytes, content_type), 0));
    encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned()
}

/// The encoding of bytes without a byte order mark.
fn guess(bytes: &[u8], content_type: Option<&str>) -> &'static Encoding {
    match bytes {
        [b'<' | b'{', 0, ..] => return UTF_16LE,
        [0, b'<' | b'{', ..] => return UTF_16BE,
        _ => {}
    }
    // Text that is not plain ASCII and yet reads as UTF-8 is UTF-8, whatever a server's default says.
    if !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let claimed = content_type.and_then(charset_parameter).or_else(|| declared(bytes)).and_then(Encoding::for_label);
    match claimed {
        Some(claimed) if claimed != UTF_8 && claimed.is_ascii_compatible() => claimed,
        _ if bytes.is_ascii() => claimed.filter(|claimed| claimed.is_ascii_compatible()).unwrap_or(UTF_8),
        // A claim of UTF-8 that does not hold is nearly always an old Western code page.
        _ => WINDOWS_1252,
    }
}

/// The charset parameter of a content type.
fn charset_parameter(content_type: &str) -> Option<&[u8]> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).as_bytes())
    })
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    let prolog = &bytes[..bytes.len().min(PROLOG)];
    let prolog = &prolog[..prolog.windows(2).position(|pair| pair == b"?>")?];
    let key = b"encoding";
    let value = &prolog[prolog.windows(key.len()).position(|window| window == key)? + key.len()..];
    let open = value.iter().position(|byte| matches!(byte, b'"' | b'\''))?;
    let length = value[open + 1..].iter().position(|byte| *byte == value[open])?;
    Some(&value[open + 1..open + 1 + length])
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn text_is_read_whatever_it_claims_to_be() {
        assert_eq!(decode("é".as_bytes(), None), "é");
        assert_eq!(decode("é".as_bytes(), Some("text/xml; charset=ISO-8859-1")), "é");
        assert_eq!(decode(b"\xEF\xBB\xBF\xC3\xA9", Some("text/xml; charset=latin1")), "é");
        assert_eq!(decode(b"\xE9", Some("text/xml; Charset=\"iso-8859-1\"")), "é");
        assert_eq!(decode(b"\xE9", None), "é");
        assert_eq!(decode(b"\xE9", Some("text/xml; charset=utf-8")), "é");
        assert_eq!(decode(b"<?xml version='1.0' encoding='windows-1251'?>\xE9", None).chars().last(), Some('й'));
        assert_eq!(decode(b"\xFF\xFE<\0a\0", None), "<a");
        assert_eq!(decode(b"<\0a\0", None), "<a");
        assert_eq!(decode(b"\0<\0a", Some("text/xml; charset=utf-8")), "<a");
        assert_eq!(decode(b"<a/>", Some("text/xml; charset=utf-16")), "<a/>");
        assert_eq!(decode(b"<a/>", Some("text/xml; charset=no-such-thing")), "<a/>");
        assert_eq!(decode(b"", None), "");
    }
}
