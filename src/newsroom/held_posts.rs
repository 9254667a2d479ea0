//! Posts that the guards hold: staff decide, all at once or one by one. They may leave out others, too, that were not
//! mailed yet.

use super::NewsroomError;
use crate::{
    app::App,
    config::SecondPerson,
    domain::{
        feed::Feed,
        post::{PostId, Standing, StoredPost, Urgency, Verdict},
        urgency::judge_urgency,
    },
};

/// What staff decide about posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostDecision {
    /// They are news. Breaking ones become alerts, unless the house wants a second person for what is urgent: then they
    /// go into the digest.
    Release,
    /// They are news for the digest, breaking or not: no alert comes of it.
    ReleaseIntoDigest,
    /// They are never mailed.
    Dismiss,
}

/// Decides about held posts of a feed. `only` names them; empty means all that are held. What waits for its digest or its
/// date can be dismissed as well, by its number, while no issue carries it. Their urgency is judged anew, so that a
/// statement that lay here for days does not become an alert. Gives how many.
///
/// # Errors
/// When the store cannot be written.
pub async fn decide_held(
    app: &App,
    feed: &Feed,
    only: &[PostId],
    decision: PostDecision,
) -> Result<u64, NewsroomError> {
    let now = app.clock.now();
    let mut open = app.store.posts_standing(&feed.name, Standing::Held).await?;
    open.retain(|post| only.is_empty() || only.contains(&post.id));
    if decision == PostDecision::Dismiss {
        open.extend(unmailed(app, feed, only).await?);
    }
    let standing = match decision {
        PostDecision::Release | PostDecision::ReleaseIntoDigest => Standing::News,
        PostDecision::Dismiss => Standing::Dismissed,
    };
    let mut tx = app.store.begin().await?;
    let mut decided = 0;
    for post in &open {
        let verdict = verdict(app, post, decision);
        let to = (standing, "decided by staff");
        if tx.restand_post(post.id, post.standing, to, &verdict, now).await? {
            decided += 1;
            let reason = format!("it was {}, and is {} now, by staff", post.standing.as_str(), standing.as_str());
            tx.record(now, &post.id.about(), "decided", &reason).await?;
        }
    }
    if decided > 0 {
        let reason = format!("{decided} posts are {} now, by staff", standing.as_str());
        tx.record(now, &format!("feed:{}", feed.name), "decided", &reason).await?;
    }
    tx.commit().await?;
    Ok(decided)
}

/// What is urgent about it now. What may go into a digest only is routine whatever the rules say; its rule is kept, for an
/// alert that staff make of it all the same is headed by that.
fn verdict(app: &App, post: &StoredPost, decision: PostDecision) -> Verdict {
    let judged = judge_urgency(&post.post, &app.config.urgent, app.clock.now());
    let is_for_digest = match decision {
        PostDecision::Release => app.config.staff.second_person == SecondPerson::Needed,
        PostDecision::ReleaseIntoDigest => true,
        PostDecision::Dismiss => false,
    };
    if !is_for_digest || judged.urgency == Urgency::Routine {
        return judged;
    }
    let reason = format!("staff released it into the digest; by itself it would be breaking: {}", judged.reason);
    Verdict { urgency: Urgency::Routine, reason, ..judged }
}

/// Those of these posts that would be mailed later, and stand in no issue yet.
async fn unmailed(app: &App, feed: &Feed, numbers: &[PostId]) -> Result<Vec<StoredPost>, NewsroomError> {
    let mut unmailed = Vec::new();
    for number in numbers {
        let post = app.store.post(*number).await?;
        let is_open =
            |post: &StoredPost| post.feed == feed.name && matches!(post.standing, Standing::News | Standing::Waiting);
        if let Some(post) = post.filter(is_open)
            && app.store.issues_with_post(post.id).await?.is_empty()
        {
            unmailed.push(post);
        }
    }
    Ok(unmailed)
}
