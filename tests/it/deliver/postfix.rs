//! Step 6 against a real Postfix: what it kept is compared with what the rows say. How a session speaks is its own
//! affair; whatever Postfix offers, nobody is missed and nobody is mailed twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use tidings::{
    deliver::session::{Connector, Trouble},
    domain::{
        delivery::DeliveryState,
        relay::{Login, Proof, Relay},
    },
    store::deliveries::Filter,
};

use super::house::{House, Issue, sorted};
use crate::world::{
    check::check_message,
    policy::Policy,
    postfix::{Kept, Postfix, PostfixSetup},
    relay::ScriptedRelay,
    stores::sqlite,
};

const READERS: usize = 200;

/// The recipients of all that was kept, sorted. Each message has a Message-ID of its own and passes the checker.
fn recipients(kept: &[Kept]) -> Vec<String> {
    let mut ids = BTreeSet::new();
    for message in kept {
        let id = check_message(&message.bytes).headers["message-id"].clone();
        assert!(ids.insert(id), "a Message-ID came twice");
    }
    sorted(kept.iter().map(|message| message.recipient.clone()).collect())
}

/// The addresses whose rows are in a state, sorted.
async fn rows(house: &House, state: DeliveryState) -> Vec<String> {
    let filter = Filter { state: Some(state), ..Filter::default() };
    let rows = house.room.store.deliveries(&filter, 10_000).await.expect("deliveries");
    sorted(rows.iter().map(|row| row.address.reveal().to_owned()).collect())
}

/// A digest to a few hundred readers, of whom some are refused and one is deferred, over a few connections.
async fn everyone_gets_one_or_a_reason(setup: PostfixSetup) {
    let refused = [0, 1, 2, 77, 150, READERS - 1].map(|n| format!("reader{n}@example.net"));
    let refusing = |setup: PostfixSetup, address: &String| setup.recipient(address, "550 5.1.1 no such reader");
    let setup = refused.iter().fold(setup, refusing).recipient("reader42@example.net", "450 4.2.1 come back later");
    let (postfix, test) = (setup.start().await, sqlite().await);
    let house = House::with(&test, vec![Relay { connections: 3, ..postfix.relay() }]).await;
    let mut readers = house.readers(READERS).await;
    readers.retain(|reader| !refused.contains(reader) && reader != "reader42@example.net");
    let issue = house.digest().await;
    let counts = house.run().await;
    let (sent, log) = (readers.len() as u64, postfix.log());
    assert_eq!((counts.sent, counts.refused, counts.deferred), (sent, refused.len() as u64, 1), "{log}");
    assert_eq!((counts.total(), &counts.trouble), (READERS as u64, &None), "{log}");
    assert_eq!(recipients(&postfix.kept().await), sorted(readers.clone()));
    assert_eq!(rows(&house, DeliveryState::Sent).await, sorted(readers));
    assert_eq!(rows(&house, DeliveryState::Bounced).await, sorted(refused.to_vec()));
    let bounced = house.delivery(&refused[0]).await.answer.expect("an answer");
    assert!(bounced.starts_with("550 5.1.1 <r***@e***.net>: "), "{bounced}");

    // The one that was deferred is taken later, by a Postfix that has nothing against it.
    let kinder = Postfix::setup().start().await;
    house.wait(SignedDuration::from_mins(1));
    assert_eq!(house.through(vec![kinder.relay()]).run().await.sent, 1);
    assert_eq!(recipients(&kinder.kept().await), ["reader42@example.net"]);
    assert_eq!(postfix.kept().await.len() as u64, sent, "nobody is mailed twice");
    let expected = BTreeMap::from([(DeliveryState::Sent, sent + 1), (DeliveryState::Bounced, refused.len() as u64)]);
    assert_eq!(house.states(issue).await, expected);
}

#[tokio::test]
async fn a_postfix_with_pipelining_and_chunking_keeps_one_for_each_reader() {
    everyone_gets_one_or_a_reason(Postfix::setup()).await;
}

#[tokio::test]
async fn a_postfix_with_pipelining_alone_keeps_one_for_each_reader() {
    everyone_gets_one_or_a_reason(Postfix::setup().set("smtpd_discard_ehlo_keywords = chunking")).await;
}

#[tokio::test]
async fn a_postfix_with_chunking_alone_keeps_one_for_each_reader() {
    everyone_gets_one_or_a_reason(Postfix::setup().set("smtpd_discard_ehlo_keywords = pipelining")).await;
}

