//! What templates see: the closed set of names in `templates/README.md`. A draft or notice comes in; a context goes
//! out, with no private-use character in it but those of the slots, and no link that is not http or https.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use super::{
    Flavour, RenderError, Settings, Size,
    calendar::{self, CalendarFile},
    lead,
    notice::{Button, Notice},
    sections, text,
};
use crate::domain::{
    colour,
    issue::{Content, Draft, FollowUp, IssueKind, Remedy, SentAlert},
    list::List,
    mailing::Slot,
    phrases::Phrases,
    post::{Post, StoredPost},
    wire,
};

/// Characters of an excerpt: two or three lines.
const EXCERPT_LENGTH: usize = 280;
/// Characters of an alert's excerpt, when its body is too long to mail.
const LONG_EXCERPT_LENGTH: usize = 1_200;
/// Titles listed after the posts of a digest; the rest are counted.
const MAX_TITLES: usize = 40;

/// Everything of `mail.*`.
#[derive(Serialize)]
struct MailView<'a> {
    kind: &'static str,
    flavour: &'static str,
    language: &'a str,
    direction: &'static str,
    /// The side where lines begin and end, for style sheets: few mail programs know `padding-inline-start`.
    start: &'static str,
    end: &'static str,
    date: String,
    size: &'static str,
}

#[derive(Serialize)]
struct PostView<'a> {
    title: &'a str,
    link: Option<String>,
    excerpt: String,
    body_html: &'a str,
    image: Option<String>,
    image_alt: &'a str,
    categories: &'a [String],
    date: String,
    event: Option<EventView<'a>>,
    rule: Option<&'a str>,
}

#[derive(Serialize)]
struct EventView<'a> {
    when: String,
    place: &'a str,
    file: &'a str,
}

#[derive(Serialize)]
struct SectionView<'a> {
    /// Empty where there is but one.
    title: &'a str,
    posts: Vec<PostView<'a>>,
}

#[derive(Serialize)]
struct AlertView<'a> {
    subject: &'a str,
    link: Option<String>,
    date: String,
}

impl<'a> MailView<'a> {
    fn new(kind: &'static str, flavour: Flavour, language: &'a str, date: String, size: Size) -> Self {
        let direction = direction(language);
        let (start, end) = if direction == "rtl" { ("right", "left") } else { ("left", "right") };
        Self { kind, flavour: flavour.word(), language, direction, start, end, date, size: size.word() }
    }
}

/// The context of an issue at one size.
pub(super) fn issue(
    settings: &Settings,
    draft: &Draft,
    list: &List,
    flavour: Flavour,
    now: Timestamp,
    size: Size,
    files: &[CalendarFile],
) -> Result<tera::Context, RenderError> {
    let zone = &list.time_zone;
    let kind = match draft.kind() {
        IssueKind::Digest => "digest",
        IssueKind::Alert | IssueKind::Drill => "alert",
    };
    let mail = MailView::new(kind, flavour, &list.language, local(now, zone), size);
    let content = match &draft.content {
        Content::Digest { posts, more, alerts } => {
            let titles = more.iter().take(MAX_TITLES);
            let shown = if size == Size::Titles { MAX_TITLES } else { posts.len() };
            let view = |post| post_view(post, list, size, EXCERPT_LENGTH, files);
            let other = &Phrases::of(&list.language).mail.other_posts;
            let sections = sections::gathered(&list.sections, other, &posts[..shown.min(posts.len())]);
            let sections = sections
                .into_iter()
                .map(|(title, posts)| SectionView { title, posts: posts.into_iter().map(view).collect() });
            serde_json::json!({
                "sections": sections.collect::<Vec<_>>(),
                "alerts": alerts.iter().map(|alert| alert_view(alert, zone)).collect::<Vec<_>>(),
                "posts": posts.iter().take(shown).map(view).collect::<Vec<_>>(),
                "more": titles.map(|post| post_view(post, list, Size::Titles, 0, &[])).collect::<Vec<_>>(),
                "hidden": more.len().saturating_sub(MAX_TITLES) + posts.len().saturating_sub(shown),
                "count": posts.len() + more.len(),
            })
        }
        Content::Post(post) => serde_json::json!({
            "origin": "post",
            "post": PostView {
                body_html: if size == Size::Full { lead::without_first_image(&post.post.body_html) } else { "" },
                ..post_view(post, list, size, LONG_EXCERPT_LENGTH, files)
            },
        }),
        Content::Statement(statement) => serde_json::json!({
            "origin": "statement",
            "first": statement.follows.as_ref().map(|follows| first_view(follows, zone)),
            "post": PostView {
                title: &statement.subject,
                link: None,
                excerpt: text::cut(&text::words_of(&statement.body_html), EXCERPT_LENGTH),
                body_html: &statement.body_html,
                image: None,
                image_alt: "",
                categories: &[],
                date: local(statement.written_at, zone),
                event: None,
                rule: None,
            },
        }),
    };
    let list = serde_json::json!({
        "list": { "name": list.name.as_str(), "title": list.title, "has_archive": list.has_archive() },
    });
    context(settings, &mail, [content, list])
}

/// The context of a notice.
pub(super) fn notice(settings: &Settings, notice: &Notice, now: Timestamp) -> Result<tera::Context, RenderError> {
    let language = if notice.language.is_empty() { "en" } else { &notice.language };
    let mail = MailView::new("notice", Flavour::Live, language, local(now, &TimeZone::UTC), Size::Full);
    let mut shown = notice.clone();
    shown.button = shown.button.and_then(|button| web_link(&button.url).map(|url| Button { label: button.label, url }));
    context(settings, &mail, [serde_json::json!({ "notice": shown })])
}

