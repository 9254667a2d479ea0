//! How a feed is fetched: from the web and from files, again and moved, and from nowhere it must not be.

use super::*;

#[tokio::test]
async fn a_feed_is_asked_for_politely() {
    let site = FeedServer::start().await;
    site.serve("/feed/", Response::feed(SMALL));
    let policy = Policy { user_agent: tidings::collect::user_agent(&site.url("/")), ..local() };
    let look = look_with(policy, site.url("/feed/#x"), &FeedState::default()).await.expect("a look");
    assert_eq!(titles(&posts(look)), ["One"]);
    let request = &site.requests()[0];
    assert_eq!(request.target, "/feed/");
    let agent = request.header("user-agent").expect("an agent");
    assert!(agent.starts_with("Tidings/") && agent.ends_with(&format!(" (+{})", site.url("/"))), "{agent}");
    assert!(request.header("accept-encoding").is_some_and(|kinds| kinds.contains("gzip") && kinds.contains("br")));
    assert_eq!(request.header("cache-control"), Some("no-cache"));
    assert_eq!((request.header("if-none-match"), request.header("referer")), (None, None));
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let site = FeedServer::start().await;
    site.serve("/a", Response::feed(SMALL).etag("\"v1\""));
    site.serve("/b", Response::feed(SMALL).last_modified("Tue, 24 Nov 2026 10:00:00 GMT"));
    for path in ["/a", "/b"] {
        let first = look(site.url(path)).await.expect("a look");
        let state = remembered(&first);
        let second = look_with(local(), site.url(path), &state).await.expect("a look");
        assert_eq!(second.found, Found::NotModified);
        assert_eq!(remembered(&second), state, "a 304 forgets nothing");
    }
    site.serve("/a", Response::feed(SMALL).etag("\"v2\""));
    let state = FeedState { etag: Some("\"v1\"".into()), ..FeedState::default() };
    let changed = look_with(local(), site.url("/a"), &state).await.expect("a look");
    assert_eq!(changed.etag.as_deref(), Some("\"v2\""));
    assert_eq!(posts(changed).len(), 1);
}

#[tokio::test]
async fn an_unasked_for_304_is_an_error() {
    let site = FeedServer::start().await;
    site.serve("/feed/", Response::ok("").status(304));
    assert_eq!(look(site.url("/feed/")).await, Err(CollectError::Status(304)));
}

#[tokio::test]
async fn a_permanent_redirect_is_remembered_and_a_temporary_one_is_not() {
    let site = FeedServer::start().await;
    site.serve("/new", Response::feed(SMALL).etag("\"v1\""));
    for status in [301, 308] {
        site.serve("/old", Response::redirect(status, "/new"));
        let moved = look(site.url("/old")).await.expect("a look");
        assert_eq!(moved.moved_to, Some(site.url("/new").to_string()));
        assert_eq!(moved.warnings, [format!("the feed has moved for good to `{}`", site.url("/new"))]);
        assert_eq!(moved.etag.as_deref(), Some("\"v1\""), "the next look begins there");
    }
    for status in [302, 303, 307] {
        site.serve("/old", Response::redirect(status, "/new"));
        let lent = look(site.url("/old")).await.expect("a look");
        assert_eq!((lent.moved_to, lent.etag), (None, None));
    }
    // Permanent as far as the first temporary one.
    site.serve("/a", Response::redirect(301, "/b"));
    site.serve("/b", Response::redirect(302, "/c"));
    site.serve("/c", Response::redirect(301, "/new"));
    let mixed = look(site.url("/a")).await.expect("a look");
    assert_eq!((mixed.moved_to, mixed.etag), (Some(site.url("/b").to_string()), None));
}

#[tokio::test]
async fn a_moved_feed_is_looked_for_where_it_moved_to_and_then_at_home() {
    let site = FeedServer::start().await;
    site.serve("/new", Response::feed(SMALL).etag("\"v1\""));
    let state =
        FeedState { moved_to: Some(site.url("/new").to_string()), etag: Some("\"v1\"".into()), ..FeedState::default() };
    let there = look_with(local(), site.url("/old"), &state).await.expect("a look");
    assert_eq!((there.found, there.moved_to), (Found::NotModified, state.moved_to.clone()));
    assert_eq!(site.requests().len(), 1);

    site.serve("/new", Response::ok("gone").status(410));
    site.serve("/old", Response::feed(SMALL));
    let home = look_with(local(), site.url("/old"), &state).await.expect("a look");
    assert_eq!(home.moved_to, None);
    let last = site.requests().pop().expect("a request");
    assert_eq!(
        (last.target.as_str(), last.header("if-none-match")),
        ("/old", None),
        "a validator stays where it is from"
    );
}

#[tokio::test]
async fn validators_do_not_follow_a_redirect() {
    let site = FeedServer::start().await;
    site.serve("/old", Response::redirect(302, "/new"));
    site.serve("/new", Response::feed(SMALL).etag("\"v1\""));
    let state = FeedState { etag: Some("\"v1\"".into()), ..FeedState::default() };
    let look = look_with(local(), site.url("/old"), &state).await.expect("a look");
    assert_eq!(posts(look).len(), 1);
    let asked: Vec<_> = site.requests().iter().map(|request| request.header("if-none-match").is_some()).collect();
    assert_eq!(asked, [true, false]);
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let site = FeedServer::start().await;
    site.serve("/loop", Response::redirect(302, "/loop"));
    let failure = look(site.url("/loop")).await.expect_err("a loop");
    assert!(failure.to_string().ends_with("too many times"), "{failure}");
    assert_eq!(site.requests().len(), 6);
    for location in ["file:///etc/passwd", "ftp://example.org/feed", "data:text/xml,<rss/>", "gopher://example.org/"] {
        site.serve("/away", Response::redirect(301, location));
        let failure = look(site.url("/away")).await.expect_err("refused");
        assert!(matches!(failure, CollectError::Redirect { .. }), "{location}: {failure}");
    }
    site.serve("/nowhere", Response::ok("x").status(302));
    assert_eq!(look(site.url("/nowhere")).await, Err(CollectError::Status(302)));
}

