//! The tally: how many deliveries came to what since it began. It is for people to look at; the rows are the truth.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde::Serialize;

use crate::domain::{delivery::DeliveryState, slug::Slug};

/// Counts that a progress bar may read while the work goes on.
#[derive(Debug, Default)]
pub struct Tally {
    sent: AtomicU64,
    deferred: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    expired: AtomicU64,
    dropped: AtomicU64,
    troubles: Mutex<BTreeMap<Slug, String>>,
}

/// A tally at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Taken by the relay.
    pub sent: u64,
    /// To be tried again.
    pub deferred: u64,
    /// Refused for good.
    pub refused: u64,
    /// Without a clear answer; to be tried again.
    pub unknown: u64,
    /// Too late to be sent.
    pub expired: u64,
    /// Not sent, because the reader left or is suppressed.
    pub dropped: u64,
    /// The last trouble with a relay itself, if that relay has not worked since.
    pub trouble: Option<String>,
}

impl Tally {
    /// Counts `count` deliveries that came to `state`.
    pub fn count(&self, state: DeliveryState, count: u64) {
        let counter = match state {
            DeliveryState::Sent => &self.sent,
            DeliveryState::Queued | DeliveryState::Sending | DeliveryState::Deferred => &self.deferred,
            DeliveryState::Bounced => &self.refused,
            DeliveryState::Unknown => &self.unknown,
            DeliveryState::Expired => &self.expired,
            DeliveryState::Dropped => &self.dropped,
        };
        counter.fetch_add(count, Relaxed);
    }

    /// Notes the present trouble with a relay.
    pub fn note_trouble(&self, relay: &Slug, trouble: String) {
        self.troubles().insert(relay.clone(), trouble);
    }

    /// Notes that a relay works.
    pub fn note_well(&self, relay: &Slug) {
        self.troubles().remove(relay);
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        Counts {
            sent: self.sent.load(Relaxed),
            deferred: self.deferred.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            expired: self.expired.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            trouble: self.troubles().iter().next().map(|(relay, trouble)| format!("relay `{relay}`: {trouble}")),
        }
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<Slug, String>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// How many are done with for now.
    pub fn total(&self) -> u64 {
        self.sent + self.deferred + self.refused + self.unknown + self.expired + self.dropped
    }
}
