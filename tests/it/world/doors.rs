//! A world's doors, open as in the daemon, and a client that speaks LMTP with one, octet by octet.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tidings::{app::App, intake::doors::Doors, stop::Stop};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// How long a client waits for what it expects before its test fails. It is longer than a server waits for a client.
const PATIENCE: Duration = Duration::from_secs(400);

/// The doors of a house; they shut with their test.
pub(crate) struct Open {
    /// Where LMTP is spoken, on a port.
    pub(crate) lmtp: Option<SocketAddr>,
    stop: Stop,
    keeping: JoinHandle<()>,
}

impl Open {
    /// Opens those that config.toml names.
    pub(crate) fn of(app: &Arc<App>) -> Self {
        let doors = Doors::open(app).expect("nobody else listens there");
        let (lmtp, stop) = (doors.lmtp_address(), Stop::default());
        let keeping = tokio::spawn(doors.keep(Arc::clone(app), stop.clone()));
        Self { lmtp, stop, keeping }
    }

    /// A client at the LMTP door that has said LHLO.
    pub(crate) async fn client(&self) -> Client<TcpStream> {
        let mut client = self.stranger().await;
        assert_eq!(client.ask("LHLO client.example\r\n").await, 250);
        client
    }

    /// A client that has said nothing yet.
    pub(crate) async fn stranger(&self) -> Client<TcpStream> {
        let at = self.lmtp.expect("LMTP is spoken on a port");
        Client::greeted(TcpStream::connect(at).await.expect("the door is open")).await
    }

    /// Tells them to shut, and waits until they have.
    pub(crate) async fn shut(mut self) {
        self.stop.ask();
        (&mut self.keeping).await.expect("no panic");
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

/// A client that writes exactly what it is told and reads replies one by one.
pub(crate) struct Client<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Reads the greeting.
    pub(crate) async fn greeted(stream: S) -> Self {
        let mut client = Self(BufReader::new(stream));
        assert_eq!(client.code().await, 220);
        client
    }

    /// Writes something.
    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(octets.as_ref()).await.expect("the server reads");
    }

    /// One reply, all its lines.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = timeout(PATIENCE, self.0.read_line(&mut reply)).await.expect("a reply in time");
            let read = read.expect("the server writes");
            assert!(read > 0, "the server hung up after {reply:?}");
            assert!(reply.ends_with("\r\n"));
            if reply.as_bytes()[start + 3] == b' ' {
                return reply;
            }
        }
    }

    /// The code of one reply.
    pub(crate) async fn code(&mut self) -> u16 {
        self.reply().await[..3].parse().expect("a reply begins with a code")
    }

    /// Sends something and gives the code of the one reply to it.
    pub(crate) async fn ask(&mut self, octets: impl AsRef<[u8]>) -> u16 {
        self.send(octets).await;
        self.code().await
    }

    /// The codes of several replies.
    pub(crate) async fn codes<const N: usize>(&mut self) -> [u16; N] {
        let mut codes = [0; N];
        for code in &mut codes {
            *code = self.code().await;
        }
        codes
    }

    /// Hands a message over for these recipients, all of whom are known, and gives the code for each.
    pub(crate) async fn hand_over<const N: usize>(&mut self, recipients: [&str; N], message: &str) -> [u16; N] {
        let to: String = recipients.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
        self.send(format!("MAIL FROM:<someone@example.net>\r\n{to}DATA\r\n")).await;
        assert_eq!(self.code().await, 250);
        assert_eq!(self.codes::<N>().await, [250; N]);
        assert_eq!(self.code().await, 354);
        self.send(format!("{message}.\r\n")).await;
        self.codes().await
    }

    /// True when the server says nothing more and closes.
    pub(crate) async fn is_hung_up_on(&mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.is_ok() && rest.is_empty()
    }
}
