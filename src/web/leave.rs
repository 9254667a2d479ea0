//! The link in each mail. GET shows a page with one button and changes nothing, for scanners follow every link; POST
//! leaves, whether it comes from the button or from a mail program (RFC 8058: no cookie, no redirect, 200 at once).

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};

use super::{Page, Site};
use crate::subscribe::{self, LeaveError};

/// What stands in the link's place for a token; an error when that is no text at all.
type Token = Result<Path<String>, PathRejection>;

const ONE_CLICK: &[u8] = b"One-Click";

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match subscribe::leaving(&site.app, text(&token)).await {
        Ok(leaving) => {
            let address = leaving.subscription.address.to_string();
            site.pages.answer(StatusCode::OK, &Page::Leave { list: &leaving.title, address: &address })
        }
        Err(error) => problem(&site, &error),
    }
}

/// Whoever holds the link may leave by it, and asking twice is the same as once. The body only tells by which door.
pub(super) async fn leave(State(site): State<Site>, token: Token, body: Bytes) -> Response {
    // Both encodings that RFC 8058 §3.2 allows, urlencoded and multipart, hold the word as it is.
    let by_mail_program = body.windows(ONE_CLICK.len()).any(|window| window == ONE_CLICK);
    let door = if by_mail_program { "left by one click (RFC 8058)" } else { "left by the page" };
    match subscribe::leave(&site.app, text(&token), door).await {
        Ok(leaving) => {
            let address = leaving.subscription.address.to_string();
            site.pages.answer(StatusCode::OK, &Page::Left { list: &leaving.title, address: &address })
        }
        Err(error) => problem(&site, &error),
    }
}

/// No token of ours is empty, so that what is no text is answered as every other link that is not ours.
fn text(token: &Token) -> &str {
    token.as_ref().map_or("", |Path(token)| token)
}

fn problem(site: &Site, error: &LeaveError) -> Response {
    let (status, text) = match error {
        LeaveError::Token(_) => (
            StatusCode::NOT_FOUND,
            "This link is not one of ours, or a mail program has cut it. Please copy the whole link from the mail, \
             or use another mail from us.",
        ),
        LeaveError::Gone => (StatusCode::GONE, "This subscription no longer exists: you get no mail from it."),
        LeaveError::Store(error) => {
            tracing::error!("a leave link could not be answered: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, "We cannot do this just now. Please try again in a few minutes.")
        }
    };
    site.pages.answer(status, &Page::Problem { text })
}
