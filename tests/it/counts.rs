//! What is counted as it changes is what a walk over all rows would count: whatever readers, staff, relays and kills did
//! before, and in whatever order.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};
use tidings::{
    domain::{
        address::EmailAddress,
        consent::Door,
        delivery::{DeliveryState, Lane, Next},
        issue::{IssueId, IssueKey, IssueKind, IssueState},
        mailing::{Mailing, Purpose},
        slug::Slug,
        subscription::{Choice, NewSubscriber, Wanted},
        suppression::SuppressionKind,
    },
    store::{
        Store,
        deliveries::{Batch, Claimed, Doubtful, Filter, Recorded},
        holders::Holder,
        issues::NewIssue,
        suppressions::Scope,
    },
};

use crate::world::stores::{TestStore, on_both_engines};

const LISTS: [&str; 2] = ["news", "calm"];
const PEOPLE: usize = 9;
const STEPS: u64 = 250;

/// Chance that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A store to which things happen.
struct Story<'a> {
    store: &'a Store,
    dice: Dice,
    now: Timestamp,
    issues: Vec<IssueId>,
    holder: Option<Holder>,
    claimed: Vec<Claimed>,
    last: Vec<Recorded>,
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

fn address(n: usize) -> EmailAddress {
    EmailAddress::parse(&format!("reader{n}@example.org")).expect("an address")
}

