//! Who may send what, and when: lanes, leaving, expiry, two processes at once, and processes that slept too long.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use sqlx::Row;
use tidings::{
    deliver::Until,
    domain::delivery::{DeliveryState, Lane},
    domain::issue::IssueState,
    stop::Stop,
    store::holders::Renewal,
};

use super::house::{ALERT_EXPIRES, House, WINDOW, checked, recipients, sorted, wide};
use crate::world::{
    eventually,
    manners::{Manner, in_each_manner, in_each_manner_on_both_engines, under_way},
    relay::{Answer, Gate, ScriptedRelay, Stage},
    stores::{TestStore, postgres, sqlite},
};

/// More than a connection has under way, and so few that all are claimed at once.
const READERS: usize = 24;

const IDLE: Until = Until::Idle(Lane::Digest);

/// Holds the relay at its `nth` end of data; open the gate to let it go on.
fn held_at(relay: &ScriptedRelay, nth: usize) -> Gate {
    let gate = Gate::closed();
    for _ in 1..nth {
        relay.answer_once(Stage::Dot, Answer::Usual);
    }
    relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    gate
}

in_each_manner_on_both_engines!(
    an_alert_goes_before_the_rest_of_a_running_digest,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![relay.relay()]).await;
        house.readers(120).await;
        house.digest().await;
        let gate = held_at(&relay, 10);
        let delivering = house.start(IDLE, &Stop::default());
        relay.wait_for(Stage::Dot, 10).await;
        // Staff on another machine, or in another process.
        let alert = house.elsewhere(test).await.alert().await;
        eventually("the alert is claimed", async || house.states(alert).await.contains_key(&DeliveryState::Sending))
            .await;
        gate.open();
        assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 240);
        let subjects: Vec<bool> =
            checked(&relay).iter().map(|(_, mail)| mail.subject.starts_with("Statement on")).collect();
        // What was under way beside the tenth is before it.
        let first = subjects.iter().position(|is_alert| *is_alert).expect("an alert");
        assert!((10..10 + under_way(manner, WINDOW)).contains(&first), "{first} of the digest before it");
        let wrong: Vec<usize> = (0..240).filter(|n| subjects[*n] != (first..first + 120).contains(n)).collect();
        assert_eq!(wrong, [0; 0], "ten of the digest and those beside, then the whole alert, then the rest");
    }
);

in_each_manner_on_both_engines!(
    who_leaves_before_the_message_goes_out_gets_nothing,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![relay.relay()]).await;
        let readers = house.readers(READERS).await;
        let issue = house.digest().await;
        house.leave("reader3@example.net").await;
        let gate = held_at(&relay, 1);
        let delivering = house.start(IDLE, &Stop::default());
        relay.wait_for(Stage::Dot, 1).await;
        // All are claimed by now, and the relay is slow.
        house.wait(SignedDuration::from_secs(2));
        for leaver in readers.iter().filter(|reader| *reader != "reader3@example.net") {
            house.leave(leaver).await;
        }
        gate.open();
        let counts = delivering.await.expect("no panic").expect("delivered");
        let on_the_wire = under_way(manner, WINDOW) as u64;
        assert_eq!((counts.sent, counts.dropped), (on_the_wire, READERS as u64 - on_the_wire));
        assert_eq!(relay.messages().len() as u64, on_the_wire);
        assert!(!recipients(&relay).iter().any(|recipient| recipient == "reader3@example.net"));
        assert_eq!(house.states(issue).await[&DeliveryState::Dropped], READERS as u64 - on_the_wire);
    }
);

