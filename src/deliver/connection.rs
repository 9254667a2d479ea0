//! One connection's work: take the next delivery, splice its message, offer it, have the outcome written down, and
//! only then take another. The session stays open over many messages.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    dkim::{self, Signer},
    frozen::FrozenMailings,
    gate::{self, Blame, Gate, Place, Why},
    lanes::{InHand, Lanes},
    letterhead::Letterhead,
    message,
    recorder::Recorder,
    session::{Connector, Envelope, Sent, Session, Trouble},
    tally::Tally,
};
use crate::{
    clock::Clock,
    domain::delivery::{Outcome, Reply, Retries},
    store::{
        Store,
        deliveries::{Recorded, SecondLook},
    },
};

/// How long an idle session is kept before it says goodbye.
const IDLE: Duration = Duration::from_secs(20);

/// How long to wait before a row that could not be looked at, or must wait, is looked at again.
const LOOK_LATER: Duration = Duration::from_millis(100);

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
    pub(super) clock: Clock,
    pub(super) tally: Arc<Tally>,
    /// This connection alone is turned away until then.
    pub(super) own_pause: OwnPause,
}

/// When a connection may knock again that was turned away while others had a session open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnPause {
    failures: u32,
    until: Option<Instant>,
}

/// An open session.
struct Open {
    session: Session,
    /// True once a message was judged in it.
    has_worked: bool,
    _place: Place,
}

/// Whether a connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    On,
    /// Outcomes cannot be written any more.
    NoFurther,
}

/// Closes the lanes when a connection's work ends, however it ends: usually they are closed already, but when outcomes
/// cannot be written, or on a panic, nothing more may be sent by the others either.
struct ClosesLanes(Lanes);

impl Drop for ClosesLanes {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Connection {
    /// Works until no more will come or the outcomes cannot be written any more.
    pub(super) async fn work(mut self) {
        let _closes_lanes = ClosesLanes(self.lanes.clone());
        let mut open: Option<Open> = None;
        let mut bytes = Vec::new();
        while self.has_turn(&mut open).await {
            // The session comes first: a relay that cannot be reached costs no delivery anything.
            if open.is_none() {
                open = self.open().await;
            }
            if open.is_none() {
                continue;
            }
            let Some(in_hand) = self.lanes.take() else { continue };
            if !self.may_be_offered(&in_hand).await {
                continue;
            }
            if self.deliver(&mut open, &in_hand, &mut bytes).await == Goes::NoFurther {
                break;
            }
            open = open.filter(|open| open.session.is_reusable());
        }
        if let Some(open) = open {
            open.session.quit().await;
        }
    }

    /// Waits for this connection's turn; a session that waits too long says goodbye meanwhile. `false` when no more will
    /// come.
    async fn has_turn(&self, open: &mut Option<Open>) -> bool {
        if open.is_some() {
            if let Ok(has_turn) = timeout(IDLE, self.turn()).await {
                return has_turn;
            }
            if let Some(open) = open.take() {
                open.session.quit().await;
            }
        }
        self.turn().await
    }

    async fn turn(&self) -> bool {
        let ready = async {
            self.may_talk().await;
            self.lanes.has_work().await
        };
        tokio::select! {
            has_work = ready => has_work,
            () = self.lanes.closed() => false,
        }
    }

    /// Waits until this connection may talk to its relay: until all that are preferred to it are in trouble, and it is not.
    async fn may_talk(&self) {
        loop {
            for preferred in self.preferred.iter() {
                preferred.in_trouble().await;
            }
            let now = Instant::now();
            match self.gate.shut_until().max(self.own_pause.until.filter(|until| *until > now)) {
                Some(until) => sleep_until(until).await,
                None if self.preferred.iter().all(|gate| gate.is_in_trouble()) => return,
                None => {}
            }
        }
    }

    /// Opens a session; `None` when there is trouble, which is then noted, or no more will come.
    async fn open(&mut self) -> Option<Open> {
        let mut place = self.gate.opening();
        let opened = tokio::select! {
            opened = self.connector.open() => opened,
            () = self.lanes.closed() => return None,
        };
        match opened {
            Ok(session) => {
                place.opened();
                self.own_pause = OwnPause::default();
                Some(Open { session, has_worked: false, _place: place })
            }
            Err(trouble) => {
                match place.failed() {
                    Blame::Relay => self.in_trouble(Why::Unreachable, &trouble),
                    Blame::ThisConnection => self.turned_away(&trouble),
                }
                None
            }
        }
    }

    /// True when a claimed delivery may be offered now. One that was claimed a while ago is looked at again.
    async fn may_be_offered(&self, in_hand: &InHand) -> bool {
        if in_hand.seen.is_fresh(&self.clock) {
            return true;
        }
        match self.store.look_again(self.holder, &in_hand.delivery, self.clock.now()).await {
            Ok(SecondLook::Offer) => return true,
            Ok(SecondLook::Settled(state)) => self.tally.count(state, 1),
            Ok(SecondLook::Gone) => {}
            Ok(SecondLook::Wait) => self.put_back(in_hand).await,
            Err(error) => {
                tracing::warn!("a delivery cannot be looked at before it is sent, so it waits: {error}");
                self.put_back(in_hand).await;
            }
        }
        false
    }

