//! A relay that does as it is told: a real SMTP server on 127.0.0.1 that keeps each message it accepts, and that can be
//! told, stage by stage and recipient by recipient, to refuse, stall, close, reset, or break the protocol.
//!
//! ```ignore
//! let relay = ScriptedRelay::start().await;
//! relay.answer_recipient("bad@example.org", Answer::Reply("550 5.1.1 no such user"));
//! // … send through `relay.relay()` …
//! assert_eq!(relay.wait_for_messages(1).await[0].recipient, "good@example.org");
//! relay.assert_well_spoken();
//! ```
//!
//! What it kept is the oracle of a test: a message is in [`ScriptedRelay::messages`] exactly when its 250 was about to be
//! written. Nothing here sleeps; every wait is for an event, and fails loudly when it does not come.

pub(crate) mod certificate;
mod conversation;
mod ledger;
mod link;
mod script;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tidings::domain::{
    relay::{Dsn, Login, Manner, Place, Proof, Relay, Timers, Tls, TokenSource},
    slug::Slug,
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use self::{certificate::Certificate, conversation::Conversation, link::Link, script::Script};
pub(crate) use self::{
    ledger::{Ledger, Received},
    script::{Answer, Gate, Stage},
};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a relay is to be, before it starts.
pub(crate) struct RelaySetup {
    tls: Tls,
    certificate_name: &'static str,
    offers: Vec<String>,
    login: Option<(&'static str, &'static str)>,
    mechanisms: &'static str,
    quirk: Option<Quirk>,
    clients: Clients,
    behind: Behind,
}

/// What some relays do wrong on every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// It offers PIPELINING, and forgets what came behind a command.
    ForgetsGroups,
    /// It says 354 to DATA though it took no recipient (RFC 2920 §3.1 lets it).
    WantsAnyMessage,
    /// The same, and it takes recipients though it refused the sender.
    IgnoresItsRefusals,
}

/// Whom a relay takes for its client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clients {
    Anybody,
    Certified,
}

/// Where a relay listens.
#[derive(Clone, Copy)]
enum Behind {
    Port,
    Socket,
}

impl RelaySetup {
    /// It does this wrong.
    pub(crate) fn quirk(self, quirk: Quirk) -> Self {
        Self { quirk: Some(quirk), ..self }
    }

    /// TLS from the first byte.
    pub(crate) fn implicit_tls(self) -> Self {
        Self { tls: Tls::Implicit, ..self }
    }

    /// TLS on request.
    pub(crate) fn starttls(self) -> Self {
        Self { tls: Tls::StartTls, ..self }
    }

    /// Its certificate is for another name than the one it is reached by.
    pub(crate) fn certificate_for(self, certificate_name: &'static str) -> Self {
        Self { certificate_name, ..self }
    }

    /// Its EHLO keywords, in place of the usual ones. STARTTLS and AUTH come by themselves.
    pub(crate) fn offers(self, keywords: &[&str]) -> Self {
        Self { offers: keywords.iter().map(|&keyword| keyword.to_owned()).collect(), ..self }
    }

    /// It offers what this manner of speaking needs, besides the usual keywords.
    pub(crate) fn speaks(mut self, manner: Manner) -> Self {
        let keywords: &[&str] = match manner {
            Manner::LockStep => &[],
            Manner::Pipelined => &["PIPELINING"],
            Manner::Chunked => &["PIPELINING", "CHUNKING"],
        };
        self.offers.extend(keywords.iter().map(|&keyword| keyword.to_owned()));
        self
    }

    /// It wants this login before MAIL.
    pub(crate) fn login(self, username: &'static str, password: &'static str) -> Self {
        Self { login: Some((username, password)), ..self }
    }

    /// The AUTH line of its EHLO reply, in place of `AUTH PLAIN LOGIN`.
    pub(crate) fn mechanisms(self, line: &'static str) -> Self {
        Self { mechanisms: line, ..self }
    }

    /// It takes only clients that show a certificate of its own authority; [`ScriptedRelay::relay`] has one.
    pub(crate) fn certified_clients(self) -> Self {
        Self { clients: Clients::Certified, ..self }
    }

    /// It listens at a Unix socket.
    pub(crate) fn behind_socket(self) -> Self {
        Self { behind: Behind::Socket, ..self }
    }

