//! What would become of the posts of a feed if they came now. Posts come in; each goes out with what the guards and the
//! urgent rules would make of it. It only reads: nothing is stored, told or mailed.

use serde::Serialize;

use crate::{
    app::App,
    domain::{
        feed::{Feed, FeedState},
        post::{Judged, Post, Standing, Verdict},
        urgency::judge_urgency,
    },
    judge::{Look, judge},
    store::StoreError,
};

/// A post with what would become of it.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The post.
    #[serde(flatten)]
    pub post: Post,
    /// What the guards would make of it; nothing when it is known, so that nothing more becomes of it.
    pub standing: Option<Standing>,
    /// Why.
    pub standing_reason: String,
    /// Routine or breaking, and why.
    pub verdict: Verdict,
}

/// Judges the posts of a feed as its next look would. A feed that was never looked at has each of its posts judged as if it
/// came alone, after the first look: that one would only take note of them.
///
/// # Errors
/// When the store fails.
pub async fn tried(app: &App, feed: &Feed, posts: &[Post]) -> Result<Vec<Trial>, StoreError> {
    let now = app.clock.now();
    let rules = &app.config.urgent;
    let state = match app.config.feeds.iter().any(|known| known.name == feed.name) {
        true => app.store.feed_state(&feed.name).await?.unwrap_or_default(),
        false => FeedState::default(),
    };
    let judged: Vec<Judged> = match state.baseline_at {
        Some(_) => {
            let known = app.store.known_posts(&feed.name).await?;
            let look = if state.is_at_new_address() { Look::Elsewhere } else { Look::Later };
            judge(feed, rules, look, posts.to_vec(), &known, now)
        }
        None => posts.iter().flat_map(|post| judge(feed, rules, Look::Later, vec![post.clone()], &[], now)).collect(),
    };
    let trials = posts.iter().map(|post| {
        let judged = judged.iter().find(|judged| judged.post.fingerprint == post.fingerprint);
        let known = || (None, "it is known already".to_owned());
        let (standing, standing_reason) =
            judged.map_or_else(known, |judged| (Some(judged.standing), judged.standing_reason.clone()));
        Trial { post: post.clone(), standing, standing_reason, verdict: judge_urgency(post, rules, now) }
    });
    Ok(trials.collect())
}
