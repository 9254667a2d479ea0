//! Looks at a folder of Markdown files with front matter, from which a static site is made. The folder comes in; its posts
//! go out, the newest first. Drafts are none. A file that cannot be read is told and costs no other. Nothing outside the
//! folder is read, wherever links in it lead; how many files, and how much of them, is limited.

use std::{
    fs::{self, File, Metadata},
    io::Read,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use data_encoding::HEXLOWER;
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::Offset,
};
use pulldown_cmark::{Options, Parser, html};
use sha2::{Digest, Sha256};

use super::{
    CollectError, Found, Look, charset, dates,
    front_matter::{self, FrontMatter},
    given::{self, Given},
};
use crate::domain::{
    feed::{Feed, FeedState},
    link_pattern::{LinkPattern, Parts},
};

/// No more files than this are looked at.
const MAX_FILES: usize = 5_000;

/// No deeper than this below the folder.
const MAX_DEPTH: usize = 16;

/// No more posts than this are read: the newest.
const MAX_POSTS: usize = 500;

/// A larger file is no post, in bytes.
const MAX_SIZE: u64 = 1_000_000;

/// No more files than this are told by name.
const MAX_TOLD: usize = 10;

/// The longest shortcode, in bytes; what is longer is text.
const MAX_SHORTCODE: usize = 500;

/// A Markdown file.
struct Page {
    path: PathBuf,
    /// The way to it from the folder, without the extension, with slashes.
    name: String,
    size: u64,
}

/// A file that is a post, before its text is read.
struct Known {
    page: Page,
    matter: FrontMatter,
    date: Option<Timestamp>,
}

/// What was read, and what could not be.
#[derive(Default)]
struct Reader {
    pages: Vec<Page>,
    /// What the folder looks like from outside: when that has not changed, neither have the posts.
    stamp: Sha256,
    told: Vec<String>,
}

/// Looks at the folder of `feed`, taking in no more than so many bytes of text.
pub(super) async fn look(
    max_bytes: usize,
    feed: &Feed,
    links: &LinkPattern,
    state: &FeedState,
) -> Result<Look, CollectError> {
    let folder = feed.url.to_file_path().map_err(|()| CollectError::Address)?;
    let (links, known, site) = (links.clone(), state.etag.clone(), feed.url.clone());
    let failed =
        CollectError::File { path: folder.display().to_string(), reason: "its files made the reader fail".into() };
    let reading = move || {
        let mut reader = Reader::default();
        reader.enter(&folder)?;
        reader.stamp.update(format!("{links:?}"));
        let stamp = format!("\"folder-{}\"", HEXLOWER.encode(&reader.stamp.finalize_reset()));
        if known.as_ref() == Some(&stamp) {
            return Ok(Look::of_folder(Found::NotModified, stamp, Vec::new()));
        }
        let given = reader.posts(&links, max_bytes);
        let posts = given::posts(given, &site);
        Ok(Look::of_folder(Found::Posts(posts), stamp, reader.warnings()))
    };
    tokio::task::spawn_blocking(reading).await.map_err(|_| failed)?
}

impl Look {
    fn of_folder(found: Found, stamp: String, warnings: Vec<String>) -> Self {
        Self { found, etag: Some(stamp), last_modified: None, moved_to: None, warnings, offer: None }
    }
}

impl Reader {
    /// Finds the Markdown files of a folder, in the order of their names.
    fn enter(&mut self, folder: &Path) -> Result<(), CollectError> {
        let failed = |error: std::io::Error| CollectError::File {
            path: folder.display().to_string(),
            reason: error.to_string(),
        };
        let root = folder.canonicalize().map_err(failed)?;
        let mut open = vec![(root.clone(), 0)];
        let mut seen = 0;
        while let Some((place, depth)) = open.pop() {
            let entries = match fs::read_dir(&place) {
                Ok(entries) => entries,
                Err(error) if depth == 0 => return Err(failed(error)),
                Err(error) => {
                    self.tell(&name_below(&root, &place), &error.to_string());
                    continue;
                }
            };
            let mut paths: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).take(MAX_FILES + 1).collect();
            paths.sort();
            for path in paths {
                seen += 1;
                if seen > MAX_FILES {
                    self.told.push(format!("the folder holds more than {MAX_FILES} files; the rest was not looked at"));
                    return Ok(());
                }
                // What begins so is hidden, or a page that lists others.
                let is_aside = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with(['.', '_']));
                let Ok(metadata) = path.symlink_metadata() else { continue };
                match metadata.is_dir() {
                    _ if is_aside => {}
                    true if depth < MAX_DEPTH => open.push((path, depth + 1)),
                    true => self.tell(&name_below(&root, &path), "it lies too deep"),
                    false if is_markdown(&path) => self.add(&root, path, metadata),
                    false => {}
                }
            }
        }
        Ok(())
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
            Err(error) => return self.tell(&name, &error.to_string()),
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
            self.stamp.update(format!("{name}\0{}\0{}\n", metadata.len(), changed.as_nanos()));
            self.pages.push(Page { path, name, size: metadata.len() });
        }
    }

    /// The newest posts, with their texts, as far as these come to no more than so many bytes.
    fn posts(&mut self, links: &LinkPattern, max_bytes: usize) -> Vec<Given> {
        let mut known: Vec<Known> = Vec::new();
        for page in std::mem::take(&mut self.pages) {
            let begin = u64::try_from(2 * front_matter::LONGEST).unwrap_or(u64::MAX);
            let read = read(&page.path, begin).and_then(|text| front_matter::part(&text).map(|(matter, _)| matter));
            match read {
                Ok(matter) if matter.is_draft() => {}
                Ok(matter) => known.push(Known { date: date(&matter, &page), matter, page }),
                Err(why) => self.tell(&page.name, &why),
            }
        }
        known.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.page.name.cmp(&b.page.name)));
        let mut left = max_bytes as u64;
        let total = known.len();
        let mut posts = Vec::new();
        for Known { page, matter, date } in known {
            let Some(rest) = left.checked_sub(page.size).filter(|_| posts.len() < MAX_POSTS) else {
                self.told.push(format!("the folder holds {total} posts; the newest {} were read", posts.len()));
                break;
            };
            left = rest;
            match read(&page.path, MAX_SIZE)
                .and_then(|text| Ok(given(&page, &matter, date, front_matter::part(&text)?.1, links)))
            {
                Ok(post) => posts.push(post),
                Err(why) => self.tell(&page.name, &why),
            }
        }
        posts
    }

    fn tell(&mut self, name: &str, why: &str) {
        self.told.push(format!("`{name}` was left out: {why}"));
    }

    fn warnings(mut self) -> Vec<String> {
        let more = self.told.len().saturating_sub(MAX_TOLD);
        self.told.truncate(MAX_TOLD);
        if more > 0 {
            self.told.push(format!("and {more} more"));
        }
        self.told
    }
}

