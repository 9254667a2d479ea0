//! A mailbox, in a real Dovecot and in servers that do wrong: what is new is taken once, nothing is passed over, and what
//! is not ours is left alone.

use std::{process::Stdio, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tidings::intake::doors::{self, DoorError, imap::ImapError};

use super::{UNSUBSCRIBE, leave_address, let_go, letters, mailed, refuse_to_let_go, remaining, told};
use crate::world::{
    World,
    doors::Open,
    dovecot::{Dovecot, DovecotSetup},
    imap_server::{ENTER, HANG_UP, ImapServer, Turn},
    post,
};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

const IMPLICIT: &str = "tls = \"implicit\"";

/// A letter as a mailbox holds it.
fn letter(world: &World, reader: usize) -> String {
    let to = leave_address(world, reader);
    format!("Return-Path: <someone@example.net>\r\nDelivered-To: {to}\r\n{UNSUBSCRIBE}")
}

/// A Dovecot and a world that takes its mail from there.
async fn with(setup: DovecotSetup, imap: &str, more: &[&str], readers: usize) -> (Dovecot, World) {
    let dovecot = setup.start().await;
    let house = more.iter().fold(World::setup().intake(&dovecot.imap(imap)), |house, line| house.intake(line));
    let world = mailed(house, readers).await;
    (dovecot, world)
}

async fn look(world: &World) {
    let troubles = doors::look(&world.app).await;
    assert!(troubles.is_empty(), "{troubles:?}");
}

/// Waits until the door that is open has taken the letters of all readers but these.
async fn until_remain(world: &World, count: usize, expected: &[usize]) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while remaining(world, count).await != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("the letter is taken in time");
}

#[tokio::test]
async fn a_mailbox_is_read_over_tls_after_starttls_and_in_clear_on_this_machine() {
    for tls in ["implicit", "starttls", "none"] {
        let (dovecot, world) = with(Dovecot::setup(), &format!("tls = \"{tls}\""), &[], 3).await;
        dovecot.put(&letter(&world, 1));
        dovecot.put(&letter(&world, 2));
        look(&world).await;
        assert_eq!(remaining(&world, 3).await, [3], "{tls}: {}", dovecot.log());
        assert_eq!(dovecot.flags("INBOX"), ["S", "S"]);
        let secured = if tls == "none" { "secured" } else { "TLS" };
        assert!(dovecot.log().contains(&format!(", {secured}, session")), "{tls}: {}", dovecot.log());
        let checked = world.tidings(&["check", "--dns", "127.0.0.1:1"]).await;
        assert!(checked.out.contains("well  mailbox `INBOX`: 127.0.0.1:"), "{}", checked.out);
    }
}

#[tokio::test]
async fn a_password_may_hold_whatever_a_password_may() {
    let setup = Dovecot::setup().password("pä\"ss\\wörd {5}");
    let (dovecot, world) = with(setup, "password = 'pä\"ss\\wörd {5}', tls = \"implicit\"", &[], 1).await;
    dovecot.put(&letter(&world, 1));
    assert!(world.tidings(&["run"]).await.well().contains("collected 0 posts"));
    assert_eq!(remaining(&world, 1).await, [0; 0], "{}", dovecot.log());
}

#[tokio::test]
async fn where_the_server_can_say_so_mail_is_taken_as_it_comes() {
    let (dovecot, world) = with(Dovecot::setup(), "tls = \"implicit\", every = \"1d\"", &[], 3).await;
    let open = Open::of(&world.app);
    for (reader, left) in [(1, &[2, 3][..]), (2, &[3]), (3, &[])] {
        dovecot.put(&letter(&world, reader));
        until_remain(&world, 3, left).await;
    }
    open.shut().await;
    assert_eq!(dovecot.flags("INBOX"), ["S", "S", "S"]);
    assert_eq!(dovecot.log().matches("Login: user=<news>").count(), 1, "in one visit: {}", dovecot.log());
}

