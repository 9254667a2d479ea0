//! The SMTP session against a scripted relay. What the relay kept is the oracle: a message that the session calls
//! accepted is there, and one that it calls anything else is there only if the outcome is unknown.

mod cancelled;
mod faults;
mod groups;
mod opening;
mod tokens;

use tidings::{
    deliver::session::{Connector, Envelope, Sent, Session, Trouble},
    domain::{address::EmailAddress, delivery::Outcome, relay::Relay},
};

use crate::world::relay::{Answer, Gate, ScriptedRelay, Stage};

const MESSAGE: &[u8] = b"Subject: news\r\n\r\nThe treaty stands.\r\n";

async fn open(relay: Relay) -> Result<Session, Trouble> {
    Connector::new(relay).expect("a usable relay").open().await
}

async fn session(relay: &ScriptedRelay) -> Session {
    open(relay.relay()).await.expect("a session")
}

async fn send(session: &mut Session, recipient: &str, message: &[u8]) -> Sent {
    let recipient = EmailAddress::parse(recipient).expect("an address");
    session.send(&Envelope { sender: "b-1@example.org", recipient: &recipient, envelope_id: None }, message).await
}

/// Offers a message, for which there is room.
fn offer(session: &mut Session, recipient: &str, message: Vec<u8>) {
    let recipient = EmailAddress::parse(recipient).expect("an address");
    let envelope = Envelope { sender: "b-1@example.org", recipient: &recipient, envelope_id: None };
    session.offer(&envelope, message).expect("a fit message, and room for it");
}

/// The outcomes of all that is under way, oldest first.
async fn all_outcomes(session: &mut Session) -> Vec<Sent> {
    let mut outcomes = Vec::new();
    while let Some(sent) = session.next().await {
        outcomes.push(sent);
    }
    outcomes
}

/// The outcome in one word, for tables.
fn word(sent: &Sent) -> &'static str {
    match sent.outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Deferred(_) => "deferred",
        Outcome::Refused(_) => "refused",
        Outcome::SenderRefused(_) => "sender refused",
        Outcome::Unknown(_) => "unknown",
        Outcome::NotTried(_) => "not tried",
        Outcome::Unfit(_) => "unfit",
    }
}

/// A message larger than all buffers on the way.
fn large_message() -> Vec<u8> {
    b"All work and no play makes for a large message.\r\n".repeat(200_000)
}

#[tokio::test]
async fn several_messages_go_over_one_connection() {
    let relay = ScriptedRelay::start().await;
    let mut session = session(&relay).await;
    for reader in ["ana@example.org", "ben@example.org", "cai@example.org"] {
        let sent = send(&mut session, reader, MESSAGE).await;
        assert_eq!(word(&sent), "accepted", "{sent:?}");
        assert!(sent.trouble.is_none() && session.is_reusable());
    }
    session.quit().await;
    let messages = relay.wait_for_messages(3).await;
    let recipients: Vec<_> = messages.iter().map(|message| message.recipient.as_str()).collect();
    assert_eq!(recipients, ["ana@example.org", "ben@example.org", "cai@example.org"]);
    assert!(messages.iter().all(|message| message.connection == 1 && message.bytes == MESSAGE));
    assert_eq!((messages[0].sender.as_str(), messages[0].parameters.as_str()), ("b-1@example.org", " SIZE=37"));
    relay.wait_until_alone().await;
    assert_eq!(relay.ledger().lines(Stage::Quit), ["QUIT"]);
    relay.assert_well_spoken();
}

#[tokio::test]
async fn a_message_arrives_as_it_was_dots_and_all() {
    let relay = ScriptedRelay::start().await;
    let mut session = session(&relay).await;
    let large = [large_message(), b".\r\n..\r\n".to_vec()].concat();
    let messages: [&[u8]; 4] = [b".first\r\n.\r\n..\r\nQUIT\r\n", b"no line end", b".", &large];
    for message in messages {
        assert_eq!(word(&send(&mut session, "ana@example.org", message).await), "accepted");
    }
    for (received, message) in relay.messages().iter().zip(messages) {
        let ending: &[u8] = if message.ends_with(b"\r\n") { b"" } else { b"\r\n" };
        assert!(received.bytes == [message, ending].concat(), "{:.80}", received.text());
    }
    assert_eq!(relay.messages().len(), messages.len());
    relay.assert_well_spoken();
}

#[tokio::test]
async fn a_refused_recipient_costs_neither_the_connection_nor_the_next_message() {
    let relay = ScriptedRelay::start().await;
    relay.answer_recipient("Bad@example.org", Answer::Reply("550 5.1.1 <bad@example.org> no such user"));
    relay.answer_recipient("full@example.org", Answer::Reply("452 4.2.2 mailbox full"));
    let mut session = session(&relay).await;
    let mut words = Vec::new();
    for reader in ["bad@example.org", "ana@example.org", "full@example.org", "bad@example.org", "ben@example.org"] {
        let sent = send(&mut session, reader, MESSAGE).await;
        if let Outcome::Refused(reply) = &sent.outcome {
            assert_eq!((reply.code, reply.enhanced), (550, Some((5, 1, 1))));
            assert_eq!(reply.text, "<b***@e***.org> no such user", "the address is masked");
        }
        assert!(sent.trouble.is_none() && session.is_reusable());
        words.push(word(&sent));
    }
    assert_eq!(words, ["refused", "accepted", "deferred", "refused", "accepted"]);
    assert_eq!((relay.messages().len(), relay.ledger().connections, relay.ledger().seen(Stage::Rset)), (2, 1, 3));
    relay.assert_well_spoken();
}

