//! `tidings issues`: the editions of each list.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::{
    open,
    output::{Output, counted, say, table},
};
use crate::{
    app::App,
    domain::{delivery::DeliveryState, issue::IssueId},
    newsroom::{self, Preview},
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
    Preview {
        /// A number or a list
        what: String,
        /// Write preview.html, preview.txt and preview.eml into this folder instead of printing the text
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
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
            Self::Preview { what, out } => preview(&app, &what, out.as_deref()).await?,
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

async fn preview(app: &App, what: &str, out: Option<&Path>) -> anyhow::Result<()> {
    let preview = match what.parse() {
        Ok(number) => newsroom::preview_issue(app, IssueId(number)).await?,
        Err(_) => newsroom::preview_digest(app, &open::list(app, what)?).await?,
    };
    let Some(folder) = out else {
        say(&format!("Subject: {}\n\n{}", preview.subject, preview.text))?;
        return Ok(());
    };
    let Preview { eml, html, text, .. } = &preview;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    for (name, bytes) in
        [("preview.eml", eml.as_slice()), ("preview.html", html.as_bytes()), ("preview.txt", text.as_bytes())]
    {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        say(&format!("{}", path.display()))?;
    }
    Ok(())
}
