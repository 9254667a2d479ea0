//! Rendering and the splice, from a draft to one reader's message: what it says, how it looks to a parser, and what
//! hostile content and broken templates come to. Every message goes through the checker.

mod clients;
mod events;
mod languages;
mod lists;
mod pictures;
mod side_by_side;
mod spam;

use std::{fs, path::PathBuf, sync::LazyLock};

use jiff::{Timestamp, tz::TimeZone};
use mail_parser::MessageParser;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::world::check::{Checked, POSTAL_ADDRESS, check_message};
use tidings::{
    compose,
    deliver::message::{Personal, Template, TemplateError},
    domain::{
        address::EmailAddress,
        delivery::Lane,
        issue::{Content, Draft, IssueId},
        list::List,
        mailing::{Mailing, MailingId, Purpose, Rendered, SlotValues},
        post::{PostId, StoredPost},
        sender::Sender,
        wire,
    },
    render::{Flavour, Notice, RenderError, Renderer, Settings, markdown_to_html, sample},
};

fn renderer(templates: Option<PathBuf>) -> Result<Renderer, RenderError> {
    let sender = Sender {
        name: "Example Coalition".into(),
        address: address("news@example.org"),
        reply_to: Some(address("desk@example.org")),
        postal_address: format!("{POSTAL_ADDRESS}, Washington, DC 20001"),
        press_contact: "press desk, +1 202 555 0100".into(),
        accent: "#0b5c6b".into(),
    };
    Renderer::new(Settings { templates, sender, base_url: "https://news.example.org".parse().expect("url") })
}

fn ours() -> Renderer {
    renderer(None).expect("the built-in templates are sound")
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("address")
}

fn slots() -> SlotValues {
    SlotValues {
        greeting: "Hello,".into(),
        address: "reader@example.net".into(),
        leave_url: "https://news.example.org/leave/abcdefghijklmnopqrstuvwxyz234567".into(),
        preferences_url: String::new(),
        web_url: String::new(),
    }
}

fn live(draft: &Draft) -> Rendered {
    ours().render(draft, &sample::list(), Flavour::Live, sample::now()).expect("it renders")
}

fn mailing(rendered: &Rendered, draft: Option<&Draft>) -> Mailing {
    let purpose = draft.map(|draft| Purpose::Issue { issue: IssueId(7), list: draft.list.clone() });
    Mailing {
        id: MailingId(1),
        purpose: purpose.unwrap_or(Purpose::Notice),
        lane: Lane::Digest,
        subject: rendered.subject.clone(),
        message: rendered.message.clone(),
        made_at: sample::now(),
        expires_at: None,
        answers: None,
    }
}

fn splice(mailing: &Mailing, list: &List, to: &EmailAddress, to_name: &str, slots: &SlotValues) -> Vec<u8> {
    let template = Template::parse(mailing, Some(list), "example.org").expect("a frozen mailing parses");
    let leave_address = address("news+leave@example.org");
    let mut bytes = Vec::new();
    let personal = Personal {
        message_id: "7.1@example.org",
        answers: None,
        to,
        to_name,
        leave_address: Some(&leave_address),
        slots,
    };
    template.splice(&personal, &mut bytes);
    bytes
}

/// As one reader gets it, checked.
fn received(rendered: &Rendered, draft: Option<&Draft>) -> Checked {
    let bytes = splice(&mailing(rendered, draft), &sample::list(), &address("reader@example.net"), "Ana", &slots());
    check_message(&bytes)
}

/// A folder with one template of the site's own.
fn folder(name: &str, template: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(name), template).expect("written");
    folder
}

/// The sample digest with its newest post changed.
fn changed(change: impl FnOnce(&mut StoredPost)) -> Draft {
    let mut draft = sample::digest();
    if let Content::Digest { posts, .. } = &mut draft.content {
        change(&mut posts[0]);
    }
    draft
}

