//! The one seam between SQLite and PostgreSQL: how to open, how to begin, and the few fragments of SQL that differ.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Once},
    time::Duration,
};

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor, any::AnyConnectOptions,
    any::AnyPoolOptions, migrate::Migrator,
};
use tokio::time::timeout;

use super::{Store, StoreError, writer::Writer};

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// How a store is used. Tests use it otherwise, to see in a moment what takes a minute.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a writer waits for another process before it says that the database is busy.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(30) }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// To write. To SQLite there is one, so that writers queue in this process and not in the file.
    Write,
    /// To read, and nothing else: the engine itself refuses a write that does not come by the writer.
    Read,
}

/// How long a server may take over one thing that delivery must go on from: a second look must come before half of a lease
/// has passed, or others take this process for dead.
const ANSWER: Duration = Duration::from_secs(20);

/// After how many times the wait for a lock a server ends a transaction in which it hears nothing.
const SILENCE: u32 = 4;

/// How long a server may take to say that it is there.
const PING: Duration = Duration::from_secs(3);

/// How many connections read; on PostgreSQL as many write.
const POOL: u32 = 6;
/// How many more write on PostgreSQL for mail under way.
const SENDERS: u32 = 3;

/// Which engine keeps the rows.
#[derive(Clone, Debug)]
pub enum Engine {
    /// A file on this machine.
    Sqlite {
        /// The database file.
        file: PathBuf,
    },
    /// A server.
    Postgres,
}

impl Engine {
    /// SQLite takes the write lock at once, so that a transaction cannot fail half-way for want of it.
    pub(super) fn begin_statement(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Before a write that shall not wait for the disk. In both engines a later commit that waits makes earlier ones
    /// durable too.
    pub(super) fn begin_unsynced(&self) -> &'static [&'static str] {
        match self {
            Self::Sqlite { .. } => &["PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE"],
            Self::Postgres => &["BEGIN", "SET LOCAL synchronous_commit = off"],
        }
    }

    /// Behind it.
    pub(super) fn end_unsynced(&self) -> &'static [&'static str] {
        match self {
            Self::Sqlite { .. } => &["COMMIT", "PRAGMA synchronous = FULL"],
            Self::Postgres => &["COMMIT"],
        }
    }

    /// A FROM item that turns the JSON array bound as `$1` into rows whose column `value` is one element. What is joined to
    /// them is joined by CROSS JOIN or LEFT JOIN: SQLite keeps to their order. In an order of its own choice it walks over
    /// a whole table for each statement, for it has no idea how few these rows are.
    pub(super) fn json_rows(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "json_each($1) AS j",
            Self::Postgres => "json_array_elements(CAST($1 AS json)) AS j(value)",
        }
    }

    /// An aggregate that gathers these columns of all rows into one text: a JSON array of JSON arrays. Rows that come over
    /// one by one cost several times what they cost in SQL.
    pub(super) fn json_table(&self, columns: &str) -> String {
        match self {
            Self::Sqlite { .. } => format!("json_group_array(json_array({columns}))"),
            Self::Postgres => format!("CAST(json_agg(json_build_array({columns})) AS TEXT)"),
        }
    }

    /// Ends the sub-select of a claim: on PostgreSQL rows that another claimer is looking at are passed over. Without
    /// it, workers that claim at the same time deadlock.
    pub(super) fn skip_locked(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// Ends a select that keeps a row of this table as it is until the transaction ends, and passes over one that another
    /// transaction is changing. SQLite has one writer, and nothing to say.
    pub(super) fn share_skip_locked(&self, table: &str) -> String {
        match self {
            Self::Sqlite { .. } => String::new(),
            Self::Postgres => format!("FOR SHARE OF {table} SKIP LOCKED"),
        }
    }

    /// Now, in milliseconds: what leases are measured by. `given` is where our own time is bound. On PostgreSQL it is the
    /// server's, for the clocks of several machines differ and a lease must be the same for all of them.
    pub(super) fn clock<'a>(&self, given: &'a str) -> &'a str {
        match self {
            Self::Sqlite { .. } => given,
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// A column of texts, compared byte by byte, so that what begins alike stands together. PostgreSQL compares as the
    /// database's language does unless told otherwise.
    pub(super) fn by_bytes(&self, column: &str) -> String {
        match self {
            Self::Sqlite { .. } => column.to_owned(),
            Self::Postgres => format!("{column} COLLATE \"C\""),
        }
    }

    /// A file beside the database, for locks and the made secret; `None` when the database is not a file.
    pub fn beside(&self, suffix: &str) -> Option<PathBuf> {
        match self {
            Self::Sqlite { file } => {
                let mut name = file.as_os_str().to_owned();
                name.push(suffix);
                Some(PathBuf::from(name))
            }
            Self::Postgres => None,
        }
    }
}

