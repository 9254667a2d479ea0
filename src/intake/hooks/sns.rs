//! Amazon SNS: proves that a message was signed by SNS for one topic. The certificate that proves it is named by the
//! message itself, so it is believed only when it comes, over https, from SNS's own host in the topic's region and from
//! the path where SNS keeps its certificates. It never asks any other host.

mod envelope;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::sync::Semaphore;
use url::Url;

use self::envelope::{Envelope, Kind};
use super::{HookError, is_fresh};
use crate::{
    collect::{CollectError, Collector},
    domain::hook::Topic,
};

/// Fetches a document from one address, following no redirect.
pub type Fetch = Arc<dyn Fn(Url) -> Fetching + Send + Sync>;

/// A document under way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Vec<u8>, CollectError>> + Send>>;

/// SNS tries for an hour at most.
const LONGEST: SignedDuration = SignedDuration::from_hours(25);

/// The largest document, in bytes: a certificate with those above it, or an answer in XML.
const DOCUMENT: usize = 64 * 1024;

/// So many certificates are kept: SNS has one for each region, and another one each year.
const KEPT: usize = 16;

/// So many are fetched at once, for anybody may name one.
const AT_ONCE: usize = 2;

/// What speaks with SNS: it fetches certificates, keeps those that proved something, and confirms subscriptions.
pub struct Sns {
    fetch: Fetch,
    kept: Mutex<Vec<(Url, CertificateDer<'static>)>>,
    turns: Semaphore,
}

/// A message that was proven.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// What the topic says.
    Notification(String),
    /// The topic was told that we want what it says.
    Subscribed,
    /// The topic will say nothing more.
    Unsubscribed,
}

impl Sns {
    /// One that fetches by a function.
    pub fn new(fetch: Fetch) -> Self {
        Self { fetch, kept: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }

    /// One that fetches as feeds are fetched.
    pub fn over(collector: &Collector) -> Self {
        let collector = collector.clone();
        Self::new(Arc::new(move |url| {
            let collector = collector.clone();
            Box::pin(async move { collector.document(&url, DOCUMENT).await })
        }))
    }

    /// Proves a message, and answers one that asks whether we want the topic.
    pub(super) async fn open(&self, topic: &Topic, body: &[u8], now: Timestamp) -> Result<Opened, HookError> {
        let envelope = Envelope::read(body).ok_or(HookError::Refused("it is no message of SNS"))?;
        if envelope.topic_arn != topic.arn() {
            return Err(HookError::Refused("it is of another topic"));
        }
        let sent_at: Option<Timestamp> = envelope.timestamp.parse().ok();
        if !sent_at.is_some_and(|sent_at| is_fresh(sent_at, now, LONGEST)) {
            return Err(HookError::Refused("it was signed too long ago"));
        }
        let home = certificate_url(topic, &envelope.signing_cert_url)
            .ok_or(HookError::Refused("its certificate is not where SNS keeps its certificates"))?;
        let certificate = self.certificate(&home).await?;
        if !envelope.is_signed_by(&certificate) {
            return Err(HookError::Refused("the signature is wrong"));
        }
        self.keep(home, certificate);
        match envelope.kind {
            Kind::Notification => Ok(Opened::Notification(envelope.message)),
            Kind::UnsubscribeConfirmation => Ok(Opened::Unsubscribed),
            Kind::SubscriptionConfirmation => {
                let url = subscribe_url(topic, envelope.subscribe_url.as_deref().unwrap_or_default())
                    .ok_or(HookError::Refused("it asks to be confirmed elsewhere than at SNS"))?;
                (self.fetch)(url).await.map_err(HookError::Fetch)?;
                Ok(Opened::Subscribed)
            }
        }
    }

    /// The certificate at an address, kept or fetched.
    async fn certificate(&self, home: &Url) -> Result<CertificateDer<'static>, HookError> {
        if let Some(certificate) = self.kept(home) {
            return Ok(certificate);
        }
        let _turn = self.turns.try_acquire().map_err(|_| HookError::Busy)?;
        let pem = match (self.fetch)(home.clone()).await {
            Ok(pem) => pem,
            // Whoever wrote the message made that address up.
            Err(CollectError::Status(400..=499)) => return Err(HookError::Refused("its certificate does not exist")),
            Err(error) => return Err(HookError::Fetch(error)),
        };
        CertificateDer::from_pem_slice(&pem).map_err(|_| HookError::Refused("its certificate is none"))
    }

