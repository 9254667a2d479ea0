//! One SMTP or LMTP connection's bytes: command lines in, message content in, replies out. It knows where a line and a
//! content end (RFC 5321 sections 2.3.8 and 4.1.1.4), how long each may grow and how long to wait for it, and
//! nothing of what the commands mean. It never takes a bare CR or LF for a line's end, so that what a sender calls
//! content can never become a command.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::dot::Unstuffer;

/// The longest command line in octets, CRLF included: what AUTH may need (RFC 4954 section 4).
pub const LINE_MAX: usize = 12_288;

/// How long a client may say nothing, or take nothing (RFC 5321 section 4.5.3.2.7).
const PATIENCE: Duration = Duration::from_secs(300);

/// Why a connection cannot go on.
#[derive(Debug)]
pub enum WireError {
    /// The client closed it, or the network did.
    Gone,
    /// Nothing came or nothing could be sent for five minutes.
    TimedOut,
    /// A command line held a CR without LF or an LF without CR.
    BareLineEnd,
}

impl From<io::Error> for WireError {
    fn from(_: io::Error) -> Self {
        // Whatever broke, the answer is the same: the connection is over.
        Self::Gone
    }
}

/// A command line as it came.
#[derive(Debug)]
pub enum Line {
    /// Its octets, with the CRLF at the end.
    Whole(Vec<u8>),
    /// It was longer than [`LINE_MAX`] and was thrown away to its end.
    TooLong,
}

/// A message's content as it came.
#[derive(Debug)]
pub enum Content {
    /// Its octets, without transparency dots, or as many of the first as were wanted.
    Taken(Vec<u8>),
    /// It was larger than allowed and was thrown away to its end.
    TooLarge,
}

/// How much content there may be, in octets.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that is taken.
    pub size: usize,
    /// The most that is kept of what is taken; the rest is read and forgotten.
    pub kept: usize,
}

/// One connection, buffered both ways.
pub struct Wire<S> {
    stream: S,
    incoming: Vec<u8>,
    /// Where in `incoming` the unread octets begin.
    at: usize,
    replies: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A connection of which nothing was read yet.
    pub fn new(stream: S) -> Self {
        Self { stream, incoming: Vec::with_capacity(8192), at: 0, replies: Vec::new() }
    }

    /// Queues one reply; it leaves when the client's group of commands has been read (RFC 2920 section 3.2).
    pub fn reply(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    /// Sends what is queued. May be dropped and called again: what was written is noted at once.
    ///
    /// # Errors
    /// See [`WireError`].
    pub async fn flush(&mut self) -> Result<(), WireError> {
        while !self.replies.is_empty() {
            let written = timeout(PATIENCE, self.stream.write(&self.replies)).await;
            match written.map_err(|_| WireError::TimedOut)?? {
                0 => return Err(WireError::Gone),
                count => drop(self.replies.drain(..count)),
            }
        }
        Ok(())
    }

    /// Sends what is queued and says that nothing more follows.
    pub async fn close(mut self) {
        // The client may be gone already, and then there is nobody left to tell.
        let _ = self.flush().await;
        let _ = self.stream.shutdown().await;
    }

    /// Reads one command line.
    ///
    /// # Errors
    /// See [`WireError`].
    pub async fn line(&mut self) -> Result<Line, WireError> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            let unread = self.unread().await?;
            let end = unread.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or(unread.len());
            too_long |= line.len() + taken > LINE_MAX;
            if too_long {
                // Of a line that is thrown away, only the last two octets matter: they may be its CRLF.
                line.extend_from_slice(&unread[taken.saturating_sub(2)..taken]);
                line.drain(..line.len().saturating_sub(2));
            } else {
                line.extend_from_slice(&unread[..taken]);
            }
            self.at += taken;
            if end.is_some() {
                break;
            }
        }
        match line.strip_suffix(b"\r\n") {
            Some(inner) if !inner.contains(&b'\r') || too_long => {}
            _ => return Err(WireError::BareLineEnd),
        }
        Ok(if too_long { Line::TooLong } else { Line::Whole(line) })
    }

    /// Reads content up to the line that holds a dot only.
    ///
    /// # Errors
    /// See [`WireError`].
    pub async fn content(&mut self, limits: Limits) -> Result<Content, WireError> {
        let mut unstuffer = Unstuffer::default();
        let (mut kept, mut size) = (Vec::new(), 0_usize);
        loop {
            let unread = self.unread().await?;
            let before = kept.len();
            let (taken, ended) = unstuffer.take(unread, &mut kept);
            self.at += taken;
            size = size.saturating_add(kept.len() - before);
            kept.truncate(limits.kept);
            if size > limits.size {
                kept = Vec::new();
            }
            if ended {
                return Ok(if size > limits.size { Content::TooLarge } else { Content::Taken(kept) });
            }
        }
    }

    /// Reads exactly `size` octets of a chunk (RFC 3030 section 2) onto `kept`, or to nowhere without one.
    ///
    /// # Errors
    /// See [`WireError`].
    pub async fn chunk(&mut self, size: usize, mut kept: Option<&mut Vec<u8>>) -> Result<(), WireError> {
        let mut left = size;
        while left > 0 {
            let unread = self.unread().await?;
            let taken = unread.len().min(left);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&unread[..taken]);
            }
            self.at += taken;
            left -= taken;
        }
        Ok(())
    }

    /// At least one octet that was not read yet. Queued replies go out first, for the client may wait for them.
    async fn unread(&mut self) -> Result<&[u8], WireError> {
        if self.at == self.incoming.len() {
            self.flush().await?;
            self.incoming.clear();
            self.at = 0;
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.incoming));
            if read.await.map_err(|_| WireError::TimedOut)?? == 0 {
                return Err(WireError::Gone);
            }
        }
        Ok(&self.incoming[self.at..])
    }
}
