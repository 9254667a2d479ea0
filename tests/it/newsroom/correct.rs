//! Corrections and withdrawals: exactly those who were mailed the first, or may have been, hear of it.

use std::sync::Arc;

use jiff::SignedDuration;
use tidings::{
    domain::{delivery::Lane, issue::Draft, issue::IssueId},
    newsroom::{self, Correction, NewsroomError, Placed, Sending},
    queue::Queued,
    stop::Stop,
};

use super::{alert, send_now};
use crate::world::{
    Mail, Setup, World, recipients,
    relay::{Answer, Gate, Stage},
    send, somebody, subjects,
};

const RIGHT: Correction<'_> = Correction {
    subject: "It was the northern district",
    wrong: "We named the wrong district.",
    markdown: "The transfer went to the **northern** district.",
};

async fn correction(world: &World, first: IssueId) -> Result<Draft, NewsroomError> {
    newsroom::draft_correction(&world.app, first, &RIGHT).await
}

async fn correct(world: &World, first: IssueId) -> Result<Queued, NewsroomError> {
    send_now(world, &correction(world, first).await?).await
}

async fn retract(world: &World, first: IssueId, reason: &str) -> Result<Queued, NewsroomError> {
    send_now(world, &newsroom::draft_withdrawal(&world.app, first, reason).await?).await
}

async fn aftercare(world: &World) {
    newsroom::aftercare_due(&world.app).await.expect("the store takes it");
}

/// The mails with this subject, sorted by who they went to.
fn under(world: &World, subject: &str) -> Vec<Mail> {
    let mut mails: Vec<Mail> = world.mails().into_iter().filter(|mail| mail.subject == subject).collect();
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    mails
}

/// True when a mail answers the one that its reader has.
fn answers(mail: &Mail, first: &Mail) -> bool {
    let id = first.header("message-id");
    mail.to == first.to && (mail.header("references"), mail.header("in-reply-to")) == (id, id)
}

async fn exactly_those_who_were_mailed_the_first_get_its_correction(setup: Setup) {
    let world = setup.relay("connections = 1").start().await;
    world.begin(45).await;
    // One and two are sent, three is refused, four put off, five has no clear answer, six is on the wire.
    let gate = Gate::closed();
    world.relay.answer_recipient("reader3@example.org", Answer::Reply("550 5.1.1 no such user"));
    world.relay.answer_recipient("reader4@example.org", Answer::Reply("451 4.3.0 later"));
    for answer in [Answer::Usual, Answer::Usual, Answer::TakeAndClose, Answer::Held(gate.clone())] {
        world.relay.answer_once(Stage::Dot, answer);
    }
    let first = alert(&world, "Statement", None).await.expect("queued").issue;
    let app = Arc::clone(&world.app);
    let sending = tokio::spawn(async move { send(&app, Lane::Alert, &Stop::default()).await });
    world.relay.wait_for(Stage::Dot, 4).await;
    super::until_states_are(&world, first, "queued 13, sending 27, sent 2, deferred 1, bounced 1, unknown 1").await;
    world.part("news", "reader1@example.org").await;

    let corrected = correct(&world, first).await.expect("some have it");
    assert_eq!(corrected.readers, 2, "two was sent it, five may have it; one has left");
    // What was claimed a minute ago is looked at again before it is offered.
    world.minutes(1);
    gate.open();
    sending.await.expect("no panic");
    for _ in 0..2 {
        aftercare(&world).await;
        world.run().await;
        world.hours(1);
    }
    assert_eq!(world.states(first).await, "sent 3, bounced 1, dropped 41");
    let (firsts, seconds) = (under(&world, "Statement"), under(&world, "Correction: It was the northern district"));
    let reached = ["reader2@example.org", "reader5@example.org", "reader6@example.org"];
    assert_eq!(recipients(&firsts), [&["reader1@example.org"][..], &reached].concat(), "nobody has the first twice");
    assert_eq!(recipients(&seconds), reached);
    for (second, first) in seconds.iter().zip(&firsts[1..]) {
        assert!(answers(second, first), "{:?} {:?}", second.headers, first.headers);
        assert_eq!(second.header("list-id"), first.header("list-id"));
    }
    let words = super::words(&seconds[0]);
    assert!(
        words.contains("we sent you “Statement”. We named the wrong district. This is right: The transfer"),
        "{words}"
    );
    assert_eq!(world.states(corrected.issue).await, "sent 3");
    assert_eq!(
        world.ledger(&corrected.issue.about()).await,
        [
            "queued: follows issue 1, by ana at the machine; to 2 readers",
            "queued: to 1 more, whose message of issue 1 was on its way"
        ]
    );
    let ended = format!("cancelled: corrected by issue {}, by ana at the machine", corrected.issue.0);
    assert_eq!(world.ledger(&first.about()).await.last(), Some(&ended));
}

