//! The writer of `requests`: who asked to join, or for a link to leave, until it is confirmed or of no more use. What
//! the guards must know is counted here; what follows from it is decided elsewhere.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Counter, Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::{
    address::EmailAddress,
    consent::Door,
    request::{CONFIRM_WITHIN, NewRequest, REMEMBERED, Request, RequestId, RequestKind, Wish},
    slug::Slug,
    subscription::{Choice, SubscriberId, Wanted},
    token::Fingerprint,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    address: Option<String>,
    fingerprint: String,
    domain: String,
    lists: String,
    door: String,
    network: String,
    origin: String,
    text: String,
    asked_at: i64,
    confirmed_at: Option<i64>,
    mailed_at: Option<i64>,
    answer: String,
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "id, kind, address, fingerprint, domain, lists, door, network, origin, text, asked_at, confirmed_at, mailed_at, answer"
    };
}

/// A wish as it is stored: a name alone is all that the list has; else the flags say whether digests and alerts are meant.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredWish {
    Whole(Slug),
    Part(Slug, i64, i64),
}

impl From<&Wish> for StoredWish {
    fn from(Wish { list, choice }: &Wish) -> Self {
        if *choice == Choice::ALL {
            Self::Whole(list.clone())
        } else {
            Self::Part(list.clone(), choice.digests.flag(), choice.alerts.flag())
        }
    }
}

impl From<StoredWish> for Wish {
    fn from(stored: StoredWish) -> Self {
        match stored {
            StoredWish::Whole(list) => Self::whole(list),
            StoredWish::Part(list, digests, alerts) => {
                Self { list, choice: Choice { digests: Wanted::of(digests == 1), alerts: Wanted::of(alerts == 1) } }
            }
        }
    }
}

/// A request that waits for its answer, with what the limits are counted by.
#[derive(Clone, Debug)]
pub struct DueRequest {
    /// The request.
    pub request: Request,
    /// The address, as the guards remember it.
    pub fingerprint: String,
    /// The domain that a mail would go to.
    pub domain: String,
}

/// A request with what became of it.
#[derive(Clone, Debug)]
pub struct PastRequest {
    /// The request.
    pub request: Request,
    /// What was done, in words; empty while it waits.
    pub answer: String,
    /// When a mail was queued for it, if one was.
    pub mailed_at: Option<Timestamp>,
}

/// The mail that asked somebody to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailToConfirm {
    /// Its subject.
    pub subject: String,
    /// When the relay took it; `None` when it has not said so.
    pub sent_at: Option<Timestamp>,
}

/// How many mails were sent on request, as the guards want to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// To this address, within a day.
    pub to_address_today: u64,
    /// To this address, within thirty days.
    pub to_address_this_month: u64,
    /// For those who asked from this network, within an hour. Of an unknown network, or a program of the house, there is
    /// no count.
    pub for_network: u64,
    /// To this domain, within an hour.
    pub to_domain: u64,
    /// In all, within an hour.
    pub to_anybody: u64,
}

