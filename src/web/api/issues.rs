//! Issues and their deliveries, as a program sees them; and stopping one.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    super::Site,
    admitted::Admitted,
    asked::{Asks, Page, Paging, Part, Sent, asks, part},
    problem::Problem,
};
use crate::{
    domain::{
        access::Scope,
        delivery::DeliveryState,
        issue::{IssueId, IssueState},
        subscription::SubscriberId,
    },
    newsroom,
    store::{
        deliveries::StoredDelivery,
        issues::{IssueFilter, StoredIssue},
    },
};

/// An issue of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Issue)]
pub(super) struct IssueShown {
    /// Its number.
    id: i64,
    /// Its list.
    list: String,
    /// `digest`, `alert` or `drill`.
    kind: &'static str,
    /// `held`: it waits for staff. `queued`: it goes, or has gone. `cancelled`: given up.
    state: &'static str,
    /// Why it is held or cancelled; empty otherwise.
    state_reason: String,
    /// Its subject.
    subject: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    /// Nothing of it is due before; none: it was never let go.
    #[schema(value_type = Option<String>, format = DateTime)]
    goes_at: Option<Timestamp>,
    /// To how many it was queued.
    readers: u64,
    /// The issue that it corrects or withdraws.
    corrects: Option<i64>,
}

/// An issue, with how far its deliveries have come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IssueWithDeliveries)]
pub(super) struct WithDeliveries {
    #[serde(flatten)]
    issue: IssueShown,
    /// How many deliveries are in each state; states without any are left out.
    deliveries: BTreeMap<&'static str, u64>,
}

/// A delivery of an issue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryShown {
    /// The number of the reader.
    subscriber: i64,
    /// Their address: masked, unless the token has the scope `addresses:read`.
    #[schema(example = "a***@e***.org")]
    address: String,
    /// How far it has come: `sent` means that the relay took it.
    state: &'static str,
    /// How often it was tried.
    attempts: i64,
    /// When it is tried next.
    #[schema(value_type = Option<String>, format = DateTime)]
    try_at: Option<Timestamp>,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// What the relay said last, without addresses.
    answer: Option<String>,
}

/// Which issues.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of one list.
    #[param(max_length = 40)]
    list: Option<String>,
    /// In one state.
    #[param(inline)]
    state: Option<StateWord>,
    /// How many entries at most; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// What `next` of the page before said.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

/// The state of an issue.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StateWord {
    Held,
    Queued,
    Cancelled,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichDeliveries {
    /// In one state.
    #[param(inline)]
    state: Option<DeliveryWord>,
    /// How many entries at most; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// What `next` of the page before said.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DeliveryWord {
    Queued,
    Sending,
    Sent,
    Deferred,
    Bounced,
    Unknown,
    Expired,
    Dropped,
}

/// Why an issue is stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Stopping)]
pub(super) struct Stopping {
    /// In a few words, for staff.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Issues, the newest first.
#[utoipa::path(get, path = "/issues", operation_id = "issues", tag = "issues",
    security(("token" = ["issues:read"])), params(Which),
    responses((status = 200, description = "A page.", body = Page<IssueShown>)))]
pub(super) async fn all(
    State(site): State<Site>,
    admitted: Admitted,
    which: Asks<Which>,
) -> Result<Json<Page<IssueShown>>, Problem> {
    admitted.needs(Scope::IssuesRead)?;
    let which = asks(which)?;
    let paging = Paging::new(which.limit, which.cursor);
    let one = which.list.map(|name| admitted.list(&site, &name).map(|list| list.name.clone())).transpose()?;
    let lists = one.map(|list| vec![list]).or_else(|| admitted.only().map(<[_]>::to_vec));
    let state = which.state.map(|state| match state {
        StateWord::Held => IssueState::Held,
        StateWord::Queued => IssueState::Queued,
        StateWord::Cancelled => IssueState::Cancelled,
    });
    let before = paging.after("issues")?.map(IssueId);
    let found = site.app.store.issues_page(&IssueFilter { lists, state, before }, paging.limit()?).await?;
    Ok(Json(paging.page("issues", found, |issue| issue.id.0, shown)?))
}

/// One issue.
#[utoipa::path(get, path = "/issues/{issue}", operation_id = "issue", tag = "issues",
    security(("token" = ["issues:read"])), params(("issue" = i64, Path, description = "Its number.")),
    responses((status = 200, description = "The issue.", body = WithDeliveries)))]
pub(super) async fn one(
    State(site): State<Site>,
    admitted: Admitted,
    id: Part<i64>,
) -> Result<Json<WithDeliveries>, Problem> {
    admitted.needs(Scope::IssuesRead)?;
    let issue = named(&site, &admitted, id).await?;
    Ok(Json(with_deliveries(&site, issue).await?))
}

