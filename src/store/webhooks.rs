//! The writer of `webhook_calls` and `webhooks`: what the house's own systems are to be told, and how far that has come. An
//! event is written down by whatever makes it happen, in the same transaction, once for each webhook that wants it; when
//! none does, nothing is written and nothing asked.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::{Any, AssertSqlSafe, any::AnyArguments, query::Query};

use super::{Counter, Engine, Store, StoreError, Tx, deliveries::Recorded, instant, instant_or_none, ms, word};
use crate::domain::{
    address::EmailAddress,
    delivery::DeliveryState,
    issue::IssueId,
    slug::Slug,
    subscription::SubscriberId,
    webhook::{Call, EventKind, Want},
};

/// How long one who takes a call has it alone. It is longer than a try may take.
const TAKEN_FOR: SignedDuration = SignedDuration::from_secs(60);

/// What of a subscription `u` its reader gets.
const GETS: &str = "CASE WHEN u.digests = 1 AND u.alerts = 1 THEN 'digests,alerts' WHEN u.digests = 1 THEN 'digests'
                         WHEN u.alerts = 1 THEN 'alerts' ELSE '' END";

/// How a try ended that was in vain.
#[derive(Clone, Debug)]
pub struct Vain {
    /// Why.
    pub answer: String,
    /// When it is tried again; `None` when it is given up.
    pub next: Option<Timestamp>,
}

/// How it stands with the calls of one webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// So many were taken, as far as it is remembered.
    pub done: u64,
    /// So many wait.
    pub waiting: u64,
    /// So many were given up.
    pub given_up: u64,
    /// When the next is tried.
    pub next_at: Option<Timestamp>,
    /// Why the last one in vain was.
    pub answer: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    webhook: String,
    event: String,
    kind: String,
    at: i64,
    list: String,
    issue: Option<i64>,
    subscriber: Option<i64>,
    address: Option<String>,
    state: Option<String>,
    gets: Option<String>,
    words: Option<String>,
    facts: Option<String>,
    tries: i64,
    tried_since: i64,
}

impl Store {
    /// The same store, where what these webhooks want is written down for them.
    pub fn telling(self, wants: Vec<Want>) -> Self {
        Self { wants: wants.into(), ..self }
    }

