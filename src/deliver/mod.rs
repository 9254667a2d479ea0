//! Step 6: hands messages to relays. What comes in is rows that are due; what goes out is messages on the wire and
//! outcomes in the rows. It knows no feed and no template.
//!
//! One claimer takes due rows in the order of their lanes; a few connections for each relay offer them; one recorder
//! writes the outcomes down.

mod bell;
mod claimer;
mod connection;
pub mod dkim;
mod domains;
mod ending;
mod frozen;
mod gate;
mod header;
mod lanes;
pub mod letterhead;
pub mod message;
mod pace;
mod patience;
mod ranks;
mod recorder;
mod seen;
pub mod session;
mod share;
pub mod tally;
mod worker;

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinHandle, JoinSet},
    time::timeout,
};

use self::{
    bell::Bell,
    claimer::{Claimer, in_flight},
    connection::Connection,
    dkim::Signer,
    domains::Domains,
    frozen::FrozenMailings,
    gate::Gate,
    lanes::Lanes,
    letterhead::Letterhead,
    pace::Pace,
    patience::Patience,
    ranks::Ranks,
    recorder::{Ledger, Recorder},
    session::{Connector, SetupError},
    tally::{Counts, Tally},
};
use crate::{
    clock::Clock,
    domain::{
        delivery::{Lane, Retries},
        relay::{DomainLimit, Relay},
    },
    stop::{Ask, Stop},
    store::{Store, StoreError, holders::Holder},
};

/// How long the store may take for its last writes when we are told to end at once.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// What delivery works with.
#[derive(Clone, Debug)]
pub struct PostRoom {
    /// Where the rows are.
    pub store: Store,
    /// The relays.
    pub relays: Vec<Relay>,
    /// How fast, to whom.
    pub domains: Vec<DomainLimit>,
    /// When to try again.
    pub retries: Retries,
    /// After so many refusals of the sender in a row, an issue is held.
    pub hold_after: usize,
    /// How long to wait for what is on the wire when told to end.
    pub drain: Duration,
    /// What stands on each message.
    pub letterhead: Letterhead,
    /// What signs each message; `None` when the relay does.
    pub signer: Option<Arc<Signer>>,
    /// The time.
    pub clock: Clock,
}

/// When to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When nothing is due in this lane and those before it, or no relay can be talked to.
    Idle(Lane),
    /// When told to stop.
    Stopped,
}

/// Why delivery could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The store cannot be read or written. What was in hand is kept as far as it can be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A relay is configured in a way that cannot work.
    #[error("cannot use the relay `{relay}`")]
    Relay {
        /// Its name.
        relay: String,
        /// Why.
        #[source]
        source: SetupError,
    },
}

/// Delivers what is due. The rows say what was done; `tally` counts along for people to look at.
///
/// # Errors
/// See [`DeliverError`].
pub async fn deliver(room: &PostRoom, until: Until, stop: &Stop, tally: Arc<Tally>) -> Result<Counts, DeliverError> {
    let connectors = connectors(&room.relays)?;
    loop {
        match deliver_as_one_holder(room, until, stop, &tally, &connectors).await {
            // We were away for too long: the machine slept, or the database could not be reached. What we held is in the
            // hands of others, so we begin anew.
            Err(StoreError::LeaseLost) if !stop.is_asked() => tracing::warn!("{}", StoreError::LeaseLost),
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(tally.counts()),
        }
    }
}

fn connectors(relays: &[Relay]) -> Result<Vec<Arc<Connector>>, DeliverError> {
    let connector = |relay: &Relay| match Connector::new(relay.clone()) {
        Ok(connector) => Ok(Arc::new(connector)),
        Err(source) => Err(DeliverError::Relay { relay: relay.name.to_string(), source }),
    };
    relays.iter().map(connector).collect()
}

