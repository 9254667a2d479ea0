//! What publishers and owners do about one reader: put them on a list as staff does, take them off one, send them nothing
//! more, let them have mail again, erase them. Each by the flow that the command line uses; the ledger says who.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{
    Site,
    pages::Said,
    reader::{self, FORGET, Number},
    readers::{self, Outcome, returning, said_of},
    visitor::{Pressed, Visitor},
};
use crate::{
    domain::{
        bounce::fit_to_show,
        slug::Slug,
        staff::Right,
        subscription::{NewSubscriber, Subscriber, SubscriberId},
    },
    newsroom::{self, Lifted},
    store::{StoreError, suppressions::Scope},
    subscribe,
    web::form::Form,
};

pub(super) async fn press(State(site): State<Site>, id: Number, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let id = id.map_or(SubscriberId(0), |Path(id)| SubscriberId(id));
    let subscriber = match site.app.store.subscriber(id).await {
        Ok(Some(subscriber)) => subscriber,
        Ok(None) => return reader::nobody(&site, &visitor),
        Err(error) => return visitor.failed(&site, "a reader", &error),
    };
    if form.one("do") == "forget" {
        return forget(&site, &visitor, &subscriber, &form).await;
    }
    match done(&site, &visitor, &subscriber, &form).await {
        Ok((status, said)) => reader::show(&site, &visitor, status, id, said.as_said()).await,
        Err(error) => visitor.failed(&site, "what was wanted of a reader", &error),
    }
}

async fn done(
    site: &Site,
    visitor: &Visitor,
    subscriber: &Subscriber,
    form: &Form,
) -> Result<(StatusCode, Outcome), StoreError> {
    let (app, address) = (visitor.app(site), &subscriber.address);
    // A list that was taken out of config.toml may still be left, and a suppression of it lifted.
    let list = Slug::parse(form.one("list")).ok();
    let configured = site.app.config.list(form.one("list"));
    let scope = list.as_ref().map_or(Scope::All, Scope::List);
    Ok(match (form.one("do"), configured, &list) {
        ("join", Some(to), _) => {
            let person = NewSubscriber { address: address.clone(), name: String::new() };
            said_of(subscribe::add(&app, &to.name, &person, returning(form)).await?, &to.title)
        }
        ("end", _, Some(list)) => match subscribe::remove(&app, list, address).await? {
            true => well(format!("They get {list} no more.")),
            false => wrong("Nothing was done: they do not get it."),
        },
        ("suppress", _, _) if configured.is_some() || form.one("list").is_empty() => {
            let reason = match fit_to_show(form.one("reason")) {
                reason if reason.is_empty() => "staff said so".to_owned(),
                reason => reason,
            };
            match newsroom::suppress(&app, address, scope, &reason).await? {
                true => well("They get nothing more.".to_owned()),
                false => wrong("Nothing was done: they are suppressed already."),
            }
        }
        ("lift", _, _) if list.is_some() || form.one("list").is_empty() => {
            match newsroom::lift(&app, address, scope).await? {
                Lifted::Lifted => well("They can be written to again.".to_owned()),
                Lifted::NotSuppressed => wrong("Nothing was done: there is no such suppression."),
                Lifted::Stays(_) => wrong("Nothing was done: that was the reader's own wish, and stays."),
            }
        }
        ("join" | "end" | "suppress" | "lift", ..) => wrong("Nothing was done: please choose a list."),
        _ => wrong("Nothing was done: no button was pressed."),
    })
}

fn well(done: String) -> (StatusCode, Outcome) {
    (StatusCode::OK, Outcome::Done(done))
}

fn wrong(text: &str) -> (StatusCode, Outcome) {
    (StatusCode::CONFLICT, Outcome::Wrong(text.to_owned()))
}

async fn forget(site: &Site, visitor: &Visitor, subscriber: &Subscriber, form: &Form) -> Response {
    if !form.one("typed").eq_ignore_ascii_case(FORGET) {
        let text = format!("Nobody was erased: type “{FORGET}” to confirm.");
        return reader::show(site, visitor, StatusCode::CONFLICT, subscriber.id, Said::wrong(&text)).await;
    }
    match subscribe::forget(&visitor.app(site), &subscriber.address).await {
        Ok(_) => {
            let done = "They are erased, and no import brings them back. They can come back by themselves.";
            readers::show(site, visitor, StatusCode::OK, Said::done(done)).await
        }
        Err(error) => visitor.failed(site, "erasing a reader", &error),
    }
}
