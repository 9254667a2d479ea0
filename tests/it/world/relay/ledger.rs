//! What a scripted relay saw and kept: the oracle that a test compares the program's own words with.

use std::collections::BTreeMap;

use tidings::domain::relay::Manner;

use super::Stage;

/// A message the relay accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The envelope's sender; empty for the null sender.
    pub(crate) sender: String,
    /// What stood behind the sender: ` SIZE=… BODY=8BITMIME`.
    pub(crate) parameters: String,
    /// The envelope's recipient.
    pub(crate) recipient: String,
    /// The message, dots unstuffed.
    pub(crate) bytes: Vec<u8>,
    /// The connection it came over, counted from 1.
    pub(crate) connection: usize,
}

impl Received {
    /// The message as text; invalid UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// All that happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The messages accepted, in the order of their 250s.
    pub(crate) messages: Vec<Received>,
    /// Connections so far.
    pub(crate) connections: usize,
    /// Connections now.
    pub(crate) open_connections: usize,
    /// The most connections at one time.
    pub(crate) most_connections: usize,
    /// Commands as they came: connection, stage, line.
    pub(crate) commands: Vec<(usize, Stage, String)>,
    /// How commands followed each other on each connection: the fastest manner that was seen there.
    pub(crate) manners: BTreeMap<usize, Manner>,
    /// What no good client does: bare line ends, lines too long, commands before the reply to the last one where no
    /// PIPELINING is offered, a second recipient, octets above 127 that were not announced, unknown commands.
    pub(crate) offences: Vec<String>,
}

impl Ledger {
    /// How many commands of a stage were read.
    pub(crate) fn seen(&self, stage: Stage) -> usize {
        match stage {
            Stage::Connect => self.connections,
            _ => self.commands.iter().filter(|(_, at, _)| *at == stage).count(),
        }
    }

    /// This manner was seen on a connection.
    pub(super) fn heard(&mut self, connection: usize, manner: Manner) {
        let fastest = self.manners.entry(connection).or_insert(manner);
        *fastest = manner.max(*fastest);
    }

    /// The commands of a stage, as they came.
    pub(crate) fn lines(&self, stage: Stage) -> Vec<&str> {
        self.commands.iter().filter(|(_, at, _)| *at == stage).map(|(_, _, line)| line.as_str()).collect()
    }
}
