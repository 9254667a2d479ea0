//! The pages in a real browser, as their readers have them: with scripts and without, light and dark, on a phone and on
//! a desk. Every page that is shown is examined by axe-core and by a tape measure, and has its picture below `artifacts`.

mod desk_newsroom;
mod desk_readers;
mod desk_roles;
mod desk_site;

use std::net::SocketAddr;

use jiff::SignedDuration;
use tidings::{
    clock::Clock,
    domain::{
        staff::Role,
        subscription::{SubscriberId, SubscriptionState, Wanted},
        token::{Claim, Purpose},
    },
    inbox::{Inbox, Settings, page},
    newsroom::{self, By, Sending, Statement},
    staff,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::world::{
    Mail, World, address_of,
    browser::{Browser, Scripts},
    desk::{OLGA, PASSWORD, VERA, code_at},
    feed_server::Response,
};

const STAFF: &str = "notify = [\"desk@example.org\", \"chief@example.org\"]";
const READER: &str = "reader1@example.org";
const ANA: &str = "ana@reader.example";
/// One who gets all there is of `news`.
const OTHER: &str = "other@reader.example";

/// A list beside `news`.
const EVENTS: &str = "[[lists]]\nname = \"events\"\ntitle = \"Events\"\nfeeds = [\"site\"]\n\
    digest = \"0 9 1 * *\"\ndescription = \"Where to meet us.\"";

/// A world with open pages in which a reader has an alert; gives the link to leave.
async fn alerted() -> (World, String) {
    let world = World::setup().open().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let link = world.mails_to(READER)[0].leave_link().to_owned();
    (world, link)
}

#[tokio::test]
async fn whoever_writes_a_program_reads_what_the_api_can_do() {
    let world = World::setup().open().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        browser.open(&world.page("/api/v1")).await;
        assert_eq!(browser.heading().await, "The API");
        browser.examine("api").await;
    }
}

#[tokio::test]
async fn anybody_reads_past_issues_and_asks_for_links_to_leave() {
    past_issues_are_read_and_links_to_leave_asked_for(Scripts::On).await;
    past_issues_are_read_and_links_to_leave_asked_for(Scripts::Off).await;
}

async fn past_issues_are_read_and_links_to_leave_asked_for(scripts: Scripts) {
    let (world, _) = alerted().await;
    let browser = Browser::start(scripts).await;
    browser.open(&world.page("/join")).await;
    browser.follow("Read past issues").await;
    browser.examine("archive").await;
    browser.follow("Coalition news").await;
    browser.examine("past-issues").await;
    browser.follow("Condemnation: Coalition condemns a transfer").await;
    // In a mail nothing runs, and axe-core neither.
    if scripts == Scripts::Off {
        browser.examine("past-issue").await;
    }
    assert_eq!(browser.heading().await, "Coalition condemns a transfer");
    browser.follow("Leave this list").await;
    browser.examine("ask-to-leave").await;
    browser.press("Send me the links").await;
    browser.examine("ask-to-leave-wrong").await;
    browser.fill("Your e-mail address", READER).await;
    world.clock.advance(SignedDuration::from_secs(5));
    browser.press("Send me the links").await;
    browser.examine("asked-to-leave").await;
    assert_eq!(browser.heading().await, "Look into your mailbox");
    world.run().await;
    assert_eq!(world.mails_to(READER).pop().expect("a mail").subject, "Do you want to leave?");
    assert_eq!(state(&world, READER).await, Some(SubscriptionState::Active));
}

