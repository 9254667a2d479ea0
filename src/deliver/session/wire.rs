//! The connection as the session sees it: commands go out, replies come in, each within its stage's time. Replies are
//! taken one by one in order, and bytes that nobody asked for end the session. It knows nothing of transactions.

use std::{
    future::poll_fn,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::client::TlsStream;

use super::{
    outbox::Outbox,
    reply::{ReplyLines, ReplyReader},
    stage::Stage,
    trouble::{Disorder, Trouble},
};
use crate::{domain::relay::Timers, tls::TlsSetup};

/// How much is read at once.
const READ_OCTETS: usize = 8 * 1024;
/// How much goes into one record of TLS (RFC 8446 §5.1).
const RECORD_OCTETS: usize = 16 * 1024;
/// How long a reply may take that explains why the relay stopped reading. It was sent before, or it is not there.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection and what was read from it and not yet used.
pub(super) struct Wire {
    stream: Stream,
    /// `None` behind a socket of this machine.
    peer: Option<IpAddr>,
    replies: ReplyReader,
    inbox: Box<[u8]>,
    timers: Timers,
    /// When a byte was last written, a whole reply came, or something new was about to be written.
    moved_at: Instant,
    /// Why nothing more can be written, when that is so.
    write_error: Option<io::Error>,
    /// Why nothing more can be read, when that is so and was not told yet.
    read_error: Option<io::Error>,
}

/// What bytes go through.
pub(super) enum Stream {
    /// A TCP connection in clear text.
    Clear(TcpStream),
    /// A Unix socket, which never leaves this machine.
    Socket(UnixStream),
    /// A TCP connection under TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// A wire over a fresh connection, still in clear text.
    pub(super) fn new(stream: Stream, timers: Timers) -> io::Result<Self> {
        let peer = match &stream {
            Stream::Clear(tcp) => {
                // Without this each message waits 40 ms for an acknowledgement that the relay is in no hurry to send.
                tcp.set_nodelay(true)?;
                Some(tcp.peer_addr()?.ip().to_canonical())
            }
            Stream::Tls(tls) => Some(tls.get_ref().0.peer_addr()?.ip().to_canonical()),
            Stream::Socket(_) => None,
        };
        let inbox = vec![0; READ_OCTETS].into_boxed_slice();
        Ok(Self {
            stream,
            peer,
            replies: ReplyReader::default(),
            inbox,
            timers,
            moved_at: Instant::now(),
            write_error: None,
            read_error: None,
        })
    }

    /// The same connection under TLS. Whatever was read in clear text ends it: those bytes may be an attacker's, to be
    /// taken for the relay's own after the handshake (the STARTTLS injection of CVE-2011-0411 and its kin).
    pub(super) async fn encrypted(self, tls: &TlsSetup) -> Result<Self, Trouble> {
        if !self.replies.is_empty() {
            return Err(Trouble::Protocol(Stage::StartTls, Disorder::Injected));
        }
        let stream = match self.stream {
            Stream::Clear(stream) => stream,
            Stream::Socket(_) => return Err(Trouble::Tls(io::ErrorKind::Unsupported.into())),
            stream @ Stream::Tls(_) => return Ok(Self { stream, ..self }),
        };
        let handshake = timeout(self.timers.tls, tls.connect(stream)).await;
        let stream = handshake.map_err(|_| Trouble::Timeout(Stage::Tls))?.map_err(Trouble::Tls)?;
        Ok(Self { stream: Stream::Tls(Box::new(stream)), replies: ReplyReader::default(), ..self })
    }

    /// True when a secret may be written: under TLS, or to this machine itself.
    pub(super) fn keeps_secrets(&self) -> bool {
        matches!(self.stream, Stream::Tls(_)) || self.peer.is_none_or(|peer| peer.is_loopback())
    }

    /// True when every byte read so far was part of a reply already taken.
    pub(super) fn is_quiet(&self) -> bool {
        self.replies.is_empty()
    }

    /// Writes one command, or one answer to a challenge, and waits for its reply.
    pub(super) async fn ask(&mut self, stage: Stage, line: &[u8]) -> Result<ReplyLines, Trouble> {
        self.expect_silence(stage).await?;
        let limit = stage.limit(&self.timers);
        timeout(limit, async {
            let written = async {
                self.stream.write_all(line).await?;
                self.stream.flush().await
            };
            written.await.map_err(|error| Trouble::Lost(stage, error))?;
            self.read_reply(stage).await
        })
        .await
        .map_err(|_| Trouble::Timeout(stage))?
    }

    /// Waits for the next reply.
    pub(super) async fn reply(&mut self, stage: Stage) -> Result<ReplyLines, Trouble> {
        let limit = stage.limit(&self.timers);
        timeout(limit, self.read_reply(stage)).await.map_err(|_| Trouble::Timeout(stage))?
    }

    /// The time until the next reply begins to run now: something new is about to be written.
    pub(super) fn start_waiting(&mut self) {
        self.moved_at = Instant::now();
    }

    /// Writes what waits in `out` and reads all the while, until something was read: a relay that refuses a message halfway
    /// may stop reading, and would wait for us to read as we wait for it to. `stage` is what we wait for, and gives the
    /// time limit since a byte was last written or a whole reply came. May be dropped and called again: what was written and read is noted
    /// at once.
    ///
    /// # Errors
    /// Nothing was read, and nothing more can be.
    pub(super) async fn turn(&mut self, out: &mut Outbox, stage: impl Fn(&Outbox) -> Stage) -> Result<(), Trouble> {
        loop {
            let at = stage(out);
            let limit = if self.write_error.is_some() { LAST_WORDS } else { at.limit(&self.timers) };
            let step = timeout_at(self.moved_at + limit, poll_fn(|cx| self.poll_step(cx, out.waiting()))).await;
            let step = match step {
                Ok(Ok(step)) => step,
                Ok(Err(error)) => return Err(Trouble::Lost(at, self.write_error.take().unwrap_or(error))),
                // When it stopped reading before, it did not say why.
                Err(_) => return Err(self.write_error.take().map_or(Trouble::Timeout(at), |e| Trouble::Lost(at, e))),
            };
            match step {
                Step::Wrote(count) => {
                    out.wrote(count);
                    self.moved_at = Instant::now();
                }
                Step::Failed(error) => {
                    self.write_error = Some(error);
                    self.moved_at = Instant::now();
                }
                Step::Read(0) => {
                    let error = self.write_error.take().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                    return Err(Trouble::Lost(stage(out), error));
                }
                Step::Read(count) => {
                    self.replies.feed(&self.inbox[..count]);
                    return Ok(());
                }
            }
        }
    }

    /// The next reply that was read whole. Only such a one makes the timer begin anew: a relay that sends a byte now and then
    /// has not answered.
    ///
    /// # Errors
    /// What was read is no reply.
    pub(super) fn heard(&mut self, stage: Stage) -> Result<Option<ReplyLines>, Trouble> {
        let reply = self.replies.next_reply().map_err(|bad| Trouble::Protocol(stage, bad.into()))?;
        if reply.is_some() {
            self.moved_at = Instant::now();
        }
        Ok(reply)
    }

    /// Ends the connection in good order, as far as that goes at once.
    pub(super) async fn close(mut self) {
        // The relay may be gone already; there is nothing to do about it, and nothing depends on it.
        let _ = timeout(Stage::Quit.limit(&self.timers), self.stream.shutdown()).await;
    }

    /// Reads if there is something to read, else writes. Reading goes first, so that a reply is seen before more is sent.
    fn poll_step(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<Step>> {
        if let Poll::Ready(count) = self.poll_read(cx) {
            return Poll::Ready(count.map(Step::Read));
        }
        if self.write_error.is_some() {
            return Poll::Pending;
        }
        let written = if bytes.is_empty() {
            // What TLS holds back must go out before we wait for an answer to it.
            ready!(Pin::new(&mut self.stream).poll_flush(cx)).map(|()| None)
        } else {
            ready!(Pin::new(&mut self.stream).poll_write(cx, bytes)).map(Some)
        };
        match written {
            Ok(None) => Poll::Pending,
            Ok(Some(0)) => Poll::Ready(Ok(Step::Failed(io::ErrorKind::WriteZero.into()))),
            Ok(Some(count)) => Poll::Ready(Ok(Step::Wrote(count))),
            Err(error) => Poll::Ready(Ok(Step::Failed(error))),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(error) = self.read_error.take() {
            return Poll::Ready(Err(error));
        }
        let mut buffer = ReadBuf::new(&mut self.inbox);
        let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) else {
            return Poll::Ready(Ok(buffer.filled().len()));
        };
        // TLS tells of a bad record before it gives out the good ones that came with it, and the answer to a message may be
        // among them.
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.read_error = Some(error);
                Poll::Ready(Ok(buffer.filled().len()))
            }
            _ => Poll::Ready(Err(error)),
        }
    }

    async fn read_reply(&mut self, stage: Stage) -> Result<ReplyLines, Trouble> {
        loop {
            if let Some(reply) = self.heard(stage)? {
                return Ok(reply);
            }
            let count = poll_fn(|cx| self.poll_read(cx)).await.map_err(|error| Trouble::Lost(stage, error))?;
            if count == 0 {
                return Err(Trouble::Lost(stage, io::ErrorKind::UnexpectedEof.into()));
            }
            self.replies.feed(&self.inbox[..count]);
        }
    }

    /// Nothing may have come that was not asked for. A relay that closes an idle connection says 421 first; anything
    /// else would be taken for the answer to the command about to be written.
    async fn expect_silence(&mut self, stage: Stage) -> Result<(), Trouble> {
        let heard = poll_fn(|cx| match self.poll_read(cx) {
            Poll::Ready(heard) => Poll::Ready(Some(heard)),
            Poll::Pending => Poll::Ready(None),
        });
        match heard.await {
            Some(Ok(0)) => return Err(Trouble::Lost(stage, io::ErrorKind::UnexpectedEof.into())),
            Some(Ok(count)) => self.replies.feed(&self.inbox[..count]),
            Some(Err(error)) => return Err(Trouble::Lost(stage, error)),
            None => {}
        }
        match self.heard(stage)? {
            Some(closing) if closing.code == 421 => Err(Trouble::Refused(stage, closing.into())),
            None if self.is_quiet() => Ok(()),
            _ => Err(Trouble::Protocol(stage, Disorder::Unasked)),
        }
    }
}

