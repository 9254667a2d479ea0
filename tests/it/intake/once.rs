//! Once and not less: the same letter twice is one, a kill forgets none, and one that cannot be handled is kept aside.

use std::{sync::Arc, time::Duration};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tidings::{
    app::App,
    domain::{
        alarm::{Alarm, AlarmKind},
        subscription::NewSubscriber,
    },
    intake::{self, Incoming, Taken},
    store::{
        Options, Store, StoreError,
        letters::{KEPT, Unhandled},
    },
    subscribe::{self, Added, Returning},
};

use super::{UNSUBSCRIBE, leave_address, let_go, mailed, refuse_to_let_go, remaining, remaining_in, told};
use crate::world::{
    World, address_of,
    program::{KILLED, ended_with},
    slug,
    stores::{TestStore, on_both_engines},
};

async fn take(world: &World, recipient: &str, message: &str) -> Result<Taken, StoreError> {
    intake::take(&world.app, &incoming(recipient, message)).await
}

fn incoming<'a>(recipient: &'a str, message: &'a str) -> Incoming<'a> {
    Incoming { recipient: Some(recipient), sender: Some("someone@example.net"), bytes: message.as_bytes() }
}

async fn a_letter_sent_again_does_not_take_away_who_came_back(setup: crate::world::Setup) {
    let world = mailed(setup, 2).await;
    let address = leave_address(&world, 1);
    assert!(matches!(take(&world, &address, UNSUBSCRIBE).await, Ok(Taken::Left)));
    assert_eq!(remaining(&world, 2).await, [2]);

    let person = NewSubscriber { address: address_of("reader1@example.org"), name: String::new() };
    let back = subscribe::add(&world.app, &slug("news"), &person, Returning::AskedAnew).await;
    assert_eq!(back.expect("the store takes them"), Added::Joined);
    world.hours(29 * 24);
    for again in [address.as_str(), &address.to_uppercase()] {
        assert!(matches!(take(&world, again, UNSUBSCRIBE).await, Ok(Taken::Before)), "{again}");
    }
    assert_eq!(remaining(&world, 2).await, [1, 2]);
    // Another letter is another wish, and so is the same one to somebody else.
    assert!(matches!(take(&world, &leave_address(&world, 2), UNSUBSCRIBE).await, Ok(Taken::Left)));
    assert!(matches!(take(&world, &address, &UNSUBSCRIBE.replace("From", "from")).await, Ok(Taken::Left)));
    assert_eq!(remaining(&world, 2).await, [0; 0]);
}

#[tokio::test]
async fn a_letter_that_is_sent_again_does_not_take_away_who_came_back() {
    a_letter_sent_again_does_not_take_away_who_came_back(World::setup()).await;
    a_letter_sent_again_does_not_take_away_who_came_back(World::setup().on_postgres()).await;
}

#[tokio::test]
async fn after_a_month_a_letter_is_forgotten() {
    let world = mailed(World::setup(), 1).await;
    let address = leave_address(&world, 1);
    assert!(matches!(take(&world, &address, UNSUBSCRIBE).await, Ok(Taken::Left)));
    world.hours(30 * 24 - 1);
    intake::forget_old_letters(&world.app).await.expect("the store forgets");
    assert!(matches!(take(&world, &address, UNSUBSCRIBE).await, Ok(Taken::Before)));
    world.hours(2);
    intake::forget_old_letters(&world.app).await.expect("the store forgets");
    assert!(matches!(take(&world, &address, UNSUBSCRIBE).await, Ok(Taken::Left)));
}

/// Write points are in debug builds alone.
#[cfg(debug_assertions)]
#[tokio::test]
async fn killed_at_every_write_a_letter_is_acted_on_all_the_same() {
    let mut points = 0;
    loop {
        let world = mailed(World::setup(), 1).await;
        let address = leave_address(&world, 1);
        let intake = || world.program(&["intake", "--to", &address]);
        let mut killed = intake();
        killed.env("TIDINGS_KILL_AT_WRITE", (points + 1).to_string());
        let first = ended_with(killed, UNSUBSCRIBE).await;
        if first.code != KILLED {
            assert_eq!(first.well(), "left\n");
            break;
        }
        points += 1;
        // To the mail server it was no success, so that it comes again.
        let again = ended_with(intake(), UNSUBSCRIBE).await.well();
        assert!(matches!(again.as_str(), "left\n" | "taken before\n"), "{again}");
        assert_eq!(remaining(&world, 1).await, [0; 0], "killed at write point {points}");
        assert_eq!(ended_with(intake(), UNSUBSCRIBE).await.well(), "taken before\n");
    }
    assert!(points >= 4, "to act and to remember have more writes than {points}");
}

