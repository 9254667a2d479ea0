//! Machines that were off, runs that were killed, relays that were down: what is late is sent once, or not at all.

use super::SLOT;
use crate::world::{World, run, subjects};

#[tokio::test]
async fn a_machine_that_was_off_for_three_weeks_sends_one_digest() {
    let world = World::new().await;
    world.begin(1).await;
    let posts = ["Webinar", "Report", "Coalition condemns a transfer"].map(|title| world.post(title));
    world.feed_has(&posts);
    world.until("2024-05-15T10:00:00Z");
    assert_eq!(world.run().await.made(), (3, 0, 1), "a statement three weeks old is no alert");
    assert_eq!(subjects(&world.mails()).len(), 1);
    assert!(world.mails()[0].text.contains("condemns"));
    for _ in 0..10 {
        world.hours(1);
        assert_eq!(world.run().await.made(), (0, 0, 0));
    }
    world.until("2024-05-20T09:00:00Z");
    assert!(world.run().await.says("no new posts"), "the next slot is the next Monday");
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_house_that_opens_after_its_slot_does_not_send_it() {
    let world = World::setup().at(SLOT.parse().expect("an instant")).start().await;
    world.begin(1).await;
    world.minutes(1);
    assert_eq!(world.run().await.pass.notes, Vec::<String>::new(), "that slot was before our time");
}

/// What a run leaves behind that was killed after it had written a post down and before it made its alert.
async fn killed_before_the_alert() -> World {
    let world = World::new().await;
    world.begin(1).await;
    world.change_config("alerts = true", "alerts = false");
    let killed = world.another().await;
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    world.minutes(10);
    assert_eq!(run(&killed).await.made(), (1, 0, 0));
    world
}

#[tokio::test]
async fn a_run_killed_before_its_alert_leaves_it_to_the_next() {
    let world = killed_before_the_alert().await;
    world.hours(11);
    assert_eq!(world.run().await.made(), (0, 1, 0));
    assert_eq!(subjects(&world.mails()), ["Condemnation: Coalition condemns a transfer"]);
}

#[tokio::test]
async fn an_alert_that_nobody_made_in_time_goes_into_the_digest() {
    let world = killed_before_the_alert().await;
    world.hours(12);
    assert_eq!(world.run().await.made(), (0, 0, 0));
    world.until(SLOT);
    assert_eq!(world.run().await.made(), (0, 0, 1));
    assert_eq!(subjects(&world.mails()), ["Coalition condemns a transfer | Coalition news"]);
}
