//! Gateways and virus checkers follow every link of a mail before its reader sees it, and every link behind those. They
//! change nothing: not a row of the store is another one afterwards.

use reqwest::StatusCode;

use crate::world::{World, subjects};

/// A world in which every kind of mail that readers get has been sent: an alert, a digest, a mail to confirm (to one who
/// does, and to one who has not yet), and a welcome.
async fn with_all_mails() -> World {
    let world = World::setup().open().await;
    world.begin(2).await;
    for address in ["ana@reader.example", "ben@reader.example"] {
        world.asks(address, "198.51.100.7").await;
    }
    world.run().await;
    let link = world.mails_to("ana@reader.example")[0].link_to("confirm").to_owned();
    assert_eq!(post(&link).await, StatusCode::OK);
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let all = world.mails();
    let mut subjects = subjects(&all);
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!((all.len(), subjects.len()), (9, 4), "{subjects:?}");
    world
}

async fn post(link: &str) -> StatusCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.post(link).send().await.expect("an answer").status()
}

#[tokio::test]
async fn following_every_link_of_every_mail_and_page_twice_changes_no_row() {
    let world = with_all_mails().await;
    let mails = world.mails();
    let before = world.rows().await;
    for _ in 0..2 {
        let crawled = &world.crawl(&mails, &["/"]).await;
        for (kind, least) in [("/leave/", 3), ("/confirm/", 2), ("/preferences/", 9), ("/join", 1)] {
            let found = crawled.below(kind);
            assert!(found.len() >= least, "{found:?} below {kind} in {crawled:#?}");
        }
        assert!(crawled.mailto.len() >= 3, "{crawled:#?}");
        let bad = |status: &StatusCode| !status.is_success() && !status.is_redirection();
        // What only a button leads to answers scanners with 405.
        let is_buttons = |path: &str| path.ends_with("/stay") || path.ends_with("/only");
        let bad: Vec<_> = crawled.pages.iter().filter(|(path, status)| bad(status) && !is_buttons(path)).collect();
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
    assert_eq!(post(world.mails_to("reader1@example.org")[0].leave_link()).await, StatusCode::OK);
    let changes = before.changes(&world.rows().await);
    let is_told = |mark: char| changes.iter().any(|row| row.starts_with(mark) && row.contains("subscriptions: "));
    assert!(is_told('-') && is_told('+'), "{changes:?}");
}
