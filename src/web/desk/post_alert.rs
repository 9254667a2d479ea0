//! To send a post as an alert: first what that would do, with the mail as readers would get it, and a word to be typed; then
//! the send. What may go, when, and whether a second person is needed, the newsroom says.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::SignedDuration;
use serde::Serialize;

use super::{
    Site,
    frame::mail_in_a_frame,
    issue,
    pages::{DeskPage, Said, Word},
    post::{self, Number},
    sending::{Terms, refusal, window_of},
    visitor::{Pressed, Visitor},
};
use crate::{
    domain::{
        issue::{Draft, IssueId},
        list::List,
        post::StoredPost,
        slug::Slug,
        span,
        staff::Right,
    },
    newsroom::{self, NewsroomError, Placed, Sending},
    web::form::Form,
};

#[derive(Serialize)]
struct Planned<'a> {
    post: i64,
    list: &'a Slug,
    window: &'a str,
    /// What stands for the words that are shown.
    seen: &'a str,
    terms: Terms,
    is_breaking: bool,
    verdict_reason: &'a str,
    said: Said<'a>,
}

impl DeskPage for Planned<'_> {
    const TEMPLATE: &'static str = "desk/post-alert.html";
    const WORD: Word = Word::Posts;
}

/// What was asked for.
struct Wish<'a> {
    list: &'a List,
    post: StoredPost,
    window: SignedDuration,
    draft: Draft,
}

/// Shows what sending would do, or sends.
pub(super) async fn press(State(site): State<Site>, id: Number, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let post = match post::found(&site, &visitor, id).await {
        Ok(post) => post,
        Err(response) => return response,
    };
    let list = site.app.config.list(form.one("list"));
    let window = window_of(form.one("window"));
    let (Some(list), Some(window)) = (list, window) else {
        let wrong = Said::wrong("Nothing was sent: choose a list, and when it goes.");
        return post::show(&site, &visitor, StatusCode::UNPROCESSABLE_ENTITY, post, wrong).await;
    };
    let done = match newsroom::draft_alert_of_post(&site.app, &list.name, post.id).await {
        Ok(draft) => {
            let wish = Wish { list, post: post.clone(), window, draft };
            match form.one("do") {
                "send" => send(&site, &visitor, &wish, &form).await,
                _ => plan(&site, &visitor, &wish, StatusCode::OK, Said::default()).await,
            }
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(response) => response,
        // A second press of the same button: it was sent, and this is where.
        Err(NewsroomError::Carried { issue, .. }) if form.one("do") == "send" => {
            site.go(&issue::place(IssueId(issue), "before"))
        }
        Err(error) => match refusal(&error) {
            Some(wrong) => post::show(&site, &visitor, StatusCode::CONFLICT, post, Said::wrong(&wrong)).await,
            None => visitor.failed(&site, "an alert of a post", &error),
        },
    }
}

async fn plan(
    site: &Site,
    visitor: &Visitor,
    wish: &Wish<'_>,
    status: StatusCode,
    said: Said<'_>,
) -> Result<Response, NewsroomError> {
    let by = visitor.by(site).await?;
    let plan = newsroom::plan(&site.app, &wish.draft, &Sending { by: &by, window: wish.window }).await?;
    let (window, seen) = (span::written(wish.window), newsroom::words_of(&wish.draft));
    let page = Planned {
        post: wish.post.id.0,
        list: &wish.list.name,
        window: &window,
        seen: &seen,
        terms: Terms::of(plan, wish.list),
        is_breaking: post::is_breaking(&wish.post),
        verdict_reason: &wish.post.verdict.reason,
        said,
    };
    Ok(visitor.page(site, status, &page))
}

async fn send(site: &Site, visitor: &Visitor, wish: &Wish<'_>, form: &Form) -> Result<Response, NewsroomError> {
    let app = visitor.app(site);
    let by = visitor.by(site).await?;
    let sending = Sending { by: &by, window: wish.window };
    let confirmation = newsroom::plan(&app, &wish.draft, &sending).await?.confirmation;
    if form.one("seen") != newsroom::words_of(&wish.draft) {
        let wrong = Said::wrong("Nothing was sent: the post was changed meanwhile. This is how it stands now.");
        return plan(site, visitor, wish, StatusCode::CONFLICT, wrong).await;
    }
    if !confirmation.agrees(form.one("typed")) {
        let wrong = format!("Nothing was sent: type “{}” to confirm.", confirmation.word);
        return plan(site, visitor, wish, StatusCode::CONFLICT, Said::wrong(&wrong)).await;
    }
    match newsroom::send(&app, &wish.draft, &sending).await.map(Placed::issue) {
        Ok(issue) => Ok(site.go(&issue::place(issue, "sent"))),
        Err(NewsroomError::MadeBefore(before)) => Ok(site.go(&issue::place(before.id, "before"))),
        Err(error) => Err(error),
    }
}

/// The mail that it would be, for a frame.
pub(super) async fn mail(
    State(site): State<Site>,
    visitor: Visitor,
    id: Number,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let post = match post::found(&site, &visitor, id).await {
        Ok(post) => post,
        Err(response) => return response,
    };
    let Ok(list) = Slug::parse(query.one("list")) else {
        return visitor.problem(&site, StatusCode::NOT_FOUND, "There is no such list.");
    };
    let shown = match newsroom::draft_alert_of_post(&site.app, &list, post.id).await {
        Ok(draft) => newsroom::preview(&site.app, &draft).await,
        Err(error) => Err(error),
    };
    match shown {
        Ok(preview) => mail_in_a_frame(preview.html),
        Err(NewsroomError::Store(error)) => visitor.failed(&site, "a preview", &error),
        Err(error) => visitor.problem(&site, StatusCode::CONFLICT, &format!("There is no mail to show: {error}.")),
    }
}
