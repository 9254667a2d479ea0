//! What the API says of itself: its document, its page, its problems; and schemathesis, which reads the document and tries
//! to prove it wrong. `scripts/test --long` fetches schemathesis and names it in `SCHEMATHESIS`.

use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use tidings::domain::access::Scope;
use tokio::process::Command;

use super::{OTHER, house};
use crate::{
    serve::Daemon,
    world::{
        World, address_of,
        api::{Program, operations},
        pages::Answer,
    },
};

#[tokio::test]
async fn the_page_of_the_api_names_each_route_and_each_scope() {
    let (_world, pages) = house().await;
    let page = pages.get("/api/v1").await;
    assert_eq!(page.status, StatusCode::OK);
    for operation in operations(&pages).await {
        assert!(page.text.contains(&format!("{} {}</code>", operation.method, operation.path)), "{operation:?}");
    }
    for scope in Scope::ALL {
        assert!(page.text.contains(&format!("<code>{}</code>", scope.as_str())), "{}", scope.as_str());
    }
    assert!(page.text.contains("href=\"v1/openapi.json\""));
    let document = pages.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..4]), Some("3.1."));
    assert_eq!(document["servers"][0]["url"], "/api/v1");
}

#[tokio::test]
async fn every_error_is_a_problem_and_no_answer_lets_another_site_in() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    let raw = async |method: Method, path: &str, kind: &str, body: String| {
        let request = pages.request(method, &format!("/api/v1{path}")).bearer_auth(&program.token);
        Answer::of(request.header("content-type", kind).header("origin", "https://evil.example").body(body)).await
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = "application/json";
    for (method, path, kind, body, status, word) in [
        (Method::GET, "/nowhere", json, String::new(), 404, "not-found"),
        (Method::GET, "/lists/", json, String::new(), 404, "not-found"),
        (Method::GET, "/issues/x", json, String::new(), 404, "not-found"),
        (Method::GET, "/issues/%ff", json, String::new(), 404, "not-found"),
        (Method::GET, "/issues/99999999999999999999", json, String::new(), 404, "not-found"),
        (Method::DELETE, "/lists", json, String::new(), 405, "wrong-method"),
        (Method::OPTIONS, "/lists", json, String::new(), 405, "wrong-method"),
        (Method::POST, "/openapi.json", json, String::new(), 405, "wrong-method"),
        (Method::POST, "/subscribers/find", json, "x".repeat(300_000), 413, "too-large"),
        (Method::POST, "/subscribers/find", "text/plain", "{}".into(), 415, "not-json"),
        (Method::POST, "/subscribers/find", "application/x-www-form-urlencoded", "a=b".into(), 415, "not-json"),
        (Method::POST, "/subscribers/find", json, "{".into(), 400, "malformed"),
        (Method::POST, "/subscribers/find", json, "\u{feff}{}".into(), 400, "malformed"),
        (Method::POST, "/subscribers/find", json, deep, 422, "invalid"),
        (Method::POST, "/subscribers/find", json, "{}".into(), 422, "invalid"),
        (Method::POST, "/subscribers/find", json, "{\"address\":\"a@b.example\",\"x\":1}".into(), 422, "invalid"),
        (
            Method::POST,
            "/subscribers/find",
            json,
            "{\"address\":\"a@b.example\",\"address\":\"\"}".into(),
            422,
            "invalid",
        ),
    ] {
        let answer = raw(method.clone(), path, kind, body).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, word), "{method} {path}");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
        assert!(answer.headers.get("set-cookie").is_none());
        for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
            assert_eq!(answer.headers[name], value, "{method} {path}");
        }
        assert_eq!(answer.headers.get("allow").is_some(), status == 405, "{method} {path}");
    }
    let other_name = pages.get_as("evil.example", "/api/v1/lists").await;
    assert_eq!((other_name.status, other_name.problem().as_str()), (StatusCode::MISDIRECTED_REQUEST, "misdirected"));
    // What is no part of the API stays a page.
    assert!(pages.get("/api/v10").await.text.contains("<html"));
}

