//! What a reader gets: looked at and chosen by the link in each mail, which is theirs alone. What they get is changed at
//! once, and choosing nothing of a list is leaving it. What they do not get is asked for, as by the page to join, and
//! begins when it is confirmed: an old mail in other hands brings nobody back.

use std::net::IpAddr;

use super::{
    AskError, Asked, ask, leaving,
    requests::{agreement, kept_origin},
    when_it_comes,
};
use crate::{
    app::App,
    domain::{
        consent::{Act, Consented, Door},
        list::{Alerts, List, Privacy},
        request::{RequestKind, Wish},
        slug::Slug,
        subscription::{Choice, Subscriber, SubscriberId, Subscription, SubscriptionState, Wanted},
        token::{Purpose, TokenError},
    },
    store::StoreError,
};

/// Why a subscription ended that was ended on this page.
const REASON: &str = "left by the page of choices";

/// One list, as a reader may choose it.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its name.
    pub list: Slug,
    /// Its title.
    pub title: String,
    /// What it is; may be empty.
    pub description: String,
    /// When it comes, in words.
    pub when: String,
    /// What it has.
    pub has: Choice,
    /// What they get of it.
    pub gets: Choice,
}

/// All that a reader may choose.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// Who they are.
    pub subscriber: Subscriber,
    /// The lists that they have, and those that anybody may join.
    pub offered: Vec<Offered>,
    /// The words that they agree to who ask for what they do not get; empty when they get of each list.
    pub agreement: String,
}

/// What came of a choice.
#[derive(Clone, Debug)]
pub struct Saved {
    /// How it is now.
    pub preferences: Preferences,
    /// Whether something of it begins only with a confirmation by mail.
    pub rest: Rest,
}

/// What of a choice is not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: all is done.
    Done,
    /// What they did not get was asked for, and waits for their confirmation.
    Asked,
    /// The same, but too many ask at this moment: they must ask again.
    TooMany,
}

/// What a reader chose of one list.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The list.
    pub list: Slug,
    /// What they want of it.
    pub choice: Choice,
}

/// Why a link to choose leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum PreferencesError {
    /// Not a link of ours.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// They were erased.
    #[error("nothing is known of the reader of this link any more")]
    Gone,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the reader of a link gets, and what they may choose. It changes nothing.
///
/// # Errors
/// See [`PreferencesError`].
pub async fn preferences(app: &App, token: &str) -> Result<Preferences, PreferencesError> {
    let id = SubscriberId(app.secret.verify_number(Purpose::Preferences, token)?);
    let subscriber = app.store.subscriber(id).await?.ok_or(PreferencesError::Gone)?;
    let has = app.store.subscriptions_of(&subscriber.address).await?;
    let offered = app.config.lists.iter().filter_map(|list| {
        let gets = gets(has.iter().find(|subscription| subscription.list == list.name));
        (list.privacy == Privacy::Public || !gets.is_nothing()).then(|| offered(list, gets))
    });
    let offered: Vec<Offered> = offered.collect();
    let gets_of_each = offered.iter().all(|offered| !offered.gets.is_nothing());
    let agreement = if gets_of_each { String::new() } else { agreement(app) };
    Ok(Preferences { offered, subscriber, agreement })
}

fn offered(list: &List, gets: Choice) -> Offered {
    Offered {
        list: list.name.clone(),
        title: list.title.clone(),
        description: list.description.clone(),
        when: when_it_comes(list),
        has: Choice {
            digests: Wanted::of(list.digest.is_some()),
            alerts: Wanted::of(list.alerts == Alerts::Immediate),
        },
        gets,
    }
}

/// Nothing, unless the subscription is active.
fn gets(subscription: Option<&Subscription>) -> Choice {
    subscription
        .filter(|subscription| subscription.state == SubscriptionState::Active)
        .map_or(Choice { digests: Wanted::No, alerts: Wanted::No }, |subscription| subscription.choice)
}

