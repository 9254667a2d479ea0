//! The writer of `bounces`: what other systems said of a delivery, and whether something has followed from it. What
//! follows is a flow's to say.

mod reasons;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

pub use self::reasons::{Example, Reason, Reasons};
use super::{Engine, Store, StoreError, Tx, deliveries::mailings_to, instant, ms, word};
use crate::domain::{
    address::EmailAddress, issue::IssueId, mailing::MailingId, report::ReportKind, slug::Slug,
    subscription::SubscriberId,
};

/// What is said of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Hard, soft, policy or complaint.
    pub kind: ReportKind,
    /// The enhanced status code, when there is one.
    pub code: Option<(u8, u16, u16)>,
    /// The reason, without addresses.
    pub words: String,
}

/// What was said of one message to a subscriber.
#[derive(Clone, Debug)]
pub struct PastBounce {
    /// The message's mailing.
    pub mailing: MailingId,
    /// When it was said.
    pub at: Timestamp,
    /// What.
    pub said: Said,
}

/// A bounce or complaint from which nothing has followed yet.
#[derive(Clone, Debug)]
pub struct Unjudged {
    /// The delivery's mailing.
    pub mailing: MailingId,
    /// The delivery's reader.
    pub subscriber: SubscriberId,
    /// Their address, unless it has been erased.
    pub address: Option<EmailAddress>,
    /// Their name; may be empty.
    pub name: String,
    /// The issue and its list; none for a notice.
    pub issue: Option<(IssueId, Slug)>,
    /// What is said.
    pub said: Said,
    /// When.
    pub at: Timestamp,
    /// True when staff have lifted the suppression that it led to.
    pub is_lifted: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    mailing: i64,
    subscriber: i64,
    address: Option<String>,
    name: String,
    issue: Option<i64>,
    list: Option<String>,
    class: String,
    code: Option<String>,
    words: String,
    at: i64,
    lifted_at: Option<i64>,
}

/// Ends an INSERT: one row for each delivery, and a stronger report takes the place of a weaker one.
fn stronger_stands() -> String {
    let strength = |class: &str| {
        let cases = ReportKind::ALL.map(|kind| format!("WHEN '{}' THEN {}", kind.as_str(), kind.strength()));
        format!("CASE {class} {} END", cases.join(" "))
    };
    format!(
        "ON CONFLICT (mailing, subscriber) DO UPDATE SET class = excluded.class, code = excluded.code,
             words = excluded.words, at = excluded.at, judged_at = NULL WHERE {} > {}",
        strength("excluded.class"),
        strength("bounces.class")
    )
}

/// The statement that writes down what relays said at once, in the transaction of their outcomes: mailing, subscriber,
/// claim, class, code and words of each in the JSON array bound as `$1`, the time as `$2`. It takes only those whose
/// outcome stands: the row has the same claim and has come to be bounced.
pub(super) fn refusals(engine: &Engine) -> String {
    let (each, stronger_stands) = (engine.json_rows(), stronger_stands());
    format!(
        "INSERT INTO bounces (mailing, subscriber, class, code, words, at)
         SELECT d.mailing, d.subscriber, v.class, v.code, v.words, $2
         FROM (SELECT CAST(value->>0 AS BIGINT) AS mailing, CAST(value->>1 AS BIGINT) AS subscriber,
                      CAST(value->>2 AS BIGINT) AS claim, value->>3 AS class, value->>4 AS code,
                      value->>5 AS words FROM {each}) v
         CROSS JOIN deliveries d
         WHERE d.mailing = v.mailing AND d.subscriber = v.subscriber AND d.claims = v.claim
           AND d.state = 'bounced' {stronger_stands}"
    )
}

/// A code as it is stored: `5.1.1`.
pub(super) fn code_text(code: Option<(u8, u16, u16)>) -> Option<String> {
    code.map(|(class, subject, detail)| format!("{class}.{subject}.{detail}"))
}

fn code_of(text: &str) -> Option<(u8, u16, u16)> {
    let mut parts = text.split('.');
    let code = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(code)
}

