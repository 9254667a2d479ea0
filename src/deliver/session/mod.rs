//! Our SMTP client (RFC 5321), on tokio and rustls. A [`Connector`], made once for each relay, opens [`Session`]s; a
//! session takes messages, each with one recipient, and says what the relay answered to each, in the order in which they
//! were offered. How many may be under way at once depends on what the relay offers: see `exchange.rs`.
//!
//! What it promises:
//! - A message is *accepted* only by a 250 that answers its own end of data. What every other answer comes
//!   to is written at the head of `outcome.rs`.
//! - All that a session knows is in the session, and nothing in a future: [`Session::next`] may be dropped at any of its
//!   polls and called again, and no message is given the reply of another.
//! - Each wait has a limit of its own ([`crate::domain::relay::Timers`]).
//! - A password or token never goes over a wire in clear text, and TLS that is asked for is never done without.
//!
//! It does not retry, keep idle connections, or choose between relays: that is its caller's part.

mod auth;
mod capabilities;
mod connect;
mod exchange;
mod grouping;
mod offer;
mod outbox;
mod outcome;
mod reply;
mod stage;
mod token;
mod trouble;
mod wire;

use std::{fmt, sync::Arc};

pub use self::{
    capabilities::Capabilities,
    connect::Connector,
    reply::{BadReply, ReplyLines, ReplyReader},
    stage::Stage,
    token::TokenError,
    trouble::{Disorder, SetupError, Trouble},
};
use self::{
    exchange::{Behind, Exchange},
    grouping::{Found, Grouping},
    offer::Offer,
    wire::Wire,
};
use crate::domain::{
    address::EmailAddress,
    delivery::Outcome,
    relay::{Manner, Relay},
};

/// Who a message comes from and goes to, for the relay (RFC 5321 §2.3.1): one recipient for each envelope.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The address for bounces; empty for the null sender.
    pub sender: &'a str,
    /// The one recipient.
    pub recipient: &'a EmailAddress,
    /// Under which name the relay is asked to notify of failure and delay (RFC 3461), where it offers that: printable
    /// ASCII.
    pub envelope_id: Option<&'a str>,
}

/// What became of one message.
#[derive(Debug)]
pub struct Sent {
    /// What the relay said to it.
    pub outcome: Outcome,
    /// What is wrong with the relay or the connection, whatever became of the message. The caller should slow down or
    /// turn to another relay.
    pub trouble: Option<Trouble>,
}

impl Sent {
    /// Of a message that could not be offered, because the session is over or has no room.
    fn spent() -> Self {
        let trouble = Trouble::Spent;
        Self { outcome: Outcome::NotTried(trouble.to_string()), trouble: Some(trouble) }
    }
}

/// A connection to a relay, after greeting, TLS and login.
pub struct Session {
    wire: Wire,
    capabilities: Capabilities,
    exchange: Exchange,
    grouping: Arc<Grouping>,
    has_found_a_lie: bool,
}

impl Session {
    fn new(wire: Wire, capabilities: Capabilities, relay: &Relay, grouping: Arc<Grouping>) -> Self {
        let exchange = Exchange::new(grouping.manner(relay.manner, &capabilities), relay.window);
        Self { wire, capabilities, exchange, grouping, has_found_a_lie: false }
    }

    /// What the relay offers, after TLS.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How commands follow each other in this session, or did in the message that was last offered alone.
    pub fn manner(&self) -> Manner {
        self.exchange.manner()
    }

    /// True when this session ended because the relay does not keep to the PIPELINING that it offers. The next ones speak
    /// in lock-step.
    pub fn has_found_a_lie(&self) -> bool {
        self.has_found_a_lie
    }

    /// True when a message may be offered, and no other is under way: all replies so far were read, and each was for its
    /// command.
    pub fn is_reusable(&self) -> bool {
        self.exchange.is_good() && self.exchange.is_at_rest() && self.wire.is_quiet()
    }

    /// True when nothing more can be sent. Outcomes may be waiting all the same.
    pub fn is_over(&self) -> bool {
        !self.exchange.is_good()
    }

