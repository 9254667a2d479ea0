//! Never a false alarm: what looks like news and is none is kept back, and someone is told.
//!
//! What users of other systems complain of, and the stories that show how it is here. Names without a path are of this
//! file and those beside it:
//!
//! | Complaint | Story |
//! |---|---|
//! | 1 the first run floods | `the_first_run_sends_nothing_and_says_why`, `a_first_run_may_be_told_to_send_the_newest_posts` |
//! | 2 changed ids mail old posts again | `a_site_whose_ids_all_change_mails_nothing`, all of `drill.rs` |
//! | 3 no ids, or other ones at each look | `a_feed_without_ids_brings_each_post_once` |
//! | 4 an id is used again, or twice in one feed | `an_id_that_is_used_again_for_something_else_alerts_nobody_and_is_told_to_staff`, `an_id_used_twice_in_a_feed_or_again_for_new_content_is_one_post` (judge) |
//! | 5 old posts are announced anew | `a_post_that_is_too_old_never_becomes_news`, `a_feed_that_goes_away_and_comes_back_full_brings_no_old_news` |
//! | 6 an update is mailed only on purpose | `a_post_that_is_edited_after_it_was_sent_is_not_sent_again_and_staff_hear_of_it_once`, `an_edit_makes_no_alert_of_a_post_that_was_none` |
//! | 7 what was mended is mailed unmended | `what_is_corrected_before_the_digest_goes_is_mailed_as_corrected` |
//! | 8 a backlog goes out at once | `a_machine_that_was_off_for_three_weeks_sends_one_digest`, `a_statement_that_was_held_too_long_is_no_alert_when_it_is_released` |
//! | 9 late or future posts are missed | `a_post_that_the_feed_shows_days_late_is_in_the_next_digest`, `a_post_dated_in_the_future_waits_and_then_goes` |
//! | 10 an hour too early or late | `a_digest_goes_at_its_hour_on_both_sides_of_a_change_of_clocks` |
//! | 11 an empty issue is mailed | `an_empty_digest_is_skipped_and_says_so` |
//! | 12 a skip looks like a failure | `each_run_tells_what_it_did_and_skipped_and_why` |
//! | 13 the last N instead of what is new | `neither_part_of_a_digest_holds_what_the_last_one_held`, `who_joins_later_gets_only_later_news` |
//! | 14 one rhythm for everybody | `lists_of_one_feed_each_get_their_own_issue` |
//! | 15 a broken feed is a silent stop | `a_failing_feed_is_told_once_and_stops_no_other` |
//! | 16 entities in subjects | `no_subject_holds_an_entity` |
//! | 17 the preview is another mail | `what_was_previewed_is_what_is_sent` (newsroom), `what_staff_previewed_of_a_held_issue_is_what_they_release` |
//! | 18 pictures are missing | `the_lead_picture_is_the_feeds_own_or_the_first_in_the_text` (collect) |
//! | 19 the mail is clipped | `a_huge_digest_is_cut_to_titles_and_counts_the_rest` (render) |
//! | 20 the text part is stale | `neither_part_of_a_digest_holds_what_the_last_one_held` |
//! | 21 the same person gets copies | `who_is_on_two_lists_gets_an_alert_of_one_post_once`, `a_statement_that_comes_by_two_feeds_of_a_list_is_mailed_once` |
//! | 34 no undo | `a_held_issue_stops_where_it_is_on_sqlite`, `a_test_goes_to_one_address_alone_and_looks_different` (newsroom) |
//! | 35 a post cannot be left out | `a_post_that_staff_do_not_want_mailed_is_in_no_digest` |
//! | 36 a preview changes something | `a_preview_changes_no_row` |
//! | 37 no trying now | `feeds_are_listed_tried_and_their_held_posts_decided` (cli) |
//! | 38 nobody noticed that nothing went out | `staff_hear_of_a_relay_that_stays_away_and_not_of_one_that_blinks` (deliver), `what_could_not_be_sent_in_time_is_told_to_have_expired` (explain) |

use tidings::{
    newsroom::{self, PostDecision, Seen},
    subscribe::Added,
};

use super::SLOT;
use crate::world::{Post, World, feed_server::Response, post, recipients, somebody, subjects};

const STAFF: &str = "desk@example.org";

async fn decide(world: &World, decision: PostDecision) -> u64 {
    let feed = &world.app.config.feeds[0];
    newsroom::decide_held(&world.app, feed, &[], decision).await.expect("the store takes it").count
}

fn many(world: &World, count: usize) -> Vec<Post> {
    (1..=count).map(|n| world.post(&format!("Story {n} of many"))).collect()
}

