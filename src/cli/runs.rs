//! `tidings runs`: what each run did, skipped, held and refused, and why.

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde::Serialize;

use super::{
    open,
    output::{Output, counted, table},
};
use crate::{
    domain::run::RunId,
    store::{ledger::Entry, runs::StoredRun},
};

/// What each run did, skipped and held, with reasons.
#[derive(Debug, Args)]
pub(super) struct Runs {
    /// The number of one run, to see all of it
    number: Option<i64>,
    /// At most so many
    #[arg(short, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..))]
    n: i64,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    run: StoredRun,
    ledger: Vec<Entry>,
}

impl Runs {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::app(place).await?;
        match self.number {
            None => output.print(&app.store.newest_runs(self.n).await?, |runs| rows(runs))?,
            Some(number) => {
                let (run, ledger) = (app.store.run(RunId(number)).await?, app.store.entries_of(RunId(number)).await?);
                output.print(&Whole { run, ledger }, show)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(runs: &[StoredRun]) -> String {
    let cells = runs.iter().map(|run| {
        vec![
            run.id.0.to_string(),
            run.kind.as_str().to_owned(),
            run.began_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            run.did.posts.to_string(),
            run.did.alerts.to_string(),
            run.did.digests.to_string(),
            run.did.sent.to_string(),
            end(run),
        ]
    });
    table(&["run", "by", "began", "posts", "alerts", "digests", "sent", "end"], &cells.collect::<Vec<_>>())
}

/// How it ended, in a few words.
fn end(run: &StoredRun) -> String {
    match (&run.trouble, run.ended_at) {
        (Some(trouble), _) => trouble.clone(),
        (None, Some(ended_at)) => format!("well, after {} s", ended_at.duration_since(run.began_at).as_secs()),
        (None, None) => "under way, or killed".to_owned(),
    }
}

fn show(whole: &Whole) -> String {
    let Whole { run, ledger } = whole;
    let mut lines = vec![
        format!("run {}, by `tidings {}`, began at {}", run.id.0, run.kind.as_str(), run.began_at),
        format!(
            "  collected {}, {}, {}; sent {}; {}",
            counted(run.did.posts, "post"),
            counted(run.did.alerts, "alert"),
            counted(run.did.digests, "digest"),
            run.did.sent,
            end(run)
        ),
        String::new(),
    ];
    lines.extend(ledger.iter().map(|Entry { at, about, event, reason, .. }| {
        format!("  {}  {about}  {event}: {reason}", at.strftime("%H:%M:%SZ"))
    }));
    lines.join("\n").trim_end().to_owned()
}
