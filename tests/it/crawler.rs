//! Gateways and virus checkers follow every link of a mail before its reader sees it, and every link behind those. They
//! change nothing: not a row of the store is another one afterwards.

use reqwest::StatusCode;

use crate::world::{World, crawler::Crawled};

/// A world in which every kind of mail that readers get has been sent.
async fn with_all_mails() -> World {
    let world = World::setup().open().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    assert_eq!(world.mails().len(), 4);
    world
}

#[tokio::test]
async fn following_every_link_of_every_mail_and_page_twice_changes_no_row() {
    let world = with_all_mails().await;
    let mails = world.mails();
    let before = world.rows().await;
    for _ in 0..2 {
        let Crawled { pages, mailto, .. } = &world.crawl(&mails, &["/"]).await;
        assert!(pages.len() >= 3 && mailto.len() >= 2, "{pages:?} {mailto:?}");
        let bad: Vec<_> =
            pages.iter().filter(|(url, status)| **status != StatusCode::OK && url.path() != "/").collect();
        assert!(bad.is_empty(), "{bad:?}");
        // What comes of it hours later is still nothing.
        world.hours(3);
        let changes = before.changes(&world.rows().await);
        assert!(changes.is_empty(), "scanners change something:\n{}", changes.join("\n"));
    }
}

#[tokio::test]
async fn the_rows_tell_when_something_was_changed() {
    let world = with_all_mails().await;
    let before = world.rows().await;
    assert!(before.changes(&world.rows().await).is_empty());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let posted = client.post(world.mails()[0].leave_link()).send().await.expect("an answer");
    assert_eq!(posted.status(), StatusCode::OK);
    let changes = before.changes(&world.rows().await);
    let is_told = |mark: char| changes.iter().any(|row| row.starts_with(mark) && row.contains("subscriptions: "));
    assert!(is_told('-') && is_told('+'), "{changes:?}");
}
