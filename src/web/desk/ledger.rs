//! Lines of the ledger about one thing, as pages of the desk show them: the newest first.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::today::shown;
use crate::{
    app::App,
    store::{StoreError, ledger::Entry},
};

/// A line.
#[derive(Serialize)]
pub(super) struct Line {
    at: String,
    event: String,
    reason: String,
}

/// The last so many lines about something such as `feed:site`, the newest first.
pub(super) async fn lines_about(app: &App, about: &str, count: i64) -> Result<Vec<Line>, StoreError> {
    let lines = app.store.entries_about(about, count).await?.into_iter().rev();
    let line = |entry: Entry| Line { at: shown(entry.at, &TimeZone::UTC), event: entry.event, reason: entry.reason };
    Ok(lines.map(line).collect())
}
