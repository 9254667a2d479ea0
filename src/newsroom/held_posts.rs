//! Posts that the guards hold: staff decide, all at once or one by one. They may leave out others, too, that were not
//! mailed yet.

use serde::Serialize;

use super::{NewsroomError, deciding::is_done_with};
use crate::{
    app::App,
    config::SecondPerson,
    domain::{
        feed::Feed,
        issue::{IssueId, IssueState},
        post::{PostId, Standing, StoredPost, Urgency, Verdict},
        urgency::judge_urgency,
    },
    store::StoreError,
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

/// What came of a decision about posts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// How many were decided about.
    pub count: u64,
    /// Those that were left alone, for an issue carries them that may still be sent: there they can be stopped.
    pub carried: Vec<Carried>,
}

/// A post that an issue carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Its number.
    pub post: PostId,
    /// Its title.
    pub title: String,
    /// The issue.
    pub issue: IssueId,
}

/// Decides about held posts of a feed. `only` names them; empty means all that are held and in no issue. What waits for its
/// digest or its date can be dismissed as well, by its number. What an issue carries can only be released, by its number,
/// for the lists that do not have it. Their urgency is judged anew, so that a statement that lay here for days does not
/// become an alert.
///
/// # Errors
/// When the store cannot be written.
pub async fn decide_held(
    app: &App,
    feed: &Feed,
    only: &[PostId],
    decision: PostDecision,
) -> Result<Decided, NewsroomError> {
    let now = app.clock.now();
    let is_dismissal = decision == PostDecision::Dismiss;
    let mut open = match only {
        // What is not dismissed, for an issue carries it, is told.
        [] if !is_dismissal => app.store.held_posts(&feed.name).await?,
        _ => app.store.posts_standing(&feed.name, Standing::Held).await?,
    };
    open.retain(|post| only.is_empty() || only.contains(&post.id));
    if is_dismissal {
        open.extend(unmailed(app, feed, only).await?);
    }
    let standing = match decision {
        PostDecision::Release | PostDecision::ReleaseIntoDigest => Standing::News,
        PostDecision::Dismiss => Standing::Dismissed,
    };
    let mut tx = app.store.begin().await?;
    let (mut count, mut left) = (0, Vec::new());
    for post in open {
        let verdict = verdict(app, &post, decision);
        let to = (standing, "decided by staff");
        if tx.restand_post(post.id, post.standing, to, &verdict, now).await? {
            count += 1;
            let reason = format!("it was {}, and is {} now, by staff", post.standing.as_str(), standing.as_str());
            tx.record(now, &post.id.about(), "decided", &reason).await?;
        } else {
            left.push(post);
        }
    }
    if count > 0 {
        let reason = format!("{count} posts are {} now, by staff", standing.as_str());
        tx.record(now, &format!("feed:{}", feed.name), "decided", &reason).await?;
    }
    tx.commit().await?;
    Ok(Decided { count, carried: carried(app, left).await? })
}

/// Those of these posts that something not yet sent carries.
async fn carried(app: &App, posts: Vec<StoredPost>) -> Result<Vec<Carried>, StoreError> {
    let mut carried = Vec::new();
    for post in posts {
        for issue in app.store.issues_with_post(post.id).await? {
            let states = app.store.states_of_issue(issue.id).await?;
            if issue.state != IssueState::Cancelled && !is_done_with(&issue, &states) {
                carried.push(Carried { post: post.id, title: post.post.title.clone(), issue: issue.id });
            }
        }
    }
    Ok(carried)
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

/// Those of these posts that would be mailed later, unless they are mailed already.
async fn unmailed(app: &App, feed: &Feed, numbers: &[PostId]) -> Result<Vec<StoredPost>, StoreError> {
    let mut unmailed = Vec::new();
    for number in numbers {
        let post = app.store.post(*number).await?;
        unmailed.extend(
            post.filter(|post| post.feed == feed.name && matches!(post.standing, Standing::News | Standing::Waiting)),
        );
    }
    Ok(unmailed)
}