/// Lets the reader of a link get what they chose. What is not offered to them is passed over, and so is what stays as it
/// is. What they do not get at all is only asked for.
///
/// # Errors
/// See [`PreferencesError`].
pub async fn choose(
    app: &App,
    token: &str,
    chosen: &[Chosen],
    origin: Option<IpAddr>,
) -> Result<Saved, PreferencesError> {
    let before = preferences(app, token).await?;
    let (reader, now) = (before.subscriber.id, app.clock.now());
    let line = |list: &Slug, act| Consented {
        list: list.clone(),
        act,
        door: Door::Web,
        origin: kept_origin(app, origin),
        text: String::new(),
        at: now,
    };
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    if tx.subscriber_of(&before.subscriber.address).await? != Some(reader) {
        return Err(PreferencesError::Gone);
    }
    let (mut record, mut wishes) = (Vec::new(), Vec::new());
    for offered in &before.offered {
        let Some(chosen) = chosen.iter().find(|chosen| chosen.list == offered.list) else { continue };
        let choice = within(chosen.choice, offered);
        match (choice == offered.gets, offered.gets.is_nothing(), choice.is_nothing()) {
            (true, ..) => {}
            (false, true, _) => wishes.push(Wish { list: offered.list.clone(), choice }),
            (false, false, true) => {
                if tx.end_subscription(&offered.list, reader, REASON, now).await? {
                    record.push(line(&offered.list, Act::Left));
                }
            }
            (false, false, false) => {
                if tx.change_choice(&offered.list, reader, choice, now).await? {
                    record.push(line(&offered.list, Act::Chose));
                }
            }
        }
    }
    if !record.is_empty() {
        tx.add_consents(reader, &record).await?;
    }
    tx.commit().await?;
    let rest = ask_for(app, &before.subscriber, &wishes, origin).await?;
    Ok(Saved { preferences: preferences(app, token).await?, rest })
}

/// Asks for what a reader does not get, as anybody would.
async fn ask_for(
    app: &App,
    reader: &Subscriber,
    wishes: &[Wish],
    origin: Option<IpAddr>,
) -> Result<Rest, PreferencesError> {
    if wishes.is_empty() {
        return Ok(Rest::Done);
    }
    let asked =
        Asked { kind: RequestKind::Join, address: &reader.address, wishes, door: Door::Web, from: origin.into() };
    match ask(app, &asked).await {
        Ok(()) => Ok(Rest::Asked),
        Err(AskError::TooMany) => Ok(Rest::TooMany),
        // The lists were public when they were offered; what has changed since is seen on the page.
        Err(AskError::NoList) => Ok(Rest::Done),
        Err(AskError::Store(error)) => Err(error.into()),
    }
}

/// Ends every subscription of the reader of a link.
///
/// # Errors
/// See [`PreferencesError`].
pub async fn leave_all(app: &App, token: &str, origin: Option<IpAddr>) -> Result<Preferences, PreferencesError> {
    let before = preferences(app, token).await?;
    for subscription in app.store.subscriptions_of(&before.subscriber.address).await? {
        let left = leaving::Left { reason: REASON, door: Door::Web, origin, goodbye: None };
        leaving::end(app, &subscription, left).await?;
    }
    preferences(app, token).await
}

/// Erases the reader of a link: see [`super::forget`].
///
/// # Errors
/// See [`PreferencesError`].
pub async fn erase(app: &App, token: &str) -> Result<(), PreferencesError> {
    let reader = preferences(app, token).await?.subscriber;
    super::forget(app, &reader.address).await?;
    Ok(())
}

/// What a list does not have cannot be chosen; who wants a part of it that is not there now keeps wanting it.
fn within(choice: Choice, offered: &Offered) -> Choice {
    let part = |has: Wanted, wants: Wanted, had: Wanted| if has == Wanted::Yes { wants } else { had };
    let choice = Choice {
        digests: part(offered.has.digests, choice.digests, offered.gets.digests),
        alerts: part(offered.has.alerts, choice.alerts, offered.gets.alerts),
    };
    // All that can be ticked is not: then they want nothing of it, whatever they would have got of what is not there.
    let ticked = |has: Wanted, wants: Wanted| has == Wanted::Yes && wants == Wanted::Yes;
    if ticked(offered.has.digests, choice.digests) || ticked(offered.has.alerts, choice.alerts) {
        choice
    } else {
        Choice { digests: Wanted::No, alerts: Wanted::No }
    }
}

#[cfg(test)]
mod tests {
    use super::{Offered, within};
    use crate::domain::{
        slug::Slug,
        subscription::{
            Choice,
            Wanted::{No, Yes},
        },
    };

    #[test]
    fn what_a_list_does_not_have_decides_nothing() {
        let choice = |digests, alerts| Choice { digests, alerts };
        let offered = |has, gets| Offered {
            list: Slug::parse("news").expect("a name"),
            title: String::new(),
            description: String::new(),
            when: String::new(),
            has,
            gets,
        };
        let both = offered(choice(Yes, Yes), choice(Yes, Yes));
        assert_eq!(within(choice(No, Yes), &both), choice(No, Yes));
        assert_eq!(within(choice(No, No), &both), choice(No, No));
        let alerts_only = offered(choice(No, Yes), choice(Yes, Yes));
        assert_eq!(within(choice(No, Yes), &alerts_only), choice(Yes, Yes));
        assert_eq!(within(choice(No, No), &alerts_only), choice(No, No));
        let not_yet = offered(choice(Yes, No), choice(No, No));
        assert_eq!(within(choice(Yes, No), &not_yet), choice(Yes, No));
    }
}
