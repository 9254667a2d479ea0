//! Plain text as a terminal shows it: wrapped at a width, underlined, cut at a word's end, made from HTML. Text comes
//! in and text goes out; nothing here escapes for HTML or encodes for mail.

use html2text::render::TrivialDecorator;

use crate::domain::wire;

/// The width of the text part, in characters.
pub(super) const WIDTH: usize = 72;

/// Wraps each paragraph at `width` characters. A word longer than that, such as a link, keeps its own line whole.
pub(super) fn wrap(text: &str, width: usize) -> String {
    text.lines().map(|line| wrap_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, width: usize) -> String {
    let (mut wrapped, mut column) = (String::new(), 0);
    for word in line.split(is_break).filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Where a line may be broken: at any blank but those that hold words together.
fn is_break(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{A0}' | '\u{202F}')
}

/// The text with a rule under it, as long as its longest line.
pub(super) fn underline(text: &str, rule: &str) -> String {
    let length = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    format!("{text}\n{}", rule.repeat(length))
}

/// At most `length` characters, cut at a word's end and marked with "…" when cut.
pub(super) fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length.saturating_sub(1)).collect();
    let next_is_blank = text.chars().nth(length.saturating_sub(1)).is_some_and(char::is_whitespace);
    // A script without spaces, or one very long word, is cut where it must be.
    let at_word = kept.rfind(char::is_whitespace).filter(|at| !next_is_blank && *at * 2 > kept.len());
    let kept = &kept[..at_word.unwrap_or(kept.len())];
    format!("{}…", kept.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '.' | '–' | '-')))
}

/// HTML as text of [`WIDTH`] columns, links numbered and listed below. The HTML is not nested deeper than the stack
/// it is read on can hold; see [`super::html`].
pub(super) fn from_html(html: &str) -> Result<String, String> {
    let config = html2text::config::plain().link_footnotes(true);
    let text = config.string_from_read(html.as_bytes(), WIDTH).map_err(|error| error.to_string())?;
    Ok(text.chars().filter(|c| !wire::is_private_use(*c)).collect())
}

/// The words of some HTML, in one line without marks of emphasis; nothing when it cannot be read.
pub(super) fn words_of(html: &str) -> String {
    let config = html2text::config::with_decorator(TrivialDecorator::new());
    let text = config.string_from_read(html.as_bytes(), WIDTH).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a template wrote, tidied: no blanks at line ends (but for the footer's `-- `), at most two empty lines in a
/// row, none at the beginning, one line end at the end.
pub(super) fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.trim().lines() {
        let line = if line.trim_end() == "--" { "-- " } else { line.trim_end() };
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= 2 {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::{cut, from_html, tidy, underline, words_of, wrap};

    #[test]
    fn lines_wrap_at_words_and_links_stay_whole() {
        let link = format!("https://example.org/{}", "x".repeat(90));
        assert_eq!(wrap(&format!("one two three {link} four"), 9), format!("one two\nthree\n{link}\nfour"));
        assert_eq!(wrap("a  b\n\nc", 72), "a b\n\nc");
    }

    #[test]
    fn a_headline_is_underlined_by_its_longest_line() {
        assert_eq!(underline("Été\nà Genève", "-"), "Été\nà Genève\n--------");
    }

    #[test]
    fn a_cut_falls_at_a_word_end() {
        assert_eq!(cut("Twelfth meeting closes, in Geneva", 40), "Twelfth meeting closes, in Geneva");
        assert_eq!(cut("Twelfth meeting closes, in Geneva", 25), "Twelfth meeting closes…");
        assert_eq!(cut("Twelfth meeting closes, in Geneva", 16), "Twelfth meeting…");
        assert_eq!(cut("第十二次缔约国会议在日内瓦闭幕", 6), "第十二次缔…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn html_becomes_text_with_its_links_below() {
        let text = from_html("<p>See <a href=\"https://example.org/x\">the text</a> &amp; more.</p>").expect("html");
        assert_eq!(text, "See [the text][1] & more.\n\n[1]: https://example.org/x\n");
        assert_eq!(words_of("<p>See <b>the</b></p> <p><a href=\"https://e.org\">text</a></p>"), "See the text");
        assert_eq!(from_html("<p>&#xE000;leave_url&#xE001;</p>").expect("html"), "leave_url\n");
    }

    #[test]
    fn tidying_keeps_the_footer_mark() {
        assert_eq!(tidy("\n\na  \n\n\n\n\n--\nb\n\n"), "a\n\n\n-- \nb\n");
    }
}
