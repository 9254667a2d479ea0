//! Hooks: where mail providers tell us of bounces and complaints. It answers 2xx only once all is written down, so that
//! the provider tells again what was not; and whoever is not the provider learns nothing of why.

use axum::{
    body::Bytes,
    extract::{FromRequest, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Site, not_found};
use crate::{
    domain::hook::Hook,
    intake::hooks::{self, HookError, Posted},
};

/// The most that a request to any hook may weigh, in bytes.
pub(super) const LARGEST: usize = 1024 * 1024;

/// So many requests are read at once: they are held whole before anything proves whose they are.
pub(super) const AT_ONCE: usize = 32;

pub(super) async fn take(
    State(site): State<Site>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Some(hook) = name.ok().and_then(|Path(name)| named(&site, &name)) else {
        return not_found(State(site)).await;
    };
    let Ok(_turn) = site.hook_turns.try_acquire() else {
        tracing::warn!(hook = %hook.name, "turned away: {AT_ONCE} requests to hooks are under way");
        return said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.");
    };
    let headers = request.headers().clone();
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return said(rejection.status(), "This cannot be read."),
    };
    let header = |name: &str| value(&headers, name);
    let posted = Posted { header: &header, body: &body };
    match hooks::take(&site.app, &site.sns, &hook, &posted).await {
        Ok(()) => said(StatusCode::OK, "Taken."),
        Err(error) => problem(&hook, &error),
    }
}

fn named(site: &Site, name: &str) -> Option<Hook> {
    site.app.config.hooks.iter().find(|hook| hook.name.as_str() == name).cloned()
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn problem(hook: &Hook, error: &HookError) -> Response {
    let name = &hook.name;
    match error {
        HookError::Refused(_) => {
            tracing::warn!(hook = %name, "{error}");
            said(StatusCode::FORBIDDEN, "Nothing proves that this comes from the provider of this hook.")
        }
        HookError::Unreadable => {
            tracing::warn!(hook = %name, "{error}");
            said(StatusCode::BAD_REQUEST, "This cannot be read.")
        }
        HookError::Fetch(source) => {
            tracing::warn!(hook = %name, "{error}: {source}");
            said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.")
        }
        HookError::Busy => {
            tracing::warn!(hook = %name, "{error}");
            said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.")
        }
        HookError::Store(_) => {
            tracing::error!(hook = %name, "{error}");
            said(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.")
        }
    }
}

/// An answer for a machine.
pub(super) fn said(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.into()).into_response()
}
