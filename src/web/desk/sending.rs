//! What pages that send have in common: how long staff can stop it, what sending would do, and why it was not done. Plans and
//! errors of the newsroom come in; words for a page go out.

use jiff::SignedDuration;
use serde::Serialize;

use super::today::shown;
use crate::{
    domain::{
        issue::IssueKind,
        list::List,
        number::{counted, grouped},
        span,
    },
    newsroom::{NewsroomError, Plan},
    store::StoreError,
};

/// How long something can be stopped before it goes, to choose from, in minutes. It goes at once by default, as it does
/// from the command line.
const WINDOWS: [i64; 4] = [0, 2, 5, 15];

/// A window may not be longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// A window to choose.
#[derive(Debug, Serialize)]
pub(super) struct Window {
    span: String,
    words: String,
    is_chosen: bool,
}

/// What sending would do.
#[derive(Debug, Serialize)]
pub(super) struct Terms {
    subject: String,
    whom: String,
    goes: String,
    expires: Option<String>,
    withdrawal: Option<String>,
    needs_second_person: bool,
    is_drill: bool,
    /// What must be typed.
    word: String,
    /// What the button says.
    button: String,
}

/// The windows, with the chosen one.
pub(super) fn windows(chosen: &str) -> Vec<Window> {
    let window = |minutes| {
        let window = SignedDuration::from_mins(minutes);
        let words = match minutes {
            0 => "at once".to_owned(),
            _ => format!("in {}, unless somebody stops it", span::in_words(window)),
        };
        let span = span::written(window);
        Window { is_chosen: span == chosen, span, words }
    };
    WINDOWS.into_iter().map(window).collect()
}

/// The window that a form asks for; `None` when it is none, or too long.
pub(super) fn window_of(text: &str) -> Option<SignedDuration> {
    span::read(text).filter(|window| *window <= LONGEST)
}

impl Terms {
    /// A plan, on the clock of its list.
    pub(super) fn of(plan: Plan, list: &List) -> Self {
        let is_drill = plan.kind == IssueKind::Drill;
        let button = match (plan.needs_second_person, is_drill) {
            (true, _) => "Ask a second person to approve it".to_owned(),
            (false, true) => format!("Send the drill to {} of staff", grouped(plan.readers)),
            (false, false) => format!("Send to {}", counted(plan.readers, "reader")),
        };
        Self {
            goes: goes(&plan, list),
            expires: plan.expires_at.map(|at| shown(at, &list.time_zone)),
            subject: plan.subject,
            whom: plan.whom,
            withdrawal: plan.withdrawal,
            needs_second_person: plan.needs_second_person,
            is_drill,
            word: plan.confirmation.word,
            button,
        }
    }
}

fn goes(plan: &Plan, list: &List) -> String {
    let window = span::in_words(plan.window);
    match (plan.window, plan.needs_second_person) {
        (SignedDuration::ZERO, false) => "at once".to_owned(),
        (SignedDuration::ZERO, true) => "as soon as it is approved".to_owned(),
        (_, true) => format!("{window} after it is approved, unless somebody stops it"),
        (_, false) => format!("in {window}, at {}, unless somebody stops it", shown(plan.goes_at, &list.time_zone)),
    }
}

/// What a person can do something about; `None`: something of ours does not work.
pub(super) fn refusal(error: &NewsroomError) -> Option<String> {
    match error {
        NewsroomError::Store(StoreError::Conflict) => {
            Some("Nothing was sent: an issue took it at this moment. Please look.".to_owned())
        }
        NewsroomError::Store(_) => None,
        NewsroomError::Render(error) => Some(format!("Nothing was sent: it cannot be rendered ({error}).")),
        error => Some(format!("Nothing was sent: {error}.")),
    }
}
