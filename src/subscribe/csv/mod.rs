//! Subscribers as CSV: read from files that people keep by hand or export from elsewhere, and written for backup and
//! for other programs. A file is read as a stream; one bad line never spoils the others. `subscribers/README.md`
//! tells people what may be in such a file.

mod columns;
mod export;
mod record;
mod text;

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    io::{self, Read},
};

pub use self::export::{Export, write};
use self::{
    columns::Columns,
    record::{Record, Records},
};
use crate::domain::{
    address::{AddressError, EmailAddress},
    subscription::NewSubscriber,
};

/// A line that gives no subscriber. Lines count from 1, as an editor does; a record with line breaks in it has the
/// number of its first line.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadLine {
    /// Which line.
    pub line: usize,
    /// Why.
    #[source]
    pub problem: LineProblem,
}

/// Why a line gives no subscriber.
#[derive(Debug, thiserror::Error)]
pub enum LineProblem {
    /// The address will not do.
    #[error("{0}")]
    Address(AddressError),
    /// There is nothing where the address should be.
    #[error("there is no address")]
    NoAddress,
    /// The address stands in the file already. Harmless.
    #[error("the same address is on line {first}")]
    Duplicate {
        /// The line of the first.
        first: usize,
    },
    /// An export says that this subscription is not active, so that it must not come back by this file. Harmless.
    #[error("its state is `pending` or `ended`")]
    NotActive,
    /// More than 64 KiB.
    #[error("is longer than 64 KiB")]
    TooLong,
    /// A quotation mark that no other closes within 64 KiB.
    #[error("a quotation mark is never closed")]
    OpenQuote,
    /// Text between a closing quotation mark and the next separator.
    #[error("there is text after a closing quotation mark")]
    AfterQuote,
    /// A NUL byte, or bytes that are not of the file's encoding, in the address.
    #[error("the address holds bytes that are not text")]
    NotText,
    /// The file could not be read on. It is the last that is said of it.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

impl LineProblem {
    /// True when nothing is lost by passing the line over: what it asks for is so already, or must not be.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Duplicate { .. } | Self::NotActive)
    }
}

/// Subscribers, in the order of the file. See [`read`].
pub struct Rows<R> {
    records: Records<R>,
    columns: Option<Columns>,
    seen: HashMap<u64, u32>,
    hasher: RandomState,
}

/// Reads subscribers, one at a time, each with its line.
///
/// The encoding is told by the byte order mark (UTF-8, UTF-16 of either order). Without one, the first 64 KiB that
/// hold more than ASCII decide: they are UTF-8 if they are valid as such, and Windows-1252 if not. The separator
/// (comma, semicolon or tab) is told by the first lines. A first record that names a column `address` or `email` is a
/// header.
///
/// Memory stays small: the lines at hand, and some 20 to 40 bytes for each address, by which duplicates are found.
/// These are 64-bit hashes with a key of their own: the chance that any two different addresses among a million are
/// taken for the same is one in 37 million.
pub fn read<R: Read>(input: R) -> Rows<R> {
    Rows { records: Records::new(input), columns: None, seen: HashMap::new(), hasher: RandomState::new() }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<(usize, NewSubscriber), BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Record { line, fields, more } = match self.records.next()? {
                Ok(record) => record,
                Err(bad) => return Some(Err(bad)),
            };
            if self.columns.is_none() {
                let header = Columns::of_header(&fields);
                let is_header = header.is_some();
                self.columns = Some(header.unwrap_or_default());
                if is_header {
                    continue;
                }
            }
            return Some(match self.subscriber(line, &fields) {
                Ok(subscriber) => Ok((line, subscriber)),
                Err(problem) => {
                    // A quotation mark too many can take whole lines into one field. Read again, they speak for
                    // themselves.
                    if matches!(problem, LineProblem::OpenQuote) {
                        self.records.give_back(more);
                    }
                    Err(BadLine { line, problem })
                }
            });
        }
    }
}

impl<R> Rows<R> {
    fn subscriber(&mut self, line: usize, fields: &[String]) -> Result<NewSubscriber, LineProblem> {
        let columns = self.columns.get_or_insert_default();
        if columns.hold_lines(fields) {
            return Err(LineProblem::OpenQuote);
        }
        let address = columns.address(fields).ok_or(LineProblem::NoAddress)?;
        if columns::is_garbled(&address) {
            return Err(LineProblem::NotText);
        }
        let address = EmailAddress::parse(&address).map_err(LineProblem::Address)?;
        if !columns.is_active(fields) {
            return Err(LineProblem::NotActive);
        }
        match self.seen.entry(self.hasher.hash_one(address.key())) {
            Entry::Occupied(first) => return Err(LineProblem::Duplicate { first: *first.get() as usize }),
            Entry::Vacant(place) => place.insert(u32::try_from(line).unwrap_or(u32::MAX)),
        };
        Ok(NewSubscriber { address, name: columns.name(fields) })
    }
}
