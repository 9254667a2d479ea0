//! What people ask for by mail, and what machines make of it. Letters go in as a door hands them in; the relay's record
//! says what was answered: to a person one mail, to a machine none.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use tidings::{
    domain::{request::RequestKind, subscription::SubscriptionState, suppression::SuppressionKind},
    intake::{self, Incoming, Taken},
    store::suppressions::Scope,
    subscribe,
};

use crate::world::{Mail, World, address_of, stores::told_on_both_engines};

const ANA: &str = "ana@example.net";
const OURS: &str = "news@example.org";

/// How long a person takes at least to answer.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(10);

/// Each letter is another one, for the same one is taken once.
async fn take(world: &World, recipient: &str, sender: &str, message: &str) -> Taken {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let message = format!("X-Number: {}\r\n{message}", NEXT.fetch_add(1, Ordering::Relaxed));
    let incoming = Incoming { recipient: Some(recipient), sender: Some(sender), bytes: message.as_bytes() };
    intake::take(&world.app, &incoming).await.expect("the store takes it")
}

/// A person's letter to one of our addresses.
async fn write(world: &World, recipient: &str, subject: &str) -> Taken {
    let message = format!("From: Ana <{ANA}>\r\nTo: {recipient}\r\nSubject: {subject}\r\n\r\n");
    take(world, recipient, ANA, &message).await
}

/// The mails that go out now.
async fn answers(world: &World) -> Vec<Mail> {
    world.run().await;
    world.new_mails()
}

async fn answer(world: &World) -> Mail {
    let mut mails = answers(world).await;
    assert_eq!(mails.len(), 1, "{:?}", mails.iter().map(|mail| &mail.subject).collect::<Vec<_>>());
    mails.remove(0)
}

async fn state(world: &World, address: &str) -> Option<SubscriptionState> {
    let all = world.app.store.subscriptions_of(&address_of(address)).await.expect("subscriptions");
    all.first().map(|subscription| subscription.state)
}

/// An address in angle brackets or bare.
fn bare(field: &str) -> &str {
    field.rsplit('<').next().unwrap_or(field).trim_end_matches('>')
}

/// What a vacation program answers to a mail, with the mark that this one leaves.
fn vacation(mail: &Mail, mark: &str) -> String {
    format!("From: Ana <{ANA}>\r\nSubject: Re: {}\r\n{mark}\r\n\r\nI am away.\r\n", mail.subject)
}

const MARKS: [&str; 4] =
    ["Auto-Submitted: auto-replied", "Precedence: auto_reply", "X-Autoreply: yes", "Subject: Automatic reply: x"];

told_on_both_engines!(a_whole_conversation_by_mail_joins_and_leaves);
async fn a_whole_conversation_by_mail_joins_and_leaves() {
    let world = World::new().await;
    world.begin(0).await;
    assert_eq!(write(&world, OURS, "Subscribe").await, Taken::Asked(RequestKind::Join));
    let confirmation = answer(&world).await;
    assert_eq!((confirmation.to.as_str(), state(&world, ANA).await), (ANA, None));
    let reply_to = bare(confirmation.header("reply-to")).to_owned();
    world.clock.advance(A_MOMENT);
    assert_eq!(write(&world, &reply_to, "Re: Please confirm: Coalition news").await, Taken::Confirmed);
    assert!(answer(&world).await.subject.starts_with("Welcome"));
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active));

    world.hours(25);
    assert_eq!(write(&world, OURS, "unsubscribe").await, Taken::Asked(RequestKind::Leave));
    let link = answer(&world).await;
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active), "an address can be forged");
    let reply_to = bare(link.header("reply-to")).to_owned();
    assert_eq!(write(&world, &reply_to, "").await, Taken::Left);
    assert_eq!(answer(&world).await.subject, "You have left: Coalition news");
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Ended));
}

told_on_both_engines!(each_plus_address_asks_for_its_own);
async fn each_plus_address_asks_for_its_own() {
    for (part, kind) in [
        ("join.news", RequestKind::Join),
        ("subscribe", RequestKind::Join),
        ("leave.news", RequestKind::Leave),
        ("help", RequestKind::Help),
    ] {
        let world = World::new().await;
        world.begin(0).await;
        world.join("news", "ben@example.net").await;
        let taken = write(&world, &format!("news+{part}@example.org"), "whatever I write here").await;
        assert_eq!(taken, Taken::Asked(kind), "{part}");
    }
}

told_on_both_engines!(help_is_sent_once_a_day_to_an_address_and_holds_nothing_of_the_letter);
async fn help_is_sent_once_a_day_to_an_address_and_holds_nothing_of_the_letter() {
    let world = World::new().await;
    world.begin(0).await;
    for _ in 0..5 {
        assert_eq!(write(&world, OURS, "help").await, Taken::Asked(RequestKind::Help));
    }
    let help = answer(&world).await;
    assert_eq!((help.to.as_str(), help.subject.as_str()), (ANA, "How to join and how to leave"));
    assert!(help.text.contains(OURS) && help.text.contains("Coalition news"), "{}", help.text);
    assert!(!help.text.contains("Ana"), "{}", help.text);
    assert_eq!(help.header("auto-submitted"), "auto-generated");
}

