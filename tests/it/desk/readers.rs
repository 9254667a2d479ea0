//! The pages of readers: who finds whom and sees what of them, what publishers do about one of them, and a CSV on its way in
//! and out.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use sqlx::Connection as _;
use tidings::{
    domain::{subscription::SubscriptionState, suppression::SuppressionKind},
    newsroom,
    store::suppressions::Scope,
    subscribe::{self, Added},
};

use crate::world::{
    Setup, World, address_of,
    desk::{Desk, ED, OLGA, PIA, VERA},
    eventually,
    pages::{Answer as Page, Pages},
    relay::Answer,
    slug,
    stores::told_on_both_engines,
};

const READER: &str = "reader1@example.org";
const LEFT: &str = "left@example.org";
const GONE: &str = "gone@example.org";
const BARRED: &str = "barred@example.org";

/// A list beside `news`.
const EVENTS: &str = "[[lists]]\nname = \"events\"\ntitle = \"Events\"\nfeeds = [\"site\"]\ndigest = \"0 9 1 * *\"";

/// A house with two readers, and one of each role.
async fn house() -> (World, Pages) {
    house_of(World::setup()).await
}

async fn house_of(setup: Setup) -> (World, Pages) {
    let world = setup.also(EVENTS).start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    world.staff_of_each_role().await;
    (world, pages)
}

/// One who left, one who was erased, and one who is suppressed and on no list.
async fn who_must_not_come_back(world: &World) {
    for address in [LEFT, GONE] {
        world.join("news", address).await;
    }
    world.part("news", LEFT).await;
    subscribe::forget(&world.app, &address_of(GONE)).await.expect("erased");
    newsroom::suppress(&world.app, &address_of(BARRED), Scope::All, "they asked by telephone")
        .await
        .expect("suppressed");
}

async fn page_of(world: &World, address: &str) -> String {
    let id = world.app.store.subscriber_of(&address_of(address)).await.expect("the store answers").expect("a reader");
    format!("/desk/readers/{}", id.0)
}

async fn state(world: &World, list: &str, address: &str) -> Option<SubscriptionState> {
    let all = world.app.store.subscriptions_of(&address_of(address)).await.expect("subscriptions");
    all.into_iter().find(|subscription| subscription.list == slug(list)).map(|subscription| subscription.state)
}

/// Searches, and follows where it leads.
async fn find(desk: &mut Desk<'_>, wanted: &str) -> Page {
    let answer = desk.press("/desk/readers", &[("wanted", wanted)]).await;
    assert!(!answer.location().contains('@'), "{}", answer.location());
    if answer.status == StatusCode::SEE_OTHER { desk.get(answer.location()).await } else { answer }
}

/// The addresses that a listing names.
fn listed(page: &Page) -> Vec<String> {
    let cells = page.text.split("<td role=\"cell\"><a href=\"/desk/readers/").skip(1);
    cells.map(|cell| cell.split(['>', '<']).nth(1).expect("an address").to_owned()).collect()
}

told_on_both_engines!(publishers_find_readers_by_how_an_address_begins);
async fn publishers_find_readers_by_how_an_address_begins() {
    let (world, pages) = house().await;
    for n in 100..160 {
        world.join("news", &format!("Many.{n}@example.org")).await;
    }
    for odd in ["m%x@example.org", "m_x@example.org", "mañana@example.org", "m-any@example.org"] {
        assert_eq!(world.join("events", odd).await, Added::Joined);
    }
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let page = find(&mut pia, "MANY.10").await;
    let expected: Vec<String> = (100..110).map(|n| format!("Many.{n}@example.org")).collect();
    assert_eq!(listed(&page), expected);
    assert!(page.text.contains("news (active)"), "{}", page.text);
    for (wanted, found) in [
        ("m%", vec!["m%x@example.org"]),
        ("m_", vec!["m_x@example.org"]),
        ("m-", vec!["m-any@example.org"]),
        ("mañ", vec!["mañana@example.org"]),
        ("any", vec![]),
        ("\u{10ffff}", vec![]),
    ] {
        assert_eq!(listed(&find(&mut pia, wanted).await), found, "{wanted}");
    }
    // Page by page, each once.
    let first = find(&mut pia, "many.").await;
    assert_eq!(listed(&first).len(), 50);
    let after = first.hidden("after");
    let second = pia.press("/desk/readers", &[("wanted", "many."), ("after", &after)]).await;
    let all = [listed(&first), listed(&second)].concat();
    let expected: Vec<String> = (100..160).map(|n| format!("Many.{n}@example.org")).collect();
    assert_eq!(all, expected);
    assert!(!second.text.contains("name=\"after\""), "{}", second.text);
    // A whole address leads to its reader, a beginning that looks like one to those who have it.
    assert!(find(&mut pia, " READER1@example.org ").await.text.contains(&format!("<h1>{READER}</h1>")));
    assert_eq!(listed(&find(&mut pia, "reader1@example.or").await), [READER]);
    let nobody = find(&mut pia, "nobody@example.net").await;
    assert!(nobody.text.contains("No reader has this address."), "{}", nobody.text);
}

