//! How the demo speaks: calm paragraphs, two spaces in from the edge, with commands and what they print set off. Words
//! come in; lines on standard output go out.

use std::io::Write;

use jiff::ZonedDateTime;

/// Where lines are broken, in characters.
const WIDTH: usize = 78;

/// A sentence or a few.
pub(super) fn say(text: &str) {
    print(&folded(text, 2, 2));
    print("");
}

/// The head of a step: a moment and what happens then.
pub(super) fn step(number: usize, at: &ZonedDateTime, title: &str) {
    let when = at.strftime("%A %-d %B %Y, %H:%M %Z");
    print("");
    print(&folded(&format!("{number}. {when}: {title}"), 2, 5));
    print("");
}

/// A name and what it stands for, in two columns.
pub(super) fn fact(name: &str, value: &str) {
    print(&format!("  {name:<8}  {value}"));
}

/// An empty line.
pub(super) fn pause() {
    print("");
}

/// A command as one would type it, and what it printed.
pub(super) fn shell(command: &str, printed: &str) {
    print(&format!("    $ {command}"));
    quote(printed);
}

/// Lines that a program wrote.
pub(super) fn quote(lines: &str) {
    for line in lines.lines() {
        print(&folded(line, 4, 6));
    }
    print("");
}

/// Whoever reads us may have read enough (`tidings demo | head`); the demo goes on to its end all the same.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// `text` in lines of at most [`WIDTH`] characters where its words allow it, the first one `first` spaces in, the
/// others `next`.
fn folded(text: &str, first: usize, next: usize) -> String {
    let mut folded = " ".repeat(first);
    let mut width = first;
    let mut is_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_start && width + 1 + length > WIDTH {
            folded.push('\n');
            folded.push_str(&" ".repeat(next));
            width = next;
            is_start = true;
        }
        if !is_start {
            folded.push(' ');
            width += 1;
        }
        folded.push_str(word);
        width += length;
        is_start = false;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, folded};

    #[test]
    fn lines_keep_within_the_width_unless_a_word_is_longer() {
        let text = folded(&"calm ".repeat(40), 2, 4);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.starts_with("  calm calm") && text.contains("\n    calm calm"));
        let long = "x".repeat(100);
        assert_eq!(folded(&format!("a {long} b"), 2, 2), format!("  a\n  {long}\n  b"));
    }
}
