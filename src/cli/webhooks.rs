//! `tidings webhooks`: the house's own systems that are told of what happens; list, test, retry.

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use serde::Serialize;

use super::{
    open,
    output::{Output, counted, say, table},
};
use crate::{app::App, domain::webhook::EventKind, store::webhooks::Standing, webhooks};

/// The systems that are told of what happens.
#[derive(Debug, Subcommand)]
pub(super) enum Webhooks {
    /// All of them, and how far each has been told
    List,
    /// Tell one that this is a try, now
    Test {
        /// Its name
        name: String,
    },
    /// Tell one again what it did not take, also what was given up
    Retry {
        /// Its name
        name: String,
    },
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// The path may hold a secret.
    host: String,
    events: Vec<&'static str>,
    #[serde(flatten)]
    standing: Standing,
}

impl Webhooks {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::List => print_all(&app, output).await?,
            Self::Test { name } => {
                webhooks::try_out(&app, &name).await?;
                say("taken")?;
            }
            Self::Retry { name } => {
                let webhook = webhooks::found(&app, &name)?;
                let count = app.store.retry_calls(&webhook.name, app.clock.now()).await?;
                output.print(&count, |count| format!("to be told again: {}", counted(*count, "event")))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn print_all(app: &App, output: Output) -> anyhow::Result<()> {
    let standings = app.store.standings_of_webhooks().await?;
    let rows = app.config.webhooks.iter().map(|webhook| Row {
        name: webhook.name.to_string(),
        host: webhook.url.host_str().unwrap_or_default().to_owned(),
        events: webhook.events.iter().copied().map(EventKind::as_str).collect(),
        standing: standings.get(webhook.name.as_str()).cloned().unwrap_or_default(),
    });
    output.print(&rows.collect::<Vec<_>>(), |rows| {
        let cells = rows.iter().map(|row| {
            let Standing { done, waiting, given_up, answer, .. } = &row.standing;
            vec![
                row.name.clone(),
                row.host.clone(),
                row.events.join(" "),
                done.to_string(),
                waiting.to_string(),
                given_up.to_string(),
                answer.clone().unwrap_or_default(),
            ]
        });
        table(&["name", "host", "events", "taken", "waiting", "given up", "why not"], &cells.collect::<Vec<_>>())
    })
}
