//! Stopping: an issue is held, for a person to release it, or cancelled for good. Both work while it is being sent, and
//! in its window, where they are the veto.

use jiff::Timestamp;

use super::{By, NewsroomError, decided_already, needs, notices_about, window};
use crate::{
    app::App,
    domain::{
        alarm::AlarmKind,
        issue::{IssueId, IssueKind, IssueState},
    },
    queue,
    render::{Fact, Notice},
    store::{StoreError, Tx, issues::StoredIssue},
};

/// Stops an issue that is being sent, or will be when its window has passed: what is not on the wire at this moment waits
/// until it is released. Of a stopped alert staff are told. Gives how many messages wait.
///
/// # Errors
/// When it is not queued.
pub async fn hold(app: &App, id: IssueId, reason: &str, by: &By) -> Result<u64, NewsroomError> {
    let issue = app.store.issue(id).await?;
    needs(&issue, IssueState::Queued)?;
    if app.store.states_of_issue(id).await?.keys().all(|state| state.is_settled()) {
        return Err(NewsroomError::WrongState { issue: id.0, state: "done with", needed: "being sent" });
    }
    let (now, reason) = (app.clock.now(), format!("{reason}, by {by}"));
    let notices = match issue.kind {
        IssueKind::Digest => Vec::new(),
        IssueKind::Alert | IssueKind::Drill => notices_about(app, id, &stopped_notice(&issue, &reason)).await?,
    };
    let mut tx = app.store.begin().await?;
    let Some(parked) = tx.hold_issue(id, &reason, now).await? else {
        return Err(decided_already(id, IssueState::Queued));
    };
    tx.forget_wish(id).await?;
    for notice in &notices {
        queue::write_notice(&mut tx, notice).await?;
    }
    tx.commit().await?;
    Ok(parked)
}

fn stopped_notice(issue: &StoredIssue, reason: &str) -> Notice {
    Notice {
        subject: format!("{}is stopped: “{}”", window::prefix(issue.kind), window::headline(issue)),
        paragraphs: vec![
            "What was not sent by now waits until one of you decides. Nothing more goes meanwhile.".to_owned(),
            format!("At the machine: tidings issues release {0}, or tidings issues cancel {0}", issue.id.0),
        ],
        facts: vec![Fact { name: "Why".into(), value: reason.to_owned() }],
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}

/// Cancels an issue that is held or still being sent: what was not sent will not be. Gives how many deliveries were
/// dropped.
///
/// # Errors
/// When it was cancelled before.
pub async fn cancel(app: &App, id: IssueId, reason: &str, by: &By) -> Result<u64, NewsroomError> {
    let issue = app.store.issue(id).await?;
    if issue.state == IssueState::Cancelled {
        return Err(cancelled_already(id));
    }
    let mut tx = app.store.begin().await?;
    let dropped = write_cancelled(&mut tx, &issue, &format!("{reason}, by {by}"), app.clock.now()).await?;
    let Some(dropped) = dropped else { return Err(cancelled_already(id)) };
    tx.commit().await?;
    Ok(dropped)
}

/// Cancels an issue within a transaction of more; `None` when it is no longer in the state in which it was read.
pub(super) async fn write_cancelled(
    tx: &mut Tx,
    issue: &StoredIssue,
    reason: &str,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let id = issue.id;
    if !tx.move_issue(id, issue.state, IssueState::Cancelled, reason).await? {
        return Ok(None);
    }
    tx.clear_alarm(&id.about(), AlarmKind::IssueHeld, now).await?;
    let dropped = tx.drop_unsent(id, &format!("cancelled: {reason}"), now).await?;
    tx.record(now, &id.about(), "cancelled", reason).await?;
    Ok(Some(dropped))
}

fn cancelled_already(id: IssueId) -> NewsroomError {
    NewsroomError::WrongState { issue: id.0, state: IssueState::Cancelled.as_str(), needed: "held or queued" }
}
