//! All issues, the newest first: what each is, how it stands, and how many have it. What to show stands in the address. It only
//! reads.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Site,
    lists::Choice,
    pages::{DeskPage, Word},
    progress::Tallied,
    today::shown,
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{
        issue::{IssueId, IssueState},
        number::{counted, grouped},
        slug::Slug,
    },
    store::{
        StoreError,
        issues::{IssueFilter, StoredIssue},
    },
    web::form::Form,
};

const PAGE: usize = 25;

#[derive(Serialize)]
struct Issues<'a> {
    issues: Vec<Listed>,
    lists: Vec<Choice<'a>>,
    states: Vec<&'static str>,
    list: String,
    state: &'static str,
    /// The query of the next page, when there is one.
    older: Option<String>,
}

/// An issue in the listing.
#[derive(Serialize)]
struct Listed {
    id: i64,
    subject: String,
    kind: &'static str,
    list: String,
    /// In a word or two.
    state: &'static str,
    /// True when somebody should look.
    is_urgent: bool,
    when: String,
    readers: String,
}

impl DeskPage for Issues<'_> {
    const TEMPLATE: &'static str = "desk/issues.html";
    const WORD: Word = Word::Issues;
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let filter = IssueFilter {
        // What is no word of ours is as if it had not been asked for.
        lists: Slug::parse(query.one("list")).ok().map(|list| vec![list]),
        state: IssueState::from_word(query.one("state")),
        before: query.one("before").parse().ok().map(IssueId),
    };
    match issues(&site.app, filter).await {
        Ok(issues) => visitor.page(&site, StatusCode::OK, &issues),
        Err(error) => visitor.failed(&site, "the issues", &error),
    }
}

async fn issues(app: &App, filter: IssueFilter) -> Result<Issues<'_>, StoreError> {
    let mut found = app.store.issues_page(&filter, i64::try_from(PAGE).unwrap_or(i64::MAX) + 1).await?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let older = found.last().filter(|_| has_more).map(|last| query_of(&filter, last.id));
    let mut issues = Vec::new();
    for issue in found {
        issues.push(listed(app, issue).await?);
    }
    Ok(Issues {
        issues,
        lists: app.config.lists.iter().map(Choice::of).collect(),
        states: [IssueState::Held, IssueState::Queued, IssueState::Cancelled].map(IssueState::as_str).to_vec(),
        list: filter.lists.and_then(|lists| lists.first().map(ToString::to_string)).unwrap_or_default(),
        state: filter.state.map_or("", IssueState::as_str),
        older,
    })
}

async fn listed(app: &App, issue: StoredIssue) -> Result<Listed, StoreError> {
    let tallied = Tallied::of(&app.store.states_of_issue(issue.id).await?);
    let list = app.config.list(issue.list.as_str());
    let zone = list.map_or(TimeZone::UTC, |list| list.time_zone.clone());
    let now = app.clock.now();
    Ok(Listed {
        id: issue.id.0,
        kind: issue.kind.as_str(),
        list: list.map_or_else(|| issue.list.to_string(), |list| list.title.clone()),
        state: state(&issue, &tallied, now),
        is_urgent: issue.state == IssueState::Held,
        when: shown(issue.goes_at.or(issue.queued_at).unwrap_or(issue.made_at), &zone),
        readers: readers(&issue, &tallied),
        subject: issue.subject,
    })
}

/// How it stands, in a word or two.
fn state(issue: &StoredIssue, tallied: &Tallied, now: Timestamp) -> &'static str {
    match issue.state {
        IssueState::Held if issue.wanted_by.is_some() => "waits for a second person",
        IssueState::Held => "held",
        IssueState::Cancelled => "given up",
        IssueState::Queued if issue.goes_at.is_some_and(|at| at > now) => "goes soon",
        IssueState::Queued if tallied.open() > 0 => "being sent",
        IssueState::Queued => "sent",
    }
}

fn readers(issue: &StoredIssue, tallied: &Tallied) -> String {
    match (issue.queued_at, tallied.all()) {
        (None, _) => "nobody yet".to_owned(),
        (Some(_), 0) => counted(issue.readers, "reader"),
        (Some(_), all) if tallied.refused > 0 => {
            format!("sent to {} of {}, refused {}", grouped(tallied.sent), grouped(all), grouped(tallied.refused))
        }
        (Some(_), all) => format!("sent to {} of {}", grouped(tallied.sent), grouped(all)),
    }
}

fn query_of(filter: &IssueFilter, last: IssueId) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(list) = filter.lists.as_ref().and_then(|lists| lists.first()) {
        query.append_pair("list", list.as_str());
    }
    if let Some(state) = filter.state {
        query.append_pair("state", state.as_str());
    }
    query.append_pair("before", &last.0.to_string()).finish()
}
