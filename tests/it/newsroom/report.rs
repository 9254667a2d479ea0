//! The report of an alert: staff hear once how it fared, and in any case within an hour.

use tidings::newsroom;

use super::{alert, told, words};
use crate::world::{
    Setup, World, recipients,
    relay::{Answer, Stage},
    somebody,
};

async fn aftercare(world: &World) {
    newsroom::aftercare_due(&world.app).await.expect("the store takes it");
}

async fn staff_hear_once_how_an_alert_fared(setup: Setup) {
    let world = setup.relay("connections = 1").start().await;
    world.begin(4).await;
    world.relay.answer_recipient("reader2@example.org", Answer::Reply("550 5.1.1 no such user"));
    alert(&world, "Statement", None).await.expect("queued");
    aftercare(&world).await;
    world.clock.advance(jiff::SignedDuration::from_secs(3));
    world.run().await;
    let other = world.another().await;
    let both = tokio::join!(newsroom::aftercare_due(&world.app), newsroom::aftercare_due(&other));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    world.new_mails();
    world.run().await;
    aftercare(&world).await;
    world.hours(2);
    aftercare(&world).await;
    world.run().await;
    assert_eq!(recipients(&world.new_mails()), ["desk@example.org"], "one report, whoever asks for it how often");
    let report = told(&world, "desk@example.org");
    assert_eq!(report.subject, "Sent: “Statement”, 3 of 4, Coalition news");
    assert!(
        words(&report).contains("3 messages sent: the first 3 seconds after it was to go, the last 0 seconds after")
    );
    for line in [
        "Sent: 3\nRefused: 1\nUnknown: 0\nExpired: 0\n",
        "First sent: 12:00:03 UTC on 24 April 2024\nLast sent: 12:00:03 UTC on 24 April 2024",
    ] {
        assert!(report.text.contains(line), "{line} is not in {}", report.text);
    }
}

#[tokio::test]
async fn staff_hear_once_how_an_alert_fared_on_sqlite() {
    staff_hear_once_how_an_alert_fared(World::setup()).await;
}

#[tokio::test]
async fn staff_hear_once_how_an_alert_fared_on_postgres() {
    staff_hear_once_how_an_alert_fared(World::setup().on_postgres()).await;
}

#[tokio::test]
async fn staff_hear_within_an_hour_of_an_alert_that_does_not_go_out() {
    let world = World::setup().start().await;
    world.readers(2).await;
    world.relay.answer(Stage::Rcpt, Answer::Reply("451 4.3.0 later"));
    let issue = alert(&world, "Statement", None).await.expect("queued").issue;
    world.run().await;
    world.minutes(59);
    aftercare(&world).await;
    world.run().await;
    assert!(world.mails().is_empty());
    world.minutes(1);
    aftercare(&world).await;
    world.relay.answer_recipient("desk@example.org", Answer::Usual);
    world.run().await;
    let report = told(&world, "desk@example.org");
    assert_eq!(report.subject, "Not yet sent: “Statement”, 0 of 2, Coalition news");
    assert!(report.text.contains("Still waiting an hour after it began: 2 messages."), "{}", report.text);
    assert!(report.text.contains("Deferred: 2"), "{}", report.text);
    // What could not be sent until its time ran out is not sent after that.
    world.hours(12);
    world.relay.answer(Stage::Rcpt, Answer::Usual);
    world.run().await;
    assert_eq!(world.states(issue).await, "expired 2");
}

#[tokio::test]
async fn an_alert_that_expired_in_an_outage_is_reported_as_that() {
    let world = World::new().await;
    world.begin(2).await;
    world.relay.answer(Stage::Connect, Answer::Reply("421 4.3.2 not now"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.hours(13);
    world.relay.answer(Stage::Connect, Answer::Usual);
    world.run().await;
    aftercare(&world).await;
    world.run().await;
    let report = told(&world, "desk@example.org");
    assert_eq!(report.subject, "Sent: “Condemnation: Coalition condemns a transfer”, 0 of 2, Coalition news");
    assert!(report.text.contains("Not one message of it was sent.") && report.text.contains("Expired: 2"));
}

#[tokio::test]
async fn a_held_alert_is_reported_once_it_is_decided() {
    let world = World::new().await;
    world.readers(2).await;
    let issue = alert(&world, "Statement", None).await.expect("queued").issue;
    newsroom::hold(&world.app, issue, "is it true", &somebody()).await.expect("it waits");
    world.hours(3);
    aftercare(&world).await;
    world.run().await;
    assert_eq!(told(&world, "desk@example.org").subject, "An alert is stopped: “Statement”");
    newsroom::cancel(&world.app, issue, "it is not", &somebody()).await.expect("held");
    aftercare(&world).await;
    world.run().await;
    let report = told(&world, "desk@example.org");
    assert!(report.text.contains("It is cancelled: it is not, by ana at the machine."), "{}", report.text);
}

#[tokio::test]
async fn a_digest_is_not_reported() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    world.hours(2);
    aftercare(&world).await;
    world.run().await;
    assert_eq!(recipients(&world.mails()), ["reader1@example.org"]);
}
