//! Flow E: past issues, as anybody may read them on the web. A list's name and an issue's number come in; what was frozen
//! for its readers goes out, with nobody's links in it. It only reads, and shows nothing of a list without an archive,
//! nor of an issue that is held, cancelled or not yet on its way.

use jiff::Timestamp;

use crate::{
    app::App,
    domain::{
        issue::{IssueId, IssueKind},
        list::List,
        slug::Slug,
    },
    newsroom::{self, NewsroomError, Preview},
    store::{StoreError, issues::StoredIssue},
};

/// One past issue in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastIssue {
    /// Its number.
    pub id: IssueId,
    /// Digest or alert.
    pub kind: IssueKind,
    /// Its subject.
    pub subject: String,
    /// When it was mailed.
    pub mailed_at: Timestamp,
}

/// One past issue as it was mailed.
#[derive(Clone, Debug)]
pub struct OpenedIssue {
    /// What a listing says of it.
    pub issue: PastIssue,
    /// Its parts, with links for nobody in particular.
    pub mail: Preview,
}

/// The lists whose past issues can be read.
pub fn archived_lists(app: &App) -> impl Iterator<Item = &List> {
    app.config.lists.iter().filter(|list| list.has_archive())
}

/// The list of that name, when its past issues can be read.
pub fn archived_list<'a>(app: &'a App, name: &str) -> Option<&'a List> {
    archived_lists(app).find(|list| list.name.as_str() == name)
}

/// Past issues of a list, newest first: those older than the issue `before`, or the newest.
///
/// # Errors
/// When the store cannot be read.
pub async fn past_issues(
    app: &App,
    list: &Slug,
    before: Option<IssueId>,
    limit: u32,
) -> Result<Vec<PastIssue>, StoreError> {
    let issues = app.store.mailed_issues(list, before, limit, app.clock.now()).await?;
    Ok(issues.into_iter().filter_map(|issue| PastIssue::of(issue, app.clock.now())).collect())
}

/// A past issue of a list; `None` when the list has none of that number to show.
///
/// # Errors
/// When the store cannot be read.
pub async fn past_issue(app: &App, list: &Slug, id: IssueId) -> Result<Option<OpenedIssue>, NewsroomError> {
    let issue = match app.store.issue(id).await {
        Ok(issue) if issue.list == *list => issue,
        Ok(_) | Err(StoreError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(issue) = PastIssue::of(issue, app.clock.now()) else { return Ok(None) };
    Ok(Some(OpenedIssue { mail: newsroom::preview_issue(app, id).await?, issue }))
}

impl PastIssue {
    fn of(issue: StoredIssue, now: Timestamp) -> Option<Self> {
        let mailed_at = issue.mailed_at(now)?;
        Some(Self { id: issue.id, kind: issue.kind, subject: issue.subject, mailed_at })
    }
}