    async fn put_back(&self, in_hand: &InHand) {
        self.lanes.put_back(in_hand);
        tokio::select! {
            () = sleep(LOOK_LATER) => {}
            () = self.lanes.closed() => {}
        }
    }

    /// Offers one message and has its outcome written down.
    async fn deliver(&mut self, open: &mut Option<Open>, in_hand: &InHand, bytes: &mut Vec<u8>) -> Goes {
        let delivery = &in_hand.delivery;
        let frozen = match self.frozen.get(delivery.mailing).await {
            Ok(frozen) => frozen,
            Err(why) => {
                tracing::error!(mailing = delivery.mailing.0, "a mailing cannot be sent: {why}");
                return self.record(in_hand, &Outcome::NotTried(why)).await;
            }
        };
        let personal = self.letterhead.personal(delivery, &frozen.purpose);
        bytes.clear();
        let reader = message::Personal {
            message_id: &personal.message_id,
            to: &delivery.address,
            to_name: &delivery.name,
            leave_address: personal.leave_address.as_ref(),
            slots: &personal.slots,
        };
        frozen.template.splice(&reader, bytes);
        match dkim::signed(self.signer.as_ref(), std::mem::take(bytes), frozen.made_at).await {
            Ok(signed) => *bytes = signed,
            Err(why) => return self.record(in_hand, &Outcome::NotTried(why.to_string())).await,
        }
        let envelope = Envelope { sender: &personal.envelope_sender, recipient: &delivery.address };
        match self.offer(open, &envelope, bytes).await {
            Some(outcome) => self.record(in_hand, &outcome).await,
            None => {
                self.lanes.put_back(in_hand);
                Goes::On
            }
        }
    }

    /// Offers a message, if need be in a second session; `None` when that is not to be had and the relay has not heard of
    /// the message.
    async fn offer(&mut self, open: &mut Option<Open>, envelope: &Envelope<'_>, bytes: &[u8]) -> Option<Outcome> {
        let first = open.as_mut()?;
        let sent = first.session.send(envelope, bytes).await;
        if !matches!(sent.outcome, Outcome::NotTried(_)) || !first.has_ended_well() {
            self.judge_relay(first, &sent);
            return Some(sent.outcome);
        }
        // Relays end a session when they have had enough of it. That says nothing about this message, nor about the
        // next session.
        *open = None;
        *open = self.open().await;
        let second = open.as_mut()?;
        let sent = second.session.send(envelope, bytes).await;
        self.judge_relay(second, &sent);
        Some(sent.outcome)
    }

    /// What a message's fate says about the relay.
    fn judge_relay(&self, open: &mut Open, sent: &Sent) {
        match &sent.trouble {
            None => {
                open.has_worked = true;
                self.gate.well();
                self.tally.note_well(&self.connector.relay().name);
            }
            // It had worked; whether the relay is in trouble, the next session will show.
            Some(trouble) if open.has_ended_well() => tracing::info!("a session ended: {trouble}"),
            Some(trouble) => self.in_trouble(Why::Unwilling, trouble),
        }
    }

    async fn record(&self, in_hand: &InHand, outcome: &Outcome) -> Goes {
        let delivery = &in_hand.delivery;
        let next = delivery.attempted.after(outcome, self.clock.now(), &self.retries);
        let state = next.state;
        let (code, answer) = in_words(outcome);
        let recorded = Recorded {
            mailing: delivery.mailing,
            subscriber: delivery.subscriber,
            claim: delivery.claim,
            next,
            code,
            answer,
        };
        if !self.recorder.record(recorded).await {
            return Goes::NoFurther;
        }
        self.tally.count(state, 1);
        Goes::On
    }

    fn in_trouble(&self, why: Why, trouble: &Trouble) {
        let relay = &self.connector.relay().name;
        self.gate.shut(why);
        self.tally.note_trouble(relay, trouble.to_string());
        tracing::warn!(%relay, "the relay is in trouble: {trouble}");
    }

    fn turned_away(&mut self, trouble: &Trouble) {
        let OwnPause { failures, .. } = self.own_pause;
        self.own_pause = OwnPause { failures: failures + 1, until: Some(Instant::now() + gate::pause(failures)) };
        tracing::info!(relay = %self.connector.relay().name, "one connection more was not to be had: {trouble}");
    }
}

impl Open {
    /// True for a session that is over, and in which messages were judged before.
    fn has_ended_well(&self) -> bool {
        self.has_worked && !self.session.is_reusable()
    }
}

/// The reply code, and the answer as listings show it.
fn in_words(outcome: &Outcome) -> (Option<u16>, String) {
    match outcome {
        Outcome::Accepted(reply) | Outcome::Deferred(reply) | Outcome::Refused(reply) => {
            (Some(reply.code), reply_in_words(reply))
        }
        Outcome::Unknown(why) | Outcome::NotTried(why) | Outcome::Unfit(why) => (None, why.clone()),
    }
}

fn reply_in_words(reply: &Reply) -> String {
    match reply.enhanced {
        Some((class, subject, detail)) => format!("{} {class}.{subject}.{detail} {}", reply.code, reply.text),
        None => format!("{} {}", reply.code, reply.text),
    }
}
