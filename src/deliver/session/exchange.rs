//! What is said about messages, without the wire: messages are offered, bytes to be written come out, replies go in, and
//! each message's outcome comes out, in the order in which they were offered. It does no I/O and asks no clock.
//!
//! Every reply belongs to its command by order (RFC 2920 §3.2), so the exchange keeps the list of what it waits for. A
//! reply that cannot be for its command, or that comes before its command was written, ends the session.
//!
//! The three manners of a transaction:
//! - *lock-step*: MAIL, RCPT, DATA, the message; each waits for the reply before.
//! - *pipelined*: MAIL RCPT DATA in one group; after 354 the message, with the next group right behind it. Where no
//!   recipient was accepted and DATA was, a lone dot ends it, and counts for nothing; an accepted recipient is never sent
//!   a lone dot.
//! - *chunked*: MAIL RCPT BDAT RSET in one, as many messages as there is room for. RSET is a fence: a transaction that
//!   failed cannot leak into the next, and a 250 is believed to be the message's only when RSET got its own behind it, or
//!   the relay said 421 to that. So a relay that gives one reply too many is found out before a refused message has passed
//!   for a sent one.

use std::collections::VecDeque;

use super::{
    Sent,
    offer::Offer,
    outbox::Outbox,
    outcome::{Meaning, blames_relay, meaning, of_reply, of_silence},
    reply::ReplyLines,
    stage::Stage,
    trouble::{Disorder, Trouble},
};
use crate::domain::{
    delivery::{Outcome, Reply},
    relay::Manner,
};

/// The most octets of messages that are under way at once, unless a single one has more.
const WINDOW_OCTETS: usize = 1024 * 1024;

const DATA: &[u8] = b"DATA\r\n";
const RSET: &[u8] = b"RSET\r\n";

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Exchange {
    manner: Manner,
    window: usize,
    /// What is under way is one message that was offered alone.
    is_alone: bool,
    out: Outbox,
    under_way: VecDeque<UnderWay>,
    awaited: VecDeque<Awaited>,
    finished: VecDeque<Sent>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Another message may begin.
    Good,
    /// The relay said 421, in these words: it looks at nothing more.
    Ending(String),
    /// Nothing more is said or believed.
    Over,
}

/// What was read behind a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nothing; or a 421, which says goodbye and answers nothing.
    Nothing,
    More,
}

/// A reply that is to come.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    stage: Stage,
    /// The place behind its command, or behind the end of data.
    place: u64,
}

/// A message that has no outcome yet.
#[derive(Debug)]
struct UnderWay {
    offer: Offer,
    step: Step,
    /// How many replies are to come for it.
    due: usize,
    /// What it came to, once that is known; replies may be due all the same.
    verdict: Option<Verdict>,
}

/// What a message came to, and what the relay said it to.
#[derive(Debug)]
struct Verdict {
    at: Stage,
    sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing of it was given out.
    Waiting,
    /// Its commands were, the message was not.
    Begun,
    /// The message ends at this place.
    Whole(u64),
    /// A lone dot, or RSET, ends it.
    Abandoned,
}

impl Exchange {
    pub(super) fn new(manner: Manner, window: usize) -> Self {
        Self {
            manner,
            window: match manner {
                Manner::LockStep => 1,
                Manner::Pipelined => window.clamp(1, 2),
                Manner::Chunked => window.max(1),
            },
            is_alone: false,
            out: Outbox::default(),
            under_way: VecDeque::new(),
            awaited: VecDeque::new(),
            finished: VecDeque::new(),
            state: State::Good,
        }
    }

    /// True when no message is under way and every command was answered.
    pub(super) fn is_at_rest(&self) -> bool {
        self.under_way.is_empty() && self.awaited.is_empty()
    }

    /// True when another message may begin, now or later.
    pub(super) fn is_good(&self) -> bool {
        self.state == State::Good
    }

    /// True when another message may be offered now.
    pub(super) fn has_room(&self) -> bool {
        let octets = || self.under_way.iter().map(|message| message.offer.octets()).sum::<usize>();
        let most = if self.is_alone { 1 } else { self.window };
        self.is_good() && self.under_way.len() < most && (self.under_way.is_empty() || octets() < WINDOW_OCTETS)
    }

