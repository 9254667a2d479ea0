//! The pages in the hands of those who mean harm: other sites, other names, old links.

use std::{net::SocketAddr, sync::Arc};

use jiff::SignedDuration;
use reqwest::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use tidings::{domain::subscription::SubscriptionState, web};
use tokio::net::TcpListener;

use crate::world::{
    World, address_of,
    pages::{FORM, Pages},
};

const ANA: &str = "ana@reader.example";

/// All that the daemon serves, on a socket of its own.
async fn whole(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let router = web::whole(Arc::clone(&world.app));
    tokio::spawn(
        async move { axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await },
    );
    address
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

#[tokio::test]
async fn the_front_door_keeps_strangers_out_as_every_page_does() {
    let world = World::new().await;
    let (address, client) = (whole(&world).await, client());
    for (host, status) in
        [("news.example.org", StatusCode::SEE_OTHER), ("evil.example", StatusCode::MISDIRECTED_REQUEST)]
    {
        let answer = client.get(format!("http://{address}/")).header(HOST, host).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{host}");
        for header in ["content-security-policy", "referrer-policy", "x-content-type-options", "cache-control"] {
            assert!(answer.headers().contains_key(header), "{host}: {header}");
        }
    }
    for method in [Method::POST, Method::PUT, Method::OPTIONS] {
        let answer = client.request(method, format!("http://{address}/")).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

/// A site can fetch a good token itself, and have the browsers of its own visitors post it: each of them from a network of
/// its own, so that the guard for networks sees nothing.
#[tokio::test]
async fn what_another_site_has_its_visitors_post_is_shown_to_them_first() {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    let (address, client) = (whole(&world).await, client());
    let token = pages.get("/join").await.hidden("token");
    world.clock.advance(SignedDuration::from_secs(5));
    let body = format!("token={token}&list=news&address=ana%40reader.example&website=");
    let post = async |headers: &[(&str, &str)]| {
        let mut request = client.post(format!("http://{address}/join")).header(CONTENT_TYPE, FORM).body(body.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer").text().await.expect("an answer to its end")
    };
    for headers in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://news.example.org.evil.example")],
    ] {
        let page = post(headers).await;
        assert!(page.contains("One more step") && !page.contains("Look into your mailbox"), "{headers:?}: {page}");
    }
    world.run().await;
    assert!(world.mails_to(ANA).is_empty());
    // A browser that is told not to send a referrer says `null` to our own pages too.
    for headers in [
        &[("sec-fetch-site", "same-origin"), ("origin", "null")][..],
        &[("origin", "null")],
        &[("origin", "https://news.example.org")],
        &[],
    ] {
        assert!(post(headers).await.contains("Look into your mailbox"), "{headers:?}");
    }
    world.run().await;
    assert_eq!(world.mails_to(ANA).len(), 1);
}

#[tokio::test]
async fn an_old_link_brings_nobody_back_who_left() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let pages = Pages::of(&world).await;
    let mail = world.mails().remove(0);
    let link = mail.leave_link().strip_prefix("https://news.example.org").expect("our own link").to_owned();
    let state = async || {
        let all = world.app.store.subscriptions_of(&address_of(&mail.to)).await.expect("subscriptions");
        all[0].state
    };
    let stay = format!("{link}/stay");
    assert_eq!(pages.click(&link).await.status, StatusCode::OK);
    assert_eq!(pages.post(&stay, &[]).await.status, StatusCode::OK, "it was a mistake");
    assert_eq!(state().await, SubscriptionState::Active);
    assert_eq!(pages.click(&link).await.status, StatusCode::OK);
    // Whoever has that mail now, forwarded or in an archive, is not the one who made a mistake then.
    world.hours(8 * 24);
    assert_eq!(pages.post(&stay, &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(state().await, SubscriptionState::Ended);
}
