//! What goes wrong outside: each mistake or trouble gets a clear error, and nothing is lost by it.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tidings::domain::{delivery::DeliveryState, issue::IssueId};

use crate::world::{
    FEED, Setup, World,
    feed_server::Response,
    program::{Ended, ended},
    subjects,
};

/// A house that was looked at half an hour ago; the program, which has the system's clock, finds its feed due. Its next
/// digest is years away.
async fn in_use(setup: Setup, readers: usize) -> World {
    let start = Timestamp::now().checked_sub(SignedDuration::from_mins(30)).expect("our time");
    let world = setup.at(start).list("digest = \"0 0 29 2 *\"").start().await;
    world.begin(readers).await;
    world.minutes(29);
    world
}

/// A new statement, which the next run is to mail.
fn breaking_news(world: &World) {
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
}

fn assert_failed(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, code, "{ended:?}");
    for word in words {
        assert!(ended.err.contains(word), "`{word}` is not in: {}", ended.err);
    }
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[tokio::test]
async fn broken_toml_is_told_by_its_line() {
    let world = in_use(World::setup(), 1).await;
    breaking_news(&world);
    world.change_config("alerts = true", "alerts = = true");
    assert_failed(&world.tidings(&["run"]).await, 3, &["config.toml:29: ", "| alerts = = true"]);
    world.change_config("alerts = = true", "alerts = true");
    world.tidings(&["run"]).await.well();
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    let world = in_use(World::setup(), 1).await;
    breaking_news(&world);
    world.change_config("alerts = true", "alert = true\nalerts_per_dag = 3");
    assert_failed(
        &world.tidings(&["run"]).await,
        3,
        &["config.toml:29: lists[0].alert: unknown key", "`alerts`?", "alerts_per_dag", "`alerts_per_day`?"],
    );
    world.change_config("alert = true\nalerts_per_dag = 3", "alerts = true");
    world.tidings(&["run"]).await.well();
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_missing_variable_in_a_template_holds_the_issue() {
    let world = in_use(World::setup(), 1).await;
    breaking_news(&world);
    world.write(
        "templates/alert.txt",
        "{% extends \"builtin/alert.txt\" %}\n{% block content %}{{ post.titel }}{% endblock %}\n",
    );
    let ran = world.tidings(&["run"]).await.well();
    assert!(ran.contains("is held: ") && ran.contains("alert.txt") && ran.contains("titel"), "{ran}");
    assert_eq!(subjects(&world.new_mails()), ["An alert of “Coalition news” is held"]);
    let issue = world.held_issue().await.0.to_string();
    let still = world.tidings(&["issues", "release", &issue]).await;
    assert_failed(&still, 1, &["cannot render the issue", "alert.txt", "titel", "tidings check"]);
    assert_failed(&Ended { err: world.tidings(&["check"]).await.out, ..still }, 1, &["alert.txt", "titel"]);

    std::fs::remove_file(world.file("templates/alert.txt")).expect("mended");
    world.tidings(&["issues", "release", &issue, "--yes"]).await.well();
    world.tidings(&["run"]).await.well();
    assert_eq!(subjects(&world.new_mails()), ["Condemnation: Coalition condemns a transfer"]);
}

#[tokio::test]
async fn a_template_that_is_none_stops_before_anything_is_done() {
    let world = in_use(World::setup(), 1).await;
    breaking_news(&world);
    world.write("templates/digest.html", "{% extends \"builtin/digest.html\" %}\n\n{% block content %}{{ post.title }");
    assert_failed(&world.tidings(&["run"]).await, 1, &["cannot use the templates", "digest.html", "3"]);
    std::fs::remove_file(world.file("templates/digest.html")).expect("mended");
    world.tidings(&["run"]).await.well();
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn garbage_in_place_of_a_feed_is_told_and_waited_out() {
    let world = in_use(World::setup().feed("every = \"1s\""), 1).await;
    let whole = crate::world::feed_of(&[world.post("Coalition condemns a transfer")]);
    for garbage in [
        Response::ok("<!doctype html><html><body>Please log in</body></html>"),
        Response::ok(vec![0x1F, 0x8B, 0, 255, 254, 0, 1, 2, 3]),
        Response::ok(""),
        Response::ok("{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": 7}"),
        Response::feed(whole.replace("<channel>", "<channel").replace("</item>", "")),
    ] {
        world.site.serve(FEED, garbage);
        world.hours(7);
        let ran = world.run().await;
        assert_eq!((ran.made(), world.mails_to("reader1@example.org").len()), ((0, 0, 0), 0));
        assert!(ran.pass.notes.iter().any(|note| note.starts_with("feed `site`: ")), "{:?}", ran.pass.notes);
    }
    let listed = world.tidings(&["feeds", "list"]).await.well();
    assert!(listed.contains("failing since"), "{listed}");
    breaking_news(&world);
    world.hours(7);
    assert_eq!(world.run().await.made(), (1, 1, 0));
}

#[tokio::test]
async fn a_dead_relay_loses_nothing_and_costs_no_attempt() {
    let world = in_use(World::setup(), 3).await;
    breaking_news(&world);
    let alive = format!("port = {}", world.relay.port());
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port();
    let dead = format!("port = {closed}");
    world.change_config(&alive, &dead);
    for made in ["1 post, 1 alert", "0 posts, 0 alerts"] {
        let ran = world.tidings(&["run"]).await;
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{}", ran.out);
        assert!(ran.out.contains("relay `main`: ") && ran.out.contains("tried again by the next run"), "{}", ran.out);
        assert_eq!(ran.last_line(), format!("collected {made}, 0 digests; sent 0, deferred 0, refused 0"));
    }
    let waiting = world.tidings(&["deliveries", "list", "--json"]).await.json();
    for delivery in waiting.as_array().expect("a list") {
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&"queued".into(), &0.into()));
    }
    world.change_config(&dead, &alive);
    let ran = world.tidings(&["run"]).await.well();
    assert_eq!(ran, "collected 0 posts, 0 alerts, 0 digests; sent 3, deferred 0, refused 0\n");
    assert_eq!(world.mails().len(), 3);
}

