//! The Markdown files below a folder. A folder comes in; its files go out, with a stamp that changes when they do, and word
//! of those that cannot be posts. Nothing outside the folder is read, wherever links in it lead; how many files, how deep,
//! and how large is limited.

use std::{
    fs::{self, Metadata},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::left_out;
use crate::collect::{CollectError, charset};

/// No more files than this are looked at.
const MAX_FILES: usize = 5_000;

/// No deeper than this below the folder.
const MAX_DEPTH: usize = 16;

/// A larger file is no post, in bytes.
const MAX_SIZE: u64 = 1_000_000;

/// A Markdown file.
pub(super) struct File {
    path: PathBuf,
    /// The way to it from the folder, without the extension, with slashes.
    pub(super) name: String,
    /// In bytes.
    pub(super) size: u64,
}

/// What is in a folder.
#[derive(Default)]
pub(super) struct Files {
    /// Those that may be posts, in the order of their names.
    pub(super) files: Vec<File>,
    /// What a person should know of the others.
    pub(super) told: Vec<String>,
    /// Something could not be read that may be readable the next time.
    pub(super) is_partial: bool,
    seen: usize,
    hash: Sha256,
}

impl Files {
    /// Finds them.
    pub(super) fn below(folder: &Path) -> Result<Self, CollectError> {
        let failed = |error: std::io::Error| CollectError::File {
            path: folder.display().to_string(),
            reason: error.to_string(),
        };
        let root = folder.canonicalize().map_err(failed)?;
        let mut files = Self::default();
        let mut open = vec![(root.clone(), 0)];
        while let Some((place, depth)) = open.pop() {
            match fs::read_dir(&place) {
                Ok(entries) => {
                    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).take(MAX_FILES + 1);
                    files.enter(&root, paths.collect(), depth, &mut open);
                }
                Err(error) if depth == 0 => return Err(failed(error)),
                Err(error) => files.cannot_read(&name_below(&root, &place), &error.to_string()),
            }
        }
        if files.seen > MAX_FILES {
            files.told.push(format!("the folder holds more than {MAX_FILES} files; the rest was not looked at"));
        }
        Ok(files)
    }

    /// What the folder looks like from outside: when that has not changed, neither have the posts.
    pub(super) fn stamp(&self) -> String {
        HEXLOWER.encode(&self.hash.clone().finalize())
    }

    /// Goes through one folder; those in it are left `open`.
    fn enter(&mut self, root: &Path, mut paths: Vec<PathBuf>, depth: usize, open: &mut Vec<(PathBuf, usize)>) {
        paths.sort();
        for path in paths {
            self.seen += 1;
            // What begins so is hidden, or a page that lists others.
            let is_aside = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with(['.', '_']));
            let metadata = match path.symlink_metadata() {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.cannot_read(&name_below(root, &path), &error.to_string());
                    continue;
                }
            };
            match metadata.is_dir() {
                _ if is_aside || self.seen > MAX_FILES => {}
                true if depth < MAX_DEPTH => open.push((path, depth + 1)),
                true => self.tell(&name_below(root, &path), "it lies too deep"),
                false if is_markdown(&path) => self.add(root, path, metadata),
                false => {}
            }
        }
    }

    /// Notes a Markdown file.
    fn add(&mut self, root: &Path, path: PathBuf, metadata: Metadata) {
        let name = name_below(root, &path);
        let followed = match metadata.is_symlink() {
            true => path.canonicalize().and_then(|path| Ok((path.metadata()?, path))),
            false => Ok((metadata, path)),
        };
        let (metadata, path) = match followed {
            Ok(followed) => followed,
            // A link that leads nowhere is no post that we missed.
            Err(error) if error.kind() == ErrorKind::NotFound => return self.tell(&name, &error.to_string()),
            Err(error) => return self.cannot_read(&name, &error.to_string()),
        };
        if !path.starts_with(root) {
            self.tell(&name, "it is a link that leads out of the folder");
        } else if !metadata.is_file() {
            self.tell(&name, "it is not a plain file");
        } else if metadata.len() > MAX_SIZE {
            self.tell(&name, &format!("it is larger than {MAX_SIZE} bytes"));
        } else {
            let changed =
                metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            self.hash.update(format!("{name}\0{}\0{}\n", metadata.len(), changed.as_nanos()));
            self.files.push(File { path, name, size: metadata.len() });
        }
    }

    /// Notes what is there and could not be read.
    pub(super) fn cannot_read(&mut self, name: &str, why: &str) {
        self.is_partial = true;
        self.tell(name, why);
    }

    fn tell(&mut self, name: &str, why: &str) {
        self.told.push(left_out(name, why));
    }
}

impl File {
    /// Its text, as far as `limit` bytes.
    pub(super) fn text(&self, limit: u64) -> Result<String, String> {
        let mut bytes = Vec::new();
        let file = fs::File::open(&self.path).map_err(|error| error.to_string())?;
        file.take(limit.min(MAX_SIZE)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(charset::decode(&bytes, None))
    }
}

fn is_markdown(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["md", "markdown"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// The way from the folder to something in it, without an extension of Markdown.
fn name_below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let below = if is_markdown(below) { below.with_extension("") } else { below.to_owned() };
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
