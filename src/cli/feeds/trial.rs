//! `tidings feeds try`: one look at a feed, and what would become of its posts; or the feeds of a site, with the lines of
//! config.toml that name them. It changes nothing.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use url::Url;

use super::named;
use crate::{
    app::App,
    cli::output::{Output, counted},
    collect::{Candidate, Discovery, Format},
    domain::{
        feed::{Feed, FeedState, Kind},
        post::Post,
        slug::Slug,
        websub::Websub,
    },
    publish::{self, Trial},
};

/// A feed that a site has.
#[derive(Serialize)]
struct Row {
    url: String,
    title: String,
    format: Format,
    posts: usize,
    newest: Option<Timestamp>,
    warnings: Vec<String>,
    /// The lines for config.toml.
    config: String,
}

/// Tries what was typed: a feed's name, or the address of a feed or a page.
pub(super) async fn run(app: &App, text: &str, output: Output) -> anyhow::Result<()> {
    let unknown = match named(app, text) {
        Ok(feed) => {
            let look = app.collector.collect(feed, &FeedState::default()).await?;
            let trials = publish::tried(app, feed, look.posts()).await?;
            return output.print(&trials, |trials| listing(look.warnings.clone(), trials));
        }
        Err(unknown) => unknown,
    };
    let Some(url) = address(text) else { return Err(unknown) };
    match app.collector.discover(&url).await? {
        Discovery::Feed(candidate) => {
            let feed = unnamed(&candidate.url);
            let trials = publish::tried(app, &feed, &candidate.posts).await?;
            output.print(&trials, |trials| {
                let mut lines = vec![head(&candidate)];
                lines.extend(candidate.warnings.clone());
                format!("{}\n\n{}", listing(lines, trials), lines_of(&candidate.url, &free_name(app, &candidate.url)))
            })
        }
        Discovery::Page(candidates) => {
            let rows = rows(app, &candidates);
            output.print(&rows, |rows| match rows.is_empty() {
                true => format!("{url} is a web page. It names no feed, and there is none in the usual places."),
                false => {
                    let found = candidates.iter().zip(rows).map(|(candidate, row)| {
                        format!("{}\n{}", [vec![head(candidate)], row.warnings.clone()].concat().join("\n"), row.config)
                    });
                    let found: Vec<String> = found.collect();
                    format!("{url} is a web page. Its feeds, to be put into config.toml:\n\n{}", found.join("\n\n"))
                }
            })
        }
    }
}

/// An address as people type it.
fn address(text: &str) -> Option<Url> {
    match Url::parse(text) {
        Ok(url) if url.has_host() || url.scheme() == "file" => Some(url),
        // A host with a port looks like a scheme.
        _ if text.contains('.') || text.contains(':') => Url::parse(&format!("https://{text}")).ok(),
        _ => None,
    }
}

/// A feed that the configuration does not name, with the usual settings.
fn unnamed(url: &Url) -> Feed {
    Feed {
        name: Slug::parse("tried").expect("it is a slug"),
        url: url.clone(),
        kind: Kind::Feed,
        every: SignedDuration::from_mins(10),
        max_age: SignedDuration::from_hours(24 * 30),
        flood: 10,
        ping: None,
        websub: Websub::Off,
    }
}

fn rows(app: &App, candidates: &[Candidate]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for candidate in candidates {
        let name = free_name(app, &candidate.url);
        let name = if rows.is_empty() { name } else { format!("{name}-{}", rows.len() + 1) };
        rows.push(Row {
            url: candidate.url.to_string(),
            title: candidate.title.clone(),
            format: candidate.format,
            posts: candidate.posts.len(),
            newest: newest(&candidate.posts),
            warnings: candidate.warnings.clone(),
            config: lines_of(&candidate.url, &name),
        });
    }
    rows
}

fn newest(posts: &[Post]) -> Option<Timestamp> {
    posts.iter().filter_map(|post| post.published_at).max()
}

/// `Atom, “Site”, 10 posts, the newest of 2026-11-24: https://…`
fn head(candidate: &Candidate) -> String {
    let title = if candidate.title.is_empty() { "no title".to_owned() } else { format!("“{}”", candidate.title) };
    let newest = newest(&candidate.posts).map(|at| format!(", the newest of {}", day(at))).unwrap_or_default();
    let count = counted(candidate.posts.len() as u64, "post");
    format!("{}, {title}, {count}{newest}: {}", candidate.format.as_str(), candidate.url)
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Posts with what would become of them.
fn listing(mut lines: Vec<String>, trials: &[Trial]) -> String {
    for trial in trials {
        let date = trial.post.published_at.map_or("no date   ".into(), day);
        let standing = trial.standing.map_or("known", |standing| standing.as_str());
        lines.push(format!("  {date}  {}", trial.post.title));
        lines.push(format!("              {standing}: {}", trial.standing_reason));
        lines.push(format!("              {}: {}", trial.verdict.urgency.as_str(), trial.verdict.reason));
    }
    lines.push(counted(trials.len() as u64, "post"));
    lines.join("\n")
}

/// The lines of config.toml that name a feed.
fn lines_of(url: &Url, name: &str) -> String {
    // A URL is ASCII and holds no control characters, so that Rust's quoting is TOML's.
    format!("[[feeds]]\nname = \"{name}\"\nurl = {:?}", url.as_str())
}

/// A name for a feed that no other has: what stands before the ending of its site's name.
fn free_name(app: &App, url: &Url) -> String {
    let host = url.domain().unwrap_or("site").trim_start_matches("www.");
    let labels: Vec<&str> = host.split('.').collect();
    let label = labels[labels.len().saturating_sub(2)];
    let name = Slug::parse(label).map_or("site".to_owned(), |slug| slug.as_str().to_owned());
    let is_free = |name: &String| app.config.feeds.iter().all(|feed| feed.name.as_str() != name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    [name.clone()].into_iter().chain(numbered).find(is_free).unwrap_or(name)
}
