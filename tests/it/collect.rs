//! Step 1 against a real site on a real socket, and against documents of every kind.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tidings::{
    collect::{CollectError, Collector, Found, Look, Policy},
    domain::{
        feed::{Feed, FeedState, Kind},
        post::Post,
        slug::Slug,
        websub::Websub,
    },
};
use url::Url;

use crate::world::feed_server::{FeedServer, Response};

/// The feed that `tidings demo` shows.
const SAMPLE: &str = include_str!("../../src/cli/sample/feed.xml");

const SMALL: &str = "<rss version='2.0'><channel><title>Site</title>\
    <item><title>One</title><link>https://example.org/1</link><guid>g1</guid><pubDate>Tue, 24 Nov 2026 10:00:00 +0000</pubDate></item>\
    </channel></rss>";

fn feed(url: Url) -> Feed {
    Feed {
        name: Slug::parse("site").expect("slug"),
        url,
        kind: Kind::Feed,
        every: SignedDuration::from_mins(10),
        max_age: SignedDuration::from_hours(720),
        flood: 10,
        ping: None,
        websub: Websub::Off,
    }
}

/// A policy for a site on this machine.
fn local() -> Policy {
    Policy {
        private_networks: vec!["127.0.0.0/8".parse().expect("range"), "::1/128".parse().expect("range")],
        ..Policy::default()
    }
}

async fn look_with(policy: Policy, url: Url, state: &FeedState) -> Result<Look, CollectError> {
    Collector::new(policy).expect("a collector").collect(&feed(url), state).await
}

/// A feed that was looked at before.
fn known() -> FeedState {
    FeedState { baseline_at: Some(jiff::Timestamp::UNIX_EPOCH), ..FeedState::default() }
}

async fn look(url: Url) -> Result<Look, CollectError> {
    look_with(local(), url, &known()).await
}

fn posts(look: Look) -> Vec<Post> {
    match look.found {
        Found::Posts(posts) => posts,
        Found::NotModified => panic!("the feed was new"),
    }
}

/// What is read from a document, by way of a file.
async fn read(document: impl AsRef<[u8]>) -> Result<Look, CollectError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.xml");
    std::fs::write(&path, document).expect("written");
    look(Url::from_file_path(&path).expect("a URL")).await
}

async fn read_posts(document: impl AsRef<[u8]>) -> Vec<Post> {
    posts(read(document).await.expect("a feed"))
}

fn titles(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.title.as_str()).collect()
}

fn remembered(look: &Look) -> FeedState {
    FeedState {
        etag: look.etag.clone(),
        last_modified: look.last_modified.clone(),
        moved_to: look.moved_to.clone(),
        ..FeedState::default()
    }
}

mod fetching {
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
        let state = FeedState {
            moved_to: Some(site.url("/new").to_string()),
            etag: Some("\"v1\"".into()),
            ..FeedState::default()
        };
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
        for location in
            ["file:///etc/passwd", "ftp://example.org/feed", "data:text/xml,<rss/>", "gopher://example.org/"]
        {
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
}

mod reading {
    use super::*;

