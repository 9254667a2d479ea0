//! One reader: what they get and agreed to, what was mailed to them and came back, and why they get nothing. It only reads;
//! its buttons are in `reader_buttons.rs`. Who may not send sees nothing that names them or tells where they were.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Site,
    ledger::{Line, lines_about},
    lists::Choice,
    pages::{DeskPage, Said, Word},
    readers::{named_to, seen_by},
    today::shown,
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{
        address::without_person,
        slug::Slug,
        staff::Right,
        subscription::{Subscriber, SubscriberId, SubscriptionState},
        suppression::SuppressionKind,
    },
    store::StoreError,
    subscribe::{self, Data, DataLine, DataMessage, DataRequest, DataSubscription, DataSuppression},
};

/// How many messages to them are shown, and how many of what came back.
const MESSAGES: i64 = 20;
/// How many lines of the ledger are shown.
const LINES: i64 = 30;

/// What erasing somebody wants to be typed.
pub(super) const FORGET: &str = "forget";

#[derive(Serialize)]
struct OneReader<'a> {
    id: i64,
    address: String,
    name: String,
    known_since: String,
    subscriptions: Vec<Shown>,
    suppressions: Vec<Barred>,
    record: Vec<Told>,
    requests: Vec<Told>,
    messages: Vec<Told>,
    bounces: Vec<Told>,
    letters: Vec<Told>,
    ledger: Vec<Line>,
    /// The lists that they do not get.
    others: Vec<Choice<'a>>,
    /// All lists.
    lists: Vec<Choice<'a>>,
    /// The most messages that are shown.
    most: i64,
    word: &'static str,
    said: Said<'a>,
}

/// A subscription.
#[derive(Serialize)]
struct Shown {
    name: Slug,
    title: String,
    is_active: bool,
    state: &'static str,
    words: String,
}

/// A suppression.
#[derive(Serialize)]
struct Barred {
    /// The list; empty: every list.
    name: String,
    title: String,
    kind: &'static str,
    words: String,
    may_be_lifted: bool,
}

/// Something that happened: when, what, and more in small print.
#[derive(Serialize)]
struct Told {
    at: String,
    text: String,
    more: String,
}

impl DeskPage for OneReader<'_> {
    const TEMPLATE: &'static str = "desk/reader.html";
    const WORD: Word = Word::Readers;
}

/// What stands in a reader's place in the path.
pub(super) type Number = Result<Path<i64>, PathRejection>;

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, id: Number) -> Response {
    let id = id.map_or(SubscriberId(0), |Path(id)| SubscriberId(id));
    show(&site, &visitor, StatusCode::OK, id, Said::default()).await
}

/// Their page, with what to know first.
pub(super) async fn show(
    site: &Site,
    visitor: &Visitor,
    status: StatusCode,
    id: SubscriberId,
    said: Said<'_>,
) -> Response {
    let subscriber = match site.app.store.subscriber(id).await {
        Ok(Some(subscriber)) => subscriber,
        Ok(None) => return nobody(site, visitor),
        Err(error) => return visitor.failed(site, "a reader", &error),
    };
    match one_reader(&site.app, visitor, &subscriber, said).await {
        Ok(Some(page)) => visitor.page(site, status, &page),
        // Erased at this moment.
        Ok(None) => nobody(site, visitor),
        Err(error) => visitor.failed(site, "a reader", &error),
    }
}

/// The answer that there is none.
pub(super) fn nobody(site: &Site, visitor: &Visitor) -> Response {
    visitor.problem(site, StatusCode::NOT_FOUND, "There is no reader of that number.")
}

