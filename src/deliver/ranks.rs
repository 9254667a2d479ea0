//! Which relay goes first: relays in order of their priority. Each talks only while all that are preferred to it are in
//! trouble; those of one priority share the work.

use std::{collections::BTreeMap, sync::Arc};

use super::{gate::Gate, session::Connector, share::Share};
use crate::domain::{relay::Relay, slug::Slug};

/// The relays by their priority.
pub(super) struct Ranks(BTreeMap<u32, Rank>);

struct Rank {
    names: Vec<Slug>,
    gates: Vec<Arc<Gate>>,
    share: Option<Share>,
}

impl Ranks {
    /// Of these relays, each with its gate.
    pub(super) fn new(connectors: &[Arc<Connector>], gates: &[Arc<Gate>]) -> Self {
        let mut of_priority: BTreeMap<u32, Vec<(&Relay, Arc<Gate>)>> = BTreeMap::new();
        for (connector, gate) in connectors.iter().zip(gates) {
            let relay = connector.relay();
            of_priority.entry(relay.priority).or_default().push((relay, Arc::clone(gate)));
        }
        let rank = |members: Vec<(&Relay, Arc<Gate>)>| Rank {
            share: Share::new(&members),
            names: members.iter().map(|(relay, _)| relay.name.clone()).collect(),
            gates: members.into_iter().map(|(_, gate)| gate).collect(),
        };
        Self(of_priority.into_iter().map(|(priority, members)| (priority, rank(members))).collect())
    }

    /// The gates of the relays that are preferred to this one.
    pub(super) fn preferred_to(&self, relay: &Relay) -> Arc<[Arc<Gate>]> {
        self.0.range(..relay.priority).flat_map(|(_, rank)| rank.gates.iter().cloned()).collect()
    }

    /// The work that this relay shares by weight, and its place among those who share it.
    pub(super) fn share_of(&self, relay: &Relay) -> Option<(Share, usize)> {
        let rank = self.0.get(&relay.priority)?;
        let nth = rank.names.iter().position(|name| *name == relay.name)?;
        rank.share.clone().map(|share| (share, nth))
    }
}
