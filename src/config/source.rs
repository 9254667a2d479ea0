//! The file while it is read: its text, its folder, the environment, and all that was found wrong so far. Broken
//! TOML is reported here, with its line and a caret, except where that line may hold a secret.

use std::{
    cell::RefCell,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, Error},
};

use super::mistake::{ConfigError, Mistake, Position, Problem};

/// What every reader of a section shares.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    path: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, path: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { text, path, env, mistakes: RefCell::default(), warnings: RefCell::default() }
    }

    /// The whole file as a table.
    pub(super) fn table(&self) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Ok(table);
        }
        let mut mistakes: Vec<Mistake> = errors.iter().map(|error| self.broken(error)).collect();
        mistakes.sort_by_key(|mistake| mistake.position);
        Err(ConfigError { path: self.path.to_owned(), mistakes })
    }

    /// A path of the file, which is relative to the file's own folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    pub(super) fn mistake(&self, key: &str, span: Option<Range<usize>>, problem: Problem) {
        self.mistakes.borrow_mut().push(self.note(key, span, problem));
    }

    pub(super) fn warn(&self, key: &str, span: Option<Range<usize>>, problem: Problem) {
        self.warnings.borrow_mut().push(self.note(key, span, problem));
    }

    /// The warnings when there is no mistake, or else the mistakes, in the order of the file.
    pub(super) fn verdict(self) -> Result<Vec<Mistake>, ConfigError> {
        let (mut mistakes, mut warnings) = (self.mistakes.into_inner(), self.warnings.into_inner());
        if mistakes.is_empty() {
            warnings.sort_by_key(|warning| warning.position);
            return Ok(warnings);
        }
        mistakes.sort_by_key(|mistake| mistake.position);
        Err(ConfigError { path: self.path.to_owned(), mistakes })
    }

    fn note(&self, key: &str, span: Option<Range<usize>>, problem: Problem) -> Mistake {
        let position = span.map(|span| Position::of(self.text, span.start));
        Mistake { key: key.to_owned(), position, problem: problem.text, hint: problem.hint }
    }

    fn broken(&self, error: &Error) -> Mistake {
        let position = error.span().map(|span| Position::of(self.text, span.start));
        let mut problem = error.message().to_owned();
        if let Some(Position { line, column }) = position
            && let Some(shown) = harmless_line(self.text, line)
        {
            let indent = " ".repeat(column.saturating_sub(1));
            problem.push_str(&format!("\n  | {shown}\n  | {indent}^"));
        }
        Mistake { key: String::new(), position, problem, hint: None }
    }
}

/// The line of that number, fit to be shown: `None` when it, or the statement it continues, may hold a secret, when its
/// section may hold a key of many lines, or when it is too long to help.
fn harmless_line(text: &str, number: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().take(number).collect();
    let last = lines.get(number.checked_sub(1)?)?;
    let begins = |line: &&str| {
        let line = line.trim_start();
        line.starts_with('[') || line.split_once('=').is_some_and(|(key, _)| is_key(key.trim()))
    };
    let start = lines.iter().rposition(begins).unwrap_or(0);
    // A line of a key that ends in `=` looks as if a statement began there.
    let section = lines.iter().rposition(|line| line.trim_start().starts_with('[')).unwrap_or(0);
    if lines[section..].iter().any(|line| line.contains("dkim") || line.contains("-----BEGIN")) {
        return None;
    }
    let tells = |line: &&str| {
        let line = line.to_lowercase();
        ["secret", "password", "token", "key", "database", "://"].iter().any(|word| line.contains(word))
    };
    if lines[start..].iter().any(tells) || last.len() > 200 {
        return None;
    }
    Some(last.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| *c != '\u{feff}').collect())
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"'))
}
