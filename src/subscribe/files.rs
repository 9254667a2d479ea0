//! The folder `subscribers/`: one CSV for each list, kept by hand. New lines join, with the consent "file"; lines that
//! were taken out change nothing, and those who left never come back by it. An unchanged file is not read again.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::import::{BadLines, ImportError, Imported, read_into};
use crate::{
    app::App,
    domain::{consent::Door, slug::Slug},
    store::StoreError,
};

/// How many of a file's bad lines are written into the ledger; all of them are told to whoever reads it.
const TOLD: usize = 100;

/// What reading one file did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The list.
    pub list: Slug,
    /// What it did.
    pub imported: Imported,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system will not give it.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What it holds could not be taken in. Nothing of it was.
    #[error("cannot take in `{}`", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ImportError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the file of every list that has one and whose file has changed. Bad lines are passed over and told; a file
/// that cannot be read does not keep the others from being read.
///
/// # Errors
/// When the store cannot be written.
pub async fn sync_files(app: &App) -> Result<Vec<Result<Synced, FileError>>, StoreError> {
    let mut all = Vec::new();
    for list in &app.config.lists {
        let path = app.config.subscribers.join(format!("{}.csv", list.name));
        if !path.exists() {
            continue;
        }
        match sync(app, &list.name, &path).await {
            Ok(None) => {}
            Ok(Some(imported)) => all.push(Ok(Synced { list: list.name.clone(), imported })),
            Err(FileError::Store(error) | FileError::Import { source: ImportError::Store(error), .. }) => {
                return Err(error);
            }
            Err(error) => all.push(Err(error)),
        }
    }
    Ok(all)
}

async fn sync(app: &App, list: &Slug, path: &Path) -> Result<Option<Imported>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let digest = digest_of(&mut file).map_err(unreadable)?;
    if app.store.file_digest(list).await?.as_deref() == Some(digest.as_str()) {
        return Ok(None);
    }
    file.rewind().map_err(unreadable)?;
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let read = read_into(app, &mut tx, list, BufReader::new(file), Door::File, BadLines::PassOver(usize::MAX)).await;
    let (imported, _) = read.map_err(|source| FileError::Import { path: path.to_owned(), source })?;
    let (now, about) = (app.clock.now(), format!("list:{list}"));
    for bad in imported.bad.iter().take(TOLD) {
        tx.record(now, &about, "passed-over", &format!("in its subscribers file, {bad}")).await?;
    }
    tx.end_file(list, &digest, now).await?;
    tx.commit().await?;
    Ok(Some(imported))
}

fn digest_of(file: &mut File) -> io::Result<String> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(HEXLOWER.encode(&hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}
