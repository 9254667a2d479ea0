//! The API of programs, below `/api/v1`. Requests with a token come in; what they want is done by the flows, and JSON goes
//! out. No rule of the trade lives here. Each route says in one place what it takes, gives and needs; the OpenAPI document
//! and the page for people are made from that. It knows no cookies, and lets no other site's scripts ask.

mod admitted;
mod alerts;
mod asked;
mod document;
mod issues;
mod lists;
mod pace;
mod posts;
mod problem;
mod runs;
mod subscribers;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tera::Context;
use url::Url;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Site;
use crate::domain::wire;
use document::{About, Outline};
use pace::Paces;
use problem::Problem;
pub(super) use problem::everywhere;

/// Where the API is.
const ROOT: &str = "/api/v1";

/// What the API keeps while the program runs.
pub(super) struct Api {
    paces: Paces,
    /// The OpenAPI document.
    document: String,
    outline: Outline,
}

impl Api {
    /// The API of a house whose pages are at `base_url`.
    pub(super) fn new(base_url: &Url) -> Self {
        let (_, openapi) = operations().split_for_parts();
        let document = document::finished(&openapi, &format!("{}{}", base_url.path(), ROOT.trim_start_matches('/')));
        let outline = Outline::of(&document, base_url);
        let document = serde_json::to_string(&document).expect("a document is JSON");
        Self { paces: Paces::default(), document, outline }
    }
}

/// The routes of the API.
pub(super) fn pages() -> Router<Site> {
    let (operations, _) = operations().split_for_parts();
    let operations = operations.layer(DefaultBodyLimit::max(asked::LARGEST));
    Router::new().route(ROOT, get(page)).nest(ROOT, operations.route("/openapi.json", get(openapi)))
}

fn operations() -> OpenApiRouter<Site> {
    OpenApiRouter::with_openapi(About::openapi())
        .routes(routes!(lists::all))
        .routes(routes!(lists::one))
        .routes(routes!(subscribers::all, subscribers::join))
        .routes(routes!(subscribers::one))
        .routes(routes!(subscribers::end))
        .routes(routes!(subscribers::find))
        .routes(routes!(subscribers::forget))
        .routes(routes!(issues::all))
        .routes(routes!(issues::one))
        .routes(routes!(issues::deliveries))
        .routes(routes!(issues::stop))
        .routes(routes!(alerts::plan))
        .routes(routes!(alerts::send))
        .routes(routes!(posts::all))
        .routes(routes!(posts::one))
        .routes(routes!(runs::all))
        .routes(routes!(runs::one))
}

async fn openapi(State(site): State<Site>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], site.api.document.clone()).into_response()
}

/// What the API can do, for people.
async fn page(State(site): State<Site>) -> Response {
    let mut context = Context::new();
    context.insert("it", &site.api.outline);
    site.pages.draw(StatusCode::OK, "api.html", context)
}

/// A text of some words on one line, of at most so many characters.
fn words(field: &str, text: &str, at_most: usize) -> Result<String, Problem> {
    let line = wire::one_line(text);
    if line.is_empty() || text.chars().count() > at_most || text.contains('\0') {
        return Err(Problem::invalid(format!("`{field}` must have words, and no more than {at_most} characters.")));
    }
    Ok(line)
}
