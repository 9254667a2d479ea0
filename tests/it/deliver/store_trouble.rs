//! A store that cannot be written while a send runs: nothing goes out beyond what is in hand, and it goes on by itself.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tidings::{
    deliver::{DeliverError, Until, tally::Counts},
    domain::{
        delivery::{DeliveryState, Lane},
        issue::IssueId,
        relay::Relay,
    },
    stop::Stop,
    store::Options,
};
use tokio::task::JoinHandle;

use super::house::{House, WINDOW, checked, recipients, sorted, wide};
use crate::world::{
    eventually,
    manners::{Manner, in_each_manner, in_each_manner_on_both_engines, under_way},
    relay::{Answer, Gate, ScriptedRelay, Stage},
    stores::{TestStore, postgres, postgres_by_wire, sqlite_with},
};

/// How long nothing must happen. Without the rule under test a relay on this machine takes hundreds of messages in it.
const A_WHILE: Duration = Duration::from_millis(300);

/// A store that says soon that it is busy.
const IMPATIENT: Options = Options { busy_timeout: Duration::from_millis(50) };

const READERS: usize = 100;
const CONNECTIONS: usize = 2;

/// How many messages are on the wire, or may be, with no outcome written down: so many may arrive twice when it cannot
/// be said whether a write was done.
const IN_FLIGHT: usize = CONNECTIONS * WINDOW;

/// A digest in the middle of being sent: the relay holds back its answer to the first messages.
struct HalfWay {
    relay: ScriptedRelay,
    house: House,
    readers: Vec<String>,
    issue: IssueId,
    gate: Gate,
    /// How many messages each session has under way.
    under_way: usize,
    delivering: JoinHandle<Result<Counts, DeliverError>>,
}

impl HalfWay {
    async fn of(test: &TestStore, manner: Manner) -> Self {
        Self::with_window(test, manner, WINDOW).await
    }

    /// So few are in flight that not everything is claimed yet.
    async fn with_claims_to_come(test: &TestStore, manner: Manner) -> Self {
        Self::with_window(test, manner, 1).await
    }

    async fn with_window(test: &TestStore, manner: Manner, window: usize) -> Self {
        let relay = ScriptedRelay::speaking(manner).await;
        let house = House::with(test, vec![Relay { window, ..wide(&relay, CONNECTIONS) }]).await;
        let readers = house.readers(READERS).await;
        let issue = house.digest().await;
        let gate = Gate::closed();
        for _ in 0..CONNECTIONS {
            relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
        }
        let delivering = house.start(Until::Idle(Lane::Digest), &Stop::default());
        relay.wait_for(Stage::Dot, CONNECTIONS).await;
        Self { relay, house, readers, issue, gate, under_way: under_way(manner, window), delivering }
    }

    /// The store has broken: what is in hand arrives, and for so long nothing more.
    async fn nothing_more_for(&self, time: Duration) {
        self.gate.open();
        self.relay.wait_for_messages(CONNECTIONS * self.under_way).await;
        tokio::time::sleep(time).await;
        // Where fewer are under way than the window has places, others take those places.
        let (sent, offered) = (self.relay.messages().len(), self.relay.ledger().seen(Stage::Mail));
        assert!(sent <= IN_FLIGHT && offered <= IN_FLIGHT, "{sent} sent, {offered} offered: more than was in hand");
    }

    /// The store is well again: all of it is sent, everyone's once.
    async fn goes_on(self, test: &TestStore) {
        assert_eq!(self.ends_well(test).await, 0, "everyone once");
    }

    /// The store is well again: all of it is sent, and nothing without a claim. Gives how many messages went twice.
    async fn ends_well(self, test: &TestStore) -> usize {
        let Self { relay, house, readers, issue, delivering, .. } = self;
        assert_eq!(delivering.await.expect("no panic").expect("delivered").sent, READERS as u64);
        assert_eq!(house.states(issue).await, BTreeMap::from([(DeliveryState::Sent, READERS as u64)]));
        let mut once = recipients(&relay);
        claims_cover(test, &once).await;
        once.dedup();
        assert_eq!(once, sorted(readers), "nobody is missed");
        checked(&relay).len() - READERS
    }
}

