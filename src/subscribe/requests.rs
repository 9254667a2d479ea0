//! Asking to join, for a link to leave, or for help, by web or mail. Whoever asks gets the same answer whatever we know of the
//! address, after the same work: one row. The row is answered later, by a mail or by silence, as the guards say.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{
    guards::{self, Silence},
    network, notices,
};
use crate::{
    app::App,
    domain::{
        access::AccessTokenId,
        address::EmailAddress,
        alarm::{Alarm, AlarmKind},
        consent::Door,
        list::{List, Privacy},
        network::network_of,
        request::{NewRequest, Request, RequestKind, Wish},
        slug::Slug,
        subscription::SubscriptionState,
        suppression::SuppressionKind,
    },
    queue,
    render::Notice,
    store::{StoreError, Tx, requests::DueRequest, suppressions::Scope},
};

/// How many requests may wait. More than this is an attack, and takes our disk.
const WAITING: u64 = 20_000;

/// How many requests from one network are written down within an hour; the rest is dropped at the door.
const A_NETWORK: u64 = 500;

/// The same, for all that come from nobody knows where, and for each program of the house.
const MANY: u64 = 5_000;

/// How many requests are answered before others may write again.
const BATCH: i64 = 100;

/// How long a request waits when the template of its answer is broken.
const MEND: SignedDuration = SignedDuration::from_mins(10);

/// Somebody asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// For what.
    pub kind: RequestKind,
    /// For whom: whoever asks may be somebody else.
    pub address: &'a EmailAddress,
    /// The lists, and what of each. Those that are private, or not there, are passed over.
    pub wishes: &'a [Wish],
    /// By which door.
    pub door: Door,
    /// From where.
    pub from: AskedFrom,
}

/// Where a request comes from. From each only so many are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedFrom {
    /// By mail, or by a proxy that does not say for whom.
    Unknown,
    /// A network address.
    Network(IpAddr),
    /// A program of the house, by its token. The guards by network are not for it, for it asks for many.
    Program(AccessTokenId),
}

impl From<Option<IpAddr>> for AskedFrom {
    fn from(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Unknown, Self::Network)
    }
}

/// Why nothing was asked. It says nothing of the address.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// None of the lists can be joined by asking.
    #[error("none of these lists can be joined")]
    NoList,
    /// So many requests wait, or a program has asked so often, that one more is not taken.
    #[error("too many requests wait for their answer")]
    TooMany,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The lists that anybody may join.
pub fn public_lists(app: &App) -> impl Iterator<Item = &List> {
    app.config.lists.iter().filter(|list| list.privacy == Privacy::Public)
}

/// The words that whoever joins agrees to. They are shown above the button, and kept in the record.
pub fn agreement(app: &App) -> String {
    format!(
        "I want to get what I chose here by mail from {}. I can leave at any time, by the link in each mail.",
        app.config.sender.name
    )
}

/// Writes down that somebody asked. What follows is not told here.
///
/// # Errors
/// See [`AskError`].
pub async fn ask(app: &App, asked: &Asked<'_>) -> Result<(), AskError> {
    let is_public = |wish: &Wish| public_lists(app).any(|list| list.name == wish.list);
    let wishes: Vec<Wish> = asked.wishes.iter().filter(|wish| is_public(wish)).cloned().collect();
    if asked.kind == RequestKind::Join && wishes.is_empty() {
        return Err(AskError::NoList);
    }
    // Who asks by mail has seen no words of ours yet.
    let text = if asked.door == Door::Web { agreement(app) } else { String::new() };
    if app.store.waiting_requests().await? > WAITING {
        return Err(AskError::TooMany);
    }
    let request = NewRequest {
        kind: asked.kind,
        address: asked.address.clone(),
        // One mailbox has many such addresses, and all of them are one to the guards.
        fingerprint: app.secret.fingerprint(&asked.address.without_tag()),
        wishes,
        door: asked.door,
        network: match asked.from {
            AskedFrom::Unknown => String::new(),
            AskedFrom::Network(address) => network_of(address),
            AskedFrom::Program(token) => token.about(),
        },
        origin: match asked.from {
            AskedFrom::Network(address) => kept_origin(app, Some(address)),
            AskedFrom::Unknown | AskedFrom::Program(_) => String::new(),
        },
        text,
    };
    let at_most = match asked.from {
        AskedFrom::Network(_) => A_NETWORK,
        AskedFrom::Unknown | AskedFrom::Program(_) => MANY,
    };
    let is_taken = app.store.add_request(&request, at_most, app.clock.now()).await?;
    match asked.from {
        AskedFrom::Program(_) if !is_taken => Err(AskError::TooMany),
        // Strangers are told nothing: that a network has asked too often is no business of whoever shares it.
        _ => Ok(()),
    }
}

