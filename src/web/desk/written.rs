//! What staff wrote, when it comes to the desk. A request comes in; who wrote it and their form go out. When their session has
//! ended while they wrote they get back what they had typed, and the way to sign in. Nothing is kept, and what a page of
//! somebody else's sends is never shown.

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{
    Site,
    pages::{DeskPage, Word},
    sheet::Sheet,
    visitor::{Pressed, form, pressed, signed_in, way_in, way_in_to},
};
use crate::web::host;

/// What somebody pressed where they write: hours of work may be in the form.
#[derive(Debug)]
pub(super) struct Written(pub(super) Pressed);

/// What somebody wrote who is signed in no longer.
#[derive(Debug, Serialize)]
struct SignedOut<'a> {
    /// Where they sign in, and come back from to where they wrote.
    way_in: &'a str,
    sheet: &'a Sheet,
}

impl DeskPage for SignedOut<'_> {
    const TEMPLATE: &'static str = "desk/signed-out.html";
    const WORD: Word = Word::None;
}

impl FromRequest<Site> for Written {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        if let Some(visitor) = signed_in(site, request.headers()).await? {
            return pressed(site, visitor, request).await.map(Self);
        }
        let (parts, body) = request.into_parts();
        let led_there = way_in(site, &parts);
        if host::is_from_elsewhere(site, &parts.headers) {
            return Err(led_there);
        }
        let path = parts.uri.path().to_owned();
        let sheet = Sheet::read(&form(site, Request::from_parts(parts, body)).await?);
        if sheet.is_empty() && sheet.wrong.is_empty() {
            return Err(led_there);
        }
        let way_in = way_in_to(site, path.strip_suffix("/preview").unwrap_or(&path));
        Err(site.outside(StatusCode::UNAUTHORIZED, &SignedOut { way_in: &way_in, sheet: &sheet }))
    }
}
