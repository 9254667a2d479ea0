//! What the house's own systems are told: each event once written down with what it tells of, signed, told again until it
//! is taken, and told to nobody who did not want it.

use std::sync::Arc;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::Sha256;
use tidings::{
    domain::{
        issue::IssueKind,
        subscription::SubscriberId,
        token::{Claim, Purpose},
        webhook::Webhook,
    },
    store::webhooks::Standing,
    subscribe::{self, Visit},
    webhooks::{self, Called},
};
use tokio::sync::Semaphore;

use crate::world::{
    Setup, World, address_of,
    feed_server::{Request, Response},
    program::{KILLED, ended},
    relay::Answer,
    slug,
    stores::told_on_both_engines,
};

const READER: &str = "reader1@example.org";
const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A webhook of that name at the same path of the site, with more lines.
fn hook(name: &str, more: &str) -> String {
    format!(
        "[[webhooks]]\nname = \"{name}\"\nurl = \"SITE/{name}\"\nsecret = \"whsec_{KEY}\"\n\
         private_networks = [\"127.0.0.0/8\"]\n{more}\n"
    )
}

/// A house that tells a system, which takes everything.
async fn house(setup: Setup) -> World {
    let world = setup.also(&hook("crm", "")).start().await;
    world.site.serve("/crm", Response::ok(""));
    world
}

/// What a run does about webhooks.
async fn call(world: &World) {
    webhooks::note_events(&world.app).await.expect("the store takes it");
    webhooks::call_all(&world.app).await.expect("the store takes it");
}

/// The calls that came to a path, in order.
fn calls(world: &World, path: &str) -> Vec<Request> {
    world.site.requests().into_iter().filter(|request| request.target == path).collect()
}

/// What was told at a path.
fn told(world: &World, path: &str) -> Vec<Value> {
    let body = |request: Request| serde_json::from_str(&request.body).expect("JSON");
    calls(world, path).into_iter().map(body).collect()
}

fn webhook<'a>(world: &'a World, name: &str) -> &'a Webhook {
    webhooks::found(&world.app, name).expect("a webhook")
}

async fn standing(world: &World, name: &str) -> Standing {
    world.app.store.standings_of_webhooks().await.expect("read").remove(name).unwrap_or_default()
}

async fn number(world: &World, address: &str) -> SubscriberId {
    let found = world.app.store.subscriptions_of(&address_of(address)).await.expect("read");
    found.first().expect("a subscription").subscriber
}

/// The signature that the receiver makes of a call by itself (Standard Webhooks, "Signature scheme").
fn signature_of(request: &Request) -> String {
    let key = BASE64.decode(KEY.as_bytes()).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    let header = |name| request.header(name).expect("a header of the standard");
    mac.update(format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.body).as_bytes());
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

