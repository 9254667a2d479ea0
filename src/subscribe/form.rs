//! The token in the form to join: it shows that the form came from our own page, and when, so that a program cannot fill
//! it in the moment it has it, nor keep one for ever. Text in, verdict out.

use jiff::{SignedDuration, Timestamp};

use crate::{app::App, domain::token::Purpose};

/// Nobody reads a form and fills it in within less.
const AT_LEAST: SignedDuration = SignedDuration::from_secs(2);

/// A form that was open for longer is shown anew.
const AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// What a form's token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormToken {
    /// A person may have filled the form in.
    Good,
    /// It came back too soon.
    TooSoon,
    /// It is too old, not ours, or not there: the form stood on another page.
    Foreign,
}

/// The token for a form that is shown now.
pub fn form_token(app: &App) -> String {
    let at = app.clock.now().as_second().to_string();
    let seal = app.secret.seal(Purpose::Form, &at);
    format!("{at}.{seal}")
}

/// What a token says that came back with a form.
pub fn read_form_token(app: &App, token: &str) -> FormToken {
    let Some((at, seal)) = token.split_once('.') else { return FormToken::Foreign };
    if !app.secret.is_seal(Purpose::Form, at, seal) {
        return FormToken::Foreign;
    }
    let shown_at = at.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    match shown_at.map(|shown_at| app.clock.now().duration_since(shown_at)) {
        Some(age) if age < AT_LEAST => FormToken::TooSoon,
        Some(age) if age <= AT_MOST => FormToken::Good,
        _ => FormToken::Foreign,
    }
}
