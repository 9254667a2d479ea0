//! What the feeds brought, newest first: each post with its verdict, its standing, and why, and the issues it is in. What to
//! show stands in the address. It only reads.

use std::collections::HashMap;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Site,
    pages::{DeskPage, Word},
    today::shown,
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{
        post::{PostId, Standing, StoredPost, Urgency},
        slug::Slug,
    },
    store::{StoreError, issues::StoredIssue, posts::PostFilter},
    web::form::Form,
};

const PAGE: usize = 25;

#[derive(Serialize)]
struct Posts {
    posts: Vec<Shown>,
    feeds: Vec<Slug>,
    standings: Vec<&'static str>,
    feed: String,
    standing: &'static str,
    is_breaking: bool,
    /// The query of the next page, when there is one.
    older: Option<String>,
}

/// A post as pages show it.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) id: i64,
    pub(super) title: String,
    /// Where it is on the site, when it is there.
    pub(super) link: Option<String>,
    pub(super) feed: Slug,
    pub(super) date: String,
    pub(super) is_breaking: bool,
    pub(super) verdict: &'static str,
    pub(super) verdict_reason: String,
    pub(super) standing: &'static str,
    pub(super) standing_reason: String,
    pub(super) issues: Vec<Carrier>,
}

/// An issue with the post in it.
#[derive(Serialize)]
pub(super) struct Carrier {
    id: i64,
    kind: &'static str,
    list: Slug,
    state: &'static str,
}

impl DeskPage for Posts {
    const TEMPLATE: &'static str = "desk/posts.html";
    const WORD: Word = Word::Posts;
}

impl Shown {
    /// A post, with the issues that carry it.
    pub(super) fn of(post: StoredPost, issues: Vec<StoredIssue>) -> Self {
        Self {
            id: post.id.0,
            date: shown(post.date(), &TimeZone::UTC),
            title: post.post.title,
            link: post.post.link,
            feed: post.feed,
            is_breaking: post.verdict.urgency == Urgency::Breaking,
            verdict: post.verdict.urgency.as_str(),
            verdict_reason: post.verdict.reason,
            standing: post.standing.as_str(),
            standing_reason: post.standing_reason,
            issues: issues.into_iter().map(Carrier::of).collect(),
        }
    }
}

impl Carrier {
    fn of(issue: StoredIssue) -> Self {
        Self { id: issue.id.0, kind: issue.kind.as_str(), list: issue.list, state: issue.state.as_str() }
    }
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let filter = PostFilter {
        // What is no word of ours is as if it had not been asked for.
        feed: Slug::parse(query.one("feed")).ok(),
        standing: Standing::from_word(query.one("standing")),
        urgency: Urgency::from_word(query.one("urgency")).filter(|urgency| *urgency == Urgency::Breaking),
        after: after(query.one("after")),
    };
    match posts(&site.app, filter).await {
        Ok(posts) => visitor.page(&site, StatusCode::OK, &posts),
        Err(error) => visitor.failed(&site, "the posts", &error),
    }
}

async fn posts(app: &App, filter: PostFilter) -> Result<Posts, StoreError> {
    let mut found = app.store.posts_page(&filter, i64::try_from(PAGE).unwrap_or(i64::MAX) + 1).await?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let older = found.last().filter(|_| has_more).map(|last| query_of(&filter, last));
    let mut issues = issues_of(app, &found).await?;
    let posts = found.into_iter().map(|post| {
        let issues = issues.remove(&post.id).unwrap_or_default();
        Shown::of(post, issues)
    });
    Ok(Posts {
        posts: posts.collect(),
        feeds: app.config.feeds.iter().map(|feed| feed.name.clone()).collect(),
        standings: Standing::ALL.into_iter().map(Standing::as_str).collect(),
        feed: filter.feed.map(|feed| feed.to_string()).unwrap_or_default(),
        standing: filter.standing.map_or("", Standing::as_str),
        is_breaking: filter.urgency.is_some(),
        older,
    })
}

async fn issues_of(app: &App, posts: &[StoredPost]) -> Result<HashMap<PostId, Vec<StoredIssue>>, StoreError> {
    let ids: Vec<PostId> = posts.iter().map(|post| post.id).collect();
    let mut issues: HashMap<PostId, Vec<StoredIssue>> = HashMap::new();
    for (post, issue) in app.store.issues_of_posts(&ids).await? {
        issues.entry(post).or_default().push(issue);
    }
    Ok(issues)
}

fn query_of(filter: &PostFilter, last: &StoredPost) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(feed) = &filter.feed {
        query.append_pair("feed", feed.as_str());
    }
    if let Some(standing) = filter.standing {
        query.append_pair("standing", standing.as_str());
    }
    if let Some(urgency) = filter.urgency {
        query.append_pair("urgency", urgency.as_str());
    }
    let place = format!("{}.{}", last.first_seen_at.as_millisecond(), last.id.0);
    query.append_pair("after", &place).finish()
}

/// A place in the listing: when the post there was first seen, in milliseconds, and its number.
fn after(text: &str) -> Option<(Timestamp, PostId)> {
    let (at, id) = text.split_once('.')?;
    Some((Timestamp::from_millisecond(at.parse().ok()?).ok()?, PostId(id.parse().ok()?)))
}
