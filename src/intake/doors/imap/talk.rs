//! A talk with an IMAP server: a command goes out, and what the server says comes in until it has said how the command
//! went. Only `OK` is success: a search that was refused, or cut off, must not look like one that found nothing. The
//! password is written and never shown; what a server says is shown short and without addresses.

use std::{io, mem, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::response::{Malformed, Response, Status, Untagged, parse};
use crate::tls::TlsError;

/// How long a server may take for a command.
const PATIENCE: Duration = Duration::from_secs(120);

/// The most that a server may say to one command, in octets.
const MOST: usize = 8 << 20;

/// Where bytes go.
pub(super) type Stream = Box<dyn Duplex>;

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Why a mailbox could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// No connection: the name does not resolve, nobody listens, or it took too long.
    #[error("cannot connect")]
    Unreachable(#[source] io::Error),
    /// There can be no TLS with it.
    #[error(transparent)]
    Setup(#[from] TlsError),
    /// The TLS handshake failed; most often the certificate is not for this host, or from nobody we trust.
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    /// The server refused a command.
    #[error("the server refused the {command}: {said}")]
    Refused {
        /// Which.
        command: &'static str,
        /// Its words, without addresses.
        said: String,
    },
    /// The connection ended.
    #[error("the connection was lost")]
    Lost(#[source] io::Error),
    /// No answer in time.
    #[error("the server did not answer in time: {0}")]
    Timeout(&'static str),
    /// What came is not IMAP, or more than anyone could need.
    #[error("the server broke the protocol")]
    Disorder,
    /// The mailbox has no UIDVALIDITY, so that nobody can tell what was read.
    #[error("the mailbox does not number its messages")]
    NoNumbers,
}

impl ImapError {
    /// True for what no waiting mends: a certificate, a login, a mailbox that is not there.
    pub(in crate::intake::doors) fn needs_a_person(&self) -> bool {
        match self {
            Self::Setup(_) | Self::Tls(_) | Self::NoNumbers => true,
            // RFC 5530 §3: what the server says may pass.
            Self::Refused { command, said } => {
                !said.contains("[UNAVAILABLE]") && !said.contains("[INUSE]") && *command != "greeting"
            }
            Self::Unreachable(_) | Self::Lost(_) | Self::Timeout(_) | Self::Disorder => false,
        }
    }
}

impl From<Malformed> for ImapError {
    fn from(_: Malformed) -> Self {
        Self::Disorder
    }
}

/// A word of a command.
#[derive(Clone, Copy)]
pub(super) enum Word<'a> {
    /// As it is.
    Atom(&'a str),
    /// A text that may hold anything.
    Text(&'a str),
    /// The same, that nobody may see.
    Secret(&'a SecretString),
}

/// A talk under way.
pub(super) struct Talk {
    stream: Stream,
    /// What was read and not yet understood.
    unread: Vec<u8>,
    commands: u32,
    /// The tag of an IDLE that is under way.
    idle: Option<String>,
    /// The server has said that messages came, since this was set to false.
    pub(super) has_news: bool,
}

impl Talk {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, unread: Vec::new(), commands: 0, idle: None, has_news: false }
    }

    /// The connection itself, for TLS to be put over it. What was read in clear text and not asked for may be an
    /// attacker's, to be taken for the server's own after the handshake.
    pub(super) fn into_stream(self) -> Result<Stream, ImapError> {
        if self.unread.is_empty() { Ok(self.stream) } else { Err(ImapError::Disorder) }
    }

    /// Gives a command and waits until it is done; gives what was said meanwhile.
    ///
    /// # Errors
    /// When it was refused, or the talk is over. After anything but [`ImapError::Refused`] it is.
    pub(super) async fn command(&mut self, name: &'static str, words: &[Word<'_>]) -> Result<Vec<Response>, ImapError> {
        let asked = async {
            let tag = self.say(name, words).await?;
            self.until_done(&tag, name).await
        };
        timeout(PATIENCE, asked).await.map_err(|_| ImapError::Timeout(name))?
    }

    /// Asks to be told of news; [`Self::listen`] then waits for it.
    pub(super) async fn begin_idle(&mut self) -> Result<(), ImapError> {
        let begun = async {
            let tag = self.say("IDLE", &[]).await?;
            self.until_invited(&tag, "IDLE").await?;
            Ok(tag)
        };
        let begun: Result<String, ImapError> =
            timeout(PATIENCE, begun).await.map_err(|_| ImapError::Timeout("IDLE"))?;
        self.idle = Some(begun?);
        Ok(())
    }

    /// Waits for whatever the server says. May be dropped.
    pub(super) async fn listen(&mut self) -> Result<(), ImapError> {
        self.response().await.map(drop)
    }

    /// Asks to be told no longer.
    pub(super) async fn end_idle(&mut self) -> Result<(), ImapError> {
        let Some(tag) = self.idle.take() else { return Ok(()) };
        let ended = async {
            self.write(b"DONE\r\n").await?;
            self.until_done(&tag, "IDLE").await.map(drop)
        };
        timeout(PATIENCE, ended).await.map_err(|_| ImapError::Timeout("IDLE"))?
    }

    /// The next thing that the server says.
    pub(super) async fn next(&mut self, what: &'static str) -> Result<Response, ImapError> {
        timeout(PATIENCE, self.response()).await.map_err(|_| ImapError::Timeout(what))?
    }

    /// Writes a command and gives its tag.
    async fn say(&mut self, name: &'static str, words: &[Word<'_>]) -> Result<String, ImapError> {
        self.commands += 1;
        let tag = format!("t{}", self.commands);
        let mut line = format!("{tag} {name}").into_bytes();
        for word in words {
            line.push(b' ');
            let text = match word {
                Word::Atom(text) => {
                    line.extend_from_slice(text.as_bytes());
                    continue;
                }
                Word::Text(text) => text,
                Word::Secret(secret) => secret.expose_secret(),
            };
            if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                line.extend_from_slice(format!("\"{escaped}\"").as_bytes());
            } else {
                // RFC 3501 §4.3: what no quotation marks can hold is announced, and sent when it is asked for.
                line.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
                self.write(&mem::take(&mut line)).await?;
                self.until_invited(&tag, name).await?;
                line.extend_from_slice(text.as_bytes());
            }
        }
        line.extend_from_slice(b"\r\n");
        self.write(&line).await?;
        Ok(tag)
    }

    /// Reads until the command of this tag is done.
    async fn until_done(&mut self, tag: &str, command: &'static str) -> Result<Vec<Response>, ImapError> {
        let (mut told, mut size) = (Vec::new(), 0);
        loop {
            let response = self.response().await?;
            match response.outcome_of(tag) {
                Some(Status::Ok) => return Ok(told),
                Some(_) => return Err(ImapError::Refused { command, said: response.words() }),
                None => {}
            }
            size += response.size();
            if size > MOST {
                return Err(ImapError::Disorder);
            }
            told.push(response);
        }
    }

    /// Reads until the server asks for the rest of the command.
    async fn until_invited(&mut self, tag: &str, command: &'static str) -> Result<(), ImapError> {
        loop {
            let response = self.response().await?;
            if response.is_invitation() {
                return Ok(());
            }
            if response.outcome_of(tag).is_some() {
                return Err(ImapError::Refused { command, said: response.words() });
            }
        }
    }

    /// Reads one response. May be dropped: what was read is kept.
    async fn response(&mut self) -> Result<Response, ImapError> {
        loop {
            if let Some((response, length)) = parse(&self.unread)? {
                self.unread.drain(..length);
                match response.read() {
                    Untagged::Exists => self.has_news = true,
                    // Only after a LOGOUT is it what we asked for, and then the connection ends all the same.
                    Untagged::Status(Status::Bye, ..) => {
                        return Err(ImapError::Lost(io::Error::other(response.words())));
                    }
                    _ => {}
                }
                return Ok(response);
            }
            let read = self.stream.read_buf(&mut self.unread).await.map_err(ImapError::Lost)?;
            if read == 0 {
                return Err(ImapError::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ImapError> {
        self.stream.write_all(bytes).await.map_err(ImapError::Lost)?;
        self.stream.flush().await.map_err(ImapError::Lost)
    }
}
