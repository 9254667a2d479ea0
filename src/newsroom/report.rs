//! The report of an alert: how it fared, told to staff once: when nothing of it waits any more, or an hour after it began,
//! so that an alert that does not go out is noticed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{configured_list, notice_to_staff, window};
use crate::{
    app::App,
    domain::{
        delivery::DeliveryState,
        issue::{IssueKind, IssueState},
        list::List,
        number::{counted, grouped},
        span,
    },
    queue,
    render::{Fact, Notice},
    store::{StoreError, deliveries::Fared, issues::StoredIssue},
};

/// An alert that is not done by then is reported as it stands.
const AT_LATEST: SignedDuration = SignedDuration::from_hours(1);

/// Reports every alert, correction and drill of which there is something to say and of which staff were not told.
pub(super) async fn reports_due(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    for id in app.store.unreported_issues(now.checked_sub(AT_LATEST).unwrap_or(Timestamp::MIN)).await? {
        let issue = app.store.issue(id).await?;
        let began = issue.goes_at.or(issue.queued_at).unwrap_or(issue.made_at);
        let is_late = now.duration_since(began) >= AT_LATEST;
        if is_late || !app.store.is_under_way(id).await? {
            report(app, &issue).await?;
        }
    }
    Ok(())
}

async fn report(app: &App, issue: &StoredIssue) -> Result<(), StoreError> {
    // Of a list that is no longer configured there is nothing to say in its own time and words.
    let notice = match configured_list(app, &issue.list) {
        Ok(list) => {
            let (states, fared) = (app.store.states_of_issue(issue.id).await?, app.store.fared(issue.id).await?);
            notice_to_staff(app, &notice(issue, list, &states, fared)).await?
        }
        Err(_) => None,
    };
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if !tx.issue_reported(issue.id, now).await? {
        return Ok(());
    }
    if let Some(notice) = &notice {
        queue::write_notice(&mut tx, notice).await?;
    }
    tx.commit().await
}

fn notice(issue: &StoredIssue, list: &List, states: &BTreeMap<DeliveryState, u64>, fared: Fared) -> Notice {
    let count = |wanted: &[DeliveryState]| wanted.iter().filter_map(|state| states.get(state)).sum::<u64>();
    let sent = count(&[DeliveryState::Sent]);
    let waiting = count(&[DeliveryState::Queued, DeliveryState::Sending, DeliveryState::Deferred]);
    let mut facts = vec![Fact { name: "Sent".into(), value: grouped(sent) }];
    for (name, states) in [
        ("Refused", &[DeliveryState::Bounced][..]),
        ("Waiting", &[DeliveryState::Queued, DeliveryState::Sending]),
        ("Deferred", &[DeliveryState::Deferred]),
        ("Unknown", &[DeliveryState::Unknown]),
        ("Expired", &[DeliveryState::Expired]),
        ("Dropped", &[DeliveryState::Dropped]),
    ] {
        let count = count(states);
        // Whether it was refused, expired, or nobody can say is what staff look for: a nought is an answer too.
        if count > 0 || matches!(name, "Refused" | "Unknown" | "Expired") {
            facts.push(Fact { name: name.into(), value: grouped(count) });
        }
    }
    for (name, at) in [("First sent", fared.first_sent_at), ("Last sent", fared.last_sent_at)] {
        facts.extend(at.map(|at| Fact { name: name.into(), value: window::at(at, list) }));
    }
    Notice {
        subject: subject(issue, list, sent, waiting),
        paragraphs: paragraphs(issue, sent, waiting, fared),
        facts,
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}

fn subject(issue: &StoredIssue, list: &List, sent: u64, waiting: u64) -> String {
    let (drill, whom) = match issue.kind {
        IssueKind::Drill => ("[Drill] ", "of staff"),
        IssueKind::Alert | IssueKind::Digest => ("", list.title.as_str()),
    };
    let word = if waiting > 0 && sent == 0 { "Not yet sent" } else { "Sent" };
    let numbers = format!("{} of {}, {whom}", grouped(sent), grouped(issue.readers));
    format!("{drill}{word}: “{}”, {numbers}", window::headline(issue))
}

fn paragraphs(issue: &StoredIssue, sent: u64, waiting: u64, fared: Fared) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let began = issue.goes_at.or(issue.queued_at);
    match (fared.first_sent_at, fared.last_sent_at, began) {
        (Some(first), Some(last), Some(began)) => paragraphs.push(format!(
            "{} sent: the first {} after it was to go, the last {} after that.",
            counted(sent, "message"),
            seconds(first.duration_since(began)),
            seconds(last.duration_since(first)),
        )),
        _ => paragraphs.push("Not one message of it was sent.".to_owned()),
    }
    if waiting > 0 {
        paragraphs.push(format!(
            "Still waiting an hour after it began: {}. To see why: tidings deliveries list --issue {}",
            counted(waiting, "message"),
            issue.id.0
        ));
    }
    if issue.state == IssueState::Cancelled {
        paragraphs.push(format!("It is cancelled: {}.", issue.state_reason));
    }
    paragraphs.push(format!("More: tidings issues show {}", issue.id.0));
    paragraphs
}

/// Short spans to the second, long ones in words.
fn seconds(span: SignedDuration) -> String {
    match span.as_secs() {
        ..120 => counted(span.as_secs().max(0).unsigned_abs(), "second"),
        _ => span::in_words(span),
    }
}
