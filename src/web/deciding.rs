//! The page where one of staff decides about an issue, by the link in a mail. GET shows how it stands and changes nothing;
//! POST does what was decided. There is no cookie: whoever holds the link is who they are, and no other site can know it.
//! What may be decided, and what must be typed for it, the newsroom says.

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};

use super::{
    Site, Token,
    form::Form,
    pages::{DecisionButton, Page},
    text,
};
use crate::{
    domain::{issue::IssueKind, number::counted},
    newsroom::{self, Deciding, DecidingError, Decision, NewsroomError, Stands},
};

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match newsroom::deciding(&site.app, text(&token)).await {
        Ok(now) => show(&site, StatusCode::OK, &now, ""),
        Err(error) => problem(&site, &error),
    }
}

pub(super) async fn decide(State(site): State<Site>, token: Token, body: Bytes) -> Response {
    let (form, token) = (Form::read(&body), text(&token));
    let Some(decision) = Decision::from_word(form.one("do")) else {
        return page_saying(&site, token, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed.").await;
    };
    match newsroom::decide(&site.app, token, decision, form.one("typed"), form.one("seen").parse().ok()).await {
        Ok(now) => show(&site, StatusCode::OK, &now, done(decision, now.stands)),
        Err(DecidingError::Refused(refused)) => match refusal(&refused) {
            Some(said) => page_saying(&site, token, StatusCode::CONFLICT, &said).await,
            None => problem(&site, &DecidingError::Refused(refused)),
        },
        Err(error) => problem(&site, &error),
    }
}

/// The page as it stands now, with what to know first.
async fn page_saying(site: &Site, token: &str, status: StatusCode, said: &str) -> Response {
    match newsroom::deciding(&site.app, token).await {
        Ok(now) => show(site, status, &now, said),
        Err(error) => problem(site, &error),
    }
}

fn show(site: &Site, status: StatusCode, now: &Deciding, said: &str) -> Response {
    let person = now.by.to_string();
    let reason = if now.stands == Stands::Done { "" } else { now.issue.state_reason.as_str() };
    let page = Page::Deciding {
        heading: &format!("{} {}", now.issue.kind.with_article(), heading(now.stands)),
        said,
        is_drill: now.issue.kind == IssueKind::Drill,
        subject: &now.issue.subject,
        sentence: &sentence(now),
        reason,
        buttons: now.may.iter().map(|decision| button(*decision, now)).collect(),
        text: &now.text,
        person: &person,
        issue: now.issue.id.0,
        list: &now.list,
        seen: now.seen,
    };
    site.pages.answer(status, &page)
}

/// How an issue stands, behind its kind.
fn heading(stands: Stands) -> &'static str {
    match stands {
        Stands::GoesAt(_) => "goes out soon",
        Stands::BeingSent => "is being sent",
        Stands::Held => "is held",
        Stands::WaitsForSecond | Stands::WaitsForAnother => "waits for a second person",
        Stands::Cancelled => "was given up",
        Stands::Done => "is done with",
    }
}

fn sentence(now: &Deciding) -> String {
    let (whom, sent) = (&now.whom, counted(now.sent, "message"));
    match now.stands {
        Stands::GoesAt(_) => format!("It goes to {whom} {}, unless it is stopped.", now.goes),
        Stands::BeingSent => format!("It goes to {whom}. So far: {sent}. To stop it keeps the rest back."),
        Stands::Held if now.sent > 0 => format!("It was stopped after {sent}. It was to go to {whom}."),
        Stands::Held => format!("Nothing of it was sent. It would go to {whom}."),
        Stands::WaitsForSecond => format!("It would go to {whom}. It does when you approve it, or another."),
        Stands::WaitsForAnother => format!("It would go to {whom}. You want it out, so somebody else must approve it."),
        Stands::Cancelled | Stands::Done => format!("It went to {whom}. Sent in all: {sent}."),
    }
}

fn button<'a>(decision: Decision, now: &'a Deciding) -> DecisionButton<'a> {
    let is_live = now.issue.kind == IssueKind::Alert;
    let (name, label, goes) = match decision {
        Decision::Stop => ("stop", "Stop it".to_owned(), false),
        Decision::GiveUp => ("give-up", "Give it up".to_owned(), false),
        Decision::Release => ("release", format!("Release it to {}", now.whom), true),
        Decision::Approve => ("approve", format!("Approve it and send it to {}", now.whom), true),
    };
    let word = if goes { now.confirmation.word.as_str() } else { "" };
    DecisionButton {
        name,
        label,
        why: if goes { format!("To let it go, type “{word}”") } else { String::new() },
        word,
        is_live: goes && is_live,
        is_quiet: decision == Decision::GiveUp,
    }
}

fn done(decision: Decision, stands: Stands) -> &'static str {
    match (decision, stands) {
        (Decision::Stop, _) => "It is stopped. What was not sent waits until one of you decides.",
        (Decision::GiveUp, _) => "It is given up. What was not sent will not be.",
        (_, Stands::WaitsForAnother) => "You want it out. Another of staff was asked to approve it.",
        (Decision::Release | Decision::Approve, _) => "It is let go.",
    }
}

/// What a person can do something about; `None`: something of ours does not work.
fn refusal(error: &NewsroomError) -> Option<String> {
    match error {
        NewsroomError::NotConfirmed { word } => Some(format!("Nothing was done. To let it go, type “{word}”.")),
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

fn problem(site: &Site, error: &DecidingError) -> Response {
    match error {
        DecidingError::NotOurs => site.not_ours(),
        DecidingError::Refused(error) => site.failed("a page of staff", error),
    }
}