    #[tokio::test]
    async fn every_format_gives_the_same_post() {
        let documents = [
            r#"<rss version="2.0"><channel><item><title>A &amp; B</title><link>https://example.org/a</link><guid>id-1</guid>
               <description>&lt;p&gt;Text.&lt;/p&gt;</description><pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate></item></channel></rss>"#,
            r#"<rss version="0.91"><channel><item><title>A &amp; B</title><link>https://example.org/a</link><guid>id-1</guid>
               <description>&lt;p&gt;Text.&lt;/p&gt;</description><pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate></item></channel></rss>"#,
            r#"<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A &amp; B</title><link href="https://example.org/a"/>
               <id>id-1</id><content type="html">&lt;p&gt;Text.&lt;/p&gt;</content><updated>2026-11-24T10:00:00Z</updated></entry></feed>"#,
            r#"<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="html">A &amp;amp; B</title><link rel="alternate" href="/a"/>
               <link rel="self" href="https://example.org/x"/><id>id-1</id><published>2026-11-24T10:00:00Z</published>
               <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Text.</p></div></content></entry></feed>"#,
            r#"{"version":"https://jsonfeed.org/version/1.1","title":"S","items":[{"id":"id-1","url":"https://example.org/a",
               "title":"A & B","content_html":"<p>Text.</p>","date_published":"2026-11-24T11:00:00+01:00"}]}"#,
        ];
        let site = FeedServer::start().await;
        for document in documents {
            // A relative link needs a home, and this site is not example.org.
            let document = document.replace("href=\"/a\"", "href=\"https://example.org/a\"");
            site.serve("/feed", Response::ok(document.clone()));
            let [post] = &posts(look(site.url("/feed")).await.expect("a look"))[..] else {
                panic!("one post: {document}")
            };
            assert_eq!(post.fingerprint, "id-1", "{document}");
            assert_eq!(post.title, "A & B", "{document}");
            assert_eq!(post.link.as_deref(), Some("https://example.org/a"), "{document}");
            assert_eq!((post.body_html.as_str(), post.summary.as_str()), ("<p>Text.</p>", "Text."), "{document}");
            assert_eq!(post.published_at, Some("2026-11-24T10:00:00Z".parse().expect("instant")), "{document}");
        }
        let rdf = r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
            <item><title>A &amp; B</title><link>https://example.org/a#top</link><dc:date>2026-11-24T10:00:00Z</dc:date></item></rdf:RDF>"#;
        let [post] = &read_posts(rdf).await[..] else { panic!("one post") };
        assert_eq!((post.fingerprint.as_str(), post.title.as_str()), ("https://example.org/a", "A & B"));
    }

    #[tokio::test]
    async fn the_sample_feed_reads_as_its_site_does() {
        let found = read(SAMPLE).await.expect("a feed");
        assert_eq!(found.warnings, Vec::<String>::new());
        let posts = posts(found);
        let expected = [
            ("2024-09-10", "States meet in Geneva on the Convention on Cluster Munitions"),
            ("2024-08-01", "Webinar on 15 August: How the US can better address landmines & cluster bombs"),
            (
                "2024-07-11",
                "Coalition urges Lithuania’s parliament to reject leaving the Convention on Cluster Munitions",
            ),
            (
                "2024-06-20",
                "First preparatory meeting for the Mine Ban Treaty’s Fifth Review Conference – and a call on the US to join",
            ),
            ("2024-04-25", "Coalition condemns fifth US transfer of cluster munitions to Ukraine"),
            ("2024-03-13", "Coalition condemns fourth US transfer of cluster munitions to Ukraine"),
            ("2024-03-01", "25 years of the Mine Ban Treaty in force"),
            ("2023-12-03", "Fifteen years since the Convention on Cluster Munitions was opened for signature"),
            ("2023-11-13", "The Cluster Munition Coalition turns 20"),
            ("2023-10-18", "Coalition condemns third US transfer of cluster munitions to Ukraine"),
        ];
        assert_eq!(posts.len(), expected.len());
        for (post, (date, title)) in posts.iter().zip(expected) {
            assert_eq!(post.title, title);
            assert!(post.published_at.expect("a date").to_string().starts_with(date), "{title}");
            assert!(post.fingerprint.starts_with("https://example.org/?p=1"), "{title}");
            let all = format!("{} {} {}", post.title, post.summary, post.body_html);
            for added in
                ["&#", "[…]", "appeared first on", "data:", "noscript", "figure", "stats.example", "lazy", "blank.gif"]
            {
                assert!(!all.contains(added), "{title} holds {added}: {all}");
            }
            assert!(!post.summary.contains(['&', '<']) && post.summary.ends_with('.'), "{}", post.summary);
            assert!((20..=60).contains(&post.summary.split(' ').count()), "{}", post.summary);
            assert_eq!(post.body_html.matches("<img").count(), 1, "each picture once: {}", post.body_html);
            let image = post.image.as_deref().expect("a picture");
            assert!(
                image.starts_with("https://example.org/wp-content/uploads/20") && image.ends_with(".jpg"),
                "{image}"
            );
            assert!(post.image_alt.len() > 20, "{}", post.image_alt);
            assert_eq!(post.categories.len(), 2);
        }
    }

    #[tokio::test]
    async fn a_post_without_an_id_is_known_by_its_link_or_its_title_and_date() {
        let document = "<rss version='2.0'><channel>\
            <item><title>A</title><link>https://example.org/a</link></item>\
            <item><title>B</title><pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate></item>\
            <item><title>B</title><pubDate>Wed, 25 Nov 2026 10:00:00 GMT</pubDate></item>\
            <item><title>C</title><guid isPermaLink='true'>https://example.org/c</guid></item>\
            <item><description>Only words.</description></item></channel></rss>";
        let (first, second) = (read_posts(document).await, read_posts(document).await);
        let prints = |posts: &[Post]| posts.iter().map(|post| post.fingerprint.clone()).collect::<Vec<_>>();
        assert_eq!(prints(&first), prints(&second), "the same at each look");
        assert_eq!(first[0].fingerprint, "https://example.org/a");
        assert!(first[1].fingerprint.starts_with("sha256:") && first[1].fingerprint != first[2].fingerprint);
        assert_eq!(first[3].link.as_deref(), Some("https://example.org/c"));
        assert_eq!(first[4].title, "Only words.");
        let edited = read_posts(document.replace("<title>A</title>", "<title>A, corrected</title>")).await;
        assert_eq!(edited[0].fingerprint, first[0].fingerprint, "an edited title is no new post");
    }

    #[tokio::test]
    async fn an_id_that_several_posts_share_does_not_hide_them() {
        let found = read(
            "<rss version='2.0'><channel><item><title>A</title><guid>x</guid><link>https://example.org/a</link></item>\
             <item><title>B</title><guid>x</guid><link>https://example.org/b</link></item>\
             <item><title>C</title><guid>c</guid><link>https://example.org/c</link></item>\
             <item><title>C again</title><guid>c</guid><link>https://example.org/c</link></item></channel></rss>",
        )
        .await
        .expect("a feed");
        assert!(found.warnings.iter().any(|warning| warning.contains("same id")));
        let prints: Vec<String> = posts(found).into_iter().map(|post| post.fingerprint).collect();
        assert_eq!(prints, ["https://example.org/a", "https://example.org/b", "c"]);
    }

    #[tokio::test]
    async fn titles_survive_markup_and_double_encoding() {
        let document = "<rss version='2.0'><channel>\
            <item><title>An <b>old</b> title</title></item>\
            <item><title>Don&amp;#8217;t &amp;amp; won&#8217;t</title></item>\
            <item><title><![CDATA[It&rsquo;s <em>here</em>]]></title></item>\
            <item><title>Line\none\u{202E}\u{E000}</title></item></channel></rss>";
        assert_eq!(titles(&read_posts(document).await), ["An old title", "Don’t & won’t", "It’s here", "Line one"]);
    }

    #[tokio::test]
    async fn an_excerpt_is_a_summary_and_no_body() {
        let document = "<rss version='2.0'><channel><item><title>A</title><link>https://example.org/a</link>\
            <description><![CDATA[<p>It began [&#8230;]</p><p>The post <a href='https://example.org/a'>A</a> appeared first on <a href='https://example.org'>S</a>.</p>]]></description></item>\
            <item><title>B</title><description>&lt;p&gt;Whole &lt;b&gt;text&lt;/b&gt;.&lt;/p&gt;</description></item></channel></rss>";
        let posts = read_posts(document).await;
        assert_eq!((posts[0].summary.as_str(), posts[0].body_html.as_str()), ("It began…", ""));
        assert_eq!(
            (posts[1].summary.as_str(), posts[1].body_html.as_str()),
            ("Whole text.", "<p>Whole <b>text</b>.</p>")
        );
    }

    #[tokio::test]
    async fn the_lead_picture_is_the_feeds_own_or_the_first_in_the_text() {
        let document = "<rss version='2.0' xmlns:media='http://search.yahoo.com/mrss/'><channel>\
            <item><title>A</title><link>https://example.org/a/</link><media:content url='https://0.gravatar.com/avatar/x.jpg' medium='image'/>\
              <media:content url='/m.jpg' type='image/jpeg'><media:description>M</media:description></media:content></item>\
            <item><title>B</title><link>https://example.org/b/</link><media:thumbnail url='https://example.org/t.jpg'/></item>\
            <item><title>C</title><link>https://example.org/c/</link><enclosure url='https://example.org/e.png' type='image/png' length='1'/>\
              <enclosure url='https://example.org/e.mp3' type='audio/mpeg' length='1'/></item>\
            <item><title>D</title><link>https://example.org/d/</link><description><![CDATA[<img src='../d.jpg' alt='D &amp; d'>]]></description></item>\
            <item><title>E</title><link>https://example.org/e/</link><enclosure url='https://example.org/e.mp3' type='audio/mpeg' length='1'/></item>\
            <item><title>F</title><link>https://example.org/f/</link><description><![CDATA[<img src='http:/example.org/f g.jpg'>]]></description></item>\
            </channel></rss>";
        let site = FeedServer::start().await;
        site.serve("/feed", Response::feed(document));
        let posts = posts(look(site.url("/feed")).await.expect("a look"));
        let images: Vec<_> = posts.iter().map(|post| post.image.as_deref().unwrap_or("none")).collect();
        let own = site.url("/m.jpg");
        assert_eq!(
            images,
            [
                own.as_str(),
                "https://example.org/t.jpg",
                "https://example.org/e.png",
                "https://example.org/d.jpg",
                "none",
                "http://example.org/f%20g.jpg"
            ]
        );
        assert_eq!(posts[3].image_alt, "D & d");
    }

    #[tokio::test]
    async fn nothing_to_show_is_no_post_and_five_hundred_are_enough() {
        assert!(
            read_posts("<rss version='2.0'><channel><item></item><item><guid>x</guid></item></channel></rss>")
                .await
                .is_empty()
        );
        let item = |n: usize| {
            format!("<item><title>{n}</title><guid>{n}</guid><pubDate>{}</pubDate></item>", 1_700_000_000 + n)
        };
        let rising: String = (0..600).map(item).collect();
        let falling: String = (0..600).rev().map(item).collect();
        for (items, first, last) in [(rising, "100", "599"), (falling, "599", "100")] {
            let found = read(format!("<rss version='2.0'><channel>{items}</channel></rss>")).await.expect("a feed");
            assert!(found.warnings[0].contains("600"));
            let posts = posts(found);
            assert_eq!((posts.len(), posts[0].title.as_str(), posts[499].title.as_str()), (500, first, last));
        }
    }

    #[tokio::test]
    async fn a_date_that_cannot_be_read_is_none_and_is_told() {
        let found = read(SMALL.replace("Tue, 24 Nov 2026 10:00:00 +0000", "soon")).await.expect("a feed");
        assert_eq!(found.warnings, ["1 of 1 posts have no date that could be read"]);
        assert_eq!(posts(found)[0].published_at, None);
    }

    #[tokio::test]
    async fn hostile_text_stays_text() {
        let document = "<rss version='2.0'><channel><item><title>&lt;script&gt;alert(1)&lt;/script&gt;</title>\
            <link>javascript:alert(1)</link><guid>a\u{85}b</guid><category>C\n&lt;b&gt;D</category>\
            <description>&lt;a href='javascript:alert(1)' onclick=x&gt;y&lt;/a&gt;&lt;script&gt;z&lt;/script&gt;</description></item></channel></rss>";
        let post = &read_posts(document).await[0];
        assert_eq!((post.title.as_str(), post.link.as_deref()), ("<script>alert(1)</script>", None));
        assert_eq!((post.body_html.as_str(), post.categories.join("|")), ("<a>y</a>", "C D".to_owned()));
        assert!(!post.fingerprint.contains(char::is_control));
    }
}

