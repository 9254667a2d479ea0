//! Which token opens which route: the stories walk the OpenAPI document itself, so that no route is left out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE},
};
use serde_json::Value;
use tidings::{
    access,
    domain::access::{Reach, Scope},
};

use super::{all_but, body_of, house, path_in};
use crate::{
    serve::Daemon,
    world::{
        World,
        api::{Operation, Program, operations},
        pages::{Answer, Pages},
        stores::told_on_both_engines,
    },
};

/// What each operation wants, said once more: the document is made from the code, and would agree with a mistake in it.
const WANTED: [(&str, Scope); 18] = [
    ("deliveries", Scope::DeliveriesRead),
    ("endSubscription", Scope::SubscribersWrite),
    ("findSubscriber", Scope::SubscribersRead),
    ("forgetSubscriber", Scope::SubscribersForget),
    ("issue", Scope::IssuesRead),
    ("issues", Scope::IssuesRead),
    ("list", Scope::ListsRead),
    ("lists", Scope::ListsRead),
    ("planAlert", Scope::AlertsWrite),
    ("post", Scope::PostsRead),
    ("posts", Scope::PostsRead),
    ("run", Scope::RunsRead),
    ("runs", Scope::RunsRead),
    ("sendAlert", Scope::AlertsSend),
    ("stopIssue", Scope::AlertsSend),
    ("subscribe", Scope::SubscribersWrite),
    ("subscription", Scope::SubscribersRead),
    ("subscriptions", Scope::SubscribersRead),
];

async fn ask(program: &Program<'_>, world: &World, operation: &Operation) -> Answer {
    let (path, body) = (path_in(world, operation).await, body_of(operation));
    let body = (!body.is_null()).then_some(&body);
    program.ask(operation.method.clone(), &path, body, &[("idempotency-key", "a-key")]).await
}

told_on_both_engines!(each_route_opens_to_a_token_of_its_scope_and_to_no_other);
async fn each_route_opens_to_a_token_of_its_scope_and_to_no_other() {
    let (world, pages) = house().await;
    let operations = operations(&pages).await;
    let wanted: BTreeMap<&str, Scope> = operations.iter().map(|it| (it.id.as_str(), it.scope)).collect();
    assert_eq!(wanted, BTreeMap::from(WANTED), "left: the document; right: what it is to be");
    for operation in &operations {
        let path = format!("/api/v1{}", path_in(&world, operation).await);
        let without = Answer::of(pages.request(operation.method.clone(), &path)).await;
        assert_eq!((without.status, without.problem().as_str()), (StatusCode::UNAUTHORIZED, "no-token"), "{path}");
        assert!(without.headers[WWW_AUTHENTICATE].to_str().expect("text").starts_with("Bearer "));

        let wrong = Program::with(&world, &pages, &all_but(operation.scope)).await;
        let refused = ask(&wrong, &world, operation).await;
        assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::FORBIDDEN, "wrong-scope"), "{path}");
    }
    // Those that change something come last: what the others look at must still be there.
    for operation in operations
        .iter()
        .filter(|it| it.method == Method::GET)
        .chain(operations.iter().filter(|it| it.method != Method::GET && it.id != "forgetSubscriber"))
        .chain(operations.iter().filter(|it| it.id == "forgetSubscriber"))
    {
        let right = Program::with(&world, &pages, &[operation.scope]).await;
        let answer = ask(&right, &world, operation).await;
        let done = answer.status.is_success() || (operation.id == "stopIssue" && answer.problem() == "wrong-state");
        assert!(done, "{operation:?}: {} {}", answer.status, answer.text);
        assert!(operation.statuses.contains(&answer.status.as_u16()), "{operation:?}: {}", answer.status);
    }
}