#[tokio::test]
async fn a_flood_of_posts_is_held_and_mailed_when_staff_release_it() {
    let world = World::new().await;
    world.begin(1).await;
    let ran = world.next_look(&many(&world, 11)).await;
    assert_eq!(ran.made(), (0, 0, 0));
    assert!(ran.says("11 posts held: 11 new posts in one look; more than flood = 10"), "{:?}", ran.pass.notes);
    let told = world.new_mails();
    assert_eq!((recipients(&told), subjects(&told)), (vec![STAFF], vec!["11 posts of the feed “site” are held"]));
    assert!(told[0].text.contains("tidings feeds release site"), "{}", told[0].text);

    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(decide(&world, PostDecision::Release).await, 11);
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 1));
    assert_eq!(recipients(&world.new_mails()), ["reader1@example.org"]);
    assert_eq!(decide(&world, PostDecision::Release).await, 0);
}

#[tokio::test]
async fn a_flood_that_staff_dismiss_is_never_mailed() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&many(&world, 11)).await;
    assert_eq!(decide(&world, PostDecision::Dismiss).await, 11);
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.mails_to("reader1@example.org").len(), 0);
}

#[tokio::test]
async fn a_statement_that_was_held_too_long_is_no_alert_when_it_is_released() {
    let world = World::new().await;
    world.begin(1).await;
    let mut posts = many(&world, 10);
    posts.push(world.post("Coalition condemns a transfer"));
    assert_eq!(world.next_look(&posts).await.made(), (0, 0, 0));
    world.hours(49);
    decide(&world, PostDecision::Release).await;
    assert_eq!(world.run().await.made(), (0, 0, 0));
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 1));
    assert!(world.mails_to("reader1@example.org")[0].text.contains("condemns"));
}

#[tokio::test]
async fn what_is_held_is_released_into_the_digest_alone_by_one_of_two_persons() {
    for (house, decision, alerts) in [
        (World::setup(), PostDecision::Release, 1),
        (World::setup(), PostDecision::ReleaseIntoDigest, 0),
        (
            World::setup().staff("notify = [\"desk@example.org\"]").staff("second_person = true"),
            PostDecision::Release,
            0,
        ),
    ] {
        let world = house.start().await;
        world.begin(1).await;
        let mut posts = many(&world, 10);
        posts.push(world.post("Coalition condemns a transfer"));
        world.next_look(&posts).await;
        assert_eq!(decide(&world, decision).await, 11);
        assert_eq!(world.run().await.made(), (0, alerts, 0));
        world.until(SLOT);
        assert_eq!(world.run().await.made(), (0, 0, 1));
        let read = world.mails_to("reader1@example.org");
        assert_eq!(read.len(), alerts + 1);
        let was_alert = read[alerts].text.contains("Sent as an alert since the last digest");
        assert_eq!(was_alert, alerts == 1, "{}", read[alerts].text);
    }
}

#[tokio::test]
async fn a_site_whose_ids_all_change_mails_nothing() {
    let world = World::new().await;
    world.begin(1).await;
    let posts = [world.post("Coalition condemns a transfer"), world.post("Webinar"), world.post("Report")];
    world.next_look(&posts).await;
    world.until(SLOT);
    world.run().await;
    assert_eq!(world.new_mails().len(), 2);
    let moved = posts.map(|post| {
        let id = format!("https://new.example.org/{}", post.link().len());
        post.id(&id)
    });
    let ran = world.next_look(&moved).await;
    assert_eq!(ran.made(), (0, 0, 0));
    assert!(ran.says("3 posts are not news"), "{:?}", ran.pass.notes);
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.new_mails().len(), 0);
}

#[tokio::test]
async fn a_post_dated_in_the_future_waits_and_then_goes() {
    let world = World::new().await;
    world.begin(1).await;
    let embargoed = [post("Coalition condemns what is to come").dated("2024-04-25T06:00:00Z")];
    let ran = world.next_look(&embargoed).await;
    assert_eq!(ran.made(), (0, 0, 0));
    assert!(ran.says("it waits until then"), "{:?}", ran.pass.notes);
    world.until("2024-04-25T05:59:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0));
    world.until("2024-04-25T06:00:00Z");
    assert_eq!(world.run().await.made(), (1, 1, 0));
    assert_eq!(subjects(&world.mails()), ["Condemnation: Coalition condemns what is to come"]);
    world.hours(1);
    assert_eq!(world.run().await.made(), (0, 0, 0));
}

#[tokio::test]
async fn a_post_that_is_too_old_never_becomes_news() {
    let world = World::new().await;
    world.begin(1).await;
    let old = [post("Coalition condemns what was").dated("2024-03-24T12:00:00Z")];
    let ran = world.next_look(&old).await;
    assert_eq!(ran.made(), (0, 0, 0));
    assert!(ran.says("older than max_age = 30d"), "{:?}", ran.pass.notes);
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.mails().len(), 0);
}

