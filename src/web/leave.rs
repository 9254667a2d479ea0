//! The link in each mail. GET shows a page with one button and changes nothing, for scanners follow every link; POST
//! leaves, whether it comes from the button or from a mail program (RFC 8058: no cookie, no redirect, 200 at once). Who
//! left by mistake can take it back there.

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};

use super::{Site, Token, origin::Origin, pages::Page, text};
use crate::subscribe::{self, LeaveError, Leaving, Visit};

const ONE_CLICK: &[u8] = b"One-Click";

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match subscribe::leaving(&site.app, text(&token)).await {
        Ok(Leaving { subscription, title, preferences }) => {
            let address = subscription.address.to_string();
            let page = Page::Leave { list: &title, address: &address, preferences: &preferences };
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
        Ok(Leaving { subscription, title, preferences }) => {
            let address = subscription.address.to_string();
            let stay = format!("{}/stay", text(&token));
            let page = Page::Left { list: &title, address: &address, preferences: &preferences, stay: &stay };
            site.pages.answer(StatusCode::OK, &page)
        }
        Err(error) => problem(&site, &error),
    }
}

/// It was a mistake.
pub(super) async fn stay(State(site): State<Site>, Origin(origin): Origin, token: Token) -> Response {
    match subscribe::stay(&site.app, text(&token), Visit::Page(origin)).await {
        Ok((Leaving { subscription, title, preferences }, true)) => {
            let address = subscription.address.to_string();
            let page = Page::Stayed { list: &title, address: &address, preferences: &preferences };
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

fn problem(site: &Site, error: &LeaveError) -> Response {
    match error {
        LeaveError::Token(_) => site.not_ours(),
        LeaveError::Gone => {
            site.problem(StatusCode::GONE, "This subscription no longer exists: you get no mail from it.")
        }
        LeaveError::Store(error) => site.failed("a leave link", error),
    }
}
