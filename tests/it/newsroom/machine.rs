//! The road of an alert as somebody at the machine goes it: what the commands show, ask, do, and say.

use std::process::Stdio;

use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{STAFF, told};
use crate::world::{Setup, World, recipients, subjects};

const ALERT: [&str; 5] = ["alert", "news", "-s", "Statement", "statement.md"];

/// A house of today, for programs have the system's clock, with a statement at hand.
async fn house(setup: Setup) -> World {
    let world = setup.at(Timestamp::now()).staff(STAFF).start().await;
    world.readers(2).await;
    world.write("statement.md", "The coalition **condemns** the transfer.\n");
    world.write("right.md", "The *northern* district.\n");
    world
}

fn with<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [words, more].concat()
}

#[tokio::test]
async fn a_preview_shows_what_a_live_send_would_do_and_does_nothing() {
    let world = house(World::setup()).await;
    let before = world.rows().await;
    let shown = world.tidings(&with(&ALERT, &["--preview", "--hold", "2m"])).await.well();
    for words in [
        "subject     Statement\n",
        "to          2 readers of Coalition news\n",
        "goes        in 2m, unless somebody stops it\n",
        "withdrawal  ready: “Withdrawn: Statement”\n",
        "The coalition **condemns** the transfer.\n",
        "We withdraw “Statement”\n=====",
        "\nNothing was sent.\n",
    ] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
    let json = world.tidings(&with(&ALERT, &["--preview", "--json"])).await.json();
    assert_eq!((&json["readers"], &json["needs_second_person"]), (&2.into(), &false.into()));
    let changes = before.changes(&world.rows().await);
    assert!(changes.is_empty() && world.mails().is_empty(), "{}", changes.join("\n"));
}

#[tokio::test]
async fn test_drill_and_live_are_called_by_different_words() {
    let world = house(World::setup()).await;
    let unasked = world.tidings(&ALERT).await;
    assert!(unasked.err.starts_with("LIVE: this reaches readers\n"), "{}", unasked.err);
    let unasked = world.tidings(&with(&ALERT, &["--drill"])).await;
    assert!(unasked.err.starts_with("DRILL: this reaches staff only, and no reader\n"), "{}", unasked.err);
    assert!(unasked.err.contains("  to          2 of staff, and to no reader\n"), "{}", unasked.err);
    assert!(world.mails().is_empty());

    let drill = world.tidings(&with(&ALERT, &["--drill", "--yes"])).await.well();
    assert_eq!(drill, "drill, issue 1, to 2 of staff and to no reader; sent 2, deferred 0, refused 0\n");
    let mails = world.new_mails();
    assert!(recipients(&mails).iter().all(|to| to.starts_with("chief@") || to.starts_with("desk@")), "{mails:?}");
    assert!(subjects(&mails).iter().all(|subject| subject.starts_with("[Drill] ")), "{:?}", subjects(&mails));
    let both = world.tidings(&with(&ALERT, &["--drill", "--test", "a@example.org"])).await;
    assert_eq!(both.code, 2);
    let help = world.tidings(&["alert", "--help"]).await.well();
    for words in ["TEST: ", "DRILL: ", "LIVE: ", "--hold", "the list's name"] {
        assert!(help.contains(words), "{words} is not in {help}");
    }
    for bad in ["2", "2 minutes", "2d", "-1m"] {
        let refused = world.tidings(&with(&ALERT, &[&format!("--hold={bad}")])).await;
        assert_eq!(refused.code, 2, "{bad}: {}", refused.err);
    }
}

#[tokio::test]
async fn somebody_who_waits_in_the_window_sends_when_it_has_passed() {
    let world = house(World::setup()).await;
    let sent = world.tidings(&with(&ALERT, &["--yes", "--hold", "1s"])).await;
    assert_eq!((sent.code, sent.out.as_str()), (0, "issue 1 to 2 readers; sent 2, deferred 0, refused 0\n"));
    assert_eq!(sent.err, "Issue 1 goes in 1s. Ctrl-C stops it.\n");
    let mails = world.mails();
    let order: Vec<_> = subjects(&mails).iter().map(|subject| subject.starts_with("An alert goes out")).collect();
    assert_eq!(order, [true, true, false, false, false, false], "staff, then readers, then the report");
}

