//! Posts that the guards hold: staff decide, all at once or one by one. They may leave out others, too, that were not
//! mailed yet.

use super::NewsroomError;
use crate::{
    app::App,
    domain::{
        feed::Feed,
        post::{PostId, Standing, StoredPost},
        urgency::judge_urgency,
    },
};

/// Gives held posts of a feed another standing: news after all, or dismissed. `only` names them; empty means all that are
/// held. What waits for its digest or its date can be dismissed as well, by its number, while no issue carries it.
/// Their urgency is judged anew, so that a statement that lay here for days does not become an alert. Gives how many.
///
/// # Errors
/// When the store cannot be written.
pub async fn decide_held(app: &App, feed: &Feed, only: &[PostId], standing: Standing) -> Result<u64, NewsroomError> {
    let now = app.clock.now();
    let mut open = app.store.posts_standing(&feed.name, Standing::Held).await?;
    open.retain(|post| only.is_empty() || only.contains(&post.id));
    if standing == Standing::Dismissed {
        open.extend(unmailed(app, feed, only).await?);
    }
    let mut tx = app.store.begin().await?;
    let mut decided = 0;
    for post in &open {
        let verdict = judge_urgency(&post.post, &app.config.urgent, now);
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