/// What a file gives of its post.
fn given(page: &Page, matter: &FrontMatter, date: Option<Timestamp>, text: &str, links: &LinkPattern) -> Given {
    let slug = matter.slug.0.as_deref().unwrap_or_else(|| short_name(&page.name).1);
    let day = date.map(|date| Offset::UTC.to_datetime(date).date());
    let own = matter.address().and_then(|address| links.given(address));
    let link = own.or_else(|| links.link(Parts { slug, path: path_of(&page.name), date: day }));
    let text = without_shortcodes(text);
    let excerpt = match matter.summary() {
        Some(summary) => Some(html_of(summary)),
        None => text.split_once("<!--more-->").map(|(before, _)| html_of(before)),
    };
    let picture = matter.picture().and_then(|(address, alt)| {
        let url = link.as_ref().map_or_else(|| links.given(address), |link| link.join(address).ok());
        Some((url?, html_escaped(alt)))
    });
    Given {
        id: matter.id().unwrap_or_default().to_owned(),
        title: html_escaped(matter.title.0.as_deref().unwrap_or_default()),
        link: link.map(String::from),
        text: Some(html_of(&text)),
        excerpt,
        picture,
        categories: matter.categories(),
        published_at: date,
    }
}

/// A file's text, as far as `limit`.
fn read(path: &Path, limit: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(charset::decode(&bytes, None))
}

/// The date that a file gives, or its name does.
fn date(matter: &FrontMatter, page: &Page) -> Option<Timestamp> {
    let given = matter.date.0.as_deref().and_then(dates::read);
    given.or_else(|| Offset::UTC.to_timestamp(short_name(&page.name).0?.to_datetime(Time::midnight())).ok())
}

/// The date and the short name that are in a file's name, such as `2024-04-25-title`.
fn short_name(name: &str) -> (Option<Date>, &str) {
    let own = path_of(name).rsplit('/').next().unwrap_or_default();
    let day = own.get(..10).and_then(|day| day.parse::<Date>().ok());
    match (day, own.get(10..).and_then(|rest| rest.strip_prefix('-'))) {
        (Some(day), Some(rest)) if !rest.is_empty() => (Some(day), rest),
        _ => (None, own),
    }
}

/// The way to a post's page: a post that has a folder for itself is `index` there.
fn path_of(name: &str) -> &str {
    name.strip_suffix("/index").unwrap_or(name)
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

/// The HTML of a post's Markdown; HTML in it stays, for it is cleaned like a feed's.
fn html_of(markdown: &str) -> String {
    let mut made = String::new();
    html::push_html(&mut made, Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH));
    made
}

/// Plain text as HTML.
fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Takes out what only the site's generator can fill in: `{{< … >}}`, `{{ … }}`, `{% … %}`.
fn without_shortcodes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, code) = rest.split_at(at);
        kept.push_str(before);
        let end = match code.as_bytes().get(1) {
            Some(b'{') => Some("}}"),
            Some(b'%') => Some("%}"),
            _ => None,
        };
        let near = &code.as_bytes()[..code.len().min(MAX_SHORTCODE)];
        match end.and_then(|end| memchr::memmem::find(near, end.as_bytes())) {
            Some(end) => rest = &code[end + 2..],
            None => {
                kept.push('{');
                rest = &code[1..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{short_name, without_shortcodes};

    #[test]
    fn a_files_name_may_hold_its_date() {
        for (name, day, slug) in [
            ("2024-04-25-a-title", Some("2024-04-25"), "a-title"),
            ("news/2024-04-25-a-title/index", Some("2024-04-25"), "a-title"),
            ("news/a-title", None, "a-title"),
            ("2024-04-25", None, "2024-04-25"),
            ("2024-13-25-x", None, "2024-13-25-x"),
            ("où-2024-04-25", None, "où-2024-04-25"),
            ("index", None, "index"),
        ] {
            let (found, rest) = short_name(name);
            assert_eq!((found.map(|day| day.to_string()).as_deref(), rest), (day, slug), "{name}");
        }
    }

    #[test]
    fn shortcodes_go_and_braces_stay() {
        let text = "a {{< figure src=\"x\" >}}b{% include y %} c {{ site.url }}/d {x} {{ open {% e";
        assert_eq!(without_shortcodes(text), "a b c /d {x} {{ open {% e");
        assert_eq!(without_shortcodes(&"{{".repeat(100_000)).len(), 200_000);
    }
}
