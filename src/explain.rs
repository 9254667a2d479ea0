//! Answers "why did (or didn't) X get Y?": walks from the feed to the relay's answer and what came back, in sentences. A
//! post and an address come in; each step that was taken goes out, and the first that was not, with its reason. It only
//! reads.

mod reader;

use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        issue::IssueState,
        list::Alerts,
        post::{Standing, StoredPost, Urgency},
        slug::Slug,
    },
    store::{StoreError, issues::StoredIssue, ledger::Entry},
};
use reader::Reader;

/// How many lines of the ledger are told of one thing.
const LINES: i64 = 50;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing like it was ever seen.
    #[error("no post was ever seen whose link, number or title is like `{0}`")]
    NoPost(String),
    /// It could be one of these.
    #[error("several posts are like it: {}", .0.iter().map(|(id, title)| format!("{id} “{title}”")).collect::<Vec<_>>().join(", "))]
    Several(Vec<(i64, String)>),
}

/// The sentences, in the order in which things happened.
///
/// # Errors
/// When the store cannot be read, or no post or several match.
pub async fn explain(app: &App, post: &str, address: &EmailAddress) -> Result<Vec<String>, ExplainError> {
    let post = the_post(app, post).await?;
    let reader = Reader::of(app, address).await?;
    let mut steps = seen(&post);
    steps.extend(app.store.entries_about(&post.id.about(), LINES).await?.iter().map(line));
    let issues = app.store.issues_with_post(post.id).await?;
    for list in lists_of(app, &post, &issues) {
        steps.push(reader.subscribed(&list));
        steps.extend(reader.suppressed(&list));
        match issues.iter().find(|issue| issue.list == list) {
            None => steps.push(not_in_an_issue(app, &post, &list)),
            Some(issue) => {
                steps.extend(in_issue(app, issue).await?);
                steps.extend(reader.mailed(app, issue).await?);
            }
        }
    }
    Ok(steps)
}

async fn the_post(app: &App, text: &str) -> Result<StoredPost, ExplainError> {
    let mut found = app.store.find_posts(text).await?;
    match found.as_slice() {
        [] => Err(ExplainError::NoPost(text.to_owned())),
        [_] => Ok(found.remove(0)),
        several => {
            Err(ExplainError::Several(several.iter().map(|post| (post.id.0, post.post.title.clone())).collect()))
        }
    }
}

/// What was made of it when it was seen.
fn seen(post: &StoredPost) -> Vec<String> {
    let mut steps = vec![
        format!("Post {}: “{}”.", post.id.0, post.post.title),
        format!("First seen in the feed `{}` at {}.", post.feed, post.first_seen_at),
        format!("It is {}: {}.", post.standing.as_str(), post.standing_reason),
        format!("Its verdict is {}: {}.", post.verdict.urgency.as_str(), post.verdict.reason),
    ];
    if let Some(at) = post.news_at.filter(|at| *at != post.first_seen_at) {
        steps.insert(3, format!("It became news at {at}."));
    }
    steps
}

/// The lists that carry its feed now, and those that have carried it.
fn lists_of(app: &App, post: &StoredPost, issues: &[StoredIssue]) -> Vec<Slug> {
    let configured = app.config.lists.iter().filter(|list| list.feeds.contains(&post.feed)).map(|list| &list.name);
    let mut lists: Vec<Slug> = configured.cloned().collect();
    for issue in issues {
        if !lists.contains(&issue.list) {
            lists.push(issue.list.clone());
        }
    }
    lists
}

fn not_in_an_issue(app: &App, post: &StoredPost, list: &Slug) -> String {
    let configured = app.config.list(list.as_str());
    let alerts = configured.map_or(Alerts::Off, |list| list.alerts);
    let since = post.news_at.unwrap_or(post.first_seen_at);
    let is_fresh = app.clock.now().duration_since(since) < app.config.delivery.alert_expires;
    match (post.standing, post.verdict.urgency, alerts) {
        (Standing::News, Urgency::Breaking, Alerts::Immediate) if is_fresh => {
            format!("It is in no issue of `{list}` yet: the next run makes it an alert, while it is fresh.")
        }
        (Standing::News, Urgency::Breaking, Alerts::Immediate) => format!(
            "It is in no issue of `{list}` yet: it became news too long ago for an alert, and waits for the next digest, \
             unless that was before the list began."
        ),
        (Standing::News, ..) => format!(
            "It is in no issue of `{list}` yet: it waits for the next digest, unless it was news before the list began."
        ),
        (Standing::Waiting, ..) => format!("It is in no issue of `{list}` yet: its date has not come."),
        (Standing::Held, ..) => format!("It is in no issue of `{list}` yet: staff have not decided."),
        _ => format!("So it goes into no issue of `{list}`."),
    }
}

/// How its issue came to be and how that fared.
async fn in_issue(app: &App, issue: &StoredIssue) -> Result<Vec<String>, StoreError> {
    let kind = issue.kind.as_str();
    let name = format!("the {kind} of `{}`, issue {}", issue.list, issue.id.0);
    let mut steps = vec![match (issue.state, issue.queued_at) {
        (IssueState::Held, None) => format!("It is in {name}, which is held: {}.", issue.state_reason),
        (IssueState::Cancelled, None) => format!("It is in {name}, which was cancelled: {}.", issue.state_reason),
        (_, Some(at)) => format!("It is in {name}, queued at {at} to {} readers.", issue.readers),
        (IssueState::Queued, None) => format!("It is in {name}."),
    }];
    let history = app.store.entries_about(&issue.id.about(), LINES).await?;
    let is_told =
        |entry: &&Entry| !matches!(entry.event.as_str(), "queued" | "note") || entry.reason.contains("released");
    steps.extend(history.iter().filter(is_told).map(line));
    match (issue.state, issue.queued_at) {
        (IssueState::Held, Some(_)) => steps.push("The issue is held: what of it was not sent waits.".to_owned()),
        (IssueState::Cancelled, Some(_)) => steps.push("The issue was cancelled: the rest is not sent.".to_owned()),
        _ => {}
    }
    Ok(steps)
}

fn line(entry: &Entry) -> String {
    let run = entry.run.map_or(String::new(), |run| format!(" (run {})", run.0));
    format!("At {}, {}: {}{run}.", entry.at, entry.event, entry.reason.trim_end_matches('.'))
}
