//! Refusals for the sender's sake, and relays in trouble: no reader pays for them, and staff hear of it.

use jiff::SignedDuration;
use tidings::{
    domain::{
        alarm::{self, AlarmKind},
        delivery::DeliveryState,
        issue::IssueState,
        relay::{Login, Proof, Relay},
    },
    store::alarms::DueAlarm,
};

use super::house::{House, WINDOW, recipients};
use crate::world::{
    manners::{Manner, in_each_manner, in_each_manner_on_both_engines, under_way},
    relay::{Answer, ScriptedRelay, Stage},
    stores::{TestStore, sqlite},
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
