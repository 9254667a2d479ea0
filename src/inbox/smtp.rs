//! The SMTP server's door: accepts connections, at most so many at once, and gives each its own session. It sends
//! nothing anywhere: whatever comes in stays in the inbox.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::session::Session;
use super::shelf::Shelf;

/// The largest message in octets, as SIZE announces it (RFC 1870): 25 MiB.
pub(super) const SIZE_MAX: usize = 25 << 20;

/// How many clients may be connected at once.
const CONNECTIONS_MAX: usize = 100;

/// How long the door waits after the system refused a connection, for instance because files ran out.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until it is dropped, and all its sessions with it.
pub(super) async fn serve(listener: TcpListener, shelf: Arc<Shelf>) {
    let mut sessions = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        // Those that ended make room before it is counted.
        while sessions.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) if sessions.len() < CONNECTIONS_MAX => {
                sessions.spawn(converse(stream, Arc::clone(&shelf)));
            }
            Ok((stream, _)) => turn_away(stream).await,
            Err(error) => {
                tracing::warn!(%error, "the inbox could not accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, shelf: Arc<Shelf>) {
    // Replies are written whole, so there is nothing that Nagle's algorithm could gather.
    let _ = stream.set_nodelay(true);
    Session::new(stream, shelf).run().await;
}

/// Says why there is no session (RFC 5321 section 3.8).
async fn turn_away(mut stream: TcpStream) {
    let farewell = stream.write_all(b"421 4.3.2 too many connections, try again later\r\n");
    // An empty socket takes one line at once; a client that is gone already needs no farewell.
    let _ = tokio::time::timeout(BREATH, farewell).await;
}
