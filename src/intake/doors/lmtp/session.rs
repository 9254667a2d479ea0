//! One LMTP conversation (RFC 2033, with PIPELINING, SIZE, 8BITMIME, SMTPUTF8 and ENHANCEDSTATUSCODES): commands in,
//! replies out, each message taken in for each of its recipients, and a reply for each. Only our own addresses are known.
//! Nothing is acknowledged before it was written down.

use std::{borrow::Cow, sync::Arc, time::Duration};

use smtp_proto::{MailFrom, RcptTo, Request as SmtpRequest};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    app::App,
    domain::address::EmailAddress,
    intake::{self, ENOUGH, Incoming},
    server::{self, Content, Limits, Line, Next, Talk, WireError},
    stop::{Ask, Stop},
};

type Request<'a> = SmtpRequest<Cow<'a, str>>;

/// The largest message in octets, as SIZE announces it (RFC 1870): what mail servers take from each other.
const SIZE_MAX: usize = 50 << 20;

/// How many recipients one message may have (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

/// A store that makes us wait so long for one message makes the mail server give us up before the last reply; then it
/// is told about the rest that they shall come again.
const PATIENCE: Duration = Duration::from_secs(120);

const TOO_LARGE: &str = "552 5.3.4 larger than is taken here";
const AGAIN: &str = "451 4.3.0 cannot be written down now, try again later";
const CLOSING: &str = "421 4.3.2 closing, try again later";

/// The message that is being handed over.
#[derive(Default)]
struct Transaction {
    sender: String,
    recipients: Vec<String>,
}

/// One mail server's conversation.
pub(super) struct Session<S> {
    talk: Talk<S>,
    app: Arc<App>,
    stop: Stop,
    greeted: bool,
    transaction: Option<Transaction>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(stream: S, app: Arc<App>, stop: Stop) -> Self {
        Self { talk: Talk::new(stream), app, stop, greeted: false, transaction: None }
    }

    /// Talks until the mail server leaves, is hung up on, or we are told to stop.
    pub(super) async fn run(mut self) {
        let name = self.name().to_owned();
        self.talk.wire.reply(&format!("220 {name} LMTP Tidings"));
        loop {
            let turn = self.turn().await;
            if self.talk.is_over(turn) {
                break;
            }
        }
        self.talk.wire.close().await;
    }

    /// One command and its reply.
    async fn turn(&mut self) -> Result<Next, WireError> {
        let line = tokio::select! {
            line = self.talk.wire.line() => line?,
            () = self.stop.asked(Ask::Finish) => return Ok(self.talk.hang_up(CLOSING)),
        };
        let Line::Whole(line) = line else { return Ok(self.talk.refuse("500 5.5.2 line too long")) };
        match SmtpRequest::parse(&mut line.iter()) {
            Ok(request) => self.answer(request).await,
            Err(error) => Ok(self.talk.refuse(server::misread(&error))),
        }
    }

