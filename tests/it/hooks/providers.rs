//! Four mail providers with keys of their own: they make requests as the real ones do, and sign them.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
};

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use ring::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rsa::{
    pkcs1v15::Pkcs1v15Sign,
    pkcs8::{EncodePrivateKey, LineEnding},
};
use serde_json::{Value, json};
use sha2::Sha256;
use tidings::{collect::CollectError, intake::hooks::Sns};
use url::Url;

/// The topic that is heard.
pub(super) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:bounces";
/// Where the certificate of [`AMAZON`] is.
pub(super) const CERTIFICATE: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-a1.pem";
/// Every kind of hook. Each hook of the tests has the name of its kind.
pub(super) const KINDS: [&str; 4] = ["ses", "postmark", "sendgrid", "mailgun"];

const PASSWORD: &str = "a password of the tests";
const MAILGUN: &str = "a signing key of the tests";

/// The key with which Amazon signs, and a certificate for it.
static AMAZON: LazyLock<Amazon> = LazyLock::new(Amazon::new);
static SENDGRID: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().expect("a key on P-256"));

struct Amazon {
    key: rsa::PrivateKey,
    certificate: String,
}

impl Amazon {
    fn new() -> Self {
        let key = rsa::PrivateKey::new(&mut rand::rng(), 2048).expect("a key");
        let pem = key.to_pkcs8_pem(LineEnding::LF).expect("PEM");
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256).expect("a pair");
        let params = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).expect("a name");
        Self { key, certificate: params.self_signed(&pair).expect("a certificate").pem() }
    }
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    pub(super) hook: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Sections of config.toml with a hook of each kind.
pub(super) fn sections() -> String {
    let key = BASE64.encode(&spki(&SENDGRID));
    format!(
        "[[hooks]]\nname = \"ses\"\nkind = \"ses\"\ntopic = \"{TOPIC}\"\n\
         [[hooks]]\nname = \"postmark\"\nkind = \"postmark\"\nuser = \"postmark\"\npassword = \"{PASSWORD}\"\n\
         [[hooks]]\nname = \"sendgrid\"\nkind = \"sendgrid\"\npublic_key = \"{key}\"\n\
         [[hooks]]\nname = \"mailgun\"\nkind = \"mailgun\"\nsigning_key = \"{MAILGUN}\"\n"
    )
}

/// The public half as a SubjectPublicKeyInfo.
fn spki(pair: &KeyPair) -> Vec<u8> {
    use rcgen::PublicKeyData;
    pair.subject_public_key_info()
}

/// An unknown mailbox, told by each kind of provider; `message_id` without brackets.
pub(super) fn bounce(kind: &str, recipient: &str, message_id: &str, now: Timestamp) -> Posting {
    let said = format!("550 5.1.1 <{recipient}> no such user");
    match kind {
        "ses" => {
            let recipients = json!([{"emailAddress": recipient, "action": "failed", "status": "5.1.1",
                                     "diagnosticCode": format!("smtp; {said}")}]);
            ses(
                &json!({"notificationType": "Bounce", "mail": {"messageId": "0100-x", "headers": [
                            {"name": "Message-ID", "value": format!("<{message_id}>")}]},
                        "bounce": {"bounceType": "Permanent", "bounceSubType": "General",
                                   "bouncedRecipients": recipients}}),
                now,
            )
        }
        "postmark" => {
            let content = format!("Return-Path: <>\r\n\r\nMessage-ID: <{message_id}>\r\n");
            postmark(&json!({"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Email": recipient,
                             "Inactive": true, "Details": format!("smtp;{said}"), "Content": content}))
        }
        "sendgrid" => sendgrid(
            &json!([{"event": "delivered", "email": "ben@example.org"},
                    {"event": "bounce", "type": "bounce", "email": recipient, "status": "5.1.1", "reason": said,
                     "smtp-id": format!("<{message_id}>"), "sg_event_id": "e1"},
                    7]),
            now,
        ),
        "mailgun" => mailgun(
            &json!({"event": "failed", "severity": "permanent", "reason": "bounce", "recipient": recipient,
                    "delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": said},
                    "message": {"headers": {"message-id": message_id}}}),
            now,
        ),
        other => panic!("no kind `{other}`"),
    }
}

/// A delivery that went well, which is nothing to us.
pub(super) fn delivered(kind: &str, now: Timestamp) -> Posting {
    match kind {
        "ses" => ses(&json!({"eventType": "Delivery", "mail": {"destination": ["ana@example.org"]}}), now),
        "postmark" => postmark(&json!({"RecordType": "Delivery", "Recipient": "ana@example.org"})),
        "sendgrid" => sendgrid(&json!([{"event": "delivered", "email": "ana@example.org"}]), now),
        _ => mailgun(&json!({"event": "delivered", "recipient": "ana@example.org"}), now),
    }
}

/// A notification of the topic.
pub(super) fn ses(message: &Value, now: Timestamp) -> Posting {
    signed(envelope("Notification", &message.to_string(), now), "1")
}

