//! Step 1: fetches a feed, or what stands in for one (a WordPress site, a folder), and turns it into posts. A feed and what was remembered of it come in; its posts, cleaned, in
//! the feed's order, and what to remember for the next look go out. It knows nothing of the store or of other steps,
//! decides nothing about the posts, and never asks the time.

mod apart;
mod call;
mod candidates;
mod charset;
pub mod clean;
mod dates;
pub mod discover;
mod document;
mod entities;
mod entry;
mod event;
mod fetch;
mod fields;
mod folder;
mod hub;
mod images;
mod json;
mod network;
pub mod parse;
mod plain;
mod rewrite;
mod spaces;
mod summary;
mod tags;
mod wordpress;
mod words;
mod xml;

use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use self::{
    apart::{Apart, Failure},
    fetch::{Answer, Fetched, Validators},
    parse::{NotAFeed, Reading},
};
pub use self::{
    call::Caller,
    candidates::{Candidate, Discovery},
    parse::Format,
};
use crate::domain::{
    feed::{Feed, FeedState, Kind},
    post::Post,
    websub::{Offer, Websub},
};

/// What a collector may do.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Networks that may be fetched from although they are not public.
    pub private_networks: Vec<IpNet>,
    /// How long one fetch may take, redirects and body included.
    pub timeout: Duration,
    /// How long the reading of what was fetched may take.
    pub reading: Duration,
    /// How large a feed may be, in bytes, unpacked.
    pub max_bytes: usize,
    /// How we name ourselves to the site; see [`user_agent`].
    pub user_agent: String,
}

impl Default for Policy {
    /// The public Internet, 30 seconds, 20 more for the reading, 10 MB.
    fn default() -> Self {
        Self {
            private_networks: Vec::new(),
            timeout: Duration::from_secs(30),
            reading: Duration::from_secs(20),
            max_bytes: 10_000_000,
            user_agent: concat!("Tidings/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The `User-Agent` of an installation whose web pages are at `base_url`, so that a site can see who asks.
pub fn user_agent(base_url: &Url) -> String {
    format!("Tidings/{} (+{base_url})", env!("CARGO_PKG_VERSION"))
}

/// Fetches feeds. Made once; cheap to clone.
#[derive(Clone, Debug)]
pub struct Collector {
    fetcher: fetch::Fetcher,
    readers: Apart,
}

/// What one look at a feed brought. The caller stores `etag`, `last_modified` and `moved_to` as they are: each is the
/// whole new value, and nothing means nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    /// What was found.
    pub found: Found,
    /// For [`FeedState::etag`].
    pub etag: Option<String>,
    /// For [`FeedState::last_modified`].
    pub last_modified: Option<String>,
    /// For [`FeedState::moved_to`].
    pub moved_to: Option<String>,
    /// What a person who looks after the feed should know; whole clauses in lower case.
    pub warnings: Vec<String>,
    /// The hub that the feed offers, when posts were found and hubs are looked for.
    pub offer: Option<Offer>,
}

impl Look {
    /// The posts that were found.
    pub fn posts(&self) -> &[Post] {
        match &self.found {
            Found::NotModified => &[],
            Found::Posts(posts) => posts,
        }
    }
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The feed is as it was at the last look.
    NotModified,
    /// All posts of the feed, known ones too, in its order.
    Posts(Vec<Post>),
}

/// Why a look at a feed failed. No text in it holds a password or a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// The HTTP client could not be set up, for want of root certificates, say.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
    /// No connection, or it broke.
    #[error("cannot fetch from `{host}`: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// The whole answer did not come in time.
    #[error("`{host}` did not answer in full within {} s", limit.as_secs_f32())]
    TimedOut {
        /// The host.
        host: String,
        /// How long we waited.
        limit: Duration,
    },
    /// Any status but success; 410 means that the feed is gone for good.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// A protection service wants a browser.
    #[error(
        "`{host}` is behind a Cloudflare challenge that only a browser can pass; ask the site to let feed readers through"
    )]
    Challenged {
        /// The host.
        host: String,
    },
    /// More bytes than the policy allows.
    #[error("the feed is larger than {limit} bytes")]
    TooLarge {
        /// How many are allowed.
        limit: usize,
    },
    /// The host is at an address that is not public and not allowed by the policy.
    #[error("`{host}` is not at a public address, and its network is not among those allowed")]
    Forbidden {
        /// The host.
        host: String,
    },
    /// A redirect that is not followed.
    #[error("redirected from `{host}` {reason}")]
    Redirect {
        /// The host that redirected.
        host: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// A scheme that is neither http, https nor file, or a file URL that names no file.
    #[error("the address is not one that can be fetched")]
    Address,
    /// A file that cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// What came is a web page.
    #[error("not a feed: it is a web page{}", feed.as_ref().map(|feed| format!("; its feed may be at `{feed}`")).unwrap_or_default())]
    WebPage {
        /// The feed that the page names first.
        feed: Option<String>,
    },
    /// What came is not a feed that can be read.
    #[error("not a feed: {0}")]
    NotAFeed(String),
    /// What came broke off, and nothing is known of the feed: what is missing would be taken for news at the next look.
    #[error("the feed broke off early, and its first look must be a whole one")]
    BrokeOff,
    /// What came is made so that its reading takes long.
    #[error("not a feed that can be read: that takes longer than {} s", limit.as_secs_f32())]
    TooLong {
        /// How long it may take.
        limit: Duration,
    },
}

impl From<NotAFeed> for CollectError {
    fn from(reason: NotAFeed) -> Self {
        match reason {
            NotAFeed::Other(reason) => Self::NotAFeed(reason),
            NotAFeed::WebPage { feeds } => Self::WebPage { feed: feeds.first().map(shown) },
        }
    }
}

impl From<Failure> for CollectError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLong(limit) => Self::TooLong { limit },
            Failure::Broken => Self::NotAFeed("it made the reader fail".to_owned()),
        }
    }
}

