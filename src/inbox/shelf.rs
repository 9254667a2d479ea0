//! Where the inbox keeps its messages: in memory, and in a folder if it has one. Messages come in one at a time and
//! stand in the order of their numbers. When there are too many, or they are too large together, the oldest goes.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::folder::{self, Filed};
use super::kept::KeptMessage;
use crate::clock::Clock;

/// How many octets all messages together may take up in memory: 512 MiB.
const OCTETS_MAX: usize = 512 << 20;

/// What all connections and pages share.
pub(super) struct Shelf {
    clock: Clock,
    folder: Option<PathBuf>,
    limit: usize,
    held: Mutex<Held>,
    /// How many messages are held: wakes whoever waits for some.
    count: watch::Sender<usize>,
    /// The next number. Locked for as long as a message is put away, so that order and numbers agree.
    next: tokio::sync::Mutex<u64>,
}

#[derive(Default)]
struct Held {
    messages: VecDeque<(Arc<KeptMessage>, Option<PathBuf>)>,
    octets: usize,
}

impl Held {
    /// Puts a message last and gives the files of those that had to go for it.
    fn push(&mut self, message: KeptMessage, file: Option<PathBuf>, limit: usize) -> Vec<PathBuf> {
        self.octets += message.bytes.len();
        self.messages.push_back((Arc::new(message), file));
        let mut gone = Vec::new();
        // The message that just came stays in any case: its sender was told so.
        while self.messages.len() > limit.max(1) || (self.octets > OCTETS_MAX && self.messages.len() > 1) {
            let Some((oldest, file)) = self.messages.pop_front() else { break };
            self.octets -= oldest.bytes.len();
            gone.extend(file);
        }
        gone
    }
}

impl Shelf {
    /// A shelf with what the folder holds already.
    pub(super) fn new(folder: Option<PathBuf>, filed: Vec<Filed>, limit: usize, clock: Clock) -> Self {
        let next = filed.last().map_or(1, |(message, _)| message.id + 1);
        let mut held = Held::default();
        for (message, file) in filed {
            // What does not fit at the start was there before us: it is forgotten but its file is left alone.
            held.push(message, Some(file), limit);
        }
        let count = watch::Sender::new(held.messages.len());
        Self { clock, folder, limit, held: Mutex::new(held), count, next: tokio::sync::Mutex::new(next) }
    }

    /// Puts a message away; when this returns, it is in memory and in the folder.
    pub(super) async fn keep(&self, sender: String, recipients: Vec<String>, bytes: Vec<u8>) -> io::Result<()> {
        let mut next = self.next.lock().await;
        let message = KeptMessage::new(*next, self.clock.now(), sender, recipients, bytes);
        let (message, file) = match &self.folder {
            None => (message, None),
            Some(folder) => {
                let folder = folder.clone();
                let (message, file) =
                    off_the_road(move || folder::write(&folder, &message).map(|file| (message, file))).await?;
                (message, Some(file))
            }
        };
        *next += 1;
        let gone = self.held().push(message, file, self.limit);
        self.remove(gone).await;
        self.count.send_replace(self.held().messages.len());
        Ok(())
    }

    /// All messages, newest last.
    pub(super) fn all(&self) -> Vec<Arc<KeptMessage>> {
        self.held().messages.iter().map(|(message, _)| Arc::clone(message)).collect()
    }

    /// Forgets all messages and removes their files.
    pub(super) async fn clear(&self) {
        let next = self.next.lock().await;
        let gone = std::mem::take(&mut *self.held());
        self.count.send_replace(0);
        self.remove(gone.messages.into_iter().filter_map(|(_, file)| file).collect()).await;
        drop(next);
    }

    /// Returns when `n` messages or more are held.
    pub(super) async fn wait_for(&self, n: usize) {
        // The sender lives as long as this shelf does, so waiting cannot fail.
        let _ = self.count.subscribe().wait_for(|count| *count >= n).await;
    }

    /// The clock that messages are dated by.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    async fn remove(&self, files: Vec<PathBuf>) {
        if files.is_empty() {
            return;
        }
        let removed = off_the_road(move || files.iter().try_for_each(|file| gone(std::fs::remove_file(file)))).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a message's file could not be removed");
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that somebody removed before us is as gone as we want it.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Does work that waits for the disk on a thread where waiting holds up nobody.
pub(super) async fn off_the_road<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::Shelf;
    use crate::clock::Clock;

    #[tokio::test]
    async fn the_oldest_goes_when_the_limit_is_reached() {
        let shelf = Shelf::new(None, Vec::new(), 2, Clock::System);
        for text in ["a", "b", "c"] {
            shelf.keep(String::new(), Vec::new(), text.into()).await.expect("nothing is written");
        }
        let held: Vec<_> = shelf.all().iter().map(|message| (message.id, message.bytes.clone())).collect();
        assert_eq!(held, [(2, b"b".to_vec()), (3, b"c".to_vec())]);
    }

    #[tokio::test]
    async fn numbers_go_on_after_the_shelf_was_cleared() {
        let shelf = Shelf::new(None, Vec::new(), 9, Clock::System);
        shelf.keep(String::new(), Vec::new(), Vec::new()).await.expect("nothing is written");
        shelf.clear().await;
        assert!(shelf.all().is_empty());
        shelf.keep(String::new(), Vec::new(), Vec::new()).await.expect("nothing is written");
        shelf.wait_for(1).await;
        assert_eq!(shelf.all()[0].id, 2);
    }
}
