//! One mail on one page: as a phone shows it and as a desk does, in light and in dark, and its text part as a terminal
//! has it. A mail comes in; a router goes out. The page holds no script; the mail's HTML stands in frames that may do
//! nothing but show pictures.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tera::{Context, Tera};

use super::guard;

/// What a mail's own style sheet asks to know whether its reader likes it dark.
const ASKS_FOR_DARK: &str = "(prefers-color-scheme: dark)";

const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
     img-src https: http: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// A mail to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
    /// The whole message.
    #[serde(skip)]
    pub eml: Vec<u8>,
}

/// The page, its frames at `/light` and `/dark`, and the message itself at `/message.eml`. It answers only to an IP
/// address, `localhost` or another name without a dot, as the inbox does.
pub fn router(mail: Mail) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/message.eml", get(message))
        .route("/{scheme}", get(frame))
        .with_state(Arc::new(mail))
        .layer(middleware::from_fn(async |request: axum::extract::Request, next: Next| {
            match guard::is_local_name(request.headers()) {
                true => next.run(request).await,
                false => StatusCode::MISDIRECTED_REQUEST.into_response(),
            }
        }))
}

async fn page(State(mail): State<Arc<Mail>>) -> Response {
    let mut tera = Tera::new();
    let template = include_str!("../../templates/inbox/side-by-side.html");
    let added = tera.add_raw_templates([("side-by-side.html", template)]);
    let mut context = Context::new();
    context.insert("subject", &mail.subject);
    context.insert("text", &mail.text);
    match added.and_then(|()| tera.render("side-by-side.html", &context)) {
        Ok(html) => answer("text/html; charset=utf-8", PAGE_POLICY, html.into_bytes()),
        Err(error) => {
            tracing::error!("a mail cannot be shown: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The mail's HTML as readers have it who like mails light, or dark. The browser is not asked which it likes.
async fn frame(State(mail): State<Arc<Mail>>, Path(scheme): Path<String>) -> Response {
    let as_asked = match scheme.as_str() {
        "light" => "not all",
        "dark" => "all",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let html = mail.html.replace(ASKS_FOR_DARK, as_asked);
    answer("text/html; charset=utf-8", MAIL_POLICY, html.into_bytes())
}

async fn message(State(mail): State<Arc<Mail>>) -> Response {
    let mut response = answer("message/rfc822", "sandbox; default-src 'none'", mail.eml.clone());
    let name = axum::http::HeaderValue::from_static("attachment; filename=\"preview.eml\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    response
}

fn answer(kind: &'static str, policy: &'static str, body: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
