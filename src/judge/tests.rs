//! The guards, one by one; then what users of other systems suffered from, each as a claim.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Look, judge, no_longer_waiting};
use crate::domain::{
    feed::{Feed, Kind},
    post::{Judged, KnownPost, Post, PostId, Standing, StoredPost, Urgency, Verdict},
    slug::Slug,
    urgency::{Field, UrgentRule, WordPattern},
    websub::Websub,
};

fn feed() -> Feed {
    Feed {
        name: Slug::parse("site").expect("slug"),
        url: "https://example.org/feed/".parse().expect("url"),
        kind: Kind::Feed,
        every: SignedDuration::from_mins(10),
        max_age: SignedDuration::from_hours(720),
        flood: 10,
        ping: None,
        websub: Websub::Off,
    }
}

fn rules() -> Vec<UrgentRule> {
    vec![UrgentRule {
        name: Slug::parse("condemnation").expect("slug"),
        words: vec![WordPattern::parse("condemn*").expect("pattern")],
        fields: vec![Field::Title],
        categories: Vec::new(),
        unless: Vec::new(),
        max_age: SignedDuration::from_hours(48),
    }]
}

fn now() -> Timestamp {
    "2026-11-23T09:00Z".parse().expect("an instant")
}

fn hours_ago(hours: i64) -> Option<Timestamp> {
    Some(now() - SignedDuration::from_hours(hours))
}

/// A post with an id, a title and a link of its own, an hour old.
fn post(id: &str) -> Post {
    Post {
        fingerprint: id.into(),
        title: format!("Title of {id}"),
        link: Some(format!("https://example.org/{id}/")),
        published_at: hours_ago(1),
        ..Post::default()
    }
}

fn posts(ids: std::ops::Range<usize>) -> Vec<Post> {
    ids.map(|id| post(&format!("p{id}"))).collect()
}

fn known(post: &Post) -> KnownPost {
    KnownPost {
        fingerprint: post.fingerprint.clone(),
        link: post.link.clone(),
        title_key: post.title_key(),
        published_at: post.published_at,
    }
}

fn later(posts: Vec<Post>, before: &[Post]) -> Vec<Judged> {
    let before: Vec<KnownPost> = before.iter().map(known).collect();
    judge(&feed(), &rules(), Look::Later, posts, &before, now())
}

/// The standing and reason of the only new post.
fn one(posts: Vec<Post>, before: &[Post]) -> (Standing, String) {
    let judged = later(posts, before);
    assert_eq!(judged.len(), 1, "{judged:?}");
    judged.into_iter().map(|judged| (judged.standing, judged.standing_reason)).next().expect("one")
}

fn standings(judged: &[Judged]) -> Vec<Standing> {
    judged.iter().map(|judged| judged.standing).collect()
}

#[test]
fn a_new_post_is_news_and_its_verdict_says_why() {
    let breaking = Post { title: "Coalition condemns transfer".into(), ..post("a") };
    let judged = later(vec![breaking, post("b")], &[post("c")]);
    assert_eq!(standings(&judged), [Standing::News, Standing::News]);
    assert_eq!(judged[0].standing_reason, "seen for the first time now; dated 2026-11-23 08:00 UTC");
    assert_eq!(judged[0].verdict.urgency, Urgency::Breaking);
    assert_eq!(judged[0].verdict.reason, "rule `condemnation`: “condemns” in the title");
    assert_eq!(judged[1].verdict.reason, "no urgent rule matches");
}

#[test]
fn the_first_look_sends_nothing() {
    let urgent = Post { title: "Coalition condemns transfer".into(), ..post("a") };
    let judged = judge(&feed(), &rules(), Look::First { backfill: 0 }, vec![urgent, post("b")], &[], now());
    assert_eq!(standings(&judged), [Standing::Baseline; 2]);
    assert_eq!(judged[0].standing_reason, "one of 2 posts on the first look at the feed, which sends nothing");
    assert_eq!(judged[0].verdict.urgency, Urgency::Breaking, "the verdict is told all the same");
}

