//! Alarms: what a step cannot mend, staff hear of, once, in one notice, and not when it has passed by itself.

use jiff::{SignedDuration, Timestamp};
use tidings::{
    domain::{
        alarm::{Alarm, AlarmKind, GRACE},
        issue::{IssueId, IssueState},
    },
    newsroom,
    store::{Store, alarms::DueAlarm},
};

use crate::world::{
    Mail, Setup, World, somebody,
    stores::{TestStore, on_both_engines},
};

const RELAY: &str = "relay:main";
const TROUBLE: AlarmKind = AlarmKind::RelayInTrouble;

fn start() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().expect("a timestamp")
}

fn after(start: Timestamp, minutes: i64) -> Timestamp {
    start.checked_add(SignedDuration::from_mins(minutes)).expect("in range")
}

fn alarm(about: &str, kind: AlarmKind, tell_after: Timestamp) -> Alarm {
    Alarm { about: about.into(), kind, words: format!("{about} is not well; look after it."), tell_after }
}

/// The relay does not answer: staff are told when it still does not ten minutes later.
fn blink(now: Timestamp) -> Alarm {
    alarm(RELAY, TROUBLE, now.checked_add(GRACE).expect("in range"))
}

async fn raise(world: &World, alarm: Alarm) {
    world.app.store.raise_alarm(&alarm, world.clock.now()).await.expect("raised");
}

async fn clear(world: &World) {
    world.app.store.clear_alarm(RELAY, TROUBLE, world.clock.now()).await.expect("cleared");
}

/// What staff are told now.
async fn told(world: &World) -> Vec<Mail> {
    newsroom::tell_alarms(&world.app).await.expect("told");
    world.run().await;
    let mails = world.new_mails();
    assert!(mails.iter().all(|mail| mail.to == "desk@example.org"));
    mails
}

/// The subject of the one notice that staff get now.
async fn subject(world: &World) -> String {
    let mut mails = told(world).await;
    assert_eq!(mails.len(), 1, "one notice");
    mails.remove(0).subject
}

async fn due(store: &Store, now: Timestamp) -> Vec<DueAlarm> {
    store.due_alarms(now).await.expect("due")
}

async fn tell(store: &Store, alarm: &DueAlarm, now: Timestamp) -> bool {
    let mut tx = store.begin().await.expect("begin");
    let told = tx.alarm_told(alarm, now).await.expect("noted");
    tx.commit().await.expect("commit");
    told
}

async fn in_the_ledger(store: &Store) -> Vec<String> {
    let entries = store.entries_about(RELAY, 100).await.expect("the ledger");
    entries.into_iter().map(|entry| entry.event).collect()
}

on_both_engines!(an_alarm_is_raised_once_and_again_when_it_goes_on_for_a_day, async |test: &TestStore| {
    let (store, now) = (&test.store, start());
    for minutes in [0, 1, 9] {
        store.raise_alarm(&blink(after(now, minutes)), after(now, minutes)).await.expect("raised");
    }
    assert_eq!(due(store, after(now, 9)).await, []);
    let first = due(store, after(now, 10)).await;
    assert_eq!((first.len(), first[0].kind, first[0].at, first[0].told_at), (1, TROUBLE, now, None));
    assert!(tell(store, &first[0], after(now, 10)).await);
    assert!(!tell(store, &first[0], after(now, 10)).await, "it is told once");
    for minutes in [11, 60, 60 * 24] {
        store.raise_alarm(&blink(after(now, minutes)), after(now, minutes)).await.expect("raised");
        assert_eq!(due(store, after(now, minutes + 10)).await, [], "after {minutes} minutes");
    }
    let next_day = after(now, 60 * 24 + 10);
    store.raise_alarm(&blink(next_day), next_day).await.expect("raised");
    let again = due(store, next_day).await;
    assert_eq!((again.len(), again[0].at, again[0].told_at), (1, now, Some(after(now, 10))));
    assert_eq!(in_the_ledger(store).await, ["alarm", "alarm"]);
});

on_both_engines!(what_is_over_before_its_time_leaves_nothing_to_tell, async |test: &TestStore| {
    let (store, now) = (&test.store, start());
    store.clear_alarm(RELAY, TROUBLE, now).await.expect("nothing to clear");
    store.raise_alarm(&blink(now), now).await.expect("raised");
    store.clear_alarm(RELAY, TROUBLE, after(now, 9)).await.expect("cleared");
    assert_eq!(due(store, after(now, 60)).await, []);
    assert_eq!(in_the_ledger(store).await, ["alarm", "all-clear"]);
    // The next trouble has its own ten minutes.
    store.raise_alarm(&blink(after(now, 60)), after(now, 60)).await.expect("raised");
    assert_eq!(due(store, after(now, 69)).await, []);
    assert_eq!(due(store, after(now, 70)).await[0].at, after(now, 60));
});

