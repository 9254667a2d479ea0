//! Alerts by a program: planned, sent once however often it asks, waiting for staff where two people are needed, stopped.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tidings::{
    access::{self, Once, Turn},
    domain::{access::Scope, issue::IssueId},
    newsroom::{self, By, Placed, Seen, Sending, Statement},
};

use super::house;
use crate::world::{World, address_of, api::Program, pages::Pages, slug, somebody, stores::told_on_both_engines};

const SEND: [Scope; 3] = [Scope::AlertsWrite, Scope::AlertsSend, Scope::IssuesRead];

fn alert(subject: &str) -> Value {
    json!({ "list": "news", "subject": subject, "markdown": "The coalition **condemns** it." })
}

fn wish(subject: &str) -> Value {
    json!({ "alert": alert(subject), "expected_readers": 2 })
}

async fn sent(world: &World, subject: &str) -> usize {
    world.run().await;
    world.mails_to("reader1@example.org").iter().filter(|mail| mail.subject.contains(subject)).count()
}

told_on_both_engines!(an_alert_is_planned_without_a_trace_and_then_sent_once_however_often_it_is_asked_for);
async fn an_alert_is_planned_without_a_trace_and_then_sent_once_however_often_it_is_asked_for() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    let plan = program.post("/alerts/plan", &alert("A transfer")).await.json();
    assert_eq!((&plan["readers"], &plan["needs_staff"]), (&2.into(), &false.into()), "{plan}");
    assert!(plan["html"].as_str().expect("HTML").contains("<strong>condemns</strong>"), "{plan}");
    assert_eq!(sent(&world, "A transfer").await, 0);

    let first = program.alerts("k-1", &wish("A transfer")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let again = program.alerts("k-1", &wish("A transfer")).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    // Another key does not make the same words another alert.
    let other_key = program.alerts("k-2", &wish("A transfer")).await;
    assert_eq!((other_key.status, other_key.problem().as_str()), (StatusCode::CONFLICT, "made-before"));
    let other_body = program.alerts("k-1", &wish("Another transfer")).await;
    assert_eq!((other_body.status, other_body.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "key-used"));
    assert_eq!((sent(&world, "A transfer").await, sent(&world, "Another transfer").await), (1, 0));
    // A key belongs to its token, and for a day.
    let another = Program::with(&world, &pages, &SEND).await;
    assert_eq!(another.alerts("k-1", &wish("Another transfer")).await.status, StatusCode::CREATED);
    world.hours(25);
    assert_eq!(program.alerts("k-1", &wish("A third one")).await.status, StatusCode::CREATED);
    let issue = first.json()["id"].as_i64().expect("a number");
    let shown = program.get(&format!("/issues/{issue}")).await.json();
    assert_eq!(shown["deliveries"], json!({ "sent": 2 }), "{shown}");
}

told_on_both_engines!(an_alert_whose_sender_was_killed_in_between_goes_once_when_it_is_asked_for_again);
async fn an_alert_whose_sender_was_killed_in_between_goes_once_when_it_is_asked_for_again() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    for (subject, was_sent) in [("Killed before", false), ("Killed behind", true)] {
        let body = wish(subject);
        // What a process does that is killed before it has answered: at first nothing, then all but the answer.
        let text = body.to_string();
        let once = Once { token: program.id, key: subject_key(subject), route: "POST /alerts", body: text.as_bytes() };
        let begun = access::begin(&world.app, &once).await.expect("begun");
        assert!(matches!(begun, Turn::Yours(_)));
        if was_sent {
            let statement =
                Statement { list: &slug("news"), subject, markdown: "The coalition **condemns** it.", key: None };
            let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
            let by = By::Machine("the one that was killed".into());
            newsroom::send(&world.app, &draft, &Sending { by: &by, window: SignedDuration::ZERO }).await.expect("sent");
        }
        let early = program.alerts(subject_key(subject), &body).await;
        assert_eq!(
            (early.problem().as_str(), &early.headers["retry-after"]),
            ("under-way", &"60".parse().expect("a value"))
        );
        world.minutes(1);
        let late = program.alerts(subject_key(subject), &body).await;
        assert_eq!(late.status, StatusCode::CREATED, "{}", late.text);
        assert_eq!(program.alerts(subject_key(subject), &body).await.text, late.text);
        assert_eq!(sent(&world, subject).await, 1, "{subject}");
    }
}

fn subject_key(subject: &str) -> &str {
    subject.split(' ').next_back().expect("a word")
}