async fn staff_sign_in_and_look_around(scripts: Scripts) {
    let world = World::setup().also(EVENTS).open().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let (_, link) =
        staff::appoint(&world.app, &address_of(OLGA), "Olga", Role::Owner, "the test").await.expect("appointed");
    let browser = Browser::start(scripts).await;
    browser.open(&world.page("/desk")).await;
    assert_eq!(browser.heading().await, "Sign in to the desk", "nobody is in who has not signed in");
    browser.examine("desk-sign-in").await;
    browser.open(&link).await;
    browser.examine("desk-choose-password").await;
    browser.fill("New password", PASSWORD).await;
    browser.fill("The same again", PASSWORD).await;
    browser.press("Choose it and sign in").await;
    assert_eq!(browser.heading().await, "Today");
    assert!(browser.text().await.contains("Coalition condemns a transfer"));
    browser.examine("desk-today").await;
    browser.follow("Staff").await;
    browser.examine("desk-staff").await;
    browser.fill("E-mail address", VERA).await;
    browser.fill("Name, as colleagues know it", "Vera").await;
    browser.press("Mail them a link").await;
    assert!(browser.text().await.contains("gets a mail with a link"));
    browser.examine("desk-staff-added").await;
    browser.follow("Olga (owner)").await;
    browser.examine("desk-account").await;
    browser.follow("Turn it on").await;
    browser.examine("desk-factor").await;
    let secret = browser.ask("return document.querySelector('.secret').textContent").await;
    let code = || code_at(secret.as_str().expect("a text"), world.clock.now());
    browser.fill("Code", &code()).await;
    browser.press("Turn it on").await;
    assert_eq!(browser.heading().await, "Your account");
    browser.examine("desk-account-factor").await;
    browser.press("Sign out").await;
    browser.follow("I forgot my password").await;
    browser.examine("desk-forgotten").await;
    browser.fill("Your e-mail address", OLGA).await;
    browser.press("Mail me the link").await;
    browser.examine("desk-forgotten-asked").await;
    browser.follow("Back to signing in").await;
    browser.fill("Your e-mail address", OLGA).await;
    browser.fill("Password", "a wrong password").await;
    browser.press("Sign in").await;
    assert!(browser.text().await.contains("do not match"));
    browser.examine("desk-sign-in-wrong").await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    assert_eq!(browser.heading().await, "Your code");
    browser.examine("desk-code").await;
    world.clock.advance(SignedDuration::from_secs(30));
    browser.fill("The six digits that your phone shows", &code()).await;
    browser.press("Sign in").await;
    assert_eq!(browser.heading().await, "Today");
}

#[tokio::test]
async fn staff_come_to_the_desk_with_scripts_and_without() {
    staff_sign_in_and_look_around(Scripts::On).await;
    staff_sign_in_and_look_around(Scripts::Off).await;
}

async fn state(world: &World, address: &str) -> Option<SubscriptionState> {
    let all = world.app.store.subscriptions_of(&address_of(address)).await.expect("subscriptions");
    all.first().map(|subscription| subscription.state)
}

/// Somebody asks for a list by the form, which they first press without filling it in; gives the mail that comes of it.
async fn somebody_joins(world: &World, browser: &Browser) -> Mail {
    browser.open(&world.page("/")).await;
    assert_eq!(browser.address().await, world.page("/join"));
    browser.examine("join-empty").await;
    browser.press("Send me the mail to confirm").await;
    browser.examine("join-wrong").await;
    // A link may choose for the reader.
    browser.open(&world.page("/join?list=news")).await;
    browser.examine("join").await;
    assert!(browser.is_ticked("What do you want to get?", "Coalition news").await);
    browser.fill("Your e-mail address", ANA).await;
    browser.press("Send me the mail to confirm").await;
    assert!(browser.text().await.contains("press the button once more"), "faster than anybody can type");
    browser.examine("join-once-more").await;
    assert_eq!(browser.value("Your e-mail address").await, ANA);
    assert!(browser.is_ticked("What do you want to get?", "Coalition news").await);
    world.clock.advance(SignedDuration::from_secs(5));
    browser.press("Send me the mail to confirm").await;
    assert_eq!(browser.heading().await, "Look into your mailbox");
    browser.examine("asked").await;
    world.run().await;
    world.mails_to(ANA).pop().expect("a mail to confirm")
}

