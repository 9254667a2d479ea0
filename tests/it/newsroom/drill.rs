//! Drills: an alert takes its whole road, to staff alone, and cannot be taken for a live one.

use jiff::SignedDuration;
use tidings::{
    domain::issue::{Draft, IssueKind},
    newsroom::{self, By, NewsroomError, Placed, Seen, Sending, Statement},
};

use super::{STAFF, WORDS, alert, send_now, told};
use crate::world::{World, address_of, recipients, slug, somebody, subjects};

fn drill(world: &World) -> Draft {
    let statement = Statement { list: &slug("news"), subject: "Statement", markdown: WORDS, key: Some("june") };
    newsroom::draft_drill(&world.app, &statement).expect("a draft")
}

#[tokio::test]
async fn a_drill_reaches_staff_alone_and_looks_like_one() {
    let world = World::setup().staff(STAFF).start().await;
    world.readers(3).await;
    world.join("news", "desk@example.org").await;
    let queued = send_now(&world, &drill(&world)).await.expect("queued");
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails), ["chief@example.org", "desk@example.org"]);
    assert_eq!(subjects(&mails), ["[Drill] Statement"; 2]);
    for mail in &mails {
        assert!(mail.text.contains("DRILL: staff only") && mail.html.contains("DRILL: staff only"), "{}", mail.text);
        assert!(mail.html.contains("#1d4f91") && !mail.html.contains("b3261e"), "another colour than a live alert's");
        for header in ["list-id", "list-unsubscribe", "list-unsubscribe-post"] {
            assert_eq!(mail.header(header), "", "{header}");
        }
    }
    newsroom::aftercare_due(&world.app).await.expect("reported");
    world.run().await;
    assert_eq!(subjects(&world.new_mails()), ["[Drill] Sent: “Statement”, 2 of 2, of staff"; 2]);
    let preview = newsroom::preview_issue(&world.app, queued.issue).await.expect("a preview");
    assert_eq!(preview.subject, "[Drill] Statement");
    assert!(!String::from_utf8_lossy(&preview.eml).contains("List-Id"));
}

#[tokio::test]
async fn a_drill_stands_in_the_way_of_no_alert_and_is_drilled_again() {
    let world = World::new().await;
    world.readers(2).await;
    let draft = drill(&world);
    let first = send_now(&world, &draft).await.expect("queued");
    assert!(matches!(send_now(&world, &draft).await, Err(NewsroomError::MadeBefore(_))), "pressed twice");
    world.minutes(1);
    send_now(&world, &drill(&world)).await.expect("drilled again");
    assert_eq!(alert(&world, "Statement", Some("june")).await.expect("live").readers, 2);
    world.run().await;
    let nothing = newsroom::draft_withdrawal(&world.app, first.issue, "").await;
    assert!(matches!(nothing, Err(NewsroomError::OnlyDrill { .. })), "{nothing:?}");
    // Whatever asks for the readers of a drill finds none.
    assert_eq!(world.app.store.count_readers(&slug("news"), IssueKind::Drill).await.expect("a count"), 0);
}

#[tokio::test]
async fn a_drill_takes_the_whole_road_second_person_window_and_veto() {
    let world = World::setup().staff(STAFF).staff("second_person = true").start().await;
    world.readers(2).await;
    let desk = By::staff(&world.app, &address_of("desk@example.org")).await.expect("one of staff");
    let chief = By::staff(&world.app, &address_of("chief@example.org")).await.expect("one of staff");
    let sending = Sending { by: &desk, window: SignedDuration::from_mins(2) };
    let Placed::Waits(issue) = newsroom::send(&world.app, &drill(&world), &sending).await.expect("held") else {
        panic!("a drill needs what an alert needs")
    };
    world.run().await;
    assert_eq!(told(&world, "chief@example.org").subject, "[Drill] A drill waits for a second person: “Statement”");
    newsroom::approve(&world.app, issue, &chief, Seen::Now).await.expect("another");
    world.run().await;
    assert_eq!(told(&world, "desk@example.org").subject, "[Drill] A drill goes out in 2 minutes: “Statement”");
    newsroom::hold(&world.app, issue, "it works", &desk).await.expect("in its window");
    world.run().await;
    assert_eq!(told(&world, "chief@example.org").subject, "[Drill] A drill is stopped: “Statement”");
    newsroom::cancel(&world.app, issue, "enough", &desk).await.expect("held");
    world.hours(1);
    world.run().await;
    assert_eq!(world.states(issue).await, "dropped 2");
    assert!(recipients(&world.mails()).iter().all(|to| !to.starts_with("reader")));
}

#[tokio::test]
async fn without_staff_there_is_no_drill() {
    let world = World::setup().staff("notify = []").start().await;
    world.readers(1).await;
    let sending = Sending { by: &somebody(), window: SignedDuration::ZERO };
    let refused = newsroom::send(&world.app, &drill(&world), &sending).await;
    assert!(matches!(refused, Err(NewsroomError::NoStaff)), "{refused:?}");
}
