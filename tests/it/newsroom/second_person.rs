//! The second person: with `second_person = true` nothing urgent goes by one person's will alone.

use jiff::SignedDuration;
use reqwest::StatusCode;
use tidings::{
    domain::issue::IssueId,
    newsroom::{self, By, NewsroomError, Placed, Seen, Sending, Statement},
};

use super::{STAFF, WORDS, alert, told};
use crate::world::{
    Setup, World, address_of,
    pages::Pages,
    recipients,
    relay::{Answer, Stage},
    slug, somebody,
    stores::told_on_both_engines,
};

/// A house in which an alert needs two of staff.
fn two_needed() -> Setup {
    World::setup().staff(STAFF).staff("second_person = true")
}

async fn desk(world: &World) -> By {
    By::staff(&world.app, &address_of("desk@example.org")).await.expect("one of staff")
}

async fn chief(world: &World) -> By {
    By::staff(&world.app, &address_of("chief@example.org")).await.expect("one of staff")
}

/// An alert that the desk wants out, behind a window.
async fn wanted(world: &World, window: SignedDuration) -> IssueId {
    let statement = Statement { list: &slug("news"), subject: "Statement", markdown: WORDS, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    let placed = newsroom::send(&world.app, &draft, &Sending { by: &desk(world).await, window }).await;
    let Ok(Placed::Waits(issue)) = placed else { panic!("{placed:?}") };
    issue
}

async fn an_alert_goes_when_another_approves_it(setup: Setup) {
    let world = setup.start().await;
    world.readers(2).await;
    let issue = wanted(&world, SignedDuration::from_mins(2)).await;
    world.hours(1);
    world.run().await;
    assert_eq!(recipients(&world.new_mails()), ["chief@example.org", "desk@example.org"]);
    let (mine, theirs) = (told(&world, "desk@example.org"), told(&world, "chief@example.org"));
    assert_eq!(theirs.subject, "An alert waits for a second person: “Statement”");

    let pages = Pages::of(&world).await;
    let page = pages.get(&mine.path_to("staff")).await;
    assert!(page.text.contains("You want it out, so somebody else must approve it."), "{}", page.text);
    assert!(!page.text.contains("value=\"approve\""), "{}", page.text);
    let own = pages.post(&mine.path_to("staff"), &[("do", "approve"), ("typed", "yes")]).await;
    assert_eq!(own.status, StatusCode::CONFLICT);
    assert!(matches!(
        newsroom::approve(&world.app, issue, &desk(&world).await, Seen::Now).await,
        Err(NewsroomError::SamePerson { .. })
    ));
    assert!(matches!(
        newsroom::approve(&world.app, issue, &somebody(), Seen::Now).await,
        Err(NewsroomError::WhoAreYou)
    ));
    let again = newsroom::release(&world.app, issue, &chief(&world).await, Seen::Now).await;
    assert!(matches!(again, Err(NewsroomError::WaitsForSecond { .. })), "{again:?}");
    assert_eq!(world.states(issue).await, "");

    let link = theirs.path_to("staff");
    let page = pages.get(&link).await;
    for words in ["The coalition **condemns**", "Approve it and send it to 2 readers of Coalition news", "type “yes”"]
    {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert_eq!(pages.decide(&link, &[("do", "approve")]).await.status, StatusCode::CONFLICT, "without the word");
    assert_eq!(pages.decide(&link, &[("do", "approve"), ("typed", "drill")]).await.status, StatusCode::CONFLICT);
    let approved = pages.decide(&link, &[("do", "approve"), ("typed", "yes")]).await;
    assert!(approved.text.contains("An alert goes out soon"), "its window opens now: {}", approved.text);
    assert_eq!(pages.post(&link, &[("do", "approve"), ("typed", "yes")]).await.status, StatusCode::CONFLICT);
    world.run().await;
    assert_eq!(world.states(issue).await, "queued 2");
    world.minutes(2);
    world.run().await;
    assert_eq!(world.states(issue).await, "sent 2");
    let ledger = world.ledger(&issue.about()).await;
    assert_eq!(ledger[0], "held: d***@e***.org wants it out; a second person must approve it");
    assert!(ledger[1].starts_with("queued: approved by c***@e***.org; to 2 readers; it goes at"), "{ledger:?}");
}

#[tokio::test]
async fn an_alert_goes_when_another_approves_it_on_sqlite() {
    an_alert_goes_when_another_approves_it(two_needed()).await;
}

#[tokio::test]
async fn an_alert_goes_when_another_approves_it_on_postgres() {
    an_alert_goes_when_another_approves_it(two_needed().on_postgres()).await;
}

#[tokio::test]
async fn who_is_not_known_apart_wants_nothing_out() {
    let world = two_needed().start().await;
    world.readers(1).await;
    assert!(matches!(alert(&world, "Statement", None).await, Err(NewsroomError::WhoAreYou)));
    let stranger = By::staff(&world.app, &address_of("reader1@example.org")).await.expect_err("not of staff");
    assert_eq!(stranger.to_string(), "`r***@e***.org` is not one of `notify` in [staff], and may not send at the desk");
    assert!(world.issues().await.is_empty());
}

#[tokio::test]
async fn approved_twice_at_once_it_goes_once() {
    let world = two_needed().start().await;
    world.readers(2).await;
    let issue = wanted(&world, SignedDuration::ZERO).await;
    let chief = chief(&world).await;
    let (one, two) = tokio::join!(
        newsroom::approve(&world.app, issue, &chief, Seen::Now),
        newsroom::approve(&world.app, issue, &chief, Seen::Now)
    );
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|well| **well).count(), 1, "{one:?} {two:?}");
    world.run().await;
    assert_eq!(world.states(issue).await, "sent 2");
}

