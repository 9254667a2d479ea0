//! HTML from a post to a small, balanced document of known elements, in one pass and linear time. What comes in is
//! whatever a site wrote; what goes out is nested properly, never deeper than 256 levels or longer than about 500 KB,
//! pictures shown where they really are. It is not the guard against scripts: `clean` puts one behind it.

use super::{
    images::{Picture, picture, pixels},
    plain::is_printable,
    tags::{Tag, Token, Tokens},
};

/// Elements that may nest no deeper. Mail programs give up long before, and so does the stack of a style inliner.
const MAX_DEPTH: usize = 256;

/// No more than this is written, in bytes. A mail has room for a fifth of it.
const MAX_LENGTH: usize = 500_000;

/// Elements that stay.
pub(super) const KEPT: [&str; 48] = [
    "a",
    "abbr",
    "b",
    "blockquote",
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

/// Elements that mail programs do not know, and what they become.
const RENAMED: [(&str, &str); 17] = [
    ("address", "div"),
    ("article", "div"),
    ("aside", "div"),
    ("center", "div"),
    ("details", "div"),
    ("figcaption", "div"),
    ("figure", "div"),
    ("footer", "div"),
    ("header", "div"),
    ("hgroup", "div"),
    ("main", "div"),
    ("nav", "div"),
    ("section", "div"),
    ("strike", "s"),
    ("summary", "div"),
    ("acronym", "abbr"),
    ("tt", "code"),
];

/// Elements that go with all that is in them.
const SKIPPED: [&str; 14] = [
    "applet", "audio", "button", "canvas", "datalist", "frameset", "head", "map", "math", "object", "select", "svg",
    "template", "video",
];

/// Elements that end an open paragraph.
const BLOCKS: [&str; 17] =
    ["blockquote", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "table", "ul"];

/// Which open elements a new one ends, and at which others the search for them stops.
fn ended_by(name: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match name {
        "a" => (&["a"], &["td", "th"]),
        "li" => (&["li"], &["ul", "ol", "td", "th", "blockquote"]),
        "dd" | "dt" => (&["dd", "dt"], &["dl", "td", "th"]),
        "td" | "th" => (&["td", "th"], &["tr", "table"]),
        "tr" => (&["tr"], &["table"]),
        "tbody" | "thead" | "tfoot" => (&["tbody", "thead", "tfoot", "caption"], &["table"]),
        _ => (&[], &[]),
    }
}

/// The document as far as it is written.
pub(super) struct Rewrite<'a> {
    out: String,
    open: Vec<Open>,
    /// The element being skipped, and how many of its kind are open in it.
    skipping: Option<(String, usize)>,
    /// The address of the picture written last, when nothing but space came since.
    last_picture: Option<&'a str>,
}

struct Open {
    name: &'static str,
    /// Where its tag begins in the output.
    at: usize,
    /// Whether anything a reader would see was written in it.
    is_full: bool,
}

impl<'a> Rewrite<'a> {
    /// Rewrites `html`.
    pub(super) fn of(html: &'a str) -> String {
        let mut rewrite = Self { out: String::new(), open: Vec::new(), skipping: None, last_picture: None };
        for token in Tokens::new(html) {
            if rewrite.out.len() > MAX_LENGTH {
                break;
            }
            rewrite.take(token);
        }
        rewrite.close_down_to(0);
        rewrite.out
    }

    fn take(&mut self, token: Token<'a>) {
        if let Some((skipped, depth)) = &mut self.skipping {
            match token {
                Token::Open(tag) if tag.name == *skipped && !tag.closes_itself => *depth += 1,
                Token::Close(name) if name == *skipped => *depth -= 1,
                _ => {}
            }
            if *depth == 0 {
                self.skipping = None;
            }
            return;
        }
        match token {
            Token::Text(text) => self.text(text),
            Token::Open(tag) if tag.name == "img" => self.image(&tag),
            Token::Open(tag) => self.start(&tag),
            Token::Close(name) => self.end(&name),
        }
    }

    fn text(&mut self, text: &str) {
        if !is_blank(text) {
            self.mark_full();
        } else if text.contains('\n') && text.trim().is_empty() && !self.open.iter().any(|open| open.name == "pre") {
            // Space between blocks shows nothing; one line's end keeps the source readable.
            return self.out.push('\n');
        }
        let room = MAX_LENGTH.saturating_sub(self.out.len());
        self.out.push_str(&text[..text.floor_char_boundary(room)].replace('<', "&lt;"));
    }

