//! The window: an alert that is on its way and can still be stopped, by the machine or by the link that staff were sent.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use tidings::{
    domain::issue::IssueId,
    newsroom::{self, NewsroomError, Placed, Seen, Sending, Statement},
};

use super::{STAFF, WORDS, told, words};
use crate::world::{
    Setup, World, address_of,
    pages::{FORM, Pages},
    recipients,
    relay::{Answer, Stage},
    slug, somebody, subjects,
};

/// An alert by hand that goes in two minutes, of which staff were told.
async fn in_two_minutes(setup: Setup) -> (World, IssueId) {
    let world = setup.staff(STAFF).start().await;
    world.readers(3).await;
    let statement = Statement { list: &slug("news"), subject: "Statement", markdown: WORDS, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    let sending = Sending { by: &somebody(), window: SignedDuration::from_mins(2) };
    let placed = newsroom::send(&world.app, &draft, &sending).await.expect("queued");
    let Placed::Queued(queued) = placed else { panic!("it needs nobody else") };
    assert_eq!((queued.readers, queued.goes_at.duration_since(world.clock.now()).as_secs()), (3, 120));
    world.run().await;
    (world, queued.issue)
}

#[tokio::test]
async fn staff_hear_of_an_alert_in_its_window_and_readers_get_it_after() {
    let (world, issue) = in_two_minutes(World::setup()).await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails), ["chief@example.org", "desk@example.org"]);
    let notice = told(&world, "desk@example.org");
    assert_eq!(notice.subject, "An alert goes out in 2 minutes: “Statement”");
    assert!(
        words(&notice).contains("goes to 3 readers of Coalition news at 12:02:00 UTC on 24 April 2024. Until then"),
        "{}",
        notice.text
    );
    assert_ne!(
        notice.path_to("staff"),
        told(&world, "chief@example.org").path_to("staff"),
        "each has a link of their own"
    );
    world.clock.advance(SignedDuration::from_secs(119));
    assert_eq!(world.run().await.counts.total(), 0);
    world.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!(recipients(&world.new_mails()), ["reader1@example.org", "reader2@example.org", "reader3@example.org"]);
    assert_eq!(world.states(issue).await, "sent 3");
    assert!(world.ledger(&issue.about()).await[0].ends_with("to 3 readers; it goes at 2024-04-24T12:02:00Z"));
}

#[tokio::test]
async fn a_breaking_post_waits_in_the_window_of_its_list() {
    let world = World::setup().list("alert_hold = \"90s\"").start().await;
    world.begin(2).await;
    let ran = world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!((ran.made(), ran.counts.sent), ((1, 1, 0), 1), "only staff hear of it");
    let notice = told(&world, "desk@example.org");
    assert!(notice.text.contains("“condemns” in the title"), "{}", notice.text);
    world.minutes(1);
    assert_eq!(world.run().await.counts.sent, 0);
    world.minutes(1);
    assert_eq!(world.run().await.counts.sent, 2);
}

async fn what_is_stopped_in_its_window_reaches_nobody(setup: Setup) {
    let (world, issue) = in_two_minutes(setup).await;
    let pages = Pages::of(&world).await;
    let link = told(&world, "chief@example.org").path_to("staff");
    let page = pages.get(&link).await;
    assert_eq!(page.status, StatusCode::OK);
    for words in
        ["An alert goes out soon", "3 readers of Coalition news", "Stop it", "The coalition **condemns** the transfer."]
    {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    world.new_mails();
    let stopped = pages.post(&link, &[("do", "stop")]).await;
    assert!(stopped.text.contains("It is stopped."), "{}", stopped.text);
    // Pressed twice it is stopped once.
    assert_eq!(pages.post(&link, &[("do", "stop")]).await.status, StatusCode::CONFLICT);
    world.hours(1);
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails), ["chief@example.org", "desk@example.org"], "staff hear that it was stopped");
    assert_eq!(subjects(&mails), ["An alert is stopped: “Statement”"; 2]);
    assert_eq!(world.states(issue).await, "queued 3");

    // Who would stop it and finds this button in its place gives nothing up.
    for typed in ["", "yes"] {
        let hasty = pages.decide(&link, &[("do", "give-up"), ("typed", typed)]).await;
        assert_eq!(hasty.status, StatusCode::CONFLICT);
        assert!(hasty.text.contains("Nothing was done. To confirm, type “give up”."), "{}", hasty.text);
    }
    assert_eq!(pages.post(&link, &[("do", "give-up"), ("typed", "give up")]).await.status, StatusCode::CONFLICT);
    let given_up = pages.decide(&link, &[("do", "give-up"), ("typed", "give up")]).await;
    assert!(given_up.text.contains("An alert was given up"), "{}", given_up.text);
    assert!(!given_up.text.contains("<button"), "nothing is left to decide");
    world.run().await;
    assert_eq!((world.states(issue).await.as_str(), world.new_mails().len()), ("dropped 3", 0));
    assert_eq!(
        world.ledger(&issue.about()).await[1..],
        ["held: stopped, by c***@e***.org", "cancelled: given up, by c***@e***.org"]
    );
}

#[tokio::test]
async fn what_is_stopped_in_its_window_reaches_nobody_on_sqlite() {
    what_is_stopped_in_its_window_reaches_nobody(World::setup()).await;
}

#[tokio::test]
async fn what_is_stopped_in_its_window_reaches_nobody_on_postgres() {
    what_is_stopped_in_its_window_reaches_nobody(World::setup().on_postgres()).await;
}

