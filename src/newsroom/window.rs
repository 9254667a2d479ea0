//! The window: for a while an issue is queued and not yet due, and staff, who are told of it at once, can stop it. What
//! waits is rows, so that nothing depends on who opened the window.

use jiff::Timestamp;

use super::{
    NewsroomError, configured_list, notices_about,
    ready::{Headcount, count_audience},
};
use crate::{
    app::App,
    domain::{
        issue::{Draft, IssueKind},
        list::List,
        number::{counted, grouped},
        span,
    },
    queue::{Edition, ReadyNotice},
    render::{Fact, Notice},
    store::issues::StoredIssue,
};

/// What staff are told of an issue that goes out at an instant, for each of them.
pub(super) async fn notices(
    app: &App,
    edition: Edition<'_>,
    goes_at: Timestamp,
) -> Result<Vec<ReadyNotice>, NewsroomError> {
    let list = configured_list(app, &edition.draft.list)?;
    let notice = notice(edition, list, goes_at, &whom(app, edition, list).await?);
    Ok(notices_about(app, edition.issue, &notice).await?)
}

/// To whom an issue would go now, in words.
pub(super) async fn whom(app: &App, edition: Edition<'_>, list: &List) -> Result<String, NewsroomError> {
    Ok(whom_of(edition.draft, list, count_audience(app, edition.draft).await?))
}

/// So many, in words: `1,204 readers of Coalition news`.
pub(super) fn whom_of(draft: &Draft, list: &List, Headcount { readers: count, on_the_way }: Headcount) -> String {
    match (draft.kind(), draft.follows()) {
        (_, Some(_)) if on_the_way > 0 => {
            let whom = whom_of(draft, list, Headcount::of(count));
            format!("{whom}, and to {} whose message is on its way", grouped(on_the_way))
        }
        (IssueKind::Drill, _) => format!("{} of staff, and to no reader", grouped(count)),
        (_, Some(follows)) => {
            let were = if count == 1 { "was" } else { "were" };
            format!("{} who {were} mailed “{}”", counted(count, "reader"), follows.subject)
        }
        (_, None) => format!("{} of {}", counted(count, "reader"), list.title),
    }
}

fn notice(edition: Edition<'_>, list: &List, goes_at: Timestamp, whom: &str) -> Notice {
    let Edition { issue, draft, why, now, .. } = edition;
    let left = span::in_words(goes_at.duration_since(now));
    let headline = draft.headline();
    Notice {
        subject: format!("{}goes out in {left}: “{headline}”", prefix(draft.kind())),
        paragraphs: vec![
            format!("“{headline}” goes to {whom} at {}. Until then any of you can stop it.", at(goes_at, list)),
            format!("To stop it, press the button, or at the machine: tidings issues hold {}", issue.0),
            "When nobody does, it goes.".to_owned(),
        ],
        facts: vec![Fact { name: "Why".into(), value: why.to_owned() }],
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}

/// What a subject to staff begins with, so that a drill is never taken for an alert.
pub(super) fn prefix(kind: IssueKind) -> &'static str {
    match kind {
        IssueKind::Digest => "A digest ",
        IssueKind::Alert => "An alert ",
        IssueKind::Drill => "[Drill] A drill ",
    }
}

/// What to call an issue behind [`prefix`]: its subject, but of a drill, whose subject says that it is one, its headline.
pub(super) fn headline(issue: &StoredIssue) -> &str {
    match (&issue.statement, issue.kind) {
        (Some(statement), IssueKind::Drill) => &statement.subject,
        _ => &issue.subject,
    }
}

/// An instant on the clock of a list: `14:05:00 CEST on 24 April 2024`.
pub(super) fn at(instant: Timestamp, list: &List) -> String {
    instant.to_zoned_datetime(list.time_zone.clone()).strftime("%H:%M:%S %Z on %-d %B %Y").to_string()
}
