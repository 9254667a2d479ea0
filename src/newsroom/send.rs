//! Sending by hand: what it would do, a test, and the send itself, which may wait for a second person and in a window. An
//! alert, a drill, a correction and a withdrawal all go this way.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    By, Confirmation, NewsroomError, configured_list, correct,
    draft::{render_as, render_draft},
    ready::{Headcount, count_audience, edition, expiry, ready, rendered},
    release::{Seen, Wait, must_wait, waiting_notices},
    window,
};
use crate::{
    app::App,
    config::SecondPerson,
    domain::{
        address::EmailAddress,
        issue::{Draft, IssueId, IssueKind},
    },
    queue::{self, Edition, Held, Queued},
    render::Flavour,
    store::{StoreError, issues::StoredIssue},
};

/// How something is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// Who wants it.
    pub by: &'a By,
    /// How long staff can stop it before it goes; zero: it goes at once.
    pub window: SignedDuration,
}

/// What became of a wish to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is queued, and due at once or when its window has passed.
    Queued(Queued),
    /// It waits for a second person.
    Waits(IssueId),
}

impl Placed {
    /// The issue.
    pub fn issue(self) -> IssueId {
        match self {
            Self::Queued(queued) => queued.issue,
            Self::Waits(issue) => issue,
        }
    }
}

/// What sending a draft would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// What was seen of the issue when this was planned.
    #[serde(skip)]
    pub seen: Seen,
    /// What it is: an alert, or the drill of one.
    pub kind: IssueKind,
    /// Its subject.
    pub subject: String,
    /// To how many.
    pub readers: u64,
    /// To whom, in words.
    pub whom: String,
    /// How long staff could stop it before it goes.
    pub window: SignedDuration,
    /// When it would go.
    pub goes_at: Timestamp,
    /// When what is not sent by then expires; none: it does not.
    pub expires_at: Option<Timestamp>,
    /// The subject of the withdrawal that is kept ready.
    pub withdrawal: Option<String>,
    /// True when others of staff would have to let it go first.
    pub needs_second_person: bool,
    /// What must be typed to send it, or how many readers be expected.
    #[serde(skip)]
    pub confirmation: Confirmation,
}

/// What sending a draft would do. It does none of it.
///
/// # Errors
/// When it cannot be sent so: a template is broken, nobody would get it, or it is not said who wants it.
pub async fn plan(app: &App, draft: &Draft, sending: &Sending<'_>) -> Result<Plan, NewsroomError> {
    let waits = must_wait_today(app, draft, sending.by).await?;
    let headcount = count_audience(app, draft).await?;
    refuse_to_nobody(draft, headcount)?;
    let edition = edition(app, IssueId(0), draft, "");
    let goes_at = edition.now.checked_add(sending.window).unwrap_or(Timestamp::MAX);
    let (rendered, withdrawal) = rendered(app, edition, goes_at).await?;
    Ok(Plan {
        seen: Seen::Now,
        kind: draft.kind(),
        subject: rendered.subject,
        readers: headcount.readers,
        whom: window::whom_of(draft, configured_list(app, &draft.list)?, headcount),
        window: sending.window,
        goes_at,
        expires_at: expiry(app, draft, goes_at),
        withdrawal: withdrawal.map(|withdrawal| withdrawal.subject),
        needs_second_person: waits != Wait::Not,
        confirmation: Confirmation::of(draft.kind(), &draft.list, headcount.all()),
    })
}

/// Queues an alert to its list, a drill to staff, and a correction or withdrawal to those who were mailed what it follows;
/// or holds it for a second person.
///
/// # Errors
/// [`NewsroomError::MadeBefore`] when the same was sent before; and whatever [`plan`] tells of.
pub async fn send(app: &App, draft: &Draft, sending: &Sending<'_>) -> Result<Placed, NewsroomError> {
    if let Some(follows) = draft.follows() {
        return correct::send_after(app, follows.first, draft, sending).await;
    }
    let waits = must_wait_today(app, draft, sending.by).await?;
    refuse_to_nobody(draft, count_audience(app, draft).await?)?;
    let why = format!("by {}", sending.by);
    let issue = app.store.issue_id().await?;
    let placed = match waits {
        Wait::ForSecond(_) | Wait::ForStaff => hold(app, issue, draft, sending, waits).await,
        Wait::Not => match queue_now(app, edition(app, issue, draft, &why), sending).await {
            Ok(Some(queued)) => Ok(Placed::Queued(queued)),
            Ok(None) => hold(app, issue, draft, sending, Wait::ForStaff).await,
            Err(error) => Err(error),
        },
    };
    made_before(app, draft, placed).await
}

/// Queues it; `None` when a program wants it, and others were quicker, so that the list had as many alerts as a day may
/// bring.
async fn queue_now(app: &App, edition: Edition<'_>, sending: &Sending<'_>) -> Result<Option<Queued>, NewsroomError> {
    let ready = ready(app, edition, sending.window).await?;
    let mailing = queue::freeze_issue(&app.store, edition, &ready).await?;
    let mut tx = app.store.begin().await?;
    if is_counted(edition.draft, sending.by) {
        tx.programs_one_by_one().await?;
        let had = tx.alerts_since(&edition.draft.list, day_ago(app)).await?;
        if had >= alerts_per_day(app, edition.draft)? {
            tx.undo().await?;
            return Ok(None);
        }
    }
    let queued = queue::write_queued(&mut tx, edition, &ready, &mailing).await?;
    tx.commit().await?;
    Ok(Some(queued))
}

