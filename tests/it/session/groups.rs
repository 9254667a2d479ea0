//! Messages that are under way together: pipelined and chunked, what rides behind what, and relays that lie.

use tidings::{deliver::session::Session, domain::relay::Manner};

use super::{MESSAGE, all_outcomes, large_message, offer, open, send, session, word};
use crate::world::relay::{Answer, Gate, Quirk, ScriptedRelay, Stage};

/// Offers messages to these readers, as many at a time as there is room for; gives all outcomes.
async fn send_all(session: &mut Session, readers: &[&str]) -> Vec<&'static str> {
    let (mut words, mut readers) = (Vec::new(), readers.iter());
    loop {
        while session.has_room()
            && let Some(reader) = readers.next()
        {
            offer(session, reader, MESSAGE.to_vec());
        }
        match session.next().await {
            Some(sent) => words.push(word(&sent)),
            None => return words,
        }
    }
}

#[tokio::test]
async fn the_next_messages_commands_ride_behind_the_body_before() {
    let relay = ScriptedRelay::setup().speaks(Manner::Pipelined).start().await;
    let (gate, mut session) = (Gate::closed(), session(&relay).await);
    relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    offer(&mut session, "ana@example.org", MESSAGE.to_vec());
    offer(&mut session, "ben@example.org", MESSAGE.to_vec());
    assert!(!session.has_room(), "no third one is on its way before the first has its answer");
    tokio::select! {
        sent = session.next() => panic!("the first message is not answered yet: {sent:?}"),
        () = relay.wait_for(Stage::Dot, 1) => {}
    }
    gate.open();
    let outcomes = all_outcomes(&mut session).await;
    assert_eq!(outcomes.iter().map(word).collect::<Vec<_>>(), ["accepted", "accepted"]);
    assert_eq!((relay.messages().len(), relay.ledger().connections), (2, 1));
    relay.assert_well_spoken();
}

#[tokio::test]
async fn a_window_of_whole_messages_is_in_flight() {
    let relay = ScriptedRelay::setup().speaks(Manner::Chunked).start().await;
    let (gate, mut session) = (Gate::closed(), session(&relay).await);
    relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    let readers: Vec<String> = (0..16).map(|n| format!("reader{n}@example.org")).collect();
    for reader in &readers {
        assert!(session.has_room());
        offer(&mut session, reader, MESSAGE.to_vec());
    }
    assert!(!session.has_room(), "sixteen are in flight");
    tokio::select! {
        sent = session.next() => panic!("the first message is not answered yet: {sent:?}"),
        () = relay.wait_for(Stage::Dot, 1) => {}
    }
    gate.open();
    assert!(all_outcomes(&mut session).await.iter().all(|sent| word(sent) == "accepted"));
    let kept: Vec<String> = relay.messages().into_iter().map(|message| message.recipient).collect();
    assert_eq!(kept, readers);
    assert_eq!(relay.ledger().lines(Stage::Data), Vec::<&str>::new());
    assert!(session.is_reusable());
    relay.assert_well_spoken();
}

/// A small message, and a large one behind it, are one write. It fails while the relay has the first of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_took_before_a_long_write_failed_is_not_called_unsent() {
    for setup in [ScriptedRelay::setup, || ScriptedRelay::setup().starttls()] {
        // Where in the write it fails is chance.
        for _ in 0..10 {
            let relay = setup().speaks(Manner::Chunked).start().await;
            relay.answer_once(Stage::Body, Answer::Usual).answer_once(Stage::Body, Answer::Reset);
            let mut session = session(&relay).await;
            offer(&mut session, "ana@example.org", MESSAGE.to_vec());
            offer(&mut session, "ben@example.org", large_message());
            let outcomes = all_outcomes(&mut session).await;
            relay.wait_for_messages(1).await;
            assert!(matches!(word(&outcomes[0]), "accepted" | "unknown"), "{outcomes:?}");
            assert_eq!(word(&outcomes[1]), "deferred", "{outcomes:?}");
        }
    }
}

#[tokio::test]
async fn a_reply_is_heard_though_what_came_with_it_is_no_tls() {
    for manner in [Manner::LockStep, Manner::Pipelined] {
        let relay = ScriptedRelay::setup().starttls().speaks(manner).start().await;
        relay.answer_once(Stage::Dot, Answer::Spoilt);
        let mut session = session(&relay).await;
        let sent = send(&mut session, "ana@example.org", MESSAGE).await;
        assert_eq!(word(&sent), "accepted", "{manner:?}: {sent:?}");
        assert_eq!(word(&send(&mut session, "ben@example.org", MESSAGE).await), "not tried", "{manner:?}");
        assert_eq!(relay.messages().len(), 1, "{manner:?}");
    }
}

