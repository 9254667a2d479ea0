//! `[intake]`: mail that comes in, and by which doors.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{
    mistake::Problem,
    section::{Section, Value},
    value::is_loopback,
};
use crate::domain::{address::EmailAddress, relay::Tls};

/// `[intake]`: mail that comes in.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// The address whose plus-addresses take commands and bounces; `None`: no mail comes in.
    pub address: Option<EmailAddress>,
    /// Where a mail server hands us mail by LMTP (RFC 2033).
    pub lmtp: Option<LmtpPlace>,
    /// A Maildir whose new mail is taken.
    pub maildir: Option<PathBuf>,
    /// A mailbox whose new mail is taken.
    pub imap: Option<Mailbox>,
    /// What becomes of mail in the Maildir or mailbox once it was taken.
    pub taken: Afterwards,
}

/// Where we listen for LMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LmtpPlace {
    /// An address and port.
    Tcp(SocketAddr),
    /// A Unix socket: who may reach its folder may hand in mail.
    Socket(PathBuf),
}

/// What becomes of mail that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Afterwards {
    /// It stays, marked as read.
    #[default]
    Keep,
    /// It is deleted.
    Delete,
}

/// A mailbox on a server that speaks IMAP.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Host name or IP address; the certificate must be for it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// A PEM file of certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Who we are to it.
    pub username: String,
    /// How we prove it.
    pub password: SecretString,
    /// The mailbox's name on the server, as the server spells it (RFC 3501 §5.1.3).
    pub mailbox: String,
    /// How often it is looked at where the server cannot say that mail came.
    pub every: Duration,
    /// Where taken mail is moved; `None`: it is treated as [`Intake::taken`] says.
    pub move_to: Option<String>,
}

impl fmt::Display for LmtpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => at.fmt(f),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Reads `[intake]`.
pub(super) fn intake(top: &mut Section<'_, '_>) -> Intake {
    let mut section = top.section("intake");
    let address = section.optional("address", Value::address);
    let lmtp = section.optional("lmtp", Value::lmtp);
    let maildir = section.optional("maildir", Value::path);
    let imap = section.take("imap").and_then(|value| mailbox(&value));
    let taken = section.or("taken", Afterwards::Keep, Value::afterwards);
    if address.is_none() && (lmtp.is_some() || maildir.is_some() || imap.is_some()) {
        let problem = Problem::new("missing, so that no mail that comes in is for us");
        section.warn("address", problem.hint("write the address that its plus-addresses belong to"));
    }
    section.finish();
    Intake { address, lmtp, maildir, imap, taken }
}

fn mailbox(value: &Value<'_, '_>) -> Option<Mailbox> {
    let Some(mut section) = Section::of(value) else {
        value.mistake(value.expected("a section").hint("write `imap = { host = \"…\", username = \"…\", … }`"));
        return None;
    };
    let host = section.required("host", Value::host);
    let tls = section.or("tls", Tls::Implicit, Value::tls);
    let port = section.or("port", if tls == Tls::Implicit { 993 } else { 143 }, Value::port);
    let ca = section.optional("ca", Value::path);
    let username = section.required("username", Value::words);
    let password = section.required("password", Value::secret);
    let mailbox = section.or("mailbox", "INBOX".to_owned(), Value::mailbox_name);
    let every = section.or("every", Duration::from_secs(60), Value::timer);
    let move_to = section.optional("move_to", Value::mailbox_name);
    if tls == Tls::None && host.as_deref().is_some_and(|host| !is_loopback(host)) {
        let problem = Problem::new("`none` would send the password over the network in clear");
        section.mistake("tls", problem.hint("use `tls = \"implicit\"` (port 993) or `tls = \"starttls\"` (port 143)"));
    }
    if move_to.as_ref() == Some(&mailbox) {
        section.mistake("move_to", Problem::new("is the mailbox that mail is taken from"));
    }
    section.finish();
    Some(Mailbox { host: host?, port, tls, ca, username: username?, password: password?, mailbox, every, move_to })
}

impl Value<'_, '_> {
    fn lmtp(&self) -> Result<LmtpPlace, Problem> {
        const HINT: &str = "write \"127.0.0.1:2424\", or \"unix:\" and a path";
        let text = self.text()?;
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.trim_start_matches("//");
            if path.is_empty() || path.contains('\0') {
                return Err(Problem::new("names no socket").hint(HINT));
            }
            return Ok(LmtpPlace::Socket(self.source.resolve(path)));
        }
        let at: SocketAddr = text.parse().map_err(|_| Problem::new("not an address to listen on").hint(HINT))?;
        if at.port() == 25 {
            return Err(Problem::new("LMTP may not be spoken on port 25 (RFC 2033 §5)").hint(HINT));
        }
        if !at.ip().to_canonical().is_loopback() {
            let problem = Problem::new("other machines can reach it, and LMTP asks for no login");
            self.warn(problem.hint("let a firewall admit your mail server only, or listen on 127.0.0.1"));
        }
        Ok(LmtpPlace::Tcp(at))
    }

    fn afterwards(&self) -> Result<Afterwards, Problem> {
        const WORDS: [&str; 2] = ["keep", "delete"];
        match self.text()? {
            "keep" => Ok(Afterwards::Keep),
            "delete" => Ok(Afterwards::Delete),
            other => Err(Problem::new("no such choice").suggest(other, WORDS.into_iter())),
        }
    }

    /// A mailbox's name in ASCII: what is beyond it has a spelling of its own (RFC 3501 §5.1.3).
    fn mailbox_name(&self) -> Result<String, Problem> {
        let name = self.words()?;
        if name.is_ascii() {
            return Ok(name);
        }
        let problem = Problem::new("holds characters beyond ASCII");
        Err(problem.hint("write the name as the server spells it, in modified UTF-7"))
    }
}
