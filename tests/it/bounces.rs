//! Bounces and complaints: what is noted of them, once for each message, and what follows. Reports come by mail as real
//! systems write them, or from the relay at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use tidings::{
    domain::{
        alarm::AlarmKind,
        report::{Report, ReportKind},
        subscription::SubscriptionState,
        suppression::SuppressionKind,
    },
    intake::{
        self, Incoming, Taken,
        bounces::{self, Noted},
    },
    newsroom::{self, Lifted},
    store::{alarms::DueAlarm, suppressions::Scope},
    subscribe,
};

use crate::world::{
    Mail, Setup, World, address_of,
    relay::{Answer, Stage},
    slug,
};

const READER: &str = "reader1@example.org";

/// A house whose readers have had so many alerts, on either engine.
async fn alerted(setup: Setup, readers: usize, alerts: usize) -> World {
    let world = setup.list("alerts_per_day = 100").start().await;
    world.begin(readers).await;
    for n in 0..alerts {
        alert(&world, n).await;
    }
    world
}

async fn alert(world: &World, n: usize) {
    let ran = world.next_look(&[world.post(&format!("Coalition condemns transfer {n}"))]).await;
    assert_eq!(ran.made(), (1, 1, 0), "{ran:?}");
}

/// Runs a claim on both engines.
macro_rules! in_a_world_on_both_engines {
    ($($name:ident, $body:expr;)*) => { $(
        mod $name {
            #[allow(unused_imports, reason = "the body is written against the names of its parent")]
            use super::*;

            #[tokio::test]
            async fn on_sqlite() {
                let body = $body;
                body(World::setup()).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                let body = $body;
                body(World::setup().on_postgres()).await;
            }
        }
    )* };
}

/// A delivery status about a mail of ours, as Postfix sends it.
fn status(mail: &Mail, action: &str, code: &str, words: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r\nTo: {from}\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nI'm sorry to have to inform you that your message could not be delivered.\r\n\
         <{to}>: {words}\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {code}\r\nDiagnostic-Code: smtp; {words}\r\n--b\r\n\
         Content-Type: message/rfc822\r\n\r\nMessage-ID: {id}\r\nSubject: {subject}\r\n\r\nx\r\n--b--\r\n",
        from = mail.from,
        to = mail.to,
        id = mail.header("message-id"),
        subject = mail.subject,
    )
}

fn gone(mail: &Mail) -> String {
    status(mail, "failed", "5.1.1", "550 5.1.1 User unknown")
}

fn full(mail: &Mail) -> String {
    status(mail, "failed", "5.2.2", "552 5.2.2 over quota")
}

/// Each letter is another one, for the same one is taken once.
async fn take(world: &World, recipient: &str, message: &str) -> Taken {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let message = format!("X-Number: {}\r\n{message}", NEXT.fetch_add(1, Ordering::Relaxed));
    let incoming = Incoming { recipient: Some(recipient), sender: Some(""), bytes: message.as_bytes() };
    intake::take(&world.app, &incoming).await.expect("the store takes it")
}

/// Takes a report about a mail, sent to its envelope sender, and judges it.
async fn report(world: &World, mail: &Mail, message: &str) -> Taken {
    let taken = take(world, &mail.from, message).await;
    bounces::judge_bounces(&world.app).await.expect("the store takes it");
    taken
}

/// How an address is suppressed, if it is.
async fn suppressed(world: &World, address: &str) -> Option<SuppressionKind> {
    world.app.store.suppression_kind(&address_of(address), Scope::All).await.expect("the store answers")
}

/// The last mail to an address.
fn last(world: &World, address: &str) -> Mail {
    world.mails_to(address).pop().expect("a mail")
}

async fn alarms(world: &World) -> Vec<DueAlarm> {
    world.app.store.due_alarms(world.clock.now()).await.expect("alarms")
}

