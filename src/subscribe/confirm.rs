//! Confirming a request from the mailbox it was mailed to. This is the consent: with it the lists are theirs, the record
//! has it, and they are welcomed, all in one transaction. Twice is the same as once.

use std::net::IpAddr;

use super::{
    notices,
    requests::{is_barred, kept_origin, lists_of},
};
use crate::{
    app::App,
    domain::{
        consent::{Act, Consented, Door},
        list::List,
        request::{CONFIRM_WITHIN, Request, RequestId, RequestKind},
        subscription::{Choice, SubscriptionState},
        suppression::SuppressionKind,
        token::{Purpose, TokenError},
    },
    queue,
    render::RenderError,
    store::{StoreError, requests::MailToConfirm, suppressions::Scope},
};

/// What a link to confirm is for.
#[derive(Clone, Debug)]
pub struct Confirming {
    /// The lists, by their titles.
    pub titles: Vec<String>,
    /// The address, masked; empty when it is no longer kept.
    pub address: String,
    /// Whether it was confirmed before.
    pub state: Confirmed,
}

/// Whether a request was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// Not yet.
    NotYet,
    /// It is; here they choose what they get.
    Done {
        /// The page.
        preferences: String,
    },
}

/// Why a link to confirm leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Not a link of ours.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It is too late: whoever wants to join asks again.
    #[error("this link was good for seven days, which have passed")]
    TooLate,
    /// The lists are not there any more.
    #[error("what this link confirms is no longer offered")]
    NoList,
    /// The welcome cannot be written.
    #[error("cannot write the welcome")]
    Render(#[from] RenderError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a link to confirm is for. It changes nothing.
///
/// # Errors
/// See [`ConfirmError`].
pub async fn confirming(app: &App, token: &str) -> Result<Confirming, ConfirmError> {
    let (request, lists) = found(app, token).await?;
    let state = match (&request.confirmed_at, &request.address) {
        (Some(_), Some(address)) => match app.store.subscriptions_of(address).await?.first() {
            Some(first) => Confirmed::Done { preferences: app.links().preferences(first.subscriber) },
            None => return Err(ConfirmError::TooLate),
        },
        _ => Confirmed::NotYet,
    };
    Ok(Confirming { titles: titles(&lists), address: masked(&request), state })
}

/// The mail that asked for the confirmation which a token is good for; `None` when it is no token of ours, or the mail is
/// forgotten.
///
/// # Errors
/// When the store cannot be read.
pub async fn mail_to_confirm(app: &App, token: &str) -> Result<Option<MailToConfirm>, StoreError> {
    match app.secret.verify_number(Purpose::Confirm, token) {
        Ok(id) => app.store.mail_to_confirm(RequestId(id)).await,
        Err(_) => Ok(None),
    }
}

/// Confirms. The link is in a mailbox, so whoever uses it reads what comes there.
///
/// # Errors
/// See [`ConfirmError`].
pub async fn confirm(app: &App, token: &str, door: Door, origin: Option<IpAddr>) -> Result<Confirming, ConfirmError> {
    let (request, lists) = found(app, token).await?;
    let Some(address) = &request.address else { return Err(ConfirmError::TooLate) };
    if request.confirmed_at.is_some() {
        return confirming(app, token).await;
    }
    let now = app.clock.now();
    // They may have complained of the very mail that asked them.
    if is_barred(app, &request, address).await? {
        return Err(ConfirmError::NoList);
    }
    let mailing = app.store.mailing_id().await?;
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    // What they get already stays as they chose it.
    let has = tx.subscriptions_of(address).await?;
    let is_active = |list: &List| has.iter().any(|it| it.list == list.name && it.state == SubscriptionState::Active);
    if !tx.request_confirmed(request.id, now).await? {
        // It was done, or they were erased, at this moment.
        tx.commit().await?;
        return confirming(app, token).await;
    }
    let reader = tx.person(address, now).await?;
    let mut record = Vec::new();
    for list in lists.iter().filter(|list| !is_active(list)) {
        let choice = request.choice_of(&list.name).unwrap_or(Choice::ALL);
        tx.choose(&list.name, reader, choice, request.door, now).await?;
        record.extend([
            line(list, Act::Asked, request.door, request.origin.clone(), request.text.clone(), request.asked_at),
            line(list, Act::Confirmed, door, kept_origin(app, origin), request.text.clone(), now),
        ]);
    }
    tx.add_consents(reader, &record).await?;
    // Mail to this address arrives again, or this link would not have been found.
    for scope in std::iter::once(Scope::All).chain(lists.iter().map(|list| Scope::List(&list.name))) {
        tx.lift(address, scope, SuppressionKind::Bounce, now).await?;
    }
    tx.no_longer_forgotten(&app.secret.fingerprint(address)).await?;
    let welcome = app.renderer.notice(&notices::welcome(app, reader, &lists), now)?;
    queue::write_notice(&mut tx, &queue::notice_to(mailing, &welcome, reader, now)).await?;
    tx.commit().await?;
    let state = Confirmed::Done { preferences: app.links().preferences(reader) };
    Ok(Confirming { titles: titles(&lists), address: masked(&request), state })
}

async fn found<'a>(app: &'a App, token: &str) -> Result<(Request, Vec<&'a List>), ConfirmError> {
    let id = RequestId(app.secret.verify_number(Purpose::Confirm, token)?);
    let request = app.store.request(id).await?.filter(|request| request.kind == RequestKind::Join);
    let request = request.ok_or(ConfirmError::TooLate)?;
    let is_late = request.asked_at.checked_add(CONFIRM_WITHIN).is_ok_and(|end| end < app.clock.now());
    if request.address.is_none() || is_late {
        return Err(ConfirmError::TooLate);
    }
    let lists = lists_of(app, &request);
    if lists.is_empty() { Err(ConfirmError::NoList) } else { Ok((request, lists)) }
}

fn line(list: &List, act: Act, door: Door, origin: String, text: String, at: jiff::Timestamp) -> Consented {
    Consented { list: list.name.clone(), act, door, origin, text, at }
}

fn titles(lists: &[&List]) -> Vec<String> {
    lists.iter().map(|list| list.title.clone()).collect()
}

fn masked(request: &Request) -> String {
    request.address.as_ref().map(ToString::to_string).unwrap_or_default()
}
