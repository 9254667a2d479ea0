//! Importing a CSV: the whole file is read in one transaction, which stands only when every line will do, or staff said
//! to pass over the bad ones. Nothing is ever half done. Meanwhile other writers to SQLite wait: ten seconds for a
//! million lines. A rehearsal reads the same file in the same way, tells what an import would come to, and writes nothing.

use std::io::{self, Read};

use serde::Serialize;

use super::{
    csv::{self, BadLine, LineProblem, Rows},
    forget::leave_in_peace,
};
use crate::{
    app::App,
    domain::{consent::Door, slug::Slug, subscription::NewSubscriber},
    store::{StoreError, Tx, readers::Foreseen},
};

/// How many lines make one statement.
const BATCH: usize = 5_000;

/// What to do about lines that are no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLines {
    /// One bad line stops the import.
    Refuse,
    /// They are passed over, and so many of them are told.
    PassOver(usize),
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
    /// How many lines were passed over.
    pub passed_over: u64,
    /// The first of these, in words with their numbers.
    pub bad: Vec<String>,
}

/// What an import would come to if nothing changed before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// Good lines.
    pub lines: u64,
    /// Who they are to the list.
    pub foreseen: Foreseen,
    /// How many lines would be passed over.
    pub passed_over: u64,
    /// The first of these, in words with their numbers.
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
    let (imported, bad) = read_into(app, &mut tx, list, input, consent, bad_lines).await?;
    if bad_lines == BadLines::Refuse && bad.iter().any(|line| !line.problem.is_harmless()) {
        return Err(ImportError::Bad(bad));
    }
    let Imported { joined, unchanged, erased, passed_over, .. } = imported;
    let came_of_it = format!(
        "a CSV: {joined} joined, {unchanged} unchanged, {erased} erased before, {passed_over} lines passed over"
    );
    tx.record(app.clock.now(), &format!("list:{list}"), "imported", &came_of_it).await?;
    tx.commit().await?;
    Ok(imported)
}

/// Reads all good lines into a transaction, and gives the bad ones that are to be told; the caller commits it, or drops it
/// and nothing was done.
pub(super) async fn read_into(
    app: &App,
    tx: &mut Tx,
    list: &Slug,
    input: impl Read,
    consent: Door,
    bad_lines: BadLines,
) -> Result<(Imported, Vec<BadLine>), ImportError> {
    let mut imported = Imported::default();
    let now = app.clock.now();
    let some_are_forgotten = tx.has_forgotten_anybody().await?;
    let mut batches = Batches::of(input, bad_lines);
    while let Some(mut batch) = batches.next()? {
        imported.lines += batch.len() as u64;
        if some_are_forgotten {
            imported.erased += leave_in_peace(app, tx, &mut batch).await?;
        }
        let first = tx.subscriber_ids(batch.len()).await?;
        imported.joined += tx.subscribe(list, &batch, first, consent, now).await?;
    }
    imported.unchanged = imported.lines - imported.joined - imported.erased;
    imported.passed_over = batches.passed_over;
    imported.bad = batches.bad.iter().map(ToString::to_string).collect();
    Ok((imported, batches.bad))
}

/// Reads a CSV as [`import`] would that passes bad lines over, and tells what would come of it, with at most `told` bad
/// lines. It writes nothing, and keeps nobody from writing.
///
/// # Errors
/// When the file or the store cannot be read.
pub async fn rehearse(app: &App, list: &Slug, input: impl Read, told: usize) -> Result<Rehearsal, ImportError> {
    let mut rehearsal = Rehearsal::default();
    let mut batches = Batches::of(input, BadLines::PassOver(told));
    while let Some(batch) = batches.next()? {
        rehearsal.lines += batch.len() as u64;
        let people: Vec<_> =
            batch.iter().map(|person| (&person.address, app.secret.fingerprint(&person.address))).collect();
        rehearsal.foreseen += app.store.foresee(list, &people).await?;
    }
    rehearsal.passed_over = batches.passed_over;
    rehearsal.bad = batches.bad.iter().map(ToString::to_string).collect();
    Ok(rehearsal)
}

/// The people of a file, a batch at a time.
struct Batches<R> {
    rows: Rows<R>,
    /// How many bad lines are kept.
    most: usize,
    bad: Vec<BadLine>,
    passed_over: u64,
}

impl<R: Read> Batches<R> {
    fn of(input: R, bad_lines: BadLines) -> Self {
        let most = match bad_lines {
            BadLines::Refuse => usize::MAX,
            BadLines::PassOver(told) => told,
        };
        Self { rows: csv::read(input), most, bad: Vec::new(), passed_over: 0 }
    }

    /// The next people; `None` behind the last.
    fn next(&mut self) -> Result<Option<Vec<NewSubscriber>>, ImportError> {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH {
            match self.rows.next() {
                None => break,
                Some(Ok((_, person))) => batch.push(person),
                Some(Err(BadLine { problem: LineProblem::Unreadable(error), .. })) => {
                    return Err(ImportError::Unreadable(error));
                }
                Some(Err(line)) => {
                    self.passed_over += 1;
                    if self.bad.len() < self.most {
                        self.bad.push(line);
                    }
                }
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}
