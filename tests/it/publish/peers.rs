//! What users of other systems suffer from, and ours shall not: the stories that no other file tells. Which complaint is
//! answered by which story is the table in `guards.rs`.

use tidings::{
    newsroom::{self, PostDecision},
    subscribe::Added,
};

use super::SLOT;
use crate::world::{FEED, Post, World, feed_of, feed_server::Response, post, recipients, slug, subjects};

const READER: &str = "reader1@example.org";

/// A feed as sites write it that give their posts no ids.
fn without_ids(posts: &[Post]) -> String {
    feed_of(posts).lines().filter(|line| !line.contains("<guid")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_feed_without_ids_brings_each_post_once() {
    let world = World::new().await;
    world.begin(1).await;
    let first = world.post("Webinar");
    let second = world.post("Report").at(world.clock.now() + jiff::SignedDuration::from_mins(15));
    for posts in [vec![first.clone()], vec![second.clone(), first.clone()], vec![second, first]] {
        world.site.serve(FEED, Response::feed(without_ids(&posts)));
        world.minutes(10);
        world.run().await;
    }
    world.until(SLOT);
    world.run().await;
    assert_eq!(subjects(&world.new_mails()), ["Report, and 1 more | Coalition news"]);
    world.until("2024-05-06T09:00:00Z");
    world.run().await;
    assert_eq!(world.new_mails().len(), 0);
}

#[tokio::test]
async fn an_id_that_is_used_again_for_something_else_alerts_nobody_and_is_told_to_staff() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Webinar").id("7")]).await;
    world.until(SLOT);
    world.run().await;
    world.new_mails();
    world.next_look(&[world.post("Coalition condemns a transfer").id("7")]).await;
    let told = world.new_mails();
    assert_eq!(subjects(&told), ["A post that was mailed was changed: “Webinar”"]);
    assert_eq!(recipients(&told), ["desk@example.org"]);
}

#[tokio::test]
async fn a_post_that_the_feed_shows_days_late_is_in_the_next_digest() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[post("Late").dated("2024-04-21T23:30:00Z")]).await;
    world.until(SLOT);
    world.run().await;
    assert_eq!(subjects(&world.mails_to(READER)), ["Late | Coalition news"]);
}

#[tokio::test]
async fn a_digest_goes_at_its_hour_on_both_sides_of_a_change_of_clocks() {
    let start = "2024-10-20T12:00:00Z".parse().expect("an instant");
    let world = World::setup().at(start).list("time_zone = \"Europe/London\"").start().await;
    world.begin(1).await;
    let mut posts = Vec::new();
    for (title, before, at) in [
        ("Summer", "2024-10-21T07:59:00Z", "2024-10-21T08:00:00Z"),
        ("Winter", "2024-10-28T08:59:00Z", "2024-10-28T09:00:00Z"),
    ] {
        posts.insert(0, world.post(title));
        world.next_look(&posts).await;
        world.until(before);
        world.run().await;
        assert_eq!(world.new_mails().len(), 0, "{title}: it is not nine yet");
        world.until(at);
        world.run().await;
        assert_eq!(subjects(&world.new_mails()), [format!("{title} | Coalition news")]);
    }
}

#[tokio::test]
async fn no_subject_holds_an_entity() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("It isn&#8217;t &amp; wasn’t – “condemned”")]).await;
    world.until(SLOT);
    world.run().await;
    let mails = world.mails_to(READER);
    assert_eq!(mails.len(), 1);
    assert!(mails[0].subject.contains("It isn’t & wasn’t – “condemned”"), "{}", mails[0].subject);
}

