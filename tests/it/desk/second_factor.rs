//! The second factor: how it is turned on and off, what its codes let in, and what an open session cannot do to it.

use jiff::SignedDuration;
use reqwest::StatusCode;
use sqlx::{AssertSqlSafe, Connection as _};
use tidings::domain::staff::Role;

use super::{house, is_in};
use crate::world::{
    World,
    desk::{Desk, OLGA, PASSWORD, code_at},
    pages::Pages,
    stores::told_on_both_engines,
};

/// Turns a second factor on, and gives its secret.
async fn turned_on(world: &World, desk: &mut Desk<'_>) -> String {
    let secret: String = desk.get("/desk/account/factor").await.hidden("secret").split_whitespace().collect();
    let code = code_at(&secret, world.clock.now());
    let page = desk.press("/desk/account/factor", &[("secret", &secret), ("code", &code)]).await;
    assert_eq!(page.location(), "/desk/account");
    secret
}

/// Gives a code after a password.
async fn give(pages: &Pages, half_way: &str, code: &str) -> StatusCode {
    Desk::outside(pages).post("/desk/code", &[("half_way", half_way), ("code", code), ("next", "")]).await.status
}

told_on_both_engines!(with_a_second_factor_a_password_alone_does_not_let_anybody_in_and_a_code_does_once);
async fn with_a_second_factor_a_password_alone_does_not_let_anybody_in_and_a_code_does_once() {
    let (world, pages) = house().await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let page = desk.get("/desk/account/factor").await;
    assert!(page.text.contains("<path d=\"M"), "a picture to take: {}", page.text);
    let secret: String = page.hidden("secret").split_whitespace().collect();
    let code_now = || code_at(&secret, world.clock.now());
    let wrong = [("secret", secret.as_str()), ("code", "000000")];
    let page = desk.press("/desk/account/factor", &wrong).await;
    assert_eq!(page.hidden("secret").replace(' ', ""), secret, "who mistypes need not begin anew");
    let code = code_now();
    let right = [("secret", secret.as_str()), ("code", code.as_str())];
    let elsewhere = Desk::signed_in(&pages, OLGA).await;
    assert_eq!(desk.press("/desk/account/factor", &right).await.location(), "/desk/account");
    assert!(is_in(&desk).await && !is_in(&elsewhere).await);

    let mut fresh = Desk::outside(&pages);
    let page = fresh.sign_in(OLGA, PASSWORD).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(fresh.cookie.is_empty());
    let half_way = page.hidden("half_way");
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::UNAUTHORIZED, "that code was used");
    world.clock.advance(SignedDuration::from_secs(30));
    let code = code_now();
    assert_eq!(give(&pages, "1.1.abcdefghijklmnop", &code).await, StatusCode::UNAUTHORIZED);
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::SEE_OTHER);
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::UNAUTHORIZED, "and so was that");
    world.minutes(11);
    let code = code_now();
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::UNAUTHORIZED, "the password was too long ago");
    // Whoever knows the address alone cannot keep its owner from giving the code.
    for _ in 0..5 {
        Desk::outside(&pages).from("203.0.113.9").sign_in(OLGA, "a wrong password").await;
    }
    world.minutes(1);
    let page = Desk::outside(&pages).sign_in(OLGA, PASSWORD).await;
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(give(&pages, &page.hidden("half_way"), &code_now()).await, StatusCode::SEE_OTHER);
    // A session that was left open turns nothing off, and ended when the factor was turned on.
    let mut desk = Desk::outside(&pages);
    let page = desk.sign_in(OLGA, PASSWORD).await;
    world.clock.advance(SignedDuration::from_secs(30));
    let (half_way, code) = (page.hidden("half_way"), code_now());
    let fields = [("half_way", half_way.as_str()), ("code", &code), ("next", "")];
    assert_eq!(desk.post("/desk/code", &fields).await.status, StatusCode::SEE_OTHER);
    let off = desk.press("/desk/account/factor", &[("do", "off"), ("code", "")]).await;
    assert_eq!(off.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.clock.advance(SignedDuration::from_secs(30));
    let off = desk.press("/desk/account/factor", &[("do", "off"), ("code", &code_now())]).await;
    assert_eq!(off.location(), "/desk/account");
    let dump = world.dump().await;
    assert!(!dump.contains(PASSWORD), "no password is written down");
}

told_on_both_engines!(an_open_session_puts_no_other_factor_in_the_place_of_the_one_that_is_on);
async fn an_open_session_puts_no_other_factor_in_the_place_of_the_one_that_is_on() {
    let (world, pages) = house().await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let earlier = desk.get("/desk/account/factor").await.hidden("secret").replace(' ', "");
    let secret = turned_on(&world, &mut desk).await;
    assert_eq!(desk.get("/desk/account/factor").await.location(), "/desk/account", "no other is shown to take");
    world.clock.advance(SignedDuration::from_secs(30));
    let code = code_at(&earlier, world.clock.now());
    let page = desk.press("/desk/account/factor", &[("secret", &earlier), ("code", &code)]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("turn this one off first"), "{}", page.text);
    let half_way = Desk::outside(&pages).sign_in(OLGA, PASSWORD).await.hidden("half_way");
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::UNAUTHORIZED);
    let code = code_at(&secret, world.clock.now());
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::SEE_OTHER);
}

