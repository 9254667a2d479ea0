//! A Maildir as a door: what is in its `new` is taken, and then goes to `cur` with the flag S, or is deleted. Files come
//! in; nothing in `tmp` or `cur` is ever read, and what cannot be taken stays where it is.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, ErrorKind, Read},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use super::DoorError;
use crate::{
    app::App,
    config::Afterwards,
    intake::{self, ENOUGH, Incoming},
};

/// Takes every letter in `new`, the oldest name first. One that cannot be read does not keep back the others.
pub(super) async fn take_new(app: &App) -> Result<(), DoorError> {
    let Some(folder) = &app.config.intake.maildir else { return Ok(()) };
    let trouble = |path: &Path| {
        let path = path.to_owned();
        move |source| DoorError::Maildir { path, source }
    };
    let new = folder.join("new");
    let names = off_the_road({
        let new = new.clone();
        move || names_in(&new)
    });
    let mut first_trouble = None;
    for name in names.await.map_err(trouble(&new))? {
        let path = new.join(&name);
        let read = off_the_road({
            let path = path.clone();
            move || read(&path)
        });
        let settled = match read.await {
            Ok(None) => continue,
            Ok(Some(bytes)) => {
                let incoming = Incoming { recipient: None, sender: None, bytes: &bytes };
                match intake::take(app, &incoming).await {
                    Ok(_) => {}
                    Err(error) if error.may_pass() => return Err(error.into()),
                    // It is this letter's own trouble, and is looked at again with the next look.
                    Err(error) => {
                        first_trouble.get_or_insert(error.into());
                        continue;
                    }
                }
                let (folder, afterwards) = (folder.clone(), app.config.intake.taken);
                off_the_road(move || settle(&folder, &name, afterwards)).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            first_trouble.get_or_insert(trouble(&path)(error));
        }
    }
    first_trouble.map_or(Ok(()), Err)
}

/// The names in `new`, sorted: they begin with the time.
fn names_in(new: &Path) -> io::Result<Vec<OsString>> {
    let names: io::Result<Vec<OsString>> =
        fs::read_dir(new)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let mut names = names?;
    names.retain(|name| !name.as_bytes().starts_with(b"."));
    names.sort();
    Ok(names)
}

/// As much of a letter as counts; `None` for what is no letter, or was taken by another process meanwhile.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let opened = match fs::symlink_metadata(path) {
        // Whoever opens a pipe waits for its other end.
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Ok(_) => File::open(path),
        Err(error) => Err(error),
    };
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(ENOUGH as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// What becomes of a letter that was taken.
fn settle(folder: &Path, name: &OsStr, afterwards: Afterwards) -> io::Result<()> {
    let letter = folder.join("new").join(name);
    let done = match afterwards {
        Afterwards::Delete => fs::remove_file(letter),
        Afterwards::Keep => fs::rename(letter, folder.join("cur").join(seen(name))),
    };
    match done {
        // Another process that took it too was faster.
        Err(error) if error.kind() == ErrorKind::NotFound && folder.join("cur").is_dir() => Ok(()),
        done => done,
    }
}

/// The name of a letter that was read.
fn seen(name: &OsStr) -> OsString {
    let bare = name.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
    let mut seen = OsStr::from_bytes(bare).to_owned();
    seen.push(":2,S");
    seen
}

/// A disk may take its time, and others must not wait for it.
async fn off_the_road<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