/// The same for a program that says to how many it expects this to go. When it asks for it again, for it did not hear whether
/// it was done, what was made since it first asked is its own.
///
/// # Errors
/// As [`send`], and [`NewsroomError::OtherReaders`].
pub async fn send_expecting(
    app: &App,
    draft: &Draft,
    sending: &Sending<'_>,
    expected: u64,
    asked_before: Option<Timestamp>,
) -> Result<Placed, NewsroomError> {
    if let Some(before) = app.store.issue_by_key(&draft.list, &draft.key).await? {
        return match asked_before.is_some_and(|asked| asked <= before.made_at) {
            true => Ok(placed_before(&before)),
            false => Err(NewsroomError::MadeBefore(Box::new(before))),
        };
    }
    let plan = plan(app, draft, sending).await?;
    if !plan.confirmation.expects(expected) {
        return Err(NewsroomError::OtherReaders { expected, readers: plan.readers });
    }
    send(app, draft, sending).await
}

fn placed_before(issue: &StoredIssue) -> Placed {
    let (id, readers) = (issue.id, issue.readers);
    match issue.queued_at {
        Some(queued_at) => Placed::Queued(Queued { issue: id, readers, goes_at: issue.goes_at.unwrap_or(queued_at) }),
        None => Placed::Waits(id),
    }
}

/// Holds it until a second person approves it. It is rendered all the same, to see that it can be.
async fn hold(
    app: &App,
    issue: IssueId,
    draft: &Draft,
    sending: &Sending<'_>,
    waits: Wait,
) -> Result<Placed, NewsroomError> {
    let rendered = render_draft(app, draft)?;
    let why = match app.config.staff.second_person {
        SecondPerson::Needed => waits_for_second(sending.by),
        SecondPerson::NotNeeded => {
            format!("{} wants it out, and the list had as many alerts as a day may bring", sending.by)
        }
    };
    let edition = edition(app, issue, draft, &why);
    let notices = waiting_notices(app, edition, waits).await?;
    let held =
        Held { subject: &rendered.subject, window: sending.window, wanted_by: waits.wanted_by(), notices: &notices };
    queue::hold_issue(&app.store, edition, held).await?;
    Ok(Placed::Waits(issue))
}

/// Whether this must wait, by its kind and by how much the list had today: a program that sends one alert after another is
/// stopped where the alerts of a feed are, and staff release what they want.
async fn must_wait_today(app: &App, draft: &Draft, by: &By) -> Result<Wait, NewsroomError> {
    let waits = must_wait(app, draft, by)?;
    if waits != Wait::Not || !is_counted(draft, by) {
        return Ok(waits);
    }
    let had = app.store.alerts_since(&draft.list, day_ago(app)).await?;
    Ok(if had >= alerts_per_day(app, draft)? { Wait::ForStaff } else { Wait::Not })
}

/// True for what a day may bring only so many of.
fn is_counted(draft: &Draft, by: &By) -> bool {
    matches!(by, By::Token { .. }) && draft.kind() == IssueKind::Alert
}

fn alerts_per_day(app: &App, draft: &Draft) -> Result<u64, NewsroomError> {
    Ok(configured_list(app, &draft.list)?.alerts_per_day as u64)
}

fn day_ago(app: &App) -> Timestamp {
    app.clock.now().checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN)
}

/// Why an issue is held that waits for a second person.
pub(super) fn waits_for_second(by: &By) -> String {
    match by {
        By::Token { .. } => format!("{by} wants it out; one of staff must release it, and a second person approve it"),
        By::Staff { .. } | By::Machine(_) => format!("{by} wants it out; a second person must approve it"),
    }
}

/// Names the issue that was there first.
pub(super) async fn made_before<T>(
    app: &App,
    draft: &Draft,
    made: Result<T, NewsroomError>,
) -> Result<T, NewsroomError> {
    match made {
        Err(NewsroomError::Store(StoreError::Conflict)) => {
            let before = app.store.issue_by_key(&draft.list, &draft.key).await?;
            Err(before.map_or(StoreError::Conflict.into(), |issue| NewsroomError::MadeBefore(Box::new(issue))))
        }
        other => other,
    }
}

fn refuse_to_nobody(draft: &Draft, headcount: Headcount) -> Result<(), NewsroomError> {
    match (headcount.all(), draft.kind(), draft.follows()) {
        (1.., ..) => Ok(()),
        (0, IssueKind::Drill, _) => Err(NewsroomError::NoStaff),
        (0, _, Some(follows)) => Err(NewsroomError::NobodyMailed { issue: follows.first.0 }),
        (0, _, None) => Err(NewsroomError::NoReaders(draft.list.to_string())),
    }
}

/// Mails a draft to one address, marked as a test. It goes to that address alone, on or off any list.
///
/// # Errors
/// When a template is broken or the store cannot be written.
pub async fn test(app: &App, draft: &Draft, to: &EmailAddress) -> Result<(), NewsroomError> {
    let rendered = render_as(app, draft, Flavour::Test)?;
    Ok(queue::queue_notice(&app.store, &rendered, std::slice::from_ref(to), app.clock.now()).await?)
}