#[tokio::test]
async fn neither_part_of_a_digest_holds_what_the_last_one_held() {
    let world = World::new().await;
    world.begin(1).await;
    let mut posts = Vec::new();
    for (title, slot) in [("Webinar", SLOT), ("Report", "2024-05-06T09:00:00Z")] {
        posts.insert(0, world.post(title));
        world.next_look(&posts).await;
        world.until(slot);
        world.run().await;
        let mail = world.new_mails().pop().expect("a digest");
        for part in [&mail.text, &mail.html] {
            let held = ["Webinar", "Report"].map(|title| part.contains(title));
            assert_eq!(held, [title == "Webinar", title == "Report"], "{part}");
        }
    }
}

/// A list beside `news` that alerts of the same feed.
const URGENT: &str = "[[lists]]\nname = \"urgent\"\ntitle = \"Urgent only\"\nfeeds = [\"site\"]\nalerts = true\n";

#[tokio::test]
async fn who_is_on_two_lists_gets_an_alert_of_one_post_once() {
    let world = World::setup().also(URGENT).start().await;
    world.begin(1).await;
    for address in [READER, "other@example.org"] {
        assert_eq!(world.join("urgent", address).await, Added::Joined);
    }
    let ran = world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!((ran.made(), ran.counts.sent), ((1, 2, 0), 2));
    assert_eq!(recipients(&world.mails()), ["other@example.org", READER]);
    let told = tidings::explain::explain(&world.app, "transfer", &crate::world::address_of(READER)).await;
    let told = told.expect("an explanation").join("\n");
    assert!(told.contains("to be tried at"), "while the one is on its way the other waits: {told}");
    world.minutes(1);
    assert_eq!(world.run().await.counts.dropped, 1);
    let told = tidings::explain::explain(&world.app, "transfer", &crate::world::address_of(READER)).await;
    let told = told.expect("an explanation").join("\n");
    assert!(told.contains("the reader has it by another alert"), "{told}");
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn nobody_is_left_out_of_an_alert_for_one_of_another_list_that_never_comes() {
    let world = World::setup().list("alert_hold = \"30m\"").also(URGENT).start().await;
    world.begin(1).await;
    assert_eq!(world.join("urgent", READER).await, Added::Joined);
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let alerts = |world: &World| world.mails_to(READER).iter().filter(|mail| mail.subject.contains("condemns")).count();
    assert_eq!(alerts(&world), 1, "the list without a window does not wait for the other");
    world.minutes(31);
    world.run().await;
    assert_eq!(alerts(&world), 1, "and the other does not bring it again");

    // The same where the first list's alert is given up in its window.
    world
        .next_look(&[world.post("Coalition condemns a second transfer"), world.post("Coalition condemns a transfer")])
        .await;
    assert_eq!(alerts(&world), 2);
}

#[tokio::test]
async fn a_post_that_staff_do_not_want_mailed_is_in_no_digest() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Report"), world.post("Staff picnic")]).await;
    let feed = &world.app.config.feeds[0];
    let picnic = world.app.store.find_posts("picnic").await.expect("posts").remove(0).id;
    let dismissed = newsroom::decide_held(&world.app, feed, &[picnic], PostDecision::Dismiss).await;
    assert_eq!(dismissed.expect("decided").count, 1);
    world.until(SLOT);
    world.run().await;
    let mails = world.mails_to(READER);
    assert_eq!(subjects(&mails), ["Report | Coalition news"]);
    assert!(!mails[0].text.contains("picnic"), "{}", mails[0].text);
    // What was mailed cannot be called back.
    let report = world.app.store.find_posts("Report").await.expect("posts").remove(0).id;
    let late = newsroom::decide_held(&world.app, feed, &[report], PostDecision::Dismiss).await;
    assert_eq!(late.expect("decided").count, 0);
}

#[tokio::test]
async fn a_preview_changes_no_row() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Webinar"), world.post("Coalition condemns a transfer")]).await;
    let before = world.rows().await;
    newsroom::preview_digest(&world.app, &slug("news")).await.expect("a preview");
    newsroom::preview_issue(&world.app, world.issues().await[0].id).await.expect("a preview");
    assert_eq!(before.changes(&world.rows().await), [""; 0]);
}