impl Story<'_> {
    async fn step(&mut self, raw: &mut AnyConnection) {
        self.now += SignedDuration::from_hours(self.dice.below(9) as i64);
        match self.dice.below(12) {
            0 | 1 => self.import().await,
            2..=5 => self.change_somebody().await,
            6 => self.queue().await,
            7 | 8 => self.claim().await,
            9 | 10 => self.record(raw).await,
            _ => self.staff_decide().await,
        }
    }

    async fn import(&mut self) {
        let list = slug(self.dice.one(&LISTS));
        let people: Vec<NewSubscriber> = (0..PEOPLE)
            .filter(|_| self.dice.below(3) == 0)
            .map(|n| NewSubscriber { address: address(n), name: String::new() })
            .collect();
        let mut tx = self.store.begin().await.expect("begin");
        let first = tx.subscriber_ids(people.len()).await.expect("numbers");
        tx.subscribe(&list, &people, first, Door::Import, self.now).await.expect("subscribed");
        // Now and then a kill undoes it.
        if self.dice.below(5) > 0 {
            tx.commit().await.expect("commit");
        }
    }

    async fn change_somebody(&mut self) {
        let (person, list, now) = (address(self.dice.below(PEOPLE)), slug(self.dice.one(&LISTS)), self.now);
        let scope = self.dice.one(&[Scope::All, Scope::List(&list)]);
        let [digests, alerts] = [0; 2].map(|_| self.dice.one(&[Wanted::Yes, Wanted::No]));
        let (choice, kind) = (Choice { digests, alerts }, self.dice.one(&SuppressionKind::ALL));
        let mut tx = self.store.begin().await.expect("begin");
        match self.dice.below(8) {
            0 => {
                let reader = tx.person(&person, now).await.expect("somebody");
                tx.choose(&list, reader, choice, Door::Web, now).await.expect("chosen");
            }
            1 => drop(tx.suppress(&person, scope, kind, "why", now).await.expect("suppressed")),
            2 => drop(tx.lift(&person, scope, kind, now).await.expect("lifted")),
            other => {
                let Some(reader) = tx.subscriber_of(&person).await.expect("read") else { return };
                match other {
                    3 => drop(tx.end_subscription(&list, reader, "left", now).await.expect("ended")),
                    4 => drop(tx.take_back(&list, reader, "left", now).await.expect("taken back")),
                    5 => drop(tx.rejoin(&list, reader, Door::Staff, now).await.expect("back")),
                    6 => drop(tx.change_choice(&list, reader, choice, now).await.expect("changed")),
                    _ => tx.erase_subscriber(reader, now).await.expect("erased"),
                }
            }
        }
        if self.dice.below(5) > 0 {
            tx.commit().await.expect("commit");
        }
    }

    async fn queue(&mut self) {
        let (list, store) = (slug(self.dice.one(&LISTS)), self.store);
        let kind = self.dice.one(&[IssueKind::Digest, IssueKind::Alert]);
        let counted = store.count_readers(&list, kind).await.expect("counted");
        let (issue, mailing) = (store.issue_id().await.expect("a number"), store.mailing_id().await.expect("a number"));
        let mut tx = store.begin().await.expect("begin");
        let key = IssueKey::Manual(format!("issue {}", issue.0));
        let new = NewIssue {
            id: issue,
            list: &list,
            kind,
            key: &key,
            state: IssueState::Queued,
            state_reason: "",
            subject: "x",
            statement: None,
            posts: &[],
            window: SignedDuration::ZERO,
            wanted_by: None,
            corrects: None,
        };
        tx.add_issue(&new, self.now).await.expect("a new issue");
        let frozen = Mailing {
            id: mailing,
            purpose: Purpose::Issue { issue, list: list.clone() },
            lane: Lane::Digest,
            subject: "x".into(),
            message: "Subject: x\r\n\r\nx\r\n".into(),
            made_at: self.now,
            expires_at: (self.dice.below(3) == 0).then(|| self.now + SignedDuration::from_hours(5)),
            answers: None,
        };
        tx.add_mailing(&frozen).await.expect("a mailing");
        let batch = Batch { mailing, lane: Lane::Digest, goes_at: self.now, now: self.now };
        let queued = tx.queue_to_list(batch, &list, kind).await.expect("queued");
        tx.commit().await.expect("commit");
        assert_eq!(queued, counted, "it goes to as many as a confirmation would have named");
        self.issues.push(issue);
    }

    async fn claim(&mut self) {
        if self.holder.is_none() {
            self.holder = Some(self.store.begin_holder(self.now).await.expect("a holder"));
        }
        let holder = self.holder.as_ref().expect("one was begun");
        // Nobody else is there to take it for dead, however long it slept.
        let claims = self.store.claim(holder, Lane::Digest, 6, self.now).await.expect("claimed");
        self.claimed.extend(claims.deliveries);
    }

    async fn record(&mut self, raw: &mut AnyConnection) {
        let Some(holder) = &self.holder else { return };
        if self.dice.below(4) == 0 {
            // It is killed, or ends in good order; its claims are found by the next.
            let gone = self.holder.take().expect("a holder");
            self.claimed.clear();
            if self.dice.below(2) == 0 {
                self.store.end_holder(gone, self.now).await.expect("ended");
                return;
            }
            drop(gone);
            sqlx::query("DELETE FROM holders").execute(raw).await.expect("nobody says any more that it lives");
            self.store.take_up_after_the_dead(None, self.now).await.expect("taken up");
            return;
        }
        let states = [DeliveryState::Sent, DeliveryState::Sent, DeliveryState::Deferred, DeliveryState::Bounced]
            .into_iter()
            .chain([DeliveryState::Unknown, DeliveryState::Expired]);
        let states: Vec<DeliveryState> = states.collect();
        let mut outcomes = Vec::new();
        for claimed in std::mem::take(&mut self.claimed) {
            let state = self.dice.one(&states);
            let try_at = (!state.is_settled()).then(|| self.now + SignedDuration::from_hours(2));
            outcomes.push(Recorded {
                mailing: claimed.mailing,
                subscriber: claimed.subscriber,
                claim: claimed.claim,
                relay: Slug::parse("main").expect("a slug"),
                next: Next { state, attempts: 1, try_at },
                code: None,
                answer: "so it went".into(),
                doubt: if state == DeliveryState::Unknown { Doubtful::Yes } else { Doubtful::No },
                said: None,
            });
        }
        // What was written before does not count again, whether beside fresh ones or alone.
        let again = std::mem::replace(&mut self.last, outcomes.clone());
        outcomes.extend(again);
        self.store.record_outcomes(holder.id, &outcomes, self.now).await.expect("recorded");
    }

    async fn staff_decide(&mut self) {
        let issue = self.issues.get(self.dice.below(self.issues.len().max(1))).copied();
        let person = Some(address(self.dice.below(PEOPLE)));
        let filter = self.dice.one(&[0, 1]);
        let filter = Filter { issue, state: None, address: person.filter(|_| filter == 1) };
        match self.dice.below(3) {
            0 => drop(self.store.retry_deliveries(&filter, self.now).await.expect("again")),
            1 => drop(self.store.drop_deliveries(&filter, self.now).await.expect("dropped")),
            _ => {
                let Some(issue) = issue else { return };
                let mut tx = self.store.begin().await.expect("begin");
                tx.drop_unsent(issue, "cancelled", self.now).await.expect("dropped");
                if self.dice.below(3) > 0 {
                    tx.commit().await.expect("commit");
                }
            }
        }
    }

    /// Compares every count with a walk over the rows.
    async fn compare(&self, raw: &mut AnyConnection, step: u64) {
        for list in LISTS {
            for (kind, column) in [(IssueKind::Digest, "digests"), (IssueKind::Alert, "alerts")] {
                let walked = number(
                    raw,
                    &format!(
                        "SELECT COUNT(*) FROM subscriptions u JOIN subscribers s ON s.id = u.subscriber
                         WHERE u.list = '{list}' AND u.state = 'active' AND u.{column} = 1 AND NOT EXISTS (
                             SELECT 1 FROM suppressions x WHERE x.address_key = s.address_key AND x.list IN ('', '{list}'))"
                    ),
                )
                .await;
                let counted = self.store.count_readers(&slug(list), kind).await.expect("counted");
                assert_eq!(counted, walked, "{column} of {list} after step {step}");
            }
            let active = format!("SELECT COUNT(*) FROM subscriptions WHERE list = '{list}' AND state = 'active'");
            let counted = self.store.count_active(&slug(list)).await.expect("counted");
            assert_eq!(counted, number(raw, &active).await, "active on {list} after step {step}");
        }
        for issue in &self.issues {
            let counted = self.store.states_of_issue(*issue).await.expect("counted");
            for state in DeliveryState::ALL {
                let (word, of) = (state.as_str(), format!("(SELECT id FROM mailings WHERE issue = {})", issue.0));
                let walk = format!("SELECT COUNT(*) FROM deliveries WHERE state = '{word}' AND mailing IN {of}");
                let walked = number(raw, &walk).await;
                assert_eq!(counted.get(&state).copied().unwrap_or(0), walked, "{word} of {issue:?} after step {step}");
            }
        }
    }
}

