//! The store, each claim on SQLite and on PostgreSQL.

mod opening;
mod released;
mod silent;

use jiff::{SignedDuration, Timestamp};
use tidings::{
    domain::{
        address::EmailAddress,
        consent::Door,
        delivery::{DeliveryState, Lane, Next},
        feed::{Feed, FeedState, Kind},
        issue::{IssueId, IssueKey, IssueKind, IssueState},
        mailing::{Mailing, MailingId, Purpose},
        post::{Judged, Post, PostId, Standing, Urgency, Verdict},
        slug::Slug,
        subscription::{NewSubscriber, SubscriberId, SubscriptionState},
        suppression::SuppressionKind,
        websub::Websub,
    },
    store::{
        Store, StoreError,
        deliveries::{Batch, Claimed, Doubtful, Filter, Recorded},
        holders::Renewal,
        issues::{HandedOver, NewIssue},
        suppressions::Scope,
    },
};

use crate::world::stores::{TestStore, on_both_engines};

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().expect("a timestamp")
}

fn after(seconds: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_secs(seconds)).expect("in range")
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

fn reader(n: usize) -> NewSubscriber {
    NewSubscriber { address: address(&format!("reader{n}@example.org")), name: format!("Reader {n}") }
}

async fn subscribe(store: &Store, list: &Slug, people: &[NewSubscriber]) -> u64 {
    let first = store.subscriber_ids(people.len()).await.expect("numbers");
    let mut tx = store.begin().await.expect("begin");
    let joined = tx.subscribe(list, people, first, Door::Import, now()).await.expect("subscribe");
    tx.commit().await.expect("commit");
    joined
}

/// An issue with one mailing, queued to the readers of `news`; the mailing's number and the count of readers.
async fn queue_issue(store: &Store, key: &str, kind: IssueKind, lane: Lane) -> (MailingId, u64) {
    let list = slug("news");
    let (issue, mailing) = (store.issue_id().await.expect("a number"), store.mailing_id().await.expect("a number"));
    let mut tx = store.begin().await.expect("begin");
    let new = NewIssue {
        id: issue,
        list: &list,
        kind,
        key: &IssueKey::Manual(key.into()),
        state: IssueState::Queued,
        state_reason: "",
        subject: key,
        statement: None,
        posts: &[],
        window: SignedDuration::ZERO,
        wanted_by: None,
        corrects: None,
    };
    tx.add_issue(&new, now()).await.expect("a new issue");
    let frozen = Mailing {
        id: mailing,
        purpose: Purpose::Issue { issue, list: list.clone() },
        lane,
        subject: key.into(),
        message: "Subject: x\r\n\r\nx\r\n".into(),
        made_at: now(),
        expires_at: (kind == IssueKind::Alert).then(|| after(3600)),
        answers: None,
    };
    tx.add_mailing(&frozen).await.expect("a mailing");
    let batch = Batch { mailing, lane, goes_at: now(), now: now() };
    let readers = tx.queue_to_list(batch, &list, kind).await.expect("queued");
    let handed = HandedOver { subject: key, readers, goes_at: now(), retraction: None };
    tx.issue_queued(issue, handed, now()).await.expect("noted");
    tx.commit().await.expect("commit");
    (mailing, readers)
}

fn sent(claimed: &Claimed) -> Recorded {
    Recorded {
        mailing: claimed.mailing,
        subscriber: claimed.subscriber,
        claim: claimed.claim,
        relay: slug("main"),
        next: Next { state: DeliveryState::Sent, attempts: 1, try_at: None },
        code: Some(250),
        answer: "queued as “7” 'it's\" fine".into(),
        doubt: Doubtful::No,
        said: None,
    }
}

