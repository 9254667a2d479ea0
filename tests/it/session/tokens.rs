//! Logging in with a token: where it comes from, how it is given, and that nobody sees it who should not.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use tidings::{
    deliver::session::{Connector, SetupError, TokenError, Trouble},
    domain::relay::TokenSource,
};

use super::{MESSAGE, open, opening::everything_said, send, word};
use crate::world::relay::{Answer, ScriptedRelay, Stage};

const TOKEN: &str = "ya29.a0AfH6SMBx-hunter2";

/// A relay that takes this token, and nothing else.
async fn relay() -> ScriptedRelay {
    relay_for(TOKEN).await
}

async fn relay_for(token: &'static str) -> ScriptedRelay {
    let setup = ScriptedRelay::setup().implicit_tls().login("news@example.org", token);
    setup.mechanisms("AUTH PLAIN LOGIN XOAUTH2").start().await
}

fn file(folder: &TempDir, text: &str) -> TokenSource {
    let path = folder.path().join("token");
    fs::write(&path, text).expect("written");
    TokenSource::File(path)
}

/// A shell that runs this in the folder.
fn shell(folder: &TempDir, script: &str) -> TokenSource {
    let arguments = ["-c", script].map(Into::into).to_vec();
    TokenSource::Command { program: "sh".into(), arguments, folder: folder.path().to_owned() }
}

/// What opening a session with a token from there comes to, when it fails.
async fn trouble(relay: &ScriptedRelay, source: TokenSource) -> Trouble {
    let trouble = open(relay.relay_with_token(source)).await.expect_err("there is no session");
    assert!(!everything_said(&trouble).contains("hunter2"), "{trouble:?}");
    trouble
}

#[tokio::test]
async fn a_token_from_a_file_or_a_program_logs_in_by_xoauth2_and_nothing_else() {
    let (relay, folder) = (relay().await, TempDir::new().expect("a folder"));
    fs::write(folder.path().join("kept"), format!("{TOKEN}\nvalid for an hour\n")).expect("written");
    for source in [file(&folder, &format!("{TOKEN}\r\n")), shell(&folder, "cat kept; echo refreshed it >&2")] {
        let mut session = open(relay.relay_with_token(source)).await.expect("a session");
        assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
    }
    let line =
        "AUTH XOAUTH2 dXNlcj1uZXdzQGV4YW1wbGUub3JnAWF1dGg9QmVhcmVyIHlhMjkuYTBBZkg2U01CeC1odW50ZXIyAQE=".to_owned();
    assert_eq!(relay.ledger().lines(Stage::Auth), [line.clone(), line]);
    relay.assert_well_spoken();
}

#[tokio::test]
async fn a_token_too_long_for_a_command_waits_to_be_asked_for() {
    let long = Box::leak("eyJ0eXAiOiJKV1QifQ".repeat(100).into_boxed_str());
    let (relay, folder) = (relay_for(long).await, TempDir::new().expect("a folder"));
    let mut session = open(relay.relay_with_token(file(&folder, long))).await.expect("a session");
    assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
    assert_eq!(relay.ledger().lines(Stage::Auth), ["AUTH XOAUTH2"]);
    relay.assert_well_spoken();
}

