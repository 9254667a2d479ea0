//! An inbox for demonstrations and tests: a small SMTP server that takes any mail, keeps it in memory (and as `.eml`
//! files, if it is given a folder), and has a web page to read it. Mail comes in; nothing ever goes out: it relays
//! nothing, and reading a message contacts nobody unless the reader asks for remote images.

mod auth;
mod cid;
mod folder;
mod frame;
mod guard;
mod kept;
mod listing;
mod moment;
mod offer;
mod opened;
pub mod page;
mod reading;
mod session;
mod shelf;
pub mod side_by_side;
mod smtp;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use moment::Moment;
use shelf::Shelf;

pub use kept::KeptMessage;

/// What an inbox is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where SMTP clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A folder that copies what the inbox holds: it is read at the start, and a message that the inbox drops or
    /// clears is removed from it.
    pub folder: Option<PathBuf>,
    /// How many messages are held; then the oldest is dropped for each that comes.
    pub limit: usize,
}

impl Default for Settings {
    /// Port 1025 of this machine only, no folder, 10,000 messages.
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1025)), folder: None, limit: 10_000 }
    }
}

/// Why an inbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("the inbox cannot listen on `{at}`")]
    Listen {
        /// The address asked for.
        at: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be made or read.
    #[error("the inbox cannot read its folder `{}`", path.display())]
    Folder {
        /// The folder asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A running inbox. Clones share it; when the last one is dropped, it stops listening.
#[derive(Clone)]
pub struct Inbox(Arc<Running>);

struct Running {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Inbox {
    /// Reads the folder, if there is one, and begins to listen. Received messages are dated by `clock`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let Settings { listen, folder, limit } = settings;
        let filed = match folder.clone() {
            None => Vec::new(),
            Some(path) => {
                let read = shelf::off_the_road({
                    let path = path.clone();
                    move || folder::read(&path, limit)
                });
                read.await.map_err(|source| StartError::Folder { path, source })?
            }
        };
        let shelf = Arc::new(Shelf::new(folder, filed, limit, clock));
        let not_ours = |source| StartError::Listen { at: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(not_ours)?;
        let address = listener.local_addr().map_err(not_ours)?;
        let server = tokio::spawn(smtp::serve(listener, Arc::clone(&shelf)));
        Ok(Self(Arc::new(Running { address, shelf, server: Mutex::new(Some(server)) })))
    }

    /// Where SMTP clients connect.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// All messages that are held, newest last.
    pub fn messages(&self) -> Vec<Arc<KeptMessage>> {
        self.0.shelf.all()
    }

    /// The message with this number, if it is held.
    pub fn find(&self, id: u64) -> Option<Arc<KeptMessage>> {
        self.messages().into_iter().find(|message| message.id == id)
    }

    /// Waits until `n` messages or more are held, and gives them. With `n` above the limit it waits for ever.
    pub async fn wait_for(&self, n: usize) -> Vec<Arc<KeptMessage>> {
        self.0.shelf.wait_for(n).await;
        self.messages()
    }

    /// Forgets all messages and removes their files. Numbers go on where they were.
    pub async fn clear(&self) {
        self.0.shelf.clear().await;
    }

    /// An instant in words, in this machine's zone.
    fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, self.0.shelf.clock().now(), &TimeZone::system())
    }

    /// Stops listening and ends all sessions; the address is free when this returns. Messages stay readable.
    pub async fn stop(&self) {
        if let Some(server) = self.0.take_server() {
            server.abort();
            // It ends by being aborted, and that is what was asked for.
            let _ = server.await;
        }
    }
}

impl Running {
    fn take_server(&self) -> Option<JoinHandle<()>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = self.take_server() {
            server.abort();
        }
    }
}
