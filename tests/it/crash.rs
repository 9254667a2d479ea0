//! Killed again and again in the middle of a send, or once at every single write of one, Tidings misses nobody. The
//! oracle is what Postfix's smtp-sink got.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use tidings::{domain::delivery::DeliveryState, store::Store};

use crate::world::{
    program::{Ended, KILLED, ended, tidings},
    sink::Sink,
};

const RETRACT: [&str; 4] = ["issues", "retract", "1", "--yes"];

const ALERT: [&str; 6] = ["alert", "news", "-s", "Coalition condemns the transfer", "statement.md", "--yes"];

/// How wide the relay is used. As many messages as are in flight, their outcomes not yet written down, may arrive twice
/// for each kill, and no more. That is far fewer than there are readers, or it would be no bound.
#[derive(Clone, Copy)]
struct Width {
    connections: usize,
    /// For each connection.
    window: usize,
}

impl Width {
    fn in_flight(self) -> usize {
        self.connections * self.window
    }
}

fn house(sink: &Sink, readers: usize, width: Width) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let config = format!(
        r#"
base_url = "https://news.example.org"
database = "sqlite://tidings.db"
[sender]
name = "Example Coalition"
address = "news@example.org"
postal_address = "1 Example Street, Washington, DC"
[[feeds]]
name = "site"
url = "feed.xml"
[[lists]]
name = "news"
title = "Coalition news"
feeds = ["site"]
alerts = true
[[relays]]
name = "sink"
host = "127.0.0.1"
port = {}
tls = "none"
connections = {}
window = {}
"#,
        sink.port(),
        width.connections,
        width.window
    );
    let readers: String = (0..readers).map(|n| format!("reader{n}@example.org,Reader {n}\n")).collect();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    std::fs::create_dir(folder.path().join("subscribers")).expect("a folder");
    write("config.toml", &config);
    write(
        "feed.xml",
        "<rss version=\"2.0\"><channel><title>x</title><link>https://example.org/</link><description>x</description></channel></rss>",
    );
    write("subscribers/news.csv", &readers);
    write("statement.md", "The coalition **condemns** the transfer.");
    folder
}

