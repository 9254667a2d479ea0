//! Signs messages (DKIM, RFC 6376): RSA-SHA256 and Ed25519-SHA256 (RFC 8463), relaxed/relaxed, over the whole body. A
//! spliced message comes in; what goes out is the fields to be put before it, one for each key. The same message with
//! the same date makes the same bytes. Signing asks neither DNS nor clock.

mod canonical;
mod field;
mod fresh;
mod record;

use std::sync::Arc;

use jiff::Timestamp;
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::RSA_PKCS1_SHA256,
};

use self::canonical::Field;
pub use self::{
    fresh::{FreshError, fresh_key},
    record::{Dns, Published},
};
use crate::domain::dkim::{Algorithm, DkimKey, Pair};

/// Headers that are signed once more than they stand there, so that none can be added (RFC 6376 §8.15).
const SEALED: [&str; 12] = [
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Headers that are signed as often as they stand there (RFC 6376 §5.4.1, and what Gmail wants of `Feedback-ID`).
const SIGNED: [&str; 10] = [
    "In-Reply-To",
    "References",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "Feedback-ID",
    "List-Help",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];

/// What signs messages, with all keys at once.
#[derive(Clone, Debug)]
pub struct Signer {
    keys: Vec<DkimKey>,
    /// Hides from timers what RSA does; the signature does not depend on it.
    random: SystemRandom,
}

/// Why a message cannot be signed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// It is no message, or one that a mail server would change on its way.
    #[error("the message cannot be signed: it holds a bare line break, a line of more than 998 octets, or no headers")]
    NotCanonical,
    /// RFC 6376 §5.4: `From` must be signed.
    #[error("the message cannot be signed: it has no `From`")]
    NoFrom,
    /// The key will not.
    #[error("the message cannot be signed with the key `{0}`")]
    Key(String),
    /// The thread that signed is gone.
    #[error("the message could not be signed: {0}")]
    Thread(String),
}

impl Signer {
    /// What signs with these keys; `None` when there is no key.
    pub fn new(keys: &[DkimKey]) -> Option<Self> {
        (!keys.is_empty()).then(|| Self { keys: keys.to_vec(), random: SystemRandom::new() })
    }

    /// The `DKIM-Signature` fields of a message, each line ending in CRLF, to be put before it. `made_at` is the
    /// message's `Date` and becomes `t=`, so that each try makes the same bytes.
    ///
    /// # Errors
    /// See [`SignError`].
    pub fn sign(&self, message: &[u8], made_at: Timestamp) -> Result<Vec<u8>, SignError> {
        let (fields, body) = canonical::split(message).ok_or(SignError::NotCanonical)?;
        if !fields.iter().any(|field| field.is("From")) {
            return Err(SignError::NoFrom);
        }
        let body_hash = digest(&SHA256, &canonical::relaxed_body(body));
        let (names, mut input) = chosen(&fields);
        let head = input.len();
        let mut out = Vec::new();
        for key in &self.keys {
            let unsigned = field::unsigned(key, made_at, &names, body_hash.as_ref());
            input.truncate(head);
            canonical::push_relaxed_header(&mut input, field::NAME, unsigned.as_bytes());
            out.extend(field::signed(&unsigned, &self.signature(key, &input)?));
        }
        Ok(out)
    }

    fn signature(&self, key: &DkimKey, input: &[u8]) -> Result<Vec<u8>, SignError> {
        match key.key.pair() {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &self.random, input, &mut signature);
                signed.map(|()| signature).map_err(|_| SignError::Key(key.selector.to_string()))
            }
            // RFC 8463 §3: what is signed is the hash.
            Pair::Ed25519(pair) => Ok(pair.sign(digest(&SHA256, input).as_ref()).as_ref().to_vec()),
        }
    }
}

/// The value of `h=`, and the relaxed form of the headers that it names: of several with one name the last comes first
/// (RFC 6376 §5.4.2). A name that is there once too often stands for nothing, and nothing may come there.
fn chosen<'a>(fields: &[Field<'_>]) -> (Vec<&'a str>, Vec<u8>) {
    let (mut names, mut relaxed) = (Vec::new(), Vec::new());
    let sealed = SEALED.into_iter().map(|name| (name, true));
    for (name, is_sealed) in sealed.chain(SIGNED.into_iter().map(|name| (name, false))) {
        for field in fields.iter().rev().filter(|field| field.is(name)) {
            names.push(name);
            field.push_relaxed(&mut relaxed);
        }
        if is_sealed {
            names.push(name);
        }
    }
    (names, relaxed)
}

/// The message with its signatures before it; the message itself when nobody signs. Signing takes about as long as
/// everything else together, so it has threads of its own.
pub(super) async fn signed(
    signer: Option<&Arc<Signer>>,
    message: Vec<u8>,
    made_at: Timestamp,
) -> Result<Vec<u8>, SignError> {
    let Some(signer) = signer.cloned() else { return Ok(message) };
    let sign = move || {
        let mut signed = signer.sign(&message, made_at)?;
        signed.extend_from_slice(&message);
        Ok(signed)
    };
    tokio::task::spawn_blocking(sign).await.unwrap_or_else(|error| Err(SignError::Thread(error.to_string())))
}
