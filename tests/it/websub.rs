//! A hub that a feed offers tells us of its news, over real HTTP: it is found, asked, heard once it has proved itself, asked
//! again before its lease ends, and left. Whatever a hub does wrong, the feed is looked at as if there were none.

use std::{collections::HashMap, sync::Arc};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use sha2::{Sha256, Sha384, Sha512};
use tidings::publish;
use tokio::sync::Semaphore;
use url::form_urlencoded;

use crate::world::{FEED, World, feed_of, feed_server::Response, subjects};

const HUB: &str = "/hub";

/// A house with a feed that a hub tells of, and the hub, which takes what it is asked and does nothing by itself.
struct House {
    world: World,
    client: reqwest::Client,
}

/// What the hub was asked: the fields of its form.
type Asked = HashMap<String, String>;

impl House {
    /// The first look has found the hub, and the hub was asked.
    async fn new() -> Self {
        let world = World::setup().feed("every = \"1d\"").feed("websub = true").open().await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let house = Self { world, client };
        house.world.site.serve(HUB, Response::ok("").status(202));
        house.world.readers(1).await;
        house.has(&[]);
        house.world.run().await;
        house
    }

    /// The feed has these posts, and offers the hub.
    fn has(&self, titles: &[&str]) {
        let posts: Vec<_> = titles.iter().map(|title| self.world.post(title)).collect();
        self.world.site.serve(FEED, self.offering(Response::feed(feed_of(&posts))));
    }

    fn offering(&self, feed: Response) -> Response {
        let (hub, own) = (self.world.site.url(HUB), self.world.site.url("/own"));
        feed.header("link", format!("<{hub}>; rel=\"hub\", <{own}>; rel=\"self\""))
    }

    /// All that the hub was asked, in order.
    fn asked(&self) -> Vec<Asked> {
        let requests = self.world.site.requests();
        let of_hub = requests.iter().filter(|request| request.target == HUB);
        of_hub.map(|request| form_urlencoded::parse(request.body.as_bytes()).into_owned().collect()).collect()
    }

    fn last_asked(&self) -> Asked {
        self.asked().pop().expect("the hub was asked")
    }

    /// The hub calls back with these parameters.
    async fn says(&self, method: Method, parameters: &[(&str, &str)]) -> (StatusCode, String) {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let url = format!("{}?{query}", self.last_asked()["hub.callback"]);
        let answer = self.client.request(method, url).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    }

    /// The hub verifies what it was asked last.
    async fn verifies(&self, lease: &str) -> (StatusCode, String) {
        let asked = self.last_asked();
        let (mode, topic) = (asked["hub.mode"].as_str(), asked["hub.topic"].as_str());
        let said =
            [("hub.mode", mode), ("hub.topic", topic), ("hub.challenge", "abc<d>"), ("hub.lease_seconds", lease)];
        self.says(Method::GET, &said).await
    }

    async fn distributes(&self, signature: Option<String>, content: &str) -> StatusCode {
        let mut request = self.client.post(&self.last_asked()["hub.callback"]).body(content.to_owned());
        if let Some(signature) = signature {
            request = request.header("X-Hub-Signature", signature);
        }
        request.send().await.expect("an answer").status()
    }

    fn secret(&self) -> String {
        self.asked()[0]["hub.secret"].clone()
    }

    /// How often the feed was looked at.
    fn looks(&self) -> usize {
        self.world.site.requests().iter().filter(|request| request.target == FEED).count()
    }

    async fn alarms(&self) -> Vec<String> {
        let notices = self.world.mails_to("desk@example.org");
        notices.iter().map(|mail| mail.text.clone()).collect()
    }

    /// A pass that also tells staff.
    async fn run(&self) {
        tidings::newsroom::tell_alarms(&self.world.app).await.expect("told");
        self.world.run().await;
        tidings::newsroom::tell_alarms(&self.world.app).await.expect("told");
        self.world.run().await;
    }
}

const OK: StatusCode = StatusCode::OK;
const TAKEN: StatusCode = StatusCode::ACCEPTED;

