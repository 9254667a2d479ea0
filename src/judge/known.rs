//! What is known of a feed already: the posts of earlier looks come in, and the answer to "is this one of them under
//! another id?" goes out. Titles and links prove it only where they belong to one post.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use url::Url;

use crate::domain::post::{KnownPost, Post};

/// Parameters that say where a click came from, not what it leads to. So do all that begin with `utm_`.
const TRACKING: [&str; 8] = ["fbclid", "gclid", "msclkid", "mc_cid", "mc_eid", "igshid", "_hsenc", "_hsmi"];

/// The known posts and those of this look, ready to be asked.
pub(super) struct Known<'a> {
    ids_in_look: HashSet<&'a str>,
    /// Different posts for each link. One post that came under two ids counts once.
    links: HashMap<String, HashSet<(&'a str, Option<Timestamp>)>>,
    links_in_look: HashMap<String, usize>,
    titles: HashMap<&'a str, Vec<&'a KnownPost>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(known: &'a [KnownPost], look: impl Iterator<Item = &'a Post>) -> Self {
        let mut links = HashMap::<_, HashSet<_>>::new();
        let mut titles = HashMap::<_, Vec<_>>::new();
        for post in known {
            titles.entry(post.title_key.as_str()).or_default().push(post);
            if let Some(key) = post.link.as_deref().and_then(link_key) {
                links.entry(key).or_default().insert((post.title_key.as_str(), post.published_at));
            }
        }
        let mut ids_in_look = HashSet::new();
        let mut links_in_look = HashMap::new();
        for post in look {
            ids_in_look.insert(post.fingerprint.as_str());
            if let Some(key) = post.link.as_deref().and_then(link_key) {
                *links_in_look.entry(key).or_default() += 1;
            }
        }
        Self { ids_in_look, links, links_in_look, titles }
    }

    /// Why a post with a new id is one that is known; `None` when it is not.
    pub(super) fn proof_of_repeat(&self, post: &Post) -> Option<&'static str> {
        if self.has_link_of(post) {
            return Some("its link was known already under another id");
        }
        let title = post.title_key();
        if title.is_empty() {
            return None;
        }
        self.titles.get(title.as_str())?.iter().find_map(|known| match (known.published_at, post.published_at) {
            (Some(before), Some(now)) => {
                (before == now).then_some("its title and date were known already under another id")
            }
            // A post that still stands in the feed under its own id has not changed it: this is another one.
            _ if self.ids_in_look.contains(known.fingerprint.as_str()) => None,
            _ => Some("its title was known already under another id, and there are not two dates to tell them apart"),
        })
    }

    /// True when its link belongs to one known post, and in this look to this post alone.
    fn has_link_of(&self, post: &Post) -> bool {
        let Some(key) = post.link.as_deref().and_then(link_key) else { return false };
        self.links.get(&key).is_some_and(|posts| posts.len() == 1) && self.links_in_look.get(&key) == Some(&1)
    }
}

/// What makes two links lead to the same page: all but the scheme, `www.`, a trailing slash, the fragment and tracking
/// parameters. A site's home page is nobody's page.
pub(super) fn link_key(link: &str) -> Option<String> {
    let url = Url::parse(link.trim()).ok()?;
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let path = url.path().trim_end_matches('/');
    let parameters = url.query().unwrap_or_default().split('&').filter(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        !name.is_empty() && !name.starts_with("utm_") && !TRACKING.contains(&name)
    });
    let query = parameters.collect::<Vec<_>>().join("&");
    (!path.is_empty() || !query.is_empty()).then(|| format!("{host}{port}{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::link_key;

    #[test]
    fn links_are_the_same_but_for_what_leads_nowhere_else() {
        let same = [
            "https://example.org/news/statement/",
            "http://www.example.org/news/statement",
            "HTTPS://Example.ORG:443/news/statement#top",
            "https://example.org/news/statement/?utm_source=rss&utm_medium=feed",
            "https://example.org/news/statement?fbclid=x&gclid=y&",
        ];
        for link in same {
            assert_eq!(link_key(link), link_key(same[0]), "{link}");
        }
        for other in [
            "https://example.org/news/Statement",
            "https://example.org/news/statement?p=2",
            "https://example.org/news",
            "https://news.example.org/news/statement",
            "https://example.org:8443/news/statement",
        ] {
            assert_ne!(link_key(other), link_key(same[0]), "{other}");
        }
        assert_ne!(link_key("https://example.org/?p=1"), link_key("https://example.org/?p=2"));
        for nobodys in
            ["https://example.org/", "https://www.example.org?utm_source=x#a", "", "not a link", "mailto:a@b.example"]
        {
            assert_eq!(link_key(nobodys), None, "{nobodys}");
        }
    }
}