#[tokio::test]
async fn what_nobody_understands_is_answered_by_silence() {
    let world = World::new().await;
    world.begin(1).await;
    for (recipient, subject) in [
        (OURS, "What a lovely day"),
        (OURS, "subscribe me to spam please"),
        (OURS, "subscribe nowhere"),
        ("news+frobnicate@example.org", "help"),
        ("news+confirm.aaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org", "x"),
        ("news+leave.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org", "x"),
        ("someone@example.org", "subscribe"),
    ] {
        let taken = write(&world, recipient, subject).await;
        assert!(matches!(taken, Taken::Nothing(_)), "{recipient} {subject}: {taken:?}");
    }
    assert!(answers(&world).await.is_empty());
}

told_on_both_engines!(a_list_must_be_named_where_there_are_several);
async fn a_list_must_be_named_where_there_are_several() {
    let several = "[[lists]]\nname = \"quiet\"\ntitle = \"Quiet news\"\nfeeds = [\"site\"]\ndigest = \"0 9 * * MON\"\n";
    let world = World::setup().also(several).start().await;
    assert!(matches!(write(&world, OURS, "subscribe").await, Taken::Nothing(_)));
    assert_eq!(write(&world, OURS, "subscribe quiet").await, Taken::Asked(RequestKind::Join));
    assert!(answer(&world).await.subject.contains("Quiet news"));
}

told_on_both_engines!(an_answering_machine_confirms_nothing_leaves_nothing_and_is_not_answered);
async fn an_answering_machine_confirms_nothing_leaves_nothing_and_is_not_answered() {
    let world = World::new().await;
    world.begin(0).await;
    write(&world, OURS, "subscribe").await;
    let confirmation = answer(&world).await;
    let reply_to = bare(confirmation.header("reply-to")).to_owned();
    for (sender, mark) in MARKS.iter().map(|mark| (ANA, *mark)).chain([("", "X: y")]) {
        let taken = take(&world, &reply_to, sender, &vacation(&confirmation, mark)).await;
        assert!(matches!(taken, Taken::Nothing(_)), "{mark}: {taken:?}");
        // Many answer to the envelope sender, and some to who the mail says it is from.
        for address in [confirmation.from.as_str(), OURS] {
            let taken = take(&world, address, sender, &vacation(&confirmation, mark)).await;
            assert!(matches!(taken, Taken::Nothing(_)), "{mark} to {address}: {taken:?}");
        }
    }
    assert!(answers(&world).await.is_empty());
    assert_eq!(state(&world, ANA).await, None);

    world.join("news", ANA).await;
    world.hours(25);
    write(&world, OURS, "unsubscribe").await;
    let link = answer(&world).await;
    let reply_to = bare(link.header("reply-to")).to_owned();
    for (sender, mark) in MARKS.iter().map(|mark| (ANA, *mark)).chain([("", "X: y")]) {
        let taken = take(&world, &reply_to, sender, &vacation(&link, mark)).await;
        assert!(matches!(taken, Taken::Nothing(_)), "{mark}: {taken:?}");
    }
    assert!(answers(&world).await.is_empty());
    assert_eq!(state(&world, ANA).await, Some(SubscriptionState::Active));
}

#[tokio::test]
async fn our_own_mail_that_comes_back_to_us_is_answered_by_nobody() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    write(&world, OURS, "help").await;
    write(&world, "news+join@example.org", "x").await;
    world.run().await;
    let own = world.relay.messages();
    assert!(own.len() >= 2);
    world.new_mails();
    for message in &own {
        let text = message.text();
        for (recipient, sender) in [(OURS, message.sender.as_str()), (OURS, ""), ("news+help@example.org", OURS)] {
            let taken = take(&world, recipient, sender, &text).await;
            assert!(matches!(taken, Taken::Nothing(_)), "{taken:?}");
        }
    }
    assert!(answers(&world).await.is_empty());
}

told_on_both_engines!(an_answering_machine_without_any_mark_is_known_by_what_it_writes);
async fn an_answering_machine_without_any_mark_is_known_by_what_it_writes() {
    let world = World::new().await;
    world.begin(0).await;
    write(&world, OURS, "subscribe").await;
    let confirmation = answer(&world).await;
    let reply_to = bare(confirmation.header("reply-to")).to_owned();
    let reply = async |subject: &str, words: &str| {
        let message = format!("From: Ana <{ANA}>\r\nTo: {reply_to}\r\nSubject: {subject}\r\n\r\n{words}\r\n");
        take(&world, &reply_to, ANA, &message).await
    };
    let subject = format!("Re: {}", confirmation.subject);
    for wait in [0, 9] {
        world.clock.advance(SignedDuration::from_secs(wait));
        assert!(matches!(reply(&subject, "").await, Taken::Nothing(why) if why.contains("sooner")));
    }
    world.hours(1);
    for (subject, words) in [("Thank you for your mail", ""), (subject.as_str(), "I am on holiday until Monday.")] {
        assert!(matches!(reply(subject, words).await, Taken::Nothing(_)), "{subject}: {words}");
    }
    assert_eq!(state(&world, ANA).await, None);
    // Whoever types the token has read the mail.
    let token = reply_to.split(['.', '@']).nth(1).expect("a token").to_owned();
    assert_eq!(write(&world, OURS, &format!("confirm {token}")).await, Taken::Confirmed);
    assert_eq!(reply(&subject, "Yes, please.").await, Taken::Confirmed, "twice is once");
}

