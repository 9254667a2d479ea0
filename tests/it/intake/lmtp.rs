//! The door for LMTP, octet by octet: a reply for each recipient, none before it was written down, and a mail server that
//! never heard it may come again.

use std::time::Duration;

use tidings::intake::doors::Doors;
use tokio::net::UnixStream;

use super::{UNSUBSCRIBE, leave_address, let_go, letters, mailed, refuse_to_let_go, remaining};
use crate::world::{
    Setup, World,
    doors::{Client, Open},
};

fn setup() -> Setup {
    World::setup().intake("lmtp = \"127.0.0.1:0\"")
}

#[tokio::test]
async fn each_recipient_gets_a_reply_of_its_own_and_only_ours_are_known() {
    let world = mailed(setup(), 2).await;
    let [first, second] = [1, 2].map(|reader| leave_address(&world, reader));
    let doors = Open::of(&world.app);
    let mut client = doors.stranger().await;
    client.send("LHLO client.example\r\n").await;
    let offer = client.reply().await;
    for extension in ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"] {
        assert!(offer.contains(&format!("{extension}\r\n")), "{extension} is offered in {offer}");
    }
    assert_eq!(client.ask("MAIL FROM:<añá@example.net> SIZE=99 BODY=8BITMIME SMTPUTF8\r\n").await, 250);
    let strangers = [
        "someone@example.org",
        "newsroom@example.org",
        "news@example.net",
        "news+x@sub.example.org",
        "news",
        "müller@example.org",
        "news+leave.x@example.org@example.net",
    ];
    for stranger in strangers {
        client.send(format!("RCPT TO:<{stranger}>\r\n")).await;
        let reply = client.reply().await;
        assert!(reply.starts_with("550 5.1.1 ") || reply.starts_with("501 5.1.3 "), "{stranger}: {reply}");
    }
    // With none that is known there is no message (RFC 2033 section 4.2).
    assert_eq!(client.ask("DATA\r\n").await, 503);
    for ours in [&first.to_uppercase(), &second, "news@example.org", &first] {
        assert_eq!(client.ask(format!("RCPT TO:<{ours}>\r\n")).await, 250, "{ours}");
    }
    assert_eq!(client.ask("DATA\r\n").await, 354);
    client.send(format!("{UNSUBSCRIBE}.\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 250, 250]);
    assert_eq!(remaining(&world, 2).await, [0; 0]);
    assert_eq!(client.ask("QUIT\r\n").await, 221);
    assert!(client.is_hung_up_on().await);
}

#[tokio::test]
async fn who_takes_us_for_an_smtp_server_is_told_so() {
    let world = mailed(setup(), 1).await;
    let doors = Open::of(&world.app);
    let mut client = doors.stranger().await;
    for wrong in ["EHLO x\r\n", "HELO x\r\n"] {
        assert_eq!(client.ask(wrong).await, 500, "{wrong}");
    }
    assert_eq!(client.ask("MAIL FROM:<a@example.net>\r\n").await, 503);
    assert_eq!(client.ask("LHLO x\r\n").await, 250);
    for wrong in ["AUTH PLAIN\r\n", "STARTTLS\r\n", "EXPN x\r\n"] {
        assert_eq!(client.ask(wrong).await, 502, "{wrong}");
    }
    assert_eq!(client.ask("MAIL FROM:<a@example.net> RET=HDRS\r\n").await, 555);
    assert_eq!(client.ask("MAIL FROM:<a@example.net> SIZE=99999999\r\n").await, 552);
    assert_eq!(client.ask("nonsense\r\n").await, 500);
    assert_eq!(client.ask(format!("NOOP {}\r\n", "x".repeat(20_000))).await, 500);
    for mild in ["NOOP\r\n", "RSET\r\n"] {
        assert_eq!(client.ask(mild).await, 250, "{mild}");
    }
}

#[tokio::test]
async fn a_message_whose_reply_was_never_heard_comes_again_and_is_one() {
    let world = mailed(setup(), 1).await;
    let address = leave_address(&world, 1);
    let doors = Open::of(&world.app);
    let mut client = doors.client().await;
    client.send(format!("MAIL FROM:<a@example.net>\r\nRCPT TO:<{address}>\r\nDATA\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 354]);
    client.send(format!("{UNSUBSCRIBE}.\r\n")).await;
    drop(client);
    let mut again = doors.client().await;
    assert_eq!(again.hand_over([&address], UNSUBSCRIBE).await, [250]);
    assert_eq!(again.hand_over([&address], UNSUBSCRIBE).await, [250]);
    doors.shut().await;
    assert_eq!(remaining(&world, 1).await, [0; 0]);
    assert_eq!(letters(&world).await, 1, "it is one letter");
}

#[tokio::test]
async fn a_message_that_broke_off_before_its_end_is_none() {
    let world = mailed(setup(), 1).await;
    let address = leave_address(&world, 1);
    let doors = Open::of(&world.app);
    // A dot that does not stand alone on its line ends nothing, so that no message hides in another.
    for cut in ["", ".", "\r\n.", "\r\n.\r", "\n.\n", "\r\n.\n", "\n.\r\n"] {
        let mut client = doors.client().await;
        client.send(format!("MAIL FROM:<a@example.net>\r\nRCPT TO:<{address}>\r\nDATA\r\n")).await;
        assert_eq!(client.codes().await, [250, 250, 354]);
        client.send(format!("{UNSUBSCRIBE}x{cut}")).await;
        drop(client);
    }
    doors.shut().await;
    assert_eq!((remaining(&world, 1).await, letters(&world).await), (vec![1], 0));
}

#[tokio::test]
async fn a_recipient_for_whom_the_store_fails_comes_again_alone() {
    let world = mailed(setup(), 3).await;
    let [first, second, third] = [1, 2, 3].map(|reader| leave_address(&world, reader));
    let doors = Open::of(&world.app);
    refuse_to_let_go(&world, "2").await;
    let mut client = doors.client().await;
    assert_eq!(client.hand_over([&first, &second, &third], UNSUBSCRIBE).await, [250, 451, 250]);
    assert_eq!(remaining(&world, 3).await, [2]);
    assert_eq!(client.hand_over([&second], UNSUBSCRIBE).await, [451]);
    let_go(&world).await;
    // A mail server that lost the replies asks for all of them once more.
    assert_eq!(client.hand_over([&first, &second, &third], UNSUBSCRIBE).await, [250, 250, 250]);
    assert_eq!((remaining(&world, 3).await, letters(&world).await), (vec![], 3));
}

#[tokio::test]
async fn groups_of_commands_are_answered_in_order_and_one_message_follows_another() {
    let world = mailed(setup(), 2).await;
    let [first, second] = [1, 2].map(|reader| leave_address(&world, reader));
    let doors = Open::of(&world.app);
    let mut client = doors.client().await;
    client
        .send(format!("MAIL FROM:<a@example.net>\r\nRCPT TO:<{first}>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n"))
        .await;
    assert_eq!(client.codes().await, [250, 250, 550, 354]);
    client
        .send(format!("{UNSUBSCRIBE}.\r\nMAIL FROM:<a@example.net>\r\nMAIL FROM:<>\r\nRCPT TO:<{second}>\r\nDATA\r\n"))
        .await;
    assert_eq!(client.codes().await, [250, 250, 503, 250, 354]);
    client.send(format!("{UNSUBSCRIBE}.\r\nQUIT\r\n")).await;
    assert_eq!(client.codes().await, [250, 221]);
    assert_eq!(remaining(&world, 2).await, [0; 0]);
}

#[tokio::test]
async fn of_a_large_message_the_beginning_counts_and_a_huge_one_is_refused_for_each_recipient() {
    let world = mailed(setup(), 2).await;
    let [first, second] = [1, 2].map(|reader| leave_address(&world, reader));
    let doors = Open::of(&world.app);
    let mut client = doors.client().await;
    let large = format!("{UNSUBSCRIBE}{}", "a line of some length\r\n".repeat(150_000));
    assert_eq!(client.hand_over([&first], &large).await, [250]);
    let huge = format!("{UNSUBSCRIBE}{}", "a line of some length\r\n".repeat(2_300_000));
    assert_eq!(client.hand_over([&first, &second], &huge).await, [552, 552]);
    assert_eq!(remaining(&world, 2).await, [2]);
    assert_eq!(client.hand_over([&second], UNSUBSCRIBE).await, [250]);
    assert_eq!(remaining(&world, 2).await, [0; 0]);
}

#[tokio::test]
async fn who_says_nothing_or_nothing_right_is_hung_up_on() {
    let world = mailed(setup(), 1).await;
    let doors = Open::of(&world.app);
    let mut hidden = doors.client().await;
    assert_eq!(hidden.ask("NOOP\nRSET\r\n").await, 521);
    assert!(hidden.is_hung_up_on().await);
    let mut lost = doors.client().await;
    for _ in 0..19 {
        assert_eq!(lost.ask("nonsense\r\n").await, 500);
    }
    lost.send("nonsense\r\n").await;
    assert_eq!(lost.codes().await, [500, 421]);
    assert!(lost.is_hung_up_on().await);
    let mut chunk = doors.client().await;
    assert_eq!(chunk.ask("BDAT 6 LAST\r\nRSET\r\n").await, 502);
    assert!(chunk.is_hung_up_on().await);

    let mut silent = doors.client().await;
    tokio::time::pause();
    assert_eq!(silent.code().await, 421);
    assert!(silent.is_hung_up_on().await);
}

#[tokio::test]
async fn told_to_stop_the_door_finishes_what_was_handed_over_and_says_goodbye_to_the_rest() {
    let world = mailed(setup(), 2).await;
    let [first, second] = [1, 2].map(|reader| leave_address(&world, reader));
    let doors = Open::of(&world.app);
    let (mut idle, mut half) = (doors.client().await, doors.client().await);
    half.send(format!("MAIL FROM:<>\r\nRCPT TO:<{first}>\r\nDATA\r\n")).await;
    assert_eq!(half.codes().await, [250, 250, 354]);
    half.send(&UNSUBSCRIBE[..20]).await;
    assert_eq!(doors.client().await.hand_over([&second], UNSUBSCRIBE).await, [250]);
    tokio::time::timeout(Duration::from_secs(20), doors.shut()).await.expect("it does not wait for who is silent");
    assert_eq!((idle.code().await, half.code().await), (421, 421));
    assert_eq!(remaining(&world, 2).await, [1]);
}

#[tokio::test]
async fn a_socket_is_a_door_too_and_one_that_was_left_behind_is_replaced() {
    let world = mailed(World::setup().intake("lmtp = \"unix:lmtp.sock\""), 1).await;
    let path = world.file("lmtp.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let doors = Open::of(&world.app);
    let Err(taken) = Doors::open(&world.app) else { panic!("two cannot listen there") };
    assert!(taken.to_string().starts_with("cannot listen on `unix:"), "{taken}");
    let mut client = Client::greeted(UnixStream::connect(&path).await.expect("the door is open")).await;
    assert_eq!(client.ask("LHLO client.example\r\n").await, 250);
    assert_eq!(client.hand_over([&leave_address(&world, 1)], UNSUBSCRIBE).await, [250]);
    doors.shut().await;
    assert_eq!(remaining(&world, 1).await, [0; 0]);
}
