//! One issue: how it stands, what may be decided about it, how far it is, what came back, the mail itself, and its ledger.
//! What may be decided, and what must be typed for it, the newsroom says.

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    Site,
    frame::mail_in_a_frame,
    ledger::{Line, lines_about},
    pages::{DeskPage, Said, Word},
    post::Number,
    progress::{Progress, moves},
    today::shown,
    visitor::{Pressed, Visitor},
};
use crate::{
    domain::{
        bounce::fit_to_show,
        delivery::DeliveryState,
        issue::{IssueId, IssueKind},
        number::{counted, grouped},
        report::ReportKind,
        staff::Right,
    },
    newsroom::{self, Deciding, Decision, NewsroomError, Stands},
    store::{
        StoreError,
        bounces::{Reason, Reasons},
    },
    web::{
        form::Form,
        pages::DecisionButton,
        standing::{button, done, refusal},
    },
};

/// How many lines of its ledger are shown.
const LINES: i64 = 50;

/// How many reasons of refusals are shown.
const REASONS: usize = 20;

#[derive(Serialize)]
struct Issue<'a> {
    id: i64,
    subject: &'a str,
    kind: &'static str,
    list: &'a str,
    made: String,
    /// The issue that this one corrects or withdraws.
    follows: Option<i64>,
    progress: Progress,
    /// It changes by itself.
    is_moving: bool,
    /// Why it is held, or was given up; may be empty.
    reason: &'a str,
    buttons: Vec<DecisionButton>,
    seen: i64,
    /// Somebody has it, so that it can be corrected.
    may_follow: bool,
    reasons: Vec<ShownReason>,
    /// What to know of the reasons; may be empty.
    reasons_hint: String,
    has_mail: bool,
    /// The mail's text, or why there is none.
    text: &'a str,
    ledger: Vec<Line>,
    said: Said<'a>,
}

/// Why some came back.
#[derive(Serialize)]
struct ShownReason {
    words: &'static str,
    code: String,
    count: String,
    examples: Vec<ShownExample>,
}

#[derive(Serialize)]
struct ShownExample {
    /// Masked.
    to: String,
    words: String,
}

impl DeskPage for Issue<'_> {
    const TEMPLATE: &'static str = "desk/issue.html";
    const WORD: Word = Word::Issues;
}

pub(super) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    id: Number,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    match found(&site, &visitor, &id).await {
        Ok(now) => {
            let said = said(query.one("said"), now.stands);
            show(&site, &visitor, StatusCode::OK, &now, Said::done(said)).await
        }
        Err(response) => response,
    }
}

/// A button that decides about it.
pub(super) async fn decide(State(site): State<Site>, id: Number, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let issue = match found(&site, &visitor, &id).await {
        Ok(now) => now.issue.id,
        Err(response) => return response,
    };
    let word = form.one("do");
    let Some(decision) = Decision::from_word(word) else {
        return visitor.problem(&site, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed.");
    };
    let decided = match visitor.by(&site).await {
        Ok(by) => {
            let seen = form.one("seen").parse().ok();
            newsroom::decide_by(&visitor.app(&site), issue, &by, decision, form.one("typed"), seen).await
        }
        Err(error) => Err(error),
    };
    match decided {
        Ok(now) => site.go(&place(now.issue.id, word)),
        Err(error) => match refusal(&error) {
            Some(wrong) => match found(&site, &visitor, &id).await {
                Ok(now) => show(&site, &visitor, StatusCode::CONFLICT, &now, Said::wrong(&wrong)).await,
                Err(response) => response,
            },
            None => visitor.failed(&site, "a decision about an issue", &error),
        },
    }
}

/// The mail as it was sent, or would be, for a frame.
pub(super) async fn mail(State(site): State<Site>, visitor: Visitor, id: Number) -> Response {
    let now = match found(&site, &visitor, &id).await {
        Ok(now) => now,
        Err(response) => return response,
    };
    match newsroom::preview_issue(&site.app, now.issue.id).await {
        Ok(preview) => mail_in_a_frame(preview.html),
        Err(NewsroomError::Store(error)) => visitor.failed(&site, "a mail", &error),
        Err(error) => visitor.problem(&site, StatusCode::CONFLICT, &format!("There is no mail to show: {error}.")),
    }
}

/// The page of an issue below the desk, with a word of what was just done.
pub(super) fn place(id: IssueId, said: &str) -> String {
    format!("/issues/{}?said={said}", id.0)
}

/// How the issue of a path stands for somebody; else the answer that there is none.
pub(super) async fn found(site: &Site, visitor: &Visitor, id: &Number) -> Result<Deciding, Response> {
    let missing = || visitor.problem(site, StatusCode::NOT_FOUND, "There is no issue of that number.");
    let Ok(Path(id)) = id else { return Err(missing()) };
    let stands = match visitor.known(site).await {
        Ok(by) => newsroom::deciding_by(&site.app, IssueId(*id), by.as_ref()).await,
        Err(error) => Err(error.into()),
    };
    stands.map_err(|error| match error {
        NewsroomError::Store(StoreError::Missing(_)) => missing(),
        NewsroomError::NoList(list) => {
            let text =
                format!("Its list “{list}” is no longer configured, so that nothing of it can be shown or sent.");
            visitor.problem(site, StatusCode::CONFLICT, &text)
        }
        error => visitor.failed(site, "an issue", &error),
    })
}

/// What was just done, when it still stands so: an address that somebody made up says nothing.
fn said(word: &str, stands: Stands) -> &'static str {
    let went = matches!(stands, Stands::GoesAt(_) | Stands::BeingSent | Stands::Done | Stands::WaitsForAnother);
    match (word, Decision::from_word(word)) {
        ("sent", _) => match stands {
            Stands::GoesAt(_) => "It goes when its time has come. Until then it can be stopped.",
            Stands::BeingSent | Stands::Done => "It is on its way.",
            Stands::WaitsForAnother => done(Decision::Release, stands),
            Stands::Held | Stands::WaitsForSecond | Stands::Cancelled => "",
        },
        ("before", _) => "This was sent before, and is not sent again. To send another, write a new one.",
        (_, Some(decision @ Decision::Stop)) if stands == Stands::Held => done(decision, stands),
        (_, Some(decision @ Decision::GiveUp)) if stands == Stands::Cancelled => done(decision, stands),
        (_, Some(decision @ (Decision::Release | Decision::Approve))) if went => done(decision, stands),
        _ => "",
    }
}