in_a_world_on_both_engines! {
    who_is_gone_gets_nothing_more_and_the_others_get_theirs, async |setup: Setup| {
        let world = alerted(setup, 2, 1).await;
        let mail = last(&world, READER);
        assert_eq!(report(&world, &mail, &gone(&mail)).await, Taken::Reported(ReportKind::Hard));
        assert_eq!(suppressed(&world, READER).await, Some(SuppressionKind::Bounce));
        assert!(alarms(&world).await.is_empty());
        alert(&world, 1).await;
        assert_eq!((world.mails_to(READER).len(), world.mails_to("reader2@example.org").len()), (1, 2));
        let reason = world.app.store.suppression(&address_of(READER), &slug("news")).await.expect("a reason");
        assert_eq!(reason.as_deref(), Some("smtp; 550 5.1.1 User unknown"));
        assert_eq!(world.ledger("suppressions").await.len(), 1);
    };

    what_passes_counts_when_it_is_the_third_of_the_last_five, async |setup: Setup| {
        let world = alerted(setup, 2, 1).await;
        // One of six, two of six, then the first is no longer among the last five.
        for (n, comes_back) in [(1, true), (2, false), (3, false), (4, true), (5, false), (6, true), (7, true)] {
            assert_eq!(suppressed(&world, READER).await, None, "before {n}");
            let mail = last(&world, READER);
            if comes_back {
                assert_eq!(report(&world, &mail, &full(&mail)).await, Taken::Reported(ReportKind::Soft));
            }
            alert(&world, n).await;
        }
        assert_eq!(suppressed(&world, READER).await, Some(SuppressionKind::Bounce));
        assert_eq!(world.mails_to(READER).len(), 7, "the seventh was the last");
        assert_eq!(suppressed(&world, "reader2@example.org").await, None);
    };

    a_relays_refusal_is_a_bounce_at_once, async |setup: Setup| {
        let world = setup.list("alerts_per_day = 100").start().await;
        world.begin(3).await;
        world.relay.answer_recipient(READER, Answer::Reply("550 5.1.1 <reader1@example.org> is unknown"));
        world.relay.answer_recipient("reader2@example.org", Answer::Reply("554 5.7.1 this group is for members"));
        alert(&world, 0).await;
        assert_eq!(suppressed(&world, READER).await, Some(SuppressionKind::Bounce));
        assert_eq!(suppressed(&world, "reader2@example.org").await, None);
        for n in 1..5 {
            alert(&world, n).await;
        }
        assert_eq!(world.relay.ledger().lines(Stage::Rcpt).iter().filter(|line| line.contains(READER)).count(), 1);
        assert_eq!(suppressed(&world, "reader2@example.org").await, Some(SuppressionKind::Bounce), "three times is enough");
        assert_eq!(world.mails_to("reader3@example.org").len(), 5);
    };

    one_delivery_counts_once_and_what_is_worse_stands, async |setup: Setup| {
        let world = alerted(setup, 1, 1).await;
        let mail = last(&world, READER);
        assert_eq!(report(&world, &mail, &full(&mail)).await, Taken::Reported(ReportKind::Soft));
        for _ in 0..5 {
            let again = report(&world, &mail, &full(&mail)).await;
            assert!(matches!(again, Taken::Nothing(_)), "{again:?}");
        }
        assert_eq!(suppressed(&world, READER).await, None);
        assert_eq!(report(&world, &mail, &gone(&mail)).await, Taken::Reported(ReportKind::Hard));
        assert!(matches!(report(&world, &mail, &full(&mail)).await, Taken::Nothing(_)));
        assert_eq!(suppressed(&world, READER).await, Some(SuppressionKind::Bounce));
        assert_eq!(bounces::judge_bounces(&world.app).await.expect("the store answers"), 0, "all is judged");
    };

    a_complaint_ends_the_subscription_and_nobody_may_lift_it, async |setup: Setup| {
        let world = alerted(setup, 2, 1).await;
        let mail = last(&world, READER);
        report(&world, &mail, &gone(&mail)).await;
        assert_eq!(report(&world, &mail, &complaint(&mail, "abuse")).await, Taken::Reported(ReportKind::Complaint));
        let subscriptions = world.app.store.subscriptions_of(&address_of(READER)).await.expect("subscriptions");
        assert_eq!(subscriptions[0].state, SubscriptionState::Ended);
        assert_eq!(suppressed(&world, READER).await, Some(SuppressionKind::Complaint), "it is more than a bounce");
        let lifted = newsroom::lift(&world.app, &address_of(READER), Scope::All).await.expect("the store answers");
        assert_eq!(lifted, Lifted::Stays(SuppressionKind::Complaint));
        alert(&world, 1).await;
        assert_eq!(world.mails_to(READER).len(), 1);
    };

    staff_may_lift_what_came_back_and_it_counts_no_more, async |setup: Setup| {
        let world = alerted(setup, 1, 1).await;
        for n in 1..=3 {
            let mail = last(&world, READER);
            report(&world, &mail, &full(&mail)).await;
            if n < 3 {
                alert(&world, n).await;
            }
        }
        assert_eq!(suppressed(&world, READER).await, Some(SuppressionKind::Bounce));
        let lifted = newsroom::lift(&world.app, &address_of(READER), Scope::All).await.expect("the store takes it");
        assert_eq!((lifted, suppressed(&world, READER).await), (Lifted::Lifted, None));
        // A copy of an old report changes nothing, nor does a worse one about a message of that time.
        let old = last(&world, READER);
        report(&world, &old, &gone(&old)).await;
        alert(&world, 3).await;
        let mail = last(&world, READER);
        report(&world, &mail, &full(&mail)).await;
        assert_eq!(suppressed(&world, READER).await, None, "the first since then");
        let lifted = newsroom::lift(&world.app, &address_of(READER), Scope::All).await.expect("the store answers");
        assert_eq!(lifted, Lifted::NotSuppressed);
    };

    staff_hear_of_refusals_for_what_we_are_and_nobody_is_suppressed, async |setup: Setup| {
        let world = alerted(setup, 3, 1).await;
        for n in 1..=3 {
            let mail = last(&world, &format!("reader{n}@example.org"));
            let listed = status(&mail, "failed", "5.7.1", "554 5.7.1 <x@example.org> blocked: see a blocklist");
            assert_eq!(report(&world, &mail, &listed).await, Taken::Reported(ReportKind::Policy));
            assert_eq!(suppressed(&world, &mail.to).await, None);
        }
        let due = alarms(&world).await;
        assert_eq!((due.len(), due[0].kind, due[0].about.as_str()), (1, AlarmKind::MailRefused, "issue:1"));
        assert!(due[0].words.contains("blocked: see a blocklist") && !due[0].words.contains('@'), "{}", due[0].words);
    };

    staff_hear_of_complaints_when_they_are_many, async |setup: Setup| {
        let world = alerted(setup, 4, 1).await;
        for n in 1..=3 {
            assert!(alarms(&world).await.is_empty(), "before {n}");
            let mail = last(&world, &format!("reader{n}@example.org"));
            report(&world, &mail, &complaint(&mail, "abuse")).await;
        }
        let due = alarms(&world).await;
        assert_eq!((due.len(), due[0].kind, due[0].about.as_str()), (1, AlarmKind::ManyComplaints, "issue:1"));
        assert!(due[0].words.starts_with("3 of the 4 readers"), "{}", due[0].words);
    };
}

