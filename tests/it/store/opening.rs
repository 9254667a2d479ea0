//! Opening a store, where it may lie, and the connections it works by: who waits for whom.

use std::time::Duration;

use tidings::{
    domain::{delivery::Lane, issue::IssueKind},
    store::{Options, Store, StoreError, holders::Renewal},
};

use super::{now, queue_issue, reader, sent, slug, subscribe};
use crate::world::{eventually, stores};

#[tokio::test]
async fn those_who_wait_for_an_import_on_postgres_keep_no_mail_from_going() {
    let test = stores::postgres().await;
    let (store, news) = (&test.store, slug("news"));
    subscribe(store, &news, &[reader(1), reader(2)]).await;
    queue_issue(store, "statement", IssueKind::Alert, Lane::Alert).await;
    let holder = store.begin_holder(now()).await.expect("holder");
    let mut import = store.begin().await.expect("begin");
    import.one_by_one().await.expect("nobody else");
    // More than there are connections.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin().await?;
                tx.one_by_one().await?;
                tx.commit().await
            })
        })
        .collect();
    let mut raw = test.raw().await;
    eventually("somebody who waits for the import", async || {
        let blocked = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'
                       AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
        sqlx::query_scalar::<_, i64>(blocked).fetch_one(&mut raw).await.expect("a count") > 0
    })
    .await;
    let claims = store.claim(&holder, Lane::Digest, 10, now()).await.expect("claimed");
    let outcomes: Vec<_> = claims.deliveries.iter().map(sent).collect();
    assert_eq!(store.record_outcomes(holder.id, &outcomes, now()).await.expect("written"), 2);
    assert_eq!(store.renew_holder(&holder, now()).await.expect("renewed"), Renewal::InTime);
    import.commit().await.expect("commit");
    for one in waiting {
        one.await.expect("it ends").expect("its turn came");
    }
}

#[tokio::test]
async fn who_waits_too_long_for_another_writer_on_postgres_is_told_that_it_is_busy() {
    let patience = Options { busy_timeout: Duration::from_secs(2) };
    let (test, _wire) = stores::postgres_by_wire(patience).await;
    let mut import = test.store.begin().await.expect("begin");
    import.one_by_one().await.expect("nobody else");
    let mut other = test.store.begin().await.expect("begin");
    let waited = other.one_by_one().await;
    assert!(matches!(waited, Err(StoreError::Busy)), "{waited:?}");
}

#[tokio::test]
async fn a_second_opening_migrates_nothing_and_finds_everything() {
    let test = stores::sqlite().await;
    subscribe(&test.store, &slug("news"), &[reader(1)]).await;
    test.store.close().await;
    let again = test.open_again().await;
    assert_eq!(again.count_readers(&slug("news"), IssueKind::Digest).await.expect("count"), 1);
}

#[tokio::test]
async fn a_damaged_url_or_a_folder_in_the_way_is_an_error_that_names_the_place() {
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("db")).expect("in the way");
    let error = Store::open_sqlite(&folder.path().join("db")).await.expect_err("a folder is no database");
    assert!(matches!(&error, StoreError::Unreachable { place, .. } if place.ends_with("/db")), "{error:?}");
    let error = Store::open_postgres("postgres://user:hunter2@127.0.0.1:1/none").await.expect_err("nobody there");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    assert!(error.to_string().contains("postgres://127.0.0.1/none"), "{error}");
}

#[tokio::test]
async fn a_database_may_lie_in_a_folder_of_any_name() {
    let place = tempfile::tempdir().expect("a temporary folder");
    for name in ["our news", "what?", "50%41", "a#b", "a:b@c", "přátelé", "a/../b"] {
        let file = place.path().join(name).join("tidings.db");
        std::fs::create_dir_all(place.path().join("a")).expect("a folder");
        let store = Store::open_sqlite(&file).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        store.close().await;
        assert!(file.is_file(), "{name}: the file is where it was asked for");
    }
}
