//! The page where one of staff decides about an issue, by the link in a mail. GET shows how it stands and changes nothing;
//! POST does what was decided. There is no cookie: whoever holds the link is who they are, and no other site can know it.
//! What may be decided, and what must be typed for it, the newsroom says.

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};

use super::{
    Site, Token,
    form::Form,
    pages::Page,
    standing::{button, done, heading, refusal, sentence},
    text,
};
use crate::{
    domain::issue::IssueKind,
    newsroom::{self, Deciding, DecidingError, Decision, Stands},
};

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match newsroom::deciding(&site.app, text(&token)).await {
        Ok(now) => show(&site, StatusCode::OK, &now, "").await,
        Err(error) => problem(&site, &error),
    }
}

pub(super) async fn decide(State(site): State<Site>, token: Token, body: Bytes) -> Response {
    let (form, token) = (Form::read(&body), text(&token));
    let Some(decision) = Decision::from_word(form.one("do")) else {
        return page_saying(&site, token, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed.").await;
    };
    match newsroom::decide(&site.app, token, decision, form.one("typed"), form.one("seen").parse().ok()).await {
        Ok(now) => show(&site, StatusCode::OK, &now, done(decision, now.stands)).await,
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
        Ok(now) => show(site, status, &now, said).await,
        Err(error) => problem(site, &error),
    }
}

async fn show(site: &Site, status: StatusCode, now: &Deciding, said: &str) -> Response {
    let person = now.by.as_ref().map(ToString::to_string).unwrap_or_default();
    let mail = newsroom::text_to_decide(&site.app, now).await;
    let reason = if now.stands == Stands::Done { "" } else { now.issue.state_reason.as_str() };
    let page = Page::Deciding {
        heading: &format!("{} {}", now.issue.kind.with_article(), heading(now.stands)),
        said,
        is_drill: now.issue.kind == IssueKind::Drill,
        subject: &now.issue.subject,
        sentence: &sentence(now),
        reason,
        buttons: now.may.iter().map(|decision| button(*decision, now)).collect(),
        text: &mail,
        person: &person,
        issue: now.issue.id.0,
        list: &now.list,
        seen: now.seen,
    };
    site.pages.answer(status, &page)
}

fn problem(site: &Site, error: &DecidingError) -> Response {
    match error {
        DecidingError::NotOurs => site.not_ours(),
        DecidingError::Refused(error) => site.failed("a page of staff", error),
    }
}