#[tokio::test]
async fn a_private_address_is_refused_by_number_by_name_and_by_redirect() {
    let site = FeedServer::start().await;
    site.serve("/feed/", Response::feed(SMALL));
    let strict = || Policy::default();
    for url in [site.url("/feed/"), site.url_by_name("/feed/")] {
        let failure = look_with(strict(), url.clone(), &FeedState::default()).await.expect_err("refused");
        assert!(matches!(failure, CollectError::Forbidden { .. }), "{url}: {failure:?}");
    }
    assert!(site.requests().is_empty(), "nothing was connected to");

    // The site itself is allowed here; where it redirects to is not.
    for target in ["http://[::1]:1/", "http://169.254.169.254/latest/", "http://10.0.0.1/", "http://2130706434/"] {
        site.serve("/feed/", Response::redirect(302, target));
        let policy = Policy { private_networks: vec!["127.0.0.1/32".parse().expect("range")], ..Policy::default() };
        let failure = look_with(policy, site.url("/feed/"), &FeedState::default()).await.expect_err("refused");
        assert!(matches!(failure, CollectError::Forbidden { .. }), "{target}: {failure:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_allowed_is_reached() {
    let site = FeedServer::start().await;
    site.serve("/feed/", Response::feed(SMALL));
    assert_eq!(posts(look(site.url_by_name("/feed/")).await.expect("a look")).len(), 1);
}

#[tokio::test]
async fn statuses_and_challenges_are_told_apart() {
    let site = FeedServer::start().await;
    for status in [204, 400, 403, 404, 410, 429, 500, 503] {
        site.serve("/feed/", Response::ok("x").status(status));
        assert_eq!(look(site.url("/feed/")).await, Err(CollectError::Status(status)));
    }
    site.serve("/feed/", Response::ok("<html>").status(403).header("cf-mitigated", "challenge"));
    let failure = look(site.url("/feed/")).await.expect_err("challenged");
    assert!(matches!(&failure, CollectError::Challenged { .. }) && failure.to_string().contains("Cloudflare"));
}

#[tokio::test]
async fn a_feed_may_be_packed_but_not_a_bomb() {
    let site = FeedServer::start().await;
    site.serve("/feed/", Response::gzipped(SAMPLE.as_bytes()));
    assert_eq!(posts(look(site.url("/feed/")).await.expect("a look")).len(), 10);

    site.serve("/feed/", Response::gzip_bomb(200_000_000));
    let begun = Instant::now();
    assert_eq!(look(site.url("/feed/")).await, Err(CollectError::TooLarge { limit: 10_000_000 }));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn size_and_time_have_limits() {
    let site = FeedServer::start().await;
    let small = Policy { max_bytes: 1000, ..local() };
    site.serve("/long", Response::ok("x".repeat(1001)));
    site.serve("/endless", Response::endless("<item>"));
    for path in ["/long", "/endless"] {
        let failure = look_with(small.clone(), site.url(path), &FeedState::default()).await;
        assert_eq!(failure, Err(CollectError::TooLarge { limit: 1000 }), "{path}");
    }
    site.serve("/just", Response::feed(format!("{SMALL}{}", " ".repeat(1000 - SMALL.len()))));
    assert!(look_with(small, site.url("/just"), &FeedState::default()).await.is_ok());

    site.serve("/slow", Response::stalled("<rss version='2.0'>"));
    let hasty = Policy { timeout: Duration::from_millis(200), ..local() };
    let failure = look_with(hasty, site.url("/slow"), &FeedState::default()).await;
    assert!(matches!(failure, Err(CollectError::TimedOut { .. })), "{failure:?}");
}

#[tokio::test]
async fn a_site_that_is_down_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let closed: Url = format!("http://user:secret@127.0.0.1:{port}/feed/?key=secret").parse().expect("url");
    let failure = look(closed).await.expect_err("nobody there");
    assert!(matches!(failure, CollectError::Unreachable { .. }), "{failure:?}");
    assert!(!failure.to_string().contains("secret") && failure.to_string().contains("127.0.0.1"), "{failure}");
}

#[tokio::test]
async fn only_plain_files_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.xml");
    std::fs::write(&path, SMALL).expect("written");
    let url = Url::from_file_path(&path).expect("url");
    let found = look(url.clone()).await.expect("a look");
    assert_eq!((found.etag.clone(), found.moved_to.clone()), (None, None));
    assert_eq!(posts(found).len(), 1);
    let small = Policy { max_bytes: SMALL.len() - 1, ..local() };
    assert!(matches!(look_with(small, url, &FeedState::default()).await, Err(CollectError::TooLarge { .. })));
    for path in ["/dev/zero", "/dev/stdin", "/", "/no/such/file"] {
        let failure = look(Url::from_file_path(path).expect("url")).await;
        assert!(matches!(failure, Err(CollectError::File { .. })), "{path}: {failure:?}");
    }
    for address in ["ftp://example.org/feed", "data:text/xml,x", "file://server/share"] {
        assert_eq!(look(address.parse().expect("url")).await, Err(CollectError::Address), "{address}");
    }
}