#[tokio::test]
async fn fifty_who_ask_at_once_by_one_key_send_one_alert() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    let body = wish("All at once");
    let answers = futures_util::future::join_all((0..50).map(|_| program.alerts("one", &body))).await;
    let created = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert!(created >= 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_eq!(answer.problem(), "under-way");
    }
    assert_eq!(sent(&world, "All at once").await, 1);
}

#[tokio::test]
async fn nothing_goes_to_other_readers_than_expected_without_a_key_or_without_words_and_the_key_stays_free() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    for expected in [0, 1, 3, 2000] {
        let mut body = wish("Not yet");
        body["expected_readers"] = expected.into();
        let answer = program.alerts("k", &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::CONFLICT, "other-readers"), "{expected}");
    }
    assert_eq!(program.post("/alerts", &wish("Not yet")).await.problem(), "no-key");
    for key in ["", "with space", &"x".repeat(101)] {
        assert_eq!(program.alerts(key, &wish("Not yet")).await.problem(), "no-key", "{key}");
    }
    for (field, value) in [
        ("subject", json!("")),
        ("subject", json!(" \n ")),
        ("subject", json!("x".repeat(201))),
        ("markdown", json!("  ")),
        ("markdown", json!("a\0b")),
        ("list", json!("nowhere")),
        ("window_seconds", json!(86_401)),
        ("window_seconds", json!(-1)),
        ("key", json!("")),
        ("unknown", json!(1)),
    ] {
        let mut body = wish("Not yet");
        body["alert"][field] = value;
        let answer = program.alerts("k", &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{body}");
    }
    assert_eq!(sent(&world, "Not yet").await, 0);
    assert_eq!(program.alerts("k", &wish("Not yet")).await.status, StatusCode::CREATED);
    assert_eq!(sent(&world, "Not yet").await, 1);
}

#[tokio::test]
async fn within_its_window_a_program_stops_what_it_sent_and_staff_decide_what_follows() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    let mut body = wish("In a window");
    body["alert"]["window_seconds"] = 600.into();
    let issue = program.alerts("k", &body).await.json()["id"].as_i64().expect("a number");
    assert_eq!(sent(&world, "In a window").await, 0);
    let stopped = program.post(&format!("/issues/{issue}/stop"), &json!({ "reason": "a wrong name" })).await;
    assert_eq!((stopped.status, &stopped.json()["state"]), (StatusCode::OK, &"held".into()), "{}", stopped.text);
    let reason = stopped.json()["state_reason"].as_str().expect("a reason").to_owned();
    assert!(reason.starts_with("a wrong name, by the program “a program” (token:"), "{reason}");
    let again = program.post(&format!("/issues/{issue}/stop"), &json!({ "reason": "a wrong name" })).await;
    assert_eq!((again.status, again.problem().as_str()), (StatusCode::CONFLICT, "wrong-state"));
    world.hours(1);
    assert_eq!(sent(&world, "In a window").await, 0);
    assert!(world.mails_to("desk@example.org").iter().any(|mail| mail.subject.contains("is stopped")));
}

told_on_both_engines!(where_two_people_are_needed_a_program_is_neither_of_them);
async fn where_two_people_are_needed_a_program_is_neither_of_them() {
    let setup = World::setup().staff("notify = [\"desk@example.org\", \"chief@example.org\"]");
    let world = setup.staff("second_person = true").start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    let program = Program::with(&world, &pages, &SEND).await;
    assert_eq!(program.post("/alerts/plan", &alert("By two")).await.json()["needs_staff"], true);
    let held = program.alerts("k", &wish("By two")).await;
    assert_eq!((held.status, &held.json()["state"]), (StatusCode::CREATED, &"held".into()), "{}", held.text);
    assert_eq!(program.alerts("k", &wish("By two")).await.text, held.text);
    assert_eq!(sent(&world, "By two").await, 0);
    let told = world.mails_to("desk@example.org").pop().expect("staff are told");
    assert!(told.subject.contains("waits for two of you"), "{}", told.subject);

    let issue = world.held_issue().await;
    let [desk, chief] = ["desk@example.org", "chief@example.org"].map(address_of);
    let desk = By::staff(&world.app, &desk).await.expect("staff");
    let chief = By::staff(&world.app, &chief).await.expect("staff");
    // One person does not let it go: with the program, they are one.
    assert!(newsroom::approve(&world.app, issue, &desk, Seen::Now).await.is_err());
    let placed = newsroom::release(&world.app, issue, &desk, Seen::Now).await.expect("wanted");
    assert!(matches!(placed, Placed::Waits(_)));
    assert_eq!(sent(&world, "By two").await, 0);
    assert!(newsroom::approve(&world.app, issue, &desk, Seen::Now).await.is_err());
    let token = By::Token { id: program.id, name: "a program".into() };
    assert!(newsroom::approve(&world.app, issue, &token, Seen::Now).await.is_err());
    assert!(newsroom::release(&world.app, issue, &token, Seen::Now).await.is_err());
    newsroom::approve(&world.app, issue, &chief, Seen::Now).await.expect("approved");
    assert_eq!(sent(&world, "By two").await, 1);
}

