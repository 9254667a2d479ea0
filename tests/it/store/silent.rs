//! A PostgreSQL server that falls silent: who waited for it makes room for those who come after.

use std::time::Duration;

use sqlx::Executor;
use tidings::{
    domain::{
        delivery::Lane,
        issue::{IssueId, IssueKind},
    },
    store::{Options, StoreError},
};

use super::{queue_issue, reader, slug, subscribe};
use crate::world::{eventually, stores::postgres_by_wire};

/// As many as read at once.
const READERS: usize = 6;

#[tokio::test]
async fn those_whom_a_silent_server_kept_waiting_make_room_for_others() {
    // Long enough for all of them to connect and to wait on a busy machine, before the first has enough of it.
    let (test, wire) = postgres_by_wire(Options { busy_timeout: Duration::from_secs(3) }).await;
    subscribe(&test.store, &slug("news"), &[reader(1)]).await;
    queue_issue(&test.store, "digest", IssueKind::Digest, Lane::Digest).await;
    let (mut locking, mut looking) = (test.raw().await, test.raw().await);
    locking.execute("BEGIN").await.expect("begun");
    locking.execute("LOCK TABLE issues IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    let reads: Vec<_> = (0..READERS)
        .map(|_| {
            let store = test.store.clone();
            tokio::spawn(async move { store.in_time(store.issue(IssueId(1))).await })
        })
        .collect();
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("all of them to wait", async || {
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut looking).await.expect("a count");
        waiting == READERS as i64
    })
    .await;
    wire.fall_silent();
    locking.execute("ROLLBACK").await.expect("unlocked");
    for read in reads {
        let read = read.await.expect("no panic");
        assert!(matches!(read, Err(StoreError::Silent)), "it is not waited for for ever: {read:?}");
    }
    eventually("another to read", async || test.store.issue(IssueId(1)).await.is_ok()).await;
}