/// A complaint (ARF) about a mail, as a provider sends it: without the reader's address.
fn complaint(mail: &Mail, kind: &str) -> String {
    format!(
        "From: <feedback@example.net>\r\nTo: abuse@example.org\r\nSubject: complaint\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n--b\r\n\r\nA complaint.\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: A/1\r\nVersion: 1\r\n\
         \r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {id}\r\nList-Unsubscribe: {leave}\r\n\
         Subject: {subject}\r\n\r\nx\r\n--b--\r\n",
        id = mail.header("message-id"),
        leave = mail.header("list-unsubscribe"),
        subject = mail.subject,
    )
}

#[tokio::test]
async fn the_message_that_is_returned_says_whose_it_was_when_the_address_does_not() {
    for what_is_left in ["Message-ID: ", "List-Unsubscribe: "] {
        let world = alerted(World::setup(), 1, 2).await;
        let mail = last(&world, READER);
        let report = complaint(&mail, "fraud");
        let others = ["Message-ID: ", "List-Unsubscribe: "].into_iter().filter(|name| *name != what_is_left);
        let report = others.fold(report, |report, name| {
            report.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\r\n")).collect()
        });
        assert_eq!(
            take(&world, "news@example.org", &report).await,
            Taken::Reported(ReportKind::Complaint),
            "{what_is_left}"
        );
    }
}

