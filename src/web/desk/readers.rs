//! The readers: the newest of all or of one list, and a search. Who may not send sees addresses masked, and finds a reader
//! only by a whole address: letter by letter, a beginning would give a masked one away. What is searched for is POSTed, for
//! addresses of pages are kept in logs and histories.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{
    Site,
    lists::Choice,
    pages::{DeskPage, Said, Word},
    reader,
    visitor::{Pressed, Visitor},
};
use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        bounce::fit_to_show,
        list::List,
        number::counted,
        slug::Slug,
        staff::Right,
        subscription::{NewSubscriber, SubscriberId, clean_name},
    },
    store::{StoreError, readers::Reader},
    subscribe::{self, Added, Returning},
    web::form::Form,
};

/// How many a page shows.
const PAGE: usize = 50;

#[derive(Serialize)]
struct Readers<'a> {
    readers: Vec<Row>,
    lists: Vec<Choice<'a>>,
    /// The list whose readers are shown; empty: all.
    list: &'a str,
    /// How many there are of it.
    count: String,
    /// What was searched for; empty: nothing.
    wanted: &'a str,
    /// What there is to say when nobody was found.
    nobody: String,
    /// The query of the next page, when it is not a search and there is one.
    older: Option<String>,
    /// The address behind which the next page of a search goes on; empty when there is none.
    after: String,
    said: Said<'a>,
}

/// A reader in a line.
#[derive(Serialize)]
struct Row {
    id: i64,
    address: String,
    name: String,
    lists: String,
}

impl DeskPage for Readers<'_> {
    const TEMPLATE: &'static str = "desk/readers.html";
    const WORD: Word = Word::Readers;
}

/// How an address is shown to somebody.
pub(super) fn seen_by(visitor: &Visitor, address: &EmailAddress) -> String {
    if visitor.0.staff.role.may(Right::Send) { address.reveal().to_owned() } else { address.to_string() }
}

/// How a reader's name is shown to somebody: not at all to who may not see whom it is.
pub(super) fn named_to(visitor: &Visitor, name: String) -> String {
    if visitor.0.staff.role.may(Right::Send) { name } else { String::new() }
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let list = site.app.config.list(query.one("list"));
    let before = query.one("before").parse().ok().map(SubscriberId);
    match newest(&site.app, &visitor, list, before).await {
        Ok(readers) => visitor.page(&site, StatusCode::OK, &readers),
        Err(error) => visitor.failed(&site, "the readers", &error),
    }
}

/// The newest readers, with what to know first.
pub(super) async fn show(site: &Site, visitor: &Visitor, status: StatusCode, said: Said<'_>) -> Response {
    match newest(&site.app, visitor, None, None).await {
        Ok(readers) => visitor.page(site, status, &Readers { said, ..readers }),
        Err(error) => visitor.failed(site, "the readers", &error),
    }
}

/// The search. It changes nothing.
pub(super) async fn find(State(site): State<Site>, Pressed { visitor, form }: Pressed) -> Response {
    let wanted = form.one("wanted");
    let address = EmailAddress::parse(wanted).ok();
    let is_wide = visitor.0.staff.role.may(Right::Send);
    let found = async {
        if let Some(address) = &address
            && let Some(reader) = site.app.store.subscriber_of(address).await?
        {
            return Ok(Err(site.go(&format!("/readers/{}", reader.0))));
        }
        let mut page = searched(&site.app, wanted);
        if is_wide && !wanted.is_empty() {
            let after = EmailAddress::parse(form.one("after")).ok();
            let limit = i64::try_from(PAGE).unwrap_or(i64::MAX) + 1;
            let readers = site.app.store.readers_by_prefix(wanted, after.as_ref(), limit).await?;
            page.after = last_of(&readers).map(|last| last.subscriber.address.reveal().to_owned()).unwrap_or_default();
            page.readers = rows(&visitor, readers);
        }
        page.nobody = match (&address, is_wide) {
            (Some(address), _) => nobody_of(&site.app, &visitor, address).await?,
            (None, true) => "No reader's address begins like that.".to_owned(),
            (None, false) => "Please type a whole address: your role finds readers by nothing less.".to_owned(),
        };
        Ok::<_, StoreError>(Ok(page))
    };
    match found.await {
        Ok(Ok(page)) => visitor.page(&site, StatusCode::OK, &page),
        Ok(Err(way)) => way,
        Err(error) => visitor.failed(&site, "a search for readers", &error),
    }
}

