//! Posts that are in the feed again and say something else. What was not mailed yet is mailed as it stands there now; what
//! was mailed is never mailed again by itself: the ledger says what changed, and staff hear of it once a post. Nothing of
//! it makes an alert: the verdict stays the one of the first look.

use jiff::Timestamp;

use super::Pass;
use crate::{
    app::App,
    domain::{
        feed::Feed,
        issue::IssueId,
        post::{Post, PostId, Standing},
    },
    judge, newsroom,
    queue::{self, ReadyNotice},
    render::{Fact, Notice},
    store::{StoreError, Tx, posts::SeenPost},
};

/// What is to be written of one look, gathered before its transaction.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Posts that wait to be mailed, as they stand in the feed now.
    refreshed: Vec<(PostId, Post)>,
    /// Posts that were mailed otherwise.
    edited: Vec<Edited>,
    /// Posts that say again what was mailed.
    undone: Vec<PostId>,
    notice: Option<ReadyNotice>,
}

#[derive(Debug)]
struct Edited {
    id: PostId,
    title: String,
    issue: IssueId,
    edit: judge::Edit,
    is_told: bool,
}

impl Edits {
    /// What of the posts of this look was seen before and is different now.
    pub(super) async fn of(app: &App, feed: &Feed, posts: &[Post]) -> Result<Self, StoreError> {
        let mut edits = Self::default();
        for seen in app.store.seen_posts(&feed.name, posts).await? {
            if let Some(now) = posts.iter().find(|post| post.fingerprint == seen.post.fingerprint) {
                edits.add(seen, now);
            }
        }
        let untold: Vec<&Edited> = edits.edited.iter().filter(|edited| !edited.is_told).collect();
        if !untold.is_empty() {
            edits.notice = newsroom::notice_to_staff(app, &notice(feed, &untold)).await?;
        }
        Ok(edits)
    }

    fn add(&mut self, seen: SeenPost, now: &Post) {
        match (seen.issue, seen.standing) {
            (None, Standing::News | Standing::Held | Standing::Waiting)
                if !seen.is_composed && says_else(&seen.post, now) =>
            {
                self.refreshed.push((seen.id, now.clone()));
            }
            (Some(issue), _) => match judge::edit(&seen.post, now) {
                None if seen.edited.is_some() => self.undone.push(seen.id),
                Some(edit) if seen.edited.as_ref() != Some(&edit.digest) => {
                    self.edited.push(Edited { id: seen.id, title: seen.post.title, issue, edit, is_told: seen.is_told })
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// Writes all of it down, within the transaction of the look.
    pub(super) async fn write(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        for (id, post) in &self.refreshed {
            tx.refresh_post(*id, post).await?;
        }
        for edited in &self.edited {
            tx.post_edited(edited.id, Some(&edited.edit.digest)).await?;
            if self.notice.is_some() {
                tx.edit_told(edited.id, now).await?;
            }
            tx.record(now, &edited.id.about(), "edited", &edited.reason()).await?;
        }
        for id in &self.undone {
            tx.post_edited(*id, None).await?;
            tx.record(now, &id.about(), "edited", "it says again what was mailed").await?;
        }
        match &self.notice {
            Some(notice) => queue::write_notice(tx, notice).await,
            None => Ok(()),
        }
    }

    /// Tells it to whoever started the pass.
    pub(super) fn tell(self, feed: &Feed, pass: &mut Pass) {
        let notes =
            self.edited.iter().map(|edited| format!("feed `{}`: post {}, {}", feed.name, edited.id.0, edited.reason()));
        pass.notes.extend(notes);
    }
}

impl Edited {
    fn reason(&self) -> String {
        let Self { title, issue, edit, .. } = self;
        format!(
            "“{title}” was changed after it was mailed with issue {}: {}; it is not mailed again",
            issue.0, edit.words
        )
    }
}

/// The date is no part of it: a post that waits for its date has a guard of its own.
fn says_else(before: &Post, now: &Post) -> bool {
    let now = Post { published_at: before.published_at, ..now.clone() };
    *before != now
}

fn notice(feed: &Feed, edited: &[&Edited]) -> Notice {
    let subject = match edited {
        [one] => format!("A post that was mailed was changed: “{}”", one.title),
        several => format!("{} posts of the feed “{}” that were mailed were changed", several.len(), feed.name),
    };
    let correct = edited.first().map_or(0, |one| one.issue.0);
    Notice {
        subject,
        paragraphs: vec![
            "Nothing is mailed again by itself. If readers should know, write what they should know into a file and mail it \
             to those who got the first:"
                .to_owned(),
            format!("tidings issues correct {correct} FILE.md -s SUBJECT"),
        ],
        facts: edited
            .iter()
            .map(|one| Fact { name: one.title.clone(), value: format!("issue {}: {}", one.issue.0, one.edit.words) })
            .collect(),
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}
