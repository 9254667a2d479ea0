//! Steps 1 and 2 of the flow: looks at each feed that is due, judges what is new, and writes both down.

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{
    Pass, PassOptions, alerts,
    edits::Edits,
    minutes::{Decided, Minutes},
    websub,
};
use crate::{
    app::App,
    collect::{Found, Look},
    domain::{
        feed::{Feed, FeedState},
        post::{Post, PostId, Standing},
    },
    judge::{self, judge},
    newsroom::{self, NewsroomError},
    queue,
    render::{Fact, Notice},
    store::StoreError,
};

/// How many feeds are fetched at once.
const AT_ONCE: usize = 8;

/// After so many failed looks in a row staff are told.
const TELL_AFTER: u32 = 3;

/// A ping that brought nothing may have come before the site itself, or a cache in front of it, had the news. So long
/// after it we look once more.
const AFTER_A_PING: SignedDuration = SignedDuration::from_mins(1);

/// Whoever pings during a look may speak of what that look came too early for: then there is one more.
const LOOKS: usize = 2;

/// Looks at every feed that is due, and makes the alerts of each as its look ends: a slow or failing feed neither stops
/// nor delays another.
pub(super) async fn collect_due(app: &App, options: PassOptions, pass: &mut Pass) -> Result<(), NewsroomError> {
    begin_lists(app).await?;
    let looks: Vec<_> = app.config.feeds.iter().map(|feed| look_and_alert(app, feed, options)).collect();
    let looks: Vec<Result<Pass, NewsroomError>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    for look in looks {
        let look = look?;
        pass.posts += look.posts;
        pass.alerts += look.alerts;
        pass.notes.extend(look.notes);
    }
    Ok(())
}

/// A list begins when it is first seen: what was news before is not for it.
pub(super) async fn begin_lists(app: &App) -> Result<(), StoreError> {
    for list in &app.config.lists {
        app.store.state_of_list(&list.name, app.clock.now()).await?;
    }
    Ok(())
}

/// Looks at a feed when it is due, and makes the alerts of what it brought.
pub(super) async fn look_and_alert(app: &App, feed: &Feed, options: PassOptions) -> Result<Pass, NewsroomError> {
    let mut pass = Pass::default();
    wake_waiting(app, feed, &mut pass).await?;
    for _ in 0..LOOKS {
        let looked = look_if_due(app, feed, options, &mut pass).await?;
        if pass.posts > 0 {
            let _alone = app.alerting.lock().await;
            alerts::alerts_due(app, &mut pass).await?;
        }
        if looked == Looked::No || !is_pinged(app, feed).await? {
            break;
        }
    }
    Ok(pass)
}

async fn is_pinged(app: &App, feed: &Feed) -> Result<bool, StoreError> {
    Ok(app.store.feed_state(&feed.name).await?.is_some_and(|state| state.is_pinged()))
}

/// Whether a look was due, and ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    Yes,
    No,
}

async fn look_if_due(app: &App, feed: &Feed, options: PassOptions, pass: &mut Pass) -> Result<Looked, StoreError> {
    let Some(state) = app.store.claim_look(feed, app.clock.now()).await? else { return Ok(Looked::No) };
    match app.collector.collect(feed, &state).await {
        Ok(look) => well(app, feed, state, look, options, pass).await?,
        Err(error) => failed(app, feed, state, &error.to_string(), pass).await?,
    }
    Ok(Looked::Yes)
}

/// A look that went well: what is new is judged and stored.
async fn well(
    app: &App,
    feed: &Feed,
    state: FeedState,
    look: Look,
    options: PassOptions,
    pass: &mut Pass,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let first = state.baseline_at.is_none();
    let is_whole = matches!(look.found, Found::Posts(_));
    let (mut redated, mut edits) = (Vec::new(), Edits::default());
    let judged = match look.found {
        Found::NotModified => Vec::new(),
        Found::Posts(posts) => {
            redated = corrected_dates(app, feed, &posts).await?;
            edits = Edits::of(app, feed, &posts).await?;
            let known = app.store.known_posts(&feed.name).await?;
            let kind = match first {
                true => judge::Look::First { backfill: options.backfill },
                false if state.is_at_new_address() => judge::Look::Elsewhere,
                false => judge::Look::Later,
            };
            judge(feed, &app.config.urgent, kind, posts, &known, now)
        }
    };
    let brought = if judged.is_empty() { Brought::Nothing } else { Brought::Posts };
    let next = FeedState {
        moved_to: look.moved_to,
        etag: look.etag,
        last_modified: look.last_modified,
        baseline_at: state.baseline_at.or(Some(now)),
        checked_at: Some(now),
        next_check_at: after(now, feed, &state, 0, brought),
        pings: state.pings,
        ..FeedState::default()
    };
    let mut minutes = Minutes::default();
    for warning in look.warnings {
        minutes.note("warning", warning);
    }
    if state.failures > 0 {
        minutes.note("well", format!("answers again after {} failed looks", state.failures));
    }
    if first {
        let known = judged.iter().filter(|post| post.standing == Standing::Baseline).count();
        minutes.note("baseline", format!("first look: {known} posts are known from now on and none of them is mailed"));
    }
    let standings: Vec<_> = judged.iter().map(Decided::of).collect();
    minutes.decisions(app, feed, &standings).await?;
    let first_id = if judged.is_empty() { PostId(0) } else { app.store.post_ids(judged.len()).await? };
    let mut tx = app.store.begin().await?;
    for (id, post) in (first_id.0..).map(PostId).zip(&judged) {
        tx.add_post(id, &feed.name, post, now).await?;
    }
    for (id, published_at) in redated {
        tx.redate_waiting(id, published_at).await?;
    }
    if is_whole {
        websub::heed(&mut tx, feed, look.offer.as_ref(), now).await?;
    }
    tx.end_look(feed, &next).await?;
    minutes.write(&mut tx, feed, now).await?;
    edits.write(&mut tx, now).await?;
    tx.commit().await?;
    pass.posts += judged.iter().filter(|post| post.standing == Standing::News).count();
    minutes.tell(feed, pass);
    edits.tell(feed, pass);
    Ok(())
}