/// One step of writing while reading.
enum Step {
    Wrote(usize),
    /// Nothing more can be written; the relay may have said why.
    Failed(io::Error),
    Read(usize),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Socket(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Socket(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => {
                // A longer write would be several records, and its error would not say how many of them the relay has: a
                // message that it took would pass for one that was never sent. So it is one record, behind none that
                // was held back, and of a write that has failed the relay can read nothing.
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                Pin::new(stream).poll_write(cx, &bytes[..bytes.len().min(RECORD_OCTETS)])
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Socket(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Socket(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    use super::{Stream, Trouble, Wire};
    use crate::{
        deliver::session::{
            auth::{Credential, log_in},
            capabilities::Capabilities,
        },
        domain::relay::Timers,
    };

    #[tokio::test]
    async fn a_login_is_not_written_in_clear_text_to_another_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
        let mut wire = Wire::new(Stream::Clear(stream), Timers::default()).expect("a fresh socket");
        assert!(wire.keeps_secrets(), "this machine may hear it");
        wire.peer = Some([192, 0, 2, 1].into());
        let offered =
            Capabilities { auth_plain: true, auth_login: true, auth_xoauth2: true, ..Capabilities::default() };
        for credential in [Credential::Password("secret".into()), Credential::Token("secret".into())] {
            let logged_in = log_in(&mut wire, "news", &credential, &offered).await;
            assert!(matches!(logged_in, Err(Trouble::ClearTextLogin)));
        }
        drop(wire);
        let (mut peer, mut heard) = (listener.accept().await.expect("connected").0, Vec::new());
        peer.read_to_end(&mut heard).await.expect("closed in order");
        assert_eq!(heard, b"");
    }
}
