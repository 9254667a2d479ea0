//! The issues of all lists, page by page. It only reads.

use sqlx::AssertSqlSafe;

use super::Row;
use crate::{
    domain::{
        issue::{IssueId, IssueState},
        slug::Slug,
    },
    store::{Store, StoreError, issues::StoredIssue},
};

/// Which issues to show.
#[derive(Clone, Debug, Default)]
pub struct IssueFilter {
    /// Of these lists; `None`: of all.
    pub lists: Option<Vec<Slug>>,
    /// In one state.
    pub state: Option<IssueState>,
    /// Older than this one.
    pub before: Option<IssueId>,
}

impl Store {
    /// The issues that a filter lets through, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn issues_page(&self, filter: &IssueFilter, limit: i64) -> Result<Vec<StoredIssue>, StoreError> {
        let names: Option<Vec<[&str; 1]>> =
            filter.lists.as_ref().map(|lists| lists.iter().map(|list| [list.as_str()]).collect());
        let of_these = match names {
            Some(_) => format!("list IN (SELECT value->>0 FROM {})", self.engine.json_rows()),
            None => "$1 <> ''".to_owned(),
        };
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {} WHERE {of_these} AND id < $2 AND ($3 = '' OR state = $3) ORDER BY id DESC LIMIT $4",
            columns!()
        )))
        .bind(serde_json::to_string(&names.unwrap_or_default()).expect("texts are JSON"))
        .bind(filter.before.map_or(i64::MAX, |before| before.0))
        .bind(filter.state.map_or("", IssueState::as_str))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_issue).collect()
    }
}
