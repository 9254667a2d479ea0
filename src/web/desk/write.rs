//! Where staff write: an alert, a correction, or a withdrawal. The text stands on the left and the mail as it will be on the
//! right; a test goes to whoever presses the button; and before it is sent they see what that would do, and type a word. Each
//! step is a form that carries the text along. What may be sent, when and by whom, the newsroom says.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;

use super::{
    Site, issue,
    pages::{Around, DeskPage, Said, Word},
    progress::Tallied,
    sending::{Terms, Window, refusal, window_of, windows},
    sheet::{Followed, Sheet, Writing},
    visitor::{Pressed, Visitor},
    written::Written,
};
use crate::{
    app::App,
    domain::{issue::IssueKind, list::List, number::counted, slug::Slug, staff::Right},
    newsroom::{self, Deciding, NewsroomError, Placed, Sending},
    store::StoreError,
    web::form::Form,
};

#[derive(Serialize)]
struct WritePage<'a> {
    heading: &'static str,
    /// Where its form goes, below the desk.
    place: String,
    what: &'static str,
    first: Option<First>,
    sheet: &'a Sheet,
    lists: Vec<Choice>,
    windows: Vec<Window>,
    preview: Preview,
    /// The step that is taken now.
    step: &'static str,
    said: Said<'a>,
}

#[derive(Serialize)]
struct SendPage<'a> {
    heading: &'static str,
    place: String,
    what: &'static str,
    sheet: &'a Sheet,
    terms: Terms,
    preview: Preview,
    step: &'static str,
    said: Said<'a>,
}

/// The mail as it will be, drawn by itself.
#[derive(Serialize)]
struct Part {
    preview: Preview,
}

#[derive(Default, Serialize)]
struct Preview {
    subject: String,
    html: String,
    text: String,
    /// Why there is none; empty when there is one.
    wrong: String,
}

/// The issue that was wrong.
#[derive(Serialize)]
struct First {
    id: i64,
    subject: String,
    fared: String,
}

/// A list to alert.
#[derive(Serialize)]
struct Choice {
    name: Slug,
    title: String,
    readers: String,
    is_chosen: bool,
}

impl DeskPage for WritePage<'_> {
    const TEMPLATE: &'static str = "desk/write.html";
    const WORD: Word = Word::Write;

    fn word(&self) -> Word {
        word(self.what)
    }
}

impl DeskPage for SendPage<'_> {
    const TEMPLATE: &'static str = "desk/write-send.html";
    const WORD: Word = Word::Write;

    fn word(&self) -> Word {
        word(self.what)
    }
}

impl DeskPage for Part {
    const TEMPLATE: &'static str = "desk/preview.html";
    const WORD: Word = Word::Write;
}

/// What follows an issue belongs to the issues.
fn word(what: &str) -> Word {
    if what == "alert" { Word::Write } else { Word::Issues }
}

/// What is written, by whom, and what it follows.
struct Desk<'a> {
    site: &'a Site,
    visitor: &'a Visitor,
    writing: Writing,
    first: Option<Deciding>,
}

pub(super) async fn alert_page(State(site): State<Site>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let sheet = Sheet { list: query.one("list").to_owned(), ..Sheet::fresh() };
    match Desk::of(&site, &visitor, Some(Writing::Alert)).await {
        Ok(desk) => desk.show(StatusCode::OK, &sheet, "write", Said::default()).await,
        Err(response) => response,
    }
}

pub(super) async fn follow_up_page(State(site): State<Site>, visitor: Visitor, path: Followed) -> Response {
    match Desk::of(&site, &visitor, Writing::of(&path)).await {
        Ok(desk) => {
            let sheet = Sheet { subject: desk.first_headline(), ..Sheet::fresh() };
            desk.show(StatusCode::OK, &sheet, "write", Said::default()).await
        }
        Err(response) => response,
    }
}

pub(super) async fn alert(State(site): State<Site>, Written(pressed): Written) -> Response {
    press(&site, Some(Writing::Alert), &pressed).await
}

pub(super) async fn follow_up(State(site): State<Site>, path: Followed, Written(pressed): Written) -> Response {
    press(&site, Writing::of(&path), &pressed).await
}

pub(super) async fn alert_preview(State(site): State<Site>, Written(pressed): Written) -> Response {
    preview_part(&site, Some(Writing::Alert), &pressed).await
}

pub(super) async fn follow_up_preview(State(site): State<Site>, path: Followed, Written(pressed): Written) -> Response {
    preview_part(&site, Writing::of(&path), &pressed).await
}

