//! `tidings issues`: the editions of each list.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use clap::Subcommand;
use serde::Serialize;

use super::{
    open,
    output::{Output, counted, table},
    preview::Look,
};
use crate::{
    domain::{delivery::DeliveryState, issue::IssueId},
    newsroom,
    store::{issues::StoredIssue, ledger::Entry},
};

/// The editions of each list.
#[derive(Debug, Subcommand)]
pub(super) enum Issues {
    /// The newest issues
    List {
        /// At most so many
        #[arg(short, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..))]
        n: i64,
    },
    /// One issue: how it came to be and how it fared
    Show {
        /// Its number
        issue: i64,
    },
    /// The mail as readers get it: of an issue by its number, or of a list's next digest by the list's name
    Preview(Look),
    /// Stop an issue that is being sent, until it is released
    Hold {
        /// Its number
        issue: i64,
        /// Why, for the ledger
        #[arg(long, default_value = "held by staff")]
        reason: String,
    },
    /// Mail a held issue after all
    Release {
        /// Its number
        issue: i64,
    },
    /// Give an issue up: what was not sent will not be
    Cancel {
        /// Its number
        issue: i64,
        /// Why, for the ledger
        #[arg(long, default_value = "cancelled by staff")]
        reason: String,
    },
}

#[derive(Serialize)]
struct Whole {
    issue: StoredIssue,
    deliveries: BTreeMap<DeliveryState, u64>,
    ledger: Vec<Entry>,
}

impl Issues {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::app(place).await?;
        match self {
            Self::List { n } => output.print(&app.store.newest_issues(n).await?, |issues| rows(issues))?,
            Self::Show { issue } => {
                let whole = Whole {
                    issue: app.store.issue(IssueId(issue)).await?,
                    deliveries: app.store.states_of_issue(IssueId(issue)).await?,
                    ledger: app.store.entries_about(&format!("issue:{issue}"), 100).await?,
                };
                output.print(&whole, show)?;
            }
            Self::Preview(look) => look.run(&app).await?,
            Self::Hold { issue, reason } => {
                let parked = newsroom::hold(&app, IssueId(issue), &reason).await?;
                output.print(&parked, |count| format!("issue {issue} is held; {} wait", counted(*count, "message")))?;
            }
            Self::Release { issue } => {
                let queued = newsroom::release(&app, IssueId(issue)).await?;
                output.print(&queued.readers, |count| {
                    format!(
                        "issue {issue} is queued to {}; `tidings run` or `serve` mails it",
                        counted(*count, "reader")
                    )
                })?;
            }
            Self::Cancel { issue, reason } => {
                let dropped = newsroom::cancel(&app, IssueId(issue), &reason).await?;
                output.print(&dropped, |count| {
                    format!("issue {issue} is cancelled; {} dropped", counted(*count, "message"))
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(issues: &[StoredIssue]) -> String {
    let cells = issues.iter().map(|issue| {
        vec![
            issue.id.0.to_string(),
            issue.list.to_string(),
            issue.kind.as_str().to_owned(),
            issue.state.as_str().to_owned(),
            issue.readers.to_string(),
            issue.made_at.strftime("%Y-%m-%d %H:%MZ").to_string(),
            issue.subject.clone(),
        ]
    });
    table(&["issue", "list", "kind", "state", "readers", "made", "subject"], &cells.collect::<Vec<_>>())
}

fn show(whole: &Whole) -> String {
    let issue = &whole.issue;
    let mut lines = vec![
        format!("issue {}, {} of `{}`: {}", issue.id.0, issue.kind.as_str(), issue.list, issue.subject),
        format!("  {} {}", issue.state.as_str(), issue.state_reason).trim_end().to_owned(),
    ];
    if !whole.deliveries.is_empty() {
        let states = whole.deliveries.iter().map(|(state, count)| format!("{} {count}", state.as_str()));
        lines.push(format!("  {}", states.collect::<Vec<_>>().join(", ")));
    }
    lines.push(String::new());
    lines.extend(
        whole
            .ledger
            .iter()
            .map(|entry| format!("  {}  {}: {}", entry.at.strftime("%Y-%m-%d %H:%M:%SZ"), entry.event, entry.reason)),
    );
    lines.join("\n")
}