async fn one_reader<'a>(
    app: &'a App,
    visitor: &Visitor,
    subscriber: &Subscriber,
    said: Said<'a>,
) -> Result<Option<OneReader<'a>>, StoreError> {
    let Some(data) = subscribe::latest_data_about(app, &subscriber.address, MESSAGES).await? else {
        return Ok(None);
    };
    let sees_all = visitor.0.staff.role.may(Right::Send);
    // What people and systems wrote may name whom it is about.
    let fit = |text: &str| match sees_all {
        true => text.to_owned(),
        false => without_person(text, &subscriber.address, &subscriber.name),
    };
    let from = |from: &str| if sees_all && !from.is_empty() { format!(" from {from}") } else { String::new() };
    let Data { name, subscriptions, record, requests, messages, bounces, suppressions, letters, .. } = data;
    let gets =
        |list: &Slug| subscriptions.iter().any(|it| it.name == *list && it.state == SubscriptionState::Active.as_str());
    let lists = &app.config.lists;
    let bounces = bounces.iter().rev().take(usize::try_from(MESSAGES).unwrap_or_default());
    Ok(Some(OneReader {
        id: subscriber.id.0,
        address: seen_by(visitor, &subscriber.address),
        name: named_to(visitor, name),
        known_since: at(subscriber.added_at),
        others: lists.iter().filter(|list| !gets(&list.name)).map(Choice::of).collect(),
        lists: lists.iter().map(Choice::of).collect(),
        subscriptions: subscriptions.iter().map(|it| subscription(it, fit)).collect(),
        suppressions: suppressions.iter().map(|it| barred(it, fit)).collect(),
        record: record.iter().rev().map(|it| done(it, from)).collect(),
        requests: requests.iter().map(|it| asked(it, fit, from)).collect(),
        messages: messages.iter().map(|it| message(it, fit)).collect(),
        bounces: bounces.map(|it| told(it.at, format!("came back: {}", it.kind), fit(&it.words))).collect(),
        letters: letters.iter().map(|it| told(it.at, format!("{} octets", it.octets), fit(&it.why_kept))).collect(),
        ledger: lines_about(app, &subscriber.id.about(), LINES).await?,
        most: MESSAGES,
        word: FORGET,
        said,
    }))
}

fn at(at: Timestamp) -> String {
    shown(at, &TimeZone::UTC)
}

fn told(when: Timestamp, text: String, more: String) -> Told {
    Told { at: at(when), text, more }
}

fn subscription(it: &DataSubscription, fit: impl Fn(&str) -> String) -> Shown {
    let gets = it.gets();
    let ended = it.ended_at.map(|ended| format!("; ended {}: {}", at(ended), fit(&it.ended_reason)));
    Shown {
        name: it.name.clone(),
        title: it.list.clone(),
        is_active: it.state == SubscriptionState::Active.as_str(),
        state: it.state,
        words: format!("{gets}, by {} since {}{}", it.by, at(it.began_at), ended.unwrap_or_default()),
    }
}

fn barred(it: &DataSuppression, fit: impl Fn(&str) -> String) -> Barred {
    Barred {
        name: it.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        title: it.list.clone(),
        kind: it.by,
        words: format!("since {}: {}", at(it.at), fit(&it.reason)),
        may_be_lifted: SuppressionKind::from_word(it.by).is_some_and(SuppressionKind::may_be_lifted),
    }
}

fn done(it: &DataLine, from: impl Fn(&str) -> String) -> Told {
    told(it.at, format!("{} {} by {}{}", it.act, it.list, it.by, from(&it.from)), quoted(&it.agreed_to))
}

fn asked(it: &DataRequest, fit: impl Fn(&str) -> String, from: impl Fn(&str) -> String) -> Told {
    let confirmed = it.confirmed_at.map(|when| format!(", and confirmed {}", at(when))).unwrap_or_default();
    let lists = it.lists.join(", ");
    let text = format!("somebody asked to {} {lists} by {}{}{confirmed}", it.to, it.by, from(&it.from));
    let more = [quoted(&it.agreed_to), fit(&it.answer)].into_iter().filter(|text| !text.is_empty());
    told(it.at, text, more.collect::<Vec<_>>().join(" · "))
}

fn message(it: &DataMessage, fit: impl Fn(&str) -> String) -> Told {
    let of = it.list.as_ref().map_or_else(|| "a notice".to_owned(), |list| format!("an issue of {list}"));
    let text = format!("{}: {}, {}", it.subject, it.state, at(it.since));
    let answer = fit(&it.answer);
    told(it.at, text, if answer.is_empty() { of } else { format!("{of} · {answer}") })
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("“{text}”") }
}
