//! The writer of `subscribers`, `subscriptions` and `subscriber_files`: who asked for what.

use jiff::Timestamp;
use sqlx::{Any, AssertSqlSafe, any::AnyArguments, query::QueryAs};

use super::{Counter, Store, StoreError, Tx, anywhere, growth::Change, instant, instant_or_none, ms, word};
use crate::domain::{
    address::EmailAddress,
    consent::Door,
    issue::IssueKind,
    slug::Slug,
    subscription::{Choice, NewSubscriber, Subscriber, SubscriberId, Subscription, SubscriptionState, Wanted},
};

#[derive(sqlx::FromRow)]
struct Row {
    subscriber: i64,
    address: String,
    name: String,
    list: String,
    state: String,
    consent: String,
    began_at: i64,
    ended_at: Option<i64>,
    ended_reason: String,
    digests: i64,
    alerts: i64,
}

/// The columns of [`Row`], of `subscribers s` and `subscriptions u`.
macro_rules! columns {
    () => {
        "u.subscriber, s.address, s.name, u.list, u.state, u.consent, u.began_at, u.ended_at, u.ended_reason,
         u.digests, u.alerts FROM subscriptions u JOIN subscribers s ON s.id = u.subscriber"
    };
}

impl Store {
    /// Fresh numbers for `count` subscribers; the first of them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn subscriber_ids(&self, count: usize) -> Result<SubscriberId, StoreError> {
        Ok(SubscriberId(self.take_ids(Counter::Subscribers, count).await?))
    }

    /// The subscribers of these addresses, made when they are new. They get no subscription by it: it is how notices
    /// and test sends find their way.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn people(&self, addresses: &[EmailAddress], now: Timestamp) -> Result<Vec<SubscriberId>, StoreError> {
        let mut found = Vec::with_capacity(addresses.len());
        for address in addresses {
            let fresh = self.subscriber_ids(1).await?;
            let statement = person(fresh, address, now);
            let (id,): (i64,) = self.writer.fetch_one(statement).await?;
            if !found.contains(&SubscriberId(id)) {
                found.push(SubscriberId(id));
            }
        }
        Ok(found)
    }

    /// Every subscription of one address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriptions_of(&self, address: &EmailAddress) -> Result<Vec<Subscription>, StoreError> {
        subscriptions_of(&self.reader, address).await
    }

    /// One subscription, by its subscriber and list.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscription(
        &self,
        list: &Slug,
        subscriber: SubscriberId,
    ) -> Result<Option<Subscription>, StoreError> {
        let row: Option<Row> =
            sqlx::query_as(concat!("SELECT ", columns!(), " WHERE u.list = $1 AND u.subscriber = $2"))
                .bind(list.as_str())
                .bind(subscriber.0)
                .fetch_optional(&self.reader)
                .await?;
        row.map(Row::into_subscription).transpose()
    }

    /// A page of a list's subscriptions in the order of their numbers, from after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriptions_after(
        &self,
        list: &Slug,
        after: SubscriberId,
        limit: i64,
    ) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " WHERE u.list = $1 AND u.subscriber > $2 ORDER BY u.subscriber LIMIT $3"
        ))
        .bind(list.as_str())
        .bind(after.0)
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_subscription).collect()
    }

    /// Subscriptions whose address or name holds `text`, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find_subscriptions(&self, text: &str, limit: i64) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " WHERE s.address_key LIKE $1 ESCAPE '!' OR LOWER(s.name) LIKE $1 ESCAPE '!'
                 OR s.name LIKE $3 ESCAPE '!' ORDER BY s.address_key, u.list LIMIT $2"
        ))
        .bind(anywhere(&text.to_lowercase()))
        .bind(limit)
        .bind(anywhere(text))
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_subscription).collect()
    }

    /// A subscriber's address, name and since when we have them; `None` when they were erased.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriber(&self, id: SubscriberId) -> Result<Option<Subscriber>, StoreError> {
        let row: Option<(String, String, i64)> =
            sqlx::query_as("SELECT address, name, added_at FROM subscribers WHERE id = $1")
                .bind(id.0)
                .fetch_optional(&self.reader)
                .await?;
        row.map(|(address, name, added_at)| {
            let address = EmailAddress::parse(&address).map_err(|error| StoreError::Damaged(error.to_string()))?;
            Ok(Subscriber { id, address, name, added_at: instant(added_at) })
        })
        .transpose()
    }

    /// The digest of the subscribers file that was read last for a list.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn file_digest(&self, list: &Slug) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT digest FROM subscriber_files WHERE list = $1")
            .bind(list.as_str())
            .fetch_optional(&self.reader)
            .await?;
        Ok(row.map(|(digest,)| digest))
    }
}

