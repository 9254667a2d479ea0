//! Alerts by a program: what one would be, and sending it once, however often the program asks. Nothing is kept of a draft:
//! it stays with the program until it is sent.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::Site,
    admitted::Admitted,
    asked::Sent,
    issues::{self, WithDeliveries},
    problem::{Kind, Problem},
};
use crate::{
    access::{self, Once, OnceError, Turn},
    domain::{access::Scope, issue::Draft},
    newsroom::{self, Sending, Statement},
};

/// The header that names what must be done once.
const KEY: &str = "idempotency-key";

/// The longest text of an alert, in characters: what JSON makes of it at most fits into a body.
const MOST_WORDS: usize = 20_000;

/// The longest window in which an alert can be stopped, in seconds.
const LONGEST: u32 = 24 * 60 * 60;

/// An alert.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Alert)]
pub(super) struct AlertDrawn {
    /// The list to alert.
    #[schema(max_length = 40, example = "news")]
    list: String,
    /// The headline, and subject of the mail.
    #[schema(min_length = 1, max_length = 200, example = "Coalition condemns a transfer")]
    subject: String,
    /// The text, in Markdown.
    #[schema(min_length = 1, max_length = 20_000, example = "The coalition **condemns** the transfer.")]
    markdown: String,
    /// Two alerts with the same key are one; without it the words themselves are the key.
    #[schema(min_length = 1, max_length = 100)]
    key: Option<String>,
    /// For how many seconds staff, who are told at once, can stop it before it goes.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 86_400)]
    window_seconds: u32,
}

/// An alert that is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertToSend)]
pub(super) struct AlertSent {
    /// The alert.
    alert: AlertDrawn,
    /// To how many you expect it to go, as its plan said. Nothing is sent when it is off by more than a tenth.
    expected_readers: u64,
}

/// What sending an alert would do, and the mail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plan)]
pub(super) struct PlanShown {
    /// Its subject.
    subject: String,
    /// To how many it would go: what `expected_readers` is to be.
    readers: u64,
    /// To whom, in words.
    whom: String,
    /// When it would go.
    #[schema(value_type = String, format = DateTime)]
    goes_at: Timestamp,
    /// When what is not sent by then expires.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Whether it would wait until one of staff releases it and another approves it: a program is no person.
    needs_staff: bool,
    /// The HTML of the mail.
    html: String,
    /// The text of the mail.
    text: String,
}

/// What an alert would be, and to how many it would go. Nothing is sent, and nothing is kept.
#[utoipa::path(post, path = "/alerts/plan", operation_id = "planAlert", tag = "alerts",
    security(("token" = ["alerts:write"])), request_body = AlertDrawn,
    responses((status = 200, description = "The plan.", body = PlanShown),
              (status = 409, description = "It cannot be sent so: the list has no readers.")))]
pub(super) async fn plan(State(site): State<Site>, admitted: Admitted, sent: Sent) -> Result<Json<PlanShown>, Problem> {
    admitted.needs(Scope::AlertsWrite)?;
    let alert: AlertDrawn = sent.json()?;
    let draft = draft(&site, &admitted, &alert)?;
    let (by, window) = (admitted.by(), window(&alert)?);
    let plan = newsroom::plan(&site.app, &draft, &Sending { by: &by, window }).await?;
    let mail = newsroom::preview(&site.app, &draft).await?;
    Ok(Json(PlanShown {
        subject: plan.subject,
        readers: plan.readers,
        whom: plan.whom,
        goes_at: plan.goes_at,
        expires_at: plan.expires_at,
        needs_staff: plan.needs_second_person,
        html: mail.html,
        text: mail.text,
    }))
}

/// Send an alert, once: who asks again with the same key within a day gets the first answer. With a window it can be
/// stopped before it goes; where alerts need two people, it waits for them.
#[utoipa::path(post, path = "/alerts", operation_id = "sendAlert", tag = "alerts",
    security(("token" = ["alerts:send"])), request_body = AlertSent,
    params(("Idempotency-Key" = String, Header, min_length = 1, max_length = 100, pattern = "^[!-~]+$",
            description = "What names this wish: a fresh UUID for each alert, and the same when you ask again.")),
    responses((status = 201, description = "It is queued, or held for staff.", body = WithDeliveries),
              (status = 409, description = "It was made before, or would go to others than expected, or is under way.")))]
