//! The page for who wants to leave and has no mail of ours at hand: an address is typed, and the links go to its mailbox.
//! Whoever asks gets the same answer, whatever we know of the address.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    Site,
    asking::{Asker, asker},
    form::Form,
    origin::Origin,
    pages::Page,
};
use crate::{
    domain::{address::EmailAddress, consent::Door, request::RequestKind},
    subscribe::{self, AskError, Asked},
};

/// Whether what was typed is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Well,
    Wrong,
}

/// The empty form.
pub(super) async fn page(State(site): State<Site>) -> Response {
    show(&site, StatusCode::OK, "", Typed::Well, "")
}

/// The form that was filled in.
pub(super) async fn ask(State(site): State<Site>, Origin(origin): Origin, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&body);
    let typed = form.one("address");
    let asker = asker(&site, &form, &headers);
    if asker == Asker::Robot {
        return asked(&site, typed);
    }
    let Ok(address) = EmailAddress::parse(typed) else {
        return show(&site, StatusCode::UNPROCESSABLE_ENTITY, typed, Typed::Wrong, "");
    };
    if let Asker::Again(why) = asker {
        return show(&site, StatusCode::OK, typed, Typed::Well, why);
    }
    let wish = Asked { kind: RequestKind::Leave, address: &address, wishes: &[], door: Door::Web, from: origin.into() };
    match subscribe::ask(&site.app, &wish).await {
        Ok(()) => asked(&site, typed),
        Err(AskError::NoList | AskError::TooMany) => site.too_many(),
        Err(AskError::Store(error)) => site.failed("a request to leave", &error),
    }
}

fn asked(site: &Site, typed: &str) -> Response {
    site.pages.answer(StatusCode::OK, &Page::AskedToLeave { address: typed })
}

fn show(site: &Site, status: StatusCode, address: &str, typed: Typed, notice: &str) -> Response {
    let token = &subscribe::form_token(&site.app);
    let page = Page::AskToLeave { address, token, notice, address_is_wrong: typed == Typed::Wrong };
    site.pages.answer(status, &page)
}