on_both_engines!(those_who_left_do_not_come_back_by_file_or_import, async |test: &TestStore| {
    let (store, news) = (&test.store, slug("news"));
    assert_eq!(subscribe(store, &news, &[reader(1), reader(2)]).await, 2);
    assert_eq!(subscribe(store, &news, &[reader(1), reader(2), reader(3)]).await, 1);
    let one = store.subscriptions_of(&address("READER1@example.org")).await.expect("read");
    assert_eq!((one.len(), one[0].state, one[0].name.as_str()), (1, SubscriptionState::Active, "Reader 1"));
    let mut tx = store.begin().await.expect("begin");
    assert!(tx.end_subscription(&news, one[0].subscriber, "one-click", now()).await.expect("ended"));
    assert!(!tx.end_subscription(&news, one[0].subscriber, "again", now()).await.expect("no second end"));
    tx.commit().await.expect("commit");
    assert_eq!(subscribe(store, &news, &[reader(1)]).await, 0);
    assert_eq!(store.count_readers(&news, IssueKind::Digest).await.expect("count"), 2);
    let mut tx = store.begin().await.expect("begin");
    assert!(tx.rejoin(&news, one[0].subscriber, Door::Staff, now()).await.expect("asked anew"));
    tx.commit().await.expect("commit");
    assert_eq!(store.count_readers(&news, IssueKind::Alert).await.expect("count"), 3);
});

on_both_engines!(a_post_is_in_one_issue_of_a_list, async |test: &TestStore| {
    let store = &test.store;
    let add = async |list: &str, key: &str| {
        let (id, list) = (store.issue_id().await.expect("a number"), slug(list));
        let mut tx = store.begin().await.expect("begin");
        let new = NewIssue {
            id,
            list: &list,
            kind: IssueKind::Digest,
            key: &IssueKey::Manual(key.into()),
            state: IssueState::Held,
            state_reason: "",
            subject: key,
            statement: None,
            posts: &[PostId(1)],
            window: SignedDuration::ZERO,
            wanted_by: None,
            corrects: None,
        };
        tx.add_issue(&new, now()).await?;
        tx.commit().await
    };
    add("news", "as an alert").await.expect("the first issue");
    add("calm", "as an alert").await.expect("another list");
    let second = add("news", "in a digest").await;
    assert!(matches!(second, Err(StoreError::Conflict)), "{second:?}");
    assert_eq!(store.issues_with_post(PostId(1)).await.expect("issues").len(), 2);
});

on_both_engines!(an_uncommitted_batch_leaves_nothing, async |test: &TestStore| {
    let (store, news) = (&test.store, slug("news"));
    let mut tx = store.begin().await.expect("begin");
    tx.subscribe(&news, &[reader(1)], SubscriberId(1), Door::File, now()).await.expect("subscribe");
    drop(tx);
    assert_eq!(store.count_readers(&news, IssueKind::Digest).await.expect("count"), 0);
    assert_eq!(subscribe(store, &news, &[reader(1)]).await, 1);
});

on_both_engines!(a_list_key_makes_one_issue_however_often_it_is_made, async |test: &TestStore| {
    let store = &test.store;
    queue_issue(store, "statement", IssueKind::Alert, Lane::Alert).await;
    let list = slug("news");
    let again = NewIssue {
        id: store.issue_id().await.expect("a number"),
        list: &list,
        kind: IssueKind::Alert,
        key: &IssueKey::Manual("statement".into()),
        state: IssueState::Queued,
        state_reason: "",
        subject: "statement",
        statement: None,
        posts: &[PostId(7)],
        window: SignedDuration::ZERO,
        wanted_by: None,
        corrects: None,
    };
    let mut tx = store.begin().await.expect("begin");
    assert!(matches!(tx.add_issue(&again, now()).await, Err(StoreError::Conflict)));
    drop(tx);
    assert_eq!(store.newest_issues(10).await.expect("issues").len(), 1);
});

on_both_engines!(a_claim_takes_the_first_lane_first_and_only_once, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1), reader(2), reader(3)]).await;
    let (digest, _) = queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let (alert, readers) = queue_issue(store, "alert", IssueKind::Alert, Lane::Alert).await;
    assert_eq!(readers, 3);
    let holder = store.begin_holder(now()).await.expect("holder");
    let claims = store.claim(&holder, Lane::Digest, 4, now()).await.expect("claim");
    let order: Vec<MailingId> = claims.deliveries.iter().map(|claimed| claimed.mailing).collect();
    assert_eq!(order, [alert, alert, alert, digest]);
    assert_eq!(claims.deliveries[0].name, "Reader 1");
    assert_eq!(store.claim(&holder, Lane::Digest, 10, now()).await.expect("claim").deliveries.len(), 2);
    assert!(store.claim(&holder, Lane::Digest, 10, now()).await.expect("claim").deliveries.is_empty());
});

