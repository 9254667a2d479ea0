//! How long work is told to end: once for "finish what you are at", twice for "now". A signal or a test asks; the
//! work looks or waits.

use std::sync::Arc;

use tokio::sync::watch;

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Go on.
    #[default]
    GoOn,
    /// Take up nothing new, finish what is under way.
    Finish,
    /// End at once.
    Now,
}

/// Told to end, or not. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Stop {
    sender: Arc<watch::Sender<Ask>>,
    receiver: watch::Receiver<Ask>,
}

impl Default for Stop {
    fn default() -> Self {
        let (sender, receiver) = watch::channel(Ask::GoOn);
        Self { sender: Arc::new(sender), receiver }
    }
}

impl Stop {
    /// Asks for an end: the first time to finish, the second time to end now.
    pub fn ask(&self) {
        self.sender.send_modify(|ask| *ask = if *ask == Ask::GoOn { Ask::Finish } else { Ask::Now });
    }

    /// What was asked for so far.
    pub fn so_far(&self) -> Ask {
        *self.receiver.borrow()
    }

    /// True when anything but going on was asked for.
    pub fn is_asked(&self) -> bool {
        self.so_far() != Ask::GoOn
    }

    /// Waits until at least `ask` was asked for.
    pub async fn asked(&self, ask: Ask) {
        let mut receiver = self.receiver.clone();
        // The sender lives as long as we do, so the wait ends only when it was asked.
        let _ = receiver.wait_for(|asked| *asked >= ask).await;
    }

    /// Asks by itself when the process gets SIGINT or SIGTERM, each time anew.
    ///
    /// # Errors
    /// When the system takes no signal handlers.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let (mut signals, stop) = (signal(kind)?, self.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    stop.ask();
                }
            });
        }
        Ok(())
    }
}
