//! What `tidings alert` and the follow-ups of `tidings issues` have in common: show what sending would do, ask, send, wait
//! in the window, deliver.

use std::{io::Read, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use tokio::time::sleep;

use super::{
    alert, ask, open,
    output::{Output, counted},
    progress,
};
use crate::{
    app::App,
    deliver::{Until, tally::Counts},
    domain::{
        address::EmailAddress,
        delivery::Lane,
        issue::{Draft, IssueKind, IssueState},
        span,
    },
    newsroom::{self, By, Placed, Plan, Preview, Sending},
    queue::Queued,
    stop::{Ask, Stop},
};

/// How often somebody who waits in the window looks whether it was stopped by another.
const LOOK: Duration = Duration::from_millis(500);

/// How it is sent.
#[derive(Debug, Args)]
pub(super) struct SendOptions {
    /// Wait so long before it goes (90s, 2m, 1h): meanwhile staff, who are told at once, can stop it, and Ctrl-C does
    #[arg(long, value_name = "TIME", value_parser = alert::hold)]
    pub(super) hold: Option<SignedDuration>,
    /// Show what sending it would do, and the mail; send nothing
    #[arg(long)]
    pub(super) preview: bool,
    /// Who you are: an address of `notify` in [staff], or of the desk; without it, this machine's name for you
    #[arg(long, value_name = "ADDRESS")]
    pub(super) by: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
}

/// Something that is about to be sent.
pub(super) struct Outgoing<'a> {
    pub(super) draft: &'a Draft,
    pub(super) sending: Sending<'a>,
    pub(super) options: &'a SendOptions,
}

/// What became of it.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) issue: Option<i64>,
    /// None: a test.
    pub(super) kind: Option<IssueKind>,
    pub(super) readers: u64,
    /// It waits for a second person.
    pub(super) waits: bool,
    pub(super) delivered: Counts,
}

