//! One post: all that is known of it, and what may be decided about it. Publishers let a held one go, or say that it is
//! never to be sent; to send it as an alert has a page of its own.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    Site,
    ledger::{Line, lines_about},
    lists::Choice,
    pages::{DeskPage, Said, Word},
    posts::Shown,
    sending::{Window, windows},
    today::shown,
    visitor::{Pressed, Visitor},
};
use crate::{
    app::App,
    domain::{
        list::List,
        post::{PostId, Standing, StoredPost, Urgency},
        staff::Right,
    },
    newsroom::{self, Carried, PostDecision},
    store::{StoreError, issues::StoredIssue},
};

/// How many lines of its ledger are shown.
const LINES: i64 = 30;

#[derive(Serialize)]
struct OnePost<'a> {
    post: Shown,
    facts: Vec<Fact>,
    summary: String,
    ledger: Vec<Line>,
    /// The lists that could have it as an alert.
    lists: Vec<Choice<'a>>,
    windows: Vec<Window>,
    may_release: bool,
    may_dismiss: bool,
    said: Said<'a>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

impl DeskPage for OnePost<'_> {
    const TEMPLATE: &'static str = "desk/post.html";
    const WORD: Word = Word::Posts;
}

/// What stands in a post's place in the path.
pub(super) type Number = Result<Path<i64>, PathRejection>;

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, id: Number) -> Response {
    match found(&site, &visitor, id).await {
        Ok(post) => show(&site, &visitor, StatusCode::OK, post, Said::default()).await,
        Err(response) => response,
    }
}

/// A button that decides about it.
pub(super) async fn decide(State(site): State<Site>, id: Number, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let post = match found(&site, &visitor, id).await {
        Ok(post) => post,
        Err(response) => return response,
    };
    let (decision, done) = match form.one("do") {
        "release" => (
            PostDecision::ReleaseIntoDigest,
            "It is news now: the next digest takes it along, where the list does not have it yet.",
        ),
        "dismiss" => (PostDecision::Dismiss, "It will never be sent."),
        _ => return visitor.problem(&site, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed."),
    };
    let Some(feed) = site.app.config.feed(post.feed.as_str()) else {
        let wrong = Said::wrong("Nothing was done: its feed is no longer configured, so that nothing of it is sent.");
        return show(&site, &visitor, StatusCode::CONFLICT, post, wrong).await;
    };
    let decided = match newsroom::decide_held(&visitor.app(&site), feed, &[post.id], decision).await {
        Ok(decided) => decided,
        Err(error) => return visitor.failed(&site, "a decision about a post", &error),
    };
    let wrong = match decided.carried.first() {
        Some(Carried { issue, .. }) => format!("Nothing was done. It is in issue {}: stop it there.", issue.0),
        None => "Nothing was done: it stands otherwise by now. Please look.".to_owned(),
    };
    let (status, said) = match decided.count {
        0 => (StatusCode::CONFLICT, Said::wrong(&wrong)),
        _ => (StatusCode::OK, Said::done(done)),
    };
    match found(&site, &visitor, Ok(Path(post.id.0))).await {
        Ok(post) => show(&site, &visitor, status, post, said).await,
        Err(response) => response,
    }
}

/// The post of a path; else the answer that there is none.
pub(super) async fn found(site: &Site, visitor: &Visitor, id: Number) -> Result<StoredPost, Response> {
    let post = match id {
        Ok(Path(id)) => site.app.store.post(PostId(id)).await,
        Err(_) => Ok(None),
    };
    match post {
        Ok(Some(post)) => Ok(post),
        Ok(None) => Err(visitor.problem(site, StatusCode::NOT_FOUND, "There is no post of that number.")),
        Err(error) => Err(visitor.failed(site, "a post", &error)),
    }
}

/// The post's page, with what to know first.
pub(super) async fn show(
    site: &Site,
    visitor: &Visitor,
    status: StatusCode,
    post: StoredPost,
    said: Said<'_>,
) -> Response {
    match one_post(&site.app, post, said).await {
        Ok(page) => visitor.page(site, status, &page),
        Err(error) => visitor.failed(site, "a post", &error),
    }
}

async fn one_post<'a>(app: &'a App, post: StoredPost, said: Said<'a>) -> Result<OnePost<'a>, StoreError> {
    let issues = app.store.issues_with_post(post.id).await?;
    let is_open = matches!(post.standing, Standing::Held | Standing::News | Standing::Waiting);
    let lists = lists_without(app, &post, &issues).await?;
    let is_carried_everywhere = !issues.is_empty() && lists.is_empty();
    Ok(OnePost {
        facts: facts(&post),
        summary: post.post.summary.clone(),
        ledger: lines_about(app, &post.id.about(), LINES).await?,
        lists,
        windows: windows(""),
        may_release: post.standing == Standing::Held && !is_carried_everywhere,
        may_dismiss: is_open && issues.is_empty(),
        post: Shown::of(post, issues),
        said,
    })
}

/// The lists of its feed that have it in no issue.
async fn lists_without<'a>(
    app: &'a App,
    post: &StoredPost,
    issues: &[StoredIssue],
) -> Result<Vec<Choice<'a>>, StoreError> {
    let mut lists = Vec::new();
    let has_it = |list: &List| issues.iter().any(|issue| issue.list == list.name);
    let of_feed = |list: &&List| post.standing != Standing::Dismissed && list.feeds.contains(&post.feed);
    for list in app.config.lists.iter().filter(of_feed).filter(|list| !has_it(list)) {
        if app.store.issue_carrying(&list.name, post).await?.is_none() {
            lists.push(Choice::of(list));
        }
    }
    Ok(lists)
}

fn facts(post: &StoredPost) -> Vec<Fact> {
    let at = |at| shown(at, &TimeZone::UTC);
    let mut facts = vec![Fact { name: "First seen", value: at(post.first_seen_at) }];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| Fact { name, value }));
    add("Its own date", post.post.published_at.map(at));
    add("News since", post.news_at.map(at));
    add("Categories", Some(post.post.categories.join(", ")).filter(|categories| !categories.is_empty()));
    add("Rule", post.verdict.rule.as_ref().map(|rule| format!("[[urgent]] {rule}")));
    add("Its id in the feed", Some(post.post.fingerprint.clone()));
    facts
}

/// True when an alert of it would be one by its own verdict.
pub(super) fn is_breaking(post: &StoredPost) -> bool {
    post.verdict.urgency == Urgency::Breaking
}