    /// Since when each webhook is there; those that are new are from now on.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn meet_webhooks(
        &self,
        names: &[Slug],
        now: Timestamp,
    ) -> Result<HashMap<String, Timestamp>, StoreError> {
        let mut known = self.known_webhooks().await?;
        for name in names.iter().filter(|name| !known.contains_key(name.as_str())).cloned().collect::<Vec<_>>() {
            let statement =
                sqlx::query("INSERT INTO webhooks (name, since) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                    .bind(name.as_str().to_owned())
                    .bind(ms(now));
            self.writer.execute(statement).await?;
            known.insert(name.to_string(), now);
        }
        Ok(known)
    }

    async fn known_webhooks(&self) -> Result<HashMap<String, Timestamp>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT name, since FROM webhooks").fetch_all(&self.reader).await?;
        Ok(rows.into_iter().map(|(name, since)| (name, instant(since))).collect())
    }

    /// The issues queued since then, drills apart, of which nothing waits and no webhook was told: with their lists, and
    /// when they were queued.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issues_not_told(&self, since: Timestamp) -> Result<Vec<(IssueId, String, Timestamp)>, StoreError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT i.id, i.list, i.queued_at FROM issues i
             WHERE i.state = 'queued' AND i.queued_at >= $1 AND i.kind <> 'drill'
               AND NOT EXISTS (SELECT 1 FROM webhook_calls c WHERE c.event = 'issue.sent:' || i.id) ORDER BY i.id",
        )
        .bind(ms(since))
        .fetch_all(&self.reader)
        .await?;
        Ok(rows.into_iter().map(|(id, list, at)| (IssueId(id), list, instant(at))).collect())
    }

    /// The calls of a webhook that are due, at most so many of each kind, the longest first. What may be a million
    /// at once, after an import, keeps the others waiting no longer than a batch.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due_calls(
        &self,
        webhook: &Slug,
        of_each: i64,
        now: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let mut due = Vec::new();
        for kind in [EventKind::DeliveryRefused, EventKind::IssueSent, EventKind::SubscriptionChanged] {
            let rows: Vec<(String, i64)> = sqlx::query_as(
                "SELECT event, try_at FROM webhook_calls WHERE webhook = $1 AND kind = $2 AND try_at <= $3
                 ORDER BY try_at, event LIMIT $4",
            )
            .bind(webhook.as_str())
            .bind(kind.as_str())
            .bind(ms(now))
            .bind(of_each)
            .fetch_all(&self.reader)
            .await?;
            due.extend(rows.into_iter().map(|(event, at)| (event, instant(at))));
        }
        Ok(due)
    }

    /// Takes a call that was due at `due_at` for a while, so that nobody else makes it; `None` when somebody did. Should
    /// whoever has it be killed, it is due again when that while is over.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn take_call(
        &self,
        webhook: &Slug,
        event: &str,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Call>, StoreError> {
        let until = now.checked_add(TAKEN_FOR).unwrap_or(Timestamp::MAX);
        let statement = sqlx::query_as(
            "UPDATE webhook_calls SET tries = tries + 1, try_at = $1, changed_at = $2
             WHERE webhook = $3 AND event = $4 AND try_at = $5
             RETURNING webhook, event, kind, at, list, issue, subscriber, address, state, gets, words, facts, tries,
                       tried_since",
        )
        .bind(ms(until))
        .bind(ms(now))
        .bind(webhook.as_str().to_owned())
        .bind(event.to_owned())
        .bind(ms(due_at));
        let row: Option<Row> = self.writer.fetch_optional(statement).await?;
        row.map(Row::into_call).transpose()
    }

    /// The webhook took it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn call_done(&self, call: &Call, now: Timestamp) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "UPDATE webhook_calls SET outcome = 'done', try_at = NULL, changed_at = $1, answer = NULL
             WHERE webhook = $2 AND event = $3 AND outcome = 'waits'",
        )
        .bind(ms(now))
        .bind(call.webhook.clone())
        .bind(call.event.clone());
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// How it stands with the calls of each webhook.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn standings_of_webhooks(&self) -> Result<HashMap<String, Standing>, StoreError> {
        let rows: Vec<(String, String, i64, Option<i64>)> = sqlx::query_as(
            "SELECT webhook, outcome, COUNT(*), MIN(try_at) FROM webhook_calls GROUP BY webhook, outcome",
        )
        .fetch_all(&self.reader)
        .await?;
        let mut standings: HashMap<String, Standing> = HashMap::new();
        for (webhook, outcome, count, next_at) in rows {
            let standing = standings.entry(webhook).or_default();
            let count = count.unsigned_abs();
            match outcome.as_str() {
                "done" => standing.done = count,
                "waits" => (standing.waiting, standing.next_at) = (count, instant_or_none(next_at)),
                _ => standing.given_up = count,
            }
        }
        let answers: Vec<(String, String)> = sqlx::query_as(
            "SELECT webhook, answer FROM webhook_calls
             WHERE answer IS NOT NULL AND outcome <> 'done' AND (webhook, changed_at) IN (
                 SELECT webhook, MAX(changed_at) FROM webhook_calls
                 WHERE answer IS NOT NULL AND outcome <> 'done' GROUP BY webhook)",
        )
        .fetch_all(&self.reader)
        .await?;
        for (webhook, answer) in answers {
            standings.entry(webhook).or_default().answer = Some(answer);
        }
        Ok(standings)
    }

    /// Tries again at once what a webhook did not take, also what was given up: for another week. Gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn retry_calls(&self, webhook: &Slug, now: Timestamp) -> Result<u64, StoreError> {
        let statement = sqlx::query(
            "UPDATE webhook_calls SET outcome = 'waits', tries = 0, tried_since = $1, try_at = $1, changed_at = $1
             WHERE webhook = $2 AND outcome <> 'done'",
        )
        .bind(ms(now))
        .bind(webhook.as_str().to_owned());
        self.writer.execute(statement).await
    }

    /// Forgets calls that last changed before then: they are done with, or their webhook is configured no more.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn sweep_calls(&self, before: Timestamp) -> Result<(), StoreError> {
        let old: Option<(i32,)> = sqlx::query_as("SELECT 1 FROM webhook_calls WHERE changed_at < $1 LIMIT 1")
            .bind(ms(before))
            .fetch_optional(&self.reader)
            .await?;
        if old.is_some() {
            let statement = sqlx::query("DELETE FROM webhook_calls WHERE changed_at < $1").bind(ms(before));
            self.writer.execute(statement).await?;
        }
        Ok(())
    }
}

