//! WebSub: the hubs that feeds offer are asked to tell us of news, and asked again before their leases end. What comes in
//! are the offers that looks have found, and the clock; what goes out are rows, requests to hubs, and alarms. A feed whose
//! hub says nothing is looked at all the same, when it is due.

mod callback;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

pub use self::callback::{CallbackError, Distribution, Told, answer};
use crate::{
    app::App,
    collect::CollectError,
    domain::{
        alarm::{Alarm, AlarmKind},
        feed::Feed,
        slug::Slug,
        token::Purpose,
        websub::{self, LEASE, Mode, Watch, WatchId, Websub},
    },
    store::{StoreError, Tx},
};

/// How many hubs are asked at once.
const AT_ONCE: usize = 8;

/// A hub that we want nothing of is asked so often to leave us alone; then its lease runs out by itself.
const GOODBYES: u32 = 3;

/// How long a hub may be in trouble before staff are told: the feed is looked at meanwhile as if it had none.
const GRACE: SignedDuration = SignedDuration::from_hours(2);

/// Asks every hub of which something is due: to tell us, to go on telling us, to tell us no more.
pub(super) async fn websub_due(app: &App) -> Result<(), StoreError> {
    unwant(app).await?;
    let due = app.store.due_watches(app.clock.now()).await?;
    let asking: Vec<_> = due.iter().map(|watch| ask(app, watch)).collect();
    let asked: Vec<Result<(), StoreError>> = stream::iter(asking).buffered(AT_ONCE).collect().await;
    asked.into_iter().collect()
}

/// Feeds that are configured no more, or without WebSub, are not to be watched.
async fn unwant(app: &App) -> Result<(), StoreError> {
    let is_wanted =
        |name: &str| app.config.feeds.iter().any(|feed| feed.name.as_str() == name && feed.websub == Websub::On);
    for name in app.store.watched_feeds().await?.into_iter().filter(|name| !is_wanted(name)) {
        let Ok(feed) = Slug::parse(&name) else { continue };
        let mut tx = app.store.begin().await?;
        tx.want_watch(&feed, None, app.clock.now()).await?;
        tx.clear_alarm(&about(&feed), AlarmKind::HubInTrouble, app.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn ask(app: &App, watch: &Watch) -> Result<(), StoreError> {
    let now = app.clock.now();
    let is_told = watch.lease_until.is_some_and(|until| until > now);
    if watch.wish == Mode::Unsubscribe && (!is_told || watch.failures >= GOODBYES) {
        return app.store.forget_watch(watch.id).await;
    }
    if watch.failures > 0 && watch.asked == Some(Mode::Subscribe) {
        let trouble =
            "it was asked to tell us of the feed, and has not come back to verify that; it must reach `base_url`";
        raise(app, watch, trouble, GRACE).await?;
    }
    // Written down first: some hubs verify before they answer.
    let again_at = now.checked_add(websub::wait_after(watch.failures.saturating_add(1))).unwrap_or(Timestamp::MAX);
    if !app.store.ask_watch(watch, again_at, now).await? {
        return Ok(());
    }
    match request(app, watch).await {
        Ok(()) => Ok(()),
        Err(_) if watch.wish == Mode::Unsubscribe => Ok(()),
        Err(error) => {
            let is_refusal =
                matches!(error, CollectError::Status(status) if (400..500).contains(&status) && status != 429);
            let patience = if is_refusal { SignedDuration::ZERO } else { GRACE };
            raise(app, watch, &error.to_string(), patience).await
        }
    }
}

/// The request of §5.1.
async fn request(app: &App, watch: &Watch) -> Result<(), CollectError> {
    let hub = watch.hub.parse().map_err(|_| CollectError::Address)?;
    let callback = app.links().hub_callback(watch.id);
    let (secret, lease) = (secret(app, watch.id), LEASE.to_string());
    let mut form = vec![
        ("hub.callback", callback.as_str()),
        ("hub.mode", watch.wish.as_str()),
        ("hub.topic", watch.topic.as_str()),
    ];
    if watch.wish == Mode::Subscribe {
        form.extend([("hub.secret", secret.as_str()), ("hub.lease_seconds", lease.as_str())]);
    }
    app.collector.ask_hub(&hub, &form).await
}

/// What a feed's document offers is what we want from now on.
pub(super) async fn heed(
    tx: &mut Tx,
    feed: &Feed,
    offer: Option<&websub::Offer>,
    now: Timestamp,
) -> Result<(), StoreError> {
    match feed.websub {
        Websub::On => tx.want_watch(&feed.name, offer, now).await,
        Websub::Off => Ok(()),
    }
}

/// What the hub signs with (§5.1, `hub.secret`), known to it and to us.
fn secret(app: &App, id: WatchId) -> String {
    app.secret.seal(Purpose::Hub, &format!("secret of {}", id.0))
}

/// Raises the alarm of a hub that does not do what we want of it.
async fn raise(app: &App, watch: &Watch, trouble: &str, patience: SignedDuration) -> Result<(), StoreError> {
    let now = app.clock.now();
    let host = watch.hub.parse::<url::Url>().ok().and_then(|hub| hub.host_str().map(str::to_owned)).unwrap_or_default();
    let words = format!(
        "The hub `{host}` does not tell us of news of the feed `{}`: {trouble}. No post is lost: the feed is looked at as \
         often as its `every` says, and the hub is asked again. Without a hub, take `websub` out.",
        watch.feed
    );
    let tell_after = now.checked_add(patience).unwrap_or(Timestamp::MAX);
    let alarm = Alarm { about: about(&watch.feed), kind: AlarmKind::HubInTrouble, words, tell_after };
    app.store.raise_alarm(&alarm, now).await
}

fn about(feed: &Slug) -> String {
    format!("feed:{feed}")
}
