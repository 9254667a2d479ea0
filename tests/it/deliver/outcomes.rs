//! What becomes of each delivery: sent, refused, deferred, unknown, unfit. What the relay kept is the oracle.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use tidings::{
    domain::{
        delivery::{DeliveryState, Lane},
        token::{Claim, Purpose},
    },
    render::sample,
    stop::Stop,
};

use super::house::{ALERT_EXPIRES, House, checked, recipients, sorted, wide};
use crate::world::{
    manners::{Manner, in_each_manner, in_each_manner_on_both_engines},
    relay::{Answer, Gate, ScriptedRelay, Stage},
    stores::{TestStore, sqlite},
};

in_each_manner_on_both_engines!(everyone_gets_one_message_made_for_them, async |test: &TestStore, manner: Manner| {
    let relay = ScriptedRelay::speaking(manner).await;
    let house = House::with(test, vec![wide(&relay, 4)]).await;
    // More than three connections have under way.
    let readers = house.readers(50).await;
    let issue = house.digest().await;
    let gate = Gate::closed();
    relay.answer(Stage::Dot, Answer::Held(gate.clone()));
    let delivering = house.start(tidings::deliver::Until::Idle(Lane::Digest), &Stop::default());
    relay.wait_for(Stage::Dot, 4).await;
    gate.open();
    let counts = delivering.await.expect("no panic").expect("delivered");
    assert_eq!((counts.sent, counts.total(), counts.trouble), (50, 50, None));
    assert_eq!(recipients(&relay), sorted(readers));
    assert_eq!(house.states(issue).await[&DeliveryState::Sent], 50);
    relay.wait_until_alone().await;
    let ledger = relay.ledger();
    assert_eq!((ledger.connections, ledger.most_connections), (4, 4), "all connections are used, and over again");
    assert_eq!(ledger.seen(Stage::Quit), 4);

    let mut ids = BTreeSet::new();
    for (received, mail) in checked(&relay) {
        let (number, _) = &house.room.letterhead.lists[&sample::list().name];
        let subscriber = house.subscriber(&received.recipient).await;
        let header = |name: &str| mail.headers[name].as_str();
        assert!(header("to").contains(&format!("<{}>", received.recipient)), "{}", header("to"));
        assert!(mail.text.contains(&format!("sent to {}", received.recipient)), "{}", mail.text);
        let links = header("list-unsubscribe");
        let token = links.split("/leave/").nth(1).and_then(|rest| rest.split('>').next()).expect("a link to leave");
        let claim = house.room.letterhead.links.secret.verify(Purpose::Leave, token);
        assert_eq!(claim, Ok(Claim { list: *number, subscriber }));
        assert!(links.contains(&format!("<mailto:news+leave.{token}@example.org>")), "{links}");
        assert!(received.sender.starts_with("news+bounce.1."), "{}", received.sender);
        assert!(ids.insert(mail.headers["message-id"].clone()), "a Message-ID of its own");
    }
});

in_each_manner!(a_refused_reader_is_bounced_and_the_others_get_theirs, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    relay.answer_recipient("reader1@example.net", Answer::Reply("550 5.1.1 <reader1@example.net> is unknown"));
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(4).await;
    house.digest().await;
    let counts = house.run().await;
    assert_eq!((counts.sent, counts.refused, counts.trouble), (3, 1, None));
    let bounced = house.delivery("reader1@example.net").await;
    assert_eq!((bounced.state, bounced.attempts, bounced.try_at), (DeliveryState::Bounced, 1, None));
    assert_eq!(bounced.answer.as_deref(), Some("550 5.1.1 <r***@e***.net> is unknown"));
    assert_eq!(recipients(&relay), ["reader0@example.net", "reader2@example.net", "reader3@example.net"]);
    assert_eq!(relay.ledger().connections, 1, "a refusal costs no connection");
    assert_eq!(checked(&relay).len(), 3);
    house.wait(SignedDuration::from_hours(200));
    assert_eq!(house.run().await.total(), 0, "nothing more comes of it");
});

in_each_manner_on_both_engines!(
    a_deferred_message_is_tried_again_at_the_tables_delay,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        relay.answer_recipient("reader0@example.net", Answer::Reply("450 4.2.0 come back later"));
        let house = House::with(test, vec![relay.relay()]).await;
        house.readers(2).await;
        house.digest().await;
        assert_eq!(house.run().await.deferred, 1);
        let now = house.room.clock.now();
        let deferred = house.delivery("reader0@example.net").await;
        assert_eq!((deferred.state, deferred.attempts), (DeliveryState::Deferred, 1));
        assert_eq!(deferred.try_at.map(|at| at.duration_since(now)), Some(SignedDuration::from_mins(1)));
        house.wait(SignedDuration::from_secs(59));
        assert_eq!(house.run().await.total(), 0, "not yet");
        house.wait(SignedDuration::from_secs(1));
        assert_eq!(house.run().await.deferred, 1);
        let now = house.room.clock.now();
        let again = house.delivery("reader0@example.net").await;
        assert_eq!(
            (again.attempts, again.try_at.map(|at| at.duration_since(now))),
            (2, Some(SignedDuration::from_mins(5)))
        );
        relay.answer_recipient("reader0@example.net", Answer::Usual);
        house.wait(SignedDuration::from_mins(5));
        assert_eq!(house.run().await.sent, 1);
        assert_eq!(house.delivery("reader0@example.net").await.attempts, 3);
        assert_eq!(recipients(&relay), ["reader0@example.net", "reader1@example.net"]);
    }
);

