//! `tidings alert`: mails a statement to a list now, after a look and a confirmation.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{
    ask, open,
    output::{Output, counted},
    progress,
};
use crate::{
    deliver::{Until, tally::Counts},
    domain::{address::EmailAddress, delivery::Lane, issue::IssueKind},
    newsroom::{self, Statement},
    stop::Stop,
};

/// Mail a breaking alert to a list now.
#[derive(Debug, Args)]
pub(super) struct Alert {
    /// The list to alert
    list: String,
    /// The headline, which is also the subject
    #[arg(short, long)]
    subject: String,
    /// The statement in Markdown; `-` reads standard input
    file: PathBuf,
    /// Mail it, marked as a test, to this address alone
    #[arg(long, value_name = "ADDRESS")]
    test: Option<String>,
    /// Two alerts with the same key are one; without it the words themselves are the key
    #[arg(long)]
    key: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Report {
    issue: Option<i64>,
    readers: u64,
    delivered: Counts,
}

impl Alert {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::app(place).await?;
        let list = open::list(&app, &self.list)?;
        let markdown = read(&self.file)?;
        let statement =
            Statement { list: &list, subject: &self.subject, markdown: &markdown, key: self.key.as_deref() };
        let draft = newsroom::draft_alert(&app, &statement)?;
        // Until something is to be sent, Ctrl-C ends the program as anywhere.
        let stop = Stop::default();
        if let Some(address) = &self.test {
            let to = EmailAddress::parse(address)
                .with_context(|| format!("cannot send a test to `{}`", address.escape_debug()))?;
            stop.on_signals()?;
            newsroom::test(&app, &draft, &to).await?;
            let delivered = progress::deliver(&app, Until::Idle(Lane::Notice), &stop).await?;
            return finish(output, Report { issue: None, readers: 1, delivered });
        }
        let readers = app.store.count_readers(&list, IssueKind::Alert).await?;
        if !self.yes {
            let title = newsroom::title_of(&app, &list);
            eprintln!("{}\n", newsroom::preview(&app, &draft)?.text.trim_end());
            if !ask::to_send(list.as_str(), title, readers)? {
                eprintln!("Nothing was sent.");
                return Ok(ExitCode::FAILURE);
            }
        }
        stop.on_signals()?;
        let queued = newsroom::alert(&app, &draft).await?;
        let delivered = progress::deliver(&app, Until::Idle(Lane::Alert), &stop).await?;
        app.store.close().await;
        finish(output, Report { issue: Some(queued.issue.0), readers: queued.readers, delivered })
    }
}

fn finish(output: Output, report: Report) -> anyhow::Result<ExitCode> {
    // A test that was not taken is no success; of an alert, some are always refused.
    let test_refused = report.issue.is_none() && report.delivered.sent == 0;
    let failed = report.delivered.trouble.is_some() || test_refused;
    let code = if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    output.print(&report, text)?;
    Ok(code)
}

fn text(report: &Report) -> String {
    let what = match report.issue {
        Some(issue) => format!("issue {issue} to {}", counted(report.readers, "reader")),
        None => "a test to one address, to no list".to_owned(),
    };
    let line = format!("{what}; {}", progress::summary(&report.delivered));
    match &report.delivered.trouble {
        Some(trouble) => format!("{trouble}; what waits is tried again by `tidings run` or `tidings serve`\n{line}"),
        None => line,
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the statement from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read the statement `{}`", file.display()))
}