in_each_manner_on_both_engines!(an_issue_that_is_stopped_stops_at_once, async |test: &TestStore, manner: Manner| {
    for to in [IssueState::Held, IssueState::Cancelled] {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![relay.relay()]).await;
        let issue = match to {
            IssueState::Held => {
                house.readers(READERS).await;
                house.digest().await
            }
            _ => house.alert().await,
        };
        let gate = held_at(&relay, 1);
        let delivering = house.start(IDLE, &Stop::default());
        relay.wait_for(Stage::Dot, 1).await;
        house.wait(SignedDuration::from_secs(2));
        let mut tx = house.room.store.begin().await.expect("begin");
        assert!(tx.move_issue(issue, IssueState::Queued, to, "a mistake in it").await.expect("moved"));
        tx.commit().await.expect("commit");
        gate.open();
        let on_the_wire = under_way(manner, WINDOW) as u64;
        assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, on_the_wire);
        assert_eq!(relay.messages().len() as u64, on_the_wire);
        let states = house.states(issue).await;
        let rest = if to == IssueState::Held { DeliveryState::Queued } else { DeliveryState::Dropped };
        assert_eq!(
            (states[&DeliveryState::Sent], states[&rest]),
            (on_the_wire, READERS as u64 - on_the_wire),
            "{states:?}"
        );
    }
});

in_each_manner_on_both_engines!(
    a_late_alert_expires_even_when_it_was_claimed_in_time,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![relay.relay()]).await;
        house.readers(READERS).await;
        let alert = house.alert().await;
        let gate = held_at(&relay, 1);
        let delivering = house.start(IDLE, &Stop::default());
        relay.wait_for(Stage::Dot, 1).await;
        house.wait(ALERT_EXPIRES);
        gate.open();
        let counts = delivering.await.expect("no panic").expect("delivered");
        let on_the_wire = under_way(manner, WINDOW) as u64;
        assert_eq!((counts.sent, counts.expired), (on_the_wire, READERS as u64 - on_the_wire));
        assert_eq!(house.states(alert).await[&DeliveryState::Expired], READERS as u64 - on_the_wire);
        assert_eq!(relay.messages().len() as u64, on_the_wire);
    }
);

in_each_manner_on_both_engines!(
    two_processes_at_once_send_no_message_twice,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        let one = House::with(test, vec![wide(&relay, 3)]).await;
        let readers = one.readers(400).await;
        let issue = one.digest().await;
        let two = one.elsewhere(test).await;
        let (a, b) = tokio::join!(one.run(), two.run());
        assert_eq!(a.sent + b.sent, 400);
        assert_eq!(recipients(&relay), sorted(readers));
        assert_eq!(one.states(issue).await[&DeliveryState::Sent], 400);
        assert_eq!(checked(&relay).len(), 400);
    }
);

in_each_manner_on_both_engines!(
    a_process_that_slept_past_its_lease_sends_nothing_that_others_took_up,
    async |test: &TestStore, manner: Manner| {
        let (slow, quick) = (ScriptedRelay::speaking(manner).await, ScriptedRelay::speaking(manner).await);
        let sleeper = House::with(test, vec![slow.relay()]).await;
        let readers = sleeper.readers(READERS).await;
        let issue = sleeper.digest().await;
        let gate = held_at(&slow, 1);
        let sleeping = sleeper.start(IDLE, &Stop::default());
        slow.wait_for(Stage::Dot, 1).await;
        sleeper.until_state(issue, DeliveryState::Sending, READERS as u64).await;
        // To the others it looks dead: they take its deliveries up.
        let mut raw = test.raw().await;
        sqlx::query("UPDATE deliveries SET state = 'unknown', holder = NULL, try_at = 0")
            .execute(&mut raw)
            .await
            .expect("taken");
        sqlx::query("DELETE FROM holders").execute(&mut raw).await.expect("declared dead");
        sleeper.wait(SignedDuration::from_secs(61));
        let other = sleeper.elsewhere(test).await.through(vec![quick.relay()]);
        assert_eq!(other.run().await.sent, READERS as u64);
        gate.open();
        let woken = sleeping.await.expect("no panic");
        assert_eq!(slow.messages().len(), under_way(manner, WINDOW), "only what it had on the wire: {woken:?}");
        assert_eq!(recipients(&quick), sorted(readers));
        assert_eq!(sleeper.states(issue).await[&DeliveryState::Sent], READERS as u64);
    }
);