mod discovering {
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
        site.serve(
            "/feed.json",
            Response::ok(r#"{"version":"https://jsonfeed.org/version/1","title":"J","items":[]}"#),
        );
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
}

mod mending {
    use super::*;

    #[tokio::test]
    async fn a_broken_feed_gets_a_second_chance_and_a_warning() {
        let broken = [
            SMALL.replace("One", "One & only"),
            SMALL.replace("One", "One\u{1} & only"),
            SMALL.replace("One", "One&#0; &only;"),
            SMALL.replace("</channel></rss>", ""),
            SMALL.replace("</channel></rss>", "<item><title>Two</title><li"),
            SMALL.replace("</channel></rss>", "<item><title>Two</title><link>x</item></channel></rss>"),
            format!("<br />\n<b>Warning</b>: x & y on line 1\n{SMALL}"),
        ];
        for document in broken {
            let found = read(&document).await.unwrap_or_else(|failure| panic!("{failure}: {document}"));
            assert!(
                found.warnings.iter().any(|warning| warning.contains("repaired")),
                "{document}: {:?}",
                found.warnings
            );
            let posts = posts(found);
            assert_eq!((posts.len(), posts[0].fingerprint.as_str()), (1, "g1"), "{document}");
            assert!(posts[0].title.starts_with("One"), "{document}");
        }
        let json =
            r#"{"version":"https://jsonfeed.org/version/1","title":"S","items":[{"id":7,"title":"One","url":null}]}"#;
        let found = read(json).await.expect("a feed");
        assert_eq!(found.warnings[0], "the feed's JSON had to be repaired");
        assert_eq!(posts(found)[0].fingerprint, "7");
    }

