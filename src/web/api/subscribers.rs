//! Who is on a list, as a program sees and changes it. What it knows of one list tells it nothing of another: what is on a
//! list that its token does not reach is not there.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::Site,
    admitted::Admitted,
    asked::{Asks, Page, Paging, Part, Sent, Whom, address, asks, part},
    problem::{Kind, Problem},
};
use crate::{
    domain::{
        access::Scope,
        consent::Door,
        request::{RequestKind, Wish},
        subscription::{NewSubscriber, SubscriberId, Subscription, Wanted, clean_name},
    },
    subscribe::{self, Added, AskError, Asked, AskedFrom, Forgotten, Returning},
};

/// Somebody on a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(super) struct SubscriptionShown {
    /// The number of the subscriber.
    subscriber: i64,
    /// Their address: masked, unless the token has the scope `addresses:read`.
    #[schema(example = "a***@e***.org")]
    address: String,
    /// Their name; empty, unless the token has the scope `addresses:read`, and where none is known.
    name: String,
    /// The list.
    list: String,
    /// `active` or `ended`.
    state: &'static str,
    /// By which door they came.
    consent: &'static str,
    /// Whether they get digests.
    digests: bool,
    /// Whether they get alerts.
    alerts: bool,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    began_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Why; empty while it has not.
    ended_reason: String,
}

/// Somebody is to be put on a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubscription)]
pub(super) struct Joining {
    /// Their address.
    #[schema(format = Email, max_length = 254)]
    address: String,
    /// Their name. It is kept only with consent `given`; whoever confirms gives none.
    #[serde(default)]
    #[schema(max_length = 200)]
    name: String,
    /// How we know that they want it.
    consent: Consent,
}

/// How we know that somebody wants a list.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Consent {
    /// We do not: they are asked by mail, and get nothing before they have confirmed.
    Ask,
    /// They gave it to you, and you can show it. They get the list from now on.
    Given,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JoiningOutcome)]
pub(super) struct JoiningDone {
    /// `asked`: a mail asks them, unless the limits of such mails, or they themselves, are against it. `joined`: they get
    /// the list from now on. `already`: they got it before.
    outcome: &'static str,
}

/// What is known of an address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Found)]
pub(super) struct FoundShown {
    /// What it is and was subscribed to, of the lists that the token reaches.
    subscriptions: Vec<SubscriptionShown>,
}

/// What became of somebody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ForgettingOutcome)]
pub(super) struct ForgettingDone {
    /// `erased`, or `not-there`: either way no file and no import brings them back.
    outcome: &'static str,
}

/// Who is on a list, or was.
#[utoipa::path(get, path = "/lists/{list}/subscriptions", operation_id = "subscriptions", tag = "subscribers",
    security(("token" = ["subscribers:read"])),
    params(("list" = String, Path, description = "Its short name."), Paging),
    responses((status = 200, description = "A page, in the order of their numbers.", body = Page<SubscriptionShown>)))]
pub(super) async fn all(
    State(site): State<Site>,
    admitted: Admitted,
    list: Part<String>,
    paging: Asks<Paging>,
) -> Result<Json<Page<SubscriptionShown>>, Problem> {
    admitted.needs(Scope::SubscribersRead)?;
    let (list, paging) = (admitted.list(&site, &part(list)?)?, asks(paging)?);
    let after = SubscriberId(paging.after("subscriptions")?.unwrap_or(0));
    let found = site.app.store.subscriptions_after(&list.name, after, paging.limit()?).await?;
    let show = |subscription| shown(&admitted, subscription);
    Ok(Json(paging.page("subscriptions", found, |found| found.subscriber.0, show)?))
}

/// One subscription.
#[utoipa::path(get, path = "/lists/{list}/subscriptions/{subscriber}", operation_id = "subscription",
    tag = "subscribers", security(("token" = ["subscribers:read"])),
    params(("list" = String, Path, description = "Its short name."),
           ("subscriber" = i64, Path, description = "The number of the subscriber.")),
    responses((status = 200, description = "The subscription.", body = SubscriptionShown)))]
pub(super) async fn one(
    State(site): State<Site>,
    admitted: Admitted,
    path: Part<(String, i64)>,
) -> Result<Json<SubscriptionShown>, Problem> {
    admitted.needs(Scope::SubscribersRead)?;
    Ok(Json(shown(&admitted, named(&site, &admitted, path).await?)))
}

/// Put somebody on a list, or ask them by mail whether they want it. Twice is the same as once. Who had left comes back
/// only by confirming.
#[utoipa::path(post, path = "/lists/{list}/subscriptions", operation_id = "subscribe", tag = "subscribers",
    security(("token" = ["subscribers:write"])), params(("list" = String, Path, description = "Its short name.")),
    request_body = Joining,
    responses((status = 200, description = "They get the list.", body = JoiningDone),
              (status = 202, description = "They are asked.", body = JoiningDone),
              (status = 409, description = "They had left, or the list is private.")))]
