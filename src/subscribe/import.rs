//! Importing a CSV: the whole file is read in one transaction, which stands only when every line will do, or staff said
//! to pass over the bad ones. Nothing is ever half done. Meanwhile other writers to SQLite wait: ten seconds for a
//! million lines.

use std::io::{self, Read};

use serde::Serialize;

use super::{
    csv::{self, BadLine, LineProblem},
    forget::leave_in_peace,
};
use crate::{
    app::App,
    domain::{consent::Door, slug::Slug, subscription::NewSubscriber},
    store::{StoreError, Tx},
};

/// How many lines make one statement.
const BATCH: usize = 5_000;

/// What to do about lines that are no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLines {
    /// One bad line stops the import.
    Refuse,
    /// They are passed over, and told.
    PassOver,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Good lines.
    pub lines: u64,
    /// How many joined.
    pub joined: u64,
    /// How many were on the list already, or had left it and stay away.
    pub unchanged: u64,
    /// How many were erased once, and stay away.
    pub erased: u64,
    /// Lines that were passed over, in words with their numbers.
    pub bad: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Lines that are no good, with their numbers.
    #[error("{} lines cannot be imported; nothing was", .0.len())]
    Bad(Vec<BadLine>),
    /// The file could not be read to its end.
    #[error("the file cannot be read to its end; nothing was imported")]
    Unreadable(#[source] io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Subscribes the people of a CSV to a list.
///
/// # Errors
/// See [`ImportError`]. Nothing is written then.
pub async fn import(
    app: &App,
    list: &Slug,
    input: impl Read,
    consent: Door,
    bad_lines: BadLines,
) -> Result<Imported, ImportError> {
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let (imported, bad) = read_into(app, &mut tx, list, input, consent).await?;
    if bad_lines == BadLines::Refuse && bad.iter().any(|line| !line.problem.is_harmless()) {
        return Err(ImportError::Bad(bad));
    }
    tx.commit().await?;
    Ok(imported)
}

/// Reads all good lines into a transaction, and gives the bad ones; the caller commits it, or drops it and nothing was
/// done.
pub(super) async fn read_into(
    app: &App,
    tx: &mut Tx,
    list: &Slug,
    input: impl Read,
    consent: Door,
) -> Result<(Imported, Vec<BadLine>), ImportError> {
    let (mut imported, mut bad) = (Imported::default(), Vec::new());
    let mut batch: Vec<NewSubscriber> = Vec::with_capacity(BATCH);
    let now = app.clock.now();
    let some_are_forgotten = tx.has_forgotten_anybody().await?;
    let mut rows = csv::read(input);
    loop {
        let row = rows.next();
        let ended = row.is_none();
        match row {
            Some(Ok((_, person))) => batch.push(person),
            Some(Err(BadLine { problem: LineProblem::Unreadable(error), .. })) => {
                return Err(ImportError::Unreadable(error));
            }
            Some(Err(line)) => bad.push(line),
            None => {}
        }
        if batch.len() == BATCH || (ended && !batch.is_empty()) {
            imported.lines += batch.len() as u64;
            if some_are_forgotten {
                imported.erased += leave_in_peace(app, tx, &mut batch).await?;
            }
            let first = tx.subscriber_ids(batch.len()).await?;
            imported.joined += tx.subscribe(list, &batch, first, consent, now).await?;
            batch.clear();
        }
        if ended {
            break;
        }
    }
    imported.unchanged = imported.lines - imported.joined - imported.erased;
    imported.bad = bad.iter().map(ToString::to_string).collect();
    Ok((imported, bad))
}
