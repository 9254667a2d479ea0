//! What follows from bounces and complaints. Reports come in from mail and from webhooks, and from the relays by way of
//! the store; out go suppressions, ended subscriptions and alarms. To note a report and to judge it are two things, so
//! that the one who brings it is not kept waiting, and a kill between them loses nothing.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    domain::{
        address::{EmailAddress, without_person},
        alarm::{Alarm, AlarmKind},
        bounce::fit_to_show,
        consent::{Act, Consented, Door},
        delivery::DeliveryState,
        issue::IssueId,
        mailing::MailingId,
        report::{Report, ReportKind},
        slug::Slug,
        subscription::SubscriberId,
        suppression::SuppressionKind,
    },
    store::{
        StoreError, Tx,
        bounces::{Said, Unjudged},
        suppressions::Scope,
    },
};

/// How many of a reader's last messages must have come back before they get no more.
const BOUNCED: usize = 3;
/// Of how many.
const OF_THE_LAST: u64 = 5;

/// Staff hear of complaints when there are this many about one issue,
const COMPLAINTS: u64 = 3;
/// and more than one in so many of those it was sent to: large mail providers look askance at more.
const ONE_IN: u64 = 1_000;

/// How old the message may be that a report means when it names only a reader.
const RECENT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many are judged in one transaction.
const PAGE: i64 = 200;

/// What was done with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is written down; what follows from it comes with [`judge_bounces`].
    Written,
    /// As much was known of that delivery.
    Known,
    /// We have sent nothing that it could be about.
    Unplaced,
}

/// Writes down what another system says became of a message: once for each delivery, the stronger of two. A report that
/// names only a reader is taken to be about the last message they got; a complaint is heard whenever that was. Who brings a
/// report without a delivery must have proved who they are, or say no more than that something came back.
///
/// # Errors
/// When the store fails: who brought it shall bring it again.
pub async fn note(app: &App, report: Report) -> Result<Noted, StoreError> {
    let now = app.clock.now();
    let delivery = match (report.delivery, &report.recipient) {
        (Some(delivery), _) => Some(delivery),
        (None, Some(recipient)) => last_delivery_to(app, recipient, now).await?,
        (None, None) => None,
    };
    let Some((mailing, subscriber)) = delivery else { return note_unplaced(app, &report, now).await };
    // Of one who was erased nothing is written down any more: what was said may name them.
    if app.store.subscriber(subscriber).await?.is_none() {
        return Ok(Noted::Unplaced);
    }
    let said = Said { kind: report.kind, code: report.code, words: fit_to_show(&report.words) };
    let is_new = app.store.note_bounce(mailing, subscriber, &said, now).await?;
    Ok(if is_new { Noted::Written } else { Noted::Known })
}

async fn last_delivery_to(
    app: &App,
    recipient: &EmailAddress,
    now: Timestamp,
) -> Result<Option<(MailingId, SubscriberId)>, StoreError> {
    let Some(subscriber) = app.store.subscriber_of(recipient).await? else { return Ok(None) };
    let mailing = app.store.last_mailing_to(subscriber, None, since(now)).await?;
    Ok(mailing.map(|mailing| (mailing, subscriber)))
}

/// A report of no recent message. A complaint wishes for no mail at all, whichever it is about, so that it is heard all the
/// same; the rest says nothing of how things stand now.
async fn note_unplaced(app: &App, report: &Report, now: Timestamp) -> Result<Noted, StoreError> {
    let (ReportKind::Complaint, Some(reader)) = (report.kind, &report.recipient) else { return Ok(Noted::Unplaced) };
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    // Nothing is written down of those whom we do not know: they may have been erased.
    let noted = match tx.subscriber_of(reader).await? {
        None => Noted::Unplaced,
        Some(_) => {
            let words = format!("called our mail spam: {}", fit_to_show(&report.words));
            match suppress_for(&mut tx, reader, SuppressionKind::Complaint, &words, now).await? {
                true => Noted::Written,
                false => Noted::Known,
            }
        }
    };
    tx.commit().await?;
    Ok(noted)
}

/// Since when a message is recent enough to be meant by a report that does not name it.
pub(super) fn since(now: Timestamp) -> Timestamp {
    now.checked_sub(RECENT).unwrap_or(Timestamp::MIN)
}

/// Does what follows from each report that is written down and not judged yet; gives how many there were. Hard: the
/// reader gets nothing more. Soft: the same, when it is the third of their last five. Policy: staff hear of it.
/// Complaint: the subscription ends, the reader gets nothing more, and staff hear of it when there are many.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn judge_bounces(app: &App) -> Result<u64, StoreError> {
    let mut judged = 0;
    loop {
        let now = app.clock.now();
        let page = app.store.unjudged_bounces(PAGE).await?;
        if page.is_empty() {
            return Ok(judged);
        }
        let mut tx = app.store.begin().await?;
        tx.one_by_one().await?;
        let mut complained = BTreeSet::new();
        for bounce in &page {
            // Another process may be at it; what it has judged is no longer unjudged when it is asked for again.
            if tx.bounce_judged(bounce, now).await? {
                judge(&mut tx, bounce, now).await?;
                let issue = bounce.issue.as_ref().map(|(issue, _)| *issue);
                complained.extend(issue.filter(|_| bounce.said.kind == ReportKind::Complaint));
                judged += 1;
            }
        }
        for issue in complained {
            watch_complaints(&mut tx, issue, now).await?;
        }
        tx.commit().await?;
    }
}

