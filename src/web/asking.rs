//! What the hidden parts of a form that asks for a mail say of whoever sent it: a field that people do not see, and a
//! token that shows whose form it was and when it was shown. A form and headers come in; a judgement goes out. It asks
//! for nothing itself.

use axum::http::HeaderMap;

use super::{Site, form::Form, host};
use crate::subscribe::{self, FormToken};

/// Who sent a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody who saw our page.
    Reader,
    /// A program that fills in every field: it learns nothing.
    Robot,
    /// Somebody who is to look once more, and why.
    Again(&'static str),
}

/// Judges a form that came in.
pub(super) fn asker(site: &Site, form: &Form, headers: &HeaderMap) -> Asker {
    if !form.one("website").is_empty() {
        return Asker::Robot;
    }
    match subscribe::read_form_token(&site.app, form.one("token")) {
        // Anybody can fetch a token, and have the visitors of a page of theirs post it.
        FormToken::Good if !host::is_from_elsewhere(site, headers) => Asker::Reader,
        FormToken::TooSoon => Asker::Again("That was quick. Please press the button once more."),
        FormToken::Good | FormToken::Foreign => Asker::Again("One more step: please look at it and press the button."),
    }
}