#[tokio::test]
async fn where_it_cannot_it_is_asked_every_so_often() {
    let (dovecot, world) = with(Dovecot::setup().without_idle(), "tls = \"implicit\", every = \"1s\"", &[], 2).await;
    let open = Open::of(&world.app);
    for (reader, left) in [(1, &[2][..]), (2, &[])] {
        dovecot.put(&letter(&world, reader));
        until_remain(&world, 2, left).await;
    }
    open.shut().await;
    assert_eq!(dovecot.log().matches("Login: user=<news>").count(), 1, "in one visit: {}", dovecot.log());
}

#[tokio::test]
async fn taken_mail_is_deleted_where_that_is_wanted_and_nobody_elses() {
    let (dovecot, world) = with(Dovecot::setup(), IMPLICIT, &["taken = \"delete\""], 1).await;
    dovecot.put_as("cur/1600000000.M1.host:2,ST", "Subject: somebody else has marked this\r\n\r\n");
    dovecot.put(&letter(&world, 1));
    look(&world).await;
    assert_eq!((remaining(&world, 1).await, dovecot.flags("INBOX")), (vec![], vec!["ST".to_owned()]));
}

#[tokio::test]
async fn a_server_that_can_only_expunge_everything_is_not_told_to() {
    let (dovecot, world) = with(Dovecot::setup().with_the_least(), IMPLICIT, &["taken = \"delete\""], 1).await;
    dovecot.put_as("cur/1600000000.M1.host:2,ST", "Subject: somebody else has marked this\r\n\r\n");
    dovecot.put(&letter(&world, 1));
    look(&world).await;
    assert_eq!((remaining(&world, 1).await, dovecot.flags("INBOX")), (vec![], vec!["ST".to_owned(), "ST".to_owned()]));
}

#[tokio::test]
async fn taken_mail_is_moved_where_that_is_wanted() {
    for setup in [Dovecot::setup(), Dovecot::setup().with_the_least()] {
        let (dovecot, world) = with(setup, "tls = \"implicit\", move_to = \"Taken\"", &[], 2).await;
        for reader in [1, 2] {
            dovecot.put(&letter(&world, reader));
            look(&world).await;
        }
        assert_eq!(
            (remaining(&world, 2).await, dovecot.flags("Taken")),
            (vec![], vec!["S".to_owned(), "S".to_owned()])
        );
        assert!(dovecot.flags("INBOX").iter().all(|flags| flags == "ST"), "{:?}", dovecot.flags("INBOX"));
    }
}

#[tokio::test]
async fn what_was_read_before_we_came_is_left_alone_and_what_comes_later_is_taken_read_or_not() {
    let (dovecot, world) = with(Dovecot::setup(), IMPLICIT, &[], 4).await;
    dovecot.put_read(&letter(&world, 1));
    dovecot.put(&letter(&world, 2));
    look(&world).await;
    assert_eq!(remaining(&world, 4).await, [1, 3, 4]);
    dovecot.put_read(&letter(&world, 3));
    look(&world).await;
    assert_eq!(remaining(&world, 4).await, [1, 4]);

    // The mailbox is restored from a backup, or moved to another machine.
    dovecot.forget_its_numbers();
    dovecot.put(&letter(&world, 2));
    dovecot.put(&letter(&world, 4));
    look(&world).await;
    assert_eq!(remaining(&world, 4).await, [1]);
    look(&world).await;
}

#[tokio::test]
async fn a_message_that_fails_is_fetched_again_and_keeps_back_nobody() {
    let (dovecot, world) = with(Dovecot::setup(), IMPLICIT, &[], 3).await;
    refuse_to_let_go(&world, "2").await;
    for reader in [1, 2, 3] {
        dovecot.put(&letter(&world, reader));
    }
    for _ in 0..2 {
        assert!(matches!(doors::look(&world.app).await[..], [DoorError::Store(_)]));
        assert_eq!((remaining(&world, 3).await, dovecot.flags("INBOX").join(",")), (vec![2], "S,,S".to_owned()));
    }
    let_go(&world).await;
    look(&world).await;
    assert_eq!((remaining(&world, 3).await, dovecot.flags("INBOX").join(",")), (vec![], "S,S,S".to_owned()));
}

