//! Floor 4: the web. The pages that readers reach: joining, confirming, choosing, leaving; the archive, which is for
//! everybody; the page where one of staff decides about an issue; and hooks, which mail providers and sites with feeds
//! reach. Requests come in; what they want is done by the flows. No rule of the trade lives here. GET and HEAD change
//! nothing.

mod api;
mod archive;
mod ask_to_leave;
mod asking;
mod confirm;
mod deciding;
mod desk;
mod form;
mod hooks;
mod host;
mod join;
mod leave;
mod origin;
mod pages;
mod pings;
mod preferences;
mod standing;
mod websub;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State, rejection::PathRejection},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    response::{Redirect, Response},
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tower_http::{set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

use crate::{app::App, config::Config, intake::hooks::Sns, staff::Passwords};
use api::Api;
use host::Names;
use pages::{Page, Pages};

/// The most that a form may weigh, in bytes.
const FORM: usize = 16 * 1024;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one may take that brings a file or reads one. It is less than the age of a connection, for which every answer
/// under way may go on, however late it was begun.
const LONG_PATIENCE: Duration = Duration::from_secs(280);

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
    live_turns: Arc<Semaphore>,
    passwords: Arc<Passwords>,
    /// Files that staff brought, until they decide about them.
    uploads: Arc<desk::Uploads>,
    /// The names that it answers to.
    names: Arc<Names>,
    api: Arc<Api>,
}

/// All that the daemon serves where readers reach it. Who types its name alone wants to join.
pub fn whole(app: Arc<App>) -> Router {
    let sns = Sns::over(&app.collector);
    let (pages, names) = (pages(&app.config), Names::public(&app.config));
    guarded(pages.route("/", get(async || Redirect::to("join"))), app, sns, names)
}

/// What is served at the desk's own address: nothing else than what staff use. `None` when it has none, and is among the
/// public pages.
pub fn desk(app: Arc<App>) -> Option<Router> {
    let (sns, names) = (Sns::over(&app.collector), Names::desk(app.config.desk.as_ref()?));
    Some(guarded(of_staff().route("/", get(async || Redirect::to("desk"))), app, sns, names))
}

/// The public pages and the hooks.
pub fn router(app: Arc<App>) -> Router {
    let sns = Sns::over(&app.collector);
    router_with(app, sns)
}

/// The same, with a way of its own to Amazon SNS.
pub fn router_with(app: Arc<App>, sns: Sns) -> Router {
    let (pages, names) = (pages(&app.config), Names::public(&app.config));
    guarded(pages, app, sns, names)
}

/// What staff and programs use, and no reader.
fn of_staff() -> Router<Site> {
    within(PATIENCE, desk::pages().merge(api::pages())).merge(within(LONG_PATIENCE, desk::pages_with_files()))
}

/// Pages that are given so long to answer.
fn within(patience: Duration, pages: Router<Site>) -> Router<Site> {
    pages.layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, patience))
}

/// What readers, mail providers and sites reach; and what staff use, unless that has an address of its own.
fn pages(config: &Config) -> Router<Site> {
    let pages = Router::new()
        .route("/join", get(join::page).post(join::ask))
        .route("/confirm/{token}", get(confirm::page).post(confirm::confirm))
        .route("/preferences/{token}", get(preferences::page).post(preferences::choose))
        .route("/preferences/{token}/data", get(preferences::data))
        .route("/preferences/{token}/erase", get(preferences::erase_page).post(preferences::erase))
        .route("/hooks/{name}", post(hooks::take).layer(DefaultBodyLimit::max(hooks::LARGEST)))
        .route("/archive", get(archive::all))
        .route("/archive/{list}", get(archive::of_list))
        .route("/archive/{list}/feed", get(archive::feed))
        .route("/archive/{list}/{issue}", get(archive::issue))
        .route("/leave", get(ask_to_leave::page).post(ask_to_leave::ask))
        .route("/hooks/websub/{token}", get(websub::verify).post(websub::distribute))
        .route("/hooks/feed/{name}", post(pings::take))
        .route("/leave/{token}", get(leave::page).post(leave::leave))
        .route("/leave/{token}/stay", post(leave::stay))
        .route("/leave/{token}/only", post(leave::only))
        .route("/staff/{token}", get(deciding::page).post(deciding::decide));
    let pages = within(PATIENCE, pages);
    if config.desk.is_some() { pages } else { pages.merge(of_staff()) }
}

/// Pages with all that every one of them is to have: what is added to a router behind this has nothing of it.
fn guarded(pages: Router<Site>, app: Arc<App>, sns: Sns, names: Names) -> Router {
    let hook_turns = Arc::new(Semaphore::new(hooks::AT_ONCE));
    let site = Site {
        pages: Arc::new(Pages::new(&app.config.sender)),
        api: Arc::new(Api::new(app.config.desk_url())),
        app,
        sns: Arc::new(sns),
        hook_turns,
        live_turns: Arc::new(Semaphore::new(desk::LIVE_AT_ONCE)),
        passwords: Arc::new(Passwords::default()),
        uploads: Arc::default(),
        names: Arc::new(names),
    };
    let mut router = pages
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(site.clone(), host::check))
        .with_state(site)
        .layer(DefaultBodyLimit::max(FORM));
    for (name, value) in SECURITY {
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    }
    // Behind all others, so that no error of theirs is a page where a program asked.
    router.layer(middleware::from_fn(api::everywhere))
}

/// What stands in a link's place for a token; an error when that is no text at all.
type Token = Result<Path<String>, PathRejection>;

/// No token of ours is empty, so that what is no text is answered as every other link that is not ours.
fn text(token: &Token) -> &str {
    token.as_ref().map_or("", |Path(token)| token)
}

impl Site {
    /// A page that says what went wrong and what to do.
    fn problem(&self, status: StatusCode, text: &str) -> Response {
        self.pages.answer(status, &Page::Problem { text })
    }

    fn not_ours(&self) -> Response {
        self.problem(
            StatusCode::NOT_FOUND,
            "This link is not one of ours, or a mail program has cut it. Please copy the whole link from the mail, \
             or use another mail from us.",
        )
    }

    /// Why nobody can be asked anything.
    fn too_many(&self) -> Response {
        self.problem(StatusCode::SERVICE_UNAVAILABLE, "Too many people ask just now. Please try again in an hour.")
    }

    /// Something of ours does not work now.
    fn failed(&self, what: &str, error: &dyn std::error::Error) -> Response {
        tracing::error!("{what} could not be answered: {error}");
        self.problem(StatusCode::SERVICE_UNAVAILABLE, "We cannot do this just now. Please try again in a few minutes.")
    }
}

async fn not_found(State(site): State<Site>) -> Response {
    site.problem(StatusCode::NOT_FOUND, "There is no page here.")
}

async fn wrong_method(State(site): State<Site>, method: Method) -> Response {
    tracing::debug!(%method, "a method that the page does not take");
    site.problem(StatusCode::METHOD_NOT_ALLOWED, "This page cannot do that.")
}
