//! Mail providers tell of bounces and complaints over real HTTP. What a provider signed is noted once it is proven, and
//! nothing else is; whoever is not the provider learns nothing.

mod providers;
mod refused;
mod sns;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tidings::{
    domain::{report::ReportKind, suppression::SuppressionKind},
    intake::bounces::judge_bounces,
    store::{bounces::Unjudged, suppressions::Scope},
    web,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use self::providers::{AmazonHosts, KINDS, Posting, bounce, delivered, mailgun, postmark, sendgrid, sendgrid_bytes};
use crate::world::{World, address_of};

const READER: &str = "reader1@example.org";

/// A world with a hook of each kind, on a socket of its own.
struct House {
    world: World,
    amazon: AmazonHosts,
    address: SocketAddr,
    client: reqwest::Client,
}

struct Answer {
    status: StatusCode,
    text: String,
}

impl House {
    async fn new() -> Self {
        let world = World::setup().also(&providers::sections()).start().await;
        let (amazon, listener) = (AmazonHosts::default(), TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
        let address = listener.local_addr().expect("a bound address");
        let router = web::router_with(Arc::clone(&world.app), amazon.way());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { world, amazon, address, client: client.build().expect("a client") }
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    async fn ask(&self, method: Method, posting: &Posting) -> Answer {
        let url = format!("http://{}/hooks/{}", self.address, posting.hook);
        let mut request = self.client.request(method, url).body(posting.body.clone());
        for (name, value) in &posting.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.expect("an answer");
        Answer { status: response.status(), text: response.text().await.expect("an answer to its end") }
    }

    async fn post(&self, posting: &Posting) -> Answer {
        self.ask(Method::POST, posting).await
    }

    /// So many readers, each with a mail.
    async fn alert(&self, readers: usize) {
        self.world.begin(readers).await;
        self.world.next_look(&[self.world.post("Coalition condemns a transfer")]).await;
        assert_eq!(self.world.mails().len(), readers);
    }

    /// The bounces and complaints that are not judged yet: delivery, kind, code and words.
    async fn bounced(&self) -> Vec<(String, ReportKind, Option<(u8, u16, u16)>, String)> {
        let all = self.world.app.store.unjudged_bounces(100).await.expect("the store answers");
        let delivery = |it: &Unjudged| format!("{}.{}", it.mailing.0, it.subscriber.0);
        all.into_iter().map(|it| (delivery(&it), it.said.kind, it.said.code, it.said.words)).collect()
    }

    /// What the hook of that name has written into the ledger: reports of messages that are not ours, too.
    async fn noted(&self, hook: &str) -> Vec<String> {
        self.world.ledger(&format!("hook:{hook}")).await
    }

    /// A request of each kind that tells of a bounce of the reader's.
    fn bounces(&self) -> [Posting; 4] {
        KINDS.map(|kind| bounce(kind, READER, "other@example.net", self.now()))
    }

    /// The request is refused as any other that proves nothing.
    async fn assert_refused(&self, posting: &Posting, why: &str) {
        let answer = self.post(posting).await;
        let wanted = "Nothing proves that this comes from the provider of this hook.";
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, wanted), "{}: {why}", posting.hook);
    }
}

#[tokio::test]
async fn a_bounce_is_noted_once_by_the_delivery_that_it_names() {
    let house = House::new().await;
    house.alert(4).await;
    for (mail, kind) in house.world.mails().iter().zip(KINDS) {
        let message_id = mail.header("message-id").trim_matches(['<', '>']);
        // Whoever the provider says the message was for, we know better.
        let bounce = bounce(kind, "other@example.net", message_id, house.now());
        for _ in 0..2 {
            let answer = house.post(&bounce).await;
            assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "Taken."), "{kind}");
        }
        let bounced = house.bounced().await;
        assert_eq!(bounced.len(), 1, "{kind}: {bounced:?}");
        assert!(message_id.starts_with(&format!("{}.", bounced[0].0)), "{message_id}: {bounced:?}");
        assert_eq!((bounced[0].1, bounced[0].2), (ReportKind::Hard, Some((5, 1, 1))), "{kind}");
        assert!(bounced[0].3.contains("no such user") && !bounced[0].3.contains('@'), "{bounced:?}");
        judge_bounces(&house.world.app).await.expect("the store takes it");
        let kept = house.world.app.store.suppression_kind(&address_of(&mail.to), Scope::All).await;
        assert_eq!(kept.expect("the store answers"), Some(SuppressionKind::Bounce), "{kind}");
    }
}