on_both_engines!(an_outcome_counts_only_for_the_latest_claim, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let slow = store.begin_holder(now()).await.expect("holder");
    let first = store.claim(&slow, Lane::Digest, 1, now()).await.expect("claim").deliveries.remove(0);
    let give_back = Recorded {
        next: Next { state: DeliveryState::Deferred, attempts: 1, try_at: Some(after(60)) },
        code: Some(451),
        ..sent(&first)
    };
    assert_eq!(store.record_outcomes(slow.id, &[give_back], now()).await.expect("written"), 1);
    assert_eq!(store.due(now()).await.expect("due"), (0, Some(after(60))));
    let other = store.begin_holder(now()).await.expect("holder");
    let second = store.claim(&other, Lane::Digest, 1, after(60)).await.expect("claim").deliveries.remove(0);
    assert_eq!((second.claim, second.attempted.attempts), (first.claim + 1, 1));
    // The slow one comes late with what it heard: the row is another's now.
    assert_eq!(store.record_outcomes(slow.id, &[sent(&first)], after(61)).await.expect("passed over"), 0);
    assert_eq!(store.record_outcomes(other.id, &[sent(&second)], after(61)).await.expect("written"), 1);
    let all = store.deliveries(&Filter::default(), 10).await.expect("deliveries");
    assert_eq!((all[0].state, all[0].answer.as_deref()), (DeliveryState::Sent, Some("queued as “7” 'it's\" fine")));
});

on_both_engines!(who_left_or_is_suppressed_after_queueing_gets_nothing_more, async |test: &TestStore| {
    let (store, news) = (&test.store, slug("news"));
    subscribe(store, &news, &[reader(1), reader(2), reader(3)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let left = store.subscriptions_of(&address("reader1@example.org")).await.expect("read")[0].subscriber;
    let mut tx = store.begin().await.expect("begin");
    tx.end_subscription(&news, left, "one-click", now()).await.expect("ended");
    tx.commit().await.expect("commit");
    store
        .suppress(&address("Reader2@example.org"), Scope::All, SuppressionKind::Complaint, "complaint", now())
        .await
        .expect("suppressed");
    store
        .suppress(
            &address("reader3@example.org"),
            Scope::List(&slug("other")),
            SuppressionKind::Bounce,
            "bounce",
            now(),
        )
        .await
        .expect("other");
    let holder = store.begin_holder(now()).await.expect("holder");
    let claims = store.claim(&holder, Lane::Digest, 10, now()).await.expect("claim");
    let kept: Vec<&str> = claims.deliveries.iter().map(|claimed| claimed.address.reveal()).collect();
    assert_eq!((kept, claims.dropped), (vec!["reader3@example.org"], 2));
    // Nor are they queued the next time.
    assert_eq!(queue_issue(store, "next", IssueKind::Digest, Lane::Digest).await.1, 1);
});

on_both_engines!(a_late_alert_expires_instead_of_being_claimed, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1), reader(2)]).await;
    queue_issue(store, "alert", IssueKind::Alert, Lane::Alert).await;
    let holder = store.begin_holder(after(3600)).await.expect("holder");
    let claims = store.claim(&holder, Lane::Digest, 10, after(3600)).await.expect("claim");
    assert_eq!((claims.deliveries.len(), claims.expired), (0, 2));
    let states = store.states_of_issue(IssueId(1)).await.expect("states");
    assert_eq!(states.get(&DeliveryState::Expired), Some(&2));
});

on_both_engines!(the_claims_of_a_dead_process_are_taken_up_as_unknown, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1), reader(2)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let dead = store.begin_holder(now()).await.expect("holder");
    assert_eq!(store.claim(&dead, Lane::Digest, 2, now()).await.expect("claim").deliveries.len(), 2);
    let me = store.begin_holder(now()).await.expect("holder");
    assert_eq!(store.take_up_after_the_dead(Some(&me), after(59)).await.expect("it lives"), 0);
    // A killed process loses its lock; its lease runs out.
    let id = dead.id;
    drop(dead);
    // On PostgreSQL it is the server's clock that counts, so the lease is moved in place of the clock.
    let past = format!("UPDATE holders SET alive_until = 0 WHERE id = {id}");
    sqlx::query(sqlx::AssertSqlSafe(past)).execute(&mut test.raw().await).await.expect("moved");
    assert_eq!(store.take_up_after_the_dead(Some(&me), after(61)).await.expect("taken up"), 2);
    let again = store.claim(&me, Lane::Digest, 2, after(61)).await.expect("claim");
    assert_eq!(again.deliveries.len(), 2);
    assert_ne!(store.renew_holder(&me, after(61)).await.expect("renewed"), Renewal::Lost);
    store.end_holder(me, after(62)).await.expect("ended");
    assert_eq!(store.due(after(62)).await.expect("due").0, 2);
});

