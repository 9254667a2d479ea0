//! Limits: how fast a relay and a receiving domain are sent to, how long a connection is used, and who does which part
//! of the work.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use tidings::domain::{
    delivery::DeliveryState,
    rate::Rate,
    relay::{DomainLimit, Dsn, Relay},
    slug::Slug,
};

use super::house::{House, checked, recipients, sorted, wide};
use crate::world::{
    relay::{ScriptedRelay, Stage},
    stores::sqlite,
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
    let weighted = |name, weight, relay: &ScriptedRelay| Relay {
        name: Slug::parse(name).expect("a slug"),
        weight: NonZeroU32::new(weight),
        ..wide(relay, 2)
    };
    let house = House::with(&test, vec![weighted("one", 1, &one), weighted("three", 3, &three)]).await;
    let readers = house.readers(200).await;
    house.digest().await;
    assert_eq!(house.run().await.sent, 200);
    let part = one.messages().len();
    assert!((40..=60).contains(&part), "{part} of 200, and it should be a quarter");
    assert_eq!(sorted([recipients(&one), recipients(&three)].concat()), sorted(readers));
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
