//! Every fault at every stage in every manner of speaking, generated: the right outcome, never a false accepted, no
//! hang, and a right answer to the messages behind and to the next ones.

use std::{sync::Arc, time::Duration};

use tidings::deliver::session::{Sent, Session, Trouble};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use super::{MESSAGE, all_outcomes, large_message, offer, open, send, session, word};
use crate::world::{
    manners::{MANNERS, Manner, under_way},
    relay::{Answer, ScriptedRelay, Stage},
};

const STAGES: [Stage; 12] = [
    Stage::Connect,
    Stage::Tls,
    Stage::Ehlo,
    Stage::StartTls,
    Stage::Auth,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
    Stage::Body,
    Stage::Dot,
    Stage::Rset,
    Stage::Quit,
];

/// How soon the next piece comes of a reply that never ends: several within the time that an impatient client has.
const DRIP: Duration = Duration::from_millis(20);

/// How long one case may take. Each of its waits has a limit, so a longer one has none.
const A_HANG: Duration = Duration::from_secs(60);

fn faults() -> [Answer; 13] {
    [
        Answer::Close,
        Answer::Reset,
        Answer::Reply("421 4.3.2 closing"),
        Answer::Reply("451 4.3.0 later"),
        Answer::Reply("554 5.0.0 never"),
        Answer::Stall,
        Answer::Partial("25"),
        Answer::Garbage,
        Answer::Extra("250 2.0.0 and one more"),
        // The answer to a command that was not yet given.
        Answer::Extra("354 go on"),
        Answer::LongLine(10_000_000),
        Answer::Drip("x", DRIP),
        Answer::Drip("more\r\n250-", DRIP),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Clear,
    StartTls,
}

/// One case of the matrix.
#[derive(Clone, Debug)]
struct Case {
    way: Way,
    manner: Manner,
    stage: Stage,
    fault: Answer,
}

impl Case {
    /// Every case there is.
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for way in [Way::Clear, Way::StartTls] {
            for manner in MANNERS {
                for stage in STAGES {
                    cases.extend(faults().map(|fault| Self { way, manner, stage, fault }));
                }
            }
        }
        cases.retain(Self::exists);
        cases
    }

    fn exists(&self) -> bool {
        match self.stage {
            Stage::Tls | Stage::StartTls | Stage::Auth => self.way == Way::StartTls,
            Stage::Data => self.manner != Manner::Chunked,
            _ => true,
        }
    }

    async fn relay(&self) -> ScriptedRelay {
        let setup = ScriptedRelay::setup().speaks(self.manner);
        let relay = match self.way {
            Way::Clear => setup.start().await,
            Way::StartTls => setup.starttls().login("news", "secret").start().await,
        };
        relay.answer_recipient("bad@example.org", Answer::Reply("550 5.1.1 no such user"));
        relay.answer_once(self.stage, self.fault.clone());
        relay
    }

    /// True when the fault strikes before a first message can be offered.
    fn is_before_mail(&self) -> bool {
        matches!(self.stage, Stage::Connect | Stage::Tls | Stage::Ehlo | Stage::StartTls | Stage::Auth)
    }

    /// True when the fault shows only by waiting.
    fn waits(&self) -> bool {
        matches!(self.fault, Answer::Stall | Answer::Partial(_) | Answer::Drip(..))
    }

    /// True when the relay answers in good order, and only says no.
    fn is_refusal(&self) -> bool {
        matches!(self.fault, Answer::Reply(reply) if !reply.starts_with("421"))
    }

    /// True when the relay says something all the time, and never comes to its end. In a handshake its first octet is wrong.
    fn drips(&self) -> bool {
        matches!(self.fault, Answer::Drip(..)) && self.stage != Stage::Tls
    }

    /// True when the session can go on: the fault is a refusal in good order, or strikes when all is said.
    fn leaves_it_in_order(&self) -> bool {
        self.stage == Stage::Quit || self.is_refusal() && !matches!(self.stage, Stage::Body | Stage::Rset)
    }

    /// How many of three messages can be offered: all, or those that go beside the one that is struck.
    fn offers(&self) -> usize {
        match self.stage {
            _ if self.leaves_it_in_order() => 3,
            // It is as large as all that may be under way.
            Stage::Body => 1,
            _ => under_way(self.manner, 3),
        }
    }

    /// What may come of the messages behind the one that is struck: the first of them, or the second.
    fn expected_behind(&self, nth: usize) -> &'static [&'static str] {
        if self.leaves_it_in_order() {
            return if nth == 1 { &["refused"] } else { &["accepted"] };
        }
        match (self.manner, self.stage, &self.fault) {
            // One at a time, and the session is over before the next one.
            (Manner::LockStep, ..) => &[],
            // One reply too many passes for the one to its MAIL. What is said of its recipient then comes at DATA.
            (Manner::Pipelined, Stage::Dot, Answer::Extra("250 2.0.0 and one more")) => &["refused", "not tried"],
            (Manner::Pipelined, Stage::Rset, Answer::Extra("250 2.0.0 and one more")) => &["deferred", "not tried"],
            // The relay has answered none of its commands, or it was not begun.
            (Manner::Pipelined, ..) => &["not tried"],
            // The relay looks at nothing behind its 421.
            (Manner::Chunked, _, Answer::Reply("421 4.3.2 closing")) => &["not tried"],
            // Each is given the reply before its own: a refusal is believed, and a 250 is not, for want of its fence.
            (Manner::Chunked, _, Answer::Extra("250 2.0.0 and one more")) if nth == 1 => &["refused", "unknown"],
            // All of it is on the wire.
            (Manner::Chunked, ..) => &["unknown"],
        }
    }

    /// What may come of the message that is struck.
    fn expected(&self) -> &'static [&'static str] {
        if self.manner == Manner::Chunked && self.stage != Stage::Body {
            return self.expected_of_a_chunk();
        }
        match (self.stage, &self.fault) {
            // The message was refused before, and stays so; or it was taken before, and stays so.
            (Stage::Rset, _) => &["refused"],
            (Stage::Quit, _) => &["accepted"],
            // One reply too many passes for the next command's, until one cannot.
            (Stage::Mail, Answer::Extra(_)) if self.manner == Manner::Pipelined => &["deferred"],
            (Stage::Mail, _) => &["not tried"],
            (Stage::Rcpt | Stage::Data, Answer::Reply("421 4.3.2 closing")) => &["not tried"],
            (_, Answer::Reply("554 5.0.0 never")) => &["refused"],
            (_, Answer::Reply(_)) => &["deferred"],
            // A 354 that comes too early may be the one that is awaited.
            (Stage::Rcpt, Answer::Extra("354 go on")) if self.manner == Manner::Pipelined => &["deferred", "unknown"],
            // It took the message, and the one reply too many passes for that of the next group.
            (Stage::Dot, Answer::Extra(_)) if self.manner == Manner::Pipelined => &["accepted", "unknown"],
            (Stage::Rcpt | Stage::Data | Stage::Body, _) => &["deferred"],
            _ => &["unknown"],
        }
    }

    /// All of a small message is on the wire before the first answer comes.
    fn expected_of_a_chunk(&self) -> &'static [&'static str] {
        match (self.stage, &self.fault) {
            (Stage::Quit, _) | (Stage::Rset, Answer::Reply("421 4.3.2 closing")) => &["accepted"],
            // All the answers that there should be came, and one more.
            (Stage::Mail | Stage::Rcpt | Stage::Dot, Answer::Extra("250 2.0.0 and one more")) => &["accepted"],
            (Stage::Rset, Answer::Extra(_)) => &["accepted", "unknown"],
            (Stage::Mail, Answer::Reply(_)) | (Stage::Rcpt, Answer::Reply("421 4.3.2 closing")) => &["not tried"],
            (Stage::Rcpt | Stage::Dot, Answer::Reply("554 5.0.0 never")) => &["refused"],
            (Stage::Rcpt | Stage::Dot, Answer::Reply(_)) => &["deferred"],
            _ => &["unknown"],
        }
    }

    /// Opens with little patience at one stage. Stages share timers, so a busy machine may be too slow for another stage
    /// before the fault has struck; that was not the case, and is tried again.
    async fn open(&self, relay: &ScriptedRelay) -> Result<Session, Trouble> {
        if !self.waits() {
            return open(relay.relay()).await;
        }
        loop {
            let opened = open(relay.impatient_relay(self.stage)).await;
            if opened.is_ok() {
                return opened;
            }
            // The relay may be behind: it answers what it was told before the client left it.
            relay.wait_until_alone().await;
            if !relay.has_yet_to_answer(self.stage) {
                return opened;
            }
        }
    }

    /// Offers three messages, of which the first is struck and one is to a reader whom the relay does not know.
    async fn send_three(&self, session: &mut Session) -> Vec<(&'static str, Sent)> {
        // Where no chunk goes ahead, RSET is said only behind a refusal.
        let refused_first = self.stage == Stage::Rset && self.manner != Manner::Chunked;
        let readers = match refused_first {
            true => ["bad@example.org", "ana@example.org", "ben@example.org"],
            false => ["ana@example.org", "bad@example.org", "ben@example.org"],
        };
        let first = if self.stage == Stage::Body { large_message() } else { MESSAGE.to_vec() };
        let messages = [first, MESSAGE.to_vec(), MESSAGE.to_vec()];
        let (mut offered, mut outcomes) = (Vec::new(), Vec::new());
        let mut waiting = readers.into_iter().zip(messages).peekable();
        while session.has_room() && waiting.peek().is_some() {
            while session.has_room()
                && let Some((reader, message)) = waiting.next()
            {
                offer(session, reader, message);
                offered.push(reader);
            }
            outcomes.extend(all_outcomes(session).await);
        }
        assert_eq!(outcomes.len(), offered.len(), "{self:?}: each offer has one outcome");
        offered.into_iter().zip(outcomes).collect()
    }
}

