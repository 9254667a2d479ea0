//! The texts of a feed's elements: titles, summaries, contents. What stands between the tags comes in, as it is written;
//! HTML or plain text goes out, decoded once, whatever way the feed chose to put HTML into XML: encoded, in CDATA, as
//! XHTML, as bare tags, in base64. Nothing is cleaned here.

use data_encoding::BASE64_MIME_PERMISSIVE;

use super::{
    plain,
    xml::{Piece, Pieces, name_of, without_forbidden},
};

/// A text as a feed has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The text, decoded once.
    pub(super) text: String,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// HTML, because the feed says so.
    Html,
    /// Plain, or so the feed says, or it says nothing: many a text that calls itself plain is HTML all the same.
    #[default]
    Unsaid,
}

/// How an element's markup stands in the XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapped {
    /// Encoded, or in CDATA. Bare tags are HTML that somebody forgot to encode.
    Encoded,
    /// As elements of the XML.
    Inline,
    /// In base64.
    Base64,
}

impl Words {
    /// Reads the text of an element from what is written in it, by its `type` and, in Atom 0.3, its `mode`. Nothing comes
    /// out when it is no text, but a picture, say.
    pub(super) fn read(inner: &str, kind: Option<&str>, mode: Option<&str>) -> Option<Self> {
        let named = kind.unwrap_or_default().trim().to_ascii_lowercase();
        let named = named.split(';').next().unwrap_or_default().trim_end();
        let (kind, wrapped) = match named {
            "xhtml" | "application/xhtml+xml" => (Kind::Html, Wrapped::Inline),
            "html" | "text/html" => (Kind::Html, Wrapped::Encoded),
            // Atom 0.3 sent HTML that way, and nobody has sent a file as a title.
            "application/octet-stream" => (Kind::Html, Wrapped::Base64),
            _ if named.contains('/') && !named.starts_with("text/") => return None,
            _ => (Kind::Unsaid, Wrapped::Encoded),
        };
        let wrapped = match mode {
            Some("base64") => Wrapped::Base64,
            Some("xml") if kind == Kind::Html => Wrapped::Inline,
            Some("escaped") => Wrapped::Encoded,
            _ => wrapped,
        };
        let text = match wrapped {
            Wrapped::Encoded => encoded(inner),
            Wrapped::Inline => inline(inner),
            Wrapped::Base64 => from_base64(inner)?,
        };
        let kind = if wrapped == Wrapped::Base64 { Kind::Html } else { kind };
        Some(Self { text: without_forbidden(text), kind })
    }

    /// The same, but where the element is HTML by its definition, and says nothing itself.
    pub(super) fn read_html(inner: &str) -> Self {
        Self { kind: Kind::Html, ..Self::read(inner, None, None).unwrap_or_default() }
    }

    /// A text that is HTML.
    pub(super) fn html(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Html }
    }

    /// A text of which it is not said what it is.
    pub(super) fn unsaid(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Unsaid }
    }

    /// Whether there is nothing in it.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// As a title: plain, on one line.
    pub(super) fn as_title(&self) -> String {
        match self.kind {
            Kind::Html => plain::title(&plain::without_tags(&self.text)),
            Kind::Unsaid => plain::title(&self.text),
        }
    }
}

/// Decodes text that holds encoded HTML, CDATA sections, or HTML that was not encoded at all.
fn encoded(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        let start = rest.find("<![CDATA[").unwrap_or(rest.len());
        let (part, after) = rest.split_at(start);
        if part.contains('<') && !part.contains("&lt;") {
            // Bare HTML: its entities are HTML's own.
            out.push_str(part);
        } else {
            out.push_str(&plain::decode(part));
        }
        let data = after.strip_prefix("<![CDATA[").unwrap_or_default();
        let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
        out.push_str(data);
        rest = after;
    }
    out
}

/// The HTML of elements of the XML: their prefixes go, and what is text in XML is text in HTML. A `div` around all of it
/// is not part of the text (RFC 4287 §3.1.1.3).
fn inline(inner: &str) -> String {
    let html = inline_with_div(inner).trim().to_owned();
    let inside = html.strip_prefix("<div").and_then(|rest| rest.strip_suffix("</div>"));
    let inside = inside.and_then(|rest| {
        let tag = Pieces { rest: &html }.next()?;
        let Piece::Tag(tag) = tag else { return None };
        rest.get(tag.len() - "<div".len()..)
    });
    match inside.filter(|inside| is_balanced(inside)) {
        Some(inside) => inside.trim().to_owned(),
        None => html,
    }
}