async fn a_reader_comes_chooses_and_goes(scripts: Scripts) {
    let world = World::setup().list("description = \"What we do and what we say.\"").also(EVENTS).open().await;
    world.begin(0).await;
    let browser = Browser::start(scripts).await;
    assert_eq!(browser.runs_scripts().await, scripts == Scripts::On);
    let mail = somebody_joins(&world, &browser).await;
    world.join("news", OTHER).await;

    browser.open(mail.link_to("confirm")).await;
    assert_eq!(browser.heading().await, "Please confirm");
    browser.examine("confirm").await;
    assert_eq!(state(&world, ANA).await, None, "nothing is done before the button is pressed");
    browser.press("Yes, send it to me").await;
    assert_eq!(browser.heading().await, "Welcome");
    browser.examine("welcome").await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active));

    browser.follow("choose what you get").await;
    browser.examine("preferences").await;
    browser.tick("Coalition news", "Digests").await;
    browser.press("Save").await;
    assert!(browser.text().await.contains("It is saved."));
    browser.examine("preferences-saved").await;
    let is_ticked = async |label| browser.is_ticked("Coalition news", label).await;
    assert_eq!((is_ticked("Digests").await, is_ticked("Alerts").await), (false, true));
    let choice = world.app.store.subscriptions_of(&address_of(ANA)).await.expect("subscriptions")[0].choice;
    assert_eq!((choice.digests, choice.alerts), (Wanted::No, Wanted::Yes));

    world.run().await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let alert = world.mails_to(ANA).pop().expect("an alert");
    browser.open(alert.leave_link()).await;
    assert_eq!(browser.heading().await, "Leave Coalition news?");
    browser.examine("leave").await;
    let other = world.mails_to(OTHER).pop().expect("an alert");
    browser.open(other.leave_link()).await;
    browser.examine("leave-or-less").await;
    browser.press("Only digests").await;
    assert_eq!(browser.heading().await, "You get only digests");
    browser.examine("narrowed").await;
    browser.open(alert.leave_link()).await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active), "a page that is looked at changes nothing");
    browser.press_by_keyboard("Leave Coalition news").await;
    assert_eq!(
        (browser.heading().await.as_str(), browser.address().await.as_str()),
        ("You have left Coalition news", alert.leave_link())
    );
    browser.examine("left").await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Ended));
    browser.press("It was a mistake: stay").await;
    browser.examine("stayed").await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active));
    browser.open(alert.link_to("preferences")).await;
    browser.press("Leave everything").await;
    browser.examine("preferences-left").await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Ended));

    browser.tick("Coalition news", "Alerts").await;
    browser.press("Save").await;
    assert!(browser.text().await.contains("Please look into your mailbox"));
    browser.examine("preferences-asked").await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Ended));

    browser.follow("Erase what we know of you").await;
    browser.examine("erase").await;
    assert!(world.dump().await.contains(ANA));
    browser.press("Erase it").await;
    browser.examine("erased").await;
    assert!(!world.dump().await.contains(ANA));
}

#[tokio::test]
async fn a_reader_comes_chooses_and_goes_by_the_pages() {
    a_reader_comes_chooses_and_goes(Scripts::On).await;
}

#[tokio::test]
async fn a_reader_comes_chooses_and_goes_by_the_pages_without_scripts() {
    a_reader_comes_chooses_and_goes(Scripts::Off).await;
}

#[tokio::test]
async fn the_form_that_the_readme_gives_for_other_sites_leads_to_our_page() {
    let world = World::setup().open().await;
    world.begin(0).await;
    let form = include_str!("../../README.md").split_once("```html\n").and_then(|(_, rest)| rest.split_once("```"));
    let form = form.expect("the README has a form").0.replace("https://news.example.org/", &world.page("/"));
    let form = format!("<!doctype html><meta charset=\"utf-8\"><title>Our site</title>{form}");
    world.site.serve("/blog/", Response::ok(form).header("content-type", "text/html; charset=utf-8"));
    let browser = Browser::start(Scripts::On).await;
    browser.open(world.site.url("/blog/").as_str()).await;
    browser.fill("E-mail", ANA).await;
    browser.press("Get our news").await;
    assert_eq!(browser.address().await, world.page("/join"));
    assert_eq!(browser.value("Your e-mail address").await, ANA);
    browser.examine("join-from-elsewhere").await;
    world.clock.advance(SignedDuration::from_secs(5));
    browser.press("Send me the mail to confirm").await;
    assert_eq!(browser.heading().await, "Look into your mailbox");
    world.run().await;
    assert_eq!(world.mails_to(ANA).len(), 1);
}

