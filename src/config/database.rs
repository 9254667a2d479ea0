//! Where the store lives: a SQLite file or a PostgreSQL server. A PostgreSQL URL may hold a password, so it prints
//! without its user part.

use std::{fmt, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{mistake::Problem, section::Value};

/// Where the store lives.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A `postgres://` URL, whole.
    Postgres(SecretString),
}

impl Value<'_, '_> {
    /// A `sqlite:` path, relative to the config file's folder, or a `postgres:` URL.
    pub(super) fn database(&self) -> Result<Database, Problem> {
        const HINT: &str = "write \"sqlite://data/tidings.db\" or \"postgres://user:password@host/database\"";
        let url = self.secret()?;
        let text = url.expose_secret();
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.contains(['?', '\0']) {
                    return Err(Problem::new("the path of a SQLite database takes no options").hint(HINT));
                }
                if path.is_empty() || path.ends_with('/') {
                    return Err(Problem::new("names no file").hint(HINT));
                }
                if path.contains(":memory:") {
                    return Err(Problem::new("a database in memory would forget who got what").hint(HINT));
                }
                Ok(Database::Sqlite(self.source.resolve(path)))
            }
            "postgres" | "postgresql" => match Url::parse(text) {
                Ok(parsed) if parsed.path().len() > 1 => Ok(Database::Postgres(url)),
                Ok(_) => Err(Problem::new("names no database").hint(HINT)),
                Err(error) => Err(Problem::new(format!("not a URL: {error}")).hint(HINT)),
            },
            _ => Err(Problem::new("expected a `sqlite:` or `postgres:` URL").hint(HINT)),
        }
    }
}

/// Without user name and password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => match Url::parse(url.expose_secret()) {
                Ok(url) => write!(f, "postgres://{}{}", url.host_str().unwrap_or(""), url.path()),
                Err(_) => f.write_str("postgres://"),
            },
        }
    }
}