on_both_engines!(a_cancelled_issue_drops_what_was_not_sent, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1), reader(2), reader(3)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let holder = store.begin_holder(now()).await.expect("holder");
    let claimed = store.claim(&holder, Lane::Digest, 1, now()).await.expect("claim").deliveries.remove(0);
    store.record_outcomes(holder.id, &[sent(&claimed)], now()).await.expect("written");
    let mut tx = store.begin().await.expect("begin");
    assert!(tx.move_issue(IssueId(1), IssueState::Queued, IssueState::Cancelled, "wrong").await.expect("moved"));
    assert!(!tx.move_issue(IssueId(1), IssueState::Queued, IssueState::Held, "x").await.expect("not twice"));
    assert_eq!(tx.drop_unsent(IssueId(1), "cancelled: wrong", now()).await.expect("dropped"), 2);
    tx.commit().await.expect("commit");
    let states = store.states_of_issue(IssueId(1)).await.expect("states");
    assert_eq!((states[&DeliveryState::Sent], states[&DeliveryState::Dropped]), (1, 2));
});

on_both_engines!(what_comes_back_of_a_cancelled_issue_is_not_tried_again, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let holder = store.begin_holder(now()).await.expect("holder");
    let claimed = store.claim(&holder, Lane::Digest, 1, now()).await.expect("claim").deliveries.remove(0);
    let mut tx = store.begin().await.expect("begin");
    assert!(tx.move_issue(IssueId(1), IssueState::Queued, IssueState::Cancelled, "wrong").await.expect("moved"));
    assert_eq!(tx.drop_unsent(IssueId(1), "cancelled: wrong", now()).await.expect("dropped"), 0, "it is on the wire");
    tx.commit().await.expect("commit");
    let next = Next { state: DeliveryState::Deferred, attempts: 1, try_at: Some(after(60)) };
    let deferred = Recorded { next, code: Some(451), ..sent(&claimed) };
    store.record_outcomes(holder.id, &[deferred], now()).await.expect("written");
    let claims = store.claim(&holder, Lane::Digest, 1, after(60)).await.expect("claim");
    assert_eq!((claims.deliveries.len(), claims.dropped), (0, 1));
    assert_eq!(store.due(after(9999)).await.expect("due").0, 0);
});

on_both_engines!(what_waits_of_a_held_issue_can_be_dropped, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1), reader(2)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let mut tx = store.begin().await.expect("begin");
    assert_eq!(tx.park_unsent(IssueId(1), now()).await.expect("parked"), 2);
    tx.commit().await.expect("commit");
    let filter = Filter { issue: Some(IssueId(1)), ..Filter::default() };
    assert_eq!(store.drop_deliveries(&filter, after(1)).await.expect("dropped"), 2);
});

on_both_engines!(staff_can_retry_and_drop_by_filter, async |test: &TestStore| {
    let store = &test.store;
    subscribe(store, &slug("news"), &[reader(1), reader(2)]).await;
    queue_issue(store, "digest", IssueKind::Digest, Lane::Digest).await;
    let holder = store.begin_holder(now()).await.expect("holder");
    let claims = store.claim(&holder, Lane::Digest, 2, now()).await.expect("claim").deliveries;
    let bounced = Recorded {
        next: Next { state: DeliveryState::Bounced, attempts: 1, try_at: None },
        code: Some(550),
        ..sent(&claims[0])
    };
    let outcomes = [bounced, sent(&claims[1])];
    store.record_outcomes(holder.id, &outcomes, now()).await.expect("written");
    let filter = Filter { issue: Some(IssueId(1)), ..Filter::default() };
    assert_eq!(store.retry_deliveries(&filter, after(5)).await.expect("retried"), 1);
    let one = Filter { address: Some(claims[0].address.clone()), ..Filter::default() };
    assert_eq!(store.drop_deliveries(&one, after(6)).await.expect("dropped"), 1);
    let states = Filter { state: Some(DeliveryState::Dropped), ..Filter::default() };
    assert_eq!(store.deliveries(&states, 10).await.expect("deliveries").len(), 1);
});

