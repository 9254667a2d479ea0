//! Leaving, over real HTTP: by the link in each mail, from a reader's hand or a mail program's. Scanners that follow
//! every link change nothing, and who has left gets nothing more and never comes back by a file.

use reqwest::{
    Method, StatusCode,
    header::{LOCATION, SET_COOKIE},
};
use tidings::{
    domain::{
        consent::Door,
        subscription::{SubscriberId, SubscriptionState, Wanted},
        token::{Claim, Purpose},
    },
    intake::{self, Incoming, Taken},
    publish,
    subscribe::{self, Added, BadLines},
};

use crate::world::{
    Mail, World, address_of,
    pages::{FORM, ONE_CLICK, Pages},
    recipients, slug,
    stores::told_on_both_engines,
};

const READER: &str = "reader1@example.org";

/// The path of a mail's link, for the proxy in front of the pages has the name that the link has.
fn path(mail: &Mail) -> &str {
    mail.leave_link().strip_prefix("https://news.example.org").expect("our own link")
}

/// A world in which every reader has an alert, and the pages.
async fn alerted(readers: usize) -> (World, Pages) {
    let world = World::new().await;
    world.begin(readers).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!(world.mails().len(), readers);
    let pages = Pages::of(&world).await;
    (world, pages)
}

async fn state(world: &World, address: &str) -> (SubscriptionState, String) {
    let all = world.app.store.subscriptions_of(&address_of(address)).await.expect("subscriptions");
    assert_eq!(all.len(), 1);
    (all[0].state, all[0].ended_reason.clone())
}

fn active() -> (SubscriptionState, String) {
    (SubscriptionState::Active, String::new())
}

fn ended(reason: &str) -> (SubscriptionState, String) {
    (SubscriptionState::Ended, reason.to_owned())
}

told_on_both_engines!(looking_at_the_link_changes_nothing);
async fn looking_at_the_link_changes_nothing() {
    let (world, pages) = alerted(1).await;
    let mail = &world.mails()[0];
    for _ in 0..3 {
        let page = pages.get(path(mail)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("Leave Coalition news?") && page.text.contains("<form method=\"post\">"));
        assert!(page.text.contains("r***@e***.org") && !page.text.contains(READER), "{}", page.text);
        let head = pages.ask(Method::HEAD, path(mail), "", "").await;
        assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let other = pages.ask(method, path(mail), FORM, ONE_CLICK).await;
        assert_eq!(other.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(state(&world, READER).await, active());
}

told_on_both_engines!(one_click_answers_at_once_and_again_whatever_the_encoding);
async fn one_click_answers_at_once_and_again_whatever_the_encoding() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let reason = "left by one click (RFC 8058)";
    for (kind, body, door) in [
        (FORM, ONE_CLICK, reason),
        ("multipart/form-data; boundary=b", multipart, reason),
        (FORM, "", "left by the page"),
        ("", "", "left by the page"),
    ] {
        let (world, pages) = alerted(2).await;
        let mail = &world.mails_to(READER)[0];
        for _ in 0..3 {
            let answer = pages.ask(Method::POST, path(mail), kind, body).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind}");
            assert!(answer.text.contains("You have left Coalition news"), "{}", answer.text);
            assert!(!answer.headers.contains_key(LOCATION) && !answer.headers.contains_key(SET_COOKIE));
        }
        assert_eq!(state(&world, READER).await, ended(door), "{kind}");
        assert_eq!(state(&world, "reader2@example.org").await, active());
    }
}