fn context<const N: usize>(
    settings: &Settings,
    mail: &MailView<'_>,
    parts: [Value; N],
) -> Result<tera::Context, RenderError> {
    let sender = &settings.sender;
    let mut whole = serde_json::json!({
        "mail": mail,
        "base_url": settings.base_url.as_str(),
        "phrase": Phrases::of(mail.language).mail,
        "sender": {
            "name": sender.name,
            "address": sender.address.reveal(),
            "postal_address": sender.postal_address,
            "press_contact": sender.press_contact,
            "accent": colour::on_white(&sender.accent),
            "accent_on_dark": colour::on_dark(&sender.accent),
        },
    });
    for part in parts {
        if let (Value::Object(whole), Value::Object(part)) = (&mut whole, part) {
            whole.extend(part);
        }
    }
    strip_private_use(&mut whole);
    tera::Context::from_serialize(&whole).map_err(|error| RenderError::from_tera(&error, "the content"))
}

/// The values of `slot.*`, for the templates of parts. Subjects have none.
pub(super) fn slots() -> Value {
    Slot::ALL.iter().map(|slot| (slot.name().to_owned(), Value::from(wire::placeholder(*slot)))).collect()
}

/// Walks all there is, so that no field can be forgotten.
fn strip_private_use(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|c| !wire::is_private_use(c)),
        Value::Array(values) => values.iter_mut().for_each(strip_private_use),
        Value::Object(fields) => fields.values_mut().for_each(strip_private_use),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The issue that a correction or a withdrawal follows, and what becomes of it.
fn first_view(follows: &FollowUp, zone: &TimeZone) -> Value {
    let (remedy, wrong) = match &follows.remedy {
        Remedy::Correction { wrong } => ("correction", wrong.as_str()),
        Remedy::Withdrawal => ("withdrawal", ""),
    };
    serde_json::json!({
        "subject": follows.subject,
        "date": local(follows.went_at, zone),
        "remedy": remedy,
        "wrong": wrong,
    })
}

fn post_view<'a>(
    stored: &'a StoredPost,
    list: &List,
    size: Size,
    excerpt_length: usize,
    files: &'a [CalendarFile],
) -> PostView<'a> {
    let phrases = Phrases::of(&list.language);
    let post = &stored.post;
    PostView {
        title: if post.title.is_empty() { &phrases.mail.untitled } else { &post.title },
        link: post.link.as_deref().and_then(web_link),
        excerpt: if size == Size::Titles { String::new() } else { text::cut(&summary(post), excerpt_length) },
        body_html: if size == Size::Full { &post.body_html } else { "" },
        image: if size == Size::Titles { None } else { post.image.as_deref().and_then(web_link) },
        image_alt: &post.image_alt,
        categories: &post.categories,
        date: local(stored.date(), &list.time_zone),
        event: event_view(stored, files, phrases),
        rule: stored.verdict.rule.as_ref().map(|rule| rule.as_str()),
    }
}

/// The event that a post announces, when the mail has a file of it.
fn event_view<'a>(stored: &'a StoredPost, files: &'a [CalendarFile], phrases: &Phrases) -> Option<EventView<'a>> {
    let file = files.iter().find(|file| file.post == stored.id)?;
    let event = stored.post.event.as_ref()?;
    Some(EventView { when: calendar::in_words(event, phrases), place: &event.place, file: &file.name })
}

fn alert_view<'a>(alert: &'a SentAlert, zone: &TimeZone) -> AlertView<'a> {
    AlertView {
        subject: &alert.subject,
        link: alert.link.as_deref().and_then(web_link),
        date: local(alert.sent_at, zone),
    }
}

/// The feed's own summary, else the beginning of the body.
fn summary(post: &Post) -> Cow<'_, str> {
    if post.summary.is_empty() { text::words_of(&post.body_html).into() } else { (&post.summary).into() }
}

/// Only http and https, spelt as the URL standard has it: a link of another kind never reaches a template.
pub(super) fn web_link(link: &str) -> Option<String> {
    let parsed = url::Url::parse(link).ok()?;
    matches!(parsed.scheme(), "http" | "https").then(|| parsed.to_string())
}

/// An instant on the calendar of a zone, in the form that the filter `date` reads.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).to_string()
}

/// Which way the language is written, by its first subtag.
fn direction(language: &str) -> &'static str {
    let primary = language.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase();
    match primary.as_str() {
        "ar" | "ckb" | "dv" | "fa" | "he" | "iw" | "ps" | "sd" | "ug" | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

#[cfg(test)]
mod tests {
    use super::{direction, strip_private_use, web_link};

    #[test]
    fn only_web_links_reach_a_template() {
        assert_eq!(web_link("https://example.org/a\"<b>").as_deref(), Some("https://example.org/a%22%3Cb%3E"));
        for bad in ["javascript:alert(1)", "data:text/html,x", "/relative", "", "mailto:a@b.org"] {
            assert_eq!(web_link(bad), None, "{bad}");
        }
    }

    #[test]
    fn content_cannot_forge_a_slot() {
        let mut value = serde_json::json!({ "posts": [{ "title": "\u{E000}leave_url\u{E001}" }] });
        strip_private_use(&mut value);
        assert_eq!(value, serde_json::json!({ "posts": [{ "title": "leave_url" }] }));
    }

    #[test]
    fn arabic_and_hebrew_are_written_from_the_right() {
        assert_eq!(
            [direction("ar-EG"), direction("he"), direction("en-GB"), direction("")],
            ["rtl", "rtl", "ltr", "ltr"]
        );
    }
}
