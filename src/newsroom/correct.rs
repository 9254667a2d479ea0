//! Correcting and withdrawing: what follows an issue that was wrong. What of the first was not sent is cancelled, and
//! exactly those who were mailed it, or may have been, get the second, which answers their own message of the first. Whose
//! message was on the wire at that moment gets it as well, once it is known what became of it.

use super::{
    By, NewsroomError, Placed, Sending, configured_list, decided_already,
    draft::{render_draft, statement_html},
    ready::{edition, ready},
    release::{Wait, must_wait, waiting_notices},
    send::{made_before, waits_for_second},
    stop::write_cancelled,
};
use crate::{
    app::App,
    compose,
    domain::{
        delivery::{DeliveryState, Lane},
        issue::{Content, Draft, FollowUp, IssueId, IssueKind, IssueState, Remedy},
        slug::Slug,
        wire,
    },
    queue::{self, Edition, Held},
    store::{StoreError, Tx, deliveries::Batch, issues::StoredIssue},
};

/// A correction as staff hand it in.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// Its headline, and its subject behind “Correction:”.
    pub subject: &'a str,
    /// What was wrong, in a sentence; may be empty.
    pub wrong: &'a str,
    /// What is right, in Markdown.
    pub markdown: &'a str,
}

/// The draft of a correction, for a preview or the send.
///
/// # Errors
/// When there is nothing in it, or nothing to correct.
pub async fn draft_correction(app: &App, first: IssueId, said: &Correction<'_>) -> Result<Draft, NewsroomError> {
    if said.subject.trim().is_empty() || said.markdown.trim().is_empty() {
        return Err(NewsroomError::Empty);
    }
    let first = correctable(app, first).await?;
    let list = configured_list(app, &first.list)?;
    let written = compose::statement(said.subject, statement_html(said.markdown), app.clock.now());
    let remedy = Remedy::Correction { wrong: wire::one_line(said.wrong) };
    Ok(compose::follow_up(list, written, follow_up(app, &first, remedy)))
}

/// The draft of a withdrawal, for a preview or the send. `reason` is Markdown and may be empty.
///
/// # Errors
/// When there is nothing to withdraw.
pub async fn draft_withdrawal(app: &App, first: IssueId, reason: &str) -> Result<Draft, NewsroomError> {
    let first = correctable(app, first).await?;
    withdrawal(app, &first.list, follow_up(app, &first, Remedy::Withdrawal), reason)
}

/// The withdrawal of an issue that is yet to go out, or has.
pub(super) fn withdrawal(app: &App, list: &Slug, follows: FollowUp, reason: &str) -> Result<Draft, NewsroomError> {
    let list = configured_list(app, list)?;
    let written = compose::statement(&follows.subject, statement_html(reason), app.clock.now());
    Ok(compose::follow_up(list, written, follows))
}

fn follow_up(app: &App, first: &StoredIssue, remedy: Remedy) -> FollowUp {
    let went_at = first.goes_at.unwrap_or_else(|| app.clock.now());
    FollowUp { first: first.id, subject: first.subject.clone(), went_at, remedy }
}

/// An issue that somebody may have.
async fn correctable(app: &App, id: IssueId) -> Result<StoredIssue, NewsroomError> {
    let issue = app.store.issue(id).await?;
    match (issue.kind, issue.queued_at) {
        (IssueKind::Drill, _) => Err(NewsroomError::OnlyDrill { issue: id.0 }),
        (_, None) => Err(NewsroomError::NobodyMailed { issue: id.0 }),
        (IssueKind::Digest | IssueKind::Alert, Some(_)) => Ok(issue),
    }
}

/// Sends a correction or a withdrawal, having cancelled what of the first was not sent; or, when a correction must wait
/// for a second person, holds it, having cancelled that all the same.
///
/// # Errors
/// [`NewsroomError::MadeBefore`], [`NewsroomError::NobodyMailed`] when there is nobody to tell, and then the first goes on
/// as it was.
pub(super) async fn send_after(
    app: &App,
    first: IssueId,
    draft: &Draft,
    sending: &Sending<'_>,
) -> Result<Placed, NewsroomError> {
    let first = correctable(app, first).await?;
    let issue = app.store.issue_id().await?;
    let placed = match must_wait(app, draft, sending.by)? {
        Wait::Not => go(app, &first, issue, draft, sending).await,
        waits @ (Wait::ForSecond(_) | Wait::ForStaff) => wait(app, &first, issue, draft, sending, waits).await,
    };
    made_before(app, draft, placed).await
}