fn sha256(secret: &str, content: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(content.as_bytes());
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_hub_is_found_asked_and_believed_once_it_has_proved_itself_and_then_tells_of_news() {
    let house = House::new().await;
    let asked = house.last_asked();
    assert_eq!((asked["hub.mode"].as_str(), asked["hub.lease_seconds"].as_str()), ("subscribe", "864000"));
    assert_eq!(asked["hub.topic"], house.world.site.url("/own").as_str());
    assert!(asked["hub.callback"].starts_with(&house.world.page("/hooks/websub/")), "{asked:?}");
    assert_eq!(house.verifies("864000").await, (OK, "abc<d>".to_owned()));
    let noted = house.world.ledger("feed:site").await;
    assert!(
        noted.iter().any(|line| line.starts_with("hub: ") && line.ends_with("tells us of news from now on")),
        "{noted:?}"
    );

    // What a hub brings is not mailed: the feed is looked at, and has the last word.
    house.has(&["Coalition condemns a transfer"]);
    let forged = "<rss>Coalition condemns something else</rss>";
    assert_eq!(house.looks(), 1, "it is not due for a day");
    assert_eq!(house.distributes(Some(sha256(&house.secret(), forged)), forged).await, TAKEN);
    house.world.run().await;
    assert_eq!(house.looks(), 2);
    assert_eq!(subjects(&house.world.mails()), ["Condemnation: Coalition condemns a transfer"]);
    assert_eq!(house.asked().len(), 1, "nothing more is asked for now");
}

#[tokio::test]
async fn each_signature_that_the_standard_has_but_sha1_is_heard() {
    let house = House::new().await;
    house.verifies("864000").await;
    let (secret, content) = (house.secret(), "<rss/>".repeat(50_000));
    let mut by_384 = Hmac::<Sha384>::new_from_slice(secret.as_bytes()).expect("any key");
    let mut by_512 = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("any key");
    by_384.update(content.as_bytes());
    by_512.update(content.as_bytes());
    let right = [
        sha256(&secret, &content),
        format!("sha384={}", HEXLOWER.encode(&by_384.finalize().into_bytes())),
        format!("SHA512={}", HEXLOWER.encode(&by_512.finalize().into_bytes()).to_uppercase()),
    ];
    for (count, signature) in right.into_iter().enumerate() {
        assert_eq!(house.distributes(Some(signature.clone()), &content).await, TAKEN, "{signature}");
        house.world.run().await;
        assert_eq!(house.looks(), count + 2);
    }
}

#[tokio::test]
async fn a_distribution_that_proves_nothing_is_refused_and_nothing_is_looked_at() {
    let house = House::new().await;
    house.verifies("864000").await;
    let right = sha256(&house.secret(), "news");
    let wrong = [
        None,
        Some(String::new()),
        Some("sha256=".to_owned()),
        Some(sha256("another secret", "news")),
        Some(sha256(&house.secret(), "other news")),
        Some(right[..right.len() - 2].to_owned()),
        Some(right.replace("sha256", "sha512")),
        Some(right.replace("sha256", "md5")),
        Some(right.replace('=', " ")),
        Some(format!("{right}zz")),
        // HMAC-SHA-1 of \"news\", whatever its key.
        Some("sha1=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".to_owned()),
    ];
    for signature in wrong {
        assert_eq!(house.distributes(signature.clone(), "news").await, StatusCode::FORBIDDEN, "{signature:?}");
    }
    let callback = house.last_asked()["hub.callback"].clone();
    for other in [callback.replace("/websub/", "/websub/a"), house.world.page("/hooks/websub/nothing")] {
        let request = house.client.post(&other).header("X-Hub-Signature", &right).body("news");
        assert_eq!(request.send().await.expect("an answer").status(), StatusCode::GONE, "{other}");
    }
    house.run().await;
    assert_eq!(house.looks(), 1);
    let told = house.alarms().await;
    assert!(told.len() == 1 && told[0].contains("SHA-1"), "staff are told of the hub that signs with SHA-1: {told:?}");
    assert!(!told[0].contains(&house.secret()));
}

#[tokio::test]
async fn a_hub_verifies_only_what_it_was_asked_and_only_once() {
    let house = House::new().await;
    let topic = house.last_asked()["hub.topic"].clone();
    let good =
        [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.challenge", "x"), ("hub.lease_seconds", "9")];
    let without = |key: &str| good.iter().copied().filter(|(name, _)| *name != key).collect::<Vec<_>>();
    let with = |key: &'static str, value: &'static str| [without(key), vec![(key, value)]].concat();
    let long: &'static str = "x".repeat(2_000).leak();
    for wrong in [
        vec![],
        without("hub.mode"),
        without("hub.topic"),
        without("hub.challenge"),
        with("hub.mode", "unsubscribe"),
        with("hub.mode", "publish"),
        with("hub.topic", "https://example.org/other"),
        with("hub.challenge", ""),
        with("hub.challenge", long),
    ] {
        let (status, said) = house.says(Method::GET, &wrong).await;
        assert_eq!((status, said.as_str()), (StatusCode::NOT_FOUND, "We have not asked for this."), "{wrong:?}");
    }
    assert_eq!(house.says(Method::HEAD, &good).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(house.verifies("864000").await.0, OK);
    assert_eq!(house.verifies("864000").await.0, StatusCode::NOT_FOUND, "a challenge that is played again");
    let no = [("hub.mode", "unsubscribe"), ("hub.topic", topic.as_str()), ("hub.challenge", "x")];
    assert_eq!(house.says(Method::GET, &no).await.0, StatusCode::NOT_FOUND, "nobody asked to be told no more");
    let right = sha256(&house.secret(), "news");
    assert_eq!(house.distributes(Some(right), "news").await, TAKEN);
}

#[tokio::test]
async fn a_hub_that_verifies_before_it_answers_is_heard() {
    let world = World::setup().feed("websub = true").open().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let house = House { world, client };
    let gate = Arc::new(Semaphore::new(0));
    house.world.site.serve(HUB, Response::ok("").status(202).behind(&gate));
    house.has(&[]);
    let pass = {
        let app = Arc::clone(&house.world.app);
        tokio::spawn(async move { publish::publish_due(&app, publish::PassOptions::default()).await })
    };
    while house.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.verifies("864000").await.0, OK);
    gate.add_permits(1);
    pass.await.expect("no panic").expect("it goes well");
    house.world.minutes(60);
    house.world.run().await;
    assert_eq!(house.asked().len(), 1, "it is not asked again");
}

#[tokio::test]
async fn a_lease_is_renewed_before_it_ends_as_the_hub_has_given_it() {
    let house = House::new().await;
    house.verifies("86400").await;
    house.world.hours(15);
    house.world.run().await;
    assert_eq!(house.asked().len(), 1);
    house.world.hours(1);
    house.world.run().await;
    let asked = house.asked();
    assert_eq!((asked.len(), &asked[1]), (2, &asked[0]), "the same is asked again");
    house.world.minutes(1);
    house.world.run().await;
    assert_eq!(house.asked().len(), 2, "and only once");
    house.verifies("86400").await;
    house.world.hours(10);
    house.run().await;
    assert_eq!(house.asked().len(), 2);
    assert_eq!(house.distributes(Some(sha256(&house.secret(), "news")), "news").await, TAKEN);
    assert_eq!(house.alarms().await, [""; 0]);
}

#[tokio::test]
async fn when_the_hub_is_gone_the_feed_is_looked_at_as_ever_and_staff_are_told_when_it_lasts() {
    let house = House::new().await;
    house.verifies("86400").await;
    house.world.site.serve(HUB, Response::ok("").status(503));
    house.world.hours(16);
    house.run().await;
    assert_eq!((house.asked().len(), house.alarms().await.len()), (2, 0), "it may pass by itself");
    for hour in 0..9 {
        house.world.hours(1);
        house.run().await;
        assert_eq!(house.alarms().await.len(), usize::from(hour >= 1), "{hour}");
    }
    let told = house.alarms().await.remove(0);
    assert!(told.contains("No post is lost") && told.contains("status 503"), "{told}");
    let (looks, asked) = (house.looks(), house.asked().len());
    assert!((4..=8).contains(&asked), "it is asked less and less often: {asked}");
    house.has(&["Coalition condemns a transfer"]);
    house.world.hours(24);
    house.run().await;
    assert_eq!(house.looks(), looks + 1);
    assert!(subjects(&house.world.mails()).contains(&"Condemnation: Coalition condemns a transfer"));

    // It is back.
    house.world.site.serve(HUB, Response::ok("").status(202));
    house.world.hours(24);
    house.run().await;
    assert_eq!(house.verifies("864000").await.0, OK);
    house.run().await;
    let told = house.world.mails_to("desk@example.org");
    assert_eq!(told.len(), 2);
    assert!(told[1].subject.starts_with("All clear"), "{}", told[1].subject);
}

#[tokio::test]
async fn staff_are_told_at_once_when_a_hub_says_no_and_it_is_asked_again_a_day_later() {
    let house = House::new().await;
    let topic = house.last_asked()["hub.topic"].clone();
    let reason = "not for you\r\nBcc: someone@example.net";
    let no = [("hub.mode", "denied"), ("hub.topic", topic.as_str()), ("hub.reason", reason)];
    assert_eq!(house.says(Method::GET, &no).await, (OK, String::new()));
    assert_eq!(house.says(Method::GET, &no).await.0, StatusCode::NOT_FOUND, "it has said so already");
    assert_eq!(house.verifies("864000").await.0, StatusCode::NOT_FOUND);
    house.run().await;
    let told = house.alarms().await;
    assert!(told.len() == 1 && told[0].contains("not for you"), "{told:?}");
    assert!(!told[0].contains("someone@"), "{told:?}");
    house.world.hours(23);
    house.run().await;
    assert_eq!(house.asked().len(), 1);
    house.world.hours(1);
    house.run().await;
    assert_eq!((house.asked().len(), house.alarms().await.len()), (2, 1));
}

#[tokio::test]
async fn a_hub_that_refuses_the_request_is_told_to_staff() {
    let house = House::new().await;
    house.world.site.serve(HUB, Response::ok("").status(403));
    house.verifies("300").await;
    house.world.minutes(4);
    house.run().await;
    assert_eq!(house.asked().len(), 2);
    assert!(house.alarms().await[0].contains("status 403"), "{:?}", house.alarms().await);
}

#[tokio::test]
async fn what_is_configured_no_more_is_left_and_the_hub_must_verify_that_too() {
    let mut house = House::new().await;
    house.verifies("864000").await;
    house.world.change_config("websub = true", "websub = false");
    let before = house.world.app.config.base_url.clone();
    let changed = house.world.another().await;
    assert_eq!(changed.config.base_url, before);
    publish::publish_due(&changed, publish::PassOptions::default()).await.expect("it goes well");
    let asked = house.last_asked();
    assert_eq!((house.asked().len(), asked["hub.mode"].as_str()), (2, "unsubscribe"));
    assert!(!asked.contains_key("hub.secret"));
    // From now on nothing of it is heard.
    let news = sha256(&house.secret(), "news");
    assert_eq!(house.distributes(Some(news.clone()), "news").await, StatusCode::GONE);
    let topic = asked["hub.topic"].clone();
    let again = [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.challenge", "x")];
    assert_eq!(house.says(Method::GET, &again).await.0, StatusCode::NOT_FOUND);
    assert_eq!(house.verifies("").await, (OK, "abc<d>".to_owned()));
    assert_eq!(house.verifies("").await.0, StatusCode::NOT_FOUND);
    house.world.hours(48);
    publish::publish_due(&changed, publish::PassOptions::default()).await.expect("it goes well");
    assert_eq!(house.asked().len(), 2);
    house.world.restart().await;
}

#[tokio::test]
async fn a_feed_that_offers_another_hub_or_none_is_watched_by_that_or_by_none() {
    let house = House::new().await;
    house.verifies("864000").await;
    let look = async |response: Response| {
        house.world.site.serve(FEED, response);
        house.world.hours(24);
        house.world.run().await;
    };
    let (other, own) = (house.world.site.url("/hub2"), house.world.site.url("/own"));
    house.world.site.serve("/hub2", Response::ok("").status(202));
    let links = format!("<{other}>; rel=hub, <{own}>; rel=self");
    look(Response::feed(feed_of(&[])).header("link", links)).await;
    assert_eq!(house.last_asked()["hub.mode"], "unsubscribe");
    let of_other = || house.world.site.requests().iter().filter(|request| request.target == "/hub2").count();
    assert_eq!(of_other(), 1);
    look(Response::feed(feed_of(&[]))).await;
    house.world.hours(1);
    house.world.run().await;
    assert_eq!(of_other(), 1, "what never began need not be ended");
}

#[tokio::test]
async fn a_hub_in_a_private_network_is_out_of_reach() {
    let house = House::new().await;
    let links = "<http://10.1.2.3/hub>; rel=hub";
    house.world.site.serve(FEED, Response::feed(feed_of(&[])).header("link", links));
    house.world.hours(24);
    house.world.run().await;
    house.world.hours(3);
    house.run().await;
    let told = house.alarms().await;
    assert!(told.len() == 1 && told[0].contains("not at a public address"), "{told:?}");
    // A redirect leads nowhere either.
    let house = House::new().await;
    house.verifies("300").await;
    house.world.site.serve(HUB, Response::redirect(307, "http://169.254.169.254/latest/meta-data"));
    house.world.minutes(4);
    house.world.run().await;
    house.world.hours(3);
    house.run().await;
    let told = house.alarms().await;
    assert!(told.len() == 1 && told[0].contains("not at a public address"), "{told:?}");
}
