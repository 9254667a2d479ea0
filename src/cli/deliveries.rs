//! `tidings deliveries`: who got what; retry, drop.

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    open,
    output::{Output, table},
};
use crate::{
    domain::{address::EmailAddress, delivery::DeliveryState, issue::IssueId},
    store::deliveries::Filter,
};

/// Who got what.
#[derive(Debug, Subcommand)]
pub(super) enum Deliveries {
    /// The deliveries that changed last
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(short, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
        n: i64,
    },
    /// Try these again at once; what was sent stays sent
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Give these up, if they are not settled yet
    Drop {
        #[command(flatten)]
        which: Which,
    },
}

/// Which deliveries are meant: those that fit all that is given.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Of this issue
    #[arg(long, value_name = "NUMBER")]
    issue: Option<i64>,
    /// In this state: queued sending sent deferred bounced unknown expired dropped
    #[arg(long, value_parser = state)]
    state: Option<DeliveryState>,
    /// To this address
    #[arg(long)]
    address: Option<String>,
}

#[derive(Serialize)]
struct Row {
    mailing: i64,
    subject: String,
    address: String,
    state: DeliveryState,
    attempts: i64,
    try_at: Option<jiff::Timestamp>,
    changed_at: jiff::Timestamp,
    answer: Option<String>,
}

impl Deliveries {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        let now = app.clock.now();
        match self {
            Self::List { which, n } => {
                let deliveries = app.store.deliveries(&which.filter()?, n).await?;
                let rows: Vec<Row> = deliveries
                    .into_iter()
                    .map(|it| Row {
                        mailing: it.mailing.0,
                        subject: it.subject,
                        address: it.address.to_string(),
                        state: it.state,
                        attempts: it.attempts,
                        try_at: it.try_at,
                        changed_at: it.changed_at,
                        answer: it.answer,
                    })
                    .collect();
                output.print(&rows, |rows| {
                    let cells = rows.iter().map(|row| {
                        vec![
                            row.address.clone(),
                            row.state.as_str().to_owned(),
                            row.attempts.to_string(),
                            row.changed_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                            row.subject.clone(),
                            row.answer.clone().unwrap_or_default(),
                        ]
                    });
                    table(&["address", "state", "attempts", "changed", "subject", "answer"], &cells.collect::<Vec<_>>())
                })?;
            }
            Self::Retry { which } => {
                let retried = app.store.retry_deliveries(&which.needed()?, now).await?;
                output.print(&retried, |count| format!("due again at once: {count}"))?;
            }
            Self::Drop { which } => {
                let dropped = app.store.drop_deliveries(&which.needed()?, now).await?;
                output.print(&dropped, |count| format!("dropped: {count}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Which {
    fn filter(&self) -> anyhow::Result<Filter> {
        Ok(Filter {
            issue: self.issue.map(IssueId),
            state: self.state,
            address: self.address.as_deref().map(EmailAddress::parse).transpose()?,
        })
    }

    /// A change of all deliveries there are is never meant.
    fn needed(&self) -> anyhow::Result<Filter> {
        if self.issue.is_none() && self.state.is_none() && self.address.is_none() {
            anyhow::bail!("say which deliveries: --issue, --state or --address");
        }
        self.filter()
    }
}

fn state(word: &str) -> Result<DeliveryState, String> {
    DeliveryState::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = DeliveryState::ALL.into_iter().map(DeliveryState::as_str).collect();
        format!("expected one of {}", words.join(", "))
    })
}
