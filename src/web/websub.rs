//! Where hubs reach us (WebSub): by GET they verify what we asked of them, by POST they tell that a feed has news. The GET
//! is the one that changes something: the standard wants it so, and only what we have asked is heeded.

use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{Method, StatusCode},
    response::Response,
};
use futures_util::StreamExt;
use serde::Deserialize;

use super::{Site, Token, hooks::said, text, wrong_method};
use crate::publish::websub::{self, CallbackError, Distribution, Told};

/// The parameters of §5.3; a hub may send others besides.
#[derive(Deserialize)]
pub(super) struct Parameters {
    #[serde(rename = "hub.mode")]
    mode: String,
    #[serde(rename = "hub.topic")]
    topic: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
    #[serde(rename = "hub.lease_seconds")]
    lease_seconds: Option<String>,
    #[serde(rename = "hub.reason", default)]
    reason: String,
}

pub(super) async fn verify(
    State(site): State<Site>,
    token: Token,
    parameters: Result<Query<Parameters>, QueryRejection>,
    method: Method,
) -> Response {
    if method != Method::GET {
        return wrong_method(State(site), method).await;
    }
    let Ok(Query(told)) = parameters else { return refused(&CallbackError::NotAsked) };
    let told = Told {
        mode: told.mode,
        topic: told.topic,
        challenge: told.challenge,
        lease_seconds: told.lease_seconds.and_then(|seconds| seconds.trim().parse().ok()),
        reason: told.reason,
    };
    match websub::answer(&site.app, text(&token), &told).await {
        Ok(challenge) => said(StatusCode::OK, challenge),
        Err(error) => refused(&error),
    }
}

pub(super) async fn distribute(State(site): State<Site>, token: Token, request: Request) -> Response {
    let Ok(_turn) = site.hook_turns.try_acquire() else {
        return said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.");
    };
    let signature = request.headers().get("x-hub-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut distribution = match Distribution::begin(&site.app, text(&token), signature).await {
        Ok(distribution) => distribution,
        Err(error) => return refused(&error),
    };
    let mut left = site.app.config.collect.max_size;
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else { return said(StatusCode::BAD_REQUEST, "This broke off.") };
        let Some(rest) = left.checked_sub(piece.len() as u64) else {
            return said(StatusCode::PAYLOAD_TOO_LARGE, "This is larger than a feed may be.");
        };
        left = rest;
        distribution.take(&piece);
    }
    match distribution.end(&site.app).await {
        Ok(()) => said(StatusCode::ACCEPTED, "We look."),
        Err(error) => refused(&error),
    }
}

fn refused(error: &CallbackError) -> Response {
    match error {
        CallbackError::Store(_) => tracing::error!("what a hub said was not heeded: {error}"),
        _ => tracing::warn!("what a hub said was not heeded: {error}"),
    }
    match error {
        CallbackError::NotAsked => said(StatusCode::NOT_FOUND, "We have not asked for this."),
        CallbackError::Gone => said(StatusCode::GONE, "We do not want this."),
        CallbackError::Refused(_) => said(StatusCode::FORBIDDEN, "Nothing proves that this comes from the hub."),
        CallbackError::Store(_) => said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later."),
    }
}