async fn judge(tx: &mut Tx, bounce: &Unjudged, now: Timestamp) -> Result<(), StoreError> {
    // Staff know better than a report of a message that was sent before they said so.
    if bounce.is_lifted && bounce.said.kind != ReportKind::Complaint {
        return Ok(());
    }
    match bounce.said.kind {
        ReportKind::Hard => suppress(tx, bounce, SuppressionKind::Bounce, &reason(&bounce.said), now).await,
        ReportKind::Soft => {
            let bounced = tx.last_bounces(bounce.subscriber, BOUNCED as i64).await?;
            let is_often = match bounced.get(BOUNCED - 1) {
                Some(first) => tx.count_since(bounce.subscriber, *first).await? <= OF_THE_LAST,
                None => false,
            };
            if is_often {
                let words = format!("{BOUNCED} of the last {OF_THE_LAST} messages came back; {}", reason(&bounce.said));
                suppress(tx, bounce, SuppressionKind::Bounce, &words, now).await?;
            }
            Ok(())
        }
        ReportKind::Policy => tx.raise_alarm(&refused(bounce, now), now).await,
        ReportKind::Complaint => {
            if let Some((_, list)) = &bounce.issue {
                end(tx, bounce.subscriber, list, now).await?;
            }
            let words = format!("called our mail spam: {}", bounce.said.words);
            suppress(tx, bounce, SuppressionKind::Complaint, &words, now).await
        }
    }
}

async fn end(tx: &mut Tx, subscriber: SubscriberId, list: &Slug, now: Timestamp) -> Result<(), StoreError> {
    if tx.end_subscription(list, subscriber, "called our mail spam", now).await? {
        let (list, text) = (list.clone(), String::new());
        let line = Consented { list, act: Act::Left, door: Door::Mail, origin: String::new(), text, at: now };
        tx.add_consents(subscriber, &[line]).await?;
    }
    Ok(())
}

async fn suppress(
    tx: &mut Tx,
    bounce: &Unjudged,
    kind: SuppressionKind,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(address) = &bounce.address else { return Ok(()) };
    // They may have been erased since this was read.
    if tx.subscriber_of(address).await? != Some(bounce.subscriber) {
        return Ok(());
    }
    suppress_for(tx, address, kind, reason, now).await.map(drop)
}

async fn suppress_for(
    tx: &mut Tx,
    address: &EmailAddress,
    kind: SuppressionKind,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let is_new = tx.suppress(address, Scope::All, kind, reason, now).await?;
    if is_new {
        // The reason stands beside the suppression, and goes with it when the reader is erased.
        tx.record(now, "suppressions", kind.as_str(), &format!("{address} gets nothing more")).await?;
    }
    Ok(is_new)
}

fn reason(said: &Said) -> String {
    let Some((class, subject, detail)) = said.code else { return said.words.clone() };
    let code = format!("{class}.{subject}.{detail}");
    if said.words.contains(&code) { said.words.clone() } else { format!("{code} {}", said.words) }
}

fn refused(bounce: &Unjudged, now: Timestamp) -> Alarm {
    let about = bounce.issue.as_ref().map_or_else(|| "notices".to_owned(), |(issue, _)| issue.about());
    let said = reason(&bounce.said);
    let said = bounce.address.as_ref().map_or_else(String::new, |reader| without_person(&said, reader, &bounce.name));
    let words = format!(
        "A receiving system refuses our mail for what it thinks of us, and not for its reader's sake: “{said}”. Nobody is \
         suppressed for it. Look at our DKIM, SPF and DMARC records and whether the relay's address is on a blocklist."
    );
    Alarm { about, kind: AlarmKind::MailRefused, words, tell_after: now }
}

async fn watch_complaints(tx: &mut Tx, issue: IssueId, now: Timestamp) -> Result<(), StoreError> {
    let complaints = tx.complaints_about(issue).await?;
    if complaints < COMPLAINTS {
        return Ok(());
    }
    let sent = tx.count_in_state(issue, DeliveryState::Sent).await?;
    if complaints.saturating_mul(ONE_IN) <= sent {
        return Ok(());
    }
    let words = format!(
        "{complaints} of the {sent} readers whom this issue was sent to called it spam, which is more than one in \
         {ONE_IN}. They get nothing more. Mail providers soon put such mail aside for everybody: look where these readers \
         came from, and whether the issue is what they asked for."
    );
    let alarm = Alarm { about: issue.about(), kind: AlarmKind::ManyComplaints, words, tell_after: now };
    tx.raise_alarm(&alarm, now).await
}