impl Store {
    /// Writes a request down, due to be answered now, unless as many as `at_most` came from its network within an hour: they
    /// would fill the disk. Says whether it was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_request(&self, request: &NewRequest, at_most: u64, now: Timestamp) -> Result<bool, StoreError> {
        let id = self.take_ids(Counter::Requests, 1).await?;
        let lists: Vec<StoredWish> = request.wishes.iter().map(StoredWish::from).collect();
        let lists = serde_json::to_string(&lists).expect("names and numbers are JSON");
        let statement = sqlx::query(
            "INSERT INTO requests (id, kind, address, fingerprint, domain, network, lists, door, origin, text, asked_at,
                                   answer_at)
             SELECT CAST($1 AS BIGINT), $2, $3, $4, $5, $6, $7, $8, $9, $10, CAST($11 AS BIGINT), CAST($11 AS BIGINT)
             WHERE (SELECT COUNT(*) FROM requests WHERE network = $6 AND asked_at > $12) < $13",
        )
        .bind(id)
        .bind(request.kind.as_str())
        .bind(request.address.reveal())
        .bind(request.fingerprint.as_str())
        .bind(request.address.domain().to_lowercase())
        .bind(&request.network)
        .bind(lists)
        .bind(request.door.as_str())
        .bind(&request.origin)
        .bind(&request.text)
        .bind(ms(now))
        .bind(ms(an_hour_before(now)))
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX));
        Ok(self.writer.execute(statement).await? == 1)
    }

    /// How many requests wait for their answer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting_requests(&self) -> Result<u64, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM requests WHERE answer_at IS NOT NULL").fetch_one(&self.reader).await?;
        Ok(count.unsigned_abs())
    }

    /// The requests that are due to be answered, oldest first, at most `limit`. One that cannot be read is done with, and
    /// the ledger says so: it must not keep the others waiting.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn due_requests(&self, now: Timestamp, limit: i64) -> Result<Vec<DueRequest>, StoreError> {
        loop {
            let rows: Vec<Row> = sqlx::query_as(concat!(
                "SELECT ",
                columns!(),
                " FROM requests WHERE answer_at <= $1 ORDER BY answer_at, id LIMIT $2"
            ))
            .bind(ms(now))
            .bind(limit)
            .fetch_all(&self.reader)
            .await?;
            let mut due = Vec::with_capacity(rows.len());
            let is_any = !rows.is_empty();
            for row in rows {
                let id = RequestId(row.id);
                match row.into_due() {
                    Ok(request) => due.push(request),
                    Err(damage) => self.drop_damaged_request(id, &damage, now).await?,
                }
            }
            if !due.is_empty() || !is_any {
                return Ok(due);
            }
        }
    }

    async fn drop_damaged_request(&self, id: RequestId, damage: &StoreError, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.request_dropped(id, &damage.to_string()).await?;
        tx.record(
            now,
            "requests",
            "damaged",
            &format!("request {} cannot be read, and gets no answer: {damage}", id.0),
        )
        .await?;
        tx.commit().await
    }

    /// What was asked for in the name of a mailbox, oldest first. What cannot be read is passed over.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn requests_of(&self, mailbox: &Fingerprint) -> Result<Vec<PastRequest>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM requests WHERE fingerprint = $1 ORDER BY asked_at, id"
        ))
        .bind(mailbox.as_str())
        .fetch_all(&self.reader)
        .await?;
        Ok(rows.into_iter().filter_map(|row| row.into_past().ok()).collect())
    }

    /// One request, by its number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn request(&self, id: RequestId) -> Result<Option<Request>, StoreError> {
        let row: Option<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " FROM requests WHERE id = $1"))
            .bind(id.0)
            .fetch_optional(&self.reader)
            .await?;
        row.map(Row::into_request).transpose()
    }

    /// The mail by which a request was answered.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mail_to_confirm(&self, id: RequestId) -> Result<Option<MailToConfirm>, StoreError> {
        let row: Option<(String, Option<i64>)> = sqlx::query_as(
            "SELECT m.subject, CASE WHEN d.state = 'sent' THEN d.changed_at END
             FROM requests r JOIN mailings m ON m.issue IS NULL AND m.made_at = r.mailed_at
             JOIN deliveries d ON d.mailing = m.id AND d.subscriber = r.subscriber WHERE r.id = $1 LIMIT 1",
        )
        .bind(id.0)
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.map(|(subject, sent_at)| MailToConfirm { subject, sent_at: instant_or_none(sent_at) }))
    }

    /// Has a request wait until then.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_off_request(&self, id: RequestId, until: Timestamp) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE requests SET answer_at = $1 WHERE id = $2 AND answer_at IS NOT NULL");
        self.writer.execute(statement.bind(ms(until)).bind(id.0)).await?;
        Ok(())
    }

    /// Erases the addresses of requests that can no longer be confirmed, and drops what even the guards need not
    /// remember. Whoever is here only because somebody asked in their name goes with it, but for those who are `spared`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sweep_requests(&self, spared: &[EmailAddress], now: Timestamp) -> Result<(), StoreError> {
        let stale = ms(now.checked_sub(CONFIRM_WITHIN).unwrap_or(Timestamp::MIN));
        let old = ms(now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN));
        // Of those that got no answer nothing need be remembered.
        let silent = ms(now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN));
        let is_due: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM requests WHERE asked_at < $1 OR (asked_at < $2 AND address IS NOT NULL)
                OR (asked_at < $3 AND mailed_at IS NULL AND answer_at IS NULL) LIMIT 1",
        )
        .bind(old)
        .bind(stale)
        .bind(silent)
        .fetch_optional(&self.reader)
        .await?;
        if is_due.is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        tx.one_by_one().await?;
        let spared: Vec<String> = spared.iter().map(EmailAddress::key).collect();
        for (stranger, key) in tx.strangers(stale).await? {
            if !spared.contains(&key) {
                tx.erase_stranger(stranger).await?;
            }
        }
        sqlx::query("UPDATE requests SET subscriber = NULL WHERE asked_at < $1")
            .bind(stale)
            .execute(&mut *tx.inner)
            .await?;
        sqlx::query(
            "UPDATE requests SET address = NULL, origin = '', network = '', domain = '', answer_at = NULL
             WHERE asked_at < $1 AND address IS NOT NULL",
        )
        .bind(stale)
        .execute(&mut *tx.inner)
        .await?;
        sqlx::query(
            "DELETE FROM requests WHERE asked_at < $1 OR (asked_at < $2 AND mailed_at IS NULL AND answer_at IS NULL)",
        )
        .bind(old)
        .bind(silent)
        .execute(&mut *tx.inner)
        .await?;
        tx.commit().await
    }
}

