//! Mail providers tell of bounces and complaints over real HTTP. What a provider signed is noted once it is proven, and
//! nothing else is; whoever is not the provider learns nothing.

mod providers;
mod sns;

use std::{net::SocketAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tidings::{
    domain::hook::Hook,
    intake::hooks::{self, HookError, Posted},
    store::Store,
    web,
};
use tokio::net::TcpListener;

use self::providers::{
    AmazonHosts, KINDS, Posting, bounce, delivered, mailgun, mailgun_with, postmark, sendgrid, sendgrid_bytes,
};
use crate::world::{
    World,
    stores::{TestStore, on_both_engines},
};

const READER: &str = "reader1@example.org";

/// A world with a hook of each kind, on a socket of its own.
struct House {
    world: World,
    amazon: AmazonHosts,
    address: SocketAddr,
    client: reqwest::Client,
}

struct Answer {
    status: StatusCode,
    text: String,
}

impl House {
    async fn new() -> Self {
        let world = World::setup().also(&providers::sections()).start().await;
        let (amazon, listener) = (AmazonHosts::default(), TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
        let address = listener.local_addr().expect("a bound address");
        let router = web::router_with(Arc::clone(&world.app), amazon.way());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { world, amazon, address, client: client.build().expect("a client") }
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    async fn ask(&self, method: Method, posting: &Posting) -> Answer {
        let url = format!("http://{}/hooks/{}", self.address, posting.hook);
        let mut request = self.client.request(method, url).body(posting.body.clone());
        for (name, value) in &posting.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.expect("an answer");
        Answer { status: response.status(), text: response.text().await.expect("an answer to its end") }
    }

    async fn post(&self, posting: &Posting) -> Answer {
        self.ask(Method::POST, posting).await
    }

    /// What was noted of reports by the hook of that name: kind, delivery, recipient, code and words.
    async fn noted(&self, hook: &str) -> Vec<String> {
        self.world.ledger(&format!("hook:{hook}")).await
    }

    /// A request of each kind that tells of a bounce of the reader's.
    fn bounces(&self) -> [Posting; 4] {
        KINDS.map(|kind| bounce(kind, READER, "other@example.net", self.now()))
    }

    /// The request is refused as any other that proves nothing.
    async fn assert_refused(&self, posting: &Posting, why: &str) {
        let answer = self.post(posting).await;
        let wanted = "Nothing proves that this comes from the provider of this hook.";
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, wanted), "{}: {why}", posting.hook);
    }
}

#[tokio::test]
async fn a_bounce_is_noted_by_the_delivery_that_it_names_and_by_its_recipient() {
    let house = House::new().await;
    house.world.begin(1).await;
    house.world.next_look(&[house.world.post("Coalition condemns a transfer")]).await;
    let mail = house.world.mails().remove(0);
    let message_id = mail.header("message-id").trim_matches(['<', '>']).to_owned();
    let delivery = message_id.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    for kind in KINDS {
        let answer = house.post(&bounce(kind, READER, &message_id, house.now())).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "Taken."), "{kind}");
        let noted = house.noted(kind).await;
        assert_eq!(noted.len(), 1, "{noted:?}");
        assert!(noted[0].starts_with(&format!("hard: {delivery} r***@e***.org 5.1.1 ")), "{noted:?}");
        assert!(noted[0].contains("<r***@e***.org> no such user") && !noted[0].contains(READER), "{noted:?}");
    }
}

#[tokio::test]
async fn a_message_id_without_our_seal_names_no_delivery() {
    let house = House::new().await;
    for kind in KINDS {
        let forged = bounce(kind, READER, "1.1.aaaaaaaaaaaaaaaa@example.org", house.now());
        assert_eq!(house.post(&forged).await.status, StatusCode::OK);
        let noted = house.noted(kind).await;
        assert!(noted.len() == 1 && noted[0].starts_with("hard: - r***@e***.org 5.1.1 "), "{noted:?}");
    }
}

#[tokio::test]
async fn what_is_no_bounce_and_no_complaint_is_taken_and_passed_over() {
    let house = House::new().await;
    for kind in KINDS {
        assert_eq!(house.post(&delivered(kind, house.now())).await.status, StatusCode::OK, "{kind}");
        assert_eq!(house.noted(kind).await, [""; 0]);
    }
}

#[tokio::test]
async fn complaints_are_told_apart_from_bounces() {
    let house = House::new().await;
    let now = house.now();
    for complaint in [
        providers::ses(
            &json!({"eventType": "Complaint", "complaint": {"complaintFeedbackType": "abuse",
                    "complainedRecipients": [{"emailAddress": READER}]}}),
            now,
        ),
        postmark(&json!({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": READER})),
        sendgrid(&json!([{"event": "spamreport", "email": READER}]), now),
        mailgun(&json!({"event": "complained", "recipient": READER}), now),
    ] {
        assert_eq!(house.post(&complaint).await.status, StatusCode::OK);
        let noted = house.noted(complaint.hook).await;
        assert!(noted.len() == 1 && noted[0].starts_with("complaint: - r***@e***.org - "), "{noted:?}");
    }
}

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
async fn what_cannot_be_written_down_is_asked_for_again() {
    let house = House::new().await;
    house.world.app.store.close().await;
    for posting in house.bounces() {
        let answer = house.post(&posting).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", posting.hook);
    }
    // What proves nothing is refused all the same.
    house.assert_refused(&Posting { headers: Vec::new(), ..postmark(&json!({})) }, "no password").await;
}

#[tokio::test]
async fn the_providers_own_nonsense_is_said_to_be_nonsense() {
    let house = House::new().await;
    let mut deep = vec![b'['; 100_000];
    deep.extend(vec![b']'; 100_000]);
    for nonsense in [&b""[..], b"{", b"\xff\xfe", &deep] {
        for posting in [
            Posting { body: nonsense.to_vec(), ..postmark(&json!({})) },
            sendgrid_bytes(nonsense.to_vec(), house.now()),
        ] {
            let answer = house.post(&posting).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", posting.hook);
        }
    }
    for other in [&b"7"[..], b"null", b"{}", b"[[[]]]", b"[{\"event\":{}}]"] {
        let posting = sendgrid_bytes(other.to_vec(), house.now());
        assert_eq!(house.post(&posting).await.status, StatusCode::OK);
    }
    assert_eq!(house.noted("sendgrid").await, [""; 0]);
}

#[tokio::test]
async fn a_request_may_weigh_a_mebibyte_and_no_more() {
    const LARGEST: usize = 1024 * 1024;
    let house = House::new().await;
    let event = json!([{"event": "spamreport", "email": READER}]).to_string();
    let weighing = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.len())).into_bytes();
    for posting in house.bounces() {
        let large = Posting { body: weighing(LARGEST + 1), ..posting };
        assert_eq!(house.post(&large).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", large.hook);
    }
    assert_eq!(house.post(&sendgrid_bytes(weighing(LARGEST), house.now())).await.status, StatusCode::OK);
    assert_eq!(house.noted("sendgrid").await.len(), 1);
}

#[tokio::test]
async fn a_hook_takes_posts_only_and_an_unknown_one_is_not_there() {
    let house = House::new().await;
    for posting in house.bounces() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let answer = house.ask(method.clone(), &posting).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
        for hook in ["nowhere", "", "%FF", "SES", "ses%00", "ses/", "..%2Fhooks%2Fses", "ses/x"] {
            let answer = house.post(&Posting { hook, ..posting.clone() }).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{hook}");
        }
        assert_eq!(house.noted(posting.hook).await, [""; 0]);
    }
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