/// Where somebody came from, as far as the record keeps it.
pub(super) fn kept_origin(app: &App, origin: Option<IpAddr>) -> String {
    network::kept(app.config.joining.origins, origin)
}

/// Erases the addresses of those who asked so long ago that they can no longer confirm it, but not of staff.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget_old_requests(app: &App) -> Result<(), StoreError> {
    let at_the_desk = app.store.accounts().await?.into_iter().map(|account| account.staff.address);
    let staff: Vec<EmailAddress> = app.config.staff.notify.iter().cloned().chain(at_the_desk).collect();
    app.store.sweep_requests(&staff, app.clock.now()).await
}

/// Answers every request that waits. Gives how many mails were queued. To call it twice does no harm.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn answer_requests(app: &App) -> Result<u64, StoreError> {
    let mut mailed = 0;
    loop {
        let due = app.store.due_requests(app.clock.now(), BATCH).await?;
        if due.is_empty() {
            return Ok(mailed);
        }
        for due in answerable(app, due).await? {
            mailed += u64::from(answer(app, &due).await? == Answer::Mailed);
        }
    }
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Mailed,
    Silence,
}

/// Those that no guard is against so far. The others are done with in one transaction: in a flood they are the most, and
/// must be cheap.
async fn answerable(app: &App, due: Vec<DueRequest>) -> Result<Vec<DueRequest>, StoreError> {
    let own = [Some(&app.config.sender.address), app.config.intake.address.as_ref()];
    let own: Vec<&EmailAddress> = own.into_iter().flatten().collect();
    let mut answerable = Vec::new();
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    for due in due {
        match &due.request.address {
            None => tx.request_dropped(due.request.id, "its address was erased").await?,
            Some(address) => match guards::may_be_asked_for(address, &own) {
                Err(why) => tx.request_dropped(due.request.id, why.as_str()).await?,
                Ok(()) if is_allowed(app, &mut tx, &due).await? => answerable.push(due),
                Ok(()) => {}
            },
        }
    }
    tx.commit().await?;
    Ok(answerable)
}

async fn answer(app: &App, due: &DueRequest) -> Result<Answer, StoreError> {
    let (request, now) = (&due.request, app.clock.now());
    let Some(address) = &request.address else { return Ok(Answer::Silence) };
    let notice = match mail_for(app, request, address).await? {
        Ok(notice) => notice,
        Err(why) => {
            let mut tx = app.store.begin().await?;
            tx.request_dropped(request.id, why).await?;
            tx.commit().await?;
            return Ok(Answer::Silence);
        }
    };
    let rendered = match app.renderer.notice(&notice, now) {
        Ok(rendered) => rendered,
        Err(error) => {
            tracing::error!("a request cannot be answered, and waits: {error}");
            app.store.put_off_request(request.id, now.checked_add(MEND).unwrap_or(now)).await?;
            return Ok(Answer::Silence);
        }
    };
    let mailing = app.store.mailing_id().await?;
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    // Counted once more: other mails may have gone meanwhile, from here or from another machine.
    if !tx.is_unanswered(request.id).await? || !is_allowed(app, &mut tx, due).await? {
        tx.commit().await?;
        return Ok(Answer::Silence);
    }
    let reader = tx.person(address, now).await?;
    queue::write_notice(&mut tx, &queue::notice_to(mailing, &rendered, reader, now)).await?;
    tx.request_mailed(request.id, reader, "a mail was queued", now).await?;
    tx.commit().await?;
    Ok(Answer::Mailed)
}

