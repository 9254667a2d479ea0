//! The writer of `hook_tokens`: tokens that came to a hook, and what each came with. A token belongs to the first body
//! that it came with, over all processes.

use jiff::Timestamp;

use super::{Store, StoreError, ms};

impl Store {
    /// Writes down that a token came with a body (its hash, as a text), and forgets tokens that were seen before
    /// `forget`. True when the token was new, or came with the same body before; false when it came with another.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn bind_hook_token(
        &self,
        token: &str,
        body: &str,
        now: Timestamp,
        forget: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM hook_tokens WHERE seen_at < $1").bind(ms(forget)).execute(&mut *tx.inner).await?;
        sqlx::query(
            "INSERT INTO hook_tokens (token, body, seen_at) VALUES ($1, $2, $3) ON CONFLICT (token) DO NOTHING",
        )
        .bind(token)
        .bind(body)
        .bind(ms(now))
        .execute(&mut *tx.inner)
        .await?;
        let (bound,): (String,) = sqlx::query_as("SELECT body FROM hook_tokens WHERE token = $1")
            .bind(token)
            .fetch_one(&mut *tx.inner)
            .await?;
        tx.commit().await?;
        Ok(bound == body)
    }
}