told_on_both_engines!(who_is_half_way_in_with_a_password_that_was_changed_meanwhile_stays_outside);
async fn who_is_half_way_in_with_a_password_that_was_changed_meanwhile_stays_outside() {
    let (world, pages) = house().await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let secret = turned_on(&world, &mut desk).await;
    let half_way = Desk::outside(&pages).sign_in(OLGA, PASSWORD).await.hidden("half_way");
    let new = "another four words";
    desk.press("/desk/account/password", &[("present", PASSWORD), ("password", new), ("again", new)]).await;
    world.clock.advance(SignedDuration::from_secs(30));
    let code = code_at(&secret, world.clock.now());
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::UNAUTHORIZED);
    let half_way = Desk::outside(&pages).sign_in(OLGA, new).await.hidden("half_way");
    assert_eq!(give(&pages, &half_way, &code).await, StatusCode::SEE_OTHER, "nothing was wrong with the code");
}

/// What becomes of a sign-in while another transaction does something to its account: the answer, whether they are in, and
/// whether the ledger knows of it.
async fn signing_in_while(change: &str) -> (StatusCode, bool, bool) {
    let world = World::setup().on_postgres().start().await;
    let pages = Pages::of(&world).await;
    let olga = world.staff(OLGA, Role::Owner).await;
    let before = world.ledger(&olga.id.about()).await;
    let mut raw = world.raw().await;
    let mut changing = raw.begin().await.expect("a transaction");
    sqlx::query(AssertSqlSafe(change.to_owned())).execute(&mut *changing).await.expect("changed");
    let mut desk = Desk::outside(&pages);
    let changes = async {
        world.is_waited_for().await;
        changing.commit().await.expect("committed");
    };
    let (answer, ()) = tokio::join!(desk.sign_in(OLGA, PASSWORD), changes);
    (answer.status, is_in(&desk).await, world.ledger(&olga.id.about()).await != before)
}

#[tokio::test]
async fn no_session_begins_by_a_password_that_is_changed_while_it_is_looked_at() {
    let came = signing_in_while("UPDATE staff SET password = 'another'").await;
    assert_eq!(came, (StatusCode::UNAUTHORIZED, false, false));
}

#[tokio::test]
async fn no_session_begins_without_the_code_of_a_factor_that_is_turned_on_meanwhile() {
    let came = signing_in_while("UPDATE staff SET second_factor = 'JBSWY3DPEHPK3PXP'").await;
    assert_eq!(came, (StatusCode::UNAUTHORIZED, false, false));
}

#[tokio::test]
async fn an_open_session_does_not_undo_a_password_that_is_chosen_by_a_link_meanwhile() {
    let world = World::setup().on_postgres().start().await;
    let pages = Pages::of(&world).await;
    world.staff(OLGA, Role::Owner).await;
    let mut desk = Desk::signed_in(&pages, OLGA).await;
    let mut raw = world.raw().await;
    let mut changing = raw.begin().await.expect("a transaction");
    sqlx::query("UPDATE staff SET password = 'another'").execute(&mut *changing).await.expect("changed");
    let changes = async {
        world.is_waited_for().await;
        changing.commit().await.expect("committed");
    };
    let fields = [("present", PASSWORD), ("password", "another four words"), ("again", "another four words")];
    let (answer, ()) = tokio::join!(desk.press("/desk/account/password", &fields), changes);
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    let stands: String = sqlx::query_scalar("SELECT password FROM staff").fetch_one(&mut raw).await.expect("a row");
    assert_eq!(stands, "another");
}

told_on_both_engines!(browsers_that_are_known_from_before_a_second_factor_bring_no_more_tries_of_its_codes);
async fn browsers_that_are_known_from_before_a_second_factor_bring_no_more_tries_of_its_codes() {
    let (world, pages) = house().await;
    let mut gathered = Vec::new();
    for _ in 0..3 {
        gathered.push(Desk::signed_in(&pages, OLGA).await);
    }
    turned_on(&world, &mut Desk::signed_in(&pages, OLGA).await).await;
    let half_way = Desk::outside(&pages).sign_in(OLGA, PASSWORD).await.hidden("half_way");
    let mut tries = 0;
    for desk in &mut gathered {
        for _ in 0..5 {
            let answer = desk.post("/desk/code", &[("half_way", &half_way), ("code", "000000"), ("next", "")]).await;
            tries += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(tries, 5, "as many as from one stranger");
}
