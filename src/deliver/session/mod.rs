//! Our SMTP client (RFC 5321), on tokio and rustls. A [`Connector`], made once for each relay, opens [`Session`]s; a
//! session offers messages one after the other, each with one recipient, and says what the relay answered to each.
//!
//! What it promises:
//! - A message is *accepted* only by a 250 that answers its own end of data. What every other answer comes
//!   to is written at the head of `outcome.rs`.
//! - A session is busy from the first byte of a transaction until its last reply was read. If the future of
//!   [`Session::send`] is dropped in between, the session stays busy for ever, so no later message can be given the
//!   reply of an earlier one.
//! - Each wait has a limit of its own ([`crate::domain::relay::Timers`]).
//! - A password or token never goes over a wire in clear text, and TLS that is asked for is never done without.
//!
//! It does not retry, keep idle connections, or choose between relays: that is its caller's part.

mod auth;
mod capabilities;
mod connect;
mod offer;
mod outcome;
mod reply;
mod stage;
mod tls;
mod token;
mod trouble;
mod wire;

use std::fmt;

pub use self::{
    capabilities::Capabilities,
    connect::Connector,
    reply::{BadReply, ReplyLines, ReplyReader},
    stage::Stage,
    token::TokenError,
    trouble::{Disorder, SetupError, Trouble},
};
use self::{
    offer::Offer,
    outcome::{Meaning, blames_relay, meaning, of_reply, of_silence},
    wire::{Interruption, Wire},
};
use crate::domain::{
    address::EmailAddress,
    delivery::{Outcome, Reply},
};

/// Who a message comes from and goes to, for the relay (RFC 5321 §2.3.1): one recipient for each envelope.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The address for bounces; empty for the null sender.
    pub sender: &'a str,
    /// The one recipient.
    pub recipient: &'a EmailAddress,
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

/// A connection to a relay, after greeting, TLS and login.
pub struct Session {
    wire: Wire,
    capabilities: Capabilities,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Every command was answered, and every reply was for a command.
    Ready,
    /// Within a transaction; or it was abandoned, and then for ever.
    Busy,
}

/// Why a transaction ended without its 250.
enum Stop {
    /// The relay refused.
    Said(Stage, Reply),
    /// The relay failed to answer.
    Silent(Stage, Trouble),
}

impl Session {
    fn new(wire: Wire, capabilities: Capabilities) -> Self {
        Self { wire, capabilities, state: State::Ready }
    }

    /// What the relay offers, after TLS.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// True when another message may be sent: all replies so far were read, and each was for its command.
    pub fn is_reusable(&self) -> bool {
        self.state == State::Ready && self.wire.is_quiet()
    }

    /// Offers one message. `message` is the whole of it, headers and body, with CRLF line ends; dots are stuffed here.
    /// A message that this relay cannot be offered is [`Outcome::Unfit`] and leaves the session as it was.
    pub async fn send(&mut self, envelope: &Envelope<'_>, message: &[u8]) -> Sent {
        let offer = match Offer::new(envelope, message, &self.capabilities) {
            Ok(offer) => offer,
            Err(unfit) => return Sent { outcome: Outcome::Unfit(unfit.to_string()), trouble: None },
        };
        if !self.is_reusable() {
            let trouble = Trouble::Spent;
            return Sent { outcome: Outcome::NotTried(trouble.to_string()), trouble: Some(trouble) };
        }
        self.state = State::Busy;
        match self.transact(&offer).await {
            Ok(reply) => {
                self.state = State::Ready;
                Sent { outcome: of_reply(Stage::Dot, reply), trouble: None }
            }
            Err(Stop::Said(stage, reply)) => {
                self.recover(stage, reply.code).await;
                let outcome = of_reply(stage, reply.clone());
                let trouble = blames_relay(&outcome).then_some(Trouble::Refused(stage, reply));
                Sent { outcome, trouble }
            }
            Err(Stop::Silent(stage, trouble)) => Sent { outcome: of_silence(stage, &trouble), trouble: Some(trouble) },
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

    /// One transaction, in lock-step. The reply it gives is a 250 to the end of data.
    async fn transact(&mut self, offer: &Offer<'_>) -> Result<Reply, Stop> {
        self.ask(offer, Stage::Mail, &offer.mail).await?;
        self.ask(offer, Stage::Rcpt, &offer.rcpt).await?;
        self.ask(offer, Stage::Data, b"DATA\r\n").await?;
        self.write_body(offer).await?;
        let reply = self.wire.reply_to_data().await.map_err(|trouble| Stop::Silent(Stage::Dot, trouble))?;
        self.expected(Stage::Dot, offer.masked(reply))
    }

    async fn ask(&mut self, offer: &Offer<'_>, stage: Stage, line: &[u8]) -> Result<Reply, Stop> {
        match self.wire.ask(stage, line).await {
            Ok(reply) => self.expected(stage, offer.masked(reply)),
            // A 421 that came before we asked is as good an answer as one that came after.
            Err(Trouble::Refused(stage, reply)) => Err(Stop::Said(stage, reply)),
            Err(trouble) => Err(Stop::Silent(stage, trouble)),
        }
    }

    /// The reply, if it is the one that lets the transaction go on, and the only one: with two at hand nobody can tell
    /// which of them is for this command. A refusal stands whatever comes behind it; often that is a 421.
    fn expected(&self, stage: Stage, reply: Reply) -> Result<Reply, Stop> {
        match meaning(stage, reply.code) {
            Meaning::Yes if self.wire.is_quiet() => Ok(reply),
            Meaning::Yes => Err(Stop::Silent(stage, Trouble::Protocol(stage, Disorder::Unasked))),
            Meaning::No | Meaning::Nonsense => Err(refusal(stage, reply)),
        }
    }

    async fn write_body(&mut self, offer: &Offer<'_>) -> Result<(), Stop> {
        let (mut body, mut block) = (offer.body(), Vec::new());
        while body.next_block(&mut block) {
            match self.wire.write_block(&block).await {
                Ok(()) => {}
                // The end of data was not sent and never will be: to close now is to abandon the message.
                Err(Interruption::Early(reply)) => return Err(refusal(Stage::Body, offer.masked(reply))),
                Err(Interruption::Broken(trouble)) => return Err(Stop::Silent(Stage::Body, trouble)),
            }
        }
        Ok(())
    }

    /// After a refusal: back to where the next message can begin, if there is a way.
    async fn recover(&mut self, stage: Stage, code: u16) {
        let recovered = match stage {
            // 421 says that the relay closes the connection.
            _ if code == 421 => false,
            Stage::Mail | Stage::Rcpt | Stage::Data => {
                let reset = self.wire.ask(Stage::Reset, b"RSET\r\n").await;
                reset.is_ok_and(|reply| meaning(Stage::Reset, reply.code) == Meaning::Yes)
            }
            // A refused message is forgotten by the relay (RFC 5321 §4.1.1.4); the next may begin.
            Stage::Dot => true,
            _ => false,
        };
        if recovered {
            self.state = State::Ready;
        }
    }
}

/// What a reply that does not let us go on is: a refusal, or no answer at all.
fn refusal(stage: Stage, reply: Reply) -> Stop {
    match meaning(stage, reply.code) {
        Meaning::No => Stop::Said(stage, reply),
        Meaning::Yes | Meaning::Nonsense => Stop::Silent(stage, Trouble::Protocol(stage, Disorder::Unexpected(reply))),
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("state", &self.state).field("capabilities", &self.capabilities).finish()
    }
}
