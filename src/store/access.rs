//! The writer of `access_tokens` and `api_answers`: which programs may use the API, and what those were answered that asked
//! for something to be done once. Of a token only a digest comes here.

use jiff::Timestamp;

use super::{Counter, Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::{
    access::{Access, AccessTokenId, Reach, Scope},
    slug::Slug,
};

/// A token as the store keeps it.
#[derive(Clone)]
pub struct StoredToken {
    /// What it is good for.
    pub access: Access,
    /// The SHA-256 of its secret, in hexadecimal digits.
    pub digest: String,
    /// Since when.
    pub made_at: Timestamp,
    /// When it was last used, to the hour.
    pub seen_at: Option<Timestamp>,
}

/// A request that must be done once, as it was written down by whoever began it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// A digest of what was asked for.
    pub request: String,
    /// When the first began it.
    pub began_at: Timestamp,
    /// How many have begun it.
    pub turn: i64,
    /// When the last of them did.
    pub turn_at: Timestamp,
    /// What it was answered with: a status and a body; none while it is being done.
    pub answer: Option<(u16, String)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    digest: String,
    scopes: String,
    lists: Option<String>,
    made_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    seen_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct BegunRow {
    request: String,
    began_at: i64,
    turn: i64,
    turn_at: i64,
    status: Option<i64>,
    body: Option<String>,
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "SELECT id, name, digest, scopes, lists, made_at, expires_at, revoked_at, seen_at FROM access_tokens"
    };
}

impl Store {
    /// The token of that number, whether it is still good or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn access_token(&self, id: AccessTokenId) -> Result<Option<StoredToken>, StoreError> {
        let row: Option<Row> =
            sqlx::query_as(concat!(columns!(), " WHERE id = $1")).bind(id.0).fetch_optional(&self.reader).await?;
        row.map(Row::into_token).transpose()
    }

    /// Every token there ever was, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn access_tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(columns!(), " ORDER BY id")).fetch_all(&self.reader).await?;
        rows.into_iter().map(Row::into_token).collect()
    }

    /// Notes that a token was used, unless that is noted since `unless_since`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn see_access_token(
        &self,
        id: AccessTokenId,
        unless_since: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement =
            sqlx::query("UPDATE access_tokens SET seen_at = $1 WHERE id = $2 AND (seen_at IS NULL OR seen_at < $3)")
                .bind(ms(now))
                .bind(id.0)
                .bind(ms(unless_since));
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// Writes down that a request is begun that must be done once, unless one with its name is; gives whether it was the
    /// first, and what is written down now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_once(
        &self,
        token: AccessTokenId,
        name: &str,
        request: &str,
        now: Timestamp,
    ) -> Result<(bool, Begun), StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO api_answers (token, name, request, began_at, turn, turn_at) VALUES ($1, $2, $3, $4, 1, $4)
             ON CONFLICT (token, name) DO NOTHING",
        )
        .bind(token.0)
        .bind(name)
        .bind(request)
        .bind(ms(now))
        .execute(&mut *tx.inner)
        .await?;
        let row: BegunRow = sqlx::query_as(
            "SELECT request, began_at, turn, turn_at, status, body FROM api_answers WHERE token = $1 AND name = $2",
        )
        .bind(token.0)
        .bind(name)
        .fetch_one(&mut *tx.inner)
        .await?;
        tx.commit().await?;
        Ok((done.rows_affected() == 1, row.into_begun()))
    }

    /// Takes over what somebody began and did not end; `false` when somebody else was quicker. When it began stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_over_once(
        &self,
        token: AccessTokenId,
        name: &str,
        turn: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = sqlx::query(
            "UPDATE api_answers SET turn = turn + 1, turn_at = $4
             WHERE token = $1 AND name = $2 AND turn = $3 AND status IS NULL",
        )
        .bind(token.0)
        .bind(name)
        .bind(turn)
        .bind(ms(now));
        Ok(self.writer.execute(statement).await? == 1)
    }

    /// Writes down what a request was answered with.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_once(
        &self,
        token: AccessTokenId,
        name: &str,
        (status, body): (u16, &str),
    ) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE api_answers SET status = $1, body = $2 WHERE token = $3 AND name = $4")
            .bind(i64::from(status))
            .bind(body)
            .bind(token.0)
            .bind(name);
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// Forgets a request of which nothing was done, so that its name is free again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_once(&self, token: AccessTokenId, name: &str, turn: i64) -> Result<(), StoreError> {
        let statement =
            sqlx::query("DELETE FROM api_answers WHERE token = $1 AND name = $2 AND turn = $3 AND status IS NULL")
                .bind(token.0)
                .bind(name)
                .bind(turn);
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// Forgets requests that were begun before an instant. Where there is nothing to forget, nothing is written.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn sweep_once(&self, before: Timestamp) -> Result<(), StoreError> {
        let is_due: Option<(i64,)> = sqlx::query_as("SELECT turn FROM api_answers WHERE began_at < $1 LIMIT 1")
            .bind(ms(before))
            .fetch_optional(&self.reader)
            .await?;
        if is_due.is_some() {
            self.writer.execute(sqlx::query("DELETE FROM api_answers WHERE began_at < $1").bind(ms(before))).await?;
        }
        Ok(())
    }
}

impl Tx {
    /// Writes a new token down; gives its number.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_access_token(
        &mut self,
        access: &Access,
        digest: &str,
        now: Timestamp,
    ) -> Result<AccessTokenId, StoreError> {
        let id = self.take_ids(Counter::AccessTokens, 1).await?;
        let spaced = |words: Vec<&str>| words.join(" ");
        let lists = match &access.reach {
            Reach::Whole => None,
            Reach::Lists(lists) => Some(spaced(lists.iter().map(Slug::as_str).collect())),
        };
        sqlx::query(
            "INSERT INTO access_tokens (id, name, digest, scopes, lists, made_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(&access.name)
        .bind(digest)
        .bind(spaced(access.scopes.iter().map(|scope| scope.as_str()).collect()))
        .bind(lists)
        .bind(ms(now))
        .bind(access.expires_at.map(ms))
        .execute(&mut *self.inner)
        .await?;
        Ok(AccessTokenId(id))
    }

    /// Takes a token back; `false` when there is none of that number, or it was taken back before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn revoke_access_token(&mut self, id: AccessTokenId, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE access_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(ms(now))
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Row {
    fn into_token(self) -> Result<StoredToken, StoreError> {
        let scopes = self.scopes.split_whitespace().map(|text| word(text, Scope::from_word(text)));
        let name = |text: &str| Slug::parse(text).map_err(|error| StoreError::Damaged(error.to_string()));
        let lists = |text: String| text.split_whitespace().map(name).collect::<Result<_, _>>();
        Ok(StoredToken {
            access: Access {
                id: AccessTokenId(self.id),
                name: self.name,
                scopes: scopes.collect::<Result<_, _>>()?,
                reach: self.lists.map(lists).transpose()?.map_or(Reach::Whole, Reach::Lists),
                expires_at: instant_or_none(self.expires_at),
                revoked_at: instant_or_none(self.revoked_at),
            },
            digest: self.digest,
            made_at: instant(self.made_at),
            seen_at: instant_or_none(self.seen_at),
        })
    }
}

impl BegunRow {
    fn into_begun(self) -> Begun {
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        Begun {
            request: self.request,
            began_at: instant(self.began_at),
            turn: self.turn,
            turn_at: instant(self.turn_at),
            answer: status.zip(self.body),
        }
    }
}