#[tokio::test]
async fn what_was_stopped_and_released_waits_for_the_rest_of_its_window() {
    let (world, issue) = in_two_minutes(World::setup()).await;
    newsroom::hold(&world.app, issue, "is it true", &somebody()).await.expect("it is in its window");
    world.minutes(1);
    let pages = Pages::of(&world).await;
    let link = told(&world, "desk@example.org").path_to("staff");
    let untyped = pages.decide(&link, &[("do", "release")]).await;
    assert_eq!(untyped.status, StatusCode::CONFLICT, "a program that presses buttons sends nothing");
    assert!(untyped.text.contains("To let it go, type “yes”"), "{}", untyped.text);
    let released = pages.decide(&link, &[("do", "release"), ("typed", " Yes ")]).await;
    assert!(released.text.contains("An alert goes out soon"), "{}", released.text);
    world.run().await;
    assert_eq!(world.states(issue).await, "queued 3");
    world.minutes(1);
    world.run().await;
    assert_eq!(world.states(issue).await, "sent 3");
}

#[tokio::test]
async fn a_page_from_before_it_was_stopped_again_lets_nothing_go() {
    let (world, issue) = in_two_minutes(World::setup()).await;
    newsroom::hold(&world.app, issue, "is it true", &somebody()).await.expect("it is in its window");
    let pages = Pages::of(&world).await;
    let link = told(&world, "desk@example.org").path_to("staff");
    let old = pages.get(&link).await.hidden("seen");
    newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect("it was held");
    newsroom::hold(&world.app, issue, "it is false", &somebody()).await.expect("it is in its window");
    let late = pages.post(&link, &[("seen", &old), ("do", "release"), ("typed", "yes")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("it stands otherwise by now") && late.text.contains("it is false"), "{}", late.text);
    world.hours(1);
    world.run().await;
    assert_eq!(world.states(issue).await, "queued 3");
}

#[tokio::test]
async fn scanners_that_follow_the_links_of_staff_change_nothing() {
    let (world, issue) = in_two_minutes(World::setup()).await;
    let link = told(&world, "desk@example.org").path_to("staff");
    let pages = Pages::of(&world).await;
    let before = world.rows().await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        assert_eq!(pages.ask(method, &link, "", "").await.status, StatusCode::OK);
    }
    // Nor does an empty form, one-click, or a word that stands for nothing.
    for body in ["", "List-Unsubscribe=One-Click", "do=send", "do=release", "do=approve&typed=yes"] {
        let answer = pages.ask(Method::POST, &link, FORM, body).await;
        assert!(answer.status.is_client_error(), "{body} gave {}", answer.status);
    }
    let changes = before.changes(&world.rows().await);
    assert!(changes.is_empty(), "{}", changes.join("\n"));
    assert_eq!(world.states(issue).await, "queued 3");
}

#[tokio::test]
async fn a_link_of_staff_is_good_for_its_issue_its_person_and_as_long_as_they_are_staff() {
    let (mut world, issue) = in_two_minutes(World::setup()).await;
    let link = told(&world, "chief@example.org").path_to("staff");
    let pages = Pages::of(&world).await;
    // A link of another purpose, one letter off, or of a reader of ours.
    let reader =
        world.app.store.people(&[address_of("reader1@example.org")], world.clock.now()).await.expect("a row")[0];
    let forged = world.app.links().staff(issue, reader);
    let forged = forged.strip_prefix("https://news.example.org").expect("ours");
    let other = if link.ends_with('a') { 'b' } else { 'a' };
    let cut = format!("{}{other}", &link[..link.len() - 1]);
    for bad in [forged, &cut, "/staff/x", "/staff/%FF"] {
        assert_eq!(pages.get(bad).await.status, StatusCode::NOT_FOUND, "{bad}");
        assert_eq!(pages.post(bad, &[("do", "stop")]).await.status, StatusCode::NOT_FOUND, "{bad}");
    }
    world.change_config(", \"chief@example.org\"", "");
    world.restart().await;
    let pages = Pages::of(&world).await;
    assert_eq!(pages.post(&link, &[("do", "stop")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.states(issue).await, "queued 3");
}

#[tokio::test]
async fn an_alert_is_of_use_for_as_long_behind_its_window_as_without_one() {
    let (world, issue) = in_two_minutes(World::setup().delivery("alert_expires = \"10m\"")).await;
    world.relay.answer(Stage::Connect, Answer::Reply("421 4.3.2 not now"));
    world.minutes(2);
    world.run().await;
    world.minutes(9);
    world.run().await;
    assert_eq!(world.states(issue).await, "queued 3");
    world.minutes(1);
    world.relay.answer(Stage::Connect, Answer::Usual);
    world.run().await;
    assert_eq!(world.states(issue).await, "expired 3");
    let late = newsroom::hold(&world.app, issue, "too late", &somebody()).await;
    assert!(matches!(late, Err(NewsroomError::WrongState { .. })), "{late:?}");
}

#[tokio::test]
async fn who_saw_it_before_it_was_stopped_again_does_not_let_it_go() {
    let (world, issue) = in_two_minutes(World::setup()).await;
    newsroom::hold(&world.app, issue, "a doubt", &somebody()).await.expect("stopped");
    let plan = newsroom::plan_release(&world.app, issue, &somebody()).await.expect("it can be released");
    // While one reads that, another lets it go, and a third stops it for another reason.
    newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect("it was held");
    newsroom::hold(&world.app, issue, "the number is wrong", &somebody()).await.expect("stopped");
    let released = newsroom::release(&world.app, issue, &somebody(), plan.seen).await;
    assert!(matches!(released, Err(NewsroomError::WrongState { .. })), "{released:?}");
    assert_eq!(world.app.store.issue(issue).await.expect("the issue").state.as_str(), "held");
    let plan = newsroom::plan_release(&world.app, issue, &somebody()).await.expect("it can be released");
    newsroom::release(&world.app, issue, &somebody(), plan.seen).await.expect("all of it was seen");
}