    async fn answer(&mut self, request: Request<'_>) -> Result<Next, WireError> {
        match request {
            Request::Lhlo { .. } => Ok(self.greet()),
            // RFC 2033 §4.1: whoever says these takes us for what we are not.
            Request::Ehlo { .. } | Request::Helo { .. } => Ok(self.talk.refuse("500 5.5.1 this is LMTP: say LHLO")),
            Request::Mail { from } => Ok(self.mail(&from)),
            Request::Rcpt { to } => Ok(self.rcpt(&to)),
            Request::Data => self.data().await,
            Request::Rset => {
                self.transaction = None;
                Ok(self.talk.say("250 2.0.0 forgotten"))
            }
            Request::Noop { .. } => Ok(self.talk.say("250 2.0.0 yes")),
            Request::Vrfy { .. } => Ok(self.talk.say("252 2.1.5 not verified; RCPT tells")),
            Request::Help { .. } => Ok(self.talk.say("214 2.0.0 RFC 2033")),
            Request::Quit => Ok(self.talk.hang_up("221 2.0.0 goodbye")),
            Request::Bdat { .. } => Ok(self.talk.hang_up("502 5.5.1 not offered here, closing")),
            Request::Auth { .. }
            | Request::Expn { .. }
            | Request::StartTls
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. } => Ok(self.talk.refuse("502 5.5.1 not offered here")),
        }
    }

    fn greet(&mut self) -> Next {
        self.greeted = true;
        self.transaction = None;
        let (name, size) = (format!("250-{}", self.name()), format!("250-SIZE {SIZE_MAX}"));
        for line in [&name, "250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8", &size, "250 ENHANCEDSTATUSCODES"] {
            self.talk.wire.reply(line);
        }
        Next::Listen
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>) -> Next {
        if !self.greeted {
            return self.talk.refuse("503 5.5.1 LHLO comes first");
        }
        if self.transaction.is_some() {
            return self.talk.refuse("503 5.5.1 one message at a time");
        }
        if from.size > SIZE_MAX {
            return self.talk.refuse(TOO_LARGE);
        }
        if server::is_exceeded_by_mail(from) {
            return self.talk.refuse(server::NOT_OFFERED);
        }
        self.transaction = Some(Transaction { sender: from.address.to_string(), recipients: Vec::new() });
        self.talk.say("250 2.1.0 sender noted")
    }

    fn rcpt(&mut self, to: &RcptTo<Cow<'_, str>>) -> Next {
        let is_ours = self.is_ours(&to.address);
        let Some(transaction) = &mut self.transaction else { return self.talk.refuse("503 5.5.1 MAIL comes first") };
        if server::is_exceeded_by_rcpt(to) {
            return self.talk.refuse(server::NOT_OFFERED);
        }
        if !is_ours {
            return self.talk.say("550 5.1.1 no such address here");
        }
        if transaction.recipients.len() == RECIPIENTS_MAX {
            return self.talk.say("452 4.5.3 too many recipients");
        }
        transaction.recipients.push(to.address.to_string());
        self.talk.say("250 2.1.5 recipient noted")
    }

    /// RFC 2033 §4.2: with no recipient there is no message, and else a reply for each of them.
    async fn data(&mut self) -> Result<Next, WireError> {
        if self.transaction.as_ref().is_none_or(|open| open.recipients.is_empty()) {
            return Ok(self.talk.refuse("503 5.5.1 DATA comes after RCPT"));
        }
        self.talk.wire.reply("354 end with a dot alone on a line");
        let content = tokio::select! {
            content = self.talk.wire.content(Limits { size: SIZE_MAX, kept: ENOUGH }) => content?,
            () = self.stop.asked(Ask::Finish) => return Ok(self.talk.hang_up(CLOSING)),
        };
        let Transaction { sender, recipients } = self.transaction.take().unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        for recipient in &recipients {
            let reply = match &content {
                Content::TooLarge => TOO_LARGE,
                Content::Taken(_) if Instant::now() > deadline => AGAIN,
                Content::Taken(bytes) => take(&self.app, recipient, &sender, bytes).await,
            };
            self.talk.wire.reply(reply);
        }
        Ok(Next::Listen)
    }

    /// The intake's own address, or one of its plus-addresses.
    fn is_ours(&self, text: &str) -> bool {
        let (Some(ours), Ok(to)) = (&self.app.config.intake.address, EmailAddress::parse(text)) else { return false };
        let (local, own) = (to.local().to_lowercase(), ours.local().to_lowercase());
        let rest = local.strip_prefix(&own);
        to.domain() == ours.domain() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
    }

    /// Our name in the greeting.
    fn name(&self) -> &str {
        self.app.config.base_url.host_str().unwrap_or("localhost")
    }
}

/// Takes a message in for one recipient, and gives the reply.
async fn take(app: &App, recipient: &str, sender: &str, bytes: &[u8]) -> &'static str {
    let incoming = Incoming { recipient: Some(recipient), sender: Some(sender), bytes };
    match intake::take(app, &incoming).await {
        Ok(_) => "250 2.0.0 taken",
        Err(error) => {
            tracing::error!("mail that came by LMTP was not taken and comes again: {error}");
            AGAIN
        }
    }
}
