//! The newsroom's pages in a real browser, for each role, with scripts and without.

use jiff::SignedDuration;
use tidings::staff;

use super::{READER, desk_site::sign_in};
use crate::world::{
    World, address_of,
    browser::{Browser, Scripts},
    desk::{ED, OLGA, PAUL, PIA, VERA},
    relay::Answer,
};

const HEADLINE: &str = "Coalition condemns fifth transfer of cluster munitions";
const TEXT: &str = "The Example Coalition **condemns** the transfer that was announced today.\n\n\
    It calls on all states to join the convention.\n\nPress: press@example.org";

/// A house with readers of whom one cannot be reached, an alert that went out, and somebody of each role.
async fn house(second_person: bool) -> World {
    let staff = "notify = [\"desk@example.org\", \"chief@example.org\"]";
    let setup = World::setup().staff(staff).also(super::EVENTS);
    let setup = if second_person { setup.staff("second_person = true") } else { setup };
    let world = setup.open().await;
    world.begin(4).await;
    world.staff_of_each_role().await;
    world.relay.answer_recipient("reader3@example.org", Answer::Reply("550 5.1.1 <reader3@example.org> is not here"));
    world.next_look(&[world.post("Coalition condemns a transfer of cluster munitions")]).await;
    world
}

/// Writes the alert, and looks at it as it is written.
async fn write(browser: &Browser, scripts: Scripts) {
    browser.follow("Issues").await;
    browser.follow("Write an alert").await;
    browser.fill("Headline", HEADLINE).await;
    browser.fill("Statement", TEXT).await;
    match scripts {
        Scripts::On => browser.comes_to_show("calls on all states to join").await,
        Scripts::Off => browser.press("Preview").await,
    }
    assert!(browser.framed_text().await.contains("condemns the transfer that was announced today"));
}

/// Writes the alert and sends it, to go in two minutes.
async fn send_in_two_minutes(browser: &Browser) {
    write(browser, Scripts::On).await;
    browser.choose("It goes", "in 2 minutes, unless somebody stops it").await;
    browser.press("Go on to send").await;
    browser.fill("To send it, type “yes”", "yes").await;
    browser.press("Send to 3 readers").await;
}

/// Waits until the page of an issue that was sent says so.
async fn settle(browser: &Browser, scripts: Scripts) {
    match scripts {
        // The whole page comes anew, without the button.
        Scripts::On => browser.ceases_to_say("Stop it").await,
        Scripts::Off => browser.follow("See how it stands now").await,
    }
    assert!(browser.text().await.contains("An alert is done with"));
}

/// An editor writes and tests, and cannot send; a viewer looks.
async fn those_who_do_not_send(world: &World, browser: &Browser, scripts: Scripts) {
    sign_in(world, browser, VERA).await;
    assert!(!browser.text().await.contains("Write an alert"));
    browser.follow("Issues").await;
    browser.follow("Condemnation: Coalition condemns a transfer of cluster munitions").await;
    assert!(!browser.text().await.contains("Correct it"));
    browser.examine("desk-issue-viewer").await;
    browser.press("Sign out").await;
    sign_in(world, browser, ED).await;
    write(browser, scripts).await;
    assert!(!browser.text().await.contains("Go on to send"));
    browser.examine("desk-write-editor").await;
    browser.press("Mail me a test").await;
    assert!(browser.text().await.contains("A test goes to ed@example.org"));
    browser.press("Sign out").await;
}

