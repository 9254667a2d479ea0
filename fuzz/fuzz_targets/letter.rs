//! Fuzzes what is made of mail that comes in: commands, bounces by their fields (RFC 3464) and by their words, complaints
//! (RFC 5965), marks of machines, and evidence. Bytes come in, as a door hands them over; what goes out must be bounded,
//! fit to be shown, and never proved or asked for by what nobody signed. It asks no store.
#![no_main]

use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use tidings::{
    domain::{
        address::{EmailAddress, without_person},
        report::ReportKind,
        token::Secret,
    },
    intake::{
        Incoming,
        bounce::{self, Finding, status},
        command::{self, Command, Door},
        complaint, evidence,
        letter::Letter,
        machine,
    },
};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    recipient: Option<&'a str>,
    sender: Option<&'a str>,
    wrap: Wrap,
    bytes: &'a [u8],
}

/// What stands around the bytes, so that the inner parsers are reached without the fuzzer having to make up MIME.
#[derive(Arbitrary, Debug)]
enum Wrap {
    Nothing,
    Status,
    Feedback,
    Text,
}

fuzz_target!(|case: Case<'_>| {
    let message = wrapped(&case.wrap, case.bytes);
    let letter = Letter::read(&Incoming { recipient: case.recipient, sender: case.sender, bytes: &message });
    assert!(letter.parts().len() <= 8_000 && letter.lines.len() <= 10 && letter.headers.len() <= 8_000);
    assert!(!letter.subject.contains(['\r', '\n']));
    let ours = EmailAddress::parse("news@example.org").expect("an address");
    let door = command::door(&letter, &ours);
    check_words(&bounce::read(&letter));
    if let Some(feedback) = complaint::read(&letter) {
        assert!(fit(&feedback.words));
    }
    if let Some(Command::Leave(token)) = command::command(&letter, &door) {
        assert!(token.len() == 32 && matches!(door, Door::Plus(_)), "{token}");
    }
    let _ = (machine::mark(&letter, &[&ours]), machine::answer_mark(&letter));
    let _ = machine::reply_mark(&letter, case.recipient.unwrap_or_default(), None);
    let said = without_person(&letter.subject, &ours, case.sender.unwrap_or_default());
    assert!(!said.contains("news@example.org"), "{said}");
    let secret = Secret::new(vec![7; 32]).expect("long enough");
    assert_eq!(evidence::proof(&letter, &door, &secret), None, "a name that we never made");
    if let Ok(text) = std::str::from_utf8(case.bytes) {
        assert!(status::groups(text).len() <= 200);
        let _ = bounce::code::codes(text);
    }
});

fn wrapped(wrap: &Wrap, bytes: &[u8]) -> Vec<u8> {
    let head: &[u8] = match wrap {
        Wrap::Nothing => return bytes.to_vec(),
        Wrap::Status => {
            b"From: mailer-daemon@a.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\
              \r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        }
        Wrap::Feedback => {
            b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: \
              message/feedback-report\r\n\r\n"
        }
        Wrap::Text => b"From: mailer-daemon@a.example\r\nSubject: failure notice\r\n\r\n",
    };
    [head, bytes].concat()
}

fn check_words(finding: &Finding) {
    if let Finding::Failed(failure) = finding {
        assert!(fit(&failure.words), "{:?}", failure.words);
        assert_ne!(failure.kind, ReportKind::Complaint);
        assert!(failure.code.is_none_or(|(class, subject, _)| matches!(class, 4 | 5) && subject <= 7));
    }
}

fn fit(words: &str) -> bool {
    words.chars().count() <= 300 && !words.contains(|c: char| c.is_control() || c == '@')
}