async fn number(raw: &mut AnyConnection, sql: &str) -> u64 {
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(raw).await.expect("a number");
    count.unsigned_abs()
}

async fn told(test: &TestStore, seed: u64) {
    let now = "2026-11-23T09:00:00Z".parse().expect("a timestamp");
    let (store, dice) = (&test.store, Dice(seed));
    let mut story = Story { store, dice, now, issues: vec![], holder: None, claimed: vec![], last: vec![] };
    let mut raw = test.raw().await;
    for step in 0..STEPS {
        story.step(&mut raw).await;
        if step % 5 == 0 || step + 1 == STEPS {
            story.compare(&mut raw, step).await;
        }
    }
    assert!(story.issues.len() > 5, "the story has issues");
    // A database of an earlier version, which counted nothing, is counted when it is opened by this one.
    for table in ["growth", "delivery_counts"] {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut raw).await.expect("emptied");
    }
    let migration = include_str!("../../src/store/migrations/0017_counts.sql");
    let comments = |line: &&str| !line.trim_start().starts_with("--");
    let migration: Vec<&str> = migration.lines().filter(comments).collect();
    for statement in migration.join("\n").split(';').filter(|it| it.trim_start().starts_with("INSERT")) {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut raw).await.expect("filled");
    }
    story.compare(&mut raw, STEPS).await;
}

on_both_engines!(whatever_happens_the_counts_are_those_of_a_walk_over_all_rows, async |test: &TestStore| {
    told(test, 0x9E37_79B9_7F4A_7C15).await;
});

on_both_engines!(and_whatever_else_happens_too, async |test: &TestStore| {
    told(test, 0xD1B5_4A32_D192_ED03).await;
});

on_both_engines!(who_comes_and_goes_at_the_same_moment_is_counted_once, async |test: &TestStore| {
    let (now, news) = ("2026-11-23T09:00:00Z".parse().expect("a timestamp"), slug("news"));
    let mut people = Vec::new();
    for n in 0..8 {
        let (store, news) = (test.open_again().await, news.clone());
        people.push(tokio::spawn(async move {
            let person = address(n / 2);
            if n % 2 == 0 {
                store.suppress(&person, Scope::All, SuppressionKind::Staff, "why", now).await.expect("suppressed");
            } else {
                let mut tx = store.begin().await.expect("begin");
                tx.one_by_one().await.expect("alone");
                let first = tx.subscriber_ids(1).await.expect("a number");
                let person = [NewSubscriber { address: person, name: String::new() }];
                tx.subscribe(&news, &person, first, Door::Staff, now).await.expect("subscribed");
                tx.commit().await.expect("commit");
            }
        }));
    }
    for person in people {
        person.await.expect("no panic");
    }
    assert_eq!(test.store.count_readers(&news, IssueKind::Digest).await.expect("counted"), 0);
    assert_eq!(test.store.count_active(&news).await.expect("counted"), 4);
    let day = "2026-11-23".parse().expect("a day");
    let growth = test.store.growth(&news, day, day).await.expect("growth");
    assert_eq!(growth.iter().map(|it| (it.day, it.joined, it.left)).collect::<Vec<_>>(), [(day, 4, 0)]);
});
