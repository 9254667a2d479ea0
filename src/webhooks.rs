//! Flow G: telling the house's own systems what happened. The store has written down what is to be told to whom; this makes
//! the calls, each again and again until it is taken or a week has passed. What is told is told at least once, and in no
//! order that is promised. Who is slow, or does not answer, keeps nobody else waiting, and never mail.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join_all, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    app::App,
    collect::CollectError,
    domain::{
        alarm::{Alarm, AlarmKind},
        delivery::DeliveryState,
        issue::IssueId,
        slug::Slug,
        token::Purpose,
        webhook::{self, Call, EventKind, TRIES_BEFORE_ALARM, Webhook, next_try},
    },
    store::{StoreError, webhooks::Vain},
};

/// How many calls one webhook gets at once.
const AT_ONCE: usize = 4;

/// How many calls of each kind are looked up at a time.
const BATCH: i64 = 40;

/// How long a run goes on calling.
const OF_A_RUN: Duration = Duration::from_secs(60);

/// How long it is remembered what was told.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

/// An issue that was queued longer ago is not told of any more; it must be shorter than [`KEPT`], or it would be told again.
const ISSUES_OF: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What some calls came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// So many were taken.
    pub taken: usize,
    /// So many were not.
    pub in_vain: usize,
}

/// Why a webhook was not tried.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// There is none of that name.
    #[error("there is no webhook `{0}`")]
    None(String),
    /// It did not take it.
    #[error("the webhook did not take it")]
    Refused(#[from] CollectError),
}

/// Writes down what is to be told of issues of which nothing waits any more, and forgets what was told long ago. To call it
/// twice does no harm.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn note_events(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let ago = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
    app.store.sweep_calls(ago(KEPT)).await?;
    let hearers: Vec<&Webhook> =
        app.config.webhooks.iter().filter(|webhook| webhook.events.contains(&EventKind::IssueSent)).collect();
    if hearers.is_empty() {
        return Ok(());
    }
    let names: Vec<Slug> = hearers.iter().map(|webhook| webhook.name.clone()).collect();
    let since = app.store.meet_webhooks(&names, now).await?;
    for (issue, list, queued_at) in app.store.issues_not_told(ago(ISSUES_OF)).await? {
        let hears = |webhook: &&&Webhook| {
            let is_of_it = webhook.lists.is_empty() || webhook.lists.iter().any(|wanted| wanted.as_str() == list);
            is_of_it && since.get(webhook.name.as_str()).is_some_and(|since| *since <= queued_at)
        };
        let told: Vec<String> = hearers.iter().filter(hears).map(|webhook| webhook.name.to_string()).collect();
        if !told.is_empty() && !app.store.is_under_way(issue).await? {
            let facts = facts(app, issue).await?;
            let mut tx = app.store.begin().await?;
            tx.tell_issue_sent(&told, issue, &list, &facts, now).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// What is said of an issue, besides its number and list.
async fn facts(app: &App, id: IssueId) -> Result<String, StoreError> {
    let (issue, states) = (app.store.issue(id).await?, app.store.states_of_issue(id).await?);
    let of = |state| states.get(&state).copied().unwrap_or(0);
    let facts = json!({
        "kind": issue.kind.as_str(),
        "subject": issue.subject,
        "readers": issue.readers,
        "sent": of(DeliveryState::Sent),
        "refused": of(DeliveryState::Bounced),
    });
    Ok(facts.to_string())
}

/// Makes the calls of one webhook that are due, a few at a time, and begins none once `goes_on` says no.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn call_due(app: &App, webhook: &Webhook, goes_on: impl Fn() -> bool) -> Result<Called, StoreError> {
    let goes_on = &goes_on;
    let due = app.store.due_calls(&webhook.name, BATCH, app.clock.now()).await?;
    let calls = due.into_iter().map(async |(event, due_at)| {
        if !goes_on() {
            return Ok(Called::default());
        }
        match app.store.take_call(&webhook.name, &event, due_at, app.clock.now()).await? {
            Some(call) => make(app, webhook, &call).await,
            // Another process makes it.
            None => Ok(Called::default()),
        }
    });
    let mut called = Called::default();
    let mut ends = stream::iter(calls).buffer_unordered(AT_ONCE);
    while let Some(one) = ends.next().await {
        let one = one?;
        called.taken += one.taken;
        called.in_vain += one.in_vain;
    }
    Ok(called)
}

/// Calls every webhook until nothing is due there or one call was in vain, for a minute at most: what a run does.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn call_all(app: &App) -> Result<(), StoreError> {
    let began = Instant::now();
    let each = app.config.webhooks.iter().map(async |webhook| {
        loop {
            let called = call_due(app, webhook, || began.elapsed() < OF_A_RUN).await?;
            if called.taken == 0 || called.in_vain > 0 || began.elapsed() >= OF_A_RUN {
                return Ok(());
            }
        }
    });
    join_all(each).await.into_iter().collect()
}

