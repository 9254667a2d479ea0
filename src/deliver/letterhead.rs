//! The letterhead: what stands on each message for its reader alone: Message-ID, envelope sender, leave link, greeting.
//! All of it follows from the delivery's own numbers, so that each try makes the same bytes.

use std::collections::HashMap;

use crate::{
    domain::{
        address::EmailAddress,
        links::Links,
        list::List,
        mailing::{MailingId, Purpose, SlotValues},
        phrases::{Phrases, fill},
        sender::Sender,
        slug::Slug,
        subscription::SubscriberId,
        token::{self, Claim},
    },
    store::deliveries::Claimed,
};

/// What all messages of this house have in common.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// Who writes.
    pub sender: Sender,
    /// What its links are made of. Bounces come to its intake address as well.
    pub links: Links,
    /// Each list, with its number in the store.
    pub lists: HashMap<Slug, (u16, List)>,
}

/// One reader's part of a message.
#[derive(Clone, Debug)]
pub struct Personal {
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The Message-ID of the reader's own message that this one answers.
    pub answers: Option<String>,
    /// The envelope sender: bounces come back to it.
    pub envelope_sender: String,
    /// Where to leave by mail.
    pub leave_address: Option<EmailAddress>,
    /// What stands in the slots.
    pub slots: SlotValues,
}

impl Letterhead {
    /// The personal part of one delivery, whose mailing may answer another.
    pub fn personal(&self, delivery: &Claimed, purpose: &Purpose, answers: Option<MailingId>) -> Personal {
        let name = self.sealed_name(delivery.mailing, delivery.subscriber);
        let (links, claim) = (&self.links, self.claim(delivery, purpose));
        Personal {
            answers: answers.map(|first| self.message_id(&self.sealed_name(first, delivery.subscriber))),
            message_id: self.message_id(&name),
            envelope_sender: self
                .links
                .plus(&format!("bounce.{name}"))
                .map_or_else(|| self.sender.address.reveal().to_owned(), |address| address.reveal().to_owned()),
            leave_address: claim.and_then(|claim| links.leave_by_mail(claim)),
            slots: SlotValues {
                greeting: greeting(&delivery.name, self.list(purpose)),
                address: delivery.address.reveal().to_owned(),
                leave_url: claim.map_or_else(|| links.base_url.to_string(), |claim| links.leave(claim)),
                preferences_url: links.preferences(delivery.subscriber),
                web_url: self.web_url(purpose),
            },
        }
    }

    /// A delivery's name, which nobody else can make: what its Message-ID and envelope sender are made of.
    fn sealed_name(&self, mailing: MailingId, subscriber: SubscriberId) -> String {
        let name = format!("{}.{}", mailing.0, subscriber.0);
        let seal = self.links.secret.seal(token::Purpose::Delivery, &name);
        format!("{name}.{seal}")
    }

    fn message_id(&self, sealed_name: &str) -> String {
        format!("{sealed_name}@{}", self.sender.address.domain())
    }

    /// The list's own description, for the headers of its messages.
    pub fn list(&self, purpose: &Purpose) -> Option<&List> {
        match purpose {
            Purpose::Issue { list, .. } => self.lists.get(list).map(|(_, list)| list),
            Purpose::Drill { .. } | Purpose::Notice => None,
        }
    }

    fn web_url(&self, purpose: &Purpose) -> String {
        match (purpose, self.list(purpose)) {
            (Purpose::Issue { issue, .. }, Some(list)) => self.links.past_issue(list, *issue),
            _ => self.links.base_url.to_string(),
        }
    }

    fn claim(&self, delivery: &Claimed, purpose: &Purpose) -> Option<Claim> {
        let Purpose::Issue { list, .. } = purpose else { return None };
        let (number, _) = self.lists.get(list)?;
        Some(Claim { list: *number, subscriber: delivery.subscriber })
    }
}

fn greeting(name: &str, list: Option<&List>) -> String {
    let phrases = &Phrases::of(list.map_or("", |list| &list.language)).mail;
    if name.is_empty() { phrases.greeting.clone() } else { fill(&phrases.greeting_by_name, &[("name", name)]) }
}
