//! One entry of a parsed feed to one post: which link, which text, which picture, and what it will be known by. An
//! entry as the parser gives it comes in; a clean post goes out, or nothing when there is nothing to show.

use data_encoding::HEXLOWER;
use feed_rs::model;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use url::Url;

use super::{clean, event, plain, summary};
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
pub(super) fn read(entry: model::Entry, feed_url: &Url) -> Option<Entry> {
    let id = plain::one_line(&entry.id);
    let id = if id.len() > MAX_ID { hash(&id) } else { id };
    let link = link(&entry.links, feed_url).or_else(|| web_address(&id, None));
    let base = link.as_ref().unwrap_or(feed_url);
    let base = entry.base.as_deref().and_then(|own| base.join(own).ok()).unwrap_or_else(|| base.clone());
    let title = entry.title.as_ref().map(|title| plain::title(&title.content)).unwrap_or_default();

    let raw = entry.content.as_ref().and_then(content_html);
    let text = raw.as_ref().map(|html| clean::clean_html(html, Some(&base)));
    let text = text.filter(|text| !text.is_empty());
    let excerpt = entry.summary.as_ref().map(|text| as_html(&text.content, text.content_type.as_str()));
    let excerpt = excerpt.map(|html| clean::clean_html(&html, Some(&base))).unwrap_or_default();
    let image = media_image(&entry, &base)
        .or_else(|| clean::first_image(text.as_deref().unwrap_or_default()))
        .or_else(|| clean::first_image(&excerpt));
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
    let categories = categories(&entry.categories);
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
        published_at: entry
            .published
            .or(entry.updated)
            .and_then(|date| Timestamp::from_millisecond(date.timestamp_millis()).ok()),
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

/// The link to the post itself: not to its comments, its sound, or its source.
fn link(links: &[model::Link], feed_url: &Url) -> Option<Url> {
    let is_own = |link: &&model::Link| link.target.is_none() && matches!(link.rel.as_deref(), None | Some("alternate"));
    let is_page = |link: &&model::Link| link.media_type.as_deref().is_none_or(|kind| kind.contains("html"));
    let own = || links.iter().filter(is_own);
    own().filter(is_page).chain(own()).find_map(|link| web_address(&link.href, Some(feed_url)))
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

/// A post's text as HTML, when it is text at all.
fn content_html(content: &model::Content) -> Option<String> {
    let kind = content.content_type.as_str();
    let body = content.body.as_deref()?;
    (kind.starts_with("text/") || is_html(kind)).then(|| as_html(body, kind))
}

fn is_html(kind: &str) -> bool {
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

/// Text that calls itself plain is often HTML all the same; text that is plain gets its paragraphs.
fn as_html(text: &str, kind: &str) -> String {
    if is_html(kind) || plain::has_markup(text) {
        return text.to_owned();
    }
    let unix = text.replace("\r\n", "\n").replace('<', "&lt;");
    unix.split("\n\n").map(|paragraph| format!("<p>{}</p>", paragraph.trim().replace('\n', "<br>"))).collect()
}

/// The picture that the feed itself attaches to the post, with its description.
fn media_image(entry: &model::Entry, base: &Url) -> Option<(String, String)> {
    let media = entry.media.iter().find_map(|media| {
        let pictures = media.content.iter().filter(|content| is_picture(content));
        let addresses = pictures.filter_map(|content| content.url.as_ref()).map(Url::as_str);
        let thumbnails = media.thumbnails.iter().map(|thumbnail| thumbnail.image.uri.as_str());
        let address = addresses.chain(thumbnails).find_map(|address| picture_address(address, base))?;
        let alt = media.description.as_ref().map(|text| plain::title(&text.content)).unwrap_or_default();
        Some((address, alt))
    });
    // Atom and JSON Feed attach pictures by link.
    let is_picture_link = |link: &&model::Link| {
        link.rel.as_deref() != Some("alternate")
            && link.media_type.as_deref().is_some_and(|kind| kind.starts_with("image/"))
    };
    let attached = || entry.links.iter().filter(is_picture_link).find_map(|link| picture_address(&link.href, base));
    media.or_else(|| attached().map(|address| (address, String::new())))
}

/// An absolute address of a picture; the author's portrait, which one hosting service attaches to each post, is none.
fn picture_address(address: &str, base: &Url) -> Option<String> {
    let url = web_address(address, Some(base))?;
    let is_portrait = url.domain().is_some_and(|host| host == "gravatar.com" || host.ends_with(".gravatar.com"));
    (!is_portrait).then(|| url.into())
}

/// Whether a medium is a picture, by its type or, without one, by its name.
fn is_picture(content: &model::MediaContent) -> bool {
    match &content.content_type {
        Some(kind) => kind.as_str().starts_with("image/"),
        None => content.url.as_ref().is_some_and(|url| {
            let path = url.path().to_ascii_lowercase();
            [".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif"].iter().any(|end| path.ends_with(end))
        }),
    }
}

/// The names of the categories, each once.
fn categories(found: &[model::Category]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for category in found {
        let name = plain::title(category.label.as_deref().filter(|label| !label.is_empty()).unwrap_or(&category.term));
        if !name.is_empty() && !names.contains(&name) && names.len() < MAX_CATEGORIES {
            names.push(name);
        }
    }
    names
}

fn hash(text: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
}
