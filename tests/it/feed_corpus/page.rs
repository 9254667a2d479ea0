//! HTML as a browser would build it, by html5ever: what is text in it, and what in it could do harm. HTML comes in; text,
//! or a list of faults goes out. It knows nothing of how ours was cleaned.

use html5ever::{ParseOpts, QualName, local_name, ns, parse_fragment, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use url::Url;

/// Elements that may stand in a mail: all that a browser does no more with than show it.
const SHOWN: [&str; 50] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "body",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "html",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Attributes that say how something is shown or where it leads.
const PLAIN: [&str; 9] = ["alt", "colspan", "dir", "href", "lang", "rowspan", "src", "start", "width"];

fn parsed(html: &str) -> RcDom {
    let body = QualName::new(None, ns!(html), local_name!("body"));
    let parser = parse_fragment(RcDom::default(), ParseOpts::default(), body, Vec::new(), false);
    parser.one(html)
}

/// Each node, in the document's order.
fn each(html: &str, mut look: impl FnMut(&Handle)) {
    let page = parsed(html);
    let mut waiting = vec![page.document.clone()];
    while let Some(node) = waiting.pop() {
        look(&node);
        waiting.extend(node.children.borrow().iter().rev().cloned());
    }
}

/// The text that a reader of the page would see, on one line.
pub(crate) fn text(html: &str) -> String {
    let mut text = String::new();
    each(html, |node| match &node.data {
        NodeData::Text { contents } => text.push_str(&contents.borrow()),
        NodeData::Element { name, .. } if matches!(&*name.local, "div" | "p" | "br") => text.push(' '),
        _ => {}
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What in a page is more than text, links and pictures.
pub(crate) fn faults(html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    each(html, |node| match &node.data {
        NodeData::Element { name, attrs, .. } => {
            if name.ns != ns!(html) || !SHOWN.contains(&&*name.local) {
                faults.push(format!("<{}>", name.local));
            }
            for attribute in attrs.borrow().iter() {
                let (key, value) = (&*attribute.name.local, &*attribute.value);
                let is_address = matches!(key, "href" | "src");
                let leads = || Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
                if !PLAIN.contains(&key) || (is_address && !leads()) {
                    faults.push(format!("<{} {key}={value:?}>", name.local));
                }
            }
        }
        NodeData::Document | NodeData::Text { .. } => {}
        NodeData::Doctype { .. } => faults.push("a doctype".to_owned()),
        NodeData::Comment { .. } => faults.push("a comment".to_owned()),
        NodeData::ProcessingInstruction { .. } => faults.push("an instruction".to_owned()),
    });
    faults
}

#[test]
fn a_page_that_could_do_harm_is_told_from_one_that_could_not() {
    assert_eq!(text("<p>One <b>two</b></p><p>three<br>&lt;four&gt; &amp;"), "One two three <four> &");
    assert_eq!(
        faults("<p>x <a href='https://a.example/'>y</a><img src='http://a.example/' alt=''>"),
        Vec::<String>::new()
    );
    for harmful in [
        "<script>x</script>",
        "<p onclick=x>",
        "<p style='color:red'>",
        "<a href='javascript:x'>y</a>",
        "<a href='jAva\nscript:x'>y</a>",
        "<img src='data:x'>",
        "<svg><a xlink:href='javascript:x'/></svg>",
        "<iframe src='https://a.example/'>",
        "<form>",
        "<!-- x -->",
        "<a href='/relative'>x</a>",
    ] {
        assert!(!faults(harmful).is_empty(), "{harmful}");
    }
}
