//! Opening a session: TLS, login, greeting, and what is never given up for the sake of one.

use std::error::Error;

use tidings::{
    deliver::session::{Connector, Disorder, SetupError, Trouble},
    domain::relay::{ClientCertificate, Login, Place, Proof, Tls},
    tls::TlsError,
};

use super::{MESSAGE, open, send, session, word};
use crate::world::relay::{Answer, RelaySetup, ScriptedRelay, Stage};

fn at(host: &str, port: u16) -> Place {
    Place::Tcp { host: host.to_owned(), port }
}

fn password(password: &str) -> Login {
    Login { username: "news".to_owned(), proof: Proof::Password(password.into()) }
}

/// An error and all that caused it, and its Debug output: wherever a secret could come out.
pub(super) fn everything_said(trouble: &Trouble) -> String {
    let mut said = format!("{trouble} {trouble:?}");
    let mut cause = trouble.source();
    while let Some(error) = cause {
        said.push_str(&error.to_string());
        cause = error.source();
    }
    said
}

#[tokio::test]
async fn a_message_goes_in_clear_text_under_tls_and_after_starttls() {
    let ways: [fn(RelaySetup) -> RelaySetup; 3] = [|setup| setup, RelaySetup::implicit_tls, RelaySetup::starttls];
    for way in ways {
        let relay = way(ScriptedRelay::setup()).login("news", "secret").start().await;
        let mut session = session(&relay).await;
        for _ in 0..2 {
            assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
        }
        session.quit().await;
        relay.wait_until_alone().await;
        assert_eq!(relay.ledger().seen(Stage::Quit), 1);
        relay.assert_well_spoken();
    }
}

#[tokio::test]
async fn a_relay_is_reached_by_name_as_well() {
    let relay = ScriptedRelay::setup().implicit_tls().certificate_for("localhost").start().await;
    let mut named = relay.relay();
    named.place = at("localhost", relay.port());
    let mut session = open(named).await.expect("a session");
    assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
}

#[tokio::test]
async fn each_login_mechanism_works() {
    let long = Box::leak("long".repeat(200).into_boxed_str());
    for (mechanisms, password, lines) in [
        ("AUTH PLAIN LOGIN", "secret", "AUTH PLAIN AG5ld3MAc2VjcmV0"),
        ("auth login", "secret", "AUTH LOGIN"),
        ("AUTH=LOGIN", "secret", "AUTH LOGIN"),
        ("AUTH PLAIN", long, "AUTH PLAIN"),
    ] {
        let relay = ScriptedRelay::setup().implicit_tls().login("news", password).mechanisms(mechanisms).start().await;
        let mut session = session(&relay).await;
        assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted", "{mechanisms}");
        assert_eq!(relay.ledger().lines(Stage::Auth), [lines]);
        relay.assert_well_spoken();
    }
}

#[tokio::test]
async fn a_refused_login_opens_no_session_and_tells_no_secret() {
    for mechanisms in ["AUTH PLAIN", "AUTH LOGIN"] {
        let relay = ScriptedRelay::setup().login("news", "secret").mechanisms(mechanisms).start().await;
        let mut wrong = relay.relay();
        wrong.login = Some(password("hunter2"));
        let trouble = open(wrong).await.expect_err("the password is wrong");
        assert!(matches!(&trouble, Trouble::Auth(reply) if reply.code == 535), "{trouble}");
        assert!(!everything_said(&trouble).contains("hunter2"));
    }
    let relay = ScriptedRelay::setup().login("news", "secret").start().await;
    relay.answer(Stage::Auth, Answer::Reply("535 5.7.8 bad: secret AG5ld3MAc2VjcmV0"));
    let trouble = open(relay.relay()).await.expect_err("refused");
    assert_eq!(trouble.to_string(), "the relay refused the login: 535 5.7.8 bad: *** ***");
    assert!(!everything_said(&trouble).contains("AG5ld3MAc2VjcmV0"));
}

#[tokio::test]
async fn a_login_that_cannot_be_made_opens_no_session() {
    let relay = ScriptedRelay::setup().login("news", "secret").mechanisms("AUTH XOAUTH2 CRAM-MD5").start().await;
    assert!(matches!(open(relay.relay()).await, Err(Trouble::NoAuthMechanism)));
    let mut relay = relay.relay();
    relay.login = Some(password("nul\0"));
    assert!(matches!(Connector::new(relay).err(), Some(SetupError::Login)));
}