/// Each message at the relay has a claim of its own.
async fn claims_cover(test: &TestStore, recipients: &[String]) {
    let claims: Vec<(String, i64)> = sqlx::query_as(
        "SELECT s.address, d.claims FROM deliveries d JOIN subscribers s ON s.id = d.subscriber WHERE d.claims > 0",
    )
    .fetch_all(&mut test.raw().await)
    .await
    .expect("the rows");
    let claims: BTreeMap<String, i64> = claims.into_iter().collect();
    let mut messages: BTreeMap<&String, i64> = BTreeMap::new();
    recipients.iter().for_each(|recipient| *messages.entry(recipient).or_default() += 1);
    for (recipient, count) in messages {
        assert!(claims.get(recipient).is_some_and(|claims| *claims >= count), "{recipient} got {count}: {claims:?}");
    }
}

async fn does(raw: &mut AnyConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(raw).await.expect("the engine does it");
}

in_each_manner_on_both_engines!(
    without_its_table_it_sends_nothing_more_and_then_goes_on_by_itself,
    async |test: &TestStore, manner: Manner| {
        let sending = HalfWay::of(test, manner).await;
        let mut raw = test.raw().await;
        does(&mut raw, "ALTER TABLE deliveries RENAME TO deliveries_away").await;
        sending.nothing_more_for(A_WHILE).await;
        does(&mut raw, "ALTER TABLE deliveries_away RENAME TO deliveries").await;
        sending.goes_on(test).await;
    }
);

in_each_manner_on_both_engines!(
    what_cannot_be_claimed_is_not_sent_though_outcomes_can_be_written,
    async |test: &TestStore, manner: Manner| {
        let sending = HalfWay::with_claims_to_come(test, manner).await;
        let mut raw = test.raw().await;
        // A check on the table that no claim passes: only rows that are claimed anew must pass it.
        match test.is_postgres() {
            true => {
                does(&mut raw, "ALTER TABLE deliveries ADD CONSTRAINT no_claims CHECK (state <> 'sending') NOT VALID")
                    .await;
            }
            false => {
                does(
                    &mut raw,
                    "CREATE TRIGGER no_claims BEFORE UPDATE ON deliveries WHEN new.state = 'sending'
                 BEGIN SELECT RAISE(ABORT, 'no claims'); END",
                )
                .await;
            }
        }
        let claimed: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM deliveries WHERE claims > 0")
            .fetch_one(&mut raw)
            .await
            .expect("a count");
        let claimed = usize::try_from(claimed.0).expect("a count");
        assert!(claimed < READERS, "there must be some left to claim");
        sending.gate.open();
        sending.relay.wait_for_messages(claimed).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(sending.relay.messages().len(), claimed, "what was claimed before, and no more");
        let undo = if test.is_postgres() {
            "ALTER TABLE deliveries DROP CONSTRAINT no_claims"
        } else {
            "DROP TRIGGER no_claims"
        };
        does(&mut raw, undo).await;
        sending.goes_on(test).await;
    }
);

/// Another process locks SQLite for so long.
async fn while_sqlite_is_locked_it_waits(manner: Manner, options: Options, time: Duration) {
    let test = sqlite_with(options).await;
    let sending = HalfWay::of(&test, manner).await;
    let mut raw = test.raw().await;
    let mut lock = raw.begin_with("BEGIN EXCLUSIVE").await.expect("locked");
    sqlx::query("SELECT 1").execute(&mut *lock).await.expect("held");
    sending.nothing_more_for(time).await;
    lock.rollback().await.expect("unlocked");
    sending.goes_on(&test).await;
}

in_each_manner!(while_another_process_keeps_sqlite_locked_it_waits, async |manner: Manner| {
    while_sqlite_is_locked_it_waits(manner, Options::default(), A_WHILE).await;
});

in_each_manner!(a_lock_that_outlasts_our_patience_several_times_is_waited_out, async |manner: Manner| {
    while_sqlite_is_locked_it_waits(manner, IMPATIENT, IMPATIENT.busy_timeout * 12).await;
});