impl Store {
    /// Writes down what is said of a delivery; `false` when as much was said before, or there is no such delivery.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_bounce(
        &self,
        mailing: MailingId,
        subscriber: SubscriberId,
        said: &Said,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let stronger_stands = stronger_stands();
        let statement = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO bounces (mailing, subscriber, class, code, words, at)
             SELECT d.mailing, d.subscriber, $3, $4, $5, $6 FROM deliveries d
             WHERE d.mailing = $1 AND d.subscriber = $2 {stronger_stands}"
        )))
        .bind(mailing.0)
        .bind(subscriber.0)
        .bind(said.kind.as_str())
        .bind(code_text(said.code))
        .bind(&said.words)
        .bind(ms(now));
        Ok(self.writer.execute(statement).await? == 1)
    }

    /// The subscriber of that address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriber_of(&self, address: &EmailAddress) -> Result<Option<SubscriberId>, StoreError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT id FROM subscribers WHERE address_key = $1")
            .bind(address.key())
            .fetch_optional(&self.reader)
            .await?;
        Ok(row.map(|(id,)| SubscriberId(id)))
    }

    /// The last mailing since `since` that was offered to a subscriber: of one list, or of any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_mailing_to(
        &self,
        subscriber: SubscriberId,
        list: Option<&Slug>,
        since: Timestamp,
    ) -> Result<Option<MailingId>, StoreError> {
        let row: Option<(i64,)> = sqlx::query_as(concat!(
            "SELECT m.id FROM deliveries d JOIN mailings m ON m.id = d.mailing
             WHERE d.subscriber = $1 AND m.made_at >= $2 AND (CAST($3 AS TEXT) IS NULL OR m.list = $3) AND d.attempts > 0
               AND d.mailing IN ",
            mailings_to!(),
            " ORDER BY m.id DESC LIMIT 1"
        ))
        .bind(subscriber.0)
        .bind(ms(since))
        .bind(list.map(Slug::as_str))
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.map(|(id,)| MailingId(id)))
    }

    /// What other systems said of messages to a subscriber, and when, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bounces_of(&self, subscriber: SubscriberId) -> Result<Vec<PastBounce>, StoreError> {
        let rows: Vec<(i64, i64, String, Option<String>, String)> = sqlx::query_as(
            "SELECT mailing, at, class, code, words FROM bounces WHERE subscriber = $1 ORDER BY at, mailing",
        )
        .bind(subscriber.0)
        .fetch_all(&self.reader)
        .await?;
        let past = |(mailing, at, class, code, words): (i64, i64, String, Option<String>, String)| {
            let kind = word(&class, ReportKind::from_word(&class))?;
            let said = Said { kind, code: code.as_deref().and_then(code_of), words };
            Ok(PastBounce { mailing: MailingId(mailing), at: instant(at), said })
        };
        rows.into_iter().map(past).collect()
    }

    /// Bounces and complaints from which nothing has followed yet, in an order that is the same for all who ask.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unjudged_bounces(&self, limit: i64) -> Result<Vec<Unjudged>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT b.mailing, b.subscriber, s.address, COALESCE(s.name, '') AS name, m.issue, m.list, b.class, b.code, b.words, b.at, b.lifted_at
             FROM bounces b LEFT JOIN subscribers s ON s.id = b.subscriber JOIN mailings m ON m.id = b.mailing
             WHERE b.judged_at IS NULL ORDER BY b.mailing, b.subscriber LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_unjudged).collect()
    }
}

impl Tx {
    /// Marks a bounce as one from which all has followed that will; `false` when another process did, or a stronger report
    /// has taken its place.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn bounce_judged(&mut self, bounce: &Unjudged, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE bounces SET judged_at = $1
             WHERE mailing = $2 AND subscriber = $3 AND class = $4 AND judged_at IS NULL",
        )
        .bind(ms(now))
        .bind(bounce.mailing.0)
        .bind(bounce.subscriber.0)
        .bind(bounce.said.kind.as_str())
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The last mailings to a subscriber that came back, the newest first: hard or soft, and not lifted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_bounces(&mut self, subscriber: SubscriberId, limit: i64) -> Result<Vec<MailingId>, StoreError> {
        let rows: Vec<(i64,)> = sqlx::query_as(
            "SELECT mailing FROM bounces WHERE subscriber = $1 AND class IN ('soft', 'hard') AND lifted_at IS NULL
             ORDER BY mailing DESC LIMIT $2",
        )
        .bind(subscriber.0)
        .bind(limit)
        .fetch_all(&mut *self.inner)
        .await?;
        Ok(rows.into_iter().map(|(mailing,)| MailingId(mailing)).collect())
    }

    /// How many messages a subscriber was sent, or was refused, from that mailing on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_since(&mut self, subscriber: SubscriberId, mailing: MailingId) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(concat!(
            "SELECT COUNT(*) FROM deliveries d
             WHERE d.subscriber = $1 AND d.mailing >= $2 AND d.state IN ('sent', 'bounced') AND d.mailing IN ",
            mailings_to!()
        ))
        .bind(subscriber.0)
        .bind(mailing.0)
        .fetch_one(&mut *self.inner)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// How many readers complained of an issue.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn complaints_about(&mut self, issue: IssueId) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM bounces b JOIN mailings m ON m.id = b.mailing
             WHERE m.issue = $1 AND b.class = 'complaint'",
        )
        .bind(issue.0)
        .fetch_one(&mut *self.inner)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// Takes away what other systems said of a subscriber, for it may name them; that something came back stays.
    pub(super) async fn erase_bounces_of(&mut self, subscriber: SubscriberId) -> Result<(), StoreError> {
        sqlx::query("UPDATE bounces SET words = '' WHERE subscriber = $1")
            .bind(subscriber.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Lets what came back from an address count no more; complaints go on to.
    pub(super) async fn lift_bounces(&mut self, address: &EmailAddress, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE bounces SET lifted_at = $1 WHERE lifted_at IS NULL AND class <> 'complaint'
                AND subscriber IN (SELECT id FROM subscribers WHERE address_key = $2)",
        )
        .bind(ms(now))
        .bind(address.key())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

impl Row {
    fn into_unjudged(self) -> Result<Unjudged, StoreError> {
        let issue = match (self.issue, self.list) {
            (Some(issue), Some(list)) => {
                let list = Slug::parse(&list).map_err(|error| StoreError::Damaged(error.to_string()))?;
                Some((IssueId(issue), list))
            }
            _ => None,
        };
        Ok(Unjudged {
            mailing: MailingId(self.mailing),
            subscriber: SubscriberId(self.subscriber),
            address: self.address.and_then(|address| EmailAddress::parse(&address).ok()),
            name: self.name,
            issue,
            said: Said {
                kind: word(&self.class, ReportKind::from_word(&self.class))?,
                code: self.code.as_deref().and_then(code_of),
                words: self.words,
            },
            at: instant(self.at),
            is_lifted: self.lifted_at.is_some(),
        })
    }
}
