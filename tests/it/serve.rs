//! The daemon as its own process: it finds, alerts and answers by itself, and ends when it is told to.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tidings::domain::subscription::SubscriptionState;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::UnixStream,
    process::{Child, ChildStderr, Command},
};

use crate::world::{World, address_of, doors::Client, recipients};

/// A daemon that is killed with its test.
pub(crate) struct Daemon {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// Where its pages are.
    pub(crate) pages: String,
}

impl Daemon {
    pub(crate) async fn start(world: &World) -> Self {
        let mut command = Command::from(world.program(&["serve"]));
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the daemon starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        loop {
            let line = log.next_line().await.expect("a log").expect("the daemon lives");
            if let Some((_, pages)) = line.split_once("serving on ") {
                return Self { child, pages: pages.trim().to_owned(), log };
            }
        }
    }

    /// Tells it to end, and gives what it logged meanwhile.
    pub(crate) async fn end(mut self) -> (ExitStatus, Vec<String>) {
        let id = self.child.id().expect("it runs").to_string();
        let told = std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(told.success());
        let mut lines = Vec::new();
        while let Some(line) = self.log.next_line().await.expect("a log") {
            lines.push(line);
        }
        (self.child.wait().await.expect("it ends"), lines)
    }
}

#[tokio::test]
async fn the_daemon_alerts_by_itself_reports_lets_readers_leave_and_ends_when_told() {
    let start = Timestamp::now().checked_sub(SignedDuration::from_mins(30)).expect("our time");
    let setup = World::setup().at(start).list("digest = \"0 0 29 2 *\"").also("[web]\nlisten = \"127.0.0.1:0\"");
    let world = setup.start().await;
    world.begin(2).await;
    world.minutes(29);
    world.feed_has(&[world.post("Coalition condemns a transfer")]);

    let daemon = Daemon::start(&world).await;
    world.relay.wait_for_messages(2).await;
    let mails = world.mails();
    assert_eq!(recipients(&mails), ["reader1@example.org", "reader2@example.org"]);

    let link = mails[0].leave_link().replace("https://news.example.org", &daemon.pages);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.post(link).body("List-Unsubscribe=One-Click").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let subscriptions = world.app.store.subscriptions_of(&address_of(&mails[0].to)).await.expect("subscriptions");
    assert_eq!(subscriptions[0].ended_reason, "left by one click (RFC 8058)");

    world.relay.wait_for_messages(3).await;
    let report = world.mails().pop().expect("a report");
    assert_eq!(report.subject, "Sent: “Condemnation: Coalition condemns a transfer”, 2 of 2, Coalition news");

    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("ended")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("reader1@") || line.contains("reader2@")), "{log:#?}");
    // What it left behind is in order: another run has nothing to do and nothing to take up.
    let ran = world.tidings(&["run"]).await.well();
    assert_eq!(ran, "collected 0 posts, 0 alerts, 0 digests; sent 0, deferred 0, refused 0\n");
    assert_eq!(world.mails().len(), 3);
}

#[tokio::test]
async fn the_daemon_takes_mail_by_each_of_its_doors_while_it_runs() {
    let start = Timestamp::now().checked_sub(SignedDuration::from_mins(30)).expect("our time");
    let setup = World::setup().at(start).list("digest = \"0 0 29 2 *\"").also("[web]\nlisten = \"127.0.0.1:0\"");
    let world = setup.intake("lmtp = \"unix:lmtp.sock\"").intake("maildir = \"mail\"").start().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mails = world.mails();
    let [by_lmtp, by_maildir] = [&mails[0], &mails[1]].map(|mail| {
        let token = mail.leave_link().rsplit('/').next().expect("a token");
        format!("news+leave.{token}@example.org")
    });
    for folder in ["new", "cur"] {
        std::fs::create_dir_all(world.file("mail").join(folder)).expect("a folder");
    }
    let letter = "From: someone@example.net\r\nSubject: unsubscribe\r\n\r\n";
    world.write("mail/new/1700000001.M1.host", &format!("Delivered-To: {by_maildir}\r\n{letter}"));
    let daemon = Daemon::start(&world).await;
    let stream = UnixStream::connect(world.file("lmtp.sock")).await.expect("it listens");
    let mut client = Client::greeted(stream).await;
    assert_eq!(client.ask("LHLO client.example\r\n").await, 250);
    assert_eq!(client.hand_over([&by_lmtp], letter).await, [250]);
    for mail in &mails {
        let left = async || {
            let all = world.app.store.subscriptions_of(&address_of(&mail.to)).await.expect("subscriptions");
            all[0].state == SubscriptionState::Ended
        };
        while !left().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let (status, log) = daemon.end().await;
    assert_eq!((status.code(), client.code().await), (Some(0), 421), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("taking mail by LMTP on unix:")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("someone@")), "{log:#?}");
}
