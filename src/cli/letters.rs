//! `tidings letters`: mail that came in and could not be handled; list, show, retry, drop.

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    open,
    output::{Output, say, table},
};
use crate::{app::App, domain::address::EmailAddress, intake};

/// Mail that came in and could not be handled.
#[derive(Debug, Subcommand)]
pub(super) enum Letters {
    /// All of it, the newest first
    List,
    /// One letter whole, with its addresses
    Show {
        /// Its number
        number: i64,
    },
    /// Try these again
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Throw these away
    Drop {
        #[command(flatten)]
        which: Which,
    },
}

/// Which letters are meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Of this number
    number: Option<i64>,
    /// All there are
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Row {
    number: i64,
    at: jiff::Timestamp,
    to: Option<String>,
    from: Option<String>,
    size: i64,
    reason: String,
}

#[derive(Serialize)]
struct Tried {
    number: i64,
    done: String,
}

impl Letters {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::List => print_all(&app, output).await?,
            Self::Show { number } => say(&readable(&app.store.text_of_dead_letter(number).await?))?,
            Self::Retry { which } => {
                let mut tried = Vec::new();
                for number in which.numbers(&app).await? {
                    tried.push(Tried { number, done: intake::retry_letter(&app, number).await?.to_string() });
                }
                output.print(&tried, |tried| {
                    let lines = tried.iter().map(|one| format!("{}: {}", one.number, one.done));
                    lines.collect::<Vec<_>>().join("\n")
                })?;
            }
            Self::Drop { which } => {
                let numbers = which.numbers(&app).await?;
                for number in &numbers {
                    intake::drop_letter(&app, *number).await?;
                }
                output.print(&numbers.len(), |count| format!("dropped: {count}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Which {
    async fn numbers(&self, app: &App) -> anyhow::Result<Vec<i64>> {
        Ok(match self.number {
            Some(number) => vec![number],
            None => app.store.dead_letters().await?.into_iter().rev().map(|letter| letter.id).collect(),
        })
    }
}

async fn print_all(app: &App, output: Output) -> anyhow::Result<()> {
    let letters = app.store.dead_letters().await?.into_iter();
    let rows: Vec<Row> = letters
        .map(|letter| Row {
            number: letter.id,
            at: letter.at,
            to: letter.recipient.as_deref().map(masked),
            from: letter.sender.as_deref().map(masked),
            size: letter.size,
            reason: letter.reason,
        })
        .collect();
    output.print(&rows, |rows| {
        let cells = rows.iter().map(|row| {
            vec![
                row.number.to_string(),
                row.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                row.to.clone().unwrap_or_default(),
                row.from.clone().unwrap_or_default(),
                row.size.to_string(),
                row.reason.clone(),
            ]
        });
        table(&["number", "last tried", "to", "from", "octets", "why"], &cells.collect::<Vec<_>>())
    })
}

/// An address as listings show it; what is none is not shown at all, for nobody knows what it is.
fn masked(text: &str) -> String {
    match EmailAddress::parse(text) {
        Ok(address) => address.to_string(),
        Err(_) if text.is_empty() => "<>".to_owned(),
        Err(_) => "?".to_owned(),
    }
}

/// A message from outside, so that it cannot steer the terminal.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
