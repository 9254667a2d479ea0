//! All that the store of a world holds, as text: each row of each table, read around the program. Two of these tell
//! whether anything was changed between them.

use std::collections::BTreeSet;

use sqlx::{AnyConnection, AssertSqlSafe, Connection, query_scalar};

use super::{World, eventually};

/// The rows of every table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows(BTreeSet<String>);

impl Rows {
    /// The rows that hold this text.
    pub(crate) fn with(&self, text: &str) -> Vec<&String> {
        self.0.iter().filter(|row| row.contains(text)).collect()
    }

    /// The rows that only one of the two has, as lines: `- …` was there, `+ …` is there now.
    pub(crate) fn changes(&self, now: &Self) -> Vec<String> {
        let gone = self.0.difference(&now.0).map(|row| format!("- {row}"));
        gone.chain(now.0.difference(&self.0).map(|row| format!("+ {row}"))).collect()
    }
}

impl World {
    /// Every row that its store has now, as lines: what is not in it is not in the database.
    pub(crate) async fn dump(&self) -> String {
        self.rows().await.0.into_iter().collect::<Vec<_>>().join("\n")
    }

    /// A connection to its database around the program: to look at rows, or to do what a person or a fault would.
    pub(crate) async fn raw(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.database).await.expect("the database opens")
    }

    /// Does something to its database around the program.
    pub(crate) async fn sql(&self, statement: &str) {
        let mut raw = self.raw().await;
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut raw).await.expect("the engine does it");
        raw.close().await.expect("it closes");
    }

    /// Waits until somebody waits, on PostgreSQL, for what another transaction holds.
    pub(crate) async fn is_waited_for(&self) {
        let mut raw = self.raw().await;
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("somebody to wait for a lock", async || {
            query_scalar::<_, i64>(waiting).fetch_one(&mut raw).await.expect("a number") > 0
        })
        .await;
    }

    /// Every row that its store has now.
    pub(crate) async fn rows(&self) -> Rows {
        let mut raw = self.raw().await;
        let is_sqlite = self.database.starts_with("sqlite:");
        let tables = if is_sqlite {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        } else {
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'"
        };
        let tables: Vec<String> = query_scalar(tables).fetch_all(&mut raw).await.expect("the tables");
        let mut rows = BTreeSet::new();
        for table in tables {
            let all = if is_sqlite {
                let columns = format!("SELECT name FROM pragma_table_info('{table}')");
                let columns: Vec<String> =
                    query_scalar(AssertSqlSafe(columns)).fetch_all(&mut raw).await.expect("the columns");
                let values: Vec<_> = columns.iter().map(|name| format!("'{name}=' || quote(\"{name}\")")).collect();
                format!("SELECT {} FROM \"{table}\"", values.join(" || ' ' || "))
            } else {
                format!("SELECT CAST(row_to_json(t) AS TEXT) FROM \"{table}\" t")
            };
            let all: Vec<String> = query_scalar(AssertSqlSafe(all)).fetch_all(&mut raw).await.expect("the rows");
            // Equal rows of a table without a key count as often as they are there.
            let mut all: Vec<_> = all.into_iter().map(|row| format!("{table}: {row}")).collect();
            all.sort_unstable();
            let mut nth = 0;
            for at in 0..all.len() {
                nth = if at > 0 && all[at] == all[at - 1] { nth + 1 } else { 0 };
                rows.insert(if nth == 0 { all[at].clone() } else { format!("{} (again, {nth})", all[at]) });
            }
        }
        assert!(!rows.is_empty(), "a store is never empty");
        Rows(rows)
    }
}
