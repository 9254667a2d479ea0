//! A mailbox as a door, by IMAP (RFC 3501): what is new in it is taken, and then marked as read, deleted or moved. A
//! message is read without touching its flags, and touched only after it was written down what became of it. Where the
//! server can say that mail came (IDLE, RFC 2177), it is taken at once, else every so often.

mod connect;
mod response;
mod talk;

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

pub use self::talk::ImapError;
use self::{
    response::{Status, Untagged},
    talk::{Talk, Word},
};
use super::DoorError;
use crate::{
    app::App,
    config::{Afterwards, Mailbox},
    intake::{self, ENOUGH, Incoming},
    stop::{Ask, Stop},
    store::mailboxes::ReadUpTo,
};

/// How long we listen for news before we look for ourselves: a connection may have died without a word, and a server may
/// give up a client that says nothing for half an hour.
const LISTEN: Duration = Duration::from_secs(300);

/// We, within a mailbox that is open.
pub struct Visitor<'a> {
    talk: Talk,
    mailbox: &'a Mailbox,
    /// What the server can do besides the usual, in upper case.
    abilities: Vec<String>,
    /// UIDVALIDITY: with it a UID names the same message for ever.
    validity: u32,
    /// UIDNEXT when the mailbox was opened, where the server tells it.
    next: Option<u32>,
}

impl<'a> Visitor<'a> {
    /// Connects, logs in, and opens the mailbox.
    ///
    /// # Errors
    /// When any of that fails.
    pub async fn arrive(mailbox: &'a Mailbox) -> Result<Self, DoorError> {
        Self::enter(mailbox).await.map_err(in_mailbox(mailbox))
    }

