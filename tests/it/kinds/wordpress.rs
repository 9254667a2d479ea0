//! A WordPress site: its posts as its feed would give them, page after page, within limits, wherever its API is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::{
    collect::{CollectError, Found},
    domain::feed::{FeedState, Kind},
};

use super::{collect, collector, feed, one, titles};
use crate::world::{
    World, feed_of,
    feed_server::{FeedServer, Response},
    post, subjects,
};

const POSTS: &str = "/wp-json/wp/v2/posts";

/// A post as the REST API gives it.
fn rest_post(number: u64, title: &str, date: &str) -> Value {
    json!({
        "id": number,
        "date_gmt": date,
        "modified_gmt": "2024-04-26T00:00:00",
        "guid": {"rendered": format!("https://example.org/?p={number}")},
        "link": format!("https://example.org/post-{number}/"),
        "title": {"rendered": title},
        "content": {"rendered": format!("<p>{title}: the whole story.</p>"), "protected": false},
        "excerpt": {"rendered": "<p>In short [&hellip;]</p>\n", "protected": false},
        "_embedded": {
            "wp:featuredmedia": [{
                "source_url": "https://example.org/full.jpg",
                "alt_text": "A hall &amp; a crowd",
                "mime_type": "image/jpeg",
                "media_details": {"sizes": {"large": {"source_url": "https://example.org/large.jpg"}}}
            }],
            "wp:term": [[{"taxonomy": "category", "name": "Arms &amp; trade"}], [{"taxonomy": "post_tag", "name": "yemen"}]]
        }
    })
}

fn answer(posts: &[Value]) -> Response {
    Response::ok(json!(posts).to_string()).header("content-type", "application/json; charset=UTF-8")
}

/// So many posts, a day apart, the newest first.
fn archive(count: u64) -> Vec<Value> {
    let newest: Timestamp = "2024-04-25T10:00:00Z".parse().expect("an instant");
    let post = |n: u64| {
        let date = newest - SignedDuration::from_hours(24 * i64::try_from(n).expect("few"));
        rest_post(1000 - n, &format!("Post {n}"), date.to_string().trim_end_matches('Z'))
    };
    (0..count).map(post).collect()
}

/// A site with an archive, in pages.
async fn site_with(archive: &[Value]) -> FeedServer {
    let site = FeedServer::start().await;
    let pages: Vec<_> = archive.chunks(50).collect();
    for (nth, page) in pages.iter().enumerate() {
        let answer = answer(page).header("x-wp-totalpages", pages.len().to_string()).header("x-wp-total", "1");
        site.serve(&format!("{POSTS}?page={}", nth + 1), answer);
    }
    site
}

fn wordpress() -> Kind {
    Kind::WordPress { categories: Vec::new() }
}

/// A site that was looked at well a while ago.
fn seen(instant: &str) -> FeedState {
    let at = Some(instant.parse().expect("an instant"));
    FeedState { baseline_at: at, checked_at: at, ..FeedState::default() }
}

#[tokio::test]
async fn a_post_comes_by_the_api_as_it_comes_by_the_feed() {
    let site = FeedServer::start().await;
    let title = "Coalition condemns &#8220;transfer&#8221; &amp; more";
    let mut hostile = rest_post(7, title, "2024-04-25T10:00:00");
    hostile["content"]["rendered"] =
        json!("<p onclick=x>The <script>alert(1)</script>whole story.</p><img src=/a.jpg>");
    site.serve(POSTS, answer(&[hostile]));
    let look = collect(&feed(site.url("/"), wordpress()), &FeedState::default()).await.expect("a look");
    let by_api = one(&look);
    assert_eq!(by_api.fingerprint, "https://example.org/?p=7");
    assert_eq!(by_api.title, "Coalition condemns “transfer” & more");
    assert_eq!(by_api.link.as_deref(), Some("https://example.org/post-7/"));
    assert_eq!(by_api.body_html, "<p>The whole story.</p><img src=\"https://example.org/a.jpg\" alt=\"\">");
    assert_eq!(by_api.summary, "In short…");
    assert_eq!(
        (by_api.image.as_deref(), by_api.image_alt.as_str()),
        (Some("https://example.org/large.jpg"), "A hall & a crowd")
    );
    assert_eq!(by_api.categories, ["Arms & trade", "yemen"]);
    assert_eq!(by_api.published_at, "2024-04-25T10:00:00Z".parse().ok());
    assert!(look.warnings.is_empty() && look.moved_to.is_none(), "{look:?}");

    // A site that changes from its feed to the API has the same posts as before.
    let rss = format!(
        "<rss version=\"2.0\"><channel><title>x</title><item><title>{title}</title><guid isPermaLink=\"false\">https://example.org/?p=7</guid>\
         <link>https://example.org/post-7/</link></item></channel></rss>"
    );
    site.serve("/feed/", Response::feed(rss));
    let by_feed = collect(&feed(site.url("/feed/"), Kind::Feed), &FeedState::default()).await.expect("a look");
    let by_feed = one(&by_feed);
    assert_eq!((&by_feed.fingerprint, &by_feed.title), (&by_api.fingerprint, &by_api.title));
}