    fn mark_full(&mut self) {
        self.last_picture = None;
        if let Some(innermost) = self.open.last_mut() {
            innermost.is_full = true;
        }
    }

    fn image(&mut self, tag: &Tag<'a>) {
        match picture(tag) {
            Picture::Nothing => {}
            Picture::Emoji(character) => self.text(character),
            // Lazy loading leaves the same picture twice: for those with scripts and for those without.
            Picture::At(address) if self.last_picture == Some(address) => {}
            Picture::At(address) => {
                self.mark_full();
                self.last_picture = Some(address);
                self.out.push_str("<img");
                self.attribute("src", address);
                self.attribute("alt", tag.get("alt").unwrap_or_default());
                // Without its height a picture keeps its shape when a narrow screen makes it smaller.
                if let Some(width) = tag.get("width").and_then(pixels) {
                    self.attribute("width", &width.to_string());
                }
                self.out.push('>');
            }
        }
    }

    fn start(&mut self, tag: &Tag<'a>) {
        let is_copy = tag.name == "noscript" && self.last_picture.is_some();
        if is_copy || SKIPPED.contains(&tag.name.as_str()) {
            self.skipping = (!tag.closes_itself).then(|| (tag.name.clone(), 1));
            return;
        }
        let Some(name) = kept_name(&tag.name).filter(|name| *name != "a" || tag.get("href").is_some()) else { return };
        if BLOCKS.contains(&name) {
            self.end_implied(&["p"], &["blockquote", "caption", "dd", "div", "li", "td", "th"]);
        }
        let (ended, stops) = ended_by(name);
        self.end_implied(ended, stops);
        let is_void = matches!(name, "br" | "hr" | "wbr");
        if !is_void && self.open.len() >= MAX_DEPTH {
            return;
        }
        let at = self.out.len();
        self.out.push('<');
        self.out.push_str(name);
        for attribute in ["href", "colspan", "rowspan", "start", "lang", "dir"] {
            if let Some(value) = tag.get(attribute) {
                self.attribute(attribute, value);
            }
        }
        self.out.push('>');
        if name == "hr" {
            self.mark_full();
        }
        if !is_void {
            self.open.push(Open { name, at, is_full: false });
        }
    }

    /// Writes an attribute whose value is still encoded as it came.
    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.out.push_str(&value.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;"));
        self.out.push('"');
    }

    fn end(&mut self, name: &str) {
        let Some(name) = kept_name(name) else { return };
        let is_of_table = matches!(name, "table" | "tbody" | "thead" | "tfoot" | "tr" | "td" | "th" | "caption");
        for (at, open) in self.open.iter().enumerate().rev() {
            if open.name == name {
                return self.close_down_to(at);
            }
            // A stray end tag in a cell ends nothing outside it.
            if matches!(open.name, "td" | "th" | "table") && !is_of_table {
                return;
            }
        }
    }

    /// Ends the innermost open element of `names`, unless one of `stops` is found first.
    fn end_implied(&mut self, names: &[&str], stops: &[&str]) {
        for (at, open) in self.open.iter().enumerate().rev() {
            if names.contains(&open.name) {
                return self.close_down_to(at);
            }
            if stops.contains(&open.name) {
                return;
            }
        }
    }

    /// Ends open elements until `count` are left. Those that hold nothing are taken back.
    fn close_down_to(&mut self, count: usize) {
        while self.open.len() > count {
            let Some(Open { name, at, is_full }) = self.open.pop() else { return };
            if !is_full && !matches!(name, "td" | "th") {
                self.out.truncate(at);
                continue;
            }
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
            if let Some(parent) = self.open.last_mut() {
                parent.is_full |= is_full;
            }
        }
    }
}

/// What an element is called in the output, when it stays.
fn kept_name(name: &str) -> Option<&'static str> {
    let renamed = RENAMED.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to);
    KEPT.iter().find(|kept| **kept == renamed).copied()
}

