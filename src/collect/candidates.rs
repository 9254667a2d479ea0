//! What is at an address of a site: a feed, or a page whose feeds are found and read. An address comes in; what was found
//! there goes out. Every address that a page names is fetched by the same rules as a feed's: checked, limited, and never
//! on a private network that is not allowed.

use futures_util::{StreamExt, stream};
use url::Url;

use super::{
    CollectError, Collector, Format, discover,
    fetch::{Answer, Fetched, Validators},
    parse::NotAFeed,
};
use crate::domain::post::Post;

/// How many addresses are tried at once. They are one site's, so it is few.
const AT_ONCE: usize = 3;

/// A feed that was found and read.
#[derive(Debug)]
pub struct Candidate {
    /// Where it is.
    pub url: Url,
    /// Its own title; empty when it has none.
    pub title: String,
    /// What kind of feed it is.
    pub format: Format,
    /// Its posts, in its order.
    pub posts: Vec<Post>,
    /// What a person who looks after it should know.
    pub warnings: Vec<String>,
}

/// What is at an address.
#[derive(Debug)]
pub enum Discovery {
    /// A feed.
    Feed(Candidate),
    /// A page, whose feeds these are: those of comments last, and perhaps none.
    Page(Vec<Candidate>),
}

impl Collector {
    /// Looks at what is at an address: a feed, or a page whose feeds are read, those that it names, else those in the
    /// usual places. A feed that cannot be read is none.
    ///
    /// # Errors
    /// See [`CollectError`]. A page without feeds is no error.
    pub async fn discover(&self, url: &Url) -> Result<Discovery, CollectError> {
        let named = match self.candidate(url).await? {
            Ok(feed) => return Ok(Discovery::Feed(feed)),
            Err((NotAFeed::WebPage { feeds }, page)) => match feeds.is_empty() {
                true => discover::usual_places(&page),
                false => feeds,
            },
            Err((other, _)) => return Err(other.into()),
        };
        let tried: Vec<_> = named.iter().map(|url| self.candidate(url)).collect();
        let read: Vec<_> = stream::iter(tried).buffered(AT_ONCE).collect().await;
        let mut feeds: Vec<Candidate> = Vec::new();
        for feed in read.into_iter().filter_map(|read| read.ok()?.ok()) {
            // A site may lead several addresses to one feed.
            if feeds.iter().all(|known| known.url != feed.url) {
                feeds.push(feed);
            }
        }
        Ok(Discovery::Page(feeds))
    }

    /// Reads the feed at an address, or says why there is none, and where we were in the end.
    async fn candidate(&self, url: &Url) -> Result<Result<Candidate, (NotAFeed, Url)>, CollectError> {
        let Fetched { answer, home, .. } = self.fetch(url, &Validators::default()).await?;
        let Answer::Body { bytes, content_type, url } = answer else {
            return Err(CollectError::NotAFeed("it is empty".to_owned()));
        };
        let read = self.read(bytes, content_type, url.clone()).await?;
        Ok(match read {
            Ok(reading) => Ok(Candidate {
                url: home,
                title: reading.title,
                format: reading.format,
                posts: reading.posts,
                warnings: reading.warnings,
            }),
            Err(reason) => Err((reason, url)),
        })
    }
}
