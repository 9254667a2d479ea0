//! The pages of the desk as HTML. What a page says, and for whom, comes in; a whole response goes out. Everything is
//! escaped. Each page is a type in the file that answers for it, with its template.

use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use tera::Context;

use super::Site;
use crate::{
    domain::staff::Right,
    staff::{self, Session},
    web::pages::Pages,
};

/// What a page, or a part of one, says; its fields are what its template sees as `it`.
pub(super) trait DeskPage: Serialize {
    /// The template that says it.
    const TEMPLATE: &'static str;
    /// The word of the left column that it belongs to.
    const WORD: Word;

    /// The same, of a page that may belong to one word or another.
    fn word(&self) -> Word {
        Self::WORD
    }
}

/// The words of the left column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    /// What is to be known first.
    Today,
    /// What went out and what will.
    Issues,
    /// An alert by hand.
    Write,
    /// What the feeds brought.
    Posts,
    /// Who gets it.
    Readers,
    /// What can be joined.
    Lists,
    /// Where posts come from.
    Feeds,
    /// Where messages go to.
    Relays,
    /// Who works here.
    Staff,
    /// None of them.
    None,
}

/// What went wrong, and what to do, in one or two sentences.
#[derive(Debug, Serialize)]
pub(super) struct Problem<'a> {
    pub(super) text: &'a str,
}

impl DeskPage for Problem<'_> {
    const TEMPLATE: &'static str = "desk/problem.html";
    const WORD: Word = Word::None;
}

/// What was just done, or why it was not, above a page. Both may be empty.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Said<'a> {
    /// What was done.
    pub(super) done: &'a str,
    /// What is wrong with what was asked for.
    pub(super) wrong: &'a str,
}

impl<'a> Said<'a> {
    pub(super) fn done(done: &'a str) -> Self {
        Self { done, wrong: "" }
    }

    pub(super) fn wrong(wrong: &'a str) -> Self {
        Self { done: "", wrong }
    }
}

/// What stands around a page: who looks at it, and what they may do.
#[derive(Debug, Serialize)]
pub(super) struct Around {
    /// Where the desk is.
    root: String,
    /// Who is signed in; nobody on the pages outside.
    me: Option<Me>,
}

#[derive(Debug, Serialize)]
struct Me {
    name: String,
    address: String,
    role: &'static str,
    seal: String,
    may_write: bool,
    may_send: bool,
    may_appoint: bool,
}

impl Around {
    pub(super) fn nobody(site: &Site) -> Self {
        Self { root: site.desk_path(""), me: None }
    }

    pub(super) fn visitor(site: &Site, session: &Session) -> Self {
        let role = session.staff.role;
        let me = Me {
            name: session.staff.shown().to_owned(),
            address: session.staff.address.reveal().to_owned(),
            role: role.as_str(),
            seal: staff::form_seal(&site.app, session),
            may_write: role.may(Right::Write),
            may_send: role.may(Right::Send),
            may_appoint: role.may(Right::Appoint),
        };
        Self { root: site.desk_path(""), me: Some(me) }
    }
}

/// Every template: its name, and what it holds.
pub(in crate::web) const TEMPLATES: &[(&str, &str)] = &[
    ("desk/base.html", include_str!("../../../templates/desk/base.html")),
    ("desk/sign-in.html", include_str!("../../../templates/desk/sign-in.html")),
    ("desk/signed-out.html", include_str!("../../../templates/desk/signed-out.html")),
    ("desk/code.html", include_str!("../../../templates/desk/code.html")),
    ("desk/forgotten.html", include_str!("../../../templates/desk/forgotten.html")),
    ("desk/forgotten-asked.html", include_str!("../../../templates/desk/forgotten-asked.html")),
    ("desk/choose-password.html", include_str!("../../../templates/desk/choose-password.html")),
    ("desk/today.html", include_str!("../../../templates/desk/today.html")),
    ("desk/account.html", include_str!("../../../templates/desk/account.html")),
    ("desk/factor.html", include_str!("../../../templates/desk/factor.html")),
    ("desk/staff.html", include_str!("../../../templates/desk/staff.html")),
    ("desk/said.html", include_str!("../../../templates/desk/said.html")),
    ("desk/deeds.html", include_str!("../../../templates/desk/deeds.html")),
    ("desk/ledger.html", include_str!("../../../templates/desk/ledger.html")),
    ("desk/posts.html", include_str!("../../../templates/desk/posts.html")),
    ("desk/post.html", include_str!("../../../templates/desk/post.html")),
    ("desk/post-alert.html", include_str!("../../../templates/desk/post-alert.html")),
    ("desk/readers.html", include_str!("../../../templates/desk/readers.html")),
    ("desk/reader.html", include_str!("../../../templates/desk/reader.html")),
    ("desk/import.html", include_str!("../../../templates/desk/import.html")),
    ("desk/rehearsal.html", include_str!("../../../templates/desk/rehearsal.html")),
    ("desk/imported.html", include_str!("../../../templates/desk/imported.html")),
    ("desk/lists.html", include_str!("../../../templates/desk/lists.html")),
    ("desk/list.html", include_str!("../../../templates/desk/list.html")),
    ("desk/feeds.html", include_str!("../../../templates/desk/feeds.html")),
    ("desk/feed.html", include_str!("../../../templates/desk/feed.html")),
    ("desk/relays.html", include_str!("../../../templates/desk/relays.html")),
    ("desk/terms.html", include_str!("../../../templates/desk/terms.html")),
    ("desk/issues.html", include_str!("../../../templates/desk/issues.html")),
    ("desk/issue.html", include_str!("../../../templates/desk/issue.html")),
    ("desk/progress.html", include_str!("../../../templates/desk/progress.html")),
    ("desk/steps.html", include_str!("../../../templates/desk/steps.html")),
    ("desk/write.html", include_str!("../../../templates/desk/write.html")),
    ("desk/write-send.html", include_str!("../../../templates/desk/write-send.html")),
    ("desk/preview.html", include_str!("../../../templates/desk/preview.html")),
    ("desk/problem.html", include_str!("../../../templates/desk/problem.html")),
];

impl Pages {
    /// A page of the desk as a response.
    pub(super) fn desk<P: DeskPage>(&self, status: StatusCode, page: &P, around: &Around) -> Response {
        self.draw(status, P::TEMPLATE, context(page, around))
    }

    /// A part of a page, to be put into one that is open; `None` when it cannot be drawn.
    pub(super) fn desk_part<P: DeskPage>(&self, part: &P, around: &Around) -> Option<String> {
        self.html(P::TEMPLATE, context(part, around))
    }
}

fn context<P: DeskPage>(page: &P, around: &Around) -> Context {
    let mut context = Context::new();
    context.insert("it", page);
    context.insert("here", &page.word());
    context.insert("root", &around.root);
    context.insert("me", &around.me);
    context
}