    #[tokio::test]
    async fn old_code_pages_versions_and_bare_markup_need_no_repair() {
        for document in [
            SMALL
                .replace("One", "Caf\u{e9}")
                .chars()
                .map(|c| u8::try_from(u32::from(c)).expect("latin"))
                .collect::<Vec<u8>>(),
            format!("\u{FEFF}{}", SMALL.replace("One", "Café")).into_bytes(),
            SMALL.replace("One", "Caf&eacute;").into_bytes(),
            SMALL.replace("One", "<i>Caf</i>é").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            SMALL
                .replace("One", "Café")
                .replace("</item>", "<author>Me & —press@example.org<br></author></item>")
                .into_bytes(),
            SMALL.replace("One", "Café").replace(" version='2.0'", "").into_bytes(),
            SMALL.replace("One", "Café").replace("2.0", "2.0.1").into_bytes(),
            SMALL
                .replace("<rss", "<r:rss xmlns:r='http://backend.userland.com/rss2'")
                .replace("</rss", "</r:rss")
                .replace("One", "Café")
                .into_bytes(),
        ] {
            let found = read(&document).await.expect("a feed");
            assert!(found.warnings.is_empty(), "{:?}", found.warnings);
            assert_eq!(titles(&posts(found)), ["Café"]);
        }
    }

