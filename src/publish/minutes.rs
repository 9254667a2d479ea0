//! The minutes of one look at a feed: what is to be written into the ledger and told to staff, gathered before the
//! transaction and written within it, so that a kill loses neither.

use jiff::Timestamp;

use super::Pass;
use crate::{
    app::App,
    config::SecondPerson,
    domain::{
        feed::Feed,
        post::{Judged, Standing, Verdict},
    },
    newsroom,
    queue::{self, ReadyNotice},
    render::{Fact, Notice},
    store::{StoreError, Tx},
};

/// What was decided about one post.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided<'a> {
    pub(super) standing: Standing,
    pub(super) title: &'a str,
    pub(super) reason: &'a str,
    pub(super) verdict: &'a Verdict,
}

/// What is to be written and told.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    entries: Vec<(&'static str, String)>,
    /// What is only written, for it is as it should be.
    quiet: Vec<(&'static str, String)>,
    notice: Option<ReadyNotice>,
}

impl<'a> Decided<'a> {
    pub(super) fn of(judged: &'a Judged) -> Self {
        let Judged { post, standing, standing_reason, verdict } = judged;
        Self { standing: *standing, title: &post.title, reason: standing_reason, verdict }
    }
}

impl Minutes {
    pub(super) fn note(&mut self, event: &'static str, reason: String) {
        self.entries.push((event, reason));
    }

    /// Notes what is news, and what is not mailed and why; a hold is told to staff.
    pub(super) async fn decisions(
        &mut self,
        app: &App,
        feed: &Feed,
        decided: &[Decided<'_>],
    ) -> Result<(), StoreError> {
        for post in decided.iter().filter(|post| post.standing == Standing::News) {
            let (urgency, why) = (post.verdict.urgency.as_str(), &post.verdict.reason);
            self.quiet.push(("news", format!("“{}”: {}; {urgency}: {why}", post.title, post.reason)));
        }
        for (wanted, word) in [(Standing::Old, "old"), (Standing::Repeat, "repeat"), (Standing::Waiting, "waiting")] {
            if let Some((count, example)) = of_standing(decided, wanted) {
                let (posts, title) = (if count == 1 { "post is" } else { "posts are" }, example.title);
                self.note(word, format!("{count} {posts} not news: “{title}” {}", example.reason));
            }
        }
        if let Some((count, example)) = of_standing(decided, Standing::Held) {
            self.note("held", format!("{count} posts held: {}", example.reason));
            self.notice = newsroom::notice_to_staff(app, &held_notice(app, feed, count, example)).await?;
        }
        Ok(())
    }

    /// Writes all of it down, within the transaction of what it tells of.
    pub(super) async fn write(&self, tx: &mut Tx, feed: &Feed, now: Timestamp) -> Result<(), StoreError> {
        for (event, reason) in self.quiet.iter().chain(&self.entries) {
            tx.record(now, &format!("feed:{}", feed.name), event, reason).await?;
        }
        match &self.notice {
            Some(notice) => queue::write_notice(tx, notice).await,
            None => Ok(()),
        }
    }

    /// Tells it to whoever started the pass.
    pub(super) fn tell(self, feed: &Feed, pass: &mut Pass) {
        pass.notes.extend(self.entries.into_iter().map(|(_, reason)| format!("feed `{}`: {reason}", feed.name)));
    }
}

/// How many were decided so, and the first of them.
fn of_standing<'a, 'b>(decided: &'b [Decided<'a>], wanted: Standing) -> Option<(usize, &'b Decided<'a>)> {
    let mut all = decided.iter().filter(|post| post.standing == wanted);
    let first = all.next()?;
    Some((all.count() + 1, first))
}

fn held_notice(app: &App, feed: &Feed, held: usize, example: &Decided<'_>) -> Notice {
    let how = match app.config.staff.second_person {
        SecondPerson::NotNeeded => "breaking ones at once",
        SecondPerson::Needed => "all of them in digests",
    };
    Notice {
        subject: format!("{held} posts of the feed “{}” are held", feed.name),
        paragraphs: vec![
            "Nothing of them has been mailed. Please look whether they are news.".to_owned(),
            format!("To look at them: tidings feeds held {}", feed.name),
            format!("To mail them, {how}: tidings feeds release {}", feed.name),
            format!("To leave them unmailed: tidings feeds dismiss {}", feed.name),
        ],
        facts: vec![
            Fact { name: "Why".into(), value: example.reason.to_owned() },
            Fact { name: "For example".into(), value: example.title.to_owned() },
        ],
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}
