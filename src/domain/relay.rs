//! A relay: the SMTP server we hand messages to, as config.toml describes it. Nothing here opens a connection.

use std::{fmt, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::slug::Slug;

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
    /// How many connections at once. At least 1.
    pub connections: usize,
    /// The name we give in EHLO.
    pub ehlo: String,
    /// How long each stage may take.
    pub timers: Timers,
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