#[tokio::test]
async fn a_held_alert_needs_two_and_a_stopped_one_needs_them_anew() {
    let world = two_needed().list("alerts_per_day = 0").start().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let issue = world.held_issue().await;
    let (desk, chief) = (desk(&world).await, chief(&world).await);
    assert!(matches!(
        newsroom::release(&world.app, issue, &somebody(), Seen::Now).await,
        Err(NewsroomError::WhoAreYou)
    ));
    assert!(matches!(newsroom::release(&world.app, issue, &chief, Seen::Now).await, Ok(Placed::Waits(_))));
    let alone = newsroom::approve(&world.app, issue, &chief, Seen::Now).await;
    assert!(matches!(alone, Err(NewsroomError::SamePerson { .. })), "{alone:?}");
    newsroom::approve(&world.app, issue, &desk, Seen::Now).await.expect("another");
    newsroom::hold(&world.app, issue, "wait", &desk).await.expect("queued");
    let nobody = newsroom::approve(&world.app, issue, &desk, Seen::Now).await;
    assert!(matches!(nobody, Err(NewsroomError::WrongState { .. })), "nobody wants it now: {nobody:?}");
    assert!(matches!(newsroom::release(&world.app, issue, &desk, Seen::Now).await, Ok(Placed::Waits(_))));
    newsroom::approve(&world.app, issue, &chief, Seen::Now).await.expect("another");
    world.run().await;
    assert_eq!(world.states(issue).await, "sent 2");
}

told_on_both_engines!(a_correction_that_waits_is_shown_with_those_who_may_have_the_first);
async fn a_correction_that_waits_is_shown_with_those_who_may_have_the_first() {
    let world = two_needed().relay("connections = 1").start().await;
    world.readers(2).await;
    let issue = wanted(&world, SignedDuration::ZERO).await;
    // Staff hear of it.
    world.run().await;
    world.relay.answer_once(Stage::Dot, Answer::TakeAndClose);
    newsroom::approve(&world.app, issue, &chief(&world).await, Seen::Now).await.expect("another");
    world.run().await;
    assert_eq!(world.states(issue).await, "queued 1, unknown 1");
    let said = newsroom::Correction { subject: "It was the north", wrong: "", markdown: "The north." };
    let correction = newsroom::draft_correction(&world.app, issue, &said).await.expect("a draft");
    let sending = Sending { by: &desk(&world).await, window: SignedDuration::ZERO };
    let placed = newsroom::send(&world.app, &correction, &sending).await.expect("held");
    let Placed::Waits(correction) = placed else { panic!("a correction is words of one person") };
    // The first is stopped, and what had no answer is not tried again.
    assert_eq!(world.states(issue).await, "dropped 2");
    let seen = newsroom::deciding_by(&world.app, correction, None).await.expect("it is shown");
    assert_eq!(seen.whom, "about 1 reader who was mailed “Statement”");
    newsroom::approve(&world.app, correction, &chief(&world).await, Seen::Now).await.expect("another");
    world.run().await;
    assert_eq!(world.states(correction).await, "sent 1");
}

