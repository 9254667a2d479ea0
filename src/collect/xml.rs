//! XML as feeds hold it, cut into pieces: tags, text, CDATA sections. What comes in is hostile and often broken; what
//! goes out borrows from it, in one pass and in linear time. What is in comments and declarations is left out. It never
//! fails, and judges nothing: that is `document`'s.

use super::plain;

/// More attributes than this on one tag are not looked at.
const MAX_ATTRIBUTES: usize = 64;

/// One piece of XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text, entities still encoded.
    Text(&'a str),
    /// What is in a CDATA section.
    Data(&'a str),
    /// A tag, with its angle brackets.
    Tag(&'a str),
    /// A comment, declaration or instruction.
    Other,
    /// What is left when the document ends inside a piece.
    Torn(&'a str),
}

/// Cuts XML into pieces.
pub(super) struct Pieces<'a> {
    /// What is not cut yet.
    pub(super) rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.rest;
        if rest.is_empty() {
            return None;
        }
        let length = if rest.starts_with("<!--") {
            end_of(rest, "-->")
        } else if rest.starts_with("<![CDATA[") {
            end_of(rest, "]]>")
        } else if rest.starts_with("<?") {
            end_of(rest, "?>")
        } else if rest.starts_with("<!") {
            end_of_doctype(rest)
        } else if is_tag(rest) {
            end_of_tag(rest)
        } else {
            let from = usize::from(rest.starts_with('<'));
            Some(rest[from..].find('<').map_or(rest.len(), |at| at + from))
        };
        let Some(length) = length else {
            self.rest = "";
            return Some(Piece::Torn(rest));
        };
        let (piece, rest) = rest.split_at(length);
        self.rest = rest;
        Some(match piece.strip_prefix("<![CDATA[").and_then(|data| data.strip_suffix("]]>")) {
            Some(data) => Piece::Data(data),
            None if piece.starts_with("<!") || piece.starts_with("<?") => Piece::Other,
            None if is_tag(piece) && piece.ends_with('>') => Piece::Tag(piece),
            None => Piece::Text(piece),
        })
    }
}

fn end_of(text: &str, mark: &str) -> Option<usize> {
    text.find(mark).map(|at| at + mark.len())
}

/// Whether a text begins with something that can be a tag: a name, and what may follow one.
fn is_tag(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("</").or_else(|| text.strip_prefix('<')) else { return false };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let end = rest.find(|c: char| !is_name(c));
    let follows = end.and_then(|end| rest[end..].chars().next());
    rest.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && follows.is_none_or(|c| c.is_whitespace() || matches!(c, '/' | '>'))
}

/// The length of a tag: up to the first `>` outside quotes. What another tag begins in is none, and ends before that.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'<') if at > 0 => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The length of a document type declaration, its entity declarations in brackets included.
fn end_of_doctype(text: &str) -> Option<usize> {
    let end = text.find('>')?;
    let Some(open) = text[..end].find('[') else { return Some(end + 1) };
    let closing = text[open..].match_indices(']').map(|(at, _)| open + at + 1);
    closing.filter(|at| text[*at..].trim_start().starts_with('>')).find_map(|at| Some(at + text[at..].find('>')? + 1))
}

/// The name in a tag, prefix included.
pub(super) fn name_of(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    &name[..name.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).unwrap_or(name.len())]
}

/// The attributes of a tag with their names as written, decoded.
pub(super) fn attributes(tag: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = tag.trim_start_matches('<').trim_start_matches(|c: char| !c.is_whitespace());
    while let Some(at) = rest.find('=').filter(|_| found.len() < MAX_ATTRIBUTES) {
        // What stands before the name has no value.
        let name = rest[..at].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let value = rest[at + 1..].trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_at(value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len())),
        };
        found.push((name, plain::decode(value)));
        rest = after;
    }
    found
}

/// What stands before the closing tag of `name`, as it is written; CDATA sections hide closing tags.
pub(super) fn content<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut at = 0;
    loop {
        at += text[at..].find('<')?;
        let rest = &text[at..];
        if rest.starts_with("<![CDATA[") {
            at += end_of(rest, "]]>")?;
        } else if rest.starts_with("</") && name_of(&rest[..rest.floor_char_boundary(name.len() + 3)]) == name {
            return Some(&text[..at]);
        } else {
            at += 1;
        }
    }
}