told_on_both_engines!(a_token_for_one_list_sees_and_changes_nothing_of_another);
async fn a_token_for_one_list_sees_and_changes_nothing_of_another() {
    let (world, pages) = house().await;
    let foreign = Program::on(&world, &pages, &Scope::ALL, &["other"]).await;
    let before = world.rows().await;
    for operation in operations(&pages).await {
        let answer = ask(&foreign, &world, &operation).await;
        let told = match answer.status {
            StatusCode::OK => answer.text.clone(),
            _ => answer.problem(),
        };
        match operation.id.as_str() {
            "lists" => assert!(told.contains("\"other\"") && !told.contains("\"news\""), "{told}"),
            "issues" | "posts" => assert_eq!(answer.json()["items"], Value::Array(Vec::new()), "{operation:?}"),
            "findSubscriber" => assert_eq!(told, "{\"subscriptions\":[]}"),
            "runs" | "run" | "forgetSubscriber" => assert_eq!(told, "not-every-list", "{operation:?}"),
            "planAlert" | "sendAlert" => assert_eq!(told, "invalid", "{operation:?}"),
            _ => assert_eq!((answer.status, told.as_str()), (StatusCode::NOT_FOUND, "not-found"), "{operation:?}"),
        }
        // What is not for it is answered as what is not there at all.
        if answer.status == StatusCode::NOT_FOUND {
            let mut nowhere = operation.path.replace("{list}", "nowhere");
            for name in ["issue", "subscriber", "post"] {
                nowhere = nowhere.replace(&format!("{{{name}}}"), "9999999");
            }
            let body = body_of(&operation);
            let absent = foreign.ask(operation.method.clone(), &nowhere, (!body.is_null()).then_some(&body), &[]).await;
            assert_eq!((absent.status, absent.text), (answer.status, answer.text), "{nowhere}");
        }
    }
    // Nor somebody else's reader by the name of its own list.
    let reader = world.app.store.subscriptions_of(&crate::world::address_of("reader1@example.org")).await;
    let path = format!("/lists/other/subscriptions/{}", reader.expect("subscriptions")[0].subscriber.0);
    assert_eq!(foreign.get(&path).await.problem(), "not-found");
    assert_eq!(foreign.post(&format!("{path}/end"), &Value::Null).await.problem(), "not-found");
    for query in ["/issues?list=news", "/posts?feed=site"] {
        assert_eq!(foreign.get(query).await.problem(), "not-found", "{query}");
    }
    let changes = before.changes(&world.rows().await);
    let others: Vec<&String> = changes.iter().filter(|row| !row.contains(" access_tokens: ")).collect();
    assert!(others.is_empty(), "nothing but when the token was seen: {others:#?}");
}

