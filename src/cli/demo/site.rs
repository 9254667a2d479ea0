//! The sample site: a small web server on this machine that stands in for the campaign's WordPress. Requests come in;
//! its feed, its posts' pages and their pictures go out, of the posts that its clock has reached and of no others. It
//! keeps nothing, and only this machine can ask it.

use std::{io, net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{
        StatusCode, Uri,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::tz::TimeZone;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use super::sample::{self, Feed, Post};
use crate::clock::Clock;

const STYLE: &str = include_str!("site.css");

/// A running site. It ends when it is dropped.
pub(super) struct Site {
    /// Where it is; ends in `/`.
    pub(super) url: Url,
    server: JoinHandle<()>,
}

struct Served {
    feed: Feed,
    /// Without a slash at its end.
    root: String,
    clock: Clock,
}

impl Site {
    /// Serves the sample on a free port.
    pub(super) async fn start(clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let root = format!("http://{}", listener.local_addr()?);
        let url = Url::parse(&root).map_err(io::Error::other)?;
        let router = Router::new()
            .route("/", get(front))
            .route("/feed/", get(feed))
            .route("/wp-content/uploads/{*path}", get(picture))
            .fallback(page)
            .with_state(Arc::new(Served { feed: Feed::sample(), root, clock }));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the sample site ended: {error}");
            }
        });
        Ok(Self { url, server })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    /// The posts of the site by now, newest first.
    fn posts(&self) -> impl Iterator<Item = &Post> {
        let now = self.clock.now();
        self.feed.posts.iter().filter(move |post| post.published <= now)
    }

    /// The sample's text with its links made to lead here.
    fn here(&self, text: &str) -> String {
        text.replace(sample::ORIGIN, &self.root)
    }
}

async fn feed(State(site): State<Arc<Served>>) -> Response {
    let items: String = site.posts().map(|post| post.xml).collect();
    let xml = site.here(&format!("{}{items}{}", site.feed.head, site.feed.tail));
    ([(CONTENT_TYPE, "application/rss+xml; charset=UTF-8")], xml).into_response()
}

async fn front(State(site): State<Arc<Served>>) -> Response {
    let line =
        |post: &Post| format!("<li><a href=\"{}\">{}</a> <small>{}</small></li>", post.path, post.title, day(post));
    let posts: String = site.posts().map(line).collect();
    html(
        StatusCode::OK,
        "News of the campaign",
        &format!("<h1>News of the campaign</h1><ul class=\"posts\">{posts}</ul>"),
    )
}

async fn page(State(site): State<Arc<Served>>, asked: Uri) -> Response {
    match site.posts().find(|post| post.path == asked.path()) {
        Some(post) => {
            let article = format!(
                "<article><h1>{}</h1><p class=\"day\">{}</p>{}</article>",
                post.title,
                day(post),
                shown(post.body)
            );
            html(StatusCode::OK, post.title, &site.here(&article))
        }
        None => html(
            StatusCode::NOT_FOUND,
            "Not in the sample",
            "<h1>This page is not part of the sample</h1><p>A real site would have it.</p>",
        ),
    }
}

async fn picture(Path(path): Path<String>) -> Response {
    match sample::picture(&path) {
        Some(bytes) => ([(CONTENT_TYPE, "image/jpeg")], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Does what the site's script does for pictures that wait to be scrolled to: it puts them in the stand-in's place.
fn shown(body: &str) -> String {
    const STAND_INS: [&str; 2] = [
        "src=\"data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==\" data-src=",
        "src=\"/wp-includes/images/blank.gif\" data-lazy-src=",
    ];
    STAND_INS.iter().fold(body.to_owned(), |body, stand_in| body.replace(stand_in, "src="))
}

fn day(post: &Post) -> String {
    post.published.to_zoned_datetime(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

fn html(status: StatusCode, title: &str, main: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><header><a href=\"/\">Campaign Against Landmines &amp; Cluster Munitions</a>\
         </header><main>{main}</main></body></html>"
    );
    let policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, policy)];
    (status, headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::{Feed, shown};

    #[test]
    fn every_picture_of_a_page_is_shown_where_its_stand_in_was() {
        for post in Feed::sample().posts {
            let body = shown(post.body);
            assert!(body.contains("src=\"/wp-content/uploads/"), "{}", post.path);
            assert!(!body.contains("base64") && !body.contains("blank.gif"), "{}", post.path);
        }
    }
}
