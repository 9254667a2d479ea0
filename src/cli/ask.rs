//! Asks a person before something that cannot be taken back.

use std::io::{BufRead, IsTerminal, Write};

/// Up to this many readers a plain yes will do; above it the list's name must be typed.
const PLAIN_YES: u64 = 1_000;

/// Asks whether to mail `readers` readers of `list` now. Needs a terminal; without one, `--yes` must have been given.
pub(super) fn to_send(list: &str, title: &str, readers: u64) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("nobody is here to confirm: give --yes to mail {readers} readers of `{list}` without asking");
    }
    let mut prompt = std::io::stderr().lock();
    if readers > PLAIN_YES {
        write!(prompt, "This mails {readers} readers of {title} now. Type the list's name ({list}) to send: ")?;
    } else {
        write!(prompt, "This mails {readers} readers of {title} now. Type yes to send: ")?;
    }
    prompt.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(agrees(&answer, list, readers))
}

fn agrees(answer: &str, list: &str, readers: u64) -> bool {
    if readers > PLAIN_YES { answer.trim() == list } else { answer.trim().eq_ignore_ascii_case("yes") }
}

#[cfg(test)]
mod tests {
    use super::agrees;

    #[test]
    fn above_a_thousand_readers_the_lists_name_must_be_typed() {
        assert!(agrees("yes\n", "news", 1_000));
        assert!(!agrees("y\n", "news", 1_000));
        assert!(!agrees("yes\n", "news", 1_001));
        assert!(agrees("news\n", "news", 1_001));
        assert!(!agrees("\n", "news", 1_001));
    }
}
