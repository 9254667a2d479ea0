//! Pages of issues, for those who go through all of them. It only reads.

use sqlx::AssertSqlSafe;

use super::{Row, StoredIssue};
use crate::{
    domain::{
        issue::{IssueId, IssueState},
        slug::Slug,
    },
    store::{Store, StoreError},
};

impl Store {
    /// Issues of these lists, or of all, in one state or any, the newest first: those older than `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issues_page(
        &self,
        lists: Option<&[Slug]>,
        state: Option<IssueState>,
        before: Option<IssueId>,
        limit: i64,
    ) -> Result<Vec<StoredIssue>, StoreError> {
        let names: Vec<_> = lists.unwrap_or_default().iter().map(|list| [list.as_str()]).collect();
        let each = self.engine.json_rows();
        let of_these = if lists.is_some() { "list IN (SELECT value->>0 FROM {each})" } else { "$1 <> ''" };
        let of_these = of_these.replace("{each}", each);
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {} WHERE {of_these} AND id < $2 AND ($3 = '' OR state = $3) ORDER BY id DESC LIMIT $4",
            columns!()
        )))
        .bind(serde_json::to_string(&names).expect("texts are JSON"))
        .bind(before.map_or(i64::MAX, |before| before.0))
        .bind(state.map_or("", IssueState::as_str))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_issue).collect()
    }
}
