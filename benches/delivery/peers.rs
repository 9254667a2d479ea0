//! The programs that are measured side by side: Tidings, Postfix's smtp-source, nodemailer's pool. Each is made to send
//! the same number of messages of the same size over the same number of sessions.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::PathBuf,
    process::Command,
};

use anyhow::Context;

use super::{
    house::{House, Road, Signing},
    measure::{self, Measured},
    sink::{Offer, Sink},
    smtp_sink::program,
};

/// A program that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// This project's: rows in a store, claimed, spliced, sent, written down.
    Tidings,
    /// The same, with DKIM.
    TidingsSigning,
    /// Postfix's load generator, in C: the same bytes again and again, nothing written down.
    SmtpSource,
    /// A script with nodemailer's pool.
    Nodemailer,
}

impl Peer {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tidings => "tidings",
            Self::TidingsSigning => "tidings, DKIM",
            Self::SmtpSource => "smtp-source",
            Self::Nodemailer => "nodemailer",
        }
    }

    /// How many messages it sends where the others send so many: the slow one, a fifth, so that nobody waits long.
    pub(crate) fn share(self, messages: usize) -> usize {
        if self == Self::Nodemailer { messages / 5 } else { messages }
    }
}

/// What a program is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// The port of the sink, on this machine.
    pub(crate) port: u16,
    /// Connections at once.
    pub(crate) sessions: usize,
    /// Messages in all.
    pub(crate) messages: usize,
}

/// The peers that this machine has, and houses of all sizes that were needed so far.
#[derive(Debug)]
pub(crate) struct Peers {
    /// Who takes part.
    pub(crate) all: Vec<Peer>,
    /// The octets of a message of Tidings, on the average, as a sink sees them. The others were fitted to it.
    pub(crate) octets: u64,
    houses: BTreeMap<usize, House>,
    smtp_source: PathBuf,
    /// What each is told, so that its messages have that size.
    lengths: BTreeMap<Peer, u64>,
}

impl Peers {
    /// Finds who is there, and fits the sizes of their messages to those of Tidings.
    pub(crate) fn found() -> anyhow::Result<Self> {
        let mut all = vec![Peer::Tidings, Peer::SmtpSource];
        if std::env::var_os("NODE_PATH").is_some() {
            all.push(Peer::Nodemailer);
        }
        let mut peers = Self {
            all,
            octets: 0,
            houses: BTreeMap::new(),
            smtp_source: program("SMTP_SOURCE")?,
            lengths: BTreeMap::new(),
        };
        peers.octets = peers.octets_of(Peer::Tidings)?;
        for peer in peers.all.clone().into_iter().filter(|peer| *peer != Peer::Tidings) {
            peers.fit(peer)?;
        }
        Ok(peers)
    }

    /// Whether this build can sign; says why when it cannot.
    pub(crate) fn can_sign(&mut self) -> anyhow::Result<()> {
        let sink = Sink::needing(Offer::LockStep, "DKIM-Signature:")?;
        let road = Road { port: sink.port(), sessions: 1, signing: Signing::Rsa };
        let house = self.house(10)?.copy(road)?;
        house.config()?;
        measure::sending(house.run(), 10, &|| sink.messages())?;
        sink.verdict()
    }

    /// Runs one of them.
    pub(crate) fn send(&mut self, peer: Peer, job: Job, count: &(dyn Fn() -> u64 + Sync)) -> anyhow::Result<Measured> {
        let Job { port, sessions, messages } = job;
        let length = self.lengths.get(&peer).copied().unwrap_or(0).to_string();
        let signing = if peer == Peer::TidingsSigning { Signing::Rsa } else { Signing::Off };
        match peer {
            Peer::Tidings | Peer::TidingsSigning => {
                let house = self.house(messages)?.copy(Road { port, sessions, signing })?;
                measure::sending(house.run(), messages, count)
            }
            Peer::SmtpSource => {
                let mut command = Command::new(&self.smtp_source);
                command.args(["-d", "-N", "-f", "news@example.org", "-t", "reader@example.org"]);
                command.args(["-s", &sessions.to_string(), "-m", &messages.to_string(), "-l", &length]);
                command.arg(format!("127.0.0.1:{port}"));
                measure::sending(command, messages, count)
            }
            Peer::Nodemailer => {
                let mut command = Command::new("node");
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/delivery/nodemailer.js"));
                command.args([port.to_string(), sessions.to_string(), messages.to_string(), length]);
                measure::sending(command, messages, count)
            }
        }
    }

    /// A house with so many deliveries queued, made when it is first needed.
    fn house(&mut self, readers: usize) -> anyhow::Result<&House> {
        Ok(match self.houses.entry(readers) {
            Entry::Occupied(house) => house.into_mut(),
            Entry::Vacant(place) => {
                place.insert(House::queued(readers).with_context(|| format!("no house with {readers} readers"))?)
            }
        })
    }

    /// Finds the length by which a peer's messages come out as long as ours.
    fn fit(&mut self, peer: Peer) -> anyhow::Result<()> {
        self.lengths.insert(peer, self.octets);
        let excess = self.octets_of(peer)?.saturating_sub(self.octets);
        self.lengths.insert(peer, self.octets.saturating_sub(excess));
        let fitted = self.octets_of(peer)?;
        let name = peer.name();
        anyhow::ensure!(fitted.abs_diff(self.octets) * 50 < self.octets, "{name} cannot be fitted: {fitted} octets");
        Ok(())
    }

    /// The octets of a peer's message, on the average of ten.
    fn octets_of(&mut self, peer: Peer) -> anyhow::Result<u64> {
        let sink = Sink::start(Offer::LockStep)?;
        let job = Job { port: sink.port(), sessions: 1, messages: 10 };
        self.send(peer, job, &|| sink.messages())?;
        sink.verdict()?;
        Ok(sink.octets() / 10)
    }
}
