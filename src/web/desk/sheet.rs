//! What staff write, as a form brings it: an alert, a correction or a withdrawal. Fields come in, and are carried along from step
//! to step, so that nothing is kept before it is sent; a draft of the newsroom goes out.

use axum::extract::{Path, rejection::PathRejection};
use data_encoding::HEXLOWER;
use serde::Serialize;

use crate::{
    app::App,
    domain::{
        issue::{Draft, IssueId},
        slug::Slug,
    },
    newsroom::{self, Correction, NewsroomError, Statement},
    web::form::Form,
};

/// The most that a form with a statement may weigh, in bytes: a long one in a script of three bytes a letter, each of which
/// takes three in a form.
pub(super) const LARGEST: usize = 512 * 1024;

/// What is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// An alert, or the drill of one.
    Alert,
    /// What is right instead of an issue.
    Correction(IssueId),
    /// That nothing of an issue shall be believed.
    Withdrawal(IssueId),
}

/// What stands in a path for what follows an issue.
pub(super) type Followed = Result<Path<(i64, String)>, PathRejection>;

impl Writing {
    /// What a path names.
    pub(super) fn of(path: &Followed) -> Option<Self> {
        let Ok(Path((id, remedy))) = path else { return None };
        match remedy.as_str() {
            "correct" => Some(Self::Correction(IssueId(*id))),
            "withdraw" => Some(Self::Withdrawal(IssueId(*id))),
            _ => None,
        }
    }

    /// Its page, below the desk.
    pub(super) fn place(self) -> String {
        match self {
            Self::Alert => "/write".to_owned(),
            Self::Correction(first) => format!("/issues/{}/correct", first.0),
            Self::Withdrawal(first) => format!("/issues/{}/withdraw", first.0),
        }
    }

    /// The issue that it follows.
    pub(super) fn first(self) -> Option<IssueId> {
        match self {
            Self::Alert => None,
            Self::Correction(first) | Self::Withdrawal(first) => Some(first),
        }
    }
}

/// What was typed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sheet {
    /// The list to alert.
    pub(super) list: String,
    /// The headline.
    pub(super) subject: String,
    /// What was wrong, in a sentence.
    pub(super) wrong: String,
    /// The statement, or the reason, in Markdown.
    pub(super) text: String,
    /// It goes to staff alone.
    pub(super) is_drill: bool,
    /// How long it can be stopped, as config.toml writes spans.
    pub(super) window: String,
    /// What makes an alert one of a kind, made with the form: pressed twice, it goes once.
    pub(super) key: String,
}

impl Sheet {
    /// An empty one.
    pub(super) fn fresh() -> Self {
        Self {
            list: String::new(),
            subject: String::new(),
            wrong: String::new(),
            text: String::new(),
            is_drill: false,
            window: String::new(),
            key: HEXLOWER.encode(&rand::random::<[u8; 16]>()),
        }
    }

    /// What a form brings. Browsers end lines with CR and LF, and nothing else that we read does.
    pub(super) fn read(form: &Form) -> Self {
        let key = form.one("key");
        let is_ours = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self {
            list: form.one("list").to_owned(),
            subject: form.one("subject").to_owned(),
            wrong: form.one("wrong").to_owned(),
            text: form.one("text").replace("\r\n", "\n"),
            is_drill: form.one("kind") == "drill",
            window: form.one("window").to_owned(),
            key: if is_ours { key.to_owned() } else { Self::fresh().key },
        }
    }

    /// True while nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.subject.is_empty() && self.text.is_empty()
    }

    /// The draft of it.
    pub(super) async fn draft(&self, app: &App, writing: Writing) -> Result<Draft, NewsroomError> {
        match writing {
            Writing::Alert => {
                let list = Slug::parse(&self.list).map_err(|_| NewsroomError::NoList(self.list.clone()))?;
                let (subject, markdown) = (self.subject.as_str(), self.text.as_str());
                let statement = Statement { list: &list, subject, markdown, key: Some(&self.key) };
                match self.is_drill {
                    true => newsroom::draft_drill(app, &statement),
                    false => newsroom::draft_alert(app, &statement),
                }
            }
            Writing::Correction(first) => {
                let said = Correction { subject: &self.subject, wrong: &self.wrong, markdown: &self.text };
                newsroom::draft_correction(app, first, &said).await
            }
            Writing::Withdrawal(first) => newsroom::draft_withdrawal(app, first, &self.text).await,
        }
    }
}
