//! `[[lists]]` and `[[urgent]]`: who gets what and when, and what cannot wait.

use std::{cell::RefCell, collections::BTreeSet};

use jiff::{SignedDuration, tz::TimeZone};

use super::{
    mistake::Problem,
    section::{Names, Section, Value},
};
use crate::domain::{
    list::{Alerts, Archive, List, Privacy},
    schedule::{Schedule, ZoneError, zone_named},
    slug::Slug,
    urgency::{Field, UrgentRule, WordPattern},
};

/// Reads `[[lists]]`; at least one is needed. `feeds` are the names that a list may use.
pub(super) fn lists(top: &mut Section<'_, '_>, feeds: &Names) -> Vec<List> {
    let sections = top.sections("lists");
    if sections.is_empty() {
        let hint = "add a `[[lists]]` with `name`, `title`, `feeds` and `digest`";
        top.mistake("lists", Problem::new("there is no list").hint(hint));
    }
    let mut names = Names::default();
    sections.into_iter().filter_map(|section| list(section, &mut names, feeds)).collect()
}

fn list(mut section: Section<'_, '_>, names: &mut Names, known_feeds: &Names) -> Option<List> {
    let name = section.name(names);
    let title = section.required("title", Value::words);
    let description = section.or("description", String::new(), Value::line);
    let privacy = section.or("private", Privacy::Public, |value| value.either(Privacy::Private, Privacy::Public));
    let archive = section.or("archive", Archive::Open, |value| value.either(Archive::Open, Archive::Closed));
    let (time_zone, zone_name) = section.or("time_zone", (TimeZone::UTC, "UTC".to_owned()), Value::zone);
    let digest_line = section.take("digest");
    let alerts = section.or("alerts", Alerts::Off, |value| value.either(Alerts::Immediate, Alerts::Off));
    let feeds_line = section.take("feeds");
    let min_posts = section.or("min_posts", 1, |value| value.count(1, 1000));
    let max_posts = section.or("max_posts", 20, |value| value.count(1, 1000));
    let sections = section.or("sections", Vec::new(), |value| value.each(Value::words));
    let language = section.or("language", "en".to_owned(), Value::language);
    let alerts_per_day = section.or("alerts_per_day", 3, |value| value.count(0, 1000));
    let alert_hold = section.or("alert_hold", SignedDuration::ZERO, Value::duration_or_none);

    if digest_line.is_none() && alerts == Alerts::Off {
        section.mistake(
            "digest",
            Problem::new("the list has neither `digest` nor `alerts`, so it would never get anything")
                .hint("give it `digest = \"0 9 * * MON\"`, `alerts = true`, or both"),
        );
    }
    if feeds_line.is_none() && digest_line.is_some() {
        section.mistake("feeds", Problem::new("missing; a list with a digest needs at least one feed"));
    }
    if min_posts > max_posts {
        section.mistake("min_posts", Problem::new(format!("is more than `max_posts` ({max_posts})")));
    }
    section.finish();
    let digest = digest_line.as_ref().and_then(|line| line.read(|value| value.schedule(&zone_name)));
    let feeds = feeds_line.and_then(|value| value.read(|value| value.feeds(known_feeds))).unwrap_or_default();
    Some(List {
        name: name?,
        title: title?,
        description,
        privacy,
        archive,
        digest,
        time_zone,
        feeds,
        alerts,
        min_posts,
        max_posts,
        sections,
        language,
        alerts_per_day,
        alert_hold,
    })
}

/// Reads `[[urgent]]`; there may be none.
pub(super) fn urgent(top: &mut Section<'_, '_>) -> Vec<UrgentRule> {
    let mut names = Names::default();
    top.sections("urgent").into_iter().filter_map(|section| rule(section, &mut names)).collect()
}

fn rule(mut section: Section<'_, '_>, names: &mut Names) -> Option<UrgentRule> {
    let name = section.name(names);
    let words_line = section.take("words");
    let fields = section.or("in", vec![Field::Title], Value::fields);
    let categories_line = section.take("categories");
    let unless = section.or("unless", Vec::new(), |value| value.each(Value::pattern));
    let max_age = section.or("max_age", SignedDuration::from_hours(48), Value::duration);
    if [&words_line, &categories_line].into_iter().all(|line| line.as_ref().is_none_or(Value::is_empty_array)) {
        section.mistake(
            "words",
            Problem::new("the rule has neither `words` nor `categories`, so nothing would match")
                .hint("give it `words = [\"condemn*\"]` or `categories = [\"Urgent\"]`"),
        );
    }
    section.finish();
    let words = words_line.and_then(|value| value.read(|value| value.each(Value::pattern))).unwrap_or_default();
    let categories = categories_line.and_then(|value| value.read(|value| value.each(Value::words))).unwrap_or_default();
    Some(UrgentRule { name: name?, words, fields, categories, unless, max_age })
}

impl Value<'_, '_> {
    /// A time zone that exists, with its proper spelling.
    fn zone(&self) -> Result<(TimeZone, String), Problem> {
        zone_named(self.text()?).map_err(|ZoneError { name, near }| {
            let problem = Problem::new(format!("there is no time zone `{name}`"));
            problem.hint(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write a name of the IANA database, such as \"America/New_York\"".to_owned(),
            })
        })
    }

    fn schedule(&self, zone: &str) -> Result<Schedule, Problem> {
        Schedule::parse(self.text()?, zone).map_err(|error| {
            Problem::new(error).hint("write minute, hour, day, month and weekday, such as \"0 9 * * MON\"")
        })
    }

    /// Names of feeds; each must be one of `known`, and stand only once.
    fn feeds(&self, known: &Names) -> Result<Vec<Slug>, Problem> {
        if self.is_empty_array() {
            return Err(Problem::new("names no feed").hint("leave the line out for a list that only staff write to"));
        }
        let seen = RefCell::new(BTreeSet::new());
        self.each(|value| {
            let name = value.slug()?;
            if !known.contains(&name) {
                return Err(Problem::new(format!("there is no feed `{name}`")).suggest(name.as_str(), known.iter()));
            }
            if !seen.borrow_mut().insert(name.clone()) {
                return Err(Problem::new(format!("names the feed `{name}` twice")));
            }
            Ok(name)
        })
    }

    /// A language tag (BCP 47), by its form only.
    fn language(&self) -> Result<String, Problem> {
        let tag = self.text()?;
        let mut parts = tag.split('-');
        let first = parts.next().unwrap_or_default();
        let well_formed = (2..=8).contains(&first.len())
            && first.bytes().all(|byte| byte.is_ascii_alphabetic())
            && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if well_formed && tag.len() <= 35 {
            return Ok(tag.to_owned());
        }
        Err(Problem::new("not a language tag").hint("write a tag such as \"en\", \"fr\", \"pt-BR\" or \"lo\""))
    }

    fn pattern(&self) -> Result<WordPattern, Problem> {
        WordPattern::parse(self.text()?).map_err(Problem::new)
    }

    fn fields(&self) -> Result<Vec<Field>, Problem> {
        let fields = self.each(|value| {
            let name = value.text()?;
            let unknown = || {
                Problem::new("no part of a post has that name").suggest(name, Field::ALL.into_iter().map(Field::name))
            };
            Field::from_name(name).ok_or_else(unknown)
        })?;
        if fields.is_empty() {
            Err(Problem::new("is empty").suggest("", Field::ALL.into_iter().map(Field::name)))
        } else {
            Ok(fields)
        }
    }
}
