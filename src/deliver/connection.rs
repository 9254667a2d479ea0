//! What a connection works with, and the questions it asks before it offers a message: is it my turn, what is next, may
//! it still be offered; and where an outcome goes. `worker.rs` does the work.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::{
    bell::Bell,
    dkim::Signer,
    domains::Domains,
    frozen::FrozenMailings,
    gate::{Gate, Why},
    lanes::{InHand, Lanes},
    letterhead::Letterhead,
    pace::Pace,
    recorder::{InFlight, Recorder},
    session::{Connector, Trouble},
    share::Share,
    tally::Tally,
};
use crate::{
    clock::Clock,
    domain::{
        address::without_person,
        delivery::{Lane, Outcome, Reply, Retries},
        slug::Slug,
    },
    store::{
        Store,
        deliveries::{Claimed, SecondLook},
    },
};

/// What a connection needs; all connections share the most of it.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) connector: Arc<Connector>,
    pub(super) gate: Arc<Gate>,
    /// The gates of the relays that are preferred to this one.
    pub(super) preferred: Arc<[Arc<Gate>]>,
    pub(super) store: Store,
    pub(super) holder: i64,
    pub(super) lanes: Lanes,
    pub(super) frozen: Arc<FrozenMailings>,
    pub(super) letterhead: Arc<Letterhead>,
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) recorder: Recorder,
    pub(super) retries: Arc<Retries>,
    /// How fast messages may be given to this relay.
    pub(super) pace: Option<Arc<Pace>>,
    /// The work that it shares with others by weight, and its place among them.
    pub(super) share: Option<(Share, usize)>,
    pub(super) domains: Arc<Domains>,
    pub(super) clock: Clock,
    pub(super) tally: Arc<Tally>,
    pub(super) bell: Arc<Bell>,
}

/// Whether a connection has messages under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hands {
    Free,
    Full,
}

/// What is to be done with a delivery that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Offer,
    /// It cannot be said now.
    Later,
    /// It is settled, or no longer ours.
    Gone,
}

/// What staff are to hear of a relay.
#[derive(Clone, Copy, Debug)]
pub(super) enum News<'a> {
    /// It works.
    Well,
    /// It does not keep to the PIPELINING that it offers.
    Lie,
    /// It is in trouble.
    Trouble(&'a Trouble),
}

/// Whether a connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    /// No more will come, or outcomes cannot be written any more.
    NoFurther,
}

impl Connection {
    /// Waits until there is work and this relay may be talked to; `false` when no more will come. A relay that was in
    /// trouble is on trial first, for a connection that has nothing else to do. Nothing is lost when it is dropped while it
    /// waits.
    pub(super) async fn has_turn(&self, trial: &mut Option<OwnedSemaphorePermit>, hands: Hands) -> bool {
        let ready = async {
            loop {
                self.may_talk().await;
                match (self.gate.is_in_trouble(), hands) {
                    (false, _) => *trial = None,
                    // What it has under way will show whether the relay works; it is asked again then.
                    (true, Hands::Full) => std::future::pending().await,
                    (true, Hands::Free) if trial.is_none() => {
                        *trial = Some(self.gate.trial().await);
                        continue;
                    }
                    (true, Hands::Free) => {}
                }
                return self.lanes.has_work().await;
            }
        };
        tokio::select! {
            has_work = ready => has_work,
            () = self.lanes.closed() => false,
        }
    }

    /// Waits until this relay may be talked to: until all that are preferred to it are in trouble, and it is not shut.
    async fn may_talk(&self) {
        loop {
            for preferred in self.preferred.iter() {
                preferred.in_trouble().await;
            }
            match self.gate.shut_until() {
                Some(until) => sleep_until(until).await,
                None if self.preferred.iter().all(|gate| gate.is_in_trouble()) => return,
                None => {}
            }
        }
    }

