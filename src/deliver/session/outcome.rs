//! What a relay's answer at a stage means for the delivery, as pure functions: stage and reply in, outcome out.
//!
//! What the relay *says* (the table of `tests` is the whole rule):
//! - 250 to the end of data, and nothing else, is *accepted*.
//! - 421 before the message, and 454, 530, 534, 535, 538 anywhere, are about the relay and us: *not tried*. 421 in or
//!   after the message is *deferred*: the message was offered in full, and it may be the reason.
//! - At MAIL a refusal is about the sender or the relay, so *not tried*; but a size too large (552, x.3.4, x.2.3) is
//!   about this message, which no recipient was named for: *unfit*.
//! - At RCPT 552 means too many recipients (RFC 5321 §4.5.3.1.10): *deferred*.
//! - From RCPT on, what blames us and not the reader (5.7.26, 5.7.515, "listed", "spam") is *sender refused*; at RCPT also
//!   a 5yz whose words are that the relay takes nothing from us ("relay access denied").
//! - Other 4yz are *deferred*, greylisting among them (451 4.7.1), and other 5yz *refused*.
//!
//! What it *fails to say* (no reply in time, connection lost, bytes that are no reply to this command):
//! - At MAIL nothing about the message was said yet: *not tried*.
//! - From RCPT until the end of data, as if it had said 451 (RFC 5321 §3.8): *deferred*, for the recipient or the
//!   message may be what breaks the relay, and must then not stand at the head of the queue for ever. Without the end
//!   of data the relay may not deliver it (§4.1.1.4), so no duplicate comes of it.
//! - After the end of data: *unknown*. Only here can a second attempt make a duplicate.

use super::{
    stage::Stage,
    trouble::{Said, Trouble},
};
use crate::domain::{
    bounce::{blames_sender, turns_us_away},
    delivery::{Outcome, Reply},
};

/// What a reply is to the command of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The code the protocol has there: go on.
    Yes,
    /// A refusal: 4yz or 5yz.
    No,
    /// Neither; we are out of step.
    Nonsense,
}

/// Reads a code. Exact codes, not classes: 250 to DATA is no leave to send, and 354 to the end of data no receipt.
pub(super) fn meaning(stage: Stage, code: u16) -> Meaning {
    let yes = match stage {
        Stage::Greeting | Stage::StartTls => code == 220,
        Stage::Auth => code == 235,
        // 251: the relay will forward (RFC 5321 §3.4).
        Stage::Rcpt => code == 250 || code == 251,
        Stage::Data => code == 354,
        Stage::Quit => code == 221,
        // Nothing is a good answer before its time.
        Stage::Tls | Stage::Body => false,
        Stage::Hello | Stage::Mail | Stage::Dot | Stage::Reset => code == 250,
    };
    let within = matches!(stage, Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Body | Stage::Dot | Stage::Reset);
    match code {
        _ if yes => Meaning::Yes,
        // Bad sequence of commands: we believe we are elsewhere than the relay does.
        503 if within => Meaning::Nonsense,
        400..=599 => Meaning::No,
        _ => Meaning::Nonsense,
    }
}

/// The outcome of a reply that ends a transaction. A reply that is neither yes nor no belongs to [`of_silence`].
pub(super) fn of_reply(stage: Stage, reply: Reply) -> Outcome {
    let offered = matches!(stage, Stage::Body | Stage::Dot);
    match (stage, reply.code) {
        (Stage::Dot, 250) => Outcome::Accepted(reply),
        (_, 421) if offered => Outcome::Deferred(reply),
        (_, 421 | 454 | 530 | 534 | 535 | 538) => not_tried(stage, &reply),
        (Stage::Mail, 500..) if about_size(&reply) => {
            Outcome::Unfit(format!("the relay answered {} at {stage}", Said(&reply)))
        }
        (Stage::Mail, _) => not_tried(stage, &reply),
        (Stage::Rcpt, 552) => Outcome::Deferred(reply),
        (Stage::Rcpt, 500..) if turns_us_away(&reply.text) => Outcome::SenderRefused(reply),
        _ if blames_sender(reply.enhanced, &reply.text) => Outcome::SenderRefused(reply),
        (_, 500..) => Outcome::Refused(reply),
        _ => Outcome::Deferred(reply),
    }
}