#[tokio::test]
async fn exactly_those_who_were_mailed_the_first_get_its_correction_on_sqlite() {
    exactly_those_who_were_mailed_the_first_get_its_correction(World::setup()).await;
}

#[tokio::test]
async fn exactly_those_who_were_mailed_the_first_get_its_correction_on_postgres() {
    exactly_those_who_were_mailed_the_first_get_its_correction(World::setup().on_postgres()).await;
}

async fn who_may_have_the_first_hears_of_it_whatever_a_later_try_came_to(setup: Setup) {
    let world = setup.relay("connections = 1").start().await;
    world.readers(2).await;
    world.relay.answer_once(Stage::Dot, Answer::TakeAndClose);
    world.relay.answer_recipient("reader2@example.org", Answer::Reply("550 5.1.1 no such user"));
    let first = alert(&world, "Statement", None).await.expect("queued").issue;
    world.run().await;
    world.relay.answer_once(Stage::Data, Answer::Reply("554 5.6.0 not again"));
    world.minutes(1);
    world.run().await;
    assert_eq!((world.states(first).await.as_str(), world.mails().len()), ("bounced 2", 1));
    assert_eq!(retract(&world, first, "").await.expect("one may have it").readers, 1);
    world.run().await;
    let [before, after] = &world.mails()[..] else { panic!("two mails") };
    assert!(answers(after, before));
}

#[tokio::test]
async fn who_may_have_the_first_hears_of_it_whatever_a_later_try_came_to_on_sqlite() {
    who_may_have_the_first_hears_of_it_whatever_a_later_try_came_to(World::setup()).await;
}

#[tokio::test]
async fn who_may_have_the_first_hears_of_it_whatever_a_later_try_came_to_on_postgres() {
    who_may_have_the_first_hears_of_it_whatever_a_later_try_came_to(World::setup().on_postgres()).await;
}

#[tokio::test]
async fn who_was_being_mailed_by_a_process_that_died_hears_of_it_too() {
    let world = World::setup().relay("connections = 1").start().await;
    world.readers(1).await;
    let gate = Gate::closed();
    world.relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    let first = alert(&world, "Statement", None).await.expect("queued").issue;
    let other = world.another().await;
    let dying = tokio::spawn(async move { send(&other, Lane::Alert, &Stop::default()).await });
    world.relay.wait_for(Stage::Dot, 1).await;
    // Nobody is known to have it, but nobody is told that nobody has.
    let draft = newsroom::draft_withdrawal(&world.app, first, "").await.expect("a draft");
    let sending = Sending { by: &somebody(), window: SignedDuration::ZERO };
    let plan = newsroom::plan(&world.app, &draft, &sending).await.expect("staff are shown what would go");
    assert!(plan.whom.ends_with(", and to 1 whose message is on its way"), "{}", plan.whom);
    let queued = retract(&world, first, "").await.expect("it is on the wire");
    assert_eq!(queued.readers, 0);
    aftercare(&world).await;
    dying.abort();
    let _ = dying.await;
    aftercare(&world).await;
    world.run().await;
    aftercare(&world).await;
    world.run().await;
    aftercare(&world).await;
    world.run().await;
    gate.open();
    assert_eq!(
        (world.states(first).await.as_str(), world.states(queued.issue).await.as_str()),
        ("dropped 1", "sent 1")
    );
    assert_eq!(subjects(&under(&world, "Withdrawn: Statement")), ["Withdrawn: Statement"]);
    // It is reported once it is known whom it had to reach.
    let reports = world.mails_to("desk@example.org");
    assert!(
        subjects(&reports).contains(&"Sent: “Withdrawn: Statement”, 1 of 1, Coalition news"),
        "{:?}",
        subjects(&reports)
    );
}

