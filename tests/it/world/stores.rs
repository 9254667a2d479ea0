//! Fresh stores on both engines. Each test gets a SQLite file of its own and a PostgreSQL database of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection};
use tempfile::TempDir;
use tidings::store::{Options, Store};
use url::Url;

use super::wire::Wire;

/// A store that goes away with its test.
pub(crate) struct TestStore {
    /// The store.
    pub(crate) store: Store,
    /// The PostgreSQL URL; none: SQLite.
    url: Option<String>,
    /// Where the SQLite file is, and a place for other files.
    pub(crate) folder: TempDir,
}

impl TestStore {
    /// Opens the same database once more, as another process would.
    pub(crate) async fn open_again(&self) -> Store {
        let opened = match &self.url {
            Some(url) => Store::open_postgres(url).await,
            None => Store::open_sqlite(&self.folder.path().join("tidings.db")).await,
        };
        opened.expect("the store opens again")
    }

    /// True when it is on PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.url.is_some()
    }

    /// A connection for SQL of a test's own: to look at rows, or to get in the way.
    pub(crate) async fn raw(&self) -> AnyConnection {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", self.folder.path().join("tidings.db").display()),
        };
        AnyConnection::connect(&url).await.expect("the engine answers")
    }
}

/// A SQLite store in a folder of its own.
pub(crate) async fn sqlite() -> TestStore {
    sqlite_with(Options::default()).await
}

/// The same, to be used otherwise.
pub(crate) async fn sqlite_with(options: Options) -> TestStore {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("tidings.db");
    let store = Store::open_sqlite_with(&file, options).await.expect("a new SQLite store opens");
    TestStore { store, url: None, folder }
}

/// A PostgreSQL store in a database of its own, on the server that `scripts/test` started.
pub(crate) async fn postgres() -> TestStore {
    let url = postgres_database().await;
    let folder = TempDir::new().expect("a temporary folder");
    let store = Store::open_postgres(&url).await.expect("a new PostgreSQL store opens");
    TestStore { store, url: Some(url), folder }
}

/// A PostgreSQL store behind a wire that can be cut. What a test does with [`TestStore::raw`] goes around the wire.
pub(crate) async fn postgres_by_wire(options: Options) -> (TestStore, Wire) {
    let url = postgres_database().await;
    let (folder, wire) = (TempDir::new().expect("a temporary folder"), Wire::to(&url).await);
    let store = Store::open_postgres_with(&wire.url, options).await.expect("a new PostgreSQL store opens");
    (TestStore { store, url: Some(url), folder }, wire)
}

/// The URL of a new, empty PostgreSQL database.
pub(crate) async fn postgres_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("TIDINGS_TEST_POSTGRES")
        .expect("TIDINGS_TEST_POSTGRES names a PostgreSQL server; run the tests by scripts/test, which starts one");
    let mut url: Url = server.parse().expect("TIDINGS_TEST_POSTGRES is a URL");
    sqlx::any::install_default_drivers();
    url.set_path("postgres");
    let admin = AnyPool::connect(url.as_str()).await.expect("the test server answers");
    let name = format!("t_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.expect("a new database");
    admin.close().await;
    url.set_path(&name);
    url.into()
}

tokio::task_local! {
    static ENGINE: Told;
}

/// On which engine a story is told that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    OnPostgres,
}

/// Tells a story in which every house that names no engine keeps its rows on PostgreSQL.
pub(crate) async fn on_postgres(story: impl Future<Output = ()>) {
    ENGINE.scope(Told::OnPostgres, story).await;
}

/// Whether the story that is being told is one of these.
pub(super) fn is_told_on_postgres() -> bool {
    ENGINE.try_with(|told| *told == Told::OnPostgres).unwrap_or(false)
}

/// Tells the story of that name on both engines. It stands in the place of `#[tokio::test]`.
macro_rules! told_on_both_engines {
    ($story:ident) => {
        mod $story {
            #[tokio::test]
            async fn on_sqlite() {
                super::$story().await;
            }

            #[tokio::test]
            async fn on_postgres() {
                $crate::world::stores::on_postgres(super::$story()).await;
            }
        }
    };
}
pub(crate) use told_on_both_engines;

/// Runs a claim about the store on both engines, and says which one broke it.
macro_rules! on_both_engines {
    ($(#[doc = $doc:literal])* $name:ident, $body:expr) => {
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports, reason = "the body is written against the names of its parent")]
            use super::*;

            #[tokio::test]
            async fn on_sqlite() {
                let body = $body;
                body(&$crate::world::stores::sqlite().await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                let body = $body;
                body(&$crate::world::stores::postgres().await).await;
            }
        }
    };
}
pub(crate) use on_both_engines;
