//! Why messages of an issue came back, by kind and code, each with a few examples. It only reads.

use super::code_of;
use crate::{
    domain::{address::EmailAddress, issue::IssueId, report::ReportKind},
    store::{Store, StoreError, word},
};

/// More reports of an issue than these are not looked at: what so many say, the others say too.
const MOST: i64 = 5_000;

/// Examples of each reason.
const EXAMPLES: i64 = 3;

/// Why messages of an issue came back.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    /// The reasons, the most frequent first.
    pub all: Vec<Reason>,
    /// How many reports were looked at.
    pub looked_at: u64,
    /// True when there may be more than were looked at.
    pub has_more: bool,
}

/// One reason.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Hard, soft, policy or complaint.
    pub kind: ReportKind,
    /// The enhanced status code, when there is one.
    pub code: Option<(u8, u16, u16)>,
    /// How many of those looked at.
    pub count: u64,
    /// A few of them.
    pub examples: Vec<Example>,
}

/// One message that came back.
#[derive(Clone, Debug)]
pub struct Example {
    /// To whom, unless they were erased.
    pub address: Option<EmailAddress>,
    /// What was said, without addresses.
    pub words: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    class: String,
    code: Option<String>,
    n: i64,
    words: String,
    address: Option<String>,
}

impl Store {
    /// Why messages of an issue were refused, came back or were called spam.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reasons_of_issue(&self, issue: IssueId) -> Result<Reasons, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT x.class, x.code, x.n, x.words, s.address FROM (
                SELECT class, code, words, subscriber, COUNT(*) OVER (PARTITION BY class, code) AS n,
                       ROW_NUMBER() OVER (PARTITION BY class, code ORDER BY subscriber) AS nth
                FROM (SELECT class, code, words, subscriber FROM bounces
                      WHERE mailing IN (SELECT id FROM mailings WHERE issue = $1)
                      ORDER BY mailing, subscriber LIMIT $2) b) x
             LEFT JOIN subscribers s ON s.id = x.subscriber
             WHERE x.nth <= $3 ORDER BY x.n DESC, x.class, x.code, x.nth",
        )
        .bind(issue.0)
        .bind(MOST)
        .bind(EXAMPLES)
        .fetch_all(&self.reader)
        .await?;
        let mut reasons = Reasons::default();
        for row in rows {
            let (kind, code) = (word(&row.class, ReportKind::from_word(&row.class))?, row.code.as_deref());
            let code = code.and_then(code_of);
            let address = row.address.as_deref().map(EmailAddress::parse).transpose();
            let address = address.map_err(|error| StoreError::Damaged(error.to_string()))?;
            let example = Example { address, words: row.words };
            match reasons.all.last_mut().filter(|last| (last.kind, last.code) == (kind, code)) {
                Some(same) => same.examples.push(example),
                None => reasons.all.push(Reason { kind, code, count: row.n.unsigned_abs(), examples: vec![example] }),
            }
        }
        reasons.looked_at = reasons.all.iter().map(|reason| reason.count).sum();
        reasons.has_more = reasons.looked_at >= MOST.unsigned_abs();
        Ok(reasons)
    }
}