#[tokio::test]
async fn a_withdrawal_goes_once_in_the_words_that_were_ready_before() {
    let mut world = World::new().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let first = world.issues().await[0].id;
    // Since then somebody has broken the template, which must not stand in the way.
    world.write("templates/correction.html", "{{ post.titel }}");
    world.restart().await;
    let refused = retract(&world, first, "With *other* words.").await.expect_err("these must be rendered");
    assert!(matches!(refused, NewsroomError::Render(_)), "{refused}");
    assert_eq!(world.issues().await[0].state.as_str(), "queued", "nothing is half done");
    let withdrawal = newsroom::draft_withdrawal(&world.app, first, "").await.expect("a draft");
    let sending = Sending { by: &somebody(), window: SignedDuration::ZERO };
    let (one, two) = tokio::join!(
        newsroom::send(&world.app, &withdrawal, &sending),
        newsroom::send(&world.app, &withdrawal, &sending)
    );
    let (well, not) = if one.is_ok() { (one, two) } else { (two, one) };
    assert!(matches!(well, Ok(Placed::Queued(Queued { readers: 2, .. }))), "{well:?}");
    assert!(matches!(not, Err(NewsroomError::MadeBefore(_) | NewsroomError::WrongState { .. })), "{not:?}");
    assert!(matches!(retract(&world, first, "").await, Err(NewsroomError::MadeBefore(_))));
    world.new_mails();
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails), ["reader1@example.org", "reader2@example.org"]);
    assert_eq!(mails[0].subject, "Withdrawn: Condemnation: Coalition condemns a transfer");
    let words = super::words(&mails[0]);
    assert!(words.contains("We withdraw it. Please do not rely on it, and do not pass it on."), "{words}");
    assert!(!mails[0].html.contains("b3261e"), "red is for a live alert alone");
    // It was an alert that readers had, so that it counts; its withdrawal is none.
    let day = world.clock.now().checked_sub(SignedDuration::from_hours(24)).expect("in range");
    let list = &world.app.config.lists[0].name;
    assert_eq!(world.app.store.automatic_alerts_since(list, day).await.expect("a count"), 1);
}

#[tokio::test]
async fn no_alert_goes_whose_withdrawal_cannot_be_rendered() {
    let mut world = World::new().await;
    world.write("templates/correction.html", "{{ post.titel }}");
    world.restart().await;
    world.begin(1).await;
    assert!(matches!(alert(&world, "Statement", None).await, Err(NewsroomError::Render(_))));
    let ran = world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!(ran.made(), (1, 0, 0));
    assert!(ran.says("correction.html"), "{ran:?}");
    assert_eq!(recipients(&world.mails()), ["desk@example.org"], "it is held, and staff are told");
}

#[tokio::test]
async fn what_reached_nobody_is_not_corrected_and_goes_on() {
    let world = World::new().await;
    world.readers(2).await;
    let first = alert(&world, "Statement", None).await.expect("queued").issue;
    let refused = correct(&world, first).await.expect_err("nobody has it");
    assert_eq!(refused.to_string(), "issue 1 has reached nobody, so there is nobody to tell");
    world.run().await;
    assert_eq!(world.states(first).await, "sent 2");
    assert!(matches!(correct(&world, IssueId(99)).await, Err(NewsroomError::Store(_))));
    // A correction can itself be wrong.
    let second = correct(&world, first).await.expect("two have it").issue;
    assert!(matches!(correct(&world, first).await, Err(NewsroomError::MadeBefore(issue)) if issue.id == second));
    world.run().await;
    assert_eq!(retract(&world, second, "It was right *before*.").await.expect("two have it").readers, 2);
    world.run().await;
    let mails = world.mails_to("reader1@example.org");
    assert!(answers(&mails[1], &mails[0]) && answers(&mails[2], &mails[1]));
    assert!(super::words(&mails[2]).contains("It was right *before*."), "{}", mails[2].text);
}

#[tokio::test]
async fn a_correction_is_of_use_long_after_an_alert_would_be() {
    let world = World::new().await;
    world.readers(1).await;
    let first = alert(&world, "Statement", None).await.expect("queued").issue;
    world.run().await;
    world.hours(30);
    correct(&world, first).await.expect("one has it");
    world.relay.answer(Stage::Connect, Answer::Reply("421 4.3.2 not now"));
    world.run().await;
    world.hours(30);
    world.relay.answer(Stage::Connect, Answer::Usual);
    world.run().await;
    assert_eq!(under(&world, "Correction: It was the northern district").len(), 1);
}