impl Tx {
    /// Every subscription of one address, as this transaction sees it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriptions_of(&mut self, address: &EmailAddress) -> Result<Vec<Subscription>, StoreError> {
        subscriptions_of(&mut *self.inner, address).await
    }

    /// Fresh numbers for `count` subscribers; the first of them. They are taken for good only when this is committed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn subscriber_ids(&mut self, count: usize) -> Result<SubscriberId, StoreError> {
        Ok(SubscriberId(self.take_ids(Counter::Subscribers, count).await?))
    }

    /// Subscribes a batch of people to a list; `first` is the first of as many fresh numbers. Those who are on it stay
    /// as they are, and those who left stay away. Gives how many joined.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn subscribe(
        &mut self,
        list: &Slug,
        people: &[NewSubscriber],
        first: SubscriberId,
        consent: Door,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let rows: Vec<_> = (first.0..)
            .zip(people)
            .map(|(id, person)| (id, person.address.reveal(), person.address.key(), &person.name))
            .collect();
        let rows = serde_json::to_string(&rows).expect("numbers and texts are JSON");
        let each = self.engine.json_rows();
        self.one_by_one().await?;
        let suppressed_before = self.count_suppressed(list, &rows).await?;
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO subscribers (id, address, address_key, name, added_at)
             SELECT CAST(value->>0 AS BIGINT), value->>1, value->>2, value->>3, $2 FROM {each} WHERE 1 = 1
             ON CONFLICT (address_key) DO UPDATE SET name = excluded.name
                WHERE subscribers.name = '' AND excluded.name <> ''"
        )))
        .bind(&rows)
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        let done = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO subscriptions (list, subscriber, state, consent, began_at)
             SELECT $2, s.id, 'active', $3, $4 FROM {each} CROSS JOIN subscribers s
             WHERE s.address_key = value->>2 ON CONFLICT (list, subscriber) DO NOTHING"
        )))
        .bind(&rows)
        .bind(list.as_str())
        .bind(consent.as_str())
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() > 0 {
            self.tell_joined(list, people.iter().map(|person| person.address.key()), now).await?;
        }
        let joined = i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
        let reached = joined - (self.count_suppressed(list, &rows).await? - suppressed_before);
        let change = Change { joined, ended: 0, digests: reached, alerts: reached };
        self.grow(list.as_str(), change, now).await?;
        Ok(done.rows_affected())
    }

    /// Ends a subscription; `false` when it had ended or never was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_subscription(
        &mut self,
        list: &Slug,
        subscriber: SubscriberId,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.counted(subscriber).await?;
        let done = sqlx::query(
            "UPDATE subscriptions SET state = 'ended', ended_at = $1, ended_reason = $2
             WHERE list = $3 AND subscriber = $4 AND state <> 'ended'",
        )
        .bind(ms(now))
        .bind(reason)
        .bind(list.as_str())
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 1 {
            self.tell_subscription(list, subscriber, now).await?;
        }
        self.count_again(before, now).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Subscribes one person who asked for it themselves, or changes what they get. One who had left is back by it, and
    /// `began_at` is now; one who is on the list stays so since they came.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn choose(
        &mut self,
        list: &Slug,
        subscriber: SubscriberId,
        choice: Choice,
        door: Door,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before = self.counted(subscriber).await?;
        sqlx::query(
            "INSERT INTO subscriptions (list, subscriber, state, digests, alerts, consent, began_at)
             VALUES ($1, $2, 'active', $3, $4, $5, $6)
             ON CONFLICT (list, subscriber) DO UPDATE SET digests = excluded.digests, alerts = excluded.alerts,
                consent = CASE WHEN subscriptions.state = 'active' THEN subscriptions.consent ELSE excluded.consent END,
                began_at = CASE WHEN subscriptions.state = 'active' THEN subscriptions.began_at
                                ELSE excluded.began_at END,
                state = 'active', ended_at = NULL, ended_reason = ''",
        )
        .bind(list.as_str())
        .bind(subscriber.0)
        .bind(choice.digests.flag())
        .bind(choice.alerts.flag())
        .bind(door.as_str())
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        self.tell_subscription(list, subscriber, now).await?;
        self.count_again(before, now).await?;
        Ok(())
    }

    /// Changes what an active subscription gets; `false` when it is not active.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn change_choice(
        &mut self,
        list: &Slug,
        subscriber: SubscriberId,
        choice: Choice,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.counted(subscriber).await?;
        let done = sqlx::query(
            "UPDATE subscriptions SET digests = $1, alerts = $2
             WHERE list = $3 AND subscriber = $4 AND state = 'active'",
        )
        .bind(choice.digests.flag())
        .bind(choice.alerts.flag())
        .bind(list.as_str())
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 1 {
            self.tell_subscription(list, subscriber, now).await?;
        }
        self.count_again(before, now).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The subscriber of an address, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriber_of(&mut self, address: &EmailAddress) -> Result<Option<SubscriberId>, StoreError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT id FROM subscribers WHERE address_key = $1")
            .bind(address.key())
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.map(|(id,)| SubscriberId(id)))
    }

    /// The subscriber of an address, made when it is new, within what it is needed for.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn person(&mut self, address: &EmailAddress, now: Timestamp) -> Result<SubscriberId, StoreError> {
        let fresh = self.subscriber_ids(1).await?;
        let (id,): (i64,) = person(fresh, address, now).fetch_one(&mut *self.inner).await?;
        Ok(SubscriberId(id))
    }

    /// Takes back that somebody left, if it is still so and for that reason.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_back(
        &mut self,
        list: &Slug,
        subscriber: SubscriberId,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.counted(subscriber).await?;
        let done = sqlx::query(
            "UPDATE subscriptions SET state = 'active', began_at = $1, ended_at = NULL, ended_reason = ''
             WHERE list = $2 AND subscriber = $3 AND state = 'ended' AND ended_reason = $4",
        )
        .bind(ms(now))
        .bind(list.as_str())
        .bind(subscriber.0)
        .bind(reason)
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 1 {
            self.tell_subscription(list, subscriber, now).await?;
        }
        self.count_again(before, now).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes an ended subscription active again, because the reader asked for it anew.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn rejoin(
        &mut self,
        list: &Slug,
        subscriber: SubscriberId,
        consent: Door,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.counted(subscriber).await?;
        let done = sqlx::query(
            "UPDATE subscriptions SET state = 'active', consent = $1, began_at = $2, ended_at = NULL, ended_reason = ''
             WHERE list = $3 AND subscriber = $4 AND state <> 'active'",
        )
        .bind(consent.as_str())
        .bind(ms(now))
        .bind(list.as_str())
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 1 {
            self.tell_subscription(list, subscriber, now).await?;
        }
        self.count_again(before, now).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes a subscriber away, with their subscriptions.
    pub(super) async fn erase_subscriptions_of(&mut self, subscriber: SubscriberId) -> Result<(), StoreError> {
        self.forget_wishes_of(subscriber).await?;
        for statement in ["DELETE FROM subscriptions WHERE subscriber = $1", "DELETE FROM subscribers WHERE id = $1"] {
            sqlx::query(statement).bind(subscriber.0).execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// Remembers that a list's subscribers file was read whole.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_file(&mut self, list: &Slug, digest: &str, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO subscriber_files (list, digest, read_at) VALUES ($1, $2, $3)
             ON CONFLICT (list) DO UPDATE SET digest = excluded.digest, read_at = excluded.read_at",
        )
        .bind(list.as_str())
        .bind(digest)
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

/// Makes a subscriber of an address, or finds the one there is; gives its number.
fn person(fresh: SubscriberId, address: &EmailAddress, now: Timestamp) -> QueryAs<'_, Any, (i64,), AnyArguments> {
    sqlx::query_as(
        "INSERT INTO subscribers (id, address, address_key, name, added_at) VALUES ($1, $2, $3, '', $4)
         ON CONFLICT (address_key) DO UPDATE SET address_key = excluded.address_key RETURNING id",
    )
    .bind(fresh.0)
    .bind(address.reveal())
    .bind(address.key())
    .bind(ms(now))
}

/// The condition that makes a subscription `u` one of those who get an issue of this kind of the list bound as `list`:
/// reachable, and wanting it. It is the only place that says so for queueing. A drill is for no reader.
pub(super) fn readers(kind: IssueKind, list: &str) -> String {
    let wants = match kind {
        IssueKind::Digest => "u.digests = 1",
        IssueKind::Alert => "u.alerts = 1",
        IssueKind::Drill => "1 = 0",
    };
    format!("{} AND {wants}", reachable(list))
}

/// The condition that makes a subscription `u` of the list bound as `list` one that may be written to: active, and not
/// suppressed.
pub(super) fn reachable(list: &str) -> String {
    format!(
        "u.list = {list} AND u.state = 'active' AND u.subscriber NOT IN (
             SELECT s.id FROM suppressions x JOIN subscribers s ON s.address_key = x.address_key
             WHERE x.list IN ('', {list}))"
    )
}

async fn subscriptions_of<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    address: &EmailAddress,
) -> Result<Vec<Subscription>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " WHERE s.address_key = $1 ORDER BY u.list"))
        .bind(address.key())
        .fetch_all(on)
        .await?;
    rows.into_iter().map(Row::into_subscription).collect()
}

impl Row {
    fn into_subscription(self) -> Result<Subscription, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
        Ok(Subscription {
            subscriber: SubscriberId(self.subscriber),
            address: EmailAddress::parse(&self.address).map_err(|error| damaged(&error))?,
            name: self.name,
            list: Slug::parse(&self.list).map_err(|error| damaged(&error))?,
            state: word(&self.state, SubscriptionState::from_word(&self.state))?,
            consent: word(&self.consent, Door::from_word(&self.consent))?,
            began_at: instant(self.began_at),
            ended_at: instant_or_none(self.ended_at),
            ended_reason: self.ended_reason,
            choice: Choice { digests: Wanted::of(self.digests == 1), alerts: Wanted::of(self.alerts == 1) },
        })
    }
}
