//! Messages each second against Postfix's smtp-sink on the loopback, by number of sessions, all peers side by side.

use super::{
    Options,
    peers::{Job, Peer, Peers},
    smtp_sink::SmtpSink,
    table::{Runs, Table, count, or_dash},
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
        "{} messages of {} octets each to Postfix's smtp-sink, which offers PIPELINING; nodemailer sends a fifth of them. \
         Of {} runs in turn: median (lowest–highest). \
         Rates, and × smtp-source, are from start to end of the program; steady ones, and × nodemailer, by the sink's \
         count while the middle came in.",
        count(options.messages),
        count(peers.octets as usize),
        options.repeat
    );
    let columns =
        ["sessions", "program", "messages/s", "× smtp-source", "steady", "× nodemailer", "CPU µs each", "peak MiB"];
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
            let runs_of = |other: Peer| all.iter().position(|peer| *peer == other).map(|at| &runs[at]);
            let source = runs_of(Peer::SmtpSource).map(|source| own.rate() / source.rate());
            // By the steady rates: of fewer messages, starting the program would weigh more.
            let script = runs_of(Peer::Nodemailer).and_then(|script| Some(own.steady()? / script.steady()?));
            table.row([
                sessions.to_string(),
                peer.name().to_owned(),
                own.rates(),
                ratio(source),
                or_dash(own.steady()),
                ratio(script),
                own.cpu_each(),
                own.peak(),
            ]);
        }
    }
    Ok(table)
}

fn ratio(times: Option<f64>) -> String {
    times.map_or_else(|| "–".to_owned(), |times| format!("{times:.2}"))
}