    /// True when two commands at least were written and wait for their replies, in a session that nobody has ended: should
    /// it break off now, that the commands came together may be the reason.
    pub(super) fn is_ahead(&self) -> bool {
        let was_written = |nth: usize| self.awaited.get(nth).is_some_and(|awaited| self.out.has_written(awaited.place));
        self.is_good() && self.manner() != Manner::LockStep && was_written(0) && was_written(1)
    }

    /// How commands follow each other now.
    pub(super) fn manner(&self) -> Manner {
        if self.is_alone { Manner::LockStep } else { self.manner }
    }

    /// What is to be written, and what is waited for meanwhile.
    pub(super) fn writing(&mut self) -> (&mut Outbox, impl Fn(&Outbox) -> Stage) {
        let (awaited, is_ending) = (self.awaited.front().copied(), matches!(self.state, State::Ending(_)));
        (&mut self.out, move |out: &Outbox| waits_for(awaited, is_ending, out))
    }

    /// The outcome of the oldest message, when it is known and all its replies have come.
    pub(super) fn finished(&mut self) -> Option<Sent> {
        self.finished.pop_front()
    }

    /// What we wait for now: whose timer runs, and what an error names.
    pub(super) fn stage(&self) -> Stage {
        waits_for(self.awaited.front().copied(), matches!(self.state, State::Ending(_)), &self.out)
    }

    /// Takes a message; it goes out when its turn comes. Only when there is room.
    pub(super) fn offer(&mut self, offer: Offer) {
        self.is_alone = false;
        self.take(offer);
    }

    /// Takes a message that goes in lock-step, whatever the manner of the others, and with none beside it: its receipt
    /// hangs on no reply but its own. Only at rest.
    pub(super) fn offer_alone(&mut self, offer: Offer) {
        self.is_alone = true;
        self.take(offer);
    }

    fn take(&mut self, offer: Offer) {
        self.under_way.push_back(UnderWay { offer, step: Step::Waiting, due: 0, verdict: None });
        self.begin_those_whose_turn_it_is();
    }

    /// Takes the next reply. `behind` says whether more was read behind it.
    ///
    /// # Errors
    /// The session is over; call [`Self::break_off`].
    pub(super) fn heard(&mut self, reply: ReplyLines, behind: Behind) -> Result<(), Trouble> {
        let at = self.stage();
        let nth = self.under_way.iter().position(|message| message.due > 0);
        let (Some(awaited), Some(nth)) = (self.awaited.front().copied(), nth) else {
            return Err(Trouble::Protocol(at, Disorder::Unasked));
        };
        let reply = self.under_way[nth].offer.masked(reply);
        let is_early = !self.out.has_written(awaited.place);
        if reply.code == 421 {
            self.state = State::Ending(reply.text.clone());
        } else if is_early && awaited.stage != Stage::Dot {
            return Err(Trouble::Protocol(at, Disorder::Unasked));
        }
        let is_unclear = behind == Behind::More && self.awaited.len() == 1;
        if is_unclear && meaning(awaited.stage, reply.code) == Meaning::Yes {
            // With two replies at hand nobody can tell which of them is for this command. A refusal stands whatever comes
            // behind it.
            return Err(Trouble::Protocol(at, Disorder::Unasked));
        }
        if is_early && awaited.stage == Stage::Dot {
            return Err(self.heard_within(nth, reply));
        }
        self.awaited.pop_front();
        self.under_way[nth].due -= 1;
        if let Err(trouble) = self.judge(nth, awaited.stage, reply) {
            // It was not the reply that is awaited, so that one still is.
            self.under_way[nth].due += 1;
            self.awaited.push_front(awaited);
            return Err(trouble);
        }
        self.settle();
        self.begin_those_whose_turn_it_is();
        let is_at_its_end = self.state != State::Good && self.awaited.is_empty();
        if is_unclear || is_at_its_end { Err(Trouble::Spent) } else { Ok(()) }
    }

