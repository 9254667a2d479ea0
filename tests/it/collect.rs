//! Step 1 against a real site on a real socket, and against documents of every kind.

mod discovering;
mod fetching;
mod mending;
mod reading;

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tidings::{
    collect::{CollectError, Collector, Found, Look, Policy},
    domain::{
        feed::{Feed, FeedState, Kind},
        post::Post,
        slug::Slug,
        websub::Websub,
    },
};
use url::Url;

use crate::world::feed_server::{FeedServer, Response};

/// The feed that `tidings demo` shows.
const SAMPLE: &str = include_str!("../../src/cli/sample/feed.xml");

const SMALL: &str = "<rss version='2.0'><channel><title>Site</title>\
    <item><title>One</title><link>https://example.org/1</link><guid>g1</guid><pubDate>Tue, 24 Nov 2026 10:00:00 +0000</pubDate></item>\
    </channel></rss>";

fn feed(url: Url) -> Feed {
    Feed {
        name: Slug::parse("site").expect("slug"),
        url,
        kind: Kind::Feed,
        every: SignedDuration::from_mins(10),
        max_age: SignedDuration::from_hours(720),
        flood: 10,
        ping: None,
        websub: Websub::Off,
    }
}

/// A policy for a site on this machine.
fn local() -> Policy {
    Policy {
        private_networks: vec!["127.0.0.0/8".parse().expect("range"), "::1/128".parse().expect("range")],
        ..Policy::default()
    }
}

async fn look_with(policy: Policy, url: Url, state: &FeedState) -> Result<Look, CollectError> {
    Collector::new(policy).expect("a collector").collect(&feed(url), state).await
}

/// A feed that was looked at before.
fn known() -> FeedState {
    FeedState { baseline_at: Some(jiff::Timestamp::UNIX_EPOCH), ..FeedState::default() }
}

async fn look(url: Url) -> Result<Look, CollectError> {
    look_with(local(), url, &known()).await
}

fn posts(look: Look) -> Vec<Post> {
    match look.found {
        Found::Posts(posts) => posts,
        Found::NotModified => panic!("the feed was new"),
    }
}

/// What is read from a document, by way of a file.
async fn read(document: impl AsRef<[u8]>) -> Result<Look, CollectError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.xml");
    std::fs::write(&path, document).expect("written");
    look(Url::from_file_path(&path).expect("a URL")).await
}

async fn read_posts(document: impl AsRef<[u8]>) -> Vec<Post> {
    posts(read(document).await.expect("a feed"))
}

fn titles(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.title.as_str()).collect()
}

fn remembered(look: &Look) -> FeedState {
    FeedState {
        etag: look.etag.clone(),
        last_modified: look.last_modified.clone(),
        moved_to: look.moved_to.clone(),
        ..FeedState::default()
    }
}
