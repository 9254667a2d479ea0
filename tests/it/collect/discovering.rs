//! The feeds of a site, found from a page of it.

use super::*;
use tidings::collect::{Candidate, Discovery};

async fn discover(policy: Policy, url: Url) -> Result<Discovery, CollectError> {
    Collector::new(policy).expect("a collector").discover(&url).await
}

async fn feeds(site: &FeedServer, path: &str) -> Vec<Candidate> {
    match discover(local(), site.url(path)).await.expect("a page") {
        Discovery::Page(feeds) => feeds,
        Discovery::Feed(feed) => panic!("a feed: {feed:?}"),
    }
}

fn addresses(site: &FeedServer, feeds: &[Candidate]) -> Vec<String> {
    let home = site.url("/");
    feeds.iter().map(|feed| feed.url.as_str().replace(home.as_str(), "/")).collect()
}

const ATOM: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><title>All <b>news</b></title>\
    <entry><id>a</id><title>A</title><updated>2026-11-24T10:00:00Z</updated></entry></feed>";

#[tokio::test]
async fn the_feeds_that_a_page_names_are_read_and_those_of_comments_come_last() {
    let site = FeedServer::start().await;
    site.serve(
        "/news/",
        Response::ok(
            "<!doctype html><link rel=alternate type='application/rss+xml' title='Comments Feed' href='/comments/feed/'>\
             <link rel=alternate type='application/atom+xml' href='atom.xml'><link rel=alternate type='application/rss+xml' href='/old'>\
             <link rel=alternate type='application/rss+xml' href='/gone'><link rel=alternate type='application/feed+json' href='/feed.json'>\
             <link rel=alternate type='application/rss+xml' href='/also-a-page'>",
        ),
    );
    site.serve("/comments/feed/", Response::feed(SMALL));
    site.serve("/news/atom.xml", Response::ok(ATOM));
    site.serve("/old", Response::redirect(301, "/news/atom.xml"));
    site.serve("/also-a-page", Response::ok("<html></html>"));
    site.serve("/feed.json", Response::ok(r#"{"version":"https://jsonfeed.org/version/1","title":"J","items":[]}"#));
    let found = feeds(&site, "/news/").await;
    assert_eq!(addresses(&site, &found), ["/news/atom.xml", "/feed.json", "/comments/feed/"]);
    let shown: Vec<_> =
        found.iter().map(|feed| (feed.title.as_str(), feed.format.as_str(), feed.posts.len())).collect();
    assert_eq!(shown, [("All news", "Atom", 1), ("J", "JSON Feed", 0), ("Site", "RSS", 1)]);
}

#[tokio::test]
async fn a_page_that_names_none_has_its_feeds_looked_for_in_the_usual_places() {
    let site = FeedServer::start().await;
    site.serve("/blog", Response::ok("<html><title>Blog</title></html>"));
    site.serve("/feed/", Response::redirect(301, "/rss.xml"));
    site.serve("/rss.xml", Response::feed(SMALL));
    site.serve("/blog/index.xml", Response::feed(SMALL));
    assert_eq!(addresses(&site, &feeds(&site, "/blog").await), ["/rss.xml", "/blog/index.xml"]);
    site.serve("/empty", Response::ok("<html></html>"));
    site.serve("/rss.xml", Response::ok("").status(404));
    assert!(feeds(&site, "/empty").await.is_empty());
}

#[tokio::test]
async fn a_feed_is_itself_and_what_is_neither_is_an_error() {
    let site = FeedServer::start().await;
    site.serve("/atom", Response::redirect(301, "/new"));
    site.serve("/new", Response::ok(ATOM));
    match discover(local(), site.url("/atom")).await.expect("a feed") {
        Discovery::Feed(feed) => assert_eq!((feed.url, feed.posts[0].title.as_str()), (site.url("/new"), "A")),
        Discovery::Page(_) => panic!("it is a feed"),
    }
    site.serve("/text", Response::ok("hello"));
    assert!(matches!(discover(local(), site.url("/text")).await, Err(CollectError::NotAFeed(_))));
    assert!(matches!(discover(local(), site.url("/nowhere")).await, Err(CollectError::Status(404))));
}

/// The site is allowed; what its page names, and where those addresses lead, is not.
#[tokio::test]
async fn a_page_cannot_lead_us_into_a_private_network() {
    let inside = FeedServer::start().await;
    inside.serve("/feed/", Response::feed(SMALL));
    let site = FeedServer::start().await;
    let private = inside.url_by_name("/feed/").to_string().replace("localhost", "[::1]");
    site.serve(
        "/",
        Response::ok(format!(
            "<html><link rel=feed href='{private}'><link rel=feed href='http://10.0.0.1/feed'>\
             <link rel=feed href='http://169.254.169.254/latest/'><link rel=feed href='/lent'><link rel=feed href='/own'>"
        )),
    );
    site.serve("/lent", Response::redirect(302, "http://169.254.169.254/latest/"));
    site.serve("/own", Response::feed(SMALL));
    let policy = Policy { private_networks: vec!["127.0.0.1/32".parse().expect("range")], ..Policy::default() };
    let Discovery::Page(found) = discover(policy, site.url("/")).await.expect("a page") else { panic!("a page") };
    assert_eq!(addresses(&site, &found), ["/own"]);
    assert!(inside.requests().is_empty());
    assert!(matches!(discover(Policy::default(), site.url("/")).await, Err(CollectError::Forbidden { .. })));
}

#[tokio::test]
async fn what_an_error_shows_of_a_pages_feed_is_no_secret() {
    let site = FeedServer::start().await;
    site.serve("/", Response::ok("<html><link rel=feed href='/feed/'>"));
    let mut url = site.url("/");
    url.set_username("user").expect("a name");
    url.set_password(Some("secret")).expect("a password");
    let failure = look(url).await.expect_err("a page");
    assert_eq!(failure, CollectError::WebPage { feed: Some(site.url("/feed/").to_string()) });
}