    /// The relay answered before it had the whole message. To end it now would be to offer it as it is, so the session
    /// ends instead.
    fn heard_within(&mut self, nth: usize, reply: Reply) -> Trouble {
        let message = &mut self.under_way[nth];
        match meaning(Stage::Body, reply.code) {
            _ if message.verdict.is_some() => Trouble::Spent,
            Meaning::No => {
                message.verdict = Some(Verdict::new(Stage::Body, reply));
                Trouble::Spent
            }
            Meaning::Yes | Meaning::Nonsense => Trouble::Protocol(Stage::Body, Disorder::Unexpected(reply)),
        }
    }

    /// What a reply is to its message, and what is to be said next.
    fn judge(&mut self, nth: usize, stage: Stage, reply: Reply) -> Result<(), Trouble> {
        let manner = self.manner();
        let message = &mut self.under_way[nth];
        let unexpected = |reply| Err(Trouble::Protocol(stage, Disorder::Unexpected(reply)));
        if stage == Stage::Reset {
            return match reply.code {
                // 421: it closes the connection, and has said before what it thinks of the message.
                250 | 421 => Ok(()),
                _ => unexpected(reply),
            };
        }
        if let Some(verdict) = &message.verdict {
            let refused_at = verdict.at;
            match (stage, reply.code) {
                (Stage::Data, 354) => {
                    self.say_lone_dot(nth);
                    if refused_at == Stage::Mail {
                        // It takes a message from a sender whom it has refused: it does not mean what it says.
                        self.state = State::Ending("it had refused the sender, and wanted the message".to_owned());
                    }
                }
                // Nobody is to get the message, so what else it says to it is of no account.
                (Stage::Data, 400..) => self.say_reset(nth),
                (Stage::Rcpt | Stage::Dot, 250 | 251 | 400..) => {}
                _ => return unexpected(reply),
            }
            return Ok(());
        }
        match (stage, meaning(stage, reply.code)) {
            (_, Meaning::Nonsense) => return unexpected(reply),
            (Stage::Mail | Stage::Rcpt, Meaning::Yes) if manner == Manner::LockStep => self.say_next(nth, stage),
            (Stage::Mail | Stage::Rcpt, Meaning::Yes) => {}
            (Stage::Data, Meaning::Yes) => self.say_message(nth),
            (_, Meaning::Yes) => message.verdict = Some(Verdict::new(stage, reply)),
            (_, Meaning::No) => {
                message.verdict = Some(Verdict::new(stage, reply));
                if message.due == 0 && stage != Stage::Dot {
                    self.say_reset(nth);
                }
            }
        }
        Ok(())
    }

    /// In lock-step: the command behind the one that was answered.
    fn say_next(&mut self, nth: usize, answered: Stage) {
        let rcpt = self.under_way[nth].offer.rcpt();
        let (line, stage) = if answered == Stage::Mail { (rcpt, Stage::Rcpt) } else { (DATA, Stage::Data) };
        self.out.end().extend_from_slice(line);
        self.wait_for(nth, stage);
    }

    fn say_message(&mut self, nth: usize) {
        self.under_way[nth].offer.push_dotted(self.out.end());
        self.under_way[nth].step = Step::Whole(self.out.place());
        self.wait_for(nth, Stage::Dot);
    }

    fn say_lone_dot(&mut self, nth: usize) {
        self.out.end().extend_from_slice(b".\r\n");
        self.under_way[nth].step = Step::Abandoned;
        self.wait_for(nth, Stage::Dot);
    }

    fn say_reset(&mut self, nth: usize) {
        if self.is_good() {
            self.out.end().extend_from_slice(RSET);
            self.under_way[nth].step = Step::Abandoned;
            self.wait_for(nth, Stage::Reset);
        }
    }

    /// The reply to what was added last is for that message.
    fn wait_for(&mut self, nth: usize, stage: Stage) {
        self.under_way[nth].due += 1;
        self.awaited.push_back(Awaited { stage, place: self.out.place() });
    }

    fn begin_those_whose_turn_it_is(&mut self) {
        while self.is_good()
            && let Some(nth) = self.under_way.iter().position(|message| message.step == Step::Waiting)
            && self.may_begin(nth)
        {
            self.begin(nth);
        }
    }

    fn may_begin(&self, nth: usize) -> bool {
        match (self.manner(), nth.checked_sub(1)) {
            (Manner::Chunked, _) => true,
            (_, None) => self.awaited.is_empty(),
            (Manner::LockStep, Some(_)) => false,
            (Manner::Pipelined, Some(before)) => {
                matches!(self.under_way[before].step, Step::Whole(_) | Step::Abandoned)
            }
        }
    }

