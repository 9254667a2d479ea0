//! Flow D: what staff do with issues (alert, test, hold, release, cancel) and what is told to them. A shell calls it;
//! no rule of it lives in a shell.

mod alarms;
mod held_posts;
mod preview;
mod sent_alerts;
mod staff;
mod suppressions;

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    collect::clean::clean_html,
    compose,
    domain::{
        address::EmailAddress,
        alarm::AlarmKind,
        issue::{Content, Draft, IssueId, IssueKey, IssueKind, IssueState},
        list::List,
        mailing::Rendered,
        slug::Slug,
    },
    queue::{self, Edition, Queued},
    render::{self, Flavour, RenderError},
    store::{StoreError, issues::StoredIssue},
};

pub use alarms::tell_alarms;
pub use held_posts::decide_held;
pub use preview::{Preview, preview, preview_digest, preview_issue};
pub(crate) use sent_alerts::alerts_before;
pub use staff::notice_to_staff;
pub use suppressions::{Lifted, lift, suppress};

/// Why staff's wish was not done. Nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum NewsroomError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template is broken.
    #[error("cannot render the issue")]
    Render(#[from] RenderError),
    /// The same alert was made before.
    #[error("this alert was made before: issue {}, {}", .0.id.0, .0.state.as_str())]
    MadeBefore(Box<StoredIssue>),
    /// An issue is not in the state that the wish needs.
    #[error("issue {issue} is {state}, not {needed}")]
    WrongState {
        /// Its number.
        issue: i64,
        /// What it is.
        state: &'static str,
        /// What it would have to be.
        needed: &'static str,
    },
    /// config.toml has no such list.
    #[error("the configuration has no list `{0}`")]
    NoList(String),
    /// The list has too little news for a digest now.
    #[error("there is no digest of `{list}` to show now: {why}")]
    NoDigest {
        /// The list.
        list: String,
        /// How much there is, and is wanted.
        why: String,
    },
    /// The headline or the statement has no words.
    #[error("an alert needs a subject and a statement with words in it")]
    Empty,
    /// Nobody would get it, and it could not be sent again to those who join later.
    #[error("the list `{0}` has no readers yet")]
    NoReaders(String),
    /// It is of no more use.
    #[error("the time of issue {issue} ran out at {at}: nothing of it can be sent any more")]
    TooLate {
        /// Its number.
        issue: i64,
        /// When.
        at: Timestamp,
    },
}

/// A statement as staff hand it in.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// The list to alert.
    pub list: &'a Slug,
    /// The headline and subject.
    pub subject: &'a str,
    /// The text, in Markdown.
    pub markdown: &'a str,
    /// What makes it one of a kind; `None`: its own words do.
    pub key: Option<&'a str>,
}

/// The draft of a manual alert, for a preview, a test or the send.
///
/// # Errors
/// When there is nothing in it.
pub fn draft_alert(app: &App, statement: &Statement<'_>) -> Result<Draft, NewsroomError> {
    let list = configured_list(app, statement.list)?;
    if statement.subject.trim().is_empty() || statement.markdown.trim().is_empty() {
        return Err(NewsroomError::Empty);
    }
    let body = statement_html(statement.markdown);
    let key = match statement.key {
        Some(key) => key.to_owned(),
        None => compose::key_of(statement.subject, statement.markdown),
    };
    let written = compose::statement(statement.subject, body, app.clock.now());
    Ok(compose::manual_alert(list, written, key))
}

/// A statement's Markdown as HTML that is safe to mail: staff's words are cleaned as a feed's are.
fn statement_html(markdown: &str) -> String {
    clean_html(&render::markdown_to_html(markdown), None)
}

/// Renders a draft as readers would get it, or marked as a test.
///
/// # Errors
/// When a template is broken.
pub fn render_draft(app: &App, draft: &Draft, flavour: Flavour) -> Result<Rendered, NewsroomError> {
    let list = configured_list(app, &draft.list)?;
    Ok(app.renderer.render(draft, list, flavour, app.clock.now())?)
}

