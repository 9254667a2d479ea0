//! Mail providers that tell us of bounces and complaints over HTTP. A request to a hook goes in. When it is proven to be
//! the provider's own, what it says of bounces and complaints is noted, and all else it says is passed over. Nothing of a
//! request is believed, fetched or kept before that, but the certificate that is to prove it.

mod mailgun;
mod postmark;
mod sendgrid;
mod ses;
mod sns;
mod told;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::sns::Opened;
pub use self::sns::{Fetch, Fetching, Sns};
use super::bounces::{self, Noted};
use crate::{
    app::App,
    collect::CollectError,
    domain::{
        hook::{Hook, Provider},
        report::Report,
    },
    store::StoreError,
};

/// How far a provider's clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(15);

/// A request to a hook.
#[derive(Clone, Copy)]
pub struct Posted<'a> {
    /// The value of a header by its name, when there is one and it is text.
    pub header: &'a (dyn Fn(&str) -> Option<&'a str> + Send + Sync),
    /// The body as it came.
    pub body: &'a [u8],
}

/// Why a request was not taken. The texts are for our log: whoever asked is not told.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Nothing proves that it is the provider's own, or it is not for this hook.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// It is the provider's own and cannot be read.
    #[error("it is not the JSON that this provider sends")]
    Unreadable,
    /// It cannot be proven now.
    #[error("what is to prove it cannot be fetched now")]
    Fetch(#[source] CollectError),
    /// As many certificates as we fetch at once are being fetched.
    #[error("too many certificates are being fetched")]
    Busy,
    /// What it says cannot be written down now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes in one request. Once this returns well, all that it says is written down.
///
/// # Errors
/// See [`HookError`]. Part of it may have been noted then; noting it again does no harm.
pub async fn take(app: &App, sns: &Sns, hook: &Hook, posted: &Posted<'_>) -> Result<(), HookError> {
    let now = app.clock.now();
    let reports = match &hook.provider {
        Provider::Ses { topic } => match sns.open(topic, posted.body, now).await? {
            // When a topic is set up, SES sends a sentence to it, which is no JSON and says nothing.
            Opened::Notification(message) => {
                ses::reports(&app.secret, &serde_json::from_str(&message).unwrap_or_default())
            }
            Opened::Subscribed => {
                record(app, hook, "subscribed", "Amazon SNS was told that this hook wants its topic").await?;
                Vec::new()
            }
            Opened::Unsubscribed => {
                record(app, hook, "unsubscribed", "Amazon SNS says that its topic comes here no more").await?;
                Vec::new()
            }
        },
        Provider::Postmark { user, password } => {
            postmark::prove(user, password, posted)?;
            postmark::reports(&app.secret, &json(posted.body)?)
        }
        Provider::SendGrid { key } => {
            sendgrid::prove(key, posted, now)?;
            sendgrid::reports(&app.secret, &json(posted.body)?)
        }
        Provider::Mailgun { key } => {
            let value = json(posted.body).map_err(|_| HookError::Refused("it is no JSON, so it has no signature"))?;
            let token = mailgun::prove(key, &value, now)?;
            mailgun::bind(&app.store, &token, posted.body, now).await?;
            mailgun::reports(&app.secret, &value)
        }
    };
    for told in reports {
        report(app, hook, told).await?;
    }
    Ok(())
}

/// Hands on one report.
async fn report(app: &App, hook: &Hook, report: Report) -> Result<(), StoreError> {
    let (event, words) = (report.kind.as_str(), report.words.clone());
    match bounces::note(app, report).await? {
        Noted::Written | Noted::Known => Ok(()),
        Noted::Unplaced => record(app, hook, event, &format!("of a message that is not ours: {words}")).await,
    }
}

async fn record(app: &App, hook: &Hook, event: &str, reason: &str) -> Result<(), StoreError> {
    app.store.record(app.clock.now(), &format!("hook:{}", hook.name), event, reason).await
}

/// Reads JSON; its depth is bounded by the reader's own limit of 128.
fn json(bytes: &[u8]) -> Result<Value, HookError> {
    serde_json::from_slice(bytes).map_err(|_| HookError::Unreadable)
}

/// True when what was signed at an instant may still be believed: afterwards somebody may be playing it again.
fn is_fresh(signed_at: Timestamp, now: Timestamp, longest: SignedDuration) -> bool {
    let age = now.duration_since(signed_at);
    -AHEAD <= age && age <= longest
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_json::Value;

    use super::{mailgun, postmark, sendgrid, ses};
    use crate::domain::token::Secret;

    /// Words that a provider's JSON is made of.
    const WORDS: [&str; 24] = [
        "event",
        "eventType",
        "Bounce",
        "bounce",
        "Complaint",
        "complaint",
        "bouncedRecipients",
        "complainedRecipients",
        "emailAddress",
        "ana@example.org",
        "mail",
        "headers",
        "name",
        "message-id",
        "RecordType",
        "Type",
        "HardBounce",
        "Email",
        "event-data",
        "failed",
        "severity",
        "permanent",
        "recipient",
        "dropped",
    ];

    fn anything() -> impl Strategy<Value = Value> {
        let word = select(&WORDS[..]).prop_map(str::to_owned);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            word.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            let pairs = prop::collection::vec((word.clone(), inner.clone()), 0..6);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                pairs.prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_a_provider_says_it_is_read_or_passed_over(value in anything()) {
            let secret = Secret::new(vec![7; 32]).expect("long enough");
            for reports in [ses::reports, postmark::reports, sendgrid::reports, mailgun::reports] {
                for report in reports(&secret, &value) {
                    prop_assert!(report.recipient.is_some() && !report.words.contains('@'));
                }
            }
        }
    }
}
