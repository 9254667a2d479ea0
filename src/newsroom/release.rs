//! Letting a held issue go: by one person or, where an alert needs two, by one who wants it out and another who approves
//! it. Only then its window opens, if it has one.

use jiff::Timestamp;

use super::{
    By, Confirmation, NewsroomError, Placed, Plan, configured_list,
    correct::adds_no_words,
    decided_already, draft_of, needs, notices_about,
    ready::{count_for, edition, expiry, ready, rendered},
    send::waits_for_second,
    window,
};
use crate::{
    app::App,
    config::SecondPerson,
    domain::{
        alarm::AlarmKind,
        issue::{Draft, IssueId, IssueKind, IssueState},
        subscription::SubscriberId,
    },
    queue::{self, Edition, Queued, ReadyNotice},
    render::{Fact, Notice},
    store::{StoreError, Tx, issues::StoredIssue},
};

/// Releases a held issue. One that was never rendered is rendered now and queued; one that was stopped while it was
/// being sent goes on where it stopped, as it was frozen. An alert may have to wait for a second person first.
///
/// # Errors
/// When it is not held, waits for a second person already, or was decided upon since it was seen, or a template is (still)
/// broken.
pub async fn release(app: &App, id: IssueId, by: &By, seen: Seen) -> Result<Placed, NewsroomError> {
    let issue = app.store.issue(id).await?;
    needs(&issue, IssueState::Held)?;
    let draft = draft_of(app, &issue).await?;
    let person = match must_wait(app, &draft, by)? {
        Wait::Not => {
            return let_go(app, &issue, &draft, &format!("released by {by}"), seen).await.map(Placed::Queued);
        }
        Wait::ForSecond(person) => person,
        Wait::ForStaff => return Err(NewsroomError::WhoAreYou),
    };
    if issue.wanted_by.is_some() {
        return Err(NewsroomError::WaitsForSecond { issue: id.0 });
    }
    let why = waits_for_second(by);
    let edition = edition(app, id, &draft, &why);
    let notices = waiting_notices(app, edition, Wait::ForSecond(person)).await?;
    let mut tx = app.store.begin().await?;
    if !tx.want_issue(id, person, &why).await? || !is_all_seen(&mut tx, id, seen).await? {
        return Err(decided_already(id, IssueState::Held));
    }
    tx.record(edition.now, &id.about(), "wanted", &why).await?;
    for notice in &notices {
        queue::write_notice(&mut tx, notice).await?;
    }
    tx.commit().await?;
    Ok(Placed::Waits(id))
}

/// What releasing or approving a held issue would do. It does none of it.
///
/// # Errors
/// When it is not held, or it is not said who wants it.
pub async fn plan_release(app: &App, id: IssueId, by: &By) -> Result<Plan, NewsroomError> {
    // Looked at first: who decides meanwhile is not seen.
    let seen = app.store.last_entry_about(&id.about()).await?;
    let issue = app.store.issue(id).await?;
    needs(&issue, IssueState::Held)?;
    let draft = draft_of(app, &issue).await?;
    let now = app.clock.now();
    let headcount = count_for(app, &issue, &draft).await?;
    let (subject, goes_at, withdrawal) = match issue.queued_at {
        Some(_) => (issue.subject.clone(), rest_of_window(&issue, now), app.store.retraction_of(id).await?),
        None => {
            let goes_at = now.checked_add(issue.window).unwrap_or(Timestamp::MAX);
            let (rendered, withdrawal) = rendered(app, edition(app, id, &draft, ""), goes_at).await?;
            (rendered.subject, goes_at, withdrawal)
        }
    };
    Ok(Plan {
        seen: Seen::UpTo(seen),
        kind: issue.kind,
        readers: headcount.readers,
        whom: window::whom_of(&draft, configured_list(app, &issue.list)?, headcount),
        window: goes_at.duration_since(now),
        goes_at,
        expires_at: expiry(app, &draft, goes_at),
        withdrawal: withdrawal.map(|withdrawal| withdrawal.subject),
        needs_second_person: must_wait(app, &draft, by)? != Wait::Not && issue.wanted_by.is_none(),
        confirmation: Confirmation::of(issue.kind, &issue.list, headcount.all()),
        subject,
    })
}

/// Approves, as the second person, an alert that another wants out: it goes, or its window opens.
///
/// # Errors
/// When it does not wait for a second person, the first one is this very person, or it was decided upon since it was seen.
pub async fn approve(app: &App, id: IssueId, by: &By, seen: Seen) -> Result<Queued, NewsroomError> {
    let issue = app.store.issue(id).await?;
    needs(&issue, IssueState::Held)?;
    let Some(first) = issue.wanted_by else {
        return Err(NewsroomError::WrongState {
            issue: id.0,
            state: "held",
            needed: "waiting for a second person; it can be released",
        });
    };
    let second = by.person().ok_or(NewsroomError::WhoAreYou)?;
    if first == second {
        return Err(NewsroomError::SamePerson { issue: id.0 });
    }
    let draft = draft_of(app, &issue).await?;
    let_go(app, &issue, &draft, &format!("approved by {by}"), seen).await
}

/// What somebody who lets an issue go has seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It goes as it stands now, whatever was decided before.
    Now,
    /// What was written down of it up to this line of the ledger. What another has decided since they do not know.
    UpTo(i64),
}