impl Store {
    /// Opens the SQLite database `file`, makes it when it is new, and brings its tables up to date under a lock.
    ///
    /// # Errors
    /// When it cannot be opened, written or brought up to date.
    pub async fn open_sqlite(file: &Path) -> Result<Self, StoreError> {
        Self::open_sqlite_with(file, Options::default()).await
    }

    /// The same, to be used otherwise.
    ///
    /// # Errors
    /// When it cannot be opened, written or brought up to date.
    pub async fn open_sqlite_with(file: &Path, options: Options) -> Result<Self, StoreError> {
        install_drivers();
        let place = file.display().to_string();
        let broken = |error| unreachable(&place, sqlx::Error::Io(error));
        let engine = Engine::Sqlite { file: real_path(file).map_err(broken)? };
        let migration_lock = lock_for_migration(&engine).map_err(broken)?;
        let url = sqlite_url(file);
        let writer = sqlite_pool(&url, Access::Write, options).await.map_err(|error| opening(&place, error))?;
        MIGRATIONS.run(&writer).await.map_err(migration)?;
        drop(migration_lock);
        let reader = sqlite_pool(&url, Access::Read, options).await.map_err(|error| opening(&place, error))?;
        let writer = Writer::new(writer);
        Ok(Self {
            engine,
            sender: writer.clone(),
            writer,
            reader,
            doubt: Arc::default(),
            answers_within: None,
            run: None,
            actor: None,
            wants: Arc::default(),
        })
    }

    /// Opens the PostgreSQL database at `url` (`postgres://…`) and brings its tables up to date under a lock.
    ///
    /// # Errors
    /// When it cannot be reached, written or brought up to date.
    pub async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        Self::open_postgres_with(url, Options::default()).await
    }

    /// The same, to be used otherwise.
    ///
    /// # Errors
    /// When it cannot be reached, written or brought up to date.
    pub async fn open_postgres_with(url: &str, Options { busy_timeout }: Options) -> Result<Self, StoreError> {
        install_drivers();
        let place = without_password(url);
        let options =
            AnyConnectOptions::from_str(url).map_err(|error| unreachable(&place, error))?.disable_statement_logging();
        // A pool would try a refused connection again and again; whoever starts us wants to hear of it at once.
        let mut first = AnyConnection::connect_with(&options).await.map_err(|error| unreachable(&place, error))?;
        MIGRATIONS.run(&mut first).await.map_err(migration)?;
        index_prefixes(&mut first).await?;
        first.close().await.map_err(|error| unreachable(&place, error))?;
        let pool = |connections, access| postgres_pool(options.clone(), connections, access, busy_timeout);
        Ok(Self {
            engine: Engine::Postgres,
            writer: Writer::new(pool(POOL, Access::Write)),
            sender: Writer::new(pool(SENDERS, Access::Write)),
            reader: pool(POOL, Access::Read),
            doubt: Arc::default(),
            answers_within: Some(ANSWER.min(busy_timeout * SILENCE)),
            run: None,
            actor: None,
            wants: Arc::default(),
        })
    }
}

