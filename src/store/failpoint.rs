//! A place to be killed, for tests: a debug build that finds N in `TIDINGS_KILL_AT_WRITE` kills itself at its N-th write
//! point, as `kill -9` would. Each write has two, just before and just after it becomes durable; `writer.rs` is where
//! they are. A release build has nothing of this.

/// One write point.
#[cfg(debug_assertions)]
pub(super) fn write_point() {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    use rustix::process::{Signal, getpid, kill_process};

    static KILL_AT: LazyLock<Option<u64>> = LazyLock::new(|| std::env::var("TIDINGS_KILL_AT_WRITE").ok()?.parse().ok());
    static PASSED: AtomicU64 = AtomicU64::new(0);

    if let Some(kill_at) = *KILL_AT
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == kill_at
    {
        // No thread of ours runs on after it: no destructor, no last write.
        kill_process(getpid(), Signal::KILL).expect("a process may end itself");
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub(super) fn write_point() {}
