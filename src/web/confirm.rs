//! The link that confirms a request. GET shows a page with one button and changes nothing, for scanners follow every
//! link; POST confirms. Twice is as good as once.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{Site, Token, origin::Origin, pages::Page, text};
use crate::{
    domain::consent::Door,
    subscribe::{self, ConfirmError, Confirmed, Confirming},
};

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match subscribe::confirming(&site.app, text(&token)).await {
        Ok(confirming) => show(&site, &confirming),
        Err(error) => problem(&site, &error),
    }
}

pub(super) async fn confirm(State(site): State<Site>, Origin(origin): Origin, token: Token) -> Response {
    match subscribe::confirm(&site.app, text(&token), Door::Web, origin).await {
        Ok(confirming) => show(&site, &confirming),
        Err(error) => problem(&site, &error),
    }
}

fn show(site: &Site, confirming: &Confirming) -> Response {
    let Confirming { titles, address, state } = confirming;
    let page = match state {
        Confirmed::NotYet => Page::Confirm { lists: titles, address },
        Confirmed::Done { preferences } => Page::Welcome { lists: titles, address, preferences },
    };
    site.pages.answer(StatusCode::OK, &page)
}

fn problem(site: &Site, error: &ConfirmError) -> Response {
    match error {
        ConfirmError::Token(_) => site.not_ours(),
        ConfirmError::TooLate => site.problem(
            StatusCode::GONE,
            "This link was good for seven days, and they have passed. Nothing was done. If you still want to join, \
             please ask again.",
        ),
        ConfirmError::NoList => {
            site.problem(StatusCode::GONE, "What this link confirms is no longer offered. Nothing was done.")
        }
        ConfirmError::Store(error) => site.failed("a link to confirm", error),
        ConfirmError::Render(error) => site.failed("a link to confirm", error),
    }
}
