//! Tokens: short texts in links and addresses that say who and which list, and that nobody else can make.
//! A token is 18, 20 or 26 bytes (one number, list and subscriber, or two numbers, and 80 bits of HMAC-SHA-256) written in lower-case base32
//! letters, so that it survives mail systems that fold case and fits a local part of 64 octets. The HMAC is bound to its
//! purpose. The same key makes the fingerprint by which an erased address is known again.

use data_encoding::{BASE32_NOPAD, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{address::EmailAddress, subscription::SubscriberId};

/// The key that signs links. It prints as nothing.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// What a token is good for. A token for one purpose is nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To leave a list. Never expires.
    Leave,
    /// To name a delivery in Message-IDs and in the sender that bounces come back to.
    Delivery,
    /// To confirm a request, by its number. The request says until when.
    Confirm,
    /// To see and choose what one gets, by the subscriber's number. Never expires.
    Preferences,
    /// To prove that a form came from our own page, and when.
    Form,
    /// To tell us of a feed's news, for the hub of a watch, by its number. The watch says until when.
    Hub,
    /// To decide about an issue as one of staff, by the number and their own. It is good for nothing once the
    /// issue is done with.
    Staff,
    /// To let one of staff choose a password, by the link's number. The link says until when.
    StaffLink,
    /// To show that a form of the desk belongs to a session.
    Desk,
    /// To show that somebody's password was right a moment ago.
    SignIn,
    /// To know a browser with which somebody of staff has signed in before.
    Device,
    /// To name an event to the systems that are told of it, so that no other house has the same name for another.
    Webhook,
}

/// Whom and what a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The list's number in the store.
    pub list: u16,
    /// The subscriber.
    pub subscriber: SubscriberId,
}

/// Why a text is not a token of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not so many base32 letters as such a token has.
    #[error("this is not one of our links")]
    Malformed,
    /// The right form, but not signed by us for this purpose.
    #[error("this link was not made by us, or was cut short")]
    BadSignature,
}

/// An address as it is known after it was erased: see [`Secret::fingerprint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

const MAC_BYTES: usize = 10;
const FINGERPRINT_BYTES: usize = 20;

impl Fingerprint {
    /// Its letters, as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Leave => b"leave\0",
            Self::Delivery => b"delivery\0",
            Self::Confirm => b"confirm\0",
            Self::Preferences => b"preferences\0",
            Self::Form => b"form\0",
            Self::Hub => b"hub\0",
            Self::Staff => b"staff\0",
            Self::StaffLink => b"staff link\0",
            Self::Desk => b"desk\0",
            Self::SignIn => b"sign in\0",
            Self::Device => b"device\0",
            Self::Webhook => b"webhook\0",
        }
    }
}

