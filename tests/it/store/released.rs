//! What staff release while delivery still believes it held: nothing of it may be left lying.

use sqlx::Executor;
use tidings::{
    domain::{
        delivery::Lane,
        issue::{IssueId, IssueKind, IssueState},
    },
    store::deliveries::SecondLook,
};

use super::{after, now, queue_issue, reader, slug, subscribe};
use crate::world::stores::{TestStore, postgres, sqlite};

/// A queued digest to two readers.
async fn queued(test: &TestStore) {
    subscribe(&test.store, &slug("news"), &[reader(1), reader(2)]).await;
    queue_issue(&test.store, "digest", IssueKind::Digest, Lane::Digest).await;
}

async fn held(test: &TestStore) {
    let mut tx = test.store.begin().await.expect("begin");
    assert!(tx.move_issue(IssueId(1), IssueState::Queued, IssueState::Held, "a mistake").await.expect("moved"));
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn what_is_released_while_it_is_looked_at_again_is_offered() {
    let test = sqlite().await;
    queued(&test).await;
    let store = test.store.clone();
    let holder = store.begin_holder(now()).await.expect("holder");
    let claimed = store.claim(&holder, Lane::Digest, 1, now()).await.expect("claim").deliveries.remove(0);
    held(&test).await;
    let mut releasing = store.begin().await.expect("begin");
    assert!(releasing.move_issue(IssueId(1), IssueState::Held, IssueState::Queued, "").await.expect("moved"));
    let (looks, its) = (store.clone(), claimed.clone());
    let looking = tokio::spawn(async move { looks.look_again(holder.id, &its, now()).await });
    // By then it has found its issue held, and waits for the one writer. If it has not, there is nothing to go wrong.
    for _ in 0..300 {
        assert_eq!(store.issue(IssueId(1)).await.expect("the issue").state, IssueState::Held);
    }
    releasing.unpark(IssueId(1), now(), now()).await.expect("unparked");
    releasing.commit().await.expect("commit");
    let found = looking.await.expect("no panic").expect("looked");
    assert!(matches!(found, SecondLook::Wait | SecondLook::Offer), "it is not let fall: {found:?}");
    assert_eq!(store.look_again(1, &claimed, now()).await.expect("looked"), SecondLook::Offer);
}

#[tokio::test]
async fn what_is_released_while_it_is_being_parked_gets_a_time_again() {
    let test = postgres().await;
    queued(&test).await;
    held(&test).await;
    let (store, mut releasing) = (&test.store, test.raw().await);
    // What a release does, in the middle of which another process finds what came back of the issue, and due.
    releasing.execute("BEGIN").await.expect("begun");
    releasing.execute("UPDATE issues SET state = 'queued' WHERE id = 1").await.expect("released");
    let unparked = "UPDATE deliveries SET try_at = 1 WHERE try_at IS NULL";
    assert_eq!(releasing.execute(unparked).await.expect("unparked").rows_affected(), 0);
    let holder = store.begin_holder(now()).await.expect("holder");
    let claims = store.claim(&holder, Lane::Digest, 10, now()).await.expect("claim");
    assert_eq!(claims.deliveries.len(), 0, "for all that it can see, the issue is held");
    releasing.execute("COMMIT").await.expect("done");
    let claims = store.claim(&holder, Lane::Digest, 10, after(10)).await.expect("claim");
    assert_eq!(claims.deliveries.len(), 2);
}
