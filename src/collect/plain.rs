//! Plain text: what may stand in a title, a category, a summary. Text in any state comes in (entities, stray tags,
//! control characters); one clean line goes out. Nothing here keeps markup.

use markup5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

use super::tags::{Token, Tokens};

/// The longest title, in characters.
const MAX_TITLE: usize = 300;

/// More of a title than this, in bytes, is not looked at.
const MAX_RAW_TITLE: usize = 10_000;

/// Elements that stand in titles. Anything else in angle brackets is what the author typed.
const INLINE: [&str; 24] = [
    "a", "abbr", "b", "big", "br", "cite", "code", "del", "em", "font", "i", "img", "ins", "mark", "p", "q", "s",
    "small", "span", "strong", "sub", "sup", "tt", "u",
];

/// Other elements that are seen in posts.
const BLOCKS: [&str; 24] = [
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "tr",
    "ul",
];

/// Elements that no reader is to see: a text that holds one is HTML.
const HIDDEN: [&str; 17] = [
    "applet", "blink", "button", "embed", "form", "frame", "frameset", "iframe", "input", "link", "meta", "object",
    "script", "style", "svg", "math", "video",
];

/// Whether a character may stand in a text of ours. Private-use characters are what templates mark their slots with;
/// bidirectional overrides make a line read as something else than it is.
pub(super) fn is_printable(c: char) -> bool {
    let is_private = matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}');
    let is_override = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let is_control = c.is_control() && !matches!(c, '\n' | '\t');
    let is_noise = matches!(c, '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}');
    !(is_private || is_override || is_control || is_noise)
}

/// Text on one line: single spaces, nothing unprintable.
pub(super) fn one_line(text: &str) -> String {
    // A carriage return parts words, so it goes as space and not as a control character.
    let mut line = String::with_capacity(text.len());
    for word in text.split(char::is_whitespace) {
        let start = line.len();
        if start > 0 {
            line.push(' ');
        }
        let before = line.len();
        line.extend(word.chars().filter(|c| is_printable(*c)));
        if line.len() == before {
            line.truncate(start);
        }
    }
    line
}