in_each_manner!(a_lock_of_a_minute_is_waited_out, async |manner: Manner| {
    if std::env::var_os("TIDINGS_TEST_LONG").is_some() {
        while_sqlite_is_locked_it_waits(manner, Options::default(), Duration::from_secs(65)).await;
    }
});

in_each_manner!(while_another_session_keeps_the_table_locked_it_waits, async |manner: Manner| {
    let test = postgres().await;
    let sending = HalfWay::of(&test, manner).await;
    let mut raw = test.raw().await;
    let mut lock = raw.begin().await.expect("begun");
    sqlx::query("LOCK TABLE deliveries IN EXCLUSIVE MODE").execute(&mut *lock).await.expect("locked");
    sending.nothing_more_for(A_WHILE).await;
    lock.rollback().await.expect("unlocked");
    sending.goes_on(&test).await;
});

/// Ends every connection to the database but this one, as an administrator may.
async fn end_the_others(raw: &mut AnyConnection) {
    does(
        raw,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
}

in_each_manner!(a_database_that_turns_read_only_stops_a_send_until_it_is_writable_again, async |manner: Manner| {
    let test = postgres().await;
    let sending = HalfWay::of(&test, manner).await;
    let mut raw = test.raw().await;
    let name: (String,) =
        sqlx::query_as("SELECT CAST(current_database() AS TEXT)").fetch_one(&mut raw).await.expect("a name");
    // As after a failover to a server that only follows: sessions that begin now cannot write.
    does(&mut raw, &format!("ALTER DATABASE {} SET default_transaction_read_only = on", name.0)).await;
    end_the_others(&mut raw).await;
    sending.nothing_more_for(A_WHILE).await;
    does(&mut raw, &format!("ALTER DATABASE {} RESET default_transaction_read_only", name.0)).await;
    end_the_others(&mut raw).await;
    sending.goes_on(&test).await;
});

in_each_manner!(connections_that_the_server_ends_again_and_again_cost_nobody_a_message, async |manner: Manner| {
    let test = postgres().await;
    let sending = HalfWay::of(&test, manner).await;
    let mut raw = test.raw().await;
    sending.gate.open();
    for so_far in (10..READERS).step_by(10) {
        sending.relay.wait_for_messages(so_far).await;
        end_the_others(&mut raw).await;
    }
    let twice = sending.ends_well(&test).await;
    assert!(twice <= IN_FLIGHT, "{twice} went twice");
});

in_each_manner!(while_the_server_is_away_nothing_more_is_sent, async |manner: Manner| {
    let (test, wire) = postgres_by_wire(Options { busy_timeout: Duration::from_secs(1) }).await;
    let sending = HalfWay::of(&test, manner).await;
    wire.cut();
    sending.nothing_more_for(A_WHILE).await;
    wire.mend();
    sending.goes_on(&test).await;
});

in_each_manner!(a_claim_of_which_we_never_heard_that_it_was_done_is_not_forgotten, async |manner: Manner| {
    let (test, wire) = postgres_by_wire(Options::default()).await;
    let sending = HalfWay::with_claims_to_come(&test, manner).await;
    // Of the writes of a send only claims and heartbeats are transactions.
    wire.lose_next_commit();
    sending.gate.open();
    eventually("a reply to lose", async || wire.has_lost_a_commit()).await;
    sending.goes_on(&test).await;
});

in_each_manner!(
    a_server_that_falls_silent_in_the_middle_of_an_answer_is_not_waited_for_for_ever,
    async |manner: Manner| {
        let (test, wire) = postgres_by_wire(Options { busy_timeout: Duration::from_millis(500) }).await;
        let sending = HalfWay::with_claims_to_come(&test, manner).await;
        let (mut raw, mut other) = (test.raw().await, test.raw().await);
        let mut lock = raw.begin().await.expect("begun");
        sqlx::query("LOCK TABLE deliveries IN EXCLUSIVE MODE").execute(&mut *lock).await.expect("locked");
        sending.gate.open();
        let waits = "SELECT COUNT(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE deliveries%'";
        eventually("somebody to wait for an answer", async || {
            sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut other).await.expect("a count") > 0
        })
        .await;
        wire.fall_silent();
        lock.rollback().await.expect("unlocked");
        assert!(sending.ends_well(&test).await <= IN_FLIGHT);
    }
);