    #[tokio::test]
    async fn a_feed_that_broke_off_is_asked_for_again_in_full() {
        let site = FeedServer::start().await;
        site.serve("/feed/", Response::feed(SMALL.replace("</channel></rss>", "<item>")).etag("\"v1\""));
        let look = look(site.url("/feed/")).await.expect("a look");
        assert_eq!(look.etag, None);
        assert!(look.warnings.iter().any(|warning| warning.contains("broke off")));
    }

    /// What is missing from a first look would be taken for news at the second.
    #[tokio::test]
    async fn a_feed_that_broke_off_is_never_a_first_look() {
        let site = FeedServer::start().await;
        site.serve("/feed/", Response::feed(SMALL.replace("</channel></rss>", "<item>")));
        let first = look_with(local(), site.url("/feed/"), &FeedState::default()).await;
        assert_eq!(first, Err(CollectError::BrokeOff));
        site.serve("/feed/", Response::feed("<rss><channel><title>Site</title><item><title>One</title>"));
        assert!(matches!(look(site.url("/feed/")).await, Err(CollectError::NotAFeed(_))), "it would be an empty feed");
    }

    #[tokio::test]
    async fn what_is_no_feed_says_so() {
        let reason = async |document: &str| match read(document).await {
            Err(CollectError::NotAFeed(reason)) => reason,
            other => panic!("{document} gave {other:?}"),
        };
        assert_eq!(reason("").await, "it is empty");
        for page in [
            "<!DOCTYPE HTML><title>x</title>",
            "<?xml version='1.0'?>\n<!-- x --><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' ''><html/>",
            "<HTML><entry>x</entry>",
        ] {
            assert_eq!(read(page).await, Err(CollectError::WebPage { feed: None }), "{page}");
        }
        for document in ["hello", "{}", "{\"items\":3}", "<svg/>", "<rss", "\0\0\0", "<rss version='2.0'></rss>"] {
            reason(document).await;
        }
        let site = FeedServer::start().await;
        site.serve("/", Response::ok("<html><head><link rel=alternate type='application/rss+xml' href='/feed/'>"));
        let failure = look(site.url("/")).await.expect_err("a page");
        assert_eq!(
            failure.to_string(),
            format!("not a feed: it is a web page; its feed may be at `{}`", site.url("/feed/"))
        );
    }

    #[tokio::test]
    async fn a_document_comes_from_its_own_address_and_is_small() {
        let site = FeedServer::start().await;
        site.serve("/certificate", Response::ok("some bytes"));
        site.serve("/elsewhere", Response::redirect(302, "/certificate"));
        let collector = Collector::new(local()).expect("a collector");
        let document = async |path: &str, limit| collector.document(&site.url(path), limit).await;
        assert_eq!(document("/certificate", 10).await, Ok(b"some bytes".to_vec()));
        assert_eq!(document("/certificate", 9).await, Err(CollectError::TooLarge { limit: 9 }));
        assert_eq!(document("/elsewhere", 10).await, Err(CollectError::Status(302)));
        let public = Collector::new(Policy::default()).expect("a collector");
        let private = public.document(&site.url("/certificate"), 10).await;
        assert!(matches!(private, Err(CollectError::Forbidden { .. })), "{private:?}");
        let file = Url::parse("file:///etc/hostname").expect("a URL");
        assert_eq!(collector.document(&file, 10).await, Err(CollectError::Address));
    }

