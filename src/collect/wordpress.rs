//! Looks at a WordPress site by its REST API, for sites whose feed is cut short or switched off. The site's address comes
//! in; its posts go out, the newest first, as its feed would give them and with the same ids. A look reads page after page
//! until it meets what was there at the last look; the first look reads further, so that old posts are known. Size and
//! time are limited over all pages together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::{
    CollectError, Found, Look,
    apart::Apart,
    charset, dates,
    fetch::{Answer, Fetched, Fetcher, Validators},
    fields, parse,
    words::Words,
};
use crate::domain::feed::{Feed, FeedState};

/// How many posts are asked for at once. WordPress gives no more than 100.
const PER_PAGE: usize = 50;

/// No more pages than this are read in one look.
const MAX_PAGES: usize = 10;

/// A post may be dated somewhat before it could be seen.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// What we read of a post; the rest need not be sent.
const FIELDS: &str = "id,date_gmt,modified_gmt,guid,link,title,content,excerpt,_links,_embedded";

/// Where a site's API is.
#[derive(Clone, Debug)]
enum Api {
    /// Below `/wp-json/`.
    Paths(Url),
    /// Behind `?rest_route=`, which works without a web server that rewrites.
    Query(Url),
}

/// What one look has read so far.
struct Reader<'a> {
    fetcher: &'a Fetcher,
    readers: &'a Apart,
    posts: Vec<Value>,
    /// How many bytes that took.
    bytes: usize,
    validators: Validators,
}

/// What a page had.
enum Page {
    /// As it was.
    NotModified,
    /// So many posts.
    Posts {
        /// On this page.
        count: usize,
        /// How many pages there are, as the site says.
        pages: Option<usize>,
    },
}

/// Looks at the site of `feed` for posts of these categories, by slug or number; for all when there are none.
pub(super) async fn look(
    fetcher: &Fetcher,
    readers: &Apart,
    feed: &Feed,
    categories: &[String],
    state: &FeedState,
) -> Result<Look, CollectError> {
    let mut reader = Reader { fetcher, readers, posts: Vec::new(), bytes: 0, validators: Validators::default() };
    let mut warnings = Vec::new();
    let read = within(fetcher.timeout, &feed.url, reader.read(&feed.url, categories, state)).await;
    let found = match read {
        Ok(Page::NotModified) => Found::NotModified,
        Err(error) if reader.posts.is_empty() || known_since(state).is_some() => return Err(error),
        read => {
            if let Err(error) = read {
                // What lies further back would be known, and never mailed.
                warnings.push(format!("only the newest {} posts could be read: {error}", reader.posts.len()));
            }
            let (site, posts) = (feed.url.clone(), reader.posts);
            let clean = move || {
                let found: Vec<fields::Given> = posts.iter().filter_map(found).collect();
                let posts = parse::posts(&found, &site, &mut warnings);
                (posts, warnings)
            };
            let (posts, told) = readers.run(clean).await?;
            warnings = told;
            Found::Posts(posts)
        }
    };
    let Validators { etag, last_modified } = reader.validators;
    Ok(Look { found, etag, last_modified, moved_to: None, warnings, offer: None })
}

async fn within<T>(
    limit: Duration,
    site: &Url,
    reading: impl Future<Output = Result<T, CollectError>>,
) -> Result<T, CollectError> {
    let host = || site.host_str().unwrap_or_default().to_owned();
    tokio::time::timeout(limit, reading).await.unwrap_or_else(|_| Err(CollectError::TimedOut { host: host(), limit }))
}

/// Since when posts are new: those before were there when we last looked well. Nothing on the first look at a site.
fn known_since(state: &FeedState) -> Option<Timestamp> {
    let last = state.baseline_at.and(state.failing_since.or(state.checked_at))?;
    Some(last.checked_sub(SLACK).unwrap_or(Timestamp::MIN))
}

