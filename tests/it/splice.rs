//! A spliced message beside one that was built whole, in the eyes of two readers who know nothing of the splice:
//! mail-parser, and Python's `email` with every defect an error.

use std::fs;

use data_encoding::BASE64;
use jiff::tz::TimeZone;
use lettre::message::{
    Mailbox, Mailboxes, MessageBuilder, MultiPart,
    header::{Header as _, HeaderName, HeaderValue, To},
};
use mail_parser::{Message, MessageParser};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};
use tidings::{
    deliver::message::{Personal, Template},
    domain::{
        delivery::Lane,
        issue::IssueId,
        mailing::{Mailing, MailingId, Purpose, Rendered, SlotValues},
        sender::Sender,
        wire,
    },
    render::{Flavour, Renderer, Settings, sample},
};

use crate::world::{
    address_of,
    check::{POSTAL_ADDRESS, check_message},
    python,
};

const CASES: usize = 100;
const MESSAGE_ID: &str = "7.1@example.org";
const READER: &str = "reader@example.net";
/// A name that must not stand bare, for it has a dot.
const SENDER: &str = "Coalition.org";

/// Every slot, in a text, in HTML, and where it can be in an attribute.
const TEXT: &str = "{{ slot.greeting }}\n\nx{{ slot.address }}x\n{{ slot.leave_url }}\n\
                    {{ slot.preferences_url }}\n.\n{{ slot.web_url }}\n{{ sender.postal_address }}\n";
const HTML: &str = "<html lang=\"en\"><body><p>{{ slot.greeting }}</p><p>To {{ slot.address }}, \
                    {{ sender.postal_address }}.</p><p><a href=\"{{ slot.leave_url }}\">{{ slot.leave_url }}</a> \
                    <a href=\"{{ slot.preferences_url }}\">x</a><a href=\"{{ slot.web_url }}\">y</a></p></body></html>";

/// One reader's part.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    slots: SlotValues,
}

/// Names in any script, with what is special in headers, quoted-printable and HTML.
fn any_text(most: usize) -> impl Strategy<Value = String> {
    let character =
        prop_oneof![any::<char>(), proptest::char::range(' ', '~'), Just('='), Just(' '), Just('.'), Just('"')];
    vec(character.prop_filter("no control characters", |c| !c.is_control()), 0..most).prop_map(String::from_iter)
}

fn any_link() -> impl Strategy<Value = String> {
    "[a-z0-9/?=&%.~;-]{1,300}".prop_map(|path| format!("https://e.org/{path}"))
}

fn any_case() -> impl Strategy<Value = Case> {
    let slots = (any_text(120), any_text(300), any_link(), any_link(), any_link());
    (any_text(130), slots).prop_map(|(name, (greeting, address, leave_url, preferences_url, web_url))| Case {
        name,
        slots: SlotValues { greeting, address, leave_url, preferences_url, web_url },
    })
}

/// Words that stand in each slot, to be found again.
fn marked() -> SlotValues {
    let [greeting, address] = ["@GREETING@", "@ADDRESS@"].map(str::to_owned);
    let [leave_url, preferences_url, web_url] =
        ["https://LEAVE/", "https://PREFERENCES/", "https://WEB/"].map(str::to_owned);
    SlotValues { greeting, address, leave_url, preferences_url, web_url }
}

/// A mailing that has every slot, frozen.
fn frozen() -> Mailing {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("digest.txt"), TEXT).expect("written");
    fs::write(folder.path().join("digest.html"), HTML).expect("written");
    let sender = Sender {
        name: SENDER.into(),
        address: address_of("news@example.org"),
        reply_to: Some(address_of("desk@example.org")),
        postal_address: POSTAL_ADDRESS.into(),
        press_contact: String::new(),
        accent: "#0b5c6b".into(),
    };
    let base_url = "https://news.example.org".parse().expect("url");
    let settings = Settings { templates: Some(folder.path().to_owned()), sender, base_url };
    let renderer = Renderer::new(settings).expect("the templates are sound");
    let draft = sample::digest();
    let rendered = renderer.render(&draft, &sample::list(), Flavour::Live, sample::now());
    let Rendered { subject, message, .. } = rendered.expect("it renders");
    Mailing {
        id: MailingId(1),
        purpose: Purpose::Issue { issue: IssueId(7), list: draft.list },
        lane: Lane::Digest,
        subject,
        message,
        made_at: sample::now(),
        answers: None,
        expires_at: None,
    }
}

fn spliced(template: &Template, case: &Case) -> Vec<u8> {
    let (to, mut bytes) = (address_of(READER), Vec::new());
    let personal = Personal {
        message_id: MESSAGE_ID,
        answers: None,
        to: &to,
        to_name: &case.name,
        leave_address: None,
        slots: &case.slots,
    };
    template.splice(&personal, &mut bytes);
    check_message(&bytes);
    bytes
}