#[tokio::test]
async fn the_commands_of_the_readme_plan_an_alert_and_send_it() {
    let world = World::setup().at(Timestamp::now()).also("[web]\nlisten = \"127.0.0.1:0\"").start().await;
    world.readers(2).await;
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let block = |kind: &str, with: &str| {
        let fence = format!("\n```{kind}\n");
        let blocks = readme.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
        let mut blocks = blocks.filter(|block| block.contains(with));
        blocks.next().expect("the README has it").to_owned()
    };
    let make = block("sh", "tidings tokens add").replace("tidings tokens", &format!("{TIDINGS} tokens"));
    let said = bash(&world, &make).output().await.expect("bash starts");
    assert!(said.status.success(), "{said:?}");
    let token = String::from_utf8_lossy(&said.stdout).lines().last().expect("a token").to_owned();
    let daemon = Daemon::start(&world).await;
    let mut ask = bash(&world, &block("bash", "$API/alerts/plan"));
    ask.env("TOKEN", token).env("API", format!("{}/api/v1", daemon.pages)).env("NO_PROXY", "*");
    let said = ask.output().await.expect("bash starts");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text} {}", String::from_utf8_lossy(&said.stderr));
    assert!(text.contains("\"readers\":2") && text.contains("\"state\":\"queued\""), "{text}");
    daemon.end().await;
}

const TIDINGS: &str = env!("CARGO_BIN_EXE_tidings");

fn bash(world: &World, script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-euc", script]).current_dir(world.file("")).stdin(Stdio::null()).kill_on_drop(true);
    command.env_remove("TIDINGS_CONFIG");
    command
}

/// Everything there is to a token of every scope, tried by a program that reads the document alone.
#[tokio::test]
async fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let Some(program) = std::env::var_os("SCHEMATHESIS") else {
        let is_long = std::env::var_os("TIDINGS_TEST_LONG").is_some();
        assert!(!is_long, "SCHEMATHESIS names the program; run the tests by scripts/test --long, which fetches it");
        return;
    };
    let start = Timestamp::now().checked_sub(SignedDuration::from_mins(30)).expect("our time");
    // So fast a rate is none: how it limits has a story of its own.
    let more = format!("{OTHER}\n[web]\nlisten = \"127.0.0.1:0\"\n[api]\nrate = \"100000/s\"\n[joining]\nat_most = 0");
    let world = World::setup().at(start).also(&more).start().await;
    world.begin(60).await;
    world.minutes(10);
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mut add = vec!["tokens", "add", "schemathesis"];
    for scope in Scope::ALL {
        add.extend(["--scope", scope.as_str()]);
    }
    let token = world.tidings(&add).await.well().lines().last().expect("a token").to_owned();
    let daemon = Daemon::start(&world).await;
    for (name, known) in [("stranger", String::new()), ("friend", names_in(&world).await)] {
        let file = format!("{name}.toml");
        world.write(&file, &format!("{ANSWERS}{known}"));
        let mut command = Command::new(&program);
        command.args(["--config-file", &file, "run", "--checks", "all", "--max-examples", "60", "--seed", "1"]);
        command.args(["--no-color", "-H", &format!("Authorization: Bearer {token}")]);
        command.arg(format!("{}/api/v1/openapi.json", daemon.pages));
        command.current_dir(world.file("")).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.expect("schemathesis starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("Tested: 18") && !said.contains("Authentication failed"), "{said}");
    }
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0));
    let troubles: Vec<&String> =
        log.iter().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect();
    assert!(troubles.is_empty(), "{troubles:#?}");
}

/// What keeps to the schema may still be none of ours: a list that is not there, an address of no domain, other readers than
/// expected. And what does not keep to it may be too large to be looked at.
const ANSWERS: &str = "[checks.positive_data_acceptance]\nexpected-statuses = [\"2xx\", \"404\", \"409\", \"422\"]\n\
     [checks.negative_data_rejection]\nexpected-statuses = [\"400\", \"401\", \"404\", \"405\", \"409\", \"413\", \"415\", \"422\"]\n";

/// The names of what is in the house, for one who is to come further than to what is not there.
async fn names_in(world: &World) -> String {
    let issue = world.issues().await[0].id.0;
    let reader = world.app.store.subscriptions_of(&address_of("reader1@example.org")).await.expect("subscriptions");
    let run = world.app.store.newest_runs(1).await.expect("runs")[0].id.0;
    let post = world.app.store.find_posts("condemns").await.expect("posts")[0].id.0;
    let names = [("issue", issue), ("subscriber", reader[0].subscriber.0), ("run", run), ("post", post)];
    let lines: String = names.iter().map(|(name, number)| format!("\"path.{name}\" = {number}\n")).collect();
    format!("[parameters]\n\"path.list\" = \"news\"\n{lines}")
}
