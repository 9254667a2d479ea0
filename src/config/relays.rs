//! `[[relays]]`, `[[domains]]` and `[delivery]`: the SMTP servers we hand to, how fast, and how often we try.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use jiff::SignedDuration;
use secrecy::SecretString;
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
    relay::{DomainLimit, Dsn, Login, Manner, Relay, Timers, Tls},
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
    each.filter_map(|(place, section)| relay(section, place, &mut names, &ehlo)).collect()
}

fn relay(mut section: Section<'_, '_>, place: u32, names: &mut Names, ehlo: &str) -> Option<Relay> {
    let name = section.name(names);
    let host = section.required("host", Value::host);
    let tls = section.or("tls", Tls::Implicit, Value::tls);
    let port = section.or("port", default_port(tls), Value::port);
    let username = section.optional("username", Value::words);
    let has_username = username.is_some();
    let password_line = section.take("password");
    let priority = section.or("priority", place, Value::priority);
    let weight = section.optional("weight", Value::priority).and_then(NonZeroU32::new);
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

    if has_username != password_line.is_some() {
        let absent = if has_username { "password" } else { "username" };
        section.mistake(absent, Problem::new("missing; `username` and `password` go together"));
    }
    if tls == Tls::None && host.as_deref().is_some_and(|host| !is_loopback(host)) {
        clear_text(&section, has_username);
    }
    section.finish();
    let password: Option<SecretString> = password_line.and_then(|value| value.read(Value::secret));
    let login = username.zip(password).map(|(username, password)| Login { username, password });
    Some(Relay {
        name: name?,
        host: host?,
        port,
        tls,
        ca,
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

/// Clear text to another machine: never with a password, and not without a word.
fn clear_text(section: &Section<'_, '_>, has_username: bool) {
    let hint = "use `tls = \"implicit\"` (port 465) or `tls = \"starttls\"` (port 587)";
    if has_username {
        section.mistake("tls", Problem::new("`none` would send the password over the network in clear").hint(hint));
    } else {
        section.warn("tls", Problem::new("`none` sends all mail over the network in clear").hint(hint));
    }
}

fn timers(mut section: Section<'_, '_>) -> Timers {
    let default = Timers::default();
    let mut timer = |key, default| section.or(key, default, Value::timer);
    let timers = Timers {
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
    fn host(&self) -> Result<String, Problem> {
        host(self.text()?).ok_or_else(|| {
            Problem::new("not a host name or IP address").hint("write the name alone; the port has a key of its own")
        })
    }

    fn port(&self) -> Result<u16, Problem> {
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

    fn tls(&self) -> Result<Tls, Problem> {
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

    /// The higher, the later; or the more.
    fn priority(&self) -> Result<u32, Problem> {
        u32::try_from(self.count(1, 1000)?).map_err(Problem::new)
    }

    fn rate(&self) -> Result<Rate, Problem> {
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

    fn timer(&self) -> Result<Duration, Problem> {
        Ok(self.duration()?.unsigned_abs())
    }

    fn delays(&self) -> Result<Vec<SignedDuration>, Problem> {
        let delays = self.each(Value::duration)?;
        if delays.is_empty() { Err(Problem::new("is empty; it needs at least one delay")) } else { Ok(delays) }
    }
}
