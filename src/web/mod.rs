//! Floor 4: the web. The pages that readers reach, so far: leaving a list; and hooks, which mail providers reach. Requests
//! come in; what they want is done by the flows. No rule of the trade lives here. GET and HEAD change nothing.

mod hooks;
mod leave;
mod pages;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tower_http::{set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

use crate::{app::App, intake::hooks::Sns};
use pages::{Page, Pages};

/// The most that a form may weigh, in bytes.
const FORM: usize = 16 * 1024;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What each answer carries: nothing from elsewhere runs, frames or is told where the reader was. Token pages are not
/// stored and not indexed.
const SECURITY: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// What the pages work with.
#[derive(Clone)]
pub(crate) struct Site {
    app: Arc<App>,
    pages: Arc<Pages>,
    sns: Arc<Sns>,
    hook_turns: Arc<Semaphore>,
}

/// The public pages and the hooks.
pub fn router(app: Arc<App>) -> Router {
    let sns = Sns::over(&app.collector);
    router_with(app, sns)
}

/// The same, with a way of its own to Amazon SNS.
pub fn router_with(app: Arc<App>, sns: Sns) -> Router {
    let pages = Arc::new(Pages::new(&app.config.sender));
    let mut router = Router::new()
        .route("/hooks/{name}", post(hooks::take).layer(DefaultBodyLimit::max(hooks::LARGEST)))
        .route("/leave/{token}", get(leave::page).post(leave::leave))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Site { app, pages, sns: Arc::new(sns), hook_turns: Arc::new(Semaphore::new(hooks::AT_ONCE)) })
        .layer(DefaultBodyLimit::max(FORM))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE));
    for (name, value) in SECURITY {
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    }
    router
}

async fn not_found(State(site): State<Site>) -> Response {
    site.pages.answer(StatusCode::NOT_FOUND, &Page::Problem { text: "There is no page here." })
}

async fn wrong_method(State(site): State<Site>, method: Method) -> Response {
    tracing::debug!(%method, "a method that the page does not take");
    site.pages.answer(StatusCode::METHOD_NOT_ALLOWED, &Page::Problem { text: "This page cannot do that." })
}
