//! The hook by which a site says that its feed has news. It is answered once that is written down; whoever does not know
//! the feed's secret learns nothing.

use axum::{
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use futures_util::StreamExt;
use serde::Deserialize;

use super::{
    Site,
    hooks::{LARGEST, said},
    not_found,
};
use crate::publish::{self, PingError};

/// What may stand behind the question mark, for sites that can set no header.
#[derive(Deserialize)]
pub(super) struct Asked {
    token: Option<String>,
}

pub(super) async fn take(
    State(site): State<Site>,
    name: Result<Path<String>, PathRejection>,
    asked: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Response {
    let Ok(Path(name)) = name else { return not_found(State(site)).await };
    let of_query = asked.ok().and_then(|Query(asked)| asked.token);
    let secret = bearer(request.headers()).map(str::to_owned).or(of_query).unwrap_or_default();
    match publish::ping(&site.app, &name, &secret).await {
        Ok(()) => {
            tracing::info!(feed = name, "pinged");
            pass_over(request).await;
            said(StatusCode::ACCEPTED, "We look.")
        }
        Err(PingError::Unknown) => not_found(State(site)).await,
        Err(error @ PingError::Refused) => {
            tracing::warn!(feed = name, "a ping was refused: {error}");
            said(StatusCode::FORBIDDEN, "This is not the secret of this feed.")
        }
        Err(error @ PingError::Store(_)) => {
            tracing::error!(feed = name, "a ping was lost: {error}");
            said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.")
        }
    }
}

/// What a site that logs in shows (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Lets the rest of a request come in, for many plugins send the whole post along, and take it for a failure when nobody
/// reads it. Nothing of it is kept.
async fn pass_over(request: Request) {
    let mut body = request.into_body().into_data_stream();
    let mut seen = 0;
    while let Some(Ok(piece)) = body.next().await {
        seen += piece.len();
        if seen > LARGEST {
            return;
        }
    }
}