/// Decodes the entities of a text once, those that end with a semicolon: `R&D` and `?a=1&copy=2` stay.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        decoded.push_str(before);
        match reference(entity) {
            Some((length, meant)) => {
                decoded.push_str(&meant);
                rest = &entity[length..];
            }
            None => {
                decoded.push('&');
                rest = &entity[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// What the entity stands for that a text begins with, and how long it is; nothing when it begins with none that HTML
/// knows (WHATWG HTML §13.2.5.72).
pub(super) fn reference(text: &str) -> Option<(usize, String)> {
    let name = text.strip_prefix('&')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
    let length = name.bytes().take(32).take_while(|byte| is_name(*byte)).count();
    let name = name.get(..=length).filter(|name| name.ends_with(';'))?;
    let meant = match name.strip_prefix('#') {
        Some(number) => numbered(number.trim_end_matches(';'))?.to_string(),
        None => {
            let &(first, second) = NAMED_ENTITIES.get(name)?;
            [first, second].into_iter().filter(|code| *code != 0).filter_map(char::from_u32).collect()
        }
    };
    Some((name.len() + 1, meant))
}

/// The character of a number, which old programs mean in Windows' code page below 160.
fn numbered(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    let old = code.checked_sub(0x80).and_then(|at| *C1_REPLACEMENTS.get(usize::try_from(at).ok()?)?);
    Some(old.or_else(|| char::from_u32(code)).filter(|c| *c != '\0').unwrap_or('\u{FFFD}'))
}

/// The text of HTML, its entities still encoded: without tags, scripts and styles, a space where a block or line ends.
pub(super) fn without_tags(html: &str) -> String {
    let mut text = String::new();
    for token in Tokens::new(html) {
        let name = match token {
            Token::Text(piece) => {
                text.push_str(piece);
                continue;
            }
            Token::Open(tag) => tag.name,
            Token::Close(name) => name,
        };
        if matches!(name.as_str(), "br" | "p") || !INLINE.contains(&name.as_str()) {
            text.push(' ');
        }
    }
    text
}

/// Whether a text holds a tag of HTML, as opposed to an angle bracket.
pub(super) fn has_markup(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let name = &text[at + 1..];
        let name = name.strip_prefix('/').unwrap_or(name);
        let length = name.bytes().take(12).take_while(u8::is_ascii_alphanumeric).count();
        let ends = name[length..].chars().next().is_some_and(|c| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        let name = name[..length].to_ascii_lowercase();
        ends && (INLINE.contains(&name.as_str()) || BLOCKS.contains(&name.as_str()) || HIDDEN.contains(&name.as_str()))
    })
}

/// A title as a subject line can carry it, from text that a feed has decoded once: a CMS that encoded twice is undone,
/// tags are taken out, and it is cut at 300 characters.
pub(super) fn title(raw: &str) -> String {
    let end = raw.floor_char_boundary(MAX_RAW_TITLE);
    let decoded = decode(&without_inline_tags(&raw[..end]));
    let line = one_line(&without_inline_tags(&decoded));
    if line.chars().count() <= MAX_TITLE {
        return line;
    }
    let kept: String = line.chars().take(MAX_TITLE - 1).collect();
    let at = kept.rfind(' ').filter(|at| *at > kept.len() / 2).unwrap_or(kept.len());
    format!("{}…", kept[..at].trim_end_matches([' ', ',', ';', ':']))
}

/// Takes `<b>`, `</em>`, `<br/>` out, and leaves `a < b` and `<unknown>` as they are.
fn without_inline_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        kept.push_str(before);
        let name = tag[1..].strip_prefix('/').unwrap_or(&tag[1..]);
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let is_inline = INLINE.contains(&name[..length].to_ascii_lowercase().as_str());
        let ends_name = name[length..].starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        match tag.find('>').filter(|_| is_inline && ends_name) {
            Some(end) => {
                // A break parts words; `H<sub>2</sub>O` does not.
                if matches!(&name[..length], "br" | "p" | "BR" | "P") {
                    kept.push(' ');
                }
                rest = &tag[end + 1..];
            }
            None => {
                kept.push('<');
                rest = &tag[1..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{decode, has_markup, one_line, title};
    use proptest::prelude::*;

    #[test]
    fn a_title_comes_out_as_it_reads_on_the_site() {
        let cases = [
            ("Don&#8217;t sign", "Don’t sign"),
            ("Don&rsquo;t &amp; won’t", "Don’t & won’t"),
            ("&amp;#8217;", "&#8217;"),
            ("AT&T and R&D", "AT&T and R&D"),
            ("An <b>old</b> title", "An old title"),
            ("H<sub>2</sub>O<br/>again", "H2O again"),
            ("a &lt;em&gt;loud&lt;/em&gt; one", "a loud one"),
            ("5 < 6 and <unknown> > 4", "5 < 6 and <unknown> > 4"),
            ("  two\r\nlines\tand\u{A0}more ", "two lines and more"),
            ("safe\u{202E}gpj.exe\u{0}\u{7}\u{E000}", "safegpj.exe"),
            ("&#xE001;&#0;x&#8238;y", "\u{FFFD}xy"),
            ("Subject\r\nBcc: a@example.org", "Subject Bcc: a@example.org"),
            ("&nosuch; &; & &#; x", "&nosuch; &; & &#; x"),
            ("&#146;90s", "’90s"),
        ];
        for (raw, clean) in cases {
            assert_eq!(title(raw), clean, "{raw}");
        }
    }

    #[test]
    fn a_long_title_is_cut_at_a_word() {
        let cut = title(&"word ".repeat(100));
        assert!(cut.chars().count() <= 300 && cut.ends_with("word…"), "{cut}");
        assert_eq!(title(&"x".repeat(400)).chars().count(), 300);
        assert!(title(&"é".repeat(1_000_000)).chars().count() <= 300);
    }

    #[test]
    fn only_tags_count_as_markup() {
        assert!(has_markup("<p>Hello") && has_markup("x<br/>y") && !has_markup("a < b, <c> & d"));
        assert!(has_markup("x<SCRIPT src=y>") && has_markup("x</h1>") && !has_markup("<h7> <piffle> <p"));
    }

    #[test]
    fn only_whole_entities_are_decoded() {
        assert_eq!(decode("?a=1&copy=2&lt=3&amp;b"), "?a=1&copy=2&lt=3&b");
        assert_eq!(decode("&lt;b&gt;&#x27;&hellip;&nbsp;&#60;&#38;&#62;"), "<b>'…\u{A0}<&>");
    }

    proptest! {
        #[test]
        fn a_title_is_always_one_clean_line(raw in "[\\PC<>&;#\\r\\n\u{E000}\u{202E}a-z0-9]{0,80}") {
            let clean = title(&raw);
            let is_bad = |c: char| c.is_control() || matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{202E}');
            let is_clean = !clean.contains(is_bad);
            prop_assert!(is_clean);
            prop_assert_eq!(one_line(&clean), clean);
        }
    }
}