    /// Listens.
    pub(crate) async fn start(self) -> ScriptedRelay {
        let behind = self.behind;
        let shared = Arc::new(Shared {
            certificate: Certificate::new(self.certificate_name),
            script: Mutex::new(Script::default()),
            ledger: watch::Sender::new(Ledger::default()),
            hang_up: watch::Sender::new(""),
            setup: self,
        });
        let for_all = Arc::clone(&shared);
        let (place, accepting, folder) = match behind {
            Behind::Port => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("a bound socket has an address");
                let place = Place::Tcp { host: address.ip().to_string(), port: address.port() };
                let next = async move || Link::new(listener.accept().await.expect("a listening socket accepts").0);
                (place, tokio::spawn(accept(next, for_all)), None)
            }
            Behind::Socket => {
                let folder = tempfile::TempDir::new().expect("a temporary folder");
                let path = folder.path().join("relay.sock");
                let listener = UnixListener::bind(&path).expect("a fresh path");
                let next =
                    async move || Link::behind_socket(listener.accept().await.expect("a listening socket accepts").0);
                (Place::Socket(path), tokio::spawn(accept(next, for_all)), Some(folder))
            }
        };
        ScriptedRelay { place, shared, accepting, _folder: folder }
    }
}

/// What all connections of one relay share.
struct Shared {
    setup: RelaySetup,
    certificate: Certificate,
    script: Mutex<Script>,
    ledger: watch::Sender<Ledger>,
    /// What is said when connections at rest are ended.
    hang_up: watch::Sender<&'static str>,
}

/// The relay. It stops when it is dropped.
pub(crate) struct ScriptedRelay {
    place: Place,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    /// The socket's, when there is one.
    _folder: Option<tempfile::TempDir>,
}

impl ScriptedRelay {
    /// A relay in clear text, with no login, that accepts everything and offers SIZE, 8BITMIME, ENHANCEDSTATUSCODES.
    pub(crate) async fn start() -> Self {
        Self::setup().start().await
    }

    /// The same, that offers what this manner of speaking needs.
    pub(crate) async fn speaking(manner: Manner) -> Self {
        Self::setup().speaks(manner).start().await
    }

    /// A relay to be described first.
    pub(crate) fn setup() -> RelaySetup {
        RelaySetup {
            tls: Tls::None,
            certificate_name: "127.0.0.1",
            offers: ["SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES"].map(str::to_owned).to_vec(),
            login: None,
            mechanisms: "AUTH PLAIN LOGIN",
            quirk: None,
            clients: Clients::Anybody,
            behind: Behind::Port,
        }
    }

    /// It as config.toml would describe it, with patience enough for a busy machine at each stage.
    pub(crate) fn relay(&self) -> Relay {
        let setup = &self.shared.setup;
        Relay {
            name: Slug::parse("main").expect("a slug"),
            place: self.place.clone(),
            tls: setup.tls,
            ca: Some(self.shared.certificate.ca_path().to_owned()),
            certificate: (setup.clients == Clients::Certified).then(|| self.shared.certificate.client().clone()),
            login: setup.login.map(|(username, password)| Login {
                username: username.into(),
                proof: Proof::Password(password.into()),
            }),
            priority: 1,
            weight: None,
            rate: None,
            dsn: Dsn::Off,
            connections: 1,
            manner: Manner::Chunked,
            window: 16,
            messages_per_connection: None,
            connection_age: Duration::from_secs(300),
            ehlo: "client.example.org".to_owned(),
            timers: every_stage(Duration::from_secs(10)),
        }
    }

    /// The same, but logging in with a token from there.
    pub(crate) fn relay_with_token(&self, source: TokenSource) -> Relay {
        let mut relay = self.relay();
        let login = relay.login.as_mut().expect("the relay wants a login");
        login.proof = Proof::Token(source);
        relay
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        match self.place {
            Place::Tcp { port, .. } => port,
            Place::Socket(_) => panic!("it listens at a socket"),
        }
    }

    /// The same, but with no patience at one stage, for tests in which the relay stalls there.
    pub(crate) fn impatient_relay(&self, stage: Stage) -> Relay {
        let mut relay = self.relay();
        let (timers, short) = (&mut relay.timers, Duration::from_millis(150));
        match stage {
            Stage::Connect => timers.greeting = short,
            Stage::Tls => timers.tls = short,
            Stage::Ehlo | Stage::StartTls | Stage::Auth => timers.hello = short,
            Stage::Mail => timers.mail = short,
            Stage::Rcpt => timers.rcpt = short,
            Stage::Data => timers.data = short,
            Stage::Body => timers.block = short,
            Stage::Dot => timers.dot = short,
            Stage::Rset | Stage::Quit => timers.reset = short,
        }
        relay
    }