async fn a_publisher_writes_sends_stops_and_corrects(scripts: Scripts) {
    let world = house(false).await;
    let browser = Browser::start(scripts).await;
    those_who_do_not_send(&world, &browser, scripts).await;
    sign_in(&world, &browser, PIA).await;
    browser.examine("desk-today-newsroom").await;
    browser.follow("Issues").await;
    browser.examine("desk-issues").await;
    browser.follow("Write an alert").await;
    browser.examine("desk-write-empty").await;
    write(&browser, scripts).await;
    browser.examine("desk-write").await;
    browser.press("Mail me a test").await;
    assert!(browser.text().await.contains("A test goes to pia@example.org"));
    browser.examine("desk-write-tested").await;
    world.run().await;
    assert_eq!(world.mails_to(PIA).pop().expect("a test").subject, format!("[Test] {HEADLINE}"));

    browser.choose("It goes", "in 2 minutes, unless somebody stops it").await;
    browser.press("Go on to send").await;
    browser.examine("desk-write-send").await;
    browser.press("Back to the text").await;
    assert_eq!(browser.value("Headline").await, HEADLINE);
    assert_eq!(browser.value("Statement").await, TEXT, "the text is carried along");
    assert_eq!(browser.value("It goes").await, "2m");
    browser.press("Go on to send").await;
    browser.fill("To send it, type “yes”", "no").await;
    browser.press("Send to 3 readers").await;
    assert!(browser.text().await.contains("Nothing was sent: type “yes” to confirm."));
    browser.examine("desk-write-not-confirmed").await;
    browser.fill("To send it, type “yes”", "yes").await;
    browser.press("Send to 3 readers").await;
    assert_eq!(browser.heading().await, HEADLINE);
    assert!(browser.text().await.contains("2:00"));
    browser.examine("desk-issue-window").await;
    world.clock.advance(SignedDuration::from_secs(15));
    match scripts {
        Scripts::On => browser.comes_to_say("1:45").await,
        Scripts::Off => browser.follow("See how it stands now").await,
    }
    assert!(browser.text().await.contains("1:45"));
    browser.press("Stop it").await;
    assert!(browser.text().await.contains("It is stopped."));
    browser.examine("desk-issue-stopped").await;
    let before = world.mails_to(READER).len();
    world.minutes(5);
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), before);

    browser.fill("To let it go, type “yes”", "yes").await;
    browser.press("Release it to 3 readers of Coalition news").await;
    assert!(browser.text().await.contains("An alert is being sent"));
    browser.examine("desk-issue-sending").await;
    world.run().await;
    settle(&browser, scripts).await;
    browser.examine("desk-issue-done").await;
    assert_eq!(world.mails_to(READER).len(), before + 1);

    browser.follow("Correct it").await;
    browser.examine("desk-correct-empty").await;
    browser.fill("Headline", "It was the fourth transfer").await;
    browser.fill("What was wrong, in a sentence", "We wrote of a fifth transfer.").await;
    browser.fill("What is right", "It was the **fourth** transfer.").await;
    match scripts {
        Scripts::On => browser.comes_to_show("It was the fourth transfer.").await,
        Scripts::Off => browser.press("Preview").await,
    }
    browser.examine("desk-correct").await;
    browser.press("Go on to send").await;
    browser.examine("desk-correct-send").await;
    browser.fill("To send it, type “yes”", "yes").await;
    browser.press("Send to 3 readers").await;
    assert_eq!(browser.heading().await, "Correction: It was the fourth transfer");
    world.run().await;
    assert_eq!(world.mails_to(READER).pop().expect("a mail").subject, "Correction: It was the fourth transfer");
    settle(&browser, scripts).await;
    browser.follow("Issues").await;
    browser.follow("Condemnation: Coalition condemns a transfer of cluster munitions").await;
    assert!(browser.text().await.contains("There is no such mailbox (5.1.1): 1"));
    browser.examine("desk-issue-refused").await;
    browser.follow("Withdraw it").await;
    browser.examine("desk-withdraw").await;
    browser.press("Go on to send").await;
    browser.fill("To send it, type “yes”", "yes").await;
    browser.press("Send to 3 readers").await;
    world.run().await;
    assert!(world.mails_to(READER).pop().expect("a mail").subject.starts_with("Withdrawn: "));
}

#[tokio::test]
async fn a_publisher_writes_sends_stops_and_corrects_with_scripts() {
    a_publisher_writes_sends_stops_and_corrects(Scripts::On).await;
}

#[tokio::test]
async fn a_publisher_writes_sends_stops_and_corrects_without_scripts() {
    a_publisher_writes_sends_stops_and_corrects(Scripts::Off).await;
}

