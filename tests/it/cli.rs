//! The program as a person or cron runs it: what it prints, and the code it ends with.

use std::{path::Path, process::Command};

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{
    World,
    feed_server::Response,
    program::{ended, ended_with, tidings},
    recipients,
    relay::{Answer, Stage},
    subjects,
};

/// A world whose first look was two hours ago, so that the program, which has the system's clock, finds a slot missed
/// and the feed due.
async fn two_hours_ago() -> World {
    let start = Timestamp::now().checked_sub(SignedDuration::from_hours(2)).expect("our time");
    let world = World::setup().at(start).list("digest = \"@hourly\"").start().await;
    world.begin(2).await;
    world.clock.advance(SignedDuration::from_mins(119));
    world
}

/// A world that ended in 2024, with an alert and a digest that were sent.
async fn in_2024() -> World {
    let world = World::new().await;
    world.begin(2).await;
    let breaking = world.post("Coalition condemns the fifth transfer");
    world.next_look(&[world.post("Webinar on clearance"), breaking]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    world
}

async fn run_in(folder: &Path, arguments: &[&str]) -> crate::world::program::Ended {
    let mut command = tidings(folder);
    command.args(arguments);
    ended(command).await
}

#[tokio::test]
async fn run_says_in_its_last_line_what_it_did() {
    let world = two_hours_ago().await;
    let posts = ["Coalition condemns a transfer", "Webinar", "Report"].map(|title| world.post(title));
    world.feed_has(&posts);
    let ran = world.tidings(&["run"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "collected 3 posts, 1 alert, 1 digest; sent 4, deferred 0, refused 0\n");
    let mails = world.mails();
    let mut subjects = subjects(&mails);
    subjects.sort_unstable();
    assert_eq!(subjects[0], "Condemnation: Coalition condemns a transfer");
    assert_eq!(subjects[2], "Webinar, and 1 more | Coalition news");
    // Staff have a report of the alert.
    assert_eq!(
        world.tidings(&["run"]).await.last_line(),
        "collected 0 posts, 0 alerts, 0 digests; sent 1, deferred 0, refused 0"
    );
    for _ in 0..10 {
        let ran = world.tidings(&["run"]).await;
        assert_eq!(ran.last_line(), "collected 0 posts, 0 alerts, 0 digests; sent 0, deferred 0, refused 0");
    }
    assert_eq!(world.mails().len(), 5);
}

#[tokio::test]
async fn the_first_run_says_why_it_sends_nothing() {
    let world = World::setup().at(Timestamp::now()).start().await;
    world.readers(2).await;
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    assert_snapshot!(world.tidings(&["run"]).await.well(), @r"
    feed `site`: first look: 1 posts are known from now on and none of them is mailed
    collected 0 posts, 0 alerts, 0 digests; sent 0, deferred 0, refused 0
    ");
    assert_eq!(world.mails().len(), 0);
}

#[tokio::test]
async fn run_tells_programs_the_same_as_json() {
    let world = two_hours_ago().await;
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    let ran = world.tidings(&["run", "--json"]).await.json();
    assert_eq!((&ran["posts"], &ran["alerts"], &ran["digests"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!((&ran["delivered"]["sent"], &ran["delivered"]["trouble"]), (&2.into(), &Value::Null));
    assert!(ran["notes"][0].as_str().is_some_and(|note| note.contains("no new posts")), "{ran}");
}

#[tokio::test]
async fn runs_that_cron_starts_at_the_same_time_send_everything_once() {
    let world = two_hours_ago().await;
    let readers: String = (10..60).map(|n| format!("reader{n}@example.org\n")).collect();
    world.write("subscribers/news.csv", &format!("address\n{readers}"));
    let posts = ["Coalition condemns a transfer", "Webinar", "Report"].map(|title| world.post(title));
    world.feed_has(&posts);
    let runs = tokio::join!(world.tidings(&["run"]), world.tidings(&["run"]), world.tidings(&["run"]));
    for run in [&runs.0, &runs.1, &runs.2] {
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    }
    world.tidings(&["run"]).await.well();
    let mails = world.mails();
    let mut each: Vec<(&str, &str)> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each.len(), mails.len(), "nobody gets anything twice");
    // Who joins by the file while another run queues an issue may miss that issue, but not the one after it.
    assert!(recipients(&mails).iter().filter(|to| **to == "reader1@example.org").count() == 2);
    assert_eq!(subjects(&world.mails_to("reader2@example.org")).len(), 2);
}

#[tokio::test]
async fn init_makes_what_a_house_needs_and_keeps_what_is_there() {
    let folder = TempDir::new().expect("a temporary folder");
    let made = run_in(folder.path(), &["init", "house"]).await.well();
    assert_snapshot!(made, @"
      made  house/config.toml
      made  house/subscribers/README.md
      made  house/subscribers/example.csv
      made  house/templates/README.md

    Now edit config.toml, and look whether all is well: tidings check
    ");
    let config = folder.path().join("house/config.toml");
    std::fs::write(&config, std::fs::read_to_string(&config).expect("config.toml") + "# ours\n").expect("written");
    let kept = run_in(folder.path(), &["init", "house"]).await.well();
    assert_eq!(kept.matches("  kept  ").count(), 4, "{kept}");
    assert!(std::fs::read_to_string(&config).expect("config.toml").ends_with("# ours\n"));
    // What it made is a configuration that works as soon as the relay's password is there.
    let mut command = tidings(&folder.path().join("house"));
    command.args(["issues", "list"]).env("SMTP_PASSWORD", "secret");
    assert_snapshot!(ended(command).await.well().trim(), @"issue  list  kind  state  readers  made  subject");
}

#[tokio::test]
async fn check_tells_all_that_is_ill_at_once() {
    let world = World::new().await;
    world.feed_has(&[world.post("Webinar on clearance")]);
    let port = world.relay.port();
    let well = world.tidings(&["check"]).await.well().replace(&port.to_string(), "25");
    assert_snapshot!(well, @"
      well  configuration: 1 lists, 1 feeds
      well  database: sqlite://data/tidings.db
      well  templates: all of them render sample content
      well  feed `site`: 1 posts, “Webinar on clearance” first
      well  relay `main`: 127.0.0.1:25 takes us
    ");
    world.site.serve(crate::world::FEED, Response::ok("out of order").status(503));
    world.relay.answer(Stage::Connect, Answer::Reply("554 5.3.2 no service"));
    world.write("templates/alert.html", "{{ post.titel }}");
    let ill = world.tidings(&["check"]).await;
    assert_eq!((ill.code, ill.err.as_str()), (1, ""), "{}", ill.out);
    assert_eq!(ill.out.matches("ILL ").count(), 3, "{}", ill.out);
    assert!(
        ill.out.contains("ILL   feed `site`: ")
            && ill.out.contains("alert.html")
            && ill.out.contains("ILL   relay `main`: "),
        "{}",
        ill.out
    );
}

#[tokio::test]
async fn schedule_says_a_line_in_words_and_its_next_times() {
    let folder = TempDir::new().expect("a temporary folder");
    let from = ["--from", "2026-03-27T12:00:00Z", "-n", "3"];
    let line = [&["schedule", "30 2 * * *", "--zone", "europe/paris"][..], &from].concat();
    assert_snapshot!(run_in(folder.path(), &line).await.well(), @"
    at 02:30 every day, Paris time
      Sat 28 Mar 2026 02:30 CET
      Sun 29 Mar 2026 03:00 CEST
      Mon 30 Mar 2026 02:30 CEST
    ");
    let json = run_in(folder.path(), &[&line[..], &["--json"]].concat()).await.json();
    assert_eq!((&json["zone"], &json["next"][1]), (&"Europe/Paris".into(), &"2026-03-29T01:00:00Z".into()));
    let wrong = run_in(folder.path(), &["schedule", "61 * * * *"]).await;
    assert_eq!((wrong.code, wrong.err.as_str()), (2, "error: `61` in the minute field: allowed is 0 to 59\n"));
}

#[tokio::test]
async fn readers_are_imported_exported_added_found_and_removed() {
    let world = World::new().await;
    world.write("people.csv", "Name;E-Mail\nAna Reader;ana@example.org\n\"Reader, Bo\";bo@example.com\n");
    let imported = world.tidings(&["subscribers", "import", "news", "people.csv"]).await.well();
    assert_eq!(imported, "2 readers read; 2 joined, 0 unchanged, 0 passed over\n");
    let again = world.tidings(&["subscribers", "import", "news", "people.csv", "--json"]).await.json();
    assert_eq!((&again["joined"], &again["unchanged"]), (&0.into(), &2.into()));

    let added = world.tidings(&["subscribers", "add", "news", "cai@example.net", "--name", "Cai"]).await.well();
    assert_eq!(added, "c***@e***.net gets `news` from now on\n");
    let again = world.tidings(&["subscribers", "add", "news", "CAI@example.net"]).await.well();
    assert_eq!(again, "C***@e***.net gets `news` already\n");
    let removed = world.tidings(&["subscribers", "remove", "news", "bo@example.com"]).await.well();
    assert_eq!(removed, "b***@e***.com gets `news` no more\n");
    let twice = world.tidings(&["subscribers", "remove", "news", "bo@example.com"]).await;
    assert_eq!((twice.code, twice.err.as_str()), (1, "error: b***@e***.com is not on `news`\n"));
    let back = world.tidings(&["subscribers", "add", "news", "bo@example.com"]).await;
    assert_eq!(back.code, 1);
    assert!(back.err.contains("had left `news`; if they asked to come back, say so with --asked-anew"), "{}", back.err);

    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let found =
        world.tidings(&["subscribers", "find", "example", "--reveal"]).await.well().replace(&today, "2024-04-24");
    assert_snapshot!(found, @"
      address          name        list  state   since       consent  why ended
      ana@example.org  Ana Reader  news  active  2024-04-24  import
      bo@example.com   Reader, Bo  news  ended   2024-04-24  import   removed by staff
      cai@example.net  Cai         news  active  2024-04-24  staff
    ");
    assert!(!world.tidings(&["subscribers", "find", "cai"]).await.well().contains("cai@"), "masked unless asked for");
    let found = world.tidings(&["subscribers", "find", "cai", "--json"]).await.json();
    assert_eq!((&found[0]["address"], &found[0]["state"]), (&"c***@e***.net".into(), &"active".into()));

    let exported = world.tidings(&["subscribers", "export", "news"]).await.well();
    assert!(
        exported.starts_with("address,name,state,consent,began_at,ended_at\nana@example.org,Ana Reader,active,import,")
    );
    assert!(exported.contains("\nbo@example.com,\"Reader, Bo\",ended,import,"), "{exported}");
    world.tidings(&["subscribers", "export", "news", "backup.csv"]).await.well();
    assert_eq!(std::fs::read_to_string(world.file("backup.csv")).expect("the file"), exported);
    let back = world.tidings(&["subscribers", "import", "news", "backup.csv", "--skip-bad"]).await.well();
    assert!(back.ends_with("2 readers read; 0 joined, 2 unchanged, 1 passed over\n"), "{back}");
    let asked = world.tidings(&["subscribers", "add", "news", "bo@example.com", "--asked-anew"]).await.well();
    assert_eq!(asked, "b***@e***.com gets `news` from now on\n");
}

#[tokio::test]
async fn suppressions_are_added_listed_and_lifted() {
    let world = World::new().await;
    let added =
        world.tidings(&["suppressions", "add", "ana@example.org", "--reason", "wrote to us by post"]).await.well();
    assert_eq!(added, "a***@e***.org gets nothing more\n");
    world.tidings(&["suppressions", "add", "bo@example.com", "--list", "news"]).await.well();
    let twice = world.tidings(&["suppressions", "add", "ANA@example.org"]).await;
    assert_eq!(twice.code, 1);
    assert!(twice.err.contains("suppressed already"), "{}", twice.err);
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let shown = world.tidings(&["suppressions", "list", "--reveal"]).await.well().replace(&today, "2024-04-24");
    assert_snapshot!(shown, @"
      address          list  kind   since       why
      bo@example.com   news  staff  2024-04-24  staff said so
      ana@example.org  all   staff  2024-04-24  wrote to us by post
    ");
    assert!(!world.tidings(&["suppressions", "list"]).await.well().contains("ana@"), "masked unless asked for");
    let lifted = world.tidings(&["suppressions", "lift", "ana@example.org"]).await.well();
    assert_eq!(lifted, "a***@e***.org can be written to again\n");
    let other = world.tidings(&["suppressions", "lift", "bo@example.com"]).await;
    assert_eq!((other.code, other.err.as_str()), (1, "error: b***@e***.com is not suppressed there\n"));
    world.tidings(&["suppressions", "lift", "bo@example.com", "--list", "news"]).await.well();
    assert_eq!(world.tidings(&["suppressions", "list", "--json"]).await.json(), serde_json::json!([]));
}

#[tokio::test]
async fn issues_are_listed_shown_and_previewed() {
    let world = in_2024().await;
    assert_snapshot!(world.tidings(&["issues", "list"]).await.well(), @"
      issue  list  kind    state   readers  made               subject
          2  news  digest  queued        2  2024-04-29 09:00Z  Webinar on clearance | Coalition news
          1  news  alert   queued        2  2024-04-24 12:10Z  Condemnation: Coalition condemns the fifth transfer
    ");
    assert_eq!(world.tidings(&["issues", "list", "-n", "1", "--json"]).await.json()[0]["id"], 2);
    assert_snapshot!(world.tidings(&["issues", "show", "1"]).await.well(), @"
    issue 1, alert of `news`: Condemnation: Coalition condemns the fifth transfer
      queued
      sent 2

      2024-04-24 12:10:00Z  queued: rule `condemnation`: “condemns” in the title; to 2 readers
    ");
    let shown = world.tidings(&["issues", "show", "2", "--json"]).await.json();
    assert_eq!((&shown["issue"]["kind"], &shown["deliveries"]["sent"]), (&"digest".into(), &2.into()));
    assert_eq!(shown["ledger"][0]["event"], "queued");

    let mail = &world.mails_to("reader1@example.org")[1];
    let preview = world.tidings(&["issues", "preview", "2"]).await.well();
    let text = mail.to_nobody(&mail.text);
    assert_eq!(preview.trim(), format!("Subject: {}\n\n{}", mail.subject, text).trim());
    world.tidings(&["issues", "preview", "2", "--out", "look"]).await.well();
    let page = std::fs::read_to_string(world.file("look/preview.html")).expect("a page to look at");
    assert!(page.contains("Webinar on clearance"));
    crate::world::check::check_message(&std::fs::read(world.file("look/preview.eml")).expect("a whole message"));

    let nothing = world.tidings(&["issues", "preview", "news"]).await;
    assert_eq!((nothing.code, nothing.out.as_str()), (1, ""));
    assert_eq!(nothing.err, "error: there is no digest of `news` to show now: no new posts\n");
    let missing = world.tidings(&["issues", "show", "99"]).await;
    assert_eq!((missing.code, missing.err.as_str()), (1, "error: issue 99 does not exist\n"));
    let sent = world.tidings(&["issues", "release", "1"]).await;
    assert_eq!(sent.code, 1);
    assert!(sent.err.starts_with("error: issue 1 is queued, not held\n  hint: "), "{}", sent.err);
}

#[tokio::test]
async fn deliveries_tell_who_got_what() {
    let world = in_2024().await;
    assert_snapshot!(world.tidings(&["deliveries", "list", "--address", "reader1@example.org"]).await.well(), @"
      address        state  attempts  changed               subject                                              answer
      r***@e***.org  sent          1  2024-04-29 09:00:00Z  Webinar on clearance | Coalition news                250 2.0.0 taken
      r***@e***.org  sent          1  2024-04-24 12:10:00Z  Condemnation: Coalition condemns the fifth transfer  250 2.0.0 taken
    ");
    let all = world.tidings(&["deliveries", "list", "--issue", "2", "--state", "sent", "--json"]).await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert_eq!(world.tidings(&["deliveries", "retry", "--issue", "2"]).await.well(), "due again at once: 0\n");
    let all = world.tidings(&["deliveries", "drop"]).await;
    assert_eq!((all.code, all.err.as_str()), (1, "error: say which deliveries: --issue, --state or --address\n"));
}

#[tokio::test]
async fn explain_walks_from_the_feed_to_the_relays_answer() {
    let world = in_2024().await;
    assert_snapshot!(world.tidings(&["explain", "fifth", "reader1@example.org"]).await.well(), @"
    Post 3: “Coalition condemns the fifth transfer”.
    First seen in the feed `site` at 2024-04-24T12:10:00Z.
    It is news: seen for the first time now; dated 2024-04-24 12:00 UTC.
    Its verdict is breaking: rule `condemnation`: “condemns” in the title.
    r***@e***.org is on `news` since 2024-04-24T12:00:00Z (consent: staff).
    It is in the alert of `news`, issue 1, queued at 2024-04-24T12:10:00Z to 2 readers.
    The delivery to r***@e***.org was queued at 2024-04-24T12:10:00Z, tried once, and is sent since 2024-04-24T12:10:00Z: 250 2.0.0 taken.
    ");
    let stranger =
        world.tidings(&["explain", "https://example.org/webinar-on-clearance/", "x@example.org", "--json"]).await;
    let steps = stranger.json();
    assert_eq!(steps[4], "x***@e***.org was never on the list `news`.");
    assert_eq!(
        steps[6],
        "x***@e***.org was not among its readers when it was queued: nothing is known of them: they never asked, or were erased."
    );
    let old = world.tidings(&["explain", "old story", "reader1@example.org"]).await.well();
    assert!(old.contains("one of 1 post on the first look at the feed, which sends nothing"), "{old}");
    assert!(old.ends_with("So it goes into no issue of `news`.\n"), "{old}");
    let unknown = world.tidings(&["explain", "nothing like it", "x@example.org"]).await;
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("no post was ever seen whose link, number or title is like `nothing like it`"));
    let several = world.tidings(&["explain", "e", "x@example.org"]).await;
    assert!(several.err.contains("several posts are like it: 3 “Coalition"), "{}", several.err);
}

#[tokio::test]
async fn the_feeds_of_a_site_are_found_and_shown_with_the_lines_that_name_them() {
    let now = Timestamp::now();
    let world = World::setup().at(now).start().await;
    world.feed_has(&[world.post("Coalition condemns a transfer"), world.post("Webinar")]);
    let page = "<html><link rel=alternate type='application/rss+xml' href='/feed/'>";
    world.site.serve("/", Response::ok(page));
    let home = world.site.url("/");
    let day = now.strftime("%Y-%m-%d").to_string();
    let minute = now.strftime("%Y-%m-%d %H:%M").to_string();
    let tell =
        |text: String| text.replace(home.as_str(), "http://site/").replace(&minute, "NOW").replace(&day, "TODAY");
    assert_snapshot!(tell(world.tidings(&["feeds", "try", home.as_str()]).await.well()), @r#"
    http://site/ is a web page. Its feeds, to be put into config.toml:

    RSS, “Example Coalition – News”, 2 posts, the newest of TODAY: http://site/feed/
    [[feeds]]
    name = "site-2"
    url = "http://site/feed/"
    "#);
    let found = world.tidings(&["feeds", "try", home.as_str(), "--json"]).await.json();
    assert_eq!((&found[0]["posts"], &found[0]["format"]), (&Value::from(2), &Value::from("rss")));

    let url = world.site.url("/feed/");
    assert_snapshot!(tell(world.tidings(&["feeds", "try", url.as_str()]).await.well()), @r#"
    RSS, “Example Coalition – News”, 2 posts, the newest of TODAY: http://site/feed/
      TODAY  Coalition condemns a transfer
                  news: seen for the first time now; dated NOW UTC
                  breaking: rule `condemnation`: “condemns” in the title
      TODAY  Webinar
                  news: seen for the first time now; dated NOW UTC
                  routine: no urgent rule matches
    2 posts

    [[feeds]]
    name = "site-2"
    url = "http://site/feed/"
    "#);
    let state = world.tidings(&["feeds", "list", "--json"]).await.json();
    assert_eq!((&state[0]["checked_at"], &state[0]["baseline_at"]), (&Value::Null, &Value::Null), "nothing is stored");

    // Without a scheme it is asked for by https, which this site does not speak.
    let by_https = world.tidings(&["feeds", "try", home.as_str().trim_start_matches("http://")]).await;
    assert!(by_https.code == 1 && by_https.err.contains("cannot fetch from"), "{}", by_https.err);
    world.site.serve("/feed/", Response::ok(page));
    assert_snapshot!(tell(world.tidings(&["feeds", "try", "site"]).await.err), @r#"
    error: not a feed: it is a web page; its feed may be at `http://site/feed/`
      hint: set `url = "http://site/feed/"` for this feed in config.toml; `tidings feeds try http://site/feed/` shows what is in it
    "#);
    world.site.serve("/feed/", Response::ok("<html>"));
    let bare = world.tidings(&["feeds", "try", url.as_str()]).await.well();
    assert_eq!(
        tell(bare),
        "http://site/feed/ is a web page. It names no feed, and there is none in the usual places.\n"
    );
}

#[tokio::test]
async fn feeds_are_listed_tried_and_their_held_posts_decided() {
    let world = World::setup().feed("flood = 1").start().await;
    world.begin(1).await;
    world.next_look(&[world.post("Webinar"), world.post("Report")]).await;
    assert_snapshot!(world.tidings(&["feeds", "list"]).await.well(), @"
      feed  looked at          next look          health
      site  2024-04-24 12:10Z  2024-04-24 12:20Z  well
    ");
    assert_eq!(world.tidings(&["feeds", "list", "--json"]).await.json()[0]["failures"], 0);
    assert_snapshot!(world.tidings(&["feeds", "try", "site"]).await.well(), @"
      2024-04-24  Webinar
                  known: it is known already
                  routine: no urgent rule matches
      2024-04-24  Report
                  known: it is known already
                  routine: no urgent rule matches
    2 posts
    ");
    let tried = world.tidings(&["feeds", "try", "site", "--json"]).await.json();
    assert_eq!((tried.as_array().map(Vec::len), &tried[0]["standing"]), (Some(2), &Value::Null));
    assert_snapshot!(world.tidings(&["feeds", "held", "site"]).await.well(), @"
      post  date        verdict  title    held because
         3  2024-04-24  routine  Report   2 new posts in one look; more than flood = 1
         2  2024-04-24  routine  Webinar  2 new posts in one look; more than flood = 1
    ");
    assert_eq!(world.tidings(&["feeds", "release", "site", "2"]).await.well(), "1 post will be mailed\n");
    assert_eq!(world.tidings(&["feeds", "dismiss", "site"]).await.well(), "1 post will not be mailed\n");
    let unknown = world.tidings(&["feeds", "held", "sight"]).await;
    assert_eq!((unknown.code, unknown.err.as_str()), (1, "error: there is no feed `sight`; there is: site\n"));
}

#[tokio::test]
async fn an_alert_is_mailed_once_and_never_unasked() {
    let world = World::setup().at(Timestamp::now()).start().await;
    world.readers(2).await;
    world.write("statement.md", "The coalition **condemns** the transfer.\n");
    let words = ["alert", "news", "-s", "Statement", "statement.md"];
    let with = |more: &[&'static str]| [&words[..], more].concat();

    let unasked = world.tidings(&words).await;
    assert_eq!((unasked.code, world.mails().len()), (1, 0));
    assert!(unasked.err.contains("give --yes to mail 2 readers of Coalition news without asking"), "{}", unasked.err);
    assert!(unasked.err.contains("The coalition"), "the statement is shown first: {}", unasked.err);

    let test = world.tidings(&with(&["--test", "press@example.net"])).await.well();
    assert_eq!(test, "a test to one address, to no list; sent 1, deferred 0, refused 0\n");
    assert_eq!(subjects(&world.new_mails()), ["[Test] Statement"]);

    let sent = world.tidings(&with(&["--yes"])).await.well();
    assert_eq!(sent, "issue 1 to 2 readers; sent 2, deferred 0, refused 0\n");
    assert_eq!(recipients(&world.new_mails()), ["desk@example.org", "reader1@example.org", "reader2@example.org"]);
    let again = world.tidings(&with(&["--yes"])).await;
    assert_eq!((again.code, world.new_mails().len()), (1, 0));
    assert_eq!(
        again.err,
        "error: this alert was made before: issue 1, queued\n  hint: to send it once more on purpose, give another --key\n"
    );
    let piped = world.program(&["alert", "news", "-s", "By pipe", "-", "--yes", "--key", "k", "--json"]);
    let piped = ended_with(piped, "A statement of *one* line.\n").await.json();
    assert_eq!((&piped["readers"], &piped["delivered"]["sent"]), (&2.into(), &2.into()));
    let nowhere = world.tidings(&["alert", "nowhere", "-s", "Statement", "statement.md"]).await;
    assert_eq!((nowhere.code, nowhere.err.as_str()), (1, "error: there is no list `nowhere`; there is: news\n"));
    let absent = world.tidings(&["alert", "news", "-s", "Statement", "absent.md"]).await;
    assert!(absent.err.starts_with("error: cannot read the statement `absent.md`\n  caused by: No such file"));
}

#[tokio::test]
async fn a_mail_servers_pipe_is_never_told_to_bounce() {
    let world = in_2024().await;
    let mail = &world.mails_to("reader1@example.org")[0];
    let message = "Subject: unsubscribe\r\n\r\n".to_owned();
    let token = mail.leave_link().rsplit('/').next().expect("a token");
    let address = format!("news+leave.{token}@example.org");
    let taken = ended_with(world.program(&["intake", "--to", &address]), &message).await.well();
    assert_eq!(taken, "left\n");
    let other = ended_with(world.program(&["intake", "--to", "news@example.org"]), &message).await.well();
    assert!(other.starts_with("nothing done: "), "{other}");
    world.write("config.toml", "base_url = ");
    let broken = ended_with(world.program(&["intake", "--to", &address]), &message).await;
    assert_eq!(broken.code, 75);
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_wrong_configuration_with_3() {
    let folder = TempDir::new().expect("a temporary folder");
    for wrong in [
        &[][..],
        &["nonsense"],
        &["run", "--nonsense"],
        &["run", "--backfill", "some"],
        &["issues", "show", "one"],
        &["deliveries", "list", "--state", "lost"],
        &["alert", "news"],
    ] {
        let ended = run_in(folder.path(), wrong).await;
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{wrong:?}");
        assert!(ended.err.contains("Usage: tidings") || ended.err.contains("--help"), "{}", ended.err);
    }
    let absent = run_in(folder.path(), &["run"]).await;
    assert_eq!(absent.code, 3);
    assert!(absent.err.contains("`tidings init` makes one"), "{}", absent.err);
    let elsewhere = run_in(folder.path(), &["--config", "elsewhere.toml", "run"]).await;
    assert!(elsewhere.code == 3 && elsewhere.err.contains("elsewhere.toml"), "{}", elsewhere.err);
    let version: Command = {
        let mut command = tidings(folder.path());
        command.arg("--version");
        command
    };
    assert_eq!(ended(version).await.well(), format!("tidings {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_reader_of_our_output_may_stop_reading() {
    let world = World::new().await;
    world.begin(3).await;
    for arguments in [&["subscribers", "export", "news"][..], &["issues", "list"], &["subscribers", "find", "reader"]] {
        let mut command = world.program(arguments);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        command.stdout(writer).stderr(std::process::Stdio::piped());
        let output = tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic");
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    }
}

#[tokio::test]
async fn an_export_is_for_its_owners_eyes_and_replaces_the_old_one_whole() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    world.begin(2).await;
    world.write("readers.csv", "an older export, open to all");
    world.tidings(&["subscribers", "export", "news", "readers.csv"]).await.well();
    let text = std::fs::read_to_string(world.file("readers.csv")).expect("the export");
    assert!(text.contains("reader2@example.org"), "{text}");
    let mode = std::fs::metadata(world.file("readers.csv")).expect("the export").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
