//! Subscriptions → CSV (RFC 4180, UTF-8), row by row. Addresses are written whole: who exports wants them. A cell that
//! a spreadsheet would take for a formula gets an apostrophe before it, which reading takes off again.

use std::{
    borrow::Borrow,
    io::{self, Write},
};

use super::columns::shielded;
use crate::domain::subscription::Subscription;

/// An export that is being written.
pub struct Export<W: Write> {
    csv: csv::Writer<W>,
}

impl<W: Write> Export<W> {
    /// Begins with the header.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(output: W) -> io::Result<Self> {
        let mut export = Self::further(output);
        export.csv.write_record(["address", "name", "state", "consent", "began_at", "ended_at"])?;
        Ok(export)
    }

    /// Goes on with a further part of an export, which has no header of its own.
    pub fn further(output: W) -> Self {
        // Naming the comment character makes the writer quote what would read as a comment.
        Self { csv: csv::WriterBuilder::new().comment(Some(b'#')).from_writer(output) }
    }

    /// Adds one row.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn add(&mut self, row: &Subscription) -> io::Result<()> {
        self.csv.write_record([
            shielded(row.address.reveal()).as_str(),
            &shielded(&row.name),
            row.state.as_str(),
            row.consent.as_str(),
            &row.began_at.to_string(),
            &row.ended_at.map(|at| at.to_string()).unwrap_or_default(),
        ])?;
        Ok(())
    }

    /// Writes out what is still held back, and gives the output back.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.csv.flush()?;
        self.csv.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// Writes all rows, with a header.
///
/// # Errors
/// When the output cannot be written.
pub fn write<W: Write>(output: W, rows: impl IntoIterator<Item: Borrow<Subscription>>) -> io::Result<()> {
    let mut export = Export::new(output)?;
    for row in rows {
        export.add(row.borrow())?;
    }
    export.finish().map(drop)
}
