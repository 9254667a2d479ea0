//! Limits: how fast a relay and a receiving domain are sent to, how long a connection is used, and who does which part
//! of the work.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use tidings::{
    deliver::Until,
    domain::{
        delivery::{DeliveryState, Lane},
        issue::IssueId,
        rate::Rate,
        relay::{DomainLimit, Dsn, Relay},
        slug::Slug,
    },
    stop::Stop,
    store::deliveries::Filter,
};

use super::house::{House, checked, recipients, sorted, wide};
use crate::world::{
    eventually,
    manners::{Manner, in_each_manner},
    relay::{Answer, ScriptedRelay, Stage},
    stores::{TestStore, sqlite},
};

fn rate(text: &str) -> Rate {
    Rate::parse(text).expect("a rate")
}

#[tokio::test]
async fn a_relay_is_sent_to_no_faster_than_its_rate() {
    let (test, relay) = (sqlite().await, ScriptedRelay::start().await);
    let paced = Relay { rate: Some(rate("50/s")), ..wide(&relay, 3) };
    let house = House::with(&test, vec![paced]).await;
    let readers = house.readers(30).await;
    house.digest().await;
    let began = Instant::now();
    assert_eq!(house.run().await.sent, 30);
    // A fifth of a second may be made up for, which is ten of them; the others are 20 ms apart.
    assert!(began.elapsed() >= Duration::from_millis(19 * 20), "{:?}", began.elapsed());
    assert_eq!(recipients(&relay), sorted(readers));
}

#[tokio::test]
async fn a_domain_that_has_had_enough_waits_and_the_others_do_not() {
    let (test, relay) = (sqlite().await, ScriptedRelay::start().await);
    let mut house = House::with(&test, vec![wide(&relay, 2)]).await;
    house.room.domains =
        vec![DomainLimit { names: vec!["slow.example".to_owned(), "slower.example".to_owned()], rate: rate("1/h") }];
    let slow: Vec<String> = ["ana@slow.example", "ben@SLOW.example", "cai@slower.example"].map(str::to_owned).to_vec();
    house.subscribe(&slow).await;
    let readers = house.readers(20).await;
    let issue = house.digest().await;
    let counts = house.run().await;
    assert_eq!((counts.sent, counts.trouble), (21, None));
    let taken = recipients(&relay);
    assert_eq!(taken.iter().filter(|reader| reader.contains("slow")).count(), 1, "they share one limit");
    assert!(readers.iter().all(|reader| taken.contains(reader)), "nobody waits for another domain");
    assert_eq!(house.states(issue).await[&DeliveryState::Queued], 2);
    for reader in slow.iter().filter(|reader| !taken.contains(&reader.to_lowercase()) && !taken.contains(reader)) {
        let row = house.delivery(reader).await;
        assert_eq!(row.attempts, 0);
        assert!(row.try_at.is_some_and(|at| at > house.room.clock.now()), "{row:?}");
        assert!(row.answer.is_some_and(|answer| answer.contains("[[domains]]")));
    }
    assert_eq!(checked(&relay).len(), 21);
}

