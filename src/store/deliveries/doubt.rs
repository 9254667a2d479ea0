//! Claims in doubt: a claim whose commit failed may have been done all the same, when only the answer was lost. Its
//! rows are then held by this process, which does not know it, and nobody would ever send them. They are remembered
//! here until a later claim gives them back. Should this process end first, its holder's end gives them back.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Key;
use crate::{domain::delivery::Lane, store::holders::Holder};

/// What may be held without being known: holder and row, with the row's lane.
#[derive(Debug, Default)]
pub(in crate::store) struct Doubt(Mutex<BTreeMap<(i64, Key), Lane>>);

impl Doubt {
    /// The first lane, up to `up_to`, in which something is in doubt.
    pub(super) fn first_lane(&self, up_to: Lane) -> Option<Lane> {
        self.all().values().copied().filter(|lane| *lane <= up_to).min()
    }

    /// What this holder may hold without knowing.
    pub(super) fn of(&self, holder: &Holder) -> Vec<Key> {
        self.all().keys().filter(|(id, _)| *id == holder.id).map(|(_, key)| *key).collect()
    }

    /// A claim of these is about to be committed.
    pub(super) fn add(&self, holder: &Holder, lane: Lane, keys: &[Key]) {
        self.all().extend(keys.iter().map(|key| ((holder.id, *key), lane)));
    }

    /// A later claim of this holder was committed, or it ends: nothing of it is in doubt any more.
    pub(in crate::store) fn resolve(&self, holder: &Holder) {
        self.all().retain(|(id, _), _| *id != holder.id);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(i64, Key), Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
