//! Flow A, the main job: collect, judge, compose, render, queue. Read this first. Each part may run twice with no
//! harm: what makes an issue one of a kind is a unique key in the store.

mod ahead;
mod alerts;
mod collecting;
mod digests;
mod edits;
mod minutes;
mod pings;
mod trial;
pub mod websub;

use serde::Serialize;

pub use self::{
    pings::{PingError, look_at_pinged, look_now, ping, pinged},
    trial::{Trial, tried},
};
use crate::{app::App, domain::run::Did, newsroom::NewsroomError};

/// What one pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pass {
    /// Posts that became news.
    pub posts: usize,
    /// Alerts queued.
    pub alerts: usize,
    /// Digests queued.
    pub digests: usize,
    /// What a person should know: baselines, holds, failing feeds, skipped slots. One sentence each.
    pub notes: Vec<String>,
}

impl Pass {
    /// What it did, in numbers; `sent` is what was delivered beside it.
    pub fn did(&self, sent: u64) -> Did {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Did { posts: count(self.posts), alerts: count(self.alerts), digests: count(self.digests), sent }
    }
}

/// Settings of one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassOptions {
    /// How many posts of a feed's first look become news. Zero: all of them are the baseline.
    pub backfill: usize,
}

/// One pass over everything that is due now.
///
/// # Errors
/// When the store fails. A failing feed or a broken template is no error: it is recorded, and staff are told.
pub async fn publish_due(app: &App, options: PassOptions) -> Result<Pass, NewsroomError> {
    let mut pass = Pass::default();
    ahead::bring_back(app, &mut pass).await?;
    collecting::collect_due(app, options, &mut pass).await?;
    alerts::alerts_due(app, &mut pass).await?;
    digests::digests_due(app, &mut pass).await?;
    websub::websub_due(app).await?;
    Ok(pass)
}
