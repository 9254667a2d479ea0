//! What stands in for a feed: a WordPress site by its REST API, and a folder of Markdown files. They are looked at through
//! the same seam and come to the same posts.

mod folder;
mod wordpress;

use std::time::Duration;

use jiff::SignedDuration;
use tidings::{
    collect::{CollectError, Collector, Found, Look, Policy},
    domain::{
        feed::{Feed, FeedState, Kind},
        post::Post,
        websub::Websub,
    },
};
use url::Url;

use crate::world::slug;

fn feed(url: Url, kind: Kind) -> Feed {
    Feed {
        name: slug("site"),
        url,
        kind,
        every: SignedDuration::from_mins(10),
        max_age: SignedDuration::from_hours(720),
        flood: 10,
        ping: None,
        websub: Websub::Off,
    }
}

/// A collector that may fetch from this machine, this long and this much.
fn collector(timeout: Duration, max_bytes: usize) -> Collector {
    let private_networks = vec!["127.0.0.0/8".parse().expect("a network")];
    Collector::new(Policy { private_networks, timeout, max_bytes, ..Policy::default() }).expect("a collector")
}

async fn collect(feed: &Feed, state: &FeedState) -> Result<Look, CollectError> {
    collector(Duration::from_secs(20), 1_000_000).collect(feed, state).await
}

fn titles(look: &Look) -> Vec<&str> {
    look.posts().iter().map(|post| post.title.as_str()).collect()
}

fn one(look: &Look) -> &Post {
    assert!(matches!(look.found, Found::Posts(_)), "{look:?}");
    let [post] = look.posts() else { panic!("not one post: {look:?}") };
    post
}
