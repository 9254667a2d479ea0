//! The recorder: writes outcomes down in groups. While one group is being committed the next one gathers, so that
//! many messages share one write to the disk. A message counts as in flight until its outcome is durable, and a
//! connection has only so many in flight: when the store cannot write, delivery stops by itself and the outcomes are
//! kept and tried again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use super::{bell::Bell, lanes::InHand, pace::Leave, patience::Patience, tally::Tally};
use crate::{
    clock::Clock,
    domain::{
        bounce,
        delivery::{Next, Outcome, Reply},
        slug::Slug,
    },
    store::{
        Store, StoreError,
        bounces::Said,
        deliveries::{Doubtful, Recorded},
    },
};

/// The most outcomes in one write.
const GROUP: usize = 500;

/// How long the first outcome of a group waits for others: each write costs the same, however many are in it.
const LINGER: Duration = Duration::from_millis(5);

/// A delivery in flight: taken from the lanes, its outcome not yet durable. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) in_hand: InHand,
    pub(super) _place: OwnedSemaphorePermit,
    /// Leave by the relay's rate, when it has one.
    pub(super) leave: Option<Leave>,
}

/// An outcome on its way to the store.
#[derive(Debug)]
struct Entry {
    recorded: Recorded,
    _in_flight: InFlight,
}

/// The way to the recorder; when the last clone is gone, it finishes.
#[derive(Clone, Debug)]
pub(super) struct Recorder(mpsc::Sender<Entry>);

/// What the recorder works with.
pub(super) struct Ledger {
    pub(super) store: Store,
    pub(super) holder: i64,
    pub(super) clock: Clock,
    pub(super) patience: Patience,
    pub(super) tally: Arc<Tally>,
    pub(super) bell: Arc<Bell>,
    /// How many messages may be in flight at once. When half of them have their outcome, it is time to write.
    pub(super) in_flight: usize,
}

impl Recorder {
    /// Starts a recorder for the claims of one holder. Its task ends with the error that it ran out of patience with.
    pub(super) fn start(ledger: Ledger) -> (Self, JoinHandle<Result<(), StoreError>>) {
        let (sender, receiver) = mpsc::channel(GROUP);
        (Self(sender), tokio::spawn(ledger.write(receiver)))
    }

    /// Has the outcome of an offer to a relay written down, and what follows from it: `false` when the recorder has given up.
    pub(super) async fn record(&self, mut in_flight: InFlight, relay: &Slug, outcome: &Outcome, next: Next) -> bool {
        // A leave that was not used is given back now and not when the row is written: another may use it meanwhile.
        in_flight.leave = None;
        let delivery = &in_flight.in_hand.delivery;
        let (code, answer) = in_words(outcome);
        let recorded = Recorded {
            mailing: delivery.mailing,
            subscriber: delivery.subscriber,
            claim: delivery.claim,
            relay: relay.clone(),
            next,
            code,
            answer,
            doubt: if matches!(outcome, Outcome::Unknown(_)) { Doubtful::Yes } else { Doubtful::No },
            said: said(outcome),
        };
        self.0.send(Entry { recorded, _in_flight: in_flight }).await.is_ok()
    }
}

impl Ledger {
    async fn write(self, mut entries: mpsc::Receiver<Entry>) -> Result<(), StoreError> {
        let (mut group, mut outcomes) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        while self.gather(&mut entries, &mut group).await {
            let in_flight: Vec<InFlight> = group
                .drain(..)
                .map(|Entry { recorded, _in_flight }| {
                    outcomes.push(recorded);
                    _in_flight
                })
                .collect();
            self.write_group(&outcomes).await?;
            for outcome in outcomes.drain(..) {
                self.tally.count(outcome.next.state, 1);
            }
            drop(in_flight);
        }
        Ok(())
    }

    /// Fills a group: `false` when no more will come.
    async fn gather(&self, entries: &mut mpsc::Receiver<Entry>, group: &mut Vec<Entry>) -> bool {
        if entries.recv_many(group, GROUP).await == 0 {
            return false;
        }
        let (enough, until) = ((self.in_flight / 2).clamp(1, GROUP), Instant::now() + LINGER);
        while group.len() < enough {
            match timeout_at(until, entries.recv_many(group, GROUP - group.len())).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        true
    }

    async fn write_group(&self, outcomes: &[Recorded]) -> Result<(), StoreError> {
        let (began, mut failed) = (Instant::now(), None);
        let mut pause = Duration::from_millis(50);
        loop {
            let written = self.store.record_outcomes(self.holder, outcomes, self.clock.now());
            match self.store.in_time(written).await {
                Ok(written) => {
                    let late = (outcomes.len() as u64).saturating_sub(written);
                    if late > 0 {
                        tracing::warn!(late, "outcomes came after another process had taken their deliveries up");
                    }
                    if let Some(error) = &failed {
                        self.bell.store_was_unwritable(began.elapsed(), error).await;
                    }
                    return Ok(());
                }
                Err(error) if self.patience.lasts(began) => {
                    tracing::error!(waiting = outcomes.len(), "outcomes cannot be written, delivery waits: {error}");
                    failed = Some(error);
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a relay that refuses a message for good says of its reader. What cannot be offered to a relay at all says nothing
/// of them, and no more does a message that is too large for it (RFC 3463 §3.4).
fn said(outcome: &Outcome) -> Option<Said> {
    let Outcome::Refused(Reply { code, enhanced, text }) = outcome else { return None };
    if let Some((_, 3, 4)) = enhanced {
        return None;
    }
    let kind = bounce::kind_of(Some(*code), *enhanced, text);
    Some(Said { kind, code: *enhanced, words: bounce::fit_to_show(&format!("{code} {text}")) })
}

/// The reply code, and the answer as listings show it.
fn in_words(outcome: &Outcome) -> (Option<u16>, String) {
    match outcome {
        Outcome::Accepted(reply)
        | Outcome::Deferred(reply)
        | Outcome::Refused(reply)
        | Outcome::SenderRefused(reply) => (Some(reply.code), reply_in_words(reply)),
        Outcome::Unknown(why) | Outcome::NotTried(why) | Outcome::Unfit(why) => (None, why.clone()),
    }
}

fn reply_in_words(reply: &Reply) -> String {
    match reply.enhanced {
        Some((class, subject, detail)) => format!("{} {class}.{subject}.{detail} {}", reply.code, reply.text),
        None => format!("{} {}", reply.code, reply.text),
    }
}