#[test]
fn the_text_of_a_digest_reads_well_in_a_terminal() {
    let draft = sample::digest();
    let checked = received(&live(&draft), Some(&draft));
    assert_eq!(checked.subject, "Twelfth meeting of states parties closes in Geneva, and 3 more | Coalition news");
    insta::assert_snapshot!(checked.text);
}

#[test]
fn the_text_of_an_alert_holds_the_whole_statement() {
    let draft = sample::alert();
    let checked = received(&live(&draft), Some(&draft));
    assert_eq!(checked.subject, "Condemnation: Coalition condemns fifth transfer of cluster munitions");
    insta::assert_snapshot!(checked.text);
}

#[test]
fn a_statement_by_staff_keeps_the_subject_they_wrote() {
    let statement =
        compose::statement("Statement on Tuesday’s transfer", markdown_to_html("Stop *now*."), sample::now());
    let draft = compose::manual_alert(&sample::list(), statement, "k".into());
    let checked = received(&live(&draft), Some(&draft));
    assert_eq!(checked.subject, "Statement on Tuesday’s transfer");
    assert!(checked.html.contains("<em>now</em>"), "{}", checked.html);
}

#[test]
fn a_breaking_post_of_no_named_rule_is_called_breaking() {
    let mut draft = sample::alert();
    if let Content::Post(post) = &mut draft.content {
        post.verdict.rule = None;
    }
    assert!(received(&live(&draft), Some(&draft)).subject.starts_with("Breaking: Coalition condemns"));
}

#[test]
fn a_notice_carries_no_header_of_a_list() {
    let rendered = ours().notice(&sample::notice(), sample::now()).expect("it renders");
    let checked = received(&rendered, None);
    assert!(checked.headers.keys().all(|name| !name.starts_with("list-")), "{:?}", checked.headers);
    insta::assert_snapshot!(checked.text);
    let bare = Notice { subject: "Held".into(), ..Notice::default() };
    received(&ours().notice(&bare, sample::now()).expect("it renders"), None);
}

#[test]
fn a_test_says_so_in_its_subject_and_in_both_parts() {
    for draft in [sample::digest(), sample::alert(), sample::manual_alert()] {
        let rendered = ours().render(&draft, &sample::list(), Flavour::Test, sample::now()).expect("it renders");
        let checked = received(&rendered, Some(&draft));
        assert!(checked.subject.starts_with("[Test] "), "{}", checked.subject);
        assert!(
            checked.text.contains("TEST: not sent to readers") && checked.html.contains("TEST: not sent to readers")
        );
        assert!(!live(&draft).message.contains("TEST"));
    }
}

#[test]
fn a_drill_says_so_in_its_subject_and_in_both_parts() {
    let rendered = ours().render(&sample::manual_alert(), &sample::list(), Flavour::Drill, sample::now());
    let checked = received(&rendered.expect("it renders"), None);
    assert!(checked.subject.starts_with("[Drill] "), "{}", checked.subject);
    assert!(checked.text.contains("DRILL: staff only") && checked.html.contains("DRILL: staff only"));
    assert!(!live(&sample::manual_alert()).message.contains("DRILL"));
}

#[test]
fn a_correction_says_what_was_wrong_and_then_what_is_right() {
    for (draft, subject, in_order) in [
        (
            sample::correction(),
            "Correction: The strike was in the northern district",
            &["we sent you “Statement on", "named the wrong district.", "This is right:", "**northern** district."][..],
        ),
        (
            sample::withdrawal(),
            "Withdrawn: Statement on the reported use of cluster munitions near a market",
            &["We withdraw “Statement on", "Please do not rely on it", "has been taken back by its author."],
        ),
    ] {
        let checked = received(&live(&draft), Some(&draft));
        assert_eq!(checked.subject, subject);
        assert!(!checked.html.contains("b3261e"), "red is for a live alert alone");
        let words = checked.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut from = 0;
        for part in in_order {
            let at = words[from..].find(part).unwrap_or_else(|| panic!("{part} is not behind the others in {words}"));
            from += at + part.len();
        }
    }
}

