//! The reader's pages as HTML. What a page says comes in; a whole response goes out. Everything is escaped.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tera::{Context, Tera};

use crate::domain::{colour, sender::Sender};

/// A page, and what it says.
#[derive(Debug, Serialize)]
#[serde(tag = "page", rename_all = "lowercase")]
pub(super) enum Page<'a> {
    /// One button: leave this list.
    Leave {
        /// The list's title.
        list: &'a str,
        /// The reader's address, masked.
        address: &'a str,
    },
    /// What happened.
    Left {
        /// The list's title.
        list: &'a str,
        /// The reader's address, masked.
        address: &'a str,
    },
    /// What went wrong, and what to do.
    Problem {
        /// In one or two sentences.
        text: &'a str,
    },
}

/// The templates of the pages.
pub(super) struct Pages {
    tera: Tera,
    /// What each page says of the sender, and in which colours.
    house: Context,
}

impl Pages {
    pub(super) fn new(sender: &Sender) -> Self {
        let mut tera = Tera::new();
        tera.add_raw_templates(vec![
            ("base.html", include_str!("../../templates/web/base.html")),
            ("leave.html", include_str!("../../templates/web/leave.html")),
            ("left.html", include_str!("../../templates/web/left.html")),
            ("problem.html", include_str!("../../templates/web/problem.html")),
        ])
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
        let mut context = self.house.clone();
        context.insert("it", page);
        let name = match page {
            Page::Leave { .. } => "leave.html",
            Page::Left { .. } => "left.html",
            Page::Problem { .. } => "problem.html",
        };
        match self.tera.render(name, &context) {
            Ok(html) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
            Err(error) => {
                tracing::error!("a page could not be drawn: {error}");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here. Please try again later.")
                    .into_response()
            }
        }
    }
}
