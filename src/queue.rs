//! Step 5: writes an issue or a notice down for good, with its mailing and its deliveries, in one transaction. What
//! comes in is composed and rendered; what goes out is rows. It never sends. Notices have a file of their own.

mod notices;

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        delivery::Lane,
        issue::{Content, Draft, FollowUp, IssueId, IssueKind, IssueState, Statement},
        mailing::{Mailing, MailingId, Purpose, Rendered},
        slug::Slug,
        subscription::SubscriberId,
    },
    store::{
        Store, StoreError, Tx,
        deliveries::Batch,
        issues::{HandedOver, NewIssue},
    },
};

pub use notices::{ReadyNotice, notice_to, queue_notice, ready_notice, write_notice};

/// An issue that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its number.
    pub issue: IssueId,
    /// To how many.
    pub readers: u64,
    /// Nothing of it is due before.
    pub goes_at: Timestamp,
}

/// A draft and what it needs to become an issue.
#[derive(Clone, Copy, Debug)]
pub struct Edition<'a> {
    /// Its number, from [`Store::issue_id`].
    pub issue: IssueId,
    /// What it says.
    pub draft: &'a Draft,
    /// For a digest: the instant of its slot, up to which the list's slots are then done with.
    pub slot_at: Option<Timestamp>,
    /// How it came to be, for the ledger.
    pub why: &'a str,
    /// When it was made.
    pub now: Timestamp,
}

/// An issue that is ready to go out.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What is mailed.
    pub rendered: Rendered,
    /// Its withdrawal, rendered in advance.
    pub retraction: Option<Rendered>,
    /// To whom.
    pub audience: Audience,
    /// Nothing of it is due before.
    pub goes_at: Timestamp,
    /// After this instant what was not sent is `expired`.
    pub expires_at: Option<Timestamp>,
    /// What staff are told of it.
    pub notices: Vec<ReadyNotice>,
}

/// Who gets an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The readers of its list.
    List,
    /// These people.
    People(Vec<SubscriberId>),
    /// Those of the list who were mailed another one, and perhaps had it.
    MailedBefore(MailingId),
}

/// How an issue is held.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// What to call it: it was not rendered.
    pub subject: &'a str,
    /// How long staff can stop it, once it is let go.
    pub window: SignedDuration,
    /// Who of staff wants it out and waits for a second person.
    pub wanted_by: Option<SubscriberId>,
    /// What staff are told of it.
    pub notices: &'a [ReadyNotice],
}

impl Ready {
    /// Ready to go to its list at once, for as long as it takes.
    pub fn at_once(rendered: Rendered, now: Timestamp) -> Self {
        let (retraction, audience) = (None, Audience::List);
        Self { rendered, retraction, audience, goes_at: now, expires_at: None, notices: Vec::new() }
    }
}

/// Queues an issue.
///
/// # Errors
/// [`StoreError::Conflict`] when another run was first; otherwise when the store cannot be written. Nothing is half
/// done.
pub async fn queue_issue(store: &Store, edition: Edition<'_>, ready: &Ready) -> Result<Queued, StoreError> {
    let mailing = freeze_issue(store, edition, ready).await?;
    let mut tx = store.begin().await?;
    let queued = write_queued(&mut tx, edition, ready, &mailing).await?;
    tx.commit().await?;
    Ok(queued)
}

/// Queues an issue within a transaction of more; its mailing is one of [`freeze_issue`].
///
/// # Errors
/// As [`queue_issue`].
pub async fn write_queued(
    tx: &mut Tx,
    edition: Edition<'_>,
    ready: &Ready,
    mailing: &Mailing,
) -> Result<Queued, StoreError> {
    let never_held =
        Held { subject: &ready.rendered.subject, window: SignedDuration::ZERO, wanted_by: None, notices: &[] };
    write_issue(tx, edition, IssueState::Queued, never_held).await?;
    hand_over(tx, edition, ready, mailing).await
}

/// Writes an issue down as held, for a person to release or cancel, and tells staff in one go.
///
/// # Errors
/// As [`queue_issue`].
pub async fn hold_issue(store: &Store, edition: Edition<'_>, held: Held<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    write_held(&mut tx, edition, held).await?;
    tx.commit().await
}

