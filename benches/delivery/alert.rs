//! An alert in the middle of a large digest: how long until its first message has come to the relay.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use tidings::{
    app::App,
    clock::Clock,
    domain::slug::Slug,
    newsroom::{self, By, Sending, Statement},
};

use super::{
    Options,
    daemon::Running,
    house::{House, LIST, Road, Signing, runtime},
    sink::{Offer, Sink},
    table::{Table, count, median, whole},
};

/// How many readers the digest has; the alert goes to the same.
const READERS: usize = 100_000;
const SESSIONS: usize = 4;

/// The digest is well under way when so many of its messages have come.
const UNDER_WAY: u64 = 2_000;

const SUBJECT: &str = "Coalition condemns the transfer";
const STATEMENT: &str = "The coalition **condemns** the transfer.";
const PATIENCE: Duration = Duration::from_secs(60);

/// Who alerts.
#[derive(Clone, Copy, Debug)]
enum Staff {
    /// The library queues the alert as the program would; the process that sends the digest must see it by itself.
    Queue,
    /// `tidings alert`, which also sends.
    Command,
}

/// Measures both ways, as often as asked.
pub(crate) fn table(options: &Options) -> anyhow::Result<Table> {
    let about = format!(
        "While `tidings run` sends a digest to {} readers over {SESSIONS} sessions to a sink of our own with PIPELINING and \
         CHUNKING, an alert is queued to the same readers. Until its first message is whole at the sink. Median of {} \
         (slowest).",
        count(READERS),
        options.repeat
    );
    let mut table = Table::new("An alert in the middle of a digest", &about, &["counted from", "first message ms"]);
    let house = House::queued(READERS)?;
    let ways = [
        ("the alert being queued (its transaction's end)", Staff::Queue),
        ("the start of the process `tidings alert`", Staff::Command),
    ];
    for (name, staff) in ways {
        let mut times = Vec::new();
        for _ in 0..options.repeat {
            times.push(first_message(&house, staff)?.as_secs_f64() * 1e3);
            eprintln!("  {name}: {:?} ms", times.last());
        }
        let slowest = times.iter().copied().fold(0.0, f64::max);
        table.row([name.to_owned(), format!("{} ({})", whole(median(times)), whole(slowest))]);
    }
    Ok(table)
}

fn first_message(house: &House, staff: Staff) -> anyhow::Result<Duration> {
    let sink = Sink::watching(Offer::Chunking, SUBJECT)?;
    let house = house.copy(Road { port: sink.port(), sessions: SESSIONS, signing: Signing::Off })?;
    let _sending = Running(quiet(house.run()).spawn()?);
    wait_for("the digest did not get under way", || (sink.messages() >= UNDER_WAY).then_some(()))?;
    let (began, _alerting) = match staff {
        Staff::Queue => (queued(&house)?, None),
        Staff::Command => {
            fs::write(house.path().join("statement.md"), STATEMENT)?;
            let mut command = house.tidings();
            command.args(["alert", LIST, "-s", SUBJECT, "statement.md", "--yes"]);
            (Instant::now(), Some(Running(quiet(command).spawn()?)))
        }
    };
    let seen = wait_for("no message of the alert came", || sink.seen_at())?;
    anyhow::ensure!(sink.messages() < READERS as u64, "the digest was done before the alert came");
    sink.verdict()?;
    Ok(seen.saturating_duration_since(began))
}

/// Queues the alert; gives when that was done.
fn queued(house: &House) -> anyhow::Result<Instant> {
    runtime()?.block_on(async {
        let app = App::open(house.config()?, Clock::System).await?;
        let list = Slug::parse(LIST)?;
        let statement = Statement { list: &list, subject: SUBJECT, markdown: STATEMENT, key: None };
        let draft = newsroom::draft_alert(&app, &statement)?;
        let (by, window) = (By::Machine("bench".to_owned()), SignedDuration::ZERO);
        newsroom::send(&app, &draft, &Sending { by: &by, window }).await?;
        let queued = Instant::now();
        app.store.close().await;
        Ok(queued)
    })
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What is seen in the end; fails with these words when it does not come.
pub(crate) fn wait_for<T>(otherwise: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "{otherwise}");
        thread::sleep(Duration::from_millis(1));
    }
}
