//! The writer of `issues` and `issue_posts`: the editions of each list. What the newsroom writes on them has a file of
//! its own.

mod newsroom;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::{Any, AssertSqlSafe};

pub use self::{listing::IssueFilter, newsroom::HandedOver};
use super::{Counter, Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::{
    issue::{IssueId, IssueKey, IssueKind, IssueState, Statement},
    post::{PostId, StoredPost},
    slug::Slug,
    subscription::SubscriberId,
};

/// An issue as the store keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredIssue {
    /// Its number.
    pub id: IssueId,
    /// Its list.
    pub list: Slug,
    /// Digest, alert or drill.
    pub kind: IssueKind,
    /// What makes it one of a kind, as stored.
    pub key: String,
    /// Held, queued or cancelled.
    pub state: IssueState,
    /// Why it is held or cancelled; empty otherwise.
    pub state_reason: String,
    /// Its subject, or what is known of it before it is rendered.
    pub subject: String,
    /// The text of a manual alert.
    pub statement: Option<Statement>,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was handed to the queue.
    pub queued_at: Option<Timestamp>,
    /// To how many it was queued.
    pub readers: u64,
    /// Nothing of it is due before.
    pub goes_at: Option<Timestamp>,
    /// How long staff can stop it, once it is let go.
    pub window: SignedDuration,
    /// Who of staff wants it out and waits for a second person.
    pub wanted_by: Option<SubscriberId>,
    /// The issue that it corrects or withdraws.
    pub corrects: Option<IssueId>,
}

impl StoredIssue {
    /// When it began to go to its readers; `None` when it did not by `now`, or was stopped, or was for staff alone.
    pub fn mailed_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.goes_at.filter(|at| *at <= now && self.state == IssueState::Queued && self.kind != IssueKind::Drill)
    }
}

/// An issue about to be written down.
#[derive(Clone, Debug)]
pub struct NewIssue<'a> {
    /// Its number, from [`Store::issue_id`].
    pub id: IssueId,
    /// Its list.
    pub list: &'a Slug,
    /// Digest, alert or drill.
    pub kind: IssueKind,
    /// What makes it one of a kind.
    pub key: &'a IssueKey,
    /// Held or queued.
    pub state: IssueState,
    /// Why it is held; empty otherwise.
    pub state_reason: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// The text of a manual alert.
    pub statement: Option<&'a Statement>,
    /// Its posts, in order.
    pub posts: &'a [PostId],
    /// How long staff can stop it, once it is let go.
    pub window: SignedDuration,
    /// Who of staff wants it out and waits for a second person.
    pub wanted_by: Option<SubscriberId>,
    /// The issue that it corrects or withdraws.
    pub corrects: Option<IssueId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    list: String,
    kind: String,
    key: String,
    state: String,
    state_reason: String,
    subject: String,
    statement: Option<String>,
    made_at: i64,
    queued_at: Option<i64>,
    readers: i64,
    goes_at: Option<i64>,
    window_ms: i64,
    wanted_by: Option<i64>,
    corrects: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct CarryingRow {
    post: i64,
    #[sqlx(flatten)]
    issue: Row,
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "id, list, kind, key, state, state_reason, subject, statement, made_at, queued_at, readers, goes_at, window_ms,
         wanted_by, corrects FROM issues"
    };
}

// Behind the macro, for it takes its columns from there.
mod listing;