/// The outcome when no reply came that could be one.
pub(super) fn of_silence(stage: Stage, trouble: &Trouble) -> Outcome {
    match stage {
        Stage::Dot => Outcome::Unknown(trouble.to_string()),
        Stage::Rcpt | Stage::Data | Stage::Body => {
            // RFC 3463: 4.4.2 is a connection that failed, 4.5.0 a protocol that did.
            let enhanced = if matches!(trouble, Trouble::Protocol(..)) { (4, 5, 0) } else { (4, 4, 2) };
            Outcome::Deferred(Reply { code: 451, enhanced: Some(enhanced), text: trouble.to_string() })
        }
        _ => Outcome::NotTried(trouble.to_string()),
    }
}

/// True when the reply says that the relay, not the message, is in trouble: the caller should slow down or turn
/// elsewhere, whatever became of this message.
pub(super) fn blames_relay(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NotTried(_) => true,
        Outcome::Deferred(reply) => reply.code == 421,
        _ => false,
    }
}

fn not_tried(stage: Stage, reply: &Reply) -> Outcome {
    Outcome::NotTried(format!("the relay answered {} at {stage}", Said(reply)))
}

fn about_size(reply: &Reply) -> bool {
    match reply.enhanced {
        Some((_, subject, detail)) => matches!((subject, detail), (3, 4) | (2, 3)),
        None => reply.code == 552,
    }
}

#[cfg(test)]
mod tests {
    use super::{Meaning, meaning, of_reply, of_silence};
    use crate::{
        deliver::session::{stage::Stage, trouble::Trouble},
        domain::delivery::{Outcome, Reply},
    };