/// An address that a page named, without the name and password by which we came to the page.
fn shown(feed: &Url) -> String {
    let mut feed = feed.clone();
    // Neither can fail where there is a host, and there is one.
    let _ = (feed.set_username(""), feed.set_password(None));
    feed.into()
}

impl Collector {
    /// A collector that keeps to `policy`.
    ///
    /// # Errors
    /// [`CollectError::Setup`] when the user agent is no header value. A machine without root certificates fails only
    /// where they are needed: at an https address.
    pub fn new(policy: Policy) -> Result<Self, CollectError> {
        let readers = Apart::new(policy.reading);
        Ok(Self { fetcher: fetch::Fetcher::new(policy)?, readers })
    }

    /// Looks at a feed where it now lives; when that fails, where the configuration says it is, which may take the time
    /// limit once more. When the configuration changes a feed's URL, what was remembered of it is to be forgotten first.
    ///
    /// # Errors
    /// See [`CollectError`]. A failed look changes nothing that is remembered.
    pub async fn collect(&self, feed: &Feed, state: &FeedState) -> Result<Look, CollectError> {
        match &feed.kind {
            Kind::Feed => self.look_where_it_lives(feed, state).await,
            Kind::WordPress { categories } if is_web(&feed.url) => {
                wordpress::look(&self.fetcher, &self.readers, feed, categories, state).await
            }
            Kind::WordPress { .. } => Err(CollectError::Address),
            Kind::Folder { links } => folder::look(&self.readers, self.fetcher.max_bytes, feed, links, state).await,
        }
    }

    /// Looks at a feed by its address, the last one known first.
    async fn look_where_it_lives(&self, feed: &Feed, state: &FeedState) -> Result<Look, CollectError> {
        let validators = Validators { etag: state.etag.clone(), last_modified: state.last_modified.clone() };
        let moved_to = state.moved_to.as_deref().and_then(|moved_to| Url::parse(moved_to).ok());
        match moved_to.filter(|url| is_web(url) && is_web(&feed.url) && *url != feed.url) {
            None => self.look(feed, &feed.url, validators, state).await,
            Some(moved_to) => match self.look(feed, &moved_to, validators, state).await {
                Ok(look) => Ok(look),
                // What was remembered may have been a mistake of the site's.
                Err(_) => self.look(feed, &feed.url, Validators::default(), state).await,
            },
        }
    }

    /// Fetches one small document from exactly this address of the web, within ten seconds: no redirect is followed, and
    /// private networks are as far out of reach as they are for feeds.
    ///
    /// # Errors
    /// See [`CollectError`]. An answer of more than `limit` bytes is one.
    pub async fn document(&self, url: &Url, limit: usize) -> Result<Vec<u8>, CollectError> {
        if is_web(url) { self.fetcher.document(url, limit).await } else { Err(CollectError::Address) }
    }

    /// Looks at one address.
    async fn look(
        &self,
        feed: &Feed,
        start: &Url,
        validators: Validators,
        state: &FeedState,
    ) -> Result<Look, CollectError> {
        let answer = self.fetch(start, &validators).await?;
        let Fetched { answer, home, validators, headers } = answer;
        let moved_to = (home != feed.url && is_web(&home)).then(|| home.to_string());
        let (validators, found, mut warnings, offer) = match answer {
            Answer::NotModified => (validators, Found::NotModified, Vec::new(), None),
            Answer::Body { bytes, content_type, url } => {
                let websub = feed.websub;
                let read = move || {
                    let offer =
                        (websub == Websub::On).then(|| hub::offer(&headers, &bytes, content_type.as_deref(), &url));
                    parse::read(&bytes, content_type.as_deref(), &url).map(|reading| (reading, offer.flatten()))
                };
                let (reading, offer) = self.readers.run(read).await??;
                if reading.was_cut && state.baseline_at.is_none() {
                    return Err(CollectError::BrokeOff);
                }
                // A document that broke off must come again whole, even when the server thinks we have it.
                let validators = if reading.was_cut { Validators::default() } else { validators };
                (validators, Found::Posts(reading.posts), reading.warnings, offer)
            }
        };
        if home != *start
            && let Some(moved_to) = &moved_to
        {
            warnings.push(format!("the feed has moved for good to `{moved_to}`"));
        }
        Ok(Look { found, etag: validators.etag, last_modified: validators.last_modified, moved_to, warnings, offer })
    }

    /// Fetches what is at an address, from the web or from a file.
    async fn fetch(&self, url: &Url, validators: &Validators) -> Result<Fetched, CollectError> {
        match url.scheme() {
            "file" => self.fetcher.file(url).await,
            _ if is_web(url) => self.fetcher.web(url, validators).await,
            _ => Err(CollectError::Address),
        }
    }

    /// Reads what was fetched, apart from the async threads.
    async fn read(
        &self,
        bytes: Vec<u8>,
        content_type: Option<String>,
        url: Url,
    ) -> Result<Result<Reading, NotAFeed>, CollectError> {
        Ok(self.readers.run(move || parse::read(&bytes, content_type.as_deref(), &url)).await?)
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}
