//! A webhook: an address of the house's own systems that is told of events here, by the Standard Webhooks specification
//! (version 1). What happened comes in; the body of a call, its signature and the time of its next try go out. A call is
//! one webhook told of one event.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use super::{address::EmailAddress, issue::IssueId, slug::Slug, subscription::SubscriberId};

/// The waits between tries; the last one repeats.
const RETRIES: [SignedDuration; 7] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
];

/// How long a call is tried before it is given up.
pub const TRIED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// After so many tries in vain staff are told: by then it has not answered for two hours and a half.
pub const TRIES_BEFORE_ALARM: u32 = 6;

/// What begins each key.
const PREFIX: &str = "whsec_";

/// How many bytes a key has.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// One webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its name, in listings and alarms.
    pub name: Slug,
    /// Where it is told.
    pub url: Url,
    /// What signs what it is told.
    pub key: SigningKey,
    /// Of what it is told.
    pub events: Vec<EventKind>,
    /// Of which lists; of all when there are none.
    pub lists: Vec<Slug>,
    /// Private networks that it may be on. All others are out of reach.
    pub private_networks: Vec<IpNet>,
}

/// What may happen that a webhook can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Nothing of an issue waits any more.
    IssueSent,
    /// Somebody joined or left a list, chose otherwise, or was erased.
    SubscriptionChanged,
    /// A message of an issue was refused for good.
    DeliveryRefused,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::IssueSent, Self::SubscriptionChanged, Self::DeliveryRefused];

    /// The word, in config.toml and in what is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IssueSent => "issue.sent",
            Self::SubscriptionChanged => "subscription.changed",
            Self::DeliveryRefused => "delivery.refused",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// That a webhook wants to be told of one kind of event, of one list or of all. What writes events down knows no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Who wants it.
    pub webhook: Slug,
    /// What it wants.
    pub kind: EventKind,
    /// Of which list; of all when there is none.
    pub list: Option<Slug>,
}

impl Want {
    /// True when this kind of event of this list is wanted.
    pub fn is_for(&self, kind: EventKind, list: &Slug) -> bool {
        self.kind == kind && self.list.as_ref().is_none_or(|wanted| wanted == list)
    }
}

impl Webhook {
    /// All that it wants.
    pub fn wants(&self) -> impl Iterator<Item = Want> + '_ {
        let lists: Vec<Option<Slug>> =
            if self.lists.is_empty() { vec![None] } else { self.lists.iter().cloned().map(Some).collect() };
        self.events.iter().flat_map(move |kind| {
            let lists = lists.clone();
            lists.into_iter().map(|list| Want { webhook: self.name.clone(), kind: *kind, list })
        })
    }
}

/// The key that a webhook and we share. It prints as nothing.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

/// Why a text is no key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the secret of a webhook: `whsec_` and 24 to 64 bytes in base64")]
pub struct SigningKeyError;

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let base64 = text.strip_prefix(PREFIX).ok_or(SigningKeyError)?;
        let bytes = BASE64.decode(base64.as_bytes()).map_err(|_| SigningKeyError)?;
        if KEY_BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SigningKeyError) }
    }

    /// The value of `webhook-signature` for a body that is told under this id at this second.
    pub fn sign(&self, id: &str, second: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in [id, ".", &second.to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

/// One event, as one webhook is told of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The webhook.
    pub webhook: String,
    /// What tells this event from all others of this house.
    pub event: String,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// To which list.
    pub list: String,
    /// With which issue.
    pub issue: Option<IssueId>,
    /// To whom.
    pub subscriber: Option<SubscriberId>,
    /// Their address, unless they were erased since.
    pub address: Option<EmailAddress>,
    /// The new state of a subscription.
    pub state: Option<String>,
    /// What its reader gets of the list: `digests`, `alerts`, both with a comma, or nothing.
    pub gets: Option<String>,
    /// Why somebody left, or what the relay said, unless its reader was erased since: it may name them.
    pub words: Option<String>,
    /// What else is to be said of an issue, as a JSON object.
    pub facts: Option<String>,
    /// How often it was tried, this time included.
    pub tries: u32,
    /// Since when it is tried.
    pub tried_since: Timestamp,
}

impl Call {
    /// The body, the same at each try unless the reader was erased in between.
    pub fn body(&self) -> String {
        let mut data = match self.facts.as_deref().map(serde_json::from_str) {
            Some(Ok(Value::Object(facts))) => facts,
            _ => serde_json::Map::new(),
        };
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                data.insert(name.to_owned(), value);
            }
        };
        say("list", Some(json!(self.list)));
        say("issue", self.issue.map(|issue| json!(issue.0)));
        say("subscriber", self.subscriber.map(|subscriber| json!(subscriber.0)));
        // Whoever is told belongs to the house: without the address it could not know whom it is about.
        say("address", self.address.as_ref().map(|address| json!(address.reveal())));
        say("state", self.state.as_ref().map(|state| json!(state)));
        let gets = self.gets.as_ref().map(|gets| gets.split(',').filter(|part| !part.is_empty()).collect::<Vec<_>>());
        say("gets", gets.map(|gets| json!(gets)));
        let words = self.words.as_ref().filter(|words| !words.is_empty());
        let name = if self.kind == EventKind::DeliveryRefused { "reply" } else { "reason" };
        say(name, words.map(|words| json!(words)));
        body(self.kind.as_str(), self.at, &Value::Object(data))
    }
}

/// A body as the specification wants it.
pub fn body(kind: &str, at: Timestamp, data: &Value) -> String {
    json!({ "type": kind, "timestamp": at.to_string(), "data": data }).to_string()
}

/// When a call that failed so many times is tried again; `None` when it is given up.
pub fn next_try(tries: u32, tried_since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let nth = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = RETRIES.get(nth).or(RETRIES.last())?;
    let next = now.checked_add(*wait).ok()?;
    (next.duration_since(tried_since) <= TRIED_FOR).then_some(next)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{SigningKey, SigningKeyError, TRIED_FOR, next_try};

    #[test]
    fn the_signature_is_the_one_of_the_standards_own_example() {
        // github.com/standard-webhooks/standard-webhooks, the test of its libraries.
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_is_long_enough_and_in_base64_and_prints_as_nothing() {
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_not base64"] {
            assert!(matches!(SigningKey::parse(wrong), Err(SigningKeyError)), "{wrong}");
        }
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        assert_eq!(format!("{key:?}"), "SigningKey");
    }

    #[test]
    fn a_call_is_tried_ever_more_seldom_and_given_up_after_a_week() {
        let since: Timestamp = "2024-04-24T12:00:00Z".parse().expect("an instant");
        let (mut now, mut tries, mut waits) = (since, 0, Vec::new());
        loop {
            tries += 1;
            let Some(next) = next_try(tries, since, now) else { break };
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits[..7], [5, 60, 300, 1_800, 7_200, 21_600, 86_400]);
        assert_eq!(tries, 13);
        assert!(now.duration_since(since) <= TRIED_FOR);
        assert!(now.duration_since(since) > TRIED_FOR - SignedDuration::from_hours(24));
    }
}
