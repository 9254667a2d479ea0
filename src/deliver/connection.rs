//! One connection's work: take the next delivery, splice its message, offer it beside those that are under way, and
//! have each outcome written down. The session stays open over many messages.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::{
    bell::Bell,
    dkim::{self, Signer},
    domains::Domains,
    frozen::{Frozen, FrozenMailings},
    gate::{self, Blame, Gate, Place, Why},
    lanes::{InHand, Lanes},
    letterhead::Letterhead,
    message,
    pace::{Leave, Pace},
    recorder::{InFlight, Recorder},
    session::{Connector, Envelope, Sent, Session, Trouble},
    share::Share,
    tally::Tally,
};
use crate::{
    clock::Clock,
    domain::{
        delivery::{Lane, Outcome, Retries},
        mailing::Purpose,
        relay::{Dsn, Relay},
    },
    store::{Store, deliveries::SecondLook},
};

/// How long an idle session is kept before it says goodbye.
const IDLE: Duration = Duration::from_secs(20);

/// How long to wait before a row that could not be looked at, or must wait, is looked at again.
const LOOK_LATER: Duration = Duration::from_millis(100);

/// After so many sessions in a row that a relay ended after one message, it is in trouble: it means to slow us down.
const SHORT_SESSIONS: u32 = 3;

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

/// A connection at work.
struct Worker {
    shared: Connection,
    /// One place for each message that may be in flight.
    window: Arc<Semaphore>,
    /// Held while the relay is on trial: no other connection may try it before it has worked.
    trial: Option<OwnedSemaphorePermit>,
    open: Option<Open>,
    own_pause: OwnPause,
    /// Rows cannot be looked at; nothing is taken before then.
    rests_until: Option<Instant>,
    /// How many sessions in a row the relay ended after no more than one message.
    short_sessions: u32,
}

/// An open session.
struct Open {
    session: Session,
    /// What was offered and has no outcome yet, oldest first.
    under_way: VecDeque<InFlight>,
    /// How many messages were judged in it.
    judged: u32,
    offered: u32,
    opened_at: Instant,
    /// When a message last had its outcome.
    used_at: Instant,
    _place: Place,
}

/// When a connection may knock again that was turned away while others had a session open.
#[derive(Clone, Copy, Debug, Default)]
struct OwnPause {
    failures: u32,
    until: Option<Instant>,
}

/// Whether a connection has messages under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hands {
    Free,
    Full,
}

/// What is to be done with a delivery that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Offer,
    /// It cannot be said now.
    Later,
    /// It is settled, or no longer ours.
    Gone,
}

/// Whether a connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    On,
    /// No more will come, or outcomes cannot be written any more.
    NoFurther,
}

/// What happens next in an open session.
enum Event {
    /// The next delivery that may be offered; `None` when no more will come.
    Next(Option<InFlight>),
    /// The oldest message under way has its outcome.
    Sent(Sent),
    /// Rows may be looked at again.
    Rested,
    /// Nothing to do for a while, or nothing more to be done in this session.
    Close,
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
    pub(super) async fn work(self) {
        let _closes_lanes = ClosesLanes(self.lanes.clone());
        let window = Arc::new(Semaphore::new(self.connector.relay().window));
        let mut worker = Worker {
            shared: self,
            window,
            trial: None,
            open: None,
            own_pause: OwnPause::default(),
            rests_until: None,
            short_sessions: 0,
        };
        while worker.go_on().await == Goes::On {}
        if let Some(open) = worker.open {
            open.session.quit().await;
        }
    }

