//! Amazon SNS: both versions of its signature, subscriptions, topics, and where certificates come from.

use reqwest::StatusCode;
use serde_json::json;
use tidings::collect::CollectError;

use super::{
    House, READER,
    providers::{CERTIFICATE, Posting, TOPIC, bounce, envelope, ses, signed},
};

/// A request with another text somewhere.
fn with(posting: &Posting, from: &str, to: &str) -> Posting {
    let text = String::from_utf8(posting.body.clone()).expect("text");
    assert!(text.contains(from), "{from}");
    Posting { body: text.replace(from, to).into_bytes(), ..posting.clone() }
}

fn complaint() -> String {
    json!({"notificationType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": READER}]}})
        .to_string()
}

impl House {
    fn asked(&self) -> Vec<String> {
        self.amazon.asked.lock().expect("no panic").clone()
    }
}

#[tokio::test]
async fn both_versions_of_the_signature_are_understood_and_each_is_only_itself() {
    let house = House::new().await;
    for version in ["1", "2"] {
        let mut fields = envelope("Notification", &complaint(), house.now());
        fields.insert("Subject", "Amazon SES Email Event Notification".to_owned());
        let good = signed(fields, version);
        assert_eq!(house.post(&good).await.status, StatusCode::OK, "{version}");
        let field = |version: &str| format!("\"SignatureVersion\":\"{version}\"");
        for other in ["1", "2", "3", ""].into_iter().filter(|other| *other != version) {
            house.assert_refused(&with(&good, &field(version), &field(other)), "another version").await;
        }
        house.assert_refused(&with(&good, "Email Event", "Email event"), "another subject").await;
        house.assert_refused(&with(&good, "22b80b92", "22b80b93"), "another id").await;
        house.assert_refused(&with(&good, "\"Notification\"", "\"UnsubscribeConfirmation\""), "another type").await;
    }
    assert_eq!(house.noted("ses").await.len(), 2);
    assert_eq!(house.asked(), [CERTIFICATE], "a certificate that proved something is kept");
}

#[tokio::test]
async fn another_topic_is_not_heard_though_amazon_signed_it() {
    let house = House::new().await;
    for kind in ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        let mut fields = envelope(kind, &complaint(), house.now());
        fields.insert("TopicArn", TOPIC.replace("123456789012", "210987654321"));
        house.assert_refused(&signed(fields, "2"), "another account's topic").await;
    }
    assert_eq!((house.noted("ses").await, house.asked()), (vec![], vec![]), "nothing is fetched for it");
}

#[tokio::test]
async fn a_subscription_to_our_topic_is_confirmed_at_sns() {
    let house = House::new().await;
    let posting = signed(envelope("SubscriptionConfirmation", "You have chosen to subscribe", house.now()), "1");
    assert_eq!(house.post(&posting).await.status, StatusCode::OK);
    let asked = house.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].starts_with("https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&"), "{asked:?}");
    assert!(house.noted("ses").await[0].starts_with("subscribed: "));

    let left = signed(envelope("UnsubscribeConfirmation", "You have chosen to leave", house.now()), "1");
    assert_eq!(house.post(&left).await.status, StatusCode::OK);
    assert_eq!(house.asked().len(), 2, "we do not subscribe again by ourselves");
    assert!(house.noted("ses").await[1].starts_with("unsubscribed: "));
}

#[tokio::test]
async fn a_subscription_is_confirmed_nowhere_else() {
    let house = House::new().await;
    for elsewhere in [
        "https://evil.example/?Action=ConfirmSubscription".to_owned(),
        format!("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}"),
        format!("https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&TopicArn={TOPIC}"),
        "http://127.0.0.1/".to_owned(),
        String::new(),
    ] {
        let mut fields = envelope("SubscriptionConfirmation", "You have chosen to subscribe", house.now());
        fields.insert("SubscribeURL", elsewhere.clone());
        house.assert_refused(&signed(fields, "2"), &elsewhere).await;
    }
    assert_eq!(house.asked(), [CERTIFICATE]);
    // One that nobody signed is not confirmed either.
    let good = signed(envelope("SubscriptionConfirmation", "You have chosen to subscribe", house.now()), "2");
    house.assert_refused(&with(&good, "\"Token\":\"t1\"", "\"Token\":\"t2\""), "another token").await;
    assert_eq!(house.asked(), [CERTIFICATE]);
}

#[tokio::test]
async fn a_certificate_from_elsewhere_is_not_even_fetched() {
    let house = House::new().await;
    let good = bounce("ses", READER, "", house.now());
    for elsewhere in [
        "https://evil.example/SimpleNotificationService-a1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-a1.pem",
        "https://sns.us-east-1.amazonaws.com/?Action=GetTopicAttributes",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-a1.pem",
    ] {
        house.assert_refused(&with(&good, CERTIFICATE, elsewhere), elsewhere).await;
    }
    assert_eq!(house.asked(), [""; 0]);
    for wrong in ["b2", "c3"] {
        house.assert_refused(&with(&good, "-a1.pem", &format!("-{wrong}.pem")), "no certificate there").await;
    }
    assert_eq!(house.noted("ses").await, [""; 0]);
}

#[tokio::test]
async fn while_amazon_cannot_be_reached_it_is_asked_to_try_again() {
    let house = House::new().await;
    let unreachable = CollectError::Unreachable { host: "sns".to_owned(), reason: "no route".to_owned() };
    *house.amazon.failing.lock().expect("no panic") = Some(unreachable);
    let good = bounce("ses", READER, "", house.now());
    assert_eq!(house.post(&good).await.status, StatusCode::SERVICE_UNAVAILABLE);
    *house.amazon.failing.lock().expect("no panic") = Some(CollectError::Status(503));
    assert_eq!(house.post(&good).await.status, StatusCode::SERVICE_UNAVAILABLE);
    *house.amazon.failing.lock().expect("no panic") = None;
    assert_eq!(house.post(&good).await.status, StatusCode::OK);

    // A subscription too: SNS asks again.
    *house.amazon.failing.lock().expect("no panic") = Some(CollectError::Status(500));
    let posting = signed(envelope("SubscriptionConfirmation", "You have chosen to subscribe", house.now()), "2");
    assert_eq!(house.post(&posting).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_sentence_that_ses_begins_with_is_taken() {
    let house = House::new().await;
    let sentence = "Successfully validated SNS topic for Amazon SES event publishing.";
    let posting = signed(envelope("Notification", sentence, house.now()), "1");
    assert_eq!(house.post(&posting).await.status, StatusCode::OK);
    assert_eq!(house.post(&ses(&json!([]), house.now())).await.status, StatusCode::OK);
    assert_eq!(house.noted("ses").await, [""; 0]);
}
