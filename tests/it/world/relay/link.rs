//! A scripted relay's end of a connection: bytes in and out, in clear text or under TLS.

use std::{
    io::{self, Write},
    mem,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The connection and what was read from it and not yet used.
pub(super) struct Link {
    stream: Stream,
    inbox: Vec<u8>,
}

enum Stream {
    Clear(TcpStream),
    Socket(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Reset, or on its way from clear text to TLS.
    Gone,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The conversation is over, in whichever way.
pub(super) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a fresh socket takes options");
        Self { stream: Stream::Clear(stream), inbox: Vec::new() }
    }

    pub(super) fn behind_socket(stream: UnixStream) -> Self {
        Self { stream: Stream::Socket(stream), inbox: Vec::new() }
    }

    pub(super) fn is_clear(&self) -> bool {
        matches!(self.stream, Stream::Clear(_) | Stream::Socket(_))
    }

    /// True when bytes wait that were read and not yet used.
    pub(super) fn has_more(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Forgets what was read and not yet used.
    pub(super) fn forget(&mut self) {
        self.inbox.clear();
    }

    pub(super) async fn encrypt(&mut self, acceptor: &TlsAcceptor) -> Result<(), Over> {
        let Stream::Clear(stream) = mem::replace(&mut self.stream, Stream::Gone) else { return Err(Over) };
        self.stream = Stream::Tls(Box::new(acceptor.accept(stream).await?));
        Ok(())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let io = self.io()?;
        io.write_all(bytes).await?;
        Ok(io.flush().await?)
    }

    /// Writes, and with it in one packet a record of TLS that nobody can open.
    pub(super) async fn write_spoilt(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let Stream::Tls(stream) = &mut self.stream else { return self.write(bytes).await };
        let (tcp, tls) = stream.get_mut();
        let mut records = Vec::new();
        tls.writer().write_all(bytes)?;
        tls.write_tls(&mut records)?;
        records.extend_from_slice(b"\x17\x03\x03\x00\x20");
        records.extend_from_slice(&[0; 32]);
        Ok(tcp.write_all(&records).await?)
    }

    /// The next line without its line end, and whether that was CRLF and the line free of CR and NUL.
    pub(super) async fn read_line(&mut self) -> Result<(Vec<u8>, bool), Over> {
        let mut scanned = 0;
        let end = loop {
            if let Some(at) = self.inbox[scanned..].iter().position(|byte| *byte == b'\n') {
                break scanned + at;
            }
            scanned = self.inbox.len();
            self.fill().await?;
        };
        let mut line: Vec<u8> = self.inbox.drain(..=end).collect();
        line.pop();
        let ended_well = line.pop_if(|byte| *byte == b'\r').is_some();
        let clean = ended_well && !line.iter().any(|byte| matches!(byte, b'\r' | 0));
        Ok((line, clean))
    }

    pub(super) async fn read_exactly(&mut self, size: usize) -> Result<Vec<u8>, Over> {
        while self.inbox.len() < size {
            self.fill().await?;
        }
        Ok(self.inbox.drain(..size).collect())
    }

    pub(super) async fn wait_for_bytes(&mut self) -> Result<(), Over> {
        if self.inbox.is_empty() { self.fill().await } else { Ok(()) }
    }

    /// Reads and forgets until the client has had enough.
    pub(super) async fn ignore(&mut self) -> Result<(), Over> {
        loop {
            self.inbox.clear();
            self.fill().await?;
        }
    }

    /// Closes so that the client sees a reset.
    pub(super) fn reset(&mut self) -> Result<(), Over> {
        match mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Clear(stream) => stream.set_zero_linger()?,
            Stream::Tls(stream) => stream.get_ref().0.set_zero_linger()?,
            // There is no reset over a socket; it closes.
            Stream::Socket(_) | Stream::Gone => {}
        }
        Err(Over)
    }

    pub(super) async fn close(&mut self) {
        if let Ok(io) = self.io() {
            // The client may be gone already.
            let _ = io.shutdown().await;
        }
    }

    async fn fill(&mut self) -> Result<(), Over> {
        let mut piece = [0; 16 * 1024];
        let count = self.io()?.read(&mut piece).await?;
        self.inbox.extend_from_slice(&piece[..count]);
        if count == 0 { Err(Over) } else { Ok(()) }
    }

    fn io(&mut self) -> Result<&mut dyn Io, Over> {
        match &mut self.stream {
            Stream::Clear(stream) => Ok(stream),
            Stream::Socket(stream) => Ok(stream),
            Stream::Tls(stream) => Ok(stream),
            Stream::Gone => Err(Over),
        }
    }
}