async fn two_publishers_send_what_one_cannot(scripts: Scripts) {
    let world = house(true).await;
    let browser = Browser::start(scripts).await;
    sign_in(&world, &browser, PIA).await;
    write(&browser, scripts).await;
    browser.press("Go on to send").await;
    browser.examine("desk-write-ask").await;
    browser.fill("To send it, type “yes”", "yes").await;
    browser.press("Ask a second person to approve it").await;
    assert!(browser.text().await.contains("You want it out. Another of staff was asked to approve it."));
    browser.examine("desk-issue-waits").await;
    browser.press("Sign out").await;
    let second = if scripts == Scripts::On { PAUL } else { OLGA };
    sign_in(&world, &browser, second).await;
    browser.follow(&format!("The alert “{HEADLINE}” of news is held.")).await;
    browser.examine("desk-issue-approve").await;
    browser.fill("To let it go, type “yes”", "yes").await;
    browser.press("Approve it and send it to 3 readers of Coalition news").await;
    assert!(browser.text().await.contains("It is let go."));
    let before = world.mails_to(READER).len();
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), before + 1);
}

#[tokio::test]
async fn two_publishers_send_what_one_cannot_with_scripts_and_without() {
    two_publishers_send_what_one_cannot(Scripts::On).await;
    two_publishers_send_what_one_cannot(Scripts::Off).await;
}

#[tokio::test]
async fn a_page_that_was_live_says_so_when_it_is_not_any_more() {
    let world = house(false).await;
    let browser = Browser::start(Scripts::On).await;
    sign_in(&world, &browser, PIA).await;
    send_in_two_minutes(&browser).await;
    assert!(!browser.text().await.contains("this page is not live any more"));
    // Their sessions end, and the stream with them.
    staff::dismiss(&world.app, &address_of(PIA), "the test").await.expect("one of staff");
    browser.comes_to_say("this page is not live any more").await;
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|complaint| complaint.contains("EventSource")), "{complaints:#?}");
    browser.examine("desk-issue-lost").await;
    browser.follow("See how it stands now").await;
    assert_eq!(browser.heading().await, "Sign in to the desk");
}

#[tokio::test]
async fn a_page_that_nobody_sees_is_not_followed_until_it_is_seen_again() {
    let world = house(false).await;
    let browser = Browser::start(Scripts::On).await;
    sign_in(&world, &browser, PIA).await;
    send_in_two_minutes(&browser).await;
    browser.comes_to_say("2:00").await;
    // No tab of a browser without a window is ever hidden by another.
    let closes = "const close = EventSource.prototype.close; window.left = 0;
        EventSource.prototype.close = function () { window.left += 1; close.call(this); };";
    browser.ask(closes).await;
    let turns = async |hidden: &str| {
        let turns = "Object.defineProperty(document, 'hidden', { value: HIDDEN, configurable: true });
            document.dispatchEvent(new Event('visibilitychange')); return window.left;";
        browser.ask(&turns.replace("HIDDEN", hidden)).await
    };
    assert_eq!(turns("true").await, 1);
    world.clock.advance(SignedDuration::from_secs(15));
    assert_eq!(turns("false").await, 1);
    browser.comes_to_say("1:45").await;
}

#[tokio::test]
async fn who_is_signed_out_as_they_write_is_told_so_and_loses_nothing() {
    for scripts in [Scripts::On, Scripts::Off] {
        let world = house(false).await;
        let browser = Browser::start(scripts).await;
        sign_in(&world, &browser, PIA).await;
        write(&browser, scripts).await;
        staff::dismiss(&world.app, &address_of(PIA), "the test").await.expect("one of staff");
        browser.fill("Statement", &format!("{TEXT}\n\nOne line more.")).await;
        if scripts == Scripts::On {
            browser.comes_to_say("You are signed out. Copy what you wrote before you sign in again.").await;
        }
        browser.press("Preview").await;
        assert_eq!(browser.heading().await, "You are signed out");
        assert_eq!(browser.value("Headline").await, HEADLINE);
        assert_eq!(browser.value("Text").await, format!("{TEXT}\n\nOne line more."));
        browser.examine("desk-signed-out").await;
        browser.follow("sign in").await;
        assert_eq!(browser.heading().await, "Sign in to the desk");
    }
}