/// A message of SNS that is not signed yet.
pub(super) fn envelope(kind: &str, message: &str, now: Timestamp) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::from([
        ("Message", message.to_owned()),
        ("MessageId", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".to_owned()),
        ("Timestamp", now.to_string()),
        ("TopicArn", TOPIC.to_owned()),
        ("Type", kind.to_owned()),
    ]);
    if kind != "Notification" {
        let query = format!("Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1");
        fields.insert("SubscribeURL", format!("https://sns.us-east-1.amazonaws.com/?{query}"));
        fields.insert("Token", "t1".to_owned());
    }
    fields
}

/// Signs a message of SNS as its version wants it. All fields that are there are signed, in the order of their names.
pub(super) fn signed(mut fields: BTreeMap<&'static str, String>, version: &str) -> Posting {
    let text: String = fields.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect();
    let (hash, prefix) = match version {
        // What PKCS #1 (RFC 8017 §9.2) writes before a hash of each kind.
        "1" => (&SHA1_FOR_LEGACY_USE_ONLY, "3021300906052b0e03021a05000414"),
        _ => (&SHA256, "3031300d060960864801650304020105000420"),
    };
    let prefix = HEXLOWER.decode(prefix.as_bytes()).expect("hexadecimal");
    let padding = Pkcs1v15Sign { hash_len: Some(hash.output_len()), prefix: prefix.into() };
    let signature = AMAZON.key.sign(padding, digest(hash, text.as_bytes()).as_ref()).expect("a signature");
    fields.insert("SignatureVersion", version.to_owned());
    fields.insert("Signature", BASE64.encode(&signature));
    fields.insert("SigningCertURL", CERTIFICATE.to_owned());
    fields.insert("UnsubscribeURL", "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe".to_owned());
    let headers = vec![("content-type", "text/plain; charset=UTF-8".to_owned())];
    Posting { hook: "ses", headers, body: serde_json::to_vec(&fields).expect("JSON") }
}

pub(super) fn postmark(event: &Value) -> Posting {
    let login = BASE64.encode(format!("postmark:{PASSWORD}").as_bytes());
    let headers = vec![("authorization", format!("Basic {login}")), ("content-type", "application/json".to_owned())];
    Posting { hook: "postmark", headers, body: event.to_string().into_bytes() }
}

pub(super) fn sendgrid(events: &Value, now: Timestamp) -> Posting {
    sendgrid_bytes(events.to_string().into_bytes(), now)
}

pub(super) fn sendgrid_bytes(body: Vec<u8>, now: Timestamp) -> Posting {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SENDGRID.serialize_der(), &random);
    let time = now.as_second().to_string();
    let signed = [time.as_bytes(), &body].concat();
    let signature = pair.expect("a key").sign(&random, &signed).expect("a signature");
    let headers = vec![
        ("x-twilio-email-event-webhook-signature", BASE64.encode(signature.as_ref())),
        ("x-twilio-email-event-webhook-timestamp", time),
    ];
    Posting { hook: "sendgrid", headers, body }
}

pub(super) fn mailgun(event: &Value, now: Timestamp) -> Posting {
    mailgun_with(event, &now.as_second().to_string(), "0123456789abcdef0123456789abcdef0123456789abcdef01")
}

/// The same with a time and a token of one's own.
pub(super) fn mailgun_with(event: &Value, time: &str, token: &str) -> Posting {
    let mut mac = Hmac::<Sha256>::new_from_slice(MAILGUN.as_bytes()).expect("a key");
    mac.update(format!("{time}{token}").as_bytes());
    let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
    let signature = json!({"timestamp": time, "token": token, "signature": signature});
    let body = json!({"signature": signature, "event-data": event}).to_string().into_bytes();
    Posting { hook: "mailgun", headers: vec![("content-type", "application/json".to_owned())], body }
}

/// Amazon's hosts: what is fetched from them, and what they answer.
#[derive(Clone, Default)]
pub(super) struct AmazonHosts {
    /// All that was fetched, in order.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    /// What every address answers, when it is to fail.
    pub(super) failing: Arc<Mutex<Option<CollectError>>>,
}

impl AmazonHosts {
    /// A way to them.
    pub(super) fn way(&self) -> Sns {
        let hosts = self.clone();
        Sns::new(Arc::new(move |url| {
            let answer = hosts.answer(&url);
            Box::pin(async move { answer })
        }))
    }

    fn answer(&self, url: &Url) -> Result<Vec<u8>, CollectError> {
        self.asked.lock().expect("no panic").push(url.to_string());
        if let Some(error) = self.failing.lock().expect("no panic").clone() {
            return Err(error);
        }
        match url.as_str() {
            CERTIFICATE => Ok(AMAZON.certificate.clone().into_bytes()),
            url if url.contains("Action=ConfirmSubscription") => Ok(b"<ConfirmSubscriptionResponse/>".to_vec()),
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-b2.pem" => Ok(b"not a certificate".to_vec()),
            _ => Err(CollectError::Status(404)),
        }
    }
}
