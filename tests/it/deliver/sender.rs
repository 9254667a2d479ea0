//! Refusals for the sender's sake, and relays in trouble: no reader pays for them, and staff hear of it.

use jiff::SignedDuration;
use sqlx::Connection;
use tidings::{
    deliver::Until,
    domain::{
        alarm::{self, AlarmKind},
        delivery::{DeliveryState, Lane},
        issue::IssueState,
        relay::{Login, Proof, Relay},
    },
    stop::Stop,
    store::alarms::DueAlarm,
};

use super::house::{House, WINDOW, recipients};
use crate::world::{
    manners::{Manner, in_each_manner, in_each_manner_on_both_engines, under_way},
    relay::{Answer, ScriptedRelay, Stage},
    stores::{TestStore, postgres, sqlite},
};

/// What staff are to be told after so long.
async fn alarms_after(house: &House, time: SignedDuration) -> Vec<DueAlarm> {
    let then = house.room.clock.now().checked_add(time).expect("in range");
    house.room.store.due_alarms(then).await.expect("alarms")
}

in_each_manner_on_both_engines!(
    refused_for_our_sake_in_a_row_an_issue_is_held_before_the_list_is_burnt,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        relay.answer(Stage::Dot, Answer::Reply("550 5.7.26 not authenticated, see our policy"));
        let mut house = House::with(test, vec![relay.relay()]).await;
        house.room.hold_after = 3;
        house.readers(60).await;
        let issue = house.digest().await;
        house.run().await;
        let stored = house.room.store.issue(issue).await.expect("the issue");
        assert_eq!(stored.state, IssueState::Held);
        assert!(
            stored.state_reason.contains("5.7.26") || stored.state_reason.contains("not authenticated"),
            "{stored:?}"
        );
        let states = house.states(issue).await;
        assert!(!states.contains_key(&DeliveryState::Bounced), "no reader is given up: {states:?}");
        // The third one holds it; what was on the wire beside it, and in the place of the first two, is not taken back.
        let spent = relay.ledger().seen(Stage::Dot);
        assert!((3..3 + under_way(manner, WINDOW)).contains(&spent), "{spent} were spent on it");
        let alarms = alarms_after(&house, SignedDuration::ZERO).await;
        let [alarm] = &alarms[..] else { panic!("one alarm, at once: {alarms:?}") };
        assert_eq!((alarm.kind, alarm.about.as_str()), (AlarmKind::IssueHeld, format!("issue:{}", issue.0).as_str()));
        assert!(alarm.words.contains("tidings issues release"), "{}", alarm.words);
    }
);

in_each_manner!(one_that_is_taken_in_between_shows_that_the_sender_is_not_to_blame, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    for nth in (0..20).filter(|nth| nth % 3 != 0) {
        let reader = format!("reader{nth}@example.net");
        relay.answer_recipient(&reader, Answer::Reply("554 5.7.1 rejected as spam"));
    }
    let mut house = House::with(&test, vec![relay.relay()]).await;
    house.room.hold_after = 3;
    house.readers(20).await;
    let issue = house.digest().await;
    let counts = house.run().await;
    assert_eq!((counts.sent, counts.deferred, counts.refused), (7, 13, 0));
    assert_eq!(house.room.store.issue(issue).await.expect("the issue").state, IssueState::Queued);
    assert_eq!(recipients(&relay).len(), 7);
    assert_eq!(alarms_after(&house, SignedDuration::from_hours(1)).await, []);
});

in_each_manner!(staff_hear_of_a_relay_that_stays_away_and_not_of_one_that_blinks, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer_once(Stage::Connect, Answer::Reply("421 4.3.2 going down"));
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(2).await;
    house.digest().await;
    house.run().await;
    assert_eq!(alarms_after(&house, SignedDuration::ZERO).await, [], "it may pass");
    let later = alarms_after(&house, alarm::GRACE).await;
    assert_eq!((later.len(), later[0].kind, later[0].about.as_str()), (1, AlarmKind::RelayInTrouble, "relay:main"));
    assert!(later[0].words.contains("421"), "{}", later[0].words);
    assert_eq!(house.run().await.sent, 2);
    assert_eq!(alarms_after(&house, alarm::GRACE).await, [], "it has passed");
});