#[tokio::test]
async fn a_letter_that_the_store_refuses_again_and_again_is_kept_aside_and_blocks_nobody() {
    let world = mailed(World::setup(), 2).await;
    let (poison, other) = (leave_address(&world, 1), leave_address(&world, 2));
    refuse_to_let_go(&world, "1").await;
    for _ in 0..4 {
        assert!(matches!(take(&world, &poison, UNSUBSCRIBE).await, Err(StoreError::Engine(_))));
    }
    assert!(matches!(take(&world, &other, UNSUBSCRIBE).await, Ok(Taken::Left)));
    let aside = take(&world, &poison, UNSUBSCRIBE).await;
    assert!(matches!(&aside, Ok(Taken::Aside(why)) if why.starts_with("failed 5 times: ")), "{aside:?}");
    assert!(matches!(take(&world, &poison, UNSUBSCRIBE).await, Ok(Taken::Before)), "it comes no more");

    // Staff hear of it, find it whole, and try it again.
    assert_eq!(told(&world).await, ["Alarm: letters that could not be handled (intake)"]);
    let text = &world.mails_to("desk@example.org")[0].text;
    assert!(text.contains("tidings letters retry"), "{text}");
    let listed = world.tidings(&["letters", "list", "--json"]).await.json();
    let letter = &listed[0];
    assert_eq!((&letter["to"], &letter["from"]), (&"n***@e***.org".into(), &"s***@e***.net".into()));
    assert_eq!(letter["size"], UNSUBSCRIBE.len());
    let shown = world.tidings(&["letters", "show", &letter["number"].to_string()]).await.well();
    assert_eq!(shown.trim_end(), UNSUBSCRIBE.replace("\r\n", "\n").trim_end());
    let still = world.tidings(&["letters", "retry", "--all"]).await;
    assert!(still.code == 1 && still.err.contains("the database failed"), "{}", still.err);
    assert_eq!(remaining(&world, 2).await, [1]);

    let_go(&world).await;
    let number = letter["number"].as_i64().expect("a number");
    assert!(matches!(intake::retry_letter(&world.app, number).await, Ok(Taken::Left)));
    assert_eq!(remaining(&world, 2).await, [0; 0]);
    assert_eq!(world.app.store.dead_letters().await.expect("letters"), []);
    assert!(matches!(take(&world, &poison, UNSUBSCRIBE).await, Ok(Taken::Before)));
    assert_eq!(told(&world).await, ["All clear: letters that could not be handled (intake)"]);
}

#[tokio::test]
async fn a_letter_that_was_put_aside_can_be_thrown_away() {
    let world = mailed(World::setup(), 1).await;
    let address = leave_address(&world, 1);
    refuse_to_let_go(&world, "1").await;
    for _ in 0..5 {
        let _ = take(&world, &address, UNSUBSCRIBE).await;
    }
    let usage = world.tidings(&["letters", "drop"]).await;
    assert_eq!(usage.code, 2, "{}", usage.err);
    let absent = world.tidings(&["letters", "drop", "99"]).await;
    assert_eq!((absent.code, absent.err.as_str()), (1, "error: letter 99 does not exist\n"));
    assert_eq!(world.tidings(&["letters", "drop", "--all"]).await.well(), "dropped: 1\n");
    assert_eq!(world.tidings(&["letters", "list"]).await.well().lines().count(), 1, "only the heads");
    let_go(&world).await;
    assert!(matches!(take(&world, &address, UNSUBSCRIBE).await, Ok(Taken::Before)));
    assert_eq!(remaining(&world, 1).await, [1]);
}

