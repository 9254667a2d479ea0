//! The words of a post's body: cleaned HTML comes in, its text goes out. It is for matching words, not for readers:
//! tags that stand between paragraphs become spaces, those within a line vanish.

/// Tags that may stand in the middle of a word. All others part words.
const INLINE: [&str; 28] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "wbr",
];

/// The text of an HTML fragment, in time that grows evenly with its length.
pub(super) fn text(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = if rest.starts_with('<') { tag(rest) } else { Some(entity(rest)) };
        let Some((piece, length)) = found else { break };
        out.extend(piece);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// What a `<` stands for and how many bytes it takes. One that begins no tag is itself. `None` when a tag has no end:
/// what follows is text then, so that a broken tag hides no words.
fn tag(html: &str) -> Option<(Option<char>, usize)> {
    let name = html[1..].strip_prefix('/').unwrap_or(&html[1..]);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
        return Some((Some('<'), 1));
    }
    let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
    let inline = INLINE.iter().any(|inline| name.eq_ignore_ascii_case(inline));
    Some(((!inline).then_some(' '), tag_length(html)?))
}

/// Up to the `>` that is not inside a quoted value.
fn tag_length(html: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = b'<';
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        before = byte;
    }
    None
}

/// What an `&` stands for and how many bytes it takes. The cleaner writes only a few of the named ones.
fn entity(html: &str) -> (Option<char>, usize) {
    let Some(end) = html.bytes().take(12).position(|byte| byte == b';') else { return (Some('&'), 1) };
    let name = &html[1..end];
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let character = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "shy" => Some('\u{ad}'),
        _ => number.and_then(char::from_u32),
    };
    character.map_or((Some('&'), 1), |character| (Some(character), end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::text;

    #[test]
    fn tags_between_paragraphs_part_words_and_those_within_a_line_do_not() {
        for (html, expected) in [
            ("<p>We <b>con</b>demn</p><p>this</p>", " We condemn  this "),
            ("one<br>two<li>three", "one two three"),
            ("AT&amp;T &lt;b&gt; &#8217;&#x2019;&nbsp;&shy;", "AT&T <b> ’’\u{a0}\u{ad}"),
            ("&amp;lt;", "&lt;"),
            ("<img alt=\"a > b\" src='x>y'>end", " end"),
            ("<p title=it's>shown</p>", " shown "),
            ("1 < 2 & 3 &unknown; &;", "1 < 2 & 3 &unknown; &;"),
            ("cut <a href=\"x", "cut <a href=\"x"),
            ("<a href=\"x>unclosed</a>", "<a href=\"x>unclosed</a>"),
            ("&#0;&#xffffffff;&#-1;", "\0&#xffffffff;&#-1;"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn a_hostile_body_takes_no_longer_than_its_length() {
        for piece in ["&", "<a", "<a=\"", "<b \"=\">", "</", "&#"] {
            let html = piece.repeat(300_000);
            assert!(text(&html).len() <= html.len(), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn no_html_panics(html in "([<>&;#x/='\"a-z0-9é ]|&amp;|<b>){0,60}") {
            let _ = text(&html);
        }
    }
}
