//! A site says that its feed has news, over real HTTP: it is looked at then and there, and who does not know the secret
//! changes nothing.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use tidings::{domain::feed::FeedState, publish};
use tokio::sync::Semaphore;

use crate::{
    serve::Daemon,
    world::{FEED, Setup, World, feed_of, feed_server::Response, slug},
};

const SECRET: &str = "the secret of the site";
const PING: &str = "/hooks/feed/site";

/// A house whose feed is looked at once a day, and at once when it is pinged.
fn setup() -> Setup {
    World::setup().feed("every = \"1d\"").feed(&format!("ping = \"{SECRET}\""))
}

/// The same for the daemon, whose clock is the system's.
fn setup_of_daemon() -> Setup {
    let start = Timestamp::now().checked_sub(SignedDuration::from_mins(30)).expect("our time");
    setup().at(start).list("digest = \"0 0 29 2 *\"").also("[web]\nlisten = \"127.0.0.1:0\"")
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Pings as WordPress does with a header of its own.
async fn ping(url: &str) -> StatusCode {
    client().post(url).bearer_auth(SECRET).send().await.expect("an answer").status()
}

async fn state(world: &World) -> FeedState {
    world.app.store.feed_state(&slug("site")).await.expect("the store answers").expect("it was looked at")
}

fn looks(world: &World) -> usize {
    world.site.requests().iter().filter(|request| request.target == FEED).count()
}

/// Waits for something that is sure to come.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("not so in time: {what}"));
}

#[tokio::test]
async fn a_pinged_alert_is_sent_while_the_daemon_still_waits_for_a_feed_that_hangs() {
    let hanging = "[[feeds]]\nname = \"other\"\nurl = \"SITE/hangs\"";
    let world = setup_of_daemon().also(hanging).start().await;
    world.begin(2).await;
    world.minutes(29);
    let never = Arc::new(Semaphore::new(0));
    world.site.serve("/hangs", Response::feed(feed_of(&[])).behind(&never));
    let daemon = Daemon::start(&world).await;
    let hangs = async || world.site.requests().iter().filter(|request| request.target == "/hangs").count() == 2;
    until("the daemon looks at the feed that hangs", hangs).await;
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    assert_eq!(looks(&world), 1, "the feed is not due for a day");

    assert_eq!(ping(&format!("{}{PING}", daemon.pages)).await, StatusCode::ACCEPTED);
    world.relay.wait_for_messages(2).await;
    // The clock's work is still at its first pass, so nothing but the ping can have brought the alert.
    let is_looked_at = world.app.store.is_looked_at(&slug("other"), Timestamp::now()).await.expect("the store answers");
    assert!(is_looked_at, "the other feed answered or was given up before the alert was sent");
    assert_eq!(looks(&world), 2);
    never.add_permits(1);
    let (_, log) = daemon.end().await;
    assert!(!log.iter().any(|line| line.contains(SECRET)), "{log:#?}");
}

#[tokio::test]
async fn a_storm_of_pings_costs_one_look_at_a_time_and_one_more() {
    let world = setup_of_daemon().start().await;
    world.begin(1).await;
    let gate = Arc::new(Semaphore::new(0));
    world.site.serve(FEED, Response::feed(feed_of(&[world.post("A story")])).behind(&gate));
    let daemon = Daemon::start(&world).await;
    let url = format!("{}{PING}", daemon.pages);
    assert_eq!(ping(&url).await, StatusCode::ACCEPTED);
    until("the look has begun", async || looks(&world) == 2).await;
    for _ in 0..50 {
        assert_eq!(ping(&url).await, StatusCode::ACCEPTED);
    }
    assert_eq!(looks(&world), 2, "one look at a time");
    gate.add_permits(50);
    until("all pings are heard", async || !state(&world).await.is_pinged()).await;
    assert_eq!((looks(&world), state(&world).await.pings), (3, 51), "and one more");
    daemon.end().await;
    assert_eq!(looks(&world), 3);
}

#[tokio::test]
async fn who_does_not_know_the_secret_changes_nothing() {
    let world = setup().also("[[feeds]]\nname = \"quiet\"\nurl = \"SITE/feed/\"").open().await;
    world.begin(1).await;
    let (client, url) = (client(), world.page(PING));
    for (method, url, bearer, wanted) in [
        (Method::POST, url.clone(), None, 403),
        (Method::POST, url.clone(), Some(""), 403),
        (Method::POST, url.clone(), Some("the secret of the sitE"), 403),
        (Method::POST, format!("{url}?token=wrong"), None, 403),
        (Method::POST, format!("{url}?token={SECRET}"), Some("wrong"), 403),
        (Method::POST, format!("{url}?token=%FF&token="), None, 403),
        (Method::GET, url.clone(), Some(SECRET), 405),
        (Method::HEAD, format!("{url}?token={SECRET}"), None, 405),
        (Method::POST, world.page("/hooks/feed/quiet"), Some(SECRET), 404),
        (Method::POST, world.page("/hooks/feed/nowhere"), Some(SECRET), 404),
        (Method::POST, world.page("/hooks/feed/%FF"), Some(SECRET), 404),
    ] {
        let mut request = client.request(method.clone(), &url);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), wanted, "{method} {url} {bearer:?}");
    }
    assert_eq!(state(&world).await.pings, 0);
    let whole_post = "x".repeat(500_000);
    let asked = client.post(format!("{url}?token={}", SECRET.replace(' ', "+"))).body(whole_post);
    let answer = asked.send().await.expect("an answer, whatever is sent along");
    assert_eq!((answer.status(), answer.text().await.expect("text").as_str()), (StatusCode::ACCEPTED, "We look."));
    assert_eq!(state(&world).await.pings, 1);
}

#[tokio::test]
async fn a_ping_that_brought_nothing_is_followed_by_one_more_look_a_minute_later() {
    let world = setup().start().await;
    world.begin(1).await;
    let alerts = async || world.run().await.pass.alerts;
    publish::ping(&world.app, "site", SECRET).await.expect("taken");
    assert_eq!((alerts().await, looks(&world)), (0, 2), "a cache has the old feed");
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    assert_eq!((alerts().await, looks(&world)), (0, 2));
    world.minutes(1);
    assert_eq!((alerts().await, looks(&world)), (1, 3));
    world.minutes(1);
    assert_eq!((alerts().await, looks(&world)), (0, 3), "after news, the feed is due in a day");
}

#[tokio::test]
async fn a_feed_that_is_given_time_to_recover_is_looked_at_when_it_is_pinged() {
    let world = setup().start().await;
    world.begin(1).await;
    world.site.serve(FEED, Response::ok("").status(500));
    world.hours(24);
    world.run().await;
    assert_eq!((looks(&world), state(&world).await.failures), (2, 1));
    publish::ping(&world.app, "site", SECRET).await.expect("taken");
    world.run().await;
    assert_eq!((looks(&world), state(&world).await.failures), (3, 2));
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    world.minutes(1);
    assert_eq!(world.run().await.pass.alerts, 1);
}
