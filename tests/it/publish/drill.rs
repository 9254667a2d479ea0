//! The fault drill: a site is rebuilt, changes the id of everything it ever published and shows all of it again, three old
//! condemnations among it, and on the same day condemns something new. Either only the new one leaves, or all is held and
//! staff are told; and the ledger says why.

use std::collections::BTreeSet;

use tidings::{
    domain::post::Standing,
    newsroom::{self, PostDecision},
};

use super::SLOT;
use crate::world::{FEED, Post, World, feed_of, feed_server::Response, post, recipients, subjects};

const STAFF: &str = "desk@example.org";
const NEW: &str = "Coalition condemns the transfer of this morning";

/// Two hundred posts of half a year, the newest first; three of them condemn, one of those two days ago.
fn archive(world: &World) -> Vec<Post> {
    let story = |n: i64| {
        let title = match n {
            1 | 40 | 150 => format!("Coalition condemns transfer number {n}"),
            _ => format!("Story number {n}"),
        };
        post(&title).at(world.clock.now() - jiff::SignedDuration::from_hours(24 + 20 * n))
    };
    (0..200).map(story).collect()
}

/// The same posts by other ids, with the new one at their head.
fn rebuilt(world: &World, archive: &[Post]) -> Vec<Post> {
    let moved = archive.iter().enumerate().map(|(n, post)| post.clone().id(&format!("urn:uuid:{n:032}")));
    std::iter::once(world.post(NEW).id("urn:uuid:new")).chain(moved).collect()
}

/// A house that knows so many of the archive's posts.
async fn knowing(count: usize) -> (World, Vec<Post>) {
    let world = World::new().await;
    world.readers(3).await;
    let archive = archive(&world);
    world.feed_has(&archive[..count]);
    let ran = world.run().await;
    assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 0), 0));
    (world, archive)
}

/// Everything that went to readers until the week is over.
async fn mailed_in_a_week(world: &World) -> Vec<String> {
    world.until(SLOT);
    world.run().await;
    world.until("2024-05-06T09:00:00Z");
    world.run().await;
    let mails = world.mails();
    let to_readers = mails.iter().filter(|mail| mail.to != STAFF);
    let subjects: BTreeSet<_> = to_readers.map(|mail| mail.subject.clone()).collect();
    subjects.into_iter().collect()
}

#[tokio::test]
async fn a_site_that_shows_all_it_ever_had_under_other_ids_alerts_only_of_what_is_new() {
    let (world, archive) = knowing(200).await;
    let ran = world.next_look(&rebuilt(&world, &archive)).await;
    assert_eq!((ran.made(), ran.counts.sent), ((1, 1, 0), 3));
    let mails = world.mails();
    assert_eq!(subjects(&mails), vec![format!("Condemnation: {NEW}"); 3]);
    assert_eq!(recipients(&mails), ["reader1@example.org", "reader2@example.org", "reader3@example.org"]);

    // The run says why, of each.
    let run = world.app.store.newest_runs(1).await.expect("runs").remove(0);
    assert_eq!((run.did.posts, run.did.alerts, run.did.sent), (1, 1, 3));
    let told: Vec<String> = world
        .app
        .store
        .entries_of(run.id)
        .await
        .expect("the ledger")
        .into_iter()
        .map(|entry| format!("{} {}: {}", entry.about, entry.event, entry.reason))
        .collect();
    assert!(told[0].starts_with(&format!("feed:site news: “{NEW}”: seen for the first time now")), "{told:#?}");
    assert!(told[0].ends_with("breaking: rule `condemnation`: “condemns” in the title"), "{told:#?}");
    assert!(
        told[1].starts_with("feed:site repeat: 200 posts are not news: “Story number 0” its link was known"),
        "{told:#?}"
    );
    assert!(told[1].ends_with("200 of 201 ids are new but the links or titles are known"), "{told:#?}");
    assert!(told[2].starts_with("issue:1 queued: rule `condemnation`"), "{told:#?}");
    assert_eq!(told.len(), 3, "{told:#?}");
    assert_eq!(mailed_in_a_week(&world).await, [format!("Condemnation: {NEW}")], "nor does a digest bring it");
}

#[tokio::test]
async fn a_site_that_moves_its_pages_as_well_alerts_only_of_what_is_new() {
    let (world, archive) = knowing(200).await;
    let feed = feed_of(&rebuilt(&world, &archive)).replace("https://example.org/", "https://new.example.net/blog/");
    world.site.serve(FEED, Response::feed(feed));
    world.minutes(10);
    assert_eq!(world.run().await.made(), (1, 1, 0));
    assert_eq!(mailed_in_a_week(&world).await, [format!("Condemnation: {NEW}")]);
    let ledger = world.ledger("feed:site").await;
    assert!(ledger.iter().any(|line| line.contains("its title and date were known already")), "{ledger:#?}");
}

#[tokio::test]
async fn a_site_that_shows_ten_times_as_much_as_we_knew_is_held_whole_and_staff_decide() {
    let (world, archive) = knowing(1).await;
    let ran = world.next_look(&rebuilt(&world, &archive)).await;
    assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 0), 1), "one notice to staff and nothing else");
    let told = world.mails_to(STAFF);
    // Those of the last thirty days; the rest is too old in any case.
    assert_eq!(subjects(&told), ["35 posts of the feed “site” are held"]);
}

#[tokio::test]
async fn a_site_whose_ids_links_and_dates_are_all_new_is_held_whole_and_staff_decide() {
    let (world, archive) = knowing(200).await;
    let now = world.clock.now();
    let undated: Vec<Post> = rebuilt(&world, &archive).into_iter().map(|post| post.at(now)).collect();
    let feed = feed_of(&undated).replace("https://example.org/", "https://new.example.net/?p=");
    world.site.serve(FEED, Response::feed(feed));
    world.minutes(10);
    let ran = world.run().await;
    assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 0), 1), "one notice to staff and nothing else: {ran:?}");
    let told = world.mails_to(STAFF);
    assert_eq!(subjects(&told), ["201 posts of the feed “site” are held"]);
    assert!(told[0].text.contains("more than flood = 10; 201 of 201 ids in the feed are new"), "{}", told[0].text);
    let ledger = world.ledger("feed:site").await;
    assert!(ledger.iter().any(|line| line.starts_with("held: 201 posts held: ")), "{ledger:#?}");
    assert_eq!(mailed_in_a_week(&world).await, [""; 0]);

    // Staff let the one go that is new, and leave the rest.
    let feed = &world.app.config.feeds[0];
    let held = world.app.store.posts_standing(&feed.name, Standing::Held).await.expect("posts");
    let new = held.iter().find(|post| post.post.title == NEW).expect("it is among them").id;
    assert_eq!(newsroom::decide_held(&world.app, feed, &[new], PostDecision::Release).await.expect("decided").count, 1);
    assert_eq!(newsroom::decide_held(&world.app, feed, &[], PostDecision::Dismiss).await.expect("decided").count, 200);
    world.until("2024-05-13T09:00:00Z");
    world.run().await;
    let mails = world.mails_to("reader1@example.org");
    assert_eq!(subjects(&mails), [format!("{NEW} | Coalition news")], "by now it is no alert any more");
}
