//! Broken feeds: what is mended, and what does no harm.

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
        assert!(found.warnings.iter().any(|warning| warning.contains("repaired")), "{document}: {:?}", found.warnings);
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
    let post =
        format!("<item><title>x</title><description><![CDATA[{}]]></description></item>", "<p>word</p>".repeat(9_000));
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
        ("deep JSON", format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":{}", "[".repeat(100_000))),
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
            SMALL
                .replace("<item>", &format!("<item {}>", (0..50_000).map(|n| format!("a{n}='' ")).collect::<String>())),
        ),
        ("long title", SMALL.replace("One", &"One ".repeat(1_000_000))),
        ("giant text", in_post("<p>word</p>".repeat(400_000))),
    ] {
        let begun = Instant::now();
        let found = read(&document).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{name} took {:?}", begun.elapsed());
        if let Ok(found) = found {
            assert!(
                posts(found).iter().all(|post| post.body_html.len() < 1_100_000 && post.title.chars().count() <= 300),
                "{name}"
            );
        }
    }
}
