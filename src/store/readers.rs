//! Who gets what, as pages of staff show it: readers by their number or by how their address begins, a page at a time, and
//! what an import would come to. Every question here is answered by an index, however many readers there are. It only
//! reads; `subscribers.rs` writes.

use std::{collections::HashMap, ops::AddAssign};

use sqlx::AssertSqlSafe;

use super::{Store, StoreError, instant, word};
use crate::domain::{
    address::EmailAddress,
    slug::Slug,
    subscription::{Subscriber, SubscriberId, SubscriptionState},
    token::Fingerprint,
};

/// A subscriber, with their lists.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Who.
    pub subscriber: Subscriber,
    /// What they are or were subscribed to.
    pub lists: Vec<(Slug, SubscriptionState)>,
}

/// Who people of a file are to a list. Each is counted once, but for those who are suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// They are not on it, and may join.
    pub new: u64,
    /// So many of the new ones are suppressed: they would get nothing.
    pub suppressed: u64,
    /// They are on it already.
    pub active: u64,
    /// They have left it.
    pub ended: u64,
    /// They were erased.
    pub erased: u64,
}

impl AddAssign for Foreseen {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.suppressed += other.suppressed;
        self.active += other.active;
        self.ended += other.ended;
        self.erased += other.erased;
    }
}

/// A row of `subscribers`: number, address, name, since when.
type Row = (i64, String, String, i64);

/// Behind every address that begins with a text: no character is higher.
const HIGHEST: char = char::MAX;

impl Store {
    /// Readers whose address begins with `prefix` and goes on, in the order of their addresses, from after `after` when that is given;
    /// at most `limit`. Upper and lower case are the same.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn readers_by_prefix(
        &self,
        prefix: &str,
        after: Option<&EmailAddress>,
        limit: i64,
    ) -> Result<Vec<Reader>, StoreError> {
        let prefix = prefix.to_lowercase();
        // One that is the text itself is no longer than it: whoever wants that one asks for the address.
        let from = after.map(EmailAddress::key).filter(|after| *after > prefix).unwrap_or_else(|| prefix.clone());
        let key = self.engine.by_bytes("address_key");
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT id, address, name, added_at FROM subscribers
             WHERE {key} > $1 AND {key} < $2 ORDER BY {key} LIMIT $3"
        )))
        .bind(&from)
        .bind(format!("{prefix}{HIGHEST}"))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        self.with_their_lists(rows).await
    }

    /// Readers by number, the newest first, of one list or of all; those below `before` when that is given; at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_readers(
        &self,
        list: Option<&Slug>,
        before: Option<SubscriberId>,
        limit: i64,
    ) -> Result<Vec<Reader>, StoreError> {
        let before = before.map_or(i64::MAX, |before| before.0);
        let rows: Vec<Row> = match list {
            None => {
                sqlx::query_as(
                    "SELECT id, address, name, added_at FROM subscribers WHERE id < $1 ORDER BY id DESC LIMIT $2",
                )
                .bind(before)
                .bind(limit)
                .fetch_all(&self.reader)
                .await?
            }
            Some(list) => {
                sqlx::query_as(
                    "SELECT s.id, s.address, s.name, s.added_at FROM subscriptions u
                     JOIN subscribers s ON s.id = u.subscriber
                     WHERE u.list = $3 AND u.subscriber < $1 ORDER BY u.subscriber DESC LIMIT $2",
                )
                .bind(before)
                .bind(limit)
                .bind(list.as_str())
                .fetch_all(&self.reader)
                .await?
            }
        };
        self.with_their_lists(rows).await
    }

    /// Who these people are to a list, each with the fingerprint of their address. No address may be there twice.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn foresee(&self, list: &Slug, people: &[(&EmailAddress, Fingerprint)]) -> Result<Foreseen, StoreError> {
        let each = self.engine.json_rows();
        let rows: Vec<_> = people.iter().map(|(address, print)| (address.key(), print.as_str())).collect();
        let standing = "CASE WHEN f.fingerprint IS NOT NULL THEN 'erased' ELSE COALESCE(u.state, 'new') END";
        let found: Vec<(String, i64, i64)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT standing, COUNT(*), CAST(SUM(suppressed) AS BIGINT) FROM (
                 SELECT {standing} AS standing, CASE WHEN EXISTS (
                     SELECT 1 FROM suppressions x WHERE x.address_key = value->>0 AND x.list IN ('', $2)
                 ) THEN 1 ELSE 0 END AS suppressed
                 FROM {each} LEFT JOIN forgotten f ON f.fingerprint = value->>1
                 LEFT JOIN subscribers s ON s.address_key = value->>0
                 LEFT JOIN subscriptions u ON u.list = $2 AND u.subscriber = s.id
             ) AS people GROUP BY standing"
        )))
        .bind(serde_json::to_string(&rows).expect("texts are JSON"))
        .bind(list.as_str())
        .fetch_all(&self.reader)
        .await?;
        let mut foreseen = Foreseen::default();
        for (standing, count, suppressed) in found {
            let count = count.unsigned_abs();
            match standing.as_str() {
                "new" => (foreseen.new, foreseen.suppressed) = (count, suppressed.unsigned_abs()),
                "erased" => foreseen.erased = count,
                state => match word(state, SubscriptionState::from_word(state))? {
                    SubscriptionState::Active => foreseen.active = count,
                    SubscriptionState::Ended => foreseen.ended = count,
                },
            }
        }
        Ok(foreseen)
    }

    async fn with_their_lists(&self, rows: Vec<Row>) -> Result<Vec<Reader>, StoreError> {
        let each = self.engine.json_rows();
        let ids: Vec<[i64; 1]> = rows.iter().map(|(id, ..)| [*id]).collect();
        let subscriptions: Vec<(i64, String, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT u.subscriber, u.list, u.state FROM {each} CROSS JOIN subscriptions u
             WHERE u.subscriber = CAST(value->>0 AS BIGINT) ORDER BY u.subscriber, u.list"
        )))
        .bind(serde_json::to_string(&ids).expect("numbers are JSON"))
        .fetch_all(&self.reader)
        .await?;
        let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
        let mut lists: HashMap<i64, Vec<(Slug, SubscriptionState)>> = HashMap::new();
        for (subscriber, list, state) in subscriptions {
            let list = Slug::parse(&list).map_err(|error| damaged(&error))?;
            let state = word(&state, SubscriptionState::from_word(&state))?;
            lists.entry(subscriber).or_default().push((list, state));
        }
        let reader = |(id, address, name, added_at): Row| {
            let address = EmailAddress::parse(&address).map_err(|error| damaged(&error))?;
            let subscriber = Subscriber { id: SubscriberId(id), address, name, added_at: instant(added_at) };
            Ok(Reader { subscriber, lists: lists.remove(&id).unwrap_or_default() })
        };
        rows.into_iter().map(reader).collect()
    }
}
