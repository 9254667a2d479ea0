//! A wire to PostgreSQL that a test can cut: what a network, or a server that ends, does to us.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};
use url::Url;

/// A wire between a store and its server; it ends with its test.
pub(crate) struct Wire {
    /// The server's URL by way of this wire.
    pub(crate) url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    server: String,
    /// True while nobody gets through; who was through is thrown out when it becomes so.
    is_cut: watch::Sender<bool>,
    /// How often it fell silent. Who was through then stays connected, and hears nothing any more.
    silences: watch::Sender<u32>,
    /// The next reply to a COMMIT is done by the server and never heard of.
    loses_commit: AtomicBool,
    has_lost: AtomicBool,
}

impl Wire {
    /// Lays one to the server of this URL.
    pub(crate) async fn to(server: &str) -> Self {
        let mut url: Url = server.parse().expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let shared = Arc::new(Shared {
            server: format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5432)),
            is_cut: watch::Sender::new(false),
            silences: watch::Sender::new(0),
            loses_commit: AtomicBool::new(false),
            has_lost: AtomicBool::new(false),
        });
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { url: url.into(), shared, accepting }
    }

    /// Breaks every connection and lets none through.
    pub(crate) fn cut(&self) {
        self.shared.is_cut.send_replace(true);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.shared.is_cut.send_replace(false);
    }

    /// Carries nothing more over the connections there are, and breaks none of them: a server that has lost its power, or a
    /// router that forgot them. New ones get through.
    pub(crate) fn fall_silent(&self) {
        self.shared.silences.send_modify(|silences| *silences += 1);
    }

    /// The next COMMIT is done, and the connection breaks before its reply is through.
    pub(crate) fn lose_next_commit(&self) {
        self.shared.loses_commit.store(true, Ordering::SeqCst);
    }

    /// True once a COMMIT's reply was lost.
    pub(crate) fn has_lost_a_commit(&self) -> bool {
        self.shared.has_lost.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.expect("a listening socket accepts");
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut cut = shared.is_cut.subscribe();
            if *cut.borrow_and_update() {
                return;
            }
            let Ok(server) = TcpStream::connect(&shared.server).await else { return };
            let mut silences = shared.silences.subscribe();
            silences.mark_unchanged();
            let carried = async {
                let mut ends = (client.into_split(), server.into_split());
                tokio::select! {
                    () = carry(&mut ends, &shared) => {}
                    _ = silences.changed() => std::future::pending().await,
                }
            };
            tokio::select! {
                () = carried => {}
                _ = cut.wait_for(|is_cut| *is_cut) => {}
            }
        });
    }
}

/// Both directions of a connection.
type Ends = (OwnedReadHalf, OwnedWriteHalf);

/// Carries bytes both ways until either side ends.
async fn carry(ends: &mut (Ends, Ends), shared: &Shared) {
    let ((from_client, to_client), (from_server, to_server)) = ends;
    let up = async { drop(tokio::io::copy(from_client, to_server).await) };
    let down = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
            // The tag of CommandComplete (PostgreSQL 15, section 55.7). On a fast wire a reply comes in one piece.
            let is_commit = bytes[..count].windows(7).any(|part| part == b"COMMIT\0");
            if is_commit && shared.loses_commit.swap(false, Ordering::SeqCst) {
                shared.has_lost.store(true, Ordering::SeqCst);
                return;
            }
            if to_client.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = up => {}, () = down => {} }
}
