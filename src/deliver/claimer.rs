//! The claimer: takes due rows from the store into the lanes, the first lane first, and no more than the connections
//! will soon need. It also says for the whole process that it lives, and takes up after those that do not.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{PostRoom, Until, bell::Bell, gate::Gate, lanes::Lanes, patience::Patience, seen::Seen, tally::Tally};
use crate::{
    domain::{
        delivery::{DeliveryState, Lane},
        relay::Relay,
    },
    stop::{Ask, Stop},
    store::{
        StoreError,
        holders::{Holder, LEASE, Renewal},
    },
};

/// How often the claimer looks for more urgent rows, and for any row when it has none: other processes queue rows too.
const LOOK: Duration = Duration::from_millis(50);

/// How often a holder says that it lives, and looks for those that do not; well within its lease.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long it waits before it asks a store again that failed.
const REST: Duration = Duration::from_millis(500);

/// For how long rows are claimed ahead. What waits longer is looked at again before it is offered, one by one.
const AHEAD: Duration = Duration::from_millis(150);

/// The most rows claimed at once: a claim keeps other writers waiting.
const MOST: usize = 2_000;

/// How many messages can be in flight at once, through these relays.
pub(super) fn in_flight(relays: &[Relay]) -> usize {
    relays.iter().map(|relay| relay.connections * relay.window).sum::<usize>().max(1)
}

/// The fewest rows claimed at once.
fn fewest(relays: &[Relay]) -> usize {
    2 * in_flight(relays)
}

/// Keeps the lanes filled.
pub(super) struct Claimer<'a> {
    pub(super) room: &'a PostRoom,
    pub(super) holder: &'a Holder,
    pub(super) lanes: &'a Lanes,
    pub(super) gates: Vec<Arc<Gate>>,
    pub(super) until: Until,
    pub(super) tally: &'a Tally,
    pub(super) bell: &'a Bell,
}

/// When this process said that it lives.
#[derive(Debug, Default)]
struct Beats {
    last: Option<Seen>,
    /// When it last came too late for its lease.
    late_at: Option<Instant>,
}

/// How fast rows are needed, as far as the claimer has seen.
struct Need {
    /// For the next claim.
    rows: usize,
    since: Instant,
}

/// What one look at the store came to.
enum Look {
    /// There is nothing left to do.
    Done,
    /// Look again at once: something changed.
    Again,
    /// Look again when the lanes run low, or after a while.
    Later,
}

