//! Gateways and virus checkers follow every link of a mail before its reader sees it, and every link behind those. They
//! change nothing: not a row of the store is another one afterwards.

use reqwest::StatusCode;
use tidings::{
    domain::alarm::{Alarm, AlarmKind},
    intake::{self, Incoming},
    newsroom,
};

use crate::world::{World, subjects};

/// A world in which every kind of mail has been sent: an alert, a digest, a mail to confirm (to one who does, and to one who
/// has not yet), a welcome, one to who has it already, help, a link to leave, a goodbye, and two to staff.
async fn with_all_mails() -> World {
    let world = World::setup().open().await;
    world.begin(2).await;
    for address in ["ana@reader.example", "ben@reader.example"] {
        world.asks(address, "198.51.100.7").await;
    }
    world.run().await;
    let link = world.mails_to("ana@reader.example")[0].link_to("confirm").to_owned();
    assert_eq!(post(&link).await, StatusCode::OK);
    for address in ["goes@example.org", "wants-to-go@example.org"] {
        world.join("news", address).await;
    }
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    let leave = world.mails_to("goes@example.org").pop().expect("an alert").leave_address();
    world.asks("reader1@example.org", "198.51.100.8").await;
    for (recipient, sender, subject) in [
        (leave.as_str(), "goes@example.org", ""),
        ("news@example.org", "wants-to-go@example.org", "unsubscribe"),
        ("news@example.org", "cai@reader.example", "help"),
    ] {
        let message = format!("From: {sender}\r\nSubject: {subject}\r\n\r\n");
        let letter = Incoming { recipient: Some(recipient), sender: Some(sender), bytes: message.as_bytes() };
        intake::take(&world.app, &letter).await.expect("the store takes it");
    }
    let about = "relay:main".to_owned();
    let words = "The relay is in trouble; see https://relay.example/status.".to_owned();
    let alarm = Alarm { about, kind: AlarmKind::RelayInTrouble, words, tell_after: world.clock.now() };
    world.app.store.raise_alarm(&alarm, world.clock.now()).await.expect("it is raised");
    newsroom::tell_alarms(&world.app).await.expect("staff are told");
    let flood: Vec<_> = (1..=11).map(|n| world.post(&format!("Story {n}"))).collect();
    world.next_look(&flood).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let all = world.mails();
    let mut subjects = subjects(&all);
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!((all.len(), subjects.len()), (18, 10), "{subjects:?}");
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
