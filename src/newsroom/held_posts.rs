//! Posts that the guards hold: staff decide, all at once or one by one.

use super::NewsroomError;
use crate::{
    app::App,
    domain::{
        feed::Feed,
        post::{PostId, Standing},
        urgency::judge_urgency,
    },
};

/// Gives held posts of a feed another standing: news after all, or dismissed. `only` names them; empty means all.
/// Their urgency is judged anew, so that a statement that lay here for days does not become an alert. Gives how many.
///
/// # Errors
/// When the store cannot be written.
pub async fn decide_held(app: &App, feed: &Feed, only: &[PostId], standing: Standing) -> Result<u64, NewsroomError> {
    let now = app.clock.now();
    let held = app.store.posts_standing(&feed.name, Standing::Held).await?;
    let mut tx = app.store.begin().await?;
    let mut decided = 0;
    for post in held.iter().filter(|post| only.is_empty() || only.contains(&post.id)) {
        let verdict = judge_urgency(&post.post, &app.config.urgent, now);
        let to = (standing, "decided by staff");
        decided += u64::from(tx.restand_post(post.id, Standing::Held, to, &verdict, now).await?);
    }
    if decided > 0 {
        let reason = format!("{decided} held posts are {} now, by staff", standing.as_str());
        tx.record(now, &format!("feed:{}", feed.name), "decided", &reason).await?;
    }
    tx.commit().await?;
    Ok(decided)
}