on_both_engines!(what_is_over_is_told_to_those_who_heard_or_should_have_heard_of_it, async |test: &TestStore| {
    let (store, now) = (&test.store, start());
    store.raise_alarm(&alarm(RELAY, TROUBLE, now), now).await.expect("raised");
    let before = due(store, now).await.remove(0);
    store.clear_alarm(RELAY, TROUBLE, after(now, 1)).await.expect("cleared");
    assert!(!tell(store, &before, after(now, 1)).await, "it is not as it was");
    let over = due(store, after(now, 1)).await.remove(0);
    assert_eq!((over.told_at, over.over_at), (None, Some(after(now, 1))));
    assert!(tell(store, &over, after(now, 1)).await);
    assert_eq!(due(store, after(now, 60)).await, []);

    // Trouble that comes back before anybody heard that it was over goes on.
    store.raise_alarm(&alarm(RELAY, TROUBLE, now), now).await.expect("raised");
    assert!(tell(store, &due(store, now).await[0], now).await);
    store.clear_alarm(RELAY, TROUBLE, after(now, 1)).await.expect("cleared");
    let over = due(store, after(now, 1)).await.remove(0);
    store.raise_alarm(&alarm(RELAY, TROUBLE, after(now, 2)), after(now, 2)).await.expect("raised");
    assert!(!tell(store, &over, after(now, 2)).await, "it is not over");
    assert_eq!(due(store, after(now, 60)).await, []);
});

on_both_engines!(what_proves_to_be_urgent_does_not_wait, async |test: &TestStore| {
    let (store, now) = (&test.store, start());
    store.raise_alarm(&blink(now), now).await.expect("raised");
    let refused = Alarm { words: "The login was refused.".into(), ..alarm(RELAY, TROUBLE, after(now, 1)) };
    store.raise_alarm(&refused, after(now, 1)).await.expect("raised");
    assert_eq!(due(store, after(now, 1)).await[0].words, "The login was refused.");
});

on_both_engines!(two_who_raise_at_once_raise_one, async |test: &TestStore| {
    let (one, other) = (&test.store, test.open_again().await);
    let (first, second) = (alarm(RELAY, TROUBLE, start()), alarm(RELAY, TROUBLE, start()));
    let (first, second) = tokio::join!(one.raise_alarm(&first, start()), other.raise_alarm(&second, start()));
    first.and(second).expect("raised");
    assert_eq!(in_the_ledger(one).await, ["alarm"]);
    assert_eq!(due(one, start()).await.len(), 1);
});

#[tokio::test]
async fn a_relay_that_blinks_mails_nobody() {
    let world = World::new().await;
    raise(&world, blink(world.clock.now())).await;
    world.minutes(9);
    assert_eq!(told(&world).await.len(), 0);
    clear(&world).await;
    world.hours(1);
    assert_eq!(told(&world).await.len(), 0);
}

async fn an_alarm_is_told_once_and_so_is_its_end(setup: Setup) {
    let world = setup.start().await;
    raise(&world, blink(world.clock.now())).await;
    world.minutes(10);
    let first = told(&world).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].subject, "Alarm: relay in trouble (relay:main)");
    let lines = ["relay:main is not well; look after it.", "relay:main: noticed at 2024-04-24T12:00:00Z"];
    assert!(lines.iter().all(|line| first[0].text.contains(line)), "{}", first[0].text);
    world.hours(23);
    raise(&world, blink(world.clock.now())).await;
    assert_eq!(told(&world).await.len(), 0);
    world.hours(2);
    raise(&world, blink(world.clock.now())).await;
    let again = told(&world).await;
    assert!(again[0].text.contains("It goes on. relay:main is not well"), "{}", again[0].text);
    clear(&world).await;
    clear(&world).await;
    assert_eq!(subject(&world).await, "All clear: relay in trouble (relay:main)");
    world.hours(48);
    assert_eq!(told(&world).await.len(), 0);
    // The next trouble is told anew.
    raise(&world, alarm(RELAY, TROUBLE, world.clock.now())).await;
    assert_eq!(subject(&world).await, "Alarm: relay in trouble (relay:main)");
}

#[tokio::test]
async fn an_alarm_is_told_once_and_so_is_its_end_on_sqlite() {
    an_alarm_is_told_once_and_so_is_its_end(World::setup()).await;
}

#[tokio::test]
async fn an_alarm_is_told_once_and_so_is_its_end_on_postgres() {
    an_alarm_is_told_once_and_so_is_its_end(World::setup().on_postgres()).await;
}