fn feed() -> Feed {
    Feed {
        name: slug("site"),
        url: "https://example.org/feed/".parse().expect("url"),
        kind: Kind::Feed,
        every: SignedDuration::from_mins(10),
        max_age: SignedDuration::from_hours(720),
        flood: 10,
        ping: None,
        websub: Websub::Off,
    }
}

fn judged(fingerprint: &str, standing: Standing) -> Judged {
    Judged {
        post: Post {
            fingerprint: fingerprint.into(),
            title: format!("Title of {fingerprint}"),
            categories: vec!["Statements, \"urgent\"".into()],
            published_at: Some(now()),
            ..Post::default()
        },
        standing,
        standing_reason: "first seen".into(),
        verdict: Verdict { urgency: Urgency::Breaking, rule: Some(slug("condemnation")), reason: "it matches".into() },
    }
}

on_both_engines!(one_look_at_a_feed_at_a_time, async |test: &TestStore| {
    let (store, feed) = (&test.store, feed());
    let mut state = store.claim_look(&feed, now()).await.expect("claim").expect("due");
    assert!(store.claim_look(&feed, now()).await.expect("claim").is_none(), "another is at it");
    state.etag = Some("\"abc\"".into());
    state.baseline_at = Some(now());
    state.failures = 2;
    state.next_check_at = Some(after(600));
    let mut tx = store.begin().await.expect("begin");
    tx.end_look(&feed, &state).await.expect("ended");
    tx.commit().await.expect("commit");
    assert!(store.claim_look(&feed, after(599)).await.expect("claim").is_none(), "not due");
    let mut tx = store.begin().await.expect("begin");
    assert!(tx.tell_once_of_failure(&feed.name, now()).await.expect("told"));
    assert!(!tx.tell_once_of_failure(&feed.name, now()).await.expect("told once"));
    tx.commit().await.expect("commit");
    let moved = Feed { url: "https://example.org/other/".parse().expect("url"), ..feed.clone() };
    let fresh = store.claim_look(&moved, now()).await.expect("claim").expect("another url is due at once");
    assert_eq!((fresh.etag, fresh.baseline_at), (None, Some(now())), "the baseline stays, validators do not");
});

on_both_engines!(a_ping_during_a_look_asks_for_one_more_and_is_not_lost_to_a_kill, async |test: &TestStore| {
    let (store, feed) = (&test.store, feed());
    let end = async |state: &FeedState| {
        let mut tx = store.begin().await.expect("begin");
        let next_check_at = Some(after(6000));
        tx.end_look(&feed, &FeedState { next_check_at, ..state.clone() }).await.expect("ended");
        tx.commit().await.expect("commit");
    };
    let state = store.claim_look(&feed, now()).await.expect("claim").expect("due");
    end(&state).await;
    assert!(store.claim_look(&feed, now()).await.expect("claim").is_none(), "not due");
    store.ping_feed(&feed.name).await.expect("pinged");
    let first = store.claim_look(&feed, now()).await.expect("claim").expect("pinged");
    store.ping_feed(&feed.name).await.expect("pinged");
    store.ping_feed(&feed.name).await.expect("pinged");
    assert!(store.claim_look(&feed, now()).await.expect("claim").is_none(), "somebody is at it");
    end(&first).await;
    let second = store.claim_look(&feed, now()).await.expect("claim").expect("it was pinged meanwhile");
    assert_eq!((second.pings, second.pings_heard), (3, 1));
    // Whoever looked was killed: once its time is over, the next one hears the same pings.
    assert!(store.claim_look(&feed, after(100)).await.expect("claim").is_none());
    let third = store.claim_look(&feed, after(200)).await.expect("claim").expect("they are not heard yet");
    end(&third).await;
    assert!(store.claim_look(&feed, after(200)).await.expect("claim").is_none(), "all are heard");
    let moved = Feed { url: "https://example.org/other/".parse().expect("url"), ..feed.clone() };
    store.ping_feed(&feed.name).await.expect("pinged");
    let fresh = store.claim_look(&moved, after(200)).await.expect("claim").expect("due");
    assert!(fresh.is_pinged() && fresh.pings == 4, "{fresh:?}");
});