told_on_both_engines!(who_joins_chooses_and_leaves_is_told_with_a_signature_that_the_receiver_can_make);
async fn who_joins_chooses_and_leaves_is_told_with_a_signature_that_the_receiver_can_make() {
    let world = house(World::setup()).await;
    world.join("news", READER).await;
    call(&world).await;
    let reader = number(&world, READER).await;
    let list = world.app.store.state_of_list(&slug("news"), world.clock.now()).await.expect("a list").number;
    let token = world.app.secret.sign(Purpose::Leave, Claim { list, subscriber: reader });
    world.minutes(1);
    subscribe::narrow(&world.app, &token, IssueKind::Alert, Visit::Page(None)).await.expect("narrower");
    call(&world).await;
    world.minutes(1);
    subscribe::leave(&world.app, &token, Visit::Page(None)).await.expect("left");
    call(&world).await;
    subscribe::leave(&world.app, &token, Visit::Page(None)).await.expect("left twice is left once");
    call(&world).await;
    let data = |state: &str, gets: &[&str]| json!({ "list": "news", "subscriber": reader.0, "address": READER, "state": state, "gets": gets });
    let mut left = data("ended", &["alerts"]);
    left["reason"] = json!("left by the page");
    let all = told(&world, "/crm");
    let seen: Vec<&Value> = all.iter().map(|body| &body["data"]).collect();
    assert_eq!(seen, [&data("active", &["digests", "alerts"]), &data("active", &["alerts"]), &left]);
    assert!(all.iter().all(|body| body["type"] == "subscription.changed"), "{all:?}");
    assert_eq!(all[0]["timestamp"], "2024-04-24T12:00:00Z");
    let requests = calls(&world, "/crm");
    for request in &requests {
        assert_eq!(request.header("webhook-signature"), Some(signature_of(request).as_str()));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
    assert_ne!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    // What comes by files and confirmations is told too.
    world.write("subscribers/news.csv", "a@example.org\nb@example.org\n");
    world.run().await;
    call(&world).await;
    let mut joined: Vec<Value> = told(&world, "/crm")[3..].iter().map(|body| body["data"]["address"].clone()).collect();
    joined.sort_by_key(Value::to_string);
    assert_eq!(joined, [json!("a@example.org"), json!("b@example.org")]);
}

told_on_both_engines!(what_an_import_changes_keeps_no_other_event_waiting);
async fn what_an_import_changes_keeps_no_other_event_waiting() {
    let setup = World::setup().also(&hook("crm", "events = [\"issue.sent\", \"subscription.changed\"]"));
    let world = setup.start().await;
    world.site.serve("/crm", Response::ok(""));
    world.begin(1).await;
    let people: String = (0..100).map(|n| format!("somebody{n}@example.net\n")).collect();
    world.write("subscribers/news.csv", &people);
    world.site.serve("/crm", Response::ok("").status(503));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let issue = world.issues().await[0].id;
    call(&world).await;
    world.hours(2);
    let due = world.app.store.due_calls(&slug("crm"), 10, world.clock.now()).await.expect("read");
    assert_eq!(due.len(), 11, "ten of the hundred, and the one: {due:?}");
    assert_eq!(due[0].0, format!("issue.sent:{}", issue.0));
}

told_on_both_engines!(an_issue_is_told_once_when_nothing_of_it_waits_and_who_was_refused_before);
async fn an_issue_is_told_once_when_nothing_of_it_waits_and_who_was_refused_before() {
    let setup = World::setup().also(&hook("crm", "events = [\"issue.sent\", \"delivery.refused\"]"));
    let world = setup.start().await;
    world.site.serve("/crm", Response::ok(""));
    world.begin(3).await;
    call(&world).await;
    assert!(calls(&world, "/crm").is_empty(), "nobody asked who joins");
    world.relay.answer_recipient(READER, Answer::Reply("550 5.1.1 nobody of that name"));
    world.relay.answer_recipient("reader2@example.org", Answer::Reply("451 4.3.0 later"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    call(&world).await;
    let reader = number(&world, READER).await;
    let refused = told(&world, "/crm");
    assert_eq!(refused.len(), 1, "one message waits: {refused:?}");
    let issue = world.issues().await[0].id;
    assert_eq!(refused[0]["type"], "delivery.refused");
    let data = json!({ "list": "news", "issue": issue.0, "subscriber": reader.0, "address": READER,
                       "reply": refused[0]["data"]["reply"] });
    assert_eq!(refused[0]["data"], data);
    assert!(data["reply"].as_str().is_some_and(|reply| reply.contains("nobody of that name")), "{data}");
    world.relay.answer_recipient("reader2@example.org", Answer::Usual);
    world.minutes(20);
    world.run().await;
    for _ in 0..2 {
        call(&world).await;
    }
    let sent = told(&world, "/crm");
    assert_eq!(sent.len(), 2, "{sent:?}");
    let subject = "Condemnation: Coalition condemns a transfer";
    let data = json!({ "list": "news", "issue": issue.0, "kind": "alert", "subject": subject, "readers": 3, "sent": 2, "refused": 1 });
    assert_eq!((&sent[1]["type"], &sent[1]["data"]), (&json!("issue.sent"), &data));
    // What is swept is not told again.
    for _ in 0..80 {
        world.hours(12);
        call(&world).await;
    }
    assert_eq!(told(&world, "/crm").len(), 2);
    assert_eq!(standing(&world, "crm").await, Standing::default());
}

#[tokio::test]
async fn nothing_is_written_down_that_no_webhook_wants() {
    let world = World::new().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    call(&world).await;
    subscribe::forget(&world.app, &address_of(READER)).await.expect("forgotten");
    let rows = world.rows().await;
    assert!(rows.with("webhook_calls:").is_empty() && rows.with("webhooks:").is_empty());
    let other = "[[lists]]\nname = \"other\"\ntitle = \"Other\"\nfeeds = [\"site\"]\nalerts = true";
    let some = hook("crm", "events = [\"subscription.changed\"]\nlists = [\"other\"]");
    let world = World::setup().also(other).also(&some).start().await;
    world.site.serve("/crm", Response::ok(""));
    world.join("news", READER).await;
    world.join("other", READER).await;
    world.part("news", READER).await;
    call(&world).await;
    let lists: Vec<Value> = told(&world, "/crm").into_iter().map(|body| body["data"]["list"].clone()).collect();
    assert_eq!(lists, [json!("other")]);
    subscribe::forget(&world.app, &address_of(READER)).await.expect("forgotten");
    call(&world).await;
    assert_eq!(told(&world, "/crm").len(), 2, "it hears of its own list alone that they were erased");
}

told_on_both_engines!(what_is_not_taken_is_told_again_under_the_same_id_ever_more_seldom);
async fn what_is_not_taken_is_told_again_under_the_same_id_ever_more_seldom() {
    let world = house(World::setup()).await;
    world.site.serve("/crm", Response::ok("").status(500));
    world.join("news", READER).await;
    call(&world).await;
    call(&world).await;
    assert_eq!(calls(&world, "/crm").len(), 1, "not at once again");
    for wait in [5, 60, 300] {
        world.clock.advance(SignedDuration::from_secs(wait - 1));
        call(&world).await;
        let before = calls(&world, "/crm").len();
        world.clock.advance(SignedDuration::from_secs(1));
        call(&world).await;
        assert_eq!(calls(&world, "/crm").len(), before + 1, "after {wait} s");
    }
    world.site.serve("/crm", Response::ok("thanks").status(202));
    world.minutes(30);
    call(&world).await;
    world.hours(48);
    call(&world).await;
    let all = calls(&world, "/crm");
    assert_eq!(all.len(), 5, "once taken, it is not told again");
    for request in &all {
        assert_eq!(request.header("webhook-id"), all[0].header("webhook-id"));
        assert_eq!(request.body, all[0].body);
        assert_eq!(request.header("webhook-signature"), Some(signature_of(request).as_str()));
    }
    assert_ne!(all[0].header("webhook-timestamp"), all[4].header("webhook-timestamp"));
    assert_eq!(standing(&world, "crm").await.done, 1);
}

told_on_both_engines!(after_a_week_it_is_given_up_staff_hear_of_it_and_can_have_it_told_again);
async fn after_a_week_it_is_given_up_staff_hear_of_it_and_can_have_it_told_again() {
    let world = house(World::setup()).await;
    world.site.serve("/crm", Response::ok("").status(500));
    world.join("news", READER).await;
    let ringing = async || world.app.store.ringing_alarms().await.expect("alarms");
    for _ in 0..5 {
        call(&world).await;
        world.hours(3);
    }
    assert!(ringing().await.is_empty(), "it may be back in a moment");
    call(&world).await;
    let alarms = ringing().await;
    assert_eq!((alarms.len(), alarms[0].about.as_str()), (1, "webhook:crm"));
    assert!(alarms[0].words.contains("status 500") && alarms[0].words.contains("tidings webhooks retry crm"));
    for _ in 0..9 {
        world.hours(24);
        call(&world).await;
    }
    let stands = standing(&world, "crm").await;
    assert_eq!((stands.waiting, stands.given_up), (0, 1), "{stands:?}");
    let given_up = world.ledger("webhook:crm").await.pop().expect("a line");
    assert!(given_up.starts_with("given up: an event (subscription.changed)"), "{given_up}");
    let tried = calls(&world, "/crm").len();
    world.site.serve("/crm", Response::ok(""));
    world.hours(24);
    call(&world).await;
    assert_eq!(calls(&world, "/crm").len(), tried, "given up is given up");
    let again = world.app.store.retry_calls(&slug("crm"), world.clock.now()).await.expect("retried");
    assert_eq!(again, 1);
    call(&world).await;
    assert_eq!(calls(&world, "/crm").len(), tried + 1);
    assert!(ringing().await.is_empty(), "it takes what it is told");
}

#[tokio::test]
async fn one_that_hangs_keeps_neither_the_others_nor_mail_waiting() {
    let world = World::setup().also(&hook("slow", "")).also(&hook("crm", "")).start().await;
    let gate = Arc::new(Semaphore::new(0));
    world.site.serve("/slow", Response::ok("").behind(&gate));
    world.site.serve("/crm", Response::ok(""));
    world.begin(1).await;
    let hanging = {
        let app = Arc::clone(&world.app);
        tokio::spawn(async move {
            webhooks::call_due(&app, webhooks::found(&app, "slow").expect("a webhook"), || true)
                .await
                .expect("the store takes it")
        })
    };
    while calls(&world, "/slow").is_empty() {
        tokio::task::yield_now().await;
    }
    let called = webhooks::call_due(&world.app, webhook(&world, "crm"), || true).await.expect("the store takes it");
    assert_eq!(called, Called { taken: 1, in_vain: 0 });
    let ran = world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!(ran.counts.sent, 1);
    assert!(!hanging.is_finished());
    gate.add_permits(1);
    assert_eq!(hanging.await.expect("it ends"), Called { taken: 1, in_vain: 0 });
}

#[tokio::test]
async fn of_an_answer_only_the_status_counts_and_no_redirect_is_followed() {
    let world = house(World::setup()).await;
    world.join("news", READER).await;
    world.site.serve("/crm", Response::redirect(307, "/elsewhere"));
    world.site.serve("/elsewhere", Response::ok(""));
    call(&world).await;
    assert!(calls(&world, "/elsewhere").is_empty());
    assert!(standing(&world, "crm").await.answer.is_some_and(|answer| answer.contains("307")));
    world.minutes(1);
    world.site.serve("/crm", Response::endless("for ever "));
    call(&world).await;
    assert_eq!(standing(&world, "crm").await.done, 1);
}

#[tokio::test]
async fn a_private_network_is_out_of_reach_unless_it_is_allowed() {
    let shut = hook("crm", "").replace("private_networks = [\"127.0.0.0/8\"]", "");
    let by_name =
        hook("cms", "").replace("private_networks = [\"127.0.0.0/8\"]", "").replace("SITE", "http://localhost:9");
    let world = World::setup().also(&shut).also(&by_name).start().await;
    world.site.serve("/crm", Response::ok(""));
    world.join("news", READER).await;
    call(&world).await;
    assert!(calls(&world, "/crm").is_empty());
    for name in ["crm", "cms"] {
        let answer = standing(&world, name).await.answer.expect("a reason");
        assert!(answer.contains("is not at a public address"), "{answer}");
    }
}

told_on_both_engines!(who_is_erased_is_taken_out_of_what_waits_and_told_by_number_alone);
async fn who_is_erased_is_taken_out_of_what_waits_and_told_by_number_alone() {
    let world = house(World::setup()).await;
    world.site.serve("/crm", Response::ok("").status(500));
    world.begin(2).await;
    world.relay.answer_recipient(READER, Answer::Reply("550 5.1.1 <reader1@example.org> is not here"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    call(&world).await;
    let reader = number(&world, READER).await;
    assert!(world.dump().await.contains(READER));
    subscribe::forget(&world.app, &address_of(READER)).await.expect("forgotten");
    assert!(!world.rows().await.with("webhook").iter().any(|row| row.contains(READER)));
    assert!(!world.dump().await.contains(READER), "{}", world.dump().await);
    world.site.serve("/crm", Response::ok(""));
    let before = calls(&world, "/crm").len();
    world.minutes(1);
    call(&world).await;
    let after = &told(&world, "/crm")[before..];
    let of_reader: Vec<&Value> = after.iter().filter(|body| body["data"]["subscriber"] == reader.0).collect();
    assert!(of_reader.iter().all(|body| !body.to_string().contains("reader1")), "{of_reader:?}");
    let erased = json!({ "list": "news", "subscriber": reader.0, "state": "erased", "gets": [] });
    assert!(of_reader.iter().any(|body| body["data"] == erased), "{of_reader:?}");
}

#[tokio::test]
async fn what_somebody_took_up_and_never_finished_is_told_by_the_next() {
    let world = house(World::setup()).await;
    world.join("news", READER).await;
    let (store, crm) = (&world.app.store, slug("crm"));
    let (event, due_at) = store.due_calls(&crm, 10, world.clock.now()).await.expect("read").pop().expect("a call");
    let taken = store.take_call(&crm, &event, due_at, world.clock.now()).await.expect("taken");
    assert!(taken.is_some());
    let twice = store.take_call(&crm, &event, due_at, world.clock.now()).await.expect("asked");
    assert!(twice.is_none(), "one call is made by one process");
    call(&world).await;
    assert!(calls(&world, "/crm").is_empty(), "somebody is at it");
    world.minutes(1);
    call(&world).await;
    assert_eq!(calls(&world, "/crm").len(), 1);
}

/// Killed at every write of a run, each event is told at least once, and none that did not happen.
#[tokio::test]
async fn killed_at_every_write_of_a_run_an_event_is_told_all_the_same() {
    let world = house(World::setup().at(Timestamp::now())).await;
    let (mut at, mut readers) = (0, Vec::new());
    loop {
        at += 1;
        let reader = format!("r{at}@example.org");
        world.join("news", &reader).await;
        readers.push(reader);
        let mut run = world.program(&["run"]);
        run.env("TIDINGS_KILL_AT_WRITE", at.to_string());
        if ended(run).await.code != KILLED {
            break;
        }
        // A minute later.
        world.sql("UPDATE webhook_calls SET try_at = 1 WHERE outcome = 'waits'").await;
    }
    assert!(at > 5, "a run writes");
    world.tidings(&["run"]).await.well();
    let mut told: Vec<String> =
        told(&world, "/crm").iter().filter_map(|body| body["data"]["address"].as_str().map(str::to_owned)).collect();
    told.sort();
    told.dedup();
    readers.sort();
    assert_eq!(told, readers);
}

#[tokio::test]
async fn the_command_line_lists_tries_and_retries_webhooks() {
    let world = house(World::setup().at(Timestamp::now())).await;
    assert_eq!(world.tidings(&["webhooks", "test", "crm"]).await.well().trim(), "taken");
    assert_eq!(told(&world, "/crm")[0]["type"], "webhook.test");
    let request = &calls(&world, "/crm")[0];
    assert_eq!(request.header("webhook-signature"), Some(signature_of(request).as_str()));
    world.site.serve("/crm", Response::ok("").status(503));
    world.join("news", READER).await;
    world.tidings(&["run"]).await.well();
    let listed = world.tidings(&["--json", "webhooks", "list"]).await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["waiting"], &listed[0]["done"]), (&json!("crm"), &json!(1), &json!(0)));
    assert!(listed[0]["answer"].as_str().is_some_and(|answer| answer.contains("503")), "{listed}");
    let failed = world.tidings(&["webhooks", "test", "crm"]).await;
    assert!(failed.code == 1 && failed.err.contains("status 503"), "{}", failed.err);
    let unknown = world.tidings(&["webhooks", "retry", "cmr"]).await;
    assert!(unknown.code == 1 && unknown.err.contains("there is no webhook `cmr`"), "{}", unknown.err);
    world.site.serve("/crm", Response::ok(""));
    assert_eq!(world.tidings(&["webhooks", "retry", "crm"]).await.well().trim(), "to be told again: 1 event");
    world.tidings(&["run"]).await.well();
    assert_eq!(world.tidings(&["--json", "webhooks", "list"]).await.json()[0]["done"], json!(1));
}