/// Posts that wait for a date which the feed has corrected meanwhile.
async fn corrected_dates(
    app: &App,
    feed: &Feed,
    posts: &[Post],
) -> Result<Vec<(PostId, Option<Timestamp>)>, StoreError> {
    let waiting = app.store.posts_standing(&feed.name, Standing::Waiting).await?;
    let corrected = waiting.iter().filter_map(|known| {
        let now = posts.iter().find(|post| post.fingerprint == known.post.fingerprint)?;
        (now.published_at != known.post.published_at).then_some((known.id, now.published_at))
    });
    Ok(corrected.collect())
}

/// A look that failed: recorded with since when, tried again later and later, told to staff once.
async fn failed(app: &App, feed: &Feed, state: FeedState, error: &str, pass: &mut Pass) -> Result<(), StoreError> {
    let now = app.clock.now();
    let failures = state.failures.saturating_add(1);
    let since = state.failing_since.unwrap_or(now);
    let next = FeedState {
        checked_at: Some(now),
        failing_since: Some(since),
        failures,
        last_error: Some(error.to_owned()),
        next_check_at: after(now, feed, &state, failures, Brought::Nothing),
        ..state
    };
    let mut minutes = Minutes::default();
    minutes.note("failed", error.to_owned());
    let notice = match failures >= TELL_AFTER {
        true => newsroom::notice_to_staff(app, &failing_notice(feed, since, failures, error)).await?,
        false => None,
    };
    let mut tx = app.store.begin().await?;
    tx.end_look(feed, &next).await?;
    minutes.write(&mut tx, feed, now).await?;
    if let Some(notice) = notice
        && tx.tell_once_of_failure(&feed.name, now).await?
    {
        queue::write_notice(&mut tx, &notice).await?;
    }
    tx.commit().await?;
    minutes.tell(feed, pass);
    Ok(())
}

/// Posts that were dated in the future are judged again when their date comes.
async fn wake_waiting(app: &App, feed: &Feed, pass: &mut Pass) -> Result<(), StoreError> {
    let now = app.clock.now();
    let waiting = app.store.posts_standing(&feed.name, Standing::Waiting).await?;
    let woken = judge::no_longer_waiting(feed, &app.config.urgent, &waiting, now);
    if woken.is_empty() {
        return Ok(());
    }
    let title = |id| waiting.iter().find(|post| post.id == id).map_or("", |post| post.post.title.as_str());
    let standings: Vec<_> = woken
        .iter()
        .map(|post| Decided {
            standing: post.standing,
            title: title(post.id),
            reason: &post.standing_reason,
            verdict: &post.verdict,
        })
        .collect();
    let mut minutes = Minutes::default();
    minutes.decisions(app, feed, &standings).await?;
    let mut tx = app.store.begin().await?;
    for post in &woken {
        let to = (post.standing, post.standing_reason.as_str());
        let moved = tx.restand_post(post.id, Standing::Waiting, to, &post.verdict, now).await?;
        if !moved {
            // Another run woke them; it tells of it too.
            return Ok(());
        }
    }
    minutes.write(&mut tx, feed, now).await?;
    tx.commit().await?;
    pass.posts += woken.iter().filter(|post| post.standing == Standing::News).count();
    minutes.tell(feed, pass);
    Ok(())
}

/// Whether a look brought posts that were not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brought {
    Posts,
    Nothing,
}

/// When the next look is due, after one that was begun in `state`.
fn after(now: Timestamp, feed: &Feed, state: &FeedState, failures: u32, brought: Brought) -> Option<Timestamp> {
    let usual = feed.delay_after(failures);
    let delay = match brought {
        Brought::Nothing if state.is_pinged() => usual.min(AFTER_A_PING),
        Brought::Nothing | Brought::Posts => usual,
    };
    Some(now.checked_add(delay).unwrap_or(Timestamp::MAX))
}

fn failing_notice(feed: &Feed, since: Timestamp, failures: u32, error: &str) -> Notice {
    Notice {
        subject: format!("The feed “{}” cannot be read", feed.name),
        paragraphs: vec![
            "News on it does not reach readers until it can be read again. It is tried again by itself, less and less \
             often; you will not be told again before it has been well."
                .to_owned(),
        ],
        facts: vec![
            Fact { name: "Since".into(), value: since.to_string() },
            Fact { name: "Failed looks".into(), value: failures.to_string() },
            Fact { name: "What happens".into(), value: error.to_owned() },
            Fact { name: "Address".into(), value: feed.url.to_string() },
        ],
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}