/// The mail alone, for the page that is open.
async fn preview_part(site: &Site, writing: Option<Writing>, Pressed { visitor, form }: &Pressed) -> Response {
    let desk = match Desk::of(site, visitor, writing).await {
        Ok(desk) => desk,
        Err(response) => return response,
    };
    let part = Part { preview: desk.preview(&Sheet::read(form)).await };
    match site.pages.desk_part(&part, &Around::visitor(site, &visitor.0)) {
        Some(html) => Html(html).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn press(site: &Site, writing: Option<Writing>, Pressed { visitor, form }: &Pressed) -> Response {
    let deed = form.one("do");
    if matches!(deed, "plan" | "send")
        && let Some(refused) = visitor.refused(site, Right::Send)
    {
        return refused;
    }
    let desk = match Desk::of(site, visitor, writing).await {
        Ok(desk) => desk,
        Err(response) => return response,
    };
    let sheet = Sheet::read(form);
    let done = match deed {
        "write" => Ok(desk.show(StatusCode::OK, &sheet, "write", Said::default()).await),
        "preview" => Ok(desk.show(StatusCode::OK, &sheet, "preview", Said::default()).await),
        "test" => desk.test(&sheet).await,
        "plan" => desk.plan(&sheet, StatusCode::OK, Said::default()).await,
        "send" => desk.send(&sheet, form.one("typed")).await,
        _ => return visitor.problem(site, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed."),
    };
    match done {
        Ok(response) => response,
        Err(error) => match refusal(&error) {
            Some(wrong) => desk.show(StatusCode::UNPROCESSABLE_ENTITY, &sheet, "write", Said::wrong(&wrong)).await,
            None => visitor.failed(site, "what was written", &error),
        },
    }
}

impl<'a> Desk<'a> {
    /// Where somebody writes who may; else the answer that they may not, or that there is nothing to follow.
    async fn of(site: &'a Site, visitor: &'a Visitor, writing: Option<Writing>) -> Result<Self, Response> {
        if let Some(refused) = visitor.refused(site, Right::Write) {
            return Err(refused);
        }
        let Some(writing) = writing else {
            return Err(visitor.problem(site, StatusCode::NOT_FOUND, "There is no page here."));
        };
        let first = match writing.first() {
            Some(first) => Some(issue::found(site, visitor, &Ok(axum::extract::Path(first.0))).await?),
            None => None,
        };
        Ok(Self { site, visitor, writing, first })
    }

    fn heading(&self) -> (&'static str, &'static str) {
        match self.writing {
            Writing::Alert => ("Write an alert", "alert"),
            Writing::Correction(_) => ("Correct it", "correction"),
            Writing::Withdrawal(_) => ("Withdraw it", "withdrawal"),
        }
    }

    /// The headline of what is to be corrected, to begin with.
    fn first_headline(&self) -> String {
        let first = self.first.as_ref().map(|first| &first.issue);
        let headline = first.map(|issue| issue.statement.as_ref().map_or(&issue.subject, |text| &text.subject));
        headline.cloned().unwrap_or_default()
    }

    async fn show(&self, status: StatusCode, sheet: &Sheet, step: &'static str, said: Said<'_>) -> Response {
        let lists = match self.writing {
            Writing::Alert => choices(&self.site.app, &sheet.list).await,
            Writing::Correction(_) | Writing::Withdrawal(_) => Ok(Vec::new()),
        };
        let lists = match lists {
            Ok(lists) => lists,
            Err(error) => return self.visitor.failed(self.site, "the lists to alert", &error),
        };
        let (heading, what) = self.heading();
        let page = WritePage {
            heading,
            place: self.writing.place(),
            what,
            first: self.first.as_ref().map(First::of),
            lists,
            windows: windows(&sheet.window),
            preview: self.preview(sheet).await,
            sheet,
            step,
            said,
        };
        self.visitor.page(self.site, status, &page)
    }

    async fn preview(&self, sheet: &Sheet) -> Preview {
        let app = &self.site.app;
        if sheet.is_empty() && self.writing == Writing::Alert {
            return Preview::not("The mail stands here once there are a headline and a text.");
        }
        let shown = match sheet.draft(app, self.writing).await {
            Ok(draft) => newsroom::preview(app, &draft).await,
            Err(error) => Err(error),
        };
        match shown {
            Ok(mail) => Preview { subject: mail.subject, html: mail.html, text: mail.text, wrong: String::new() },
            Err(NewsroomError::Empty) => Preview::not("The mail stands here once there are a headline and a text."),
            Err(NewsroomError::Render(error)) => Preview::not(&format!("It cannot be rendered: {error}.")),
            Err(NewsroomError::Store(error)) => {
                tracing::error!("a preview could not be shown at the desk: {error}");
                Preview::not("It cannot be shown just now. Please try again in a minute.")
            }
            Err(error) => Preview::not(&format!("There is no mail to show: {error}.")),
        }
    }

    /// Mails a test to whoever pressed the button, and to nobody else.
    async fn test(&self, sheet: &Sheet) -> Result<Response, NewsroomError> {
        let (app, to) = (self.visitor.app(self.site), &self.visitor.0.staff.address);
        let draft = sheet.draft(&app, self.writing).await?;
        newsroom::test(&app, &draft, to).await?;
        let done = format!("A test goes to {} within moments. No reader gets it.", to.reveal());
        Ok(self.show(StatusCode::OK, sheet, "test", Said::done(&done)).await)
    }

    /// Shows what sending would do.
    async fn plan(&self, sheet: &Sheet, status: StatusCode, said: Said<'_>) -> Result<Response, NewsroomError> {
        let app = &self.site.app;
        let by = self.visitor.by(self.site).await?;
        let draft = sheet.draft(app, self.writing).await?;
        let Some(window) = window_of(&sheet.window) else {
            let wrong = Said::wrong("Nothing was sent: choose when it goes.");
            return Ok(self.show(StatusCode::UNPROCESSABLE_ENTITY, sheet, "write", wrong).await);
        };
        let plan = newsroom::plan(app, &draft, &Sending { by: &by, window }).await?;
        let list = app.config.list(draft.list.as_str());
        let list = list.ok_or_else(|| NewsroomError::NoList(draft.list.to_string()))?;
        let (heading, what) = self.heading();
        let page = SendPage {
            heading,
            place: self.writing.place(),
            what,
            terms: Terms::of(plan, list),
            preview: self.preview(sheet).await,
            sheet,
            step: "send",
            said,
        };
        Ok(self.visitor.page(self.site, status, &page))
    }

    /// Sends, once the word was typed that confirms it, and goes to the issue's page. What was sent before, by a button that
    /// was pressed twice, is shown as it stands.
    async fn send(&self, sheet: &Sheet, typed: &str) -> Result<Response, NewsroomError> {
        let app = self.visitor.app(self.site);
        let by = self.visitor.by(self.site).await?;
        let draft = sheet.draft(&app, self.writing).await?;
        let Some(window) = window_of(&sheet.window) else {
            let wrong = Said::wrong("Nothing was sent: choose when it goes.");
            return Ok(self.show(StatusCode::UNPROCESSABLE_ENTITY, sheet, "write", wrong).await);
        };
        let sending = Sending { by: &by, window };
        let confirmation = newsroom::plan(&app, &draft, &sending).await?.confirmation;
        if !confirmation.agrees(typed) {
            let wrong = format!("Nothing was sent: type “{}” to confirm.", confirmation.word);
            return self.plan(sheet, StatusCode::CONFLICT, Said::wrong(&wrong)).await;
        }
        match newsroom::send(&app, &draft, &sending).await.map(Placed::issue) {
            Ok(issue) => Ok(self.site.go(&issue::place(issue, "sent"))),
            Err(NewsroomError::MadeBefore(before)) => Ok(self.site.go(&issue::place(before.id, "before"))),
            Err(error) => Err(error),
        }
    }
}

impl Preview {
    fn not(wrong: &str) -> Self {
        Self { wrong: wrong.to_owned(), ..Self::default() }
    }
}

impl First {
    fn of(first: &Deciding) -> Self {
        let tallied = Tallied::of(&first.states);
        Self {
            id: first.issue.id.0,
            subject: first.issue.subject.clone(),
            fared: match tallied.open() {
                0 => format!("It was sent to {}.", counted(tallied.sent, "reader")),
                open => format!(
                    "It was sent to {} so far; {} of it would be stopped.",
                    counted(tallied.sent, "reader"),
                    counted(open, "message")
                ),
            },
        }
    }
}

/// The lists, each with how many would get an alert now.
async fn choices(app: &App, chosen: &str) -> Result<Vec<Choice>, StoreError> {
    let mut choices = Vec::new();
    for List { name, title, .. } in &app.config.lists {
        let readers = counted(app.store.count_readers(name, IssueKind::Alert).await?, "reader");
        choices.push(Choice { name: name.clone(), title: title.clone(), readers, is_chosen: name.as_str() == chosen });
    }
    Ok(choices)
}