/// Adds somebody to a list by staff's hand, and shows them.
pub(super) async fn add(State(site): State<Site>, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let list = site.app.config.list(form.one("list"));
    let (Ok(address), Some(list)) = (EmailAddress::parse(form.one("address")), list) else {
        let wrong = Said::wrong("Nobody was added: an address such as name@example.org and a list are needed.");
        return show(&site, &visitor, StatusCode::UNPROCESSABLE_ENTITY, wrong).await;
    };
    let person = NewSubscriber { address, name: clean_name(form.one("name")) };
    let added = subscribe::add(&visitor.app(&site), &list.name, &person, returning(&form)).await;
    let found = match added {
        Ok(added) => site.app.store.subscriber_of(&person.address).await.map(|found| (added, found)),
        Err(error) => Err(error),
    };
    match found {
        Ok((added, Some(id))) => {
            let (status, said) = said_of(added, &list.title);
            reader::show(&site, &visitor, status, id, said.as_said()).await
        }
        // Who was erased has no page.
        Ok((added, None)) => {
            let (status, said) = said_of(added, &list.title);
            show(&site, &visitor, status, said.as_said()).await
        }
        Err(error) => visitor.failed(&site, "adding a reader", &error),
    }
}

/// Whether staff say that somebody who had left asked to come back.
pub(super) fn returning(form: &Form) -> Returning {
    if form.has("asked_anew") { Returning::AskedAnew } else { Returning::StaysAway }
}

/// What was done, or why it was not.
pub(super) enum Outcome {
    Done(String),
    Wrong(String),
}

impl Outcome {
    pub(super) fn as_said(&self) -> Said<'_> {
        match self {
            Self::Done(done) => Said::done(done),
            Self::Wrong(wrong) => Said::wrong(wrong),
        }
    }
}

/// What came of adding somebody to a list.
pub(super) fn said_of(added: Added, title: &str) -> (StatusCode, Outcome) {
    match added {
        Added::Joined => (StatusCode::OK, Outcome::Done(format!("They get {title} from now on."))),
        Added::AlreadyActive => (StatusCode::OK, Outcome::Done(format!("They get {title} already."))),
        Added::HadLeft => {
            let wrong = format!(
                "Nothing was done: they had left {title}, or were erased. If they asked to come back, say so by the box."
            );
            (StatusCode::CONFLICT, Outcome::Wrong(wrong))
        }
    }
}

async fn newest<'a>(
    app: &'a App,
    visitor: &Visitor,
    list: Option<&'a List>,
    before: Option<SubscriberId>,
) -> Result<Readers<'a>, StoreError> {
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX) + 1;
    let name = list.map(|list| &list.name);
    let readers = app.store.newest_readers(name, before, limit).await?;
    let older = last_of(&readers).map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(name) = name {
            query.append_pair("list", name.as_str());
        }
        query.append_pair("before", &last.subscriber.id.0.to_string()).finish()
    });
    let count = match name {
        Some(name) => counted(app.store.count_active(name).await?, "reader"),
        None => String::new(),
    };
    let list = name.map_or("", Slug::as_str);
    Ok(Readers { readers: rows(visitor, readers), list, count, older, ..searched(app, "") })
}

/// A page with nobody on it yet.
fn searched<'a>(app: &'a App, wanted: &'a str) -> Readers<'a> {
    Readers {
        readers: Vec::new(),
        lists: app.config.lists.iter().map(Choice::of).collect(),
        list: "",
        count: String::new(),
        wanted,
        nobody: String::new(),
        older: None,
        after: String::new(),
        said: Said::default(),
    }
}

/// The last that a page shows, when there are more behind it.
fn last_of(readers: &[Reader]) -> Option<&Reader> {
    readers.get(PAGE - 1).filter(|_| readers.len() > PAGE)
}

fn rows(visitor: &Visitor, readers: Vec<Reader>) -> Vec<Row> {
    let row = |reader: Reader| {
        let lists: Vec<String> =
            reader.lists.iter().map(|(list, state)| format!("{list} ({})", state.as_str())).collect();
        Row {
            id: reader.subscriber.id.0,
            address: seen_by(visitor, &reader.subscriber.address),
            name: named_to(visitor, reader.subscriber.name),
            lists: if lists.is_empty() { "on no list".to_owned() } else { lists.join(", ") },
        }
    };
    readers.into_iter().take(PAGE).map(row).collect()
}

/// What there is to say of an address that no reader has.
async fn nobody_of(app: &App, visitor: &Visitor, address: &EmailAddress) -> Result<String, StoreError> {
    let suppressions = app.store.suppressions_of(address).await?;
    let why = suppressions.first().map(|it| match visitor.0.staff.role.may(Right::Send) {
        true => format!(" It is suppressed ({}): {}.", it.kind.as_str(), fit_to_show(&it.reason)),
        false => format!(" It is suppressed ({}).", it.kind.as_str()),
    });
    Ok(format!("No reader has this address.{}", why.unwrap_or_default()))
}