#[tokio::test]
async fn a_report_that_proves_nothing_is_soft_at_most_and_counts_once() {
    let world = alerted(World::setup(), 1, 1).await;
    let mail = last(&world, READER);
    let forged = gone(&mail).replace(mail.header("message-id"), "<7.1.aaaaaaaaaaaaaaaa@example.org>");
    let forged = forged.replace(&mail.from, "news@example.org");
    for recipient in ["news@example.org", "news+bounce.1.1.aaaaaaaaaaaaaaaa@example.org"] {
        take(&world, recipient, &forged).await;
        bounces::judge_bounces(&world.app).await.expect("the store takes it");
        assert_eq!(suppressed(&world, READER).await, None);
    }
    let stranger = forged.replace(READER, "stranger@example.org");
    let taken = take(&world, "news@example.org", &stranger).await;
    assert_eq!(taken, Taken::Nothing("a report (hard) of a message that is not ours".into()));
    // Long after the last message nobody can mean it.
    world.hours(24 * 31);
    let taken = take(&world, "news@example.org", &forged).await;
    assert_eq!(taken, Taken::Nothing("a report (hard) of a message that is not ours".into()));
}

#[tokio::test]
async fn what_is_late_an_answering_machine_and_a_receipt_are_no_bounces() {
    let world = alerted(World::setup(), 1, 1).await;
    let mail = last(&world, READER);
    let away = "From: Ana <reader1@example.org>\r\nSubject: Automatic reply: news\r\nAuto-Submitted: auto-replied\r\n\r\n\
                I am away. Your message could not be delivered to my attention.\r\n";
    let receipt = "From: Ana <reader1@example.org>\r\nSubject: Read: news\r\nContent-Type: multipart/report; \
                   report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nIt was read.\r\n--b\r\n\
                   Content-Type: message/disposition-notification\r\n\r\nDisposition: manual-action/MDN-sent-manually; \
                   displayed\r\n--b--\r\n";
    let late = status(&mail, "delayed", "4.4.1", "451 4.4.1 no answer");
    let arrived = status(&mail, "relayed", "2.0.0", "250 ok");
    let not_spam = complaint(&mail, "not-spam");
    for message in [away, receipt, &late, &arrived, &not_spam] {
        let taken = report(&world, &mail, message).await;
        assert!(matches!(taken, Taken::Nothing(_)), "{taken:?}\n{message}");
    }
    assert_eq!(suppressed(&world, READER).await, None);
    assert_eq!(world.mails().len(), 1, "nobody was answered");
}

#[tokio::test]
async fn a_mail_system_that_sends_words_we_do_not_know_counts_as_soft() {
    let world = alerted(World::setup(), 1, 1).await;
    let mail = last(&world, READER);
    let strange = "From: <MAILER-DAEMON@mx.example.net>\r\nSubject: Hm\r\n\r\nAch.\r\n";
    assert_eq!(report(&world, &mail, strange).await, Taken::Reported(ReportKind::Soft));
}

#[tokio::test]
async fn a_webhooks_report_is_placed_by_its_recipient() {
    let world = alerted(World::setup(), 1, 2).await;
    let report = |recipient: &str| Report {
        delivery: None,
        recipient: Some(address_of(recipient)),
        kind: ReportKind::Hard,
        code: Some((5, 1, 1)),
        words: "550 <reader1@example.org> unknown".into(),
    };
    assert_eq!(bounces::note(&world.app, report("Reader1@example.org")).await.expect("noted"), Noted::Written);
    assert_eq!(bounces::note(&world.app, report(READER)).await.expect("noted"), Noted::Known);
    assert_eq!(bounces::note(&world.app, report("x@example.org")).await.expect("noted"), Noted::Unplaced);
    let nobody = Report { recipient: None, ..report(READER) };
    assert_eq!(bounces::note(&world.app, nobody).await.expect("noted"), Noted::Unplaced);
    bounces::judge_bounces(&world.app).await.expect("judged");
    let reason = world.app.store.suppression(&address_of(READER), &slug("news")).await.expect("a reason");
    assert_eq!(reason.as_deref(), Some("5.1.1 550 *** unknown"));
}