told_on_both_engines!(the_link_of_every_mail_works);
async fn the_link_of_every_mail_works() {
    let world = World::new().await;
    world.begin(3).await;
    let breaking = world.post("Coalition condemns a transfer");
    world.next_look(&[breaking.clone(), world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let pages = Pages::of(&world).await;
    let mails = world.mails();
    assert_eq!(mails.len(), 6);
    for mail in &mails {
        assert!(mail.text.contains(mail.leave_link()) && mail.html.contains(mail.leave_link()));
        assert_eq!(pages.get(path(mail)).await.status, StatusCode::OK);
        assert_eq!(pages.click(path(mail)).await.status, StatusCode::OK);
        assert_eq!(state(&world, &mail.to).await.0, SubscriptionState::Ended);
    }
    world.next_look(&[world.post("Coalition condemns another transfer"), breaking]).await;
    assert_eq!(world.mails().len(), 6);
}

#[tokio::test]
async fn the_link_of_a_mail_works_years_later() {
    let (world, pages) = alerted(1).await;
    world.hours(10 * 365 * 24);
    assert_eq!(pages.click(path(&world.mails()[0])).await.status, StatusCode::OK);
    assert_eq!(state(&world, READER).await.0, SubscriptionState::Ended);
}

told_on_both_engines!(leaving_by_mail_is_leaving);
async fn leaving_by_mail_is_leaving() {
    let (world, _) = alerted(1).await;
    let mail = &world.mails()[0];
    let address = mail.leave_address();
    let message = b"From: someone@example.net\r\nSubject: unsubscribe\r\n\r\n";
    // Leaving twice is leaving once.
    for again in ["", "I mean it.\r\n"] {
        let message = [message, again.as_bytes()].concat();
        let taken = intake::take(&world.app, &incoming(&address, &message)).await.expect("the store takes it");
        assert_eq!((taken, state(&world, READER).await), (Taken::Left, ended("left by mail")));
    }
    let forged = address.replace("leave.a", "leave.b");
    let taken = intake::take(&world.app, &incoming(&forged, message)).await.expect("the store takes it");
    assert!(matches!(taken, Taken::Nothing(_)), "{taken:?}");
}

told_on_both_engines!(who_left_does_not_get_what_was_queued_before);
async fn who_left_does_not_get_what_was_queued_before() {
    let world = World::new().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    let pass = publish::publish_due(&world.app, Default::default()).await.expect("publishing goes well");
    assert_eq!(pass.digests, 1);
    let pages = Pages::of(&world).await;
    pages.click(path(&world.mails_to(READER)[0])).await;
    let ran = world.run().await;
    assert_eq!((ran.counts.sent, ran.counts.dropped), (1, 1));
    assert_eq!((world.mails_to(READER).len(), world.mails_to("reader2@example.org").len()), (1, 2));
}

told_on_both_engines!(the_link_to_leave_leads_to_less_mail_of_its_list_and_to_nothing_else);
async fn the_link_to_leave_leads_to_less_mail_of_its_list_and_to_nothing_else() {
    let (world, pages) = alerted(1).await;
    let link = path(&world.mails()[0]).to_owned();
    let (only, stay) = (format!("{link}/only"), format!("{link}/stay"));
    let part = async |part| pages.post(&only, &[("part", part)]).await;
    let choice = async || {
        let one = world.app.store.subscriptions_of(&address_of(READER)).await.expect("subscriptions").remove(0);
        (one.state, one.choice.digests, one.choice.alerts)
    };
    assert!(pages.get(&link).await.text.contains("Only alerts"));
    assert_eq!(part("everything").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for _ in 0..2 {
        let kept = part("alerts").await;
        assert!(kept.text.contains("You get only alerts"), "{}", kept.text);
    }
    assert_eq!(choice().await, (SubscriptionState::Active, Wanted::No, Wanted::Yes));
    // It takes away and never gives: neither the other part, nor what has ended.
    assert_eq!(part("digests").await.status, StatusCode::CONFLICT);
    assert!(!pages.get(&link).await.text.contains("Only alerts"));
    let left = pages.click(&link).await;
    assert!(left.text.contains("works for 7 days"), "{}", left.text);
    assert_eq!(part("alerts").await.status, StatusCode::CONFLICT);
    assert_eq!(choice().await, (SubscriptionState::Ended, Wanted::No, Wanted::Yes));
    let stayed = pages.post(&stay, &[]).await;
    assert_eq!(choice().await, (SubscriptionState::Active, Wanted::No, Wanted::Yes));
    for page in [pages.get(&link).await, left, stayed, part("alerts").await] {
        assert!(!page.text.contains("preferences"), "{}", page.text);
    }
}

#[tokio::test]
async fn a_link_that_is_not_ours_tells_nothing() {
    let (world, pages) = alerted(2).await;
    let good = path(&world.mails_to(READER)[0]).to_owned();
    let token = good.strip_prefix("/leave/").expect("a token");
    let claim = |list, subscriber| Claim { list, subscriber: SubscriberId(subscriber) };
    let swapped = if token.ends_with('a') { 'b' } else { 'a' };
    let other = path(&world.mails_to("reader2@example.org")[0]).to_owned();
    let spliced = format!("{}{}", &good[..good.len() - 16], &other[other.len() - 16..]);
    let mut answers = Vec::new();
    for bad in [
        good[..good.len() - 1].to_owned(),
        format!("{}{swapped}", &good[..good.len() - 1]),
        format!("{good}a"),
        spliced,
        format!("/leave/{}", world.app.secret.sign(Purpose::Delivery, claim(1, 1))),
        format!("/leave/{}", "a".repeat(8_000)),
        "/leave/x".to_owned(),
        "/leave/%00".to_owned(),
        "/leave/%FF%FE".to_owned(),
        "/leave/%3Cscript%3E".to_owned(),
        "/leave/..%2F..%2Fetc".to_owned(),
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = pages.ask(method, &bad, FORM, ONE_CLICK).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{bad}");
            answers.push(answer.text);
        }
    }
    assert!(answers[0].contains("This link is not one of ours"), "{}", answers[0]);
    answers.dedup();
    assert_eq!(answers.len(), 1, "all of them get the same page");
    for address in [READER, "reader2@example.org"] {
        assert_eq!(state(&world, address).await, active());
    }
    // One that we signed for someone who is not there.
    let gone = format!("/leave/{}", world.app.secret.sign(Purpose::Leave, claim(1, 999)));
    assert_eq!(pages.click(&gone).await.status, StatusCode::GONE);
    assert_eq!(pages.get("/").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_escapes_what_it_shows() {
    let world = World::setup().list("title = \"News <script>alert(1)</script> & 'co'\"").start().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let pages = Pages::of(&world).await;
    let mail = &world.mails()[0];
    for answer in [pages.get(path(mail)).await, pages.click(path(mail)).await] {
        assert!(answer.text.contains("News &lt;script&gt;alert(1)"), "{}", answer.text);
        assert!(!answer.text.contains("<script"), "{}", answer.text);
    }
}

#[tokio::test]
async fn every_answer_keeps_strangers_out() {
    let (world, pages) = alerted(1).await;
    let good = path(&world.mails()[0]).to_owned();
    let answers = [
        pages.get(&good).await,
        pages.click(&good).await,
        pages.get("/leave/x").await,
        pages.get("/nowhere").await,
        pages.ask(Method::PUT, &good, "", "").await,
        pages.ask(Method::POST, &good, FORM, "x".repeat(17 * 1024)).await,
    ];
    for answer in answers {
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("script-src"), "{policy}");
        let others = ["referrer-policy", "x-content-type-options", "x-frame-options", "cache-control", "x-robots-tag"];
        let others = others.map(header);
        assert_eq!(others, ["no-referrer", "nosniff", "DENY", "no-store", "noindex, nofollow"], "{}", answer.status);
        assert!(!answer.headers.contains_key(SET_COOKIE));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let (world, pages) = alerted(1).await;
    let large = pages.ask(Method::POST, path(&world.mails()[0]), FORM, "x".repeat(17 * 1024)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(state(&world, READER).await, active());
}

told_on_both_engines!(no_file_and_no_import_brings_back_who_left);
async fn no_file_and_no_import_brings_back_who_left() {
    let world = World::new().await;
    let csv = "email,name\nreader1@example.org,Ana\nreader2@example.org,Ben\n";
    world.write("subscribers/news.csv", csv);
    assert_eq!(world.run().await.files[0].imported.joined, 2);
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let pages = Pages::of(&world).await;
    pages.click(path(&world.mails_to(READER)[0])).await;

    world.write("subscribers/news.csv", &format!("{csv}reader3@example.org,Cai\n"));
    let file = world.run().await.files.remove(0).imported;
    assert_eq!((file.joined, file.unchanged), (1, 2));
    assert!(world.run().await.files.is_empty(), "an unchanged file is not read again");
    let shouted = csv.to_uppercase();
    let news = slug("news");
    let import = subscribe::import(&world.app, &news, shouted.as_bytes(), Door::Import, BadLines::Refuse);
    assert_eq!(import.await.expect("a good file").joined, 0);
    assert_eq!(world.join("news", READER).await, Added::HadLeft);
    assert_eq!(state(&world, READER).await, ended("left by one click (RFC 8058)"));

    world.next_look(&[world.post("Coalition condemns another transfer")]).await;
    assert_eq!(world.mails_to(READER).len(), 1);
    assert_eq!(recipients(&world.mails()[2..]), ["reader2@example.org", "reader3@example.org"]);
}

fn incoming<'a>(recipient: &'a str, bytes: &'a [u8]) -> Incoming<'a> {
    Incoming { recipient: Some(recipient), sender: None, bytes }
}