/// The lists that a request asks for, as far as they are still there for anybody.
pub(super) fn lists_of<'a>(app: &'a App, request: &Request) -> Vec<&'a List> {
    public_lists(app).filter(|list| request.choice_of(&list.name).is_some()).collect()
}

/// Whether an address gets none of what was asked for, whoever asks. Mail that came back bars nobody: who reads the mail to
/// confirm shows that it arrives.
pub(super) async fn is_barred(app: &App, request: &Request, address: &EmailAddress) -> Result<bool, StoreError> {
    for scope in std::iter::once(Scope::All).chain(request.wishes.iter().map(|wish| Scope::List(&wish.list))) {
        match app.store.suppression_kind(address, scope).await? {
            Some(SuppressionKind::Complaint | SuppressionKind::Staff) => return Ok(true),
            Some(SuppressionKind::Bounce) | None => {}
        }
    }
    Ok(false)
}

/// Whether the limits have room for one more mail. When not, the request is done with.
async fn is_allowed(app: &App, tx: &mut Tx, due: &DueRequest) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let counted = tx.count_mailed(due, now).await?;
    let Err(why) = guards::allow(&counted, &app.config.joining) else { return Ok(true) };
    tx.request_dropped(due.request.id, why.as_str()).await?;
    if why == Silence::Everybody {
        tx.raise_alarm(&too_many(app, counted.to_anybody), now).await?;
    }
    Ok(false)
}

fn too_many(app: &App, mailed: u64) -> Alarm {
    Alarm {
        about: "requests".to_owned(),
        kind: AlarmKind::ManyRequests,
        words: format!(
            "{mailed} mails were sent within an hour because somebody asked to join or leave. That is the limit \
             ([joining] at_most): further requests get no mail until the hour has passed. If this is an attack, nothing \
             need be done; if it is a success, raise the limit."
        ),
        tell_after: app.clock.now(),
    }
}

/// What a request is answered with; or why with nothing.
async fn mail_for(
    app: &App,
    request: &Request,
    address: &EmailAddress,
) -> Result<Result<Notice, &'static str>, StoreError> {
    let has = app.store.subscriptions_of(address).await?;
    let active = || has.iter().filter(|subscription| subscription.state == SubscriptionState::Active);
    let is_active = |list: &Slug| active().any(|subscription| subscription.list == *list);
    match request.kind {
        RequestKind::Leave => match active().next() {
            None => Ok(Err("they are on no list")),
            Some(_) => Ok(Ok(notices::leave(app, &active().collect::<Vec<_>>()).await?)),
        },
        RequestKind::Help => Ok(Ok(notices::help(app, &public_lists(app).collect::<Vec<_>>()))),
        RequestKind::Join => {
            if is_barred(app, request, address).await? {
                return Ok(Err("the address is suppressed, and not because mail came back"));
            }
            let asked = lists_of(app, request);
            // Whose mail came back gets nothing, whatever the subscription says: reading this mail sets it right.
            let came_back = app.store.suppression_kind(address, Scope::All).await? == Some(SuppressionKind::Bounce);
            match active().next() {
                _ if asked.is_empty() => Ok(Err("the lists are not there any more")),
                Some(first) if !came_back && asked.iter().all(|list| is_active(&list.name)) => {
                    Ok(Ok(notices::already(app, first.subscriber, &asked)))
                }
                _ => Ok(Ok(notices::confirm(app, request.id, &asked))),
            }
        }
    }
}
