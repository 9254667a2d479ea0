//! Fuzzes the splice: a mailing is frozen around any text, then filled for a reader of any name, any address that can be
//! parsed, and any slot values. What comes out must be a message that no value can bend: its lines, its headers and its
//! two parts are checked, and both parts read back what was put into them. It renders no template and sends nothing.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use mail_parser::{MessageParser, MimeHeaders};
use tidings::{
    deliver::message::{Personal, Template},
    domain::{
        address::EmailAddress,
        delivery::Lane,
        issue::IssueId,
        list::List,
        mailing::{Mailing, MailingId, Purpose, Slot, SlotForm, SlotValues},
        wire::{self, QuotedPrintable},
    },
    render::sample,
};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    to: &'a str,
    to_name: &'a str,
    leave_address: Option<&'a str>,
    message_id: &'a str,
    title: &'a str,
    is_notice: bool,
    text: &'a str,
    greeting: &'a str,
    address: &'a str,
    leave_url: &'a str,
    leave_url_is_https: bool,
    preferences_url: &'a str,
    web_url: &'a str,
}

const BOUNDARY: &str = "=_boundary";
/// Headers of every message, and those that only an issue has.
const ALWAYS: [&str; 9] = [
    "Message-ID",
    "To",
    "Date",
    "From",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
];
const OF_ISSUES: [&str; 4] = ["List-Id", "List-Post", "Precedence", "Feedback-ID"];
const OF_LINKS: [&str; 2] = ["List-Unsubscribe", "List-Unsubscribe-Post"];

fuzz_target!(|case: Case<'_>| {
    let to = address(case.to);
    let leave_address = case.leave_address.map(address);
    let slots = slots(&case);
    let text = template_text(case.text);
    let mailing = frozen(&text, case.is_notice);
    let list = List { title: case.title.to_owned(), ..sample::list() };
    let template = Template::parse(&mailing, Some(&list), to.domain()).expect("a frozen mailing parses");
    let personal = Personal {
        message_id: case.message_id,
        answers: None,
        to: &to,
        to_name: case.to_name,
        leave_address: leave_address.as_ref(),
        slots: &slots,
    };
    let mut message = Vec::new();
    template.splice(&personal, &mut message);
    let (head, body) = check_lines(&message, &to);
    check_headers(head, case.is_notice);
    assert!(body.starts_with(&format!("--{BOUNDARY}\r\n")), "{body}");
    check_parts(&message, &personal, &text);
});

/// The address itself, or with this as its local part, or any other: few texts are one.
fn address(text: &str) -> EmailAddress {
    let parsed = EmailAddress::parse(text).or_else(|_| EmailAddress::parse(&format!("{text}@example.org")));
    parsed.or_else(|_| EmailAddress::parse("ana@example.org")).expect("an address")
}

fn slots(case: &Case<'_>) -> SlotValues {
    SlotValues {
        greeting: case.greeting.to_owned(),
        address: case.address.to_owned(),
        leave_url: format!("{}{}", if case.leave_url_is_https { "https://" } else { "" }, case.leave_url),
        preferences_url: case.preferences_url.to_owned(),
        web_url: case.web_url.to_owned(),
    }
}

/// The given text with a placeholder for each slot behind it, at the end of a line, inside of one and alone.
fn template_text(text: &str) -> String {
    let text: String = text.chars().filter(|c| !wire::is_private_use(*c)).collect();
    let [greeting, address, leave, preferences, web] = Slot::ALL.map(wire::placeholder);
    format!("{text}{greeting}\n\n{text} {address}{leave}.\n{preferences}\n{web}{text}\n")
}