    fn kept(&self, home: &Url) -> Option<CertificateDer<'static>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(url, _)| url == home).map(|(_, certificate)| certificate.clone())
    }

    /// Keeps a certificate that proved something, so that nobody can fill the place with others.
    fn keep(&self, home: Url, certificate: CertificateDer<'static>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().any(|(url, _)| *url == home) {
            return;
        }
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((home, certificate));
    }
}

/// The address of a certificate, when it is where SNS keeps its certificates for this topic's region. On the same host
/// SNS answers calls of anybody, so that the path must be right too.
fn certificate_url(topic: &Topic, text: &str) -> Option<Url> {
    let url = own_url(topic, text)?;
    let name = url.path().strip_prefix("/SimpleNotificationService")?.strip_suffix(".pem")?;
    let is_name = name.is_empty()
        || name
            .strip_prefix('-')
            .is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (is_name && url.query().is_none()).then_some(url)
}

/// The address that confirms a subscription to this topic.
fn subscribe_url(topic: &Topic, text: &str) -> Option<Url> {
    let url = own_url(topic, text)?;
    let says = |name: &str, wanted: &str| url.query_pairs().any(|(key, value)| key == name && value == wanted);
    let confirms = url.path() == "/" && says("Action", "ConfirmSubscription") && says("TopicArn", topic.arn());
    confirms.then_some(url)
}

/// A https address at the topic's own host, without a port, a name or a password.
fn own_url(topic: &Topic, text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_own = url.scheme() == "https" && url.host_str() == Some(topic.host()) && url.port().is_none();
    (is_plain && is_own).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::{certificate_url, subscribe_url};
    use crate::domain::hook::Topic;

    const ARN: &str = "arn:aws:sns:us-east-1:123456789012:bounces";

    fn topic() -> Topic {
        Topic::parse(ARN).expect("an ARN")
    }

    #[test]
    fn a_certificate_is_believed_only_from_where_sns_keeps_it() {
        for good in [
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService.pem",
            "https://SNS.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
        ] {
            assert!(certificate_url(&topic(), good).is_some(), "{good}");
        }
        for wrong in [
            "",
            "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com.cn/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com./SimpleNotificationService-A.pem",
            "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://evil.example\\@sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-A.pem",
            "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-A.pem",
            "https://s3.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://s3.amazonaws.com/sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com/other/SimpleNotificationService-A.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-A/../x.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem?Action=X",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-A.pem#x",
            "https://sns.us-east-1.amazonaws.com/?x=/SimpleNotificationService-A.pem",
            "file:///SimpleNotificationService-A.pem",
        ] {
            assert!(certificate_url(&topic(), wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_subscription_is_confirmed_only_at_sns_and_for_this_topic() {
        let url = |host: &str, query: &str| format!("https://{host}/?{query}");
        let (host, good) =
            ("sns.us-east-1.amazonaws.com", format!("Action=ConfirmSubscription&TopicArn={ARN}&Token=7"));
        assert!(subscribe_url(&topic(), &url(host, &good)).is_some());
        for wrong in [
            url("sns.eu-west-1.amazonaws.com", &good),
            url("evil.example", &good),
            url(host, &good.replace("ConfirmSubscription", "DeleteTopic")),
            url(host, &good.replace("bounces", "others")),
            url(host, ""),
            url(host, &good).replace("https", "http"),
            url(host, &good).replace("/?", "/x?"),
            String::new(),
        ] {
            assert!(subscribe_url(&topic(), &wrong).is_none(), "{wrong}");
        }
    }
}
