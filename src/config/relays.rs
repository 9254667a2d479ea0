//! `[[relays]]`, `[[domains]]` and `[delivery]`: the SMTP servers we hand to, how fast, and how often we try.

use std::{collections::BTreeSet, num::NonZeroU32, path::PathBuf, time::Duration};

use jiff::SignedDuration;
use url::Url;

use super::{
    mistake::Problem,
    section::{Names, Section, Value},
    value::{host, is_loopback},
};
use crate::domain::{
    address::EmailAddress,
    delivery::Retries,
    rate::Rate,
    relay::{ClientCertificate, DomainLimit, Dsn, Login, Manner, Place, Proof, Relay, Timers, Tls, TokenSource},
};

/// `[delivery]`: when to try again, and when to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The table of delays.
    pub retries: Retries,
    /// How long after it was queued an alert is still worth sending.
    pub alert_expires: SignedDuration,
    /// After so many messages in a row that were refused for the sender's sake, their issue is held. At least 1.
    pub hold_after: usize,
    /// How long to wait for what is on the wire when told to end.
    pub drain: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            retries: Retries::default(),
            alert_expires: SignedDuration::from_hours(12),
            hold_after: 10,
            drain: Duration::from_secs(60),
        }
    }
}

/// Reads `[[relays]]`, in their order of preference; at least one is needed. `base_url` gives the name for EHLO.
pub(super) fn relays(top: &mut Section<'_, '_>, base_url: &Url) -> Vec<Relay> {
    let sections = top.sections("relays");
    if sections.is_empty() {
        top.mistake("relays", Problem::new("there is no relay").hint("add a `[[relays]]` with `name` and `host`"));
    }
    let mut names = Names::default();
    let ehlo = default_ehlo(base_url);
    let each = (1..).zip(sections);
    let relays: Vec<Relay> = each.filter_map(|(nth, section)| relay(section, nth, &mut names, &ehlo)).collect();
    for relay in &relays {
        let peers = || relays.iter().filter(|other| other.priority == relay.priority && other.name != relay.name);
        if relay.weight.is_some() && (peers().next().is_none() || peers().any(|other| other.weight.is_none())) {
            let problem = Problem::new(format!("the `weight` of relay `{}` does nothing", relay.name));
            top.warn("relays", problem.hint("give relays that share work the same `priority`, and each a `weight`"));
        }
    }
    relays
}

fn relay(mut section: Section<'_, '_>, nth: u32, names: &mut Names, ehlo: &str) -> Option<Relay> {
    let name = section.name(names);
    let socket = section.take("socket");
    let tls = section.or("tls", if socket.is_some() { Tls::None } else { Tls::Implicit }, Value::tls);
    let place = match socket {
        Some(socket) => on_this_machine(&mut section, &socket, tls),
        None => on_the_network(&mut section, tls),
    };
    let login = login(&mut section);
    let certificate = certificate(&mut section, tls);
    let priority = section.or("priority", nth, Value::priority);
    let weight = section.optional("weight", Value::weight);
    let rate = section.optional("rate", Value::rate);
    let dsn = section.or("dsn", Dsn::Off, |value| value.either(Dsn::OfTrouble, Dsn::Off));
    let connections = section.or("connections", 4, |value| value.count(1, 1000));
    let manner = section.or("manner", Manner::Chunked, Value::manner);
    let window = section.or("window", 16, |value| value.count(1, 1000));
    let messages_per_connection = section.or("messages_per_connection", NonZeroU32::new(1000), Value::limit);
    let connection_age = section.or("connection_age", Duration::from_secs(300), Value::timer);
    let ca = section.optional("ca", Value::path);
    let ehlo = section.or("ehlo", ehlo.to_owned(), Value::ehlo);
    let timers = timers(section.section("timers"));

    if let Some(Place::Tcp { host, .. }) = &place
        && tls == Tls::None
        && !is_loopback(host)
    {
        clear_text(&section, &login);
    }
    section.finish();
    let login = match login {
        Wanted::Nothing | Wanted::Wrong => None,
        Wanted::Usable(login) => Some(login),
    };
    Some(Relay {
        name: name?,
        place: place?,
        tls,
        ca,
        certificate,
        login,
        priority,
        weight,
        rate,
        dsn,
        connections,
        manner,
        window,
        messages_per_connection,
        connection_age,
        ehlo,
        timers,
    })
}

