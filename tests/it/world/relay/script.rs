//! What a scripted relay is told to do: an answer for each stage, where it is not the usual one.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;

/// Where in a conversation an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// In place of the greeting.
    Connect,
    /// In place of the TLS handshake.
    Tls,
    /// To EHLO and HELO.
    Ehlo,
    /// To STARTTLS.
    StartTls,
    /// To AUTH.
    Auth,
    /// To MAIL FROM.
    Mail,
    /// To RCPT TO.
    Rcpt,
    /// To DATA.
    Data,
    /// As soon as a first piece of the message has come. The relay then reads no more, and its connection
    /// counts as open until the relay is dropped.
    Body,
    /// To the end of data, or BDAT.
    Dot,
    /// To RSET.
    Rset,
    /// To QUIT.
    Quit,
}

/// What to do at a stage.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// As a good relay would.
    Usual,
    /// This reply; CRLF is added. After 221 and 421 the relay closes.
    Reply(&'static str),
    /// The usual reply and, in the same packet, one more that nobody asked for.
    Extra(&'static str),
    /// These bytes as they are, and then nothing: half a reply.
    Partial(&'static str),
    /// Bytes that are no reply.
    Garbage,
    /// One line of so many octets, without an end.
    LongLine(usize),
    /// Close.
    Close,
    /// Close with a TCP reset.
    Reset,
    /// Say nothing; keep the connection.
    Stall,
    /// As usual, and with it in one packet bytes that are no TLS.
    Spoilt,
    /// Begin a reply, and then write this again and again, one piece each time that has passed: a reply that never ends.
    Drip(&'static str, Duration),
    /// Wait so long, then as usual: a relay that takes its time.
    After(Duration),
    /// Wait until the gate is opened, then as usual.
    Held(Gate),
    /// At the end of data: keep the message, and close without a word. The message was accepted, and the client cannot
    /// know.
    TakeAndClose,
}

impl Answer {
    /// True when a relay that answers so has taken the message, at the end of data.
    pub(super) fn accepts(&self) -> bool {
        match self {
            Self::Usual | Self::After(_) | Self::Extra(_) | Self::Spoilt | Self::TakeAndClose => true,
            Self::Reply(reply) => reply.starts_with("250"),
            _ => false,
        }
    }
}

/// Holds answers back until a test opens it. Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed one.
    pub(crate) fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything through, now and ever after.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn pass(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("this clone keeps the gate");
    }
}

/// The answers that are not the usual ones.
#[derive(Default)]
pub(super) struct Script {
    always: HashMap<Stage, Answer>,
    once: HashMap<Stage, VecDeque<Answer>>,
    recipients: HashMap<String, Answer>,
}

impl Script {
    pub(super) fn always(&mut self, stage: Stage, answer: Answer) {
        self.always.insert(stage, answer);
    }

    pub(super) fn once(&mut self, stage: Stage, answer: Answer) {
        self.once.entry(stage).or_default().push_back(answer);
    }

    pub(super) fn for_recipient(&mut self, address: &str, answer: Answer) {
        self.recipients.insert(address.to_lowercase(), answer);
    }

    pub(super) fn is_waiting(&self, stage: Stage) -> bool {
        self.once.get(&stage).is_some_and(|answers| !answers.is_empty())
    }

    /// The answer at a stage: one for the recipient goes before one for once, and that before one for always.
    pub(super) fn next(&mut self, stage: Stage, recipient: Option<&str>) -> Answer {
        let personal = recipient.and_then(|address| self.recipients.get(&address.to_lowercase()).cloned());
        personal
            .or_else(|| self.once.get_mut(&stage)?.pop_front())
            .or_else(|| self.always.get(&stage).cloned())
            .unwrap_or(Answer::Usual)
    }
}