impl Tx {
    /// Nothing of an issue waits any more: `facts` is what is to be said of it, a JSON object.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tell_issue_sent(
        &mut self,
        webhooks: &[String],
        issue: IssueId,
        list: &str,
        facts: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for webhook in webhooks {
            sqlx::query(
                "INSERT INTO webhook_calls (event, webhook, kind, at, list, issue, facts, outcome, tries, tried_since,
                                            try_at, changed_at)
                 VALUES ($1, $2, 'issue.sent', $3, $4, $5, $6, 'waits', 0, $3, $3, $3)
                 ON CONFLICT (event, webhook) DO NOTHING",
            )
            .bind(format!("issue.sent:{}", issue.0))
            .bind(webhook)
            .bind(ms(now))
            .bind(list)
            .bind(issue.0)
            .bind(facts)
            .execute(&mut *self.inner)
            .await?;
        }
        Ok(())
    }

    /// One subscription is otherwise than before.
    pub(super) async fn tell_subscription(
        &mut self,
        list: &Slug,
        subscriber: SubscriberId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(webhooks) = self.wanting(EventKind::SubscriptionChanged, list) else { return Ok(()) };
        let number = self.take_ids(Counter::WebhookEvents, 1).await?;
        let each = self.engine.json_rows();
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO webhook_calls (event, webhook, kind, at, list, subscriber, address, state, gets, words, outcome,
                                        tries, tried_since, try_at, changed_at)
             SELECT $2, value->>0, 'subscription.changed', $3, u.list, u.subscriber, s.address, u.state, {GETS},
                    u.ended_reason, 'waits', 0, $3, $3, $3
             FROM {each} CROSS JOIN subscriptions u CROSS JOIN subscribers s
             WHERE u.list = $4 AND u.subscriber = $5 AND s.id = u.subscriber ON CONFLICT (event, webhook) DO NOTHING"
        )))
        .bind(webhooks)
        .bind(format!("subscription:{number}"))
        .bind(ms(now))
        .bind(list.as_str())
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Those of these addresses, by their keys, whose subscription of a list began at this instant have joined it.
    pub(super) async fn tell_joined(
        &mut self,
        list: &Slug,
        address_keys: impl Iterator<Item = String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let webhooks: Vec<&str> = self.names_wanting(EventKind::SubscriptionChanged, list);
        if webhooks.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(&str, String)> =
            address_keys.flat_map(|key| webhooks.iter().map(move |webhook| (*webhook, key.clone()))).collect();
        let pairs = serde_json::to_string(&pairs).expect("texts are JSON");
        let each = self.engine.json_rows();
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO webhook_calls (event, webhook, kind, at, list, subscriber, address, state, gets, outcome, tries,
                                        tried_since, try_at, changed_at)
             SELECT 'joined:' || u.list || ':' || u.subscriber || ':' || u.began_at, value->>0, 'subscription.changed',
                    $2, u.list, u.subscriber, s.address, u.state, {GETS}, 'waits', 0, $2, $2, $2
             FROM {each} CROSS JOIN subscribers s CROSS JOIN subscriptions u
             WHERE s.address_key = value->>1 AND u.list = $3 AND u.subscriber = s.id AND u.began_at = $2
               AND u.state = 'active' ON CONFLICT (event, webhook) DO NOTHING"
        )))
        .bind(pairs)
        .bind(ms(now))
        .bind(list.as_str())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Takes out of what is still to be told, and of what was, whom it is about; and has each webhook told that they were
    /// erased, by their number alone, so that it can do the same.
    pub(super) async fn tell_erased(&mut self, subscriber: SubscriberId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE webhook_calls SET address = NULL, words = NULL
             WHERE subscriber = $1 AND (address IS NOT NULL OR words IS NOT NULL)",
        )
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        let wants: Vec<(&str, Option<&str>)> = self
            .wants
            .iter()
            .filter(|want| want.kind == EventKind::SubscriptionChanged)
            .map(|want| (want.webhook.as_str(), want.list.as_ref().map(Slug::as_str)))
            .collect();
        if wants.is_empty() {
            return Ok(());
        }
        let wants = serde_json::to_string(&wants).expect("texts are JSON");
        let each = self.engine.json_rows();
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO webhook_calls (event, webhook, kind, at, list, subscriber, state, gets, outcome, tries,
                                        tried_since, try_at, changed_at)
             SELECT 'erased:' || u.list || ':' || u.subscriber, value->>0, 'subscription.changed', $2, u.list,
                    u.subscriber, 'erased', '', 'waits', 0, $2, $2, $2
             FROM {each} CROSS JOIN subscriptions u
             WHERE u.subscriber = $3 AND (value->>1 IS NULL OR value->>1 = u.list)
             ON CONFLICT (event, webhook) DO NOTHING"
        )))
        .bind(wants)
        .bind(ms(now))
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// A call was made in vain: it is tried again, or given up.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn call_in_vain(&mut self, call: &Call, vain: &Vain, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE webhook_calls SET outcome = $1, try_at = $2, answer = $3, changed_at = $4
             WHERE webhook = $5 AND event = $6 AND tries = $7 AND outcome = 'waits'",
        )
        .bind(if vain.next.is_some() { "waits" } else { "given-up" })
        .bind(vain.next.map(ms))
        .bind(&vain.answer)
        .bind(ms(now))
        .bind(&call.webhook)
        .bind(&call.event)
        .bind(i64::from(call.tries))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    fn names_wanting(&self, kind: EventKind, list: &Slug) -> Vec<&str> {
        self.wants.iter().filter(|want| want.is_for(kind, list)).map(|want| want.webhook.as_str()).collect()
    }

    /// The webhooks that want it, as JSON rows; `None` when none does.
    fn wanting(&self, kind: EventKind, list: &Slug) -> Option<String> {
        let names: Vec<[&str; 1]> = self.names_wanting(kind, list).into_iter().map(|name| [name]).collect();
        (!names.is_empty()).then(|| serde_json::to_string(&names).expect("texts are JSON"))
    }
}

