//! Cleans HTML from outside for mail. What comes in is hostile; what goes out holds only what every mail program can
//! show and no script, style, form or tracker can hide in, with absolute links and pictures. It is done in two steps:
//! `Rewrite` builds a small, balanced document of known elements, so that nothing downstream meets deep nesting or odd
//! markup, and then `ammonia` decides as if it had not been done. Only ammonia's word counts for safety.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use url::Url;

use super::{
    plain,
    rewrite::{KEPT, Rewrite},
    tags::{Tag, Token, Tokens},
};

/// Attributes that stay, by element.
const ATTRIBUTES: [(&str, &[&str]); 5] = [
    ("a", &["href"]),
    ("img", &["src", "alt", "width"]),
    ("ol", &["start"]),
    ("td", &["colspan", "rowspan"]),
    ("th", &["colspan", "rowspan"]),
];

/// Elements that go with all that is in them.
const DROPPED_WHOLE: [&str; 4] = ["script", "style", "svg", "math"];

/// Cleans a fragment of HTML. Relative links and pictures are resolved against `base`; without one they lose their
/// address. Text is kept wherever it can be; nesting beyond 256 levels is flattened, and what comes after 500 KB is cut.
/// This takes a millisecond for 50 KB: call it off the async threads.
///
/// ```
/// let html = tidings::collect::clean::clean_html("<p onclick=x>Hello <script>alert(1)</script>you", None);
/// assert_eq!(html, "<p>Hello you</p>");
/// ```
pub fn clean_html(html: &str, base: Option<&Url>) -> String {
    let relative = base.map_or(UrlRelative::Deny, |base| UrlRelative::RewriteWithBase(base.clone()));
    let safe = sanitizer(relative).clean(&Rewrite::of(html)).to_string();
    let shown: String = without_lost_pictures(&safe).chars().filter(|c| plain::is_printable(*c)).collect();
    shown.trim().to_owned()
}

/// The strict allow-list.
fn sanitizer(relative: UrlRelative<'static>) -> Builder<'static> {
    static TAGS: LazyLock<HashSet<&str>> = LazyLock::new(|| KEPT.iter().copied().collect());
    static OF_TAGS: LazyLock<HashMap<&str, HashSet<&str>>> =
        LazyLock::new(|| ATTRIBUTES.iter().map(|(tag, names)| (*tag, names.iter().copied().collect())).collect());
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.clone())
        .tag_attributes(OF_TAGS.clone())
        .generic_attributes(["lang", "dir"].into())
        .clean_content_tags(DROPPED_WHOLE.into())
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(relative)
        .link_rel(None);
    builder
}

/// The first picture of cleaned HTML: its address and alternative text.
pub(super) fn first_image(clean: &str) -> Option<(String, String)> {
    Tokens::new(clean).find_map(|token| match token {
        Token::Open(tag) if tag.name == "img" => {
            let alt = plain::one_line(&plain::decode(tag.get("alt").unwrap_or_default()));
            Some((plain::decode(tag.get("src")?), alt))
        }
        _ => None,
    })
}

