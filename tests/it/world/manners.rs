//! Claims that are to hold however commands follow each other: in lock-step, in groups, or with whole messages on the
//! wire. A claim and its name come in, a test for each manner comes out.

pub(crate) use tidings::domain::relay::Manner;

/// All of them, from the slowest on.
pub(crate) const MANNERS: [Manner; 3] = [Manner::LockStep, Manner::Pipelined, Manner::Chunked];

/// How many messages one session has under way at once when each has a window of so many: offered, and not answered.
/// Some more may be in flight, answered and their outcomes not yet written down, up to the window.
pub(crate) fn under_way(manner: Manner, window: usize) -> usize {
    match manner {
        Manner::LockStep => 1,
        Manner::Pipelined => window.min(2),
        Manner::Chunked => window,
    }
}

/// Runs a claim in each manner, and says in which it broke.
macro_rules! in_each_manner {
    ($(#[doc = $doc:literal])* $name:ident, $body:expr) => {
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports, reason = "the body is written against the names of its parent")]
            use super::*;
            use $crate::world::manners::Manner as M;

            async fn claim(manner: M) {
                let body = $body;
                body(manner).await;
            }

            #[tokio::test]
            async fn in_lock_step() {
                claim(M::LockStep).await;
            }

            #[tokio::test]
            async fn pipelined() {
                claim(M::Pipelined).await;
            }

            #[tokio::test]
            async fn chunked() {
                claim(M::Chunked).await;
            }
        }
    };
}
pub(crate) use in_each_manner;

/// The same, on both engines.
macro_rules! in_each_manner_on_both_engines {
    ($(#[doc = $doc:literal])* $name:ident, $body:expr) => {
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports, reason = "the body is written against the names of its parent")]
            use super::*;
            use $crate::world::{manners::Manner as M, stores};

            async fn claim(test: &stores::TestStore, manner: M) {
                let body = $body;
                body(test, manner).await;
            }

            #[tokio::test]
            async fn in_lock_step_on_sqlite() {
                claim(&stores::sqlite().await, M::LockStep).await;
            }

            #[tokio::test]
            async fn in_lock_step_on_postgres() {
                claim(&stores::postgres().await, M::LockStep).await;
            }

            #[tokio::test]
            async fn pipelined_on_sqlite() {
                claim(&stores::sqlite().await, M::Pipelined).await;
            }

            #[tokio::test]
            async fn pipelined_on_postgres() {
                claim(&stores::postgres().await, M::Pipelined).await;
            }

            #[tokio::test]
            async fn chunked_on_sqlite() {
                claim(&stores::sqlite().await, M::Chunked).await;
            }

            #[tokio::test]
            async fn chunked_on_postgres() {
                claim(&stores::postgres().await, M::Chunked).await;
            }
        }
    };
}
pub(crate) use in_each_manner_on_both_engines;
