//! The inbox's web pages: requests come in, pages and the octets of messages go out. GET changes nothing; the one
//! form clears the inbox and must come from our own page. No page holds a script or fetches anything from elsewhere,
//! and a message's HTML appears only in a frame that may do nothing (see `frame.rs`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_DNS_PREFETCH_CONTROL, X_FRAME_OPTIONS,
};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tera::{Context, Tera};

use super::frame::{self, RemoteImages};
use super::{Inbox, KeptMessage, folder, guard, listing, opened, reading};

/// Pages may use their own stylesheet and frames, and nothing from anywhere else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A downloaded file that a browser opens after all may still do nothing.
const DOWNLOAD_POLICY: &str = "sandbox; default-src 'none'";

#[derive(Clone)]
struct Pages {
    inbox: Inbox,
    tera: Arc<Tera>,
}

/// The pages that show `inbox`, mounted at a path such as `/inbox` (or at the root, with `""`). All links in them are
/// relative. They answer only to an IP address, `localhost` or another name without a dot, so that no web site can
/// read the inbox by renaming itself to this machine; a reverse proxy must send such a name as Host.
pub fn router(inbox: Inbox, at: &str) -> Router {
    let at = at.trim_end_matches('/').to_owned();
    let pages = Pages { inbox, tera: Arc::new(templates()) };
    let mut router = Router::new()
        .route(&format!("{at}/"), get(show_all))
        .route(&format!("{at}/inbox.css"), get(stylesheet))
        .route(&format!("{at}/clear"), post(clear))
        .route(&format!("{at}/{{id}}"), get(show_one))
        .route(&format!("{at}/{{id}}/frame"), get(show_frame))
        .route(&format!("{at}/{{id}}/source"), get(download_source))
        .route(&format!("{at}/{{id}}/parts/{{number}}"), get(download_part))
        .with_state(pages);
    if !at.is_empty() {
        let slash = format!("{at}/");
        router = router.route(&at, get(async move || Redirect::permanent(&slash)));
    }
    router.layer(middleware::from_fn(refuse_foreign_names))
}

fn templates() -> Tera {
    let mut tera = Tera::new();
    tera.add_raw_templates([
        ("layout.html", include_str!("../../templates/inbox/layout.html")),
        ("list.html", include_str!("../../templates/inbox/list.html")),
        ("message.html", include_str!("../../templates/inbox/message.html")),
        ("missing.html", include_str!("../../templates/inbox/missing.html")),
    ])
    .expect("the embedded templates are sound, as every test of a page shows");
    tera
}

async fn refuse_foreign_names(request: Request, next: Next) -> Response {
    if guard::is_local_name(request.headers()) {
        return next.run(request).await;
    }
    let why = "This inbox answers only to an IP address, to localhost or to a host name without a dot.\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

async fn show_all(State(pages): State<Pages>, Query(asked): Query<listing::Asked>) -> Result<Response, StatusCode> {
    let inbox = pages.inbox.clone();
    let listing = apart(move || listing::Listing::new(&inbox, &asked)).await?;
    Ok(pages.page(StatusCode::OK, "list.html", &listing))
}

async fn show_one(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    Query(asked): Query<opened::Asked>,
) -> Result<Response, StatusCode> {
    let inbox = pages.inbox.clone();
    Ok(match apart(move || opened::Opened::new(&inbox, &id, asked)).await? {
        Some(opened) => pages.page(StatusCode::OK, "message.html", &opened),
        None => pages.page(StatusCode::NOT_FOUND, "missing.html", &()),
    })
}

#[derive(Deserialize)]
struct FrameAsked {
    images: Option<RemoteImages>,
}

async fn show_frame(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    Query(FrameAsked { images }): Query<FrameAsked>,
) -> Result<Response, StatusCode> {
    let kept = pages.find(&id);
    let document = apart(move || {
        let kept = kept?;
        let message = kept.parsed();
        frame::html(&message).map(|html| frame::document(html, &message))
    });
    let Some(document) = document.await? else { return Ok(missing_file()) };
    let policy = frame::policy(images);
    let frame = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (X_DNS_PREFETCH_CONTROL, "off"),
        (CONTENT_SECURITY_POLICY, &policy),
    ];
    Ok((frame, private("no-referrer"), document).into_response())
}

async fn download_source(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    let Some(kept) = pages.find(&id) else { return missing_file() };
    let name = folder::file_name(kept.id, &kept.glance().subject);
    download("message/rfc822", &name, kept.bytes.clone())
}

async fn download_part(
    State(pages): State<Pages>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, StatusCode> {
    let kept = pages.find(&id);
    let part = apart(move || {
        let kept = kept?;
        let message = kept.parsed();
        let part = message.attachment(number.parse().ok()?)?;
        Some((reading::download_name(part), part.contents().to_vec()))
    });
    Ok(match part.await? {
        Some((name, bytes)) => download("application/octet-stream", &name, bytes),
        None => missing_file(),
    })
}

async fn clear(State(pages): State<Pages>, request: Request) -> Response {
    if !guard::is_same_origin(request.headers()) {
        return (StatusCode::FORBIDDEN, "Only the inbox's own page may clear it.\n").into_response();
    }
    pages.inbox.clear().await;
    Redirect::to("./").into_response()
}

async fn stylesheet() -> Response {
    let css = include_str!("../../templates/inbox/inbox.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], private("no-referrer"), css).into_response()
}

impl Pages {
    fn find(&self, id: &str) -> Option<Arc<KeptMessage>> {
        self.inbox.find(id.parse().ok()?)
    }

    fn page(&self, status: StatusCode, template: &str, content: &impl Serialize) -> Response {
        let mut context = Context::new();
        context.insert("page", content);
        match self.tera.render(template, &context) {
            Ok(html) => {
                let kind = (CONTENT_TYPE, "text/html; charset=utf-8");
                let sealed = [kind, (CONTENT_SECURITY_POLICY, PAGE_POLICY), (X_FRAME_OPTIONS, "DENY")];
                // With `no-referrer` browsers would send our own form without an origin to judge it by.
                (status, sealed, private("same-origin"), html).into_response()
            }
            Err(error) => {
                tracing::error!(%error, template, "a page of the inbox could not be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Takes messages apart on a thread where that holds up nobody: thousands of them are searched, and one may be huge.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StatusCode> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Headers of everything that shows mail: taken for nothing but what it says it is, stored nowhere.
fn private(referrer_policy: &'static str) -> [(HeaderName, &'static str); 3] {
    [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, referrer_policy)]
}

fn download(kind: &'static str, tame_name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{tame_name}\"");
    let file = [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, DOWNLOAD_POLICY), (CONTENT_DISPOSITION, &disposition)];
    (file, private("no-referrer"), bytes).into_response()
}

/// Stands where a frame or a download would: it has no page around it.
fn missing_file() -> Response {
    (StatusCode::NOT_FOUND, "The inbox does not hold that.\n").into_response()
}
