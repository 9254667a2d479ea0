//! Runs, as a program sees them: what each pass did, and its lines of the ledger. They are about all lists at once, so that
//! only a token for every list may see them.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::Site,
    admitted::Admitted,
    asked::{Asks, Page, Paging, Part, asks, part},
    problem::Problem,
};
use crate::{
    domain::{access::Scope, run::RunId},
    store::runs::StoredRun,
};

/// One pass over all that was due.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(super) struct RunShown {
    /// Its number.
    id: i64,
    /// `run`: by `tidings run`. `serve`: by the daemon.
    kind: &'static str,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    began_at: Timestamp,
    /// When it ended; none: it is under way, or was killed.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Posts that became news.
    posts: u64,
    /// Alerts queued.
    alerts: u64,
    /// Digests queued.
    digests: u64,
    /// Messages sent; none of the daemon's, which sends beside its runs.
    sent: u64,
    /// What kept it from doing all of it.
    trouble: Option<String>,
}

/// A run, with what the ledger says of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunWithLines)]
pub(super) struct WithLines {
    #[serde(flatten)]
    run: RunShown,
    /// The lines, the oldest first.
    lines: Vec<Line>,
}

/// A line of the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerLine)]
pub(super) struct Line {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What it is about, such as `feed:site`.
    about: String,
    /// One word: `queued`, `held`, `skipped` …
    event: String,
    /// Why.
    reason: String,
}

/// Runs, the newest first.
#[utoipa::path(get, path = "/runs", operation_id = "runs", tag = "runs", security(("token" = ["runs:read"])),
    params(Paging), responses((status = 200, description = "A page.", body = Page<RunShown>)))]
pub(super) async fn all(
    State(site): State<Site>,
    admitted: Admitted,
    paging: Asks<Paging>,
) -> Result<Json<Page<RunShown>>, Problem> {
    admitted.needs(Scope::RunsRead)?;
    admitted.needs_every_list()?;
    let paging = asks(paging)?;
    let before = paging.after("runs")?.map(RunId);
    let found = site.app.store.runs_before(before, paging.limit()?).await?;
    Ok(Json(paging.page("runs", found, |run| run.id.0, shown)?))
}

/// One run.
#[utoipa::path(get, path = "/runs/{run}", operation_id = "run", tag = "runs", security(("token" = ["runs:read"])),
    params(("run" = i64, Path, description = "Its number.")),
    responses((status = 200, description = "The run.", body = WithLines)))]
pub(super) async fn one(
    State(site): State<Site>,
    admitted: Admitted,
    id: Part<i64>,
) -> Result<Json<WithLines>, Problem> {
    admitted.needs(Scope::RunsRead)?;
    admitted.needs_every_list()?;
    let run = site.app.store.run(RunId(part(id)?)).await?;
    let lines = site.app.store.entries_of(run.id).await?.into_iter();
    let lines = lines.map(|it| Line { at: it.at, about: it.about, event: it.event, reason: it.reason }).collect();
    Ok(Json(WithLines { run: shown(run), lines }))
}

fn shown(run: StoredRun) -> RunShown {
    RunShown {
        id: run.id.0,
        kind: run.kind.as_str(),
        began_at: run.began_at,
        ended_at: run.ended_at,
        posts: run.did.posts,
        alerts: run.did.alerts,
        digests: run.did.digests,
        sent: run.did.sent,
        trouble: run.trouble,
    }
}
