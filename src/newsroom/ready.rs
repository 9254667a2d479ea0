//! Makes an issue ready to go out: rendered, with its withdrawal, its readers, its window and its end. What cannot be
//! rendered, the withdrawal included, is not ready, so that nothing goes out that could not be taken back in words.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{NewsroomError, correct, draft::render_draft, window};
use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        delivery::DeliveryState,
        issue::{Draft, FollowUp, IssueId, IssueKind, Remedy},
        mailing::Rendered,
    },
    queue::{Audience, Edition, Ready},
    store::issues::StoredIssue,
};

/// Makes an issue ready. With a window, staff are told of it and can stop it until that has passed.
///
/// # Errors
/// When a template is broken, when there is nobody whom it could be for, or the store fails.
pub(crate) async fn ready(app: &App, edition: Edition<'_>, window: SignedDuration) -> Result<Ready, NewsroomError> {
    let goes_at = later(edition.now, window);
    let (rendered, retraction) = rendered(app, edition, goes_at).await?;
    let audience = audience(app, edition.draft).await?;
    let notices = match window {
        SignedDuration::ZERO => Vec::new(),
        _ => window::notices(app, edition, goes_at).await?,
    };
    Ok(Ready { rendered, retraction, audience, goes_at, expires_at: expiry(app, edition.draft, goes_at), notices })
}

/// An issue as it is mailed and, of an alert, its withdrawal. A withdrawal that adds no reason is mailed in the words that
/// were ready before the first went out: nothing that has broken since stands in its way.
///
/// # Errors
/// When a template is broken, or the store cannot be read.
pub(super) async fn rendered(
    app: &App,
    Edition { issue, draft, .. }: Edition<'_>,
    goes_at: Timestamp,
) -> Result<(Rendered, Option<Rendered>), NewsroomError> {
    if let Some(follows) = draft.follows() {
        let kept = match correct::adds_no_words(draft) {
            true => app.store.retraction_of(follows.first).await?,
            false => None,
        };
        return Ok((kept.map_or_else(|| render_draft(app, draft), Ok)?, None));
    }
    let rendered = render_draft(app, draft)?;
    if draft.kind() != IssueKind::Alert {
        return Ok((rendered, None));
    }
    let subject = rendered.subject.clone();
    let follows = FollowUp { first: issue, subject, went_at: goes_at, remedy: Remedy::Withdrawal };
    let withdrawal = render_draft(app, &correct::withdrawal(app, &draft.list, follows, "")?)?;
    Ok((rendered, Some(withdrawal)))
}

async fn audience(app: &App, draft: &Draft) -> Result<Audience, NewsroomError> {
    match (draft.kind(), draft.follows()) {
        (IssueKind::Drill, _) if app.config.staff.notify.is_empty() => Err(NewsroomError::NoStaff),
        (IssueKind::Drill, _) => {
            Ok(Audience::People(app.store.people(&app.config.staff.notify, app.clock.now()).await?))
        }
        (_, Some(follows)) => {
            let first = app.store.mailing_of_issue(follows.first).await?;
            let first = first.ok_or(NewsroomError::NobodyMailed { issue: follows.first.0 })?;
            Ok(Audience::MailedBefore(first.id))
        }
        (IssueKind::Digest | IssueKind::Alert, None) => Ok(Audience::List),
    }
}

/// To how many an issue goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headcount {
    /// Who would get it now.
    pub(super) readers: u64,
    /// Whose message of what it follows is on the wire: whoever comes to have that gets this as well.
    pub(super) on_the_way: u64,
}

impl Headcount {
    /// So many, and nobody else on the way.
    pub(super) fn of(readers: u64) -> Self {
        Self { readers, on_the_way: 0 }
    }

    /// All whom it may come to: so many must be meant by what is typed to confirm it.
    pub(super) fn all(self) -> u64 {
        self.readers + self.on_the_way
    }
}

/// How many would get it now.
pub(super) async fn count_audience(app: &App, draft: &Draft) -> Result<Headcount, NewsroomError> {
    match (draft.kind(), draft.follows()) {
        (IssueKind::Drill, _) => {
            let people: BTreeSet<String> = app.config.staff.notify.iter().map(EmailAddress::key).collect();
            Ok(Headcount::of(people.len() as u64))
        }
        (_, Some(follows)) => match app.store.mailing_of_issue(follows.first).await? {
            Some(first) => {
                let states = app.store.states_of_issue(follows.first).await?;
                let on_the_way = states.get(&DeliveryState::Sending).copied().unwrap_or_default();
                Ok(Headcount { readers: app.store.count_mailed(&draft.list, first.id).await?, on_the_way })
            }
            None => Ok(Headcount::of(0)),
        },
        (kind, None) => Ok(Headcount::of(app.store.count_readers(&draft.list, kind).await?)),
    }
}

/// The same of an issue: how many it was queued to, once it was.
pub(super) async fn count_for(app: &App, issue: &StoredIssue, draft: &Draft) -> Result<Headcount, NewsroomError> {
    match issue.queued_at {
        Some(_) => Ok(Headcount::of(issue.readers)),
        None => count_audience(app, draft).await,
    }
}

/// The same for who looks again and again: who has what a held issue follows is not found one by one, and those who left since
/// are among them.
pub(super) async fn estimate_for(app: &App, issue: &StoredIssue, draft: &Draft) -> Result<Headcount, NewsroomError> {
    let (None, Some(follows)) = (issue.queued_at, draft.follows()) else { return count_for(app, issue, draft).await };
    let states = app.store.states_of_issue(follows.first).await?;
    let count = |state| states.get(&state).copied().unwrap_or_default();
    let in_doubt = app.store.count_in_doubt(follows.first).await?;
    let readers = count(DeliveryState::Sent) + count(DeliveryState::Unknown) + in_doubt;
    Ok(Headcount { readers, on_the_way: count(DeliveryState::Sending) })
}

/// When an issue is of no more use. That something was wrong is worth knowing at any time.
pub(super) fn expiry(app: &App, draft: &Draft, goes_at: Timestamp) -> Option<Timestamp> {
    match (draft.kind(), draft.follows()) {
        (IssueKind::Alert | IssueKind::Drill, None) => Some(later(goes_at, app.config.delivery.alert_expires)),
        (IssueKind::Digest, _) | (_, Some(_)) => None,
    }
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A draft of no slot as an issue of this number, made now.
pub(super) fn edition<'a>(app: &App, issue: IssueId, draft: &'a Draft, why: &'a str) -> Edition<'a> {
    Edition { issue, draft, slot_at: None, why, now: app.clock.now() }
}
