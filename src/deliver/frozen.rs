//! Mailings in memory, parsed once for splicing. A mailing never changes, so what is here is never stale.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{letterhead::Letterhead, message::Template};
use crate::{
    domain::mailing::{Mailing, MailingId, Purpose},
    store::Store,
};

/// How many are kept at once; lanes rarely hold more than a few.
const KEPT: usize = 16;

/// A mailing that is ready to be spliced.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) purpose: Purpose,
    pub(super) made_at: Timestamp,
    pub(super) answers: Option<MailingId>,
    pub(super) template: Template,
}

/// The mailings that were needed last.
#[derive(Debug)]
pub(super) struct FrozenMailings {
    store: Store,
    letterhead: Arc<Letterhead>,
    kept: Mutex<HashMap<MailingId, Arc<Frozen>>>,
}

impl FrozenMailings {
    pub(super) fn new(store: Store, letterhead: Arc<Letterhead>) -> Self {
        Self { store, letterhead, kept: Mutex::default() }
    }

    /// The mailing, from memory or from the store. The error is for the delivery's row: it was not tried.
    pub(super) async fn get(&self, id: MailingId) -> Result<Arc<Frozen>, String> {
        if let Some(frozen) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(frozen));
        }
        let mailing = self.store.in_time(self.store.mailing(id)).await.map_err(|error| error.to_string())?;
        let list = self.letterhead.list(&mailing.purpose);
        if let (Purpose::Issue { list: name, .. }, None) = (&mailing.purpose, list) {
            // Without its list a message would have no way to leave it.
            return Err(format!("the configuration has no list `{name}`"));
        }
        let template = Template::parse(&mailing, list, self.letterhead.sender.address.domain())
            .map_err(|error| error.to_string())?;
        let Mailing { purpose, made_at, answers, .. } = mailing;
        let frozen = Arc::new(Frozen { purpose, made_at, answers, template });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&frozen));
        Ok(frozen)
    }
}
