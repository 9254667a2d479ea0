//! The main job, told as stories: feeds in, alerts at once, digests at their slots, and nothing twice.

mod ahead;
mod drill;
mod edited;
mod guards;
mod late;
mod peers;
mod runs;
mod together;
mod trouble;

use tidings::{publish::PassOptions, subscribe::Added};

use crate::world::{World, post, recipients, run_with, subjects};

/// The first slot after the start of the world.
const SLOT: &str = "2024-04-29T09:00:00Z";

#[tokio::test]
async fn the_first_run_sends_nothing_and_says_why() {
    let world = World::new().await;
    world.readers(3).await;
    world.feed_has(&[world.post("Coalition condemns a transfer"), world.post("Webinar"), world.post("Report")]);
    let ran = world.run().await;
    assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 0), 0));
    let reason = "first look: 3 posts are known from now on and none of them is mailed";
    assert!(ran.says(reason), "{:?}", ran.pass.notes);
    assert_eq!(world.ledger("feed:site").await, [format!("baseline: {reason}")]);
    world.until(SLOT);
    let ran = world.run().await;
    assert_eq!((ran.made(), world.mails().len()), ((0, 0, 0), 0));
    assert!(ran.says("no digest for the slot of 2024-04-29T09:00:00: no new posts"), "{:?}", ran.pass.notes);
}

#[tokio::test]
async fn a_first_run_may_be_told_to_send_the_newest_posts() {
    let world = World::new().await;
    world.readers(1).await;
    world.feed_has(&[
        post("Oldest").dated("2024-04-20T08:00:00Z"),
        post("Newest").dated("2024-04-22T08:00:00Z"),
        post("Middle").dated("2024-04-21T08:00:00Z"),
    ]);
    assert_eq!(run_with(&world.app, PassOptions { backfill: 2 }).await.made(), (2, 0, 0));
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 1));
    assert_eq!(subjects(&world.mails()), ["Newest, and 1 more | Coalition news"]);
    assert!(!world.mails()[0].text.contains("Oldest"));
}

/// The story that Tidings exists for.
async fn the_main_story(world: World) {
    world.begin(3).await;

    let condemnation = world.post("Coalition condemns the fifth transfer – again");
    let ran = world.next_look(std::slice::from_ref(&condemnation)).await;
    assert_eq!((ran.made(), ran.counts.sent), ((1, 1, 0), 3));
    let alerts = world.new_mails();
    assert_eq!(recipients(&alerts), ["reader1@example.org", "reader2@example.org", "reader3@example.org"]);
    for alert in &alerts {
        assert_eq!(alert.subject, "Condemnation: Coalition condemns the fifth transfer – again");
        assert!(alert.text.contains(&condemnation.link()));
    }

    world.hours(1);
    let first = world.post("Webinar on clearance");
    world.next_look(&[first.clone(), condemnation.clone()]).await;
    world.hours(30);
    let second = world.post("Report & figures of the year");
    world.next_look(&[second.clone(), first.clone(), condemnation.clone()]).await;
    world.until("2024-04-29T08:59:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.new_mails().len(), 0, "a digest waits for its slot");

    world.until(SLOT);
    let ran = world.run().await;
    assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 1), 3));
    let digests = world.new_mails();
    assert_eq!(recipients(&digests), ["reader1@example.org", "reader2@example.org", "reader3@example.org"]);
    for digest in &digests {
        assert_eq!(digest.subject, "Report & figures of the year, and 1 more | Coalition news");
        let newest_first = digest.text.find("Report & figures").zip(digest.text.find("Webinar on clearance"));
        assert!(newest_first.is_some_and(|(newer, older)| newer < older), "{}", digest.text);
        let named =
            "Sent as an alert since the last digest\n--------------------------------------\n\nCondemnation: Coalition";
        assert!(digest.text.contains(named), "it is named for those who had no alert: {}", digest.text);
        assert_eq!(
            digest.text.matches("Coalition condemns").count(),
            1,
            "and is not again in the digest: {}",
            digest.text
        );
    }

    for _ in 0..10 {
        world.hours(23);
        let ran = world.next_look(&[second.clone(), first.clone(), condemnation.clone()]).await;
        assert_eq!((ran.made(), ran.counts.total()), ((0, 0, 0), 0));
    }
    assert_eq!(world.new_mails().len(), 0, "nothing comes twice");
    world.relay.assert_well_spoken();
}

#[tokio::test]
async fn the_main_story_on_sqlite() {
    the_main_story(World::new().await).await;
}

#[tokio::test]
async fn the_main_story_on_postgres() {
    the_main_story(World::setup().on_postgres().start().await).await;
}

#[tokio::test]
async fn each_message_keeps_its_id_and_says_whose_it_is() {
    let world = World::new().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mails = world.mails();
    assert_ne!(mails[0].header("message-id"), mails[1].header("message-id"));
    assert_ne!(mails[0].leave_link(), mails[1].leave_link());
    for mail in &mails {
        assert!(mail.leave_link().starts_with("https://news.example.org/leave/"), "{}", mail.leave_link());
        assert_eq!(mail.header("list-id"), "\"Coalition news\" <news.example.org>");
        assert!(mail.from.starts_with("news+bounce.") && mail.from.ends_with("@example.org"), "{}", mail.from);
        assert!(mail.header("to").contains(&mail.to));
        assert_eq!(mail.header("date"), "Wed, 24 Apr 2024 12:10:00 +0000");
    }
}

