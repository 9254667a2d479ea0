//! The issues of all lists, page by page. It only reads.

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
    /// Of one list.
    pub list: Option<Slug>,
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
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " WHERE id < $1 AND (CAST($2 AS TEXT) IS NULL OR list = $2) AND (CAST($3 AS TEXT) IS NULL OR state = $3)
              ORDER BY id DESC LIMIT $4"
        ))
        .bind(filter.before.map_or(i64::MAX, |before| before.0))
        .bind(filter.list.as_ref().map(Slug::as_str))
        .bind(filter.state.map(IssueState::as_str))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_issue).collect()
    }
}