/// True when nothing was written down of an issue that who lets it go has not seen. Asked when the issue was moved by the
/// same transaction, nobody can decide anything behind it.
async fn is_all_seen(tx: &mut Tx, issue: IssueId, seen: Seen) -> Result<bool, StoreError> {
    match seen {
        Seen::Now => Ok(true),
        Seen::UpTo(line) => Ok(tx.last_entry_about(&issue.about()).await? == line),
    }
}

/// Whether something must wait for others of staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It need not.
    Not,
    /// This person wants it, and another must approve it.
    ForSecond(SubscriberId),
    /// A program wants it, which is nobody: one of staff must want it first, and then another approve it.
    ForStaff,
}

impl Wait {
    /// Who is to be noted as wanting it.
    pub(super) fn wanted_by(self) -> Option<SubscriberId> {
        match self {
            Self::ForSecond(person) => Some(person),
            Self::Not | Self::ForStaff => None,
        }
    }
}

/// Whether this must wait for others of staff. What withdraws an alert in the words that were ready for it need not: that
/// it was wrong cannot be said too soon. Words of one's own must.
pub(super) fn must_wait(app: &App, draft: &Draft, by: &By) -> Result<Wait, NewsroomError> {
    match (app.config.staff.second_person, draft.kind()) {
        (SecondPerson::NotNeeded, _) | (_, IssueKind::Digest) => Ok(Wait::Not),
        (SecondPerson::Needed, IssueKind::Alert | IssueKind::Drill) if adds_no_words(draft) => Ok(Wait::Not),
        (SecondPerson::Needed, IssueKind::Alert | IssueKind::Drill) => match by {
            By::Staff { id, .. } => Ok(Wait::ForSecond(*id)),
            By::Token { .. } => Ok(Wait::ForStaff),
            By::Machine(_) => Err(NewsroomError::WhoAreYou),
        },
    }
}

/// What staff are told of an alert that waits for a second person, for each of them.
pub(super) async fn waiting_notices(
    app: &App,
    edition: Edition<'_>,
    waits: Wait,
) -> Result<Vec<ReadyNotice>, NewsroomError> {
    let Edition { issue, draft, why, .. } = edition;
    let list = configured_list(app, &draft.list)?;
    let whom = window::whom(app, edition, list).await?;
    let (whom_for, until, command) = match (waits, app.config.staff.second_person) {
        (Wait::ForStaff, SecondPerson::NotNeeded) => ("one of you", "one of you releases it", "release"),
        (Wait::ForStaff, SecondPerson::Needed) => {
            ("two of you", "one of you releases it and another approves it", "release")
        }
        (Wait::ForSecond(_) | Wait::Not, _) => ("a second person", "a second person approves it", "approve"),
    };
    let notice = Notice {
        subject: format!("{}waits for {whom_for}: “{}”", window::prefix(draft.kind()), draft.headline()),
        paragraphs: vec![
            format!("“{}” is to go to {whom}. Nothing of it goes before {until}.", draft.headline()),
            format!(
                "To read it and decide, press the button; at the machine: tidings issues preview {0}, and tidings issues \
                 {command} {0} --by ADDRESS",
                issue.0
            ),
        ],
        facts: vec![Fact { name: "Why".into(), value: why.to_owned() }],
        button: None,
        language: "en".into(),
        reply_to: None,
    };
    Ok(notices_about(app, issue, &notice).await?)
}

async fn let_go(app: &App, issue: &StoredIssue, draft: &Draft, why: &str, seen: Seen) -> Result<Queued, NewsroomError> {
    if issue.queued_at.is_some() {
        return go_on(app, issue, why, seen).await;
    }
    let edition = edition(app, issue.id, draft, why);
    let ready = ready(app, edition, issue.window).await?;
    let mailing = queue::freeze_issue(&app.store, edition, &ready).await?;
    let mut tx = app.store.begin().await?;
    move_on(&mut tx, issue.id, seen).await?;
    let queued = queue::hand_over(&mut tx, edition, &ready, &mailing).await?;
    tx.commit().await?;
    Ok(queued)
}

/// Takes a held issue for queued, if it still is as it was seen.
async fn move_on(tx: &mut Tx, issue: IssueId, seen: Seen) -> Result<(), NewsroomError> {
    let is_moved = tx.move_issue(issue, IssueState::Held, IssueState::Queued, "").await?;
    if is_moved && is_all_seen(tx, issue, seen).await? {
        return Ok(());
    }
    Err(decided_already(issue, IssueState::Held))
}

/// What was stopped in its window waits for the rest of it.
fn rest_of_window(issue: &StoredIssue, now: Timestamp) -> Timestamp {
    issue.goes_at.map_or(now, |goes_at| goes_at.max(now))
}

async fn go_on(app: &App, issue: &StoredIssue, why: &str, seen: Seen) -> Result<Queued, NewsroomError> {
    let now = app.clock.now();
    let mailing = app.store.mailing_of_issue(issue.id).await?;
    if let Some(at) = mailing.and_then(|mailing| mailing.expires_at).filter(|at| *at <= now) {
        return Err(NewsroomError::TooLate { issue: issue.id.0, at });
    }
    let goes_at = rest_of_window(issue, now);
    let mut tx = app.store.begin().await?;
    move_on(&mut tx, issue.id, seen).await?;
    tx.forget_wish(issue.id).await?;
    tx.clear_alarm(&issue.id.about(), AlarmKind::IssueHeld, now).await?;
    let readers = tx.unpark(issue.id, goes_at, now).await?;
    tx.record(now, &issue.id.about(), "queued", &format!("{why}, goes on")).await?;
    tx.commit().await?;
    Ok(Queued { issue: issue.id, readers, goes_at })
}
