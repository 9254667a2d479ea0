//! Signed messages: what two other programs, dkimpy and opendkim, make of them, as they came over the wire and after
//! somebody meddled; and the keys, from `tidings dkim new` to the DNS.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use tidings::{
    deliver::dkim::{SignError, Signer},
    domain::subscription::NewSubscriber,
    queue::{self, Edition, Ready},
    render::{Flavour, sample},
    store::deliveries::Filter,
    subscribe::{self, Returning},
};

use crate::world::{
    World, address_of,
    name_server::NameServer,
    relay::{Answer, Stage},
    signatures::{SELECTORS, Verdicts, assert_all_signed, keys, verdicts},
    slug,
};

const STAFF: &str = "desk@example.org";

/// A body whose text has lines that begin with dots.
const DOTS: &str = "<p>.</p><p>..</p><p>.hidden files begin so</p><p>Žižkov, Ķekava, 𝔇𝔬𝔱: ☂ ไทย</p>";

async fn join_as(world: &World, address: &str, name: &str) {
    let person = NewSubscriber { address: address_of(address), name: name.into() };
    subscribe::add(&world.app, &slug("news"), &person, Returning::StaysAway).await.expect("the store takes them");
}

/// The messages that the relay took, whole.
fn messages(world: &World) -> Vec<Vec<u8>> {
    world.relay.messages().into_iter().map(|message| message.bytes).collect()
}

/// A house that has sent one signed alert.
async fn one_signed_alert() -> (World, Vec<u8>) {
    let world = World::setup().signed().start().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer").saying(DOTS)]).await;
    let message = messages(&world).pop().expect("an alert");
    (world, message)
}