#[tokio::test]
async fn what_is_odd_is_taken_as_far_as_it_goes_and_what_is_protected_is_no_post() {
    let site = FeedServer::start().await;
    let mut protected = rest_post(1, "Protected", "2024-04-25T10:00:00");
    protected["content"] = json!({"rendered": "", "protected": true});
    let mut bare = json!({"id": 2, "title": {"rendered": "Bare"}, "date_gmt": "0000-00-00T00:00:00", "modified_gmt": "2024-04-26T00:00:00"});
    bare["_embedded"] =
        json!({"wp:featuredmedia": [{"code": "rest_forbidden"}], "wp:term": [{"code": "x"}, [null, {"name": 7}]]});
    let odd = [json!(null), json!([]), json!({"id": "x"}), protected, bare];
    let noise = "<br />\n<b>Notice</b>: something [is] wrong in <b>x.php</b>\n";
    site.serve(POSTS, Response::ok(format!("{noise}{}", json!(odd))));
    site.serve("/", Response::ok("<!doctype html>"));
    let look = collect(&feed(site.url("/"), wordpress()), &FeedState::default()).await;
    // A notice is passed over only before a list of posts.
    assert!(matches!(look, Err(CollectError::NotAFeed(_))), "{look:?}");
    site.serve(POSTS, Response::ok(format!("{noise}{}", json!(odd[3..]))));
    let look = collect(&feed(site.url("/"), wordpress()), &FeedState::default()).await.expect("a look");
    let post = one(&look);
    assert_eq!((post.title.as_str(), post.fingerprint.as_str()), ("Bare", "wordpress:2"));
    assert_eq!((post.image.as_deref(), post.published_at), (None, "2024-04-26T00:00:00Z".parse().ok()));
}

#[tokio::test]
async fn the_first_look_reads_the_archive_and_later_ones_until_they_meet_what_is_known() {
    let archive = archive(120);
    let site = site_with(&archive).await;
    let feed = feed(site.url("/"), wordpress());
    let look = collect(&feed, &FeedState::default()).await.expect("a look");
    assert_eq!((look.posts().len(), site.requests().len()), (120, 3), "{:?}", look.warnings);
    assert_eq!(titles(&look)[..2], ["Post 0", "Post 1"]);
    let look = collect(&feed, &seen("2024-04-25T12:00:00Z")).await.expect("a look");
    assert_eq!((look.posts().len(), site.requests().len()), (50, 4), "one page tells that nothing is new");
    let look = collect(&feed, &seen("2024-03-01T12:00:00Z")).await.expect("a look");
    assert_eq!((look.posts().len(), site.requests().len()), (100, 6), "after two months two pages are");
    // While it failed, nothing was seen.
    let failing = FeedState { failing_since: "2024-03-01T12:00:00Z".parse().ok(), ..seen("2024-04-25T12:00:00Z") };
    assert_eq!(collect(&feed, &failing).await.expect("a look").posts().len(), 100);
}

#[tokio::test]
async fn a_page_that_fails_ends_a_first_look_with_a_note_and_fails_a_later_one() {
    let site = site_with(&archive(120)).await;
    site.serve(&format!("{POSTS}?page=3"), Response::ok("").status(500));
    let feed = feed(site.url("/"), wordpress());
    let look = collect(&feed, &FeedState::default()).await.expect("a look");
    assert_eq!(look.posts().len(), 100);
    assert_eq!(look.warnings, ["only the newest 100 posts could be read: the server answered with status 500"]);
    let look = collect(&feed, &seen("2023-01-01T00:00:00Z")).await;
    assert_eq!(look, Err(CollectError::Status(500)), "what was not read could be new");
}

#[tokio::test]
async fn size_and_time_are_limited_over_all_pages() {
    let site = site_with(&archive(500)).await;
    let feed = feed(site.url("/"), wordpress());
    let one_page = site_size(&archive(50));
    let small = collector(Duration::from_secs(20), one_page * 2 + 100);
    let look = small.collect(&feed, &FeedState::default()).await.expect("a look");
    assert_eq!(look.posts().len(), 100, "{:?}", look.warnings);
    let limit = one_page * 2 + 100;
    assert_eq!(small.collect(&feed, &seen("2020-01-01T00:00:00Z")).await, Err(CollectError::TooLarge { limit }));

    site.serve(&format!("{POSTS}?page=2"), Response::stalled("["));
    let hasty = collector(Duration::from_millis(300), 10_000_000);
    let late = hasty.collect(&feed, &seen("2020-01-01T00:00:00Z")).await;
    assert!(matches!(late, Err(CollectError::TimedOut { .. })), "{late:?}");
}

fn site_size(posts: &[Value]) -> usize {
    json!(posts).to_string().len()
}

