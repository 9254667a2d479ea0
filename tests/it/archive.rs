//! Past issues on the web: what was mailed, as it was mailed, for everybody; and nothing of what is private, held or
//! given up, nor of any reader.

use jiff::SignedDuration;
use reqwest::StatusCode;
use tidings::{
    domain::issue::IssueId,
    newsroom::{self, By},
};

use crate::world::{World, pages::Pages, post};

const CONDEMNED: &str = "Coalition condemns a “fifth” transfer & more";

/// A world that has mailed an alert and a digest; with a private list, and one that keeps no archive.
async fn with_issues() -> (World, Pages) {
    let also = "[[lists]]\nname = \"inner\"\ntitle = \"Inner circle\"\nfeeds = [\"site\"]\nalerts = true\nprivate = true\n\
                [[lists]]\nname = \"brief\"\ntitle = \"Brief\"\nfeeds = [\"site\"]\nalerts = true\narchive = false";
    let world = World::setup().also(also).start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    for list in ["inner", "brief"] {
        world.join(list, "ben@reader.example").await;
    }
    let body = post(CONDEMNED).at(world.clock.now());
    world.next_look(&[body, world.post("A webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    (world, pages)
}

/// The number of the list's newest issue.
async fn newest(world: &World, list: &str) -> i64 {
    let issues = world.app.store.newest_issues(50).await.expect("issues");
    issues.iter().find(|issue| issue.list.as_str() == list).expect("an issue").id.0
}

#[tokio::test]
async fn an_issue_can_be_read_on_the_web_as_it_was_mailed() {
    let (world, pages) = with_issues().await;
    let mail =
        world.mails_to("reader1@example.org").into_iter().find(|mail| mail.subject.contains("condemns")).expect("it");
    let path = mail.path_to("archive");
    assert!(mail.text.contains(&path), "{}", mail.text);
    let page = pages.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Coalition condemns a “fifth” transfer &amp; more"), "{}", page.text);
    assert!(page.text.contains("As it was mailed on"), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("sandbox ") && !policy.contains("script"), "{policy}");
    assert_eq!(page.headers["x-robots-tag"], "all");
    for (name, personal) in [("leave", "/leave/"), ("choose", "/preferences/"), ("the reader", "reader1@example.org")] {
        assert!(!page.text.contains(personal), "{name}: {}", page.text);
    }
}

#[tokio::test]
async fn past_issues_are_listed_newest_first_and_lead_to_each_other() {
    let (world, pages) = with_issues().await;
    let all = pages.get("/archive").await;
    assert!(all.text.contains("Coalition news") && all.text.contains("A webinar"), "{}", all.text);
    let list = pages.get("/archive/news").await;
    let (digest, alert) = (list.text.find("A webinar"), list.text.find("fifth"));
    assert!(digest < alert && digest.is_some(), "{}", list.text);
    let number = newest(&world, "news").await;
    let older = pages.get(&format!("/archive/news?before={number}")).await;
    assert!(older.text.contains("fifth") && !older.text.contains("A webinar"), "{}", older.text);
    for odd in ["?before=0", "?before=-9223372036854775808", "?before=x"] {
        assert_eq!(pages.get(&format!("/archive/news{odd}")).await.status, StatusCode::OK, "{odd}");
    }
}

#[tokio::test]
async fn a_long_archive_is_paged() {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    world.begin(1).await;
    for n in 0..33 {
        world.hours(24);
        world.next_look(&[world.post(&format!("Coalition condemns transfer {n}"))]).await;
    }
    let first = pages.get("/archive/news").await;
    let links = |text: &str| text.matches("<li><a href=\"news/").count();
    assert_eq!(links(&first.text), 30, "{}", first.text);
    let (_, rest) = first.text.split_once("<a href=\"news?before=").expect("a link to older ones");
    let second = pages.get(&format!("/archive/news?before={}", rest.split_once('"').expect("it ends").0)).await;
    assert!(links(&second.text) >= 3 && !second.text.contains(">Older<"), "{}", second.text);
}

#[tokio::test]
async fn private_lists_and_those_without_an_archive_show_nothing() {
    let (world, pages) = with_issues().await;
    for list in ["inner", "brief"] {
        let number = newest(&world, list).await;
        for path in [format!("/archive/{list}"), format!("/archive/{list}/{number}"), format!("/archive/{list}/feed")] {
            assert_eq!(pages.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        // Nor by the name of a list that has one.
        assert_eq!(pages.get(&format!("/archive/news/{number}")).await.status, StatusCode::NOT_FOUND);
    }
    assert!(!pages.get("/archive").await.text.contains("Inner circle"));
    for mail in world.mails_to("ben@reader.example") {
        assert!(!mail.html.contains("On the web"), "{}", mail.html);
    }
}

#[tokio::test]
async fn what_was_held_or_cancelled_is_not_shown() {
    let (world, pages) = with_issues().await;
    let number = newest(&world, "news").await;
    let path = format!("/archive/news/{number}");
    assert_eq!(pages.get(&path).await.status, StatusCode::OK);
    newsroom::cancel(&world.app, IssueId(number), "a mistake", &By::Machine("a test".to_owned()))
        .await
        .expect("cancelled");
    assert_eq!(pages.get(&path).await.status, StatusCode::NOT_FOUND);
    for page in ["/archive", "/archive/news", "/archive/news/feed"] {
        assert!(!pages.get(page).await.text.contains(&format!("/{number}\"")), "{page}");
    }
    for odd in ["999999", "-1", "0", "x", "99999999999999999999", "%ff"] {
        assert_eq!(pages.get(&format!("/archive/news/{odd}")).await.status, StatusCode::NOT_FOUND, "{odd}");
    }
}

#[tokio::test]
async fn a_feed_of_the_issues_can_be_read_by_any_reader_of_feeds() {
    let (world, pages) = with_issues().await;
    let answer = pages.get("/archive/news/feed").await;
    assert_eq!(answer.headers["content-type"], "application/atom+xml; charset=utf-8");
    let feed = feed_rs::parser::parse(answer.text.as_bytes()).expect("Atom");
    assert_eq!(feed.title.expect("a title").content, "Coalition news");
    assert_eq!(feed.entries.len(), 2);
    let alert = &feed.entries[1];
    assert!(alert.title.as_ref().expect("a title").content.contains(CONDEMNED), "{alert:?}");
    assert!(alert.links[0].href.contains("/archive/news/"), "{alert:?}");
    let body = alert.content.as_ref().and_then(|content| content.body.as_deref()).expect("a body");
    assert!(body.contains("<h1") && !body.contains("<body"), "{body}");
    let tag = answer.headers["etag"].to_str().expect("text").to_owned();
    assert_eq!(pages.get_if_none("/archive/news/feed", &tag).await.status, StatusCode::NOT_MODIFIED);
    world.hours(24 * 7);
    world.next_look(&[world.post("Coalition condemns another transfer")]).await;
    assert_eq!(pages.get_if_none("/archive/news/feed", &tag).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_feed_is_another_one_when_an_older_issue_is_given_up() {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    world.begin(1).await;
    for n in 0..21 {
        world.hours(24);
        world.next_look(&[world.post(&format!("Coalition condemns transfer {n}"))]).await;
    }
    let tag = pages.get("/archive/news/feed").await.headers["etag"].to_str().expect("text").to_owned();
    assert_eq!(pages.get_if_none("/archive/news/feed", &tag).await.status, StatusCode::NOT_MODIFIED);
    let older = world.app.store.newest_issues(50).await.expect("issues")[5].id;
    newsroom::cancel(&world.app, older, "a mistake", &By::Machine("a test".to_owned())).await.expect("cancelled");
    assert_eq!(pages.get_if_none("/archive/news/feed", &tag).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_has_no_mail_at_hand_gets_the_links_by_mail_and_nobody_learns_who_is_on_a_list() {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    world.begin(1).await;
    let ask = async |address: &str| {
        let token = pages.get("/leave").await.hidden("token");
        world.clock.advance(SignedDuration::from_secs(5));
        let page = pages.post("/leave", &[("token", &token), ("address", address), ("website", "")]).await;
        assert_eq!(page.status, StatusCode::OK);
        page.text.replace(address, "")
    };
    assert_eq!(ask("reader1@example.org").await, ask("nobody@example.org").await);
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["reader1@example.org"]);
    assert_eq!(mails[0].subject, "Do you want to leave?");
    assert_eq!(pages.post(&mails[0].path_to("leave"), &[]).await.status, StatusCode::OK);
    let token = pages.get("/leave").await.hidden("token");
    world.clock.advance(SignedDuration::from_secs(5));
    for (fields, status) in [
        ([("token", "x"), ("address", "a@example.org"), ("website", "")], StatusCode::OK),
        ([("token", &*token), ("address", "not one"), ("website", "")], StatusCode::UNPROCESSABLE_ENTITY),
        ([("token", &*token), ("address", "reader1@example.org"), ("website", "x")], StatusCode::OK),
    ] {
        assert_eq!(pages.post("/leave", &fields).await.status, status);
    }
    world.run().await;
    assert!(world.new_mails().is_empty());
}
