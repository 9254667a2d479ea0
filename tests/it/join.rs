//! Joining by the pages, over real HTTP: nobody gets anything who has not confirmed from their own mailbox, nobody learns
//! who is on a list, and nobody is flooded because somebody else asks.

use std::time::Instant;

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidings::{
    domain::{
        consent::{Act, Door},
        subscription::{NewSubscriber, Subscription, SubscriptionState, Wanted},
        suppression::SuppressionKind,
    },
    store::suppressions::Scope,
    subscribe::{self, Added, BadLines, Forgotten, Returning},
};

use crate::world::{
    Mail, World, address_of,
    pages::{self, Pages},
    recipients,
    relay::Answer,
    slug,
    stores::told_on_both_engines,
    subjects,
};

const ANA: &str = "ana@reader.example";

/// A world whose pages are open, with a list that is public and one that is not.
async fn open_house() -> (World, Pages) {
    let private =
        "[[lists]]\nname = \"inner\"\ntitle = \"Inner circle\"\nfeeds = [\"site\"]\nalerts = true\nprivate = true";
    let world = World::setup().also(private).start().await;
    let pages = Pages::of(&world).await;
    (world, pages)
}

/// Fills in the form to join as a person does: it takes them a moment.
async fn ask(world: &World, pages: &Pages, address: &str, origin: &str) -> pages::Answer {
    let token = pages.get("/join").await.hidden("token");
    world.clock.advance(SignedDuration::from_secs(5));
    let fields = [("token", token.as_str()), ("list", "news"), ("address", address), ("website", "")];
    pages.post_from(origin, "/join", &fields).await
}

/// Asks, and gives the mail that comes of it.
async fn asked(world: &World, pages: &Pages, address: &str) -> Mail {
    assert_eq!(ask(world, pages, address, "198.51.100.7").await.status, StatusCode::OK);
    world.run().await;
    world.mails_to(address).pop().expect("a mail to confirm")
}

async fn subscriptions(world: &World, address: &str) -> Vec<Subscription> {
    world.app.store.subscriptions_of(&address_of(address)).await.expect("subscriptions")
}

async fn state(world: &World, address: &str) -> Option<SubscriptionState> {
    subscriptions(world, address).await.first().map(|subscription| subscription.state)
}

told_on_both_engines!(who_asks_and_confirms_is_welcomed_and_gets_what_comes);
async fn who_asks_and_confirms_is_welcomed_and_gets_what_comes() {
    let (world, pages) = open_house().await;
    world.begin(0).await;
    let page = ask(&world, &pages, ANA, "198.51.100.7").await;
    assert!(page.text.contains("Look into your mailbox") && page.text.contains(ANA), "{}", page.text);
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(subjects(&mails), ["Please confirm: Coalition news"]);
    assert_eq!((mails[0].to.as_str(), mails[0].header("auto-submitted")), (ANA, "auto-generated"));
    assert_eq!(state(&world, ANA).await, None);
    let link = mails[0].path_to("confirm");
    for _ in 0..2 {
        let page = pages.get(&link).await;
        assert!(page.text.contains("Yes, send it to me") && page.text.contains("Coalition news"), "{}", page.text);
        assert_eq!(pages.ask(Method::HEAD, &link, "", "").await.status, StatusCode::OK);
    }
    assert_eq!(state(&world, ANA).await, None, "looking is not confirming");
    for _ in 0..3 {
        let page = pages.post(&link, &[]).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("<h1>Welcome</h1>"), "{}", page.text);
    }
    assert!(pages.get(&link).await.text.contains("<h1>Welcome</h1>"));
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active));
    world.run().await;
    assert_eq!(subjects(&world.new_mails()), ["Welcome: Coalition news"]);
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mails = world.new_mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ANA);
}