impl Store {
    /// A fresh number for an issue.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn issue_id(&self) -> Result<IssueId, StoreError> {
        Ok(IssueId(self.take_ids(Counter::Issues, 1).await?))
    }

    /// One issue.
    ///
    /// # Errors
    /// When the store cannot be read, and [`StoreError::Missing`].
    pub async fn issue(&self, id: IssueId) -> Result<StoredIssue, StoreError> {
        let row: Option<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " WHERE id = $1"))
            .bind(id.0)
            .fetch_optional(&self.reader)
            .await?;
        row.ok_or_else(|| StoreError::Missing(format!("issue {}", id.0)))?.into_issue()
    }

    /// The issue a list has under a key, if it has.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issue_by_key(&self, list: &Slug, key: &IssueKey) -> Result<Option<StoredIssue>, StoreError> {
        let row: Option<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " WHERE list = $1 AND key = $2"))
            .bind(list.as_str())
            .bind(key.to_text())
            .fetch_optional(&self.reader)
            .await?;
        row.map(Row::into_issue).transpose()
    }

    /// The newest issues of all lists.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_issues(&self, limit: i64) -> Result<Vec<StoredIssue>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " ORDER BY id DESC LIMIT $1"))
            .bind(limit)
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter().map(Row::into_issue).collect()
    }

    /// Issues of a list that went to their readers by `now`, newest first: those older than `before`, or the newest.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mailed_issues(
        &self,
        list: &Slug,
        before: Option<IssueId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<StoredIssue>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " WHERE list = $1 AND id < $2 AND state = 'queued' AND kind <> 'drill' AND goes_at <= $3
              ORDER BY id DESC LIMIT $4"
        ))
        .bind(list.as_str())
        .bind(before.map_or(i64::MAX, |before| before.0))
        .bind(ms(now))
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_issue).collect()
    }

    /// How many alerts a list has made by itself since an instant. What reached nobody, for it was held, or cancelled before
    /// any of it was sent, does not count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn automatic_alerts_since(&self, list: &Slug, since: Timestamp) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM issues WHERE list = $1 AND kind = 'alert' AND statement IS NULL AND made_at > $2
               AND (state = 'queued' OR (state = 'cancelled' AND EXISTS (
                    SELECT 1 FROM deliveries d JOIN mailings m ON m.id = d.mailing
                    WHERE m.issue = issues.id AND d.state = 'sent')))",
        )
        .bind(list.as_str())
        .bind(ms(since))
        .fetch_one(&self.reader)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// How many alerts a list has had since an instant, by hand or by itself; what corrects or withdraws one is none. What
    /// was stopped or cancelled counts once any of it was sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn alerts_since(&self, list: &Slug, since: Timestamp) -> Result<u64, StoreError> {
        alerts_since(&self.reader, list, since).await
    }

    /// Stops an issue that is queued, by itself: see [`Tx::hold_issue`].
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn hold_issue(&self, id: IssueId, reason: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut tx = self.begin().await?;
        let parked = tx.hold_issue(id, reason, now).await?;
        tx.commit().await?;
        Ok(parked)
    }

    /// The posts of an issue, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn posts_of_issue(&self, id: IssueId) -> Result<Vec<PostId>, StoreError> {
        let rows: Vec<(i64,)> = sqlx::query_as("SELECT post FROM issue_posts WHERE issue = $1 ORDER BY position")
            .bind(id.0)
            .fetch_all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|(post,)| PostId(post)).collect())
    }

    /// The issues that carry a post.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issues_with_post(&self, post: PostId) -> Result<Vec<StoredIssue>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " WHERE id IN (SELECT issue FROM issue_posts WHERE post = $1) ORDER BY id"
        ))
        .bind(post.0)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_issue).collect()
    }
}

impl Tx {
    /// Lets programs that send alerts go one after the other, on either engine, so that each sees those before it. Nobody
    /// else waits for them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn programs_one_by_one(&mut self) -> Result<(), StoreError> {
        self.take_ids(Counter::AlertsByPrograms, 1).await?;
        Ok(())
    }

    /// As [`Store::alerts_since`], as this transaction sees it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn alerts_since(&mut self, list: &Slug, since: Timestamp) -> Result<u64, StoreError> {
        alerts_since(&mut *self.inner, list, since).await
    }
}

async fn alerts_since<'e>(
    on: impl sqlx::Executor<'e, Database = Any>,
    list: &Slug,
    since: Timestamp,
) -> Result<u64, StoreError> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM issues WHERE list = $1 AND kind = 'alert' AND corrects IS NULL AND queued_at > $2
           AND (state = 'queued' OR EXISTS (
                SELECT 1 FROM mailings m JOIN delivery_counts c ON c.mailing = m.id
                WHERE m.issue = issues.id AND c.sent > 0))",
    )
    .bind(list.as_str())
    .bind(ms(since))
    .fetch_one(on)
    .await?;
    Ok(count.unsigned_abs())
}