pub(super) async fn join(
    State(site): State<Site>,
    admitted: Admitted,
    list: Part<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    admitted.needs(Scope::SubscribersWrite)?;
    let list = &admitted.list(&site, &part(list)?)?.name;
    let joining: Joining = sent.json()?;
    let (address, app) = (address(&joining.address)?, admitted.app(&site));
    if joining.name.chars().count() > 200 {
        return Err(Problem::invalid("`name` is longer than 200 characters."));
    }
    let done = |status, outcome| Ok((status, Json(JoiningDone { outcome })).into_response());
    match joining.consent {
        Consent::Ask => {
            let wishes = [Wish::whole(list.clone())];
            let from = AskedFrom::Program(admitted.access().id);
            let asked = Asked { kind: RequestKind::Join, address: &address, wishes: &wishes, door: Door::Staff, from };
            match subscribe::ask(&app, &asked).await {
                Ok(()) => done(StatusCode::ACCEPTED, "asked"),
                Err(AskError::NoList) => Err(Problem::new(Kind::PrivateList, "Add them with consent `given`.")),
                Err(AskError::TooMany) => {
                    Err(Problem::new(Kind::TooMany, "Too many were asked already, and wait.").after(3600))
                }
                Err(AskError::Store(error)) => Err(error.into()),
            }
        }
        Consent::Given => {
            // The name is the reader's on all their lists: who may see only some of them gives none to who is known already.
            let is_theirs = admitted.only().is_none() || site.app.store.subscriber_of(&address).await?.is_none();
            let name = if is_theirs { clean_name(&joining.name) } else { String::new() };
            let person = NewSubscriber { address, name };
            match subscribe::add(&app, list, &person, Returning::StaysAway).await? {
                Added::Joined => done(StatusCode::OK, "joined"),
                Added::AlreadyActive => done(StatusCode::OK, "already"),
                Added::HadLeft => Err(Problem::new(Kind::HadLeft, "Ask them, with consent `ask`.")),
            }
        }
    }
}

/// Take somebody off a list. Twice is the same as once.
#[utoipa::path(post, path = "/lists/{list}/subscriptions/{subscriber}/end", operation_id = "endSubscription",
    tag = "subscribers", security(("token" = ["subscribers:write"])),
    params(("list" = String, Path, description = "Its short name."),
           ("subscriber" = i64, Path, description = "The number of the subscriber.")),
    responses((status = 204, description = "They get the list no more.")))]
pub(super) async fn end(
    State(site): State<Site>,
    admitted: Admitted,
    path: Part<(String, i64)>,
) -> Result<StatusCode, Problem> {
    admitted.needs(Scope::SubscribersWrite)?;
    let found = named(&site, &admitted, path).await?;
    subscribe::remove(&admitted.app(&site), &found.list, &found.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an address is subscribed to.
#[utoipa::path(post, path = "/subscribers/find", operation_id = "findSubscriber", tag = "subscribers",
    security(("token" = ["subscribers:read"])), request_body = Whom,
    responses((status = 200, description = "What is known of it; nothing is an answer too.", body = FoundShown)))]
pub(super) async fn find(
    State(site): State<Site>,
    admitted: Admitted,
    sent: Sent,
) -> Result<Json<FoundShown>, Problem> {
    admitted.needs(Scope::SubscribersRead)?;
    let whom: Whom = sent.json()?;
    let found = site.app.store.subscriptions_of(&whom.address()?).await?;
    let found = found.into_iter().filter(|found| admitted.reaches(&found.list));
    Ok(Json(FoundShown { subscriptions: found.map(|found| shown(&admitted, found)).collect() }))
}

/// Erase somebody for good. It cannot be undone.
#[utoipa::path(post, path = "/subscribers/forget", operation_id = "forgetSubscriber", tag = "subscribers",
    security(("token" = ["subscribers:forget"])), request_body = Whom,
    responses((status = 200, description = "They are gone.", body = ForgettingDone)))]
pub(super) async fn forget(
    State(site): State<Site>,
    admitted: Admitted,
    sent: Sent,
) -> Result<Json<ForgettingDone>, Problem> {
    admitted.needs(Scope::SubscribersForget)?;
    admitted.needs_every_list()?;
    let whom: Whom = sent.json()?;
    let outcome = match subscribe::forget(&admitted.app(&site), &whom.address()?).await? {
        Forgotten::Erased => "erased",
        Forgotten::NotThere => "not-there",
    };
    Ok(Json(ForgettingDone { outcome }))
}

/// The subscription of a path, when the token reaches its list.
async fn named(site: &Site, admitted: &Admitted, path: Part<(String, i64)>) -> Result<Subscription, Problem> {
    let (list, subscriber) = part(path)?;
    let list = admitted.list(site, &list)?;
    let found = site.app.store.subscription(&list.name, SubscriberId(subscriber)).await?;
    found.ok_or_else(Problem::not_found)
}

fn shown(admitted: &Admitted, subscription: Subscription) -> SubscriptionShown {
    SubscriptionShown {
        subscriber: subscription.subscriber.0,
        address: admitted.shows(&subscription.address),
        name: admitted.shows_name(subscription.name),
        list: subscription.list.to_string(),
        state: subscription.state.as_str(),
        consent: subscription.consent.as_str(),
        digests: subscription.choice.digests == Wanted::Yes,
        alerts: subscription.choice.alerts == Wanted::Yes,
        began_at: subscription.began_at,
        ended_at: subscription.ended_at,
        ended_reason: subscription.ended_reason,
    }
}
