//! Breaking posts become alerts, one for each list that wants them, at once.

use jiff::{SignedDuration, Timestamp};

use super::{Pass, digests::issue_made};
use crate::{
    app::App,
    compose,
    domain::{
        list::{Alerts, List},
        post::{StoredPost, Urgency},
    },
    newsroom::NewsroomError,
    queue::Edition,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Queues an alert for every breaking post that no issue of a list carries yet.
pub(super) async fn alerts_due(app: &App, pass: &mut Pass) -> Result<(), NewsroomError> {
    for list in app.config.lists.iter().filter(|list| list.alerts == Alerts::Immediate) {
        for feed in &list.feeds {
            for post in app.store.news_for(feed, &list.name).await? {
                if makes_alert(app, list, &post) {
                    alert(app, list, post, pass).await?;
                }
            }
        }
    }
    Ok(())
}

/// True when a post that is in no issue of the list yet is to be an alert.
pub(super) fn makes_alert(app: &App, list: &List, post: &StoredPost) -> bool {
    list.alerts == Alerts::Immediate && post.verdict.urgency == Urgency::Breaking && is_fresh(app, post)
}

/// A breaking post that has been lying here for longer than an alert is of use (nothing ran, or it was released late)
/// goes into the digest like any other.
fn is_fresh(app: &App, post: &StoredPost) -> bool {
    let since = post.news_at.unwrap_or(post.first_seen_at);
    app.clock.now().duration_since(since) < app.config.delivery.alert_expires
}

async fn alert(app: &App, list: &List, post: StoredPost, pass: &mut Pass) -> Result<(), NewsroomError> {
    let now = app.clock.now();
    let why = post.verdict.reason.clone();
    let draft = compose::alert(list, post);
    let day_ago = now.checked_sub(DAY).unwrap_or(Timestamp::MIN);
    let made = app.store.automatic_alerts_since(&list.name, day_ago).await?;
    let hold = (made >= list.alerts_per_day as u64).then(|| {
        format!("{made} alerts were made in the last 24 hours, and alerts_per_day is {}", list.alerts_per_day)
    });
    let edition = Edition { issue: app.store.issue_id().await?, draft: &draft, slot_at: None, why: &why, now };
    if issue_made(app, list, edition, list.alert_hold, hold, pass).await? {
        pass.alerts += 1;
    }
    Ok(())
}