/// The statement that writes down what webhooks are told of messages that were refused for good, in the transaction of
/// their outcomes, and of those alone that stand; `None` when there is nothing to tell or nobody to be told.
pub(super) fn refused_calls(
    engine: &Engine,
    wants: &[Want],
    outcomes: &[Recorded],
    now: Timestamp,
) -> Option<Query<'static, Any, AnyArguments>> {
    let wants: Vec<&Want> = wants.iter().filter(|want| want.kind == EventKind::DeliveryRefused).collect();
    let refused = outcomes.iter().filter(|outcome| outcome.next.state == DeliveryState::Bounced);
    let rows: Vec<_> = refused
        .flat_map(|outcome| {
            let of = move |want: &&Want| {
                let (mailing, subscriber) = (outcome.mailing.0, outcome.subscriber.0);
                let list = want.list.as_ref().map(ToString::to_string);
                (want.webhook.to_string(), list, mailing, subscriber, outcome.claim, outcome.answer.clone())
            };
            wants.iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let rows = serde_json::to_string(&rows).expect("numbers and texts are JSON");
    let each = engine.json_rows();
    let statement = sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO webhook_calls (event, webhook, kind, at, list, issue, subscriber, address, words, outcome, tries,
                                    tried_since, try_at, changed_at)
         SELECT 'refused:' || d.mailing || ':' || d.subscriber || ':' || d.claims, v.webhook, 'delivery.refused', $2,
                m.list, m.issue, d.subscriber, s.address, v.words, 'waits', 0, $2, $2, $2
         FROM (SELECT value->>0 AS webhook, value->>1 AS list, CAST(value->>2 AS BIGINT) AS mailing,
                      CAST(value->>3 AS BIGINT) AS subscriber, CAST(value->>4 AS BIGINT) AS claim,
                      value->>5 AS words FROM {each}) v
         CROSS JOIN deliveries d CROSS JOIN mailings m CROSS JOIN subscribers s
         WHERE d.mailing = v.mailing AND d.subscriber = v.subscriber AND m.id = d.mailing AND s.id = d.subscriber
           AND d.claims = v.claim AND d.state = 'bounced' AND m.list IS NOT NULL
           AND (v.list IS NULL OR v.list = m.list) ON CONFLICT (event, webhook) DO NOTHING"
    )));
    Some(statement.bind(rows).bind(ms(now)))
}

impl Row {
    fn into_call(self) -> Result<Call, StoreError> {
        let address = self.address.as_deref().map(EmailAddress::parse).transpose();
        Ok(Call {
            kind: word(&self.kind, EventKind::from_word(&self.kind))?,
            address: address.map_err(|error| StoreError::Damaged(error.to_string()))?,
            webhook: self.webhook,
            event: self.event,
            at: instant(self.at),
            list: self.list,
            issue: self.issue.map(IssueId),
            subscriber: self.subscriber.map(SubscriberId),
            state: self.state,
            gets: self.gets,
            words: self.words,
            facts: self.facts,
            tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
            tried_since: instant(self.tried_since),
        })
    }
}