/// A house of another domain.
async fn another_house() -> World {
    let setup = World::setup().top("base_url = \"https://other.example.net\"").sender("address = \"news@example.net\"");
    setup.intake("address = \"news@example.net\"").start().await
}

/// What servers on the way may take from a message: whatever says that a machine wrote it.
fn unmarked(message: &str) -> String {
    let (head, body) = message.split_once("\r\n\r\n").expect("a head and a body");
    let mut kept = Vec::new();
    let mut is_dropped = false;
    for line in head.split("\r\n") {
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            is_dropped = ["auto-submitted", "precedence", "feedback-id", "x-auto-response-suppress"]
                .contains(&name.as_str())
                || name.starts_with("list-");
        }
        if !is_dropped {
            kept.push(line);
        }
    }
    format!("{}\r\n\r\n{body}", kept.join("\r\n"))
}

/// Hands all that one house has sent to the other, by its own envelope and by the best that there can be, with the marks of
/// a machine and without.
async fn carry(from: &World, to: &World) {
    let writer = from.app.config.sender.address.reveal().to_owned();
    for message in from.relay.messages() {
        let text = message.text();
        for sender in [&message.sender, &writer] {
            for text in [text.clone(), unmarked(&text)] {
                take(to, &message.recipient, sender, &text).await;
            }
        }
    }
}

#[tokio::test]
async fn two_houses_that_answer_each_other_fall_silent() {
    for word in ["subscribe", "help", "unsubscribe"] {
        let (one, other) = (World::new().await, another_house().await);
        // Somebody asks each of them in the other's name.
        for (house, forged) in [(&one, "news@example.net"), (&other, "news@example.org")] {
            house.begin(0).await;
            house.join("news", forged).await;
            let ours = house.app.config.intake.address.as_ref().expect("it takes mail in").reveal().to_owned();
            take(house, &ours, forged, &format!("From: {forged}\r\nSubject: {word}\r\n\r\n")).await;
        }
        for round in 0..5 {
            for house in [&one, &other] {
                house.run().await;
                assert!(house.mails().len() <= 1, "{word}, round {round}: {:?}", house.mails());
            }
            carry(&one, &other).await;
            carry(&other, &one).await;
            for house in [&one, &other] {
                house.hours(25);
            }
        }
        let sent = [one.mails().len(), other.mails().len()];
        assert_eq!(sent, [1, 1], "{word}: one answer each, and nothing more");
        for (house, guest) in [(&one, "news@example.net"), (&other, "news@example.org")] {
            assert_eq!(state(house, guest).await, Some(SubscriptionState::Active), "{word}: nobody meant to leave");
        }
    }
}

told_on_both_engines!(a_bounced_confirmation_is_noted_and_answered_by_nobody);
async fn a_bounced_confirmation_is_noted_and_answered_by_nobody() {
    let world = World::new().await;
    world.begin(0).await;
    write(&world, OURS, "subscribe").await;
    let confirmation = answer(&world).await;
    let bounce = format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.net\r\nSubject: failure notice\r\n\r\nI was not able to deliver.\r\n\
         <{ANA}>: 550 5.1.1 no such user\r\n--- Below this line is a copy of the message.\r\n"
    );
    for _ in 0..3 {
        take(&world, &confirmation.from, "", &bounce).await;
    }
    assert!(answers(&world).await.is_empty());
    let kind = world.app.store.suppression_kind(&address_of(ANA), Scope::All).await.expect("the store answers");
    assert_eq!(kind, Some(SuppressionKind::Bounce));
}

told_on_both_engines!(a_link_to_leave_is_followed_whoever_sends_it_and_however_often);
async fn a_link_to_leave_is_followed_whoever_sends_it_and_however_often() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let mail = world.new_mails().remove(0);
    let address = mail.header("list-unsubscribe").split("mailto:").nth(1).expect("an address to leave");
    let address = address.trim_end_matches('>').to_uppercase();
    for _ in 0..2 {
        let taken = take(&world, &address, "relay@example.com", "From: other@example.com\r\nSubject: x\r\n\r\n").await;
        assert_eq!(taken, Taken::Left);
    }
    assert_eq!(state(&world, "reader1@example.org").await, Some(SubscriptionState::Ended));
    subscribe::answer_requests(&world.app).await.expect("the store takes it");
    assert!(answers(&world).await.len() <= 1, "one goodbye at most");
}