#[test]
fn the_alarm_red_is_for_live_alerts_only() {
    let html = |draft: Draft, flavour| {
        let rendered = ours().render(&draft, &sample::list(), flavour, sample::now()).expect("it renders");
        received(&rendered, Some(&draft)).html
    };
    assert!(html(sample::alert(), Flavour::Live).contains("color: #b3261e"));
    for flavour in [Flavour::Test, Flavour::Drill] {
        assert!(!html(sample::alert(), flavour).contains("color: #b3261e"));
    }
    assert!(!html(sample::digest(), Flavour::Live).contains("b3261e"));
}

#[test]
fn what_a_title_holds_is_shown_and_never_obeyed() {
    let hostile = "<script>alert(1)</script> \"Q&A\": ICRC’s view\"";
    let draft = changed(|post| {
        post.post.title = hostile.into();
        post.post.summary = "<img src=x onerror=alert(1)>".into();
        post.post.image_alt = "x\" onmouseover=\"alert(1)\"><script>".into();
        post.post.categories = vec!["<b>".into()];
        post.post.link = Some("javascript:alert(1)".into());
        post.post.image = Some("https://example.org/\"><script>".into());
    });
    let checked = received(&live(&draft), Some(&draft));
    for bad in ["<script", "<img src=\"x\"", "<b>", "javascript:", "\" onmouseover"] {
        assert!(!checked.html.contains(bad), "{bad} in {}", checked.html);
    }
    assert!(checked.subject.starts_with("<script>alert(1)</script> \"Q&A\": ICRC’s view"), "{}", checked.subject);
    assert!(checked.text.contains("\"Q&A\": ICRC’s view"), "{}", checked.text);
}

#[test]
fn a_title_cannot_add_a_header() {
    let draft = changed(|post| post.post.title = "News\r\nBcc: all@example.org\r\n\r\nbody =?utf-8?q?=0D=0A?=".into());
    let checked = received(&live(&draft), Some(&draft));
    assert!(!checked.headers.contains_key("bcc"));
    assert!(checked.subject.starts_with("News Bcc: all@example.org body = ?utf-8"), "{}", checked.subject);
}

#[test]
fn content_cannot_forge_a_slot() {
    let mut draft = sample::alert();
    if let Content::Post(post) = &mut draft.content {
        post.post.title = "\u{E000}leave_url\u{E001} ={leave_url.text}".into();
        post.post.body_html = "<p>\u{E000}address\u{E001} and ={address.html}</p>".into();
    }
    let bytes = splice(&mailing(&live(&draft), Some(&draft)), &sample::list(), &address("r@example.net"), "", &slots());
    let leaves = String::from_utf8_lossy(&bytes).matches("abcdefghijklmnopqrstuvwxyz234567").count();
    assert_eq!(leaves, 3, "one header and one link in each part");

    if let Content::Post(post) = &mut draft.content {
        post.post.body_html = "<p>&#xE000;leave_url&#xE001;</p>".into();
    }
    let refused = ours().render(&draft, &sample::list(), Flavour::Live, sample::now());
    assert!(matches!(refused, Err(RenderError::Slot { .. })), "{refused:?}");
}

#[test]
fn dates_are_those_of_the_lists_calendar() {
    let late: Timestamp = "2024-04-24T03:00:00Z".parse().expect("timestamp");
    let draft = changed(|post| post.post.published_at = Some(late));
    let mut list = sample::list();
    for (zone, date) in
        [(TimeZone::get("America/New_York").expect("zone"), "23 April 2024"), (TimeZone::UTC, "24 April 2024")]
    {
        list.time_zone = zone;
        let rendered = ours().render(&draft, &list, Flavour::Live, sample::now()).expect("it renders");
        assert!(received(&rendered, Some(&draft)).text.contains(&format!("Geneva\n{}\n{date}", "-".repeat(50))));
    }
}

