//! A hundred thousand and a million readers: how long it takes to import them, to queue an issue to them and to send it,
//! and how much memory each needs at most.

use super::{
    house::{House, Road, Signing},
    measure,
    smtp_sink::SmtpSink,
    table::{Table, count, mib, whole},
};

const READERS: [usize; 2] = [100_000, 1_000_000];
const SESSIONS: usize = 4;

/// How much more a reader may cost among a million than among a hundred thousand.
const WORSE: f64 = 2.0;

/// Measures each size once: it takes minutes. What costs ever more with each reader is an error.
pub(crate) fn table() -> anyhow::Result<Table> {
    let columns = [
        "readers",
        "import s",
        "its CPU s",
        "its peak MiB",
        "queue s",
        "send s",
        "messages/s",
        "CPU µs each",
        "peak MiB",
    ];
    let about = format!(
        "Import is `tidings subscribers import` of a CSV file; queueing is composing, rendering and all rows in one \
         transaction; sending is `tidings run` over {SESSIONS} sessions to smtp-sink. One run."
    );
    let mut table = Table::new("Many readers", &about, &columns);
    let mut costs = Vec::new();
    for readers in READERS {
        let house = House::empty()?;
        let import = house.import(readers)?;
        eprintln!("  {readers}: imported in {:?}", import.wall);
        let queue = house.queue(readers)?;
        eprintln!("  {readers}: queued in {queue:?}");
        let mut sink = SmtpSink::start()?;
        house.lead(Road { port: sink.port(), sessions: SESSIONS, signing: Signing::Off })?;
        let sent = measure::sending(house.run(), readers, &|| sink.messages());
        sink.still_runs()?;
        let send = sent?;
        eprintln!("  {readers}: sent in {:?}", send.wall);
        table.row([
            count(readers),
            whole(import.wall.as_secs_f64()),
            whole(import.cpu.as_secs_f64()),
            mib(import.peak_kib),
            whole(queue.as_secs_f64()),
            whole(send.wall.as_secs_f64()),
            whole(send.rate(readers)),
            whole(send.cpu_each(readers)),
            mib(send.peak_kib),
        ]);
        costs.push([import.wall, queue, send.wall].map(|took| took.as_secs_f64() / readers as f64));
    }
    for (step, what) in ["importing", "queueing", "sending to"].into_iter().enumerate() {
        let worse = costs[1][step] / costs[0][step];
        anyhow::ensure!(worse < WORSE, "{what} a reader among a million took {worse:.1} times as long\n{table}");
    }
    Ok(table)
}