impl Secret {
    /// A secret of at least 16 bytes; `None` when it is shorter.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= 16).then_some(Self(bytes))
    }

    /// The token for a claim.
    pub fn sign(&self, purpose: Purpose, claim: Claim) -> String {
        self.sign_bytes(purpose, &body(claim))
    }

    /// The token for a number: a request's or a subscriber's.
    pub fn sign_number(&self, purpose: Purpose, number: i64) -> String {
        self.sign_bytes(purpose, &number.to_be_bytes())
    }

    /// The token for two numbers: an issue's and a subscriber's.
    pub fn sign_pair(&self, purpose: Purpose, (first, second): (i64, i64)) -> String {
        self.sign_bytes(purpose, &pair(first, second))
    }

    /// The claim a token makes, when we signed it for this purpose. Compares in constant time.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify(&self, purpose: Purpose, token: &str) -> Result<Claim, TokenError> {
        let body: [u8; 10] = self.verify_bytes(purpose, token)?;
        let (list, subscriber) = body.split_first_chunk::<2>().ok_or(TokenError::Malformed)?;
        let subscriber = subscriber.try_into().map_err(|_| TokenError::Malformed)?;
        Ok(Claim { list: u16::from_be_bytes(*list), subscriber: SubscriberId(i64::from_be_bytes(subscriber)) })
    }

    /// The number a token names, when we signed it for this purpose. Compares in constant time.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify_number(&self, purpose: Purpose, token: &str) -> Result<i64, TokenError> {
        Ok(i64::from_be_bytes(self.verify_bytes(purpose, token)?))
    }

    /// The two numbers a token names, when we signed it for this purpose. Compares in constant time.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify_pair(&self, purpose: Purpose, token: &str) -> Result<(i64, i64), TokenError> {
        let body: [u8; 16] = self.verify_bytes(purpose, token)?;
        let (first, second) = body.split_first_chunk::<8>().ok_or(TokenError::Malformed)?;
        let second = second.try_into().map_err(|_| TokenError::Malformed)?;
        Ok((i64::from_be_bytes(*first), i64::from_be_bytes(second)))
    }

    /// Sixteen letters that nobody else can put beside `text`: the same 80 bits, for names that we spell out.
    pub fn seal(&self, purpose: Purpose, text: &str) -> String {
        lower_base32().encode(&self.mac(purpose, text.as_bytes())[..MAC_BYTES])
    }

    /// Whether `seal` is [`Self::seal`] of that text. Compares in constant time.
    pub fn is_seal(&self, purpose: Purpose, text: &str, seal: &str) -> bool {
        self.seal(purpose, text).as_bytes().ct_eq(seal.to_ascii_lowercase().as_bytes()).into()
    }

    /// What is kept of an address that was erased: without the key nobody can tell which one it was, and with it, that it
    /// is this one.
    pub fn fingerprint(&self, address: &EmailAddress) -> Fingerprint {
        Fingerprint(lower_base32().encode(&self.labelled(b"address\0", address.key().as_bytes())[..FINGERPRINT_BYTES]))
    }

    fn sign_bytes(&self, purpose: Purpose, body: &[u8]) -> String {
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(&self.mac(purpose, body)[..MAC_BYTES]);
        lower_base32().encode(&bytes)
    }

    fn verify_bytes<const N: usize>(&self, purpose: Purpose, token: &str) -> Result<[u8; N], TokenError> {
        let bytes = lower_base32().decode(token.to_ascii_lowercase().as_bytes()).map_err(|_| TokenError::Malformed)?;
        let (body, mac) = bytes.split_first_chunk::<N>().ok_or(TokenError::Malformed)?;
        if mac.len() != MAC_BYTES {
            return Err(TokenError::Malformed);
        }
        let is_ours = bool::from(self.mac(purpose, body)[..MAC_BYTES].ct_eq(mac));
        if is_ours { Ok(*body) } else { Err(TokenError::BadSignature) }
    }

    fn mac(&self, purpose: Purpose, body: &[u8]) -> [u8; 32] {
        self.labelled(purpose.label(), body)
    }

    fn labelled(&self, label: &[u8], body: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(label);
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether somebody shows the secret that is wanted, in a time that tells nothing of it, not even its length.
pub fn is_same_secret(given: &[u8], wanted: &[u8]) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(wanted)).into()
}

fn pair(first: i64, second: i64) -> [u8; 16] {
    let mut body = [0; 16];
    body[..8].copy_from_slice(&first.to_be_bytes());
    body[8..].copy_from_slice(&second.to_be_bytes());
    body
}

fn body(claim: Claim) -> [u8; 10] {
    let mut body = [0; 10];
    body[..2].copy_from_slice(&claim.list.to_be_bytes());
    body[2..].copy_from_slice(&claim.subscriber.0.to_be_bytes());
    body
}