/// What the relay kept is the truth: who is said to have been sent a message has it, and who is said not to has not.
fn assert_honest(case: &Case, relay: &ScriptedRelay, outcomes: &[(&str, Sent)]) {
    for (reader, sent) in outcomes {
        let taken = relay.messages().iter().filter(|message| message.recipient == *reader).count();
        let allowed = match word(sent) {
            "accepted" => 1..=1,
            "unknown" => 0..=1,
            _ => 0..=0,
        };
        assert!(allowed.contains(&taken), "{case:?}: {reader} has {taken} messages, and the session says {sent:?}");
    }
}

/// Runs one case; panics with its name when a promise is broken.
async fn strike(case: Case) {
    let relay = case.relay().await;
    let opened = case.open(&relay).await;
    assert_eq!(opened.is_err(), case.is_before_mail(), "{case:?}: {opened:?}");
    let timed_out = matches!(opened, Err(Trouble::Timeout(_)));
    assert!(case.waits() || !timed_out, "{case:?}: a fault that can be seen was waited out");
    let heard_out = matches!(opened, Err(Trouble::Protocol(..)));
    assert!(!case.drips() || !heard_out, "{case:?}: it was heard out, and not timed out");
    let mut taken = 0;
    if let Ok(mut session) = opened {
        let outcomes = case.send_three(&mut session).await;
        let (_, sent) = &outcomes[0];
        assert!(case.expected().contains(&word(sent)), "{case:?}: {sent:?}");
        let timed_out = matches!(sent.trouble, Some(Trouble::Timeout(_)));
        assert!(case.waits() || !timed_out, "{case:?}: a fault that can be seen was waited out");
        let told = case.is_refusal() || matches!(word(sent), "accepted" | "refused") || sent.trouble.is_some();
        assert!(told, "{case:?}: the caller is not told of the relay's trouble: {sent:?}");
        assert_eq!(outcomes.len(), case.offers(), "{case:?}: so many can be offered");
        for (nth, (reader, sent)) in outcomes.iter().enumerate().skip(1) {
            let (expected, word) = (case.expected_behind(nth), word(sent));
            assert!(expected.contains(&word), "{case:?}: {reader}, behind it, is to be {expected:?}: {sent:?}");
        }
        let heard_out = outcomes.iter().any(|(_, sent)| matches!(sent.trouble, Some(Trouble::Protocol(..))));
        assert!(!case.drips() || !heard_out, "{case:?}: it was heard out, and not timed out: {outcomes:?}");
        assert!(!case.leaves_it_in_order() || session.is_reusable(), "{case:?}: {session:?}");
        session.quit().await;
        // Struck in the middle of a message it stops reading, and its connection never ends.
        if case.stage != Stage::Body {
            relay.wait_until_alone().await;
        }
        assert_honest(&case, &relay, &outcomes);
        taken = relay.messages().len();
    }
    let mut next = open(relay.relay()).await.expect("a session");
    assert_eq!(word(&send(&mut next, "bad@example.org", MESSAGE).await), "refused", "{case:?}");
    assert_eq!(word(&send(&mut next, "cai@example.org", MESSAGE).await), "accepted", "{case:?}");
    assert_eq!(relay.messages().len(), taken + 1, "{case:?}: the relay's own count");
    relay.assert_well_spoken();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_stage_in_every_manner_has_its_outcome() {
    // Many at once, for the stalls; not all at once, or a busy machine would pass for a stalling relay.
    let (mut strikes, places) = (JoinSet::new(), Arc::new(Semaphore::new(16)));
    let cases = Case::all();
    // Clear text has three stages less, and chunks need no DATA.
    assert_eq!(cases.len(), faults().len() * (3 * (9 + 12) - 2));
    for case in cases {
        let places = Arc::clone(&places);
        strikes.spawn(async move {
            let _place = places.acquire().await.expect("the semaphore is never closed");
            let name = format!("{case:?}");
            assert!(timeout(A_HANG, strike(case)).await.is_ok(), "{name}: it hangs");
        });
    }
    strikes.join_all().await;
}

#[tokio::test]
async fn a_reply_that_comes_before_the_message_does_not_pass_for_its_receipt() {
    for manner in [Manner::LockStep, Manner::Pipelined] {
        let relay = ScriptedRelay::setup().speaks(manner).start().await;
        relay.answer(Stage::Data, Answer::Extra("250 2.0.0 taken"));
        relay.answer(Stage::Dot, Answer::Reply("550 5.7.1 not this one"));
        let mut session = session(&relay).await;
        let sent = send(&mut session, "ana@example.org", MESSAGE).await;
        assert_eq!(word(&sent), "deferred", "{sent:?}");
        assert!(!session.is_reusable());
    }
}

#[tokio::test]
async fn one_reply_too_many_does_not_make_a_refused_chunk_a_sent_one() {
    for stage in [Stage::Mail, Stage::Rcpt] {
        let relay = ScriptedRelay::setup().speaks(Manner::Chunked).start().await;
        relay.answer_once(stage, Answer::Extra("250 2.0.0 and one more"));
        relay.answer(Stage::Dot, Answer::Reply("552 5.3.4 too large"));
        let mut session = session(&relay).await;
        let sent = send(&mut session, "ana@example.org", MESSAGE).await;
        assert_eq!(word(&sent), "unknown", "{stage:?}: {sent:?}");
        assert!(!session.is_reusable());
        assert_eq!(relay.messages().len(), 0);
    }
}

#[tokio::test]
async fn codes_of_the_right_class_are_not_enough() {
    for (stage, reply, outcome) in [
        (Stage::Mail, "354 go on", "not tried"),
        (Stage::Rcpt, "354 go on", "deferred"),
        (Stage::Rcpt, "503 5.5.1 MAIL first", "deferred"),
        (Stage::Data, "250 2.0.0 fine", "deferred"),
        (Stage::Data, "355 go on", "deferred"),
        (Stage::Dot, "354 go on", "unknown"),
        (Stage::Dot, "251 2.0.0 fine", "unknown"),
    ] {
        for manner in [Manner::LockStep, Manner::Pipelined] {
            let relay = ScriptedRelay::setup().speaks(manner).start().await;
            relay.answer(stage, Answer::Reply(reply));
            let mut session = session(&relay).await;
            let sent = send(&mut session, "ana@example.org", MESSAGE).await;
            assert_eq!(word(&sent), outcome, "{reply} at {stage:?}, {manner:?}: {sent:?}");
            assert!(!session.is_reusable() && sent.trouble.is_some(), "{reply} at {stage:?}, {manner:?}");
            assert_eq!(relay.messages().len(), 0);
        }
    }
}

#[tokio::test]
async fn trouble_of_the_relay_is_told_apart_from_trouble_of_the_message() {
    for (stage, reply, outcome, troubled) in [
        (Stage::Mail, "454 4.7.0 Throttling failure", "not tried", true),
        (Stage::Mail, "530 5.7.0 log in first", "not tried", true),
        (Stage::Mail, "550 5.7.1 sender not allowed", "not tried", true),
        (Stage::Mail, "552 5.3.4 too large", "unfit", false),
        (Stage::Rcpt, "451 4.7.1 greylisted", "deferred", false),
        (Stage::Rcpt, "552 5.5.3 too many recipients", "deferred", false),
        (Stage::Rcpt, "454 4.7.0 Throttling failure", "not tried", true),
        (Stage::Dot, "550 5.7.26 not authenticated", "sender refused", false),
        (Stage::Dot, "454 4.7.0 Throttling failure", "not tried", true),
    ] {
        for manner in MANNERS {
            let relay = ScriptedRelay::setup().speaks(manner).start().await;
            relay.answer_once(stage, Answer::Reply(reply));
            let mut session = session(&relay).await;
            let sent = send(&mut session, "ana@example.org", MESSAGE).await;
            assert_eq!((word(&sent), sent.trouble.is_some()), (outcome, troubled), "{reply} at {stage:?}, {manner:?}");
            assert!(session.is_reusable(), "{reply} at {stage:?}, {manner:?}");
            assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
        }
    }
}