    /// Waits for the next delivery; `None` when no more will come. Nothing is lost when it is dropped while it waits.
    pub(super) async fn next(
        &self,
        window: &Arc<Semaphore>,
        trial: &mut Option<OwnedSemaphorePermit>,
        hands: Hands,
    ) -> Option<InFlight> {
        let place = Arc::clone(window).acquire_owned().await.expect("the window is never closed");
        while self.has_turn(trial, hands).await {
            if let Some((share, nth)) = &self.share
                && self.lanes.next_lane() == Some(Lane::Digest)
                && share.is_ahead(*nth)
            {
                share.others().await;
                continue;
            }
            let leave = match self.pace.as_ref().map(Pace::leave).transpose() {
                Ok(leave) => leave,
                Err(until) => {
                    self.sleep_until(until).await;
                    continue;
                }
            };
            if let Some(in_hand) = self.lanes.take() {
                return Some(InFlight { in_hand, _place: place, leave });
            }
        }
        None
    }

    /// Sleeps, unless no more will come.
    pub(super) async fn sleep_until(&self, until: Instant) {
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.lanes.closed() => {}
        }
    }

    /// Whether a claimed delivery may be offered now. One that was claimed a while ago is looked at again.
    pub(super) async fn look(&self, in_hand: &InHand) -> Look {
        if in_hand.seen.is_fresh(&self.clock) && !self.bell.has_held(in_hand.delivery.mailing) {
            return Look::Offer;
        }
        let looked = self.store.look_again(self.holder, &in_hand.delivery, self.clock.now());
        match self.store.in_time(looked).await {
            Ok(SecondLook::Offer) => return Look::Offer,
            Ok(SecondLook::Settled(state)) => self.tally.count(state, 1),
            Ok(SecondLook::Gone) => {}
            Ok(SecondLook::Wait) => return Look::Later,
            Err(error) => {
                tracing::warn!("a delivery cannot be looked at before it is sent, so it waits: {error}");
                return Look::Later;
            }
        }
        Look::Gone
    }

    /// What an outcome says about us as a sender.
    pub(super) async fn judge_sender(&self, in_flight: &InFlight, outcome: &Outcome) {
        let Claimed { mailing, address, name, .. } = &in_flight.in_hand.delivery;
        let mailing = *mailing;
        match outcome {
            Outcome::Accepted(_) => self.bell.sender_accepted(mailing),
            Outcome::SenderRefused(reply) => {
                let issue = self.frozen.get(mailing).await.ok().and_then(|frozen| frozen.purpose.issue());
                // What the issue, the ledger and an alarm will say outlives this reader.
                let text = without_person(&reply.text, address, name);
                self.bell.sender_refused(mailing, issue, &Reply { text, ..reply.clone() }).await;
            }
            _ => {}
        }
    }

    pub(super) async fn record(&self, in_flight: InFlight, outcome: &Outcome) -> Goes {
        let next = in_flight.in_hand.delivery.attempted.after(outcome, self.clock.now(), &self.retries);
        if self.recorder.record(in_flight, self.relay_name(), outcome, next).await { Goes::On } else { Goes::NoFurther }
    }

    /// Its domain has had enough for now: the row waits, and this connection goes on with others.
    pub(super) async fn put_off(&self, in_flight: InFlight, wait: Duration) -> Goes {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let next = in_flight.in_hand.delivery.attempted.put_off(self.clock.now(), wait, &self.retries);
        let outcome = Outcome::NotTried("its domain is sent no more for now, by `[[domains]]`".to_owned());
        if self.recorder.record(in_flight, self.relay_name(), &outcome, next).await {
            Goes::On
        } else {
            Goes::NoFurther
        }
    }

    fn relay_name(&self) -> &Slug {
        &self.connector.relay().name
    }

    /// The relay is in trouble: no connection takes anything for a while. Writes nothing down.
    pub(super) fn shut(&self, why: Why, trouble: &Trouble) {
        let relay = self.relay_name();
        self.gate.shut(why);
        self.tally.note_trouble(relay, trouble.to_string());
        tracing::warn!(%relay, "the relay is in trouble: {trouble}");
    }

    /// Has staff told of the relay.
    pub(super) async fn tell(&self, news: News<'_>) {
        let relay = self.relay_name();
        match news {
            News::Well => self.bell.relay_is_well(relay).await,
            News::Lie => self.bell.relay_breaks_its_word(relay).await,
            News::Trouble(trouble) => self.bell.relay_in_trouble(relay, trouble).await,
        }
    }
}
