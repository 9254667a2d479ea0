//! When a list's digest slot has come, its news become an issue; and how any issue is made: rendered and queued, or
//! held when it cannot be or must not be.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::{Pass, alerts::makes_alert};
use crate::{
    app::App,
    compose::{self, Composed},
    domain::{issue::IssueId, list::List, schedule::SlotTime},
    newsroom::{self, NewsroomError},
    queue::{self, Edition, Held},
    render::{Fact, Notice},
    store::StoreError,
};

/// Makes the digest of every list whose slot has come. Slots that were missed are caught up by the last one alone.
pub(super) async fn digests_due(app: &App, pass: &mut Pass) -> Result<(), NewsroomError> {
    for list in &app.config.lists {
        let Some(schedule) = &list.digest else { continue };
        let now = app.clock.now();
        let state = app.store.state_of_list(&list.name, now).await?;
        let Some(slot) = schedule.latest_slot(state.slots_until, now) else { continue };
        // Another run is about to store what it found: the digest with it in is that run's, or the next one's.
        if !is_looked_at(app, list, now).await? {
            digest(app, list, slot, pass).await?;
        }
    }
    Ok(())
}

async fn is_looked_at(app: &App, list: &List, now: Timestamp) -> Result<bool, StoreError> {
    for feed in &list.feeds {
        if app.store.is_looked_at(feed, now).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn digest(app: &App, list: &List, slot: SlotTime, pass: &mut Pass) -> Result<(), NewsroomError> {
    let mut candidates = Vec::new();
    for feed in &list.feeds {
        candidates.extend(app.store.news_for(feed, &list.name).await?);
    }
    // What another run stored a moment ago and is making an alert of stays out.
    candidates.retain(|post| !makes_alert(app, list, post));
    // A post that came by two of the list's feeds stands in the digest once.
    let mut seen = HashSet::new();
    candidates
        .retain(|post| post.post.link.is_none() || seen.insert((post.post.link.clone(), post.post.title.clone())));
    let alerts = newsroom::alerts_before(app, list, None).await?;
    match compose::digest(list, candidates, alerts, slot.local) {
        Composed::Draft(draft) => {
            let why = format!("slot of {}, {} posts", slot.local, draft.post_ids().len());
            let issue = app.store.issue_id().await?;
            let edition = Edition { issue, draft: &draft, slot_at: Some(slot.at), why: &why, now: app.clock.now() };
            if issue_made(app, list, edition, SignedDuration::ZERO, None, pass).await? {
                pass.digests += 1;
            }
        }
        too_few @ Composed::TooFew { .. } => {
            if app.store.skip_slots(&list.name, slot.at).await? {
                let reason = format!("no digest for the slot of {}: {too_few}", slot.local);
                app.store.record(app.clock.now(), &format!("list:{}", list.name), "skipped", &reason).await?;
                pass.notes.push(format!("list `{}`: {reason}", list.name));
            }
        }
    }
    Ok(())
}

/// Makes an issue of a draft: renders and queues it, to go when staff have had so long to stop it; or holds it for the
/// given reason or because a template is broken. `false` when it was held, or made by another run meanwhile.
pub(super) async fn issue_made(
    app: &App,
    list: &List,
    edition: Edition<'_>,
    window: SignedDuration,
    hold: Option<String>,
    pass: &mut Pass,
) -> Result<bool, NewsroomError> {
    let draft = edition.draft;
    let ready = match hold {
        Some(reason) => Err(reason),
        None => match newsroom::ready(app, edition, window).await {
            Ok(ready) => Ok(ready),
            Err(NewsroomError::Render(broken)) => Err(broken.to_string()),
            Err(error) => return Err(error),
        },
    };
    let made = match &ready {
        Ok(ready) => queue::queue_issue(&app.store, edition, ready).await.map(|queued| queued.issue),
        Err(reason) => hold_made(app, list, Edition { why: reason, ..edition }).await,
    };
    let issue = match made {
        Ok(issue) => issue,
        // Another run was first. When it made this very issue, the slot is done with; when it only took one of its
        // posts, the next pass composes it anew.
        Err(StoreError::Conflict) => {
            if let (Some(until), Some(_)) = (edition.slot_at, app.store.issue_by_key(&list.name, &draft.key).await?) {
                app.store.skip_slots(&list.name, until).await?;
            }
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    match &ready {
        Ok(ready) => pass.notes.extend(ready.rendered.notes.iter().map(|note| format!("issue {}: {note}", issue.0))),
        Err(reason) => pass.notes.push(format!("list `{}`: issue {} is held: {reason}", list.name, issue.0)),
    }
    Ok(ready.is_ok())
}

/// Writes a held issue down, and the notices to staff with it.
async fn hold_made(app: &App, list: &List, edition: Edition<'_>) -> Result<IssueId, StoreError> {
    let told = held_notice(list, edition);
    let notices = newsroom::notices_about(app, edition.issue, &told).await?;
    let held =
        Held { subject: edition.draft.headline(), window: SignedDuration::ZERO, wanted_by: None, notices: &notices };
    queue::hold_issue(&app.store, edition, held).await?;
    Ok(edition.issue)
}

fn held_notice(list: &List, Edition { issue, draft, why, .. }: Edition<'_>) -> Notice {
    Notice {
        subject: format!("{} of “{}” is held", draft.kind().with_article(), list.title),
        paragraphs: vec![
            "Nothing of it has been mailed. It waits until someone decides.".to_owned(),
            format!("To look at it: tidings issues show {}", issue.0),
            format!("To mail it: tidings issues release {}", issue.0),
            format!("To give it up: tidings issues cancel {}", issue.0),
        ],
        facts: vec![
            Fact { name: "Headline".into(), value: draft.headline().to_owned() },
            Fact { name: "Why".into(), value: why.to_owned() },
        ],
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}