    /// Waits until there is work and this relay may be talked to; `false` when no more will come. A relay that was in
    /// trouble is on trial first, for a connection that has nothing else to do. Nothing is lost when it is dropped while it
    /// waits.
    async fn has_turn(&self, trial: &mut Option<OwnedSemaphorePermit>, hands: Hands) -> bool {
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
    async fn next(
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
    async fn sleep_until(&self, until: Instant) {
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.lanes.closed() => {}
        }
    }

    /// Whether a claimed delivery may be offered now. One that was claimed a while ago is looked at again.
    async fn look(&self, in_hand: &InHand) -> Look {
        if in_hand.seen.is_fresh(&self.clock) && !self.bell.has_held(in_hand.delivery.mailing) {
            return Look::Offer;
        }
        match self.store.look_again(self.holder, &in_hand.delivery, self.clock.now()).await {
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
    async fn judge_sender(&self, in_flight: &InFlight, outcome: &Outcome) {
        let mailing = in_flight.in_hand.delivery.mailing;
        match outcome {
            Outcome::Accepted(_) => self.bell.sender_accepted(mailing),
            Outcome::SenderRefused(reply) => {
                let issue = match self.frozen.get(mailing).await.as_deref() {
                    Ok(Frozen { purpose: Purpose::Issue { issue, .. }, .. }) => Some(*issue),
                    _ => None,
                };
                self.bell.sender_refused(mailing, issue, reply).await;
            }
            _ => {}
        }
    }

    async fn record(&self, in_flight: InFlight, outcome: &Outcome) -> Goes {
        let next = in_flight.in_hand.delivery.attempted.after(outcome, self.clock.now(), &self.retries);
        if self.recorder.record(in_flight, outcome, next).await { Goes::On } else { Goes::NoFurther }
    }

    /// Its domain has had enough for now: the row waits, and this connection goes on with others.
    async fn put_off(&self, in_flight: InFlight, wait: Duration) -> Goes {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let next = in_flight.in_hand.delivery.attempted.put_off(self.clock.now(), wait, &self.retries);
        let outcome = Outcome::NotTried("its domain is sent no more for now, by `[[domains]]`".to_owned());
        if self.recorder.record(in_flight, &outcome, next).await { Goes::On } else { Goes::NoFurther }
    }

    async fn in_trouble(&self, why: Why, trouble: &Trouble) {
        let relay = &self.connector.relay().name;
        self.gate.shut(why);
        self.bell.relay_in_trouble(relay, trouble).await;
        self.tally.note_trouble(relay, trouble.to_string());
        tracing::warn!(%relay, "the relay is in trouble: {trouble}");
    }
}

impl Worker {
    /// One step: opens a session, or does what is next in the one that is open.
    async fn go_on(&mut self) -> Goes {
        if self.open.is_none() {
            if let Some(until) = self.own_pause.until.filter(|until| *until > Instant::now()) {
                self.shared.sleep_until(until).await;
            }
            // The session comes first: a relay that cannot be reached costs no delivery anything.
            if !self.shared.has_turn(&mut self.trial, Hands::Free).await {
                return Goes::NoFurther;
            }
            self.open = self.open_session().await;
            return Goes::On;
        }
        match self.event().await {
            Event::Next(Some(in_flight)) => self.offer(in_flight).await,
            Event::Next(None) => self.finish().await,
            Event::Sent(sent) => self.settle(sent).await,
            Event::Rested => {
                self.rests_until = None;
                Goes::On
            }
            Event::Close => {
                if let Some(open) = self.open.take() {
                    open.session.quit().await;
                }
                Goes::On
            }
        }
    }

    /// Waits for what is next. New messages come first, so that as many as may be under way share one write; how many
    /// that is, is limited.
    async fn event(&mut self) -> Event {
        let Self { shared, window, trial, open, rests_until, .. } = self;
        let open = open.as_mut().expect("a session is open");
        let hands = if open.under_way.is_empty() { Hands::Free } else { Hands::Full };
        let has_room = open.has_room(shared.connector.relay()) && (hands == Hands::Free || trial.is_none());
        if hands == Hands::Free && !has_room {
            return Event::Close;
        }
        tokio::select! {
            biased;
            () = sleep_until(rests_until.unwrap_or(open.used_at)), if rests_until.is_some() => Event::Rested,
            next = shared.next(window, trial, hands), if has_room && rests_until.is_none() => Event::Next(next),
            sent = open.session.next(), if hands == Hands::Full => sent.map_or(Event::Close, Event::Sent),
            () = sleep_until(open.used_at + IDLE), if hands == Hands::Free => Event::Close,
        }
    }

    /// Opens a session; `None` when there is trouble, which is then noted, or no more will come.
    async fn open_session(&mut self) -> Option<Open> {
        let Self { shared, own_pause, trial, .. } = self;
        let mut place = shared.gate.opening();
        let opened = tokio::select! {
            opened = shared.connector.open() => opened,
            () = shared.lanes.closed() => return None,
        };
        match opened {
            Ok(session) => {
                place.opened();
                *own_pause = OwnPause::default();
                Some(Open::new(session, place))
            }
            Err(trouble) => {
                match place.failed() {
                    Blame::Relay => shared.in_trouble(Why::Unreachable, &trouble).await,
                    Blame::ThisConnection => {
                        own_pause.prolong();
                        // Those who have a session can try the relay meanwhile.
                        *trial = None;
                        let relay = &shared.connector.relay().name;
                        tracing::info!(%relay, "one connection more was not to be had: {trouble}");
                    }
                }
                None
            }
        }
    }

    /// Splices a delivery's message and offers it.
    async fn offer(&mut self, mut in_flight: InFlight) -> Goes {
        let Self { shared, open, .. } = self;
        let open = open.as_mut().expect("a session is open");
        match shared.look(&in_flight.in_hand).await {
            Look::Offer => {}
            Look::Gone => return Goes::On,
            Look::Later => {
                shared.lanes.put_back(&in_flight.in_hand);
                self.rests_until = Some(Instant::now() + LOOK_LATER);
                return Goes::On;
            }
        }
        let delivery = &in_flight.in_hand.delivery;
        let mut domain_leave = match shared.domains.leave(&delivery.address, delivery.lane) {
            Ok(leave) => leave,
            Err(wait) => return shared.put_off(in_flight, wait).await,
        };
        let frozen = match shared.frozen.get(delivery.mailing).await {
            Ok(frozen) => frozen,
            Err(why) => {
                tracing::error!(mailing = delivery.mailing.0, "a mailing cannot be sent: {why}");
                return shared.record(in_flight, &Outcome::NotTried(why)).await;
            }
        };
        let personal = shared.letterhead.personal(delivery, &frozen.purpose);
        let reader = message::Personal {
            message_id: &personal.message_id,
            to: &delivery.address,
            to_name: &delivery.name,
            leave_address: personal.leave_address.as_ref(),
            slots: &personal.slots,
        };
        let mut bytes = Vec::new();
        frozen.template.splice(&reader, &mut bytes);
        let bytes = match dkim::signed(shared.signer.as_ref(), bytes, frozen.made_at).await {
            Ok(signed) => signed,
            Err(why) => {
                tracing::error!(mailing = delivery.mailing.0, "a message cannot be signed: {why}");
                return shared.record(in_flight, &Outcome::NotTried(why.to_string())).await;
            }
        };
        let envelope_id = match shared.connector.relay().dsn {
            Dsn::OfTrouble => personal.message_id.split('@').next(),
            Dsn::Off => None,
        };
        let envelope = Envelope { sender: &personal.envelope_sender, recipient: &delivery.address, envelope_id };
        match open.session.offer(&envelope, bytes) {
            Ok(()) => {
                open.offered += 1;
                in_flight.leave.iter_mut().chain(&mut domain_leave).for_each(Leave::used);
                if let Some((share, nth)) = &shared.share {
                    share.took(*nth);
                }
                open.under_way.push_back(in_flight);
                Goes::On
            }
            Err(sent) => shared.record(in_flight, &sent.outcome).await,
        }
    }

    /// What the outcome of the oldest message says about the relay, and what becomes of its delivery.
    async fn settle(&mut self, sent: Sent) -> Goes {
        let Self { shared, open, trial, short_sessions, .. } = self;
        let open = open.as_mut().expect("a session is open");
        let in_flight = open.under_way.pop_front().expect("each outcome is for a message under way");
        open.used_at = Instant::now();
        let ending = Ending::of(&sent, open.session.is_over(), open.session.has_found_a_lie(), open.judged);
        let relay = &shared.connector.relay().name;
        match (&ending, &sent.trouble) {
            (Ending::None, _) => {
                open.judged += 1;
                if open.judged > 1 {
                    *short_sessions = 0;
                }
                *trial = None;
                if shared.gate.well() {
                    shared.tally.note_well(relay);
                    shared.bell.relay_is_well(relay).await;
                }
            }
            (Ending::Lie, _) => shared.bell.relay_breaks_its_word(relay).await,
            (Ending::Usual, Some(trouble)) => tracing::info!(%relay, "a session ended: {trouble}"),
            (Ending::Short, Some(trouble)) if *short_sessions + 1 < SHORT_SESSIONS => {
                *short_sessions += 1;
                tracing::info!(%relay, "a session ended soon: {trouble}");
            }
            (Ending::Short | Ending::Trouble, Some(trouble)) => {
                *short_sessions = 0;
                shared.in_trouble(Why::Unwilling, trouble).await;
            }
            _ => {}
        }
        let is_not_tried = matches!(sent.outcome, Outcome::NotTried(_));
        if is_not_tried && ending.says_nothing_of_the_message() {
            shared.lanes.put_back(&in_flight.in_hand);
            return Goes::On;
        }
        shared.judge_sender(&in_flight, &sent.outcome).await;
        shared.record(in_flight, &sent.outcome).await
    }

    /// No more will come: what is under way gets its outcome.
    async fn finish(&mut self) -> Goes {
        while let Some(open) = &mut self.open
            && let Some(sent) = open.session.next().await
        {
            if self.settle(sent).await == Goes::NoFurther {
                break;
            }
        }
        Goes::NoFurther
    }
}

impl Open {
    fn new(session: Session, place: Place) -> Self {
        let now = Instant::now();
        Self { session, under_way: VecDeque::new(), judged: 0, offered: 0, opened_at: now, used_at: now, _place: place }
    }

    /// True when another message may be offered in this session now. The first one always may.
    fn has_room(&self, relay: &Relay) -> bool {
        let is_fresh = relay.messages_per_connection.is_none_or(|most| self.offered < most.get())
            && self.opened_at.elapsed() < relay.connection_age;
        self.session.has_room() && (is_fresh || self.offered == 0)
    }
}

/// What an outcome says about its session and the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Nothing is wrong with them.
    None,
    /// The message was under way behind another one, which is told of the trouble.
    Behind,
    /// The session is over: relays end one when they have had enough of it. That says nothing about this message, nor about
    /// the next session.
    Usual,
    /// The session is over after no more than one message. A relay that does so again and again is in trouble.
    Short,
    /// The relay does not keep to the PIPELINING that it offers.
    Lie,
    /// The relay is in trouble.
    Trouble,
}

impl Ending {
    fn of(sent: &Sent, is_over: bool, has_found_a_lie: bool, judged: u32) -> Self {
        match (&sent.trouble, is_over, judged) {
            (None, ..) => Self::None,
            (Some(Trouble::Spent), ..) => Self::Behind,
            (Some(_), true, _) if has_found_a_lie => Self::Lie,
            (Some(_), true, 2..) => Self::Usual,
            (Some(_), true, 1) => Self::Short,
            (Some(_), ..) => Self::Trouble,
        }
    }

    /// True when a message that was not tried may be offered again at once.
    fn says_nothing_of_the_message(self) -> bool {
        matches!(self, Self::Behind | Self::Usual | Self::Short | Self::Lie)
    }
}

impl OwnPause {
    /// It was turned away once more.
    fn prolong(&mut self) {
        self.until = Some(Instant::now() + gate::pause(self.failures));
        self.failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Ending, Outcome, Sent, Trouble};
    use crate::{deliver::session::Stage, domain::delivery::Reply};

    #[test]
    fn each_ending_of_a_session_says_its_own() {
        let lost = || Some(Trouble::Lost(Stage::Dot, io::ErrorKind::UnexpectedEof.into()));
        let refused = || Some(Trouble::Refused(Stage::Mail, Reply { code: 450, enhanced: None, text: String::new() }));
        for (trouble, is_over, is_lie, judged, ending) in [
            (None, false, false, 0, Ending::None),
            (None, true, false, 5, Ending::None),
            (Some(Trouble::Spent), true, false, 0, Ending::Behind),
            (lost(), true, false, 9, Ending::Usual),
            (refused(), true, false, 9, Ending::Usual),
            (lost(), true, false, 1, Ending::Short),
            (lost(), true, false, 0, Ending::Trouble),
            (lost(), true, true, 0, Ending::Lie),
            (refused(), false, false, 9, Ending::Trouble),
            // The relay was found out in another session; this one goes on, and it says no.
            (refused(), false, true, 9, Ending::Trouble),
        ] {
            let said = format!("{trouble:?}, over {is_over}, lie {is_lie}, {judged} judged");
            let sent = Sent { outcome: Outcome::NotTried(String::new()), trouble };
            assert_eq!(Ending::of(&sent, is_over, is_lie, judged), ending, "{said}");
        }
    }
}
