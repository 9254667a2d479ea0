//! How an issue stands and what may be decided about it, in words, for the page behind a link in a mail and for the desk. It
//! judges nothing: what may be decided, the newsroom says.

use super::pages::DecisionButton;
use crate::{
    domain::{issue::IssueKind, number::counted},
    newsroom::{Deciding, Decision, NewsroomError, Stands},
};

/// How an issue stands, behind its kind.
pub(super) fn heading(stands: Stands) -> &'static str {
    match stands {
        Stands::GoesAt(_) => "goes out soon",
        Stands::BeingSent => "is being sent",
        Stands::Held => "is held",
        Stands::WaitsForSecond | Stands::WaitsForAnother => "waits for a second person",
        Stands::Cancelled => "was given up",
        Stands::Done => "is done with",
    }
}

/// The same in a sentence, with to whom it goes.
pub(super) fn sentence(now: &Deciding) -> String {
    let (whom, sent) = (&now.whom, counted(now.sent(), "message"));
    match now.stands {
        Stands::GoesAt(_) => format!("It goes to {whom} {}, unless it is stopped.", now.goes),
        Stands::BeingSent => format!("It goes to {whom}. So far: {sent}. To stop it keeps the rest back."),
        Stands::Held if now.sent() > 0 => format!("It was stopped after {sent}. It was to go to {whom}."),
        Stands::Held => format!("Nothing of it was sent. It would go to {whom}."),
        Stands::WaitsForSecond if now.by.is_none() => {
            format!("It would go to {whom}. It does when a second person approves it.")
        }
        Stands::WaitsForSecond => format!("It would go to {whom}. It does when you approve it, or another."),
        Stands::WaitsForAnother => format!("It would go to {whom}. You want it out, so somebody else must approve it."),
        Stands::Cancelled | Stands::Done => format!("It went to {whom}. Sent in all: {sent}."),
    }
}

/// The button of what may be decided.
pub(super) fn button(decision: Decision, now: &Deciding) -> DecisionButton {
    let is_live = now.issue.kind == IssueKind::Alert;
    let (name, label, purpose) = match decision {
        Decision::Stop => ("stop", "Stop it".to_owned(), ""),
        Decision::GiveUp => ("give-up", "Give it up".to_owned(), "To give it up for good"),
        Decision::Release => ("release", format!("Release it to {}", now.whom), "To let it go"),
        Decision::Approve => ("approve", format!("Approve it and send it to {}", now.whom), "To let it go"),
    };
    let word = now.confirmation_of(decision).map(|wanted| wanted.word).unwrap_or_default();
    DecisionButton {
        name,
        label,
        why: if word.is_empty() { String::new() } else { format!("{purpose}, type “{word}”") },
        word,
        is_live: is_live && matches!(decision, Decision::Release | Decision::Approve),
        is_quiet: decision == Decision::GiveUp,
    }
}

/// What came of a decision.
pub(super) fn done(decision: Decision, stands: Stands) -> &'static str {
    match (decision, stands) {
        (Decision::Stop, _) => "It is stopped. What was not sent waits until one of you decides.",
        (Decision::GiveUp, _) => "It is given up. What was not sent will not be.",
        (_, Stands::WaitsForAnother) => "You want it out. Another of staff was asked to approve it.",
        (Decision::Release | Decision::Approve, _) => "It is let go.",
    }
}

/// What a person can do something about; `None`: something of ours does not work.
pub(super) fn refusal(error: &NewsroomError) -> Option<String> {
    match error {
        NewsroomError::NotConfirmed { word } => Some(format!("Nothing was done. To confirm, type “{word}”.")),
        NewsroomError::WrongState { .. } => {
            Some("Nothing was done: it stands otherwise by now. Please look.".to_owned())
        }
        NewsroomError::SamePerson { .. } | NewsroomError::WaitsForSecond { .. } => {
            Some("Nothing was done: another of staff must approve it.".to_owned())
        }
        NewsroomError::TooLate { .. } => Some("Nothing was done: its time has run out.".to_owned()),
        NewsroomError::Render(error) => Some(format!("Nothing was done: it cannot be rendered ({error}).")),
        _ => None,
    }
}