#[tokio::test]
async fn a_postfix_that_offers_nothing_keeps_one_for_each_reader() {
    let nothing = "pipelining, chunking, size, dsn, enhancedstatuscodes, 8bitmime, smtputf8";
    everyone_gets_one_or_a_reason(Postfix::setup().set(&format!("smtpd_discard_ehlo_keywords = {nothing}"))).await;
}

#[tokio::test]
async fn a_postfix_that_ends_a_session_after_too_many_refusals_misses_nobody() {
    let short = Issue::saying("<p>In short.</p>");
    for (keywords, issue) in [("", None), ("", Some(&short)), ("chunking", None), ("chunking", Some(&short))] {
        let setup = Postfix::setup().set("smtpd_hard_error_limit = 3");
        let setup = setup.set(&format!("smtpd_discard_ehlo_keywords = {keywords}"));
        let refused: Vec<String> = (10..24).map(|n| format!("reader{n}@example.net")).collect();
        let refusing = |setup: PostfixSetup, address: &String| setup.recipient(address, "550 5.1.1 no such reader");
        let (postfix, test) = (refused.iter().fold(setup, refusing).start().await, sqlite().await);
        let house = House::with(&test, vec![postfix.relay()]).await;
        let mut readers = house.readers(40).await;
        readers.retain(|reader| !refused.contains(reader));
        match issue {
            Some(issue) => house.publish_for_ever(issue).await,
            None => house.digest().await,
        };
        // A session that Postfix ends may look like trouble for a while, and may take its last answers with it; that costs
        // time, and nobody a message. What had no answer is sent once more, with nothing beside it.
        let mut unanswered = 0;
        for _ in 0..40 {
            unanswered += house.run().await.unknown;
            house.wait(SignedDuration::from_mins(60));
        }
        assert!(postfix.log().contains("too many errors"), "{}", postfix.log());
        assert_eq!(rows(&house, DeliveryState::Sent).await, sorted(readers.clone()));
        let mut came: BTreeMap<String, u64> = BTreeMap::new();
        let mut kept = postfix.kept().await;
        kept.retain(|message| {
            let times = came.entry(check_message(&message.bytes).headers["message-id"].clone()).or_default();
            *times += 1;
            *times == 1
        });
        assert_eq!(recipients(&kept), sorted(readers));
        assert!(came.values().all(|times| *times <= 2), "nobody gets it again and again: {came:?}");
        let again = came.values().filter(|times| **times == 2).count() as u64;
        assert!(again <= unanswered, "{again} came twice, and {unanswered} had no answer");
        assert_eq!(rows(&house, DeliveryState::Bounced).await, sorted(refused));
    }
}

/// The addresses among `some` that are not among `others`.
fn without(some: &[String], others: &[String]) -> Vec<String> {
    some.iter().filter(|address| !others.contains(address)).cloned().collect()
}

#[tokio::test]
async fn a_policy_that_refuses_at_mail_costs_no_attempt_and_misses_nobody() {
    for (refusal, keywords) in [("450 4.7.1 quota", ""), ("550 5.7.1 not today", ""), ("450 4.7.1 quota", "chunking")] {
        let policy = Policy::that_answers(20, refusal).await;
        // Postfix puts refusals off until RCPT unless told otherwise.
        let setup = Postfix::setup().set("smtpd_delay_reject = no").set(&policy.setting("smtpd_sender_restrictions"));
        let setup = setup.set(&format!("smtpd_discard_ehlo_keywords = {keywords}"));
        let (postfix, test) = (setup.start().await, sqlite().await);
        let house = House::with(&test, vec![Relay { connections: 2, ..postfix.relay() }]).await;
        let readers = house.readers(60).await;
        house.digest().await;
        let counts = house.run().await;
        assert!(counts.trouble.is_some(), "no trouble: {}", postfix.log());
        let (sent, kept) = (rows(&house, DeliveryState::Sent).await, recipients(&postfix.kept().await));
        assert!(!sent.is_empty() && kept.len() <= 20, "{sent:?} {kept:?}");
        assert!(without(&sent, &kept).is_empty(), "who is said to have been sent a message has it");
        // So many refusals in a window make Postfix hang up, and what was behind them is unknown; in a group it is not.
        let unknown = rows(&house, DeliveryState::Unknown).await;
        assert!(without(&kept, &[sent.clone(), unknown.clone()].concat()).is_empty(), "who is said not to, has not");
        assert!(unknown.is_empty() || keywords.is_empty(), "{unknown:?}");
        let waiting = Filter { state: Some(DeliveryState::Queued), ..Filter::default() };
        let waiting = house.room.store.deliveries(&waiting, 100).await.expect("deliveries");
        assert_eq!(waiting.len(), readers.len() - sent.len() - unknown.len());
        assert!(waiting.iter().all(|row| row.attempts == 0), "a policy is nothing that a reader did");

        policy.relent();
        house.wait(SignedDuration::from_mins(1));
        let counts = house.run().await;
        assert_eq!((counts.sent as usize, counts.trouble), (readers.len() - sent.len(), None));
        let mut all: Vec<String> = postfix.kept().await.into_iter().map(|message| message.recipient).collect();
        all.sort_unstable();
        let twice = all.len();
        all.dedup();
        assert_eq!(all, sorted(readers));
        assert!(twice - all.len() <= unknown.len(), "only what is unknown may come twice");
    }
}

