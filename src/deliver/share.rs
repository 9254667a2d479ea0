//! Work that relays of one priority share by weight. A relay that is ahead of its part lets the others catch up, unless
//! they are in trouble. Only digests are shared so: what is urgent goes to whoever is free.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::gate::Gate;
use crate::domain::relay::Relay;

/// How far, in messages for each unit of weight, a relay may be ahead: enough to keep all connections busy.
const AHEAD: f64 = 4.0;

/// How far behind counts. What was missed while it was in trouble is not made up for.
const BEHIND: f64 = 20.0;

/// How long one that is ahead waits before it looks again whether something urgent has come, or no more will.
const A_MOMENT: Duration = Duration::from_millis(20);

/// The relays of one priority. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Share(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    members: Mutex<Vec<Member>>,
    changed: Notify,
}

#[derive(Debug)]
struct Member {
    gate: Arc<Gate>,
    weight: f64,
    /// Messages taken, for each unit of weight.
    taken: f64,
}

impl Share {
    /// Of these relays, each with its gate; `None` when there is nothing to be shared by weight.
    pub(super) fn new(relays: &[(&Relay, Arc<Gate>)]) -> Option<Self> {
        let members: Option<Vec<Member>> = relays
            .iter()
            .map(|(relay, gate)| {
                Some(Member { gate: Arc::clone(gate), weight: f64::from(relay.weight?.get()), taken: 0.0 })
            })
            .collect();
        let members = Mutex::new(members.filter(|members| members.len() > 1)?);
        Some(Self(Arc::new(Shared { members, changed: Notify::new() })))
    }

    /// True when the `nth` relay should leave the next digest to the others.
    pub(super) fn is_ahead(&self, nth: usize) -> bool {
        is_ahead(&self.members(), nth)
    }

    /// Waits until another one took a message, or a moment has gone by: a gate that shuts tells nobody here.
    pub(super) async fn others(&self) {
        // That it took too long is as good a reason to look again.
        let _ = timeout(A_MOMENT, self.0.changed.notified()).await;
    }

    /// The `nth` relay took a message.
    pub(super) fn took(&self, nth: usize) {
        let mut members = self.members();
        members[nth].taken += 1.0 / members[nth].weight;
        let floor = members[nth].taken - BEHIND;
        members.iter_mut().for_each(|member| member.taken = member.taken.max(floor));
        drop(members);
        self.0.changed.notify_waiters();
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.0.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ahead(members: &[Member], nth: usize) -> bool {
    let me = &members[nth];
    let is_behind = |other: &Member| !other.gate.is_in_trouble() && me.taken - other.taken > AHEAD / me.weight.max(1.0);
    members.iter().enumerate().any(|(n, other)| n != nth && is_behind(other))
}

#[cfg(test)]
mod tests {
    use super::{Arc, Gate, Member, Share, Shared};
    use crate::deliver::gate::Why;

    fn share(weights: &[f64]) -> Share {
        let member = |weight: &f64| Member { gate: Arc::default(), weight: *weight, taken: 0.0 };
        let members = weights.iter().map(member).collect::<Vec<_>>().into();
        Share(Arc::new(Shared { members, changed: tokio::sync::Notify::new() }))
    }

    fn may_take(share: &Share, nth: usize) -> bool {
        !share.is_ahead(nth)
    }

    #[test]
    fn each_gets_its_part() {
        let share = share(&[1.0, 3.0]);
        let mut taken = [0, 0];
        for turn in 0..4_000 {
            let nth = turn % 2;
            if may_take(&share, nth) {
                share.took(nth);
                taken[nth] += 1;
            }
        }
        let part = f64::from(taken[1]) / f64::from(taken[0] + taken[1]);
        assert!((0.73..0.77).contains(&part), "{taken:?}");
    }

    #[test]
    fn one_in_trouble_holds_nobody_up_and_does_not_make_up_for_it() {
        let share = share(&[1.0, 1.0]);
        let gate: Arc<Gate> = Arc::clone(&share.members()[1].gate);
        gate.shut(Why::Unreachable);
        for _ in 0..1_000 {
            assert!(may_take(&share, 0));
            share.took(0);
        }
        let members = share.members();
        assert!(
            (members[0].taken - members[1].taken - 20.0).abs() < 0.001,
            "it is given no more than this to catch up"
        );
    }
}