/// The same, within a transaction of more.
///
/// # Errors
/// As [`queue_issue`].
pub async fn write_held(tx: &mut Tx, edition: Edition<'_>, held: Held<'_>) -> Result<(), StoreError> {
    write_issue(tx, edition, IssueState::Held, held).await?;
    tx.record(edition.now, &edition.issue.about(), "held", edition.why).await?;
    for notice in held.notices {
        write_notice(tx, notice).await?;
    }
    Ok(())
}

/// The mailing of an issue, of a fresh number and frozen.
///
/// # Errors
/// When the store cannot be written.
pub async fn freeze_issue(store: &Store, edition: Edition<'_>, ready: &Ready) -> Result<Mailing, StoreError> {
    let Edition { issue, draft, now, .. } = edition;
    let (purpose, lane) = match draft.kind() {
        IssueKind::Digest => (Purpose::Issue { issue, list: draft.list.clone() }, Lane::Digest),
        IssueKind::Alert => (Purpose::Issue { issue, list: draft.list.clone() }, Lane::Alert),
        IssueKind::Drill => (Purpose::Drill { issue }, Lane::Alert),
    };
    let answers = match &ready.audience {
        Audience::MailedBefore(first) => Some(*first),
        Audience::List | Audience::People(_) => None,
    };
    let mailing = numbered(store.mailing_id().await?, purpose, lane, &ready.rendered, now);
    Ok(Mailing { expires_at: ready.expires_at, answers, ..mailing })
}

fn numbered(id: MailingId, purpose: Purpose, lane: Lane, rendered: &Rendered, now: Timestamp) -> Mailing {
    let Rendered { subject, message, .. } = rendered.clone();
    Mailing { id, purpose, lane, subject, message, made_at: now, expires_at: None, answers: None }
}

fn batch(mailing: &Mailing, goes_at: Timestamp) -> Batch {
    Batch { mailing: mailing.id, lane: mailing.lane, goes_at, now: mailing.made_at }
}

async fn write_issue(tx: &mut Tx, edition: Edition<'_>, state: IssueState, held: Held<'_>) -> Result<(), StoreError> {
    let draft = edition.draft;
    let issue = NewIssue {
        id: edition.issue,
        list: &draft.list,
        kind: draft.kind(),
        key: &draft.key,
        state,
        state_reason: if state == IssueState::Held { edition.why } else { "" },
        subject: held.subject,
        statement: statement(draft),
        posts: &draft.post_ids(),
        window: held.window,
        wanted_by: held.wanted_by,
        corrects: draft.follows().map(|FollowUp { first, .. }| *first),
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

/// Hands an issue that stands as queued over to delivery, within a transaction of more; its mailing is one of
/// [`freeze_issue`].
///
/// # Errors
/// As [`queue_issue`].
pub async fn hand_over(
    tx: &mut Tx,
    edition: Edition<'_>,
    ready: &Ready,
    mailing: &Mailing,
) -> Result<Queued, StoreError> {
    let Edition { issue, draft, why, now, .. } = edition;
    tx.add_mailing(mailing).await?;
    let batch = batch(mailing, ready.goes_at);
    let readers = match &ready.audience {
        Audience::List => tx.queue_to_list(batch, &draft.list, draft.kind()).await?,
        Audience::People(people) => tx.queue_to_people(batch, people).await?,
        Audience::MailedBefore(first) => tx.queue_to_mailed(batch, &draft.list, *first).await?,
    };
    let Ready { rendered, retraction, goes_at, .. } = ready;
    let handed = HandedOver { subject: &mailing.subject, readers, goes_at: *goes_at, retraction: retraction.as_ref() };
    tx.issue_queued(issue, handed, now).await?;
    let window = if *goes_at > now { format!("; it goes at {goes_at:.0}") } else { String::new() };
    tx.record(now, &issue.about(), "queued", &format!("{why}; to {readers} readers{window}")).await?;
    for note in &rendered.notes {
        tx.record(now, &issue.about(), "note", note).await?;
    }
    for notice in &ready.notices {
        write_notice(tx, notice).await?;
    }
    Ok(Queued { issue, readers, goes_at: *goes_at })
}

fn statement(draft: &Draft) -> Option<&Statement> {
    match &draft.content {
        Content::Statement(statement) => Some(statement),
        Content::Digest { .. } | Content::Post(_) => None,
    }
}
