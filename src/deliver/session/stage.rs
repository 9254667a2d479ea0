//! The stages of an SMTP session, in order, each with its timer. Errors and outcomes name the stage at which a
//! session stopped.

use std::{fmt, time::Duration};

use crate::domain::relay::Timers;

/// Where in a session we are: what we last sent, or wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The TLS handshake.
    Tls,
    /// The 220 greeting (RFC 5321 §3.1).
    Greeting,
    /// EHLO, or HELO.
    Hello,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH and its challenges (RFC 4954).
    Auth,
    /// MAIL FROM: a transaction begins.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, until its 354.
    Data,
    /// The message is being written; the relay cannot have the whole of it yet.
    Body,
    /// The end of data is written; the relay may have the message from here on.
    Dot,
    /// RSET, after a refusal.
    Reset,
    /// QUIT.
    Quit,
}

impl Stage {
    /// How long this stage may take. At [`Stage::Body`] it is the time for one block.
    pub fn limit(self, timers: &Timers) -> Duration {
        match self {
            Self::Tls => timers.tls,
            Self::Greeting => timers.greeting,
            Self::Hello | Self::StartTls | Self::Auth => timers.hello,
            Self::Mail => timers.mail,
            Self::Rcpt => timers.rcpt,
            Self::Data => timers.data,
            Self::Body => timers.block,
            Self::Dot => timers.dot,
            Self::Reset => timers.reset,
            // Nothing hangs on the answer to QUIT, so nobody waits for it long.
            Self::Quit => timers.reset.min(Duration::from_secs(1)),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "the TLS handshake",
            Self::Greeting => "the greeting",
            Self::Hello => "`EHLO`",
            Self::StartTls => "`STARTTLS`",
            Self::Auth => "`AUTH`",
            Self::Mail => "`MAIL FROM`",
            Self::Rcpt => "`RCPT TO`",
            Self::Data => "`DATA`",
            Self::Body => "the message",
            Self::Dot => "the end of data",
            Self::Reset => "`RSET`",
            Self::Quit => "`QUIT`",
        })
    }
}