told_on_both_engines!(a_token_is_good_until_it_expires_or_is_revoked_and_not_a_moment_longer);
async fn a_token_is_good_until_it_expires_or_is_revoked_and_not_a_moment_longer() {
    let (world, pages) = house().await;
    let day = Some(SignedDuration::from_hours(24));
    let short = Program::for_so_long(&world, &pages, &[Scope::ListsRead], Reach::Whole, day).await;
    let long = Program::with(&world, &pages, &[Scope::ListsRead]).await;
    let is_good = async |program: &Program<'_>| program.get("/lists").await.status == StatusCode::OK;
    assert!(is_good(&short).await && is_good(&long).await);
    world.minutes(24 * 60 - 1);
    assert!(is_good(&short).await);
    world.minutes(1);
    assert!(!is_good(&short).await && is_good(&long).await);
    assert!(access::revoke(&world.app, long.id).await.expect("revoked"));
    assert!(!is_good(&long).await);
    assert!(!access::revoke(&world.app, long.id).await.expect("no more"));
    assert_eq!(world.ledger(&long.id.about()).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_answered_like_one_that_has_expired() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    let mut texts = Vec::new();
    let token = program.token.as_str();
    let other_digit = |at: usize| {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).expect("ASCII")
    };
    let (first, last) = (token.rfind('_').expect("a secret") + 1, token.len() - 1);
    let digest = &world.app.store.access_tokens().await.expect("tokens")[0].digest;
    for shown in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {}", other_digit(first)),
        format!("Bearer {}", other_digit(last)),
        format!("Bearer {}", token.replace("tidings_1_", "tidings_2_")),
        format!("Bearer tidings_1_{digest}"),
        format!("Bearer {token} x"),
        format!("Basic {token}"),
        token.to_owned(),
    ] {
        let request = pages.request(Method::GET, "/api/v1/lists").header(AUTHORIZATION, shown);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        texts.push(answer.text);
    }
    let cookie = pages.request(Method::GET, "/api/v1/lists").header(COOKIE, format!("tidings={token}"));
    texts.push(Answer::of(cookie).await.text);
    let twice = pages.request(Method::GET, "/api/v1/lists");
    let twice = twice.header(AUTHORIZATION, format!("Bearer {token}")).header(AUTHORIZATION, "Bearer x");
    texts.push(Answer::of(twice).await.text);
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    let spelt = pages.request(Method::GET, "/api/v1/lists").header(AUTHORIZATION, format!("bearer  {token}"));
    assert_eq!(Answer::of(spelt).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits_and_others_do_not() {
    let world = World::setup().also("[api]\nrate = \"60/m\"").start().await;
    let pages = Pages::of(&world).await;
    let [eager, other] = [
        Program::with(&world, &pages, &[Scope::ListsRead]).await,
        Program::with(&world, &pages, &[Scope::ListsRead]).await,
    ];
    let mut answered = 0;
    let refused = loop {
        let answer = eager.get("/lists").await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        answered += 1;
    };
    assert_eq!((answered, refused.problem().as_str()), (60, "too-many"));
    assert_eq!(
        (refused.status, refused.headers["retry-after"].to_str().expect("text")),
        (StatusCode::TOO_MANY_REQUESTS, "2")
    );
    assert_eq!(other.get("/lists").await.status, StatusCode::OK);
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(eager.get("/lists").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked_at_the_machine_and_never_logged() {
    let world = World::setup().at(Timestamp::now()).also("[web]\nlisten = \"127.0.0.1:0\"").start().await;
    world.readers(1).await;
    let add = ["tokens", "add", "the site", "--scope", "lists:read", "--scope", "alerts:send", "--list", "news"];
    let printed = world.tidings(&[&add[..], &["--expires", "90d"]].concat()).await.well();
    let token = printed.lines().last().expect("a token").to_owned();
    assert!(token.starts_with("tidings_1_") && token.len() == "tidings_1_".len() + 64, "{token}");
    let daemon = Daemon::start(&world).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async |path: &str, key: &str| {
        let request = client.post(format!("{}/api/v1{path}", daemon.pages)).bearer_auth(&token);
        let alert = serde_json::json!({ "list": "news", "subject": "By a program", "markdown": "Words." });
        let body = serde_json::json!({ "alert": alert, "expected_readers": 1 }).to_string();
        let request = request.header("idempotency-key", key).header("content-type", "application/json").body(body);
        request.send().await.expect("an answer").status()
    };
    assert_eq!(ask("/alerts", "a-key-of-the-site").await, StatusCode::CREATED);
    world.relay.wait_for_messages(1).await;
    let rows = world.tidings(&["--json", "tokens", "list"]).await.json();
    assert_eq!((&rows[0]["name"], &rows[0]["is_good"]), (&"the site".into(), &true.into()));
    assert!(rows[0]["seen_at"].is_string() && !rows.to_string().contains(&token[12..]), "{rows}");
    world.tidings(&["tokens", "revoke", "1"]).await.well();
    assert_eq!(ask("/alerts", "another-key").await, StatusCode::UNAUTHORIZED);
    let (_, log) = daemon.end().await;
    let secret = &token["tidings_1_".len()..];
    assert!(!log.iter().any(|line| line.contains(secret)), "{log:#?}");
    assert!(!world.dump().await.contains(secret), "nothing of it is in the store");
    let deeds = world.app.store.deeds(Some(&"token:1".parse().expect("an actor")), None, 10).await.expect("deeds");
    assert!(deeds.iter().any(|deed| deed.entry.event == "queued"), "{deeds:?}");
}