#[tokio::test]
async fn nothing_new_costs_one_request_where_the_site_can_say_so() {
    let site = FeedServer::start().await;
    let feed = feed(site.url("/"), wordpress());
    site.serve(POSTS, answer(&archive(2)).etag("\"v1\""));
    let look = collect(&feed, &FeedState::default()).await.expect("a look");
    assert_eq!(look.etag.as_deref(), Some("\"v1\""));
    let state = FeedState { etag: look.etag, ..seen("2024-04-25T12:00:00Z") };
    let again = collect(&feed, &state).await.expect("a look");
    assert_eq!((again.found, again.etag.as_deref()), (Found::NotModified, Some("\"v1\"")));
}

#[tokio::test]
async fn a_site_without_pretty_links_is_asked_by_its_query() {
    let site = FeedServer::start().await;
    site.serve("/blog/", answer(&[rest_post(1, "By query", "2024-04-25T10:00:00")]));
    for url in [site.url("/blog/"), site.url("/blog"), site.url("/blog/?rest_route=/")] {
        let look = collect(&feed(url, wordpress()), &FeedState::default()).await.expect("a look");
        assert_eq!(titles(&look), ["By query"]);
    }
    let requests = site.requests();
    assert_eq!(requests.len(), 5, "{requests:?}");
    assert!(
        requests[4].target.starts_with("/blog/?rest_route=%2Fwp%2Fv2%2Fposts&per_page=50&page=1&"),
        "{:?}",
        requests[4].target
    );
    // A site that has neither says what its first answer was.
    site.serve("/blog/", Response::ok("<!doctype html>"));
    let look = collect(&feed(site.url("/blog/"), wordpress()), &FeedState::default()).await;
    assert_eq!(look, Err(CollectError::Status(404)));
}

#[tokio::test]
async fn only_posts_of_the_wanted_categories_are_asked_for() {
    let site = FeedServer::start().await;
    site.serve(POSTS, answer(&archive(1)));
    site.serve("/wp-json/wp/v2/categories", answer(&[json!({"id": 12, "slug": "statements"})]));
    let of = |names: &[&str]| Kind::WordPress { categories: names.iter().map(|&name| name.to_owned()).collect() };
    collect(&feed(site.url("/"), of(&["7", "statements"])), &FeedState::default()).await.expect("a look");
    let asked = site.requests().pop().expect("a request").target;
    assert!(asked.ends_with("&categories=7%2C12"), "{asked}");
    let unknown = collect(&feed(site.url("/"), of(&["statments"])), &FeedState::default()).await;
    let told = unknown.expect_err("nobody would notice that nothing comes").to_string();
    assert!(told.contains("no category `statments`"), "{told}");
}

#[tokio::test]
async fn a_site_in_a_private_network_is_out_of_reach_by_its_api_too() {
    let local = tidings::collect::Collector::new(tidings::collect::Policy::default()).expect("a collector");
    let site = FeedServer::start().await;
    site.serve(POSTS, answer(&archive(1)));
    for url in [site.url("/"), site.url_by_name("/")] {
        let look = local.collect(&feed(url, wordpress()), &FeedState::default()).await;
        assert!(matches!(look, Err(CollectError::Forbidden { .. })), "{look:?}");
    }
    assert!(site.requests().is_empty());
}

#[tokio::test]
async fn a_statement_on_a_wordpress_site_is_an_alert_and_its_archive_is_not() {
    let world = World::setup().also("").start().await;
    world.readers(1).await;
    let site = world.site.url("/");
    let url = format!("url = \"{}\"", world.site.url("/feed/"));
    world.change_config(&url, &format!("url = \"{site}\"\nkind = \"wordpress\""));
    let mut world = world;
    world.restart().await;
    world.site.serve(POSTS, answer(&archive(30)));
    assert_eq!(world.run().await.made(), (0, 0, 0));
    world.minutes(10);
    let now = world.clock.now().to_string();
    let mut posts = archive(30);
    posts.insert(0, rest_post(2000, "Coalition condemns a transfer", now.trim_end_matches('Z')));
    world.site.serve(POSTS, answer(&posts));
    assert_eq!(world.run().await.made(), (1, 1, 0));
    assert_eq!(subjects(&world.mails()), ["Condemnation: Coalition condemns a transfer"]);
    // Its feed, should it be used instead one day, holds the same posts.
    world.site.serve(
        "/feed/",
        Response::feed(feed_of(&[post("x")
            .id("https://example.org/?p=2000")
            .titled("Coalition condemns a transfer")
            .at(world.clock.now())])),
    );
    world.change_config(&format!("url = \"{site}\"\nkind = \"wordpress\""), &url);
    world.restart().await;
    world.minutes(10);
    assert_eq!(world.run().await.made(), (0, 0, 0));

    let told = world.tidings(&["feeds", "try", "site"]).await.well();
    assert!(told.contains("Coalition condemns a transfer") && told.ends_with("1 post\n"), "{told}");
}
