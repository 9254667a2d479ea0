//! One connection's work: take the next delivery, splice its message, offer it beside those that are under way, and
//! have each outcome written down. The session stays open over many messages. When it ends, the messages that the relay
//! has not heard of are put back.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::{
    connection::{Connection, Goes, Hands, Look, News},
    dkim,
    ending::Ending,
    gate::{self, Blame, Place, Why},
    lanes::Lanes,
    message,
    pace::Leave,
    recorder::InFlight,
    session::{Envelope, Sent, Session},
};
use crate::{
    domain::{
        delivery::Outcome,
        relay::{Dsn, Relay},
    },
    store::deliveries::Doubtful,
};

/// How long an idle session is kept before it says goodbye.
const IDLE: Duration = Duration::from_secs(20);

/// How long to wait before rows that could not be looked at, or must wait, are looked at again.
const LOOK_LATER: Duration = Duration::from_millis(100);

/// After so many sessions in a row that a relay ended after one message, it is in trouble: it means to slow us down.
const SHORT_SESSIONS: u32 = 3;

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

/// Works until no more will come or the outcomes cannot be written any more.
pub(super) async fn work(shared: Connection) {
    let _closes_lanes = ClosesLanes(shared.lanes.clone());
    let window = Arc::new(Semaphore::new(shared.connector.relay().window));
    let mut worker = Worker {
        shared,
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
                    Blame::Relay => {
                        shared.shut(Why::Unreachable, &trouble);
                        shared.tell(News::Trouble(&trouble)).await;
                    }
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
        let doubt = in_flight.in_hand.delivery.doubt;
        let Self { shared, open, .. } = self;
        let open = open.as_mut().expect("a session is open");
        // A relay that hangs up on its neighbours would take its answer along once more, and it would be sent for ever.
        if doubt == Doubtful::Yes && !open.under_way.is_empty() {
            shared.lanes.put_back(&in_flight.in_hand);
            return self.settle_all().await;
        }
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
        let personal = shared.letterhead.personal(delivery, &frozen.purpose, frozen.answers);
        let reader = message::Personal {
            message_id: &personal.message_id,
            answers: personal.answers.as_deref(),
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
        let offered = match doubt {
            // It may be that this relay never answers what is to confirm a receipt where messages follow each other.
            Doubtful::Yes => open.session.offer_alone(&envelope, bytes),
            Doubtful::No => open.session.offer(&envelope, bytes),
        };
        match offered {
            Ok(()) => {
                open.offered += 1;
                in_flight.leave.iter_mut().chain(&mut domain_leave).for_each(Leave::used);
                if let Some((share, nth)) = &shared.share {
                    share.took(*nth);
                }
                open.under_way.push_back(in_flight);
                match doubt {
                    Doubtful::Yes => self.settle_all().await,
                    Doubtful::No => Goes::On,
                }
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
        let mut news = None;
        match (&ending, &sent.trouble) {
            (Ending::None, _) => {
                open.judged += 1;
                if open.judged > 1 {
                    *short_sessions = 0;
                }
                *trial = None;
                if shared.gate.well() {
                    shared.tally.note_well(relay);
                    news = Some(News::Well);
                }
            }
            (Ending::Lie, _) => news = Some(News::Lie),
            (Ending::Usual, Some(trouble)) => tracing::info!(%relay, "a session ended: {trouble}"),
            (Ending::Short, Some(trouble)) if *short_sessions + 1 < SHORT_SESSIONS => {
                *short_sessions += 1;
                tracing::info!(%relay, "a session ended soon: {trouble}");
            }
            (Ending::Short | Ending::Trouble, Some(trouble)) => {
                *short_sessions = 0;
                shared.shut(Why::Unwilling, trouble);
                news = Some(News::Trouble(trouble));
            }
            _ => {}
        }
        let is_not_tried = matches!(sent.outcome, Outcome::NotTried(_));
        let goes = if is_not_tried && ending.says_nothing_of_the_message() {
            shared.lanes.put_back(&in_flight.in_hand);
            Goes::On
        } else {
            shared.judge_sender(&in_flight, &sent.outcome).await;
            shared.record(in_flight, &sent.outcome).await
        };
        // Staff are told behind that: what the relay took must not wait, in memory, for a write that has less haste.
        if let Some(news) = news {
            shared.tell(news).await;
        }
        goes
    }

    /// Waits until all that is under way has its outcome.
    async fn settle_all(&mut self) -> Goes {
        while let Some(open) = &mut self.open
            && let Some(sent) = open.session.next().await
        {
            if self.settle(sent).await == Goes::NoFurther {
                return Goes::NoFurther;
            }
        }
        Goes::On
    }

    /// No more will come: what is under way gets its outcome.
    async fn finish(&mut self) -> Goes {
        self.settle_all().await;
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

impl OwnPause {
    /// It was turned away once more.
    fn prolong(&mut self) {
        self.until = Some(Instant::now() + gate::pause(self.failures));
        self.failures += 1;
    }
}