in_each_manner_on_both_engines!(
    an_unknown_outcome_is_tried_again_with_the_same_bytes,
    async |test: &TestStore, manner: Manner| {
        let relay = ScriptedRelay::speaking(manner).await;
        relay.answer_once(Stage::Dot, Answer::Usual).answer_once(Stage::Dot, Answer::TakeAndClose);
        let house = House::with(test, vec![relay.relay()]).await;
        house.readers(3).await;
        house.digest().await;
        let counts = house.run().await;
        // One was lost after its end of data; that is no trouble while the relay takes the next connection.
        // Where whole messages follow each other, the one behind it was lost with it.
        let unknown = if manner == Manner::Chunked { 2 } else { 1 };
        assert_eq!((counts.unknown, counts.sent), (unknown, 3 - unknown));
        let first = relay.messages()[1].clone();
        let delivery = house.delivery(&first.recipient).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Unknown, 1));
        house.wait(SignedDuration::from_mins(1));
        assert_eq!(house.run().await.sent, unknown);
        let copies: Vec<_> =
            relay.messages().into_iter().filter(|received| received.recipient == first.recipient).collect();
        assert_eq!(copies.len(), 2);
        assert_eq!((&copies[1].sender, &copies[1].parameters), (&first.sender, &first.parameters));
        assert!(copies[1].bytes == first.bytes, "byte for byte:\n{}\n{}", first.text(), copies[1].text());
        assert_eq!(checked(&relay).len(), 4);
    }
);

in_each_manner!(an_address_that_the_relay_cannot_take_is_bounced_and_the_others_go_on, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    let house = House::with(&test, vec![relay.relay()]).await;
    let addresses = ["ana@example.net", "añá@example.net", "ben@example.net"].map(str::to_owned);
    house.subscribe(&addresses).await;
    house.digest().await;
    let counts = house.run().await;
    assert_eq!((counts.sent, counts.refused, counts.trouble), (2, 1, None));
    let bounced = house.delivery("añá@example.net").await;
    assert_eq!(bounced.state, DeliveryState::Bounced);
    assert_eq!(bounced.answer.as_deref(), Some("5.6.7 the address needs SMTPUTF8, which the relay does not speak"));
    assert_eq!(recipients(&relay), ["ana@example.net", "ben@example.net"]);
    assert_eq!(relay.ledger().connections, 1);

    let (test, relay) =
        (sqlite().await, ScriptedRelay::setup().offers(&["8BITMIME", "SMTPUTF8"]).speaks(manner).start().await);
    let house = House::with(&test, vec![relay.relay()]).await;
    house.subscribe(&addresses).await;
    house.digest().await;
    assert_eq!(house.run().await.sent, 3);
    assert_eq!(checked(&relay).len(), 3);
});

in_each_manner!(a_lost_answer_counts_though_the_time_of_its_alert_is_over, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(1).await;
    let alert = house.alert().await;
    relay.answer_once(Stage::Dot, Answer::TakeAndClose);
    house.wait(ALERT_EXPIRES.checked_sub(SignedDuration::from_secs(30)).expect("longer than that"));
    assert_eq!(house.run().await.expired, 1, "there is no time for another try");
    assert_eq!(relay.messages().len(), 1, "the relay took it");
    let (store, news) = (&house.room.store, sample::list().name);
    let mailing = store.mailing_of_issue(alert).await.expect("read").expect("a mailing").id;
    assert_eq!(store.count_mailed(&news, mailing).await.expect("counted"), 1, "what withdraws it goes to its reader");
    assert_eq!(store.count_in_doubt(alert).await.expect("counted"), 1);
});

in_each_manner!(a_relay_that_ends_each_session_with_a_message_is_heard_the_second_time, async |manner: Manner| {
    let (test, relay) = (sqlite().await, ScriptedRelay::speaking(manner).await);
    // It has said 250 to the message, and the fence behind it is what it does not answer.
    relay.answer(Stage::Rset, Answer::Close);
    let house = House::with(&test, vec![relay.relay()]).await;
    house.readers(1).await;
    house.digest().await;
    for _ in 0..5 {
        house.run().await;
        house.wait(SignedDuration::from_hours(4));
    }
    assert_eq!(house.delivery("reader0@example.net").await.state, DeliveryState::Sent);
    assert!(relay.messages().len() <= 2, "{} times", relay.messages().len());
});