#[tokio::test]
async fn a_list_without_alerts_gets_breaking_posts_in_its_digest() {
    let world = World::setup().list("alerts = false").start().await;
    world.begin(1).await;
    let ran = world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!((ran.made(), world.mails().len()), ((1, 0, 0), 0));
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 1));
    assert_eq!(subjects(&world.mails()), ["Coalition condemns a transfer | Coalition news"]);
}

#[tokio::test]
async fn lists_of_one_feed_each_get_their_own_issue() {
    let other = "[[lists]]\nname = \"calm\"\ntitle = \"Once a month\"\nfeeds = [\"site\"]\ndigest = \"0 9 1 * *\"\n";
    let world = World::setup().also(other).start().await;
    world.begin(1).await;
    assert_eq!(world.join("calm", "calm@example.org").await, Added::Joined);
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    assert_eq!(recipients(&world.new_mails()), ["reader1@example.org"]);
    world.until(SLOT);
    world.run().await;
    world.until("2024-05-01T09:00:00Z");
    world.run().await;
    let digests = world.new_mails();
    assert_eq!(
        subjects(&digests),
        ["Webinar | Coalition news", "Coalition condemns a transfer, and 1 more | Once a month"]
    );
    assert_eq!(
        (digests[1].to.as_str(), digests[1].header("list-id")),
        ("calm@example.org", "\"Once a month\" <calm.example.org>")
    );
}

#[tokio::test]
async fn posts_without_dates_come_in_the_order_of_the_feed() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[post("Newest"), post("Middle"), post("Oldest")]).await;
    world.until(SLOT);
    world.run().await;
    let text = &world.mails()[0].text;
    let places = ["Newest", "Middle", "Oldest"].map(|title| text.find(&format!("{title}\n")));
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
}

#[tokio::test]
async fn an_empty_digest_is_skipped_and_says_so() {
    let world = World::new().await;
    world.begin(1).await;
    world.until(SLOT);
    let ran = world.run().await;
    assert_eq!((ran.made(), world.mails().len()), ((0, 0, 0), 0));
    let reason = "skipped: no digest for the slot of 2024-04-29T09:00:00: no new posts";
    assert_eq!(world.ledger("list:news").await, [reason]);
    // What comes a moment later waits for the next slot; the old one is done with.
    assert_eq!(world.next_look(&[world.post("Webinar")]).await.made(), (1, 0, 0));
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 1));
}

#[tokio::test]
async fn a_digest_waits_until_there_are_posts_enough() {
    let world = World::setup().list("min_posts = 2").start().await;
    world.begin(1).await;
    let first = world.post("Webinar");
    world.next_look(std::slice::from_ref(&first)).await;
    world.until(SLOT);
    let ran = world.run().await;
    assert_eq!((ran.made(), world.mails().len()), ((0, 0, 0), 0));
    assert!(ran.says("1 new post, and the list waits for 2"), "{:?}", ran.pass.notes);
    world.next_look(&[world.post("Report"), first]).await;
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 1));
    assert_eq!(subjects(&world.mails()), ["Report, and 1 more | Coalition news"]);
}

#[tokio::test]
async fn who_joins_later_gets_only_later_news() {
    let world = World::new().await;
    world.begin(1).await;
    let alerted = world.post("Coalition condemns a transfer");
    world.next_look(std::slice::from_ref(&alerted)).await;
    assert_eq!(world.join("news", "late@example.org").await, Added::Joined);
    world.hours(1);
    world.next_look(&[world.post("Webinar"), alerted]).await;
    assert_eq!(world.mails_to("late@example.org").len(), 0);
    world.until(SLOT);
    world.run().await;
    assert_eq!(subjects(&world.mails_to("late@example.org")), ["Webinar | Coalition news"]);
    assert_eq!(world.join("news", "later@example.org").await, Added::Joined);
    world.hours(1);
    world.run().await;
    assert_eq!(world.mails_to("later@example.org").len(), 0);
}

#[tokio::test]
async fn a_list_that_begins_later_does_not_get_what_was_news_before() {
    let mut world = World::new().await;
    world.begin(1).await;
    let (before, breaking) = (world.post("Webinar"), world.post("Coalition condemns a transfer"));
    world.next_look(&[before.clone(), breaking.clone()]).await;
    world.add_config("[[lists]]\nname = \"new\"\ntitle = \"A new list\"\nfeeds = [\"site\"]\ndigest = \"0 9 * * MON\"\nalerts = true");
    world.restart().await;
    assert_eq!(world.join("new", "new@example.org").await, Added::Joined);
    world.minutes(1);
    world.run().await;
    world.next_look(&[world.post("Report"), before, breaking]).await;
    world.until(SLOT);
    world.run().await;
    assert_eq!(subjects(&world.mails_to("new@example.org")), ["Report | A new list"]);
}