impl Claimer<'_> {
    /// Claims until it is told to stop, a connection can go no further or, if asked to, until nothing is left to do. A
    /// store that fails is asked again for as long as there is patience.
    pub(super) async fn claim_while_needed(&self, stop: &Stop) -> Result<(), StoreError> {
        let (patience, mut beats) = (Patience::of(self.until), Beats::default());
        let mut failing: Option<(Instant, StoreError)> = None;
        let mut need = Need { rows: fewest(&self.room.relays), since: Instant::now() };
        while !stop.is_asked() && !self.lanes.is_closed() {
            let look = self.room.store.in_time(self.look(&mut beats, &mut need)).await;
            if look.is_ok()
                && let Some((since, error)) = failing.take()
            {
                self.bell.store_was_unwritable(since.elapsed(), &error).await;
            }
            match look {
                Ok(Look::Done) => return Ok(()),
                Ok(Look::Again) => {}
                Ok(Look::Later) => self.wait(LOOK, stop).await,
                Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
                Err(error) => {
                    let since = failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                    if !patience.lasts(since) {
                        return Err(error);
                    }
                    tracing::error!("deliveries cannot be claimed, delivery waits: {error}");
                    failing = Some((since, error));
                    self.wait(REST, stop).await;
                }
            }
        }
        Ok(())
    }

    async fn wait(&self, at_most: Duration, stop: &Stop) {
        tokio::select! {
            () = self.lanes.drained() => {}
            () = sleep(at_most) => {}
            () = stop.asked(Ask::Finish) => {}
        }
    }

    async fn look(&self, beats: &mut Beats, need: &mut Need) -> Result<Look, StoreError> {
        self.beat(beats).await?;
        let (up_to, ends) = match self.until {
            Until::Idle(lane) => (lane, true),
            Until::Stopped => (Lane::Digest, false),
        };
        if self.gates.iter().all(|gate| gate.shut_until().is_some()) {
            // Nothing can be sent, so nothing more is claimed.
            let over = ends && self.lanes.in_hand() == 0 && !self.gates.iter().any(|gate| gate.is_being_tried());
            return Ok(if over { Look::Done } else { Look::Later });
        }
        // Read before the store is: once all is done with, only another process can make more due.
        let idle = self.lanes.is_idle();
        let now = self.room.clock.now();
        let due = self.room.store.first_due_lane(up_to, now).await?;
        self.lanes.due(due);
        match due {
            Some(lane) if self.lanes.runs_low(lane) => self.claim(up_to, need).await,
            None if idle && ends => Ok(Look::Done),
            _ => Ok(Look::Later),
        }
    }

    async fn claim(&self, up_to: Lane, need: &mut Need) -> Result<Look, StoreError> {
        need.learn(self.lanes.taken(), fewest(&self.room.relays));
        self.lanes.set_low(need.rows / 2);
        let seen = Seen::now(&self.room.clock);
        let claims = self.room.store.claim(self.holder, up_to, need.rows, self.room.clock.now()).await?;
        self.tally.count(DeliveryState::Dropped, claims.dropped);
        self.tally.count(DeliveryState::Expired, claims.expired);
        let look = if claims.dropped + claims.expired > 0 { Look::Again } else { Look::Later };
        self.lanes.fill(claims, seen);
        Ok(look)
    }

    /// Says again and again that this holder lives, while what is on the wire is waited for. It ends when others have
    /// taken it for dead.
    pub(super) async fn beat_while_draining(&self) {
        let mut beats = Beats { last: Some(Seen::now(&self.room.clock)), late_at: None };
        loop {
            sleep(HEARTBEAT).await;
            match self.room.store.in_time(self.beat(&mut beats)).await {
                Ok(()) => {}
                Err(StoreError::LeaseLost) => return,
                Err(error) => tracing::warn!("it cannot be said that this process lives: {error}"),
            }
        }
    }

    async fn beat(&self, beats: &mut Beats) -> Result<(), StoreError> {
        if beats.last.is_some_and(|last| last.is_within(HEARTBEAT, &self.room.clock)) {
            return Ok(());
        }
        let seen = Seen::now(&self.room.clock);
        let now = self.room.clock.now();
        match self.room.store.renew_holder(self.holder, now).await? {
            Renewal::Lost => return Err(StoreError::LeaseLost),
            Renewal::InTime => {}
            // The store was away for longer than a lease, or this machine was. Others who live, and know what became of
            // their messages, are given as long to say so.
            Renewal::Late => beats.late_at = Some(Instant::now()),
        }
        if beats.late_at.is_none_or(|at| at.elapsed() > LEASE.unsigned_abs()) {
            let taken = self.room.store.take_up_after_the_dead(Some(self.holder), now).await?;
            if taken > 0 {
                tracing::warn!(taken, "took up deliveries of a process that had ended without a word");
            }
        }
        beats.last = Some(seen);
        Ok(())
    }
}

impl Need {
    /// So many were taken since the last time.
    fn learn(&mut self, taken: usize, fewest: usize) {
        let (seconds, now) = (self.since.elapsed().as_secs_f64(), Instant::now());
        let rate = taken as f64 / seconds.max(0.001);
        self.rows = ((rate * AHEAD.as_secs_f64()) as usize).clamp(fewest.min(MOST), MOST);
        self.since = now;
    }
}