async fn show(site: &Site, visitor: &Visitor, status: StatusCode, now: &Deciding, said: Said<'_>) -> Response {
    let (has_mail, text) = match newsroom::preview_issue(&site.app, now.issue.id).await {
        Ok(preview) => (true, preview.text),
        Err(error) => (false, format!("There is no mail to show: {error}.")),
    };
    match issue(site, visitor, now, (has_mail, &text), said).await {
        Ok(page) => visitor.page(site, status, &page),
        Err(error) => visitor.failed(site, "an issue", &error),
    }
}

async fn issue<'a>(
    site: &Site,
    visitor: &Visitor,
    now: &'a Deciding,
    (has_mail, text): (bool, &'a str),
    said: Said<'a>,
) -> Result<Issue<'a>, StoreError> {
    let (app, issue) = (&site.app, &now.issue);
    let reasons = app.store.reasons_of_issue(issue.id).await?;
    let may = if visitor.0.staff.role.may(Right::Send) { now.may.as_slice() } else { &[] };
    Ok(Issue {
        id: issue.id.0,
        subject: &issue.subject,
        kind: issue.kind.as_str(),
        list: &now.list,
        made: shown(issue.made_at, &TimeZone::UTC),
        follows: issue.corrects.map(|first| first.0),
        progress: Progress::of(app, now).await?,
        is_moving: moves(now.stands),
        reason: if moves(now.stands) || now.stands == Stands::Done { "" } else { &issue.state_reason },
        buttons: may.iter().map(|decision| button(*decision, now)).collect(),
        seen: now.seen,
        may_follow: issue.kind != IssueKind::Drill && now.states.keys().any(|state| may_be_there(*state)),
        reasons_hint: hint(&reasons),
        reasons: reasons.all.into_iter().take(REASONS).map(reason).collect(),
        has_mail,
        text,
        ledger: lines_about(app, &issue.id.about(), LINES).await?,
        said,
    })
}

/// True when somebody may have it.
fn may_be_there(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Sent | DeliveryState::Sending | DeliveryState::Unknown)
}

fn hint(reasons: &Reasons) -> String {
    match reasons.has_more {
        true => format!("Of the first {} that came back.", counted(reasons.looked_at, "message")),
        false => String::new(),
    }
}

fn reason(reason: Reason) -> ShownReason {
    let words = match reason.kind {
        ReportKind::Hard => "There is no such mailbox",
        ReportKind::Soft => "It did not work this time",
        ReportKind::Policy => "We were refused, and not the reader",
        ReportKind::Complaint => "The reader called it spam",
    };
    let code = reason.code.map(|(class, subject, detail)| format!("{class}.{subject}.{detail}"));
    let examples = reason.examples.into_iter().map(|example| ShownExample {
        to: example.address.map_or_else(|| "somebody who was erased".to_owned(), |address| address.to_string()),
        words: fit_to_show(&example.words),
    });
    ShownReason { words, code: code.unwrap_or_default(), count: grouped(reason.count), examples: examples.collect() }
}