#[test]
fn backfill_makes_the_newest_news_whatever_their_order_in_the_feed() {
    let dated = |id: &str, hours| Post { published_at: hours_ago(hours), ..post(id) };
    let undated = Post { published_at: None, ..post("undated") };
    let in_feed = vec![undated, dated("old", 900), dated("b", 5), dated("a", 2), dated("c", 9)];
    let judged = |backfill| judge(&feed(), &rules(), Look::First { backfill }, in_feed.clone(), &[], now());
    let two = judged(2);
    use Standing::{Baseline, News, Old};
    assert_eq!(standings(&two), [Baseline, Baseline, News, News, Baseline]);
    assert_eq!(two[2].standing_reason, "among the newest 2 on the first look at the feed (backfill = 2)");
    assert_eq!(two[0].standing_reason, "not among the newest 2 of 5 posts on the first look at the feed");
    assert_eq!(standings(&judged(99)), [News, Old, News, News, News], "the other guards hold");
    let many = judge(&feed(), &rules(), Look::First { backfill: 15 }, posts(0..20), &[], now());
    assert_eq!(many.iter().filter(|judged| judged.standing == News).count(), 15, "staff asked for that many");
}

#[test]
fn a_post_older_than_max_age_is_old_and_one_without_a_date_never_is() {
    let aged = |hours| one(vec![Post { published_at: hours_ago(hours), ..post("a") }], &[]);
    assert_eq!(aged(720).0, Standing::News, "as old as max_age is not older");
    assert_eq!(aged(45 * 24), (Standing::Old, "published 45 days ago; older than max_age = 30d".into()));
    let undated = one(vec![Post { published_at: None, ..post("a") }], &[]);
    assert_eq!(undated, (Standing::News, "seen for the first time now; it has no date".into()));
}

#[test]
fn a_date_in_the_future_waits_unless_it_is_a_slip_of_the_clock() {
    let ahead = |minutes| {
        let date = now() + SignedDuration::from_mins(minutes);
        one(vec![Post { published_at: Some(date), ..post("a") }], &[])
    };
    assert_eq!(ahead(10).0, Standing::News);
    assert_eq!(ahead(11).0, Standing::Waiting);
    let reason = "dated 2026-11-23 23:00 UTC, 14 hours from now; it waits until then";
    assert_eq!(ahead(14 * 60), (Standing::Waiting, reason.into()));
}

#[test]
fn a_known_id_is_no_new_post_whatever_else_changed() {
    let edited = Post { title: "Corrected".into(), link: None, published_at: hours_ago(0), ..post("a") };
    assert!(later(vec![edited], &[post("a")]).is_empty());
}

#[test]
fn a_known_link_under_another_id_is_a_repeat() {
    let moved = Post {
        title: "New title".into(),
        link: Some("http://www.example.org/a?utm_source=rss#more".into()),
        published_at: hours_ago(3),
        ..post("b")
    };
    let reason = "its link was known already under another id";
    assert_eq!(one(vec![moved], &[post("a")]), (Standing::Repeat, reason.into()));
}

#[test]
fn a_link_that_several_posts_share_identifies_nothing() {
    let shared = |id: &str| Post { link: Some("https://example.org/updates".into()), ..post(id) };
    assert_eq!(one(vec![shared("c")], &[shared("a"), shared("b")]).0, Standing::News, "two known posts share it");
    assert_eq!(standings(&later(vec![shared("b"), shared("c")], &[shared("a")])), [Standing::News; 2]);
    assert_eq!(one(vec![shared("a"), shared("b")], &[shared("a")]).0, Standing::News, "both stand in the feed");
    assert_eq!(one(vec![shared("b")], &[shared("a")]).0, Standing::Repeat);
    let twice = Post { fingerprint: "a2".into(), ..shared("a") };
    assert_eq!(one(vec![shared("b")], &[shared("a"), twice]).0, Standing::Repeat, "one post under two ids is one");
    let home = |id: &str| Post { link: Some("https://example.org/".into()), ..post(id) };
    assert_eq!(one(vec![home("b")], &[home("a")]).0, Standing::News, "the home page is nobody's page");
}

