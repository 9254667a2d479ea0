//! The lists: who gets them, when they go out next, what waits for their next digest, and how they grow. It only reads.

use std::collections::HashMap;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use jiff::{ToSpan, civil::Date, tz::Offset};
use serde::Serialize;

use super::{
    Site,
    chart::Line,
    frame::mail_in_a_frame,
    pages::{DeskPage, Word},
    today::shown,
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{
        issue::IssueKind,
        list::{Alerts, List, Privacy},
        number::{counted, grouped},
        post::Urgency,
        slug::Slug,
        span,
    },
    newsroom::{self, NewsroomError},
    store::{StoreError, growth::DayOfGrowth},
};

/// How many slots to come are shown.
const SLOTS: usize = 5;
/// How many posts that wait are named.
const WAITING: usize = 50;
/// How many days the chart goes back.
const DAYS: i64 = 90;

#[derive(Serialize)]
struct Lists {
    lists: Vec<Summary>,
}

/// A list in a few words.
#[derive(Serialize)]
struct Summary {
    name: Slug,
    title: String,
    digests: String,
    alerts: String,
    /// When it goes out next; none: it has no digest.
    next: Option<String>,
    waiting: String,
}

#[derive(Serialize)]
struct OneList<'a> {
    list: Summary,
    description: &'a str,
    is_private: bool,
    /// When digests go out, in words; none: never.
    schedule: Option<String>,
    slots: Vec<String>,
    alert_words: String,
    wanted: usize,
    waiting: Vec<Waiting>,
    /// How many more wait than are named.
    more: usize,
    has_preview: bool,
    chart: Option<Line>,
    days: Vec<Day>,
}

/// A post that waits.
#[derive(Serialize)]
struct Waiting {
    id: i64,
    title: String,
    date: String,
    feed: Slug,
    is_breaking: bool,
}

/// A day on which somebody joined or left.
#[derive(Serialize)]
struct Day {
    day: String,
    joined: String,
    left: String,
    readers: String,
}

/// A list to choose.
#[derive(Serialize)]
pub(super) struct Choice<'a> {
    name: &'a Slug,
    title: &'a str,
}

impl<'a> Choice<'a> {
    pub(super) fn of(list: &'a List) -> Self {
        Self { name: &list.name, title: &list.title }
    }
}

impl DeskPage for Lists {
    const TEMPLATE: &'static str = "desk/lists.html";
    const WORD: Word = Word::Lists;
}

impl DeskPage for OneList<'_> {
    const TEMPLATE: &'static str = "desk/list.html";
    const WORD: Word = Word::Lists;
}

type Name = Result<Path<String>, PathRejection>;

pub(super) async fn page(State(site): State<Site>, visitor: Visitor) -> Response {
    let mut lists = Vec::new();
    for list in &site.app.config.lists {
        match summary(&site.app, list).await {
            Ok(summary) => lists.push(summary),
            Err(error) => return visitor.failed(&site, "the lists", &error),
        }
    }
    visitor.page(&site, StatusCode::OK, &Lists { lists })
}

pub(super) async fn one(State(site): State<Site>, visitor: Visitor, name: Name) -> Response {
    let Some(list) = named(&site, name) else { return nowhere(&site, &visitor) };
    match one_list(&site.app, list).await {
        Ok(page) => visitor.page(&site, StatusCode::OK, &page),
        Err(error) => visitor.failed(&site, "a list", &error),
    }
}

/// The digest that would go now, for a frame.
pub(super) async fn digest(State(site): State<Site>, visitor: Visitor, name: Name) -> Response {
    let Some(list) = named(&site, name) else { return nowhere(&site, &visitor) };
    match newsroom::preview_digest(&site.app, &list.name).await {
        Ok(preview) => mail_in_a_frame(preview.html),
        Err(NewsroomError::Store(error)) => visitor.failed(&site, "the preview of a digest", &error),
        Err(error) => visitor.problem(&site, StatusCode::CONFLICT, &format!("There is no mail to show: {error}.")),
    }
}

fn named(site: &Site, name: Name) -> Option<&List> {
    name.ok().and_then(|Path(name)| site.app.config.list(&name))
}

fn nowhere(site: &Site, visitor: &Visitor) -> Response {
    visitor.problem(site, StatusCode::NOT_FOUND, "There is no list of that name.")
}

