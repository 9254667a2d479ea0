//! What a letter is, and doing what follows. A message and what its door knows of it go in; what was done goes out. A
//! report about a message of ours is noted first. Then machines are told from people, and only people can ask for
//! anything. A link to leave is followed at once, whoever sends it, for it proves who may. Nobody is answered from here:
//! a wish is written down, and `subscribe` answers it within its guards.

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
        consent,
        mailing::MailingId,
        report::{Report, ReportKind},
        request::{RequestKind, Wish},
        slug::Slug,
        subscription::SubscriberId,
    },
    store::{StoreError, requests::MailToConfirm},
    subscribe::{self, AskError, Asked, AskedFrom, ConfirmError, LeaveError, Visit},
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
    if door == Door::Other {
        return Ok(Taken::Nothing("the message did not come to one of our addresses".to_owned()));
    }
    let asked = command::command(&letter, &door);
    let mark = match &asked {
        // Mail programs leave by such links for their users, and from whatever address.
        Some(Command::Leave(_)) => machine::answer_mark(&letter),
        _ => machine::mark(&letter, &[intake, &app.config.sender.address]),
    };
    if let Some(mark) = mark {
        return Ok(Taken::Nothing(format!("a machine wrote it: {mark}")));
    }
    match (asked, &letter.from) {
        (Some(Command::Leave(token)), _) => leave(app, &token).await,
        (Some(Command::Confirm(token)), _) => confirm(app, &letter, &door, &token).await,
        (Some(Command::Join(list)), Some(from)) => match wishes(app, list) {
            Some(wishes) => ask(app, RequestKind::Join, from, &wishes).await,
            None => Ok(Taken::Nothing("it names none of several lists".to_owned())),
        },
        (Some(Command::AskToLeave), Some(from)) => ask(app, RequestKind::Leave, from, &[]).await,
        (Some(Command::Help), Some(from)) => ask(app, RequestKind::Help, from, &[]).await,
        // Who wrote it can be forged, so what nobody understands is answered by nobody.
        _ => Ok(Taken::Nothing("it asks for nothing that we know".to_owned())),
    }
}

/// The list that is named, or else the only one there is.
fn wishes(app: &App, named: Option<Slug>) -> Option<Vec<Wish>> {
    let mut public = subscribe::public_lists(app).map(|list| list.name.clone());
    match (named, public.next(), public.next()) {
        (Some(named), ..) => Some(vec![Wish::whole(named)]),
        (None, Some(only), None) => Some(vec![Wish::whole(only)]),
        _ => None,
    }
}

async fn leave(app: &App, token: &str) -> Result<Taken, StoreError> {
    match subscribe::leave(app, token, Visit::Mail).await {
        Ok(_) => Ok(Taken::Left),
        Err(LeaveError::Store(error)) => Err(error),
        Err(error) => Ok(Taken::Nothing(error.to_string())),
    }
}

/// A letter to the address in `Reply-To` is an answer, and must look like a person's: who types the token wrote it.
async fn confirm(app: &App, letter: &Letter<'_>, door: &Door, token: &str) -> Result<Taken, StoreError> {
    let answered = subscribe::mail_to_confirm(app, token).await?;
    let mark = answered.filter(|_| *door != Door::Bare).and_then(|MailToConfirm { subject, sent_at }| {
        let after = sent_at.map(|sent_at| app.clock.now().duration_since(sent_at));
        machine::reply_mark(letter, &subject, after)
    });
    if let Some(mark) = mark {
        return Ok(Taken::Nothing(format!("an answering machine may have written it: {mark}")));
    }
    match subscribe::confirm(app, token, consent::Door::Mail, None).await {
        Ok(_) => Ok(Taken::Confirmed),
        Err(ConfirmError::Store(error)) => Err(error),
        Err(error) => Ok(Taken::Nothing(error.to_string())),
    }
}

/// Writes the wish down. What answers it, within the guards against bombing, is a mail to who it says wrote it.
async fn ask(app: &App, kind: RequestKind, address: &EmailAddress, wishes: &[Wish]) -> Result<Taken, StoreError> {
    let asked = Asked { kind, address, wishes, door: consent::Door::Mail, from: AskedFrom::Unknown };
    match subscribe::ask(app, &asked).await {
        Ok(()) => Ok(Taken::Asked(kind)),
        Err(AskError::Store(error)) => Err(error),
        // A flood passes, and the mail server tries again: nobody's wish is lost by it.
        Err(AskError::TooMany) => Err(StoreError::Busy),
        Err(error) => Ok(Taken::Nothing(error.to_string())),
    }
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
