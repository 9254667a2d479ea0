//! Opens sessions with one relay: connection, TLS, greeting, EHLO, login. A relay's description comes in, a session
//! ready for its first message goes out, or the trouble that prevented it. Nothing about TLS or login is ever given up
//! to get a session after all.

use std::{io, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio::{
    net::{TcpStream, UnixStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};

use super::{
    Session,
    auth::{self, Credential},
    capabilities::Capabilities,
    grouping::Grouping,
    offer::command,
    outcome::{Meaning, meaning},
    reply::ReplyLines,
    stage::Stage,
    trouble::{Disorder, SetupError, Trouble},
    wire::{Stream, Wire},
};
use crate::{
    domain::{
        delivery::Reply,
        relay::{Login, Place, Proof, Relay, Tls},
    },
    tls::TlsSetup,
};

/// Opens sessions with one relay. Make it once for each relay: TLS sessions are resumed through it.
pub struct Connector {
    relay: Relay,
    hello: Vec<u8>,
    helo: Vec<u8>,
    /// `None` exactly when the relay is spoken to in clear text.
    tls: Option<TlsSetup>,
    grouping: Arc<Grouping>,
}

impl Connector {
    /// Checks that the relay can be used as configured, and reads its `ca` file. No token is asked for yet.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(relay: Relay) -> Result<Self, SetupError> {
        let tls = match (&relay.place, relay.tls) {
            (_, Tls::None) => None,
            (Place::Socket(path), _) => return Err(SetupError::SocketTls(path.clone())),
            (Place::Tcp { host, .. }, _) => {
                Some(TlsSetup::new(bare(host), relay.ca.as_deref(), relay.certificate.as_ref())?)
            }
        };
        let named = !relay.ehlo.is_empty() && relay.ehlo.bytes().all(|byte| byte.is_ascii_graphic());
        let name = || SetupError::EhloName(relay.ehlo.clone());
        let greet = |verb| command(&format!("{verb} {}", relay.ehlo)).filter(|_| named).ok_or_else(name);
        let (hello, helo) = (greet("EHLO")?, greet("HELO")?);
        if relay.login.as_ref().is_some_and(|login| !can_be_sent(login)) {
            return Err(SetupError::Login);
        }
        Ok(Self { relay, hello, helo, tls, grouping: Arc::default() })
    }

    /// The relay it connects to.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Opens a session, ready for its first message.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn open(&self) -> Result<Session, Trouble> {
        // First of all: a program that takes its time would else keep the relay waiting.
        let login = match &self.relay.login {
            Some(login) => Some((&login.username, Credential::of(login, self.relay.timers.token).await?)),
            None => None,
        };
        let unreachable = |source| Trouble::Unreachable { place: self.relay.place.clone(), source };
        let stream = self.connect().await.map_err(unreachable)?;
        let mut wire = Wire::new(stream, self.relay.timers.clone()).map_err(unreachable)?;
        if let (Tls::Implicit, Some(tls)) = (self.relay.tls, &self.tls) {
            wire = wire.encrypted(tls).await?;
        }
        agreed(Stage::Greeting, wire.reply(Stage::Greeting).await?, Trouble::Greeting)?;
        let mut capabilities = self.hello(&mut wire).await?;
        if let (Tls::StartTls, Some(tls)) = (self.relay.tls, &self.tls) {
            if !capabilities.starttls {
                return Err(Trouble::NoStartTls);
            }
            let reply = wire.ask(Stage::StartTls, b"STARTTLS\r\n").await?;
            agreed(Stage::StartTls, reply, Trouble::StartTls)?;
            wire = wire.encrypted(tls).await?;
            // What was offered in clear text may be forged, so all of it is asked for again (RFC 3207 §4.2).
            capabilities = self.hello(&mut wire).await?;
        }
        if let Some((username, credential)) = login {
            auth::log_in(&mut wire, username, &credential, &capabilities).await?;
        }
        if !wire.is_quiet() {
            return Err(Trouble::Protocol(Stage::Hello, Disorder::Unasked));
        }
        Ok(Session::new(wire, capabilities, &self.relay, Arc::clone(&self.grouping)))
    }

    async fn connect(&self) -> io::Result<Stream> {
        let deadline = Instant::now() + self.relay.timers.connect;
        match &self.relay.place {
            Place::Tcp { host, port } => connect_tcp(bare(host), *port, deadline).await.map(Stream::Clear),
            Place::Socket(path) => {
                let connected = timeout_at(deadline, UnixStream::connect(path)).await;
                connected.map_err(|_| late())?.map(Stream::Socket)
            }
        }
    }

    async fn hello(&self, wire: &mut Wire) -> Result<Capabilities, Trouble> {
        let reply = wire.ask(Stage::Hello, &self.hello).await?;
        let old = matches!(reply.code, 500 | 502 | 504);
        // HELO offers nothing, so it will do only where nothing is demanded.
        if old && self.relay.tls == Tls::None && self.relay.login.is_none() {
            let reply = wire.ask(Stage::Hello, &self.helo).await?;
            agreed(Stage::Hello, reply, Trouble::Hello)?;
            return Ok(Capabilities::default());
        }
        agreed(Stage::Hello, reply, Trouble::Hello).map(|reply| Capabilities::read(&reply))
    }
}

/// Tries each address of the host in turn. Each has its share of the time left, so that one that swallows packets (IPv6
/// without a route, most often) leaves some for the others.
async fn connect_tcp(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let found = timeout_at(deadline, lookup_host((host, port))).await;
    let addresses: Vec<_> = found.map_err(|_| late())??.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (nth, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share: Duration = left / u32::try_from(addresses.len() - nth).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = late(),
        }
    }
    Err(last)
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// A host without the brackets of `[::1]`.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The reply, if it is the one the stage needs.
fn agreed(stage: Stage, reply: ReplyLines, refused: fn(Reply) -> Trouble) -> Result<ReplyLines, Trouble> {
    match meaning(stage, reply.code) {
        Meaning::Yes => Ok(reply),
        Meaning::No => Err(refused(reply.into())),
        Meaning::Nonsense => Err(Trouble::Protocol(stage, Disorder::Unexpected(reply.into()))),
    }
}

/// AUTH PLAIN sets a NUL between its parts, AUTH XOAUTH2 the character 1.
fn can_be_sent(login: &Login) -> bool {
    let sound = |text: &str, separator| !text.is_empty() && !text.contains(separator);
    match &login.proof {
        Proof::Password(password) => sound(&login.username, '\0') && sound(password.expose_secret(), '\0'),
        Proof::Token(_) => sound(&login.username, '\x01'),
    }
}
