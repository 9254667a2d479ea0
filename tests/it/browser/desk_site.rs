//! The pages of posts, lists, feeds and relays in a real browser, for each role, with scripts and without.

use crate::world::{
    World,
    browser::{Browser, Scripts},
    desk::{ED, OLGA, PASSWORD, PIA, VERA},
    relay::Answer,
};

/// A house in which something waits, something is held, and something went out.
pub(super) async fn busy_house() -> World {
    let relays = "[[domains]]\nnames = [\"reader.example\"]\nrate = \"100/m\"";
    let world = World::setup().feed("flood = 2").also(super::EVENTS).also(relays).open().await;
    world.begin(4).await;
    world.staff_of_each_role().await;
    world.relay.answer_recipient("reader3@example.org", Answer::Reply("550 5.1.1 <reader3@example.org> is not here"));
    world.next_look(&[world.post("Coalition condemns a transfer of cluster munitions")]).await;
    world.hours(30);
    world.join("news", "late@reader.example").await;
    world.part("news", "reader2@example.org").await;
    world.next_look(&[world.post("Twelfth meeting of states parties closes in Geneva")]).await;
    let flood: Vec<_> = (1..=3).map(|n| world.post(&format!("Story {n} of many"))).collect();
    world.next_look(&flood).await;
    world
}

pub(super) async fn sign_in(world: &World, browser: &Browser, address: &str) {
    browser.open(&world.page("/desk/sign-in")).await;
    browser.fill("Your e-mail address", address).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    assert_eq!(browser.heading().await, "Today");
}

async fn staff_look_after_what_the_site_brings(scripts: Scripts) {
    let world = busy_house().await;
    let browser = Browser::start(scripts).await;
    for (address, may) in [(VERA, "look"), (ED, "look"), (OLGA, "decide"), (PIA, "decide")] {
        sign_in(&world, &browser, address).await;
        browser.follow("Posts").await;
        browser.follow("Twelfth meeting of states parties closes in Geneva").await;
        let text = browser.text().await;
        assert_eq!(text.contains("Never send"), may == "decide", "{address}: {text}");
        browser.follow("Feeds").await;
        browser.follow("site").await;
        assert_eq!(browser.text().await.contains("Look now"), may == "decide", "{address}");
        if address != PIA {
            browser.press("Sign out").await;
        }
    }
    browser.follow("Today").await;
    browser.examine("desk-today-links").await;
    browser.follow("3 posts of the feed “site” to be decided about.").await;
    browser.examine("desk-feed").await;
    browser.press("Look now").await;
    assert!(browser.text().await.contains("It is looked at within moments"));
    browser.follow("Story 1 of many").await;
    browser.press("Release into the digest").await;
    assert!(browser.text().await.contains("the next digest takes it along"));
    browser.follow("Feeds").await;
    browser.follow("site").await;
    browser.press("Never send any").await;
    assert!(browser.text().await.contains("2 posts will never be sent."));
    browser.examine("desk-feed-decided").await;
    browser.follow("Feeds").await;
    browser.examine("desk-feeds").await;

    browser.follow("Lists").await;
    browser.examine("desk-lists").await;
    browser.follow("Coalition news").await;
    assert!(browser.framed_text().await.contains("Twelfth meeting of states parties"), "the digest is shown");
    browser.unfold("Who joined and left, as a table").await;
    browser.examine("desk-list").await;
    browser.follow("Relays").await;
    browser.unfold("Limits, and the ledger of main").await;
    browser.examine("desk-relays").await;

    browser.follow("Posts").await;
    browser.examine("desk-posts").await;
    browser.follow("Twelfth meeting of states parties closes in Geneva").await;
    browser.examine("desk-post").await;
    browser.press("Send as alert").await;
    assert!(browser.framed_text().await.contains("the whole story in a few words"), "the mail is shown");
    browser.examine("desk-post-alert").await;
    browser.fill("To send it, type “yes”", "no").await;
    browser.press("Send to 3 readers").await;
    assert!(browser.text().await.contains("Nothing was sent: type “yes” to confirm."));
    browser.fill("To send it, type “yes”", "yes").await;
    browser.press("Send to 3 readers").await;
    assert!(browser.text().await.contains("It is on its way."));
    browser.examine("desk-post-sent").await;
    let before = world.mails().len();
    world.run().await;
    assert_eq!(world.mails()[before..].iter().filter(|mail| mail.subject.contains("Twelfth")).count(), 3);
}

#[tokio::test]
async fn staff_look_after_what_the_site_brings_with_scripts() {
    staff_look_after_what_the_site_brings(Scripts::On).await;
}

#[tokio::test]
async fn staff_look_after_what_the_site_brings_without_scripts() {
    staff_look_after_what_the_site_brings(Scripts::Off).await;
}