#[test]
fn styles_are_inlined_and_the_dark_ones_stay() {
    let html = received(&live(&sample::digest()), Some(&sample::digest())).html;
    assert!(html.contains("@media (prefers-color-scheme: dark)"), "{html}");
    assert!(html.contains("<h2 class=\"headline\" style=\"font-family: Georgia"), "{html}");
    assert!(html.find("<meta charset=\"utf-8\">").is_some_and(|at| at < 1_024), "{html}");
    assert!(html.contains("<!--[if mso]>"));
    assert!(!html.contains("http-equiv") && !html.contains("<link"), "it loads nothing");
}

#[test]
fn the_same_draft_gives_the_same_bytes() {
    assert_eq!(live(&sample::digest()).message, live(&sample::digest()).message);
    assert_ne!(live(&sample::digest()).message, live(&sample::alert()).message);
}

#[test]
fn a_large_alert_is_cut_to_its_excerpt_and_the_ledger_is_told() {
    for paragraphs in [4_000, 100_000] {
        let mut draft = sample::alert();
        if let Content::Post(post) = &mut draft.content {
            post.post.body_html = "<p>A very long statement.</p>".repeat(paragraphs);
        }
        let rendered = live(&draft);
        assert_eq!(rendered.notes, ["cut to excerpts to stay under 100 KB"]);
        let checked = received(&rendered, Some(&draft));
        assert!(checked.html.len() < 100_000 && checked.html.contains("in the strongest terms"));
        assert!(checked.html.contains("https://example.org/fifth-transfer/"));
    }
}

#[test]
fn an_alert_without_a_page_on_the_site_is_never_cut() {
    let mut draft = sample::alert();
    if let Content::Post(post) = &mut draft.content {
        post.post.link = None;
        post.post.body_html = "<p>A very long statement.</p>".repeat(4_000);
    }
    let rendered = live(&draft);
    assert!(rendered.notes[0].ends_with("some mail programs will hide its end"), "{:?}", rendered.notes);
    assert_eq!(rendered.message.replace("=\r\n", "").matches("A very long statement.</p>").count(), 4_000);
}

#[test]
fn a_post_without_a_summary_shows_how_its_body_begins() {
    let draft = changed(|post| {
        post.post.summary = String::new();
        post.post.body_html = "<p>The <b>first</b> words &amp; more.</p>".into();
    });
    assert!(received(&live(&draft), Some(&draft)).text.contains("\nThe first words & more.\n"));
}

#[test]
fn a_huge_digest_is_cut_to_titles_and_counts_the_rest() {
    let posts: Vec<_> = (0..500)
        .map(|id| {
            let Content::Post(mut post) = sample::alert().content else { panic!("the sample alert is a post") };
            post.id = PostId(id);
            post.post.title = format!("Report {id}");
            *post
        })
        .collect();
    let mut list = sample::list();
    list.max_posts = 450;
    let compose::Composed::Draft(draft) =
        compose::digest(&list, posts, Vec::new(), "2024-04-25T09:00:00".parse().expect("slot"))
    else {
        panic!("there are enough posts")
    };
    let rendered = ours().render(&draft, &list, Flavour::Live, sample::now()).expect("it renders");
    assert_eq!(rendered.notes, ["cut to titles to stay under 100 KB"]);
    let checked = received(&rendered, Some(&draft));
    assert!(checked.html.len() < 100_000);
    assert!(checked.text.contains("And 420 more on our site."), "{}", checked.text);
    assert!(checked.subject.contains(", and 499 more"), "{}", checked.subject);
}

#[test]
fn a_long_subject_is_cut_at_a_word() {
    let draft = changed(|post| post.post.title = "resolution ".repeat(60));
    let subject = received(&live(&draft), Some(&draft)).subject;
    assert!(subject.chars().count() <= 90, "{subject}");
    assert!(subject.starts_with("resolution resolution") && subject.contains("resolution… and 3 more"), "{subject}");
    let draft = changed(|post| post.post.title = "x".repeat(2_000));
    received(&live(&draft), Some(&draft));
}

