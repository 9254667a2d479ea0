//! One connection to a relay that is near or far: what PIPELINING and CHUNKING are worth.

use std::time::Duration;

use super::{
    Options,
    peers::{Job, Peer, Peers},
    proxy,
    sink::{Offer, Sink},
    table::{Runs, Table, count, or_dash},
};

/// How far the far relay is, there and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A program on its way to a sink.
#[derive(Clone, Copy, Debug)]
struct Way {
    round_trip: Duration,
    offer: Offer,
    peer: Peer,
    messages: usize,
}

/// All ways: a near sink gets half of the messages, and a far one as many as take some seconds. The peers know neither
/// PIPELINING nor CHUNKING, so that they are measured in lock-step alone.
fn ways(peers: &Peers, messages: usize) -> Vec<Way> {
    let near = messages / 2;
    let mut ways = Vec::new();
    for (round_trip, sizes) in [(Duration::ZERO, [near; 3]), (ROUND_TRIP, [60, 200, 1_000])] {
        for (offer, size) in [Offer::LockStep, Offer::Pipelining, Offer::Chunking].into_iter().zip(sizes) {
            let takes_part = |peer: &&Peer| **peer == Peer::Tidings || offer == Offer::LockStep;
            for &peer in peers.all.iter().filter(takes_part) {
                let messages = if round_trip.is_zero() { peer.share(size) } else { size };
                ways.push(Way { round_trip, offer, peer, messages });
            }
        }
    }
    ways
}

/// Measures each of them in turn, and again.
pub(crate) fn table(options: &Options, peers: &mut Peers) -> anyhow::Result<Table> {
    let about = format!(
        "One connection to a sink of our own, {} octets each message; a far one is behind a proxy that delays and does not \
         narrow. Of {} runs in turn: median (lowest–highest).",
        count(peers.octets as usize),
        options.repeat
    );
    let columns = ["round trip", "the sink offers", "program", "messages", "messages/s", "steady", "CPU µs each"];
    let mut table = Table::new("Distance", &about, &columns);
    let mut all: Vec<(Way, Runs)> =
        ways(peers, options.messages).into_iter().map(|way| (way, Runs::of(way.messages))).collect();
    for _ in 0..options.repeat {
        for (way, runs) in &mut all {
            let sink = Sink::start(way.offer)?;
            let port = match way.round_trip {
                Duration::ZERO => sink.port(),
                far => proxy::start(sink.port(), far / 2)?,
            };
            let job = Job { port, sessions: 1, messages: way.messages };
            runs.push(peers.send(way.peer, job, &|| sink.messages())?);
            sink.verdict()?;
            eprintln!("  {:?}, {}, {}: {}", way.round_trip, way.offer.name(), way.peer.name(), runs.newest());
        }
    }
    for (way, runs) in &all {
        // Of a few messages, most of the processor's time is that of starting.
        let cpu = if way.messages < 1_000 { "–".to_owned() } else { runs.cpu_each() };
        table.row([
            format!("{} ms", way.round_trip.as_millis()),
            way.offer.name().to_owned(),
            way.peer.name().to_owned(),
            count(way.messages),
            runs.rates(),
            or_dash(runs.steady()),
            cpu,
        ]);
    }
    Ok(table)
}
