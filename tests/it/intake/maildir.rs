//! A Maildir: what is new is taken once, and then read or gone; what cannot be taken stays and keeps back nothing else.

use std::{fs, os::unix::fs::PermissionsExt};

use tidings::intake::doors::{self, DoorError};

use super::{UNSUBSCRIBE, leave_address, let_go, letters, mailed, refuse_to_let_go, remaining, told};
use crate::world::{Setup, World};

fn setup() -> Setup {
    World::setup().intake("maildir = \"mail\"")
}

/// A world with a Maildir, whose readers have a mail.
async fn with_maildir(setup: Setup, readers: usize) -> World {
    let world = mailed(setup, readers).await;
    for name in ["new", "cur", "tmp"] {
        fs::create_dir_all(world.file(&format!("mail/{name}"))).expect("a folder");
    }
    world
}

/// A letter as a mail server puts it there.
fn put(world: &World, name: &str, recipient: &str) {
    let letter = format!("Return-Path: <someone@example.net>\nDelivered-To: {recipient}\n{UNSUBSCRIBE}");
    world.write(&format!("mail/{name}"), &letter);
}

fn names(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.file(&format!("mail/{folder}"))).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_new_is_taken_and_then_read_and_nothing_else_is_touched() {
    let world = with_maildir(setup(), 4).await;
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|reader| leave_address(&world, reader));
    put(&world, "new/1700000001.M1.host", &first);
    put(&world, "new/1700000002.M2.host:2,", &second);
    put(&world, "cur/1700000003.M3.host:2,", &third);
    put(&world, "tmp/1700000004.M4.host", &fourth);
    put(&world, "new/.hidden", &fourth);
    fs::create_dir(world.file("mail/new/folder")).expect("a folder");
    assert!(doors::look(&world.app).await.is_empty());
    assert_eq!(remaining(&world, 4).await, [3, 4]);
    assert_eq!(names(&world, "new"), [".hidden", "folder"]);
    assert_eq!(names(&world, "cur"), ["1700000001.M1.host:2,S", "1700000002.M2.host:2,S", "1700000003.M3.host:2,"]);
    assert_eq!(names(&world, "tmp"), ["1700000004.M4.host"]);
}

#[tokio::test]
async fn taken_mail_is_deleted_where_that_is_wanted() {
    let world = with_maildir(setup().intake("taken = \"delete\""), 1).await;
    put(&world, "new/1700000001.M1.host", &leave_address(&world, 1));
    assert!(world.tidings(&["run"]).await.well().ends_with("refused 0\n"));
    assert_eq!((remaining(&world, 1).await, names(&world, "new"), names(&world, "cur")), (vec![], vec![], vec![]));
}

#[tokio::test]
async fn a_letter_that_fails_stays_keeps_back_nobody_and_is_put_aside_in_the_end() {
    let world = with_maildir(setup(), 2).await;
    refuse_to_let_go(&world, "1").await;
    put(&world, "new/1700000001.M1.host", &leave_address(&world, 1));
    put(&world, "new/1700000002.M2.host", &leave_address(&world, 2));
    for _ in 0..4 {
        assert!(matches!(doors::look(&world.app).await[..], [DoorError::Store(_)]));
        assert_eq!(
            (remaining(&world, 2).await, names(&world, "new")),
            (vec![1], vec!["1700000001.M1.host".to_owned()])
        );
    }
    assert!(doors::look(&world.app).await.is_empty());
    assert_eq!(names(&world, "new"), [""; 0]);
    let_go(&world).await;
    assert_eq!(world.tidings(&["letters", "retry", "--all"]).await.well(), "1: left\n");
    assert_eq!(remaining(&world, 2).await, [0; 0]);
}

#[tokio::test]
async fn a_letter_that_was_taken_and_could_not_be_put_away_is_one_letter_still() {
    let world = with_maildir(setup(), 1).await;
    put(&world, "new/1700000001.M1.host", &leave_address(&world, 1));
    fs::remove_dir(world.file("mail/cur")).expect("an empty folder");
    for _ in 0..2 {
        assert!(matches!(doors::look(&world.app).await[..], [DoorError::Maildir { .. }]));
        assert_eq!(names(&world, "new").len(), 1);
    }
    fs::create_dir(world.file("mail/cur")).expect("a folder");
    assert!(doors::look(&world.app).await.is_empty());
    assert_eq!((names(&world, "cur").len(), remaining(&world, 1).await), (1, vec![]));
}

#[tokio::test]
async fn staff_hear_of_a_maildir_that_stays_away_and_that_it_is_back() {
    let world = with_maildir(setup(), 1).await;
    fs::rename(world.file("mail"), world.file("away")).expect("renamed");
    world.new_mails();
    for _ in 0..3 {
        assert!(!doors::look(&world.app).await.is_empty());
        assert!(told(&world).await.is_empty(), "it may pass by itself");
        world.minutes(3);
    }
    world.minutes(2);
    assert_eq!(told(&world).await, ["Alarm: mail that comes in cannot be fetched (intake:maildir)"]);
    let checked = world.tidings(&["check", "--dns", "127.0.0.1:1"]).await;
    assert!(checked.out.contains("ILL   Maildir: there is no folder"), "{}", checked.out);
    fs::rename(world.file("away"), world.file("mail")).expect("renamed");
    assert!(doors::look(&world.app).await.is_empty());
    assert_eq!(told(&world).await, ["All clear: mail that comes in cannot be fetched (intake:maildir)"]);
}

#[tokio::test]
async fn a_run_tells_of_a_maildir_that_is_away_and_does_all_the_rest() {
    let world = mailed(setup(), 1).await;
    let ran = world.tidings(&["run"]).await.well();
    assert!(ran.contains("cannot take mail from the Maildir") && ran.contains("No such file"), "{ran}");
    assert!(ran.contains("collected 0 posts"), "{ran}");
}

#[tokio::test]
async fn a_file_that_may_not_be_read_keeps_back_nobody() {
    if rustix::process::getuid().is_root() {
        // Root may read everything.
        return;
    }
    let world = with_maildir(setup(), 2).await;
    put(&world, "new/1700000001.M1.host", &leave_address(&world, 1));
    put(&world, "new/1700000002.M2.host", &leave_address(&world, 2));
    let closed = world.file("mail/new/1700000001.M1.host");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("set");
    assert!(matches!(doors::look(&world.app).await[..], [DoorError::Maildir { .. }]));
    assert_eq!(remaining(&world, 2).await, [1]);
}

#[tokio::test]
async fn a_run_and_the_daemon_may_look_at_the_same_time() {
    const READERS: usize = 8;
    for taken in ["taken = \"keep\"", "taken = \"delete\""] {
        let world = with_maildir(setup().intake(taken), READERS).await;
        for reader in 1..=READERS {
            put(&world, &format!("new/170000000{reader}.M1.host"), &leave_address(&world, reader));
        }
        let other = world.another().await;
        let (one, two) = tokio::join!(doors::look(&world.app), doors::look(&other));
        assert!(one.is_empty() && two.is_empty(), "{one:?} {two:?}");
        assert_eq!((remaining(&world, READERS).await, names(&world, "new")), (vec![], vec![]));
        assert_eq!(letters(&world).await, READERS as i64);
    }
}
