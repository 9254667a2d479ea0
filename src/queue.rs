//! Step 5: writes an issue or a notice down for good, with its mailing and its deliveries, in one transaction. What
//! comes in is composed and rendered; what goes out is rows. It never sends.

use jiff::Timestamp;

use crate::{
    domain::{
        address::EmailAddress,
        delivery::Lane,
        issue::{Content, Draft, IssueId, IssueKind, IssueState, Statement},
        mailing::{Mailing, MailingId, Purpose, Rendered},
        slug::Slug,
        subscription::SubscriberId,
    },
    store::{Store, StoreError, Tx, issues::NewIssue},
};

/// An issue that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its number.
    pub issue: IssueId,
    /// To how many.
    pub readers: u64,
}

/// A draft and what it needs to become an issue.
#[derive(Clone, Copy, Debug)]
pub struct Edition<'a> {
    /// What it says.
    pub draft: &'a Draft,
    /// For a digest: the instant of its slot, up to which the list's slots are then done with.
    pub slot_at: Option<Timestamp>,
    /// How it came to be, for the ledger.
    pub why: &'a str,
    /// When it was made.
    pub now: Timestamp,
}

/// Queues an issue to the readers of its list.
///
/// # Errors
/// [`StoreError::Conflict`] when another run was first; otherwise when the store cannot be written. Nothing is half
/// done.
pub async fn queue_issue(
    store: &Store,
    edition: Edition<'_>,
    rendered: &Rendered,
    expires_at: Option<Timestamp>,
) -> Result<Queued, StoreError> {
    let issue = store.issue_id().await?;
    let mailing = freeze_issue(store, issue, edition.draft, rendered, expires_at, edition.now).await?;
    let mut tx = store.begin().await?;
    write_issue(&mut tx, edition, issue, IssueState::Queued, "", &rendered.subject).await?;
    let readers = hand_over(&mut tx, issue, edition, &mailing).await?;
    for note in &rendered.notes {
        tx.record(edition.now, &issue.about(), "note", note).await?;
    }
    tx.commit().await?;
    Ok(Queued { issue, readers })
}

/// Writes an issue of a fresh number down as held, for a person to release or cancel, and tells staff in one go.
///
/// # Errors
/// As [`queue_issue`].
pub async fn hold_issue(
    store: &Store,
    issue: IssueId,
    edition: Edition<'_>,
    subject: &str,
    notice: Option<&ReadyNotice>,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    write_issue(&mut tx, edition, issue, IssueState::Held, edition.why, subject).await?;
    tx.record(edition.now, &issue.about(), "held", edition.why).await?;
    if let Some(notice) = notice {
        write_notice(&mut tx, notice).await?;
    }
    tx.commit().await
}

/// Queues a held issue after all; `None` when it is no longer held.
///
/// # Errors
/// When the store cannot be written.
pub async fn queue_held(
    store: &Store,
    issue: IssueId,
    edition: Edition<'_>,
    rendered: &Rendered,
    expires_at: Option<Timestamp>,
) -> Result<Option<Queued>, StoreError> {
    let mailing = freeze_issue(store, issue, edition.draft, rendered, expires_at, edition.now).await?;
    let mut tx = store.begin().await?;
    if !tx.move_issue(issue, IssueState::Held, IssueState::Queued, "").await? {
        return Ok(None);
    }
    let readers = hand_over(&mut tx, issue, edition, &mailing).await?;
    tx.commit().await?;
    Ok(Some(Queued { issue, readers }))
}

/// A notice that is ready to be written down, together with what it tells of.
#[derive(Clone, Debug)]
pub struct ReadyNotice {
    mailing: Mailing,
    people: Vec<SubscriberId>,
}

/// Makes a notice to named people ready.
///
/// # Errors
/// When the store cannot be written.
pub async fn ready_notice(
    store: &Store,
    rendered: &Rendered,
    people: &[EmailAddress],
    now: Timestamp,
) -> Result<ReadyNotice, StoreError> {
    let people = store.people(people, now).await?;
    let mailing = freeze(store, Purpose::Notice, Lane::Notice, rendered, None, now).await?;
    Ok(ReadyNotice { mailing, people })
}

