//! Whose message a letter is about, by what only we can have made: the sealed name in the address it came to, or in the
//! message that it returns, or the token of a link to leave there. A letter and the secret come in; what is proved goes
//! out. What anybody could have written, such as the address of a recipient, is no evidence.

use super::{command::Door, letter::Letter};
use crate::domain::{
    mailing::MailingId,
    subscription::SubscriberId,
    token::{Claim, Purpose, Secret},
};

/// How many names and tokens are looked at in one letter: each costs a moment.
const MOST: usize = 1_000;

/// What a letter proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is about this delivery.
    Delivery(MailingId, SubscriberId),
    /// It is about some message of that list to that reader.
    Reader(Claim),
}

/// What a letter proves, if anything: the address it came to first, then what it returns.
pub fn proof(letter: &Letter<'_>, door: &Door, secret: &Secret) -> Option<Proof> {
    if let Door::Plus(part) = door
        && let Some((mailing, subscriber)) = sealed_name(part, secret)
    {
        return Some(Proof::Delivery(mailing, subscriber));
    }
    let text = String::from_utf8_lossy(letter.bytes()).to_ascii_lowercase();
    if let Some((mailing, subscriber)) = delivery_in(&text, secret) {
        return Some(Proof::Delivery(mailing, subscriber));
    }
    let tokens = names_in(&text).flat_map(|word| word.split('.')).filter(|word| word.len() == 32).take(MOST);
    tokens.filter_map(|token| secret.verify(Purpose::Leave, token).ok()).map(Proof::Reader).next()
}

/// The delivery that a text names with our seal: in a Message-ID, or in the address that its bounces come to.
pub(super) fn delivery_in(text: &str, secret: &Secret) -> Option<(MailingId, SubscriberId)> {
    names_in(text).filter(|word| word.contains('.')).take(MOST).find_map(|word| sealed_name(word, secret))
}

/// What may be a name or a token of ours: those have at least so many characters.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| word.len() >= 20)
}

/// `MAILING.SUBSCRIBER.SEAL`, as the letterhead writes it, with whatever stands before it.
fn sealed_name(text: &str, secret: &Secret) -> Option<(MailingId, SubscriberId)> {
    let parts: Vec<&str> = text.split('.').collect();
    parts.windows(3).take(MOST).find_map(|name| {
        let [mailing, subscriber, seal] = name else { return None };
        let (mailing_id, subscriber_id) = (mailing.parse().ok()?, subscriber.parse().ok()?);
        let is_ours = secret.is_seal(Purpose::Delivery, &format!("{mailing}.{subscriber}"), seal);
        is_ours.then_some((MailingId(mailing_id), SubscriberId(subscriber_id)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Proof, delivery_in, proof};
    use crate::{
        domain::{
            mailing::MailingId,
            subscription::SubscriberId,
            token::{Claim, Purpose, Secret},
        },
        intake::{Incoming, command::Door, letter::Letter},
    };

    fn secret() -> Secret {
        Secret::new(vec![7; 32]).expect("long enough")
    }

    fn proved(door: &Door, message: &str) -> Option<Proof> {
        let letter = Letter::read(&Incoming { recipient: None, sender: None, bytes: message.as_bytes() });
        proof(&letter, door, &secret())
    }

    fn delivery(mailing: i64, subscriber: i64) -> Option<Proof> {
        Some(Proof::Delivery(MailingId(mailing), SubscriberId(subscriber)))
    }

    #[test]
    fn a_delivery_is_named_by_a_message_id_or_by_the_envelope_and_only_with_our_seal() {
        let seal = secret().seal(Purpose::Delivery, "7.42");
        let named = Some((MailingId(7), SubscriberId(42)));
        for text in [
            format!("<7.42.{seal}@example.org>"),
            format!("7.42.{seal}@example.org"),
            format!("7.42.{}@EXAMPLE.ORG", seal.to_uppercase()),
            format!("news+bounce.7.42.{seal}@example.org"),
            format!("<other@example.net> <7.42.{seal}@example.org>"),
        ] {
            assert_eq!(delivery_in(&text, &secret()), named, "{text}");
        }
        let leave = secret().seal(Purpose::Leave, "7.42");
        for text in [
            String::new(),
            format!("<7.43.{seal}@example.org>"),
            format!("<7.42.{leave}@example.org>"),
            format!("<42.{seal}@example.org>"),
            format!("<99999999999999999999.42.{seal}@example.org>"),
        ] {
            assert_eq!(delivery_in(&text, &secret()), None, "{text}");
        }
    }

    #[test]
    fn a_delivery_is_proved_by_the_address_before_what_is_returned() {
        let name = |text: &str| format!("{text}.{}", secret().seal(Purpose::Delivery, text));
        let (in_address, in_part) = (name("7.42"), name("8.42"));
        let message = format!("Subject: x\r\n\r\nMESSAGE-ID: <{}@EXAMPLE.ORG>\r\n", in_part.to_uppercase());
        let door = Door::Plus(format!("bounce.{in_address}"));
        assert_eq!(proved(&door, &message), delivery(7, 42));
        assert_eq!(proved(&Door::Bare, &message), delivery(8, 42));
        let returned = format!("Return-Path: <news+bounce.{in_part}@example.org>\r\n\r\n");
        assert_eq!(proved(&Door::Other, &returned), delivery(8, 42));
    }

    #[test]
    fn a_reader_is_proved_by_the_link_to_leave() {
        let claim = Claim { list: 1, subscriber: SubscriberId(42) };
        let token = secret().sign(Purpose::Leave, claim);
        for link in [format!("https://example.org/leave/{token}"), format!("mailto:news+leave.{token}@example.org")] {
            let message = format!("Subject: x\r\n\r\nList-Unsubscribe: <{link}>\r\n");
            assert_eq!(proved(&Door::Bare, &message), Some(Proof::Reader(claim)));
        }
    }

    #[test]
    fn what_others_can_write_proves_nothing() {
        let forged = Secret::new(vec![8; 32]).expect("long enough").seal(Purpose::Delivery, "7.42");
        let moved = secret().seal(Purpose::Delivery, "7.43");
        for name in [format!("7.42.{forged}"), format!("7.42.{moved}"), "7.42.".into(), "7.42".into()] {
            assert_eq!(
                proved(&Door::Plus(format!("bounce.{name}")), &format!("x: <{name}@example.org>\r\n\r\n")),
                None
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-z.@ ]{0,80}|\\PC{0,80}") {
            prop_assert_eq!(proved(&Door::Plus(text.clone()), &text), None);
        }
    }
}
