//! Relays in trouble: it costs no delivery an attempt, and others carry on where there are others.

use jiff::SignedDuration;
use tidings::{
    deliver::Until,
    domain::{
        delivery::{DeliveryState, Lane},
        relay::{Place, Relay},
        slug::Slug,
    },
    stop::Stop,
};

use super::house::{House, WINDOW, assert_spoken, checked, recipients, sorted, wide};
use crate::world::{
    eventually,
    manners::{Manner, in_each_manner, under_way},
    relay::{Answer, Gate, ScriptedRelay, Stage},
    stores::{TestStore, on_both_engines, sqlite},
};

/// A relay that nobody answers at.
async fn nobody() -> Relay {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let relay = ScriptedRelay::start().await;
    let place = Place::Tcp { host: "127.0.0.1".to_owned(), port };
    Relay { name: Slug::parse("nobody").expect("a slug"), place, ..relay.relay() }
}

on_both_engines!(a_relay_that_is_down_costs_no_attempt, async |test: &TestStore| {
    let house = House::with(test, vec![Relay { connections: 3, ..nobody().await }]).await;
    house.readers(20).await;
    let issue = house.digest().await;
    let counts = house.run().await;
    assert_eq!(counts.total(), 0);
    let trouble = counts.trouble.expect("a relay in trouble");
    assert!(trouble.starts_with("relay `nobody`: cannot connect to `127.0.0.1:"), "{trouble}");
    assert_eq!(house.states(issue).await[&DeliveryState::Queued], 20);
    let now = house.room.clock.now();
    assert_eq!(house.room.store.due(now).await.expect("due"), (20, None), "all are due at once");
    assert_eq!(house.delivery("reader7@example.net").await.attempts, 0);
});

in_each_manner!(a_relay_in_trouble_in_the_middle_makes_the_rest_wait, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    for _ in 0..5 {
        relay.answer_once(Stage::Mail, Answer::Usual);
    }
    relay.answer(Stage::Mail, Answer::Reply("421 4.3.2 going down"));
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(12).await;
    let issue = house.digest().await;
    let counts = house.run().await;
    assert_eq!(counts.sent, 5);
    let trouble = counts.trouble.expect("trouble");
    assert!(trouble.contains("421"), "{trouble}");
    let states = house.states(issue).await;
    assert_eq!((states[&DeliveryState::Sent], states[&DeliveryState::Queued]), (5, 7));
    let filter = tidings::store::deliveries::Filter { state: Some(DeliveryState::Queued), ..Default::default() };
    let waiting = house.room.store.deliveries(&filter, 20).await.expect("deliveries");
    assert!(waiting.iter().all(|delivery| delivery.attempts == 0));
    // It was offered to a session that had worked and to a fresh one; a third would be knocking at a closed door.
    assert_eq!(relay.ledger().seen(Stage::Mail), 7);
    relay.answer(Stage::Mail, Answer::Usual);
    house.wait(SignedDuration::from_mins(1));
    let counts = house.run().await;
    assert_eq!((counts.sent, counts.trouble), (7, None));
    assert_eq!(checked(&relay).len(), 12);
});

in_each_manner!(a_message_that_was_under_way_does_not_hide_that_the_relay_is_in_trouble, async |manner: Manner| {
    let (test, relay, gate) = (sqlite().await, ScriptedRelay::speaking(manner).await, Gate::closed());
    relay.answer(Stage::Dot, Answer::Held(gate.clone())).answer_once(Stage::Mail, Answer::Usual);
    relay.answer(Stage::Mail, Answer::Reply("450 4.7.1 quota"));
    let house = House::with(&test, vec![wide(&relay, 2)]).await;
    // More than one connection has under way, so that the other one has work.
    house.readers(3 * under_way(manner, WINDOW)).await;
    let issue = house.digest().await;
    let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
    relay.wait_for(Stage::Dot, 1).await;
    // All were claimed at once.
    eventually("a delivery that is given back", async || {
        house.states(issue).await.contains_key(&DeliveryState::Queued)
    })
    .await;
    gate.open();
    let counts = delivering.await.expect("no panic").expect("delivered");
    assert_eq!(counts.sent, 1);
    assert!(counts.trouble.is_some_and(|trouble| trouble.contains("450 4.7.1")), "the others were not tried, and why?");
});

in_each_manner!(a_relay_that_ends_each_connection_after_a_few_messages_is_not_in_trouble, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    for _ in 0..5 {
        for _ in 0..4 {
            relay.answer_once(Stage::Mail, Answer::Usual);
        }
        relay.answer_once(Stage::Mail, Answer::Reply("421 4.7.0 too many messages on this connection"));
    }
    let house = House::with(&test, vec![relay.relay()]).await;
    let readers = house.readers(20).await;
    house.digest().await;
    let counts = house.run().await;
    assert_eq!((counts.sent, counts.total(), counts.trouble), (20, 20, None));
    assert_eq!(recipients(&relay), sorted(readers));
    assert_eq!(relay.ledger().connections, 5);
    assert_spoken(&relay, manner);
});

