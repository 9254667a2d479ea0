//! A run: one pass over all that is due, by `tidings run` or by the daemon. Values only.

use serde::Serialize;

/// A run's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RunId(pub i64);

/// Who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// `tidings run`.
    Run,
    /// The clock of `tidings serve`; delivery goes on beside it.
    Serve,
}

impl RunKind {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Serve => "serve",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Run, Self::Serve].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a run did, in numbers. What it skipped, held and refused, and why, the ledger says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Did {
    /// Posts that became news.
    pub posts: u64,
    /// Alerts queued.
    pub alerts: u64,
    /// Digests queued.
    pub digests: u64,
    /// Messages sent; always none of the daemon's, which sends beside its runs.
    pub sent: u64,
}