/// Holds a correction until a second person approves it. The first is stopped at once: that needs nobody's leave.
async fn wait(
    app: &App,
    first: &StoredIssue,
    issue: IssueId,
    draft: &Draft,
    sending: &Sending<'_>,
    waits: Wait,
) -> Result<Placed, NewsroomError> {
    let (rendered, why) = (render_draft(app, draft)?, waits_for_second(sending.by));
    let edition = edition(app, issue, draft, &why);
    let notices = waiting_notices(app, edition, waits).await?;
    let (subject, window) = (&rendered.subject, sending.window);
    let mut tx = app.store.begin().await?;
    stop_first(&mut tx, first, edition, sending.by).await?;
    queue::write_held(&mut tx, edition, Held { subject, window, wanted_by: waits.wanted_by(), notices: &notices })
        .await?;
    tx.commit().await?;
    Ok(Placed::Waits(issue))
}

/// In one transaction, so that a kill leaves either the first as it was or the second on its way.
async fn go(
    app: &App,
    first: &StoredIssue,
    issue: IssueId,
    draft: &Draft,
    sending: &Sending<'_>,
) -> Result<Placed, NewsroomError> {
    let why = format!("follows issue {}, by {}", first.id.0, sending.by);
    let edition = edition(app, issue, draft, &why);
    let ready = ready(app, edition, sending.window).await?;
    let mailing = queue::freeze_issue(&app.store, edition, &ready).await?;
    let mut tx = app.store.begin().await?;
    stop_first(&mut tx, first, edition, sending.by).await?;
    let queued = queue::write_queued(&mut tx, edition, &ready, &mailing).await?;
    if queued.readers == 0 && tx.count_in_state(first.id, DeliveryState::Sending).await? == 0 {
        return Err(NewsroomError::NobodyMailed { issue: first.id.0 });
    }
    tx.commit().await?;
    Ok(Placed::Queued(queued))
}

/// True for a withdrawal that gives no reason of its own.
pub(super) fn adds_no_words(draft: &Draft) -> bool {
    let has_no_body = matches!(&draft.content, Content::Statement(statement) if statement.body_html.is_empty());
    is_withdrawal(draft) && has_no_body
}

/// Cancels what of the first was not sent, unless it was cancelled before.
async fn stop_first(tx: &mut Tx, first: &StoredIssue, second: Edition<'_>, by: &By) -> Result<(), NewsroomError> {
    if first.state == IssueState::Cancelled {
        return Ok(());
    }
    let word = if is_withdrawal(second.draft) { "withdrawn" } else { "corrected" };
    let reason = format!("{word} by issue {}, by {by}", second.issue.0);
    let dropped = write_cancelled(tx, first, &reason, second.now).await?;
    dropped.map(drop).ok_or_else(|| decided_already(first.id, first.state))
}

fn is_withdrawal(draft: &Draft) -> bool {
    draft.follows().is_some_and(|follows| follows.remedy == Remedy::Withdrawal)
}

/// Sends corrections to those whose message of the first was on the wire when they were queued, and was taken after all.
/// A correction is done with this once nothing of the first is on the wire any more.
pub(super) async fn late_corrections_due(app: &App) -> Result<(), StoreError> {
    for id in app.store.corrections_catching_up().await? {
        let correction = app.store.issue(id).await?;
        let Some(first) = correction.corrects else { continue };
        let mailings = (app.store.mailing_of_issue(id).await?, app.store.mailing_of_issue(first).await?);
        let (Some(mailing), Some(first_mailing)) = mailings else { continue };
        let now = app.clock.now();
        let goes_at = correction.goes_at.map_or(now, |goes_at| goes_at.max(now));
        let batch = Batch { mailing: mailing.id, lane: Lane::Alert, goes_at, now };
        let mut tx = app.store.begin().await?;
        // In this order: what is no longer on the wire here is seen by the next statement as what it came to.
        let on_the_wire = tx.count_in_state(first, DeliveryState::Sending).await?;
        let late = tx.queue_to_mailed(batch, &correction.list, first_mailing.id).await?;
        if late == 0 && on_the_wire > 0 {
            continue;
        }
        if late > 0 {
            let reason = format!("to {late} more, whose message of issue {} was on its way", first.0);
            tx.record(now, &id.about(), "queued", &reason).await?;
        }
        tx.correction_reaches(id, late, (on_the_wire == 0).then_some(now)).await?;
        tx.commit().await?;
    }
    Ok(())
}