    fn word(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted(_) => "accepted",
            Outcome::Deferred(_) => "deferred",
            Outcome::Refused(_) => "refused",
            Outcome::SenderRefused(_) => "sender refused",
            Outcome::Unknown(_) => "unknown",
            Outcome::NotTried(_) => "not tried",
            Outcome::Unfit(_) => "unfit",
        }
    }

    #[test]
    fn each_reply_at_each_stage_has_one_outcome() {
        use Stage::{Body, Data, Dot, Mail, Rcpt};
        let none = None;
        let table = [
            (Dot, 250, none, "accepted"),
            (Mail, 421, none, "not tried"),
            (Rcpt, 421, none, "not tried"),
            (Data, 421, none, "not tried"),
            (Body, 421, none, "deferred"),
            (Dot, 421, Some((4, 7, 28)), "deferred"),
            (Mail, 454, none, "not tried"),
            (Rcpt, 454, Some((4, 7, 1)), "not tried"),
            (Data, 454, none, "not tried"),
            (Dot, 454, none, "not tried"),
            (Mail, 530, Some((5, 7, 0)), "not tried"),
            (Rcpt, 530, Some((5, 7, 1)), "not tried"),
            (Mail, 534, none, "not tried"),
            (Rcpt, 535, none, "not tried"),
            (Data, 538, none, "not tried"),
            (Mail, 451, Some((4, 3, 0)), "not tried"),
            (Mail, 452, Some((4, 3, 1)), "not tried"),
            (Mail, 550, Some((5, 7, 1)), "not tried"),
            (Mail, 553, Some((5, 1, 8)), "not tried"),
            (Mail, 501, none, "not tried"),
            (Mail, 552, none, "unfit"),
            (Mail, 552, Some((5, 3, 4)), "unfit"),
            (Mail, 554, Some((5, 2, 3)), "unfit"),
            (Mail, 552, Some((5, 7, 0)), "not tried"),
            (Rcpt, 450, Some((4, 2, 0)), "deferred"),
            (Rcpt, 451, Some((4, 7, 1)), "deferred"),
            (Rcpt, 452, Some((4, 5, 3)), "deferred"),
            (Rcpt, 452, Some((4, 2, 2)), "deferred"),
            (Rcpt, 552, none, "deferred"),
            (Rcpt, 550, Some((5, 1, 1)), "refused"),
            (Rcpt, 553, none, "refused"),
            (Rcpt, 554, Some((5, 7, 1)), "refused"),
            (Rcpt, 550, Some((5, 7, 515)), "sender refused"),
            (Data, 451, none, "deferred"),
            (Data, 554, Some((5, 7, 1)), "refused"),
            (Body, 452, Some((4, 3, 1)), "deferred"),
            (Body, 552, Some((5, 3, 4)), "refused"),
            (Dot, 451, Some((4, 3, 0)), "deferred"),
            (Dot, 452, none, "deferred"),
            (Dot, 550, Some((5, 7, 26)), "sender refused"),
            (Dot, 450, Some((4, 7, 26)), "sender refused"),
            (Dot, 421, Some((4, 7, 26)), "deferred"),
            (Dot, 552, none, "refused"),
            (Dot, 554, Some((5, 6, 0)), "refused"),
        ];
        for (stage, code, enhanced, expected) in table {
            let outcome = of_reply(stage, Reply { code, enhanced, text: "x".into() });
            assert_eq!(word(&outcome), expected, "{code} {enhanced:?} at {stage}");
        }
    }

    #[test]
    fn a_refusal_of_the_sender_is_known_by_its_words_too() {
        for (code, enhanced, text, expected) in [
            (554, Some((5, 7, 1)), "Message rejected as SPAM", "sender refused"),
            (550, Some((5, 7, 1)), "your address is listed at zen", "sender refused"),
            (550, Some((5, 7, 1)), "SPF check failed", "sender refused"),
            (550, None, "rejected due to DMARC policy", "sender refused"),
            (550, Some((5, 7, 1)), "you may not write to this group", "refused"),
            (451, Some((4, 7, 1)), "greylisted, come back", "deferred"),
            (550, None, "mailbox blocked", "refused"),
            (550, Some((5, 1, 1)), "no such user, and no spam", "refused"),
        ] {
            let outcome = of_reply(Stage::Dot, Reply { code, enhanced, text: text.into() });
            assert_eq!(word(&outcome), expected, "{code} {enhanced:?} {text}");
        }
    }

    #[test]
    fn a_relay_that_turns_us_away_says_nothing_of_the_recipient() {
        for (code, enhanced, text, expected) in [
            (554, Some((5, 7, 1)), "<ana@example.org>: Relay access denied", "sender refused"),
            (454, Some((4, 7, 1)), "<ana@example.org>: Relay access denied", "not tried"),
            (550, None, "relay not permitted", "sender refused"),
            (550, Some((5, 7, 1)), "Unable to relay", "sender refused"),
            (550, Some((5, 7, 54)), "SMTP; Unable to relay recipient in non-accepted domain", "sender refused"),
            (553, None, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "sender refused"),
            (550, Some((5, 7, 1)), "<client[192.0.2.1]>: Client host rejected: Access denied", "sender refused"),
            (550, Some((5, 7, 1)), "<b@example.org>: Sender address rejected: not owned by user", "sender refused"),
            (554, Some((5, 7, 1)), "<ana@example.org>: Recipient address rejected: Access denied", "refused"),
            (550, Some((5, 1, 1)), "Recipient address rejected: host x said: 554 Relay access denied", "refused"),
            (450, Some((4, 1, 8)), "<b@example.org>: Sender address rejected: Domain not found", "deferred"),
            (450, Some((4, 7, 1)), "Client host rejected: cannot find your hostname", "deferred"),
            (550, Some((5, 1, 1)), "User unknown in relay recipient table", "refused"),
        ] {
            let outcome = of_reply(Stage::Rcpt, Reply { code, enhanced, text: text.into() });
            assert_eq!(word(&outcome), expected, "{code} {enhanced:?} {text}");
        }
    }

    #[test]
    fn silence_is_unknown_only_after_the_end_of_data() {
        for (stage, expected) in [
            (Stage::Mail, "not tried"),
            (Stage::Rcpt, "deferred"),
            (Stage::Data, "deferred"),
            (Stage::Body, "deferred"),
            (Stage::Dot, "unknown"),
        ] {
            assert_eq!(word(&of_silence(stage, &Trouble::Timeout(stage))), expected, "{stage}");
        }
    }

    #[test]
    fn only_250_to_the_end_of_data_can_be_accepted() {
        let stages = [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body, Stage::Dot];
        for (stage, code) in stages.iter().flat_map(|stage| (200..600).map(move |code| (*stage, code))) {
            let reply = Reply { code, enhanced: None, text: String::new() };
            let accepted = matches!(of_reply(stage, reply), Outcome::Accepted(_));
            assert_eq!(accepted, stage == Stage::Dot && code == 250, "{code} at {stage}");
        }
    }

    #[test]
    fn only_exact_codes_let_a_transaction_go_on() {
        for (stage, yes) in [
            (Stage::Greeting, vec![220]),
            (Stage::Hello, vec![250]),
            (Stage::StartTls, vec![220]),
            (Stage::Auth, vec![235]),
            (Stage::Mail, vec![250]),
            (Stage::Rcpt, vec![250, 251]),
            (Stage::Data, vec![354]),
            (Stage::Body, vec![]),
            (Stage::Dot, vec![250]),
            (Stage::Reset, vec![250]),
        ] {
            let found: Vec<u16> = (200..600).filter(|code| meaning(stage, *code) == Meaning::Yes).collect();
            assert_eq!(found, yes, "{stage}");
        }
        assert_eq!(meaning(Stage::Rcpt, 503), Meaning::Nonsense);
        assert_eq!(meaning(Stage::Greeting, 503), Meaning::No);
    }
}
