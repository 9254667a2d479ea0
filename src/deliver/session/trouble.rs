//! What can be wrong with a relay, typed as far as a caller branches on it: to pause the relay, to fail over, to tell
//! staff. A trouble is never about one recipient or one message, and never holds a password.

use std::{fmt, io, path::PathBuf};

use super::{reply::BadReply, stage::Stage, token::TokenError};
use crate::{
    domain::{delivery::Reply, relay::Place},
    tls::TlsError,
};

/// Why a session could not be opened, or had to end. None of them says anything about a recipient.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No connection: the name does not resolve, nobody listens, or it took too long.
    #[error("cannot connect to `{place}`")]
    Unreachable {
        /// Where the relay is, as configured.
        place: Place,
        /// What the last address tried came to.
        source: io::Error,
    },
    /// The TLS handshake failed; most often the certificate is not for this host, or from nobody we trust.
    #[error("TLS with the relay failed")]
    Tls(#[source] io::Error),
    /// STARTTLS is demanded and not offered. It may have been cut out on the way.
    #[error("the relay does not offer `STARTTLS`")]
    NoStartTls,
    /// STARTTLS is offered and was refused.
    #[error("the relay refused `STARTTLS`: {}", Said(.0))]
    StartTls(Reply),
    /// The greeting is not 220.
    #[error("the relay turned us away: {}", Said(.0))]
    Greeting(Reply),
    /// EHLO was refused.
    #[error("the relay refused `EHLO`: {}", Said(.0))]
    Hello(Reply),
    /// There is no token to log in with.
    #[error("there is no token for the login: {0}")]
    Token(TokenError),
    /// The login was refused.
    #[error("the relay refused the login: {}", Said(.0))]
    Auth(Reply),
    /// The relay offers no way to log in that we speak: PLAIN or LOGIN.
    #[error("the relay offers neither `AUTH PLAIN` nor `AUTH LOGIN`")]
    NoAuthMechanism,
    /// We have a token, and the relay takes none.
    #[error("the relay does not offer `AUTH XOAUTH2`, the login with a token")]
    NoXoauth2,
    /// A login is configured, the connection is in clear text, and the relay is not on this machine.
    #[error("the login is not sent in clear text to another machine")]
    ClearTextLogin,
    /// No answer in time.
    #[error("the relay did not answer in time at {0}")]
    Timeout(Stage),
    /// The connection ended.
    #[error("the connection was lost at {0}")]
    Lost(Stage, #[source] io::Error),
    /// What came is not what the protocol has there; nothing more on this connection can be believed.
    #[error("the relay broke the protocol at {0}: {1}")]
    Protocol(Stage, Disorder),
    /// The relay refused to work within a transaction: 421, a sender policy, a login it wants, throttling.
    #[error("the relay refused to work at {0}: {said}", said = Said(.1))]
    Refused(Stage, Reply),
    /// The session had ended before, and was used again.
    #[error("the session is over")]
    Spent,
}

/// How a relay broke the protocol.
#[derive(Debug, thiserror::Error)]
pub enum Disorder {
    /// The bytes are not a reply.
    #[error(transparent)]
    BadReply(#[from] BadReply),
    /// A reply that cannot answer this command.
    #[error("a reply that does not belong there: {}", Said(.0))]
    Unexpected(Reply),
    /// Bytes that nobody asked for, before or behind a reply.
    #[error("bytes that answer nothing")]
    Unasked,
    /// Bytes in clear text behind the 220 to STARTTLS: somebody on the way may have put them there.
    #[error("bytes in clear text behind the reply to `STARTTLS`")]
    Injected,
}

/// Why a relay cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There can be no TLS with it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The EHLO name is empty or holds what may not stand in a command.
    #[error("`{0}` cannot be given as a name in `EHLO`")]
    EhloName(String),
    /// The user name or password is empty or holds what AUTH cannot carry: a NUL, or, beside a token, the character 1.
    #[error("the relay's user name and password must not be empty or hold a NUL character")]
    Login,
    /// TLS over a Unix socket, where no certificate could be for its name.
    #[error("there is no TLS over the socket `{0}`")]
    SocketTls(PathBuf),
}

/// A reply as a person reads it: `550 5.1.1 no such user`.
pub(super) struct Said<'a>(pub(super) &'a Reply);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code)?;
        if let Some((class, subject, detail)) = self.0.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        if self.0.text.is_empty() { Ok(()) } else { write!(f, " {}", self.0.text) }
    }
}