impl Store {
    /// The issues that carry these posts, each with the post, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issues_of_posts(&self, posts: &[PostId]) -> Result<Vec<(PostId, StoredIssue)>, StoreError> {
        let each = self.engine.json_rows();
        let posts: Vec<_> = posts.iter().map(|post| [post.0]).collect();
        let rows: Vec<CarryingRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT c.post, i.* FROM (SELECT p.post, p.issue FROM {each} CROSS JOIN issue_posts p
                WHERE p.post = CAST(value->>0 AS BIGINT)) c
             CROSS JOIN (SELECT {}) i WHERE i.id = c.issue ORDER BY i.id",
            columns!()
        )))
        .bind(serde_json::to_string(&posts).expect("numbers are JSON"))
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(|row| Ok((PostId(row.post), row.issue.into_issue()?))).collect()
    }

    /// The issue of a list that carries a post, or the same statement as another feed brought it: same link, same title.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issue_carrying(&self, list: &Slug, post: &StoredPost) -> Result<Option<IssueId>, StoreError> {
        let (issue,): (Option<i64>,) = sqlx::query_as(
            "SELECT MIN(i.issue) FROM posts q JOIN issue_posts i ON i.post = q.id AND i.list = $1
             WHERE q.id = $2 OR (q.link = $3 AND q.title = $4)",
        )
        .bind(list.as_str())
        .bind(post.id.0)
        .bind(post.post.link.as_deref())
        .bind(&post.post.title)
        .fetch_one(&self.reader)
        .await?;
        Ok(issue.map(IssueId))
    }
}

impl Tx {
    /// Writes an issue and its posts down.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its list has an issue under that key; otherwise when the store cannot be written.
    pub async fn add_issue(&mut self, issue: &NewIssue<'_>, now: Timestamp) -> Result<(), StoreError> {
        let statement = issue.statement.map(|text| serde_json::to_string(text).expect("a statement is JSON"));
        let done = sqlx::query(
            "INSERT INTO issues (id, list, kind, key, state, state_reason, subject, statement, made_at, window_ms,
                                 wanted_by, corrects)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (list, key) DO NOTHING",
        )
        .bind(issue.id.0)
        .bind(issue.list.as_str())
        .bind(issue.kind.as_str())
        .bind(issue.key.to_text())
        .bind(issue.state.as_str())
        .bind(issue.state_reason)
        .bind(issue.subject)
        .bind(statement)
        .bind(ms(now))
        .bind(i64::try_from(issue.window.as_millis()).unwrap_or(i64::MAX))
        .bind(issue.wanted_by.map(|person| person.0))
        .bind(issue.corrects.map(|first| first.0))
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        for (position, post) in (0_i64..).zip(issue.posts) {
            sqlx::query("INSERT INTO issue_posts (issue, post, list, position) VALUES ($1, $2, $3, $4)")
                .bind(issue.id.0)
                .bind(post.0)
                .bind(issue.list.as_str())
                .bind(position)
                .execute(&mut *self.inner)
                .await?;
        }
        Ok(())
    }

    /// Moves an issue from one state to another; `false` when it is not in the first.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn move_issue(
        &mut self,
        id: IssueId,
        from: IssueState,
        to: IssueState,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE issues SET state = $1, state_reason = $2 WHERE id = $3 AND state = $4")
            .bind(to.as_str())
            .bind(reason)
            .bind(id.0)
            .bind(from.as_str())
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Row {
    fn into_issue(self) -> Result<StoredIssue, StoreError> {
        let statement = self.statement.as_deref().map(serde_json::from_str).transpose();
        Ok(StoredIssue {
            id: IssueId(self.id),
            list: Slug::parse(&self.list).map_err(|error| StoreError::Damaged(error.to_string()))?,
            kind: word(&self.kind, IssueKind::from_word(&self.kind))?,
            key: self.key,
            state: word(&self.state, IssueState::from_word(&self.state))?,
            state_reason: self.state_reason,
            subject: self.subject,
            statement: statement.map_err(|error| StoreError::Damaged(error.to_string()))?,
            made_at: instant(self.made_at),
            queued_at: instant_or_none(self.queued_at),
            readers: self.readers.unsigned_abs(),
            goes_at: instant_or_none(self.goes_at),
            window: SignedDuration::from_millis(self.window_ms),
            wanted_by: self.wanted_by.map(SubscriberId),
            corrects: self.corrects.map(IssueId),
        })
    }
}
