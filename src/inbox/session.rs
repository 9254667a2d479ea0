//! One SMTP conversation: commands in, replies out, messages to the shelf (RFC 5321, with PIPELINING, SIZE, 8BITMIME,
//! SMTPUTF8, CHUNKING, ENHANCEDSTATUSCODES and AUTH). Any credentials and any recipients are taken, since nothing is
//! passed on. A client that loses the thread, or tries to hide one command inside another, is hung up on.

use std::borrow::Cow;
use std::sync::Arc;

use smtp_proto::{Error, MAIL_SMTPUTF8, MailFrom, RcptTo, Request as SmtpRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use super::auth;
use super::offer;
use super::shelf::Shelf;
use super::smtp::SIZE_MAX;
use crate::server::{self, Content, Limits, Line, Next, Talk, WireError};

type Request<'a> = SmtpRequest<Cow<'a, str>>;

/// How many recipients one message may have (RFC 5321 section 4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

const TOO_LARGE: &str = "552 5.3.4 larger than this inbox takes";
const NOT_ASCII: &str = "553 5.6.7 an address beyond ASCII needs SMTPUTF8";

/// What became of one chunk.
enum Chunk {
    /// It is part of the message now.
    Taken,
    /// It was thrown away, and the client was told why.
    Refused(Next),
}

/// The message that is being handed over.
#[derive(Default)]
struct Transaction {
    sender: String,
    recipients: Vec<String>,
    /// Whether addresses may hold more than ASCII (RFC 6531).
    international: bool,
    /// What BDAT brought so far; `None` before the first chunk, when DATA may still be used instead.
    chunks: Option<Vec<u8>>,
}

/// One client's conversation.
pub(super) struct Session<S> {
    talk: Talk<S>,
    shelf: Arc<Shelf>,
    greeted: bool,
    authenticated: bool,
    transaction: Option<Transaction>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(stream: S, shelf: Arc<Shelf>) -> Self {
        Self { talk: Talk::new(stream), shelf, greeted: false, authenticated: false, transaction: None }
    }

    /// Talks until the client leaves or is hung up on.
    pub(super) async fn run(mut self) {
        self.talk.wire.reply("220 localhost ESMTP Tidings inbox");
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
        let Line::Whole(line) = self.talk.wire.line().await? else {
            return Ok(self.talk.refuse("500 5.5.2 line too long"));
        };
        match SmtpRequest::parse(&mut line.iter()) {
            Ok(request) => self.answer(request).await,
            Err(error) => Ok(self.misread(&error)),
        }
    }

    async fn answer(&mut self, request: Request<'_>) -> Result<Next, WireError> {
        match request {
            Request::Ehlo { .. } => Ok(self.greet(&offer::ehlo_reply())),
            Request::Helo { .. } => Ok(self.greet(&["250 localhost".to_owned()])),
            Request::Auth { .. } if !self.greeted || self.authenticated || self.transaction.is_some() => {
                Ok(self.talk.refuse("503 5.5.1 AUTH comes once, after EHLO and before MAIL"))
            }
            Request::Auth { mechanism, initial_response } => self.authenticate(mechanism, &initial_response).await,
            Request::Mail { from } => Ok(self.mail(&from)),
            Request::Rcpt { to } => Ok(self.rcpt(&to)),
            Request::Data => self.data().await,
            Request::Bdat { chunk_size, is_last } => match self.chunk(chunk_size).await? {
                Chunk::Refused(next) => Ok(next),
                Chunk::Taken if is_last => {
                    let content = self.transaction.as_mut().and_then(|open| open.chunks.take());
                    Ok(self.put_away(content.unwrap_or_default()).await)
                }
                Chunk::Taken => Ok(self.talk.say("250 2.0.0 chunk taken")),
            },
            Request::Rset => {
                self.transaction = None;
                Ok(self.talk.say("250 2.0.0 forgotten"))
            }
            Request::Noop { .. } => Ok(self.talk.say("250 2.0.0 yes")),
            Request::Vrfy { .. } => Ok(self.talk.say("252 2.1.5 not verified, but mail for it is taken")),
            Request::Help { .. } => {
                Ok(self.talk.say("214 2.0.0 this inbox keeps all mail and sends none on (RFC 5321)"))
            }
            Request::Quit => Ok(self.talk.hang_up("221 2.0.0 goodbye")),
            Request::Expn { .. }
            | Request::Lhlo { .. }
            | Request::StartTls
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. } => Ok(self.talk.refuse("502 5.5.1 not offered here")),
        }
    }

    fn greet(&mut self, lines: &[String]) -> Next {
        self.greeted = true;
        self.transaction = None;
        lines.iter().for_each(|line| self.talk.wire.reply(line));
        Next::Listen
    }

    async fn authenticate(&mut self, mechanism: u64, initial_response: &str) -> Result<Next, WireError> {
        Ok(match auth::accept_any(&mut self.talk.wire, mechanism, initial_response).await? {
            Ok(()) => {
                self.authenticated = true;
                self.talk.say("235 2.7.0 any credentials are right here")
            }
            Err(refusal) => self.talk.refuse(refusal),
        })
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>) -> Next {
        let international = from.flags & MAIL_SMTPUTF8 != 0;
        if !self.greeted {
            return self.talk.refuse("503 5.5.1 EHLO comes first");
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
        if !international && !from.address.is_ascii() {
            return self.talk.refuse(NOT_ASCII);
        }
        let sender = from.address.to_string();
        self.transaction = Some(Transaction { sender, recipients: Vec::new(), international, chunks: None });
        self.talk.say("250 2.1.0 sender noted")
    }

    fn rcpt(&mut self, to: &RcptTo<Cow<'_, str>>) -> Next {
        let Some(transaction) = self.transaction.as_mut().filter(|open| open.chunks.is_none()) else {
            return self.talk.refuse("503 5.5.1 MAIL comes first, and all recipients before the content");
        };
        if server::is_exceeded_by_rcpt(to) {
            return self.talk.refuse(server::NOT_OFFERED);
        }
        if to.address.is_empty() {
            return self.talk.refuse("501 5.1.3 a recipient needs an address");
        }
        if !transaction.international && !to.address.is_ascii() {
            return self.talk.refuse(NOT_ASCII);
        }
        if transaction.recipients.len() == RECIPIENTS_MAX {
            return self.talk.say("452 4.5.3 too many recipients");
        }
        transaction.recipients.push(to.address.to_string());
        self.talk.say("250 2.1.5 recipient noted")
    }

    async fn data(&mut self) -> Result<Next, WireError> {
        let ready = |open: &Transaction| !open.recipients.is_empty() && open.chunks.is_none();
        if !self.transaction.as_ref().is_some_and(ready) {
            return Ok(self.talk.refuse("503 5.5.1 DATA comes after RCPT, and never with BDAT"));
        }
        self.talk.wire.reply("354 end with a dot alone on a line");
        match self.talk.wire.content(Limits { size: SIZE_MAX, kept: SIZE_MAX }).await? {
            Content::Taken(bytes) => Ok(self.put_away(bytes).await),
            Content::TooLarge => {
                self.transaction = None;
                Ok(self.talk.refuse(TOO_LARGE))
            }
        }
    }

    /// Reads one chunk. Its octets are read even when it is refused, or they would be taken for commands.
    async fn chunk(&mut self, size: usize) -> Result<Chunk, WireError> {
        if size > SIZE_MAX {
            // So many octets are not worth reading only to throw them away.
            return Ok(Chunk::Refused(self.talk.hang_up(TOO_LARGE)));
        }
        let Some(open) = self.transaction.as_mut().filter(|open| !open.recipients.is_empty()) else {
            self.talk.wire.chunk(size, None).await?;
            return Ok(Chunk::Refused(self.talk.refuse("503 5.5.1 BDAT comes after RCPT")));
        };
        let so_far = open.chunks.get_or_insert_default();
        if so_far.len() + size > SIZE_MAX {
            // After a failed chunk all others fail until the next MAIL (RFC 3030 section 2).
            self.transaction = None;
            self.talk.wire.chunk(size, None).await?;
            return Ok(Chunk::Refused(self.talk.refuse(TOO_LARGE)));
        }
        self.talk.wire.chunk(size, Some(so_far)).await?;
        Ok(Chunk::Taken)
    }

    async fn put_away(&mut self, content: Vec<u8>) -> Next {
        let done = self.transaction.take().unwrap_or_default();
        match self.shelf.keep(done.sender, done.recipients, content).await {
            Ok(()) => self.talk.say("250 2.0.0 kept"),
            Err(error) => {
                tracing::warn!(%error, "a message could not be written to the inbox's folder");
                self.talk.say("451 4.3.0 could not be written, try again later")
            }
        }
    }

    /// Replies to a line that is no command.
    fn misread(&mut self, error: &Error) -> Next {
        match error {
            // Without the size nobody can tell where the chunk ends and the next command begins.
            Error::SyntaxError { syntax } if syntax.starts_with("BDAT") => {
                self.talk.hang_up("501 5.5.4 a chunk of unknown size, closing")
            }
            other => self.talk.refuse(server::misread(other)),
        }
    }
}