    fn begin(&mut self, nth: usize) {
        self.under_way[nth].step = Step::Begun;
        self.out.end().extend_from_slice(self.under_way[nth].offer.mail());
        self.wait_for(nth, Stage::Mail);
        if self.manner() == Manner::LockStep {
            return;
        }
        self.out.end().extend_from_slice(self.under_way[nth].offer.rcpt());
        self.wait_for(nth, Stage::Rcpt);
        if self.manner() == Manner::Pipelined {
            self.out.end().extend_from_slice(DATA);
            return self.wait_for(nth, Stage::Data);
        }
        self.under_way[nth].offer.push_chunk(self.out.end());
        self.under_way[nth].step = Step::Whole(self.out.place());
        self.wait_for(nth, Stage::Dot);
        self.out.end().extend_from_slice(RSET);
        self.wait_for(nth, Stage::Reset);
    }

    /// Gives out the outcomes that are known whole, in order.
    fn settle(&mut self) {
        while let Some(message) = self.under_way.front_mut()
            && message.due == 0
            && let Some(verdict) = message.verdict.take()
        {
            self.finished.push_back(verdict.sent);
            self.under_way.pop_front();
        }
    }

    /// Ends the session. Each message that is under way gets its outcome: what the relay has said of it stands; what it
    /// may have got whole is unknown; of the rest, how far it had come says what it is.
    pub(super) fn break_off(&mut self, trouble: Trouble) {
        let mut awaited = std::mem::take(&mut self.awaited).into_iter();
        let mut first = None;
        for message in std::mem::take(&mut self.under_way) {
            let stage = awaited.by_ref().take(message.due).map(|awaited| awaited.stage).reduce(|first, _| first);
            // A 250 that no fence has confirmed may be one that was meant for something else.
            let is_unconfirmed = message.due > 0 && self.state == State::Good && self.manner() == Manner::Chunked;
            let said = message.verdict.map(|verdict| verdict.sent);
            let sent = match said.filter(|sent| !is_unconfirmed || !matches!(sent.outcome, Outcome::Accepted(_))) {
                Some(sent) => sent,
                None => {
                    first.get_or_insert(self.finished.len());
                    let outcome = self.left_without_verdict(message.step, stage, &trouble);
                    Sent { outcome, trouble: Some(Trouble::Spent) }
                }
            };
            self.finished.push_back(sent);
        }
        // The first one is told of the trouble itself, the others only that it was not about them. A relay that said 421
        // has named its trouble: how the connection ended then is no news.
        if let (Some(first), State::Good) = (first, &self.state) {
            self.finished[first].trouble = Some(trouble);
        }
        self.state = State::Over;
    }

    /// The outcome of a message that came to `step` and waited for a reply at `stage`.
    fn left_without_verdict(&self, step: Step, stage: Option<Stage>, trouble: &Trouble) -> Outcome {
        match (&self.state, step, stage) {
            // After its 421 the relay looks at nothing more (RFC 5321 §3.8).
            (State::Ending(why), ..) => Outcome::NotTried(format!("the relay closed the connection: {why}")),
            (_, Step::Whole(place), _) if self.out.has_written(place) => of_silence(Stage::Dot, trouble),
            (_, _, Some(Stage::Dot)) => of_silence(Stage::Body, trouble),
            (_, _, stage) => of_silence(stage.unwrap_or(Stage::Mail), trouble),
        }
    }
}

fn waits_for(awaited: Option<Awaited>, is_ending: bool, out: &Outbox) -> Stage {
    match awaited {
        // The little that may still come is not worth a long wait.
        _ if is_ending => Stage::Reset,
        Some(Awaited { stage: Stage::Dot, place }) if !out.has_written(place) => Stage::Body,
        Some(awaited) => awaited.stage,
        None => Stage::Mail,
    }
}

impl Verdict {
    fn new(at: Stage, reply: Reply) -> Self {
        let outcome = of_reply(at, reply.clone());
        let trouble = blames_relay(&outcome).then_some(Trouble::Refused(at, reply));
        Self { at, sent: Sent { outcome, trouble } }
    }
}