#[test]
fn the_sites_template_replaces_ours_file_by_file() {
    let text = "{% extends \"builtin/digest.txt\" %}{% block footer %}Made by us.\n{{ super() }}{% endblock footer %}";
    let site = folder("digest.txt", text);
    let renderer = renderer(Some(site.path().to_owned())).expect("sound");
    assert_eq!(renderer.check(), []);
    let draft = sample::digest();
    let rendered = renderer.render(&draft, &sample::list(), Flavour::Live, sample::now()).expect("it renders");
    let checked = received(&rendered, Some(&draft));
    assert!(checked.text.contains("-- \nMade by us.\nYou get this"), "{}", checked.text);
    assert!(checked.html.contains("Read more"));
}

#[test]
fn the_sites_base_serves_our_pages_too() {
    let site = folder(
        "base.txt",
        "{% block content %}{% endblock content %}\nOURS 1 Example Street\n{% block footer %}{% endblock %}",
    );
    let renderer = renderer(Some(site.path().to_owned())).expect("sound");
    let rendered =
        renderer.render(&sample::alert(), &sample::list(), Flavour::Live, sample::now()).expect("it renders");
    assert!(received(&rendered, Some(&sample::alert())).text.contains("OURS"));
}

#[test]
fn a_missing_name_is_reported_with_file_line_and_the_names_that_exist() {
    let site = folder("digest.txt", "Hello\n{% for post in posts %}\n{{ post.titel }}{% endfor %}");
    let renderer = renderer(Some(site.path().to_owned())).expect("its syntax is sound");
    let refused = renderer.render(&sample::digest(), &sample::list(), Flavour::Live, sample::now());
    let message = refused.expect_err("refused").to_string();
    assert!(message.starts_with("template `digest.txt`, line 3: "), "{message}");
    for name in ["titel", "title", "link", "excerpt", "body_html", "rule"] {
        assert!(message.contains(name), "{name} in {message}");
    }
    assert_eq!(renderer.check().len(), 1, "and the check finds it: {:?}", renderer.check());
}

#[test]
fn a_syntax_error_is_found_when_templates_are_read() {
    let site = folder("alert.html", "<p>\n{{ post.title | shout }}");
    let message = renderer(Some(site.path().to_owned())).err().expect("refused").to_string();
    assert!(message.contains("`alert.html`, line 2") && message.contains("shout"), "{message}");
    assert!(renderer(Some("/nowhere/at/all".into())).is_err());
}

#[test]
fn a_slot_stands_in_parts_only_and_passes_no_filter() {
    for (file, template, word) in [
        ("digest.subject.txt", "{{ slot.leave_url }}", "slot"),
        ("digest.txt", "{{ slot.leave_url | upper }}", "LEAVE_URL"),
        ("digest.txt", "{{ slot.unsubscribe }}", "unsubscribe"),
    ] {
        let site = folder(file, template);
        let problems = renderer(Some(site.path().to_owned())).expect("sound").check();
        assert!(problems[0].to_string().contains(word), "{problems:?}");
    }
}

#[test]
fn a_template_that_writes_without_end_or_nothing_is_stopped() {
    let loops =
        "{% for a in range(end=10000) %}{% for b in range(end=10000) %}{{ slot.address }}{% endfor %}{% endfor %}";
    for (template, is_expected) in [
        (loops, (|error| matches!(error, RenderError::TooLarge { .. })) as fn(&RenderError) -> bool),
        ("  \n", |error| matches!(error, RenderError::Empty(_))),
    ] {
        let site = folder("digest.txt", template);
        let renderer = renderer(Some(site.path().to_owned())).expect("sound");
        let error = renderer.render(&sample::digest(), &sample::list(), Flavour::Live, sample::now());
        let error = error.expect_err("refused");
        assert!(is_expected(&error), "{error}");
    }
}

#[test]
fn our_own_templates_have_no_fault() {
    assert_eq!(ours().check(), []);
}

