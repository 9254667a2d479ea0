//! What listings look like: aligned columns for people, JSON for programs; and where log lines go.

use std::io::{IsTerminal, Write};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

pub(super) use crate::domain::number::counted;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Prints `value` as JSON, or what `text` makes of it.
    pub(super) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self {
            Self::Json => say(&serde_json::to_string_pretty(value)?),
            Self::Text => say(text(value).trim_end()),
        }
    }
}

/// Prints a line, or several.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        // Whoever reads us has read enough (`tidings … | head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Rows under their heads, in columns two spaces apart. Columns whose cells are all numbers stand right.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let right: Vec<bool> = (0..heads.len())
        .map(|column| !rows.is_empty() && rows.iter().all(|row| row[column].chars().all(|c| c.is_ascii_digit())))
        .collect();
    let line = |cells: Vec<&str>| {
        let padded =
            cells.iter().zip(&widths).zip(&right).map(|((cell, &width), &right)| {
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
        format!("  {}", padded.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![line(heads.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

/// Log lines go to standard error: a daemon tells what it does, a command only what goes wrong. `RUST_LOG` overrides.
pub(super) fn begin_logging(daemon: bool) {
    let usual = if daemon { "info,sqlx=warn" } else { "error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_numbers_stand_right() {
        let rows = [vec!["news".into(), "7".into(), "x".into()], vec!["a".into(), "1204".into(), String::new()]];
        assert_eq!(
            table(&["list", "readers", "note"], &rows),
            "  list  readers  note\n  news        7  x\n  a        1204"
        );
    }
}
