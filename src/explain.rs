//! Answers "why did (or didn't) X get Y?": walks from the feed to the relay's answer, in sentences. It only reads.

use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        issue::IssueState,
        list::Alerts,
        post::{Standing, StoredPost, Urgency},
        subscription::{Subscription, SubscriptionState},
    },
    store::{StoreError, deliveries::Filter, issues::StoredIssue},
};

/// The sentences, in the order in which things happened.
///
/// # Errors
/// When the store cannot be read, or no post or several match.
pub async fn explain(app: &App, post: &str, address: &EmailAddress) -> Result<Vec<String>, ExplainError> {
    let found = app.store.find_posts(post).await?;
    let post = match found.as_slice() {
        [] => return Err(ExplainError::NoPost(post.to_owned())),
        [one] => one,
        several => {
            return Err(ExplainError::Several(
                several.iter().map(|post| (post.id.0, post.post.title.clone())).collect(),
            ));
        }
    };
    let mut steps = vec![
        format!("Post {}: “{}”.", post.id.0, post.post.title),
        format!("First seen in the feed `{}` at {}.", post.feed, post.first_seen_at),
        format!("It is {}: {}.", post.standing.as_str(), post.standing_reason),
        format!("Its verdict is {}: {}.", post.verdict.urgency.as_str(), post.verdict.reason),
    ];
    let issues = app.store.issues_with_post(post.id).await?;
    let subscriptions = app.store.subscriptions_of(address).await?;
    for list in app.config.lists.iter().filter(|list| list.feeds.contains(&post.feed)) {
        steps.push(subscribed(address, subscriptions.iter().find(|it| it.list == list.name), list.name.as_str()));
        if let Some(reason) = app.store.suppression(address, &list.name).await? {
            steps.push(format!("{address} is suppressed for `{}`: {reason}.", list.name));
        }
        match issues.iter().find(|issue| issue.list == list.name) {
            None => steps.push(not_in_an_issue(post, list.name.as_str(), list.alerts)),
            Some(issue) => steps.extend(in_issue(app, issue, address).await?),
        }
    }
    Ok(steps)
}

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

fn subscribed(address: &EmailAddress, subscription: Option<&Subscription>, list: &str) -> String {
    match subscription {
        None => format!("{address} was never on the list `{list}`."),
        Some(it) => match it.state {
            SubscriptionState::Active => {
                format!("{address} is on `{list}` since {} (consent: {}).", it.began_at, it.consent.as_str())
            }
            SubscriptionState::Ended => match it.ended_at {
                Some(at) => format!("{address} is off `{list}` since {at}: {}.", it.ended_reason),
                None => format!("{address} is off `{list}`: {}.", it.ended_reason),
            },
        },
    }
}

fn not_in_an_issue(post: &StoredPost, list: &str, alerts: Alerts) -> String {
    match (post.standing, post.verdict.urgency, alerts) {
        (Standing::News, Urgency::Breaking, Alerts::Immediate) => {
            format!("It is in no issue of `{list}` yet: the next run makes it an alert, while it is fresh.")
        }
        (Standing::News, ..) => {
            format!(
                "It is in no issue of `{list}` yet: it waits for the next digest, unless it was news before the list began."
            )
        }
        _ => format!("So it goes into no issue of `{list}`."),
    }
}

async fn in_issue(app: &App, issue: &StoredIssue, address: &EmailAddress) -> Result<Vec<String>, StoreError> {
    let kind = issue.kind.as_str();
    let name = format!("the {kind} of `{}`, issue {}", issue.list, issue.id.0);
    let mut steps = vec![match issue.state {
        IssueState::Held => format!("It is in {name}, which is held: {}.", issue.state_reason),
        IssueState::Cancelled => format!("It is in {name}, which was cancelled: {}.", issue.state_reason),
        IssueState::Queued => match issue.queued_at {
            Some(at) => format!("It is in {name}, queued at {at} to {} readers.", issue.readers),
            None => format!("It is in {name}."),
        },
    }];
    let filter = Filter { issue: Some(issue.id), address: Some(address.clone()), ..Filter::default() };
    let deliveries = app.store.deliveries(&filter, 10).await?;
    if deliveries.is_empty() && issue.state == IssueState::Queued {
        steps.push(format!("{address} was not among its readers when it was queued."));
    }
    for delivery in deliveries {
        let answer = delivery.answer.map(|answer| format!(": {answer}")).unwrap_or_default();
        let again = delivery.try_at.map(|at| format!("; to be tried at {at}")).unwrap_or_default();
        let state = delivery.state.as_str();
        steps.push(format!("The delivery to {address} is {state} since {}{answer}{again}.", delivery.changed_at));
    }
    Ok(steps)
}
