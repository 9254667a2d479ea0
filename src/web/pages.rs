//! The reader's pages as HTML. What a page says comes in; a whole response goes out. Everything is escaped.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tera::{Context, Tera};
use url::Url;

use crate::domain::{colour, list::List, sender::Sender};

/// A page, and what it says. Addresses are masked where whoever holds the link need not learn whose it is.
#[derive(Debug, Serialize)]
#[serde(tag = "page", rename_all = "lowercase")]
pub(super) enum Page<'a> {
    /// The form to join.
    Join {
        /// What can be joined.
        lists: Vec<JoinList<'a>>,
        /// What was typed.
        address: &'a str,
        /// The words that are agreed to.
        agreement: &'a str,
        /// Shows that the form is ours, and when it was shown.
        token: &'a str,
        /// What to know before pressing the button again; may be empty.
        notice: &'a str,
        /// What was typed is no address.
        address_is_wrong: bool,
        /// No list was chosen.
        lists_are_wrong: bool,
        /// There are past issues to read.
        has_archive: bool,
    },
    /// Look into your mailbox.
    Asked {
        /// What was typed.
        address: &'a str,
    },
    /// The form to get links to leave by mail.
    AskToLeave {
        /// What was typed.
        address: &'a str,
        /// Shows that the form is ours, and when it was shown.
        token: &'a str,
        /// What to know before pressing the button again; may be empty.
        notice: &'a str,
        /// What was typed is no address.
        address_is_wrong: bool,
    },
    /// Look into your mailbox for the links.
    AskedToLeave {
        /// What was typed.
        address: &'a str,
    },
    /// Every list that has an archive, with its newest issues.
    Archive {
        /// The lists.
        lists: Vec<PastList<'a>>,
    },
    /// Past issues of one list.
    PastIssues {
        /// The list, with as many issues as a page shows.
        list: PastList<'a>,
        /// The number below which older ones are, when there are any.
        older: Option<i64>,
        /// The page shows the newest ones.
        is_newest: bool,
    },
    /// One button: confirm.
    Confirm {
        /// The titles of what was asked for.
        lists: &'a [String],
        /// The reader's address, masked.
        address: &'a str,
    },
    /// It is confirmed.
    Welcome {
        /// The titles of what was asked for.
        lists: &'a [String],
        /// The reader's address, masked.
        address: &'a str,
        /// Where to choose.
        preferences: &'a str,
    },
    /// What the reader gets, to be chosen.
    Preferences {
        /// What can be chosen.
        lists: Vec<ChosenList<'a>>,
        /// The reader's address, masked.
        address: &'a str,
        /// The token of the page, for links beside it.
        token: &'a str,
        /// What was done just now; may be empty.
        said: &'a str,
        /// The words that are agreed to when what they do not get is asked for; empty when there is no such thing.
        agreement: &'a str,
    },
    /// One button: erase me.
    Erase {
        /// The reader's address, masked.
        address: &'a str,
        /// The page they came from.
        back: &'a str,
    },
    /// They are erased.
    Erased,
    /// One button: leave this list.
    Leave {
        /// The list's title.
        list: &'a str,
        /// The reader's address, masked.
        address: &'a str,
        /// Where to keep only a part of it; empty when there are no two parts.
        only: &'a str,
    },
    /// What happened.
    Left {
        /// The list's title.
        list: &'a str,
        /// The reader's address, masked.
        address: &'a str,
        /// Where to take it back.
        stay: &'a str,
        /// For how many days that can be done.
        days: i64,
    },
    /// They have taken it back.
    Stayed {
        /// The list's title.
        list: &'a str,
        /// The reader's address, masked.
        address: &'a str,
    },
    /// They keep only a part of the list.
    Narrowed {
        /// The list's title.
        list: &'a str,
        /// The reader's address, masked.
        address: &'a str,
        /// Which part: `digests` or `alerts`.
        part: &'a str,
    },
    /// How an issue stands, for one of staff, and what they may decide.
    Deciding {
        /// How it stands, in a few words.
        heading: &'a str,
        /// What was done just now; may be empty.
        said: &'a str,
        /// It is no alert but a drill.
        is_drill: bool,
        /// Its subject.
        subject: &'a str,
        /// How it stands, in a sentence.
        sentence: &'a str,
        /// Why; may be empty.
        reason: &'a str,
        /// What may be decided.
        buttons: Vec<DecisionButton>,
        /// The text of the mail; may be empty.
        text: &'a str,
        /// Who holds the link, masked.
        person: &'a str,
        /// The issue's number.
        issue: i64,
        /// What was last written down of it.
        seen: i64,
        /// The list's title.
        list: &'a str,
    },
    /// What went wrong, and what to do.
    Problem {
        /// In one or two sentences.
        text: &'a str,
    },
}

/// A list that can be joined.
#[derive(Debug, Serialize)]
pub(super) struct JoinList<'a> {
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) when: String,
    pub(super) is_chosen: bool,
}

/// A list on the page of choices.
#[derive(Debug, Serialize)]
pub(super) struct ChosenList<'a> {
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) when: &'a str,
    pub(super) digests: Tick,
    pub(super) alerts: Tick,
}

/// A list with past issues.
#[derive(Debug, Serialize)]
pub(super) struct PastList<'a> {
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    /// The language of its subjects.
    pub(super) language: &'a str,
    pub(super) issues: Vec<ListedIssue>,
}

/// A past issue.
#[derive(Debug, Serialize)]
pub(super) struct ListedIssue {
    pub(super) id: i64,
    pub(super) subject: String,
    pub(super) is_alert: bool,
    /// The day in the list's time zone, in words.
    pub(super) day: String,
    /// The instant in UTC, as RFC 3339 has it.
    pub(super) mailed_at: String,
}

