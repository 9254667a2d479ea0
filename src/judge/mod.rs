//! Step 2: decides what new posts are. The posts of one look at a feed come in, with what is known of the feed; those
//! that are new go out, each with its standing, its verdict and the reasons. It never asks the time or the store, and
//! whatever it is unsure of it lets a person decide.
//!
//! The guards, in the order in which they are asked: an id that is known is no new post, whatever else changed in it;
//! the first look is a baseline; a known link or title under a new id is a repeat; what is older than `max_age` is
//! old; what is dated in the future waits; and when more than `flood` are left, all of them are held.

mod edits;
mod known;

use std::{cmp::Reverse, collections::HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    feed::Feed,
    post::{Judged, KnownPost, Post, PostId, Standing, StoredPost, Verdict},
    span,
    urgency::{UrgentRule, judge_urgency},
};
pub use edits::{Edit, edit};
use known::Known;

/// A date less far ahead than this is a clock that goes wrong, not a post for later.
const CLOCK_SLIP: SignedDuration = SignedDuration::from_mins(10);

/// Whether a feed was looked at before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The first look: what is there is old news, but for the newest few that staff asked for.
    First {
        /// How many of the newest posts become news all the same.
        backfill: usize,
    },
    /// Any look after the first.
    Later,
    /// A later look, but the first at another address that the configuration now gives.
    Elsewhere,
}

/// A waiting post whose date has come, judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejudged {
    /// Its number in the store.
    pub id: PostId,
    /// What the guards make of it now.
    pub standing: Standing,
    /// Why.
    pub standing_reason: String,
    /// Routine or breaking, and why.
    pub verdict: Verdict,
}

/// Judges the posts of one look, in the order in which the feed has them. Posts whose id is known are not returned, and
/// of several with one id only the first is.
pub fn judge(
    feed: &Feed,
    rules: &[UrgentRule],
    look: Look,
    posts: Vec<Post>,
    known: &[KnownPost],
    now: Timestamp,
) -> Vec<Judged> {
    let known_ids: HashSet<&str> = known.iter().map(|post| post.fingerprint.as_str()).collect();
    let mut ids = HashSet::new();
    let once = posts.into_iter().filter(|post| ids.insert(post.fingerprint.clone()));
    let (seen, new): (Vec<Post>, Vec<Post>) = once.partition(|post| known_ids.contains(post.fingerprint.as_str()));
    let memory = Known::new(known, new.iter().chain(&seen));
    let guard = |post: &Post| match memory.proof_of_repeat(post) {
        Some(proof) => (Standing::Repeat, proof.to_owned()),
        None => by_date(feed, post, now),
    };
    let standings = match look {
        Look::First { backfill } => first_look(&new, backfill, guard),
        Look::Later | Look::Elsewhere => {
            let mut standings: Vec<_> = new.iter().map(guard).collect();
            hold_a_flood(feed, &mut standings);
            if !known.is_empty() {
                if look == Look::Elsewhere && seen.is_empty() {
                    hold_a_strange_feed(&mut standings);
                }
                tell_of_changed_ids(new.len() + seen.len(), &mut standings);
            }
            standings
        }
    };
    let judged = new.into_iter().zip(standings).map(|(post, (standing, standing_reason))| Judged {
        verdict: judge_urgency(&post, rules, now),
        post,
        standing,
        standing_reason,
    });
    judged.collect()
}

/// Judges the waiting posts whose date has come; the others are not returned. What waited so long that it is old by now
/// stays unsent, and a flood of them is held like any other.
pub fn no_longer_waiting(feed: &Feed, rules: &[UrgentRule], waiting: &[StoredPost], now: Timestamp) -> Vec<Rejudged> {
    let due = |stored: &&StoredPost| {
        stored.standing == Standing::Waiting && stored.post.published_at.is_none_or(|date| date <= now)
    };
    let due: Vec<&StoredPost> = waiting.iter().filter(due).collect();
    let mut standings: Vec<_> = due
        .iter()
        .map(|stored| match by_date(feed, &stored.post, now) {
            (Standing::News, _) => (Standing::News, format!("its date, {}, has come", shown(stored.date()))),
            other => other,
        })
        .collect();
    hold_a_flood(feed, &mut standings);
    let judged = due.into_iter().zip(standings).map(|(stored, (standing, standing_reason))| Rejudged {
        id: stored.id,
        standing,
        standing_reason,
        verdict: judge_urgency(&stored.post, rules, now),
    });
    judged.collect()
}

