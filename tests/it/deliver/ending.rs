//! Being told to end: once, to finish what is at hand; twice, at once. Either way nothing is lost.

use std::collections::BTreeMap;

use tidings::{
    deliver::Until,
    domain::delivery::{DeliveryState, Lane},
    stop::Stop,
};

use super::house::{House, WINDOW, checked, recipients, sorted, wide};
use crate::world::{
    manners::{Manner, in_each_manner, in_each_manner_on_both_engines, under_way},
    relay::{Answer, Gate, ScriptedRelay, Stage},
    stores::{TestStore, sqlite},
};

/// Far more than are in flight on all connections.
const READERS: usize = 200;

in_each_manner_on_both_engines!(
    asked_once_it_finishes_what_is_at_hand_and_gives_the_rest_back,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![wide(&relay, 2)]).await;
        house.readers(READERS).await;
        let issue = house.digest().await;
        let (gate, stop) = (Gate::closed(), Stop::default());
        relay.answer(Stage::Dot, Answer::Held(gate.clone()));
        let delivering = house.start(Until::Stopped, &stop);
        relay.wait_for(Stage::Dot, 2).await;
        stop.ask();
        gate.open();
        let counts = delivering.await.expect("no panic").expect("delivered");
        let sent = relay.messages().len();
        assert!((2..READERS).contains(&sent), "{sent}");
        assert_eq!(counts.sent, sent as u64);
        let states = house.states(issue).await;
        assert_eq!(
            (states[&DeliveryState::Sent], states[&DeliveryState::Queued]),
            (sent as u64, READERS as u64 - sent as u64)
        );
        let now = house.room.clock.now();
        assert_eq!(house.room.store.due(now).await.expect("due"), (READERS as u64 - sent as u64, None), "due at once");
        assert_eq!(house.run().await.sent, READERS as u64 - sent as u64);
        assert_eq!(relay.messages().len(), READERS);
    }
);

in_each_manner_on_both_engines!(
    asked_twice_it_ends_at_once_and_the_next_one_takes_up,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![wide(&relay, 2)]).await;
        let readers = house.readers(READERS).await;
        let issue = house.digest().await;
        let (gate, stop) = (Gate::closed(), Stop::default());
        relay.answer_once(Stage::Dot, Answer::Held(gate.clone())).answer_once(Stage::Dot, Answer::Held(gate.clone()));
        let delivering = house.start(Until::Stopped, &stop);
        relay.wait_for(Stage::Dot, 2).await;
        stop.ask();
        stop.ask();
        delivering.await.expect("no panic").expect("ended");
        let states = house.states(issue).await;
        let on_the_wire = 2 * under_way(manner, WINDOW);
        let expected = (on_the_wire as u64, (READERS - on_the_wire) as u64);
        assert_eq!((states[&DeliveryState::Unknown], states[&DeliveryState::Queued]), expected, "{states:?}");
        // The relay takes two at least all the same, and cannot say so any more.
        gate.open();
        relay.wait_until_alone().await;
        let taken = relay.messages().len();
        assert!((2..=on_the_wire).contains(&taken), "{taken}");
        assert_eq!(house.run().await.sent, READERS as u64);
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (received, mail) in checked(&relay) {
            ids.entry(received.recipient).or_default().push(mail.headers["message-id"].clone());
        }
        assert_eq!(ids.keys().cloned().collect::<Vec<_>>(), sorted(readers));
        assert_eq!(ids.values().filter(|copies| copies.len() == 2 && copies[0] == copies[1]).count(), taken);
        assert_eq!(recipients(&relay).len(), READERS + taken);
    }
);

in_each_manner!(asked_once_it_does_not_wait_for_ever_for_what_is_on_the_wire, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer(Stage::Dot, Answer::Stall);
    let mut house = House::with(&test, vec![relay.relay()]).await;
    house.room.drain = std::time::Duration::from_millis(50);
    house.readers(READERS).await;
    let issue = house.digest().await;
    let stop = Stop::default();
    let delivering = house.start(Until::Stopped, &stop);
    relay.wait_for(Stage::Dot, 1).await;
    stop.ask();
    delivering.await.expect("no panic").expect("ended");
    let states = house.states(issue).await;
    let on_the_wire = under_way(manner, WINDOW) as u64;
    let expected = (on_the_wire, READERS as u64 - on_the_wire);
    assert_eq!((states[&DeliveryState::Unknown], states[&DeliveryState::Queued]), expected, "{states:?}");
});

in_each_manner!(a_stop_does_not_wait_for_a_relay_that_never_greets, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer(Stage::Connect, Answer::Stall);
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(3).await;
    let issue = house.digest().await;
    let stop = Stop::default();
    let began = std::time::Instant::now();
    let delivering = house.start(Until::Idle(Lane::Digest), &stop);
    relay.wait_for(Stage::Connect, 1).await;
    house.until_state(issue, DeliveryState::Sending, 3).await;
    stop.ask();
    delivering.await.expect("no panic").expect("ended");
    assert!(began.elapsed() < relay.relay().timers.greeting);
    assert_eq!(house.states(issue).await[&DeliveryState::Queued], 3);
});
