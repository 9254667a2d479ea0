//! The alerts that a list's next digest names: those sent since the digest before it. It reads the store and changes
//! nothing.

use crate::{
    app::App,
    domain::{
        issue::{IssueId, IssueKind, SentAlert},
        list::List,
    },
    store::{StoreError, issues::StoredIssue},
};

/// More than this many since one digest are not named.
const MOST: u32 = 30;

/// The alerts of a list since its last digest, newest first; since the one before an issue, when one is given. Those
/// that are held or were cancelled, as by a correction, which is then named in their place, are not.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn alerts_before(
    app: &App,
    list: &List,
    issue: Option<IssueId>,
) -> Result<Vec<SentAlert>, StoreError> {
    let now = app.clock.now();
    let mailed = app.store.mailed_issues(&list.name, issue, MOST, now).await?;
    let mut alerts = Vec::new();
    // By their times and not their numbers: an alert that was held or in its window may go after a younger digest.
    let digests = mailed.iter().filter(|issue| issue.kind == IssueKind::Digest);
    let last = digests.filter_map(|digest| digest.mailed_at(now)).max();
    for sent in mailed.into_iter().filter(|issue| issue.kind == IssueKind::Alert) {
        let Some(sent_at) = sent.mailed_at(now).filter(|at| last.is_none_or(|last| *at > last)) else { continue };
        let link = link_of(app, list, &sent).await?;
        alerts.push(SentAlert { subject: sent.subject, link, sent_at });
    }
    Ok(alerts)
}

/// Where an alert can be read: its post on the site, else the alert itself in the archive.
async fn link_of(app: &App, list: &List, issue: &StoredIssue) -> Result<Option<String>, StoreError> {
    let post = match app.store.posts_of_issue(issue.id).await?.first() {
        Some(post) => app.store.post(*post).await?,
        None => None,
    };
    let on_the_web = || list.has_archive().then(|| app.links().past_issue(list, issue.id));
    Ok(post.and_then(|post| post.post.link).or_else(on_the_web))
}
