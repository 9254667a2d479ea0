//! Why did, or didn't, somebody get a post? Each answer is told over a real house, from the feed to what came back.

use tidings::{
    domain::{consent::Door, subscription::Choice, subscription::Wanted, suppression::SuppressionKind},
    explain::explain,
    intake::bounces,
    newsroom::{self, By},
    store::suppressions::Scope,
    subscribe,
};

use crate::world::{
    World, address_of,
    relay::{Answer, Stage},
    slug,
    stores::told_on_both_engines,
};

/// The whole explanation, as one text.
async fn told(world: &World, post: &str, address: &str) -> String {
    explain(&world.app, post, &address_of(address)).await.expect("an explanation").join("\n")
}

/// Fails unless the explanation holds all of these.
async fn assert_told(world: &World, post: &str, address: &str, words: &[&str]) {
    let told = told(world, post, address).await;
    for words in words {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
}

told_on_both_engines!(who_was_not_among_the_readers_is_told_why);
async fn who_was_not_among_the_readers_is_told_why() {
    let world = World::new().await;
    world.begin(5).await;
    let store = &world.app.store;
    let (news, now) = (slug("news"), world.clock.now());
    world.part("news", "reader2@example.org").await;
    let barred = address_of("reader3@example.org");
    let done = store.suppress(&barred, Scope::All, SuppressionKind::Staff, "a wish", now).await;
    assert!(done.expect("suppressed"));
    let reader = store.subscriber_of(&address_of("reader4@example.org")).await.expect("read").expect("they are known");
    let mut tx = store.begin().await.expect("a transaction");
    let choice = Choice { alerts: Wanted::No, ..Choice::ALL };
    tx.choose(&news, reader, choice, Door::Web, now).await.expect("chosen");
    tx.commit().await.expect("committed");
    subscribe::forget(&world.app, &address_of("reader5@example.org")).await.expect("erased");
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.minutes(5);
    world.join("news", "late@example.org").await;

    let post = "Coalition condemns a transfer";
    let not = "was not among its readers when it was queued";
    for (address, why) in [
        ("reader2@example.org", "they had left at 2024-04-24T12:00:00Z"),
        ("reader3@example.org", "they were suppressed since 2024-04-24T12:00:00Z"),
        ("reader4@example.org", "they have turned alerts off"),
        ("reader5@example.org", "nothing is known of them: they never asked, or were erased"),
        ("late@example.org", "they joined later, at 2024-04-24T12:15:00Z"),
    ] {
        assert_told(&world, post, address, &[&format!("{not}: {why}.")]).await;
    }
    assert_told(&world, post, "reader3@example.org", &["is suppressed for `news` since 2024-04-24T12:00:00Z: a wish."])
        .await;
    assert_told(&world, post, "reader4@example.org", &["(consent: staff), and wants its digests only."]).await;
    let sent = told(&world, post, "reader1@example.org").await;
    assert!(sent.contains("tried once, and is sent since 2024-04-24T12:10:00Z: 250 ") && !sent.contains(not), "{sent}");
}

told_on_both_engines!(what_became_of_an_issue_and_a_message_is_told_to_its_end);
async fn what_became_of_an_issue_and_a_message_is_told_to_its_end() {
    let world = World::setup().list("alerts_per_day = 1").start().await;
    world.begin(2).await;
    world.relay.answer_recipient("reader2@example.org", Answer::Reply("550 5.1.1 nobody of this name"));
    world.next_look(&["one", "two"].map(|n| world.post(&format!("Coalition condemns transfer {n}")))).await;
    bounces::judge_bounces(&world.app).await.expect("judged");
    assert_told(
        &world,
        "transfer one",
        "reader2@example.org",
        &[
            "tried once, and is bounced since",
            "550 5.1.1 nobody of this name",
            "it came back (hard): 550 nobody of this name",
            "is suppressed for",
        ],
    )
    .await;
    let held = world.held_issue().await;
    let reason = "1 alerts were made in the last 24 hours, and alerts_per_day is 1";
    let is_held = format!("which is held: {reason}.");
    assert_told(&world, "transfer two", "reader1@example.org", &[&is_held, "held: 1 alerts were made", "(run 2)"])
        .await;
    newsroom::cancel(&world.app, held, "not wanted", &By::Machine("a test".to_owned())).await.expect("cancelled");
    assert_told(
        &world,
        "transfer two",
        "reader1@example.org",
        &["which was cancelled: not wanted, by a test at the machine.", "cancelled: not wanted"],
    )
    .await;
}

#[tokio::test]
async fn what_could_not_be_sent_in_time_is_told_to_have_expired() {
    let world = World::new().await;
    world.begin(1).await;
    world.relay.answer(Stage::Connect, Answer::Reply("421 4.3.2 down"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_told(&world, "transfer", "reader1@example.org", &["not tried yet, and is queued since", "to be tried at"])
        .await;
    world.relay.answer(Stage::Connect, Answer::Usual);
    world.hours(13);
    world.run().await;
    let words = ["is expired since", "its time ran out before it could be sent"];
    assert_told(&world, "transfer", "reader1@example.org", &words).await;
}

#[tokio::test]
async fn a_post_that_is_in_no_issue_is_told_why_not() {
    let world = World::new().await;
    world.begin(1).await;
    let embargoed = world.post("Tomorrow").at(world.clock.now() + jiff::SignedDuration::from_hours(24));
    world.next_look(&[world.post("Webinar"), embargoed]).await;
    let flood: Vec<_> = (1..=11).map(|n| world.post(&format!("Story {n} of many"))).collect();
    world.next_look(&flood).await;
    for (post, why) in [
        ("An old story", "So it goes into no issue of `news`."),
        ("Webinar", "it waits for the next digest"),
        ("Tomorrow", "its date has not come"),
        ("Story 11 of many", "staff have not decided"),
    ] {
        assert_told(&world, post, "reader1@example.org", &[why]).await;
    }
}