#[tokio::test]
async fn a_complaint_is_heard_however_old_the_message_is_and_nothing_else_is() {
    let world = alerted(World::setup(), 2, 1).await;
    world.join("news", "late@example.org").await;
    let report = |recipient: &str, kind| Report {
        delivery: None,
        recipient: Some(address_of(recipient)),
        kind,
        code: None,
        words: "abuse".into(),
    };
    world.hours(31 * 24);
    for (recipient, kind, noted) in [
        ("reader2@example.org", ReportKind::Hard, Noted::Unplaced),
        ("stranger@example.org", ReportKind::Complaint, Noted::Unplaced),
        (READER, ReportKind::Complaint, Noted::Written),
        (READER, ReportKind::Complaint, Noted::Known),
        ("late@example.org", ReportKind::Complaint, Noted::Written),
    ] {
        assert_eq!(bounces::note(&world.app, report(recipient, kind)).await.expect("noted"), noted, "{recipient}");
    }
    bounces::judge_bounces(&world.app).await.expect("judged");
    let complained = Some(SuppressionKind::Complaint);
    for (address, kind) in [(READER, complained), ("late@example.org", complained), ("reader2@example.org", None)] {
        assert_eq!(suppressed(&world, address).await, kind, "{address}");
    }
    world.new_mails();
    alert(&world, 7).await;
    assert_eq!(world.new_mails().iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["reader2@example.org"]);
}

#[tokio::test]
async fn an_alarm_says_what_a_receiver_dislikes_and_not_whose_mailbox_it_was() {
    let world = alerted(World::setup(), 1, 1).await;
    let mail = last(&world, READER);
    report(&world, &mail, &status(&mail, "failed", "5.7.1", "550 5.7.1 the mailbox reader1 takes nothing from you"))
        .await;
    let alarms = alarms(&world).await;
    assert!(alarms[0].words.contains("the mailbox … takes nothing from you"), "{alarms:?}");
    assert!(
        !world
            .rows()
            .await
            .with("takes nothing")
            .iter()
            .any(|row| row.starts_with("ledger") && row.contains("reader1"))
    );
}

#[tokio::test]
async fn nothing_that_was_said_of_a_reader_is_left_when_they_are_erased() {
    let world = alerted(World::setup(), 1, 2).await;
    let mails = world.mails();
    let named = |mail: &Mail| status(mail, "failed", "5.1.1", "550 5.1.1 mailbox of r.eader is unknown");
    report(&world, &mails[0], &named(&mails[0])).await;
    take(&world, &mails[1].from, &named(&mails[1])).await;
    assert!(!world.rows().await.with("r.eader").is_empty());
    subscribe::forget(&world.app, &address_of(READER)).await.expect("erased");
    assert!(world.rows().await.with("r.eader").is_empty());
    assert_eq!(bounces::judge_bounces(&world.app).await.expect("judged"), 1, "nothing waits for ever");
    assert!(world.rows().await.with("r.eader").is_empty());
}

#[tokio::test]
async fn two_who_judge_at_once_do_each_thing_once() {
    let world = alerted(World::setup().on_postgres(), 40, 1).await;
    for mail in world.mails() {
        take(&world, &mail.from, &gone(&mail)).await;
    }
    let other = world.another().await;
    let (one, two) = tokio::join!(bounces::judge_bounces(&world.app), bounces::judge_bounces(&other));
    assert_eq!(one.expect("judged") + two.expect("judged"), 40);
    assert_eq!(world.ledger("suppressions").await.len(), 40);
}
