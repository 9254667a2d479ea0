//! A conversation as far as it is the same for every server: replies, how many commands may be wrong, and how it ends. What
//! a turn came to goes in; whether the conversation is over comes out. It obeys no command.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Wire, WireError};

/// How many commands may be refused as wrong before we hang up.
const ERRORS_MAX: u32 = 20;

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// With the next command.
    Listen,
    /// Not at all: the last reply was queued.
    HangUp,
}

/// Our side of a conversation.
pub struct Talk<S> {
    /// What lines, contents and replies go over.
    pub wire: Wire<S>,
    errors: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Before the first word.
    pub fn new(stream: S) -> Self {
        Self { wire: Wire::new(stream), errors: 0 }
    }

    /// Replies.
    pub fn say(&mut self, reply: &str) -> Next {
        self.wire.reply(reply);
        Next::Listen
    }

    /// Replies to what is wrong.
    pub fn refuse(&mut self, reply: &str) -> Next {
        self.errors += 1;
        self.say(reply)
    }

    /// Says the last word.
    pub fn hang_up(&mut self, reply: &str) -> Next {
        self.wire.reply(reply);
        Next::HangUp
    }

    /// Whether the conversation is over after a turn that came to this; the last word is said then, if there is one to say.
    pub fn is_over(&mut self, turn: Result<Next, WireError>) -> bool {
        let next = match turn {
            Ok(next) => next,
            Err(WireError::Gone) => Next::HangUp,
            Err(WireError::TimedOut) => self.hang_up("421 4.4.2 nothing heard for too long, closing"),
            Err(WireError::BareLineEnd) => {
                self.hang_up("521 5.5.2 a line must end with CR LF and hold no other, closing")
            }
        };
        match next {
            Next::Listen if self.errors >= ERRORS_MAX => {
                self.hang_up("421 4.7.0 too many errors, closing") == Next::HangUp
            }
            next => next == Next::HangUp,
        }
    }
}