#[tokio::test]
async fn starttls_that_is_not_offered_or_is_refused_opens_no_session() {
    let plain = ScriptedRelay::start().await;
    let mut demanding = plain.relay();
    demanding.tls = Tls::StartTls;
    assert!(matches!(open(demanding).await, Err(Trouble::NoStartTls)));

    let refusing = ScriptedRelay::setup().starttls().login("news", "secret").start().await;
    refusing.answer(Stage::StartTls, Answer::Reply("454 4.7.0 not now"));
    assert!(matches!(open(refusing.relay()).await, Err(Trouble::StartTls(reply)) if reply.code == 454));
    for relay in [plain, refusing] {
        assert_eq!((relay.ledger().seen(Stage::Auth), relay.ledger().seen(Stage::Mail)), (0, 0));
    }
}

#[tokio::test]
async fn words_put_behind_the_reply_to_starttls_are_not_believed() {
    let relay = ScriptedRelay::setup().starttls().login("news", "secret").start().await;
    relay.answer(Stage::StartTls, Answer::Extra("250-injected\r\n250 AUTH PLAIN"));
    let trouble = open(relay.relay()).await.expect_err("injected");
    assert!(matches!(trouble, Trouble::Protocol(_, Disorder::Injected)), "{trouble}");
    assert_eq!(relay.ledger().seen(Stage::Auth), 0);
}

#[tokio::test]
async fn what_was_offered_before_tls_is_forgotten() {
    let relay = ScriptedRelay::setup().starttls().start().await;
    relay.answer_once(Stage::Ehlo, Answer::Reply("250-relay.test\r\n250-SMTPUTF8\r\n250 STARTTLS"));
    let session = session(&relay).await;
    assert!(!session.capabilities().smtputf8 && !session.capabilities().starttls);
    assert_eq!(relay.ledger().seen(Stage::Ehlo), 2);
}

#[tokio::test]
async fn a_certificate_for_another_name_or_from_nobody_we_trust_is_refused() {
    let ways: [fn(RelaySetup) -> RelaySetup; 2] = [RelaySetup::implicit_tls, RelaySetup::starttls];
    for way in ways {
        let other =
            way(ScriptedRelay::setup()).certificate_for("relay.example.org").login("news", "secret").start().await;
        let trouble = open(other.relay()).await.expect_err("the name is another");
        assert!(matches!(trouble, Trouble::Tls(_)), "{trouble}");

        let known = way(ScriptedRelay::setup()).login("news", "secret").start().await;
        let stranger = ScriptedRelay::start().await;
        let mut untrusting = known.relay();
        untrusting.ca = stranger.relay().ca;
        let trouble = open(untrusting).await.expect_err("nobody we trust");
        assert!(matches!(trouble, Trouble::Tls(_)), "{trouble}");
        assert_eq!((other.ledger().seen(Stage::Auth), known.ledger().seen(Stage::Auth)), (0, 0));
    }
}