#[test]
fn an_address_beyond_ascii_stands_in_to_as_it_is() {
    let mailing = mailing(&live(&sample::alert()), Some(&sample::alert()));
    let to = address("añá@example.net");
    for name in ["", "Añá"] {
        let bytes = splice(&mailing, &sample::list(), &to, name, &slots());
        assert!(check_message(&bytes).headers["to"].contains("añá@example.net"));
    }
}

#[test]
fn a_damaged_mailing_is_refused() {
    let whole = mailing(&live(&sample::alert()), Some(&sample::alert()));
    for (message, expected) in [
        ("Subject: x\r\n".to_owned(), TemplateError::NoBody),
        (whole.message.replacen("\r\n", "\n", 1), TemplateError::NotCanonical),
        (whole.message.replace("Coalition", "Cöalition"), TemplateError::NotCanonical),
        (whole.message.replace("={leave_url.", "={leave."), TemplateError::UnknownMark("={leave.text}=".into())),
    ] {
        let damaged = Mailing { message, ..whole.clone() };
        assert_eq!(Template::parse(&damaged, None, "example.org").err(), Some(expected));
    }
}

/// What a reader's program shows of both parts.
fn parts(bytes: &[u8]) -> (String, String) {
    let message = MessageParser::default().parse(bytes).expect("it parses");
    let text = message.body_text(0).expect("text").into_owned();
    (text, message.body_html(0).expect("html").into_owned())
}

fn escaped(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    value.replace('"', "&quot;").replace('\'', "&#39;")
}

/// An alert, frozen once.
static FROZEN: LazyLock<Mailing> = LazyLock::new(|| mailing(&live(&sample::alert()), Some(&sample::alert())));

fn any_value() -> impl Strategy<Value = String> {
    let character = prop_oneof![any::<char>(), proptest::char::range(' ', '~'), Just('='), Just(' '), Just('.')];
    proptest::collection::vec(character.prop_filter("no control characters", |c| !c.is_control()), 0..300)
        .prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The oracle is lettre, which builds the same message whole.
    #[test]
    fn a_spliced_message_says_the_same_as_one_built_whole(
        address_shown in any_value(),
        path in "[a-z0-9/?=&%.-]{1,300}",
        name in any_value(),
    ) {
        let (list, to) = (sample::list(), address("reader@example.net"));
        let named = SlotValues { address: "@ADDRESS@".into(), leave_url: "https://LEAVE/".into(), ..slots() };
        let (text, html) = parts(&splice(&FROZEN, &list, &to, "", &named));
        let values = SlotValues { address: address_shown, leave_url: format!("https://e.org/{path}"), ..slots() };
        let fill = |part: &str, form: fn(&str) -> String| {
            part.replace("@ADDRESS@", &form(&values.address)).replace("https://LEAVE/", &form(&values.leave_url))
        };
        let whole = lettre::Message::builder()
            .from("news@example.org".parse().expect("mailbox"))
            .to("reader@example.net".parse().expect("mailbox"))
            .multipart(lettre::message::MultiPart::alternative_plain_html(
                fill(&text, str::to_owned),
                fill(&html, escaped),
            ))
            .expect("built");

        let spliced = splice(&FROZEN, &list, &to, &name, &values);
        prop_assert_eq!(parts(&spliced), parts(&whole.formatted()));
        check_message(&spliced);
    }

    #[test]
    fn any_name_makes_one_valid_to(name in any::<String>()) {
        let bytes = splice(&FROZEN, &sample::list(), &address("reader@example.net"), &name, &slots());
        check_message(&bytes);
        let message = MessageParser::default().parse(&bytes).expect("it parses");
        let to = message.to().and_then(|to| to.first()).expect("one address");
        prop_assert_eq!(to.address(), Some("reader@example.net"));
        let shown: String = wire::one_line(&name).chars().take(120).collect();
        prop_assert_eq!(to.name().unwrap_or(""), shown.trim());
    }
}
