//! The letterhead: what stands on each message for its reader alone: Message-ID, envelope sender, leave link, greeting.
//! All of it follows from the delivery's own numbers, so that each try makes the same bytes.

use std::collections::HashMap;

use url::Url;

use crate::{
    domain::{
        address::EmailAddress,
        list::List,
        mailing::{Purpose, SlotValues},
        sender::Sender,
        slug::Slug,
        token::{self, Claim, Secret},
    },
    store::deliveries::Claimed,
};

/// RFC 5321 §4.5.3.1.1: the longest local part.
const LOCAL_PART: usize = 64;

/// What all messages of this house have in common.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// Who writes.
    pub sender: Sender,
    /// Where readers reach the web pages; ends in `/`.
    pub base_url: Url,
    /// The address that takes mail in, when there is one: bounces and `leave` by mail come to it.
    pub intake: Option<EmailAddress>,
    /// The key of tokens.
    pub secret: Secret,
    /// Each list, with its number in the store.
    pub lists: HashMap<Slug, (u16, List)>,
}

/// One reader's part of a message.
#[derive(Clone, Debug)]
pub struct Personal {
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The envelope sender: bounces come back to it.
    pub envelope_sender: String,
    /// Where to leave by mail.
    pub leave_address: Option<EmailAddress>,
    /// What stands in the slots.
    pub slots: SlotValues,
}

impl Letterhead {
    /// The personal part of one delivery.
    pub fn personal(&self, delivery: &Claimed, purpose: &Purpose) -> Personal {
        let name = format!("{}.{}", delivery.mailing.0, delivery.subscriber.0);
        let seal = self.secret.seal(token::Purpose::Delivery, &name);
        let leave_token = self.leave_token(delivery, purpose);
        Personal {
            message_id: format!("{name}.{seal}@{}", self.sender.address.domain()),
            envelope_sender: self
                .plus(&format!("bounce.{name}.{seal}"))
                .map_or_else(|| self.sender.address.reveal().to_owned(), |address| address.reveal().to_owned()),
            leave_address: leave_token.as_ref().and_then(|token| self.plus(&format!("leave.{token}"))),
            slots: SlotValues {
                greeting: greeting(&delivery.name),
                address: delivery.address.reveal().to_owned(),
                leave_url: leave_token.map_or_else(|| self.base_url.to_string(), |token| self.leave_url(&token)),
                preferences_url: self.base_url.to_string(),
                web_url: self.base_url.to_string(),
            },
        }
    }

    /// The list's own description, for the headers of its messages.
    pub fn list(&self, purpose: &Purpose) -> Option<&List> {
        match purpose {
            Purpose::Issue { list, .. } => self.lists.get(list).map(|(_, list)| list),
            Purpose::Notice => None,
        }
    }

    fn leave_token(&self, delivery: &Claimed, purpose: &Purpose) -> Option<String> {
        let Purpose::Issue { list, .. } = purpose else { return None };
        let (number, _) = self.lists.get(list)?;
        let claim = Claim { list: *number, subscriber: delivery.subscriber };
        Some(self.secret.sign(token::Purpose::Leave, claim))
    }

    fn leave_url(&self, token: &str) -> String {
        format!("{}leave/{token}", self.base_url)
    }

    /// The intake address with a plus part, unless there is none or it would grow too long.
    fn plus(&self, part: &str) -> Option<EmailAddress> {
        let intake = self.intake.as_ref()?;
        let local = format!("{}+{part}", intake.local());
        if local.len() > LOCAL_PART {
            return None;
        }
        EmailAddress::parse(&format!("{local}@{}", intake.domain())).ok()
    }
}

fn greeting(name: &str) -> String {
    if name.is_empty() { "Hello,".to_owned() } else { format!("Hello {name},") }
}
