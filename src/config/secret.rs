//! Secrets: given as a text, by `{ env = "NAME" }` or by `{ file = "path" }`. What goes out prints as nothing, and no
//! mistake quotes it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use secrecy::{ExposeSecret, SecretString};
use toml::de::DeValue;

use super::{
    mistake::Problem,
    section::{Section, Value},
};
use crate::domain::token::Secret;

/// The most that a secret's file may hold.
const LARGEST: u64 = 64 * 1024;

/// Where the key that signs links comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// From config.toml, the environment or a file.
    Given(Secret),
    /// From a file beside the SQLite database, made when it is not there yet.
    BesideDatabase,
}

impl Value<'_, '_> {
    /// A secret text, such as a password. It is not empty.
    pub(super) fn secret(&self) -> Result<SecretString, Problem> {
        let secret = match &self.value {
            DeValue::String(text) => text.clone().into_owned(),
            DeValue::Table(_) => self.secret_elsewhere()?,
            _ => return Err(self.expected("a text, `{ env = \"NAME\" }` or `{ file = \"path\" }`")),
        };
        if secret.is_empty() { Err(Problem::new("is empty")) } else { Ok(secret.into()) }
    }

    /// The text of a file that is no secret but goes with one, such as a certificate.
    pub(super) fn text_of_file(&self) -> Result<String, Problem> {
        let path = self.path()?;
        let unread = |error| Problem::new(format!("cannot read the file `{}`: {error}", path.display()));
        let text = read_secret(&path).map_err(unread)?;
        if text.is_empty() { Err(Problem::new("is an empty file")) } else { Ok(text) }
    }

    /// The key that signs links.
    pub(super) fn signing_key(&self) -> Result<SecretSource, Problem> {
        let text = self.secret()?;
        match Secret::new(text.expose_secret().as_bytes().to_vec()) {
            Some(secret) => Ok(SecretSource::Given(secret)),
            None => Err(Problem::new("is shorter than 16 bytes").hint("make one with `openssl rand -hex 32`")),
        }
    }

    fn secret_elsewhere(&self) -> Result<String, Problem> {
        const BOTH: &str = "expected either `env` or `file`";
        let Some(mut section) = Section::of(self) else { return Err(Problem::new(BOTH)) };
        let (env, file) = (section.take("env"), section.take("file"));
        section.finish();
        match (env, file) {
            (Some(env), None) => {
                let name = env.text()?;
                let unset = || {
                    Problem::new(format!("the environment variable `{name}` is not set"))
                        .hint("set it where Tidings starts, or use `{ file = \"…\" }`")
                };
                env.source.variable(name).ok_or_else(unset)
            }
            (None, Some(file)) => {
                let path = file.path()?;
                let secret = read_secret(&path)
                    .map_err(|error| Problem::new(format!("cannot read the file `{}`: {error}", path.display())))?;
                file.warn_when_open(&path);
                Ok(secret)
            }
            _ => Err(Problem::new(BOTH)),
        }
    }

    /// Warns when more people than its owner and its group may read a secret's file, or others may write it.
    #[cfg(unix)]
    fn warn_when_open(&self, path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let Ok(metadata) = path.metadata() else { return };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o027 != 0 {
            let path = path.display();
            self.warn(
                Problem::new(format!("the file `{path}` is open to others (mode {mode:o})"))
                    .hint(format!("chmod 600 {path}")),
            );
        }
    }

    #[cfg(not(unix))]
    fn warn_when_open(&self, _path: &Path) {}
}

/// A file's text without the line break at its end.
fn read_secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
