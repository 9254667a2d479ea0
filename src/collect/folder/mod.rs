//! Looks at a folder of Markdown files with front matter, from which a static site is made. The folder comes in; its posts
//! go out, the newest first. Drafts are none. A file that cannot be read is told and costs no other.

mod files;
mod front_matter;
mod page;
mod value;

use jiff::Timestamp;

use self::{
    files::{File, Files},
    front_matter::FrontMatter,
};
use super::{CollectError, Found, Look, apart::Apart, fields, parse};
use crate::domain::{
    feed::{Feed, FeedState},
    link_pattern::LinkPattern,
};

/// No more posts than this are read: the newest.
const MAX_POSTS: usize = 500;

/// No more files than this are told by name.
const MAX_TOLD: usize = 10;

/// So much of a file holds its front matter, in bytes.
const BEGINNING: u64 = 2 * front_matter::LONGEST as u64;

/// A file that is a post, before its text is read.
struct Known {
    file: File,
    matter: FrontMatter,
    date: Option<Timestamp>,
}

/// Looks at the folder of `feed`, taking in no more than so many bytes of text.
pub(super) async fn look(
    readers: &Apart,
    max_bytes: usize,
    feed: &Feed,
    links: &LinkPattern,
    state: &FeedState,
) -> Result<Look, CollectError> {
    let folder = feed.url.to_file_path().map_err(|()| CollectError::Address)?;
    let (links, known, site) = (links.clone(), state.etag.clone(), feed.url.clone());
    let is_first = state.baseline_at.is_none();
    let reading = move || {
        let mut files = Files::below(&folder)?;
        let stamp = format!("\"{} {}\"", files.stamp(), links.as_str());
        let (found, told) = match known.as_ref() == Some(&stamp) {
            true => (Found::NotModified, Vec::new()),
            false => {
                let found = posts(&mut files, &links, max_bytes);
                // At the first look it would be taken for news when it can be read.
                if files.is_partial && is_first {
                    let why = files.told.first().cloned().unwrap_or_default();
                    return Err(CollectError::File { path: folder.display().to_string(), reason: why });
                }
                (Found::Posts(parse::posts(&found, &site, &mut files.told)), shortened(files.told))
            }
        };
        let is_partial = files.is_partial;
        // What could not be read may be readable the next time, without a trace in the stamp.
        let etag = (!is_partial).then_some(stamp);
        Ok(Look { found, etag, last_modified: None, moved_to: None, warnings: told, offer: None })
    };
    readers.run(reading).await?
}

/// The newest posts, with their texts, as far as these come to no more than so many bytes.
fn posts(files: &mut Files, links: &LinkPattern, max_bytes: usize) -> Vec<fields::Given> {
    let mut known: Vec<Known> = Vec::new();
    for file in std::mem::take(&mut files.files) {
        let text = match file.text(BEGINNING) {
            Ok(text) => text,
            Err(why) => {
                files.cannot_read(&file.name, &why);
                continue;
            }
        };
        match front_matter::part(&text).map(|(matter, _)| matter) {
            Ok(matter) if matter.is_draft() => {}
            Ok(matter) => known.push(Known { date: page::date(&matter, &file.name), matter, file }),
            Err(why) => files.told.push(left_out(&file.name, &why)),
        }
    }
    known.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.file.name.cmp(&b.file.name)));
    let mut left = max_bytes as u64;
    let total = known.len();
    let mut posts = Vec::new();
    for Known { file, matter, date } in known {
        let Some(rest) = left.checked_sub(file.size).filter(|_| posts.len() < MAX_POSTS) else {
            files.told.push(format!("the folder holds {total} posts; the newest {} were read", posts.len()));
            break;
        };
        left = rest;
        let text = match file.text(file.size) {
            Ok(text) => text,
            Err(why) => {
                files.cannot_read(&file.name, &why);
                continue;
            }
        };
        match front_matter::part(&text) {
            Ok((_, text)) => posts.push(page::found(&file.name, &matter, date, text, links)),
            Err(why) => files.told.push(left_out(&file.name, &why)),
        }
    }
    posts
}

fn left_out(name: &str, why: &str) -> String {
    format!("`{name}` was left out: {why}")
}

/// The first of what is to be told, and how much more there is.
fn shortened(mut told: Vec<String>) -> Vec<String> {
    let more = told.len().saturating_sub(MAX_TOLD);
    told.truncate(MAX_TOLD);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told
}