/// What a person wants of something that may be left out: an absent login and a broken one are not the same.
enum Wanted<T> {
    Nothing,
    Wrong,
    Usable(T),
}

fn on_the_network(section: &mut Section<'_, '_>, tls: Tls) -> Option<Place> {
    let host = section.required("host", Value::host);
    let port = section.or("port", default_port(tls), Value::port);
    Some(Place::Tcp { host: host?, port })
}

/// A socket takes the place of a host, and there is no name on it that a certificate could be for.
fn on_this_machine(section: &mut Section<'_, '_>, socket: &Value<'_, '_>, tls: Tls) -> Option<Place> {
    for key in ["host", "port"] {
        if let Some(value) = section.take(key) {
            value.mistake(
                Problem::new("the relay has a `socket` already").hint(format!("take out `{key}` or `socket`")),
            );
        }
    }
    if tls != Tls::None {
        let problem = Problem::new("there is no TLS over a `socket`, which never leaves this machine");
        section.mistake("tls", problem.hint("take this line out"));
    }
    socket.read(Value::path).map(Place::Socket)
}

fn login(section: &mut Section<'_, '_>) -> Wanted<Login> {
    let (username, password, token) = (section.take("username"), section.take("password"), section.take("token"));
    if username.is_none() && password.is_none() && token.is_none() {
        return Wanted::Nothing;
    }
    if username.is_none() {
        section.mistake("username", Problem::new("missing; it goes with `password` or `token`"));
    }
    let username = username.and_then(|value| value.read(Value::words));
    let proof = match (password, token) {
        (Some(password), None) => password.read(Value::secret).map(Proof::Password),
        (None, Some(token)) => token.read(Value::token).map(Proof::Token),
        (Some(_), Some(token)) => {
            token.mistake(Problem::new("the relay has a `password` already").hint("take out one of the two"));
            None
        }
        (None, None) => {
            section.mistake("password", Problem::new("missing; `username` goes with it, or with `token`"));
            None
        }
    };
    match username.zip(proof) {
        Some((username, proof)) => Wanted::Usable(Login { username, proof }),
        None => Wanted::Wrong,
    }
}

/// Certificate and key are read at the same time: of a pair that is being renewed, one must not be older.
fn certificate(section: &mut Section<'_, '_>, tls: Tls) -> Option<ClientCertificate> {
    let (chain, key) = (section.take("certificate"), section.take("key"));
    if chain.is_some() != key.is_some() {
        let absent = if chain.is_some() { "key" } else { "certificate" };
        section.mistake(absent, Problem::new("missing; `certificate` and `key` go together"));
    }
    if let (Some(chain), Tls::None) = (&chain, tls) {
        chain.mistake(
            Problem::new("is shown in TLS, and there is none").hint("use `tls = \"implicit\"` or \"starttls\""),
        );
    }
    let chain = chain.and_then(|value| value.read(Value::text_of_file));
    let key = key.and_then(|value| value.read(Value::secret));
    chain.zip(key).map(|(chain, key)| ClientCertificate { chain, key })
}

/// Clear text to another machine: never with a password or token, and not without a word.
fn clear_text(section: &Section<'_, '_>, login: &Wanted<Login>) {
    let hint = "use `tls = \"implicit\"` (port 465) or `tls = \"starttls\"` (port 587)";
    let secret = match login {
        Wanted::Usable(Login { proof: Proof::Token(_), .. }) => "token",
        Wanted::Usable(_) | Wanted::Wrong => "password",
        Wanted::Nothing => {
            section.warn("tls", Problem::new("`none` sends all mail over the network in clear").hint(hint));
            return;
        }
    };
    let problem = Problem::new(format!("`none` would send the {secret} over the network in clear"));
    section.mistake("tls", problem.hint(hint));
}

