//! Feeds that fail and templates that are broken: nothing is lost, nothing half done, and staff hear of it once.

use tidings::newsroom::{self, NewsroomError, Seen};

use super::SLOT;
use crate::world::{FEED, World, feed_of, feed_server::Response, recipients, somebody, subjects};

const STAFF: &str = "desk@example.org";

#[tokio::test]
async fn a_failing_feed_is_told_once_and_stops_no_other() {
    let other = "[[feeds]]\nname = \"other\"\nurl = \"SITE/other/\"\n";
    let world = World::setup().list("feeds = [\"site\", \"other\"]").also(other).start().await;
    world.site.serve("/other/", Response::feed(feed_of(&[])));
    world.begin(1).await;
    let broken = world.clock.now();
    world.site.serve(FEED, Response::ok("out of order").status(503));
    for look in 1..=6 {
        let post = world.post(&format!("Coalition condemns transfer {look}"));
        world.site.serve("/other/", Response::feed(feed_of(&[post])));
        world.hours(6);
        let ran = world.run().await;
        assert_eq!(ran.made().1, 1, "look {look}: the other feed's news go on");
        assert!(ran.says("feed `site`: ") && ran.says("503"), "{:?}", ran.pass.notes);
        assert_eq!(world.mails_to(STAFF).len(), usize::from(look >= 3), "look {look}");
        world.hours(3);
    }
    let told = &world.mails_to(STAFF)[0];
    assert_eq!(told.subject, "The feed “site” cannot be read");
    assert!(told.text.contains("503"), "{}", told.text);
    let state = world.app.store.feed_state(&world.app.config.feeds[0].name).await.expect("read").expect("known");
    assert_eq!((state.failures, state.failing_since > Some(broken)), (6, true));

    world.feed_has(&[world.post("Webinar")]);
    world.hours(6);
    assert!(world.run().await.says("feed `site`: answers again after 6 failed looks"));
    let ledger = world.ledger("feed:site").await;
    assert!(ledger.contains(&"well: answers again after 6 failed looks".to_owned()), "{ledger:?}");
    // The next failure is a new one, and told again.
    world.site.serve(FEED, Response::ok("out of order").status(503));
    for _ in 0..3 {
        world.hours(6);
        world.run().await;
    }
    assert_eq!(world.mails_to(STAFF).len(), 2);
}

#[tokio::test]
async fn a_feed_that_fails_on_its_first_look_begins_when_it_can_be_read() {
    let world = World::new().await;
    world.readers(1).await;
    world.site.serve(FEED, Response::ok("out of order").status(503));
    world.run().await;
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    world.hours(1);
    assert!(world.run().await.says("first look: 1 posts are known"));
    assert_eq!(world.mails().len(), 0);
}

#[tokio::test]
async fn a_broken_template_holds_the_issue_until_it_is_mended() {
    let mut world = World::new().await;
    world.write(
        "templates/digest.html",
        "{% extends \"builtin/digest.html\" %}\n{% block content %}\n{{ post.titel }}\n{% endblock %}\n",
    );
    world.restart().await;
    world.begin(2).await;
    world.next_look(&[world.post("Webinar")]).await;
    world.until(SLOT);
    let ran = world.run().await;
    assert_eq!(ran.made(), (0, 0, 0));
    let issue = world.held_issue().await;
    let held = world.app.store.issue(issue).await.expect("the issue");
    assert!(held.state_reason.contains("digest.html") && held.state_reason.contains('3'), "{}", held.state_reason);
    let told = world.new_mails();
    assert_eq!((recipients(&told), subjects(&told)), (vec![STAFF], vec!["A digest of “Coalition news” is held"]));
    assert!(told[0].text.contains("digest.html"), "{}", told[0].text);

    world.hours(1);
    assert_eq!(world.run().await.made(), (0, 0, 0), "the slot is not made a second time");
    let still = newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect_err("it is still broken");
    assert!(matches!(still, NewsroomError::Render(_)), "{still}");
    assert_eq!((world.held_issue().await, world.new_mails().len()), (issue, 0));

    std::fs::remove_file(world.file("templates/digest.html")).expect("mended");
    world.restart().await;
    newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect("it is whole");
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails), ["reader1@example.org", "reader2@example.org"]);
    assert_eq!(mails[0].subject, "Webinar | Coalition news");
    let again = newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect_err("it is out");
    assert!(matches!(again, NewsroomError::WrongState { .. }), "{again}");
    world.run().await;
    assert_eq!(world.new_mails().len(), 0);
}
