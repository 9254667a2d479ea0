//! What is read of a feed: titles, links, dates, pictures, and what is left out.

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
        let [post] = &posts(look(site.url("/feed")).await.expect("a look"))[..] else { panic!("one post: {document}") };
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
        ("2024-07-11", "Coalition urges Lithuania’s parliament to reject leaving the Convention on Cluster Munitions"),
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
        assert!(image.starts_with("https://example.org/wp-content/uploads/20") && image.ends_with(".jpg"), "{image}");
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
    assert_eq!((posts[1].summary.as_str(), posts[1].body_html.as_str()), ("Whole text.", "<p>Whole <b>text</b>.</p>"));
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
    let item =
        |n: usize| format!("<item><title>{n}</title><guid>{n}</guid><pubDate>{}</pubDate></item>", 1_700_000_000 + n);
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
