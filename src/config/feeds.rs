//! `[[feeds]]` and `[collect]`: where posts come from, and how far we go to get them.

use std::{net::IpAddr, path, time::Duration};

use ipnet::IpNet;
use jiff::SignedDuration;
use url::{ParseError, Url};

use super::{
    mistake::Problem,
    section::{Names, Section, Value},
};
use crate::domain::{
    feed::{Feed, Kind},
    link_pattern::LinkPattern,
    websub::Websub,
};

/// The kinds of feeds, as they are named in the file.
const KINDS: [&str; 3] = ["feed", "wordpress", "folder"];

/// A look that took longer could outlast the time for which a process has the look to itself.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// `[collect]`: the limits of one look at a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    /// The longest that one look may take.
    pub timeout: Duration,
    /// The most bytes that a feed may have, after decompression.
    pub max_size: u64,
    /// Private networks that feeds may nevertheless be on. All others are out of reach.
    pub private_networks: Vec<IpNet>,
}

impl Default for Collect {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), max_size: 10_000_000, private_networks: Vec::new() }
    }
}

/// Reads `[[feeds]]`; at least one is needed.
pub(super) fn feeds(top: &mut Section<'_, '_>, names: &mut Names) -> Vec<Feed> {
    let sections = top.sections("feeds");
    if sections.is_empty() {
        top.mistake("feeds", Problem::new("there is no feed").hint("add a `[[feeds]]` with `name` and `url`"));
    }
    sections.into_iter().filter_map(|section| feed(section, names)).collect()
}

fn feed(mut section: Section<'_, '_>, names: &mut Names) -> Option<Feed> {
    let name = section.name(names);
    let word = match section.take("kind") {
        None => KINDS[0],
        // Which keys belong here depends on the kind: of what cannot be known nothing is said.
        Some(value) => value.read(Value::feed_kind)?,
    };
    let (kind, url) = match word {
        "wordpress" => {
            let categories = section.or("categories", Vec::new(), |value| value.each(Value::category));
            (Some(Kind::WordPress { categories }), section.required("url", Value::web_url))
        }
        "folder" => {
            let links = section.required("link", Value::link_pattern);
            (links.map(|links| Kind::Folder { links }), section.required("url", Value::folder_url))
        }
        _ => (Some(Kind::Feed), section.required("url", Value::feed_url)),
    };
    let every = section.or("every", SignedDuration::from_mins(10), Value::duration);
    let max_age = section.or("max_age", SignedDuration::from_hours(30 * 24), Value::duration);
    let flood = section.or("flood", 10, |value| value.count(1, 1_000_000));
    let ping = section.optional("ping", Value::long_secret);
    let websub = match &kind {
        Some(Kind::Feed) => section.or("websub", Websub::Off, |value| value.either(Websub::On, Websub::Off)),
        _ => Websub::Off,
    };
    section.finish();
    Some(Feed { name: name?, url: url?, kind: kind?, every, max_age, flood, ping, websub })
}

/// Reads `[collect]`.
pub(super) fn collect(top: &mut Section<'_, '_>) -> Collect {
    let mut section = top.section("collect");
    let default = Collect::default();
    let collect = Collect {
        timeout: section.or("timeout", default.timeout, |value| {
            let timeout = value.duration()?.unsigned_abs();
            if timeout > LONGEST_TIMEOUT {
                return Err(
                    Problem::new("is longer than a minute").hint("a feed that takes longer is tried again later")
                );
            }
            Ok(timeout)
        }),
        max_size: section.or("max_size", default.max_size, Value::size),
        private_networks: section.or("private_networks", default.private_networks, |value| value.each(Value::network)),
    };
    section.finish();
    collect
}

impl Value<'_, '_> {
    /// An http, https or file URL, or a path.
    fn feed_url(&self) -> Result<Url, Problem> {
        let text = self.text()?;
        match Url::parse(text) {
            Ok(url) if url.scheme() == "file" => {
                let path = url.to_file_path().map_err(|()| Problem::new("a file URL has three slashes and no host"))?;
                self.warn_when_absent(&path);
                Ok(url)
            }
            Err(ParseError::RelativeUrlWithoutBase) => {
                let path = self.path()?;
                self.warn_when_absent(&path);
                let no_path = || Problem::new(format!("`{}` cannot be made a path", path.display()));
                let whole = path::absolute(&path).map_err(|_| no_path())?;
                Url::from_file_path(whole).map_err(|()| no_path())
            }
            _ => self.web_url(),
        }
    }

    fn feed_kind(&self) -> Result<&'static str, Problem> {
        let kind = self.text()?;
        let known = KINDS.into_iter().find(|known| *known == kind);
        known.ok_or_else(|| Problem::new("not a kind of feed").suggest(kind, KINDS.into_iter()))
    }

    /// A folder of this machine, as a file URL or a path.
    fn folder_url(&self) -> Result<Url, Problem> {
        let url = self.feed_url()?;
        let is_folder = url.to_file_path().is_ok_and(|path| path.is_dir() || !path.exists());
        if is_folder { Ok(url) } else { Err(Problem::new("expected a folder of this machine")) }
    }

    fn link_pattern(&self) -> Result<LinkPattern, Problem> {
        LinkPattern::parse(self.text()?).map_err(|error| {
            Problem::new(error).hint("write how the site makes links, such as \"https://example.org/news/{slug}/\"")
        })
    }

    /// The slug of a category of WordPress, or its number.
    fn category(&self) -> Result<String, Problem> {
        let word = self.words()?;
        if word.contains([',', '/', ' ']) {
            return Err(Problem::new("expected the slug of a category, as it stands in its address, or its number"));
        }
        Ok(word)
    }

    fn warn_when_absent(&self, path: &path::Path) {
        if !path.exists() {
            self.warn(
                Problem::new(format!("there is no file `{}`", path.display()))
                    .hint("for a page of the web, write its URL whole, with \"https://\""),
            );
        }
    }

    /// A network such as `10.0.0.0/8`, or a single address.
    pub(super) fn network(&self) -> Result<IpNet, Problem> {
        let text = self.text()?;
        let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse::<IpNet>()
            .ok()
            .or_else(single)
            .ok_or_else(|| Problem::new("not a network").hint("write an address and its bits, such as \"10.0.0.0/8\""))
    }
}
