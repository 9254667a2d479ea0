//! The pages of readers in a real browser, for each role, with scripts and without: finding, deciding about one, and a file
//! with bad lines on its way in.

use tidings::{domain::subscription::SubscriptionState, newsroom, store::suppressions::Scope, subscribe};

use super::{ANA, OTHER, desk_site};
use crate::world::{
    World, address_of,
    browser::{Browser, Scripts},
    desk::{ED, OLGA, PIA, VERA},
    relay::Answer,
};

const READER: &str = "reader1@example.org";

/// A house whose first reader joined by the page, and whose second could not be reached.
async fn house() -> World {
    let world = World::setup().also(super::EVENTS).open().await;
    world.begin(3).await;
    world.staff_of_each_role().await;
    world.asks(ANA, "198.51.100.7").await;
    world.run().await;
    let link = world.mails_to(ANA).pop().expect("a mail to confirm").link_to("confirm").to_owned();
    let browser = Browser::start(Scripts::Off).await;
    browser.open(&link).await;
    browser.press("Yes, send it to me").await;
    world.relay.answer_recipient("reader2@example.org", Answer::Reply("550 5.1.1 <reader2@example.org> is not here"));
    world.next_look(&[world.post("Coalition condemns a transfer of cluster munitions")]).await;
    world.run().await;
    world.join("news", OTHER).await;
    world.part("news", OTHER).await;
    subscribe::forget(&world.app, &address_of("reader3@example.org")).await.expect("erased");
    let barred = address_of("barred@reader.example");
    newsroom::suppress(&world.app, &barred, Scope::All, "they asked by telephone").await.expect("suppressed");
    let bad: String = (1..=60).map(|n| format!("bad line number {n}\n")).collect();
    let good =
        format!("{ANA},Ana\n{OTHER},\nreader3@example.org,\nbarred@reader.example,\nnew@reader.example,<b>New</b>\n");
    world.write("people.csv", &format!("email,name\n{good}{bad}new@reader.example,Again\n"));
    world
}

async fn sign_in(world: &World, browser: &Browser, address: &str) {
    desk_site::sign_in(world, browser, address).await;
    browser.follow("Readers").await;
}

async fn find(browser: &Browser, wanted: &str) {
    browser.fill("Find a reader", wanted).await;
    browser.press("Find").await;
}

async fn staff_look_after_readers(scripts: Scripts) {
    let world = house().await;
    let browser = Browser::start(scripts).await;
    for (address, role) in [(VERA, "viewer"), (ED, "editor")] {
        sign_in(&world, &browser, address).await;
        browser.examine(&format!("desk-readers-{role}")).await;
        find(&browser, "ana").await;
        assert!(browser.text().await.contains("Please type a whole address"));
        find(&browser, ANA).await;
        assert_eq!(browser.heading().await, "a***@r***.example");
        browser.examine(&format!("desk-reader-{role}")).await;
        let text = browser.text().await;
        assert!(!text.contains("Erase") && !text.contains("ana@"), "{address}: {text}");
        browser.press("Sign out").await;
    }
    sign_in(&world, &browser, OLGA).await;
    assert!(browser.text().await.contains("Add a reader"));
    browser.press("Sign out").await;

    sign_in(&world, &browser, PIA).await;
    browser.examine("desk-readers").await;
    find(&browser, "reader").await;
    browser.examine("desk-readers-found").await;
    find(&browser, "nobody@reader.example").await;
    browser.examine("desk-readers-nobody").await;
    find(&browser, "reader2@example.org").await;
    browser.examine("desk-reader-bounced").await;
    browser.follow("Readers").await;
    find(&browser, ANA).await;
    browser.unfold("Put on a list").await;
    browser.unfold("Send them nothing more").await;
    browser.examine("desk-reader").await;
    browser.press("Put on the list").await;
    assert!(browser.text().await.contains("They get Events from now on."));
    browser.press("Take off Events").await;
    browser.unfold("Send them nothing more").await;
    browser.fill("Why, for whoever asks later", "they asked by telephone").await;
    browser.press("Send them nothing more").await;
    browser.examine("desk-reader-suppressed").await;
    browser.press("Lift this").await;
    assert!(browser.text().await.contains("They can be written to again."));

    browser.follow("Readers").await;
    find(&browser, READER).await;
    browser.fill("To erase them, type “forget”", "no").await;
    browser.press("Erase this reader").await;
    assert!(browser.text().await.contains("Nobody was erased"));
    browser.fill("To erase them, type “forget”", "forget").await;
    browser.press("Erase this reader").await;
    browser.examine("desk-readers-erased").await;
    assert!(!world.dump().await.contains(READER));

    browser.follow("Lists").await;
    browser.follow("Coalition news").await;
    browser.examine("desk-list-readers").await;
    browser.follow("Import readers").await;
    browser.examine("desk-import").await;
    browser.choose_file("CSV file", &world.file("people.csv")).await;
    browser.press("Read the file").await;
    browser.press("Import nothing").await;
    assert!(browser.text().await.contains("Nothing was imported, and the file is gone."));
    browser.choose_file("CSV file", &world.file("people.csv")).await;
    let before = world.rows().await;
    browser.press("Read the file").await;
    browser.examine("desk-rehearsal").await;
    assert_eq!(before.changes(&world.rows().await), [""; 0], "nothing is written yet");
    let text = browser.text().await;
    assert!(text.contains("line 7: ") && text.contains("And 11 more."), "{text}");
    browser.press("Put 2 readers on the list").await;
    browser.examine("desk-imported").await;
    browser.follow("Readers of this list").await;
    let text = browser.text().await;
    assert!(text.contains("new@reader.example") && !text.contains("reader3@example.org"), "{text}");
    let all = world.app.store.subscriptions_of(&address_of(OTHER)).await.expect("subscriptions");
    assert_eq!(all[0].state, SubscriptionState::Ended, "who left stays away");
}

#[tokio::test]
async fn staff_look_after_readers_with_scripts() {
    staff_look_after_readers(Scripts::On).await;
}

#[tokio::test]
async fn staff_look_after_readers_without_scripts() {
    staff_look_after_readers(Scripts::Off).await;
}