/// A notice to one reader, of a fresh number, ready to be written down.
pub fn notice_to(id: MailingId, rendered: &Rendered, reader: SubscriberId, now: Timestamp) -> ReadyNotice {
    ReadyNotice { mailing: numbered(id, Purpose::Notice, Lane::Notice, rendered, None, now), people: vec![reader] }
}

/// Queues a notice that is ready, within the transaction of what it tells of.
///
/// # Errors
/// When the store cannot be written.
pub async fn write_notice(tx: &mut Tx, notice: &ReadyNotice) -> Result<(), StoreError> {
    let ReadyNotice { mailing, people } = notice;
    tx.add_mailing(mailing).await?;
    tx.queue_to_people(mailing.id, mailing.lane, people, mailing.made_at).await
}

/// Queues a notice by itself.
///
/// # Errors
/// When the store cannot be written.
pub async fn queue_notice(
    store: &Store,
    rendered: &Rendered,
    people: &[EmailAddress],
    now: Timestamp,
) -> Result<(), StoreError> {
    let notice = ready_notice(store, rendered, people, now).await?;
    let mut tx = store.begin().await?;
    write_notice(&mut tx, &notice).await?;
    tx.commit().await
}

async fn freeze_issue(
    store: &Store,
    issue: IssueId,
    draft: &Draft,
    rendered: &Rendered,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Mailing, StoreError> {
    let purpose = Purpose::Issue { issue, list: draft.list.clone() };
    freeze(store, purpose, lane(draft.kind()), rendered, expires_at, now).await
}

async fn freeze(
    store: &Store,
    purpose: Purpose,
    lane: Lane,
    rendered: &Rendered,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Mailing, StoreError> {
    Ok(numbered(store.mailing_id().await?, purpose, lane, rendered, expires_at, now))
}

fn numbered(
    id: MailingId,
    purpose: Purpose,
    lane: Lane,
    rendered: &Rendered,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Mailing {
    let Rendered { subject, message, .. } = rendered.clone();
    Mailing { id, purpose, lane, subject, message, made_at: now, expires_at }
}

async fn write_issue(
    tx: &mut Tx,
    edition: Edition<'_>,
    id: IssueId,
    state: IssueState,
    state_reason: &str,
    subject: &str,
) -> Result<(), StoreError> {
    let draft = edition.draft;
    let issue = NewIssue {
        id,
        list: &draft.list,
        kind: draft.kind(),
        key: &draft.key,
        state,
        state_reason,
        subject,
        statement: statement(draft),
        posts: &draft.post_ids(),
    };
    tx.add_issue(&issue, edition.now).await?;
    if let Some(until) = edition.slot_at {
        end_slots(tx, &draft.list, until).await?;
    }
    Ok(())
}

/// A slot that another run has ended meanwhile makes this issue one too many.
async fn end_slots(tx: &mut Tx, list: &Slug, until: Timestamp) -> Result<(), StoreError> {
    if tx.end_slots(list, until).await? { Ok(()) } else { Err(StoreError::Conflict) }
}

async fn hand_over(tx: &mut Tx, issue: IssueId, edition: Edition<'_>, mailing: &Mailing) -> Result<u64, StoreError> {
    let Edition { draft, why, now, .. } = edition;
    tx.add_mailing(mailing).await?;
    let readers = tx.queue_to_list(mailing.id, mailing.lane, &draft.list, draft.kind(), now).await?;
    tx.issue_queued(issue, &mailing.subject, readers, now).await?;
    tx.record(now, &issue.about(), "queued", &format!("{why}; to {readers} readers")).await?;
    Ok(readers)
}

fn lane(kind: IssueKind) -> Lane {
    match kind {
        IssueKind::Digest => Lane::Digest,
        IssueKind::Alert => Lane::Alert,
    }
}

fn statement(draft: &Draft) -> Option<&Statement> {
    match &draft.content {
        Content::Statement(statement) => Some(statement),
        Content::Digest { .. } | Content::Post(_) => None,
    }
}