#[tokio::test]
async fn an_address_that_needs_smtputf8_is_unfit_where_it_is_not_offered() {
    let relay = ScriptedRelay::start().await;
    let mut session = session(&relay).await;
    let sent = send(&mut session, "añá@example.org", MESSAGE).await;
    assert_eq!(word(&sent), "unfit");
    assert!(session.is_reusable(), "nothing was said, so nothing is out of step");
    assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
    assert_eq!(relay.ledger().seen(Stage::Mail), 1);

    let relay = ScriptedRelay::setup().offers(&["smtputf8", "8BITMIME"]).start().await;
    let mut session = self::session(&relay).await;
    assert_eq!(word(&send(&mut session, "añá@example.org", "To: añá\r\n\r\n.\r\n".as_bytes()).await), "accepted");
    assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
    let parameters: Vec<_> = relay.messages().into_iter().map(|message| message.parameters).collect();
    assert_eq!(parameters, [" BODY=8BITMIME SMTPUTF8", ""]);
    relay.assert_well_spoken();
}

#[tokio::test]
async fn a_message_larger_than_the_relay_takes_is_not_offered() {
    let relay = ScriptedRelay::setup().offers(&["SIZE 1000"]).start().await;
    let mut session = session(&relay).await;
    let sent = send(&mut session, "ana@example.org", &b"x\r\n".repeat(400)).await;
    assert_eq!(word(&sent), "unfit");
    assert_eq!((relay.ledger().seen(Stage::Mail), session.is_reusable()), (0, true));
}

#[tokio::test]
async fn a_relay_that_refuses_a_large_message_halfway_and_stops_reading_is_heard() {
    let relay = ScriptedRelay::start().await;
    relay.answer(Stage::Body, Answer::Reply("552 5.3.4 too large"));
    let mut session = session(&relay).await;
    let sent = send(&mut session, "ana@example.org", &large_message()).await;
    assert_eq!(word(&sent), "refused", "{sent:?}");
    assert!(!session.is_reusable());
    assert_eq!(relay.ledger().seen(Stage::Dot), 0, "a message that was cut short is never ended");
}

#[tokio::test]
async fn a_message_taken_without_a_word_is_unknown() {
    let relay = ScriptedRelay::start().await;
    relay.answer(Stage::Dot, Answer::TakeAndClose);
    let mut session = session(&relay).await;
    let sent = send(&mut session, "ana@example.org", MESSAGE).await;
    assert_eq!(word(&sent), "unknown");
    assert!(sent.trouble.is_some_and(|trouble| trouble.to_string() == "the connection was lost at the end of data"));
    assert_eq!(relay.messages().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_until_the_relay_has_said_so() {
    let relay = ScriptedRelay::start().await;
    let (gate, reader) = (Gate::closed(), EmailAddress::parse("ana@example.org").expect("an address"));
    relay.answer(Stage::Data, Answer::Held(gate.clone()));
    let mut session = session(&relay).await;
    let envelope = Envelope { sender: "", recipient: &reader, envelope_id: None };
    let (sent, ()) = tokio::join!(session.send(&envelope, MESSAGE), async {
        relay.wait_for(Stage::Data, 1).await;
        assert_eq!(relay.ledger().seen(Stage::Body), 0);
        gate.open();
    });
    assert_eq!(word(&sent), "accepted");
    assert_eq!(relay.messages()[0].sender, "");
}

#[tokio::test]
async fn a_connection_that_went_away_between_messages_costs_no_attempt() {
    let relay = ScriptedRelay::start().await;
    let mut session = session(&relay).await;
    assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
    drop(relay);
    let sent = send(&mut session, "ben@example.org", MESSAGE).await;
    assert_eq!(word(&sent), "not tried");
    assert!(sent.trouble.is_some() && !session.is_reusable());
}

#[tokio::test]
async fn sessions_stand_side_by_side() {
    let relay = ScriptedRelay::start().await;
    let connector = Connector::new(relay.relay()).expect("a usable relay");
    let (one, two, three) = tokio::join!(connector.open(), connector.open(), connector.open());
    let mut sessions = [one, two, three].map(|session| session.expect("a session"));
    for (nth, session) in sessions.iter_mut().enumerate() {
        assert_eq!(word(&send(session, &format!("reader{nth}@example.org"), MESSAGE).await), "accepted");
    }
    for session in sessions {
        session.quit().await;
    }
    relay.wait_until_alone().await;
    assert_eq!((relay.ledger().connections, relay.ledger().most_connections), (3, 3));
}