on_both_engines!(news_is_what_no_issue_of_the_list_carries_since_the_list_began, async |test: &TestStore| {
    let (store, feed, news) = (&test.store, feed(), slug("news"));
    let list = store.state_of_list(&news, after(10)).await.expect("list");
    assert_eq!(store.name_of_list(list.number).await.expect("name"), Some(news.clone()));
    let first = store.post_ids(4).await.expect("numbers");
    let mut tx = store.begin().await.expect("begin");
    for (n, (name, standing, seen)) in [
        ("before-the-list", Standing::News, 5),
        ("fresh", Standing::News, 20),
        ("old", Standing::Baseline, 20),
        ("waiting", Standing::Waiting, 20),
    ]
    .into_iter()
    .enumerate()
    {
        let id = PostId(first.0 + i64::try_from(n).expect("small"));
        tx.add_post(id, &feed.name, &judged(name, standing), after(seen)).await.expect("added");
        tx.add_post(id, &feed.name, &judged(name, standing), after(seen)).await.expect("a second time is nothing");
    }
    tx.commit().await.expect("commit");
    let titles = async || -> Vec<String> {
        let posts = store.news_for(&feed.name, &news).await.expect("news");
        posts.into_iter().map(|post| post.post.fingerprint).collect()
    };
    assert_eq!(titles().await, ["fresh"]);
    let waiting = store.posts_standing(&feed.name, Standing::Waiting).await.expect("waiting").remove(0);
    assert_eq!(waiting.post, judged("waiting", Standing::Waiting).post);
    let mut tx = store.begin().await.expect("begin");
    let verdict = waiting.verdict.clone();
    let to = (Standing::News, "its date has come");
    assert!(tx.restand_post(waiting.id, Standing::Waiting, to, &verdict, after(30)).await.expect("moved"));
    assert!(!tx.restand_post(waiting.id, Standing::Waiting, to, &verdict, after(30)).await.expect("once"));
    tx.commit().await.expect("commit");
    assert_eq!(titles().await, ["fresh", "waiting"]);
    assert_eq!(store.find_posts("TITLE OF fresh").await.expect("found").len(), 1);
    assert_eq!(store.known_posts(&feed.name).await.expect("known").len(), 4);
});

on_both_engines!(digest_slots_only_move_forward, async |test: &TestStore| {
    let (store, news) = (&test.store, slug("news"));
    store.state_of_list(&news, now()).await.expect("list");
    assert!(store.skip_slots(&news, after(60)).await.expect("moved"));
    assert!(!store.skip_slots(&news, after(30)).await.expect("not back"));
    assert_eq!(store.state_of_list(&news, after(99)).await.expect("list").slots_until, after(60));
});

on_both_engines!(two_claimers_never_share_a_delivery, async |test: &TestStore| {
    let news = slug("news");
    let people: Vec<NewSubscriber> = (0..400).map(reader).collect();
    subscribe(&test.store, &news, &people).await;
    queue_issue(&test.store, "digest", IssueKind::Digest, Lane::Digest).await;
    let mut claimers = Vec::new();
    for _ in 0..4 {
        let store = test.open_again().await;
        claimers.push(tokio::spawn(async move {
            let holder = store.begin_holder(now()).await.expect("holder");
            let mut mine = Vec::new();
            loop {
                let claims = store.claim(&holder, Lane::Digest, 7, now()).await.expect("claim");
                if claims.deliveries.is_empty() {
                    break mine;
                }
                mine.extend(claims.deliveries.iter().map(|claimed| claimed.subscriber));
            }
        }));
    }
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.expect("no panic"));
    }
    all.sort_unstable();
    assert_eq!(all.len(), 400);
    all.dedup();
    assert_eq!(all.len(), 400, "no delivery was claimed twice");
});

on_both_engines!(the_ledger_keeps_reasons_in_order, async |test: &TestStore| {
    for n in 1..=3 {
        test.store.record(after(n), "feed:site", "baseline", &format!("reason {n}")).await.expect("recorded");
    }
    test.store.record(now(), "list:news", "skipped", "nothing new").await.expect("recorded");
    let last = test.store.entries_about("feed:site", 2).await.expect("entries");
    assert_eq!(last.iter().map(|entry| entry.reason.as_str()).collect::<Vec<_>>(), ["reason 2", "reason 3"]);
});