impl Reader<'_> {
    /// Reads from the API of a site, wherever that is.
    async fn read(&mut self, site: &Url, categories: &[String], state: &FeedState) -> Result<Page, CollectError> {
        let mut first_error = None;
        for api in apis(site) {
            match self.read_from(&api, categories, state).await {
                Err(error @ (CollectError::Status(404) | CollectError::NotAFeed(_))) if self.posts.is_empty() => {
                    first_error.get_or_insert(error);
                }
                read => return read,
            }
        }
        Err(first_error.unwrap_or(CollectError::Address))
    }

    async fn read_from(&mut self, api: &Api, categories: &[String], state: &FeedState) -> Result<Page, CollectError> {
        let categories = self.numbers(api, categories).await?;
        let asked_with = Validators { etag: state.etag.clone(), last_modified: state.last_modified.clone() };
        let known_since = known_since(state);
        for number in 1..=MAX_PAGES {
            // The newest posts tell whether anything is new.
            let validators = if number == 1 { asked_with.clone() } else { Validators::default() };
            let page = self.page(&posts_url(api, &categories, number), &validators).await?;
            let Page::Posts { count, pages } = page else { return Ok(page) };
            let oldest = self.posts.last().and_then(published_at);
            let meets_known = known_since.is_some_and(|since| oldest.is_some_and(|oldest| oldest < since));
            if count < PER_PAGE || pages.is_some_and(|pages| number >= pages) || meets_known {
                break;
            }
        }
        Ok(Page::Posts { count: self.posts.len(), pages: None })
    }

    /// One page of posts.
    async fn page(&mut self, url: &Url, validators: &Validators) -> Result<Page, CollectError> {
        let Fetched { answer, headers, validators, .. } = self.fetch(url, validators).await?;
        if self.posts.is_empty() {
            self.validators = validators;
        }
        let Answer::Body { bytes, content_type, .. } = answer else { return Ok(Page::NotModified) };
        let posts = items(self.readers, bytes, content_type).await?;
        let pages = headers.get("x-wp-totalpages").and_then(|pages| pages.to_str().ok()?.parse().ok());
        let count = posts.len();
        self.posts.extend(posts);
        Ok(Page::Posts { count, pages })
    }

    /// The numbers of categories, with commas between them.
    async fn numbers(&mut self, api: &Api, categories: &[String]) -> Result<String, CollectError> {
        let is_number = |text: &&String| text.bytes().all(|byte| byte.is_ascii_digit());
        let (mut numbers, slugs): (Vec<String>, Vec<String>) =
            categories.iter().cloned().partition(|it| is_number(&it));
        if !slugs.is_empty() {
            let asked = slugs.join(",");
            let url = api.url("categories", &[("slug", &asked), ("per_page", "100"), ("_fields", "id,slug")]);
            let Fetched { answer, .. } = self.fetch(&url, &Validators::default()).await?;
            let Answer::Body { bytes, content_type, .. } = answer else {
                return Err(unreadable("it hides its categories"));
            };
            let found = items(self.readers, bytes, content_type).await?;
            for slug in &slugs {
                let number =
                    found.iter().find(|found| found["slug"] == slug.as_str()).and_then(|found| found["id"].as_u64());
                let number = number.ok_or_else(|| unreadable(&format!("the site has no category `{slug}`")))?;
                numbers.push(number.to_string());
            }
        }
        Ok(numbers.join(","))
    }

    /// Fetches what is left of the allowance at most.
    async fn fetch(&mut self, url: &Url, validators: &Validators) -> Result<Fetched, CollectError> {
        let left = self.fetcher.max_bytes.saturating_sub(self.bytes);
        let fetched = self.fetcher.taking(left).web(url, validators).await.map_err(|error| match error {
            CollectError::TooLarge { .. } => CollectError::TooLarge { limit: self.fetcher.max_bytes },
            error => error,
        })?;
        if let Answer::Body { bytes, .. } = &fetched.answer {
            self.bytes += bytes.len();
        }
        Ok(fetched)
    }
}

/// Where the API of a site may be, the likeliest place first. The address may name either.
fn apis(site: &Url) -> Vec<Api> {
    let mut root = site.clone();
    root.set_query(None);
    root.set_fragment(None);
    let path = root.path().split("/wp-json").next().unwrap_or_default().trim_end_matches('/').to_owned();
    root.set_path(&format!("{path}/"));
    match site.query_pairs().any(|(name, _)| name == "rest_route") {
        true => vec![Api::Query(root)],
        false => vec![Api::Paths(root.clone()), Api::Query(root)],
    }
}

impl Api {
    /// The address of one of its routes.
    fn url(&self, route: &str, query: &[(&str, &str)]) -> Url {
        let (root, route_of_query) = match self {
            Self::Paths(root) => (root, None),
            Self::Query(root) => (root, Some(format!("/wp/v2/{route}"))),
        };
        let mut url = root.clone();
        if route_of_query.is_none() {
            url.set_path(&format!("{}wp-json/wp/v2/{route}", root.path()));
        }
        url.query_pairs_mut()
            .extend_pairs(route_of_query.iter().map(|route| ("rest_route", route)))
            .extend_pairs(query);
        url
    }
}

