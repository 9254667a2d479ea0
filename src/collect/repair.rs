//! A second chance for a broken feed: what a strict parser refused is mended so far that it can be read. Text comes in;
//! text and what was done to it go out. It never invents posts: an entry that cannot be mended is left out.

use super::{
    plain,
    xml::{Piece, Pieces, name_of},
};

/// Elements that posts are not made of, and that the parser has stumbled over: names beside addresses, and durations.
const UNUSED: [&str; 8] = [
    "author",
    "dc:creator",
    "contributor",
    "managingEditor",
    "webMaster",
    "itunes:author",
    "itunes:duration",
    "media:text",
];

/// A mended feed.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// The whole document.
    pub(super) text: String,
    /// Whether the document ended too early.
    pub(super) was_cut: bool,
    /// How many entries were left out.
    pub(super) left_out: usize,
    /// Open elements: name, and where the tag begins in `text`.
    open: Vec<(String, usize)>,
    /// Where in `open` the entry being written is.
    entry: Option<usize>,
    /// The entry being written is not worth keeping.
    is_spoilt: bool,
}

/// Mends XML: junk before the root, characters XML forbids, unknown entities, bare ampersands, a missing RSS version,
/// entries whose tags do not match, and an early end.
pub(super) fn mend_xml(text: &str) -> Mended {
    let mut mended = Mended::default();
    let mut unused: Option<&str> = None;
    let mut is_torn = false;
    for piece in (Pieces { rest: from_root(text) }) {
        if let (Some(name), Piece::Tag(tag)) = (unused, piece)
            && tag.starts_with("</")
            && name_of(tag) == name
        {
            unused = None;
            continue;
        }
        match piece {
            _ if unused.is_some() => {}
            Piece::Tag(tag) if UNUSED.contains(&name_of(tag)) => {
                let opens = !tag.starts_with("</") && !tag.ends_with("/>");
                unused = opens.then(|| name_of(tag));
            }
            Piece::Tag(tag) => mended.tag(tag),
            Piece::Text(text) => mended.text.push_str(&legal(&with_known_entities(&text.replace('<', "&lt;")))),
            Piece::Data(data) => mended.text.push_str(&legal(data)),
            Piece::Other => {}
            Piece::Torn(_) => is_torn = true,
        }
    }
    mended.finish(is_torn);
    mended
}

impl Mended {
    fn tag(&mut self, tag: &str) {
        let name = name_of(tag);
        if tag.starts_with("</") {
            return self.close(name);
        }
        let opens = !tag.ends_with("/>");
        if is_entry(name) {
            // The entry before this one was never closed.
            self.drop_entry();
            self.entry = opens.then_some(self.open.len());
        }
        if opens {
            self.open.push((name.to_owned(), self.text.len()));
        }
        let tag = legal(&with_known_entities(tag));
        self.text.push_str(&if name == "rss" { with_version(&tag) } else { tag });
    }

    fn close(&mut self, name: &str) {
        let matches = self.open.last().is_some_and(|(open, _)| open == name);
        if is_entry(name) && (!matches || self.is_spoilt) {
            self.drop_entry();
        } else if matches {
            self.open.pop();
            self.entry = self.entry.filter(|at| *at < self.open.len());
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        } else {
            self.is_spoilt |= self.entry.is_some();
        }
    }

    /// Takes the entry being written back, when there is one.
    fn drop_entry(&mut self) {
        if let Some(at) = self.entry.take() {
            self.text.truncate(self.open[at].1);
            self.open.truncate(at);
            self.left_out += 1;
        }
        self.is_spoilt = false;
    }

    /// Ends what is still open, without an entry that broke off.
    fn finish(&mut self, is_torn: bool) {
        self.was_cut = is_torn || !self.open.is_empty();
        let broken_off = match self.entry {
            Some(at) => Some(at),
            // It broke off inside the feed's own title or the like, which is not needed.
            None => (is_torn && self.open.len() > 2).then_some(2),
        };
        if let Some(at) = broken_off {
            self.text.truncate(self.open[at].1);
            self.open.truncate(at);
        }
        while let Some((name, _)) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(&name);
            self.text.push('>');
        }
    }
}