#[tokio::test]
async fn a_relay_that_wants_to_see_a_certificate_is_shown_ours() {
    let ways: [fn(RelaySetup) -> RelaySetup; 2] = [RelaySetup::implicit_tls, RelaySetup::starttls];
    for way in ways {
        let relay = way(ScriptedRelay::setup()).certified_clients().start().await;
        let mut session = session(&relay).await;
        assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");

        let mut nobody = relay.relay();
        nobody.certificate = None;
        let mut stranger = relay.relay();
        stranger.certificate = ScriptedRelay::setup().certified_clients().start().await.relay().certificate;
        for relay in [nobody, stranger] {
            // TLS 1.3 lets a client go on before the server has looked at its certificate.
            let trouble = open(relay).await.expect_err("it is not one of theirs");
            assert!(matches!(trouble, Trouble::Tls(_) | Trouble::Lost(..)), "{trouble}");
        }
        assert_eq!(relay.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_refused_at_once_and_tells_no_key() {
    let relay = ScriptedRelay::setup().implicit_tls().certified_clients().start().await;
    let other = ScriptedRelay::setup().implicit_tls().certified_clients().start().await;
    let refused = |change: fn(&mut ClientCertificate, ClientCertificate)| {
        let (mut relay, other) = (relay.relay(), other.relay());
        let ours = relay.certificate.as_mut().expect("it has one");
        change(ours, other.certificate.expect("it has one"));
        Connector::new(relay).err().expect("it cannot be used")
    };
    assert!(matches!(refused(|ours, other| ours.key = other.key), SetupError::Tls(TlsError::ClientCertificate(_))));
    assert!(matches!(refused(|ours, _| ours.chain = "no PEM".to_owned()), SetupError::Tls(TlsError::ClientPem)));
    for broken in ["hunter2", "-----BEGIN PRIVATE KEY-----\nhunter2\n", "-----BEGIN hunter2"] {
        let (mut relay, broken) = (relay.relay(), broken.to_owned());
        relay.certificate.as_mut().expect("it has one").key = broken.into();
        let error = Connector::new(relay).err().expect("it cannot be used");
        assert!(
            matches!(error, SetupError::Tls(TlsError::ClientPem)) && !format!("{error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_relay_behind_a_socket_may_hear_the_password_and_is_spoken_to_like_any_other() {
    let relay = ScriptedRelay::setup().behind_socket().login("news", "secret").start().await;
    let mut session = session(&relay).await;
    for reader in ["ana@example.org", "ben@example.org"] {
        assert_eq!(word(&send(&mut session, reader, MESSAGE).await), "accepted");
    }
    session.quit().await;
    relay.wait_until_alone().await;
    assert_eq!(relay.ledger().lines(Stage::Ehlo), ["EHLO client.example.org"]);
    assert_eq!((relay.messages().len(), relay.ledger().seen(Stage::Quit)), (2, 1));
    relay.assert_well_spoken();

    let mut encrypted = relay.relay();
    encrypted.tls = Tls::StartTls;
    assert!(matches!(Connector::new(encrypted).err(), Some(SetupError::SocketTls(_))));
    let mut nowhere = relay.relay();
    nowhere.place = Place::Socket("no/such/relay.sock".into());
    let trouble = open(nowhere).await.expect_err("nobody is there");
    assert_eq!(trouble.to_string(), "cannot connect to `no/such/relay.sock`");
}

#[tokio::test]
async fn an_old_relay_is_spoken_to_with_helo_only_when_nothing_is_demanded() {
    let old = ScriptedRelay::start().await;
    old.answer_once(Stage::Ehlo, Answer::Reply("502 5.5.1 what?"));
    let mut session = session(&old).await;
    assert_eq!(word(&send(&mut session, "ana@example.org", MESSAGE).await), "accepted");
    assert_eq!(old.ledger().lines(Stage::Ehlo), ["EHLO client.example.org", "HELO client.example.org"]);
    assert_eq!(old.messages()[0].parameters, "");

    for (setup, reply) in [
        (ScriptedRelay::setup().login("news", "secret"), "502 5.5.1 what?"),
        (ScriptedRelay::setup().implicit_tls(), "502 5.5.1 what?"),
        (ScriptedRelay::setup(), "550 5.7.1 go away"),
    ] {
        let relay = setup.start().await;
        relay.answer_once(Stage::Ehlo, Answer::Reply(reply));
        assert!(matches!(open(relay.relay()).await, Err(Trouble::Hello(_))));
        assert_eq!(relay.ledger().seen(Stage::Ehlo), 1);
    }
}

#[tokio::test]
async fn a_relay_that_turns_us_away_or_is_not_there_says_so() {
    let relay = ScriptedRelay::start().await;
    relay.answer(Stage::Connect, Answer::Reply("554 5.7.1 your address is listed"));
    let trouble = open(relay.relay()).await.expect_err("turned away");
    assert_eq!(trouble.to_string(), "the relay turned us away: 554 5.7.1 your address is listed");

    let mut nowhere = relay.relay();
    // Port 0 can be listened to by nobody.
    nowhere.place = at("127.0.0.1", 0);
    let trouble = open(nowhere).await.expect_err("nobody is there");
    assert_eq!(trouble.to_string(), "cannot connect to `127.0.0.1:0`");
    assert!(trouble.source().is_some());
}

#[tokio::test]
async fn a_relay_that_cannot_be_used_as_configured_is_refused_at_once() {
    let relay = ScriptedRelay::setup().implicit_tls().start().await;
    let mut wrong_name = relay.relay();
    wrong_name.ehlo = "client\r\nRCPT".to_owned();
    let mut wrong_host = relay.relay();
    wrong_host.place = at("two words", 25);
    let mut no_file = relay.relay();
    no_file.ca = Some("no/such/file.pem".into());
    let empty = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut empty_file = relay.relay();
    empty_file.ca = Some(empty.path().to_owned());
    assert!(matches!(Connector::new(wrong_name).err(), Some(SetupError::EhloName(_))));
    assert!(matches!(Connector::new(wrong_host).err(), Some(SetupError::Tls(TlsError::Host(_)))));
    assert!(matches!(Connector::new(no_file).err(), Some(SetupError::Tls(TlsError::ReadCa { .. }))));
    assert!(matches!(Connector::new(empty_file).err(), Some(SetupError::Tls(TlsError::EmptyCa(_)))));
}
