//! Pages of posts in the order of their numbers, for those who go through all of them. It only reads.

use sqlx::AssertSqlSafe;

use super::Row;
use crate::{
    domain::{
        post::{PostId, StoredPost},
        slug::Slug,
    },
    store::{Store, StoreError},
};

impl Store {
    /// Posts of these feeds, or of all, the highest number first: those with a number below `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn posts_before(
        &self,
        feeds: Option<&[Slug]>,
        before: Option<PostId>,
        limit: i64,
    ) -> Result<Vec<StoredPost>, StoreError> {
        let names: Vec<_> = feeds.unwrap_or_default().iter().map(|feed| [feed.as_str()]).collect();
        let each = self.engine.json_rows();
        let of_these = if feeds.is_some() { "p.feed IN (SELECT value->>0 FROM {each})" } else { "$1 <> ''" };
        let of_these = of_these.replace("{each}", each);
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {} FROM posts p WHERE {of_these} AND p.id < $2 ORDER BY p.id DESC LIMIT $3",
            columns!()
        )))
        .bind(serde_json::to_string(&names).expect("texts are JSON"))
        .bind(before.map_or(i64::MAX, |before| before.0))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_post).collect()
    }
}
