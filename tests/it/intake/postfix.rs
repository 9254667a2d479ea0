//! A real Postfix hands us its mail, by LMTP and through a pipe: what it was told stays with us it has no more, and what we
//! could not take it brings again.

use std::{fs, time::Duration};

use tidings::config::LmtpPlace;

use super::{UNSUBSCRIBE, done, leave_address, let_go, mailed, refuse_to_let_go, remaining};
use crate::world::{
    World,
    doors::Open,
    nobody,
    postfix::{Postfix, PostfixSetup},
};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

const READER: &str = "someone@example.net";

/// Waits until it comes true.
async fn until(postfix: &Postfix, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: {}", postfix.log());
}

/// A world with so many readers, whose LMTP door is a socket, and a Postfix that hands on to it.
async fn with_lmtp(readers: usize) -> (Postfix, World) {
    let world = mailed(World::setup().intake("lmtp = \"unix:lmtp.sock\""), readers).await;
    let Some(LmtpPlace::Socket(path)) = world.app.config.intake.lmtp.clone() else { panic!("it is a socket") };
    // Postfix is another user, who must get as far as the socket.
    nobody::let_through(path.parent().expect("a folder"));
    let postfix = Postfix::setup().hands_on("example.org", &format!("lmtp:unix:{}", path.display())).start().await;
    (postfix, world)
}

#[tokio::test]
async fn postfix_hands_us_commands_and_its_own_bounces_by_lmtp() {
    let (postfix, world) = with_lmtp(2).await;
    let open = Open::of(&world.app);
    postfix.take(READER, &leave_address(&world, 1), UNSUBSCRIBE).await;
    // A bounce comes to the sender of what could not be sent.
    let bounces = world.mails_to("reader2@example.org")[0].from.clone();
    let lost = Postfix::setup().set("default_transport = error:5.1.1 no such reader");
    let lost = lost.set("smtpd_reject_unlisted_recipient = no");
    let lost = lost.hands_on("example.org", &format!("lmtp:unix:{}", world.file("lmtp.sock").display())).start().await;
    lost.take(&bounces, "nobody@nowhere.example", "Subject: news\r\n\r\n").await;
    assert!(postfix.kept().await.is_empty() && lost.kept().await.is_empty());
    assert_eq!(done(&world).await, ["left", "noted: a report (hard)"], "{} {}", postfix.log(), lost.log());
    assert_eq!(remaining(&world, 2).await, [2]);
    assert!(lost.log().contains("from=<>") && lost.log().contains("status=sent (250 2.0.0 taken)"), "{}", lost.log());
    open.shut().await;
}

#[tokio::test]
async fn postfix_waits_while_the_door_is_shut_or_the_store_fails_and_returns_what_is_not_ours() {
    let (postfix, world) = with_lmtp(2).await;
    postfix.take(READER, &leave_address(&world, 1), UNSUBSCRIBE).await;
    until(&postfix, "it is deferred", async || postfix.log().contains("status=deferred")).await;
    refuse_to_let_go(&world, "2").await;
    let open = Open::of(&world.app);
    assert!(postfix.kept().await.is_empty());
    assert_eq!(remaining(&world, 2).await, [2]);

    let second = leave_address(&world, 2);
    let mut client = postfix.client().await;
    let recipients = ["news@example.org", &second, "nobody@example.org"].map(|to| format!("RCPT TO:<{to}>\r\n"));
    client.send(format!("MAIL FROM:<{READER}>\r\n{}DATA\r\n", recipients.concat())).await;
    assert_eq!(client.codes().await, [250, 250, 250, 250, 354]);
    assert_eq!(client.ask(format!("{UNSUBSCRIBE}.\r\n")).await, 250);
    until(&postfix, "one of three is deferred", async || postfix.log().contains("451 4.3.0")).await;
    let_go(&world).await;
    let kept = postfix.kept().await;
    assert_eq!((kept.len(), kept[0].recipient.as_str()), (1, READER));
    let returned = String::from_utf8_lossy(&kept[0].bytes).into_owned();
    assert!(returned.contains("550 5.1.1 no such address here"), "{returned}");
    assert_eq!(remaining(&world, 2).await, [0; 0], "{}", postfix.log());
    open.shut().await;
}

/// A world that may be used by whom Postfix runs its pipe as, and a Postfix with a pipe to it.
async fn with_pipe(readers: usize) -> (Postfix, World) {
    let world = mailed(World::setup(), readers).await;
    let program = world.file("tidings");
    fs::copy(env!("CARGO_BIN_EXE_tidings"), &program).expect("a copy");
    nobody::give_to_owner(program.parent().expect("a folder"));
    let (program, config) = (program.display(), world.file("config.toml"));
    let config = config.display();
    let command = format!("{program} --config {config} intake --to ${{original_recipient}} --from ${{sender}}");
    let setup: PostfixSetup = Postfix::setup().pipes("example.org", &command);
    (setup.start().await, world)
}

#[tokio::test]
async fn postfix_pipes_commands_and_bounces_into_us_and_comes_again_when_we_cannot() {
    let (postfix, world) = with_pipe(3).await;
    postfix.take(READER, &leave_address(&world, 1), UNSUBSCRIBE).await;
    // What machines write has no sender, and asks for nothing.
    postfix.take("", &leave_address(&world, 2), UNSUBSCRIBE).await;
    assert!(postfix.kept().await.is_empty());
    let machine = "nothing done: a machine wrote it: its envelope sender is empty";
    assert_eq!((remaining(&world, 3).await, done(&world).await), (vec![2, 3], vec!["left".into(), machine.into()]));

    fs::rename(world.file("config.toml"), world.file("away.toml")).expect("renamed");
    let person = UNSUBSCRIBE.replace("unsubscribe", "I want to leave");
    for reader in [2, 3] {
        postfix.take(READER, &leave_address(&world, reader), &person).await;
    }
    until(&postfix, "it is deferred", async || postfix.log().contains("status=deferred")).await;
    fs::rename(world.file("away.toml"), world.file("config.toml")).expect("renamed");
    assert!(postfix.kept().await.is_empty(), "nothing comes back to the reader");
    assert_eq!(remaining(&world, 3).await, [0; 0], "{}", postfix.log());
}
