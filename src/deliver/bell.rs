//! The bell: what delivery notices and staff must hear of. It goes into the store as an alarm, and is cleared there when
//! it is over; a flow tells of it. An issue whose messages are refused for the sender's sake, one after the other, is
//! held here before the whole list is burnt.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::session::{Stage, Trouble};
use crate::{
    clock::Clock,
    domain::{
        alarm::{self, Alarm, AlarmKind},
        delivery::Reply,
        issue::IssueId,
        mailing::MailingId,
        slug::Slug,
    },
    store::{Store, StoreError},
};

/// What the store could not write for a shorter time is no news: another process was busy.
const WORTH_TELLING: Duration = Duration::from_secs(10);

/// How often a relay that is well is said to be.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Bell {
    store: Store,
    clock: Clock,
    hold_after: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The relays that were well when we last said so.
    well: HashMap<Slug, Instant>,
    /// How many of a mailing's messages were refused in a row for the sender's sake.
    refused: HashMap<MailingId, usize>,
    /// The mailings whose issues were held here, and of which no message was taken since.
    held: HashSet<MailingId>,
}

impl Bell {
    pub(super) fn new(store: Store, clock: Clock, hold_after: usize) -> Self {
        Self { store, clock, hold_after, state: Mutex::default() }
    }

    /// A relay is in trouble. Trouble that passes by itself is told when it has lasted; what only a person can mend, at
    /// once.
    pub(super) async fn relay_in_trouble(&self, relay: &Slug, trouble: &Trouble) {
        self.state().well.remove(relay);
        let now = self.clock.now();
        let grace = if needs_a_person(trouble) { SignedDuration::ZERO } else { alarm::GRACE };
        let trouble = in_full(trouble);
        let words = format!(
            "The relay `{relay}` is in trouble: {trouble}. Nothing is lost: what waits is sent when it works again, or by \
             another relay where there is one. `tidings check` tries it at once."
        );
        self.raise(relay_name(relay), AlarmKind::RelayInTrouble, words, later(now, grace)).await;
    }

    /// A relay has taken or refused a message as it should.
    pub(super) async fn relay_is_well(&self, relay: &Slug) {
        {
            let mut state = self.state();
            // Not for each message, but again and again: another process may have raised it.
            if state.well.get(relay).is_some_and(|said| said.elapsed() < SAY_AGAIN) {
                return;
            }
            state.well.insert(relay.clone(), Instant::now());
        }
        let about = relay_name(relay);
        let clearing = self.store.clear_alarm(&about, AlarmKind::RelayInTrouble, self.clock.now());
        if let Err(error) = self.store.in_time(clearing).await {
            self.state().well.remove(relay);
            tracing::warn!(%relay, "it cannot be written down that the relay works: {error}");
        }
    }

    /// A relay offers PIPELINING and does not keep to it.
    pub(super) async fn relay_breaks_its_word(&self, relay: &Slug) {
        let words = format!(
            "The relay `{relay}` offers PIPELINING, but did not answer a group of commands as it should. It is spoken to one \
             command at a time for an hour. If it happens again, write `manner = \"lock-step\"` in its `[[relays]]`."
        );
        self.raise(relay_name(relay), AlarmKind::RelayBreaksItsWord, words, self.clock.now()).await;
    }

    /// The store could not be written for so long, and now can again.
    pub(super) async fn store_was_unwritable(&self, time: Duration, error: &StoreError) {
        if time < WORTH_TELLING {
            return;
        }
        let words = format!(
            "The database could not be written for {} seconds ({error}). Delivery waited meanwhile; nothing is lost.",
            time.as_secs()
        );
        self.raise("store".to_owned(), AlarmKind::StoreUnwritable, words, self.clock.now()).await;
        let clearing = self.store.clear_alarm("store", AlarmKind::StoreUnwritable, self.clock.now());
        if let Err(error) = self.store.in_time(clearing).await {
            tracing::warn!("an alarm cannot be cleared: {error}");
        }
    }

    /// A message of this mailing was taken: the sender is not to blame.
    pub(super) fn sender_accepted(&self, mailing: MailingId) {
        let mut state = self.state();
        if !state.refused.is_empty() || !state.held.is_empty() {
            state.refused.remove(&mailing);
            state.held.remove(&mailing);
        }
    }

    /// True when so many of a mailing were refused in a row that its issue was held: what was claimed of it before must be
    /// looked at again.
    pub(super) fn has_held(&self, mailing: MailingId) -> bool {
        self.state().held.contains(&mailing)
    }

    /// A message of this mailing was refused for the sender's sake. When that happens too often in a row, its issue is
    /// held.
    pub(super) async fn sender_refused(&self, mailing: MailingId, issue: Option<IssueId>, reply: &Reply) {
        let in_a_row = {
            let mut state = self.state();
            let count = state.refused.entry(mailing).or_default();
            *count += 1;
            *count
        };
        let Some(issue) = issue.filter(|_| in_a_row >= self.hold_after) else { return };
        match self.hold(issue, reply, in_a_row).await {
            Ok(()) => {
                let mut state = self.state();
                // Once it is released, it is given as many tries again.
                state.refused.remove(&mailing);
                state.held.insert(mailing);
            }
            Err(error) => tracing::error!(issue = issue.0, "an issue that should be held cannot be: {error}"),
        }
    }

    async fn hold(&self, issue: IssueId, reply: &Reply, in_a_row: usize) -> Result<(), StoreError> {
        let reason = format!("{in_a_row} messages in a row were refused for our sake: {} {}", reply.code, reply.text);
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        if tx.hold_issue(issue, &reason, now).await?.is_none() {
            return Ok(());
        }
        let words = format!(
            "Issue {} is held: {reason}. The readers are not to blame, so nobody was given up. Mend what is refused (SPF, \
             DKIM and DMARC of the sender's domain, its standing, or whether the relay knows us), then type `tidings issues \
             release {}`.",
            issue.0, issue.0
        );
        let about = format!("issue:{}", issue.0);
        tx.raise_alarm(&Alarm { about, kind: AlarmKind::IssueHeld, words, tell_after: now }, now).await?;
        tx.commit().await
    }

    async fn raise(&self, about: String, kind: AlarmKind, words: String, tell_after: Timestamp) {
        let alarm = Alarm { about, kind, words, tell_after };
        if let Err(error) = self.store.in_time(self.store.raise_alarm(&alarm, self.clock.now())).await {
            tracing::warn!(about = alarm.about, "an alarm cannot be written down: {error}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn relay_name(relay: &Slug) -> String {
    format!("relay:{relay}")
}

/// True for what no waiting mends: a login, a certificate, a refusal of who we are.
fn needs_a_person(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Tls(_)
        | Trouble::NoStartTls
        | Trouble::NoAuthMechanism
        | Trouble::NoXoauth2
        | Trouble::Token(_)
        | Trouble::ClearTextLogin => true,
        Trouble::StartTls(reply) | Trouble::Greeting(reply) | Trouble::Hello(reply) | Trouble::Auth(reply) => {
            reply.code >= 500
        }
        Trouble::Refused(Stage::Mail, reply) => reply.code >= 500,
        _ => false,
    }
}

/// A trouble with all that caused it: a certificate's fault is only in its cause.
fn in_full(trouble: &Trouble) -> String {
    let mut text = trouble.to_string();
    let mut cause = trouble.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
