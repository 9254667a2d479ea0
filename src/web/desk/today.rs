//! The first page: is anything wrong, is anything held, what goes out next, what went out last. Each answer is a sentence
//! with at most one link. It only reads.

use axum::{extract::State, http::StatusCode, response::Response};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Site,
    pages::{DeskPage, Word},
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{
        delivery::DeliveryState,
        issue::{IssueId, IssueKind, IssueState},
        list::{Alerts, List},
        number::{counted, grouped},
    },
    store::{
        StoreError,
        issues::{IssueFilter, StoredIssue},
    },
};

/// How many of the newest issues that are held, or went out, are looked through.
const NEWEST: i64 = 50;

/// How many that went out are told.
const WENT: usize = 3;

/// The answers.
#[derive(Debug, Default, Serialize)]
pub(super) struct Today {
    wrong: Vec<Answer>,
    held: Vec<Answer>,
    next: Vec<Answer>,
    went: Vec<Answer>,
}

impl DeskPage for Today {
    const TEMPLATE: &'static str = "desk/today.html";
    const WORD: Word = Word::Today;
}

/// A sentence, with more in small print.
#[derive(Debug, Serialize)]
struct Answer {
    text: String,
    more: String,
    /// The page that says more, below the desk; empty when there is none.
    link: String,
}

impl Answer {
    fn new(text: String, more: String) -> Self {
        Self { text, more, link: String::new() }
    }

    fn to(self, link: String) -> Self {
        Self { link, ..self }
    }
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor) -> Response {
    match today(&site.app).await {
        Ok(today) => visitor.page(&site, StatusCode::OK, &today),
        Err(error) => visitor.failed(&site, "what is to be known today", &error),
    }
}

async fn today(app: &App) -> Result<Today, StoreError> {
    let issues = app.store.newest_issues(NEWEST).await?;
    let mut today = Today { wrong: wrong(app).await?, held: held(app).await?, ..Today::default() };
    for list in &app.config.lists {
        today.next.push(next(app, list).await?);
    }
    let now = app.clock.now();
    let went = issues.iter().filter(|issue| issue.mailed_at(now).is_some());
    for issue in went.take(WENT) {
        today.went.push(fared(app, issue).await?);
    }
    Ok(today)
}

async fn wrong(app: &App) -> Result<Vec<Answer>, StoreError> {
    let mut wrong: Vec<Answer> = Vec::new();
    for alarm in app.store.ringing_alarms().await? {
        let title = format!("{} ({}), since {}", alarm.kind.title(), alarm.about, shown(alarm.at, &TimeZone::UTC));
        wrong.push(Answer::new(title, alarm.words).to(link_about(&alarm.about)));
    }
    for feed in &app.config.feeds {
        let state = app.store.feed_state(&feed.name).await?.unwrap_or_default();
        if let Some(since) = state.failing_since {
            let text = format!("The feed “{}” cannot be read since {}.", feed.name, shown(since, &TimeZone::UTC));
            let link = format!("/feeds/{}", feed.name);
            wrong.push(Answer::new(text, state.last_error.unwrap_or_default()).to(link));
        }
    }
    Ok(wrong)
}

async fn held(app: &App) -> Result<Vec<Answer>, StoreError> {
    let of_these = IssueFilter { state: Some(IssueState::Held), ..IssueFilter::default() };
    let issues = app.store.issues_page(&of_these, NEWEST).await?;
    let mut held: Vec<Answer> = issues
        .into_iter()
        .map(|issue| {
            Answer::new(
                format!("{} “{}” of {} is held.", kind(issue.kind), issue.subject, issue.list),
                issue.state_reason,
            )
            .to(issue_link(issue.id))
        })
        .collect();
    for feed in &app.config.feeds {
        let posts = app.store.held_posts(&feed.name).await?;
        if let Some(first) = posts.first() {
            let text =
                format!("{} of the feed “{}” to be decided about.", counted(posts.len() as u64, "post"), feed.name);
            held.push(Answer::new(text, first.standing_reason.clone()).to(format!("/feeds/{}", feed.name)));
        }
    }
    Ok(held)
}

async fn next(app: &App, list: &List) -> Result<Answer, StoreError> {
    let now = app.clock.now();
    let readers = app.store.count_readers(&list.name, IssueKind::Digest).await?;
    let (mut waiting, mut alerts) = (0_u64, String::new());
    for feed in &list.feeds {
        waiting += app.store.count_news_for(feed, &list.name).await?;
    }
    if list.alerts == Alerts::Immediate {
        alerts = "; breaking posts go at once".to_owned();
    }
    let slot = list.digest.as_ref().and_then(|digest| digest.slots_after(now).next());
    let answer = match slot {
        Some(slot) => Answer::new(
            format!("“{}” goes out on {}.", list.title, shown(slot.at, &list.time_zone)),
            format!("{} for it so far; {}{alerts}.", counted(waiting, "post"), counted(readers, "reader")),
        ),
        None => {
            let readers = app.store.count_readers(&list.name, IssueKind::Alert).await?;
            Answer::new(
                format!("“{}” has no digest to come.", list.title),
                format!("{}{alerts}.", counted(readers, "reader")),
            )
        }
    };
    Ok(answer.to(format!("/lists/{}", list.name)))
}

async fn fared(app: &App, issue: &StoredIssue) -> Result<Answer, StoreError> {
    let states = app.store.states_of_issue(issue.id).await?;
    let of = |wanted: &[DeliveryState]| -> u64 { wanted.iter().filter_map(|state| states.get(state)).sum() };
    let (sent, refused) = (of(&[DeliveryState::Sent]), of(&[DeliveryState::Bounced]));
    let unclear = of(&[DeliveryState::Unknown]);
    let all: u64 = states.values().sum();
    let at = issue.queued_at.unwrap_or(issue.made_at);
    let zone = app.config.list(issue.list.as_str()).map(|list| list.time_zone.clone());
    let at = shown(at, &zone.unwrap_or(TimeZone::UTC));
    let mut more = format!("Sent to {} of {}", grouped(sent), grouped(all));
    if refused > 0 {
        more.push_str(&format!(", refused {}", grouped(refused)));
    }
    if unclear > 0 {
        more.push_str(&format!(", unknown {}", grouped(unclear)));
    }
    let text = format!("{} “{}” to {}, {at}.", kind(issue.kind), issue.subject, issue.list);
    Ok(Answer::new(text, format!("{more}.")).to(issue_link(issue.id)))
}

fn issue_link(id: IssueId) -> String {
    format!("/issues/{}", id.0)
}

/// The page about what an alarm is about, such as `issue:7`; empty when there is none.
fn link_about(about: &str) -> String {
    match about.split_once(':') {
        Some(("relay", _)) => "/relays".to_owned(),
        Some(("issue", id)) => format!("/issues/{id}"),
        _ => String::new(),
    }
}

fn kind(kind: IssueKind) -> &'static str {
    match kind {
        IssueKind::Digest => "The digest",
        IssueKind::Alert => "The alert",
        IssueKind::Drill => "The drill",
    }
}

/// An instant as people say it, with its zone.
pub(super) fn shown(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%a %-d %B %Y, %H:%M %Z").to_string()
}