fn timers(mut section: Section<'_, '_>) -> Timers {
    let default = Timers::default();
    let mut timer = |key, default| section.or(key, default, Value::timer);
    let timers = Timers {
        token: timer("token", default.token),
        connect: timer("connect", default.connect),
        tls: timer("tls", default.tls),
        greeting: timer("greeting", default.greeting),
        hello: timer("hello", default.hello),
        mail: timer("mail", default.mail),
        rcpt: timer("rcpt", default.rcpt),
        data: timer("data", default.data),
        block: timer("block", default.block),
        dot: timer("dot", default.dot),
        reset: timer("reset", default.reset),
    };
    section.finish();
    timers
}

/// Reads `[[domains]]`.
pub(super) fn domains(top: &mut Section<'_, '_>) -> Vec<DomainLimit> {
    let mut seen = BTreeSet::new();
    let sections = top.sections("domains").into_iter();
    let limits = sections.filter_map(|mut section| {
        let names = section.required("names", |value| value.each(Value::domain));
        let rate = section.required("rate", Value::rate);
        for name in names.iter().flatten().filter(|name| !seen.insert((*name).clone())) {
            section.mistake("names", Problem::new(format!("`{name}` has a limit already")));
        }
        section.finish();
        Some(DomainLimit { names: names?, rate: rate? })
    });
    limits.collect()
}

/// Reads `[delivery]`.
pub(super) fn delivery(top: &mut Section<'_, '_>) -> Delivery {
    let mut section = top.section("delivery");
    let Delivery { retries, alert_expires, hold_after, drain } = Delivery::default();
    let delivery = Delivery {
        retries: Retries {
            delays: section.or("retry", retries.delays, Value::delays),
            give_up_after: section.or("give_up_after", retries.give_up_after, Value::duration),
            relay_pause: section.or("relay_pause", retries.relay_pause, Value::duration),
        },
        alert_expires: section.or("alert_expires", alert_expires, Value::duration),
        hold_after: section.or("hold_after", hold_after, |value| value.count(1, 1_000_000)),
        drain: section.or("drain", drain, Value::timer),
    };
    section.finish();
    delivery
}

/// The port that goes with the protection (RFC 8314 §3.3, RFC 6409 §3.1, RFC 5321 §4.5.4.2).
fn default_port(tls: Tls) -> u16 {
    match tls {
        Tls::Implicit => 465,
        Tls::StartTls => 587,
        Tls::None => 25,
    }
}

/// The host of `base_url`; an address goes in brackets (RFC 5321 §4.1.3).
fn default_ehlo(base_url: &Url) -> String {
    match base_url.host() {
        Some(url::Host::Domain(name)) => name.to_owned(),
        Some(url::Host::Ipv4(ip)) => format!("[{ip}]"),
        Some(url::Host::Ipv6(ip)) => format!("[IPv6:{ip}]"),
        None => "localhost".to_owned(),
    }
}

impl Value<'_, '_> {
    pub(super) fn host(&self) -> Result<String, Problem> {
        host(self.text()?).ok_or_else(|| {
            Problem::new("not a host name or IP address").hint("write the name alone; the port has a key of its own")
        })
    }

    pub(super) fn port(&self) -> Result<u16, Problem> {
        u16::try_from(self.count(1, 65535)?).map_err(Problem::new)
    }

    /// A host name, or an address in brackets.
    fn ehlo(&self) -> Result<String, Problem> {
        let text = self.text()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if text.is_empty() || text.len() > 255 || !text.chars().all(plain) {
            return Err(Problem::new("not a name for EHLO")
                .hint("write this machine's full name, such as \"news.example.org\""));
        }
        Ok(text.to_owned())
    }

    pub(super) fn tls(&self) -> Result<Tls, Problem> {
        const WORDS: [&str; 3] = ["implicit", "starttls", "none"];
        match self.text()? {
            "implicit" => Ok(Tls::Implicit),
            "starttls" => Ok(Tls::StartTls),
            "none" => Ok(Tls::None),
            other => Err(Problem::new("no such protection").suggest(other, WORDS.into_iter())),
        }
    }

