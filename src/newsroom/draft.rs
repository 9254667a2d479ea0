//! What an issue says before it is rendered: a statement as staff hand it in, or an issue read back from the store.

use super::{NewsroomError, alerts_before, configured_list};
use crate::{
    app::App,
    collect::clean::clean_html,
    compose,
    domain::{
        issue::{Content, Draft, IssueKey, IssueKind, Statement as Written},
        list::List,
        mailing::Rendered,
        slug::Slug,
    },
    render::{self, Flavour},
    store::{StoreError, issues::StoredIssue},
};

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
    let (list, written) = read(app, statement)?;
    Ok(compose::manual_alert(list, written, key_of(statement)))
}

/// The draft of the drill of such an alert, which goes to staff alone.
///
/// # Errors
/// When there is nothing in it.
pub fn draft_drill(app: &App, statement: &Statement<'_>) -> Result<Draft, NewsroomError> {
    let (list, written) = read(app, statement)?;
    Ok(compose::drill(list, written, &key_of(statement), app.clock.now()))
}

fn read<'a>(app: &'a App, statement: &Statement<'_>) -> Result<(&'a List, Written), NewsroomError> {
    let list = configured_list(app, statement.list)?;
    if statement.subject.trim().is_empty() || statement.markdown.trim().is_empty() {
        return Err(NewsroomError::Empty);
    }
    let body = statement_html(statement.markdown);
    Ok((list, compose::statement(statement.subject, body, app.clock.now())))
}

fn key_of(statement: &Statement<'_>) -> String {
    let of_words = || compose::key_of(statement.subject, statement.markdown);
    statement.key.map_or_else(of_words, str::to_owned)
}

/// A statement's Markdown as HTML that is safe to mail: staff's words are cleaned as a feed's are.
pub(super) fn statement_html(markdown: &str) -> String {
    clean_html(&render::markdown_to_html(markdown), None)
}

/// Renders a draft as those who get it will: readers an alert, and staff a drill, which looks different.
///
/// # Errors
/// When a template is broken.
pub(super) fn render_draft(app: &App, draft: &Draft) -> Result<Rendered, NewsroomError> {
    let flavour = match draft.kind() {
        IssueKind::Digest | IssueKind::Alert => Flavour::Live,
        IssueKind::Drill => Flavour::Drill,
    };
    render_as(app, draft, flavour)
}

/// Renders a draft, marked as something else than what its kind is.
///
/// # Errors
/// When a template is broken.
pub(super) fn render_as(app: &App, draft: &Draft, flavour: Flavour) -> Result<Rendered, NewsroomError> {
    let list = configured_list(app, &draft.list)?;
    Ok(app.renderer.render(draft, list, flavour, app.clock.now())?)
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
            let alerts = alerts_before(app, list, Some(issue.id)).await?;
            Content::Digest { posts, more, alerts }
        }
        (None, IssueKind::Alert | IssueKind::Drill) => {
            let post = posts.pop().ok_or_else(|| StoreError::Missing("the alert's post".into()))?;
            Content::Post(Box::new(post))
        }
    };
    // The key is stored as text and never written again: the draft only needs one of the right kind.
    let key = match issue.kind {
        IssueKind::Drill => IssueKey::Drill(issue.key.clone()),
        IssueKind::Digest | IssueKind::Alert => IssueKey::Manual(issue.key.clone()),
    };
    Ok(Draft { list: issue.list.clone(), key, content })
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