async fn summary(app: &App, list: &List) -> Result<Summary, StoreError> {
    let next = list.digest.as_ref().and_then(|digest| digest.slots_after(app.clock.now()).next());
    let mut waiting = 0;
    for feed in &list.feeds {
        waiting += app.store.count_news_for(feed, &list.name).await?;
    }
    Ok(Summary {
        name: list.name.clone(),
        title: list.title.clone(),
        digests: grouped(app.store.count_readers(&list.name, IssueKind::Digest).await?),
        alerts: grouped(app.store.count_readers(&list.name, IssueKind::Alert).await?),
        next: next.map(|slot| shown(slot.at, &list.time_zone)),
        waiting: counted(waiting, "post"),
    })
}

async fn one_list<'a>(app: &'a App, list: &'a List) -> Result<OneList<'a>, StoreError> {
    let now = app.clock.now();
    let mut waiting = Vec::new();
    for feed in &list.feeds {
        waiting.extend(app.store.news_for(feed, &list.name).await?);
    }
    waiting.sort_by_key(|post| (std::cmp::Reverse(post.date()), post.id));
    let count = waiting.len();
    let today = Offset::UTC.to_datetime(now).date();
    let growth = app.store.growth(&list.name, today.saturating_sub(DAYS.days()), today).await?;
    let readers = readers_by_day(app.store.count_active(&list.name).await?, &growth, today);
    let slots = list.digest.iter().flat_map(|digest| digest.slots_after(now).take(SLOTS));
    Ok(OneList {
        list: summary(app, list).await?,
        description: &list.description,
        is_private: list.privacy == Privacy::Private,
        schedule: list.digest.as_ref().map(|digest| digest.describe()),
        slots: slots.map(|slot| shown(slot.at, &list.time_zone)).collect(),
        alert_words: alert_words(list),
        wanted: list.min_posts.max(1),
        has_preview: list.digest.is_some() && count >= list.min_posts.max(1),
        more: count.saturating_sub(WAITING),
        waiting: waiting
            .into_iter()
            .take(WAITING)
            .map(|post| Waiting {
                id: post.id.0,
                date: shown(post.date(), &list.time_zone),
                title: post.post.title,
                feed: post.feed,
                is_breaking: post.verdict.urgency == Urgency::Breaking,
            })
            .collect(),
        chart: Line::of(
            "Readers",
            &readers.iter().map(|(day, count)| (day_in_words(*day), *count)).collect::<Vec<_>>(),
        ),
        days: days(&growth, &readers),
    })
}

fn alert_words(list: &List) -> String {
    match (list.alerts, list.alert_hold.is_zero()) {
        (Alerts::Off, _) => "Breaking posts wait for the digest as all others.".to_owned(),
        (Alerts::Immediate, true) => {
            format!("Breaking posts go at once; more than {} in 24 hours are held.", list.alerts_per_day)
        }
        (Alerts::Immediate, false) => format!(
            "Breaking posts go after {}, in which they can be stopped; more than {} in 24 hours are held.",
            span::in_words(list.alert_hold),
            list.alerts_per_day
        ),
    }
}

/// How many were on the list at the end of each day, counted back from how many are on it now.
fn readers_by_day(now: u64, growth: &[DayOfGrowth], today: Date) -> Vec<(Date, u64)> {
    let of_day: HashMap<Date, &DayOfGrowth> = growth.iter().map(|day| (day.day, day)).collect();
    let (mut readers, mut days) = (now, Vec::new());
    for back in 0..=DAYS {
        let day = today.saturating_sub(back.days());
        days.push((day, readers));
        if let Some(change) = of_day.get(&day) {
            readers = (readers + change.left).saturating_sub(change.joined);
        }
    }
    days.reverse();
    days
}

/// The days on which something changed, the newest first.
fn days(growth: &[DayOfGrowth], readers: &[(Date, u64)]) -> Vec<Day> {
    let readers: HashMap<Date, u64> = readers.iter().copied().collect();
    let day = |day: &DayOfGrowth| Day {
        day: day_in_words(day.day),
        joined: grouped(day.joined),
        left: grouped(day.left),
        readers: grouped(readers.get(&day.day).copied().unwrap_or_default()),
    };
    growth.iter().rev().map(day).collect()
}

fn day_in_words(day: Date) -> String {
    day.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::readers_by_day;
    use crate::store::growth::DayOfGrowth;

    #[test]
    fn the_readers_of_a_day_are_counted_back_from_those_of_today() {
        let day = |day, joined, left| DayOfGrowth { day: date(2024, 4, day), joined, left };
        let days = readers_by_day(10, &[day(20, 4, 0), day(23, 3, 1)], date(2024, 4, 24));
        assert_eq!(days.len(), 91);
        let of = |day| days.iter().find(|(at, _)| *at == date(2024, 4, day)).expect("a day").1;
        assert_eq!([24, 23, 22, 20, 19].map(of), [10, 10, 8, 8, 4]);
    }
}