/// Queues a manual alert to its list.
///
/// # Errors
/// [`NewsroomError::MadeBefore`] when an alert of that key exists.
pub async fn alert(app: &App, draft: &Draft) -> Result<Queued, NewsroomError> {
    let rendered = render_draft(app, draft, Flavour::Live)?;
    let now = app.clock.now();
    if app.store.count_readers(&draft.list, draft.kind()).await? == 0 {
        return Err(NewsroomError::NoReaders(draft.list.to_string()));
    }
    let edition = Edition { draft, slot_at: None, why: "by staff", now };
    match queue::queue_issue(&app.store, edition, &rendered, expiry(app, draft.kind(), now)).await {
        Err(StoreError::Conflict) => {
            let before = app.store.issue_by_key(&draft.list, &draft.key).await?;
            Err(before.map_or(StoreError::Conflict.into(), |issue| NewsroomError::MadeBefore(Box::new(issue))))
        }
        other => Ok(other?),
    }
}

/// Mails a draft to one address, marked as a test. It goes to that address alone, on or off any list.
///
/// # Errors
/// When a template is broken or the store cannot be written.
pub async fn test(app: &App, draft: &Draft, to: &EmailAddress) -> Result<(), NewsroomError> {
    let rendered = render_draft(app, draft, Flavour::Test)?;
    Ok(queue::queue_notice(&app.store, &rendered, std::slice::from_ref(to), app.clock.now()).await?)
}

/// Releases a held issue. One that was never rendered is rendered now and queued; one that was stopped while it was
/// being sent goes on where it stopped, as it was frozen.
///
/// # Errors
/// When it is not held, or a template is (still) broken.
pub async fn release(app: &App, id: IssueId) -> Result<Queued, NewsroomError> {
    let issue = app.store.issue(id).await?;
    needs(&issue, IssueState::Held)?;
    if issue.queued_at.is_some() {
        return go_on(app, &issue).await;
    }
    let draft = draft_of(app, &issue).await?;
    let rendered = render_draft(app, &draft, Flavour::Live)?;
    let now = app.clock.now();
    let edition = Edition { draft: &draft, slot_at: None, why: "released by staff", now };
    let queued = queue::queue_held(&app.store, id, edition, &rendered, expiry(app, issue.kind, now)).await?;
    queued.ok_or_else(|| decided_already(id, IssueState::Held))
}

async fn go_on(app: &App, issue: &StoredIssue) -> Result<Queued, NewsroomError> {
    let now = app.clock.now();
    let mailing = app.store.mailing_of_issue(issue.id).await?;
    if let Some(at) = mailing.and_then(|mailing| mailing.expires_at).filter(|at| *at <= now) {
        return Err(NewsroomError::TooLate { issue: issue.id.0, at });
    }
    let mut tx = app.store.begin().await?;
    if !tx.move_issue(issue.id, IssueState::Held, IssueState::Queued, "").await? {
        return Err(decided_already(issue.id, IssueState::Held));
    }
    tx.clear_alarm(&issue.id.about(), AlarmKind::IssueHeld, now).await?;
    let readers = tx.unpark(issue.id, now).await?;
    tx.record(now, &issue.id.about(), "queued", "released by staff, goes on").await?;
    tx.commit().await?;
    Ok(Queued { issue: issue.id, readers })
}

/// Stops an issue that is being sent: what is not on the wire at this moment waits until it is released. Gives how many
/// messages wait.
///
/// # Errors
/// When it is not queued.
pub async fn hold(app: &App, id: IssueId, reason: &str) -> Result<u64, NewsroomError> {
    let issue = app.store.issue(id).await?;
    needs(&issue, IssueState::Queued)?;
    if app.store.states_of_issue(id).await?.keys().all(|state| state.is_settled()) {
        return Err(NewsroomError::WrongState { issue: id.0, state: "done with", needed: "being sent" });
    }
    let parked = app.store.hold_issue(id, reason, app.clock.now()).await?;
    parked.ok_or_else(|| decided_already(id, IssueState::Queued))
}

