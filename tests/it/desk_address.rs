//! A desk with an address of its own: it is there and nowhere else, by its own name, and nothing of readers' pages is with
//! it.

use reqwest::{Method, StatusCode};
use tidings::{domain::staff::Role, staff};

use crate::{
    serve::Daemon,
    world::{
        Setup, World, address_of,
        desk::{Desk, OLGA, PASSWORD},
        pages::{Answer, Pages},
    },
};

const DESK: &str = "[desk]\nlisten = \"127.0.0.1:0\"\nbase_url = \"https://desk.example.org\"";

fn apart() -> Setup {
    World::setup().also(DESK)
}

#[tokio::test]
async fn a_desk_with_an_address_of_its_own_is_there_and_nowhere_else() {
    let world = apart().start().await;
    world.staff(OLGA, Role::Owner).await;
    let (public, desk) = (Pages::of(&world).await, Pages::of_desk(&world).await);
    for path in
        ["/desk", "/desk/sign-in", "/desk/desk.js", "/desk/staff", "/desk/welcome/x", "/api/v1", "/api/v1/lists"]
    {
        assert_eq!(public.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(public.post(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/join", "/leave", "/archive", "/leave/x", "/preferences/x", "/hooks/ses", "/staff/x"] {
        assert_eq!(desk.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(desk.post(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(public.get("/join").await.status, StatusCode::OK);
    assert_eq!(desk.get("/api/v1").await.status, StatusCode::OK);
    assert_eq!(desk.get("/api/v1/lists").await.status, StatusCode::UNAUTHORIZED);
    let mut olga = Desk::signed_in(&desk, OLGA).await;
    assert!(olga.cookie.starts_with("__Host-"), "the desk's own address is https: {}", olga.cookie);
    assert_eq!(olga.press("/desk/sign-out", &[]).await.location(), "/desk/sign-in");
}

#[tokio::test]
async fn the_desk_answers_to_its_own_name_and_takes_nothing_from_the_public_pages() {
    let world = apart().start().await;
    world.staff(OLGA, Role::Owner).await;
    let (public, desk) = (Pages::of(&world).await, Pages::of_desk(&world).await);
    assert_eq!(desk.get_as("desk.example.org", "/desk/sign-in").await.status, StatusCode::OK);
    assert_eq!(desk.get_as("news.example.org", "/desk/sign-in").await.status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(public.get_as("news.example.org", "/join").await.status, StatusCode::OK);
    assert_eq!(public.get_as("desk.example.org", "/join").await.status, StatusCode::MISDIRECTED_REQUEST);
    let body = format!("address=olga%40example.org&password={}&next=", PASSWORD.replace(' ', "+"));
    let tries =
        [("https://news.example.org", StatusCode::FORBIDDEN), ("https://desk.example.org", StatusCode::SEE_OTHER)];
    for (origin, expected) in tries {
        let outside = Desk::outside(&desk);
        let answer = outside.ask(Method::POST, "/desk/sign-in", &body, &[("origin", origin)]).await;
        assert_eq!(answer.status, expected, "{origin}");
    }
}

#[tokio::test]
async fn mails_to_staff_lead_to_the_desks_own_address() {
    let world = apart().start().await;
    let (_, link) =
        staff::appoint(&world.app, &address_of(OLGA), "Olga", Role::Owner, "the test").await.expect("a link");
    assert!(link.starts_with("https://desk.example.org/desk/welcome/"), "{link}");
    world.run().await;
    assert_eq!(world.mails_to(OLGA).pop().expect("an invitation").link_to("desk/welcome"), link);
}

#[tokio::test]
async fn the_daemon_serves_both_and_check_looks_at_the_desk() {
    let world = World::setup().also("[web]\nlisten = \"127.0.0.1:0\"").start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("an address");
    world.add_config(&DESK.replace("127.0.0.1:0", &at.to_string()));
    let says = async || world.tidings(&["check"]).await.well();
    assert!(says().await.contains(&format!("note  desk: on {at}, for https://desk.example.org/, somebody listens")));
    drop(taken);
    assert!(says().await.contains(&format!("well  desk: can be served on {at}, for https://desk.example.org/")));
    let daemon = Daemon::start(&world).await;
    let status = async |url: String| {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Answer::of(client.build().expect("a client").get(url)).await.status
    };
    assert_eq!(status(format!("http://{at}/desk/sign-in")).await, StatusCode::OK);
    assert_eq!(status(format!("http://{at}/")).await, StatusCode::SEE_OTHER);
    assert_eq!(status(format!("http://{at}/join")).await, StatusCode::NOT_FOUND);
    assert_eq!(status(format!("{}/join", daemon.pages)).await, StatusCode::OK);
    assert_eq!(status(format!("{}/desk/sign-in", daemon.pages)).await, StatusCode::NOT_FOUND);
    let (ended, _) = daemon.end().await;
    assert!(ended.success());
}
