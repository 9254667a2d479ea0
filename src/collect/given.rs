//! Posts that come by another road than a feed: what a site gives of each comes in, and the same clean posts go out as a
//! feed would give, by the same reading of titles, texts, excerpts and pictures, with the same fingerprints.

use std::collections::HashSet;

use feed_rs::model;
use jiff::Timestamp;
use url::Url;

use super::entry;
use crate::domain::post::Post;

/// What a site gives of one post. Texts are HTML, hostile, and not cleaned.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// What makes it the same tomorrow; nothing when its link does.
    pub(super) id: String,
    /// Its title, entities not decoded.
    pub(super) title: String,
    /// Its page.
    pub(super) link: Option<String>,
    /// Its whole text.
    pub(super) text: Option<String>,
    /// Its summary, when the site has one.
    pub(super) excerpt: Option<String>,
    /// Its lead picture and what that shows.
    pub(super) picture: Option<(Url, String)>,
    /// The names of its categories.
    pub(super) categories: Vec<String>,
    /// When it was published.
    pub(super) published_at: Option<Timestamp>,
}

/// Reads posts of the site at `site`, in their order. Of two with the same fingerprint the first counts.
pub(super) fn posts(given: Vec<Given>, site: &Url) -> Vec<Post> {
    let mut seen = HashSet::new();
    let posts = given.into_iter().filter_map(|given| Some(entry::read(given.entry(), site)?.into_post(false)));
    posts.filter(|post| seen.insert(post.fingerprint.clone())).collect()
}

impl Given {
    /// The same as an entry of a feed.
    fn entry(self) -> model::Entry {
        let html = || "text/html".parse().expect("it is a media type");
        let text = |content| model::Text { content_type: html(), src: None, content };
        let picture = |(url, alt)| {
            let mut media = model::MediaObject::default();
            media.content.push(model::MediaContent {
                url: Some(url),
                content_type: Some("image/*".parse().expect("it is a media type")),
                height: None,
                width: None,
                duration: None,
                size: None,
                rating: None,
            });
            media.description = Some(text(alt));
            media
        };
        let link = |href| model::Link {
            href,
            target: None,
            rel: None,
            media_type: None,
            href_lang: None,
            title: None,
            length: None,
        };
        let published = self.published_at.and_then(|at| chrono::DateTime::from_timestamp_millis(at.as_millisecond()));
        model::Entry {
            id: self.id,
            title: Some(text(self.title)),
            links: self.link.map(link).into_iter().collect(),
            content: Some(model::Content { body: self.text, content_type: html(), ..model::Content::default() }),
            summary: self.excerpt.map(text),
            categories: self.categories.iter().map(|name| model::Category::new(name)).collect(),
            published,
            media: self.picture.map(picture).into_iter().collect(),
            ..model::Entry::default()
        }
    }
}