    /// True when another message may be offered now, beside those under way.
    pub fn has_room(&self) -> bool {
        self.exchange.has_room() && (self.wire.is_quiet() || !self.exchange.is_at_rest())
    }

    /// Takes a message, when there is room. `message` is the whole of it, headers and body, with CRLF line ends; dots are
    /// stuffed here. It is written by [`Self::next`].
    ///
    /// # Errors
    /// A message that this relay cannot be offered, or no more in this session, comes back with its outcome at once, and
    /// leaves the session as it was.
    pub fn offer(&mut self, envelope: &Envelope<'_>, message: Vec<u8>) -> Result<(), Box<Sent>> {
        let offer = self.checked(envelope, message)?;
        if !self.has_room() {
            return Err(Box::new(Sent::spent()));
        }
        if self.exchange.is_at_rest() {
            self.wire.start_waiting();
        }
        self.exchange.offer(offer);
        Ok(())
    }

    /// The same for a message whose receipt was lost before: it goes one command at a time, with no other beside it. Only
    /// when no other is under way.
    ///
    /// # Errors
    /// As [`Self::offer`].
    pub fn offer_alone(&mut self, envelope: &Envelope<'_>, message: Vec<u8>) -> Result<(), Box<Sent>> {
        let offer = self.checked(envelope, message)?;
        if !self.is_reusable() {
            return Err(Box::new(Sent::spent()));
        }
        self.wire.start_waiting();
        self.exchange.offer_alone(offer);
        Ok(())
    }

    fn checked(&self, envelope: &Envelope<'_>, message: Vec<u8>) -> Result<Offer, Box<Sent>> {
        Offer::new(envelope, message, &self.capabilities)
            .map_err(|unfit| Box::new(Sent { outcome: Outcome::Unfit(unfit.to_string()), trouble: None }))
    }

    /// Writes and reads until the oldest message under way has its outcome; `None` when no message is under way. May be
    /// dropped at any of its polls and called again.
    pub async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(sent) = self.exchange.finished() {
                self.learn(&sent);
                return Some(sent);
            }
            if self.exchange.is_at_rest() {
                return None;
            }
            if let Err(trouble) = self.turn().await {
                let is_ahead = self.exchange.is_ahead();
                self.has_found_a_lie |= is_ahead && self.grouping.failed(self.manner(), &trouble) == Found::ALie;
                self.exchange.break_off(trouble);
            }
        }
    }

    /// Offers one message and waits for its outcome. Only when no other is under way.
    pub async fn send(&mut self, envelope: &Envelope<'_>, message: &[u8]) -> Sent {
        if !self.exchange.is_at_rest() {
            return Sent::spent();
        }
        match self.offer(envelope, message.to_vec()) {
            Err(sent) => *sent,
            Ok(()) => self.next().await.expect("a message is under way"),
        }
    }

    /// Ends the session: with QUIT when it is in step, else by closing. Waits a second at most for each.
    pub async fn quit(mut self) {
        if self.is_reusable() {
            // Whatever the relay says to it, we are gone.
            let _ = self.wire.ask(Stage::Quit, b"QUIT\r\n").await;
        }
        self.wire.close().await;
    }

    /// Goes on until something was read, and takes the replies that came.
    async fn turn(&mut self) -> Result<(), Trouble> {
        let (out, waits) = self.exchange.writing();
        self.wire.turn(out, waits).await?;
        let stage = self.exchange.stage();
        let mut next = self.wire.heard(stage);
        while let Some(reply) = next? {
            // What comes behind is looked at first, for it may say how this one is to be taken. Should it be no reply, this
            // one still is.
            next = self.wire.heard(stage);
            let behind = match &next {
                Ok(Some(goodbye)) if goodbye.code == 421 => Behind::Nothing,
                Ok(None) if self.wire.is_quiet() => Behind::Nothing,
                _ => Behind::More,
            };
            self.exchange.heard(reply, behind)?;
        }
        Ok(())
    }

    fn learn(&self, sent: &Sent) {
        if self.exchange.manner() != Manner::LockStep && matches!(sent.outcome, Outcome::Accepted(_)) {
            self.grouping.worked();
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("exchange", &self.exchange).field("capabilities", &self.capabilities).finish()
    }
}
