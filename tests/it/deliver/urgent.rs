//! Urgent means now: an alert overtakes a digest that is half sent. The relay is paced, for one that is faster than we are
//! would prove nothing.

use std::time::Duration;

use tidings::{deliver::Until, domain::delivery::DeliveryState, domain::relay::Manner, stop::Stop};

use super::house::{House, wide};
use crate::world::{
    relay::{Answer, ScriptedRelay, Stage},
    stores::sqlite,
};

const READERS: usize = 100_000;
const ALERTS: usize = 5;

/// So many messages of the digest at most end between the commit of an alert and its first message on the wire: what the
/// relay takes in a quarter of a second. How long that is on a machine that is not busy with other stories, the benchmark says.
const AT_ONCE: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_that_is_queued_while_100_000_digests_run_is_on_the_wire_at_once() {
    let (test, relay) = (sqlite().await, ScriptedRelay::setup().speaks(Manner::Chunked).start().await);
    // Some 800 messages a second over all connections.
    relay.answer(Stage::Dot, Answer::After(Duration::from_millis(5)));
    let house = House::with(&test, vec![wide(&relay, 4)]).await;
    house.readers(READERS).await;
    // Only a few want alerts, so that after each of them the digest goes on.
    let few = "UPDATE subscriptions SET alerts = 0 WHERE subscriber > (SELECT MIN(subscriber) + 4 FROM subscriptions)";
    sqlx::query(few).execute(&mut test.raw().await).await.expect("changed");
    let digest = house.digest().await;
    let stop = Stop::default();
    let delivering = house.start(Until::Stopped, &stop);
    let mut between = Vec::new();
    for nth in 1..=ALERTS {
        relay.wait_for(Stage::Dot, 300 * nth).await;
        let alert = house.alert().await;
        let before = relay.seen(Stage::Dot);
        let mailing = house.room.store.mailing_of_issue(alert).await.expect("read").expect("it was rendered");
        relay.wait_for_line(Stage::Mail, &format!("+bounce.{}.", mailing.id.0)).await;
        between.push(relay.seen(Stage::Dot) - before);
        house.until_state(alert, DeliveryState::Sent, 5).await;
    }
    stop.ask();
    delivering.await.expect("no panic").expect("delivered");
    let sent = house.states(digest).await[&DeliveryState::Sent];
    assert!((300..READERS as u64 / 2).contains(&sent), "the digest was in the middle: {sent} sent");
    println!("of the digest between commit and wire: {between:?}");
    // Another process may take the machine's cores for a moment, so the one in the middle counts.
    between.sort_unstable();
    assert!(between[ALERTS / 2] <= AT_ONCE, "{between:?}");
}