#[tokio::test]
async fn a_large_message_is_fetched_no_further_than_it_counts() {
    let (dovecot, world) = with(Dovecot::setup(), IMPLICIT, &[], 1).await;
    dovecot.put(&format!("{}{}", letter(&world, 1), "a line of some length\r\n".repeat(300_000)));
    look(&world).await;
    assert_eq!(remaining(&world, 1).await, [0; 0]);
    // Dovecot counts when it has seen us go, which may be after we have gone.
    let logged = tokio::time::timeout(PATIENCE, async {
        while !dovecot.log().contains("body_bytes=") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(logged.await.is_ok(), "{}", dovecot.log());
    let fetched = dovecot.log();
    let octets = fetched.split("body_bytes=").nth(1).and_then(|rest| rest.lines().next()).expect("it is logged");
    assert!(octets.parse::<usize>().expect("a number") < 1_200_000, "{octets}");
}

#[tokio::test]
async fn staff_hear_at_once_of_a_login_that_is_refused_and_never_of_the_password() {
    let (dovecot, world) = with(Dovecot::setup(), "password = \"hunter2\", tls = \"implicit\"", &[], 1).await;
    let troubles = doors::look(&world.app).await;
    let said = format!("{troubles:?} {}", troubles[0]);
    assert!(said.contains("AUTHENTICATIONFAILED") && !said.contains("hunter2"), "{said}");
    assert_eq!(told(&world).await, ["Alarm: mail that comes in cannot be fetched (intake:imap)"]);
    let text = &world.mails_to("desk@example.org")[0].text;
    assert!(text.contains("refused the LOGIN") && !text.contains("hunter2"), "{text}");
    let checked = world.tidings(&["check", "--dns", "127.0.0.1:1"]).await;
    assert!(checked.out.contains("ILL   mailbox `INBOX`: ") && checked.code == 1, "{}", checked.out);
    drop(dovecot);
}

#[tokio::test]
async fn staff_hear_of_a_mailbox_that_stays_away_and_that_it_is_back() {
    let (mut dovecot, world) = with(Dovecot::setup(), IMPLICIT, &[], 1).await;
    let line = dovecot.imap(IMPLICIT);
    world.change_config(&line, &line.replace(ca_in(&line), "\"none.pem\""));
    // The file that it should trust is not there: no waiting mends that.
    let broken = world.another().await;
    assert!(matches!(doors::look(&broken).await[..], [DoorError::Mailbox { source: ImapError::Setup(_), .. }]));
    assert_eq!(told(&world).await.len(), 1);
    look(&world).await;
    assert_eq!(told(&world).await, ["All clear: mail that comes in cannot be fetched (intake:imap)"]);

    dovecot.end();
    for minutes in [0, 9] {
        world.minutes(minutes);
        assert!(matches!(
            doors::look(&world.app).await[..],
            [DoorError::Mailbox { source: ImapError::Unreachable(_), .. }]
        ));
        assert!(told(&world).await.is_empty(), "it may pass by itself");
    }
    world.minutes(1);
    assert_eq!(told(&world).await, ["Alarm: mail that comes in cannot be fetched (intake:imap)"]);
}

/// The file of certificates that a line trusts.
fn ca_in(line: &str) -> &str {
    line.split("ca = ").nth(1).and_then(|rest| rest.split(',').next()).expect("a path")
}

#[tokio::test]
async fn a_certificate_from_nobody_we_trust_is_refused() {
    let dovecot = Dovecot::setup().start().await;
    let other = Dovecot::setup().start().await;
    let (ours, theirs) = (dovecot.imap(IMPLICIT), other.imap(IMPLICIT));
    for tls in [ours.clone(), dovecot.imap("tls = \"starttls\"")] {
        let world = mailed(World::setup().intake(&tls.replace(ca_in(&ours), ca_in(&theirs))), 1).await;
        dovecot.put(&letter(&world, 1));
        let troubles = doors::look(&world.app).await;
        assert!(matches!(troubles[..], [DoorError::Mailbox { source: ImapError::Tls(_), .. }]), "{troubles:?}");
        assert_eq!(remaining(&world, 1).await, [1]);
    }
    assert!(!dovecot.log().contains("Login: "), "{}", dovecot.log());
}

/// A scripted server and a world that takes its mail from there.
async fn scripted(conversations: Vec<Vec<Turn>>) -> (ImapServer, World) {
    let server = ImapServer::plays(conversations).await;
    let world = mailed(World::setup().intake(&server.imap("tls = \"none\"")), 1).await;
    (server, world)
}

fn entered(turns: &[Turn]) -> Vec<Turn> {
    [&ENTER[..], turns].concat()
}

#[tokio::test]
async fn a_search_that_was_refused_or_cut_off_has_not_found_nothing() {
    let found: Vec<Turn> = entered(&[
        ("UID SEARCH UNSEEN", "* SEARCH 4 3\r\nTAG OK\r\n"),
        ("UID FETCH 3", "* 1 FETCH (UID 3 BODY[]<0> \"Subject: x\")\r\nTAG OK\r\n"),
        ("UID STORE 3", "TAG OK\r\n"),
        // It was deleted meanwhile.
        ("UID FETCH 4", "TAG OK\r\n"),
        ("LOGOUT", "* BYE\r\nTAG OK\r\n"),
    ]);
    let failures: [&[Turn]; 6] = [
        &[("SEARCH", "TAG NO [SERVERBUG] not now\r\n"), ("LOGOUT", HANG_UP)],
        &[("SEARCH", "TAG BAD what\r\n"), ("LOGOUT", HANG_UP)],
        &[("SEARCH", HANG_UP)],
        &[("SEARCH", "* SEARCH\r\nHANG UP")],
        &[("SEARCH", "* SEARCH\r\n* BYE going down\r\nTAG OK\r\n")],
        &[
            ("SEARCH", "* SEARCH 3\r\nTAG OK\r\n"),
            ("FETCH", "* 1 FETCH (UID 3 BODY[]<0> {100}\r\nSubject: x\r\nHANG UP"),
        ],
    ];
    let mut conversations: Vec<Vec<Turn>> = failures.into_iter().map(entered).collect();
    conversations.push(found);
    conversations.push(entered(&[("UID SEARCH UID 5:*", "* SEARCH 4\r\nTAG OK\r\n"), ("LOGOUT", HANG_UP)]));
    let (server, world) = scripted(conversations).await;
    for _ in failures {
        let troubles = doors::look(&world.app).await;
        assert!(matches!(troubles[..], [DoorError::Mailbox { .. }]), "{troubles:?}");
    }
    look(&world).await;
    look(&world).await;
    assert!(server.said().last().is_some_and(|line| line.ends_with("LOGOUT")), "{:?}", server.said());
}

#[tokio::test]
async fn a_message_that_cannot_be_marked_was_taken_all_the_same() {
    let refuses: &[Turn] = &[
        ("UID SEARCH", "* SEARCH 3 4\r\nTAG OK\r\n"),
        ("UID FETCH 3", "* 1 FETCH (UID 3 BODY[]<0> \"Subject: x\")\r\nTAG OK\r\n"),
        ("UID STORE 3", "TAG NO [NOPERM] read only\r\n"),
        ("UID FETCH 4", "* 2 FETCH (UID 4 BODY[]<0> \"Subject: y\")\r\nTAG OK\r\n"),
        ("UID STORE 4", "TAG NO [NOPERM] read only\r\n"),
        ("LOGOUT", "* BYE\r\nTAG OK\r\n"),
    ];
    let (server, world) =
        scripted(vec![entered(refuses), entered(&[("UID SEARCH UID 5:*", "* SEARCH\r\nTAG OK\r\n")])]).await;
    let troubles = doors::look(&world.app).await;
    assert!(troubles[0].to_string().contains("mailbox `INBOX`"), "{troubles:?}");
    assert_eq!(server.said().len(), 9, "the second one did not wait for the first: {:?}", server.said());
    drop(doors::look(&world.app).await);
    assert!(server.said().iter().any(|line| line.contains("UID SEARCH UID 5:*")), "{:?}", server.said());
}

#[tokio::test]
async fn what_is_no_imap_or_too_much_of_it_ends_the_visit() {
    for (greeting, answer) in [
        ("220 this is SMTP\r\n", ""),
        ("* BYE full\r\n", ""),
        ("* PREAUTH you are somebody\r\n", ""),
        ("* OK ready\r\n", "* 1 FETCH (BODY[] {999999999}\r\n"),
        ("* OK ready\r\n", "TAG NO [AUTHENTICATIONFAILED] who is ana@example.org with hunter2\r\n"),
    ] {
        let server = ImapServer::greets(greeting, vec![vec![("LOGIN", answer)]]).await;
        let world = mailed(World::setup().intake(&server.imap("tls = \"none\"")), 1).await;
        let troubles = doors::look(&world.app).await;
        let said = format!("{troubles:?}");
        assert!(troubles.len() == 1 && !said.contains("ana@"), "{said}");
        assert_eq!(server.said().len(), usize::from(greeting.starts_with("* OK")), "{greeting}: {:?}", server.said());
    }
}

#[tokio::test]
async fn words_behind_the_answer_to_starttls_end_the_visit() {
    let injected = "TAG OK begin\r\n* CAPABILITY IMAP4rev1\r\n";
    for answer in [injected, "TAG NO no\r\n", "TAG BAD no\r\n"] {
        let server = ImapServer::plays(vec![vec![("STARTTLS", answer)]]).await;
        let world = mailed(World::setup().intake(&server.imap("tls = \"starttls\"")), 1).await;
        let troubles = doors::look(&world.app).await;
        assert!(matches!(troubles[..], [DoorError::Mailbox { .. }]), "{troubles:?}");
        assert_eq!(server.said(), ["t1 STARTTLS"], "no password went out in clear");
    }
}

#[tokio::test]
async fn a_run_and_the_daemon_may_visit_at_the_same_time() {
    const READERS: usize = 8;
    for taken in ["taken = \"keep\"", "taken = \"delete\""] {
        let (dovecot, world) = with(Dovecot::setup(), IMPLICIT, &[taken], READERS).await;
        for reader in 1..=READERS {
            dovecot.put(&letter(&world, reader));
        }
        let other = world.another().await;
        let (one, two) = tokio::join!(doors::look(&world.app), doors::look(&other));
        assert!(one.is_empty() && two.is_empty(), "{one:?} {two:?}");
        assert_eq!((remaining(&world, READERS).await, letters(&world).await), (vec![], READERS as i64));
        assert!(dovecot.flags("INBOX").iter().all(|flags| flags == "S"), "{:?}", dovecot.flags("INBOX"));
        look(&world).await;
    }
}

#[tokio::test]
async fn a_mailbox_that_does_not_answer_keeps_no_alert_waiting() {
    let server = ImapServer::greets("", vec![vec![]]).await;
    let start = Timestamp::now().checked_sub(SignedDuration::from_mins(30)).expect("our time");
    let world = World::setup().at(start).intake(&server.imap("tls = \"none\"")).start().await;
    world.begin(1).await;
    world.feed_has(&[post("Coalition condemns a transfer").at(Timestamp::now())]);
    let mut run = tokio::process::Command::from(world.program(&["run"]));
    let run = run.stdout(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
    world.relay.wait_for_messages(1).await;
    assert_eq!(world.mails()[0].subject, "Condemnation: Coalition condemns a transfer");
    drop(run);
}