/// What one of staff may decide.
#[derive(Debug, Serialize)]
pub(super) struct DecisionButton {
    pub(super) name: &'static str,
    pub(super) label: String,
    /// What must be typed for it, and the words that ask for it; empty when nothing must.
    pub(super) word: String,
    pub(super) why: String,
    pub(super) is_live: bool,
    pub(super) is_quiet: bool,
}

/// A box that can be ticked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tick {
    /// There is none: the list has no such thing.
    Absent,
    /// It is not ticked.
    Empty,
    /// It is.
    Ticked,
}

impl Page<'_> {
    fn template(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join.html",
            Self::Asked { .. } => "asked.html",
            Self::AskToLeave { .. } => "ask-to-leave.html",
            Self::AskedToLeave { .. } => "asked-to-leave.html",
            Self::Archive { .. } => "archive.html",
            Self::PastIssues { .. } => "past-issues.html",
            Self::Confirm { .. } => "confirm.html",
            Self::Welcome { .. } => "welcome.html",
            Self::Preferences { .. } => "preferences.html",
            Self::Erase { .. } => "erase.html",
            Self::Erased => "erased.html",
            Self::Leave { .. } => "leave.html",
            Self::Left { .. } => "left.html",
            Self::Stayed { .. } => "stayed.html",
            Self::Narrowed { .. } => "narrowed.html",
            Self::Deciding { .. } => "deciding.html",
            Self::Problem { .. } => "problem.html",
        }
    }
}

/// Every template: its name, and what it holds.
const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/web/base.html")),
    ("join.html", include_str!("../../templates/web/join.html")),
    ("asked.html", include_str!("../../templates/web/asked.html")),
    ("confirm.html", include_str!("../../templates/web/confirm.html")),
    ("welcome.html", include_str!("../../templates/web/welcome.html")),
    ("preferences.html", include_str!("../../templates/web/preferences.html")),
    ("erase.html", include_str!("../../templates/web/erase.html")),
    ("erased.html", include_str!("../../templates/web/erased.html")),
    ("leave.html", include_str!("../../templates/web/leave.html")),
    ("left.html", include_str!("../../templates/web/left.html")),
    ("stayed.html", include_str!("../../templates/web/stayed.html")),
    ("ask-to-leave.html", include_str!("../../templates/web/ask-to-leave.html")),
    ("asked-to-leave.html", include_str!("../../templates/web/asked-to-leave.html")),
    ("archive.html", include_str!("../../templates/web/archive.html")),
    ("past-issues.html", include_str!("../../templates/web/past-issues.html")),
    ("api.html", include_str!("../../templates/web/api.html")),
    ("bar.html", include_str!("../../templates/web/bar.html")),
    ("issues.xml", include_str!("../../templates/web/issues.xml")),
    ("narrowed.html", include_str!("../../templates/web/narrowed.html")),
    ("deciding.html", include_str!("../../templates/web/deciding.html")),
    ("problem.html", include_str!("../../templates/web/problem.html")),
];

/// The templates of the pages.
pub(super) struct Pages {
    tera: Tera,
    /// What each page says of the sender, and in which colours.
    house: Context,
}

impl Pages {
    pub(super) fn new(sender: &Sender) -> Self {
        let mut tera = Tera::new();
        tera.add_raw_templates([TEMPLATES, super::desk::TEMPLATES].concat())
            .expect("the embedded templates are tested");
        let mut house = Context::new();
        house.insert("sender", &sender.name);
        house.insert("postal_address", &sender.postal_address);
        house.insert("accent", &colour::on_white(&sender.accent));
        house.insert("accent_on_dark", &colour::on_dark(&sender.accent));
        Self { tera, house }
    }

    /// The page as a response.
    pub(super) fn answer(&self, status: StatusCode, page: &Page<'_>) -> Response {
        let mut context = Context::new();
        context.insert("it", page);
        self.draw(status, page.template(), context)
    }

    /// A template with what all pages say of the house.
    pub(super) fn draw(&self, status: StatusCode, template: &str, context: Context) -> Response {
        match self.html(template, context) {
            Some(html) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
            None => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here. Please try again later.")
                .into_response(),
        }
    }

    /// The same as a text; `None` when it cannot be drawn, and then the log says why.
    pub(super) fn html(&self, template: &str, context: Context) -> Option<String> {
        let mut whole = self.house.clone();
        whole.extend(context);
        let drawn = self.tera.render(template, &whole);
        drawn.inspect_err(|error| tracing::error!("a page could not be drawn: {error}")).ok()
    }

    /// What stands above a past issue: what it is, and where to get the next one. It has its styles in itself.
    pub(super) fn bar(&self, list: &List, issue: &ListedIssue) -> String {
        let mut context = self.house.clone();
        context.insert("list", &list.name);
        context.insert("title", &list.title);
        context.insert("issue", issue);
        self.tera.render("bar.html", &context).unwrap_or_else(|error| {
            tracing::error!("the bar above a past issue could not be drawn: {error}");
            String::new()
        })
    }

    /// An Atom feed of a list's issues, each with the HTML of its body; `None` when it cannot be drawn.
    pub(super) fn atom(&self, list: &List, base_url: &Url, entries: &[(ListedIssue, String)]) -> Option<String> {
        let mut context = self.house.clone();
        context.insert("list", &list.name);
        context.insert("title", &list.title);
        context.insert("language", &list.language);
        context.insert("base_url", base_url.as_str());
        context.insert("entries", entries);
        let drawn = self.tera.render("issues.xml", &context);
        drawn.inspect_err(|error| tracing::error!("a feed of issues could not be drawn: {error}")).ok()
    }
}