#[tokio::test]
async fn on_a_lost_connection_exactly_the_messages_in_flight_are_unknown() {
    let relay = ScriptedRelay::setup().speaks(Manner::Chunked).start().await;
    for _ in 0..3 {
        relay.answer_once(Stage::Dot, Answer::Usual);
    }
    relay.answer_once(Stage::Dot, Answer::TakeAndClose);
    let mut session = session(&relay).await;
    let readers: Vec<String> = (0..8).map(|n| format!("reader{n}@example.org")).collect();
    readers.iter().for_each(|reader| offer(&mut session, reader, MESSAGE.to_vec()));
    let outcomes = all_outcomes(&mut session).await;
    let words: Vec<_> = outcomes.iter().map(word).collect();
    assert_eq!(words, [["accepted"; 3].as_slice(), &["unknown"; 5]].concat());
    assert_eq!(
        outcomes.iter().filter(|sent| sent.trouble.as_ref().is_some_and(|t| t.to_string().contains("lost"))).count(),
        1
    );
    assert_eq!(relay.messages().len(), 4);
    assert!(session.is_over());
}

#[tokio::test]
async fn refusals_in_a_group_are_each_readers_own() {
    let readers =
        ["ana@e.org", "bad@e.org", "bad@e.org", "ben@e.org", "full@e.org", "cai@e.org", "bad@e.org", "dan@e.org"];
    let words = ["accepted", "refused", "refused", "accepted", "deferred", "accepted", "refused", "accepted"];
    for manner in [Manner::LockStep, Manner::Pipelined, Manner::Chunked] {
        for quirk in [None, Some(Quirk::WantsAnyMessage)] {
            let setup = ScriptedRelay::setup().speaks(manner);
            let relay = if let Some(quirk) = quirk { setup.quirk(quirk) } else { setup }.start().await;
            relay.answer_recipient("bad@e.org", Answer::Reply("550 5.1.1 no such user"));
            relay.answer_recipient("full@e.org", Answer::Reply("452 4.2.2 mailbox full"));
            let mut session = session(&relay).await;
            assert_eq!(send_all(&mut session, &readers).await, words, "{manner:?} {quirk:?}");
            assert!(session.is_reusable(), "{manner:?} {quirk:?}");
            let kept: Vec<_> = relay.messages().into_iter().map(|message| message.recipient).collect();
            assert_eq!(kept, ["ana@e.org", "ben@e.org", "cai@e.org", "dan@e.org"], "{manner:?} {quirk:?}");
            assert_eq!(relay.ledger().connections, 1);
            // No lone dot for an accepted recipient, and no message for nobody.
            relay.assert_well_spoken();
        }
    }
}

#[tokio::test]
async fn a_relay_that_takes_a_message_from_a_refused_sender_is_left() {
    let relay = ScriptedRelay::setup().speaks(Manner::Pipelined).quirk(Quirk::IgnoresItsRefusals).start().await;
    relay.answer_once(Stage::Mail, Answer::Reply("550 5.7.1 sender not allowed"));
    let mut session = session(&relay).await;
    let sent = send(&mut session, "ana@example.org", MESSAGE).await;
    assert_eq!(word(&sent), "not tried", "{sent:?}");
    assert!(session.is_over());
    assert!(relay.messages().iter().all(|message| message.bytes.is_empty()), "it was never given the message");
}

#[tokio::test]
async fn a_relay_that_lies_about_pipelining_is_found_out_and_spoken_to_in_lock_step() {
    for manner in [Manner::Pipelined, Manner::Chunked] {
        let relay = ScriptedRelay::setup().speaks(manner).quirk(Quirk::ForgetsGroups).start().await;
        let connector = super::Connector::new(relay.impatient_relay(Stage::Rcpt)).expect("a usable relay");
        let mut first = connector.open().await.expect("a session");
        assert_eq!(first.manner(), manner);
        let sent = send(&mut first, "ana@example.org", MESSAGE).await;
        assert!(matches!(word(&sent), "deferred" | "unknown"), "{manner:?}: {sent:?}");
        assert!(first.is_over() && first.has_found_a_lie());
        let mut second = connector.open().await.expect("a session");
        assert_eq!(second.manner(), Manner::LockStep);
        let words = send_all(&mut second, &["ana@example.org", "ben@example.org"]).await;
        assert_eq!(words, ["accepted", "accepted"], "{manner:?}");
    }
}

#[tokio::test]
async fn the_manner_is_what_the_relay_offers_and_we_are_told_to_use() {
    for (offered, wanted, manner) in [
        (Manner::Chunked, Manner::Chunked, Manner::Chunked),
        (Manner::Chunked, Manner::Pipelined, Manner::Pipelined),
        (Manner::Chunked, Manner::LockStep, Manner::LockStep),
        (Manner::Pipelined, Manner::Chunked, Manner::Pipelined),
        (Manner::LockStep, Manner::Chunked, Manner::LockStep),
    ] {
        let relay = ScriptedRelay::setup().speaks(offered).start().await;
        let mut described = relay.relay();
        described.manner = wanted;
        let mut session = open(described).await.expect("a session");
        assert_eq!(session.manner(), manner);
        assert_eq!(send_all(&mut session, &["ana@example.org", "ben@example.org"]).await, ["accepted", "accepted"]);
        assert_eq!(relay.ledger().seen(Stage::Data) == 0, manner == Manner::Chunked);
        relay.assert_well_spoken();
    }
}