#[tokio::test]
async fn a_connection_is_ended_in_good_order_after_its_share_of_messages() {
    let (test, relay) = (sqlite().await, ScriptedRelay::start().await);
    let short = Relay { messages_per_connection: NonZeroU32::new(5), ..relay.relay() };
    let house = House::with(&test, vec![short]).await;
    house.readers(20).await;
    house.digest().await;
    assert_eq!(house.run().await.sent, 20);
    relay.wait_until_alone().await;
    let ledger = relay.ledger();
    assert_eq!((ledger.connections, ledger.most_connections, ledger.seen(Stage::Quit)), (4, 1, 4));
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_replaced() {
    let (test, relay) = (sqlite().await, ScriptedRelay::start().await);
    let old_at_once = Relay { connection_age: Duration::ZERO, ..relay.relay() };
    let house = House::with(&test, vec![old_at_once]).await;
    house.readers(4).await;
    house.digest().await;
    assert_eq!(house.run().await.sent, 4);
    assert_eq!(relay.ledger().connections, 4);
}

#[tokio::test]
async fn relays_of_one_priority_share_by_weight() {
    let test = sqlite().await;
    let (one, three) = (ScriptedRelay::start().await, ScriptedRelay::start().await);
    let house =
        House::with(&test, vec![weighted("one", 1, wide(&one, 2)), weighted("three", 3, wide(&three, 2))]).await;
    let readers = house.readers(200).await;
    house.digest().await;
    assert_eq!(house.run().await.sent, 200);
    let part = one.messages().len();
    assert!((40..=60).contains(&part), "{part} of 200, and it should be a quarter");
    assert_eq!(sorted([recipients(&one), recipients(&three)].concat()), sorted(readers));
}

/// A relay with a weight and a name of its own.
fn weighted(name: &str, weight: u32, relay: Relay) -> Relay {
    Relay { name: Slug::parse(name).expect("a slug"), weight: NonZeroU32::new(weight), ..relay }
}

in_each_manner!(an_alert_does_not_wait_for_a_part_of_the_work_that_is_another_relays, async |manner: Manner| {
    let test = sqlite().await;
    let (stalled, free) = (ScriptedRelay::speaking(manner).await, ScriptedRelay::speaking(manner).await);
    stalled.answer(Stage::Dot, Answer::Stall);
    let relays = vec![weighted("stalled", 1, stalled.relay()), weighted("free", 1, free.relay())];
    let house = House::with(&test, relays).await;
    house.readers(400).await;
    wants_alerts(&test, &["reader7@example.net"]).await;
    let digest = house.digest().await;
    let stop = Stop::default();
    let delivering = house.start(Until::Stopped, &stop);
    stalled.wait_for(Stage::Dot, 1).await;
    // The free one goes ahead as far as it may, and then waits for the other one to catch up.
    let mut so_far = usize::MAX;
    eventually("the free one is ahead", async || {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let before = std::mem::replace(&mut so_far, free.messages().len());
        before == so_far && so_far > 0
    })
    .await;
    assert!(house.states(digest).await[&DeliveryState::Sent] < 400, "it waits");
    let alert = house.alert().await;
    let committed = Instant::now();
    house.until_state(alert, DeliveryState::Sent, 1).await;
    // The other one has ten seconds to answer; only then is it in trouble, and nothing is left to it.
    assert!(committed.elapsed() < Duration::from_secs(3), "{:?}", committed.elapsed());
    stop.ask();
    stop.ask();
    delivering.await.expect("no panic").expect("ended");
});

in_each_manner!(a_run_that_is_shared_by_weight_ends_soon_after_its_last_message, async |manner: Manner| {
    let test = sqlite().await;
    let (slow, quick) = (ScriptedRelay::speaking(manner).await, ScriptedRelay::speaking(manner).await);
    slow.answer(Stage::Dot, Answer::After(Duration::from_millis(30)));
    let relays = vec![weighted("slow", 1, slow.relay()), weighted("quick", 1, quick.relay())];
    let house = House::with(&test, relays).await;
    house.readers(60).await;
    let issue = house.digest().await;
    let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
    house.until_state(issue, DeliveryState::Sent, 60).await;
    let last = Instant::now();
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 60);
    // An idle session is kept for twenty seconds, but not when no more will come.
    assert!(last.elapsed() < Duration::from_secs(5), "{:?}", last.elapsed());
    assert_eq!(slow.messages().len() + quick.messages().len(), 60);
});