/// The house itself has each of its messages verified when it goes away.
#[tokio::test]
async fn a_signed_digest_alert_and_notice_verify_in_every_script_and_with_dots() {
    let world = World::setup().signed().list("alerts_per_day = 1").list("title = \"Коаліція — новини\"").start().await;
    world.relay.answer(Stage::Ehlo, Answer::Reply("250-relay.test\r\n250-8BITMIME\r\n250 SMTPUTF8"));
    world.begin(1).await;
    join_as(&world, "ana@example.net", "Ana “Ñandú” Përshëndetje, მოქალაქე").await;
    join_as(&world, "añá@example.net", "").await;
    let breaking = |title: &str| world.post(title).saying(DOTS);
    world.next_look(&[breaking("Coalition condemns a transfer: “où sont les règles ?” — 集束弾薬")]).await;
    world.next_look(&[breaking("Coalition condemns a second one"), breaking("Vebinārs: “…”")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let mails = world.mails();
    let headed = |name: &str, words: &str| mails.iter().filter(|mail| mail.header(name).contains(words)).count();
    assert_eq!((headed("feedback-id", ":alert:"), headed("feedback-id", ":digest:")), (3, 3));
    assert_eq!(mails.iter().filter(|mail| mail.to == STAFF).count(), 1, "the second alert is held");
    assert_eq!(mails.iter().filter(|mail| mail.to == "añá@example.net").count(), 2);
    let messages = messages(&world);
    assert!(messages.iter().any(|bytes| bytes.windows(3).any(|at| at == b"\r\n.")), "no line begins with a dot");
    world.relay.assert_well_spoken();
}

#[tokio::test]
async fn who_meddles_with_what_is_signed_breaks_both_signatures() {
    let (_world, message) = one_signed_alert().await;
    let message = String::from_utf8(message).expect("ASCII");
    let (head, body) = message.split_once("\r\n\r\n").expect("a body");
    let above = |field: &str| format!("{field}\r\n{message}");
    let below = |field: &str| format!("{head}\r\n{field}\r\n\r\n{body}");
    let replaced = |from: &str, to: &str| {
        assert!(message.contains(from), "{from}");
        message.replacen(from, to, 1)
    };
    let mut broken = vec![
        replaced("From: \"Example Coalition\"", "From: \"Example Coalitian\""),
        replaced("<news@example.org>", "<news@example.net>"),
        replaced("Subject: Condemnation", "Subject: Commendation"),
        replaced("List-Unsubscribe: <https://news", "List-Unsubscribe: <https://evil"),
        replaced("List-Post: NO", "List-Post: YES"),
        message.replace("t=17", "t=18"),
        format!("{message}More\r\n"),
        message.replacen("Žižkov", "Zizkov", 1).replacen("hidden files", "hidden piles", 1),
    ];
    for field in [
        "From: Somebody <somebody@example.com>",
        "To: everybody@example.com",
        "Cc: everybody@example.com",
        "Reply-To: somebody@example.com",
        "Subject: Win a prize",
        "Date: Thu, 25 Apr 2024 12:00:00 +0000",
        "Message-ID: <other@example.com>",
        "MIME-Version: 1.0",
        "Content-Type: text/html",
        "List-Id: <other.example.com>",
        "List-Unsubscribe: <https://example.com/leave>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ] {
        broken.extend([above(field), below(field)]);
    }
    let whole = [
        message.clone(),
        above("X-Foo: bar"),
        below("X-Foo: bar"),
        above("Received: from a by b; Thu, 25 Apr 2024 12:00:00 +0000"),
        format!("{message}\r\n"),
        replaced("From: \"Example Coalition\" <", "from:  \"Example\r\n\tCoalition\"  <"),
    ];
    let tried: Vec<Vec<u8>> = whole.iter().chain(&broken).map(|text| text.clone().into_bytes()).collect();
    for (nth, (verdicts, text)) in verdicts(&tried).into_iter().zip(&tried).enumerate() {
        let expected: Verdicts = SELECTORS.map(|selector| (selector.to_owned(), nth < whole.len())).into();
        assert_eq!(verdicts, expected, "{}", String::from_utf8_lossy(text));
    }
}

#[tokio::test]
async fn each_try_carries_the_same_signatures() {
    let world = World::setup().signed().start().await;
    world.begin(1).await;
    world.relay.answer_once(Stage::Dot, Answer::TakeAndClose);
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.minutes(90);
    world.another().await;
    world.run().await;
    let messages = messages(&world);
    assert_eq!(messages.len(), 2);
    assert!(messages[0] == messages[1], "byte for byte:\n{}", String::from_utf8_lossy(&messages.concat()));
}

#[tokio::test]
async fn a_signature_keeps_its_lines_short_and_names_what_none_may_add() {
    let (_world, message) = one_signed_alert().await;
    let message = String::from_utf8(message).expect("ASCII");
    let signatures = &message[..message.find("Message-ID: ").expect("the first header of ours")];
    assert!(signatures.split("\r\n").all(|line| line.len() <= 78), "{signatures}");
    let unfolded = signatures.replace("\r\n\t", "");
    let fields: Vec<&str> = unfolded.lines().collect();
    assert_eq!(fields.len(), 2, "{unfolded}");
    for field in fields {
        let names = field.split("h=").nth(1).and_then(|rest| rest.split(';').next()).expect("h=");
        let count = |name: &str| names.split(':').filter(|one| *one == name).count();
        for twice in ["From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe-Post"] {
            assert_eq!(count(twice), 2, "{twice} in {names}");
        }
        for once in ["Cc", "Reply-To", "Feedback-ID", "Auto-Submitted", "List-Post"] {
            assert_eq!(count(once), 1, "{once} in {names}");
        }
        assert!(!field.contains("l=") && !field.contains("x="), "{field}");
        assert!(field.contains("t=1713960600;"), "the mailing's date, ten minutes after the start: {field}");
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_signed_and_a_preview_never_is() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert!(!String::from_utf8_lossy(&messages(&world)[0]).contains("DKIM-Signature"));
    let (world, _) = one_signed_alert().await;
    world.next_look(&[world.post("Webinar")]).await;
    world.tidings(&["issues", "preview", "news", "--out", "."]).await.well();
    let preview = std::fs::read_to_string(world.file("preview.eml")).expect("the preview");
    assert!(preview.contains("\r\nFrom: ") && !preview.contains("DKIM-Signature"), "{preview}");
}

/// Nothing goes out unsigned from a house that signs.
#[tokio::test]
async fn what_cannot_be_signed_is_not_tried_and_says_why() {
    let (world, _) = one_signed_alert().await;
    let app = &world.app;
    let draft = sample::manual_alert();
    let mut rendered = app.renderer.render(&draft, &app.config.lists[0], Flavour::Live, world.clock.now()).expect("ok");
    rendered.message = rendered.message.replacen("From: ", "X-From: ", 1);
    let (issue, now) = (app.store.issue_id().await.expect("a number"), world.clock.now());
    let edition = Edition { issue, draft: &draft, slot_at: None, why: "a test", now };
    let queued = queue::queue_issue(&app.store, edition, &Ready::at_once(rendered, now)).await.expect("queued");
    world.run().await;
    assert_eq!(world.relay.messages().len(), 1, "only the alert");
    assert_eq!(world.states(queued.issue).await, "queued 1");
    let filter = Filter { issue: Some(queued.issue), ..Filter::default() };
    let found = app.store.deliveries(&filter, 2).await.expect("deliveries");
    assert_eq!(found[0].answer.as_deref(), Some("the message cannot be signed: it has no `From`"));
}

#[test]
fn a_signer_takes_only_what_stays_as_it_is_on_its_way() {
    let signer = Signer::new(&keys()).expect("there are keys");
    let at = Timestamp::UNIX_EPOCH;
    for (message, error) in [
        ("", SignError::NotCanonical),
        ("From: a@example.org\r\n", SignError::NotCanonical),
        ("From: a@example.org\n\nx\n", SignError::NotCanonical),
        ("From: a@example.org\r\n\r\na\rb\r\n", SignError::NotCanonical),
        ("To: a@example.org\r\n\r\nx\r\n", SignError::NoFrom),
    ] {
        assert_eq!(signer.sign(message.as_bytes(), at), Err(error), "{message:?}");
    }
    assert!(Signer::new(&[]).is_none());
}

/// Blanks, breaks, dots, octets of every kind: what the relaxed forms are about. The last line has its end, as ours have.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let pieces = |breaks: &'static str| {
        let piece = prop::sample::select(vec![" ", "\t", "  ", "a", "B", ".", ":", "=", "é", "漢", "\u{a0}", breaks]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    };
    (pieces("\r\n x"), pieces("\r\n\tx"), pieces("\r\n"), 1_usize..4).prop_map(|(subject, name, body, breaks)| {
        let name = name.replace(':', "");
        let to = format!("To: {name}\r\n\t<reader@example.net>\r\n");
        let head = format!("from:news@example.org\r\nSUBJECT: x{subject}\r\n{to}Feedback-ID:\r\n 1\r\n");
        format!("{head}\r\n{body}{}", "\r\n".repeat(breaks)).into_bytes()
    })
}

#[test]
fn a_signature_stands_whatever_the_blanks_and_breaks() {
    let signer = Signer::new(&keys()).expect("there are keys");
    let (mut runner, any) = (TestRunner::default(), any_message());
    let signed = (0..150).map(|_| {
        let message = any.new_tree(&mut runner).expect("a message").current();
        [signer.sign(&message, sample::now()).expect("it can be signed"), message].concat()
    });
    assert_all_signed(&signed.collect::<Vec<_>>());
}

/// What is printed is put to use: the lines into config.toml, the record to the verifier's reader of records.
#[tokio::test]
async fn a_new_key_is_made_once_and_its_record_is_the_one_of_the_config() {
    let world = World::new().await;
    for (kind, selector, begins) in
        [("--rsa", "t1", "v=DKIM1; k=rsa; p=MIIBI"), ("--ed25519", "2024-e", "v=DKIM1; k=ed25519; p=")]
    {
        let made = world.tidings(&["--json", "dkim", "new", kind, "--selector", selector]).await.json();
        let file = world.file(&format!("dkim-{selector}.pem"));
        assert_eq!(std::fs::metadata(&file).expect("the key").permissions().mode() & 0o777, 0o600);
        let pem = std::fs::read_to_string(&file).expect("the key");
        assert!(!made.to_string().contains(pem.lines().nth(1).expect("base64")), "the key is printed");
        let again = world.tidings(&["dkim", "new", "--selector", selector]).await;
        assert_eq!(again.code, 1);
        assert!(again.err.contains("File exists") && again.err.contains("hint: "), "{}", again.err);
        assert_eq!(std::fs::read_to_string(&file).expect("still there"), pem);

        world.add_config(made["config"].as_str().expect("lines"));
        let shown = world.tidings(&["--json", "dkim", "show"]).await.json();
        let shown = shown.as_array().and_then(|records| records.last()).expect("a record");
        assert_eq!(shown, &made["record"]);
        assert_eq!(shown["name"], format!("{selector}._domainkey.example.org"));
        let value = shown["value"].as_str().expect("a value");
        assert!(value.starts_with(begins), "{value}");
        let strings: Vec<&str> =
            shown["strings"].as_array().expect("strings").iter().filter_map(|s| s.as_str()).collect();
        assert!(strings.iter().all(|string| string.len() <= 255) && strings.concat() == value, "{strings:?}");
    }
    let text = world.tidings(&["dkim", "show"]).await.well();
    assert!(text.contains("t1._domainkey.example.org. IN TXT (\n"), "{text}");
    assert!(text.contains("2024-e._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; "), "{text}");
}

#[tokio::test]
async fn a_new_key_may_be_put_elsewhere_and_for_another_domain() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("key.pem").display().to_string();
    let asked = ["dkim", "new", "--ed25519", "--selector", "E2", "--domain", "Mail.Example.org", "--out", &out];
    let text = world.tidings(&asked).await.well();
    let lines =
        format!("  [[dkim]]\n  selector = \"e2\"\n  key = {{ file = \"{out}\" }}\n  domain = \"mail.example.org\"");
    assert!(text.contains(&lines), "{text}");
    assert!(text.contains("  name    e2._domainkey.mail.example.org\n"), "{text}");
    for (wrong, told) in [(["--selector", "a;b"], "cannot use `a;b`"), (["--domain", "a b"], "`a b` is no domain name")]
    {
        let ended = world.tidings(&[&["dkim", "new"][..], &wrong].concat()).await;
        assert_eq!(ended.code, 1);
        assert!(ended.err.contains(told), "{}", ended.err);
    }
}

#[tokio::test]
async fn check_compares_each_key_with_its_record() {
    let world = World::new().await;
    world.feed_has(&[world.post("Webinar")]);
    let made = world.tidings(&["--json", "dkim", "new"]).await.json();
    world.add_config(made["config"].as_str().expect("lines"));
    let (name, value) =
        (made["record"]["name"].as_str().expect("a name"), made["record"]["value"].as_str().expect("a value"));
    let (dns, other) = (NameServer::start().await, keys()[1].record_value());
    let told = async |word: &str, detail: &str| {
        let checked = world.tidings(&["check", "--dns", &dns.address()]).await.well();
        assert!(checked.contains(&format!("  {word}  key `t1`: {name} {detail}")), "{checked}");
    };
    told("WARN", "is not published; `tidings dkim show` prints it").await;
    dns.publish(name, &[value]);
    told("well", "is published").await;
    let spaced = value.replace("; ", " ;\t").replace("k=rsa", "k = rsa").replace("p=MIIB", "p= MI IB");
    dns.publish(name, &[&spaced]);
    told("well", "is published").await;
    for wrong in [other.as_str(), "v=spf1 -all", &value.replace("DKIM1", "DKIM2"), &value.replace("k=rsa", "k=ed25519")]
    {
        dns.publish(name, &[wrong]);
        told("WARN", "has another key; ").await;
    }
    dns.publish(name, &["v=DKIM1; k=rsa; p="]);
    told("WARN", "says that the key is withdrawn; ").await;
    dns.publish(name, &[value, &other]);
    told("WARN", "has more than one record; ").await;
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let checked = world.tidings(&["check", "--dns", &nobody.to_string()]).await.well();
    assert!(checked.contains(&format!("  note  key `t1`: {name} could not be looked up: ")), "{checked}");
}
