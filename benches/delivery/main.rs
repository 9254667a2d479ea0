//! The benchmark: what Tidings does in a second, beside what others do, on this machine and in one run. Started by
//! `scripts/bench`; a Markdown table for each measurement goes to standard output, progress to standard error. Each run
//! proves by the sink's own count that every message came, or the whole of it fails.

mod alert;
mod conversation;
mod daemon;
mod desk;
mod distance;
mod house;
mod machine;
mod measure;
mod million;
mod peers;
mod ping;
mod proxy;
mod sessions;
mod sink;
mod smtp_sink;
mod table;

use std::{thread, time::Duration};

use clap::{Parser, ValueEnum};
use jiff::Timestamp;

use machine::{Machine, Mood};
use peers::Peers;
use sink::{Offer, Sink};

/// What to measure.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench")]
pub(crate) struct Options {
    /// Messages of each run
    #[arg(long, default_value_t = 10_000)]
    messages: usize,
    /// How often each run is repeated; the median is told
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Only these measurements, with commas between them
    #[arg(long, value_delimiter = ',')]
    only: Vec<Measurement>,
    /// Also with DKIM, by a key of RSA-2048
    #[arg(long)]
    dkim: bool,
    /// Also the desk before a million readers, and sending to as many; takes minutes
    #[arg(long)]
    million: bool,
    /// Measure nothing: be a sink that offers this until you end it, for a profiler or a client of your own
    #[arg(long, value_name = "OFFER")]
    sink: Option<Offer>,
    /// What cargo says when it runs benchmarks
    #[arg(long, hide = true)]
    bench: bool,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Messages each second, by sessions
    Sessions,
    /// Lock-step, PIPELINING and CHUNKING, near and far
    Distance,
    /// An alert in the middle of a digest
    Alert,
    /// From a ping of a feed to the alert
    Ping,
    /// The daemon at rest
    Daemon,
    /// The desk's pages before a million readers
    Desk,
    /// A hundred thousand and a million readers
    Million,
}

impl Options {
    fn measurements(&self) -> Vec<Measurement> {
        let all = Measurement::value_variants().iter().copied();
        all.filter(|which| match which {
            Measurement::Desk | Measurement::Million => self.million || self.only.contains(which),
            which => self.only.is_empty() || self.only.contains(which),
        })
        .collect()
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if !options.bench {
        eprintln!("this is no test; run it by scripts/bench");
        return Ok(());
    }
    if let Some(offer) = options.sink {
        return be_a_sink(offer);
    }
    anyhow::ensure!(options.messages >= 100 && options.repeat > 0, "at least 100 messages and one run are needed");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    println!("`scripts/bench {}`, {}\n", words.join(" ").trim_end(), Timestamp::now().strftime("%Y-%m-%d"));
    println!("{}\n\nAt the beginning: {}\n", Machine::seen()?, Mood::now()?);
    let mut peers = None;
    for measurement in options.measurements() {
        eprintln!("== {measurement:?}");
        let table = match measurement {
            Measurement::Sessions => sessions::table(&options, found(&mut peers)?)?,
            Measurement::Distance => distance::table(&options, found(&mut peers)?)?,
            Measurement::Alert => alert::table(&options)?,
            Measurement::Ping => ping::table(&options)?,
            Measurement::Daemon => daemon::table(&options)?,
            Measurement::Desk => desk::table(&options)?,
            Measurement::Million => million::table()?,
        };
        println!("{table}");
    }
    println!("At the end: {}", Mood::now()?);
    Ok(())
}

/// Takes messages and tells how many have come, until there is something wrong with one.
fn be_a_sink(offer: Offer) -> anyhow::Result<()> {
    let sink = Sink::start(offer)?;
    eprintln!("taking messages on 127.0.0.1:{}", sink.port());
    let mut told = 0;
    loop {
        thread::sleep(Duration::from_secs(1));
        sink.verdict()?;
        if sink.messages() > told {
            told = sink.messages();
            eprintln!("{told} messages, {} octets", sink.octets());
        }
    }
}

/// The peers, looked for when they are first needed.
fn found(peers: &mut Option<Peers>) -> anyhow::Result<&mut Peers> {
    match peers {
        Some(peers) => Ok(peers),
        none => Ok(none.insert(Peers::found()?)),
    }
}