/// Cancels an issue that is held or still being sent: what was not sent will not be. Gives how many deliveries were
/// dropped.
///
/// # Errors
/// When it was cancelled before.
pub async fn cancel(app: &App, id: IssueId, reason: &str) -> Result<u64, NewsroomError> {
    let issue = app.store.issue(id).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let moved = tx.move_issue(id, issue.state, IssueState::Cancelled, reason).await?;
    if !moved || issue.state == IssueState::Cancelled {
        return Err(NewsroomError::WrongState {
            issue: id.0,
            state: IssueState::Cancelled.as_str(),
            needed: "held or queued",
        });
    }
    tx.clear_alarm(&id.about(), AlarmKind::IssueHeld, now).await?;
    let dropped = tx.drop_unsent(id, &format!("cancelled: {reason}"), now).await?;
    tx.record(now, &id.about(), "cancelled", reason).await?;
    tx.commit().await?;
    Ok(dropped)
}

/// What an issue says, put together again from the store.
///
/// # Errors
/// When the store cannot be read, or the list is no longer configured.
pub async fn draft_of(app: &App, issue: &StoredIssue) -> Result<Draft, NewsroomError> {
    let list = configured_list(app, &issue.list)?;
    let mut posts = Vec::new();
    for id in app.store.posts_of_issue(issue.id).await? {
        posts.extend(app.store.post(id).await?);
    }
    let content = match (&issue.statement, issue.kind) {
        (Some(statement), _) => Content::Statement(statement.clone()),
        (None, IssueKind::Digest) => {
            let more = posts.split_off(posts.len().min(list.max_posts));
            let alerts = sent_alerts::alerts_before(app, list, Some(issue.id)).await?;
            Content::Digest { posts, more, alerts }
        }
        (None, IssueKind::Alert) => {
            let post = posts.pop().ok_or_else(|| StoreError::Missing("the alert's post".into()))?;
            Content::Post(Box::new(post))
        }
    };
    // The key is stored as text and never written again: the draft only needs one of the right kind.
    Ok(Draft { list: issue.list.clone(), key: IssueKey::Manual(issue.key.clone()), content })
}

/// When an issue of this kind is of no more use.
pub(crate) fn expiry(app: &App, kind: IssueKind, now: Timestamp) -> Option<Timestamp> {
    let useful: SignedDuration = match kind {
        IssueKind::Alert => app.config.delivery.alert_expires,
        IssueKind::Digest => return None,
    };
    Some(now.checked_add(useful).unwrap_or(Timestamp::MAX))
}

/// The title of a list, as readers see it.
pub fn title_of<'a>(app: &'a App, name: &'a Slug) -> &'a str {
    configured_list(app, name).map_or(name.as_str(), |list| &list.title)
}

/// The list of that name.
pub(crate) fn configured_list<'a>(app: &'a App, name: &Slug) -> Result<&'a List, NewsroomError> {
    let list = app.config.lists.iter().find(|list| list.name == *name);
    list.ok_or_else(|| NewsroomError::NoList(name.to_string()))
}

/// Someone else was quicker.
fn decided_already(id: IssueId, needed: IssueState) -> NewsroomError {
    NewsroomError::WrongState { issue: id.0, state: "decided upon already", needed: needed.as_str() }
}

fn needs(issue: &StoredIssue, needed: IssueState) -> Result<(), NewsroomError> {
    if issue.state == needed {
        return Ok(());
    }
    Err(NewsroomError::WrongState { issue: issue.id.0, state: issue.state.as_str(), needed: needed.as_str() })
}

#[cfg(test)]
mod tests {
    use super::statement_html;

    #[test]
    fn nothing_typed_into_a_statement_can_run_or_reach_elsewhere() {
        for hostile in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](data:text/html,y)",
            "![x](javascript:alert(1))",
            "<javascript:alert(1)>",
            "[x](/relative)",
            "[x](https://e.org \"\\\" onclick=alert(1)\")",
        ] {
            let html = statement_html(hostile);
            for bad in ["<script", "<img", "href=\"javascript", "href=\"/", "data:text/html,y\"", "\" onclick"] {
                assert!(!html.contains(bad), "{hostile} gave {html}");
            }
        }
        assert_eq!(
            statement_html("Stop *now*: [text](https://example.org/a?b=1&c=2)"),
            "<p>Stop <em>now</em>: <a href=\"https://example.org/a?b=1&amp;c=2\">text</a></p>"
        );
    }
}
