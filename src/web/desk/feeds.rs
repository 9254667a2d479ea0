//! The feeds: how they do, when they are looked at next, and what of them is held. Publishers have one looked at now, and
//! decide about all that is held of it.

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
    pages::{DeskPage, Said, Word},
    today::shown,
    visitor::{Pressed, Visitor},
};
use crate::{
    app::App,
    domain::{
        feed::{Feed, FeedState, Kind},
        number::counted,
        post::{PostId, Standing, Urgency},
        slug::Slug,
        span,
        staff::Right,
        websub::Websub,
    },
    newsroom::{self, Carried, Decided, PostDecision},
    publish,
    store::StoreError,
    web::form::Form,
};

/// How many lines of a feed's ledger are shown.
const LINES: i64 = 30;
/// How many held posts are named.
const NAMED: usize = 50;

#[derive(Serialize)]
struct Feeds {
    feeds: Vec<Health>,
}

/// How a feed does.
#[derive(Serialize)]
struct Health {
    name: Slug,
    url: String,
    is_failing: bool,
    /// In a sentence.
    state: String,
    /// What its last failure said.
    error: String,
    looked: String,
    next: String,
    held: u64,
}

#[derive(Serialize)]
struct OneFeed<'a> {
    feed: Health,
    kind: &'static str,
    every: String,
    max_age: String,
    flood: usize,
    tells: &'static str,
    moved_to: Option<String>,
    held: Vec<HeldPost>,
    /// How many more are held than are named.
    more: usize,
    /// The last of them: who decides about all decides about none that came later.
    up_to: i64,
    /// How many of them are breaking.
    breaking: usize,
    ledger: Vec<Line>,
    said: Said<'a>,
}

#[derive(Serialize)]
struct HeldPost {
    id: i64,
    title: String,
    date: String,
    is_breaking: bool,
    reason: String,
}

impl DeskPage for Feeds {
    const TEMPLATE: &'static str = "desk/feeds.html";
    const WORD: Word = Word::Feeds;
}

impl DeskPage for OneFeed<'_> {
    const TEMPLATE: &'static str = "desk/feed.html";
    const WORD: Word = Word::Feeds;
}

type Name = Result<Path<String>, PathRejection>;

pub(super) async fn page(State(site): State<Site>, visitor: Visitor) -> Response {
    let mut feeds = Vec::new();
    for feed in &site.app.config.feeds {
        match health(&site.app, feed).await {
            Ok(health) => feeds.push(health),
            Err(error) => return visitor.failed(&site, "the feeds", &error),
        }
    }
    visitor.page(&site, StatusCode::OK, &Feeds { feeds })
}

pub(super) async fn one(State(site): State<Site>, visitor: Visitor, name: Name) -> Response {
    let Some(feed) = named(&site, name) else { return nowhere(&site, &visitor) };
    show(&site, &visitor, StatusCode::OK, feed, Said::default()).await
}

