//! `tidings run`: one pass, for cron. It may be started every minute, twice at once, and be killed.

use std::{path::Path, process::ExitCode, time::Duration};

use clap::Args;
use serde::Serialize;
use tokio::{sync::oneshot, time::timeout};

use super::{
    open,
    output::{Output, counted},
    progress,
};
use crate::{
    access,
    app::App,
    deliver::{Until, tally::Counts},
    domain::{
        delivery::Lane,
        run::{Did, RunKind},
    },
    intake, newsroom,
    publish::{self, Pass, PassOptions},
    staff,
    stop::Stop,
    subscribe, webhooks,
};

/// One pass, for cron: collect, publish what is due, deliver until idle, exit.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// On the first look at a feed, let its newest N posts be news instead of none
    #[arg(long, value_name = "N", default_value_t = 0)]
    backfill: usize,
}

/// How long a pass waits for mail that comes in before it does the rest.
const A_LOOK: Duration = Duration::from_secs(5);

/// What one pass and its delivery did.
#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) pass: Pass,
    pub(super) delivered: Counts,
}

impl Run {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::app(place).await?;
        let stop = Stop::default();
        stop.on_signals()?;
        let report = once(&app, PassOptions { backfill: self.backfill }, &stop).await?;
        app.store.close().await;
        let code = if report.delivered.trouble.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        output.print(&report, text)?;
        Ok(code)
    }
}

/// One run, written down with what it came to: see [`whole`].
pub(super) async fn once(app: &App, options: PassOptions, stop: &Stop) -> anyhow::Result<Report> {
    let app = &app.in_run(app.store.run_number().await?, RunKind::Run);
    app.store.begin_run().await?;
    let report = whole(app, options, stop).await;
    let (did, trouble) = match &report {
        Ok(report) => (report.pass.did(report.delivered.sent), report.delivered.trouble.clone()),
        Err(error) => (Did::default(), Some(format!("{error:#}"))),
    };
    let ended = app.store.end_run(did, trouble.as_deref(), app.clock.now()).await;
    // What went wrong first is what matters.
    let report = report?;
    ended?;
    Ok(report)
}

/// One pass: mail that came in is taken, the subscribers' files are read, what is due is published, and delivered until
/// nothing is left to do.
async fn whole(app: &App, options: PassOptions, stop: &Stop) -> anyhow::Result<Report> {
    let (looked, has_looked) = oneshot::channel();
    let looking = async {
        let troubles = intake::doors::look(app).await;
        // Nobody waits for it any more when it took too long.
        let _ = looked.send(());
        troubles
    };
    let passing = async {
        // What letters ask for is answered by the same pass, but a mailbox that does not answer keeps no alert waiting.
        let _ = timeout(A_LOOK, has_looked).await;
        pass(app, options, stop).await
    };
    let (troubles, report) = tokio::join!(looking, passing);
    let mut report = report?;
    report.pass.notes.extend(troubles.into_iter().map(|error| format!("{:#}", anyhow::Error::from(error))));
    Ok(report)
}

async fn pass(app: &App, options: PassOptions, stop: &Stop) -> anyhow::Result<Report> {
    let forgotten = intake::forget_old_letters(app).await.and(subscribe::forget_old_requests(app).await);
    let forgotten = forgotten.and(subscribe::forget_old_notices(app).await).and(staff::forget_old_sessions(app).await);
    let forgotten = forgotten.and(app.store.forget_relay_minutes(app.clock.now()).await);
    let forgotten = forgotten.and(access::forget_old_answers(app).await);
    // What came back since the last run is judged before anything more is queued.
    let judged = intake::bounces::judge_bounces(app).await;
    let published = publish(app, options).await;
    let answered = subscribe::answer_requests(app).await;
    // Alarms and reports that a run before this one left behind go out with this delivery.
    let told = newsroom::tell_alarms(app).await.and(newsroom::aftercare_due(app).await);
    // What is queued goes out whatever kept us from queueing more.
    let delivered = progress::deliver(app, Until::Idle(Lane::Digest), stop).await;
    let judged = judged.and(intake::bounces::judge_bounces(app).await);
    let told = told.and(newsroom::tell_alarms(app).await).and(newsroom::aftercare_due(app).await);
    // Last, for nobody's mail may wait for it.
    let called = webhooks::note_events(app).await.and(webhooks::call_all(app).await);
    let report = Report { pass: published?, delivered: delivered? };
    told?;
    judged?;
    forgotten?;
    answered?;
    called?;
    Ok(report)
}

async fn publish(app: &App, options: PassOptions) -> anyhow::Result<Pass> {
    let mut notes = Vec::new();
    for file in subscribe::sync_files(app).await? {
        match file {
            Err(error) => notes.push(format!("{:#}", anyhow::Error::from(error))),
            Ok(synced) => {
                let done = synced.imported;
                notes.push(format!("list `{}`: {} joined from its file", synced.list, done.joined));
                notes.extend(done.bad.into_iter().map(|bad| format!("subscribers/{}.csv: {bad}", synced.list)));
            }
        }
    }
    let mut pass = publish::publish_due(app, options).await?;
    pass.notes.splice(0..0, notes);
    Ok(pass)
}

/// The report for people; its last line says what was done.
pub(super) fn text(report: &Report) -> String {
    let Report { pass, delivered } = report;
    let mut lines = pass.notes.clone();
    if let Some(trouble) = &delivered.trouble {
        lines.push(format!("{trouble}; what waits is tried again by the next run"));
    }
    lines.push(format!(
        "collected {}, {}, {}; {}",
        counted(pass.posts as u64, "post"),
        counted(pass.alerts as u64, "alert"),
        counted(pass.digests as u64, "digest"),
        progress::summary(delivered)
    ));
    lines.join("\n")
}
