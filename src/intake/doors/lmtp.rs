//! The door for LMTP: listens on a port or a Unix socket of this machine, and gives each mail server that connects its own
//! conversation, at most so many at once.

mod session;

use std::{
    fs, io,
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::timeout,
};

use self::session::Session;
use crate::{
    app::App,
    config::LmtpPlace,
    stop::{Ask, Stop},
};

/// How many mail servers may be connected at once.
const CONNECTIONS_MAX: usize = 50;

/// How long the door waits after the system refused a connection, for instance because files ran out.
const BREATH: Duration = Duration::from_millis(100);

/// Where a door listens.
pub(super) enum Listening {
    Tcp(TcpListener, SocketAddr),
    Socket(UnixListener, PathBuf),
}

/// A connection of either kind.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

impl Listening {
    /// Begins to listen. A socket that a killed process left behind is replaced.
    pub(super) fn at(place: &LmtpPlace) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on `{place}`: {error}"));
        match place {
            LmtpPlace::Tcp(at) => {
                let listener = StdTcpListener::bind(at).map_err(named)?;
                let at = listener.local_addr()?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(TcpListener::from_std(listener)?, at))
            }
            LmtpPlace::Socket(path) => {
                let listener = bind_socket(path).map_err(named)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Socket(UnixListener::from_std(listener)?, path.clone()))
            }
        }
    }

    pub(super) fn place(&self) -> LmtpPlace {
        match self {
            Self::Tcp(_, at) => LmtpPlace::Tcp(*at),
            Self::Socket(_, path) => LmtpPlace::Socket(path.clone()),
        }
    }

    /// Serves until told to stop; then each conversation ends as soon as the message it is at was taken.
    pub(super) async fn serve(self, app: &Arc<App>, stop: &Stop) {
        let mut conversations = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = stop.asked(Ask::Finish) => break,
            };
            // Those that ended make room before it is counted.
            while conversations.try_join_next().is_some() {}
            match accepted {
                Ok(connection) if conversations.len() < CONNECTIONS_MAX => {
                    conversations.spawn(Session::new(connection, Arc::clone(app), stop.clone()).run());
                }
                Ok(connection) => turn_away(connection).await,
                Err(error) => {
                    tracing::warn!("an LMTP connection could not be accepted: {error}");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
        while conversations.join_next().await.is_some() {}
    }

    async fn accept(&self) -> io::Result<Box<dyn Connection>> {
        Ok(match self {
            Self::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                // Replies are written whole, so there is nothing that Nagle's algorithm could gather.
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Self::Socket(listener, _) => Box::new(listener.accept().await?.0),
        })
    }
}

fn bind_socket(path: &Path) -> io::Result<StdUnixListener> {
    let listener = match StdUnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
            fs::remove_file(path)?;
            StdUnixListener::bind(path)
        }
        bound => bound,
    }?;
    // The mail server is another user. Who may reach it is decided by its folder, as with a port by the machine.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// True for a socket to which nobody listens.
fn is_left_behind(path: &Path) -> bool {
    matches!(StdUnixStream::connect(path), Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Says why there is no conversation (RFC 5321 §3.8).
async fn turn_away(mut connection: Box<dyn Connection>) {
    let farewell = connection.write_all(b"421 4.3.2 too many connections, try again later\r\n");
    // An empty socket takes one line at once; a client that is gone already needs no farewell.
    let _ = timeout(BREATH, farewell).await;
}