in_each_manner!(staff_hear_at_once_of_what_only_a_person_can_mend, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::setup().speaks(manner).login("news", "secret").start().await);
    let wrong = Login { username: "news".to_owned(), proof: Proof::Password("hunter2".into()) };
    let house = House::with(&test, vec![Relay { login: Some(wrong), ..relay.relay() }]).await;
    house.readers(2).await;
    house.digest().await;
    house.run().await;
    let alarms = alarms_after(&house, SignedDuration::ZERO).await;
    assert_eq!((alarms.len(), alarms[0].about.as_str()), (1, "relay:main"));
    assert!(alarms[0].words.contains("535") && !alarms[0].words.contains("hunter2"), "{}", alarms[0].words);
    assert_eq!(house.delivery("reader0@example.net").await.attempts, 0);
});

in_each_manner!(a_relay_that_does_not_know_us_any_more_costs_no_reader_anything, async |manner: Manner| {
    for reply in [
        "554 5.7.1 <reader@example.net>: Relay access denied",
        "550 relay not permitted",
        "550 5.7.1 Unable to relay",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        "554 5.7.1 <client.example.org[192.0.2.1]>: Client host rejected: Access denied",
    ] {
        let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
        relay.answer(Stage::Rcpt, Answer::Reply(reply));
        let mut house = House::with(&test, vec![relay.relay()]).await;
        house.room.hold_after = 3;
        house.readers(30).await;
        let issue = house.digest().await;
        house.run().await;
        assert_eq!(house.room.store.issue(issue).await.expect("the issue").state, IssueState::Held, "{reply}");
        let states = house.states(issue).await;
        assert!(!states.contains_key(&DeliveryState::Bounced), "{reply}: no reader is given up: {states:?}");
        let spent = relay.ledger().seen(Stage::Rcpt);
        assert!((3..3 + under_way(manner, WINDOW)).contains(&spent), "{reply}: {spent} were spent on it");
    }
});

#[tokio::test]
async fn a_message_too_large_for_the_relay_says_nothing_of_its_reader() {
    for (stage, reply) in [
        (Stage::Mail, "552 5.3.4 Message size exceeds fixed limit"),
        (Stage::Mail, "552 message too large"),
        (Stage::Dot, "552 5.3.4 Message too big"),
    ] {
        let (test, relay) = (sqlite().await, ScriptedRelay::start().await);
        relay.answer(stage, Answer::Reply(reply));
        let house = House::with(&test, vec![relay.relay()]).await;
        house.readers(1).await;
        house.digest().await;
        assert_eq!(house.run().await.refused, 1);
        let bounced = house.delivery("reader0@example.net").await;
        assert!(bounced.answer.is_some_and(|answer| answer.contains("552")), "staff see why");
        let reported: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM bounces").fetch_one(&mut test.raw().await).await.expect("a count");
        assert_eq!(reported, 0, "{reply} at {stage:?}");
    }
}

#[tokio::test]
async fn what_a_relay_took_is_noted_before_staff_are_told_that_it_works_again() {
    let (test, relay) = (postgres().await, ScriptedRelay::start().await);
    relay.answer_once(Stage::Connect, Answer::Reply("421 4.3.2 going down"));
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(5).await;
    let issue = house.digest().await;
    house.run().await;
    house.wait(SignedDuration::from_hours(1));
    let mut raw = test.raw().await;
    let mut lock = raw.begin().await.expect("begun");
    sqlx::query("LOCK TABLE alarms IN EXCLUSIVE MODE").execute(&mut *lock).await.expect("locked");
    let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
    house.until_state(issue, DeliveryState::Sent, 1).await;
    lock.rollback().await.expect("unlocked");
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 5);
}
