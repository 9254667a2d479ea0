//! The pages in a real browser, as their readers have them: with scripts and without, light and dark, on a phone and on
//! a desk. Every page that is shown is examined by axe-core and by a tape measure, and has its picture below `artifacts`.

use std::net::SocketAddr;

use tidings::{
    clock::Clock,
    domain::{
        subscription::{SubscriberId, SubscriptionState},
        token::{Claim, Purpose},
    },
    inbox::{Inbox, Settings, page},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::world::{
    World, address_of,
    browser::{Browser, Scripts},
};

const READER: &str = "reader1@example.org";

/// A world with open pages in which a reader has an alert; gives the link to leave.
async fn alerted() -> (World, String) {
    let world = World::setup().open().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let link = world.mails_to(READER)[0].leave_link().to_owned();
    (world, link)
}

async fn state(world: &World) -> SubscriptionState {
    world.app.store.subscriptions_of(&address_of(READER)).await.expect("subscriptions")[0].state
}

async fn a_reader_leaves(scripts: Scripts) {
    let (world, link) = alerted().await;
    let browser = Browser::start(scripts).await;
    assert_eq!(browser.runs_scripts().await, scripts == Scripts::On);

    browser.open(&link).await;
    assert_eq!(browser.heading().await, "Leave Coalition news?");
    browser.examine("leave").await;
    assert_eq!(state(&world).await, SubscriptionState::Active, "a page that is looked at changes nothing");

    browser.press("Leave Coalition news").await;
    assert_eq!(browser.heading().await, "You have left Coalition news");
    assert_eq!(browser.address().await, link);
    browser.examine("left").await;
    assert_eq!(state(&world).await, SubscriptionState::Ended);
}

#[tokio::test]
async fn a_reader_leaves_by_the_page() {
    a_reader_leaves(Scripts::On).await;
}

#[tokio::test]
async fn a_reader_leaves_by_the_page_without_scripts() {
    a_reader_leaves(Scripts::Off).await;
}

#[tokio::test]
async fn a_button_can_be_read_whatever_the_accent() {
    for accent in ["#ffff00", "#777777", "#000000"] {
        let world = World::setup().sender(&format!("accent = \"{accent}\"")).open().await;
        world.begin(1).await;
        world.next_look(&[world.post("Coalition condemns a transfer")]).await;
        let browser = Browser::start(Scripts::On).await;
        browser.open(world.mails()[0].leave_link()).await;
        browser.examine("leave-accent").await;
    }
}

#[tokio::test]
async fn pages_that_say_what_went_wrong_are_as_good_as_others() {
    let (world, link) = alerted().await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(&world.page("/nowhere")).await;
    browser.examine("problem-nowhere").await;
    browser.open(&format!("{link}x")).await;
    assert!(browser.text().await.contains("This link is not one of ours"));
    browser.examine("problem-link").await;
    let nobody = world.app.secret.sign(Purpose::Leave, Claim { list: 1, subscriber: SubscriberId(999) });
    browser.open(&world.page(&format!("/leave/{nobody}"))).await;
    browser.examine("problem-gone").await;
}

#[tokio::test]
async fn an_examination_finds_what_is_wrong() {
    let browser = Browser::start(Scripts::On).await;
    let page = "<meta name=viewport content='width=device-width'><p style='color:%23999'>Pale</p><input>\
         <div style='width:600px'>wide</div>";
    browser.open(&format!("data:text/html,{page}")).await;
    let faults = browser.faults().await.join("\n");
    for fault in ["color-contrast: ", "label: ", "html-has-lang: ", "wider than 390 px: 6", "px high: <input>"] {
        assert!(faults.contains(fault), "`{fault}` is not among:\n{faults}");
    }
    let ringless = "data:text/html,<style>:focus{outline:none}</style><a href='/'>x</a><img src='http://127.0.0.1/x'>";
    browser.open(ringless).await;
    let faults = browser.faults().await.join("\n");
    for fault in ["no ring when focused: <a", "from another host: <img"] {
        assert!(faults.contains(fault), "`{fault}` is not among:\n{faults}");
    }
    assert_eq!(browser.complaints().await, [""; 0]);
    let policy = "<meta http-equiv='Content-Security-Policy' content='default-src none'><style>p{color:red}</style>";
    browser.open(&format!("data:text/html,{policy}")).await;
    let complaints = browser.complaints().await.join("\n");
    assert!(complaints.contains("Content Security Policy"), "{complaints}");
}

#[tokio::test]
async fn the_inbox_can_be_read_by_everyone() {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = Clock::manual("2026-11-23T14:05:09Z".parse().expect("an instant"));
    let inbox = Inbox::start(Settings { listen, folder: None, limit: 100 }, clock).await.expect("a free port");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let root = format!("http://{}/inbox/", listener.local_addr().expect("a bound address"));
    let router = page::router(inbox.clone(), "/inbox");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let browser = Browser::start(Scripts::On).await;

    browser.open(&root).await;
    browser.examine("inbox-empty").await;
    // Its own mails, as they are.
    let (world, _) = alerted().await;
    for message in world.relay.messages() {
        hand_over(&inbox, &message.bytes).await;
    }
    inbox.wait_for(1).await;
    for (path, name) in [
        ("", "inbox"),
        ("?q=nothing+has+this", "inbox-search"),
        ("1", "inbox-message"),
        ("1?view=text", "inbox-text"),
        ("1?view=headers", "inbox-headers"),
        ("1?view=source", "inbox-source"),
        ("99", "inbox-missing"),
    ] {
        browser.open(&format!("{root}{path}")).await;
        browser.examine(name).await;
    }
}

async fn hand_over(inbox: &Inbox, message: &[u8]) {
    let mut stream = TcpStream::connect(inbox.address()).await.expect("the inbox listens");
    let before = "EHLO client.example\r\nMAIL FROM:<news@example.org>\r\nRCPT TO:<reader1@example.org>\r\n";
    let chunk = [format!("{before}BDAT {} LAST\r\n", message.len()).as_bytes(), message, b"QUIT\r\n"].concat();
    stream.write_all(&chunk).await.expect("the inbox reads");
    stream.read_to_end(&mut Vec::new()).await.expect("the inbox closes in order");
}