#[test]
fn a_known_title_is_a_repeat_only_with_the_same_date_or_none() {
    let update = |id: &str, hours: Option<i64>| Post {
        title: "Monthly  Update".into(),
        published_at: hours.and_then(hours_ago),
        ..post(id)
    };
    let repeat = |before, after| one(vec![update("b", after)], &[update("a", before)]);
    assert_eq!(
        repeat(Some(5), Some(5)),
        (Standing::Repeat, "its title and date were known already under another id".into())
    );
    assert_eq!(repeat(Some(700), Some(5)).0, Standing::News, "a title that comes each month is news");
    let undated = "its title was known already under another id, and there are not two dates to tell them apart";
    assert_eq!(repeat(None, Some(5)), (Standing::Repeat, undated.into()));
    assert_eq!(repeat(Some(5), None).0, Standing::Repeat);
    assert_eq!(repeat(None, None).0, Standing::Repeat);
    let both = one(vec![update("a", None), update("b", None)], &[update("a", None)]);
    assert_eq!(both.0, Standing::News, "the known one still stands there under its own id");
    let untitled = |id: &str| Post { title: " ".into(), ..post(id) };
    assert_eq!(one(vec![untitled("b")], &[untitled("a")]).0, Standing::News, "no title is no proof");
}

#[test]
fn more_than_flood_in_one_look_are_all_held() {
    assert_eq!(standings(&later(posts(0..10), &[])), [Standing::News; 10]);
    let mut flood = posts(0..13);
    flood.push(Post { published_at: hours_ago(-99), ..post("future") });
    flood.push(Post { published_at: hours_ago(2_000), ..post("old") });
    let judged = later(flood, &[]);
    assert_eq!(standings(&judged[..14]), [Standing::Held; 14]);
    assert_eq!(judged[0].standing_reason, "14 new posts in one look; more than flood = 10");
    assert_eq!(judged[14].standing, Standing::Old, "an old post is old, flood or not");
}

#[test]
fn a_feed_that_changed_its_ids_sends_nothing_and_the_reason_says_so() {
    let before = posts(0..20);
    let renamed = |at: usize, post: &Post| Post { fingerprint: format!("new-{at}"), ..post.clone() };
    let mut after: Vec<Post> = before[..18].iter().enumerate().map(|(at, post)| renamed(at, post)).collect();
    after.extend_from_slice(&before[18..]);
    let judged = later(after, &before);
    assert_eq!(standings(&judged), [Standing::Repeat; 18]);
    let note = "18 of 20 ids are new but the links or titles are known";
    assert_eq!(judged[0].standing_reason, format!("its link was known already under another id; {note}"));

    let unknown = later(posts(100..120), &before);
    assert_eq!(standings(&unknown), [Standing::Held; 20]);
    let reason = "20 new posts in one look; more than flood = 10; 20 of 20 ids in the feed are new";
    assert_eq!(unknown[0].standing_reason, reason);
}

#[test]
fn a_waiting_post_is_judged_again_when_its_date_comes() {
    let stored = |id: i64, hours, title: &str| StoredPost {
        id: PostId(id),
        feed: feed().name,
        post: Post { title: title.into(), published_at: hours_ago(hours), ..post(&id.to_string()) },
        first_seen_at: now() - SignedDuration::from_hours(1_000),
        news_at: None,
        standing: Standing::Waiting,
        standing_reason: String::new(),
        verdict: Verdict { urgency: Urgency::Routine, rule: None, reason: String::new() },
    };
    let due = |waiting: &[StoredPost]| no_longer_waiting(&feed(), &rules(), waiting, now());
    let judged = due(&[stored(1, 0, "We condemn this"), stored(2, -1, "Tomorrow"), stored(3, 800, "Long ago")]);
    let told: Vec<_> = judged.iter().map(|post| (post.id.0, post.standing, post.standing_reason.as_str())).collect();
    let expected = [
        (1, Standing::News, "its date, 2026-11-23 09:00 UTC, has come"),
        (3, Standing::Old, "published over 33 days ago; older than max_age = 30d"),
    ];
    assert_eq!(told, expected);
    assert_eq!(judged[0].verdict.urgency, Urgency::Breaking);
    let flood: Vec<StoredPost> = (0..11).map(|id| stored(id, 1, "Backlog")).collect();
    assert!(due(&flood).iter().all(|post| post.standing == Standing::Held));
    let dismissed = StoredPost { standing: Standing::Dismissed, ..stored(1, 0, "We condemn this") };
    assert!(due(&[dismissed]).is_empty(), "what a person decided stays decided");
}

