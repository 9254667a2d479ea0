//! Exporting a list: who is and was on it goes out as CSV, part by part, so that a large list needs no large memory. The
//! ledger says that it was exported, and by whom.

use super::csv::Export;
use crate::{
    app::App,
    domain::{slug::Slug, subscription::SubscriberId},
    store::StoreError,
};

/// How many rows are read at once.
const PAGE: i64 = 5_000;

/// An export that is under way.
pub struct Exporting {
    app: App,
    list: Slug,
    next: Next,
}

/// What comes next of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The header, and the first rows.
    Head,
    /// Rows of later numbers.
    After(SubscriberId),
    /// Nothing.
    End,
}

/// Begins to export a list.
///
/// # Errors
/// When the store cannot be written.
pub async fn export(app: &App, list: &Slug) -> Result<Exporting, StoreError> {
    let about = format!("list:{list}");
    app.store.record(app.clock.now(), &about, "exported", "its readers, as CSV with whole addresses").await?;
    Ok(Exporting { app: app.clone(), list: list.clone(), next: Next::Head })
}

impl Exporting {
    /// The next part of the file; `None` when it is whole.
    ///
    /// # Errors
    /// When the store cannot be read. What was given before is a part of the file then.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        const MEMORY: &str = "memory can be written";
        let (mut part, after) = match self.next {
            Next::Head => (Export::new(Vec::new()).expect(MEMORY), SubscriberId(0)),
            Next::After(after) => (Export::further(Vec::new()), after),
            Next::End => return Ok(None),
        };
        let page = self.app.store.subscriptions_after(&self.list, after, PAGE).await?;
        self.next = page.last().map_or(Next::End, |last| Next::After(last.subscriber));
        for subscription in &page {
            part.add(subscription).expect(MEMORY);
        }
        Ok(Some(part.finish().expect(MEMORY)))
    }
}
