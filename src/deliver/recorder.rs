//! The recorder: writes outcomes down in groups. While one group is being committed the next one gathers, so that
//! many connections share one write to the disk. A connection offers nothing new until its last outcome is durable:
//! when the store cannot write, delivery stops by itself and the outcomes are kept and tried again.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};

use super::patience::Patience;
use crate::{
    clock::Clock,
    store::{Store, StoreError, deliveries::Recorded},
};

/// The most outcomes in one write.
const GROUP: usize = 500;

type Entry = (Recorded, oneshot::Sender<()>);

/// The way to the recorder; when the last clone is gone, it finishes.
#[derive(Clone, Debug)]
pub(super) struct Recorder(mpsc::Sender<Entry>);

impl Recorder {
    /// Starts a recorder for the claims of one holder. Its task ends with the error that it ran out of patience with.
    pub(super) fn start(
        store: Store,
        holder: i64,
        clock: Clock,
        patience: Patience,
    ) -> (Self, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let (sender, receiver) = mpsc::channel(GROUP);
        (Self(sender), tokio::spawn(write(store, holder, clock, patience, receiver)))
    }

    /// Waits until the outcome is durable: `false` when the recorder has given up.
    pub(super) async fn record(&self, outcome: Recorded) -> bool {
        let (durable, wait) = oneshot::channel();
        self.0.send((outcome, durable)).await.is_ok() && wait.await.is_ok()
    }
}

async fn write(
    store: Store,
    holder: i64,
    clock: Clock,
    patience: Patience,
    mut entries: mpsc::Receiver<Entry>,
) -> Result<(), StoreError> {
    let mut group = Vec::with_capacity(GROUP);
    while entries.recv_many(&mut group, GROUP).await > 0 {
        let (outcomes, waiting): (Vec<Recorded>, Vec<_>) = group.drain(..).unzip();
        write_group(&store, holder, &clock, patience, &outcomes).await?;
        for durable in waiting {
            // A connection that no longer waits was told to end now; its outcome is written all the same.
            let _ = durable.send(());
        }
    }
    Ok(())
}

async fn write_group(
    store: &Store,
    holder: i64,
    clock: &Clock,
    patience: Patience,
    outcomes: &[Recorded],
) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        match store.record_outcomes(holder, outcomes, clock.now()).await {
            Ok(written) => {
                let late = (outcomes.len() as u64).saturating_sub(written);
                if late > 0 {
                    tracing::warn!(late, "outcomes came after another process had taken their deliveries up");
                }
                return Ok(());
            }
            Err(error) if patience.lasts(began) => {
                tracing::error!(waiting = outcomes.len(), "outcomes cannot be written, delivery waits: {error}");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            Err(error) => return Err(error),
        }
    }
}