/// From the beginning of a lease to its end.
async fn deliver_as_one_holder(
    room: &PostRoom,
    until: Until,
    stop: &Stop,
    tally: &Arc<Tally>,
    connectors: &[Arc<Connector>],
) -> Result<(), StoreError> {
    let holder = room.store.in_time(room.store.begin_holder(room.clock.now())).await?;
    let lanes = Lanes::new(in_flight(&room.relays));
    let patience = Patience::of(until);
    let bell = Arc::new(Bell::new(room.store.clone(), room.clock.clone(), room.hold_after));
    let (recorder, recording) = Recorder::start(Ledger {
        store: room.store.clone(),
        holder: holder.id,
        clock: room.clock.clone(),
        patience,
        tally: Arc::clone(tally),
        bell: Arc::clone(&bell),
        in_flight: in_flight(&room.relays),
    });
    let (gates, connections) = connect(room, holder.id, &lanes, recorder, tally, connectors, &bell);
    let claimer = Claimer { room, holder: &holder, lanes: &lanes, gates, until, tally, bell: &bell };
    let claimed = tokio::select! {
        claimed = claimer.claim_while_needed(stop) => claimed,
        () = stop.asked(Ask::Now) => Ok(()),
    };
    lanes.close();
    let finishing = finish(connections, recording, stop, room.drain);
    tokio::pin!(finishing);
    let ended = tokio::select! {
        ended = &mut finishing => ended,
        // Taken for dead meanwhile: what is on the wire is waited for all the same, and its outcome counts if it can.
        () = claimer.beat_while_draining() => finishing.await,
    };
    end(room, holder, &lanes, &ended, stop).await?;
    match ended {
        Ended::InOrder => claimed,
        Ended::AtOnce => Ok(()),
        Ended::OutcomesLost(error) => Err(error),
        Ended::Panicked(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Starts the connections of every relay.
fn connect(
    room: &PostRoom,
    holder: i64,
    lanes: &Lanes,
    recorder: Recorder,
    tally: &Arc<Tally>,
    connectors: &[Arc<Connector>],
    bell: &Arc<Bell>,
) -> (Vec<Arc<Gate>>, JoinSet<()>) {
    let letterhead = Arc::new(room.letterhead.clone());
    let frozen = Arc::new(FrozenMailings::new(room.store.clone(), Arc::clone(&letterhead)));
    let retries = Arc::new(room.retries.clone());
    let domains = Arc::new(Domains::new(&room.domains));
    let gates: Vec<Arc<Gate>> = connectors.iter().map(|_| Arc::default()).collect();
    let ranks = Ranks::new(connectors, &gates);
    let mut connections = JoinSet::new();
    for (connector, gate) in connectors.iter().zip(&gates) {
        let relay = connector.relay();
        let connection = Connection {
            connector: Arc::clone(connector),
            gate: Arc::clone(gate),
            preferred: ranks.preferred_to(relay),
            store: room.store.clone(),
            holder,
            lanes: lanes.clone(),
            frozen: Arc::clone(&frozen),
            letterhead: Arc::clone(&letterhead),
            signer: room.signer.clone(),
            recorder: recorder.clone(),
            retries: Arc::clone(&retries),
            pace: relay.rate.map(|rate| Arc::new(Pace::new(rate))),
            share: ranks.share_of(relay),
            domains: Arc::clone(&domains),
            clock: room.clock.clone(),
            tally: Arc::clone(tally),
            bell: Arc::clone(bell),
        };
        for _ in 0..relay.connections {
            connections.spawn(worker::work(connection.clone()));
        }
    }
    (gates, connections)
}

/// How the connections and the recorder ended.
enum Ended {
    /// Each message that was offered has its outcome in the store.
    InOrder,
    /// In the middle of messages, because we were told to.
    AtOnce,
    /// Outcomes could not be written.
    OutcomesLost(StoreError),
    /// By a mistake of ours.
    Panicked(JoinError),
}

/// Waits until what is on the wire has its outcome, unless we are told to end at once.
async fn finish(
    mut connections: JoinSet<()>,
    mut recording: JoinHandle<Result<(), StoreError>>,
    stop: &Stop,
    drain: Duration,
) -> Ended {
    let mut panicked = None;
    let at_once = tokio::select! {
        () = async {
            while let Some(ended) = connections.join_next().await {
                panicked = panicked.take().or(ended.err());
            }
        } => false,
        () = waited_enough(stop, drain) => true,
    };
    if at_once {
        connections.shutdown().await;
    }
    let recorded = tokio::select! {
        recorded = &mut recording => recorded,
        () = async {
            if !at_once {
                waited_enough(stop, drain).await;
            }
            tokio::time::sleep(LAST_WRITES).await;
        } => {
            recording.abort();
            return Ended::AtOnce;
        }
    };
    match (recorded, panicked) {
        (_, Some(panic)) | (Err(panic), None) => Ended::Panicked(panic),
        (Ok(Err(error)), None) => Ended::OutcomesLost(error),
        (Ok(Ok(())), None) if at_once => Ended::AtOnce,
        (Ok(Ok(())), None) => Ended::InOrder,
    }
}

/// Waits until we are told to end at once, or have been told to finish and have done so for long enough.
async fn waited_enough(stop: &Stop, drain: Duration) {
    let too_long = async {
        stop.asked(Ask::Finish).await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        () = stop.asked(Ask::Now) => {}
        () = too_long => tracing::warn!("what is on the wire has no answer after {} s, so we end", drain.as_secs()),
    }
}

/// Gives back what was claimed and not offered. What has no outcome though it was offered is never given back as if it
/// had not been.
async fn end(room: &PostRoom, holder: Holder, lanes: &Lanes, ended: &Ended, stop: &Stop) -> Result<(), StoreError> {
    let now = room.clock.now();
    if matches!(ended, Ended::InOrder) {
        let given_back = tokio::select! {
            given_back = room.store.in_time(room.store.end_holder(holder, now)) => given_back,
            () = async {
                stop.asked(Ask::Now).await;
                tokio::time::sleep(LAST_WRITES).await;
            } => Ok(()),
        };
        return given_back;
    }
    // Should it fail, the next process takes all of it up; that only takes longer and looks worse.
    match timeout(LAST_WRITES, room.store.abandon_holder(holder, &lanes.drain(), now)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("what was not sent could not be given back: {error}"),
        Err(_) => tracing::warn!("what was not sent could not be given back in time"),
    }
    Ok(())
}
