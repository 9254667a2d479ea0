//! Bytes of a feed to text. What comes in is what the server sent and the content type it named; what goes out is text,
//! always: this never fails. A byte order mark counts most, then what the bytes themselves show, then what the server
//! and the document claim.

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a document its own claim of an encoding is looked for, in bytes.
const PROLOG: usize = 256;

use super::plain;

/// Names of encodings that feeds use and the web's list (WHATWG Encoding §4.2) does not, underscores written as hyphens.
const ALIASES: [(&str, &str); 6] = [
    ("mac-cyrillic", "x-mac-cyrillic"),
    ("maccyrillic", "x-mac-cyrillic"),
    ("macroman", "macintosh"),
    ("mac-roman", "macintosh"),
    ("ms-cyrl", "windows-1251"),
    ("ms-ansi", "windows-1252"),
];

/// The encoding that a feed names, when nobody here knows it. Old code pages of DOS are such, and EBCDIC.
pub(super) fn unknown(bytes: &[u8], content_type: Option<&str>) -> Option<String> {
    let label = content_type.and_then(charset_parameter).or_else(|| declared(bytes))?;
    let wide = |name: &str| ["utf-32", "utf32", "ucs-2", "ucs-4", "utf16"].iter().any(|known| name.contains(known));
    let name = plain::one_line(&String::from_utf8_lossy(label).to_lowercase().replace('_', "-"));
    (named(label).is_none() && !wide(&name) && name.len() <= 40).then_some(name)
}

/// Decodes a feed. Bytes that make no sense become U+FFFD.
pub(super) fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    if let Some(text) = decode_wide(bytes) {
        return text;
    }
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or_else(|| (guess(bytes, content_type), 0));
    encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned()
}

/// Decodes UTF-32, which the web has given up and some feeds have not: four octets for each character.
fn decode_wide(bytes: &[u8]) -> Option<String> {
    let code: fn([u8; 4]) -> u32 = match bytes {
        [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, b'<' | b'{', ..] => u32::from_be_bytes,
        [0xFF, 0xFE, 0, 0, ..] | [b'<' | b'{', 0, 0, 0, ..] => u32::from_le_bytes,
        _ => return None,
    };
    let characters = bytes.as_chunks().0.iter().map(|four| char::from_u32(code(*four)).unwrap_or('\u{FFFD}'));
    Some(characters.filter(|c| *c != '\u{FEFF}').collect())
}

/// An encoding by its name.
fn named(label: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_label(label).or_else(|| {
        let name = String::from_utf8_lossy(label).trim().to_ascii_lowercase().replace('_', "-");
        let known = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |(_, known)| known);
        Encoding::for_label(known.as_bytes())
    })
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
    let claimed = content_type.and_then(charset_parameter).or_else(|| declared(bytes)).and_then(named);
    match claimed {
        Some(claimed) if claimed != UTF_8 && claimed.is_ascii_compatible() => claimed,
        // It writes Japanese in octets of ASCII.
        Some(claimed) if claimed == ISO_2022_JP && bytes.contains(&0x1B) => claimed,
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
    use super::{decode, unknown};

    #[test]
    fn an_encoding_that_nobody_knows_is_named() {
        assert_eq!(unknown(b"<?xml encoding='CP437'?>", None).as_deref(), Some("cp437"));
        assert_eq!(unknown(b"<a/>", Some("text/xml; charset=no-such-thing")).as_deref(), Some("no-such-thing"));
        for known in ["utf-8", "UTF8", "windows_1251", "ucs-4", "latin1", "iso-2022-jp"] {
            assert_eq!(unknown(format!("<?xml encoding='{known}'?>").as_bytes(), None), None, "{known}");
        }
    }

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
        assert_eq!(decode(b"<?xml version='1.0' encoding='windows_1251'?>\xE9", None).chars().last(), Some('й'));
        assert_eq!(decode(b"\x1B$B$\"\x1B(B", Some("text/xml; charset=iso-2022-jp")), "あ");
        assert_eq!(decode(b"\xFF\xFE\0\0<\0\0\0\xE9\0\0\0", None), "<é");
        assert_eq!(decode(b"\0\0\xFE\xFF\0\0\0<\0\x01\xF6\0\0", None), "<\u{1F600}");
        assert_eq!(decode(b"<\0\0\0a\0\0\0\xFF\xFF\xFF\xFFx", None), "<a\u{FFFD}");
        assert_eq!(decode(b"", None), "");
    }
}
