//! Limits for each receiving domain: a delivery to a domain that has had enough for now is put off, and those behind it
//! go on. Addresses go in, leave or a waiting time comes out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::pace::{Leave, Pace};
use crate::domain::{address::EmailAddress, delivery::Lane, relay::DomainLimit};

/// The longest time a delivery is put off at once; then it is looked at again.
const AT_MOST: Duration = Duration::from_secs(3600);

/// The paces of the domains that have a limit.
#[derive(Debug)]
pub(super) struct Domains {
    paces: Vec<Arc<Pace>>,
    /// Which of `paces` is a domain's. Domains of one limit share it.
    by_name: HashMap<String, usize>,
}

impl Domains {
    pub(super) fn new(limits: &[DomainLimit]) -> Self {
        let paces = limits.iter().map(|limit| Arc::new(Pace::new(limit.rate))).collect();
        let each = |(nth, limit): (usize, &DomainLimit)| {
            limit.names.iter().map(|name| (name.clone(), nth)).collect::<Vec<_>>()
        };
        Self { paces, by_name: limits.iter().enumerate().flat_map(each).collect() }
    }

    /// Leave for one message to this address now, `None` where there is no limit; or how long to put it off.
    pub(super) fn leave(&self, address: &EmailAddress, lane: Lane) -> Result<Option<Leave>, Duration> {
        self.pace(address).map(|pace| pace.leave_or_wait(lane, AT_MOST)).transpose()
    }

    fn pace(&self, address: &EmailAddress) -> Option<&Arc<Pace>> {
        if self.by_name.is_empty() {
            return None;
        }
        self.by_name.get(&address.domain().to_ascii_lowercase()).map(|nth| &self.paces[*nth])
    }
}