/// Stop an issue that is being sent, or will be: what is not on the wire at this moment waits until one of staff decides.
#[utoipa::path(post, path = "/issues/{issue}/stop", operation_id = "stopIssue", tag = "issues",
    security(("token" = ["alerts:send"])), params(("issue" = i64, Path, description = "Its number.")),
    request_body = Stopping,
    responses((status = 200, description = "It is held.", body = WithDeliveries),
              (status = 409, description = "Nothing of it waits to be sent.")))]
pub(super) async fn stop(
    State(site): State<Site>,
    admitted: Admitted,
    id: Part<i64>,
    sent: Sent,
) -> Result<Json<WithDeliveries>, Problem> {
    admitted.needs(Scope::AlertsSend)?;
    let issue = named(&site, &admitted, id).await?;
    let stopping: Stopping = sent.json()?;
    let reason = super::words("reason", &stopping.reason, 200)?;
    newsroom::hold(&admitted.app(&site), issue.id, &reason, &admitted.by()).await?;
    let issue = site.app.store.issue(issue.id).await?;
    Ok(Json(with_deliveries(&site, issue).await?))
}

/// Who got an issue, or is to get it.
#[utoipa::path(get, path = "/issues/{issue}/deliveries", operation_id = "deliveries", tag = "issues",
    security(("token" = ["deliveries:read"])),
    params(("issue" = i64, Path, description = "Its number."), WhichDeliveries),
    responses((status = 200, description = "A page, in the order of readers' numbers. Of a rare state it may be empty, and not the last.", body = Page<DeliveryShown>)))]
pub(super) async fn deliveries(
    State(site): State<Site>,
    admitted: Admitted,
    id: Part<i64>,
    which: Asks<WhichDeliveries>,
) -> Result<Json<Page<DeliveryShown>>, Problem> {
    admitted.needs(Scope::DeliveriesRead)?;
    let (issue, which) = (named(&site, &admitted, id).await?, asks(which)?);
    let paging = Paging::new(which.limit, which.cursor);
    let state = which.state.map(state_of);
    let after = SubscriberId(paging.after("deliveries")?.unwrap_or(0));
    let stretch = site.app.store.deliveries_after(issue.id, state, after, paging.limit()?).await?;
    let show = |delivery| delivery_shown(&admitted, delivery);
    let page = paging.page("deliveries", stretch.found, |found| found.subscriber.0, show)?;
    Ok(Json(page.going_on("deliveries", stretch.looked_up_to.map(|last| last.0))))
}

/// The issue of a path, when the token reaches its list.
async fn named(site: &Site, admitted: &Admitted, id: Part<i64>) -> Result<StoredIssue, Problem> {
    let issue = site.app.store.issue(IssueId(part(id)?)).await?;
    if admitted.reaches(&issue.list) { Ok(issue) } else { Err(Problem::not_found()) }
}

pub(super) async fn with_deliveries(site: &Site, issue: StoredIssue) -> Result<WithDeliveries, Problem> {
    let states = site.app.store.states_of_issue(issue.id).await?;
    let deliveries = states.into_iter().map(|(state, count)| (state.as_str(), count)).collect();
    Ok(WithDeliveries { issue: shown(issue), deliveries })
}

fn shown(issue: StoredIssue) -> IssueShown {
    IssueShown {
        id: issue.id.0,
        list: issue.list.to_string(),
        kind: issue.kind.as_str(),
        state: issue.state.as_str(),
        state_reason: issue.state_reason,
        subject: issue.subject,
        made_at: issue.made_at,
        goes_at: issue.goes_at,
        readers: issue.readers,
        corrects: issue.corrects.map(|first| first.0),
    }
}

fn delivery_shown(admitted: &Admitted, delivery: StoredDelivery) -> DeliveryShown {
    DeliveryShown {
        subscriber: delivery.subscriber.0,
        address: admitted.shows(&delivery.address),
        state: delivery.state.as_str(),
        attempts: delivery.attempts,
        try_at: delivery.try_at,
        changed_at: delivery.changed_at,
        answer: delivery.answer.map(|answer| admitted.shows_answer(&answer, &delivery.address, &delivery.name)),
    }
}

fn state_of(word: DeliveryWord) -> DeliveryState {
    match word {
        DeliveryWord::Queued => DeliveryState::Queued,
        DeliveryWord::Sending => DeliveryState::Sending,
        DeliveryWord::Sent => DeliveryState::Sent,
        DeliveryWord::Deferred => DeliveryState::Deferred,
        DeliveryWord::Bounced => DeliveryState::Bounced,
        DeliveryWord::Unknown => DeliveryState::Unknown,
        DeliveryWord::Expired => DeliveryState::Expired,
        DeliveryWord::Dropped => DeliveryState::Dropped,
    }
}
