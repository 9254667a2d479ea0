//! A machine's clock that was ahead for a while, and is set right again: nothing that was put off by it may wait for as long.

use crate::world::{World, stores::told_on_both_engines};

/// More than a year.
const HOURS: i64 = 400 * 24;

told_on_both_engines!(a_clock_that_was_ahead_for_a_moment_silences_nothing);

async fn a_clock_that_was_ahead_for_a_moment_silences_nothing() {
    let world = World::new().await;
    world.begin(2).await;
    // A look at the feed, and a slot of the digest that is skipped, a year too soon.
    world.hours(HOURS);
    world.run().await;
    world.hours(-HOURS);
    let titles = ["The first of three", "The second of three", "The third of three"];
    let posts = titles.map(|title| world.post(title));
    let ran = world.next_look(&posts).await;
    assert_eq!(ran.made(), (3, 0, 0), "the feed is looked at: {ran:?}");
    assert!(ran.says("ahead"), "who looks after it is told: {ran:?}");
    world.hours(8 * 24);
    let ran = world.run().await;
    assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 1), 2), "the digest goes at its slot: {ran:?}");
    world.hours(1);
    assert!(!world.run().await.says("ahead"), "once");
}