/// Whether a text shows nothing.
fn is_blank(text: &str) -> bool {
    let spaces = ["&nbsp;", "&#160;", "&#xa0;", "&#xA0;"];
    // What cannot be printed is taken out of the text later.
    let shows_nothing = |c: char| c.is_whitespace() || !is_printable(c);
    let mut rest = text.trim_start_matches(shows_nothing);
    while let Some(after) = spaces.iter().find_map(|space| rest.strip_prefix(space)) {
        rest = after.trim_start_matches(shows_nothing);
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, Rewrite};
    use proptest::prelude::*;

    /// How deep a balanced document nests; nothing when it is not balanced.
    fn depth(html: &str) -> Option<usize> {
        let (mut open, mut deepest) = (0_usize, 0);
        for tag in html.split('<').skip(1) {
            if tag.starts_with('/') {
                open = open.checked_sub(1)?;
            } else if !["br", "hr", "img", "wbr"].iter().any(|void| tag.starts_with(void)) {
                open += 1;
                deepest = deepest.max(open);
            }
        }
        (open == 0).then_some(deepest)
    }

    #[test]
    fn markup_comes_out_balanced() {
        let cases = [
            ("<p>One<p>Two", "<p>One</p><p>Two</p>"),
            ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"),
            ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
            ("</p>a</div>b", "ab"),
            ("<table><tr><td>a</div><td>b<tr><td></table>", "<table><tr><td>a</td><td>b</td></tr></table>"),
            ("<a href=x>one<a href=y>two</a>", r#"<a href="x">one</a><a href="y">two</a>"#),
            ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
            (
                "<figure><img src=/a.jpg><figcaption>A</figcaption></figure>",
                r#"<div><img src="/a.jpg" alt=""><div>A</div></div>"#,
            ),
            ("<p>x<div>y</div>", "<p>x</p><div>y</div>"),
            ("<span>x</span> <font color=red>y</font> 1 < 2", "x y 1 &lt; 2"),
            ("<h2>a</h2><hr>", "<h2>a</h2><hr>"),
            ("<p>a</p>\n\n\n<p>b\n\nc</p>", "<p>a</p>\n<p>b\n\nc</p>"),
            ("<pre>a<b>b</b>\n\n<b>c</b></pre>", "<pre>a<b>b</b>\n\n<b>c</b></pre>"),
        ];
        for (html, rewritten) in cases {
            assert_eq!(Rewrite::of(html), rewritten, "{html}");
        }
    }

    #[test]
    fn what_shows_nothing_is_left_out() {
        assert_eq!(Rewrite::of("<p> &nbsp;</p><div><a href=x><b></b></a></div><p>x</p><p><br></p>"), "<p>x</p>");
        assert_eq!(Rewrite::of("a<svg><p>x</svg>b<select><option>x</select><video src=x />c"), "abc");
        assert_eq!(Rewrite::of("a<object><object>x</object>y</object>b"), "ab");
    }

    #[test]
    fn a_lazy_picture_and_its_copy_for_those_without_scripts_are_one() {
        let one = r#"<p><img src="/a.jpg" alt="A"> x</p>"#;
        let lazy = "<img src='data:image/gif;base64,R0' data-src=/a.jpg alt=A>";
        assert_eq!(Rewrite::of(&format!("<p>{lazy}<noscript><img src=/a-big.jpg alt=A></noscript> x</p>")), one);
        assert_eq!(Rewrite::of(&format!("<p><noscript><img src=/a.jpg alt=A></noscript>{lazy} x</p>")), one);
        assert_eq!(Rewrite::of("<p><img src=data:x><noscript><img src=/a.jpg alt=A></noscript> x</p>"), one);
        assert_eq!(Rewrite::of("<noscript>Please read on.</noscript>"), "Please read on.");
    }

    #[test]
    fn deep_nesting_is_flattened_and_its_text_kept() {
        for tag in ["div", "b", "blockquote", "ul><li", "table><tr><td", "a href=x><p"] {
            let flat = Rewrite::of(&format!("{}deep", format!("<{tag}>").repeat(20_000)));
            assert!(flat.contains("deep"), "{tag}");
            assert!(depth(&flat).is_some_and(|depth| depth <= MAX_DEPTH), "{tag}");
        }
    }

    #[test]
    fn a_giant_post_is_cut() {
        let cut = Rewrite::of(&"<p>é</p>".repeat(400_000));
        assert!(cut.len() < 500_100 && depth(&cut) == Some(1));
        assert!(Rewrite::of(&"é".repeat(2_000_000)).len() <= 500_000);
        let picture = format!("<img src='data:image/png;base64,{}'>after", "A".repeat(2_000_000));
        assert_eq!(Rewrite::of(&picture), "after");
    }

    proptest! {
        #[test]
        fn any_text_comes_out_balanced(html in "(<(/?(p|b|a href=x|ul|li|table|td|tr|div|img src=/x|noscript|svg|dd))>| |x){0,40}") {
            prop_assert!(depth(&Rewrite::of(&html)).is_some());
        }
    }
}