#[tokio::test]
async fn a_login_under_starttls_is_taken_with_the_right_password_only() {
    let postfix = Postfix::setup().starttls().login("news", "the right password").start().await;
    let test = sqlite().await;
    let house = House::with(&test, vec![postfix.relay()]).await;
    let readers = house.readers(5).await;
    house.digest().await;
    assert_eq!(house.run().await.sent, 5, "{}", postfix.log());
    let kept = postfix.kept().await;
    assert_eq!(recipients(&kept), sorted(readers));
    // RFC 3848: with TLS, and with a login.
    assert!(kept.iter().all(|message| message.received.contains(" with ESMTPSA ")), "{}", kept[0].received);
    assert!(postfix.log().contains("sasl_method=PLAIN, sasl_username=news"), "{}", postfix.log());

    let mut wrong = postfix.relay();
    wrong.login = Some(Login { username: "news".into(), proof: Proof::Password("hunter2".into()) });
    let trouble = Connector::new(wrong).expect("usable").open().await.expect_err("the password is wrong");
    assert!(matches!(&trouble, Trouble::Auth(reply) if reply.code == 535), "{trouble}");
    assert!(!format!("{trouble} {trouble:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_certificate_of_ours_is_taken_by_a_postfix_that_wants_one() {
    let setup = Postfix::setup().starttls().set("smtpd_tls_req_ccert = yes");
    let (postfix, test) = (setup.start().await, sqlite().await);
    let relay = Relay { certificate: Some(postfix.client_certificate()), ..postfix.relay() };
    let house = House::with(&test, vec![relay]).await;
    let readers = house.readers(3).await;
    house.digest().await;
    assert_eq!(house.through(vec![postfix.relay()]).run().await.total(), 0, "not without it: {}", postfix.log());
    assert!(postfix.kept().await.is_empty());
    house.wait(SignedDuration::from_mins(1));
    assert_eq!(house.run().await.sent, 3, "{}", postfix.log());
    assert_eq!(recipients(&postfix.kept().await), sorted(readers));
}

#[tokio::test]
async fn what_postfix_keeps_is_byte_for_byte_what_was_sent() {
    let long = "w".repeat(3000);
    let statement = Issue::saying(&format!(
        "<p>.</p><p>..</p><p>.dot, <b>und Umlaute äöü „…“ 🕊</b></p><p>From here on</p><pre>.\n..\n\n.QUIT\n</pre><p>{long}</p>"
    ));
    // A house made anew is the same house: its messages have the same numbers. So one says what another sends.
    let scripted = ScriptedRelay::start().await;
    let said = sqlite().await;
    let house = House::with(&said, vec![scripted.relay()]).await;
    house.readers(10).await;
    house.publish(&statement).await;
    assert_eq!(house.run().await.sent, 10);
    let expected: BTreeMap<String, (String, Vec<u8>)> = scripted
        .messages()
        .into_iter()
        .map(|received| (received.recipient, (received.sender, received.bytes)))
        .collect();
    assert!(expected.values().any(|(_, bytes)| bytes.windows(3).any(|line| line == b"\n.\r")), "a dot on its own");

    for keywords in ["", "chunking", "pipelining", "pipelining, chunking, 8bitmime"] {
        let setup = Postfix::setup().set(&format!("smtpd_discard_ehlo_keywords = {keywords}"));
        let (postfix, test) = (setup.start().await, sqlite().await);
        let house = House::with(&test, vec![Relay { connections: 2, ..postfix.relay() }]).await;
        house.readers(10).await;
        house.publish(&statement).await;
        assert_eq!(house.run().await.sent, 10);
        let kept = postfix.kept().await;
        assert_eq!(kept.len(), 10);
        for message in kept {
            let (sender, bytes) = &expected[&message.recipient];
            assert_eq!(&message.sender, sender);
            let [kept, sent] = [&message.bytes, bytes].map(|bytes| String::from_utf8_lossy(bytes));
            assert!(message.bytes == *bytes, "kept:\n{kept}\nsent:\n{sent}");
        }
    }
}