impl Outgoing<'_> {
    /// Sends it, or only shows it.
    pub(super) async fn run(&self, app: &App, output: Output) -> anyhow::Result<ExitCode> {
        if self.options.preview { self.preview(app, output).await } else { self.send(app, output).await }
    }

    /// Shows what sending would do, and does nothing.
    async fn preview(&self, app: &App, output: Output) -> anyhow::Result<ExitCode> {
        let plan = newsroom::plan(app, self.draft, &self.sending).await?;
        let mail = newsroom::preview(app, self.draft).await?;
        let withdrawal = newsroom::preview_withdrawal(app, self.draft).await?;
        output.print(&plan, |plan| {
            let mut text = format!("{}\n\n{}\n", table(plan), mail.text.trim_end());
            if let Some(withdrawal) = &withdrawal {
                text.push_str(&format!("\nReady, should it have to be withdrawn:\n\n{}\n", withdrawal.text.trim_end()));
            }
            format!("{text}\nNothing was sent.")
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// Asks, sends, waits in the window, and delivers.
    async fn send(&self, app: &App, output: Output) -> anyhow::Result<ExitCode> {
        if !self.options.yes {
            let plan = newsroom::plan(app, self.draft, &self.sending).await?;
            if !confirmed(&plan, &newsroom::preview(app, self.draft).await?)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        // Until something is to be sent, Ctrl-C ends the program as anywhere.
        let stop = Stop::default();
        stop.on_signals()?;
        let placed = newsroom::send(app, self.draft, &self.sending).await?;
        let kind = Some(self.draft.kind());
        let report = match placed {
            Placed::Waits(issue) => {
                let delivered = progress::deliver(app, Until::Idle(Lane::Notice), &stop).await?;
                Report { issue: Some(issue.0), kind, readers: 0, waits: true, delivered }
            }
            Placed::Queued(queued) => {
                if !self.window_passed(app, queued, &stop).await? {
                    return Ok(ExitCode::FAILURE);
                }
                let delivered = progress::deliver(app, Until::Idle(Lane::Alert), &stop).await?;
                Report { issue: Some(queued.issue.0), kind, readers: queued.readers, waits: false, delivered }
            }
        };
        newsroom::aftercare_due(app).await?;
        progress::deliver(app, Until::Idle(Lane::Notice), &stop).await?;
        app.store.close().await;
        finish(output, report)
    }

    /// Waits until the window has passed; `false` when it was stopped in it. Should this program be killed meanwhile, the
    /// issue goes all the same, by the next run or the daemon.
    async fn window_passed(&self, app: &App, queued: Queued, stop: &Stop) -> anyhow::Result<bool> {
        let left = || queued.goes_at.duration_since(app.clock.now());
        if !left().is_positive() {
            return Ok(true);
        }
        // Staff are told first.
        progress::deliver(app, Until::Idle(Lane::Notice), stop).await?;
        eprintln!("Issue {} goes in {}. Ctrl-C stops it.", queued.issue.0, span::written(self.sending.window));
        while left().is_positive() {
            if stop.is_asked() {
                newsroom::hold(app, queued.issue, "stopped in its window", self.sending.by).await?;
                progress::deliver(app, Until::Idle(Lane::Notice), &Stop::default()).await?;
            }
            let issue = app.store.issue(queued.issue).await?;
            if issue.state != IssueState::Queued {
                eprintln!("It is {} and nothing was sent: {}", issue.state.as_str(), issue.state_reason);
                eprintln!("tidings issues release {0} lets it go, tidings issues cancel {0} gives it up.", issue.id.0);
                return Ok(false);
            }
            let wait = Duration::try_from(left()).unwrap_or_default().min(LOOK);
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.asked(Ask::Finish) => {}
            }
        }
        Ok(true)
    }
}

/// Shows what is planned and the mail, and asks.
pub(super) fn confirmed(plan: &Plan, mail: &Preview) -> anyhow::Result<bool> {
    eprintln!("{}\n\n{}\n", table(plan), mail.text.trim_end());
    let agreed = ask::to_send(plan)?;
    if !agreed {
        eprintln!("Nothing was sent.");
    }
    Ok(agreed)
}

/// Who is at the machine: the one of staff who is named, else the system's user.
pub(super) async fn by(app: &App, address: Option<&str>) -> anyhow::Result<By> {
    let Some(address) = address else {
        return Ok(By::Machine(open::user()));
    };
    let named = EmailAddress::parse(address).with_context(|| format!("`{}` is no address", address.escape_debug()))?;
    Ok(By::staff(app, &named).await?)
}

/// What a plan comes to, line by line.
fn table(plan: &Plan) -> String {
    let goes = match plan.window {
        SignedDuration::ZERO => "at once".to_owned(),
        _ => format!("in {}, unless somebody stops it", span::written(plan.window)),
    };
    let mut lines = vec![
        ask::banner(plan.kind).to_string(),
        format!("  subject     {}", plan.subject),
        format!("  to          {}", plan.whom),
        format!("  goes        {goes}"),
    ];
    if plan.needs_second_person {
        lines.push("  approval    a second person of staff must approve it first".to_owned());
    }
    if let Some(at) = plan.expires_at {
        lines.push(format!("  expires     {at:.0}: later, what was not sent is not sent any more"));
    }
    if let Some(withdrawal) = &plan.withdrawal {
        lines.push(format!("  withdrawal  ready: “{withdrawal}”"));
    }
    if plan.kind == IssueKind::Drill {
        lines.push("  withdrawal  a drill needs none".to_owned());
    }
    lines.join("\n")
}

pub(super) fn finish(output: Output, report: Report) -> anyhow::Result<ExitCode> {
    // A test that was not taken is no success; of an alert, some are always refused.
    let test_refused = report.issue.is_none() && report.delivered.sent == 0;
    let failed = report.delivered.trouble.is_some() || test_refused;
    let code = if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    output.print(&report, text)?;
    Ok(code)
}

fn text(report: &Report) -> String {
    let what = match report.issue {
        Some(issue) if report.waits => {
            return format!(
                "issue {issue} waits for a second person, who was sent a link; nothing has gone to readers"
            );
        }
        Some(issue) if report.kind == Some(IssueKind::Drill) => {
            format!("drill, issue {issue}, to {} of staff and to no reader", report.readers)
        }
        Some(issue) => format!("issue {issue} to {}", counted(report.readers, "reader")),
        None => "a test to one address, to no list".to_owned(),
    };
    let line = format!("{what}; {}", progress::summary(&report.delivered));
    match &report.delivered.trouble {
        Some(trouble) => format!("{trouble}; what waits is tried again by `tidings run` or `tidings serve`\n{line}"),
        None => line,
    }
}

pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the statement from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read the statement `{}`", file.display()))
}
