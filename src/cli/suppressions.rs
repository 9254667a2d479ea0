//! `tidings suppressions`: addresses that get nothing, and why.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::{
    open,
    output::{Output, say, table},
};
use crate::{
    app::App,
    domain::{address::EmailAddress, bounce::fit_to_show, slug::Slug, suppression::SuppressionKind},
    newsroom::{self, Lifted},
    store::suppressions::{Scope, Suppression},
};

/// Addresses that get nothing, and why.
#[derive(Debug, Subcommand)]
pub(super) enum Suppressions {
    /// The newest ones: by bounce, by complaint, by staff
    List {
        /// At most so many
        #[arg(short, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
        n: i64,
        /// Show addresses whole instead of masked
        #[arg(long)]
        reveal: bool,
    },
    /// Send an address nothing more
    Add {
        /// The address
        address: String,
        /// Only of this list; without it, of none
        #[arg(long)]
        list: Option<String>,
        /// Why, for whoever asks later
        #[arg(long, default_value = "staff said so")]
        reason: String,
    },
    /// Let an address have mail again; not one whose owner complained
    Lift {
        /// The address
        address: String,
        /// The suppression for this list; without it, the one for all lists
        #[arg(long)]
        list: Option<String>,
    },
}

#[derive(Serialize)]
struct Row {
    address: String,
    list: Option<Slug>,
    kind: SuppressionKind,
    since: jiff::Timestamp,
    reason: String,
}

impl Suppressions {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::List { n, reveal } => {
                let found = app.store.newest_suppressions(n).await?;
                let rows: Vec<Row> = found.into_iter().map(|it| row(it, reveal)).collect();
                output.print(&rows, |rows| rows_table(rows))?;
            }
            Self::Add { address, list, reason } => {
                let (address, list) = (parse(&address)?, wanted(&app, list)?);
                let scope = list.as_ref().map_or(Scope::All, Scope::List);
                if !newsroom::suppress(&app, &address, scope, &fit_to_show(&reason)).await? {
                    anyhow::bail!("{address} is suppressed already; `tidings suppressions list` says why");
                }
                say(&format!("{address} gets nothing more"))?;
            }
            Self::Lift { address, list } => {
                let (address, list) = (parse(&address)?, wanted(&app, list)?);
                let scope = list.as_ref().map_or(Scope::All, Scope::List);
                match newsroom::lift(&app, &address, scope).await? {
                    Lifted::Lifted => say(&format!("{address} can be written to again"))?,
                    Lifted::NotSuppressed => anyhow::bail!("{address} is not suppressed there"),
                    Lifted::Stays(kind) => {
                        anyhow::bail!("{address} stays suppressed ({}): that was the reader's own wish", kind.as_str())
                    }
                }
            }
        }
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

fn wanted(app: &App, list: Option<String>) -> anyhow::Result<Option<Slug>> {
    list.map(|list| open::list(app, &list)).transpose()
}

fn row(suppression: Suppression, reveal: bool) -> Row {
    let Suppression { address, list, kind, reason, made_at: since } = suppression;
    let address = if reveal { address.reveal().to_owned() } else { address.to_string() };
    Row { address, list, kind, since, reason }
}

fn rows_table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            row.address.clone(),
            row.list.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            row.kind.as_str().to_owned(),
            row.since.strftime("%Y-%m-%d").to_string(),
            row.reason.clone(),
        ]
    });
    table(&["address", "list", "kind", "since", "why"], &cells.collect::<Vec<_>>())
}

fn parse(address: &str) -> anyhow::Result<EmailAddress> {
    EmailAddress::parse(address).with_context(|| format!("cannot take `{}`", address.escape_debug()))
}
