//! The desk's doors: who gets in, who does not, what each role may do, and what nobody can do in somebody else's name.

mod issues;
mod readers;
mod second_factor;
mod site;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use tidings::{
    domain::{
        actor::Actor,
        staff::{Role, StaffId},
    },
    newsroom::{self, By, Sending, Statement},
    staff,
};

use crate::world::{
    World, address_of,
    desk::{Desk, OLGA, PASSWORD, VERA},
    eventually,
    pages::Pages,
    stores::told_on_both_engines,
};

async fn house() -> (World, Pages) {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    world.staff(OLGA, Role::Owner).await;
    (world, pages)
}

async fn is_in(desk: &Desk<'_>) -> bool {
    desk.get("/desk").await.status == StatusCode::OK
}

#[tokio::test]
async fn the_first_owner_is_made_on_the_command_line_and_chooses_a_password_by_the_link() {
    // The program has the real clock.
    let world = World::setup().at(Timestamp::now()).start().await;
    let pages = Pages::of(&world).await;
    let printed = world.tidings(&["staff", "add", OLGA, "--role", "owner", "--name", "Olga"]).await.well();
    let link = printed.lines().last().expect("a link").trim().to_owned();
    world.minutes(1);
    world.run().await;
    let mail = world.mails_to(OLGA).pop().expect("an invitation");
    assert_eq!(mail.subject, "You can work at the desk");
    assert_eq!(mail.link_to("desk/welcome"), link);
    let path = mail.path_to("desk/welcome");
    let mut desk = Desk::outside(&pages);
    for _ in 0..2 {
        assert!(desk.get(&path).await.text.contains(OLGA));
    }
    for (password, again, wrong) in [("short", "short", "fewer than 12"), (PASSWORD, "another one", "not the same")] {
        let page = desk.post(&path, &[("password", password), ("again", again)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text.contains(wrong), "{}", page.text);
    }
    let page = desk.post(&path, &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/desk"));
    let today = desk.get("/desk").await;
    assert!(today.text.contains("Is anything wrong?") && today.text.contains("Olga (owner)"), "{}", today.text);
    // The link was good once.
    let mut other = Desk::outside(&pages);
    assert_eq!(other.get(&path).await.status, StatusCode::GONE);
    assert_eq!(other.post(&path, &[("password", PASSWORD), ("again", PASSWORD)]).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_way_in_and_back() {
    let (_world, pages) = house().await;
    let mut desk = Desk::outside(&pages);
    for path in ["/desk", "/desk/staff", "/desk/account"] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(answer.location().starts_with("/desk/sign-in?next=%2Fdesk"), "{}", answer.location());
    }
    let fields = [("address", OLGA), ("password", PASSWORD), ("next", "/desk/staff")];
    assert_eq!(desk.post("/desk/sign-in", &fields).await.location(), "/desk/staff");
    assert!(is_in(&desk).await);
    for elsewhere in ["https://evil.example/", "//evil.example/desk", "/desk//evil.example"] {
        let fields = [("address", OLGA), ("password", PASSWORD), ("next", elsewhere)];
        assert_eq!(desk.post("/desk/sign-in", &fields).await.location(), "/desk", "{elsewhere}");
    }
    for cookie in ["__Host-tidings=", "__Host-tidings=x", "tidings=x", "__Host-tidings=../../x; a=b"] {
        desk.cookie = cookie.to_owned();
        assert!(!is_in(&desk).await, "{cookie}");
    }
}

told_on_both_engines!(an_unknown_address_and_a_wrong_password_get_the_same_answer);
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let (world, pages) = house().await;
    staff::appoint(&world.app, &address_of(VERA), "", Role::Viewer, "the test").await.expect("appointed");
    let mut answers = Vec::new();
    for address in [OLGA, "nobody@example.org", VERA] {
        let answer = Desk::outside(&pages).sign_in(address, "not the password").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        answers.push(answer.text.replace(address, ""));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let asked = async |address| {
        let answer = Desk::outside(&pages).post("/desk/forgotten", &[("address", address)]).await;
        (answer.status, answer.text)
    };
    assert_eq!(asked(OLGA).await, asked("nobody@example.org").await);
}

told_on_both_engines!(who_guesses_waits_longer_each_time_and_the_right_password_waits_with_them);
async fn who_guesses_waits_longer_each_time_and_the_right_password_waits_with_them() {
    let (world, pages) = house().await;
    let mut desk = Desk::outside(&pages);
    let mut tries = 0;
    while desk.sign_in(OLGA, "a wrong password").await.status == StatusCode::UNAUTHORIZED {
        tries += 1;
    }
    assert_eq!(tries, 5, "the fifth in vain makes the next wait");
    assert_eq!(desk.sign_in(OLGA, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(desk.sign_in(OLGA, "a wrong password").await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(desk.sign_in(OLGA, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS, "twice as long now");
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(desk.sign_in(OLGA, PASSWORD).await.status, StatusCode::SEE_OTHER);
    // From then on all is forgiven.
    assert_eq!(Desk::outside(&pages).sign_in(OLGA, "a wrong password").await.status, StatusCode::UNAUTHORIZED);
    // Of whom nothing is known the same is said, after as many.
    let mut tries = 0;
    while desk.sign_in("nobody@example.org", "a wrong password").await.status == StatusCode::UNAUTHORIZED {
        tries += 1;
    }
    assert_eq!(tries, 5);
}

told_on_both_engines!(one_network_cannot_try_many_addresses);
async fn one_network_cannot_try_many_addresses() {
    let (world, pages) = house().await;
    let mut refused = 0;
    for n in 0..25 {
        let mut desk = Desk::outside(&pages).from("203.0.113.9");
        let status = desk.sign_in(&format!("guess{n}@example.org"), PASSWORD).await.status;
        refused += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(refused, 4, "after the twenty-first they wait");
    // Whoever has an account there does not make the guesses of others undone by signing in.
    world.clock.advance(SignedDuration::from_secs(2));
    let mut own = Desk::outside(&pages).from("203.0.113.9");
    assert_eq!(own.sign_in(OLGA, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_eq!(own.sign_in("guess@example.org", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(own.sign_in("other@example.org", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(Desk::outside(&pages).sign_in(OLGA, PASSWORD).await.status, StatusCode::SEE_OTHER, "others do not");
}

told_on_both_engines!(who_guesses_elsewhere_keeps_nobody_waiting_whose_browser_is_known);
async fn who_guesses_elsewhere_keeps_nobody_waiting_whose_browser_is_known() {
    let (world, pages) = house().await;
    world.staff(VERA, Role::Viewer).await;
    let mut own = Desk::signed_in(&pages, OLGA).await;
    own.press("/desk/sign-out", &[]).await;
    // Not even from the network that they share, and with a browser that is known for somebody else's.
    let mut guesser = Desk::signed_in(&pages, VERA).await;
    for _ in 0..60 {
        guesser.sign_in(OLGA, "a wrong password").await;
        guesser.sign_in("nobody@example.org", "a wrong password").await;
        world.clock.advance(SignedDuration::from_secs(60));
    }
    let forged = format!("__Host-tidings-device=x.{}", own.device.rsplit('.').next().expect("a seal"));
    for device in [guesser.device.clone(), String::new(), "__Host-tidings-device=x".to_owned(), forged] {
        let mut stranger = Desk::outside(&pages);
        stranger.device = device;
        assert_eq!(stranger.sign_in(OLGA, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS, "{}", stranger.device);
    }
    let page = own.sign_in(OLGA, PASSWORD).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let fields = [("present", PASSWORD), ("password", "another four words"), ("again", "another four words")];
    assert_eq!(own.press("/desk/account/password", &fields).await.status, StatusCode::SEE_OTHER);
    // Whoever takes such a browser may not guess more often than others.
    let mut tries = 0;
    while own.sign_in(OLGA, "a wrong password").await.status == StatusCode::UNAUTHORIZED {
        tries += 1;
    }
    assert_eq!(tries, 5);
    assert!(!world.dump().await.contains(own.device.rsplit('.').next().expect("a seal")));
}

#[tokio::test]
async fn nothing_can_be_pressed_without_the_seal_of_the_session_or_from_somebody_elses_page() {
    let (world, pages) = house().await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let other = Desk::signed_in(&pages, OLGA).await;
    let foreign_seal = other.get("/desk").await.hidden("seal");
    let fields = [("address", VERA), ("role", "owner"), ("name", "")];
    assert_eq!(desk.post("/desk/staff", &fields).await.status, StatusCode::FORBIDDEN);
    for seal in ["", "x", &foreign_seal] {
        let fields = [&[("seal", seal)], &fields[..]].concat();
        assert_eq!(desk.post("/desk/staff", &fields).await.status, StatusCode::FORBIDDEN, "{seal}");
    }
    let seal = desk.get("/desk").await.hidden("seal");
    let body = format!("seal={seal}&address={VERA}&role=owner");
    for header in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        let answer = desk.ask(Method::POST, "/desk/staff", &body, &[header]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert_eq!(world.app.store.accounts().await.expect("staff").len(), 1);
    assert_eq!(desk.press("/desk/staff", &fields).await.status, StatusCode::OK);
    assert_eq!(world.app.store.accounts().await.expect("staff").len(), 2);
}

#[tokio::test]
async fn a_session_is_a_fresh_one_each_time_and_its_cookie_is_for_this_host_alone() {
    let (world, pages) = house().await;
    world.staff(VERA, Role::Viewer).await;
    let planted = Desk::signed_in(&pages, VERA).await;
    let mut desk = Desk::outside(&pages);
    desk.cookie = planted.cookie.clone();
    let answer = desk.sign_in(OLGA, PASSWORD).await;
    let set = answer.headers["set-cookie"].to_str().expect("text");
    assert!(set.starts_with("__Host-tidings=") && desk.cookie != planted.cookie, "{set}");
    assert!(planted.get("/desk").await.text.contains("(viewer)"), "whoever planted it is still themselves");
    assert!(desk.get("/desk").await.text.contains("(owner)"));
    let all: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|set| set.to_str().expect("text")).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    for set in all {
        assert!(set.starts_with("__Host-") && !set.contains("Domain"), "{set}");
        for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(set.contains(part), "{set}");
        }
    }
    let first = desk.cookie.clone();
    desk.sign_in(OLGA, PASSWORD).await;
    assert_ne!(desk.cookie, first);
    let page = desk.get("/desk").await;
    let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
    assert_eq!((header("x-frame-options"), header("cache-control")), ("DENY".into(), "no-store".into()));
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
}

told_on_both_engines!(a_session_ends_by_signing_out_by_time_and_when_password_or_role_changes);
async fn a_session_ends_by_signing_out_by_time_and_when_password_or_role_changes() {
    let (world, pages) = house().await;
    world.staff(VERA, Role::Owner).await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let cookie = desk.cookie.clone();
    assert_eq!(desk.press("/desk/sign-out", &[]).await.location(), "/desk/sign-in");
    assert_eq!(desk.cookie, "");
    desk.cookie = cookie;
    assert!(!is_in(&desk).await, "what the cookie held is worth nothing any more");

    let desk = Desk::signed_in(&pages, OLGA).await;
    world.hours(11);
    assert!(is_in(&desk).await);
    world.hours(11);
    assert!(is_in(&desk).await, "it was used meanwhile");
    world.hours(13);
    assert!(!is_in(&desk).await);
    let desk = Desk::signed_in(&pages, OLGA).await;
    for _ in 0..17 {
        world.hours(10);
        is_in(&desk).await;
    }
    assert!(!is_in(&desk).await, "seven days are the most");

    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let elsewhere = Desk::signed_in(&pages, OLGA).await;
    let new = "another four words";
    let wrong = [("present", "not it"), ("password", new), ("again", new)];
    assert_eq!(desk.press("/desk/account/password", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = [("present", PASSWORD), ("password", new), ("again", new)];
    assert_eq!(desk.press("/desk/account/password", &right).await.status, StatusCode::SEE_OTHER);
    assert!(is_in(&desk).await && !is_in(&elsewhere).await);

    let vera = Desk::signed_in(&pages, VERA).await;
    staff::give_role(&world.app, &address_of(VERA), Role::Viewer, "the test").await.expect("a role");
    assert!(!is_in(&vera).await);
    let vera = Desk::signed_in(&pages, VERA).await;
    staff::dismiss(&world.app, &address_of(VERA), "the test").await.expect("dismissed");
    assert!(!is_in(&vera).await);
    assert_eq!(Desk::outside(&pages).sign_in(VERA, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

told_on_both_engines!(a_forgotten_password_is_chosen_anew_by_mail_and_the_old_links_end);
async fn a_forgotten_password_is_chosen_anew_by_mail_and_the_old_links_end() {
    let (world, pages) = house().await;
    let elsewhere = Desk::signed_in(&pages, OLGA).await;
    world.run().await;
    world.new_mails();
    for _ in 0..7 {
        let app = &world.app;
        staff::ask_for_link(app, &address_of(OLGA)).await.expect("asked");
    }
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(mails.len(), 5, "so many in a day and no more");
    let [first, last] = [&mails[0], &mails[4]].map(|mail| mail.path_to("desk/welcome"));
    let mut desk = Desk::outside(&pages);
    let new = "another four words";
    let fields = [("password", new), ("again", new)];
    assert_eq!(desk.post(&last, &fields).await.status, StatusCode::SEE_OTHER);
    assert!(is_in(&desk).await && !is_in(&elsewhere).await);
    assert_eq!(desk.post(&first, &fields).await.status, StatusCode::GONE);
    assert_eq!(Desk::outside(&pages).sign_in(OLGA, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    staff::ask_for_link(&world.app, &address_of(OLGA)).await.expect("asked");
    world.run().await;
    let late = world.new_mails().pop().expect("a mail").path_to("desk/welcome");
    world.hours(25);
    assert_eq!(desk.get(&late).await.status, StatusCode::GONE);
}

told_on_both_engines!(only_owners_say_who_is_staff_and_one_stays);
async fn only_owners_say_who_is_staff_and_one_stays() {
    let (world, pages) = house().await;
    for (address, role) in
        [(VERA, Role::Viewer), ("ed@example.org", Role::Editor), ("pia@example.org", Role::Publisher)]
    {
        world.staff(address, role).await;
        let mut desk = Desk::signed_in(&pages, address).await;
        let page = desk.get("/desk/staff").await;
        assert!(page.text.contains(OLGA) && !page.text.contains("Add somebody"), "{}", page.text);
        let fields = [("address", "mallory@example.org"), ("role", "owner"), ("name", "")];
        assert_eq!(desk.press("/desk/staff", &fields).await.status, StatusCode::FORBIDDEN);
        for fields in [[("role", "owner")], [("do", "dismiss")], [("do", "invite")]] {
            assert_eq!(desk.press("/desk/staff/1", &fields).await.status, StatusCode::FORBIDDEN);
        }
    }
    assert_eq!(world.app.store.accounts().await.expect("staff").len(), 4);
    let mut olga = Desk::signed_in(&pages, OLGA).await;
    let me = world.app.store.account_of(&address_of(OLGA)).await.expect("read").expect("staff").staff.id;
    let own = format!("/desk/staff/{}", me.0);
    for fields in [[("do", "dismiss")], [("role", "viewer")]] {
        let answer = olga.press(&own, &fields).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.text.contains("is the only owner"), "{}", answer.text);
    }
    let vera = world.app.store.account_of(&address_of(VERA)).await.expect("read").expect("staff").staff.id;
    let answer = olga.press(&format!("/desk/staff/{}", vera.0), &[("role", "owner")]).await;
    assert!(answer.text.contains("is owner now"), "{}", answer.text);
    assert_eq!(olga.press(&own, &[("role", "viewer")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.app.store.account(StaffId(me.0)).await.expect("staff").staff.role, Role::Viewer);
    assert_eq!(
        Desk::signed_in(&pages, OLGA).await.press("/desk/staff/999", &[("do", "dismiss")]).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn who_was_dismissed_gets_no_link_from_a_page_that_is_older() {
    let (world, pages) = house().await;
    let vera = world.staff(VERA, Role::Viewer).await;
    let mut olga = Desk::signed_in(&pages, OLGA).await;
    let path = format!("/desk/staff/{}", vera.id.0);
    olga.press(&path, &[("do", "dismiss")]).await;
    world.run().await;
    world.new_mails();
    let answer = olga.press(&path, &[("do", "invite")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    world.run().await;
    assert_eq!(world.new_mails().len(), 0);
}

#[tokio::test]
async fn who_is_refused_at_the_desks_door_costs_no_write_for_which_others_would_wait() {
    let (world, pages) = house().await;
    let mut desk = Desk::outside(&pages);
    for _ in 0..5 {
        desk.sign_in(OLGA, "a wrong password").await;
        staff::ask_for_link(&world.app, &address_of(OLGA)).await.expect("asked");
    }
    let mut raw = world.raw().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut raw).await.expect("the only writer");
    let refused = async {
        assert_eq!(desk.sign_in(OLGA, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
        staff::ask_for_link(&world.app, &address_of(OLGA)).await.expect("asked once more");
    };
    tokio::time::timeout(Duration::from_secs(3), refused).await.expect("long before the store gives up");
}

#[tokio::test]
async fn who_looks_at_the_desk_sees_it_while_nobody_can_write() {
    let (world, pages) = house().await;
    let desk = Desk::signed_in(&pages, OLGA).await;
    // Their next look would be noted.
    world.minutes(2);
    let mut raw = world.raw().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut raw).await.expect("the only writer");
    let page =
        tokio::time::timeout(Duration::from_secs(3), desk.get("/desk")).await.expect("long before the store gives up");
    assert_eq!(page.status, StatusCode::OK);
    sqlx::query("ROLLBACK").execute(&mut raw).await.expect("undone");
    eventually("it to be noted all the same", async || {
        let seen: i64 =
            sqlx::query_scalar("SELECT MAX(seen_at) FROM sessions").fetch_one(&mut raw).await.expect("a session");
        seen == world.clock.now().as_millisecond()
    })
    .await;
}

#[tokio::test]
async fn what_a_site_or_a_colleague_writes_runs_nothing_at_the_desk() {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    world.begin(1).await;
    world.staff(OLGA, Role::Owner).await;
    world.next_look(&[world.post("Coalition condemns <script>alert(1)</script>")]).await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let name = "<img src=x onerror=alert(1)>";
    let fields = [("address", VERA), ("role", "viewer"), ("name", name)];
    let page = desk.press("/desk/staff", &fields).await;
    let today = desk.get("/desk").await;
    for text in [&page.text, &today.text] {
        // The desk's own.
        let text = text.replace("<script src=\"/desk/desk.js\" defer></script>", "");
        assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
    }
    assert!(today.text.contains("The alert") && today.text.contains("Coalition condemns"), "{}", today.text);
    assert!(page.text.contains("&lt;img src=x"), "{}", page.text);
}

#[tokio::test]
async fn nobody_is_signed_in_by_a_link_that_somebody_elses_page_sends_for_them() {
    let (world, pages) = house().await;
    let appointed = staff::appoint(&world.app, &address_of(VERA), "", Role::Owner, "the test").await;
    let (_, link) = appointed.expect("appointed");
    let path = link.split_once("/desk/").map(|(_, rest)| format!("/desk/{rest}")).expect("a link to the desk");
    let fields = "password=four+words+make+one&again=four+words+make+one";
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let answer = Desk::outside(&pages).ask(Method::POST, &path, fields, &[header]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header:?}");
        assert!(!answer.headers.contains_key("set-cookie"), "{header:?}");
    }
    let answer = Desk::outside(&pages).ask(Method::POST, &path, fields, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the link is as good as before");
}

told_on_both_engines!(the_ledger_says_who_did_what_and_staff_can_look_it_up);
async fn the_ledger_says_who_did_what_and_staff_can_look_it_up() {
    let (world, pages) = house().await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    desk.press("/desk/staff", &[("address", VERA), ("role", "viewer"), ("name", "<b>Vera</b>")]).await;
    let page = desk.get("/desk/deeds").await;
    assert!(page.text.contains("olga@example.org: appointed"), "{}", page.text);
    assert!(!page.text.contains("<b>"), "{}", page.text);
    let vera = world.app.store.account_of(&address_of(VERA)).await.expect("read").expect("an account").staff.id;
    let of_vera = desk.get(&format!("/desk/deeds?of=staff%3A{}", vera.0)).await;
    assert!(of_vera.text.contains("Nothing was done by hand yet."), "{}", of_vera.text);
    // What is no number or nobody's name is as if it had not been asked for.
    assert!(desk.get("/desk/deeds?of=%3Cscript%3E&before=x").await.text.contains("appointed"));
}

told_on_both_engines!(who_comes_and_goes_stands_in_the_ledger_with_who_it_was);
async fn who_comes_and_goes_stands_in_the_ledger_with_who_it_was() {
    let (world, pages) = house().await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let new = "another four words";
    let fields = [("present", PASSWORD), ("password", new), ("again", new)];
    assert_eq!(desk.press("/desk/account/password", &fields).await.status, StatusCode::SEE_OTHER);
    desk.press("/desk/sign-out", &[]).await;
    for _ in 0..5 {
        Desk::outside(&pages).sign_in(OLGA, "a wrong password").await;
    }
    let olga = world.app.store.account_of(&address_of(OLGA)).await.expect("read").expect("an account").staff.id;
    let events: Vec<String> = world
        .app
        .store
        .deeds(Some(&Actor::Staff(olga)), None, 100)
        .await
        .expect("deeds")
        .into_iter()
        .rev()
        .map(|deed| deed.entry.event)
        .collect();
    // She chose her first password by the link.
    assert_eq!(events, ["password", "signed in", "signed in", "password", "signed in", "signed out"]);
    let refused = world.ledger("desk").await;
    assert_eq!(refused.len(), 5, "{refused:?}");
    assert!(refused[3].ends_with("could not sign in"), "{refused:?}");
    assert!(refused[4].ends_with("could not sign in; the next try must wait 2 seconds"), "{refused:?}");
    assert!(!refused.concat().contains("olga@"), "{refused:?}");
}

told_on_both_engines!(each_link_that_hands_an_account_over_stands_in_the_ledger_with_who_made_it);
async fn each_link_that_hands_an_account_over_stands_in_the_ledger_with_who_made_it() {
    let (world, pages) = house().await;
    let mut olga = Desk::signed_in(&pages, OLGA).await;
    olga.press("/desk/staff", &[("address", VERA), ("role", "viewer"), ("name", "")]).await;
    let vera = world.app.store.account_of(&address_of(VERA)).await.expect("read").expect("an account").staff;
    olga.press(&format!("/desk/staff/{}", vera.id.0), &[("do", "invite")]).await;
    let at_the_machine = world.app.by(Actor::Machine("ana".to_owned()));
    staff::invite(&at_the_machine, &vera).await.expect("a link");
    staff::ask_for_link(&world.app, &address_of(VERA)).await.expect("asked");
    let lines = world.app.store.entries_about(&vera.id.about(), 100).await.expect("the ledger");
    let links: Vec<_> = lines.iter().filter(|line| line.event == "link").collect();
    let owner = world.app.store.account_of(&address_of(OLGA)).await.expect("read").expect("an account").staff.id;
    let owner = Some(Actor::Staff(owner));
    let actors: Vec<_> = links.iter().map(|line| line.actor.clone()).collect();
    // Nobody knows who says that they have forgotten a password.
    assert_eq!(actors, [owner.clone(), owner, Some(Actor::Machine("ana".to_owned())), None]);
    let said = "a link to choose a password, good for a day, is mailed to v***@e***.org";
    assert!(links.iter().all(|line| line.reason.starts_with(said)), "{links:?}");
    let deeds = olga.get("/desk/deeds").await;
    assert!(deeds.text.contains(&format!("ana at the machine: link, staff:{}", vera.id.0)), "{}", deeds.text);
}

told_on_both_engines!(who_decides_by_the_link_of_a_mail_stands_among_those_who_did_something);
async fn who_decides_by_the_link_of_a_mail_stands_among_those_who_did_something() {
    let setup = World::setup().staff("notify = [\"desk@example.org\"]").staff("second_person = true");
    let world = setup.start().await;
    world.begin(1).await;
    let pages = Pages::of(&world).await;
    world.staff(OLGA, Role::Owner).await;
    world.staff(VERA, Role::Publisher).await;
    world.run().await;
    world.new_mails();
    let vera = By::staff(&world.app, &address_of(VERA)).await.expect("one of staff");
    let (list, markdown) = (&world.app.config.lists[0].name, "The coalition **condemns** the transfer.");
    let statement = Statement { list, subject: "Statement on the transfer", markdown, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    let sending = Sending { by: &vera, window: SignedDuration::from_mins(5) };
    newsroom::send(&world.app, &draft, &sending).await.expect("held");
    world.run().await;
    let path = world.mails_to(OLGA).pop().expect("a notice").path_to("staff");
    assert_eq!(pages.decide(&path, &[("do", "approve"), ("typed", "yes")]).await.status, StatusCode::OK);
    // Who is named in config.toml alone has no account, and is somebody all the same.
    let path = world.mails_to("desk@example.org").pop().expect("a notice").path_to("staff");
    assert_eq!(pages.decide(&path, &[("do", "stop")]).await.status, StatusCode::OK);
    let desk = Desk::signed_in(&pages, OLGA).await;
    let page = desk.get("/desk/deeds").await;
    for words in ["olga@example.org: queued, issue:", "d***@e***.org: held, issue:"] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    let person = world.app.store.subscriber_of(&address_of("desk@example.org")).await.expect("read").expect("known");
    let own = desk.get(&format!("/desk/deeds?of=person%3A{}", person.0)).await;
    assert!(own.text.contains("held, issue:") && !own.text.contains("queued, issue:"), "{}", own.text);
}

#[tokio::test]
async fn each_button_beside_a_colleague_says_whose_it_is() {
    let (world, pages) = house().await;
    staff::appoint(&world.app, &address_of(VERA), "Vera", Role::Viewer, "the test").await.expect("appointed");
    let page = Desk::signed_in(&pages, OLGA).await.get("/desk/staff").await;
    for name in ["Change role of", "Mail the link again to", "Take off the staff:"] {
        assert!(page.text.contains(&format!("aria-label=\"{name} {VERA}\"")), "{name} is not in {}", page.text);
    }
    let buttons = page.text.matches("<button class=\"quiet\" type=\"submit\">").count();
    assert_eq!(buttons, 1, "the one to sign out: {}", page.text);
}

told_on_both_engines!(what_waits_is_told_to_all_who_may_decide_and_nobody_else_gets_a_button);
async fn what_waits_is_told_to_all_who_may_decide_and_nobody_else_gets_a_button() {
    let setup = World::setup().staff("notify = [\"desk@example.org\", \"vera@example.org\"]");
    let world = setup.staff("second_person = true").start().await;
    world.begin(1).await;
    let pages = Pages::of(&world).await;
    for (address, role) in [(OLGA, Role::Publisher), (VERA, Role::Viewer), ("ed@example.org", Role::Editor)] {
        world.staff(address, role).await;
    }
    world.run().await;
    world.new_mails();
    let desk = By::staff(&world.app, &address_of("desk@example.org")).await.expect("one of staff");
    let (list, markdown) = (&world.app.config.lists[0].name, "The coalition **condemns** the transfer.");
    let statement = Statement { list, subject: "Statement on the transfer", markdown, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    let sending = Sending { by: &desk, window: SignedDuration::ZERO };
    newsroom::send(&world.app, &draft, &sending).await.expect("held");
    world.run().await;
    let mut told: Vec<(String, bool)> =
        world.new_mails().iter().map(|mail| (mail.to.clone(), mail.text.contains("/staff/"))).collect();
    told.sort();
    let expected = [("desk@example.org", true), (OLGA, true), (VERA, false)].map(|(to, has)| (to.to_owned(), has));
    assert_eq!(told, expected);
    // She is not in `notify`, and may approve it all the same, days later.
    for _ in 0..9 {
        world.hours(24);
        world.run().await;
    }
    let path = world.mails_to(OLGA).pop().expect("a notice").path_to("staff");
    let page = pages.decide(&path, &[("do", "approve"), ("typed", "yes")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    world.run().await;
    assert_eq!(world.mails_to("reader1@example.org").len(), 1);
}