/// The program on a disk that takes files of so many bytes and no more, until it is given more room.
fn cramped(world: &World, bytes: u64, arguments: &[&str]) -> Command {
    let program = world.program(arguments);
    let mut command = Command::new("sh");
    // A write beyond the limit gives an error, as on a full disk, once the signal for it is ignored.
    command.args(["-c", "trap '' XFSZ; exec prlimit --fsize=\"$0\":unlimited -- \"$@\"", &bytes.to_string()]);
    command.arg(program.get_program()).args(program.get_args()).current_dir(world.file("."));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_done() {
    let world = in_use(World::setup(), 1).await;
    // The program shall be alone, so that each run begins with an empty write-ahead log.
    world.app.store.close().await;
    let readers: String = (0..1_500).map(|n| format!("person{n}@example.org\n")).collect();
    world.write("people.csv", &format!("address\n{readers}"));
    let import = ["subscribers", "import", "news", "people.csv"];
    let count = async || world.tidings(&["subscribers", "export", "news"]).await.well().lines().count() - 1;
    let full = ended(cramped(&world, 150_000, &import)).await;
    assert_failed(&full, 1, &["its disk is full", "hint: make room on the disk"]);
    assert_eq!(count().await, 1, "none of them, for all of them cannot be");
    world.tidings(&import).await.well();
    assert_eq!(count().await, 1_501);

    breaking_news(&world);
    let full = ended(cramped(&world, 100_000, &["run"])).await;
    assert_failed(&full, 1, &["its disk is full", "hint: make room on the disk"]);
    let queued = world.tidings(&["deliveries", "list", "--json"]).await.json();
    assert_eq!((world.mails().len(), queued), (0, serde_json::json!([])));
    // The post had been written down; its alert had not, and is made now.
    let ran = world.tidings(&["run"]).await.well();
    assert_eq!(ran, "collected 0 posts, 1 alert, 0 digests; sent 1501, deferred 0, refused 0\n");
    assert_eq!(world.relay.messages().len(), 1_501);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_in_the_middle_of_a_send_stops_it_until_there_is_room() {
    const READERS: usize = 200;
    const CONNECTIONS: usize = 2;
    let world = in_use(World::setup().relay("connections = 2\nwindow = 1"), READERS).await;
    world.app.store.close().await;
    breaking_news(&world);
    // The write-ahead log begins empty, and takes a few dozen outcomes.
    let size = std::fs::metadata(world.file("data/tidings.db")).expect("the database").len();
    let mut command = cramped(&world, size + 250_000, &["run"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("the program starts");
    // It stands still when for a second nothing has come: the pauses between two tries are shorter.
    let (mut before, mut now) = (0, 0);
    while before == 0 || before != now {
        (before, now) = (now, world.relay.messages().len());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(running.try_wait().expect("a child").is_none(), "it waits for room");
    assert!(now < READERS, "the disk was full before the end");
    let store = world.another().await.store.clone();
    let states = store.states_of_issue(IssueId(1)).await.expect("states");
    let written = usize::try_from(states[&DeliveryState::Sent]).expect("a count");
    assert!(now <= written + CONNECTIONS, "{now} went out, {written} are written down");
    store.close().await;

    let pid = format!("--pid={}", running.id());
    let room = Command::new("prlimit").args([pid.as_str(), "--fsize=unlimited"]).status().expect("prlimit");
    assert!(room.success());
    let ended =
        tokio::task::spawn_blocking(move || running.wait_with_output().expect("it ends")).await.expect("no panic");
    assert!(ended.status.success(), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("its disk is full"), "{ended:?}");
    let mails = world.relay.messages();
    let everyone: BTreeSet<&str> = mails.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!((everyone.len(), mails.len()), (READERS, READERS), "everyone once");
}

/// The program with permissions that bind it, though the tests may run as root.
fn bound(world: &World, arguments: &[&str]) -> Command {
    let program = world.program(arguments);
    if !is_root() {
        return program;
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(program.get_program());
    command.args(program.get_args()).current_dir(world.file("."));
    command
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().take(3).eq(["Uid:", "0", "0"]))
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("our own file");
}

#[tokio::test]
async fn a_database_that_may_not_be_written_is_told_and_kept() {
    let world = in_use(World::setup(), 1).await;
    breaking_news(&world);
    world.app.store.close().await;
    let (folder, file) = (world.file("data"), world.file("data/tidings.db"));
    allow(&file, 0o444);
    let ran = ended(bound(&world, &["run"])).await;
    assert_failed(&ran, 1, &["read-only", "hint: let this user write the database file and its folder"]);
    allow(&folder, 0o555);
    let ran = ended(bound(&world, &["run"])).await;
    assert_failed(&ran, 1, &["read-only", "hint: let this user write the database file and its folder"]);
    assert_eq!(world.mails().len(), 0);
    allow(&folder, 0o755);
    allow(&file, 0o644);
    world.tidings(&["run"]).await.well();
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_database_that_is_none_or_cannot_be_reached_is_told() {
    let world = World::new().await;
    world.app.store.close().await;
    world.write("data/tidings.db", &"This is not a database. ".repeat(400));
    assert_failed(&world.tidings(&["run"]).await, 1, &["data/tidings.db", "not a database"]);
    let top = "secret = \"a secret of the tests\"";
    world.change_config(top, &format!("{top}\ndatabase = \"postgres://user:hidden@127.0.0.1:1/tidings\""));
    let ended = world.tidings(&["run"]).await;
    assert_failed(&ended, 1, &["cannot open the database `postgres://127.0.0.1/tidings`"]);
    assert!(!ended.err.contains("hidden"), "{}", ended.err);
}

#[tokio::test]
async fn bad_csv_is_told_line_by_line_and_nothing_of_it_is_taken() {
    let world = World::new().await;
    let csv =
        "address,name\nana@example.org,Ana\nnot an address,X\n,Nobody\nbo@example.org,Bo\nANA@example.org,Again\n";
    world.write("people.csv", csv);
    let refused = world.tidings(&["subscribers", "import", "news", "people.csv"]).await;
    let lines = ["line 3: ", "line 4: there is no address", "line 6: the same address is on line 2", "--skip-bad"];
    assert_failed(&refused, 1, &lines);
    assert!(refused.err.starts_with("error: 3 lines cannot be imported; nothing was"), "{}", refused.err);
    assert_eq!(world.tidings(&["subscribers", "find", "example"]).await.well().lines().count(), 1, "only the head");
    let passed = world.tidings(&["subscribers", "import", "news", "people.csv", "--skip-bad"]).await.well();
    assert!(passed.contains("passed over: line 3: "), "{passed}");
    assert!(passed.ends_with("2 readers read; 2 joined, 0 unchanged, 3 passed over\n"), "{passed}");

    // A file that is kept by hand is read all the same; what is wrong with it is told each time it changes.
    world.write("subscribers/news.csv", &format!("{csv}cai@example.org,Cai\n"));
    let ran = world.tidings(&["run"]).await.well();
    assert!(ran.contains("list `news`: 1 joined from its file"), "{ran}");
    assert!(ran.contains("subscribers/news.csv: line 4: there is no address"), "{ran}");
    std::fs::remove_file(world.file("subscribers/news.csv")).expect("removed");
    std::fs::create_dir(world.file("subscribers/news.csv")).expect("a folder in its place");
    let ran = world.tidings(&["run"]).await;
    assert!(ran.out.contains("subscribers/news.csv") && ran.out.contains("cannot"), "{ran:?}");
    assert_failed(
        &world.tidings(&["subscribers", "import", "news", "absent.csv"]).await,
        1,
        &["`absent.csv`", "No such file"],
    );
}

#[tokio::test]
async fn a_bad_address_is_refused_wherever_it_comes_in() {
    let world = World::new().await;
    world.write("statement.md", "Words.\n");
    for bad in ["", "nobody", "@example.org", "a b@example.org", "a@localhost", "a@example.org\r\nBcc: b@example.org"] {
        for arguments in [
            &["subscribers", "add", "news", bad][..],
            &["subscribers", "remove", "news", bad],
            &["explain", "story", bad],
            &["deliveries", "list", "--address", bad],
            &["alert", "news", "-s", "Statement", "statement.md", "--test", bad],
        ] {
            let refused = world.tidings(arguments).await;
            assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{arguments:?}: {}", refused.err);
            assert!(refused.err.starts_with("error: ") && !refused.err.contains("\r"), "{}", refused.err);
        }
    }
    world.change_config("address = \"news@example.org\"\npostal", "address = \"news\"\npostal");
    assert_failed(&world.tidings(&["run"]).await, 3, &["sender.address", "name@example.org"]);
    assert_eq!(world.mails().len(), 0);
}