/// Takes out pictures whose address was refused, and pictures by mail.
fn without_lost_pictures(clean: &str) -> String {
    let mut kept = String::with_capacity(clean.len());
    let mut rest = clean;
    while let Some(at) = rest.find("<img") {
        let (before, image) = rest.split_at(at);
        kept.push_str(before);
        // Angle brackets inside values are encoded by now, so the tag ends at the first one.
        let end = image.find('>').map_or(image.len(), |end| end + 1);
        let has_address = |tag: &Tag| tag.get("src").is_some_and(|address| address.starts_with("http"));
        if Tokens::new(&image[..end]).any(|token| matches!(&token, Token::Open(tag) if has_address(tag))) {
            kept.push_str(&image[..end]);
        }
        rest = &image[end..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Token, Tokens, clean_html, first_image};
    use proptest::prelude::*;
    use std::time::{Duration, Instant};
    use url::Url;

    fn clean(html: &str) -> String {
        let base: Url = "https://example.org/2024/04/post/".parse().expect("url");
        clean_html(html, Some(&base))
    }

    #[test]
    fn no_script_survives() {
        let hostile = [
            "<script>alert(1)</script>",
            "<SCRIPT SRC=//x.example></SCRIPT>",
            "<img src=x onerror=alert(1)>",
            "<a href='javascript:alert(1)'>x</a>",
            "<a href='java\nscript:alert(1)'>x</a>",
            "<a href='&#106;avascript&colon;alert(1)'>x</a>",
            "<a href=' &#1; javascript:alert(1)'>x</a>",
            "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
            "<a href='vbscript:x'>x</a>",
            "<iframe src='https://x.example'></iframe>",
            "<object data=x></object><embed src=x>",
            "<form action='https://x.example'><input name=a><button>b</button></form>",
            "<svg onload=alert(1)>",
            "<svg><script>alert(1)</script></svg>",
            "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
            "<style>@import 'x'</style>",
            "<p style='background:url(javascript:alert(1))'>x</p>",
            "<link rel=stylesheet href=x>",
            "<meta http-equiv=refresh content='0;url=x'>",
            "<base href='https://x.example'>",
            "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
            "<img src='x' alt='\"onerror=alert(1)'>",
            "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
            "<div id=x class=y onclick=z>x</div>",
            "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
            "<<script>alert(1)</script>",
            "<scr<script>ipt>alert(1)</script>",
            "<a href=\"x\" \"onclick=alert(1)\">y</a>",
            "<p>x</p><plaintext><script>",
            "<template><script>alert(1)</script></template>",
            "<?xml <img onerror=x> ?>",
        ];
        let words = [
            "<script",
            "javascript:",
            "<iframe",
            "<object",
            "<embed",
            "<form",
            "<input",
            "<svg",
            "<style",
            "<link",
            "<meta",
            "<base",
            " style=",
            " class=",
            " id=",
            " onclick=",
            " onerror=",
            " onload=",
            "vbscript:",
            "data:",
        ];
        for html in hostile {
            let cleaned = clean(html);
            // Whatever is left of the words must be text or inside a quoted value, never a tag or attribute of its own.
            let bare: String = cleaned.split('"').step_by(2).collect::<Vec<_>>().join("\"\"").to_lowercase();
            for word in words {
                assert!(!bare.contains(word), "{html} gave {cleaned}");
            }
            assert!(
                !cleaned.contains("href=\"javascript") && !cleaned.contains("href=\"data"),
                "{html} gave {cleaned}"
            );
        }
    }

    #[test]
    fn links_and_pictures_become_absolute() {
        assert_eq!(clean("<a href=/about>x</a>"), r#"<a href="https://example.org/about">x</a>"#);
        assert_eq!(
            clean("<a href='?a=1&amp;b=2#c'>x</a>"),
            r#"<a href="https://example.org/2024/04/post/?a=1&amp;b=2#c">x</a>"#
        );
        assert_eq!(clean("<a href='mailto:a@example.org'>x</a>"), r#"<a href="mailto:a@example.org">x</a>"#);
        assert_eq!(clean("<img src=//cdn.example/a.jpg alt=A>"), r#"<img src="https://cdn.example/a.jpg" alt="A">"#);
        assert_eq!(
            clean("<img src=../a.jpg width='300px' height=2>"),
            r#"<img src="https://example.org/2024/04/a.jpg" alt="" width="300">"#
        );
        assert_eq!(clean("<img src='ftp://example.org/a.jpg'>x<img src='mailto:a@b.example'>"), "x");
        assert_eq!(clean_html("<a href=/about>x</a><img src=/a.jpg>", None), "<a>x</a>");
    }

    #[test]
    fn what_mail_can_show_stays() {
        let html = r#"<h2 lang="fr">Où</h2><p>One <em>two</em> &amp; <a href="https://example.org/">three</a></p><table><tbody><tr><td colspan="2">x</td></tr></tbody></table><ol start="3"><li>y</li></ol>"#;
        assert_eq!(clean(html), html);
    }

    #[test]
    fn slot_marks_and_control_characters_cannot_be_smuggled_in() {
        assert_eq!(
            clean("a\u{E000}b&#xE001;c\u{0}d<b title=\u{F8FF}>&#xF8FF;e</b>"),
            "abc\u{FFFD}d<b>e</b>".replace('\u{FFFD}', "")
        );
        assert_eq!(
            clean("<a href='https://example.org/\u{E000}'>x</a>&\u{E000}lt;b>"),
            "<a href=\"https://example.org/\">x</a>&amp;lt;b&gt;"
        );
    }

    #[test]
    fn a_paragraph_of_what_cannot_be_printed_is_none() {
        assert_eq!(clean("<p>\u{81}\u{81}\n\u{0e}</p>"), "");
        assert_eq!(clean("<p>\u{81}a\u{81}</p>"), "<p>a</p>");
    }

    #[test]
    fn the_first_picture_is_found_with_its_text() {
        let clean = clean("<p>x</p><img src='/a.jpg?x=1&amp;y=2' alt='A &amp; &quot;B&quot;'><img src=/b.jpg>");
        let image = first_image(&clean).expect("a picture");
        assert_eq!(image, ("https://example.org/a.jpg?x=1&y=2".to_owned(), "A & \"B\"".to_owned()));
    }

    #[test]
    fn twenty_thousand_levels_are_harmless() {
        let begun = Instant::now();
        for tag in
            ["div", "b", "p", "svg><g", "table", "a href=x", "ul><li", "!--x--><i", "font size=1", "button", "math><mi"]
        {
            clean(&format!("<{tag}>").repeat(20_000));
        }
        let formatting: String = (0..200).map(|n| format!("<b lang=x{n}>")).collect();
        clean(&format!("<p>{formatting}{}", "<p>x".repeat(20_000)));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn only_known_elements_come_out(html in "(<(/?(p|b|a href=/x|ul|li|table|td|tr|div|img src=/x|svg|i|form|body))>| |x|&amp;|&|\"){0,30}") {
            let cleaned = clean(&html);
            let is_known = |name: &str| KEPT.contains(&name);
            let known = Tokens::new(&cleaned).all(|token| match token {
                Token::Text(_) => true,
                Token::Open(tag) => is_known(&tag.name),
                Token::Close(name) => is_known(&name),
            });
            prop_assert!(known, "{} gave {}", html, cleaned);
        }
    }
}
