//! A send that is dropped halfway, as a time limit or a shut-down does it: the session is never used again, so that no
//! message is given the reply of another.

use std::{future::poll_fn, pin::pin, task::Poll};

use tidings::{
    deliver::session::Envelope,
    domain::{address::EmailAddress, relay::Manner},
};

use super::{MESSAGE, large_message, offer, send, session, word};
use crate::world::relay::{Answer, ScriptedRelay, Stage};

/// Polls a future at most `times`, then drops it; `None` when it was not ready by then.
async fn polled<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            // The last poll's waker would never be called: the future is dropped now.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_send_dropped_while_it_waits_leaves_no_reusable_session() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body, Stage::Dot, Stage::Rset] {
        let relay = ScriptedRelay::start().await;
        relay.answer_recipient("bad@example.org", Answer::Reply("550 5.1.1 no such user"));
        relay.answer_once(stage, Answer::Stall);
        let mut first = session(&relay).await;
        let (recipient, message) = match stage {
            Stage::Rset => ("bad@example.org", MESSAGE.to_vec()),
            _ => ("ana@example.org", large_message()),
        };
        tokio::select! {
            sent = send(&mut first, recipient, &message) => panic!("{stage:?} was to stall: {sent:?}"),
            () = relay.wait_for(stage, 1) => {}
        }
        assert!(!first.is_reusable(), "{stage:?}");
        let sent = send(&mut first, "bad@example.org", MESSAGE).await;
        assert_eq!(word(&sent), "not tried", "{stage:?}: {sent:?}");
        first.quit().await;
        let mut second = session(&relay).await;
        assert_eq!(word(&send(&mut second, "bad@example.org", MESSAGE).await), "refused", "{stage:?}");
        assert_eq!(relay.messages().len(), 0, "{stage:?}");
    }
}

#[tokio::test]
async fn a_send_dropped_at_any_of_its_polls_never_shifts_the_replies() {
    let reader = EmailAddress::parse("ana@example.org").expect("an address");
    let envelope = Envelope { sender: "b-1@example.org", recipient: &reader, envelope_id: None };
    for times in 0.. {
        let relay = ScriptedRelay::start().await;
        relay.answer_recipient("bad@example.org", Answer::Reply("550 5.1.1 no such user"));
        let mut session = session(&relay).await;
        let sent = polled(session.send(&envelope, MESSAGE), times).await;
        assert_eq!(session.is_reusable(), times == 0 || sent.is_some(), "dropped at poll {times}");
        if session.is_reusable() {
            assert_eq!(word(&send(&mut session, "bad@example.org", MESSAGE).await), "refused");
        }
        if let Some(sent) = sent {
            assert_eq!(word(&sent), "accepted");
            assert!(times > 3, "MAIL, RCPT, DATA and the end of data wait for an answer each");
            return;
        }
    }
}

#[tokio::test]
async fn waits_that_are_dropped_at_any_of_their_polls_lose_nothing() {
    for manner in [Manner::LockStep, Manner::Pipelined, Manner::Chunked] {
        for times in 1..4 {
            let relay = ScriptedRelay::setup().speaks(manner).start().await;
            relay.answer_recipient("bad@example.org", Answer::Reply("550 5.1.1 no such user"));
            let mut session = session(&relay).await;
            let mut readers = ["ana@example.org", "bad@example.org", "ben@example.org", "bad@example.org"].into_iter();
            let mut words = Vec::new();
            while words.len() < 4 {
                while session.has_room()
                    && let Some(reader) = readers.next()
                {
                    offer(&mut session, reader, MESSAGE.to_vec());
                }
                match polled(session.next(), times).await {
                    Some(sent) => words.push(word(&sent.expect("messages are under way"))),
                    None => tokio::task::yield_now().await,
                }
            }
            assert_eq!(words, ["accepted", "refused", "accepted", "refused"], "{manner:?}, {times} polls each");
            assert!(session.is_reusable(), "{manner:?}");
            assert_eq!(relay.messages().len(), 2);
            relay.assert_well_spoken();
        }
    }
}