/// The index for [`Engine::by_bytes`] of addresses. No migration can make it, for SQLite knows no such order by name and
/// needs none. Whoever finds it there locks nothing.
async fn index_prefixes(connection: &mut AnyConnection) -> Result<(), StoreError> {
    const FIND: &str =
        "SELECT 1 FROM pg_indexes WHERE schemaname = current_schema AND indexname = 'subscribers_by_prefix'";
    if sqlx::query(FIND).fetch_optional(&mut *connection).await?.is_some() {
        return Ok(());
    }
    let make = "BEGIN; LOCK TABLE subscribers IN SHARE ROW EXCLUSIVE MODE;
         CREATE INDEX IF NOT EXISTS subscribers_by_prefix ON subscribers (address_key COLLATE \"C\"); COMMIT";
    connection.execute(make).await?;
    Ok(())
}

/// The URL that sqlx wants for a file: whole, for what stands first in a URL is taken for a host, and with %XX, which
/// sqlx undoes, for whatever could end its path.
fn sqlite_url(file: &Path) -> String {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut url = String::from("sqlite://");
    for byte in whole.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url + "?mode=rwc"
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// The one path by which every process names a database file, also when some come to it over a symbolic link: the
/// locks beside it must be the same for all. Its folder is made when it is missing.
fn real_path(file: &Path) -> std::io::Result<PathBuf> {
    if let Ok(real) = file.canonicalize() {
        return Ok(real);
    }
    let (folder, name) = (file.parent().unwrap_or(Path::new("")), file.file_name().unwrap_or_default());
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::fs::create_dir_all(folder)?;
    Ok(folder.canonicalize()?.join(name))
}

/// sqlx locks PostgreSQL while it migrates, but not SQLite, where two first runs would both make the tables.
fn lock_for_migration(engine: &Engine) -> std::io::Result<File> {
    let path = engine.beside(".lock").expect("SQLite has a file");
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.lock()?;
    Ok(file)
}

async fn sqlite_pool(url: &str, access: Access, Options { busy_timeout }: Options) -> Result<AnyPool, sqlx::Error> {
    let options = AnyConnectOptions::from_str(url)?.disable_statement_logging();
    let connections = match access {
        Access::Write => 1,
        Access::Read => POOL,
    };
    // The pool would try again and again to open what is no database; whoever starts us wants to hear of it at once.
    let mut probe = AnyConnection::connect_with(&options).await?;
    set_pragmas(&mut probe, access, busy_timeout).await?;
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(busy_timeout * 2)
        // A file does not hang up, and to ask each time would cost as much as the statement.
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(set_pragmas(connection, access, busy_timeout)))
        .connect_with(options)
        .await?;
    probe.close().await?;
    Ok(pool)
}

/// Connections that are made when they are wanted. One that writes waits for a locked row no longer than for a connection:
/// who waits for more holds what others could write by. Of one that the network has lost the server gives up the locks, too.
fn postgres_pool(options: AnyConnectOptions, connections: u32, access: Access, busy_timeout: Duration) -> AnyPool {
    let setting = match access {
        Access::Write => format!(
            "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            busy_timeout.as_millis(),
            (busy_timeout * SILENCE).as_millis()
        ),
        Access::Read => "SET default_transaction_read_only = on".to_owned(),
    };
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(busy_timeout)
        // sqlx would ask by itself, and wait for the answer for ever: a connection that nobody ends would keep its place.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_there(connection)))
        .after_release(|connection, _| Box::pin(is_there(connection)))
        .after_connect(move |connection, _| {
            let setting = setting.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(setting)).await.map(|_| ()) })
        })
        .connect_lazy_with(options)
}

/// True when the server answers; an error closes the connection.
async fn is_there(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    timeout(PING, connection.ping()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
}

async fn set_pragmas(
    connection: &mut AnyConnection,
    access: Access,
    busy_timeout: Duration,
) -> Result<(), sqlx::Error> {
    let wait = busy_timeout.as_millis();
    let query_only = match access {
        Access::Write => "OFF",
        Access::Read => "ON",
    };
    let pragmas = format!(
        "PRAGMA busy_timeout = {wait}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 67108864;
         PRAGMA query_only = {query_only};"
    );
    connection.execute(AssertSqlSafe(pragmas)).await?;
    Ok(())
}

/// A failed migration keeps the meaning of what stopped it, so that "read-only" and "full" are still said.
fn migration(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::Execute(cause) | sqlx::migrate::MigrateError::ExecuteMigration(cause, _) => {
            StoreError::from(cause)
        }
        other => StoreError::Migration(other),
    }
}

/// Opening may itself fail for a reason that callers know, such as a read-only file.
fn opening(place: &str, error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Engine(source) => unreachable(place, source),
        known => known,
    }
}

fn unreachable(place: &str, source: sqlx::Error) -> StoreError {
    StoreError::Unreachable { place: place.to_owned(), source }
}

fn without_password(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "postgres://…".to_owned(),
        |url| format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or(""), url.path()),
    )
}