fn lower_base32() -> &'static Encoding {
    static LOWER: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut alphabet = BASE32_NOPAD.specification();
        alphabet.symbols = alphabet.symbols.to_ascii_lowercase();
        alphabet.encoding().expect("the lower-case base32 alphabet is a valid one")
    });
    &LOWER
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Claim, Purpose, Secret, TokenError};
    use crate::domain::{address::EmailAddress, subscription::SubscriberId};

    fn secret(byte: u8) -> Secret {
        Secret::new(vec![byte; 32]).expect("long enough")
    }

    proptest! {
        #[test]
        fn a_token_says_what_was_signed_and_nothing_else(list: u16, subscriber: i64, flip in 0_usize..32, upper: bool) {
            let claim = Claim { list, subscriber: SubscriberId(subscriber) };
            let token = secret(1).sign(Purpose::Leave, claim);
            prop_assert_eq!(token.len(), 32);
            let typed = if upper { token.to_uppercase() } else { token.clone() };
            prop_assert_eq!(secret(1).verify(Purpose::Leave, &typed), Ok(claim));
            prop_assert_eq!(secret(1).verify(Purpose::Delivery, &token), Err(TokenError::BadSignature));
            prop_assert_eq!(secret(2).verify(Purpose::Leave, &token), Err(TokenError::BadSignature));
            let mut forged = token.into_bytes();
            forged[flip] = if forged[flip] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).expect("ascii");
            prop_assert_eq!(secret(1).verify(Purpose::Leave, &forged), Err(TokenError::BadSignature));
        }

        #[test]
        fn no_text_panics(text in ".{0,64}") {
            prop_assert!(secret(1).verify(Purpose::Leave, &text).is_err());
            prop_assert!(secret(1).verify_number(Purpose::Confirm, &text).is_err());
            prop_assert!(secret(1).verify_pair(Purpose::Staff, &text).is_err());
        }

        #[test]
        fn a_pair_says_what_was_signed_and_nothing_else(first: i64, second: i64, flip in 0_usize..41) {
            let token = secret(1).sign_pair(Purpose::Staff, (first, second));
            prop_assert_eq!(secret(1).verify_pair(Purpose::Staff, &token), Ok((first, second)));
            prop_assert_eq!(secret(1).verify_pair(Purpose::Leave, &token), Err(TokenError::BadSignature));
            prop_assert_eq!(secret(2).verify_pair(Purpose::Staff, &token), Err(TokenError::BadSignature));
            prop_assert_eq!(secret(1).verify_number(Purpose::Staff, &token), Err(TokenError::Malformed));
            let mut forged = token.into_bytes();
            forged[flip] = if forged[flip] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).expect("ascii");
            prop_assert_eq!(secret(1).verify_pair(Purpose::Staff, &forged), Err(TokenError::BadSignature));
        }

        #[test]
        fn a_token_for_one_purpose_is_nothing_for_another(number: i64) {
            let purposes = [
                Purpose::Leave,
                Purpose::Delivery,
                Purpose::Confirm,
                Purpose::Preferences,
                Purpose::Form,
                Purpose::Hub,
                Purpose::Staff,
                Purpose::StaffLink,
                Purpose::Desk,
                Purpose::SignIn,
                Purpose::Device,
            ];
            for made in purposes {
                let (token, seal) = (secret(1).sign_number(made, number), secret(1).seal(made, "7"));
                prop_assert_eq!(token.len(), 29);
                for read in purposes {
                    prop_assert_eq!(secret(1).verify_number(read, &token).ok(), (made == read).then_some(number));
                    prop_assert_eq!(secret(1).is_seal(read, "7", &seal), made == read);
                }
                prop_assert_eq!(secret(1).verify(made, &token), Err(TokenError::Malformed));
            }
        }
    }

    #[test]
    fn a_seal_is_bound_to_its_text_purpose_and_secret() {
        let seal = secret(1).seal(Purpose::Delivery, "7.42");
        assert_eq!(seal.len(), 16);
        assert_ne!(seal, secret(1).seal(Purpose::Delivery, "7.43"));
        assert_ne!(seal, secret(1).seal(Purpose::Leave, "7.42"));
        assert_ne!(seal, secret(2).seal(Purpose::Delivery, "7.42"));
    }

    #[test]
    fn an_erased_address_is_known_again_by_whoever_has_the_key() {
        let address = |text| EmailAddress::parse(text).expect("an address");
        let print = secret(1).fingerprint(&address("Ana@example.org"));
        assert_eq!(print, secret(1).fingerprint(&address("ana@EXAMPLE.org")));
        assert_ne!(print, secret(1).fingerprint(&address("ana@example.net")));
        assert_ne!(print, secret(2).fingerprint(&address("ana@example.org")));
        assert_eq!(print.as_str().len(), 32);
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_printed() {
        assert!(Secret::new(vec![0; 15]).is_none());
        assert_eq!(format!("{:?}", secret(7)), "Secret(…)");
    }
}