#[tokio::test]
async fn a_message_id_without_our_seal_names_no_delivery_but_the_recipient_does() {
    let house = House::new().await;
    house.alert(2).await;
    let other = house.world.mails_to("reader2@example.org").remove(0);
    let named =
        other.header("message-id").trim_matches(['<', '>']).splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    for kind in KINDS {
        let forged = bounce(kind, READER, &format!("{named}.aaaaaaaaaaaaaaaa@example.org"), house.now());
        assert_eq!(house.post(&forged).await.status, StatusCode::OK);
        let bounced = house.bounced().await;
        assert!(bounced.len() == 1 && bounced[0].0 != named, "{kind}: {bounced:?}");
        // By then Mailgun's token is forgotten, which the tests use for every body.
        house.world.hours(1);
        let unknown = bounce(kind, "nobody@example.net", "", house.now());
        assert_eq!(house.post(&unknown).await.status, StatusCode::OK);
        assert!(house.noted(kind).await[0].starts_with("hard: of a message that is not ours"));
    }
    assert_eq!(house.bounced().await.len(), 1, "all of them are about one delivery");
}

#[tokio::test]
async fn what_is_no_bounce_and_no_complaint_is_taken_and_passed_over() {
    let house = House::new().await;
    for kind in KINDS {
        assert_eq!(house.post(&delivered(kind, house.now())).await.status, StatusCode::OK, "{kind}");
        assert_eq!(house.noted(kind).await, [""; 0]);
    }
}

#[tokio::test]
async fn complaints_are_told_apart_from_bounces() {
    let house = House::new().await;
    let now = house.now();
    for complaint in [
        providers::ses(
            &json!({"eventType": "Complaint", "complaint": {"complaintFeedbackType": "abuse",
                    "complainedRecipients": [{"emailAddress": READER}]}}),
            now,
        ),
        postmark(&json!({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": READER})),
        sendgrid(&json!([{"event": "spamreport", "email": READER}]), now),
        mailgun(&json!({"event": "complained", "recipient": READER}), now),
    ] {
        assert_eq!(house.post(&complaint).await.status, StatusCode::OK);
        let noted = house.noted(complaint.hook).await;
        assert!(noted.len() == 1 && noted[0].starts_with("complaint: of a message that is not ours"), "{noted:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_down_is_asked_for_again() {
    let house = House::new().await;
    house.world.app.store.close().await;
    for posting in house.bounces() {
        let answer = house.post(&posting).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", posting.hook);
    }
    // What proves nothing is refused all the same.
    house.assert_refused(&Posting { headers: Vec::new(), ..postmark(&json!({})) }, "no password").await;
}

#[tokio::test]
async fn the_providers_own_nonsense_is_said_to_be_nonsense() {
    let house = House::new().await;
    let mut deep = vec![b'['; 100_000];
    deep.extend(vec![b']'; 100_000]);
    for nonsense in [&b""[..], b"{", b"\xff\xfe", &deep] {
        for posting in [
            Posting { body: nonsense.to_vec(), ..postmark(&json!({})) },
            sendgrid_bytes(nonsense.to_vec(), house.now()),
        ] {
            let answer = house.post(&posting).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", posting.hook);
        }
    }
    for other in [&b"7"[..], b"null", b"{}", b"[[[]]]", b"[{\"event\":{}}]"] {
        let posting = sendgrid_bytes(other.to_vec(), house.now());
        assert_eq!(house.post(&posting).await.status, StatusCode::OK);
    }
    assert_eq!(house.noted("sendgrid").await, [""; 0]);
}

#[tokio::test]
async fn a_request_may_weigh_a_mebibyte_and_no_more() {
    const LARGEST: usize = 1024 * 1024;
    let house = House::new().await;
    let event = json!([{"event": "spamreport", "email": READER}]).to_string();
    let weighing = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.len())).into_bytes();
    for posting in house.bounces() {
        let large = Posting { body: weighing(LARGEST + 1), ..posting };
        assert_eq!(house.post(&large).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", large.hook);
    }
    assert_eq!(house.post(&sendgrid_bytes(weighing(LARGEST), house.now())).await.status, StatusCode::OK);
    assert_eq!(house.noted("sendgrid").await.len(), 1);
}

#[tokio::test]
async fn a_hook_takes_posts_only_and_an_unknown_one_is_not_there() {
    let house = House::new().await;
    for posting in house.bounces() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let answer = house.ask(method.clone(), &posting).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
        for hook in ["nowhere", "", "%FF", "SES", "ses%00", "ses/", "..%2Fhooks%2Fses", "ses/x"] {
            let answer = house.post(&Posting { hook, ..posting.clone() }).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{hook}");
        }
        assert_eq!(house.noted(posting.hook).await, [""; 0]);
    }
}

#[tokio::test]
async fn who_drips_requests_can_have_only_so_many_held_in_memory() {
    let house = House::new().await;
    let good = bounce("postmark", READER, "", house.now());
    let head = "POST /hooks/postmark HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n";
    let mut dripping = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(house.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        dripping.push(stream);
    }
    let until = async |wanted: StatusCode| {
        let asking = async { while house.post(&good).await.status != wanted {} };
        tokio::time::timeout(Duration::from_secs(20), asking).await.expect("each is read as soon as its head has come");
    };
    until(StatusCode::SERVICE_UNAVAILABLE).await;
    drop(dripping);
    until(StatusCode::OK).await;
}
