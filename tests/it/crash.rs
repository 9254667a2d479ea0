//! Killed again and again in the middle of a send, Tidings misses nobody. The oracle is what Postfix's smtp-sink got.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use tidings::{
    domain::{delivery::DeliveryState, issue::IssueId},
    store::Store,
};

use crate::world::{
    program::{ended, tidings},
    sink::Sink,
};

const READERS: usize = 5_000;
const KILLS: usize = 20;
const CONNECTIONS: usize = 4;
/// The default of `window`: how many messages are in flight on one connection at most.
const WINDOW: usize = 16;

fn house(sink: &Sink) -> TempDir {
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
connections = {CONNECTIONS}
"#,
        sink.port()
    );
    let readers: String = (0..READERS).map(|n| format!("reader{n}@example.org,Reader {n}\n")).collect();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_in_the_middle_of_a_send_miss_nobody() {
    let sink = Sink::start().await;
    let folder = house(&sink);
    // The first run reads the subscribers' file; then a statement goes out to all of them.
    let mut first = tidings(folder.path());
    first.arg("run");
    ended(first).await.well();
    let mut random = StdRng::seed_from_u64(20_240_425);
    let mut moments: Vec<usize> = (0..KILLS).map(|_| random.random_range(1..READERS * 9 / 10)).collect();
    moments.sort_unstable();
    let alert = ["alert", "news", "-s", "Coalition condemns the transfer", "statement.md", "--yes"];
    for (nth, at) in moments.into_iter().enumerate() {
        let arguments: &[&str] = if nth == 0 { &alert } else { &["run"] };
        assert!(killed(&folder, arguments, &sink, at).await, "run {nth} ended before it was killed");
    }

    // One more run takes up at once what the dead ones had claimed, and is done with it.
    let mut last = tidings(folder.path());
    last.arg("run");
    let last = ended(last).await;
    assert_eq!(last.code, 0, "{} {}", last.out, last.err);
    let store = Store::open_sqlite(&folder.path().join("tidings.db")).await.expect("the store opens");
    let states = store.states_of_issue(IssueId(1)).await.expect("states");
    assert_eq!(states, BTreeMap::from([(DeliveryState::Sent, READERS as u64)]));

    let taken = sink.taken();
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for message in &taken {
        ids.entry(&message.recipient).or_default().insert(&message.message_id);
    }
    let expected: BTreeSet<String> = (0..READERS).map(|n| format!("reader{n}@example.org")).collect();
    let missed: Vec<&String> = expected.iter().filter(|reader| !ids.contains_key(reader.as_str())).collect();
    assert!(missed.is_empty(), "missed: {missed:?}");
    assert!(ids.keys().all(|reader| expected.contains(*reader)), "somebody was mailed who is on no list");
    assert!(ids.values().all(|ids| ids.len() == 1), "a message went twice under two Message-IDs");
    let twice = taken.len() - READERS;
    let in_flight = CONNECTIONS * WINDOW;
    assert!(twice <= KILLS * in_flight, "{twice} duplicates after {KILLS} kills with {in_flight} messages in flight");
    println!("{twice} duplicates after {KILLS} kills with at most {in_flight} messages in flight");
    assert!(taken.iter().all(|message| message.text.contains("transfer")));
}
