//! Where what came from outside is read and cleaned: apart from the async threads, on threads with a deep stack, a few at
//! a time, and not waited for beyond a limit. Work comes in, and what it gave goes out, or word that it took too long or
//! panicked. A thread cannot be ended: one that takes too long keeps its place until it is done, so that there are never
//! more of them than places.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::sync::{Semaphore, oneshot};

/// How many documents are read at the same time.
const PLACES: usize = 4;

/// How deep the stack of one reader is, in bytes: eight times what a thread usually has.
const STACK: usize = 16 << 20;

/// The readers.
#[derive(Clone, Debug)]
pub(super) struct Apart {
    places: Arc<Semaphore>,
    limit: Duration,
}

/// Why work gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It took longer than this, or no place was free so long.
    TooLong(Duration),
    /// It panicked, or no thread could be started.
    Broken,
}

impl Apart {
    /// Readers that are waited for so long.
    pub(super) fn new(limit: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), limit }
    }

    /// Does some work on a thread of its own.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let done = async {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Failure::Broken)?;
            let (sender, receiver) = oneshot::channel();
            let reader = move || {
                let done = catch_unwind(AssertUnwindSafe(work));
                drop(place);
                // Whoever waited may have given up.
                let _ = sender.send(done.ok());
            };
            let started = thread::Builder::new().name("reader".to_owned()).stack_size(STACK).spawn(reader);
            started.map_err(|_| Failure::Broken)?;
            receiver.await.ok().flatten().ok_or(Failure::Broken)
        };
        tokio::time::timeout(self.limit, done).await.unwrap_or(Err(Failure::TooLong(self.limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Apart, Failure, PLACES};
    use std::{
        sync::{Arc, mpsc},
        time::Duration,
    };

    #[tokio::test]
    async fn work_is_done_or_told_to_have_failed() {
        let apart = Apart::new(Duration::from_secs(60));
        assert_eq!(apart.run(|| 7).await, Ok(7));
        assert_eq!(apart.run(|| -> u8 { panic!("a broken reader, as the test wants it") }).await, Err(Failure::Broken));
        assert_eq!(apart.run(|| 8).await, Ok(8));
    }

    #[tokio::test]
    async fn work_that_hangs_is_not_waited_for_and_keeps_its_place() {
        let limit = Duration::from_millis(50);
        let apart = Apart::new(limit);
        let mut ends = Vec::new();
        for _ in 0..PLACES {
            let (end, wait) = mpsc::channel::<()>();
            ends.push(end);
            assert_eq!(apart.run(move || wait.recv().is_ok()).await, Err(Failure::TooLong(limit)));
        }
        assert_eq!(apart.run(|| 7).await, Err(Failure::TooLong(limit)), "no place is free");
        drop(ends);
        let _all = Arc::clone(&apart.places).acquire_many_owned(4).await.expect("all places are free again");
    }

    #[tokio::test]
    async fn a_reader_has_a_deep_stack() {
        fn deep(levels: usize) -> usize {
            let room = std::hint::black_box([levels; 512]);
            if levels == 0 { 0 } else { deep(levels - 1) + usize::from(room[0] > 0) }
        }
        // Some eight megabytes, of which a usual thread has two.
        assert_eq!(Apart::new(Duration::from_secs(60)).run(|| deep(2_000)).await, Ok(2_000));
    }
}