#[tokio::test]
async fn a_store_in_trouble_is_never_held_against_a_letter() {
    let world = mailed(World::setup(), 1).await;
    let address = leave_address(&world, 1);
    let file = world.file("data/tidings.db");
    let store = Store::open_sqlite_with(&file, Options { busy_timeout: Duration::from_millis(20) });
    let another = Arc::into_inner(world.another().await).expect("nobody else has it");
    let app = App { store: store.await.expect("it opens again"), ..another };
    let url = format!("sqlite://{}", world.file("data/tidings.db").display());
    let mut hog = AnyConnection::connect(&url).await.expect("the database is there");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut hog).await.expect("nobody else writes");
    for _ in 0..20 {
        let taken = intake::take(&app, &incoming(&address, UNSUBSCRIBE)).await;
        assert!(matches!(taken, Err(StoreError::Busy)), "{taken:?}");
    }
    sqlx::query("ROLLBACK").execute(&mut hog).await.expect("it gives way");
    assert_eq!(remaining_in(&app.store, 1).await, [1]);
    let taken = intake::take(&app, &incoming(&address, UNSUBSCRIBE)).await;
    assert!(matches!(taken, Ok(Taken::Left)), "{taken:?}");
}

on_both_engines!(no_more_letters_are_kept_than_there_is_room_for, async |test: &TestStore| {
    let now = "2024-04-24T12:00:00Z".parse().expect("an instant");
    let words = "words".to_owned();
    let alarm = Alarm { about: "intake".to_owned(), kind: AlarmKind::LettersAside, words, tell_after: now };
    for n in 1..=KEPT + 3 {
        let (digest, bytes) = (format!("digest {n}"), [0, 255, b'\n']);
        let letter = Unhandled { digest: &digest, recipient: None, sender: Some(""), bytes: &bytes, reason: "why" };
        test.store.put_letter_aside(letter, &alarm, now).await.expect("it is kept");
    }
    let kept = test.store.dead_letters().await.expect("letters");
    assert_eq!((kept.len() as i64, kept[0].id, kept[kept.len() - 1].id), (KEPT, KEPT + 3, 4));
    assert_eq!((kept[0].recipient.as_deref(), kept[0].sender.as_deref(), kept[0].size), (None, Some(""), 3));
    assert_eq!(test.store.text_of_dead_letter(4).await.expect("its text"), [0, 255, b'\n']);
    let gone = test.store.text_of_dead_letter(3).await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
    let told = test.store.entries_about("intake", 100).await.expect("the ledger");
    let told: Vec<_> =
        told.iter().filter(|entry| entry.event == "dropped").map(|entry| entry.reason.as_str()).collect();
    assert_eq!(told, ["1 made room, for 200 are kept at most"; 3]);
});

on_both_engines!(letters_of_one_who_is_erased_are_kept_no_longer, async |test: &TestStore| {
    let now = "2024-04-24T12:00:00Z".parse().expect("an instant");
    let words = "words".to_owned();
    let alarm = Alarm { about: "intake".to_owned(), kind: AlarmKind::LettersAside, words, tell_after: now };
    for sender in [Some("Ana@example.net"), Some("ben@example.net"), Some(""), None, Some("not an address")] {
        let digest = format!("{sender:?}");
        let letter = Unhandled { digest: &digest, recipient: None, sender, bytes: b"x", reason: "why" };
        test.store.put_letter_aside(letter, &alarm, now).await.expect("it is kept");
    }
    let ana = address_of("ana@EXAMPLE.net");
    assert_eq!(test.store.dead_letters_from(&ana).await.expect("letters").len(), 1);
    let mut tx = test.store.begin().await.expect("a transaction");
    tx.erase_dead_letters_from(&ana).await.expect("erased");
    tx.commit().await.expect("committed");
    let left: Vec<_> = test.store.dead_letters().await.expect("letters").into_iter().map(|it| it.sender).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(left, [text("not an address"), None, text(""), text("ben@example.net")]);
});

on_both_engines!(a_statement_that_the_engine_refuses_is_not_the_engines_own_trouble, async |test: &TestStore| {
    let mut raw = test.raw().await;
    let mut refused = async |statement: &str| {
        let error = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut raw).await.expect_err("refused");
        StoreError::from(error)
    };
    for statement in ["SELECT nothing FROM nowhere", "INSERT INTO letters (digest) VALUES (NULL)"] {
        let error = refused(statement).await;
        assert!(!error.may_pass(), "{error:?}");
    }
    for passing in [StoreError::Busy, StoreError::Full, StoreError::ReadOnly] {
        assert!(passing.may_pass());
    }
    test.store.close().await;
    let closed = test.store.letter("x").await.expect_err("it is closed");
    assert!(closed.may_pass(), "{closed:?}");
});