/// The message as one would build it for this reader alone. `text` and `html` hold the marks.
fn whole(mailing: &Mailing, (text, html): &(String, String), case: &Case) -> Vec<u8> {
    let marks = marked();
    let pairs = [
        (&marks.greeting, &case.slots.greeting),
        (&marks.address, &case.slots.address),
        (&marks.leave_url, &case.slots.leave_url),
        (&marks.preferences_url, &case.slots.preferences_url),
        (&marks.web_url, &case.slots.web_url),
    ];
    let fill = |part: &str, form: fn(&str) -> String| {
        pairs.iter().fold(part.to_owned(), |part, (mark, value)| part.replace(mark.as_str(), &form(value)))
    };
    let date = mailing.made_at.to_zoned_datetime(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
    let leave = format!("<{}>", case.slots.leave_url);
    let mut builder = lettre::Message::builder()
        .raw_header(quoted("From", SENDER, "news@example.org"))
        .raw_header(quoted("Reply-To", SENDER, "desk@example.org"))
        .raw_header(to_of(&case.name))
        .subject(mailing.subject.as_str())
        .message_id(Some(format!("<{MESSAGE_ID}>")));
    for (name, value) in [
        ("Date", date.as_str()),
        ("List-Id", "\"Coalition news\" <news.example.org>"),
        ("List-Unsubscribe", &leave),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Post", "NO"),
        ("Precedence", "bulk"),
        ("Feedback-ID", "7:news:digest:exampleorg"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ] {
        builder = with_header(builder, name, value);
    }
    let parts = MultiPart::alternative_plain_html(fill(text, str::to_owned), fill(html, escaped));
    builder.multipart(parts).expect("it can be built").formatted()
}

/// A bare name with a dot, which lettre writes, is an obsolete form (RFC 5322 §4.1) that fails with Python: that one is
/// quoted by hand.
fn to_of(name: &str) -> HeaderValue {
    let name: String = wire::one_line(name).chars().take(120).collect();
    let is_bare = name.contains('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if is_bare {
        return quoted("To", &name, READER);
    }
    let mailbox = Mailbox::new(Some(name).filter(|name| !name.is_empty()), READER.parse().expect("an address"));
    To::from(Mailboxes::from(mailbox)).display()
}

fn quoted(header: &'static str, name: &str, address: &str) -> HeaderValue {
    let value = format!("\"{name}\" <{address}>");
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(header), value.clone(), value)
}

fn with_header(builder: MessageBuilder, name: &str, value: &str) -> MessageBuilder {
    let name = HeaderName::new_from_ascii(name.to_owned()).expect("a name");
    builder.raw_header(HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned()))
}

fn escaped(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    value.replace('"', "&quot;").replace('\'', "&#39;")
}

/// What mail-parser makes of both parts.
fn parts(bytes: &[u8]) -> (String, String) {
    let message = MessageParser::default().parse(bytes).expect("it parses");
    let text = message.body_text(0).expect("text").into_owned();
    (text, message.body_html(0).expect("html").into_owned())
}

/// What mail-parser makes of the headers, in the order of their names.
fn headers(bytes: &[u8]) -> Vec<String> {
    let message: Message<'_> = MessageParser::default().parse(bytes).expect("it parses");
    let mut headers: Vec<String> = message
        .headers()
        .iter()
        .filter(|header| !is_of_the_parts(header.name.as_str()))
        .map(|header| format!("{}: {:?}", header.name.as_str(), header.value))
        .collect();
    headers.sort_unstable();
    headers
}

/// The boundary is another in each.
fn is_of_the_parts(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-type")
}

/// What Python makes of each message, without what is another in each.
fn by_python(messages: &[Vec<u8>]) -> Vec<Value> {
    let question: Vec<String> = messages.iter().map(|message| BASE64.encode(message)).collect();
    let answer = python::answer(include_str!("../fixtures/mail/read.py"), &json!(question));
    let mut read = answer.as_array().expect("a list").clone();
    for (one, message) in read.iter_mut().zip(messages) {
        assert!(one.get("defect").is_none(), "{one}\n{}", String::from_utf8_lossy(message));
        let headers = one["headers"].as_object_mut().expect("headers");
        headers.remove("content-type");
        // Python 3.11 leaves a space between some encoded words of a name, where RFC 2047 §6.2 has none. The name is in
        // `to` as well, without spaces.
        headers.remove("to");
        one["to"][0][0] = without_spaces(one["to"][0][0].as_str().expect("a name")).into();
        for part in one["parts"].as_array_mut().expect("parts") {
            part[1] = part[1].as_str().expect("a text").replace("\r\n", "\n").into();
        }
    }
    read
}

fn without_spaces(name: &str) -> String {
    name.split_whitespace().collect()
}

#[test]
fn a_spliced_message_is_to_every_reader_one_built_whole() {
    let mailing = frozen();
    let template = Template::parse(&mailing, Some(&sample::list()), "example.org").expect("a frozen mailing parses");
    let marked = parts(&spliced(&template, &Case { name: String::new(), slots: marked() }));
    let (mut runner, cases) = (TestRunner::default(), any_case());
    let mut cases: Vec<Case> = (0..CASES).map(|_| cases.new_tree(&mut runner).expect("a case").current()).collect();
    cases[0].name = "r...".to_owned();
    let ours: Vec<Vec<u8>> = cases.iter().map(|case| spliced(&template, case)).collect();
    let built: Vec<Vec<u8>> = cases.iter().map(|case| whole(&mailing, &marked, case)).collect();
    for ((case, ours), built) in cases.iter().zip(&ours).zip(&built) {
        assert_eq!(parts(ours), parts(built), "{case:?}");
        assert_eq!(headers(ours), headers(built), "{case:?}");
    }
    let read = by_python(&[ours, built].concat());
    let (ours, built) = read.split_at(CASES);
    for ((case, ours), built) in cases.iter().zip(ours).zip(built) {
        assert_eq!(ours, built, "{case:?}");
        let shown: String = wire::one_line(&case.name).chars().take(120).collect();
        assert_eq!(ours["to"][0], json!([without_spaces(&shown), READER]), "{case:?}");
    }
}
