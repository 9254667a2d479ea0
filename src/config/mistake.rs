//! What is wrong with a configuration: every mistake at once, each with its key, its place and, where there is
//! something useful to say, a hint. No mistake ever quotes a secret.

use std::{fmt, path::PathBuf};

/// A configuration that cannot be used. Its `Display` prints every mistake, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as it was named to us.
    pub path: PathBuf,
    /// What is wrong, in the order of the file. Never empty.
    pub mistakes: Vec<Mistake>,
}

/// One thing that is wrong, or, among the warnings, unwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The full key, such as `feeds[0].every`; empty when the file as a whole is meant.
    pub key: String,
    /// Where it stands; `None` when it is about something that the file lacks.
    pub position: Option<Position>,
    /// What is wrong: a fragment without a full stop. For broken TOML it ends with the line and a caret.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A place in the file; both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// What a reader of one value has to say when it will not do. The key and the place are added by its section.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

impl Position {
    /// The place of a byte of `text`.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().filter(|c| *c != '\u{feff}').count() + 1,
        }
    }
}

impl Problem {
    pub(super) fn new(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Suggests what comes nearest to `typed`, or else all there is to choose from.
    pub(super) fn suggest<'a>(self, typed: &str, choices: impl Iterator<Item = &'a str>) -> Self {
        let choices: Vec<&str> = choices.collect();
        if let Some(near) = nearest(typed, choices.iter().copied()) {
            return self.hint(format!("did you mean `{near}`?"));
        }
        if choices.is_empty() {
            return self;
        }
        self.hint(format!("known here: `{}`", choices.join("`, `")))
    }
}

/// The choice most like `typed`, when one is like enough to be what was meant.
pub(super) fn nearest<'a>(typed: &str, choices: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let likeness = |choice: &str| {
        let choice = choice.to_lowercase();
        // One slip of the finger counts for little in a long word and for too much in a short one.
        let slip = typed.len() > 2 && strsim::osa_distance(&typed, &choice) == 1;
        if slip { 1.0 } else { strsim::jaro_winkler(&typed, &choice) }
    };
    choices
        .map(|choice| (likeness(choice), choice))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, choice)| choice)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, mistake) in self.mistakes.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.path.display())?;
            match mistake.position {
                Some(position) => write!(f, "{}: {mistake}", position.line)?,
                None => write!(f, " {mistake}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, nearest};

    #[test]
    fn a_position_counts_characters_and_survives_any_offset() {
        let text = "a = 1\né = \"ü\" x";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        let x = text.find('x').expect("there is an x");
        assert_eq!(Position::of(text, x), Position { line: 2, column: 9 });
        assert_eq!(Position::of(text, 7), Position { line: 2, column: 1 });
        assert_eq!(Position::of(text, 10_000).line, 2);
    }

    #[test]
    fn the_nearest_key_is_one_that_looks_like_it_or_none() {
        let keys = ["every", "url", "max_age", "time_zone"];
        let near = |typed| nearest(typed, keys.into_iter());
        assert_eq!(near("evry"), Some("every"));
        assert_eq!(near("maxage"), Some("max_age"));
        assert_eq!(near("TimeZone"), Some("time_zone"));
        assert_eq!(near("ulr"), Some("url"));
        assert_eq!(near("colour"), None);
    }
}
