//! Who is not the provider is refused: without its signature, with an old one, with one that belongs to something else.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use tidings::{
    domain::hook::Hook,
    intake::hooks::{self, HookError, Posted},
    store::Store,
};

use super::{
    House, READER,
    providers::{KINDS, Posting, bounce, mailgun, mailgun_with, postmark},
};
use crate::world::stores::{TestStore, on_both_engines};

#[tokio::test]
async fn what_proves_nothing_is_refused_in_the_same_words() {
    let house = House::new().await;
    let now = house.now();
    for good in house.bounces() {
        let without = Posting { headers: Vec::new(), ..good.clone() };
        let other_way = String::from_utf8(good.body.clone()).expect("text").replace(READER, "reader2@example.org");
        let changed = Posting { body: other_way.into_bytes(), ..good.clone() };
        match good.hook {
            // The password covers no body, and the headers hold nothing of the signature of these two.
            "postmark" => house.assert_refused(&without, "no password").await,
            "mailgun" => {}
            "ses" => house.assert_refused(&changed, "another body").await,
            _ => {
                house.assert_refused(&without, "no signature").await;
                house.assert_refused(&changed, "another body").await;
            }
        }
        for garbage in [&b""[..], b"{", b"\xff\xfe\x00", b"[]", b"null", b"{\"Type\":\"Notification\"}"] {
            let posting = Posting { headers: Vec::new(), body: garbage.to_vec(), hook: good.hook };
            house.assert_refused(&posting, "garbage").await;
        }
    }
    for header in ["Basic !", "Basic cG9zdG1hcms6", "Bearer x", "Basic", ""] {
        let wrong = Posting { headers: vec![("authorization", header.to_owned())], ..postmark(&json!({})) };
        house.assert_refused(&wrong, header).await;
    }
    let event = json!({"event": "complained", "recipient": READER});
    let forged = String::from_utf8(mailgun(&event, now).body).expect("text");
    let place = forged.find("\"signature\":\"").expect("a signature") + "\"signature\":\"".len();
    let digit = if &forged[place..=place] == "0" { "1" } else { "0" };
    let forged = format!("{}{digit}{}", &forged[..place], &forged[place + 1..]).into_bytes();
    house.assert_refused(&Posting { body: forged, ..mailgun(&event, now) }, "another signature").await;
    let time = now.as_second().to_string();
    for (time, token) in [(&time[..9], format!("{}abc", &time[9..])), (&time[..], String::new()), ("", "abc".into())] {
        house.assert_refused(&mailgun_with(&event, time, &token), "time and token moved").await;
    }
    for kind in KINDS {
        assert_eq!(house.noted(kind).await, [""; 0], "{kind}");
    }
}

#[tokio::test]
async fn the_same_again_is_taken_for_a_while_and_refused_when_it_is_old() {
    let house = House::new().await;
    let postings = house.bounces();
    for posting in &postings {
        for _ in 0..2 {
            assert_eq!(house.post(posting).await.status, StatusCode::OK, "{}", posting.hook);
        }
    }
    house.world.minutes(16);
    house.assert_refused(&postings[3], "Mailgun signed it 16 minutes ago").await;
    for posting in &postings[..3] {
        assert_eq!(house.post(posting).await.status, StatusCode::OK, "{}", posting.hook);
    }
    house.world.hours(25);
    house.assert_refused(&postings[0], "SNS signed it 25 hours ago").await;
    house.assert_refused(&postings[2], "SendGrid signed it 25 hours ago").await;
    let later = house.now().checked_add(SignedDuration::from_mins(16)).expect("a time");
    for kind in ["ses", "sendgrid", "mailgun"] {
        house.assert_refused(&bounce(kind, READER, "", later), "it was signed in 16 minutes").await;
    }
}

#[tokio::test]
async fn a_token_of_mailgun_is_good_for_one_body() {
    let house = House::new().await;
    let (time, token) = (house.now().as_second().to_string(), "t".repeat(50));
    let event = |recipient: &str| json!({"event": "complained", "recipient": recipient});
    let first = mailgun_with(&event(READER), &time, &token);
    assert_eq!(house.post(&first).await.status, StatusCode::OK);
    let second = mailgun_with(&event("reader2@example.org"), &time, &token);
    house.assert_refused(&second, "another body with the same token").await;
    assert_eq!(house.post(&first).await.status, StatusCode::OK, "Mailgun may not have heard our answer");
    let fresh = mailgun_with(&event("reader2@example.org"), &time, &"u".repeat(50));
    assert_eq!(house.post(&fresh).await.status, StatusCode::OK);
    // Nor with another machine, or after a restart: the rows know.
    let other = house.world.another().await;
    let hook = other.config.hooks.iter().find(|hook| hook.name.as_str() == "mailgun").expect("it is there");
    let posted = Posted { header: &|_| None, body: &second.body };
    let refused = hooks::take(&other, &house.amazon.way(), hook, &posted).await;
    assert!(matches!(refused, Err(HookError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_hook_believes_only_its_own_provider() {
    let house = House::new().await;
    for posting in house.bounces() {
        for hook in KINDS.into_iter().filter(|hook| *hook != posting.hook) {
            house.assert_refused(&Posting { hook, ..posting.clone() }, posting.hook).await;
        }
    }
}

on_both_engines!(a_token_belongs_to_the_first_body_until_it_is_too_old, async |test: &TestStore| {
    let at = |minute: i64| Timestamp::from_second(1_700_000_000 + 60 * minute).expect("an instant");
    let (here, there) = (&test.store, &test.open_again().await);
    let bind = async |store: &Store, body: &'static str, minute| {
        store.bind_hook_token("t1", body, at(minute), at(minute - 45)).await.expect("the store takes it")
    };
    // Two processes at the same time: one of them is first.
    let (one, other) = tokio::join!(bind(here, "a", 0), bind(there, "b", 0));
    assert_ne!(one, other);
    let (first, second) = if one { ("a", "b") } else { ("b", "a") };
    for store in [here, there] {
        assert!(bind(store, first, 15).await && !bind(store, second, 45).await);
    }
    assert!(bind(here, second, 46).await, "it was forgotten");
    assert!(!bind(there, first, 46).await);
});

/// Takes a request without a socket between.
fn take(house: &House, runtime: &tokio::runtime::Runtime, posting: &Posting) -> Result<(), HookError> {
    let hook: &Hook = house.world.app.config.hooks.iter().find(|hook| hook.name.as_str() == posting.hook).expect("one");
    let header = |name: &str| posting.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let posted = Posted { header: &header, body: &posting.body };
    runtime.block_on(hooks::take(&house.world.app, &house.amazon.way(), hook, &posted))
}

#[test]
fn no_bytes_panic_and_none_that_were_changed_are_believed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let house = runtime.block_on(House::new());
    let postings = house.bounces();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let places = (0..4_usize, any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>());
    let told = runner.run(&places, |(kind, place, byte, end)| {
        let good = &postings[kind];
        let mut body = good.body.clone();
        let place = place.index(body.len());
        prop_assume!(body[place] != byte);
        body[place] = byte;
        let changed = take(&house, &runtime, &Posting { body: body.clone(), ..good.clone() });
        // A signature covers each byte of these, and the password none.
        prop_assert!(good.hook != "sendgrid" || matches!(changed, Err(HookError::Refused(_))), "{changed:?}");
        body.truncate(end.index(body.len() + 1));
        let cut = take(&house, &runtime, &Posting { body, ..good.clone() });
        prop_assert!(cut.is_err() || good.hook == "postmark", "{cut:?}");
        Ok(())
    });
    told.expect("each case holds");
}