in_each_manner_on_both_engines!(a_living_process_says_so_again_and_again, async |test: &TestStore, manner: Manner| {
    let relay = ScriptedRelay::speaking(manner).await;
    let house = House::with(test, vec![relay.relay()]).await;
    house.readers(3).await;
    house.digest().await;
    let gate = held_at(&relay, 1);
    let delivering = house.start(IDLE, &Stop::default());
    relay.wait_for(Stage::Dot, 1).await;
    let mut raw = test.raw().await;
    let mut alive_until = async || -> i64 {
        let row = sqlx::query("SELECT MAX(alive_until) FROM holders").fetch_one(&mut raw).await.expect("a holder");
        row.get(0)
    };
    let first = alive_until().await;
    house.wait(SignedDuration::from_secs(11));
    eventually("a renewed lease", async || alive_until().await > first).await;
    gate.open();
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 3);
    assert_eq!(sqlx::query("SELECT id FROM holders").fetch_all(&mut test.raw().await).await.expect("read").len(), 0);
});

in_each_manner_on_both_engines!(an_idle_process_sees_what_others_queue, async |test: &TestStore, manner: Manner| {
    let relay = ScriptedRelay::speaking(manner).await;
    let house = House::with(test, vec![relay.relay()]).await;
    house.readers(1).await;
    let stop = Stop::default();
    let delivering = house.start(Until::Stopped, &stop);
    let staff = house.elsewhere(test).await;
    for nth in 1..=3 {
        let queued = staff.alert();
        queued.await;
        let began = Instant::now();
        relay.wait_for_messages(nth).await;
        // It looks ten times a second; the rest is for a busy machine.
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    stop.ask();
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 3);
});

in_each_manner!(only_the_lane_that_was_asked_for_and_those_before_it_are_delivered, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(3).await;
    let (digest, alert) = (house.digest().await, house.alert().await);
    let delivering = house.start(Until::Idle(Lane::Alert), &Stop::default());
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 3);
    assert_eq!(house.states(alert).await[&DeliveryState::Sent], 3);
    assert_eq!(house.states(digest).await[&DeliveryState::Queued], 3);
});

#[tokio::test]
async fn nobody_is_taken_for_dead_while_nobody_could_say_that_they_live() {
    let (test, relay) = (postgres().await, ScriptedRelay::start().await);
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(3).await;
    let issue = house.digest().await;
    // Another process has messages on the wire, and comes back to the store later than this one.
    let (store, now) = (house.elsewhere(&test).await.room.store, house.room.clock.now());
    let late = store.begin_holder(now).await.expect("holder");
    assert_eq!(store.claim(&late, Lane::Digest, 9, now).await.expect("claim").deliveries.len(), 3);
    let stop = Stop::default();
    let delivering = house.start(Until::Stopped, &stop);
    let mut raw = test.raw().await;
    let holders = "SELECT COUNT(*) FROM holders WHERE alive_until > 0";
    let alive = async |raw: &mut sqlx::AnyConnection| -> i64 {
        sqlx::query_scalar(holders).fetch_one(raw).await.expect("a count")
    };
    eventually("it is there", async || alive(&mut raw).await == 2).await;
    // The server was away for longer than a lease.
    sqlx::query("UPDATE holders SET alive_until = 0").execute(&mut raw).await.expect("changed");
    house.wait(SignedDuration::from_secs(11));
    eventually("it says that it lives", async || alive(&mut raw).await == 1).await;
    let next = house.alert().await;
    house.until_state(next, DeliveryState::Sent, 3).await;
    assert_eq!(house.states(issue).await.get(&DeliveryState::Sending), Some(&3), "they are the other one's");
    assert_eq!(store.renew_holder(&late, house.room.clock.now()).await.expect("renewed"), Renewal::Late);
    stop.ask();
    delivering.await.expect("no panic").expect("delivered");
}