/// The guards that go by the date. A post without one is news: a missed newsletter is worse than an extra one.
fn by_date(feed: &Feed, post: &Post, now: Timestamp) -> (Standing, String) {
    let Some(published) = post.published_at else {
        return (Standing::News, "seen for the first time now; it has no date".into());
    };
    let age = now.duration_since(published);
    if age > feed.max_age {
        let (age, limit) = (span::in_words(age), span::written(feed.max_age));
        return (Standing::Old, format!("published {age} ago; older than max_age = {limit}"));
    }
    if -age > CLOCK_SLIP {
        let reason = format!("dated {}, {} from now; it waits until then", shown(published), span::in_words(-age));
        return (Standing::Waiting, reason);
    }
    (Standing::News, format!("seen for the first time now; dated {}", shown(published)))
}

/// The first look: all but the newest `backfill` are the baseline.
fn first_look(new: &[Post], backfill: usize, guard: impl Fn(&Post) -> (Standing, String)) -> Vec<(Standing, String)> {
    let mut order: Vec<usize> = (0..new.len()).collect();
    // The sort is stable: among equals, and among those without a date, the feed's own order decides.
    order.sort_by_key(|&at| Reverse(new[at].published_at));
    let newest: HashSet<usize> = order.into_iter().take(backfill).collect();
    let total = plural(new.len(), "post");
    let baseline = match backfill {
        0 => format!("one of {total} on the first look at the feed, which sends nothing"),
        _ => format!("not among the newest {backfill} of {total} on the first look at the feed"),
    };
    let backfilled = format!("among the newest {backfill} on the first look at the feed (backfill = {backfill})");
    let one = |(at, post): (usize, &Post)| match newest.contains(&at).then(|| guard(post)) {
        None => (Standing::Baseline, baseline.clone()),
        Some((Standing::News, _)) => (Standing::News, backfilled.clone()),
        Some(other) => other,
    };
    new.iter().enumerate().map(one).collect()
}

/// More posts than `flood` that would be mailed, now or later: a person decides about all of them.
fn hold_a_flood(feed: &Feed, standings: &mut [(Standing, String)]) {
    let would_go = |standing: Standing| matches!(standing, Standing::News | Standing::Waiting);
    let count = standings.iter().filter(|(standing, _)| would_go(*standing)).count();
    if count <= feed.flood {
        return;
    }
    for (standing, reason) in standings.iter_mut().filter(|(standing, _)| would_go(*standing)) {
        *standing = Standing::Held;
        *reason = format!("{} in one look; more than flood = {}", plural(count, "new post"), feed.flood);
    }
}

/// At the feed's new address nothing is known, neither by id nor by link: it is another feed, or another archive. A
/// person decides.
fn hold_a_strange_feed(standings: &mut [(Standing, String)]) {
    if standings.iter().any(|(standing, _)| *standing == Standing::Repeat) {
        return;
    }
    let news = standings.iter().filter(|(standing, _)| *standing == Standing::News).count();
    for (standing, reason) in standings.iter_mut().filter(|(standing, _)| *standing == Standing::News) {
        *standing = Standing::Held;
        *reason = format!("{} at the feed's new address, where no known post is", plural(news, "new post"));
    }
}

/// When nearly all ids of a feed are new, the feed has most likely changed its ids: the reasons say so.
fn tell_of_changed_ids(in_feed: usize, standings: &mut [(Standing, String)]) {
    let nearly_all = |count: usize| count >= 3 && count * 10 >= in_feed * 8;
    if !nearly_all(standings.len()) {
        return;
    }
    let repeats = standings.iter().filter(|(standing, _)| *standing == Standing::Repeat).count();
    let new = standings.len();
    for (standing, reason) in standings {
        match standing {
            Standing::Repeat if nearly_all(repeats) => {
                reason.push_str(&format!("; {repeats} of {in_feed} ids are new but the links or titles are known"));
            }
            Standing::Held => reason.push_str(&format!("; {new} of {in_feed} ids in the feed are new")),
            _ => {}
        }
    }
}

fn plural(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
