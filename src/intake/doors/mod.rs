//! The doors by which mail comes in, besides the pipe, which is a command: LMTP, a Maildir, a mailbox. Each hands letters
//! to [`super::take`] and acknowledges them once it has returned. Staff are told of a door that stays shut.

pub mod imap;
mod lmtp;
mod maildir;

use std::{error::Error, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use self::imap::{ImapError, Visitor};
use crate::{
    app::App,
    config::{LmtpPlace, Mailbox},
    domain::alarm::{Alarm, AlarmKind, GRACE},
    stop::{Ask, Stop},
    store::StoreError,
};

/// How often a Maildir is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How long we wait before we try a mailbox again that was in trouble.
const REST: Duration = Duration::from_secs(30);

/// Why mail could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The Maildir.
    #[error("cannot take mail from the Maildir `{path}`")]
    Maildir {
        /// Its folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The mailbox.
    #[error("cannot take mail from the mailbox `{mailbox}` on `{host}`")]
    Mailbox {
        /// Its name.
        mailbox: String,
        /// Where it is.
        host: String,
        /// What went wrong.
        source: ImapError,
    },
    /// The store, which keeps us from taking any.
    #[error("mail that comes in waits for the database")]
    Store(#[from] StoreError),
}

impl DoorError {
    /// True for what no waiting mends.
    fn needs_a_person(&self) -> bool {
        matches!(self, Self::Mailbox { source, .. } if source.needs_a_person())
    }
}

/// The doors that are open while the daemon runs.
pub struct Doors {
    lmtp: Option<lmtp::Listening>,
}

impl Doors {
    /// Begins to listen where `[intake] lmtp` says; nobody is answered yet.
    ///
    /// # Errors
    /// When that place is taken or not ours.
    pub fn open(app: &App) -> io::Result<Self> {
        let lmtp = app.config.intake.lmtp.as_ref().map(lmtp::Listening::at).transpose()?;
        Ok(Self { lmtp })
    }

    /// Where we listen for LMTP, if we do, with the port that was chosen for us.
    pub fn lmtp(&self) -> Option<LmtpPlace> {
        self.lmtp.as_ref().map(lmtp::Listening::place)
    }

    /// The address of [`Self::lmtp`], when it is one.
    pub fn lmtp_address(&self) -> Option<SocketAddr> {
        match self.lmtp() {
            Some(LmtpPlace::Tcp(at)) => Some(at),
            _ => None,
        }
    }

    /// Takes in mail by each door until told to stop.
    pub async fn keep(self, app: Arc<App>, stop: Stop) {
        let intake = &app.config.intake;
        let lmtp = async {
            if let Some(listening) = self.lmtp {
                listening.serve(&app, &stop).await;
            }
        };
        let maildir = async {
            if intake.maildir.is_some() {
                keep_looking(&app, &stop).await;
            }
        };
        let imap = async {
            if let Some(mailbox) = &intake.imap {
                keep_visiting(&app, mailbox, &stop).await;
            }
        };
        tokio::join!(lmtp, maildir, imap);
    }
}

/// Looks once into the Maildir and the mailbox, and gives what went wrong.
pub async fn look(app: &App) -> Vec<DoorError> {
    let mut troubles = Vec::new();
    if app.config.intake.maildir.is_some() {
        troubles.extend(look_into_maildir(app).await.err());
    }
    if let Some(mailbox) = &app.config.intake.imap {
        let visited = async {
            let mut visitor = Visitor::arrive(mailbox).await?;
            let taken = visitor.take_new(app).await;
            visitor.leave().await;
            taken
        };
        troubles.extend(told(app, MAILBOX, visited.await).await.err());
    }
    troubles
}

/// What alarms about the Maildir are about.
const MAILDIR: &str = "intake:maildir";
/// What alarms about the mailbox are about.
const MAILBOX: &str = "intake:imap";

async fn look_into_maildir(app: &App) -> Result<(), DoorError> {
    let taken = maildir::take_new(app).await;
    told(app, MAILDIR, taken).await
}

async fn keep_looking(app: &App, stop: &Stop) {
    while !stop.is_asked() {
        if let Err(error) = look_into_maildir(app).await {
            tracing::warn!("{}", in_full(&error));
        }
        pause(LOOK, stop).await;
    }
}

/// Stays in the mailbox as long as it lets us.
async fn keep_visiting(app: &App, mailbox: &Mailbox, stop: &Stop) {
    while !stop.is_asked() {
        if let Err(error) = visit(app, mailbox, stop).await {
            tracing::warn!("{}", in_full(&error));
            pause(REST, stop).await;
        }
    }
}

async fn visit(app: &App, mailbox: &Mailbox, stop: &Stop) -> Result<(), DoorError> {
    let arrived = tokio::select! {
        arrived = Visitor::arrive(mailbox) => arrived,
        () = stop.asked(Ask::Finish) => return Ok(()),
    };
    let mut visitor = match arrived {
        Ok(visitor) => visitor,
        Err(error) => return told(app, MAILBOX, Err(error)).await,
    };
    loop {
        let taken = visitor.take_new(app).await;
        told(app, MAILBOX, taken).await?;
        if stop.is_asked() {
            visitor.leave().await;
            return Ok(());
        }
        let waited = visitor.wait_for_more(stop).await;
        if waited.is_err() {
            return told(app, MAILBOX, waited).await;
        }
    }
}

async fn pause(time: Duration, stop: &Stop) {
    tokio::select! {
        () = sleep(time) => {}
        () = stop.asked(Ask::Finish) => {}
    }
}

/// Raises an alarm about a door that is in trouble, or clears it. The store's own trouble is told elsewhere, and could not
/// be written down.
async fn told(app: &App, about: &str, done: Result<(), DoorError>) -> Result<(), DoorError> {
    let now = app.clock.now();
    let written = match &done {
        Ok(()) => app.store.clear_alarm(about, AlarmKind::DoorShut, now).await,
        Err(DoorError::Store(_)) => Ok(()),
        Err(error) => {
            let grace = if error.needs_a_person() { SignedDuration::ZERO } else { GRACE };
            let words = format!(
                "{}. Mail that came there waits and is not lost; it is tried again all the time. `tidings check` tries it \
                 at once.",
                in_full(error)
            );
            let tell_after = now.checked_add(grace).unwrap_or(Timestamp::MAX);
            let alarm = Alarm { about: about.to_owned(), kind: AlarmKind::DoorShut, words, tell_after };
            app.store.raise_alarm(&alarm, now).await
        }
    };
    if let Err(error) = written {
        tracing::warn!(about, "an alarm cannot be written down: {error}");
    }
    done
}

/// An error with all that caused it.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