/// A button of a feed: to look now, or to decide about what is held of it.
pub(super) async fn press(State(site): State<Site>, name: Name, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let Some(feed) = named(&site, name) else { return nowhere(&site, &visitor) };
    let app = visitor.app(&site);
    match form.one("do") {
        "look" => match publish::look_now(&app, feed).await {
            Ok(()) => {
                let done = "It is looked at within moments; where the daemon does not run, with the next run.";
                show(&site, &visitor, StatusCode::OK, feed, Said::done(done)).await
            }
            Err(error) => visitor.failed(&site, "a look at a feed", &error),
        },
        "release" => decide(&site, &visitor, feed, &form, PostDecision::ReleaseIntoDigest).await,
        "dismiss" => decide(&site, &visitor, feed, &form, PostDecision::Dismiss).await,
        _ => visitor.problem(&site, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed."),
    }
}

async fn decide(site: &Site, visitor: &Visitor, feed: &Feed, form: &Form, decision: PostDecision) -> Response {
    let Ok(up_to) = form.one("up_to").parse() else {
        return visitor.problem(site, StatusCode::BAD_REQUEST, "Nothing was done: it is not said which posts.");
    };
    let held = match decision {
        PostDecision::Release | PostDecision::ReleaseIntoDigest => site.app.store.held_posts(&feed.name).await,
        // Of those that an issue carries it is told where they can be stopped.
        PostDecision::Dismiss => site.app.store.posts_standing(&feed.name, Standing::Held).await,
    };
    let held = match held {
        Ok(held) => held,
        Err(error) => return visitor.failed(site, "the held posts of a feed", &error),
    };
    // What came after the page was looked at waits for another look.
    let seen: Vec<PostId> = held.into_iter().map(|post| post.id).filter(|id| *id <= PostId(up_to)).collect();
    let decided = match seen.as_slice() {
        // To name none would mean all of them.
        [] => Decided::default(),
        seen => match newsroom::decide_held(&visitor.app(site), feed, seen, decision).await {
            Ok(decided) => decided,
            Err(error) => return visitor.failed(site, "a decision about held posts", &error),
        },
    };
    let carried: String = decided.carried.iter().map(elsewhere).collect();
    if decided.count == 0 {
        let wrong = match carried.as_str() {
            "" => "Nothing was done: somebody has decided about them by now.".to_owned(),
            carried => format!("Nothing was done.{carried}"),
        };
        return show(site, visitor, StatusCode::CONFLICT, feed, Said::wrong(&wrong)).await;
    }
    let posts = counted(decided.count, "post");
    let done = match decision {
        PostDecision::Release | PostDecision::ReleaseIntoDigest => {
            format!("{posts} became news: the next digest takes them along.")
        }
        PostDecision::Dismiss => format!("{posts} will never be sent."),
    };
    show(site, visitor, StatusCode::OK, feed, Said { done: &done, wrong: carried.trim_start() }).await
}

/// That a post was not dismissed, and what to do, as a further sentence.
fn elsewhere(Carried { title, issue, .. }: &Carried) -> String {
    format!(" “{title}” is in issue {}: stop it there.", issue.0)
}

fn named(site: &Site, name: Name) -> Option<&Feed> {
    name.ok().and_then(|Path(name)| site.app.config.feed(&name))
}

fn nowhere(site: &Site, visitor: &Visitor) -> Response {
    visitor.problem(site, StatusCode::NOT_FOUND, "There is no feed of that name.")
}

async fn show(site: &Site, visitor: &Visitor, status: StatusCode, feed: &Feed, said: Said<'_>) -> Response {
    match one_feed(&site.app, feed, said).await {
        Ok(page) => visitor.page(site, status, &page),
        Err(error) => visitor.failed(site, "a feed", &error),
    }
}

async fn one_feed<'a>(app: &App, feed: &Feed, said: Said<'a>) -> Result<OneFeed<'a>, StoreError> {
    let state = app.store.feed_state(&feed.name).await?.unwrap_or_default();
    let held = app.store.held_posts(&feed.name).await?;
    Ok(OneFeed {
        feed: health(app, feed).await?,
        kind: match feed.kind {
            Kind::Feed => "a feed",
            Kind::WordPress { .. } => "a WordPress site",
            Kind::Folder { .. } => "a folder of files",
        },
        every: span::in_words(feed.every),
        max_age: span::in_words(feed.max_age),
        flood: feed.flood,
        tells: match (&feed.ping, feed.websub) {
            (Some(_), Websub::Off) => "the site may say that there is news",
            (Some(_), _) => "the site may say that there is news, and so may its hub",
            (None, Websub::Off) => "nobody says by themselves that there is news",
            (None, _) => "its hub may say that there is news",
        },
        moved_to: state.moved_to,
        more: held.len().saturating_sub(NAMED),
        up_to: held.iter().map(|post| post.id.0).max().unwrap_or_default(),
        breaking: held.iter().filter(|post| post.verdict.urgency == Urgency::Breaking).count(),
        held: held
            .into_iter()
            .take(NAMED)
            .map(|post| HeldPost {
                id: post.id.0,
                date: shown(post.date(), &TimeZone::UTC),
                title: post.post.title,
                is_breaking: post.verdict.urgency == Urgency::Breaking,
                reason: post.standing_reason,
            })
            .collect(),
        ledger: lines_about(app, &format!("feed:{}", feed.name), LINES).await?,
        said,
    })
}

async fn health(app: &App, feed: &Feed) -> Result<Health, StoreError> {
    let state = app.store.feed_state(&feed.name).await?;
    let is_looked_at = app.store.is_looked_at(&feed.name, app.clock.now()).await?;
    let held = app.store.count_held_posts(&feed.name).await?;
    let at = |at| shown(at, &TimeZone::UTC);
    let known = state.clone().unwrap_or_default();
    Ok(Health {
        name: feed.name.clone(),
        url: feed.url.to_string(),
        is_failing: known.failing_since.is_some(),
        state: match (known.failing_since, state) {
            (Some(since), _) => {
                format!(
                    "cannot be read since {}; {} in a row",
                    at(since),
                    counted(u64::from(known.failures), "failure")
                )
            }
            (None, Some(FeedState { checked_at: Some(_), .. })) => "well".to_owned(),
            (None, _) => "not looked at yet".to_owned(),
        },
        error: known.last_error.clone().unwrap_or_default(),
        looked: known.checked_at.map_or_else(|| "never".to_owned(), at),
        next: match known.next_check_at {
            _ if is_looked_at => "at this moment".to_owned(),
            _ if known.is_pinged() => "now: it is said to have news".to_owned(),
            Some(next) if next > app.clock.now() => at(next),
            _ => "with the next pass".to_owned(),
        },
        held,
    })
}
