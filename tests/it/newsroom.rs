//! What staff do: alerts by hand, tests, holds, cancellations; and what an alert is worth when it comes late.

mod correct;
mod drill;
mod machine;
mod report;
mod second_person;
mod window;

use std::sync::Arc;

use jiff::SignedDuration;
use tidings::{
    deliver::tally::Counts,
    domain::{
        delivery::Lane,
        issue::{Draft, IssueId},
    },
    newsroom::{self, NewsroomError, Placed, Seen, Sending, Statement},
    queue::Queued,
    stop::Stop,
    subscribe::Added,
};
use tokio::task::JoinHandle;

use crate::world::{
    Mail, Setup, World, address_of, recipients,
    relay::{Answer, Gate, Stage},
    send, slug, somebody, subjects,
};

const WORDS: &str = "The coalition **condemns** the transfer.\n\nPress: press@example.org\n";

/// Two of staff.
const STAFF: &str = "notify = [\"desk@example.org\", \"chief@example.org\"]";

/// The mail to one of staff that was sent last.
fn told(world: &World, address: &str) -> Mail {
    world.mails_to(address).pop().expect("staff are told")
}

/// Its text, wherever its lines end.
fn words(mail: &Mail) -> String {
    mail.text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn alert(world: &World, subject: &str, key: Option<&str>) -> Result<Queued, NewsroomError> {
    let statement = Statement { list: &slug("news"), subject, markdown: WORDS, key };
    send_now(world, &newsroom::draft_alert(&world.app, &statement)?).await
}

/// Sends a draft at once, to whomever it is for.
async fn send_now(world: &World, draft: &Draft) -> Result<Queued, NewsroomError> {
    let sending = Sending { by: &somebody(), window: SignedDuration::ZERO };
    match newsroom::send(&world.app, draft, &sending).await? {
        Placed::Queued(queued) => Ok(queued),
        Placed::Waits(issue) => panic!("issue {issue:?} waits for a second person"),
    }
}

/// A digest of one post, queued to all readers and not yet sent.
async fn digest_queued(world: &World) -> IssueId {
    world.next_look(&[world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    let pass = tidings::publish::publish_due(&world.app, Default::default()).await.expect("publishing goes well");
    assert_eq!(pass.digests, 1);
    world.issues().await.last().expect("the digest").id
}

/// Sends until the message after the first `sent` is on the wire, where it stays until the gate opens.
async fn half_sent(world: &World, sent: usize) -> (JoinHandle<()>, Gate) {
    let gate = Gate::closed();
    for _ in 0..sent {
        world.relay.answer_once(Stage::Dot, Answer::Usual);
    }
    world.relay.answer_once(Stage::Dot, Answer::Held(gate.clone()));
    let app = Arc::clone(&world.app);
    let sending = tokio::spawn(async move {
        send(&app, Lane::Digest, &Stop::default()).await;
    });
    world.relay.wait_for(Stage::Dot, sent + 1).await;
    (sending, gate)
}

/// Sends a message that the relay puts off, after what staff do while it is on the wire.
async fn put_off_after(world: &World, wish: impl Future<Output = Result<u64, NewsroomError>>) -> Counts {
    let gate = Gate::closed();
    world.relay.answer_once(Stage::Rcpt, Answer::Held(gate.clone()));
    world.relay.answer_once(Stage::Data, Answer::Reply("451 4.3.0 later"));
    let app = Arc::clone(&world.app);
    let sending = tokio::spawn(async move { send(&app, Lane::Digest, &Stop::default()).await });
    world.relay.wait_for(Stage::Rcpt, 1).await;
    wish.await.expect("it is being sent");
    gate.open();
    sending.await.expect("no panic")
}

/// Waits until the states of an issue's deliveries are these, in words.
async fn until_states_are(world: &World, issue: IssueId, states: &str) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while world.states(issue).await != states {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    if waited.await.is_err() {
        panic!("waited in vain for `{states}`; they are `{}`", world.states(issue).await);
    }
}

#[tokio::test]
async fn a_manual_alert_goes_to_every_reader_at_once() {
    let world = World::new().await;
    world.readers(3).await;
    let queued = alert(&world, "Statement on the transfer", None).await.expect("queued");
    assert_eq!(queued.readers, 3);
    world.run().await;
    let mails = world.mails();
    assert_eq!(recipients(&mails), ["reader1@example.org", "reader2@example.org", "reader3@example.org"]);
    assert_eq!(mails[0].subject, "Statement on the transfer");
    assert!(mails[0].html.contains("<strong>condemns</strong>"), "{}", mails[0].html);
    assert!(mails[0].text.contains("Press: press@example.org"), "{}", mails[0].text);
    assert_eq!(world.states(queued.issue).await, "sent 3");
}

#[tokio::test]
async fn a_manual_alert_goes_once_for_its_words_and_once_for_its_key() {
    let world = World::new().await;
    world.readers(1).await;
    let first = alert(&world, "Statement", None).await.expect("queued");
    let again = alert(&world, "Statement", None).await.expect_err("the same words");
    assert!(matches!(&again, NewsroomError::MadeBefore(issue) if issue.id == first.issue), "{again}");
    alert(&world, "Statement", Some("june")).await.expect("another key");
    let again = alert(&world, "Another statement", Some("june")).await.expect_err("the same key");
    assert!(matches!(&again, NewsroomError::MadeBefore(issue) if issue.subject == "Statement"), "{again}");
    alert(&world, "Another statement", None).await.expect("other words");
    let both = tokio::join!(alert(&world, "Clicked twice", None), alert(&world, "Clicked twice", None));
    assert_eq!([both.0.is_ok(), both.1.is_ok()].iter().filter(|&&well| well).count(), 1);
    world.run().await;
    world.run().await;
    let mails = world.mails();
    let mut subjects = subjects(&mails);
    subjects.sort_unstable();
    assert_eq!(subjects, ["Another statement", "Clicked twice", "Statement", "Statement"]);
}

#[tokio::test]
async fn an_alert_without_words_or_list_is_refused() {
    let world = World::new().await;
    let draft = |subject, markdown| {
        let statement = Statement { list: &slug("news"), subject, markdown, key: None };
        newsroom::draft_alert(&world.app, &statement).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(draft(" ", WORDS), Err("an alert needs a subject and a statement with words in it".to_owned()));
    assert_eq!(draft("Statement", "\n"), Err("an alert needs a subject and a statement with words in it".to_owned()));
    let nowhere = Statement { list: &slug("nowhere"), subject: "Statement", markdown: WORDS, key: None };
    let refused = newsroom::draft_alert(&world.app, &nowhere).expect_err("no such list");
    assert_eq!(refused.to_string(), "the configuration has no list `nowhere`");
}

#[tokio::test]
async fn a_test_goes_to_one_address_alone_and_looks_different() {
    let world = World::new().await;
    world.readers(2).await;
    let statement = Statement { list: &slug("news"), subject: "Statement", markdown: WORDS, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    newsroom::test(&world.app, &draft, &address_of("press@example.org")).await.expect("queued");
    world.run().await;
    let mails = world.new_mails();
    assert_eq!((recipients(&mails), mails[0].subject.as_str()), (vec!["press@example.org"], "[Test] Statement"));
    for header in ["list-id", "list-unsubscribe", "list-unsubscribe-post", "precedence"] {
        assert_eq!(mails[0].header(header), "", "{header}");
    }
    // It made no issue, so the alert itself can still be sent, and it subscribed nobody.
    assert_eq!(send_now(&world, &draft).await.expect("queued").readers, 2);
    world.run().await;
    assert_eq!(recipients(&world.new_mails()), ["reader1@example.org", "reader2@example.org"]);
    assert_eq!(world.join("news", "press@example.org").await, Added::Joined);
}

#[tokio::test]
async fn what_was_previewed_is_what_is_sent() {
    let world = World::new().await;
    world.readers(1).await;
    let statement = Statement { list: &slug("news"), subject: "Statement – “now”", markdown: WORDS, key: None };
    let draft = newsroom::draft_alert(&world.app, &statement).expect("a draft");
    let before = newsroom::preview(&world.app, &draft).await.expect("a preview");
    let issue = send_now(&world, &draft).await.expect("queued").issue;
    world.hours(1);
    world.run().await;
    let frozen = newsroom::preview_issue(&world.app, issue).await.expect("a preview");
    let mail = &world.mails()[0];
    // Before it is made it has no number, and so no page in the archive yet.
    for (preview, number) in [(before, "/archive/news/0"), (frozen, "/archive/news/1")] {
        let as_shown = |part: &str| mail.to_nobody(part).replace("/archive/news/1", number);
        assert_eq!(preview.subject, mail.subject);
        assert_eq!(preview.text, as_shown(&mail.text));
        assert_eq!(preview.html, as_shown(&mail.html));
    }
}

#[tokio::test]
async fn a_held_issue_stops_where_it_is_on_sqlite() {
    a_held_issue_stops_where_it_is_and_goes_on_when_released(World::setup()).await;
}

#[tokio::test]
async fn a_held_issue_stops_where_it_is_on_postgres() {
    a_held_issue_stops_where_it_is_and_goes_on_when_released(World::setup().on_postgres()).await;
}

async fn a_held_issue_stops_where_it_is_and_goes_on_when_released(setup: Setup) {
    let world = setup.relay("connections = 1").start().await;
    world.begin(40).await;
    let issue = digest_queued(&world).await;
    let (sending, gate) = half_sent(&world, 4).await;
    newsroom::hold(&world.app, issue, "a wrong date in it", &somebody()).await.expect("it is being sent");
    // What was claimed a minute ago is looked at again before it is offered.
    world.minutes(1);
    gate.open();
    sending.await.expect("no panic");
    assert_eq!((world.mails().len(), world.states(issue).await.as_str()), (5, "queued 35, sent 5"));

    world.hours(1);
    world.run().await;
    assert_eq!(world.mails().len(), 5, "it stays held");
    newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect("it was held");
    world.run().await;
    let mut all: Vec<String> = world.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(all.len(), 40);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40, "nobody gets it twice");
    assert_eq!(world.states(issue).await, "sent 40");
}

#[tokio::test]
async fn two_people_who_release_or_hold_at_once_do_it_once() {
    let world = World::new().await;
    world.begin(2).await;
    let issue = digest_queued(&world).await;
    let ana = somebody();
    let (one, two) =
        tokio::join!(newsroom::hold(&world.app, issue, "why", &ana), newsroom::hold(&world.app, issue, "why", &ana));
    let (well, not) = if one.is_ok() { (one, two) } else { (two, one) };
    assert!(matches!((&well, &not), (Ok(2), Err(NewsroomError::WrongState { .. }))), "{well:?} {not:?}");
    let (one, two) = tokio::join!(
        newsroom::release(&world.app, issue, &ana, Seen::Now),
        newsroom::release(&world.app, issue, &ana, Seen::Now)
    );
    let (well, not) = if one.is_ok() { (one, two) } else { (two, one) };
    let queued = Queued { issue, readers: 2, goes_at: world.clock.now() };
    assert!(matches!(&not, Err(NewsroomError::WrongState { .. })), "{not:?}");
    assert_eq!(well.expect("one of them releases it"), Placed::Queued(queued));
    assert_eq!(
        world.ledger(&format!("issue:{}", issue.0)).await[1..],
        ["held: why, by ana at the machine", "queued: released by ana at the machine, goes on"]
    );
}

#[tokio::test]
async fn what_of_a_held_issue_was_put_off_waits_for_its_release() {
    let world = World::setup().relay("connections = 1").start().await;
    world.begin(1).await;
    let issue = digest_queued(&world).await;
    let sending = put_off_after(&world, newsroom::hold(&world.app, issue, "a wrong date in it", &somebody())).await;
    assert_eq!(sending.deferred, 1);
    world.hours(2);
    world.run().await;
    assert_eq!((world.mails().len(), world.states(issue).await.as_str()), (0, "deferred 1"));
    newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.expect("it was held");
    world.run().await;
    assert_eq!((world.mails().len(), world.states(issue).await.as_str()), (1, "sent 1"));
}

#[tokio::test]
async fn a_cancelled_issue_is_not_sent_on() {
    let world = World::setup().relay("connections = 1").start().await;
    world.begin(40).await;
    let issue = digest_queued(&world).await;
    let (sending, gate) = half_sent(&world, 4).await;
    newsroom::cancel(&world.app, issue, "it was wrong", &somebody()).await.expect("it is being sent");
    world.minutes(1);
    gate.open();
    sending.await.expect("no panic");
    world.hours(2);
    world.run().await;
    assert_eq!((world.mails().len(), world.states(issue).await.as_str()), (5, "sent 5, dropped 35"));
    for refused in [
        newsroom::release(&world.app, issue, &somebody(), Seen::Now).await.map(drop),
        newsroom::cancel(&world.app, issue, "", &somebody()).await.map(drop),
    ] {
        assert!(matches!(refused, Err(NewsroomError::WrongState { .. })), "{refused:?}");
    }
    // Its posts are not news again.
    world.until("2024-05-06T09:00:00Z");
    assert_eq!(world.run().await.made(), (0, 0, 0));
}

#[tokio::test]
async fn what_of_a_cancelled_issue_was_put_off_is_given_up() {
    let world = World::setup().relay("connections = 1").start().await;
    world.begin(1).await;
    let issue = digest_queued(&world).await;
    let sending = put_off_after(&world, newsroom::cancel(&world.app, issue, "it was wrong", &somebody())).await;
    assert_eq!(sending.deferred, 1);
    world.hours(2);
    world.run().await;
    assert_eq!((world.mails().len(), world.states(issue).await.as_str()), (0, "dropped 1"));
}

#[tokio::test]
async fn an_alert_that_could_not_be_sent_in_time_expires() {
    let world = World::new().await;
    world.begin(2).await;
    world.relay.answer(Stage::Connect, Answer::Reply("421 4.3.2 not now"));
    let ran = world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!((ran.made(), ran.counts.total()), ((1, 1, 0), 0));
    assert!(ran.counts.trouble.is_some_and(|trouble| trouble.contains("421")));
    let issue = world.issues().await[0].id;
    assert_eq!(world.states(issue).await, "queued 2");
    world.hours(11);
    assert!(world.run().await.counts.trouble.is_some());
    world.hours(2);
    world.relay.answer(Stage::Connect, Answer::Usual);
    let ran = world.run().await;
    assert_eq!((ran.counts.sent, ran.counts.expired, world.mails().len()), (0, 2, 0));
    assert_eq!(world.states(issue).await, "expired 2");
}

#[tokio::test]
async fn an_alert_that_was_held_up_goes_while_it_is_of_use() {
    let world = World::new().await;
    world.begin(2).await;
    world.relay.answer(Stage::Connect, Answer::Reply("554 5.3.2 no service"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.hours(11);
    world.relay.answer(Stage::Connect, Answer::Usual);
    assert_eq!(world.run().await.counts.sent, 2);
}

#[tokio::test]
async fn an_alert_overtakes_a_half_sent_digest() {
    let world = World::setup().relay("connections = 1").start().await;
    world.begin(40).await;
    let digest = digest_queued(&world).await;
    let (sending, gate) = half_sent(&world, 4).await;
    let alert = alert(&world, "Statement", None).await.expect("queued").issue;
    until_states_are(&world, alert, "queued 8, sending 32").await;
    gate.open();
    sending.await.expect("no panic");
    let mails = world.mails();
    let order: Vec<bool> = mails.iter().map(|mail| mail.subject == "Statement").collect();
    let expected: Vec<bool> = [vec![false; 5], vec![true; 40], vec![false; 35]].concat();
    assert_eq!(order, expected, "five digests, then every alert, then the rest");
    assert_eq!((world.states(digest).await, world.states(alert).await), ("sent 40".into(), "sent 40".into()));
}

#[tokio::test]
async fn an_alert_to_nobody_is_refused_and_may_be_sent_later() {
    let world = World::new().await;
    assert!(matches!(alert(&world, "We condemn it", None).await, Err(NewsroomError::NoReaders(_))));
    world.readers(1).await;
    world.run().await;
    assert_eq!(alert(&world, "We condemn it", None).await.expect("somebody is there").readers, 1);
}

#[tokio::test]
async fn a_held_alert_whose_time_ran_out_is_not_released() {
    let world = World::new().await;
    world.begin(1).await;
    let queued = alert(&world, "We condemn it", None).await.expect("queued");
    newsroom::hold(&world.app, queued.issue, "wait", &somebody()).await.expect("held");
    world.hours(13);
    assert!(matches!(
        newsroom::release(&world.app, queued.issue, &somebody(), Seen::Now).await,
        Err(NewsroomError::TooLate { .. })
    ));
}

#[tokio::test]
async fn an_issue_that_is_sent_whole_cannot_be_held_any_more() {
    let world = World::new().await;
    world.begin(2).await;
    let queued = alert(&world, "We condemn it", None).await.expect("queued");
    world.run().await;
    let held = newsroom::hold(&world.app, queued.issue, "too late", &somebody()).await;
    assert!(matches!(held, Err(NewsroomError::WrongState { .. })), "{held:?}");
}
