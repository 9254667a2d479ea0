//! The lanes: claimed deliveries that wait in memory for a connection, the first lane always first. Nothing here is
//! the truth: each of them is a row that this process holds, and a kill loses none.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::seen::Seen;
use crate::{
    domain::delivery::Lane,
    store::deliveries::{Claimed, Claims},
};

/// Among how many what is put back finds its place: more than are put back together, most often.
const PUT_BACK: usize = 64;

/// Claimed deliveries, by lane. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Lanes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes connections: there is something to take, or no more will come.
    filled: Notify,
    /// Wakes the claimer: a lane runs low, all is done, or no more is wanted.
    drained: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// When only so many wait in a lane, the claimer is woken.
    low: usize,
    /// How many were taken since the claimer last asked.
    taken: usize,
    waiting: [VecDeque<Waiting>; 3],
    /// More of this lane may be due in the store: no later lane may be taken from before that is known.
    more: Option<Lane>,
    in_hand: usize,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    delivery: Claimed,
    seen: Seen,
}

/// A delivery that a connection has in hand; dropping it says that it is done with.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) delivery: Claimed,
    /// When its row was last looked at.
    pub(super) seen: Seen,
    lanes: Lanes,
}

impl Lanes {
    /// Empty lanes that call for more when one of them has no more than `low` waiting.
    pub(super) fn new(low: usize) -> Self {
        let state = Mutex::new(State { low, ..State::default() });
        let (filled, drained) = Default::default();
        Self(Arc::new(Shared { state, filled, drained }))
    }

    /// From now on, calls for more when a lane has so few.
    pub(super) fn set_low(&self, low: usize) {
        self.state().low = low;
    }

    /// How many were taken since the last call.
    pub(super) fn taken(&self) -> usize {
        std::mem::take(&mut self.state().taken)
    }

    /// Adds what was claimed.
    pub(super) fn fill(&self, claims: Claims, seen: Seen) {
        let mut state = self.state();
        state.more = claims.more;
        for delivery in claims.deliveries {
            state.waiting[delivery.lane.rank()].push_back(Waiting { delivery, seen });
        }
        drop(state);
        self.0.filled.notify_waiters();
    }

    /// Tells what the store says is due: later lanes are held back only while more of an earlier one is.
    pub(super) fn due(&self, first: Option<Lane>) {
        let mut state = self.state();
        state.more = state.more.filter(|more| first.is_some_and(|first| first <= *more));
        drop(state);
        self.0.filled.notify_waiters();
    }

    /// Waits until there is something to take: `true`; or no more will come: `false`.
    pub(super) async fn has_work(&self) -> bool {
        self.wait_until(|state| if state.closed { Some(false) } else { state.first().map(|_| true) }).await
    }

    /// Waits until no more will come.
    pub(super) async fn closed(&self) {
        self.wait_until(|state| state.closed.then_some(())).await;
    }

    /// The lane that would be taken from now.
    pub(super) fn next_lane(&self) -> Option<Lane> {
        self.state().first()
    }

    /// Takes the next delivery of the first lane that has one, unless the lanes are closed.
    pub(super) fn take(&self) -> Option<InHand> {
        let mut state = self.state();
        let lane = state.first()?;
        let Waiting { delivery, seen } = state.waiting[lane.rank()].pop_front()?;
        state.in_hand += 1;
        state.taken += 1;
        // Only at that number, so that the claimer is not woken by each of the last few.
        let runs_low = state.waiting[lane.rank()].len() == state.low;
        drop(state);
        if runs_low {
            self.0.drained.notify_one();
        }
        Some(InHand { delivery, seen, lanes: self.clone() })
    }

    /// Puts back what was not offered, among the first of its lane and in their order.
    pub(super) fn put_back(&self, in_hand: &InHand) {
        let mut state = self.state();
        let waiting = Waiting { delivery: in_hand.delivery.clone(), seen: in_hand.seen };
        let lane = &mut state.waiting[waiting.delivery.lane.rank()];
        let place = |it: &Waiting| (it.delivery.mailing, it.delivery.subscriber);
        let before = lane.iter().take(PUT_BACK).take_while(|other| place(other) < place(&waiting)).count();
        lane.insert(before, waiting);
        drop(state);
        self.0.filled.notify_waiters();
    }

    /// Tells connections and claimer that no more will come. What waits is not taken any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.0.filled.notify_waiters();
        self.0.drained.notify_one();
    }

    /// What waits; after [`Lanes::close`], what was never offered.
    pub(super) fn drain(&self) -> Vec<Claimed> {
        let mut state = self.state();
        state.waiting.iter_mut().flat_map(std::mem::take).map(|waiting| waiting.delivery).collect()
    }

    /// True when no more will come.
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// True when so few wait in `lane` and those before it that more should be claimed.
    pub(super) fn runs_low(&self, lane: Lane) -> bool {
        let state = self.state();
        state.waiting[..=lane.rank()].iter().map(VecDeque::len).sum::<usize>() <= state.low
    }

    /// True when none waits and none is in hand.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.in_hand == 0 && state.waiting.iter().all(VecDeque::is_empty)
    }

    /// How many are in the hands of connections.
    pub(super) fn in_hand(&self) -> usize {
        self.state().in_hand
    }

    /// Waits until a lane runs low, all is done, or no more is wanted.
    pub(super) async fn drained(&self) {
        self.0.drained.notified().await;
    }

    async fn wait_until<T>(&self, ready: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let filled = self.0.filled.notified();
            tokio::pin!(filled);
            // Registered before the look, so that what is filled in between is not slept through.
            filled.as_mut().enable();
            if let Some(found) = ready(&self.state()) {
                return found;
            }
            filled.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The lane to take from.
    fn first(&self) -> Option<Lane> {
        if self.closed {
            return None;
        }
        let first = Lane::ALL.into_iter().find(|lane| !self.waiting[lane.rank()].is_empty())?;
        self.more.is_none_or(|more| first <= more).then_some(first)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        state.in_hand -= 1;
        let done = state.in_hand == 0 && state.waiting.iter().all(VecDeque::is_empty);
        drop(state);
        if done {
            self.lanes.0.drained.notify_one();
        }
    }
}