pub(super) async fn send(
    State(site): State<Site>,
    admitted: Admitted,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    admitted.needs(Scope::AlertsSend)?;
    let key = key(&headers)?;
    let wish: AlertSent = sent.json()?;
    let draft = draft(&site, &admitted, &wish.alert)?;
    window(&wish.alert)?;
    let once = Once { token: admitted.access().id, key, route: "POST /alerts", body: sent.bytes()? };
    let doing = match access::begin(&site.app, &once).await {
        Ok(Turn::Answered(status, body)) => return Ok(answer(status, body)),
        Ok(Turn::Yours(doing)) => doing,
        Err(OnceError::AnotherWish) => {
            return Err(Problem::new(Kind::KeyUsed, "Give each alert an Idempotency-Key of its own."));
        }
        Err(OnceError::UnderWay) => {
            return Err(Problem::new(Kind::UnderWay, "Ask again in a minute, with the same key.").after(60));
        }
        Err(OnceError::Store(error)) => return Err(error.into()),
    };
    match go(&site, &admitted, &draft, &wish, doing.begun_before).await {
        Ok(body) => {
            let status = StatusCode::CREATED.as_u16();
            // It is on its way: who asks again is told so by the issue's own key.
            if let Err(error) = doing.done(&site.app, status, &body).await {
                tracing::error!("it could not be written down what a program was answered: {error}");
            }
            Ok(answer(status, body))
        }
        Err(problem) => {
            // Of our own failures nobody knows whether anything was done: then the key stays, and tells it later.
            if !problem.is_ours() {
                doing.not_done(&site.app).await?;
            }
            Err(problem)
        }
    }
}

async fn go(
    site: &Site,
    admitted: &Admitted,
    draft: &Draft,
    wish: &AlertSent,
    asked_before: Option<Timestamp>,
) -> Result<String, Problem> {
    let (by, window) = (admitted.by(), window(&wish.alert)?);
    let sending = Sending { by: &by, window };
    let placed =
        newsroom::send_expecting(&admitted.app(site), draft, &sending, wish.expected_readers, asked_before).await?;
    let issue = site.app.store.issue(placed.issue()).await?;
    let shown = issues::with_deliveries(site, issue).await?;
    Ok(serde_json::to_string(&shown).expect("texts and numbers are JSON"))
}

fn answer(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}

fn draft(site: &Site, admitted: &Admitted, alert: &AlertDrawn) -> Result<Draft, Problem> {
    let list =
        admitted.list(site, &alert.list).map_err(|_| Problem::invalid("`list` is none that this token reaches."))?;
    let subject = super::words("subject", &alert.subject, 200)?;
    if alert.markdown.chars().count() > MOST_WORDS || alert.markdown.contains('\0') {
        return Err(Problem::invalid("`markdown` is longer than 20,000 characters, or holds a NUL."));
    }
    let key = alert.key.as_deref().map(|key| super::words("key", key, 100)).transpose()?;
    let statement = Statement { list: &list.name, subject: &subject, markdown: &alert.markdown, key: key.as_deref() };
    Ok(newsroom::draft_alert(&site.app, &statement)?)
}

fn window(alert: &AlertDrawn) -> Result<SignedDuration, Problem> {
    if alert.window_seconds > LONGEST {
        return Err(Problem::invalid("`window_seconds` may not be more than 86400, which is a day."));
    }
    Ok(SignedDuration::from_secs(i64::from(alert.window_seconds)))
}

/// The key of a request (draft-ietf-httpapi-idempotency-key-header): 1 to 100 visible characters.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(KEY).iter();
    let key = given.next().filter(|_| given.next().is_none()).and_then(|key| key.to_str().ok());
    let fits = |key: &&str| (1..=100).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let detail = "Send a header Idempotency-Key of 1 to 100 visible ASCII characters: a fresh one for each alert.";
    key.filter(fits).ok_or_else(|| Problem::new(Kind::NoKey, detail))
}