fn frozen(text: &str, is_notice: bool) -> Mailing {
    let mut message = b"From: News <news@example.org>\r\nSubject: News\r\nMIME-Version: 1.0\r\n".to_vec();
    message.extend(format!("Content-Type: multipart/alternative; boundary=\"{BOUNDARY}\"\r\n\r\n").bytes());
    for (kind, form) in [("plain", SlotForm::Text), ("html", SlotForm::Html)] {
        message.extend(format!("--{BOUNDARY}\r\nContent-Type: text/{kind}; charset=utf-8\r\n").bytes());
        message.extend(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
        QuotedPrintable::new(&mut message).body(text, form).expect("the slots are known");
        message.extend(b"\r\n");
    }
    message.extend(format!("--{BOUNDARY}--\r\n").bytes());
    let issue = Purpose::Issue { issue: IssueId(7), list: sample::list().name };
    Mailing {
        id: MailingId(1),
        purpose: if is_notice { Purpose::Notice } else { issue },
        lane: if is_notice { Lane::Notice } else { Lane::Digest },
        subject: "News".to_owned(),
        message: String::from_utf8(message).expect("quoted-printable is ASCII"),
        made_at: Timestamp::UNIX_EPOCH,
        expires_at: None,
        answers: None,
    }
}

/// Checks every line, and gives head and body.
fn check_lines<'a>(message: &'a [u8], to: &EmailAddress) -> (&'a str, &'a str) {
    let message = str::from_utf8(message).expect("a message is UTF-8");
    let lines = message.strip_suffix("\r\n").expect("the last line ends in CRLF").split("\r\n");
    for line in lines {
        assert!(!line.contains(['\r', '\n', '\0']) && line.len() <= 998, "{line:?}");
    }
    let (head, body) = message.split_once("\r\n\r\n").expect("an empty line ends the head");
    for line in head.split("\r\n") {
        let is_to = line.contains(to.reveal()) && to.needs_smtputf8();
        assert!(line.is_ascii() || is_to, "{line:?}");
        assert!(!line.trim().is_empty(), "a blank line in the head: {head:?}");
    }
    for line in body.split("\r\n") {
        assert!(line.is_ascii() && line.len() <= 76 && !line.contains("={"), "{line:?}");
        assert!(!line.ends_with([' ', '\t']), "{line:?}");
    }
    (head, body)
}

/// Each header once, those that must be there, and no other.
fn check_headers(head: &str, is_notice: bool) {
    let fields = head.split("\r\n").filter(|line| !line.starts_with(' '));
    let mut names: Vec<&str> =
        fields.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("not a header: {line:?}")).0).collect();
    names.retain(|name| is_notice || !OF_LINKS.contains(name));
    names.sort_unstable();
    let mut wanted = ALWAYS.to_vec();
    if !is_notice {
        wanted.extend(OF_ISSUES);
        for name in OF_LINKS {
            let field = format!("\r\n{name}: ");
            assert!(head.matches(&field).count() <= 1, "{name} stands twice: {head}");
        }
    }
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{head}");
}

fn check_parts(message: &[u8], personal: &Personal<'_>, text: &str) {
    let parsed = MessageParser::default().parse(message).expect("it parses");
    let kinds: Vec<_> = parsed.parts.iter().filter_map(|part| part.content_type()).collect();
    let kinds: Vec<_> = kinds.iter().map(|kind| (kind.ctype(), kind.subtype())).collect();
    assert_eq!(kinds, [("multipart", Some("alternative")), ("text", Some("plain")), ("text", Some("html"))]);
    assert_eq!(parsed.parts.len(), 3);
    let to: Vec<_> = parsed.to().into_iter().flat_map(|list| list.iter()).collect();
    let [to] = to[..] else { panic!("not one address: {to:?}") };
    // mail-parser takes a quoted local part without angle brackets (RFC 5321 §4.1.2) for a name.
    if !personal.to.local().contains('"') {
        assert_eq!(to.address(), Some(personal.to.reveal()));
        let name: String = wire::one_line(personal.to_name).chars().take(120).collect();
        assert_eq!(without_spaces(to.name().unwrap_or_default()), without_spaces(&name));
    }
    let body = |nth: usize| parsed.parts[nth].text_contents().expect("a part of text").to_owned();
    assert_eq!(body(1), filled(text, personal.slots, str::to_owned));
    assert_eq!(body(2), filled(text, personal.slots, escaped));
}

/// What a part must read as: CRLF line ends, and values whose control characters are spaces.
fn filled(text: &str, slots: &SlotValues, form: fn(&str) -> String) -> String {
    let text: String = text.lines().map(|line| format!("{line}\r\n")).collect();
    // From the last slot to the first, so that no value is taken for a placeholder: they stand in this order.
    let mut filled = text;
    for slot in Slot::ALL.into_iter().rev() {
        let value: String = slots.get(slot).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mark = wire::placeholder(slot);
        let at = filled.find(&mark).expect("each slot stands in the text once");
        filled.replace_range(at..at + mark.len(), &form(&value));
    }
    filled
}

fn escaped(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    value.replace('"', "&quot;").replace('\'', "&#39;")
}

fn without_spaces(name: &str) -> String {
    name.split_whitespace().collect()
}