#[tokio::test]
async fn trouble_that_was_over_before_anybody_could_tell_is_told_as_past() {
    let world = World::new().await;
    raise(&world, blink(world.clock.now())).await;
    world.minutes(30);
    clear(&world).await;
    let mails = told(&world).await;
    assert_eq!((mails.len(), mails[0].subject.as_str()), (1, "All clear: relay in trouble (relay:main)"));
    let text = mails[0].text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("It is over already: relay in trouble (relay:main). It was: relay:main is not well"),
        "{text}"
    );
    assert!(text.contains("noticed at 2024-04-24T12:00:00Z, over since 2024-04-24T12:30:00Z"), "{text}");
}

#[tokio::test]
async fn what_comes_together_is_told_in_one_notice() {
    let world = World::new().await;
    let now = world.clock.now();
    raise(&world, alarm(RELAY, TROUBLE, now)).await;
    assert_eq!(subject(&world).await, "Alarm: relay in trouble (relay:main)");
    clear(&world).await;
    raise(&world, alarm("issue:7", AlarmKind::IssueHeld, now)).await;
    raise(&world, alarm("store", AlarmKind::StoreUnwritable, now)).await;
    raise(&world, alarm("relay:other", AlarmKind::RelayInTrouble, after(now, 10))).await;
    let mails = told(&world).await;
    assert_eq!((mails.len(), mails[0].subject.as_str()), (1, "Alarm: issue held (issue:7), and 2 more"));
    for line in ["issue:7 is not well", "store is not well", "It is over: relay in trouble (relay:main)."] {
        assert!(mails[0].text.contains(line), "{line}: {}", mails[0].text);
    }
    world.minutes(10);
    assert_eq!(subject(&world).await, "Alarm: relay in trouble (relay:other)");
}

#[tokio::test]
async fn two_who_tell_at_once_tell_once() {
    let world = World::new().await;
    raise(&world, alarm(RELAY, TROUBLE, world.clock.now())).await;
    let other = world.another().await;
    let (one, two) = tokio::join!(newsroom::tell_alarms(&world.app), newsroom::tell_alarms(&other));
    one.and(two).expect("told");
    assert_eq!(told(&world).await.len(), 1);
}

#[tokio::test]
async fn a_harmless_one_is_told_once_and_never_again() {
    let world = World::new().await;
    for _ in 0..3 {
        raise(&world, alarm(RELAY, AlarmKind::RelayBreaksItsWord, world.clock.now())).await;
        told(&world).await;
        world.hours(48);
    }
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn without_staff_an_alarm_is_in_the_ledger_and_stops_nothing() {
    let mut world = World::new().await;
    world.change_config("notify = [\"desk@example.org\"]", "notify = []");
    world.restart().await;
    raise(&world, alarm(RELAY, TROUBLE, world.clock.now())).await;
    assert_eq!(told(&world).await.len(), 0);
    assert_eq!(due(&world.app.store, world.clock.now()).await, [], "it is not warned of at each tick");
    assert_eq!(world.ledger(RELAY).await, ["alarm: relay:main is not well; look after it."]);
}

#[tokio::test]
async fn a_run_tells_what_was_raised_before_it() {
    let world = World::setup().at(Timestamp::now()).start().await;
    raise(&world, alarm("store", AlarmKind::StoreUnwritable, world.clock.now())).await;
    world.tidings(&["run"]).await.well();
    assert_eq!(world.mails_to("desk@example.org")[0].subject, "Alarm: database could not be written (store)");
}

#[tokio::test]
async fn delivery_holds_an_issue_and_staff_hear_of_it_or_neither() {
    let world = World::new().await;
    world.begin(3).await;
    world.next_look(&[world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    tidings::publish::publish_due(&world.app, Default::default()).await.expect("publishing goes well");
    let (store, now, issue) = (&world.app.store, world.clock.now(), world.issues().await[0].id);
    let hold = async |id: IssueId| {
        let mut tx = store.begin().await?;
        let held = tx.hold_issue(id, "every reader is refused", now).await?;
        if held.is_some() {
            tx.raise_alarm(&alarm(&id.about(), AlarmKind::IssueHeld, now), now).await?;
        }
        tx.commit().await.map(|()| held)
    };
    assert_eq!(hold(issue).await.expect("held"), Some(3));
    assert_eq!(hold(issue).await.expect("held before"), None);
    assert_eq!(hold(IssueId(99)).await.expect("no such issue"), None);
    assert_eq!(subject(&world).await, "Alarm: issue held (issue:1)");
    assert_eq!((world.issues().await[0].state, world.states(issue).await.as_str()), (IssueState::Held, "queued 3"));
    assert_eq!(
        world.ledger("issue:1").await[1..],
        ["held: every reader is refused", "alarm: issue:1 is not well; look after it."]
    );
    newsroom::release(&world.app, issue, &somebody(), newsroom::Seen::Now).await.expect("it was held");
    world.run().await;
    assert_eq!(world.states(issue).await, "sent 3");
    assert_eq!(store.hold_issue(IssueId(99), "x", now).await.expect("no such issue"), None);
}