impl Tx {
    /// Lets the transactions that answer or confirm requests go one after the other, on either engine, so that what one
    /// counts no other changes meanwhile.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn one_by_one(&mut self) -> Result<(), StoreError> {
        self.take_ids(Counter::Turns, 1).await?;
        Ok(())
    }

    /// True when a request still waits for its answer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_unanswered(&mut self, id: RequestId) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM requests WHERE id = $1 AND answer_at IS NOT NULL")
            .bind(id.0)
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.is_some())
    }

    /// How many mails were sent on request lately, as far as it matters for this one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_mailed(&mut self, due: &DueRequest, now: Timestamp) -> Result<Counted, StoreError> {
        let a_day_ago = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let row: (i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM requests WHERE fingerprint = $1 AND mailed_at > $4 AND kind <> $7),
                    (SELECT COUNT(*) FROM requests WHERE fingerprint = $1 AND mailed_at > $5 AND kind <> $7),
                    (SELECT COUNT(*) FROM requests WHERE network = $2 AND network <> '' AND mailed_at > $6),
                    (SELECT COUNT(*) FROM requests WHERE domain = $3 AND mailed_at > $6),
                    (SELECT COUNT(*) FROM requests WHERE mailed_at > $6)",
        )
        .bind(&due.fingerprint)
        .bind(if due.request.door == Door::Staff { "" } else { &due.request.network })
        .bind(&due.domain)
        .bind(ms(a_day_ago))
        .bind(ms(now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN)))
        .bind(ms(an_hour_before(now)))
        .bind(counts_not(due.request.kind))
        .fetch_one(&mut *self.inner)
        .await?;
        let [to_address_today, to_address_this_month, for_network, to_domain, to_anybody] =
            [row.0, row.1, row.2, row.3, row.4].map(i64::unsigned_abs);
        Ok(Counted { to_address_today, to_address_this_month, for_network, to_domain, to_anybody })
    }

    /// Notes that a request was answered by a mail to that subscriber.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn request_mailed(
        &mut self,
        id: RequestId,
        to: SubscriberId,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE requests SET answer_at = NULL, mailed_at = $1, subscriber = $2, answer = $3 WHERE id = $4")
            .bind(ms(now))
            .bind(to.0)
            .bind(answer)
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Notes that a request is not answered, and why. Its address is of no more use. One that another process has answered
    /// meanwhile stays answered.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn request_dropped(&mut self, id: RequestId, why: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE requests SET answer_at = NULL, address = NULL, origin = '', answer = $1
             WHERE id = $2 AND answer_at IS NOT NULL",
        )
        .bind(why)
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Notes that a request was confirmed; `false` when it had been, or was erased.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn request_confirmed(&mut self, id: RequestId, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE requests SET confirmed_at = $1 WHERE id = $2 AND confirmed_at IS NULL AND address IS NOT NULL",
        )
        .bind(ms(now))
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Those who are here only because somebody asked in their name, and never confirmed it, with their address's key.
    async fn strangers(&mut self, asked_before: i64) -> Result<Vec<(SubscriberId, String)>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT s.id, s.address_key FROM subscribers s
             WHERE s.id IN (SELECT r.subscriber FROM requests r WHERE r.asked_at < $1 AND r.subscriber IS NOT NULL)
               AND NOT EXISTS (SELECT 1 FROM subscriptions u WHERE u.subscriber = s.id)
               AND NOT EXISTS (SELECT 1 FROM requests later WHERE later.subscriber = s.id AND later.asked_at >= $1)",
        )
        .bind(asked_before)
        .fetch_all(&mut *self.inner)
        .await?;
        Ok(rows.into_iter().map(|(id, key)| (SubscriberId(id), key)).collect())
    }

    /// Erases an address from all requests; the guards go on to know when it was written to.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn erase_requests(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE requests SET address = NULL, origin = '', network = '', domain = '', answer_at = NULL
             WHERE fingerprint = $1",
        )
        .bind(fingerprint.as_str())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

/// The kind that a limit for one address passes over: nobody may use up what somebody needs to leave by asking to join for
/// them. `help` counts as joining does.
fn counts_not(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Leave => "join",
        RequestKind::Join | RequestKind::Help => "leave",
    }
}

fn an_hour_before(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN)
}

impl Row {
    fn into_due(self) -> Result<DueRequest, StoreError> {
        let (fingerprint, domain) = (self.fingerprint.clone(), self.domain.clone());
        Ok(DueRequest { request: self.into_request()?, fingerprint, domain })
    }

    fn into_past(self) -> Result<PastRequest, StoreError> {
        let (answer, mailed_at) = (self.answer.clone(), instant_or_none(self.mailed_at));
        Ok(PastRequest { request: self.into_request()?, answer, mailed_at })
    }

    fn into_request(self) -> Result<Request, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
        let address = self.address.as_deref().map(EmailAddress::parse).transpose();
        let wishes: Vec<StoredWish> = serde_json::from_str(&self.lists).map_err(|error| damaged(&error))?;
        Ok(Request {
            id: RequestId(self.id),
            kind: word(&self.kind, RequestKind::from_word(&self.kind))?,
            address: address.map_err(|error| damaged(&error))?,
            wishes: wishes.into_iter().map(Wish::from).collect(),
            door: word(&self.door, Door::from_word(&self.door))?,
            network: self.network,
            origin: self.origin,
            text: self.text,
            asked_at: instant(self.asked_at),
            confirmed_at: instant_or_none(self.confirmed_at),
        })
    }
}
