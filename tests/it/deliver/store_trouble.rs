//! A store that cannot be written while a send runs: nothing goes out beyond what is in hand, and it goes on by itself.

use std::time::Duration;

use sqlx::Connection;
use tidings::{
    deliver::Until,
    domain::{
        delivery::{DeliveryState, Lane},
        relay::Relay,
    },
    stop::Stop,
};

use super::house::{House, checked, recipients, sorted, wide};
use crate::world::{
    relay::{Answer, Gate, ScriptedRelay, Stage},
    stores::{TestStore, on_both_engines, sqlite},
};

/// How long nothing must happen. Without the rule under test a relay on this machine takes hundreds of messages in it.
const A_WHILE: Duration = Duration::from_millis(300);

/// So many connections, each with one message in flight.
fn one_in_flight_each(relay: &ScriptedRelay, connections: usize) -> Relay {
    Relay { window: 1, ..wide(relay, connections) }
}

/// Holds each of the first `count` ends of data until the gate is opened.
fn hold_first(relay: &ScriptedRelay, count: usize) -> Gate {
    let gate = Gate::closed();
    for _ in 0..count {
        relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    }
    gate
}

on_both_engines!(without_its_table_it_sends_nothing_more_and_then_goes_on_by_itself, async |test: &TestStore| {
    let relay = ScriptedRelay::start().await;
    let house = House::with(test, vec![one_in_flight_each(&relay, 2)]).await;
    let readers = house.readers(100).await;
    let issue = house.digest().await;
    let gate = hold_first(&relay, 2);
    let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
    relay.wait_for(Stage::Dot, 2).await;
    let mut raw = test.raw().await;
    sqlx::query("ALTER TABLE deliveries RENAME TO deliveries_away").execute(&mut raw).await.expect("away");
    gate.open();
    relay.wait_for_messages(2).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(relay.messages().len(), 2, "what was in hand, and no more");
    sqlx::query("ALTER TABLE deliveries_away RENAME TO deliveries").execute(&mut raw).await.expect("back");
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 100);
    assert_eq!(recipients(&relay), sorted(readers), "everyone once");
    assert_eq!(house.states(issue).await[&DeliveryState::Sent], 100);
    assert_eq!(checked(&relay).len(), 100);
});

#[tokio::test]
async fn while_another_process_keeps_sqlite_locked_it_waits() {
    let (test, relay) = (sqlite().await, ScriptedRelay::start().await);
    let house = House::with(&test, vec![one_in_flight_each(&relay, 2)]).await;
    let readers = house.readers(100).await;
    let issue = house.digest().await;
    let gate = hold_first(&relay, 2);
    let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
    relay.wait_for(Stage::Dot, 2).await;
    let mut raw = test.raw().await;
    let mut lock = raw.begin_with("BEGIN EXCLUSIVE").await.expect("locked");
    sqlx::query("SELECT 1").execute(&mut *lock).await.expect("held");
    gate.open();
    relay.wait_for_messages(2).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(relay.messages().len(), 2, "what was in hand, and no more");
    lock.rollback().await.expect("unlocked");
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 100);
    assert_eq!(recipients(&relay), sorted(readers), "everyone once");
    assert_eq!(house.states(issue).await[&DeliveryState::Sent], 100);
}