    /// From now on, answers so at this stage, on each connection.
    pub(crate) fn answer(&self, stage: Stage, answer: Answer) -> &Self {
        self.script().always(stage, answer);
        self
    }

    /// Answers so at this stage one time; may be called again for the times after.
    pub(crate) fn answer_once(&self, stage: Stage, answer: Answer) -> &Self {
        self.script().once(stage, answer);
        self
    }

    /// True while an answer of [`Self::answer_once`] waits for its stage to come.
    pub(crate) fn has_yet_to_answer(&self, stage: Stage) -> bool {
        self.script().is_waiting(stage)
    }

    /// Ends each connection that waits for a command now, with these bytes or without a word.
    pub(crate) fn hang_up(&self, words: &'static str) {
        self.shared.hang_up.send_replace(words);
    }

    /// From now on, answers so to RCPT TO for this address.
    pub(crate) fn answer_recipient(&self, address: &str, answer: Answer) -> &Self {
        self.script().for_recipient(address, answer);
        self
    }

    /// The messages accepted so far, in order.
    pub(crate) fn messages(&self) -> Vec<Received> {
        self.ledger().messages
    }

    /// Waits until `count` messages were accepted.
    pub(crate) async fn wait_for_messages(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} messages"), |ledger| ledger.messages.len() >= count).await.messages
    }

    /// Waits until `count` commands of this stage were read, on all connections together. For [`Stage::Body`] these are
    /// messages begun, for [`Stage::Dot`] messages ended, for [`Stage::Connect`] connections.
    pub(crate) async fn wait_for(&self, stage: Stage, count: usize) {
        self.wait_until(&format!("{count} at {stage:?}"), |ledger| ledger.seen(stage) >= count).await;
    }

    /// Waits until a command of this stage that holds `text` was read, not long ago.
    pub(crate) async fn wait_for_line(&self, stage: Stage, text: &str) {
        let is_it = |(_, at, line): &(usize, Stage, String)| *at == stage && line.contains(text);
        let mut ledger = self.shared.ledger.subscribe();
        let waited = ledger.wait_for(|ledger| ledger.commands.iter().rev().take(500).any(is_it));
        let waited = tokio::time::timeout(PATIENCE, waited).await;
        assert!(waited.is_ok(), "waited in vain for `{text}` at {stage:?}");
    }

    /// How many commands of this stage were read so far, counted as [`Self::wait_for`] does.
    pub(crate) fn seen(&self, stage: Stage) -> usize {
        self.shared.ledger.borrow().seen(stage)
    }

    /// Waits until every connection has ended.
    pub(crate) async fn wait_until_alone(&self) {
        self.wait_until("no open connection", |ledger| ledger.open_connections == 0).await;
    }

    /// What happened so far.
    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.ledger.borrow().clone()
    }

    /// Panics when a client said what no good client says: see [`Ledger::offences`].
    pub(crate) fn assert_well_spoken(&self) {
        let offences = self.ledger().offences;
        assert!(offences.is_empty(), "{offences:#?}");
    }

    async fn wait_until(&self, what: &str, ready: impl FnMut(&Ledger) -> bool) -> Ledger {
        let mut ledger = self.shared.ledger.subscribe();
        let waited = tokio::time::timeout(PATIENCE, ledger.wait_for(ready)).await;
        let found = waited.ok().and_then(Result::ok).map(|ledger| ledger.clone());
        found.unwrap_or_else(|| panic!("waited in vain for {what}; so far {:?}", self.ledger()))
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.shared.script.lock().expect("no test panics while it writes a script")
    }
}

impl Drop for ScriptedRelay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts for ever. The connections end with this task.
async fn accept(next: impl AsyncFn() -> Link, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    loop {
        conversations.spawn(Conversation::hold(next().await, Arc::clone(&shared)));
        while conversations.try_join_next().is_some() {}
    }
}

fn every_stage(limit: Duration) -> Timers {
    Timers {
        token: limit,
        connect: limit,
        tls: limit,
        greeting: limit,
        hello: limit,
        mail: limit,
        rcpt: limit,
        data: limit,
        block: limit,
        dot: limit,
        reset: limit,
    }
}
