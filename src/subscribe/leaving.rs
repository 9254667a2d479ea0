//! Leaving a list by the link in each mail, keeping only a part of it, and taking leaving back. A token and how somebody
//! came go in; what was done goes out. It never asks who they are: whoever holds the link may leave. It never leads to
//! more than less mail of this one list.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{notices, requests::kept_origin};
use crate::{
    app::App,
    domain::{
        consent::{Act, Consented, Door},
        issue::IssueKind,
        list::Alerts,
        slug::Slug,
        subscription::{Choice, Subscription, SubscriptionState, Wanted},
        token::{Claim, Purpose, TokenError},
    },
    queue::{self, ReadyNotice},
    store::StoreError,
};

/// Why a subscription ended, when its own reader ended it: only this may be taken back by the same link.
pub(super) const BY_READER: &str = "left by ";

/// For so long leaving may be taken back: later somebody else may have the mail, in an archive or forwarded.
pub const MISTAKE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How somebody came who uses a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// By a button on our page.
    Page(Option<IpAddr>),
    /// By the button of a mail program (RFC 8058).
    OneClick(Option<IpAddr>),
    /// By a mail to the address in their link.
    Mail,
}

impl Visit {
    /// By which door.
    pub fn door(self) -> Door {
        match self {
            Self::Page(_) | Self::OneClick(_) => Door::Web,
            Self::Mail => Door::Mail,
        }
    }

    /// From where, when that is known.
    pub fn origin(self) -> Option<IpAddr> {
        match self {
            Self::Page(origin) | Self::OneClick(origin) => origin,
            Self::Mail => None,
        }
    }

    fn reason(self) -> String {
        let how = match self {
            Self::Page(_) => "the page",
            Self::OneClick(_) => "one click (RFC 8058)",
            Self::Mail => "mail",
        };
        format!("{BY_READER}{how}")
    }
}

/// A link's subscription.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Whose it is, and how far it had come.
    pub subscription: Subscription,
    /// The list's title, while it is configured.
    pub title: String,
    /// Whether they may keep one part of it and leave the other: they get both.
    pub parts: Parts,
}

/// Whether a subscription can become less without ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// They get digests and alerts, and may keep either.
    Both,
    /// They get one kind of issue, or none.
    One,
}

/// Why a leave link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// Not a link of ours.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Signed by us, but the subscription is gone from the store.
    #[error("this link's subscription no longer exists")]
    Gone,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose subscription a leave link is. It changes nothing.
///
/// # Errors
/// See [`LeaveError`].
pub async fn leaving(app: &App, token: &str) -> Result<Leaving, LeaveError> {
    let Claim { list, subscriber } = app.secret.verify(Purpose::Leave, token)?;
    let list = app.store.name_of_list(list).await?.ok_or(LeaveError::Gone)?;
    let subscription = app.store.subscription(&list, subscriber).await?.ok_or(LeaveError::Gone)?;
    let parts = parts(app, &subscription);
    Ok(Leaving { title: super::title_of(app, &list), subscription, parts })
}

fn parts(app: &App, subscription: &Subscription) -> Parts {
    let list = app.config.list(subscription.list.as_str());
    let has_both = list.is_some_and(|list| list.digest.is_some() && list.alerts == Alerts::Immediate);
    let gets_both = subscription.state == SubscriptionState::Active && subscription.choice == Choice::ALL;
    if has_both && gets_both { Parts::Both } else { Parts::One }
}

/// Lets the reader of a leave link keep only one kind of the list's issues. `false` when they do not get both: the link
/// can take away, and never give.
///
/// # Errors
/// See [`LeaveError`].
pub async fn narrow(app: &App, token: &str, keep: IssueKind, visit: Visit) -> Result<(Leaving, bool), LeaveError> {
    let leaving = leaving(app, token).await?;
    let choice = match keep {
        IssueKind::Digest => Choice { alerts: Wanted::No, ..Choice::ALL },
        IssueKind::Alert | IssueKind::Drill => Choice { digests: Wanted::No, ..Choice::ALL },
    };
    let Subscription { list, subscriber, choice: gets, .. } = &leaving.subscription;
    if leaving.parts == Parts::One {
        let is_so = leaving.subscription.state == SubscriptionState::Active && *gets == choice;
        return Ok((leaving, is_so));
    }
    let line = line(app, list, Act::Chose, visit);
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let is_less = tx.change_choice(list, *subscriber, choice, app.clock.now()).await?;
    if is_less {
        tx.add_consents(*subscriber, &[line]).await?;
    }
    tx.commit().await?;
    Ok((leaving, is_less))
}

