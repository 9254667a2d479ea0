//! Files that staff brought and have not decided about yet. Each is kept for an hour at most, for the session that brought
//! it and the list that it was brought for, in a file without a name that nobody else can open and that is gone when this
//! process is. It never reads what is in them.

use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::slug::Slug;

/// The most that one may weigh, in bytes, with the form around it.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

/// How long one is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How many are kept at once, of all sessions together.
const MOST: usize = 8;

/// How many are taken in and read at once: each costs room on the disk, and memory for its addresses.
const AT_ONCE: usize = 4;

/// A file that somebody brought.
#[derive(Debug)]
pub(super) struct Upload {
    /// What is in it.
    pub(super) file: File,
    /// What it was called where it came from.
    pub(super) name: String,
    /// For which list.
    pub(super) list: Slug,
    /// The seal of the session that brought it.
    pub(super) seal: String,
    /// When it came.
    pub(super) at: Timestamp,
}

/// All of them, by a name that nobody can guess.
#[derive(Debug)]
pub(in crate::web) struct Uploads {
    kept: Mutex<HashMap<String, Upload>>,
    turns: Semaphore,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Uploads {
    /// The right to take one in and read it, until it is dropped; `None` when too many do.
    pub(super) fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.try_acquire().ok()
    }

    /// Keeps one, in the place of what the same session brought before, and gives its name; `None` when there are too many.
    pub(super) fn keep(self: &Arc<Self>, upload: Upload) -> Option<String> {
        let name = BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, other| other.seal != upload.seal && upload.at.duration_since(other.at) < KEPT);
        if kept.len() >= MOST {
            return None;
        }
        kept.insert(name.clone(), upload);
        drop(kept);
        tokio::spawn(forget(Arc::downgrade(self), name.clone()));
        Some(name)
    }

    /// Keeps one that was taken out, by the name that it had, until its hour is over; unless it is, or the same session has
    /// brought another meanwhile.
    pub(super) fn put_back(&self, name: String, upload: Upload, now: Timestamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(upload.at) < KEPT && kept.values().all(|other| other.seal != upload.seal) {
            kept.insert(name, upload);
        }
    }

    /// Takes one out, for the session with that seal: nobody else has it, and nobody has it twice.
    pub(super) fn take(&self, name: &str, seal: &str, now: Timestamp) -> Option<Upload> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, upload| now.duration_since(upload.at) < KEPT);
        let is_theirs = kept.get(name).is_some_and(|upload| upload.seal == seal);
        if is_theirs { kept.remove(name) } else { None }
    }
}

/// Lets one go when its hour is over, whether or not anybody asks.
async fn forget(uploads: Weak<Uploads>, name: String) {
    tokio::time::sleep(Duration::try_from(KEPT).expect("an hour is not negative")).await;
    if let Some(uploads) = uploads.upgrade() {
        uploads.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};

    use super::{AT_ONCE, KEPT, MOST, Upload, Uploads};
    use crate::domain::slug::Slug;

    fn upload(seal: &str, at: Timestamp) -> Upload {
        let file = tempfile::tempfile().expect("a temporary file");
        let list = Slug::parse("news").expect("a slug");
        Upload { file, name: "people.csv".to_owned(), list, seal: seal.to_owned(), at }
    }

    #[tokio::test]
    async fn an_upload_is_its_sessions_own_good_once_and_for_an_hour() {
        let (uploads, now) = (Arc::new(Uploads::default()), Timestamp::UNIX_EPOCH);
        let name = uploads.keep(upload("mine", now)).expect("there is room");
        assert!(uploads.take(&name, "other", now).is_none());
        assert!(uploads.take("x", "mine", now).is_none());
        assert!(uploads.take(&name, "mine", now).is_some());
        assert!(uploads.take(&name, "mine", now).is_none());
        let name = uploads.keep(upload("mine", now)).expect("there is room");
        assert!(uploads.take(&name, "mine", now + KEPT).is_none());
    }

    #[tokio::test]
    async fn one_that_is_put_back_is_there_by_its_name_unless_another_took_its_place() {
        let (uploads, now) = (Arc::new(Uploads::default()), Timestamp::UNIX_EPOCH);
        let name = uploads.keep(upload("mine", now)).expect("there is room");
        let taken = uploads.take(&name, "mine", now).expect("it is there");
        uploads.put_back(name.clone(), taken, now);
        let taken = uploads.take(&name, "mine", now).expect("it is there again");
        let newer = uploads.keep(upload("mine", now)).expect("there is room");
        uploads.put_back(name.clone(), taken, now);
        assert!(uploads.take(&name, "mine", now).is_none());
        let taken = uploads.take(&newer, "mine", now).expect("it is there");
        // Its own timer has let it go while it was out.
        uploads.put_back(newer.clone(), taken, now + KEPT);
        assert!(uploads.kept.lock().expect("no panic").is_empty());
    }

    #[test]
    fn only_few_are_read_at_once() {
        let uploads = Uploads::default();
        let turns: Vec<_> = (0..AT_ONCE).map(|_| uploads.turn().expect("a turn")).collect();
        assert!(uploads.turn().is_none());
        drop(turns);
        assert!(uploads.turn().is_some());
    }

    #[tokio::test]
    async fn a_session_has_one_and_all_together_have_few() {
        let (uploads, now) = (Arc::new(Uploads::default()), Timestamp::UNIX_EPOCH);
        let first = uploads.keep(upload("0", now)).expect("there is room");
        for n in 0..MOST {
            assert!(uploads.keep(upload(&n.to_string(), now)).is_some(), "{n}");
        }
        assert!(uploads.take(&first, "0", now).is_none(), "another has taken its place");
        assert!(uploads.keep(upload("one more", now)).is_none());
        assert!(uploads.keep(upload("later", now + KEPT + SignedDuration::from_secs(1))).is_some());
    }
}