    #[tokio::test]
    async fn a_feed_cut_anywhere_is_harmless() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("feed.xml");
        let feed = feed(Url::from_file_path(&path).expect("a URL"));
        let collector = Collector::new(local()).expect("a collector");
        let mut most = 0;
        for end in (0..SAMPLE.len()).step_by(97) {
            std::fs::write(&path, &SAMPLE.as_bytes()[..end]).expect("written");
            let begun = Instant::now();
            let found = collector.collect(&feed, &known()).await;
            assert!(begun.elapsed() < Duration::from_secs(1), "cut at {end} took {:?}", begun.elapsed());
            if let Ok(found) = found {
                let count = posts(found).len();
                assert!(count >= most, "cut at {end}: {count} posts after {most}");
                most = count;
            }
        }
        assert_eq!(most, 9, "all but the last, which the last cut is in");
    }

    #[tokio::test]
    async fn a_document_that_takes_too_long_is_given_up() {
        let site = FeedServer::start().await;
        let post = format!(
            "<item><title>x</title><description><![CDATA[{}]]></description></item>",
            "<p>word</p>".repeat(9_000)
        );
        site.serve("/feed/", Response::feed(SMALL.replace("</channel>", &format!("{}</channel>", post.repeat(50)))));
        let limit = Duration::from_millis(1);
        let hasty = look_with(Policy { reading: limit, ..local() }, site.url("/feed/"), &FeedState::default()).await;
        assert_eq!(hasty, Err(CollectError::TooLong { limit }));
    }

    #[tokio::test]
    async fn bombs_do_not_go_off() {
        let in_post =
            |html: String| SMALL.replace("</item>", &format!("<description><![CDATA[{html}]]></description></item>"));
        let nested = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
        let in_item = |xml: &str| {
            let media = SMALL.replace("<rss", "<rss xmlns:m='http://search.yahoo.com/mrss/'");
            media.replace("</item>", &format!("{xml}</item>"))
        };
        let laughs = format!(
            "<!DOCTYPE rss [<!ENTITY a 'ha'>{}]>{}",
            (0..20).map(|n| format!("<!ENTITY a{n} '&a;&a;&a;&a;'>")).collect::<String>(),
            SMALL.replace("One", "&a19;"),
        );
        for (name, document) in [
            ("deep HTML", in_post("<div><b><table><tr><td>".repeat(20_000))),
            ("deep XML", SMALL.replace("</item>", &"<x>".repeat(20_000))),
            (
                "deep media",
                SMALL
                    .replace("<rss", "<rss xmlns:media='http://search.yahoo.com/mrss/'")
                    .replace("</item>", &"<media:group>".repeat(20_000)),
            ),
            (
                "deep JSON",
                format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":{}", "[".repeat(100_000)),
            ),
            ("media as deep as may be", in_item(&nested("<m:group>", "</m:group>", 16))),
            ("media a little too deep", in_item(&nested("<m:group>", "</m:group>", 20_000))),
            ("media by an odd name", in_item(&nested("<1:group>", "</1:group>", 20_000)).replace("xmlns:m", "xmlns:1")),
            (
                "media behind what repair takes out",
                in_item(&format!("&{}", nested("<m:group><author></m:group></author>", "</m:group>", 20_000))),
            ),
            (
                "media behind a declaration",
                format!("<!DOCTYPE rss [ ] >{}", in_item(&nested("<m:group>", "</m:group>", 20_000))),
            ),
            ("tags that do not match", in_item(&format!("&{}", "<a></b>".repeat(100_000)))),
            ("laughs", laughs),
            (
                "attributes",
                SMALL.replace(
                    "<item>",
                    &format!("<item {}>", (0..50_000).map(|n| format!("a{n}='' ")).collect::<String>()),
                ),
            ),
            ("long title", SMALL.replace("One", &"One ".repeat(1_000_000))),
            ("giant text", in_post("<p>word</p>".repeat(400_000))),
        ] {
            let begun = Instant::now();
            let found = read(&document).await;
            assert!(begun.elapsed() < Duration::from_secs(10), "{name} took {:?}", begun.elapsed());
            if let Ok(found) = found {
                assert!(
                    posts(found)
                        .iter()
                        .all(|post| post.body_html.len() < 1_100_000 && post.title.chars().count() <= 300),
                    "{name}"
                );
            }
        }
    }
}