fn line(app: &App, list: &Slug, act: Act, visit: Visit) -> Consented {
    let origin = kept_origin(app, visit.origin());
    Consented { list: list.clone(), act, door: visit.door(), origin, text: String::new(), at: app.clock.now() }
}

/// Ends the subscription of a leave link. Asking twice is the same as once. Who leaves by mail is told so by mail.
///
/// # Errors
/// See [`LeaveError`].
pub async fn leave(app: &App, token: &str, visit: Visit) -> Result<Leaving, LeaveError> {
    let leaving = leaving(app, token).await?;
    let subscription = &leaving.subscription;
    let goodbye = if visit == Visit::Mail { goodbye(app, &leaving).await? } else { None };
    let left = Left { reason: &visit.reason(), door: visit.door(), origin: visit.origin(), goodbye };
    end(app, subscription, left).await?;
    Ok(leaving)
}

/// Takes leaving back, for one who left by such a link, not otherwise and not long ago. `false` when there was nothing to
/// take back.
///
/// # Errors
/// See [`LeaveError`].
pub async fn stay(app: &App, token: &str, visit: Visit) -> Result<(Leaving, bool), LeaveError> {
    let leaving = leaving(app, token).await?;
    let Subscription { state, ended_at, ended_reason, list, subscriber, .. } = &leaving.subscription;
    let now = app.clock.now();
    let is_lately = ended_at.is_some_and(|ended_at| now.duration_since(ended_at) <= MISTAKE);
    if *state == SubscriptionState::Active || !is_lately || !ended_reason.starts_with(BY_READER) {
        let is_active = *state == SubscriptionState::Active;
        return Ok((leaving, is_active));
    }
    let line = line(app, list, Act::Returned, visit);
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let is_back = tx.take_back(list, *subscriber, ended_reason, now).await?;
    if is_back {
        tx.add_consents(*subscriber, &[line]).await?;
    }
    tx.commit().await?;
    Ok((leaving, is_back))
}

/// How somebody left.
pub(super) struct Left<'a> {
    /// In words.
    pub(super) reason: &'a str,
    /// By which door.
    pub(super) door: Door,
    /// From where, when that is known.
    pub(super) origin: Option<IpAddr>,
    /// What tells them so, if they are to be told by mail.
    pub(super) goodbye: Option<ReadyNotice>,
}

/// Ends a subscription, adds to the record of its reader and says goodbye, all in one; `false` when it had ended.
pub(super) async fn end(app: &App, subscription: &Subscription, left: Left<'_>) -> Result<bool, StoreError> {
    let Left { reason, door, origin, goodbye } = left;
    let (list, subscriber, now) = (&subscription.list, subscription.subscriber, app.clock.now());
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let ended = tx.end_subscription(list, subscriber, reason, now).await?;
    if ended {
        let origin = kept_origin(app, origin);
        let line = Consented { list: list.clone(), act: Act::Left, door, origin, text: String::new(), at: now };
        tx.add_consents(subscriber, &[line]).await?;
        if door == Door::Staff {
            tx.record(now, &subscriber.about(), "ended", &format!("{list}: {reason}")).await?;
        }
        if let Some(goodbye) = &goodbye {
            queue::write_notice(&mut tx, goodbye).await?;
        }
    }
    tx.commit().await?;
    Ok(ended)
}

async fn goodbye(app: &App, leaving: &Leaving) -> Result<Option<ReadyNotice>, StoreError> {
    let (reader, now) = (leaving.subscription.subscriber, app.clock.now());
    match app.renderer.notice(&notices::goodbye(app, reader, &leaving.subscription.list), now) {
        Ok(rendered) => Ok(Some(queue::notice_to(app.store.mailing_id().await?, &rendered, reader, now))),
        // They leave, which is what they want.
        Err(error) => {
            tracing::error!("nobody can be told that they have left: {error}");
            Ok(None)
        }
    }
}
