//! Who did what: the lines of the ledger that name somebody, the newest first. It only reads.

use std::collections::HashMap;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    Site,
    pages::{DeskPage, Word},
    today::shown,
    visitor::Visitor,
};
use crate::{
    app::App,
    domain::{actor::Actor, staff::StaffId},
    store::{StoreError, ledger::Deed},
    web::form::Form,
};

const PAGE: usize = 50;

#[derive(Serialize)]
struct Deeds {
    deeds: Vec<Shown>,
    people: Vec<Person>,
    /// Whose deeds are shown; empty: everybody's.
    of: String,
    /// The query of the next page, when there is one.
    older: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    at: String,
    who: String,
    about: String,
    event: String,
    reason: String,
}

#[derive(Serialize)]
struct Person {
    actor: String,
    name: String,
}

impl DeskPage for Deeds {
    const TEMPLATE: &'static str = "desk/deeds.html";
    const WORD: Word = Word::Staff;
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let (of, before) = (query.one("of").parse().ok(), query.one("before").parse().ok());
    match deeds(&site.app, of, before).await {
        Ok(deeds) => visitor.page(&site, StatusCode::OK, &deeds),
        Err(error) => visitor.failed(&site, "who did what", &error),
    }
}

async fn deeds(app: &App, of: Option<Actor>, before: Option<i64>) -> Result<Deeds, StoreError> {
    let accounts = app.store.accounts().await?;
    let names: HashMap<StaffId, String> =
        accounts.into_iter().map(|account| (account.staff.id, account.staff.shown().to_owned())).collect();
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let found = app.store.deeds(of.as_ref(), before, limit).await?;
    let of = of.map(|of| of.to_string()).unwrap_or_default();
    let last = found.last().filter(|_| found.len() == PAGE);
    let older = last.map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("of", &of).append_pair("before", &last.id.to_string()).finish()
    });
    let mut deeds = Vec::with_capacity(found.len());
    for Deed { entry, .. } in found {
        deeds.push(Shown {
            at: shown(entry.at, &TimeZone::UTC),
            who: match &entry.actor {
                Some(actor) => name(app, actor, &names).await?,
                None => String::new(),
            },
            about: entry.about,
            event: entry.event,
            reason: entry.reason,
        });
    }
    let people = names.iter().map(|(id, name)| Person { actor: id.about(), name: name.clone() });
    let mut people: Vec<Person> = people.collect();
    people.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Deeds { deeds, people, of, older })
}

/// Who it was, as staff know them; who has no account, by their mask.
async fn name(app: &App, actor: &Actor, names: &HashMap<StaffId, String>) -> Result<String, StoreError> {
    let name = match actor {
        Actor::Staff(id) => names.get(id).cloned(),
        Actor::Person(id) => app.store.subscriber(*id).await?.map(|person| person.address.to_string()),
        Actor::Token(id) => Some(format!("the token {}", id.0)),
        Actor::Machine(name) => Some(format!("{name} at the machine")),
    };
    Ok(name.unwrap_or_else(|| "somebody who left".to_owned()))
}