#[tokio::test]
async fn a_button_can_be_read_whatever_the_accent() {
    let browser = Browser::start(Scripts::On).await;
    for accent in ["#ffff00", "#777777", "#000000"] {
        let world = World::setup().sender(&format!("accent = \"{accent}\"")).open().await;
        browser.open(&world.page("/join")).await;
        browser.examine(&format!("join-accent-{}", &accent[1..])).await;
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
async fn mails_can_be_read_by_everyone() {
    let world = World::setup().open().await;
    world.begin(1).await;
    world.asks(ANA, "198.51.100.7").await;
    world.run().await;
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let browser = Browser::start(Scripts::On).await;
    let mails = world.mails();
    assert_eq!(mails.len(), 3);
    for (mail, name) in mails.iter().zip(["mail-confirm", "mail-alert", "mail-digest"]) {
        let page = Response::ok(mail.html.clone()).header("content-type", "text/html; charset=utf-8");
        world.site.serve("/mail/", page);
        browser.open(world.site.url("/mail/").as_str()).await;
        browser.examine_mail(name).await;
    }
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

/// One of staff writes an alert, another approves it by the page, and stops it in its window, on a phone as on a desk.
#[tokio::test]
async fn staff_decide_about_an_alert_by_their_pages() {
    staff_decide_about_an_alert(Scripts::On).await;
    staff_decide_about_an_alert(Scripts::Off).await;
}

async fn staff_decide_about_an_alert(scripts: Scripts) {
    let world = World::setup().staff(STAFF).staff("second_person = true").open().await;
    world.begin(2).await;
    let desk = By::staff(&world.app, &address_of("desk@example.org")).await.expect("one of staff");
    let (list, markdown) = (&world.app.config.lists[0].name, "The coalition **condemns** the transfer.");
    let statement = Statement { list, subject: "Statement on the transfer", markdown, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    let sending = Sending { by: &desk, window: SignedDuration::from_mins(2) };
    newsroom::send(&world.app, &draft, &sending).await.expect("held");
    world.run().await;
    let link = |address: &str| world.mails_to(address).pop().expect("a mail").link_to("staff").to_owned();

    let browser = Browser::start(scripts).await;
    browser.open(&link("desk@example.org")).await;
    assert_eq!(browser.heading().await, "An alert waits for a second person");
    browser.examine("staff-waits").await;
    browser.open(&link("chief@example.org")).await;
    browser.examine("staff-approve").await;
    browser.fill("To let it go, type “yes”", "no").await;
    browser.press("Approve it and send it to 2 readers of Coalition news").await;
    assert!(browser.text().await.contains("Nothing was done."));
    browser.examine("staff-not-confirmed").await;
    browser.fill("To let it go, type “yes”", "yes").await;
    browser.press("Approve it and send it to 2 readers of Coalition news").await;
    assert_eq!(browser.heading().await, "An alert goes out soon");
    browser.examine("staff-window").await;
    browser.press("Stop it").await;
    assert_eq!(browser.heading().await, "An alert is held");
    browser.examine("staff-held").await;
    browser.fill("To give it up for good, type “give up”", "give up").await;
    browser.press("Give it up").await;
    assert_eq!(browser.heading().await, "An alert was given up");
    browser.examine("staff-given-up").await;
    world.hours(1);
    world.run().await;
    assert!(world.mails_to(READER).is_empty());
}

async fn hand_over(inbox: &Inbox, message: &[u8]) {
    let mut stream = TcpStream::connect(inbox.address()).await.expect("the inbox listens");
    let before = "EHLO client.example\r\nMAIL FROM:<news@example.org>\r\nRCPT TO:<reader1@example.org>\r\n";
    let chunk = [format!("{before}BDAT {} LAST\r\n", message.len()).as_bytes(), message, b"QUIT\r\n"].concat();
    stream.write_all(&chunk).await.expect("the inbox reads");
    stream.read_to_end(&mut Vec::new()).await.expect("the inbox closes in order");
}
