//! Posts that are changed on the site: before they are mailed they go as they stand then, and afterwards nothing is mailed
//! again by itself.

use tidings::{
    explain::explain,
    newsroom::{self, By, Seen},
};

use super::SLOT;
use crate::world::{Mail, World, address_of, stores::told_on_both_engines, subjects};

const STAFF: &str = "desk@example.org";

fn to_readers(mails: &[Mail]) -> usize {
    mails.iter().filter(|mail| mail.to != STAFF).count()
}

told_on_both_engines!(a_post_that_is_edited_after_it_was_sent_is_not_sent_again_and_staff_hear_of_it_once);
async fn a_post_that_is_edited_after_it_was_sent_is_not_sent_again_and_staff_hear_of_it_once() {
    let world = World::new().await;
    world.begin(1).await;
    let (alerted, digested) = (world.post("Coalition condemns a transfer"), world.post("Webinar"));
    world.next_look(&[alerted.clone(), digested.clone()]).await;
    world.until(SLOT);
    world.run().await;
    assert_eq!(world.new_mails().len(), 2);

    let edited = [
        alerted.clone().titled("Coalition strongly condemns a transfer").saying("<p>New words.</p>"),
        digested.clone().titled("Coalition condemns its own webinar").at(world.clock.now()),
    ];
    let ran = world.next_look(&edited).await;
    assert_eq!(ran.made(), (0, 0, 0));
    assert!(ran.says("was changed after it was mailed with issue 1: its title is “Coalition strongly condemns a transfer” now; its text is another one now; it is not mailed again"), "{:?}", ran.pass.notes);
    let told = world.new_mails();
    assert_eq!(subjects(&told), ["2 posts of the feed “site” that were mailed were changed"]);
    assert_eq!(told[0].to, STAFF);
    assert!(told[0].text.contains("tidings issues correct 1 FILE.md -s SUBJECT"), "{}", told[0].text);
    let post = world.app.store.find_posts("Coalition condemns a transfer").await.expect("posts").remove(0);
    assert_eq!(world.ledger(&post.id.about()).await.len(), 1);

    // The same again is nothing new; another change is written down, and told to nobody; so is that it is undone.
    assert!(world.next_look(&edited).await.pass.notes.is_empty());
    let again = [edited[0].clone().saying("<p>Newer words.</p>"), edited[1].clone()];
    world.next_look(&again).await;
    world.next_look(&[alerted, edited[1].clone()]).await;
    let ledger = world.ledger(&post.id.about()).await;
    assert_eq!(ledger.len(), 3, "{ledger:#?}");
    assert_eq!(ledger[2], "edited: it says again what was mailed");
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert_eq!(world.new_mails().len(), 0);
    let (number, reader) = (post.id.0.to_string(), address_of("reader1@example.org"));
    let explained = explain(&world.app, &number, &reader).await.expect("explained").join("\n");
    assert!(explained.contains("was changed after it was mailed with issue 1"), "{explained}");
}

told_on_both_engines!(what_is_corrected_before_the_digest_goes_is_mailed_as_corrected);
async fn what_is_corrected_before_the_digest_goes_is_mailed_as_corrected() {
    let world = World::new().await;
    world.begin(1).await;
    let post = world.post("Webnar on clearance");
    world.next_look(std::slice::from_ref(&post)).await;
    world.hours(1);
    let corrected = post.titled("Webinar on clearance").saying("<p>On <b>Tuesday</b>, and not on Monday.</p>");
    assert!(world.next_look(&[corrected]).await.pass.notes.is_empty());
    world.until(SLOT);
    world.run().await;
    let mails = world.mails();
    assert_eq!(subjects(&mails), ["Webinar on clearance | Coalition news"]);
    assert!(!mails[0].text.contains("Webnar"), "{}", mails[0].text);
}

told_on_both_engines!(an_edit_makes_no_alert_of_a_post_that_was_none);
async fn an_edit_makes_no_alert_of_a_post_that_was_none() {
    let world = World::new().await;
    world.begin(1).await;
    let post = world.post("A first draft").id("7");
    world.next_look(std::slice::from_ref(&post)).await;
    let ran = world.next_look(&[post.titled("Coalition condemns a transfer")]).await;
    assert_eq!((ran.made(), to_readers(&world.mails())), ((0, 0, 0), 0));
    world.until(SLOT);
    world.run().await;
    assert_eq!(subjects(&world.mails()), ["Coalition condemns a transfer | Coalition news"]);
}

#[tokio::test]
async fn what_staff_previewed_of_a_held_issue_is_what_they_release() {
    let world = World::setup().list("alerts_per_day = 1").start().await;
    world.begin(1).await;
    let posts = ["one", "two"].map(|n| world.post(&format!("Coalition condemns transfer {n}")));
    world.next_look(&posts).await;
    let held = world.held_issue().await;
    let previewed = newsroom::preview_issue(&world.app, held).await.expect("a preview");
    let edited = posts.map(|post| post.saying("<p>Something else altogether.</p>"));
    world.next_look(&edited).await;
    newsroom::release(&world.app, held, &By::Machine("a test".to_owned()), Seen::Now).await.expect("it was held");
    world.run().await;
    let mail = world.mails_to("reader1@example.org").pop().expect("the alert");
    assert_eq!((mail.subject, mail.text.contains("Something else")), (previewed.subject, false));
}
