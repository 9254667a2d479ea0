//! Messages each second against Postfix's smtp-sink on the loopback, by number of sessions, all peers side by side.

use super::{
    Options,
    peers::{Job, Peer, Peers},
    smtp_sink::SmtpSink,
    table::{Runs, Table, count},
};

const SESSIONS: [usize; 4] = [1, 4, 8, 16];

/// Measures each peer with each number of sessions, in turn and again.
pub(crate) fn table(options: &Options, peers: &mut Peers) -> anyhow::Result<Table> {
    let mut all = peers.all.clone();
    if options.dkim {
        peers.can_sign()?;
        all.insert(1, Peer::TidingsSigning);
    }
    let about = format!(
        "{} messages of {} octets each to Postfix's smtp-sink, which offers PIPELINING; nodemailer sends a fifth of them. Of {} runs in turn: median (lowest–highest). \
         Rates are from start to end of the program; steady ones by the sink's count while the middle came in.",
        count(options.messages),
        count(peers.octets as usize),
        options.repeat
    );
    let columns =
        ["sessions", "program", "messages/s", "× smtp-source", "× nodemailer", "steady", "CPU µs each", "peak MiB"];
    let mut table = Table::new("Sessions", &about, &columns);
    for sessions in SESSIONS {
        let mut runs: Vec<Runs> = all.iter().map(|peer| Runs::of(peer.share(options.messages))).collect();
        for _ in 0..options.repeat {
            for (peer, runs) in all.iter().zip(&mut runs) {
                let mut sink = SmtpSink::start()?;
                let job = Job { port: sink.port(), sessions, messages: peer.share(options.messages) };
                let sent = peers.send(*peer, job, &|| sink.messages());
                sink.still_runs()?;
                runs.push(sent?);
                eprintln!("  {sessions} at once, {}: {}", peer.name(), runs.newest());
            }
        }
        for (peer, own) in all.iter().zip(&runs) {
            // How many times as fast as another peer of the same run.
            let times = |other: Peer| {
                let other = all.iter().position(|peer| *peer == other);
                other.map_or_else(|| "–".to_owned(), |at| format!("{:.2}", own.rate() / runs[at].rate()))
            };
            table.row([
                sessions.to_string(),
                peer.name().to_owned(),
                own.rates(),
                times(Peer::SmtpSource),
                times(Peer::Nodemailer),
                own.steady(),
                own.cpu_each(),
                own.peak(),
            ]);
        }
    }
    Ok(table)
}