fn posts_url(api: &Api, categories: &str, page: usize) -> Url {
    let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
    let mut query = vec![
        ("per_page", per_page.as_str()),
        ("page", page.as_str()),
        ("_embed", "wp:featuredmedia,wp:term"),
        ("_fields", FIELDS),
    ];
    if !categories.is_empty() {
        query.push(("categories", categories));
    }
    api.url("posts", &query)
}

/// The items of an answer. What PHP says before them (a notice, a warning) is passed over.
async fn items(readers: &Apart, bytes: Vec<u8>, content_type: Option<String>) -> Result<Vec<Value>, CollectError> {
    let read = move || {
        let text = charset::decode(&bytes, content_type.as_deref());
        let from = |at: usize| serde_json::from_str::<Vec<Value>>(&text[at..]).ok();
        from(0).or_else(|| text.find("[{").and_then(from))
    };
    readers
        .run(read)
        .await?
        .ok_or_else(|| unreadable("the site answers with something that is not WordPress's REST API"))
}

/// What WordPress gives of a post. One with a password is not for everybody, and is no post.
fn found(post: &Value) -> Option<fields::Given> {
    let text = |pointer: &str| post.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let number = post["id"].as_u64()?;
    if post.pointer("/content/protected") == Some(&Value::Bool(true)) {
        return None;
    }
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
    let terms = post["_embedded"]["wp:term"].as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
    Some(fields::Given {
        // As in the site's feed, so that a site may change from the one to the other.
        id: filled(text("/guid/rendered")).unwrap_or_else(|| format!("wordpress:{number}")),
        title: Some(Words::html(text("/title/rendered"))),
        links: filled(text("/link")).into_iter().collect(),
        text: filled(text("/content/rendered")).map(Words::html),
        excerpt: filled(text("/excerpt/rendered")).map(Words::html),
        pictures: picture(&post["_embedded"]["wp:featuredmedia"][0]).into_iter().collect(),
        categories: terms.filter_map(|term| term["name"].as_str().map(str::to_owned)).collect(),
        published_at: published_at(post),
        base: None,
    })
}

/// The featured image, in a size for mail where the site has one.
fn picture(media: &Value) -> Option<(String, String)> {
    let sizes = &media["media_details"]["sizes"];
    let address = ["large", "medium_large"].iter().find_map(|size| sizes[*size]["source_url"].as_str());
    let address = address.or_else(|| media["source_url"].as_str())?;
    let is_picture = media["mime_type"].as_str().is_none_or(|kind| kind.starts_with("image/"));
    is_picture.then(|| (address.to_owned(), media["alt_text"].as_str().unwrap_or_default().to_owned()))
}

/// When a post was published; the change of one that does not say so.
fn published_at(post: &Value) -> Option<Timestamp> {
    ["date_gmt", "modified_gmt"].iter().find_map(|name| dates::read(post[*name].as_str()?))
}

fn unreadable(reason: &str) -> CollectError {
    CollectError::NotAFeed(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{apis, posts_url};
    use url::Url;

    #[test]
    fn the_api_is_looked_for_below_the_site_and_behind_its_query() {
        let asked = |site: &str| {
            let site: Url = site.parse().expect("url");
            apis(&site).iter().map(|api| posts_url(api, "3,4", 2).to_string()).collect::<Vec<_>>()
        };
        let query = "per_page=50&page=2&_embed=wp%3Afeaturedmedia%2Cwp%3Aterm&_fields=id%2Cdate_gmt%2Cmodified_gmt%2Cguid%2C\
                     link%2Ctitle%2Ccontent%2Cexcerpt%2C_links%2C_embedded&categories=3%2C4";
        let by_paths = format!("https://example.org/blog/wp-json/wp/v2/posts?{query}");
        let by_query = format!("https://example.org/blog/?rest_route=%2Fwp%2Fv2%2Fposts&{query}");
        for site in [
            "https://example.org/blog",
            "https://example.org/blog/?x=1#y",
            "https://example.org/blog/wp-json/",
            "https://example.org/blog/wp-json/wp/v2/posts",
        ] {
            assert_eq!(asked(site), [by_paths.clone(), by_query.clone()], "{site}");
        }
        assert_eq!(asked("https://example.org/blog/?rest_route=/"), [by_query]);
    }
}