#[tokio::test]
async fn each_opening_asks_for_a_fresh_token() {
    let (relay, folder) = (relay().await, TempDir::new().expect("a folder"));
    let connector = Connector::new(relay.relay_with_token(file(&folder, "expired"))).expect("a usable relay");
    assert!(matches!(connector.open().await, Err(Trouble::Auth(_))));
    file(&folder, TOKEN);
    assert!(connector.open().await.is_ok());
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_the_reason_and_without_the_token() {
    let (relay, folder) = (relay().await, TempDir::new().expect("a folder"));
    for wrong in ["hunter2-expired", &"hunter2".repeat(100)] {
        let refused = trouble(&relay, file(&folder, wrong)).await;
        assert_eq!(
            refused.to_string(),
            "the relay refused the login: 535 5.7.8 wrong token \
             {\"status\":\"400\",\"schemes\":\"Bearer\",\"heard\":\"***\"}",
        );
    }
    relay.assert_well_spoken();

    relay.answer(Stage::Auth, Answer::Reply("454 4.7.0 not now"));
    let refused = trouble(&relay, file(&folder, TOKEN)).await;
    assert_eq!(refused.to_string(), "the relay refused the login: 454 4.7.0 not now");
    assert_eq!(relay.ledger().seen(Stage::Mail), 0);
}

#[tokio::test]
async fn a_token_is_given_to_no_relay_that_wants_a_password() {
    let relay = ScriptedRelay::setup().implicit_tls().login("news", TOKEN).mechanisms("AUTH PLAIN LOGIN").start().await;
    let folder = TempDir::new().expect("a folder");
    assert!(matches!(trouble(&relay, file(&folder, TOKEN)).await, Trouble::NoXoauth2));
    assert_eq!(relay.ledger().seen(Stage::Auth), 0);
    let mut wrong = relay.relay_with_token(file(&folder, TOKEN));
    wrong.login.as_mut().expect("a login").username = "news\x01auth=Bearer other".to_owned();
    assert!(matches!(Connector::new(wrong).err(), Some(SetupError::Login)));
}

#[tokio::test]
async fn what_gives_no_token_opens_no_connection_and_says_why() {
    let (relay, folder) = (relay().await, TempDir::new().expect("a folder"));
    let no_program =
        TokenSource::Command { program: "./no-such-program".into(), arguments: vec![], folder: folder.path().into() };
    for (source, told) in [
        (
            shell(&folder, "echo hunter2; echo \"401 for hunter2\" >&2; exit 7"),
            "`sh` failed (exit status: 7): 401 for ***",
        ),
        (shell(&folder, "kill -9 $$"), "`sh` failed (signal: 9 (SIGKILL)): it said nothing"),
        (shell(&folder, "echo hunter2 and more"), "`sh` gave no token: one word"),
        (shell(&folder, ":"), "`sh` gave no token: one word"),
        (no_program, "cannot run `./no-such-program`: No such file"),
        (file(&folder, ""), "/token` gave no token: one word"),
        (TokenSource::File("no/such/file".into()), "cannot read `no/such/file`: No such file"),
        (TokenSource::File("/dev/zero".into()), "cannot read `/dev/zero`: it is not a regular file"),
    ] {
        let trouble = trouble(&relay, source).await;
        assert!(matches!(trouble, Trouble::Token(_)), "{trouble:?}");
        assert!(trouble.to_string().starts_with("there is no token for the login: "), "{trouble}");
        assert!(trouble.to_string().contains(told), "{told}: {trouble}");
    }
    assert_eq!(relay.ledger().connections, 0);
}

#[tokio::test]
async fn a_program_that_says_too_much_is_heard_to_its_end_and_gives_no_token() {
    let (relay, folder) = (relay().await, TempDir::new().expect("a folder"));
    let loud = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2; echo the reason >&2; exit 1";
    let trouble = trouble(&relay, shell(&folder, loud)).await;
    assert!(trouble.to_string().ends_with("(exit status: 1): the reason"), "{trouble}");
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_in_time_with_all_that_it_started() {
    let (relay, folder) = (relay().await, TempDir::new().expect("a folder"));
    let mut hanging = relay.relay_with_token(shell(&folder, "sleep 600 & echo $$ $! >pids; echo hunter2; wait"));
    hanging.timers.token = Duration::from_secs(600);
    let opening = tokio::spawn(open(hanging.clone()));
    until(|| pids(&folder).len() == 2).await;
    tokio::time::pause();
    tokio::time::advance(hanging.timers.token).await;
    let trouble = opening.await.expect("no panic").expect_err("it hangs");
    tokio::time::resume();
    assert!(matches!(trouble, Trouble::Token(TokenError::Late { .. })), "{trouble}");
    all_gone(&folder).await;

    // Nor does it outlive an opening that is abandoned.
    fs::remove_file(folder.path().join("pids")).expect("it was written");
    let opening = tokio::spawn(open(hanging));
    until(|| pids(&folder).len() == 2).await;
    opening.abort();
    assert!(opening.await.expect_err("abandoned").is_cancelled());
    all_gone(&folder).await;
}

/// Waits until no process of the file `pids` is left.
async fn all_gone(folder: &TempDir) {
    let pids = pids(folder);
    assert_eq!(pids.len(), 2);
    until(|| !pids.iter().any(|pid| is_alive(pid))).await;
}

fn pids(folder: &TempDir) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join("pids")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// A process that ended and that nobody asked after yet is in state Z.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let asked = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it comes to that");
}