told_on_both_engines!(readers_are_shown_newest_first_of_all_or_of_one_list);
async fn readers_are_shown_newest_first_of_all_or_of_one_list() {
    let (world, pages) = house().await;
    for n in 1..=55 {
        world.join("events", &format!("events{n}@example.org")).await;
    }
    world.part("events", "events3@example.org").await;
    let pia = Desk::signed_in(&pages, PIA).await;
    let page = pia.get("/desk/readers?list=events").await;
    assert!(page.text.contains("54 readers, the newest first"), "{}", page.text);
    let mut all = listed(&page);
    let next = page.text.split("<a href=\"/desk/readers?list=events&amp;before=").nth(1).expect("a link to older ones");
    let next = format!("/desk/readers?list=events&before={}", next.split('"').next().expect("it ends"));
    let page = pia.get(&next).await;
    assert!(!page.text.contains("Older readers") && page.text.contains("events (ended)"), "{}", page.text);
    all.extend(listed(&page));
    let expected: Vec<String> = (1..=55).rev().map(|n| format!("events{n}@example.org")).collect();
    assert_eq!(all, expected);
    assert!(pia.get("/desk/readers").await.text.contains("Older readers"));
    for odd in ["list=%3Cscript%3E&before=x", "before=-1", "before=99999999999999999999", "list=nothing"] {
        let page = pia.get(&format!("/desk/readers?{odd}")).await;
        assert!(page.status == StatusCode::OK && !page.text.contains("<script>"), "{odd}: {}", page.text);
    }
}

