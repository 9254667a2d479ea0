//! What a run tells of itself: what it did, what it skipped and held, and why.

use tidings::domain::run::{Did, RunId, RunKind};

use super::SLOT;
use crate::world::{World, stores::told_on_both_engines};

/// What a run wrote into the ledger, as `about event: reason`.
async fn told(world: &World, run: RunId) -> Vec<String> {
    let entries = world.app.store.entries_of(run).await.expect("the ledger");
    assert!(entries.iter().all(|entry| entry.run == Some(run)));
    entries.into_iter().map(|entry| format!("{} {}: {}", entry.about, entry.event, entry.reason)).collect()
}

told_on_both_engines!(each_run_tells_what_it_did_and_skipped_and_why);
async fn each_run_tells_what_it_did_and_skipped_and_why() {
    let world = World::new().await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.until(SLOT);
    world.run().await;
    world.minutes(1);
    world.run().await;
    let runs = world.app.store.newest_runs(10).await.expect("runs");
    let did: Vec<_> = runs.iter().map(|run| (run.did.posts, run.did.alerts, run.did.digests, run.did.sent)).collect();
    assert_eq!(did, [(0, 0, 0, 0), (0, 0, 0, 0), (1, 1, 0, 2), (0, 0, 0, 0)]);
    assert!(runs.iter().all(|run| run.kind == RunKind::Run && run.ended_at.is_some() && run.trouble.is_none()));
    let [last, skipped, alerted, first] = &runs[..] else { panic!("four runs: {runs:?}") };
    assert_eq!(told(&world, last.id).await, [""; 0], "nothing was due");
    assert_eq!(
        told(&world, skipped.id).await,
        ["list:news skipped: no digest for the slot of 2024-04-29T09:00:00: no new posts"]
    );
    assert_eq!(
        told(&world, alerted.id).await,
        [
            "feed:site news: “Coalition condemns a transfer”: seen for the first time now; dated 2024-04-24 12:00 UTC; \
             breaking: rule `condemnation`: “condemns” in the title",
            "issue:1 queued: rule `condemnation`: “condemns” in the title; to 2 readers",
        ]
    );
    assert_eq!(
        told(&world, first.id).await,
        ["feed:site baseline: first look: 1 posts are known from now on and none of them is mailed"]
    );
}

told_on_both_engines!(a_run_that_is_killed_is_there_and_one_without_a_word_is_not);
async fn a_run_that_is_killed_is_there_and_one_without_a_word_is_not() {
    let world = World::new().await;
    let store = &world.app.store;
    let quiet = world.app.in_run(store.run_number().await.expect("a number"), RunKind::Serve);
    assert!(!quiet.store.end_run(Did::default(), None, world.clock.now()).await.expect("the store answers"));
    assert_eq!(store.newest_runs(10).await.expect("runs"), []);
    let killed = world.app.in_run(store.run_number().await.expect("a number"), RunKind::Serve);
    killed.store.record(world.clock.now(), "list:news", "skipped", "why").await.expect("written");
    store.record(world.clock.now(), "list:news", "held", "beside it").await.expect("written");
    let runs = store.newest_runs(10).await.expect("runs");
    assert_eq!((runs.len(), runs[0].kind, runs[0].ended_at), (1, RunKind::Serve, None));
    assert_eq!(told(&world, runs[0].id).await, ["list:news skipped: why"]);
    let trouble = Some("the database is busy");
    assert!(killed.store.end_run(Did::default(), trouble, world.clock.now()).await.expect("the store answers"));
    let run = store.run(runs[0].id).await.expect("the run");
    assert_eq!((run.trouble.as_deref(), run.ended_at), (trouble, Some(world.clock.now())));
    // What was not committed left nothing of its run either.
    let undone = world.app.in_run(store.run_number().await.expect("a number"), RunKind::Serve);
    let mut tx = undone.store.begin().await.expect("a transaction");
    tx.record(world.clock.now(), "list:news", "skipped", "why").await.expect("written");
    drop(tx);
    assert_eq!(store.newest_runs(10).await.expect("runs").len(), 1);
}

#[tokio::test]
async fn the_command_tells_of_all_runs_and_of_one_in_full() {
    let world = World::setup().at("2024-04-24T12:00:00Z".parse().expect("an instant")).start().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let list = world.tidings(&["runs"]).await.well();
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["run", "by", "began"]);
    assert_eq!(lines[1][..8], ["2", "run", "2024-04-24", "12:10:00Z", "1", "1", "0", "1"], "{list}");
    assert_eq!((lines.len(), lines[2][0]), (3, "1"));
    let one = world.tidings(&["runs", "2"]).await.well();
    assert!(one.starts_with("run 2, by `tidings run`, began at 2024-04-24T12:10:00Z\n"), "{one}");
    assert!(one.contains("collected 1 post, 1 alert, 0 digests; sent 1; well, after 0 s"), "{one}");
    assert!(one.contains("12:10:00Z  issue:1  queued: rule `condemnation`"), "{one}");
    let json = world.tidings(&["runs", "2", "--json"]).await.json();
    assert_eq!((&json["id"], &json["alerts"], &json["ledger"][1]["about"]), (&2.into(), &1.into(), &"issue:1".into()));
    let none = world.tidings(&["runs", "99"]).await;
    assert_eq!((none.code, none.err.as_str()), (1, "error: run 99 does not exist\n"));
    // A run of the program itself is one too.
    world.tidings(&["run"]).await;
    assert_eq!(world.tidings(&["runs", "--json"]).await.json()[0]["kind"], "run");
    assert_eq!(world.app.store.newest_runs(10).await.expect("runs").len(), 3);
}