#[tokio::test]
async fn a_program_that_alerts_again_and_again_is_held_up_and_staff_release_what_they_want() {
    let (world, pages) = strict_house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    for nth in 1..=2 {
        let answer = program.alerts(&format!("k-{nth}"), &wish(&format!("Alert {nth}"))).await;
        assert_eq!(answer.json()["state"], "queued", "{}", answer.text);
    }
    assert_eq!(program.post("/alerts/plan", &alert("Alert 3")).await.json()["needs_staff"], true);
    let third = program.alerts("k-3", &wish("Alert 3")).await;
    assert_eq!((third.status, &third.json()["state"]), (StatusCode::CREATED, &"held".into()), "{}", third.text);
    assert_eq!((sent(&world, "Alert 2").await, sent(&world, "Alert 3").await), (1, 0));
    let told = world.mails_to("desk@example.org").pop().expect("staff are told");
    assert!(told.subject.contains("waits for one of you"), "{}", told.subject);
    let desk = By::staff(&world.app, &address_of("desk@example.org")).await.expect("staff");
    newsroom::release(&world.app, world.held_issue().await, &desk, Seen::Now).await.expect("released");
    assert_eq!(sent(&world, "Alert 3").await, 1);
    // On the next day it may send by itself again.
    world.hours(25);
    assert_eq!(program.alerts("k-4", &wish("Alert 4")).await.json()["state"], "queued");
}

told_on_both_engines!(
    an_alert_that_went_and_was_withdrawn_counts_as_one_and_one_that_was_stopped_before_it_went_does_not
);
async fn an_alert_that_went_and_was_withdrawn_counts_as_one_and_one_that_was_stopped_before_it_went_does_not() {
    let (world, pages) = strict_house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    let mut asked = 0;
    let mut alert = async |window: u64| {
        asked += 1;
        let mut body = wish(&format!("Alert {asked}"));
        body["alert"]["window_seconds"] = window.into();
        program.alerts(&format!("k-{asked}"), &body).await.json()
    };
    let stopped = alert(600).await["id"].as_i64().expect("a number");
    let path = format!("/issues/{stopped}/stop");
    assert_eq!(program.post(&path, &json!({ "reason": "a wrong name" })).await.status, StatusCode::OK);
    for nth in 1..=2 {
        let issue = IssueId(alert(0).await["id"].as_i64().expect("a number"));
        world.run().await;
        assert_eq!(world.states(issue).await, "sent 2", "{nth}");
        let withdrawal = newsroom::draft_withdrawal(&world.app, issue, "").await.expect("a draft");
        let sending = Sending { by: &somebody(), window: SignedDuration::ZERO };
        newsroom::send(&world.app, &withdrawal, &sending).await.expect("withdrawn");
        world.run().await;
    }
    assert_eq!(alert(0).await["state"], "held", "readers had two");
}

told_on_both_engines!(programs_that_alert_at_the_same_moment_bring_no_more_than_a_day_may_bring);
async fn programs_that_alert_at_the_same_moment_bring_no_more_than_a_day_may_bring() {
    let (world, pages) = strict_house().await;
    let program = Program::with(&world, &pages, &SEND).await;
    let wishes: Vec<(String, Value)> = (0..10).map(|nth| (format!("k-{nth}"), wish(&format!("Alert {nth}")))).collect();
    let answers = wishes.iter().map(|(key, wish)| program.alerts(key, wish));
    let mut states = Vec::new();
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        states.push(answer.json()["state"].as_str().expect("a state").to_owned());
    }
    states.sort();
    assert_eq!(states, [vec!["held"; 8], vec!["queued"; 2]].concat());
    world.run().await;
    assert_eq!(world.mails_to("reader1@example.org").len(), 2);
}

/// A house whose list is alerted by programs twice a day at most.
async fn strict_house() -> (World, Pages) {
    let setup = World::setup().staff("notify = [\"desk@example.org\"]");
    let world = setup.list("alerts_per_day = 2").start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    (world, pages)
}
