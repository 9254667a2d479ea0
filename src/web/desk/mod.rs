//! The desk: the pages of staff. What a page shows is read from the store, and what a button wants is done by a flow; no
//! rule of the trade lives here. Each page asks who is signed in, and each button whether they may.

mod account;
mod chart;
mod deeds;
mod entry;
mod export;
mod feeds;
mod frame;
mod import;
mod issue;
mod issues;
mod ledger;
mod lists;
mod live;
mod pages;
mod people;
mod post;
mod post_alert;
mod posts;
mod progress;
mod reader;
mod reader_buttons;
mod readers;
mod relays;
mod sending;
mod sheet;
mod today;
mod uploads;
mod visitor;
mod write;
mod written;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use tower_http::set_header::SetResponseHeaderLayer;

use super::Site;
pub(super) use live::AT_ONCE as LIVE_AT_ONCE;
use pages::DeskPage;
pub(super) use pages::TEMPLATES;
pub(super) use uploads::Uploads;

/// The pages of the desk.
pub(super) fn pages() -> Router<Site> {
    secured(
        Router::new()
            .route("/desk", get(today::page))
            .route("/desk/sign-in", get(entry::page).post(entry::sign_in))
            .route("/desk/code", post(entry::code))
            .route("/desk/sign-out", post(entry::sign_out))
            .route("/desk/forgotten", get(entry::forgotten_page).post(entry::forgotten))
            .route("/desk/welcome/{token}", get(entry::welcome_page).post(entry::welcome))
            .route("/desk/account", get(account::page))
            .route("/desk/account/password", post(account::password))
            .route("/desk/account/factor", get(account::factor_page).post(account::factor))
            .route("/desk/issues", get(issues::page))
            .route("/desk/issues/{id}", get(issue::page).post(issue::decide))
            .route("/desk/issues/{id}/mail", get(issue::mail))
            .route("/desk/issues/{id}/live", get(live::stream))
            .route("/desk/posts", get(posts::page))
            .route("/desk/posts/{id}", get(post::page).post(post::decide))
            .route("/desk/posts/{id}/alert", post(post_alert::press))
            .route("/desk/posts/{id}/mail", get(post_alert::mail))
            .route("/desk/readers", get(readers::page).post(readers::find))
            .route("/desk/readers/add", post(readers::add))
            .route("/desk/readers/export", post(export::export))
            .route("/desk/readers/{id}", get(reader::page).post(reader_buttons::press))
            .route("/desk/lists", get(lists::page))
            .route("/desk/lists/{name}", get(lists::one))
            .route("/desk/lists/{name}/digest", get(lists::digest))
            .route("/desk/feeds", get(feeds::page))
            .route("/desk/feeds/{name}", get(feeds::one).post(feeds::press))
            .route("/desk/relays", get(relays::page))
            .route("/desk/staff", get(people::page).post(people::appoint))
            .route("/desk/staff/{id}", post(people::change))
            .route("/desk/deeds", get(deeds::page))
            .route("/desk/desk.js", get(script))
            .merge(writing()),
    )
}

/// Pages that take a file, or read one: they may take their time.
pub(super) fn pages_with_files() -> Router<Site> {
    secured(
        Router::new()
            .route(
                "/desk/readers/import",
                get(import::page).post(import::rehearse).layer(DefaultBodyLimit::max(uploads::LARGEST)),
            )
            .route("/desk/readers/import/{upload}", post(import::decide)),
    )
}

fn secured(pages: Router<Site>) -> Router<Site> {
    SECURITY.into_iter().fold(pages, |pages, (name, value)| {
        pages.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

/// The pages where staff write. What they write weighs more than a form does elsewhere, and the mail beside it stands in
/// the page itself, with its pictures.
fn writing() -> Router<Site> {
    Router::new()
        .route("/desk/write", get(write::alert_page).post(write::alert))
        .route("/desk/write/preview", post(write::alert_preview))
        .route("/desk/issues/{id}/{remedy}", get(write::follow_up_page).post(write::follow_up))
        .route("/desk/issues/{id}/{remedy}/preview", post(write::follow_up_preview))
        .layer(DefaultBodyLimit::max(sheet::LARGEST))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::try_from(format!("{POLICY}; img-src https: http: data:")).expect("it is ASCII"),
        ))
}

/// What the desk's answers carry beyond what all do.
const SECURITY: [(HeaderName, &str); 1] = [(header::CONTENT_SECURITY_POLICY, POLICY)];

/// One script of ours may run, ask us, and show mails of ours in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src 'self'; \
     style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The one script. Every page works without it.
const SCRIPT: &str = include_str!("../../../templates/desk/desk.js");

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

impl Site {
    /// The path of a page of the desk, whatever stands before it in its URL.
    fn desk_path(&self, below: &str) -> String {
        format!("{}desk{below}", self.app.config.desk_url().path())
    }

    fn go(&self, below: &str) -> Response {
        Redirect::to(&self.desk_path(below)).into_response()
    }

    /// A page for somebody who is not signed in.
    fn outside<P: DeskPage>(&self, status: StatusCode, page: &P) -> Response {
        self.pages.desk(status, page, &pages::Around::nobody(self))
    }
}