    fn manner(&self) -> Result<Manner, Problem> {
        const WORDS: [&str; 3] = ["chunked", "pipelined", "lock-step"];
        match self.text()? {
            "chunked" => Ok(Manner::Chunked),
            "pipelined" => Ok(Manner::Pipelined),
            "lock-step" => Ok(Manner::LockStep),
            other => Err(Problem::new("no such manner").suggest(other, WORDS.into_iter())),
        }
    }

    fn weight(&self) -> Result<NonZeroU32, Problem> {
        NonZeroU32::try_from(self.priority()?).map_err(Problem::new)
    }

    /// The higher, the later.
    fn priority(&self) -> Result<u32, Problem> {
        u32::try_from(self.count(1, 1000)?).map_err(Problem::new)
    }

    pub(super) fn rate(&self) -> Result<Rate, Problem> {
        const HINT: &str = "write a whole number and a unit, such as \"10/s\", \"100/m\", \"5000/h\" or \"50000/d\"";
        Rate::parse(self.text()?).map_err(|error| Problem::new(error).hint(HINT))
    }

    /// The domain of addresses, as they are compared.
    fn domain(&self) -> Result<String, Problem> {
        let hint = "write what stands behind the @ of an address, such as \"example.org\"";
        let address = EmailAddress::parse(&format!("x@{}", self.text()?));
        address.map(|address| address.domain().to_ascii_lowercase()).map_err(|error| Problem::new(error).hint(hint))
    }

    /// A number, 0 for no limit.
    fn limit(&self) -> Result<Option<NonZeroU32>, Problem> {
        let count = u32::try_from(self.count(0, 1_000_000)?).map_err(Problem::new)?;
        Ok(NonZeroU32::new(count))
    }

    /// `{ file = "path" }` or `{ command = ["program", "argument"] }`: nothing is read or run yet.
    fn token(&self) -> Result<TokenSource, Problem> {
        const HINT: &str = "write `{ file = \"path\" }` or `{ command = [\"program\", \"argument\"] }`";
        let Some(mut section) = Section::of(self) else {
            return Err(self.expected("a section").hint(format!("a token does not live long: {HINT}")));
        };
        let (file, command) = (section.take("file"), section.take("command"));
        section.finish();
        match (file, command) {
            (Some(file), None) => file.path().map(TokenSource::File),
            (None, Some(command)) => command.command(),
            _ => Err(Problem::new("expected either `file` or `command`").hint(HINT)),
        }
    }

    /// A program and its arguments. No shell reads them, so nothing in them needs quoting.
    fn command(&self) -> Result<TokenSource, Problem> {
        const HINT: &str = "write `command = [\"program\", \"argument\"]`";
        let words = self.each(|word| match word.text()? {
            text if text.contains('\0') => Err(Problem::new("holds a NUL character")),
            text => Ok(text.to_owned()),
        });
        let words = words.map_err(|_| Problem::new("`command` is not an array").hint(HINT))?;
        let mut words = words.into_iter();
        let Some(program) = words.next().filter(|program| !program.trim().is_empty()) else {
            return Err(Problem::new("`command` names no program").hint(HINT));
        };
        // A name alone is looked for in PATH; a path is relative to this file, as all of them are.
        let program = if program.contains('/') { self.source.resolve(&program) } else { PathBuf::from(program) };
        let folder = self.source.resolve("");
        Ok(TokenSource::Command { program, arguments: words.map(Into::into).collect(), folder })
    }

    pub(super) fn timer(&self) -> Result<Duration, Problem> {
        Ok(self.duration()?.unsigned_abs())
    }

    fn delays(&self) -> Result<Vec<SignedDuration>, Problem> {
        let delays = self.each(Value::duration)?;
        if delays.is_empty() { Err(Problem::new("is empty; it needs at least one delay")) } else { Ok(delays) }
    }
}
