//! The alert that staff make of a post by hand, be it breaking or not. It is the very alert that the post makes by itself
//! when it is breaking, under the same key: so a list has it once, whoever was first, and no digest repeats it.

use super::{NewsroomError, configured_list};
use crate::{
    app::App,
    compose,
    domain::{
        issue::{Content, Draft},
        post::{PostId, Standing},
        slug::Slug,
    },
    store::StoreError,
};

/// The draft of the alert of a post, for a preview, a plan or the send. What the guards made of the post does not matter:
/// that is what a person decides here.
///
/// # Errors
/// [`NewsroomError::Carried`] when the list has the post already, [`NewsroomError::Dismissed`] when staff decided that it
/// shall not be mailed; when there is no such post or list, or the store cannot be read.
pub async fn draft_alert_of_post(app: &App, list: &Slug, post: PostId) -> Result<Draft, NewsroomError> {
    let list = configured_list(app, list)?;
    let found = app.store.post(post).await?;
    let found = found.ok_or_else(|| StoreError::Missing(format!("post {}", post.0)))?;
    if found.standing == Standing::Dismissed {
        return Err(NewsroomError::Dismissed { post: post.0 });
    }
    if let Some(issue) = app.store.issue_carrying(&list.name, &found).await? {
        return Err(NewsroomError::Carried { issue: issue.0, list: list.name.to_string() });
    }
    Ok(compose::alert(list, found))
}

/// What stands for the words of a draft: who sends it must have seen these, and its feed may have changed them meanwhile.
pub fn words_of(draft: &Draft) -> String {
    let body = match &draft.content {
        Content::Post(post) => post.post.body_html.as_str(),
        Content::Statement(statement) => statement.body_html.as_str(),
        Content::Digest { .. } => "",
    };
    compose::key_of(draft.headline(), body)
}