#[tokio::test]
async fn ctrl_c_in_the_window_stops_it_and_a_kill_does_not() {
    let world = house(World::setup()).await;
    for (signal, state) in [("-INT", "held"), ("-KILL", "queued")] {
        let mut command = Command::from(world.program(&with(&ALERT, &["--yes", "--hold", "1h", "--key", state])));
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let line = lines.next_line().await.expect("text").expect("it says that it waits");
        assert!(line.ends_with("goes in 1h. Ctrl-C stops it."), "{line}");
        let id = child.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        assert!(!child.wait().await.expect("it ends").success());
        assert_eq!(world.issues().await.last().expect("an issue").state.as_str(), state);
    }
    assert!(told(&world, "desk@example.org").subject.starts_with("An alert goes out in 60 minutes"));
    assert!(world.mails().iter().any(|mail| mail.subject == "An alert is stopped: “Statement”"));
    assert!(recipients(&world.mails()).iter().all(|to| !to.starts_with("reader")));
}

#[tokio::test]
async fn what_was_sent_is_corrected_and_withdrawn_by_its_number() {
    let world = house(World::setup()).await;
    world.tidings(&with(&ALERT, &["--yes"])).await.well();
    world.new_mails();
    let words = ["issues", "correct", "1", "right.md", "-s", "It was the north", "--wrong", "We said south."];
    let shown = world.tidings(&with(&words, &["--preview"])).await.well();
    assert!(shown.contains("to          2 readers who were mailed “Statement”\n"), "{shown}");
    assert!(shown.contains("subject     Correction: It was the north\n"), "{shown}");
    let unasked = world.tidings(&words).await;
    assert_eq!((unasked.code, world.new_mails().len()), (1, 0));
    let sent = world.tidings(&with(&words, &["--yes"])).await.well();
    assert_eq!(sent, "issue 2 to 2 readers; sent 2, deferred 0, refused 0\n");
    let retract = ["issues", "retract", "1", "--yes"];
    assert_eq!(world.tidings(&retract).await.well(), "issue 3 to 2 readers; sent 2, deferred 0, refused 0\n");
    let again = world.tidings(&retract).await;
    assert!(again.err.starts_with("error: this alert was made before: issue 3, queued\n"), "{}", again.err);
    let mails = world.mails_to("reader1@example.org");
    assert_eq!(subjects(&mails), ["Statement", "Correction: It was the north", "Withdrawn: Statement"]);
    let shown = world.tidings(&["issues", "show", "3"]).await.well();
    assert!(shown.contains("  follows issue 1\n"), "{shown}");
}

#[tokio::test]
async fn the_second_person_is_named_at_the_machine() {
    let world = house(World::setup().staff("second_person = true")).await;
    let nameless = world.tidings(&with(&ALERT, &["--yes"])).await;
    assert_eq!(
        nameless.err,
        "error: an alert needs a second person, so it must be said who wants this\n  \
         hint: say who you are: --by ADDRESS, one of `notify` in [staff] or who may send at the desk\n"
    );
    let asked = world.tidings(&with(&ALERT, &["--yes", "--by", "desk@example.org"])).await.well();
    assert_eq!(asked, "issue 1 waits for a second person, who was sent a link; nothing has gone to readers\n");
    let own = world.tidings(&["issues", "approve", "1", "--by", "Desk@Example.org", "--yes"]).await;
    assert!(own.err.starts_with("error: whoever wants issue 1 out cannot approve it as well\n"), "{}", own.err);
    let stranger = world.tidings(&["issues", "approve", "1", "--by", "reader1@example.org"]).await;
    assert!(stranger.err.contains("`r***@e***.org` is not one of `notify` in [staff]"), "{}", stranger.err);
    let approve = ["issues", "approve", "1", "--by", "chief@example.org"];
    let unasked = world.tidings(&approve).await;
    assert!(unasked.err.contains("LIVE: this reaches readers\n  subject     Statement\n"), "{}", unasked.err);
    assert!(unasked.err.contains("give --yes to mail 2 readers of Coalition news without asking"), "{}", unasked.err);
    let approved = world.tidings(&with(&approve, &["--yes"])).await.well();
    assert_eq!(approved, "issue 1 is queued to 2 readers; `tidings run` or `serve` mails it\n");
    world.tidings(&["run"]).await.well();
    assert_eq!(subjects(&world.mails_to("reader1@example.org")), ["Statement"]);
}