/// Starts the program and kills it when the sink has begun so many messages; `false` when it ended before that.
async fn killed(folder: &TempDir, arguments: &[&str], sink: &Sink, at: usize) -> bool {
    let mut command = tidings(folder.path());
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    loop {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        if sink.begun() >= at {
            // SIGKILL: nothing of the program runs after it.
            child.kill().expect("it is killed");
            child.wait().expect("a child that ends");
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A house with readers whose statement is not sent yet.
async fn ready(sink: &Sink, readers: usize, width: Width) -> TempDir {
    let folder = house(sink, readers, width);
    // It reads the subscribers' file.
    run(&folder).await;
    folder
}

async fn run(folder: &TempDir) {
    let mut run = tidings(folder.path());
    run.arg("run");
    let ran = ended(run).await;
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
}

/// The statement was made once and went to everyone, under one Message-ID each. Gives how many messages came twice.
async fn everyone_has_it(folder: &TempDir, sink: &Sink, readers: usize) -> usize {
    let store = Store::open_sqlite(&folder.path().join("tidings.db")).await.expect("the store opens");
    let issues = store.newest_issues(10).await.expect("issues");
    assert_eq!(issues.len(), 1, "{issues:?}");
    let states = store.states_of_issue(issues[0].id).await.expect("states");
    assert_eq!(states, BTreeMap::from([(DeliveryState::Sent, readers as u64)]));
    store.close().await;

    let taken = sink.taken();
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for message in &taken {
        ids.entry(&message.recipient).or_default().insert(&message.message_id);
    }
    let expected: BTreeSet<String> = (0..readers).map(|n| format!("reader{n}@example.org")).collect();
    let missed: Vec<&String> = expected.iter().filter(|reader| !ids.contains_key(reader.as_str())).collect();
    assert!(missed.is_empty(), "missed: {missed:?}");
    assert!(ids.keys().all(|reader| expected.contains(*reader)), "somebody was mailed who is on no list");
    assert!(ids.values().all(|ids| ids.len() == 1), "a message went twice under two Message-IDs");
    assert!(taken.iter().all(|message| message.text.contains("transfer")));
    taken.len() - readers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_in_the_middle_of_a_send_miss_nobody() {
    const READERS: usize = 5_000;
    const KILLS: usize = 20;
    const WIDTH: Width = Width { connections: 4, window: 4 };
    let sink = Sink::start().await;
    let folder = ready(&sink, READERS, WIDTH).await;
    let mut random = StdRng::seed_from_u64(20_240_425);
    let mut moments: Vec<usize> = (0..KILLS).map(|_| random.random_range(1..READERS * 9 / 10)).collect();
    moments.sort_unstable();
    for (nth, at) in moments.into_iter().enumerate() {
        let arguments: &[&str] = if nth == 0 { &ALERT } else { &["run"] };
        assert!(killed(&folder, arguments, &sink, at).await, "run {nth} ended before it was killed");
    }

    // One more run takes up at once what the dead ones had claimed, and is done with it.
    run(&folder).await;
    let twice = everyone_has_it(&folder, &sink, READERS).await;
    const BOUND: usize = KILLS * WIDTH.connections * WIDTH.window;
    const { assert!(BOUND * 10 <= READERS, "a bound that can be passed") };
    assert!(twice <= BOUND, "{twice} duplicates after {KILLS} kills with {} in flight", WIDTH.in_flight());
}

/// A house of its own, as another one is now.
fn copy(folder: &TempDir) -> TempDir {
    let copy = TempDir::new().expect("a temporary folder");
    let files = std::fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file"));
    for file in files.filter(|file| file.path().is_file()) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("a copy");
    }
    copy
}

/// Does what is asked, to be killed at the `n`-th write point: just before or just after a write becomes durable.
async fn killed_at(n: usize, folder: &TempDir, arguments: &[&str]) -> Ended {
    let mut command = tidings(folder.path());
    command.args(arguments).env("TIDINGS_KILL_AT_WRITE", n.to_string());
    ended(command).await
}

/// Write points are in debug builds alone. Each point costs a send, so that there are more readers only in a long test.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_write_of_a_send_nobody_is_missed() {
    const WIDTH: Width = Width { connections: 4, window: 2 };
    let readers = if std::env::var_os("TIDINGS_TEST_LONG").is_some() { 300 } else { 100 };
    let sink = Sink::start().await;
    let prepared = ready(&sink, readers, WIDTH).await;
    let (mut points, mut twice) = (0, 0);
    loop {
        sink.forget();
        let folder = copy(&prepared);
        let first = killed_at(points + 1, &folder, &ALERT).await;
        if first.code != KILLED {
            assert_eq!(first.code, 0, "{} {}", first.out, first.err);
            assert_eq!(everyone_has_it(&folder, &sink, readers).await, 0, "nobody gets it twice without a kill");
            break;
        }
        points += 1;
        // Whoever sent it asks again, and is told whether it was made before.
        let again = killed_at(usize::MAX, &folder, &ALERT).await;
        if again.code != 0 {
            assert!(again.err.contains("made before"), "{}", again.err);
            run(&folder).await;
        }
        let doubled = everyone_has_it(&folder, &sink, readers).await;
        assert!(doubled <= WIDTH.in_flight(), "{doubled} duplicates after a kill at write point {points}");
        twice += doubled;
    }
    println!("killed at each of {points} write points: {twice} duplicates in all, nobody missed");
    assert!(points > 20, "a send has more writes than {points}");
}

/// Those who have the statement were told that it is withdrawn, under one Message-ID each, and nobody else was. Gives how
/// many messages came twice.
async fn everyone_knows_better(folder: &TempDir, sink: &Sink, readers: usize) -> usize {
    let store = Store::open_sqlite(&folder.path().join("tidings.db")).await.expect("the store opens");
    let issues = store.newest_issues(10).await.expect("issues");
    let states: Vec<&str> = issues.iter().map(|issue| issue.state.as_str()).collect();
    assert_eq!(states, ["queued", "cancelled"], "{issues:?}");
    let sent = store.states_of_issue(issues[0].id).await.expect("states");
    assert_eq!(sent, BTreeMap::from([(DeliveryState::Sent, readers as u64)]));
    store.close().await;
    let taken = sink.taken();
    let ids: BTreeSet<&str> = taken.iter().map(|message| message.message_id.as_str()).collect();
    let told: BTreeSet<&str> = taken.iter().map(|message| message.recipient.as_str()).collect();
    assert_eq!((ids.len(), told.len()), (readers, readers));
    assert!(taken.iter().all(|message| message.text.contains("\nSubject: Withdrawn: ")));
    taken.len() - readers
}

/// The same of a withdrawal: whoever asks again after a kill makes no second one, and forgets nobody.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_write_of_a_withdrawal_it_reaches_all_who_have_the_alert() {
    const WIDTH: Width = Width { connections: 4, window: 2 };
    const READERS: usize = 30;
    let sink = Sink::start().await;
    let prepared = ready(&sink, READERS, WIDTH).await;
    let alerted = killed_at(usize::MAX, &prepared, &ALERT).await;
    assert_eq!(alerted.code, 0, "{}", alerted.err);
    let mut points = 0;
    loop {
        sink.forget();
        let folder = copy(&prepared);
        let first = killed_at(points + 1, &folder, &RETRACT).await;
        if first.code != KILLED {
            assert_eq!(first.code, 0, "{} {}", first.out, first.err);
            assert_eq!(everyone_knows_better(&folder, &sink, READERS).await, 0);
            break;
        }
        points += 1;
        let again = killed_at(usize::MAX, &folder, &RETRACT).await;
        if again.code != 0 {
            assert!(again.err.contains("made before"), "{}", again.err);
            run(&folder).await;
        }
        let doubled = everyone_knows_better(&folder, &sink, READERS).await;
        assert!(doubled <= WIDTH.in_flight(), "{doubled} duplicates after a kill at write point {points}");
    }
    assert!(points > 20, "a withdrawal has more writes than {points}");
}
