//! What a letter is, and doing what follows. A message and what its door knows of it go in; what was done goes out. A
//! report about a message of ours is noted first. A link to leave is followed at once, whoever sends it, for it proves
//! who may. Then machines are told from people, and only people can ask for anything; nobody is answered but by what
//! `subscribe` sends them.

use super::{
    Incoming, Taken,
    bounce::{self, Finding},
    bounces::{self, Noted},
    command::{self, Command, Door},
    complaint,
    evidence::{self, Proof},
    letter::Letter,
    machine,
};
use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        mailing::MailingId,
        report::{Report, ReportKind},
        subscription::SubscriberId,
    },
    store::StoreError,
    subscribe::{self, LeaveError},
};

/// How many of the recipients that a report names are looked for, when it proves nothing.
const MOST_RECIPIENTS: usize = 10;

/// Does what follows from one message.
///
/// # Errors
/// When the store fails.
pub(super) async fn act(app: &App, incoming: &Incoming<'_>) -> Result<Taken, StoreError> {
    let Some(intake) = &app.config.intake.address else {
        return Ok(Taken::Nothing("no [intake] address is configured".to_owned()));
    };
    let letter = Letter::read(incoming);
    let door = command::door(&letter, intake);
    if let Some(taken) = take_report(app, &letter, &door).await? {
        return Ok(taken);
    }
    let asked = command::command(&letter, &door);
    if let Some(Command::Leave(token)) = &asked {
        return leave(app, token).await;
    }
    if door == Door::Other {
        return Ok(Taken::Nothing("the message did not come to one of our addresses".to_owned()));
    }
    if let Some(mark) = machine::mark(&letter, &[intake, &app.config.sender.address]) {
        return Ok(Taken::Nothing(format!("a machine wrote it: {mark}")));
    }
    match (asked, &letter.from) {
        (Some(asked), Some(from)) => obey(app, asked, from).await,
        // A message that nobody asked us to understand is answered by nobody: who wrote it can be forged.
        _ => Ok(Taken::Nothing("it asks for nothing that we know".to_owned())),
    }
}

async fn leave(app: &App, token: &str) -> Result<Taken, StoreError> {
    match subscribe::leave(app, token, "left by mail").await {
        Ok(_) => Ok(Taken::Left),
        Err(LeaveError::Store(error)) => Err(error),
        Err(error) => Ok(Taken::Nothing(error.to_string())),
    }
}

/// Does what a person asks for.
#[allow(clippy::unused_async, reason = "joining and confirming will ask the store")]
async fn obey(_app: &App, asked: Command, _from: &EmailAddress) -> Result<Taken, StoreError> {
    let what = match asked {
        Command::Join(_) => "joining by mail",
        Command::AskToLeave => "leaving by mail without the link of a message",
        Command::Confirm(_) => "confirming by mail",
        Command::Help => "help by mail",
        Command::Leave(_) => "this",
    };
    Ok(Taken::Nothing(format!("{what} is not offered yet")))
}

/// Notes what a letter reports of a message of ours; `None` when it is no report.
async fn take_report(app: &App, letter: &Letter<'_>, door: &Door) -> Result<Option<Taken>, StoreError> {
    let (kind, code, words, recipients) = match (complaint::read(letter), bounce::read(letter)) {
        (Some(feedback), _) if !feedback.is_complaint => {
            return Ok(Some(Taken::Nothing(format!("a feedback report that is no complaint: {}", feedback.words))));
        }
        (Some(feedback), _) => (ReportKind::Complaint, None, feedback.words, feedback.recipients),
        (None, Finding::Failed(failure)) => (failure.kind, failure.code, failure.words, failure.recipients),
        (None, Finding::Delayed) => {
            return Ok(Some(Taken::Nothing("a message of ours is late and still being tried".to_owned())));
        }
        (None, Finding::Nothing(why)) if is_bounce_address(door) => {
            return Ok(Some(Taken::Nothing(format!("mail to an address for bounces, and no bounce: {why}"))));
        }
        (None, Finding::Nothing(_)) => return Ok(None),
    };
    let report = Report { delivery: None, recipient: None, kind, code, words };
    let noted = match proved_delivery(app, letter, door).await? {
        Some(delivery) => bounces::note(app, Report { delivery: Some(delivery), ..report }).await?,
        None => note_unproved(app, &report, recipients).await?,
    };
    Ok(Some(match noted {
        Noted::Written => Taken::Reported(kind),
        Noted::Known => Taken::Nothing(format!("a report ({}) of what was known", kind.as_str())),
        Noted::Unplaced => Taken::Nothing(format!("a report ({}) of a message that is not ours", kind.as_str())),
    }))
}

fn is_bounce_address(door: &Door) -> bool {
    matches!(door, Door::Plus(part) if part.starts_with("bounce."))
}

async fn proved_delivery(
    app: &App,
    letter: &Letter<'_>,
    door: &Door,
) -> Result<Option<(MailingId, SubscriberId)>, StoreError> {
    match evidence::proof(letter, door, &app.secret) {
        None => Ok(None),
        Some(Proof::Delivery(mailing, subscriber)) => Ok(Some((mailing, subscriber))),
        Some(Proof::Reader(claim)) => {
            let Some(list) = app.store.name_of_list(claim.list).await? else { return Ok(None) };
            let since = bounces::since(app.clock.now());
            let mailing = app.store.last_mailing_to(claim.subscriber, Some(&list), since).await?;
            Ok(mailing.map(|mailing| (mailing, claim.subscriber)))
        }
    }
}

/// Anybody can write that a message to somebody came back. So it counts as soft at most, and once for each message.
async fn note_unproved(app: &App, report: &Report, recipients: Vec<EmailAddress>) -> Result<Noted, StoreError> {
    let kind = match report.kind {
        ReportKind::Policy => ReportKind::Policy,
        ReportKind::Soft | ReportKind::Hard | ReportKind::Complaint => ReportKind::Soft,
    };
    let mut last = Noted::Unplaced;
    for recipient in recipients.into_iter().take(MOST_RECIPIENTS) {
        last = bounces::note(app, Report { recipient: Some(recipient), kind, ..report.clone() }).await?;
        if last != Noted::Unplaced {
            break;
        }
    }
    Ok(last)
}