/// Whether each `div` that ends in here begins in here.
fn is_balanced(html: &str) -> bool {
    let mut depth = 0_usize;
    Pieces { rest: html }.all(|piece| match piece {
        Piece::Tag(tag) if name_of(tag) != "div" => true,
        Piece::Tag(tag) if tag.starts_with("</") => {
            let is_open = depth > 0;
            depth = depth.saturating_sub(1);
            is_open
        }
        Piece::Tag(_) => {
            depth += 1;
            true
        }
        _ => true,
    })
}

fn inline_with_div(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    for piece in (Pieces { rest: inner }) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Data(data) => out.push_str(&data.replace('&', "&amp;").replace('<', "&lt;")),
            Piece::Tag(tag) => {
                let name = tag.trim_start_matches(['<', '/']);
                let end = name.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).unwrap_or(name.len());
                let local = name[..end].rsplit(':').next().unwrap_or_default();
                let length = name[..end].len() - local.len();
                out.push_str(&tag[..tag.len() - name.len()]);
                // HTML knows no empty elements but its own: this one would stay open.
                match tag.strip_suffix("/>").filter(|_| !is_void(local)) {
                    Some(open) => {
                        out.push_str(&open[tag.len() - name.len() + length..]);
                        out.push_str(&format!("></{local}>"));
                    }
                    None => out.push_str(&name[length..]),
                }
            }
            Piece::Other | Piece::Torn(_) => {}
        }
    }
    out
}

/// Elements of HTML that are empty.
fn is_void(name: &str) -> bool {
    matches!(name, "area" | "br" | "col" | "embed" | "hr" | "img" | "input" | "link" | "meta" | "source" | "wbr")
}

fn from_base64(inner: &str) -> Option<String> {
    let bytes = BASE64_MIME_PERMISSIVE.decode(encoded(inner).trim().as_bytes()).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Kind, Words};
    use proptest::prelude::*;

    fn read(inner: &str, kind: &str) -> String {
        Words::read(inner, Some(kind).filter(|kind| !kind.is_empty()), None).map_or("none".into(), |words| words.text)
    }

    #[test]
    fn html_comes_out_however_it_was_put_into_xml() {
        let cases = [
            ("An <b>old</b> &amp; good", "", "An <b>old</b> &amp; good"),
            ("a &lt;b&gt; &amp; c", "", "a <b> & c"),
            ("&lt;p&gt;x&lt;/p&gt;<br/>", "", "<p>x</p><br/>"),
            ("<![CDATA[a <b>&amp;</title>]]>", "", "a <b>&amp;</title>"),
            ("x <i>y</i><![CDATA[<b>]]> z", "", "x <i>y</i><b> z"),
            ("Caf&eacute; & &nosuch;\u{8}", "", "Café & &nosuch;"),
            ("<div>x &lt;y> <![CDATA[<&]]></div>", "xhtml", "x &lt;y> &lt;&amp;"),
            (" <h:div class='x'><p>x</p><div/></h:div> ", "xhtml", "<p>x</p><div></div>"),
            ("<div>x</div><div>y</div>", "xhtml", "<div>x</div><div>y</div>"),
            ("<h:p a='1'>x<h:i/><h:br/></h:p>", "application/xhtml+xml", "<p a='1'>x<i></i><br/></p>"),
            ("\n PGI+eDwvYj4=\n", "application/octet-stream", "<b>x</b>"),
            ("<svg/>", "image/svg+xml", "none"),
            ("<![CDATA[torn", "", "torn"),
        ];
        for (inner, kind, text) in cases {
            assert_eq!(read(inner, kind), text, "{inner}");
        }
        let escaped = Words::read("a &lt;b>", Some("text/html"), Some("escaped")).expect("a text");
        assert_eq!((escaped.text.as_str(), escaped.kind), ("a <b>", Kind::Html));
        assert_eq!(Words::read("eA==", None, Some("base64")), Some(Words::html("x")));
        assert_eq!(Words::read("!", None, Some("base64")), None);
    }

    #[test]
    fn a_title_is_the_text_of_its_html() {
        let title = |text: &str| Words::html(text).as_title();
        assert_eq!(title("<div>Example <b>Atom</b></div>"), "Example Atom");
        assert_eq!(title("<p>One</p><p>two<br>three</p>"), "One two three");
        assert_eq!(title("safe<script>alert(1)</script> &lt;blink&gt; &amp; sound"), "safe <blink> & sound");
        assert_eq!(Words::unsaid("History of the <blink> tag").as_title(), "History of the <blink> tag");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            inner in "(<|>|/|!--|<!\\[CDATA\\[|\\]\\]>|é|'|=| |&lt;|&|;|</x:b>|<x:b/>|<b|eA==){0,30}",
            kind in "(|xhtml|html|text|a/b|application/octet-stream)", mode in proptest::option::of("(xml|escaped|base64)"),
        ) {
            let _ = Words::read(&inner, Some(&kind), mode.as_deref()).map(|words| words.as_title());
        }
    }
}