/// Tells a webhook that this is a try, now, and nothing else.
///
/// # Errors
/// See [`TryError`].
pub async fn try_out(app: &App, name: &str) -> Result<(), TryError> {
    let webhook = found(app, name)?;
    let now = app.clock.now();
    let body = webhook::body("webhook.test", now, &json!({ "words": "A try, by hand. Nothing happened." }));
    let event = format!("test:{}:{}", webhook.name, now.as_millisecond());
    Ok(post(app, webhook, &event, body).await?)
}

/// The webhook of that name.
///
/// # Errors
/// [`TryError::None`].
pub fn found<'a>(app: &'a App, name: &str) -> Result<&'a Webhook, TryError> {
    let found = app.config.webhooks.iter().find(|webhook| webhook.name.as_str() == name);
    found.ok_or_else(|| TryError::None(name.to_owned()))
}

/// Makes one call, and writes down what came of it.
async fn make(app: &App, webhook: &Webhook, call: &Call) -> Result<Called, StoreError> {
    let about = format!("webhook:{}", webhook.name);
    match post(app, webhook, &call.event, call.body()).await {
        Ok(()) => {
            let now = app.clock.now();
            app.store.call_done(call, now).await?;
            app.store.clear_alarm(&about, AlarmKind::WebhookInTrouble, now).await?;
            Ok(Called { taken: 1, in_vain: 0 })
        }
        Err(error) => {
            let now = app.clock.now();
            let vain = Vain { answer: error.to_string(), next: next_try(call.tries, call.tried_since, now) };
            tracing::warn!(webhook = %webhook.name, tries = call.tries, "a webhook did not take an event: {error}");
            let mut tx = app.store.begin().await?;
            tx.call_in_vain(call, &vain, now).await?;
            if vain.next.is_none() {
                let reason = format!("an event ({}) was not taken within a week: {error}", call.kind.as_str());
                tx.record(now, &about, "given up", &reason).await?;
            }
            if vain.next.is_none() || call.tries >= TRIES_BEFORE_ALARM {
                tx.raise_alarm(&alarm(webhook, &about, &error, now), now).await?;
            }
            tx.commit().await?;
            Ok(Called { taken: 0, in_vain: 1 })
        }
    }
}

fn alarm(webhook: &Webhook, about: &str, error: &CollectError, now: Timestamp) -> Alarm {
    let name = &webhook.name;
    Alarm {
        about: about.to_owned(),
        kind: AlarmKind::WebhookInTrouble,
        words: format!(
            "The webhook `{name}` does not take what it is told: {error}. It is tried again, each event for a week; what is \
             given up by then is told again by: tidings webhooks retry {name}"
        ),
        tell_after: now,
    }
}

/// Posts a body, signed as the specification wants it: the id is the same at each try, the time is that of the try.
async fn post(app: &App, webhook: &Webhook, event: &str, body: String) -> Result<(), CollectError> {
    // Of this house alone: two houses may tell one system.
    let id = format!("msg_{}", app.secret.seal(Purpose::Webhook, event));
    let second = app.clock.now().as_second();
    let headers = [
        ("webhook-signature", webhook.key.sign(&id, second, &body)),
        ("webhook-timestamp", second.to_string()),
        ("webhook-id", id),
    ];
    match app.callers.get(&webhook.name) {
        Some(caller) => caller.post(&webhook.url, &headers, body).await,
        None => Err(CollectError::Address),
    }
}