in_each_manner!(a_connection_that_the_relay_closed_meanwhile_is_opened_anew, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer_once(Stage::Mail, Answer::Usual);
    relay.answer_once(Stage::Mail, Answer::Close);
    relay.answer_once(Stage::Mail, Answer::Usual);
    relay.answer_once(Stage::Mail, Answer::Reset);
    // One message in flight: what else is on the wire as a whole would be lost with the connection, and unknown.
    let house = House::with(&test, vec![Relay { window: 1, ..relay.relay() }]).await;
    house.readers(6).await;
    house.digest().await;
    let counts = house.run().await;
    let lost = if manner == Manner::Chunked { 1..=2 } else { 0..=0 };
    assert!(lost.contains(&counts.unknown), "{counts:?}");
    assert_eq!((counts.sent + counts.unknown, counts.total(), counts.trouble), (6, 6, None));
    assert_eq!(relay.ledger().connections, 3);
});

in_each_manner!(a_connection_that_was_closed_while_it_was_idle_costs_nobody_anything, async |manner: Manner| {
    for words in ["", "421 4.4.2 idle for too long\r\n"] {
        let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
        let house = House::with(&test, vec![relay.relay()]).await;
        house.readers(30).await;
        let stop = Stop::default();
        let delivering = house.start(Until::Stopped, &stop);
        for connections in 1..=3 {
            let alert = house.alert().await;
            house.until_state(alert, DeliveryState::Sent, 30).await;
            assert_eq!(relay.ledger().connections, connections, "one, until it is closed");
            relay.hang_up(words);
            relay.wait_until_alone().await;
        }
        stop.ask();
        let counts = delivering.await.expect("no panic").expect("delivered");
        assert_eq!((counts.sent, counts.total(), counts.trouble), (90, 90, None));
        assert_eq!(checked(&relay).len(), 90);
        assert_spoken(&relay, manner);
    }
});

in_each_manner!(a_421_after_some_messages_does_not_make_the_relay_distrusted, async |manner: Manner| {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Dot] {
        let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
        for _ in 0..7 {
            relay.answer_once(stage, Answer::Usual);
        }
        relay.answer_once(stage, Answer::Reply("421 4.7.0 enough for now"));
        let house = House::with(&test, vec![relay.relay()]).await;
        house.readers(60).await;
        house.digest().await;
        let counts = house.run().await;
        // At the end of data it may be about the message.
        let deferred = u64::from(stage == Stage::Dot);
        assert_eq!(
            (counts.sent, counts.deferred, counts.total()),
            (60 - deferred, deferred, 60),
            "{stage:?}: {counts:?}"
        );
        assert_eq!((counts.trouble, relay.ledger().connections), (None, 2), "{stage:?}");
        assert_eq!(checked(&relay).len(), counts.sent as usize, "{stage:?}");
        assert_spoken(&relay, manner);
    }
});

in_each_manner!(a_relay_that_takes_fewer_connections_than_we_have_is_used_with_those, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer_once(Stage::Connect, Answer::Usual);
    relay.answer(Stage::Connect, Answer::Reply("421 4.7.0 too many connections from your host"));
    // The one that got through waits until all the others were turned away.
    let gate = Gate::closed();
    relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    let house = House::with(&test, vec![wide(&relay, 4)]).await;
    let readers = house.readers(100).await;
    house.digest().await;
    let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
    relay.wait_for(Stage::Dot, 1).await;
    relay.wait_for(Stage::Connect, 4).await;
    gate.open();
    let counts = delivering.await.expect("no panic").expect("delivered");
    assert_eq!((counts.sent, counts.trouble), (100, None));
    assert_eq!(recipients(&relay), sorted(readers));
    // Each is turned away once more, at most: when it is not yet clear that another one got in.
    assert!(relay.ledger().connections <= 7, "those that were turned away do not knock again and again");
});

in_each_manner!(
    the_second_relay_carries_on_while_the_first_is_down_and_rests_while_it_is_well,
    async |manner: Manner| {
        let (test, second) = (sqlite().await, ScriptedRelay::speaking(manner).await);
        let named =
            |name, priority, relay: Relay| Relay { name: Slug::parse(name).expect("a slug"), priority, ..relay };
        let house = House::with(&test, vec![nobody().await, named("second", 2, wide(&second, 2))]).await;
        let readers = house.readers(30).await;
        house.digest().await;
        let counts = house.run().await;
        assert_eq!(counts.sent, 30);
        assert!(counts.trouble.expect("the first is still in trouble").starts_with("relay `nobody`"));
        assert_eq!(recipients(&second), sorted(readers));

        let (first, second) = (ScriptedRelay::speaking(manner).await, ScriptedRelay::speaking(manner).await);
        let relays = vec![named("second", 2, wide(&second, 2)), named("first", 1, wide(&first, 2))];
        let house = house.through(relays);
        house.digest().await;
        assert_eq!(house.run().await.sent, 30);
        assert_eq!((first.messages().len(), second.messages().len()), (30, 0));
        assert_eq!(second.ledger().connections, 0);
    }
);

in_each_manner!(a_relay_that_never_greets_does_not_keep_a_finished_run_waiting, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer_once(Stage::Connect, Answer::Usual);
    relay.answer(Stage::Connect, Answer::Stall);
    let house = House::with(&test, vec![wide(&relay, 2)]).await;
    house.readers(5).await;
    house.digest().await;
    let began = std::time::Instant::now();
    assert_eq!(house.run().await.sent, 5);
    let limit = relay.relay().timers.greeting;
    assert!(began.elapsed() < limit, "it waited for the greeting of a connection that it needs no more");
});
