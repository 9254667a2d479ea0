//! A small, fast SMTP sink of our own: it offers just what it is told to, takes every message, counts messages and
//! octets, and remembers the first thing that is wrong about the framing. It keeps no message, and is no relay.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use memchr::memmem;

use super::conversation::Conversation;

/// What the sink offers beyond plain SMTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Offer {
    /// Nothing: each command waits for the reply to the last one.
    LockStep,
    /// PIPELINING (RFC 2920).
    Pipelining,
    /// PIPELINING and CHUNKING (RFC 3030).
    Chunking,
}

impl Offer {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LockStep => "lock-step",
            Self::Pipelining => "PIPELINING",
            Self::Chunking => "CHUNKING",
        }
    }
}

/// A running sink. It takes connections until the benchmark ends.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    port: u16,
    taken: Arc<Taken>,
}

/// What all connections to one sink have brought.
#[derive(Debug, Default)]
pub(super) struct Taken {
    messages: AtomicU64,
    octets: AtomicU64,
    wrong: Mutex<Option<String>>,
    /// The words to look out for, and when they were first seen.
    watch: Option<(Vec<u8>, Mutex<Option<Instant>>)>,
    needed: Option<Vec<u8>>,
}

impl Sink {
    /// Starts one on a free port.
    pub(crate) fn start(offer: Offer) -> io::Result<Self> {
        Self::taking(offer, Taken::default())
    }

    /// Starts one that notes when the first message with these words in it has come.
    pub(crate) fn watching(offer: Offer, words: &str) -> io::Result<Self> {
        Self::taking(offer, Taken { watch: Some((words.into(), Mutex::default())), ..Taken::default() })
    }

    /// Starts one that finds a message wrong which has not these words in it.
    pub(crate) fn needing(offer: Offer, words: &str) -> io::Result<Self> {
        Self::taking(offer, Taken { needed: Some(words.into()), ..Taken::default() })
    }

    fn taking(offer: Offer, taken: Taken) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, taken) = (listener.local_addr()?.port(), Arc::new(taken));
        let sink = Self { port, taken: Arc::clone(&taken) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let taken = Arc::clone(&taken);
                thread::spawn(move || serve(stream, offer, &taken));
            }
        });
        Ok(sink)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many messages it has taken.
    pub(crate) fn messages(&self) -> u64 {
        self.taken.messages.load(Ordering::Acquire)
    }

    /// The octets of all messages: what RFC 5321 calls the message content, without stuffed dots and end mark.
    pub(crate) fn octets(&self) -> u64 {
        self.taken.octets.load(Ordering::Acquire)
    }

    /// When the first message with the watched words had come.
    pub(crate) fn seen_at(&self) -> Option<Instant> {
        let (_, seen) = self.taken.watch.as_ref()?;
        *seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails when anything that came was wrong.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        match &*self.taken.wrong.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(wrong) => anyhow::bail!("the sink was given what it must not be given: {wrong}"),
            None => Ok(()),
        }
    }
}

impl Taken {
    /// Takes a whole message, with its dots no longer stuffed, before it is answered for.
    pub(super) fn message(&self, content: &[u8]) {
        if let Some(wrong) = fault(content, self.needed.as_deref()) {
            self.wrong(wrong);
        }
        if let Some((words, seen)) = &self.watch {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.is_none() && memmem::find(content, words).is_some() {
                *seen = Some(Instant::now());
            }
        }
        self.octets.fetch_add(content.len() as u64, Ordering::Release);
        self.messages.fetch_add(1, Ordering::Release);
    }

    /// Notes the first thing that is wrong.
    pub(super) fn wrong(&self, what: &str) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get_or_insert_with(|| what.to_owned());
    }
}

/// What is wrong with a message's form.
fn fault(content: &[u8], needed: Option<&[u8]>) -> Option<&'static str> {
    let returns = memchr::memchr_iter(b'\r', content).count();
    let mut feeds = memchr::memchr_iter(b'\n', content);
    let mut lines = 0;
    if !feeds.all(|at| {
        lines += 1;
        at > 0 && content[at - 1] == b'\r'
    }) || lines != returns
    {
        return Some("a bare CR or LF");
    }
    if !content.ends_with(b"\r\n") {
        return Some("a message that does not end with its last line");
    }
    if memmem::find(content, b"\r\n\r\n").is_none() || !content.is_ascii() {
        return Some("a message without an empty line after its headers, or that is not ASCII");
    }
    let has_needed = needed.is_none_or(|words| memmem::find(content, words).is_some());
    (!has_needed).then_some("a message without the header it must have")
}

fn serve(stream: io::Result<TcpStream>, offer: Offer, taken: &Taken) {
    let ended = stream.and_then(|stream| Conversation::new(stream, offer, taken)?.hold());
    // Who is killed in the middle of a send closes without a word, and is meant to.
    if let Err(error) = ended
        && error.kind() == io::ErrorKind::InvalidData
    {
        taken.wrong(&error.to_string());
    }
}