fn is_entry(name: &str) -> bool {
    matches!(name.rsplit(':').next(), Some("item" | "entry"))
}

/// The document from its root element on: some servers write warnings before it.
fn from_root(text: &str) -> &str {
    let roots = ["<rss", "<feed", "<rdf:RDF", "<RDF", "<atom:feed"];
    roots.iter().filter_map(|root| text.find(root)).min().map_or(text, |at| &text[at..])
}

/// An `<rss>` tag with a version that the parser knows.
fn with_version(tag: &str) -> String {
    let known = ["\"2.0\"", "'2.0'", "\"0.91\"", "'0.91'", "\"0.92\"", "'0.92'"];
    let version = tag.find("version=").map(|at| at + "version=".len());
    match version {
        Some(at) if known.iter().any(|version| tag[at..].starts_with(version)) => tag.to_owned(),
        // The parser takes the first of two.
        _ => tag.replacen("<rss", "<rss version=\"2.0\"", 1),
    }
}

/// Without the characters that XML 1.0 §2.2 forbids.
fn legal(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}'))
        .collect()
}

/// Entities of HTML become characters; an ampersand that begins none is encoded.
fn with_known_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        out.push_str(before);
        let length =
            entity.bytes().skip(1).take(32).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#').count()
                + 1;
        let whole = entity.get(..=length).filter(|whole| whole.ends_with(';') && length > 1);
        match whole {
            Some(known @ ("&amp;" | "&lt;" | "&gt;" | "&quot;" | "&apos;")) => out.push_str(known),
            Some(named) => {
                let meant = plain::decode(named);
                let is_unknown = meant == named;
                out.push_str(&if is_unknown { named.replacen('&', "&amp;", 1) } else { escaped(&meant) });
            }
            None => out.push_str("&amp;"),
        }
        rest = &entity[whole.map_or(1, str::len)..];
    }
    out.push_str(rest);
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Mends a JSON Feed: numbers for ids and titles become text, what has the wrong type goes.
pub(super) fn mend_json(text: &str) -> Option<String> {
    use serde_json::Value;
    const TEXTS: [&str; 10] = [
        "id",
        "url",
        "external_url",
        "title",
        "content_html",
        "content_text",
        "summary",
        "date_published",
        "date_modified",
        "language",
    ];
    let mut feed: Value = serde_json::from_str(text).ok()?;
    let root = feed.as_object_mut()?;
    let known =
        root.get("version").and_then(Value::as_str).is_some_and(|version| version.contains("jsonfeed.org/version/1"));
    let items = root.remove("items").filter(Value::is_array)?;
    if !known {
        return None;
    }
    let as_text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mended: Vec<Value> = items
        .as_array()?
        .iter()
        .filter_map(Value::as_object)
        .map(|item| {
            let texts =
                TEXTS.iter().filter_map(|key| Some(((*key).to_owned(), Value::String(as_text(item.get(*key)?)?))));
            let mut kept: serde_json::Map<String, Value> = texts.collect();
            if let Some(tags) = item.get("tags").and_then(Value::as_array) {
                kept.insert("tags".to_owned(), tags.iter().filter_map(as_text).map(Value::String).collect());
            }
            Value::Object(kept)
        })
        .collect();
    let version = "https://jsonfeed.org/version/1.1";
    Some(serde_json::json!({ "version": version, "title": "", "items": mended }).to_string())
}

#[cfg(test)]
mod tests {
    use super::{mend_json, mend_xml};
    use proptest::prelude::*;

    fn mended(xml: &str) -> String {
        mend_xml(xml).text
    }

