//! `tidings issues preview --serve`: a mail on a page, as a phone and a desk show it, in light and dark.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::world::{
    World,
    browser::{Browser, Scripts},
};

#[tokio::test]
async fn a_preview_is_shown_side_by_side() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mut command = Command::from(world.program(&["issues", "preview", "1", "--serve", "127.0.0.1:0"]));
    let mut shown = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    let mut lines = BufReader::new(shown.stdout.take().expect("a pipe")).lines();
    let said = lines.next_line().await.expect("a line").expect("it says where");
    let page = said.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    let page = format!("http://{page}");

    let browser = Browser::start(Scripts::On).await;
    browser.open(&page).await;
    assert_eq!(browser.heading().await, "Condemnation: Coalition condemns a transfer");
    assert!(browser.text().await.contains("CONDEMNATION · 24 April 2024"), "the text part is there");
    browser.examine("side-by-side").await;

    let get = async |path: &str, host: &str| {
        let client = reqwest::Client::new();
        let answer = client.get(format!("{page}{path}")).header("host", host).send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.expect("text"))
    };
    let (_, headers, dark) = get("dark", "localhost").await;
    assert!(dark.contains("@media all") && !dark.contains("prefers-color-scheme: dark"));
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("sandbox ") && !policy.contains("script"), "{policy}");
    assert!(get("light", "localhost").await.2.contains("@media not all"));
    let (_, headers, eml) = get("message.eml", "localhost").await;
    assert!(headers["content-type"] == "message/rfc822" && eml.contains("\r\nSubject: Condemnation: "), "{eml}");
    assert_eq!(get("other", "localhost").await.0, 404);
    assert_eq!(get("", "attacker.example").await.0, 421, "no site can read it by another name");

    let id = shown.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    assert!(shown.wait().await.expect("it ends").success());
}
