//! `tidings feeds`: how they do, what one look gives, and what of them is held.

mod trial;

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    open,
    output::{Output, counted, table},
};
use crate::{
    app::App,
    domain::{
        feed::{Feed, FeedState},
        post::{PostId, StoredPost},
        slug::Slug,
    },
    newsroom::{self, Decided, PostDecision},
};

/// The feeds.
#[derive(Debug, Subcommand)]
pub(super) enum Feeds {
    /// Every feed, and how it does
    List,
    /// Look at a feed now, by its name or URL, and show what would become of its posts; given the address of a site, find
    /// its feeds. Nothing is stored or mailed
    Try {
        /// A name of config.toml, or the URL of a feed or of a site's page
        feed: String,
    },
    /// The posts of a feed that wait for a person to decide
    Held {
        /// The feed's name
        feed: String,
    },
    /// Let held posts be news after all: all of them, or those of these numbers
    Release {
        /// The feed's name
        feed: String,
        /// Numbers of posts
        posts: Vec<i64>,
    },
    /// Leave posts unmailed for good: all that are held, or those of these numbers, also when they wait for a digest
    Dismiss {
        /// The feed's name
        feed: String,
        /// Numbers of posts
        posts: Vec<i64>,
    },
}

#[derive(Serialize)]
struct Health {
    name: Slug,
    url: String,
    #[serde(flatten)]
    state: FeedState,
}

impl Feeds {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::List => all(&app, output).await?,
            Self::Try { feed } => trial::run(&app, &feed, output).await?,
            Self::Held { feed } => {
                let held = app.store.held_posts(&named(&app, &feed)?.name).await?;
                output.print(&held, |posts| posts_table(posts))?;
            }
            Self::Release { feed, posts } => {
                let done =
                    newsroom::decide_held(&app, named(&app, &feed)?, &chosen(posts), PostDecision::Release).await?;
                output.print(&done, |done| format!("{} will be mailed", counted(done.count, "post")))?;
            }
            Self::Dismiss { feed, posts } => {
                let done =
                    newsroom::decide_held(&app, named(&app, &feed)?, &chosen(posts), PostDecision::Dismiss).await?;
                output.print(&done, dismissed)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn all(app: &App, output: Output) -> anyhow::Result<()> {
    let mut feeds = Vec::new();
    for feed in &app.config.feeds {
        let state = app.store.feed_state(&feed.name).await?.unwrap_or_default();
        feeds.push(Health { name: feed.name.clone(), url: feed.url.to_string(), state });
    }
    output.print(&feeds, |feeds| {
        let when = |at: Option<Timestamp>| at.map_or("never".into(), |at| at.strftime("%Y-%m-%d %H:%MZ").to_string());
        let cells = feeds.iter().map(|feed| {
            let health = match (&feed.state.failing_since, &feed.state.last_error) {
                (Some(since), Some(error)) => format!("failing since {}: {error}", when(Some(*since))),
                _ => "well".to_owned(),
            };
            vec![feed.name.to_string(), when(feed.state.checked_at), when(feed.state.next_check_at), health]
        });
        table(&["feed", "looked at", "next look", "health"], &cells.collect::<Vec<_>>())
    })
}

pub(super) fn named<'a>(app: &'a App, name: &str) -> anyhow::Result<&'a Feed> {
    app.config.feed(name).ok_or_else(|| {
        let names: Vec<&str> = app.config.feeds.iter().map(|feed| feed.name.as_str()).collect();
        anyhow::anyhow!("there is no feed `{name}`; there is: {}", names.join(", "))
    })
}

fn chosen(posts: Vec<i64>) -> Vec<PostId> {
    posts.into_iter().map(PostId).collect()
}

fn dismissed(done: &Decided) -> String {
    let mut lines = vec![format!("{} will not be mailed", counted(done.count, "post"))];
    let carried = done.carried.iter();
    lines.extend(carried.map(|one| format!("post {} is in issue {}: stop it there", one.post.0, one.issue.0)));
    lines.join("\n")
}

fn posts_table(posts: &[StoredPost]) -> String {
    let cells = posts.iter().map(|post| {
        vec![
            post.id.0.to_string(),
            post.date().strftime("%Y-%m-%d").to_string(),
            post.verdict.urgency.as_str().to_owned(),
            post.post.title.clone(),
            post.standing_reason.clone(),
        ]
    });
    table(&["post", "date", "verdict", "title", "held because"], &cells.collect::<Vec<_>>())
}