    #[test]
    fn broken_characters_and_entities_are_mended() {
        assert_eq!(
            mended("<rss version='2.0'>a\u{8}b & c &nbsp;&eacute;&lt;&#0;&#31;&nosuch; &amp d</rss>"),
            "<rss version='2.0'>ab &amp; c \u{A0}é&lt;\u{FFFD}&amp;nosuch; &amp;amp d</rss>"
        );
        assert_eq!(
            mended("<feed><link href='?a=1&b=2'/><![CDATA[a & b\u{1}]]> 1 < 2 <3</feed>"),
            "<feed><link href='?a=1&amp;b=2'/><![CDATA[a & b]]> 1 &lt; 2 &lt;3</feed>"
        );
    }

    #[test]
    fn the_root_is_found_and_gets_its_version() {
        assert_eq!(
            mended("Warning: x on line <b>1</b>\n<rss><channel></channel></rss>"),
            "<rss version=\"2.0\"><channel></channel></rss>"
        );
        assert_eq!(
            mended("<rss version=\"2.0.1\" a='b'></rss>"),
            "<rss version=\"2.0\" version=\"2.0.1\" a='b'></rss>"
        );
        assert_eq!(mended("<rss version='0.91'></rss>"), "<rss version='0.91'></rss>");
    }

    #[test]
    fn an_early_end_costs_only_the_entry_it_is_in() {
        let cut = mend_xml("<rss version='2.0'><channel><item><title>a</title></item><item><title>b</tit");
        assert_eq!(cut.text, "<rss version='2.0'><channel><item><title>a</title></item></channel></rss>");
        assert!(cut.was_cut);
        assert_eq!(mended("<feed><entry><id>a</id></entry><entry"), "<feed><entry><id>a</id></entry></feed>");
        assert_eq!(
            mended("<rss version='2.0'><channel><title>x <!-- "),
            "<rss version='2.0'><channel></channel></rss>"
        );
    }

    #[test]
    fn an_entry_whose_tags_do_not_match_is_left_out() {
        let (good, tail) = ("<item><link>g</link></item>", "</channel></rss>");
        for bad in ["<item><link>b</item>", "<item><a></b></a></item>", "<item><link>b</link>"] {
            let mended = mend_xml(&format!("<rss version='2.0'><channel>{good}{bad}{good}{tail}"));
            assert_eq!(mended.text, format!("<rss version='2.0'><channel>{good}{good}{tail}"), "{bad}");
            assert_eq!((mended.left_out, mended.was_cut), (1, false), "{bad}");
        }
    }

    #[test]
    fn what_posts_are_not_made_of_goes() {
        assert_eq!(
            mended("<feed><entry><author><name>x</b></author><author/><id>a</id></entry></feed>"),
            "<feed><entry><id>a</id></entry></feed>"
        );
    }

    #[test]
    fn numbers_in_a_json_feed_become_text() {
        let json = r#"{"version":"https://jsonfeed.org/version/1","items":[{"id":7,"title":2024,"url":null,"tags":["a",1,{}]},3]}"#;
        let mended = mend_json(json).expect("mended");
        assert!(mended.contains(r#"{"id":"7","tags":["a","1"],"title":"2024"}"#), "{mended}");
        assert_eq!(mend_json(r#"{"items":[]}"#), None);
        assert_eq!(mend_json("{"), None);
    }

    proptest! {
        #[test]
        fn mended_tags_always_match(xml in "(<(/?(rss|channel|item|title|b|author)|b/)>|x|&|<|<!--|\\]\\]>|<!\\[CDATA\\[){0,30}") {
            let text = mended(&xml);
            let mut open = Vec::new();
            for piece in (super::Pieces { rest: &text }) {
                if let super::Piece::Tag(tag) = piece {
                    if tag.starts_with("</") {
                        prop_assert_eq!(open.pop(), Some(super::name_of(tag).to_owned()));
                    } else if !tag.ends_with("/>") {
                        open.push(super::name_of(tag).to_owned());
                    }
                }
            }
            prop_assert!(open.is_empty());
        }
    }
}
