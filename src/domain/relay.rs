//! A relay: the SMTP server we hand messages to, as config.toml describes it. Nothing here opens a connection.

use std::{fmt, num::NonZeroU32, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{rate::Rate, slug::Slug};

/// A relay as configured.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Its short name, for listings and logs.
    pub name: Slug,
    /// Where it is.
    pub place: Place,
    /// How the connection is protected.
    pub tls: Tls,
    /// A PEM file of certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// What we show to it in the TLS handshake, when it wants to see something.
    pub certificate: Option<ClientCertificate>,
    /// Who we are to it, when it wants to know.
    pub login: Option<Login>,
    /// Which relay is used first: the lowest number that is not in trouble. Relays of one number share the work.
    pub priority: u32,
    /// Its part of the work that relays of one priority share, when it is to be a fixed one: then the faster ones wait for
    /// the slower. Without it each takes what it can.
    pub weight: Option<NonZeroU32>,
    /// The most messages it is given in a time, over all its connections.
    pub rate: Option<Rate>,
    /// Whether it is asked for notifications (RFC 3461), where it offers them.
    pub dsn: Dsn,
    /// How many connections at once. At least 1.
    pub connections: usize,
    /// The fastest manner of speaking that is used where the relay offers it.
    pub manner: Manner,
    /// The most messages that are in flight on one connection: offered, and their outcome not yet written down. At least
    /// 1. This is also how many may go twice for each connection when the process is killed.
    pub window: usize,
    /// After so many messages a connection is ended and another one opened; `None` for no limit.
    pub messages_per_connection: Option<NonZeroU32>,
    /// A connection is not used for longer than this.
    pub connection_age: Duration,
    /// The name we give in EHLO.
    pub ehlo: String,
    /// How long each stage may take.
    pub timers: Timers,
}

/// Which notifications a relay is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dsn {
    /// None: it does as it likes.
    Off,
    /// Of failure and of delay, with the headers alone, under the delivery's own id.
    OfTrouble,
}

/// A limit for some receiving domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainLimit {
    /// The domains, in lower case; they share the limit.
    pub names: Vec<String>,
    /// The most messages they are sent in a time, together.
    pub rate: Rate,
}

/// How commands follow each other. Each is used only where the relay offers what it needs; else the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// Each command waits for the reply to the one before: any relay can do it. Four round trips for each message.
    LockStep,
    /// Commands go in groups (RFC 2920), the next message's behind the body of the one before: one round trip for each
    /// message.
    Pipelined,
    /// Whole messages follow each other by BDAT (RFC 3030), so many at a time as the window allows: round trips do not
    /// matter.
    Chunked,
}

/// Where a relay is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the network.
    Tcp {
        /// Host name or IP address; the certificate must be for it.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// On this machine, behind a Unix socket. There is no TLS, and no need of it.
    Socket(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How the connection to a relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314 §3.3; port 465).
    Implicit,
    /// STARTTLS, without which nothing is sent (RFC 3207; port 587).
    StartTls,
    /// Clear text; for a relay on this machine.
    None,
}

/// Our own certificate and the key that goes with it.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate and those between it and its authority, as PEM.
    pub chain: String,
    /// The private key, as PEM; it prints as nothing.
    pub key: SecretString,
}

/// Who we are, for AUTH (RFC 4954).
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// What shows that we are.
    pub proof: Proof,
}

/// What shows a relay that we are who we say.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A password, for PLAIN or LOGIN; it prints as nothing.
    Password(SecretString),
    /// A token, for XOAUTH2 and nothing else. It lives for an hour or so, so it is asked for at each opening.
    Token(TokenSource),
}

/// Where a fresh token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A file that something else keeps fresh.
    File(PathBuf),
    /// The first line that a program prints.
    Command {
        /// The program: a path, or a name to be looked for as the system does.
        program: PathBuf,
        /// What is passed to it; some of it may be secret.
        arguments: Vec<SecretString>,
        /// The folder in which it runs.
        folder: PathBuf,
    },
}

/// How long each stage of a session may take before we give up on it. The defaults are those of RFC 5321 §4.5.3.2
/// where it names one, and Postfix's where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The program that prints the token for the login, from its start to its end.
    pub token: Duration,
    /// The TCP connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The 220 greeting.
    pub greeting: Duration,
    /// The reply to EHLO, STARTTLS and each step of AUTH.
    pub hello: Duration,
    /// The reply to MAIL FROM.
    pub mail: Duration,
    /// The reply to RCPT TO.
    pub rcpt: Duration,
    /// The 354 reply to DATA.
    pub data: Duration,
    /// Each write of a block of the message.
    pub block: Duration,
    /// The reply to the final dot. Shorter ones make duplicates (RFC 5321 §4.5.3.2.6).
    pub dot: Duration,
    /// The reply to RSET.
    pub reset: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            token: seconds(30),
            connect: seconds(30),
            tls: seconds(60),
            greeting: seconds(300),
            hello: seconds(300),
            mail: seconds(300),
            rcpt: seconds(300),
            data: seconds(120),
            block: seconds(180),
            dot: seconds(600),
            reset: seconds(20),
        }
    }
}