#[tokio::test]
async fn more_alerts_in_a_day_than_allowed_are_held() {
    let world = World::setup().list("alerts_per_day = 2").start().await;
    world.begin(1).await;
    let posts = ["one", "two", "three"].map(|n| world.post(&format!("Coalition condemns transfer {n}")));
    let ran = world.next_look(&posts).await;
    assert_eq!(ran.made(), (3, 2, 0));
    assert_eq!(world.mails_to("reader1@example.org").len(), 2);
    assert!(ran.says("2 alerts were made in the last 24 hours, and alerts_per_day is 2"), "{:?}", ran.pass.notes);
    let told = world.mails_to(STAFF);
    assert_eq!(subjects(&told), ["An alert of “Coalition news” is held"]);
    let issue = world.held_issue().await;
    assert!(told[0].text.contains(&format!("tidings issues release {}", issue.0)), "{}", told[0].text);

    world.hours(1);
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.mails_to(STAFF).len(), 1, "staff are told once");
    newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect("it was held");
    world.run().await;
    assert_eq!(world.mails_to("reader1@example.org").len(), 3);
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 0), "no alert's post is again in the digest");
}

#[tokio::test]
async fn a_feed_that_goes_away_and_comes_back_full_brings_no_old_news() {
    let world = World::new().await;
    world.begin(1).await;
    let known = many(&world, 8);
    world.next_look(&known).await;
    world.until(SLOT);
    world.run().await;
    assert_eq!(world.new_mails().len(), 1);
    // It is gone for a day, then empty, then has all it ever had.
    for gone in [Response::ok("gone").status(404), Response::ok("Error establishing a database connection")] {
        world.site.serve(crate::world::FEED, gone);
        world.hours(24);
        world.run().await;
    }
    assert_eq!(world.next_look(&[]).await.made(), (0, 0, 0));
    world.hours(24);
    let archive = (1..=30).map(|n| post(&format!("Coalition condemns {n}")).dated("2023-11-13T09:00:00Z"));
    let full: Vec<Post> = known.into_iter().chain(archive).collect();
    assert_eq!(world.next_look(&full).await.made(), (0, 0, 0));
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.mails_to("reader1@example.org").len(), 1);
}

#[tokio::test]
async fn who_left_gets_neither_alert_nor_digest() {
    let world = World::new().await;
    world.begin(2).await;
    world.part("news", "reader2@example.org").await;
    assert_eq!(world.join("news", "reader2@example.org").await, Added::HadLeft);
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    world.until(SLOT);
    world.run().await;
    assert_eq!(recipients(&world.mails()), ["reader1@example.org"; 2]);
}

#[tokio::test]
async fn a_statement_that_comes_by_two_feeds_of_a_list_is_mailed_once() {
    let world = World::setup()
        .list("feeds = [\"site\", \"statements\"]")
        .also("[[feeds]]\nname = \"statements\"\nurl = \"SITE/category/statements/feed/\"")
        .start()
        .await;
    let both = |posts: &[Post]| {
        world.feed_has(posts);
        world.site.serve("/category/statements/feed/", Response::feed(crate::world::feed_of(posts)));
    };
    both(&[world.post("Long ago")]);
    world.readers(1).await;
    world.run().await;
    world.hours(1);
    let (statement, report) = (world.post("Coalition condemns a transfer"), world.post("Report"));
    both(&[statement, report]);
    assert_eq!(world.run().await.pass.alerts, 1);
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 1));
    let mails = world.mails_to("reader1@example.org");
    assert_eq!(subjects(&mails), ["Condemnation: Coalition condemns a transfer", "Report | Coalition news"]);
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0), "nor does its twin come a week later");
}

#[tokio::test]
async fn the_archive_of_another_feed_at_a_new_address_is_held() {
    let mut world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Report")]).await;
    let strange = [world.post("They condemn it too"), world.post("Another archive")];
    world.site.serve("/other/", Response::feed(crate::world::feed_of(&strange)));
    world.change_config("/feed/", "/other/");
    world.restart().await;
    world.hours(1);
    let ran = world.run().await;
    assert_eq!(ran.made(), (0, 0, 0));
    assert!(ran.says("2 new posts at the feed's new address, where no known post is"), "{:?}", ran.pass.notes);
    assert_eq!(subjects(&world.mails_to(STAFF)), ["2 posts of the feed “site” are held"]);
}

#[tokio::test]
async fn a_wrong_future_date_that_the_site_corrects_holds_nothing_back() {
    let world = World::new().await;
    world.begin(1).await;
    let statement = world.post("Coalition condemns a transfer").id("7");
    let in_a_year = statement.at(world.clock.now() + jiff::SignedDuration::from_hours(24 * 365));
    assert_eq!(world.next_look(&[in_a_year]).await.made(), (0, 0, 0));
    world.next_look(&[world.post("Coalition condemns a transfer").id("7")]).await;
    assert_eq!(world.run().await.made(), (1, 1, 0));
    assert_eq!(subjects(&world.mails()), ["Condemnation: Coalition condemns a transfer"]);
}