    async fn enter(mailbox: &'a Mailbox) -> Result<Self, ImapError> {
        let mut talk = connect::connect(mailbox).await?;
        let login = [Word::Text(&mailbox.username), Word::Secret(&mailbox.password)];
        talk.command("LOGIN", &login).await?;
        let told = talk.command("CAPABILITY", &[]).await?;
        let abilities = told.iter().filter_map(|told| match told.read() {
            Untagged::Capability(words) => Some(words),
            _ => None,
        });
        let abilities = abilities.flatten().map(str::to_ascii_uppercase).collect();
        if let Some(elsewhere) = &mailbox.move_to {
            // It is refused when it is there already; should it be missing for another reason, moving says so.
            match talk.command("CREATE", &[Word::Text(elsewhere)]).await {
                Ok(_) | Err(ImapError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let told = talk.command("SELECT", &[Word::Text(&mailbox.mailbox)]).await?;
        let (mut validity, mut next) = (None, None);
        for told in &told {
            match told.read() {
                Untagged::Status(Status::Ok, "UIDVALIDITY", number) => validity = number,
                Untagged::Status(Status::Ok, "UIDNEXT", number) => next = number,
                _ => {}
            }
        }
        let validity = validity.ok_or(ImapError::NoNumbers)?;
        Ok(Self { talk, mailbox, abilities, validity, next })
    }

    /// Takes every message that is new. One that fails by its own fault does not keep back the others.
    ///
    /// # Errors
    /// When the store or the server fails; what was taken by then is done with.
    pub async fn take_new(&mut self, app: &App) -> Result<(), DoorError> {
        let about = self.about();
        let known = app.store.mailbox(&about).await?.filter(|read| read.validity == self.validity);
        let mut done = Progress { next: known.map(|read| read.next), ..Progress::default() };
        let taken = self.take_each(app, known, &mut done).await;
        if let Some(next) = done.next.filter(|next| known.is_none_or(|read| read.next != *next)) {
            app.store.mailbox_read(&about, ReadUpTo { validity: self.validity, next }).await?;
        }
        taken?;
        done.trouble.map_or(Ok(()), Err)
    }

    async fn take_each(&mut self, app: &App, known: Option<ReadUpTo>, done: &mut Progress) -> Result<(), DoorError> {
        let in_mailbox = in_mailbox(self.mailbox);
        for uid in self.new_messages(known).await.map_err(&in_mailbox)? {
            let Some(bytes) = self.fetch(uid).await.map_err(&in_mailbox)? else {
                // It was deleted or moved meanwhile.
                done.passed(uid);
                continue;
            };
            match intake::take(app, &Incoming { recipient: None, sender: None, bytes: &bytes }).await {
                Ok(_) => {}
                Err(error) if error.may_pass() => return Err(error.into()),
                Err(error) => {
                    done.stuck_at(uid, error.into());
                    continue;
                }
            }
            done.passed(uid);
            match self.settle(uid, app.config.intake.taken).await {
                // It was taken all the same; the others must not wait for it.
                Err(error @ ImapError::Refused { .. }) => done.trouble = Some(in_mailbox(error)),
                settled => settled.map_err(&in_mailbox)?,
            }
        }
        // Before the first look what was read by people is left alone; from now on everything that comes is taken.
        if known.is_none() && !done.is_stuck {
            done.next = done.next.max(self.next);
        }
        Ok(())
    }

    /// The UIDs of what is new, the lowest first: what came since the last look, or, in a mailbox that we do not know,
    /// what nobody has read.
    async fn new_messages(&mut self, known: Option<ReadUpTo>) -> Result<Vec<u32>, ImapError> {
        // What is announced from here on may not be among those found.
        self.talk.has_news = false;
        let criteria = known.map_or("UNSEEN".to_owned(), |read| format!("UID {}:*", read.next));
        let told = self.talk.command("UID SEARCH", &[Word::Atom(&criteria)]).await?;
        let mut uids: Vec<u32> = told
            .iter()
            .filter_map(|told| match told.read() {
                Untagged::Search(uids) => Some(uids),
                _ => None,
            })
            .flatten()
            .collect();
        // `n:*` always names the last message, and it may be an old one.
        uids.retain(|uid| known.is_none_or(|read| *uid >= read.next));
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// As much of a message as counts; `None` when it is gone.
    async fn fetch(&mut self, uid: u32) -> Result<Option<Vec<u8>>, ImapError> {
        let (number, part) = (uid.to_string(), format!("(UID BODY.PEEK[]<0.{ENOUGH}>)"));
        let told = self.talk.command("UID FETCH", &[Word::Atom(&number), Word::Atom(&part)]).await?;
        Ok(told.iter().find_map(|told| told.body_of(uid)))
    }

    /// What becomes of a message that was taken.
    async fn settle(&mut self, uid: u32, afterwards: Afterwards) -> Result<(), ImapError> {
        let number = uid.to_string();
        let uid = Word::Atom(&number);
        let add = Word::Atom("+FLAGS.SILENT");
        match (&self.mailbox.move_to, afterwards) {
            (Some(elsewhere), _) => {
                self.talk.command("UID STORE", &[uid, add, Word::Atom("(\\Seen)")]).await?;
                if self.can("MOVE") {
                    self.talk.command("UID MOVE", &[uid, Word::Text(elsewhere)]).await?;
                    return Ok(());
                }
                self.talk.command("UID COPY", &[uid, Word::Text(elsewhere)]).await?;
            }
            (None, Afterwards::Keep) => {
                self.talk.command("UID STORE", &[uid, add, Word::Atom("(\\Seen)")]).await?;
                return Ok(());
            }
            (None, Afterwards::Delete) => {}
        }
        self.talk.command("UID STORE", &[uid, add, Word::Atom("(\\Seen \\Deleted)")]).await?;
        // Without this ability one can only expunge all that is marked, and others may have marked something too.
        if self.can("UIDPLUS") {
            self.talk.command("UID EXPUNGE", &[uid]).await?;
        }
        Ok(())
    }

    /// Waits until the server says that there is news, or until it is time to look.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn wait_for_more(&mut self, stop: &Stop) -> Result<(), DoorError> {
        self.wait(stop).await.map_err(in_mailbox(self.mailbox))
    }

    async fn wait(&mut self, stop: &Stop) -> Result<(), ImapError> {
        if self.talk.has_news {
            return Ok(());
        }
        if !self.can("IDLE") {
            tokio::select! {
                () = sleep(self.mailbox.every) => {}
                () = stop.asked(Ask::Finish) => return Ok(()),
            }
            return self.talk.command("NOOP", &[]).await.map(drop);
        }
        self.talk.begin_idle().await?;
        let until = Instant::now() + LISTEN;
        while !self.talk.has_news {
            tokio::select! {
                told = self.talk.listen() => told?,
                () = sleep_until(until) => break,
                () = stop.asked(Ask::Finish) => break,
            }
        }
        self.talk.end_idle().await
    }

    /// Says goodbye.
    pub async fn leave(mut self) {
        // Whatever it answers, we are done.
        let _ = self.talk.command("LOGOUT", &[]).await;
    }

    fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|known| known == ability)
    }

    /// What the store calls the mailbox.
    fn about(&self) -> String {
        let Mailbox { username, host, port, mailbox, .. } = self.mailbox;
        format!("imap:{username}@{host}:{port}/{mailbox}")
    }
}

/// How far a look has come.
#[derive(Debug, Default)]
struct Progress {
    /// Every message below was taken.
    next: Option<u32>,
    /// A message was left for the next look, and nothing behind it may be passed over.
    is_stuck: bool,
    /// What went wrong and did not keep us from going on.
    trouble: Option<DoorError>,
}

impl Progress {
    fn passed(&mut self, uid: u32) {
        if !self.is_stuck {
            self.next = Some(uid.saturating_add(1));
        }
    }

    fn stuck_at(&mut self, _uid: u32, error: DoorError) {
        self.is_stuck = true;
        self.trouble.get_or_insert(error);
    }
}

fn in_mailbox(mailbox: &Mailbox) -> impl Fn(ImapError) -> DoorError + use<> {
    let (name, host) = (mailbox.mailbox.clone(), mailbox.host.clone());
    move |source| DoorError::Mailbox { mailbox: name.clone(), host: host.clone(), source }
}
