//! The link in each mail. GET shows a page with one button and changes nothing, for scanners follow every link; POST
//! leaves, whether it comes from the button or from a mail program (RFC 8058: no cookie, no redirect, 200 at once). Who
//! left by mistake can take it back there, and who wants less can keep a part. These pages lead nowhere else: whoever
//! holds the link of one list has no business with the others.

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};

use super::{Site, Token, form::Form, origin::Origin, pages::Page, text};
use crate::{
    domain::issue::IssueKind,
    subscribe::{self, LeaveError, Leaving, Parts, Visit},
};

const ONE_CLICK: &[u8] = b"One-Click";

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match subscribe::leaving(&site.app, text(&token)).await {
        Ok(Leaving { subscription, title, parts }) => {
            let address = subscription.address.to_string();
            let only = if parts == Parts::Both { format!("{}/only", text(&token)) } else { String::new() };
            let page = Page::Leave { list: &title, address: &address, only: &only };
            site.pages.answer(StatusCode::OK, &page)
        }
        Err(error) => problem(&site, &error),
    }
}

/// Whoever holds the link may leave by it, and asking twice is the same as once. The body only tells by which door.
pub(super) async fn leave(State(site): State<Site>, Origin(origin): Origin, token: Token, body: Bytes) -> Response {
    // Both encodings that RFC 8058 §3.2 allows, urlencoded and multipart, hold the word as it is.
    let by_mail_program = body.windows(ONE_CLICK.len()).any(|window| window == ONE_CLICK);
    let visit = if by_mail_program { Visit::OneClick(origin) } else { Visit::Page(origin) };
    match subscribe::leave(&site.app, text(&token), visit).await {
        Ok(Leaving { subscription, title, .. }) => {
            let address = subscription.address.to_string();
            let (stay, days) = (format!("{}/stay", text(&token)), subscribe::MISTAKE.as_hours() / 24);
            let page = Page::Left { list: &title, address: &address, stay: &stay, days };
            site.pages.answer(StatusCode::OK, &page)
        }
        Err(error) => problem(&site, &error),
    }
}

/// It was a mistake.
pub(super) async fn stay(State(site): State<Site>, Origin(origin): Origin, token: Token) -> Response {
    match subscribe::stay(&site.app, text(&token), Visit::Page(origin)).await {
        Ok((Leaving { subscription, title, .. }, true)) => {
            let address = subscription.address.to_string();
            let page = Page::Stayed { list: &title, address: &address };
            site.pages.answer(StatusCode::OK, &page)
        }
        Ok((_, false)) => site.problem(
            StatusCode::CONFLICT,
            "This subscription was not ended by this link within the last seven days, so it cannot be taken up by it \
             again. You can join anew.",
        ),
        Err(error) => problem(&site, &error),
    }
}

/// They want less of the list, and not nothing.
pub(super) async fn only(State(site): State<Site>, Origin(origin): Origin, token: Token, body: Bytes) -> Response {
    let keep = match Form::read(&body).one("part") {
        "digests" => IssueKind::Digest,
        "alerts" => IssueKind::Alert,
        _ => return site.problem(StatusCode::UNPROCESSABLE_ENTITY, "Nothing was chosen, and nothing has changed."),
    };
    match subscribe::narrow(&site.app, text(&token), keep, Visit::Page(origin)).await {
        Ok((Leaving { subscription, title, .. }, true)) => {
            let address = subscription.address.to_string();
            let part = if keep == IssueKind::Digest { "digests" } else { "alerts" };
            site.pages.answer(StatusCode::OK, &Page::Narrowed { list: &title, address: &address, part })
        }
        Ok((_, false)) => site.problem(
            StatusCode::CONFLICT,
            "This link can only make less of what you get, and you do not get both. Nothing has changed.",
        ),
        Err(error) => problem(&site, &error),
    }
}

fn problem(site: &Site, error: &LeaveError) -> Response {
    match error {
        LeaveError::Token(_) => site.not_ours(),
        LeaveError::Gone => {
            site.problem(StatusCode::GONE, "This subscription no longer exists: you get no mail from it.")
        }
        LeaveError::Store(error) => site.failed("a leave link", error),
    }
}
