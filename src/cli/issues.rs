//! `tidings issues`: the editions of each list, and what staff do with one.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    follow_ups::{Correct, Retract},
    open,
    output::{Output, counted, table},
    preview::Look,
    sending,
};
use crate::{
    app::App,
    domain::{
        delivery::DeliveryState,
        issue::{IssueId, IssueKind},
    },
    newsroom::{self, By, Placed, Seen},
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
    /// Stop an issue that is being sent or in its window, until it is released
    Hold {
        /// Its number
        issue: i64,
        /// Why, for the ledger
        #[arg(long, default_value = "held")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Mail a held issue after all; of an alert you are shown first what that would do
    Release {
        /// Its number
        issue: i64,
        #[command(flatten)]
        who: Who,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let an alert go that another wants out: the second person of [staff]
    Approve {
        /// Its number
        issue: i64,
        /// Who you are: an address of `notify` in [staff], or of the desk
        #[arg(long, value_name = "ADDRESS")]
        by: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give an issue up: what was not sent will not be
    Cancel {
        /// Its number
        issue: i64,
        /// Why, for the ledger
        #[arg(long, default_value = "cancelled")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Correct an issue: stop what of it was not sent, and mail what is right to exactly those who were mailed it
    Correct(Correct),
    /// Withdraw an issue: stop what of it was not sent, and mail those who were mailed it that it is withdrawn
    Retract(Retract),
}

/// Who does it.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// Who you are: an address of `notify` in [staff], or of the desk; without it, this machine's name for you
    #[arg(long, value_name = "ADDRESS")]
    by: Option<String>,
}

#[derive(Serialize)]
struct Whole {
    issue: StoredIssue,
    deliveries: BTreeMap<DeliveryState, u64>,
    ledger: Vec<Entry>,
}

impl Issues {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
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
            Self::Hold { issue, reason, who } => {
                let by = sending::by(&app, who.by.as_deref()).await?;
                let parked = newsroom::hold(&app, IssueId(issue), &reason, &by).await?;
                output.print(&parked, |count| format!("issue {issue} is held; {} wait", counted(*count, "message")))?;
            }
            Self::Release { issue, who, yes } => {
                let by = sending::by(&app, who.by.as_deref()).await?;
                let seen = if yes { Some(Seen::Now) } else { confirmed(&app, IssueId(issue), &by).await? };
                let Some(seen) = seen else { return Ok(ExitCode::FAILURE) };
                let placed = newsroom::release(&app, IssueId(issue), &by, seen).await?;
                let readers = match placed {
                    Placed::Queued(queued) => Some(queued.readers),
                    Placed::Waits(_) => None,
                };
                output.print(&readers, |readers| released(issue, *readers))?;
            }
            Self::Approve { issue, by, yes } => {
                let by = sending::by(&app, Some(&by)).await?;
                let seen = if yes { Some(Seen::Now) } else { confirmed(&app, IssueId(issue), &by).await? };
                let Some(seen) = seen else { return Ok(ExitCode::FAILURE) };
                let queued = newsroom::approve(&app, IssueId(issue), &by, seen).await?;
                output.print(&queued.readers, |readers| released(issue, Some(*readers)))?;
            }
            Self::Cancel { issue, reason, who } => {
                let by = sending::by(&app, who.by.as_deref()).await?;
                let dropped = newsroom::cancel(&app, IssueId(issue), &reason, &by).await?;
                output.print(&dropped, |count| {
                    format!("issue {issue} is cancelled; {} dropped", counted(*count, "message"))
                })?;
            }
            Self::Correct(correct) => return correct.run(&app, output).await,
            Self::Retract(retract) => return retract.run(&app, output).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows what letting an alert go would do, and asks. Digests go as they would have gone by themselves.
/// Gives what was seen then; `None` when it is not to go.
async fn confirmed(app: &App, issue: IssueId, by: &By) -> anyhow::Result<Option<Seen>> {
    let plan = newsroom::plan_release(app, issue, by).await?;
    let is_confirmed = match plan.kind {
        IssueKind::Digest => true,
        IssueKind::Alert | IssueKind::Drill => sending::confirmed(&plan, &newsroom::preview_issue(app, issue).await?)?,
    };
    Ok(is_confirmed.then_some(plan.seen))
}

fn released(issue: i64, readers: Option<u64>) -> String {
    match readers {
        Some(readers) => {
            format!("issue {issue} is queued to {}; `tidings run` or `serve` mails it", counted(readers, "reader"))
        }
        None => format!("issue {issue} waits for a second person, who was sent a link"),
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
    if let Some(first) = issue.corrects {
        lines.push(format!("  follows issue {}", first.0));
    }
    if let Some(at) = issue.goes_at.filter(|at| issue.queued_at != Some(*at)) {
        lines.push(format!("  goes at {at:.0}"));
    }
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
