//! What can go wrong in the store, told apart only as far as callers branch. It hides sqlx.

/// Why the store did not do it. Nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique key says that it exists already: another run, click or process was first.
    #[error("it exists already")]
    Conflict,
    /// What was asked for is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// This process did not say for too long that it lives; others have taken up the deliveries it had claimed.
    #[error("other processes took this one for dead and go on with its deliveries")]
    LeaseLost,
    /// The database is locked by another process for longer than we wait.
    #[error("the database is busy: another process has held it for too long")]
    Busy,
    /// The server has said nothing for so long that it is taken for gone.
    #[error("the database has not answered for too long")]
    Silent,
    /// No room on the disk, over its quota, or the database has reached its set size.
    #[error("the database cannot grow: its disk is full, over its quota, or failing")]
    Full,
    /// The database file or its folder may not be written.
    #[error("the database cannot be written: it is read-only")]
    ReadOnly,
    /// The database cannot be opened or reached.
    #[error("cannot open the database `{place}`")]
    Unreachable {
        /// Where it should be; never with a password.
        place: String,
        /// What the engine says.
        #[source]
        source: sqlx::Error,
    },
    /// The file beside the database that says this process lives cannot be made or locked.
    #[error("cannot lock `{place}`")]
    Lock {
        /// The file.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something stored cannot be read back.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A migration of the tables failed.
    #[error("cannot bring the database up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Anything else the engine says.
    #[error("the database failed")]
    Engine(#[source] sqlx::Error),
}

impl StoreError {
    /// True when the store itself is in trouble, so that the same may well go through later; false when it was reached
    /// and would not do this.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy
            | Self::Silent
            | Self::Full
            | Self::ReadOnly
            | Self::LeaseLost
            | Self::Unreachable { .. }
            | Self::Lock { .. }
            | Self::Migration(_) => true,
            Self::Conflict | Self::Missing(_) | Self::Damaged(_) => false,
            Self::Engine(error) => match error.as_database_error() {
                Some(database) => is_the_engines_own(&database.code().unwrap_or_default()),
                None => matches!(
                    error,
                    sqlx::Error::Io(_)
                        | sqlx::Error::Tls(_)
                        | sqlx::Error::Protocol(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::WorkerCrashed
                ),
            },
        }
    }
}

/// True for codes that tell of the engine and not of a statement: of PostgreSQL those for connections, resources,
/// intervention and itself (its manual, appendix A), of SQLite those for memory, files and corruption.
fn is_the_engines_own(code: &str) -> bool {
    const SQLITE: [u32; 8] = [7, 9, 10, 11, 14, 15, 24, 26];
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => SQLITE.contains(&(number & 0xff)),
        _ => ["08", "53", "57", "58", "XX"].iter().any(|class| code.starts_with(class)),
    }
}

/// SQLite's primary result codes (sqlite.org/rescode.html); the low byte of an extended one.
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_FULL: u32 = 13;
/// The extended code of a write that the system refused for another reason than a full disk: a quota, a limit on the
/// size of files, a fault.
const SQLITE_IOERR_WRITE: u32 = 10 | 3 << 8;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::PoolTimedOut => Self::Busy,
                other => Self::Engine(other),
            };
        };
        if database.is_unique_violation() {
            return Self::Conflict;
        }
        let code = database.code().unwrap_or_default();
        // PostgreSQL's codes have five characters, SQLite's are numbers.
        match code.as_ref() {
            "53100" => return Self::Full,
            "25006" => return Self::ReadOnly,
            "40001" | "40P01" | "55P03" => return Self::Busy,
            _ => {}
        }
        let code = code.parse::<u32>();
        if code == Ok(SQLITE_IOERR_WRITE) {
            return Self::Full;
        }
        match code.map(|code| code & 0xff) {
            Ok(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy,
            Ok(SQLITE_READONLY) => Self::ReadOnly,
            Ok(SQLITE_FULL) => Self::Full,
            _ => Self::Engine(error),
        }
    }
}
