//! XML as feeds hold it, made fit for a strict parser. Text comes in; text goes out with HTML that stands bare in titles
//! and descriptions encoded, comments and declarations left out. Documents built to exhaust a parser are refused. It
//! mends nothing else: that is `repair`'s.

/// Elements nest no deeper than this in any feed, broken ones included.
const MAX_DEPTH: usize = 512;

/// Media groups hold no groups; the parser goes into each by recursion, and a stack has an end.
const MAX_GROUPS: usize = 16;

/// No tag has more attributes; the parser compares each with each.
const MAX_ATTRIBUTES: usize = 256;

/// Elements that hold text for people. The parser would take what comes before the first bare tag and drop the rest.
const TEXTS: [&str; 10] = [
    "title",
    "description",
    "summary",
    "content",
    "content:encoded",
    "subtitle",
    "atom:title",
    "atom:summary",
    "atom:content",
    "dc:description",
];

/// Why a document is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bomb {
    /// Elements within elements.
    #[error("its elements nest too deep")]
    Deep,
    /// Attributes upon attributes.
    #[error("a tag in it has more than {MAX_ATTRIBUTES} attributes")]
    Attributes,
}

/// One piece of XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text, entities still encoded.
    Text(&'a str),
    /// A CDATA section, with its marks.
    Data(&'a str),
    /// A tag, with its angle brackets.
    Tag(&'a str),
    /// A comment, declaration or instruction.
    Other,
    /// What is left when the document ends inside a piece.
    Torn(&'a str),
}

/// Cuts XML into pieces, in one pass.
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
        Some(match piece {
            _ if piece.starts_with("<![CDATA[") => Piece::Data(piece),
            _ if piece.starts_with("<!") || piece.starts_with("<?") => Piece::Other,
            _ if is_tag(piece) && piece.ends_with('>') => Piece::Tag(piece),
            _ => Piece::Text(piece),
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

/// Makes a document fit for the parser.
pub(super) fn prepare(text: &str) -> Result<String, Bomb> {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut groups) = (0_usize, 0_usize);
    let mut pieces = Pieces { rest: text };
    let mut in_media = false;
    // Elements that are never closed from here on: looking for their ends again and again would take for ever.
    let mut unclosed: Vec<&str> = Vec::new();
    while let Some(piece) = pieces.next() {
        let tag = match piece {
            // The parser must see no tag that was not seen here, so what is no tag is made one to nobody.
            Piece::Text(text) => {
                out.push_str(&text.replace('<', "&lt;"));
                continue;
            }
            Piece::Data(data) => {
                out.push_str(data);
                continue;
            }
            Piece::Other | Piece::Torn(_) => continue,
            Piece::Tag(tag) => tag,
        };
        if attributes(tag) > MAX_ATTRIBUTES {
            return Err(Bomb::Attributes);
        }
        let name = name_of(tag);
        let closes = tag.starts_with("</");
        let opens = !closes && !tag.ends_with("/>");
        if name == "media:content" {
            in_media = opens;
        }
        push_tag(&mut out, tag, in_media);
        let is_group = name.rsplit(':').next() == Some("group");
        for (level, counts) in [(&mut depth, true), (&mut groups, is_group)] {
            *level =
                if closes { level.saturating_sub(usize::from(counts)) } else { *level + usize::from(opens && counts) };
        }
        if depth > MAX_DEPTH || groups > MAX_GROUPS {
            return Err(Bomb::Deep);
        }
        if opens && TEXTS.contains(&name) && !unclosed.contains(&name) {
            match content(pieces.rest, name) {
                Some(inner) => {
                    pieces.rest = &pieces.rest[inner.len()..];
                    push_content(&mut out, inner, tag.contains("xhtml"));
                }
                None => unclosed.push(name),
            }
        }
    }
    Ok(out)
}

/// Writes a tag. A thumbnail that stands alone is lost on the parser, which knows them only beside other media, so it
/// is written as what it is: a picture.
fn push_tag(out: &mut String, tag: &str, in_media: bool) {
    if in_media {
        out.push_str(tag);
    } else if let Some(rest) = tag.strip_prefix("<media:thumbnail") {
        out.push_str("<media:content type=\"image/jpeg\"");
        out.push_str(rest);
    } else if tag.starts_with("</media:thumbnail") {
        out.push_str("</media:content>");
    } else {
        out.push_str(tag);
    }
}

/// How many attributes a tag has: equals signs outside quotes.
fn attributes(tag: &str) -> usize {
    let mut quote = None;
    let mut count = 0;
    for byte in tag.bytes() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => count += 1,
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    count
}

/// What stands before the closing tag of `name`; CDATA sections hide closing tags.
fn content<'a>(text: &'a str, name: &str) -> Option<&'a str> {
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

/// Writes what an element for people holds, its markup encoded.
fn push_content(out: &mut String, inner: &str, is_xhtml: bool) {
    if is_xhtml {
        out.push_str(inner);
        return;
    }
    let mut rest = inner;
    while !rest.is_empty() {
        let data = if rest.starts_with("<![CDATA[") { end_of(rest, "]]>") } else { None };
        let length = data.or_else(|| rest.find("<![CDATA[").filter(|at| *at > 0)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        rest = after;
        if data.is_some() || !part.contains('<') {
            out.push_str(part);
        } else if part.contains("&lt;") {
            // Encoded already, with a stray tag: encoding its entities again would show them.
            out.push_str(&part.replace('<', "&lt;"));
        } else {
            out.push_str(&part.replace('&', "&amp;").replace('<', "&lt;"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bomb, prepare};
    use proptest::prelude::*;

    #[test]
    fn bare_markup_in_texts_is_encoded() {
        let cases = [
            ("<title>An <b>old</b> &amp; good</title>", "<title>An &lt;b>old&lt;/b> &amp;amp; good</title>"),
            ("<title>a &lt;b&gt; &amp; c</title>", "<title>a &lt;b&gt; &amp; c</title>"),
            (
                "<description>&lt;p&gt;x&lt;/p&gt;<br/></description>",
                "<description>&lt;p&gt;x&lt;/p&gt;&lt;br/></description>",
            ),
            ("<title><![CDATA[a <b>&</title>]]></title>", "<title><![CDATA[a <b>&</title>]]></title>"),
            ("<title>x <i>y</i><![CDATA[<b>]]> z</title>", "<title>x &lt;i>y&lt;/i><![CDATA[<b>]]> z</title>"),
            ("<content type='xhtml'><div>x</div></content>", "<content type='xhtml'><div>x</div></content>"),
            ("<media:title>x<b/></media:title>", "<media:title>x<b/></media:title>"),
            ("<title>unclosed <b>x</b>", "<title>unclosed <b>x</b>"),
            ("<title>é</title><title></title><title/>", "<title>é</title><title></title><title/>"),
        ];
        for (xml, prepared) in cases {
            assert_eq!(prepare(xml).as_deref(), Ok(prepared), "{xml}");
        }
    }

    #[test]
    fn declarations_and_comments_are_left_out() {
        let xml = "<?xml version='1.0' encoding='latin1'?><!DOCTYPE rss [<!ENTITY a \"b\"><!ENTITY c '&a;&a;'>]><rss><!-- <x> --></rss>";
        assert_eq!(prepare(xml).as_deref(), Ok("<rss></rss>"));
        assert_eq!(prepare("<!DOCTYPE rss [<!ENTITY a ']x'>] ><rss/>").as_deref(), Ok("<rss/>"));
        assert_eq!(prepare("<a b='>'/>< c><1:d><!-- torn <b>").as_deref(), Ok("<a b='>'/>&lt; c>&lt;1:d>"));
    }

    #[test]
    fn a_bomb_is_refused() {
        assert_eq!(prepare(&"<media:group>".repeat(100_000)), Err(Bomb::Deep));
        assert_eq!(prepare(&format!("<a{}>", " b=''".repeat(1000))), Err(Bomb::Attributes));
        assert!(prepare(&"<a><b x='='/></a>".repeat(100_000)).is_ok());
        // Each of these would cost minutes if it were read again and again.
        for part in [
            "<title>",
            "<title><![CDATA[]]>",
            "<![CDATA[",
            "<!--",
            "<!DOCTYPE [",
            "<!x [>",
            "<a '",
            "<title></title>",
            "<?",
        ] {
            let begun = std::time::Instant::now();
            let _ = prepare(&part.repeat(200_000));
            assert!(begun.elapsed().as_secs() < 3, "{part} took {:?}", begun.elapsed());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(xml in "(<|>|/|title|!--|--|\\[CDATA\\[|\\]\\]|<!\\[CDATA\\[|\\?|é|'|=| |&lt;|</title>|<title>){0,30}") {
            let _ = prepare(&xml);
        }
    }
}
