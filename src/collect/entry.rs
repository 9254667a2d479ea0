//! One entry of a feed to one post: which link, which text, which picture, and what it will be known by. What the feed
//! says of an entry comes in; a clean post goes out, or nothing when there is nothing to show.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    clean, event,
    fields::Given,
    plain, summary,
    words::{Kind, Words},
};
use crate::domain::post::Post;

/// A longer id is known by its hash, in bytes.
const MAX_ID: usize = 500;

/// A longer address is none, in bytes.
const MAX_ADDRESS: usize = 2_000;

/// More categories than this say nothing.
const MAX_CATEGORIES: usize = 50;

/// So many words of its text stand for a title that a post does not have.
const TITLE_WORDS: usize = 12;

/// A post that does not have its fingerprint yet.
#[derive(Debug)]
pub(super) struct Entry {
    /// The id that the feed gave it, or nothing.
    pub(super) id: String,
    /// Everything else.
    pub(super) post: Post,
}

impl Entry {
    /// The post with its fingerprint: the id, else the link, else a hash of title and date.
    pub(super) fn into_post(self, id_is_shared: bool) -> Post {
        let mut post = self.post;
        let link = post.link.as_deref().map(|link| link.split('#').next().unwrap_or(link));
        post.fingerprint = match link {
            _ if !self.id.is_empty() && !id_is_shared => self.id,
            Some(link) => link.to_owned(),
            None => {
                let date = post.published_at.map(|date| date.to_string()).unwrap_or_default();
                hash(&format!("{}\n{date}", post.title))
            }
        };
        post
    }
}

/// Reads one entry of the feed at `feed_url`.
pub(super) fn read(found: &Given, feed_url: &Url) -> Option<Entry> {
    let id = plain::one_line(&found.id);
    let id = if id.len() > MAX_ID { hash(&id) } else { id };
    let link = found.links.iter().find_map(|address| web_address(address, Some(feed_url)));
    let link = link.or_else(|| web_address(&id, None));
    let base = found.base.as_ref().or(link.as_ref()).unwrap_or(feed_url);
    let title = found.title.as_ref().map(Words::as_title).unwrap_or_default();

    let raw = found.text.as_ref().map(as_html);
    let text = raw.as_ref().map(|html| clean::clean_html(html, Some(base)));
    let text = text.filter(|text| !text.is_empty());
    let excerpt = found.excerpt.as_ref().map(|text| clean::clean_html(&as_html(text), Some(base))).unwrap_or_default();
    let attached = || {
        found.pictures.iter().find_map(|(address, alt)| Some((picture_address(address, feed_url)?, plain::title(alt))))
    };
    // The address of a picture in the text is as the page wrote it.
    let shown =
        |html: &str| clean::first_image(html).and_then(|(src, alt)| Some((web_address(&src, None)?.into(), alt)));
    let image = attached().or_else(|| shown(text.as_deref().unwrap_or_default())).or_else(|| shown(&excerpt));
    let (body, summary) = match text {
        Some(text) => {
            let body = summary::without_footer(&text).to_owned();
            let summary = Some(summary::of_excerpt(&excerpt)).filter(|summary| !summary.is_empty());
            let summary = summary.unwrap_or_else(|| summary::of_body(&body));
            (body, summary)
        }
        // An excerpt is no body: the mail links to the rest.
        None if summary::is_excerpt(&excerpt) => (String::new(), summary::of_excerpt(&excerpt)),
        None => {
            let body = summary::without_footer(&excerpt).to_owned();
            let summary = summary::of_body(&body);
            (body, summary)
        }
    };
    if title.is_empty() && link.is_none() && summary.is_empty() && body.is_empty() {
        return None;
    }
    let (image, image_alt) = image.map(|(address, alt)| (Some(address), alt)).unwrap_or_default();
    let categories = categories(&found.categories);
    let raw = raw.as_deref().unwrap_or_default();
    let post = Post {
        fingerprint: String::new(),
        event: event::announced(raw, &body, &title, &categories),
        title: titled(title, &summary, link.as_ref()),
        link: link.map(String::from),
        image_alt,
        image,
        summary,
        body_html: body,
        categories,
        published_at: found.published_at,
    };
    Some(Entry { id, post })
}

/// The title, or what stands for one.
fn titled(title: String, summary: &str, link: Option<&Url>) -> String {
    if !title.is_empty() {
        return title;
    }
    let words: Vec<&str> = summary.split(' ').filter(|word| !word.is_empty()).collect();
    match (words.len(), link) {
        (0, Some(link)) => plain::title(link.as_str()),
        (0, None) => "Untitled".to_owned(),
        (1..=TITLE_WORDS, _) => plain::title(summary),
        _ => plain::title(&format!("{}…", words[..TITLE_WORDS].join(" "))),
    }
}

/// An absolute http(s) address.
fn web_address(text: &str, base: Option<&Url>) -> Option<Url> {
    let url = match base {
        Some(base) => base.join(text.trim()).ok()?,
        None => Url::parse(text.trim()).ok()?,
    };
    (matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_ADDRESS && !text.trim().is_empty())
        .then_some(url)
}

/// Text that calls itself plain is often HTML all the same; text that is plain gets its paragraphs.
fn as_html(words: &Words) -> String {
    if words.kind == Kind::Html || plain::has_markup(&words.text) {
        return words.text.clone();
    }
    let unix = words.text.replace("\r\n", "\n").replace('<', "&lt;");
    unix.split("\n\n").map(|paragraph| format!("<p>{}</p>", paragraph.trim().replace('\n', "<br>"))).collect()
}

/// An absolute address of a picture; the author's portrait, which one hosting service attaches to each post, is none.
fn picture_address(address: &str, base: &Url) -> Option<String> {
    let url = web_address(address, Some(base))?;
    let is_portrait = url.domain().is_some_and(|host| host == "gravatar.com" || host.ends_with(".gravatar.com"));
    (!is_portrait).then(|| url.into())
}

/// The names of the categories, each once.
fn categories(found: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for category in found {
        let name = plain::title(category);
        if !name.is_empty() && !names.contains(&name) && names.len() < MAX_CATEGORIES {
            names.push(name);
        }
    }
    names
}

fn hash(text: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
}
