//! The folder that copies what the inbox holds: one `.eml` file for each message, named by number and subject. A file
//! is written under a temporary name and then renamed, so that whoever watches the folder sees only whole messages.
//! Nothing outside the folder is ever written, whatever a subject says.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mail_parser::{Address, MessageParser};

use super::kept::KeptMessage;
use super::smtp::SIZE_MAX;

/// A message read from the folder, and its file.
pub(super) type Filed = (KeptMessage, PathBuf);

/// The largest number that a file's name may give; beyond it the name is somebody else's.
const NUMBER_MAX: u64 = 999_999_999_999;

/// Writes `message` into `folder` and gives the file's path.
pub(super) fn write(folder: &Path, message: &KeptMessage) -> io::Result<PathBuf> {
    let name = file_name(message.id, &message.glance().subject);
    let unfinished = folder.join(format!(".{name}.part"));
    let finished = folder.join(name);
    fs::write(&unfinished, &message.bytes)?;
    fs::rename(&unfinished, &finished)?;
    Ok(finished)
}

/// Makes the folder if it is missing and reads the newest `limit` messages in it, oldest first. Files larger than
/// the inbox would accept are passed over.
pub(super) fn read(folder: &Path, limit: usize) -> io::Result<Vec<Filed>> {
    fs::create_dir_all(folder)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension() == Some(OsStr::new("eml")) && path.is_file() {
            files.push((number(&path).unwrap_or(u64::MAX), path));
        }
    }
    files.sort();
    let mut filed: Vec<Filed> = Vec::new();
    let beyond = files.len().saturating_sub(limit);
    for (number, path) in files.into_iter().skip(beyond) {
        let facts = fs::metadata(&path)?;
        if facts.len() > SIZE_MAX as u64 {
            tracing::warn!(file = %path.display(), "passed over: larger than a message may be");
            continue;
        }
        let last = filed.last().map_or(0, |(message, _)| message.id);
        // A file that somebody else put there comes after ours and is given the next number.
        let id = if number > last && number <= NUMBER_MAX { number } else { last + 1 };
        let written_at = Timestamp::try_from(facts.modified()?).unwrap_or(Timestamp::UNIX_EPOCH);
        filed.push((from_bytes(id, written_at, fs::read(&path)?), path));
    }
    Ok(filed)
}

/// A message whose envelope is lost: its headers stand in.
fn from_bytes(id: u64, received_at: Timestamp, bytes: Vec<u8>) -> KeptMessage {
    let addresses = |header: Option<&Address<'_>>| -> Vec<String> {
        let all = header.into_iter().flat_map(Address::iter);
        all.filter_map(|person| person.address().map(str::to_owned)).collect()
    };
    let parsed = MessageParser::default().parse_headers(&bytes);
    let (sender, recipients) = parsed.map_or_else(Default::default, |parsed| {
        let mut recipients = addresses(parsed.to());
        recipients.extend(addresses(parsed.cc()));
        (addresses(parsed.from()).into_iter().next().unwrap_or_default(), recipients)
    });
    KeptMessage::new(id, received_at, sender, recipients, bytes)
}

/// `000042-meeting-in-geneva.eml`: only digits, `a-z` and hyphens, whatever the subject holds.
pub(super) fn file_name(id: u64, subject: &str) -> String {
    let mut slug = String::new();
    for c in subject.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == 40 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    format!("{id:06}-{}.eml", if slug.is_empty() { "message" } else { slug })
}

/// The number at the front of one of our names.
fn number(path: &Path) -> Option<u64> {
    let (digits, _) = path.file_name()?.to_str()?.split_once('-')?;
    digits.parse().ok().filter(|number| (1..=NUMBER_MAX).contains(number))
}

#[cfg(test)]
mod tests {
    use super::{file_name, number};
    use std::path::Path;

    #[test]
    fn a_hostile_subject_makes_a_tame_file_name() {
        assert_eq!(file_name(42, "Meeting in Geneva: day 1"), "000042-meeting-in-geneva-day-1.eml");
        assert_eq!(file_name(7, "../../etc/passwd\0\r\n"), "000007-etc-passwd.eml");
        assert_eq!(file_name(1, "Мир"), "000001-message.eml");
        assert_eq!(file_name(1_234_567, &"a".repeat(99)), format!("1234567-{}.eml", "a".repeat(40)));
    }

    #[test]
    fn only_our_own_names_give_a_number() {
        assert_eq!(number(Path::new("/x/000042-a.eml")), Some(42));
        for foreign in ["a-b.eml", "000000-a.eml", "99999999999999999999-a.eml", "42.eml"] {
            assert_eq!(number(Path::new(foreign)), None, "{foreign}");
        }
    }
}
