//! The pages of the desk as HTML. What a page says, and for whom, comes in; a whole response goes out. Everything is
//! escaped.

use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use tera::Context;

use super::Site;
use crate::{
    domain::staff::{Right, Role},
    staff::{self, Session},
    web::pages::Pages,
};

/// A page, and what it says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DeskPage<'a> {
    /// The form to sign in.
    SignIn {
        /// What was typed.
        address: &'a str,
        /// The page to come to.
        next: &'a str,
        /// Why it did not work; may be empty.
        wrong: &'a str,
    },
    /// The code of the second factor.
    Code {
        /// Shows that the password was right.
        half_way: &'a str,
        /// The page to come to.
        next: &'a str,
        /// Why it did not work; may be empty.
        wrong: &'a str,
    },
    /// The form for who forgot their password.
    Forgotten,
    /// Look into your mailbox.
    ForgottenAsked,
    /// The form to choose a password by a link.
    ChoosePassword {
        /// Whose.
        address: &'a str,
        /// What is wrong with what was typed; may be empty.
        wrong: &'a str,
    },
    /// The first page: what is wrong, what waits, what comes, what went.
    Today(super::today::Today),
    /// One's own affairs.
    Account {
        /// What was done just now; may be empty.
        said: &'a str,
        /// What is wrong with what was typed; may be empty.
        wrong: &'a str,
        /// Whether a second factor is on.
        has_factor: bool,
    },
    /// A fresh second factor.
    Factor {
        /// In base32, in groups of four.
        secret: &'a str,
        /// The picture of it: the path of an SVG, and its size.
        picture: &'a str,
        /// The picture's width and height, in its own units.
        size: i32,
        /// Why it was not turned on; may be empty.
        wrong: &'a str,
    },
    /// Who is staff.
    Staff {
        /// All of them.
        people: Vec<Person>,
        /// Roles to choose from.
        roles: Vec<RoleChoice>,
        /// What was done just now; may be empty.
        said: &'a str,
        /// What went wrong; may be empty.
        wrong: &'a str,
    },
    /// What went wrong, and what to do.
    Problem {
        /// In one or two sentences.
        text: &'a str,
    },
}

/// One of staff in the listing.
#[derive(Debug, Serialize)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) address: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) has_password: bool,
    pub(super) has_factor: bool,
    pub(super) is_me: bool,
}

/// A role to choose.
#[derive(Debug, Serialize)]
pub(super) struct RoleChoice {
    pub(super) name: &'static str,
    pub(super) allows: &'static str,
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
            may_appoint: role.may(Right::Appoint),
        };
        Self { root: site.desk_path(""), me: Some(me) }
    }
}

impl RoleChoice {
    pub(super) fn all() -> Vec<Self> {
        Role::ALL.into_iter().map(|role| Self { name: role.as_str(), allows: role.describe() }).collect()
    }
}

impl DeskPage<'_> {
    /// The word of the left column that the page belongs to; empty for none.
    fn here(&self) -> &'static str {
        match self {
            Self::Today(_) => "today",
            Self::Staff { .. } => "staff",
            _ => "",
        }
    }

    fn template(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "desk/sign-in.html",
            Self::Code { .. } => "desk/code.html",
            Self::Forgotten => "desk/forgotten.html",
            Self::ForgottenAsked => "desk/forgotten-asked.html",
            Self::ChoosePassword { .. } => "desk/choose-password.html",
            Self::Today(_) => "desk/today.html",
            Self::Account { .. } => "desk/account.html",
            Self::Factor { .. } => "desk/factor.html",
            Self::Staff { .. } => "desk/staff.html",
            Self::Problem { .. } => "desk/problem.html",
        }
    }
}

/// Every template: its name, and what it holds.
pub(in crate::web) const TEMPLATES: &[(&str, &str)] = &[
    ("desk/base.html", include_str!("../../../templates/desk/base.html")),
    ("desk/sign-in.html", include_str!("../../../templates/desk/sign-in.html")),
    ("desk/code.html", include_str!("../../../templates/desk/code.html")),
    ("desk/forgotten.html", include_str!("../../../templates/desk/forgotten.html")),
    ("desk/forgotten-asked.html", include_str!("../../../templates/desk/forgotten-asked.html")),
    ("desk/choose-password.html", include_str!("../../../templates/desk/choose-password.html")),
    ("desk/today.html", include_str!("../../../templates/desk/today.html")),
    ("desk/account.html", include_str!("../../../templates/desk/account.html")),
    ("desk/factor.html", include_str!("../../../templates/desk/factor.html")),
    ("desk/staff.html", include_str!("../../../templates/desk/staff.html")),
    ("desk/problem.html", include_str!("../../../templates/desk/problem.html")),
];

impl Pages {
    /// A page of the desk as a response.
    pub(super) fn desk(&self, status: StatusCode, page: &DeskPage<'_>, around: &Around) -> Response {
        let mut context = Context::new();
        // The enum's own tag is the template's business, not the page's.
        let inner = serde_json::to_value(page).ok().and_then(|value| match value {
            serde_json::Value::Object(map) => map.into_values().next(),
            _ => None,
        });
        context.insert("it", &inner.unwrap_or_default());
        context.insert("here", page.here());
        context.insert("root", &around.root);
        context.insert("me", &around.me);
        self.draw(status, page.template(), context)
    }
}