#[tokio::test]
async fn a_withdrawal_waits_for_nobody_and_a_correction_stops_the_first_at_once() {
    let world = two_needed().start().await;
    world.readers(2).await;
    let issue = wanted(&world, SignedDuration::ZERO).await;
    newsroom::approve(&world.app, issue, &chief(&world).await, Seen::Now).await.expect("another");
    world.run().await;
    let said = newsroom::Correction { subject: "It was the north", wrong: "", markdown: "The north." };
    let correction = newsroom::draft_correction(&world.app, issue, &said).await.expect("a draft");
    let sending = Sending { by: &desk(&world).await, window: SignedDuration::ZERO };
    let placed = newsroom::send(&world.app, &correction, &sending).await.expect("held");
    let Placed::Waits(correction) = placed else { panic!("a correction is words of one person") };
    let seen = newsroom::deciding_by(&world.app, correction, None).await.expect("it is shown");
    assert_eq!(seen.whom, "about 2 readers who were mailed “Statement”");
    assert_eq!(world.issues().await[0].state.as_str(), "cancelled");
    newsroom::approve(&world.app, correction, &chief(&world).await, Seen::Now).await.expect("another");
    world.run().await;
    assert_eq!(world.states(correction).await, "sent 2");
    let withdrawal = newsroom::draft_withdrawal(&world.app, issue, "").await.expect("a draft");
    let sending = Sending { by: &somebody(), window: SignedDuration::ZERO };
    let placed = newsroom::send(&world.app, &withdrawal, &sending).await.expect("queued");
    assert!(matches!(placed, Placed::Queued(queued) if queued.readers == 2), "{placed:?}");
}

#[tokio::test]
async fn what_happens_by_itself_needs_no_second_person() {
    let world = two_needed().start().await;
    world.begin(2).await;
    let ran = world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    assert_eq!((ran.made(), ran.counts.sent), ((2, 1, 0), 2));
    world.until("2024-04-29T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 1));
}

#[tokio::test]
async fn who_wanted_it_and_is_erased_cannot_approve_it_under_another_number() {
    let world = two_needed().start().await;
    world.readers(2).await;
    let issue = wanted(&world, SignedDuration::ZERO).await;
    let person = desk(&world).await.person().expect("one of staff");
    let mut tx = world.app.store.begin().await.expect("the store takes it");
    tx.erase_subscriber(person, world.app.clock.now()).await.expect("erased");
    tx.commit().await.expect("the store takes it");
    let anew = desk(&world).await;
    assert_ne!(anew.person(), Some(person));
    let approved = newsroom::approve(&world.app, issue, &anew, Seen::Now).await;
    assert!(matches!(approved, Err(NewsroomError::WrongState { .. })), "{approved:?}");
    // Two must want it anew.
    assert_eq!(newsroom::release(&world.app, issue, &anew, Seen::Now).await.expect("wanted"), Placed::Waits(issue));
    newsroom::approve(&world.app, issue, &chief(&world).await, Seen::Now).await.expect("it goes");
    world.run().await;
    assert_eq!(world.states(issue).await, "sent 2");
}

#[tokio::test]
async fn a_withdrawal_with_words_of_ones_own_waits_for_a_second_person() {
    let world = two_needed().start().await;
    world.readers(2).await;
    let issue = wanted(&world, SignedDuration::ZERO).await;
    newsroom::approve(&world.app, issue, &chief(&world).await, Seen::Now).await.expect("it goes");
    world.run().await;
    let draft = newsroom::draft_withdrawal(&world.app, issue, "Everybody is to march.").await.expect("a draft");
    let by = desk(&world).await;
    let placed = newsroom::send(&world.app, &draft, &Sending { by: &by, window: SignedDuration::ZERO }).await;
    let Ok(Placed::Waits(second)) = placed else { panic!("{placed:?}") };
    world.run().await;
    assert_eq!(world.states(second).await, "");
}
