//! What SpamAssassin, by the rules that come with it, makes of our mails: nothing that speaks against them. Such tests want
//! `SPAMASSASSIN`, which `scripts/test` sets.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use tidings::render::{Flavour, sample};

use super::{address, live, mailing, ours, slots, splice};

/// From here on a filter looks twice.
const MOST: f64 = 2.0;

/// What a relay puts before a message, without which a filter would judge a draft.
const RECEIVED: &str = "Received: from mail.example.org (mail.example.org [93.184.216.34])\r\n\tby mx.example.net (Postfix) \
    with ESMTPS id 4Wxyz\r\n\tfor <reader@example.net>; Thu, 25 Apr 2024 12:00:01 +0000 (UTC)\r\n";

/// The points of a message, and the rules that gave them.
fn judged(message: &[u8]) -> (f64, String) {
    let program = std::env::var("SPAMASSASSIN").expect("SPAMASSASSIN names the program; run the tests by scripts/test");
    let home = tempfile::tempdir().expect("a folder");
    let mut filter = Command::new(program)
        .args(["--local", "--test-mode", "--nocreate-prefs", "--prefspath=/dev/null", "--cf=use_bayes 0"])
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("SpamAssassin starts");
    let mut input = filter.stdin.take().expect("it has one");
    input.write_all(&[RECEIVED.as_bytes(), message].concat()).expect("it reads");
    drop(input);
    let answer = filter.wait_with_output().expect("it ends");
    let (said, wrong) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    let status = said.replace("\n\t", " ");
    let status = status.lines().find(|line| line.starts_with("X-Spam-Status:"));
    let status = status.unwrap_or_else(|| panic!("it gives no answer: {said}{wrong}")).to_owned();
    let score = status.split("score=").nth(1).and_then(|rest| rest.split(' ').next());
    (score.and_then(|score| score.parse().ok()).unwrap_or_else(|| panic!("no points: {status}")), status)
}

#[test]
fn a_spam_filter_finds_next_to_nothing_in_our_mails() {
    let mut messages = Vec::new();
    for draft in [sample::digest(), sample::alert(), sample::manual_alert()] {
        messages.push(mailing(&live(&draft), Some(&draft)));
    }
    let test = ours().render(&sample::alert(), &sample::list(), Flavour::Test, sample::now()).expect("it renders");
    messages.push(mailing(&test, None));
    messages.push(mailing(&ours().notice(&sample::notice(), sample::now()).expect("it renders"), None));
    std::thread::scope(|scope| {
        for mailing in &messages {
            scope.spawn(move || {
                let message = splice(mailing, &sample::list(), &address("reader@example.net"), "Ana", &slots());
                let (points, status) = judged(&message);
                assert!(points < MOST, "“{}” has {points} points: {status}", mailing.subject);
            });
        }
    });
}

#[test]
fn what_is_spam_has_its_points() {
    // The string that every filter knows (GTUBE).
    let gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
    let message = format!("From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\n{gtube}\r\n");
    let (points, status) = judged(message.as_bytes());
    assert!(points > 100.0, "{status}");
}
