//! A feed: a URL that lists posts, as configured, and how well it does. No fetching happens here.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use super::{link_pattern::LinkPattern, slug::Slug, websub::Websub};

/// A feed as config.toml names it.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Its short name.
    pub name: Slug,
    /// Where it is: `http`, `https` or `file`.
    pub url: Url,
    /// What is there.
    pub kind: Kind,
    /// How long to wait between two looks.
    pub every: SignedDuration,
    /// Posts older than this never become news.
    pub max_age: SignedDuration,
    /// More new posts than this in one look are held.
    pub flood: usize,
    /// Who shows this may say that there is news: then we look at once. Without it nobody may.
    pub ping: Option<SecretString>,
    /// Whether its hub is asked to tell us of news.
    pub websub: Websub,
}

/// What is read at a feed's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A feed: RSS, Atom or JSON Feed.
    Feed,
    /// A WordPress site, by its REST API.
    WordPress {
        /// Only posts of these categories, by slug or number; all posts when there are none.
        categories: Vec<String>,
    },
    /// A folder of Markdown files with front matter, as generators of static sites have it.
    Folder {
        /// Where the site has the page of each.
        links: LinkPattern,
    },
}

/// What the store remembers of a feed between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedState {
    /// Where a permanent redirect (301, 308) said that the feed now lives.
    pub moved_to: Option<String>,
    /// The last `ETag`, to ask "anything new?" with.
    pub etag: Option<String>,
    /// The last `Last-Modified`, for the same.
    pub last_modified: Option<String>,
    /// When the first look was recorded. Until then everything found is old news.
    pub baseline_at: Option<Timestamp>,
    /// The last look, good or bad.
    pub checked_at: Option<Timestamp>,
    /// When the present row of failures began.
    pub failing_since: Option<Timestamp>,
    /// How many looks in a row have failed.
    pub failures: u32,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// Not before this instant do we look again, unless it is pinged.
    pub next_check_at: Option<Timestamp>,
    /// How many pings have come so far.
    pub pings: i64,
    /// How many of them had come when the last look began that has ended.
    pub pings_heard: i64,
}

impl FeedState {
    /// True when the feed was looked at before, but never at the address that the configuration gives now.
    pub fn is_at_new_address(&self) -> bool {
        self.baseline_at.is_some() && self.checked_at.is_none()
    }

    /// True when somebody has said that there is news, and no look that began since has ended.
    pub fn is_pinged(&self) -> bool {
        self.pings > self.pings_heard
    }
}

impl Feed {
    /// How long to wait after `failures` failed looks in a row: the usual time, doubled each time, at most six hours
    /// (or the usual time when that is longer). Zero failures give the usual time.
    pub fn delay_after(&self, failures: u32) -> SignedDuration {
        let cap = self.every.max(SignedDuration::from_hours(6));
        let factor = 1_i32 << failures.min(12);
        self.every.checked_mul(factor).unwrap_or(cap).min(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, Kind};
    use crate::domain::{slug::Slug, websub::Websub};
    use jiff::SignedDuration;

    #[test]
    fn a_failing_feed_is_tried_with_growing_delay_up_to_six_hours() {
        let feed = Feed {
            name: Slug::parse("site").expect("slug"),
            url: "https://example.org/feed/".parse().expect("url"),
            kind: Kind::Feed,
            every: SignedDuration::from_mins(10),
            max_age: SignedDuration::from_hours(720),
            flood: 10,
            ping: None,
            websub: Websub::Off,
        };
        let minutes: Vec<i64> = (0..8).map(|failures| feed.delay_after(failures).as_mins()).collect();
        assert_eq!(minutes, [10, 20, 40, 80, 160, 320, 360, 360]);
        assert_eq!(feed.delay_after(u32::MAX).as_hours(), 6);
    }
}