/// Whether a text is as XML 1.0 wants it: no bare ampersand, no entity that is not known, no forbidden character.
pub(super) fn is_sound(text: &str) -> bool {
    let ampersands = text.match_indices('&').all(|(at, _)| {
        plain::reference(&text[at..]).is_some_and(|(_, meant)| meant != "\u{FFFD}" && !has_forbidden(&meant))
    });
    ampersands && !has_forbidden(text)
}

/// Whether a text holds characters that XML 1.0 §2.2 forbids.
pub(super) fn has_forbidden(text: &str) -> bool {
    let is_control = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    text.bytes().any(is_control) || text.contains(['\u{FFFE}', '\u{FFFF}'])
}

/// A text without the characters that XML 1.0 §2.2 forbids.
pub(super) fn without_forbidden(text: String) -> String {
    let is_forbidden = |c: char| has_forbidden(c.encode_utf8(&mut [0; 4]));
    if has_forbidden(&text) { text.chars().filter(|c| !is_forbidden(*c)).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Pieces, attributes, content, is_sound};
    use proptest::prelude::*;
    use std::time::Instant;

    fn pieces(text: &str) -> String {
        let pieces = Pieces { rest: text }.map(|piece| match piece {
            Piece::Text(text) => format!("{text}|"),
            Piece::Data(data) => format!("[{data}]|"),
            Piece::Tag(tag) => format!("{tag}|"),
            Piece::Other => "-|".to_owned(),
            Piece::Torn(_) => "torn|".to_owned(),
        });
        pieces.collect()
    }

    #[test]
    fn xml_is_cut_where_its_pieces_end() {
        assert_eq!(pieces("<a b='>'/>x &amp; <![CDATA[<c>]]></a>"), "<a b='>'/>|x &amp; |[<c>]|</a>|");
        assert_eq!(pieces("< c><1:d>1 < 2<b>"), "< c>|<1:d>1 |< 2|<b>|");
        assert_eq!(
            pieces("<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY a \"b\"><!ENTITY c '&a;&a;'>]><rss/><!-- <x> -->"),
            "-|-|<rss/>|-|"
        );
        assert_eq!(pieces("<!DOCTYPE rss [<!ENTITY a ']x'>] ><rss/>"), "-|<rss/>|");
        for torn in ["<a", "<a b='", "<!-- x", "<![CDATA[ x", "<?x", "<!DOCTYPE x [ "] {
            assert_eq!(pieces(torn), "torn|", "{torn}");
        }
    }

    #[test]
    fn attributes_are_read_as_they_are_written() {
        let read = |tag| {
            attributes(tag).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("|")
        };
        assert_eq!(read("<a href='?a=1&amp;b=2' rel=\"x > y\" t = z/>"), "href=?a=1&b=2|rel=x > y|t=z/");
        assert_eq!(read("<a checked b='1'\n c=\"\"><x d='2'>"), "b=1|c=|d=2");
        assert_eq!(read("<a>"), "");
        assert!(attributes(&format!("<a {}>", "b='' ".repeat(100_000))).len() <= 64);
    }

    #[test]
    fn a_closing_tag_is_not_looked_for_in_data() {
        assert_eq!(content("a<b></b><![CDATA[</t>]]>c</t >d", "t"), Some("a<b></b><![CDATA[</t>]]>c"));
        assert_eq!(content("a</tt><![CDATA[</t>", "t"), None);
    }

    #[test]
    fn what_xml_forbids_is_seen() {
        for sound in ["", "a &amp; b &#233; &eacute; &#x1F600;", "line\r\n\ttab"] {
            assert!(is_sound(sound), "{sound}");
        }
        for broken in ["a & b", "?a=1&b=2", "&nosuch;", "&#0;", "&", "&amp", "x\u{8}", "\u{FFFE}"] {
            assert!(!is_sound(broken), "{broken}");
        }
    }

    #[test]
    fn it_takes_no_longer_for_what_is_built_to_take_long() {
        let begun = Instant::now();
        for part in ["<![CDATA[", "<!--", "<!DOCTYPE [", "<!x [>", "<a '", "<?", "<a b=", "&", "</", "<a></a>"] {
            let text = part.repeat(200_000);
            let _ = (Pieces { rest: &text }.count(), is_sound(&text), attributes(&text));
        }
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(xml in "(<|>|/|title|!--|--|\\[CDATA\\[|\\]\\]|<!\\[CDATA\\[|\\?|é|'|=| |&lt;|&|;|</title>|<title>){0,30}") {
            let _ = (Pieces { rest: &xml }.count(), attributes(&xml), content(&xml, "title"), is_sound(&xml));
        }
    }
}
