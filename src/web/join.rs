//! The page to join, and the answer to its form. Whoever asks gets the same answer, whatever we know of the address; a
//! form that stood on another site's page leads to ours first.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    Site,
    asking::{Asker, asker},
    form::Form,
    origin::Origin,
    pages::{JoinList, Page},
};
use crate::{
    archive,
    domain::{
        address::EmailAddress,
        consent::Door,
        request::{RequestKind, Wish},
        slug::Slug,
    },
    subscribe::{self, AskError, Asked},
};

/// What is wrong with a form, for the one who filled it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Address,
    Lists,
}

/// The empty form; a query may name a list, and an address.
pub(super) async fn page(State(site): State<Site>, RawQuery(query): RawQuery) -> Response {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    show(&site, &form, StatusCode::OK, &[], "")
}

/// The form that was filled in.
pub(super) async fn ask(State(site): State<Site>, Origin(origin): Origin, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&body);
    let typed = form.one("address");
    let asker = asker(&site, &form, &headers);
    if asker == Asker::Robot {
        return asked(&site, typed);
    }
    let address = EmailAddress::parse(typed);
    let wishes: Vec<Wish> = form.all("list").filter_map(|name| Slug::parse(name).ok()).map(Wish::whole).collect();
    let mut wrong = Vec::new();
    if address.is_err() {
        wrong.push(Wrong::Address);
    }
    if wishes.is_empty() {
        wrong.push(Wrong::Lists);
    }
    let (Ok(address), true) = (address, wrong.is_empty()) else {
        return show(&site, &form, StatusCode::UNPROCESSABLE_ENTITY, &wrong, "");
    };
    if let Asker::Again(why) = asker {
        return show(&site, &form, StatusCode::OK, &[], why);
    }
    let wish =
        Asked { kind: RequestKind::Join, address: &address, wishes: &wishes, door: Door::Web, from: origin.into() };
    match subscribe::ask(&site.app, &wish).await {
        Ok(()) => asked(&site, typed),
        Err(AskError::NoList) => show(&site, &form, StatusCode::UNPROCESSABLE_ENTITY, &[Wrong::Lists], ""),
        Err(AskError::TooMany) => site.too_many(),
        Err(AskError::Store(error)) => site.failed("a request to join", &error),
    }
}

fn asked(site: &Site, typed: &str) -> Response {
    site.pages.answer(StatusCode::OK, &Page::Asked { address: typed })
}

fn show(site: &Site, form: &Form, status: StatusCode, wrong: &[Wrong], notice: &str) -> Response {
    let only = subscribe::public_lists(&site.app).count() == 1;
    let lists = subscribe::public_lists(&site.app).map(|list| JoinList {
        name: list.name.as_str(),
        title: &list.title,
        description: &list.description,
        when: subscribe::when_it_comes(list),
        is_chosen: only || form.all("list").any(|name| name == list.name.as_str()),
    });
    let page = Page::Join {
        lists: lists.collect(),
        address: form.one("address"),
        agreement: &subscribe::agreement(&site.app),
        token: &subscribe::form_token(&site.app),
        notice,
        address_is_wrong: wrong.contains(&Wrong::Address),
        lists_are_wrong: wrong.contains(&Wrong::Lists),
        has_archive: archive::archived_lists(&site.app).next().is_some(),
    };
    site.pages.answer(status, &page)
}