told_on_both_engines!(who_may_not_send_sees_masks_and_finds_whole_addresses_only);
async fn who_may_not_send_sees_masks_and_finds_whole_addresses_only() {
    let (world, pages) = house().await;
    world.relay.answer_recipient(READER, Answer::Reply("550 5.1.1 <reader1@example.org> reader1 is not here"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.join("events", READER).await;
    world.part("events", READER).await;
    newsroom::suppress(&world.app, &address_of(READER), Scope::List(&slug("events")), "reader1 said so")
        .await
        .expect("done");
    let path = page_of(&world, READER).await;
    let whole = Desk::signed_in(&pages, PIA).await.get(&path).await;
    for words in [READER, "Condemnation: Coalition condemns a transfer", "is not here", "Take off", "reader1 said so"] {
        assert!(whole.text.contains(words), "{words} is not in {}", whole.text);
    }
    for address in [VERA, ED] {
        let mut desk = Desk::signed_in(&pages, address).await;
        let found = find(&mut desk, READER).await;
        assert!(found.text.contains("<h1>r***@e***.org</h1>"), "{}", found.text);
        assert!(found.text.contains("Condemnation: Coalition condemns a transfer"), "{}", found.text);
        for page in [found, desk.get("/desk/readers").await, desk.get("/desk/readers?list=news").await] {
            assert!(!page.text.contains("reader1"), "{address}: {}", page.text);
            assert!(page.text.contains("r***@e***.org"), "{address}: {}", page.text);
        }
        for part in ["reader1@example.or", "reader", "r", "@example.org"] {
            let page = find(&mut desk, part).await;
            assert_eq!(listed(&page), [""; 0], "{address} finds {part}");
        }
    }
}

told_on_both_engines!(what_publishers_do_about_a_reader_is_done_and_stands_in_the_ledger);
async fn what_publishers_do_about_a_reader_is_done_and_stands_in_the_ledger() {
    let (world, pages) = house().await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let path = page_of(&world, READER).await;
    let active = Some(SubscriptionState::Active);
    let suppression =
        async || world.app.store.suppression_kind(&address_of(READER), Scope::All).await.expect("the store answers");

    let page = pia.press(&path, &[("do", "join"), ("list", "events")]).await;
    assert!(page.text.contains("They get Events from now on."), "{}", page.text);
    assert_eq!(state(&world, "events", READER).await, active);
    let page = pia.press(&path, &[("do", "end"), ("list", "events")]).await;
    assert!(
        page.text.contains("They get events no more.") && page.text.contains("left Events by staff"),
        "{}",
        page.text
    );
    assert_eq!(pia.press(&path, &[("do", "end"), ("list", "events")]).await.status, StatusCode::CONFLICT);
    // Who has left stays away, unless staff say that they asked.
    let page = pia.press(&path, &[("do", "join"), ("list", "events")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("had left Events"), "{}", page.text);
    pia.press(&path, &[("do", "join"), ("list", "events"), ("asked_anew", "1")]).await;
    assert_eq!(state(&world, "events", READER).await, active);

    let page = pia.press(&path, &[("do", "suppress"), ("list", ""), ("reason", "by\r\ntelephone")]).await;
    assert!(page.text.contains("They get nothing more.") && page.text.contains("by telephone"), "{}", page.text);
    assert_eq!(suppression().await, Some(SuppressionKind::Staff));
    let again = pia.press(&path, &[("do", "suppress"), ("list", ""), ("reason", "")]).await;
    assert!(again.text.contains("suppressed already"), "{}", again.text);
    let page = pia.press(&path, &[("do", "lift"), ("list", "")]).await;
    assert!(page.text.contains("They can be written to again."), "{}", page.text);
    assert_eq!(suppression().await, None);
    // What the reader wished stays.
    let (address, now) = (address_of(READER), world.clock.now());
    world.app.store.suppress(&address, Scope::All, SuppressionKind::Complaint, "spam", now).await.expect("suppressed");
    let page = pia.press(&path, &[("do", "lift"), ("list", "")]).await;
    assert!(page.text.contains("own wish, and stays"), "{}", page.text);
    assert_eq!(suppression().await, Some(SuppressionKind::Complaint));
    for fields in [&[("do", "join"), ("list", "x")][..], &[("do", "suppress"), ("list", "x")], &[("do", "x")], &[]] {
        assert_eq!(pia.press(&path, fields).await.status, StatusCode::CONFLICT, "{fields:?}");
    }

    let page = pia.press(&path, &[("do", "forget"), ("typed", "yes")]).await;
    assert!(page.text.contains("type “forget” to confirm") && page.text.contains(READER), "{}", page.text);
    let page = pia.press(&path, &[("do", "forget"), ("typed", "Forget")]).await;
    assert!(page.text.contains("They are erased") && !page.text.contains(READER), "{}", page.text);
    assert!(!world.dump().await.contains(READER));
    assert_eq!(pia.get(&path).await.status, StatusCode::NOT_FOUND);
    let deeds = pia.get("/desk/deeds").await;
    let about = format!("subscriber:{}", path.rsplit('/').next().expect("a number"));
    for words in [
        format!("pia@example.org: subscribed, {about}"),
        format!("pia@example.org: ended, {about}"),
        "pia@example.org: added, suppressions".to_owned(),
        "pia@example.org: lifted, suppressions".to_owned(),
        "pia@example.org: erased, subscribers".to_owned(),
    ] {
        assert!(deeds.text.contains(&words), "{words} is not in {}", deeds.text);
    }
    assert!(!deeds.text.contains(READER), "{}", deeds.text);
}

#[tokio::test]
async fn somebody_is_added_by_staff_and_shown() {
    let (world, pages) = house().await;
    who_must_not_come_back(&world).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let fields = [("address", "ana@reader.example"), ("name", "Ana\r\nBcc: x"), ("list", "news")];
    let page = pia.press("/desk/readers/add", &fields).await;
    assert!(
        page.text.contains("They get Coalition news from now on.") && page.text.contains("Ana Bcc: x"),
        "{}",
        page.text
    );
    assert_eq!(state(&world, "news", "ana@reader.example").await, Some(SubscriptionState::Active));
    for address in [LEFT, GONE] {
        let page = pia.press("/desk/readers/add", &[("address", address), ("list", "news")]).await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{address}");
    }
    for fields in [[("address", "x"), ("list", "news")], [("address", "x@example.org"), ("list", "x")]] {
        let page = pia.press("/desk/readers/add", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
    }
    let page = find(&mut pia, BARRED).await;
    assert!(page.text.contains("It is suppressed (staff): they asked by telephone."), "{}", page.text);
}

const PEOPLE: &str = "E-mail;Name\nana@reader.example;Ana\nno address\nreader1@example.org;Reader\nleft@example.org;\n\
    gone@example.org;\nbarred@example.org;\nANA@reader.example;\n\"open@example.org;x\n;nobody\n";

told_on_both_engines!(a_file_is_read_told_and_then_imported_once_without_who_must_not_come_back);
async fn a_file_is_read_told_and_then_imported_once_without_who_must_not_come_back() {
    let (world, pages) = house().await;
    who_must_not_come_back(&world).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    pia.get("/desk").await;
    let before = world.rows().await;
    let page = pia.bring("news", "people.csv", PEOPLE.as_bytes()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(before.changes(&world.rows().await), [""; 0], "nothing is written yet");
    for words in [
        "Import “people.csv” into Coalition news?",
        "<dt>Would join</dt><dd>2 readers, 1 of them suppressed: nothing is sent there</dd>",
        "<dt>On it already</dt><dd>1 reader</dd>",
        "<dt>Left before</dt><dd>1 reader; they stay away</dd>",
        "<dt>Erased before</dt><dd>1 reader; they stay away</dd>",
        "<dt>Bad lines</dt><dd>4 lines</dd>",
        "line 3: an e-mail address may not hold spaces",
        "line 8: the same address is on line 2",
        "line 10: there is no address",
        "Put 2 readers on the list",
    ] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    let path = upload_of(&page);
    assert_eq!(pia.press(&path, &[]).await.status, StatusCode::BAD_REQUEST);
    let page = pia.press(&path, &[("do", "import")]).await;
    for words in ["<dt>Joined</dt><dd>2 readers</dd>", "<dt>Passed over</dt><dd>4 lines</dd>", "line 3: "] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert_eq!(state(&world, "news", "ana@reader.example").await, Some(SubscriptionState::Active));
    assert_eq!(state(&world, "news", LEFT).await, Some(SubscriptionState::Ended));
    assert_eq!(state(&world, "news", GONE).await, None);
    let again = pia.press(&path, &[("do", "import")]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "{}", again.text);
    assert!(again.text.contains("This file is not here any more"), "{}", again.text);
    let deeds = pia.get("/desk/deeds").await;
    assert!(deeds.text.contains("pia@example.org: imported, list:news"), "{}", deeds.text);
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!(world.mails_to("ana@reader.example").len(), 1);
    for address in [LEFT, GONE, BARRED] {
        assert!(world.mails_to(address).is_empty(), "{address}");
    }
}

/// Where the button of a rehearsal leads.
fn upload_of(page: &Page) -> String {
    let action = page.text.split("action=\"/desk/readers/import/").nth(1);
    let action = action.unwrap_or_else(|| panic!("no button in {}", page.text));
    format!("/desk/readers/import/{}", action.split('"').next().expect("it ends"))
}

#[tokio::test]
async fn an_upload_is_imported_by_the_session_that_brought_it_within_an_hour_or_not_at_all() {
    let (world, pages) = house().await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let (mut olga, mut other) = (Desk::signed_in(&pages, OLGA).await, Desk::signed_in(&pages, PIA).await);
    let csv = b"ana@reader.example\n";
    let path = upload_of(&pia.bring("news", "a.csv", csv).await);
    for desk in [&mut olga, &mut other] {
        assert_eq!(desk.press(&path, &[("do", "import")]).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(state(&world, "news", "ana@reader.example").await, None);
    let page = pia.press(&path, &[("do", "discard")]).await;
    assert!(page.text.contains("Nothing was imported, and the file is gone."), "{}", page.text);
    assert_eq!(pia.press(&path, &[("do", "import")]).await.status, StatusCode::NOT_FOUND);
    // The next one takes the place of the last.
    let first = upload_of(&pia.bring("news", "a.csv", csv).await);
    let second = upload_of(&pia.bring("events", "a.csv", csv).await);
    assert_eq!(pia.press(&first, &[("do", "import")]).await.status, StatusCode::NOT_FOUND);
    world.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(pia.press(&second, &[("do", "import")]).await.status, StatusCode::NOT_FOUND);
    let third = upload_of(&pia.bring("events", "a.csv", csv).await);
    pia.press(&third, &[("do", "import"), ("list", "news")]).await;
    assert_eq!(state(&world, "news", "ana@reader.example").await, None, "it is imported where it was read for");
    assert_eq!(state(&world, "events", "ana@reader.example").await, Some(SubscriptionState::Active));
}

#[tokio::test]
async fn an_import_is_done_though_the_browser_gives_up_waiting_for_it() {
    let (world, pages) = house_of(World::setup().on_postgres()).await;
    let pia = Desk::signed_in(&pages, PIA).await;
    let seal = pia.get("/desk").await.hidden("seal");
    let path = upload_of(&pia.bring("news", "a.csv", b"ana@reader.example\n").await);
    let mut raw = world.raw().await;
    let mut in_the_way = raw.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE subscribers IN EXCLUSIVE MODE").execute(&mut *in_the_way).await.expect("locked");
    let body = format!("seal={seal}&do=import");
    tokio::select! {
        answer = pia.ask(Method::POST, &path, &body, &[]) => panic!("it cannot be done yet: {}", answer.text),
        () = world.is_waited_for() => (),
    }
    // What was asked is forgotten here, and its connection closed: the server sees that before it answers others.
    for _ in 0..2 {
        assert_eq!(pia.get("/desk").await.status, StatusCode::OK);
    }
    in_the_way.rollback().await.expect("out of the way");
    eventually("the import to be done", async || {
        state(&world, "news", "ana@reader.example").await == Some(SubscriptionState::Active)
    })
    .await;
}

#[tokio::test]
async fn what_comes_with_an_upload_is_looked_at_before_its_file() {
    let (world, pages) = house().await;
    let pia = Desk::signed_in(&pages, PIA).await;
    let seal = pia.get("/desk").await.hidden("seal");
    let (seal, csv): (&[u8], &[u8]) = (seal.as_bytes(), b"ana@reader.example\n");
    let long = vec![b'x'; 5_000];
    for (parts, status) in [
        (vec![("file", "a.csv", csv), ("seal", "", seal), ("list", "", b"news")], StatusCode::FORBIDDEN),
        (vec![("seal", "", b"x"), ("list", "", b"news"), ("file", "a.csv", csv)], StatusCode::FORBIDDEN),
        (vec![("list", "", b"news")], StatusCode::FORBIDDEN),
        (vec![("seal", "", &long[..]), ("list", "", b"news"), ("file", "a.csv", csv)], StatusCode::BAD_REQUEST),
        (vec![("seal", "", seal), ("file", "a.csv", csv)], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![("seal", "", seal), ("list", "", b"x"), ("file", "a.csv", csv)], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![("seal", "", seal), ("list", "", b"news"), ("file", "", csv)], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![("seal", "", seal), ("list", "", b"news")], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![("seal", "", seal), ("list", "", b"news"), ("file", "a.csv", csv)], StatusCode::OK),
    ] {
        let page = pia.bring_parts(&parts).await;
        assert_eq!(page.status, status, "{}", page.text);
    }
    // What is no CSV at all is a file of bad lines.
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let page = pia.bring("news", "noise.bin", &noise).await;
    assert!(page.text.contains("Nobody would join.") && page.text.contains("more."), "{}", page.text);
    assert!(page.text.matches("<li>line ").count() == 50, "{}", page.text);
    let page = pia.bring("news", "empty.csv", b"").await;
    assert!(page.text.contains("Nobody would join."), "{}", page.text);
    assert_eq!(state(&world, "news", "ana@reader.example").await, None);
}

#[tokio::test]
async fn a_readers_name_and_an_uploaded_file_run_nothing() {
    let (world, pages) = house().await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>";
    let csv = format!(
        "email,name\nana@reader.example,{hostile} ' onclick='x\n{hostile},{hostile}\n\"{hostile}\"@example.org,x\n\
         <b@example.org,\"=HYPERLINK(1)\"\n'><svg/onload=alert(1)>@example.org,x\n"
    );
    let rehearsal = pia.bring("news", "<img src=x onerror=alert(1)>.csv", csv.as_bytes()).await;
    let path = upload_of(&rehearsal);
    let imported = pia.press(&path, &[("do", "import")]).await;
    let reader = pia.get(&page_of(&world, "ana@reader.example").await).await;
    assert!(reader.text.contains("onclick"), "the name is shown: {}", reader.text);
    let found = find(&mut pia, "<script>alert(1)</script>").await;
    let listing = pia.get("/desk/readers").await;
    // A name of before we cleaned names.
    world.sql("UPDATE subscribers SET name = '<script>alert(1)</script>' WHERE address = 'ana@reader.example'").await;
    let named = pia.get(&page_of(&world, "ana@reader.example").await).await;
    let listed = pia.get("/desk/readers").await;
    assert!(named.text.contains("&lt;script&gt;") && listed.text.contains("&lt;script&gt;"), "{}", named.text);
    for page in [rehearsal, imported, reader, found, listing, named, listed] {
        for bad in ["<script>alert", "<img", "<svg", "onclick='x", "<b@"] {
            assert!(!page.text.contains(bad), "{bad} is in {}", page.text);
        }
    }
}

told_on_both_engines!(a_list_is_exported_whole_and_safe_for_spreadsheets_and_the_ledger_says_by_whom);
async fn a_list_is_exported_whole_and_safe_for_spreadsheets_and_the_ledger_says_by_whom() {
    let (world, pages) = house().await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    pia.press("/desk/readers/add", &[("address", "+plus@example.org"), ("name", "=1+1"), ("list", "news")]).await;
    let csv = pia.press("/desk/readers/export", &[("list", "news")]).await;
    let header = |name: &str| csv.headers[name].to_str().expect("text").to_owned();
    assert!(header("content-type").starts_with("text/csv"));
    assert_eq!(header("content-disposition"), "attachment; filename=\"news.csv\"");
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "address,name,state,consent,began_at,ended_at"));
    assert!(
        lines[1].starts_with("reader1@example.org,") && lines[3].starts_with("'+plus@example.org,'=1+1,active,staff")
    );
    assert_eq!(csv.text, world.tidings(&["subscribers", "export", "news"]).await.well());
    assert_eq!(pia.press("/desk/readers/export", &[("list", "x")]).await.status, StatusCode::NOT_FOUND);
    let deeds = pia.get("/desk/deeds").await;
    assert!(deeds.text.contains("pia@example.org: exported, list:news"), "{}", deeds.text);
    // What was exported comes back as it was.
    let page = pia.bring("news", "news.csv", csv.text.as_bytes()).await;
    assert!(page.text.contains("<dt>On it already</dt><dd>3 readers</dd>"), "{}", page.text);
}

told_on_both_engines!(viewers_and_editors_change_no_reader_by_any_route);
async fn viewers_and_editors_change_no_reader_by_any_route() {
    let (world, pages) = house().await;
    let path = page_of(&world, READER).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let upload = upload_of(&pia.bring("news", "a.csv", b"ana@reader.example\n").await);
    pia.get("/desk").await;
    for address in [VERA, ED] {
        let mut desk = Desk::signed_in(&pages, address).await;
        desk.get("/desk").await;
        let before = world.rows().await;
        for page in ["/desk/readers", "/desk/readers?list=news", &path, "/desk/lists/news"] {
            let page = desk.get(page).await;
            for button in ["name=\"do\"", "/desk/readers/import", "/desk/readers/export", "/desk/readers/add"] {
                assert!(!page.text.contains(button), "{address} has {button}: {}", page.text);
            }
        }
        assert_eq!(desk.get("/desk/readers/import").await.status, StatusCode::FORBIDDEN);
        assert_eq!(desk.bring("news", "a.csv", b"ana@reader.example\n").await.status, StatusCode::FORBIDDEN);
        for (path, fields) in [
            (path.as_str(), &[("do", "join"), ("list", "events")][..]),
            (&path, &[("do", "end"), ("list", "news")]),
            (&path, &[("do", "suppress"), ("list", "")]),
            (&path, &[("do", "lift"), ("list", "")]),
            (&path, &[("do", "forget"), ("typed", "forget")]),
            ("/desk/readers/add", &[("address", "ana@reader.example"), ("list", "news")]),
            ("/desk/readers/export", &[("list", "news")]),
            (&upload, &[("do", "import")]),
            ("/desk/readers/999999", &[("do", "forget"), ("typed", "forget")]),
        ] {
            assert_eq!(desk.press(path, fields).await.status, StatusCode::FORBIDDEN, "{address}: {path} {fields:?}");
        }
        assert_eq!(before.changes(&world.rows().await), [""; 0], "{address}");
    }
    for nobody in ["0", "-1", "999999", "x", "99999999999999999999"] {
        let path = format!("/desk/readers/{nobody}");
        assert_eq!(pia.get(&path).await.status, StatusCode::NOT_FOUND, "{nobody}");
        assert_eq!(pia.press(&path, &[("do", "forget"), ("typed", "forget")]).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(pia.press(&upload, &[("do", "import")]).await.status, StatusCode::OK);
}