// What users of other systems suffered from, row by row.

#[test]
fn setting_up_a_feed_with_a_full_archive_mails_nobody() {
    let judged = judge(&feed(), &rules(), Look::First { backfill: 0 }, posts(0..200), &[], now());
    assert!(judged.iter().all(|judged| judged.standing == Standing::Baseline));
}

#[test]
fn a_site_that_moved_to_https_or_changed_its_permalinks_mails_nothing_again() {
    let before = Post { link: Some("http://example.org/?p=7".into()), ..post("http://example.org/?p=7") };
    let https = Post {
        fingerprint: "https://example.org/?p=7".into(),
        link: Some("https://example.org/?p=7".into()),
        ..before.clone()
    };
    assert_eq!(one(vec![https], std::slice::from_ref(&before)).0, Standing::Repeat);
    let renamed =
        Post { fingerprint: "uuid".into(), link: Some("https://example.org/statement/".into()), ..before.clone() };
    assert_eq!(one(vec![renamed], &[before]).0, Standing::Repeat, "the title and date are the same");
}

#[test]
fn an_id_used_twice_in_a_feed_or_again_for_new_content_is_one_post() {
    let again = Post { title: "Another".into(), link: None, ..post("a") };
    let judged = later(vec![post("a"), again.clone()], &[]);
    assert_eq!(judged.iter().map(|judged| judged.post.title.as_str()).collect::<Vec<_>>(), ["Title of a"]);
    assert!(later(vec![again], &[post("a")]).is_empty());
}

#[test]
fn an_old_post_that_comes_back_from_the_trash_is_not_announced() {
    let restored = Post { published_at: hours_ago(24 * 400), title: "We condemn".into(), ..post("back") };
    let judged = later(vec![restored], &posts(0..5));
    assert_eq!((judged[0].standing, judged[0].verdict.urgency), (Standing::Old, Urgency::Routine));
}

#[test]
fn a_post_that_the_feed_shows_days_late_is_still_news() {
    let late = Post { published_at: hours_ago(72), ..post("late") };
    assert_eq!(one(vec![late], &[post("newer")]).0, Standing::News, "it goes by when it was first seen");
}

fn any_post() -> impl Strategy<Value = Post> {
    let date = proptest::option::of(-2_000_i64..2_000).prop_map(|hours| hours.and_then(hours_ago));
    let link = proptest::option::of("(https?://(www\\.)?example\\.org/[ab]?/?|.{0,12})");
    ("[a-e]{1,2}", "[AB ]{0,3}", link, date).prop_map(|(fingerprint, title, link, published_at)| Post {
        fingerprint,
        title,
        link,
        published_at,
        ..Post::default()
    })
}

proptest! {
    #[test]
    fn whatever_a_feed_holds_no_known_id_comes_back_and_no_flood_goes_out(
        posts in proptest::collection::vec(any_post(), 0..40),
        before in proptest::collection::vec(any_post(), 0..20),
        backfill in proptest::option::of(0_usize..30),
    ) {
        let before: Vec<KnownPost> = before.iter().map(known).collect();
        let look = backfill.map_or(Look::Later, |backfill| Look::First { backfill });
        let judged = judge(&feed(), &rules(), look, posts, &before, now());
        let mut ids: Vec<&str> = judged.iter().map(|judged| judged.post.fingerprint.as_str()).collect();
        prop_assert!(ids.iter().all(|id| before.iter().all(|known| known.fingerprint != *id)));
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), judged.len());
        let going = judged.iter().filter(|judged| matches!(judged.standing, Standing::News | Standing::Waiting)).count();
        prop_assert!(going <= backfill.unwrap_or(feed().flood));
        prop_assert!(judged.iter().all(|judged| !judged.standing_reason.is_empty()));
    }
}