told_on_both_engines!(the_record_says_what_was_agreed_to_when_and_by_which_door);
async fn the_record_says_what_was_agreed_to_when_and_by_which_door() {
    let (world, pages) = open_house().await;
    let link = asked(&world, &pages, ANA).await.path_to("confirm");
    let asked_at = world.clock.now();
    world.minutes(90);
    pages.post_from("203.0.113.44", &link, &[]).await;
    let confirmed_at = world.clock.now();
    let one = &subscriptions(&world, ANA).await[0];
    assert_eq!((one.consent, one.began_at), (Door::Web, confirmed_at));
    let record = world.app.store.consents_of(one.subscriber).await.expect("the record");
    let text = "I want to get what I chose here by mail from Example Coalition. I can leave at any time, by the link in \
                each mail.";
    let told: Vec<_> =
        record.iter().map(|line| (line.act, line.origin.as_str(), line.text.as_str(), line.at)).collect();
    assert_eq!(
        told,
        [(Act::Asked, "198.51.100.0/24", text, asked_at), (Act::Confirmed, "203.0.113.0/24", text, confirmed_at)]
    );
    assert!(pages.get("/join").await.text.contains(text), "it is what the page shows");
}

told_on_both_engines!(a_link_to_confirm_is_good_for_seven_days_and_then_the_address_is_erased);
async fn a_link_to_confirm_is_good_for_seven_days_and_then_the_address_is_erased() {
    let (world, pages) = open_house().await;
    let link = asked(&world, &pages, ANA).await.path_to("confirm");
    world.hours(7 * 24 + 1);
    let page = pages.post(&link, &[]).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(page.text.contains("please ask again"), "{}", page.text);
    assert_eq!(state(&world, ANA).await, None);
    world.run().await;
    let rows = world.rows().await;
    assert_eq!((rows.with("ana@"), rows.with("reader.example")), (vec![], vec![]));
    let link = asked(&world, &pages, ANA).await.path_to("confirm");
    assert_eq!(pages.post(&link, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_learns_from_the_answer_who_is_on_a_list() {
    let (world, pages) = open_house().await;
    world.readers(3).await;
    world.part("news", "reader2@example.org").await;
    subscribe::forget(&world.app, &address_of("reader3@example.org")).await.expect("erased");
    let mut answers = Vec::new();
    for address in ["reader1@example.org", "reader2@example.org", "reader3@example.org", ANA, "abuse@reader.example"] {
        let page = ask(&world, &pages, address, "198.51.100.7").await;
        answers.push((
            page.status,
            page.text.replace(address, "…"),
            format!("{:?}", page.headers.get("date").is_some()),
        ));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    world.run().await;
    let mut mails = world.mails();
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    let told: Vec<_> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    let confirm = "Please confirm: Coalition news";
    assert_eq!(
        told,
        [
            (ANA, confirm),
            ("reader1@example.org", "You get it already: Coalition news"),
            ("reader2@example.org", confirm),
            ("reader3@example.org", confirm),
        ]
    );
}

#[tokio::test]
async fn who_asks_ten_thousand_times_for_one_address_sends_it_one_mail_a_day_and_three_a_month() {
    let (world, pages) = open_house().await;
    // The page is asked a few times by HTTP; the rest come in by the same function.
    for _ in 0..20 {
        ask(&world, &pages, ANA, "198.51.100.7").await;
    }
    for day in 0..40 {
        for nth in 0..250_u32 {
            world.asks(ANA, &format!("10.{day}.{}.{}", nth / 200, nth % 200)).await;
        }
        world.run().await;
        world.hours(24);
    }
    let days: Vec<_> = world.mails_to(ANA).iter().map(|mail| mail.header("date").to_owned()).collect();
    // Three within the first thirty days, and as many as those that have become older than thirty days since.
    assert_eq!(days.len(), 6, "{days:?}");
}

#[tokio::test]
async fn ten_thousand_requests_for_as_many_addresses_send_no_more_than_the_limits_allow() {
    let (world, _) = open_house().await;
    for nth in 0..3_000_u32 {
        world.asks(&format!("victim{nth}@reader{nth}.example"), "198.51.100.7").await;
    }
    let waiting = world.app.store.waiting_requests().await.expect("a count");
    assert_eq!(waiting, 500, "the rest from one network is dropped at the door");
    world.run().await;
    assert_eq!(world.new_mails().len(), 20, "from one network");
    for nth in 0..3_000_u32 {
        world.asks(&format!("someone{nth}@big.example"), &format!("10.{}.{}.1", nth / 200, nth % 200)).await;
    }
    world.run().await;
    assert_eq!(world.new_mails().len(), 300, "to one domain");
    for nth in 0..4_000_u32 {
        let address = format!("anyone{nth}@other{nth}.example");
        world.asks(&address, &format!("172.{}.{}.1", 16 + nth / 200, nth % 200)).await;
    }
    world.run().await;
    let mails = world.new_mails();
    let (staff, others): (Vec<_>, Vec<_>) = mails.iter().partition(|mail| mail.to == "desk@example.org");
    assert_eq!((others.len(), staff.len()), (1000 - 320, 0), "in all");
    tidings::newsroom::tell_alarms(&world.app).await.expect("staff are told");
    world.run().await;
    let told = world.new_mails();
    assert_eq!(subjects(&told), ["Alarm: many ask to join or leave (requests)"]);
    assert!(told[0].text.contains("[joining] at_most"), "{}", told[0].text);
    world.hours(2);
    world.asks("late@reader.example", "10.200.1.1").await;
    world.run().await;
    assert_eq!(world.mails_to("late@reader.example").len(), 1);
}

#[tokio::test]
async fn a_program_that_fills_in_the_form_sends_nothing() {
    let (world, pages) = open_house().await;
    let token = pages.get("/join").await.hidden("token");
    let form = |token: &'static str| [("token", token), ("list", "news"), ("address", ANA), ("website", "")];
    let at_once = pages.post("/join", &[("token", token.as_str()), ("list", "news"), ("address", ANA)]).await;
    assert!(at_once.text.contains("press the button once more"), "{}", at_once.text);
    world.clock.advance(SignedDuration::from_secs(5));
    for forged in ["", "1713960000.aaaaaaaaaaaaaaaa", "x", "1713960000."] {
        let page = pages.post("/join", &form(forged)).await;
        assert!(page.text.contains("One more step") && page.text.contains(ANA), "{}", page.text);
    }
    let seen = [("token", token.as_str()), ("list", "news"), ("address", ANA), ("website", "https://spam.example")];
    assert!(pages.post("/join", &seen).await.text.contains("Look into your mailbox"));
    world.hours(25);
    let stale = [("token", token.as_str()), ("list", "news"), ("address", ANA)];
    assert!(pages.post("/join", &stale).await.text.contains("One more step"));
    world.run().await;
    assert_eq!(world.mails().len(), 0);
}

#[tokio::test]
async fn a_form_on_another_sites_page_leads_to_ours_with_what_was_typed() {
    let (world, pages) = open_house().await;
    let page = pages.post("/join", &[("list", "news"), ("address", ANA)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains(&format!("value=\"{ANA}\"")), "{}", page.text);
    world.clock.advance(SignedDuration::from_secs(5));
    let token = page.hidden("token");
    pages.post("/join", &[("token", token.as_str()), ("list", "news"), ("address", ANA)]).await;
    world.run().await;
    assert_eq!(world.mails_to(ANA).len(), 1);
}

#[tokio::test]
async fn what_is_typed_wrongly_is_told_beside_its_field_and_nothing_else_is_lost() {
    let (world, pages) = open_house().await;
    let token = pages.get("/join").await.hidden("token");
    world.clock.advance(SignedDuration::from_secs(5));
    let hostile = "\"><script>alert(1)</script>";
    for address in ["", "ana", "ana@", hostile, "ana@reader.example\r\nBcc: x@y.example", "a@b@c.example"] {
        let page = pages.post("/join", &[("token", token.as_str()), ("list", "news"), ("address", address)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{address:?}");
        assert!(page.text.contains("id=\"address-wrong\"") && !page.text.contains("<script"), "{}", page.text);
    }
    for list in ["", "inner", "nothing", "../x"] {
        let page = pages.post("/join", &[("token", token.as_str()), ("list", list), ("address", ANA)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{list:?}");
        assert!(!page.text.contains("Inner circle"));
    }
    world.run().await;
    assert_eq!(world.mails().len(), 0);
}

told_on_both_engines!(a_confirmation_holds_nothing_that_whoever_asked_has_typed);
async fn a_confirmation_holds_nothing_that_whoever_asked_has_typed() {
    let (world, pages) = open_house().await;
    let token = pages.get("/join").await.hidden("token");
    world.clock.advance(SignedDuration::from_secs(5));
    let fields = [
        ("token", token.as_str()),
        ("list", "news"),
        ("address", ANA),
        ("name", "Win at spam.example"),
        ("text", "Win at spam.example"),
    ];
    pages.post("/join", &fields).await;
    world.run().await;
    let mail = world.mails_to(ANA).pop().expect("a mail");
    assert!(!format!("{mail:?}").contains("spam.example"), "{mail:?}");
}

told_on_both_engines!(a_reader_chooses_alerts_without_digests_and_gets_just_that);
async fn a_reader_chooses_alerts_without_digests_and_gets_just_that() {
    let (world, pages) = open_house().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mail = world.mails_to("reader1@example.org").pop().expect("an alert");
    let page = mail.path_to("preferences");
    let shown = pages.get(&page).await.text;
    assert!(
        shown.contains("r***@e***.org") && !shown.contains("reader1@") && !shown.contains("Inner circle"),
        "{shown}"
    );
    let saved = pages.post(&page, &[("alerts.news", "on"), ("alerts.inner", "on"), ("do", "save")]).await;
    assert!(saved.text.contains("It is saved."), "{}", saved.text);
    let chosen = subscriptions(&world, "reader1@example.org").await;
    assert_eq!(chosen.len(), 1, "a private list cannot be chosen");
    assert_eq!((chosen[0].choice.digests, chosen[0].choice.alerts), (Wanted::No, Wanted::Yes));
    world.new_mails();
    world.next_look(&[world.post("Webinar"), world.post("Coalition condemns another transfer")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    assert_eq!(world.new_mails().len(), 1, "the alert, and no digest");
    pages.post(&page, &[("do", "save")]).await;
    assert_eq!(state(&world, "reader1@example.org").await, Some(SubscriptionState::Ended));
    let record = world.app.store.consents_of(chosen[0].subscriber).await.expect("the record");
    assert_eq!(record.iter().map(|line| line.act).collect::<Vec<_>>(), [Act::Chose, Act::Left]);
}

told_on_both_engines!(an_old_mail_brings_nobody_back_who_left_but_asks_them);
async fn an_old_mail_brings_nobody_back_who_left_but_asks_them() {
    let (world, pages) = open_house().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mail = world.mails_to("reader1@example.org").pop().expect("an alert");
    let page = mail.path_to("preferences");
    assert!(!pages.get(&page).await.text.contains("begins when you confirm it"), "they get all there is");
    pages.post(&page, &[("do", "leave-all")]).await;
    world.hours(30 * 24);
    assert!(pages.get(&page).await.text.contains("I want to get what I chose here by mail from Example Coalition."));
    for _ in 0..3 {
        let saved = pages.post(&page, &[("alerts.news", "on"), ("do", "save")]).await;
        assert!(saved.text.contains("Please look into your mailbox"), "{}", saved.text);
        assert!(!saved.text.contains(" checked"), "{}", saved.text);
    }
    assert_eq!(state(&world, "reader1@example.org").await, Some(SubscriptionState::Ended));
    world.new_mails();
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(subjects(&mails), ["Please confirm: Coalition news"], "once, as the guards say");
    pages.post(&mails[0].path_to("confirm"), &[]).await;
    let now = subscriptions(&world, "reader1@example.org").await.remove(0);
    assert_eq!(now.state, SubscriptionState::Active);
    assert_eq!((now.choice.digests, now.choice.alerts), (Wanted::No, Wanted::Yes), "just what was ticked");
    let saved = pages.post(&page, &[("alerts.news", "on"), ("digests.news", "on"), ("do", "save")]).await;
    assert!(saved.text.contains("It is saved.") && !saved.text.contains("mailbox"), "{}", saved.text);
    let now = subscriptions(&world, "reader1@example.org").await.remove(0);
    assert_eq!((now.choice.digests, now.choice.alerts), (Wanted::Yes, Wanted::Yes));
}

told_on_both_engines!(leaving_can_be_taken_back_by_the_one_who_left_and_by_nobody_whom_staff_removed);
async fn leaving_can_be_taken_back_by_the_one_who_left_and_by_nobody_whom_staff_removed() {
    let (world, pages) = open_house().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    for (reader, removed) in [("reader1@example.org", false), ("reader2@example.org", true)] {
        let link = world.mails_to(reader)[0].leave_link().replace("https://news.example.org", "");
        if removed {
            world.part("news", reader).await;
        }
        assert!(pages.post(&link, &[]).await.text.contains(&format!("action=\"{}/stay\"", &link["/leave/".len()..])));
        assert_eq!(state(&world, reader).await, Some(SubscriptionState::Ended));
        let back = pages.post(&format!("{link}/stay"), &[]).await;
        let expected = if removed { StatusCode::CONFLICT } else { StatusCode::OK };
        assert_eq!(back.status, expected, "{}", back.text);
        let now = if removed { SubscriptionState::Ended } else { SubscriptionState::Active };
        assert_eq!(state(&world, reader).await, Some(now));
    }
}

told_on_both_engines!(who_is_erased_is_nowhere_any_more_and_no_file_and_no_import_brings_them_back);
async fn who_is_erased_is_nowhere_any_more_and_no_file_and_no_import_brings_them_back() {
    let (world, pages) = open_house().await;
    let link = asked(&world, &pages, ANA).await.path_to("confirm");
    pages.post(&link, &[]).await;
    world.run().await;
    let page = world.mails_to(ANA).pop().expect("a welcome").path_to("preferences");
    let data = pages.get(&format!("{page}/data")).await;
    assert!(data.text.contains(ANA) && data.text.contains("\"confirmed\""), "{}", data.text);
    assert!(data.headers["content-disposition"].to_str().expect("text").starts_with("attachment"));
    assert!(pages.get(&format!("{page}/erase")).await.text.contains("Erase what we know of you?"));
    for _ in 0..2 {
        assert!(pages.post(&format!("{page}/erase"), &[]).await.text.contains("It is erased"));
    }
    assert_eq!(pages.get(&page).await.status, StatusCode::GONE);
    let rows = world.rows().await;
    assert_eq!((rows.with("ana@"), rows.with("198.51.100")), (vec![], vec![]));
    let file = format!("address\n{}\nother@reader.example\n", ANA.to_uppercase());
    let imported = subscribe::import(&world.app, &slug("news"), file.as_bytes(), Door::Import, BadLines::Refuse).await;
    let imported = imported.expect("imported");
    assert_eq!((imported.joined, imported.erased), (1, 1));
    world.write("subscribers/news.csv", &file);
    world.run().await;
    assert_eq!(subscriptions(&world, ANA).await.len(), 0);
    world.hours(24);
    let link = asked(&world, &pages, ANA).await.path_to("confirm");
    pages.post(&link, &[]).await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active), "only they themselves come back");
    let again = subscribe::forget(&world.app, &address_of(ANA)).await.expect("erased");
    assert_eq!(again, Forgotten::Erased);
}

told_on_both_engines!(all_that_is_known_of_a_reader_is_in_one_file);
async fn all_that_is_known_of_a_reader_is_in_one_file() {
    let (world, pages) = open_house().await;
    world.begin(0).await;
    let link = asked(&world, &pages, ANA).await.path_to("confirm");
    pages.post(&link, &[]).await;
    world.relay.answer_recipient(ANA, Answer::Reply("550 5.7.1 we do not like the mail to Ana"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let (ana, news, now) = (address_of(ANA), slug("news"), world.clock.now());
    let barred = world.app.store.suppress(&ana, Scope::List(&news), SuppressionKind::Staff, "a wish", now);
    assert!(barred.await.expect("suppressed"));
    let number = world.app.store.subscriber_of(&ana).await.expect("the store answers").expect("she is known");
    let page = world.app.links().preferences(number).replace("https://news.example.org", "");
    let file: Value = serde_json::from_str(&pages.get(&format!("{page}/data")).await.text).expect("JSON");
    let at = |pointer: &str| file.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {file:#}")).clone();
    assert_eq!((at("/requests/0/to"), at("/requests/0/answer")), (json!("join"), json!("a mail was queued")));
    assert_eq!(at("/requests/0/from"), json!("198.51.100.0/24"));
    assert_eq!((at("/suppressions/0/by"), at("/suppressions/0/list")), (json!("staff"), json!("Coalition news")));
    assert_eq!((at("/record/1/act"), at("/subscriptions/0/state")), (json!("confirmed"), json!("active")));
    let issue = world.issues().await[0].id.0;
    assert_eq!((at("/messages/0/issue"), at("/messages/0/list")), (json!(issue), json!("Coalition news")));
    assert_eq!((at("/messages/0/state"), at("/messages/0/tries")), (json!("bounced"), json!(1)));
    assert!(at("/messages/0/answer").to_string().contains("we do not like"), "{file:#}");
    assert!(at("/bounces/0/words").to_string().contains("we do not like"), "{file:#}");
    assert_eq!((at("/messages/2/issue"), at("/messages/2/state")), (Value::Null, json!("sent")));
    let shown = world.tidings(&["subscribers", "show", ANA]).await.well();
    for words in [
        "somebody asked to join Coalition news",
        "gets nothing more of Coalition news (staff): a wish",
        "we do not like",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // What relays said of them goes with them, and is nowhere else.
    subscribe::forget(&world.app, &ana).await.expect("erased");
    world.run().await;
    assert_eq!(world.rows().await.with("to Ana"), [""; 0]);
    let nobody = world.tidings(&["subscribers", "show", ANA]).await;
    assert!(nobody.err.contains("nothing is known of a***@r***.example"), "{}", nobody.err);
}

told_on_both_engines!(a_request_that_cannot_be_read_keeps_no_other_waiting);
async fn a_request_that_cannot_be_read_keeps_no_other_waiting() {
    let world = World::new().await;
    for nth in 0..4 {
        world.asks(&format!("ana{nth}@reader{nth}.example"), &format!("10.0.{nth}.1")).await;
    }
    for (nth, damage) in ["kind = 'dance'", "lists = '[7'", "address = 'nobody'"].into_iter().enumerate() {
        world.sql(&format!("UPDATE requests SET {damage} WHERE id = {}", nth + 1)).await;
    }
    world.run().await;
    assert_eq!(recipients(&world.mails()), ["ana3@reader3.example"]);
    assert_eq!(world.app.store.waiting_requests().await.expect("a count"), 0);
    let ledger = world.ledger("requests").await;
    assert_eq!(ledger.len(), 3, "{ledger:?}");
    assert!(ledger[0].starts_with("damaged: request 1 cannot be read, and gets no answer: "), "{ledger:?}");
}

told_on_both_engines!(notices_are_forgotten_after_a_while_but_for_those_that_count);
async fn notices_are_forgotten_after_a_while_but_for_those_that_count() {
    let world = World::new().await;
    world.begin(0).await;
    for nth in 0..3 {
        world.asks(&format!("ana{nth}@reader{nth}.example"), &format!("10.0.{nth}.1")).await;
    }
    world.relay.answer_recipient("ana2@reader2.example", Answer::Reply("550 5.1.1 nobody is here"));
    world.run().await;
    let kept = async || {
        let mut raw = world.raw().await;
        let sql = "SELECT (SELECT COUNT(*) FROM mailings), (SELECT COUNT(*) FROM deliveries)";
        let kept: (i64, i64) = sqlx::query_as(sql).fetch_one(&mut raw).await.expect("the engine answers");
        kept
    };
    // The second is not settled, and the third came back.
    world.sql("UPDATE deliveries SET state = 'unknown' WHERE mailing = 2").await;
    world.hours(34 * 24);
    world.run().await;
    assert_eq!(kept().await, (3, 3));
    world.hours(2 * 24);
    world.run().await;
    assert_eq!(kept().await, (2, 2));
    // What issues were mailed is kept.
    world.join("news", ANA).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.hours(100 * 24);
    world.run().await;
    assert_eq!(kept().await, (3, 3));
}

told_on_both_engines!(what_waits_for_somebody_who_was_erased_is_dropped_and_ends_its_issue);
async fn what_waits_for_somebody_who_was_erased_is_dropped_and_ends_its_issue() {
    let (world, _) = open_house().await;
    world.begin(2).await;
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    world.minutes(10);
    tidings::publish::publish_due(&world.app, Default::default()).await.expect("queued");
    subscribe::forget(&world.app, &address_of("reader1@example.org")).await.expect("erased");
    world.run().await;
    let issue = world.issues().await[0].id;
    assert_eq!(world.states(issue).await, "sent 1, dropped 1");
}

#[tokio::test]
async fn the_time_of_the_answer_does_not_tell_who_is_on_a_list() {
    let (world, pages) = open_house().await;
    world.readers(200).await;
    let token = pages.get("/join").await.hidden("token");
    world.clock.advance(SignedDuration::from_secs(5));
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turn, so that whatever else this machine does falls on both.
    for nth in 1..=200 {
        for (domain, times) in [("example.org", &mut known), ("reader.example", &mut unknown)] {
            let address = format!("reader{nth}@{domain}");
            let began = Instant::now();
            let fields = [("token", token.as_str()), ("list", "news"), ("address", address.as_str())];
            pages.post_from(&format!("10.0.{nth}.1"), "/join", &fields).await;
            times.push(began.elapsed());
        }
    }
    known.sort();
    unknown.sort();
    let ratio = known[100].as_secs_f64() / unknown[100].as_secs_f64();
    assert!((0.8..1.25).contains(&ratio), "the median for those who are known is {ratio:.2} of the others'");
}

told_on_both_engines!(who_complained_is_never_written_to_again_and_whose_mail_came_back_may_confirm_anew);
async fn who_complained_is_never_written_to_again_and_whose_mail_came_back_may_confirm_anew() {
    let (world, pages) = open_house().await;
    let now = world.clock.now();
    for (address, kind) in [
        (ANA, SuppressionKind::Bounce),
        ("complained@reader.example", SuppressionKind::Complaint),
        ("barred@reader.example", SuppressionKind::Staff),
    ] {
        let suppressed = world.app.store.suppress(&address_of(address), Scope::All, kind, "a test", now).await;
        assert!(suppressed.expect("suppressed"));
        ask(&world, &pages, address, "198.51.100.7").await;
    }
    world.run().await;
    let mails = world.mails();
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [ANA]);
    pages.post(&mails[0].path_to("confirm"), &[]).await;
    let left = world.app.store.suppression(&address_of(ANA), &slug("news")).await.expect("suppressions");
    assert_eq!((left, state(&world, ANA).await), (None, Some(SubscriptionState::Active)));
}

told_on_both_engines!(a_complaint_about_what_somebody_else_asked_for_outlives_the_request);
async fn a_complaint_about_what_somebody_else_asked_for_outlives_the_request() {
    let (world, pages) = open_house().await;
    asked(&world, &pages, ANA).await;
    let (ana, now) = (address_of(ANA), world.clock.now());
    let complained = world.app.store.suppress(&ana, Scope::All, SuppressionKind::Complaint, "spam", now);
    assert!(complained.await.expect("suppressed"));
    for _ in 0..3 {
        world.hours(8 * 24);
        ask(&world, &pages, ANA, "198.51.100.7").await;
        world.run().await;
    }
    assert_eq!(world.mails_to(ANA).len(), 1);
}

told_on_both_engines!(a_reader_whose_mail_came_back_is_set_right_by_asking_anew);
async fn a_reader_whose_mail_came_back_is_set_right_by_asking_anew() {
    let (world, pages) = open_house().await;
    world.readers(1).await;
    let reader = address_of("reader1@example.org");
    let now = world.clock.now();
    let bounced = world.app.store.suppress(&reader, Scope::All, SuppressionKind::Bounce, "5.1.1", now).await;
    assert!(bounced.expect("suppressed"));
    let mail = asked(&world, &pages, "reader1@example.org").await;
    assert_eq!(mail.subject, "Please confirm: Coalition news");
    pages.post(&mail.path_to("confirm"), &[]).await;
    assert_eq!(world.app.store.suppression(&reader, &slug("news")).await.expect("suppressions"), None);
}

told_on_both_engines!(the_many_addresses_of_one_mailbox_are_one_to_the_guards);
async fn the_many_addresses_of_one_mailbox_are_one_to_the_guards() {
    let (world, _) = open_house().await;
    for nth in 0..50 {
        world.asks(&format!("ana+{nth}@reader.example"), &format!("10.0.{nth}.1")).await;
    }
    world.run().await;
    assert_eq!(world.mails().len(), 1);
}

told_on_both_engines!(staff_do_not_bring_back_by_mistake_who_was_erased);
async fn staff_do_not_bring_back_by_mistake_who_was_erased() {
    let (world, _) = open_house().await;
    world.readers(1).await;
    let reader = address_of("reader1@example.org");
    subscribe::forget(&world.app, &reader).await.expect("erased");
    assert_eq!(world.join("news", "reader1@example.org").await, Added::HadLeft);
    let person = NewSubscriber { address: reader, name: String::new() };
    let added = subscribe::add(&world.app, &slug("news"), &person, Returning::AskedAnew).await.expect("added");
    assert_eq!((added, state(&world, "reader1@example.org").await), (Added::Joined, Some(SubscriptionState::Active)));
}

#[tokio::test]
async fn two_houses_on_one_server_answer_confirm_and_erase_each_thing_once() {
    let world = World::setup().on_postgres().start().await;
    let pages = Pages::of(&world).await;
    let other = world.another().await;
    for nth in 0..20 {
        world.asks(&format!("ana{nth}@reader{nth}.example"), &format!("10.0.{nth}.1")).await;
    }
    let both = tokio::join!(subscribe::answer_requests(&world.app), subscribe::answer_requests(&other));
    assert_eq!(both.0.expect("answered") + both.1.expect("answered"), 20);
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(mails.len(), 20);
    let token = mails[0].path_to("confirm").trim_start_matches("/confirm/").to_owned();
    let confirm = |app| subscribe::confirm(app, &token, Door::Web, None);
    let (one, two) = tokio::join!(confirm(&world.app), confirm(&other));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    world.run().await;
    assert_eq!(subjects(&world.new_mails()), ["Welcome: Coalition news"]);
    let record = world.app.store.consents_of(subscriptions(&world, &mails[0].to).await[0].subscriber).await;
    assert_eq!(record.expect("the record").len(), 2);
    // Whichever comes first: afterwards nothing is half there.
    let (token, address) = (mails[1].path_to("confirm"), address_of(&mails[1].to));
    let token = token.trim_start_matches("/confirm/");
    let (_, erased) =
        tokio::join!(subscribe::confirm(&world.app, token, Door::Web, None), subscribe::forget(&other, &address));
    erased.expect("erased");
    assert!(subscriptions(&world, &mails[1].to).await.is_empty());
    assert_eq!(pages.post(&mails[1].path_to("confirm"), &[]).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_pages_answer_to_their_own_names_only() {
    let (_world, pages) = open_house().await;
    for (host, status) in [
        ("news.example.org", StatusCode::OK),
        ("127.0.0.1", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        assert_eq!(pages.get_as(host, "/join").await.status, status, "{host}");
    }
}
