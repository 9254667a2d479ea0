//! The relays: how each does as far as rows tell, what it did lately, and its limits. What only the process that sends knows
//! is not shown, and that is said. It only reads.

use axum::{extract::State, http::StatusCode, response::Response};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    Site,
    ledger::{Line, lines_about},
    pages::{DeskPage, Word},
    today::shown,
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{
        address::without_person,
        alarm::AlarmKind,
        bounce::fit_to_show,
        number::{counted, grouped},
        relay::{Dsn, Manner, Relay, Tls},
        slug::Slug,
    },
    store::{StoreError, alarms::DueAlarm},
};

/// How many lines of a relay's ledger are shown.
const LINES: i64 = 10;
/// How many messages that were not taken are shown.
const NOT_TAKEN: i64 = 20;
/// The hour and the day in minutes.
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

#[derive(Serialize)]
struct Relays {
    relays: Vec<Shown>,
    /// Limits for receiving domains.
    domains: Vec<DomainLimit>,
    not_taken: Vec<NotTaken>,
}

#[derive(Serialize)]
struct Shown {
    name: Slug,
    place: String,
    /// In one word.
    state: &'static str,
    /// In a sentence.
    words: String,
    troubles: Vec<String>,
    minute: String,
    hour: String,
    day: String,
    limits: Vec<Fact>,
    ledger: Vec<Line>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct DomainLimit {
    names: String,
    rate: String,
}

/// A message that a relay did not take.
#[derive(Serialize)]
struct NotTaken {
    at: String,
    /// Masked.
    to: String,
    subject: String,
    state: &'static str,
    answer: String,
}

impl DeskPage for Relays {
    const TEMPLATE: &'static str = "desk/relays.html";
    const WORD: Word = Word::Relays;
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor) -> Response {
    match relays(&site.app).await {
        Ok(relays) => visitor.page(&site, StatusCode::OK, &relays),
        Err(error) => visitor.failed(&site, "the relays", &error),
    }
}

async fn relays(app: &App) -> Result<Relays, StoreError> {
    let alarms = app.store.ringing_alarms().await?;
    let mut relays = Vec::new();
    for relay in &app.config.relays {
        relays.push(relay_shown(app, relay, &alarms).await?);
    }
    let not_taken = app.store.newest_not_taken(NOT_TAKEN).await?.into_iter().map(|delivery| NotTaken {
        at: shown(delivery.changed_at, &TimeZone::UTC),
        to: delivery.address.to_string(),
        subject: delivery.subject,
        state: delivery.state.as_str(),
        // A relay's words may name whom they are about.
        answer: fit_to_show(&without_person(&delivery.answer.unwrap_or_default(), &delivery.address, &delivery.name)),
    });
    let not_taken = not_taken.collect();
    let domains = app.config.domains.iter();
    let domains = domains.map(|limit| DomainLimit { names: limit.names.join(", "), rate: limit.rate.to_string() });
    Ok(Relays { relays, domains: domains.collect(), not_taken })
}

async fn relay_shown(app: &App, relay: &Relay, alarms: &[DueAlarm]) -> Result<Shown, StoreError> {
    let now = app.clock.now();
    let about = format!("relay:{}", relay.name);
    let of_relay: Vec<&DueAlarm> = alarms.iter().filter(|alarm| alarm.about == about).collect();
    let trouble = of_relay.iter().find(|alarm| alarm.kind == AlarmKind::RelayInTrouble);
    // The present minute has only begun, so that of the one before is shown with it.
    let minute = app.store.relay_work(&relay.name, 1, now).await?;
    let hour = app.store.relay_work(&relay.name, HOUR, now).await?;
    let day = app.store.relay_work(&relay.name, DAY, now).await?;
    let (state, words) = match (trouble, day.last_sent_at) {
        (Some(alarm), _) => ("in trouble", format!("In trouble since {}.", shown(alarm.at, &TimeZone::UTC))),
        (None, Some(last)) => ("works", format!("It took messages last at {}.", shown(last, &TimeZone::UTC))),
        (None, None) if (day.refused, day.unclear) != (0, 0) => {
            ("takes nothing", "It answers, and took no message within the last day.".to_owned())
        }
        (None, None) => ("not known", "It was given nothing within the last day. “tidings check” tries it.".to_owned()),
    };
    Ok(Shown {
        name: relay.name.clone(),
        place: relay.place.to_string(),
        state,
        words,
        troubles: of_relay.into_iter().map(|alarm| alarm.words.clone()).collect(),
        minute: grouped(minute.sent),
        hour: format!(
            "{}; refused {}, no clear answer {}",
            grouped(hour.sent),
            grouped(hour.refused),
            grouped(hour.unclear)
        ),
        day: format!(
            "{}; refused {}, no clear answer {}",
            grouped(day.sent),
            grouped(day.refused),
            grouped(day.unclear)
        ),
        limits: limits(relay),
        ledger: lines_about(app, &about, LINES).await?,
    })
}

/// What config.toml says of it; never who we are to it.
fn limits(relay: &Relay) -> Vec<Fact> {
    let tls = match relay.tls {
        Tls::Implicit => "TLS from the first byte",
        Tls::StartTls => "STARTTLS, and nothing without it",
        Tls::None => "clear text",
    };
    let manner = match relay.manner {
        Manner::LockStep => "one command at a time",
        Manner::Pipelined => "commands in groups, where it offers that",
        Manner::Chunked => "whole messages one behind the other, where it offers that",
    };
    let mut limits = vec![
        Fact { name: "Turn", value: format!("number {}", relay.priority) },
        Fact { name: "Protection", value: tls.to_owned() },
        Fact { name: "Rate", value: relay.rate.map_or_else(|| "no limit".to_owned(), |rate| rate.to_string()) },
        Fact { name: "Connections", value: format!("at most {}", relay.connections) },
        Fact { name: "In flight", value: format!("at most {} on a connection", relay.window) },
        Fact { name: "Manner", value: manner.to_owned() },
    ];
    if let Some(weight) = relay.weight {
        limits.insert(1, Fact { name: "Weight", value: weight.to_string() });
    }
    if let Some(most) = relay.messages_per_connection {
        let value = format!("after {}", counted(most.get().into(), "message"));
        limits.push(Fact { name: "New connection", value });
    }
    if relay.dsn == Dsn::OfTrouble {
        limits.push(Fact { name: "Notifications", value: "asked for, of failure and delay".to_owned() });
    }
    limits
}