in_each_manner!(an_alert_does_not_stand_in_the_line_that_a_digest_has_filled_at_a_domain, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    let mut house = House::with(&test, vec![relay.relay()]).await;
    house.room.domains = vec![DomainLimit { names: vec!["slow.example".to_owned()], rate: rate("1/m") }];
    let slow: Vec<String> = (0..20).map(|nth| format!("reader{nth}@slow.example")).collect();
    house.subscribe(&slow).await;
    wants_alerts(&test, &["reader7@slow.example"]).await;
    let digest = house.digest().await;
    let stop = Stop::default();
    let delivering = house.start(Until::Stopped, &stop);
    eventually("nineteen are put off", async || put_off(&house, digest).await.len() == 19).await;
    let line = put_off(&house, digest).await;
    assert!(line.iter().max() > Some(&Duration::from_secs(600)), "the digest fills the line: {line:?}");
    let alert = house.alert().await;
    eventually("the alert is put off", async || put_off(&house, alert).await.len() == 1).await;
    let wait = put_off(&house, alert).await[0];
    assert!(wait <= Duration::from_secs(61), "{wait:?}, and one may go each minute");
    stop.ask();
    assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, 1);
});

in_each_manner!(what_a_domain_cannot_take_now_uses_up_nothing_of_the_relays_rate, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    let paced = Relay { rate: Some(rate("2/s")), ..relay.relay() };
    let mut house = House::with(&test, vec![paced]).await;
    house.room.domains = vec![DomainLimit { names: vec!["slow.example".to_owned()], rate: rate("1/h") }];
    let slow: Vec<String> = (0..30).map(|nth| format!("reader{nth}@slow.example")).collect();
    house.subscribe(&slow).await;
    house.readers(3).await;
    house.digest().await;
    let began = Instant::now();
    assert_eq!(house.run().await.sent, 4);
    // Four messages are a second and a half apart; 33 leaves would be 16 seconds.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(checked(&relay).len(), 4);
});

/// Leaves alerts to these readers alone; the digest is for all.
async fn wants_alerts(test: &TestStore, readers: &[&str]) {
    let mut raw = test.raw().await;
    sqlx::query("UPDATE subscriptions SET alerts = 0").execute(&mut raw).await.expect("changed");
    for reader in readers {
        let wants =
            "UPDATE subscriptions SET alerts = 1 WHERE subscriber = (SELECT id FROM subscribers WHERE address = $1)";
        let changed = sqlx::query(wants).bind(*reader).execute(&mut raw).await.expect("changed");
        assert_eq!(changed.rows_affected(), 1, "{reader}");
    }
}

/// For how long each delivery of an issue is put off that is.
async fn put_off(house: &House, issue: IssueId) -> Vec<Duration> {
    let now = house.room.clock.now();
    let filter = Filter { issue: Some(issue), state: Some(DeliveryState::Queued), ..Filter::default() };
    let waiting = house.room.store.deliveries(&filter, 100).await.expect("deliveries");
    let waits = waiting.iter().filter_map(|delivery| delivery.try_at?.duration_since(now).try_into().ok());
    waits.filter(|wait: &Duration| !wait.is_zero()).collect()
}

#[tokio::test]
async fn notifications_are_asked_for_when_they_are_wanted_and_offered() {
    let test = sqlite().await;
    for (wanted, asked) in [(Dsn::OfTrouble, true), (Dsn::Off, false)] {
        let relay = ScriptedRelay::setup().offers(&["DSN"]).start().await;
        let house = House::with(&test, vec![Relay { dsn: wanted, ..relay.relay() }]).await;
        if asked {
            house.readers(1).await;
        }
        house.digest().await;
        assert_eq!(house.run().await.sent, 1);
        let (message, ledger) = (&relay.messages()[0], relay.ledger());
        assert_eq!(message.parameters.contains(" RET=HDRS ENVID="), asked, "{}", message.parameters);
        let rcpt = ledger.lines(Stage::Rcpt)[0].to_owned();
        assert_eq!(rcpt.ends_with(" NOTIFY=FAILURE,DELAY ORCPT=rfc822;reader0@example.net"), asked, "{rcpt}");
        let id = message.parameters.rsplit_once("ENVID=").map(|(_, id)| id.to_owned());
        assert!(id.is_none_or(|id| message.text().contains(&format!("Message-ID: <{id}@"))), "the delivery's own id");
    }
}
