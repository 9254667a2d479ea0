//! What one Markdown file gives of its post: its link and date, by its front matter or its name, and its text as HTML. What
//! comes in was written by many hands for some generator of sites; what goes out is not cleaned yet.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::Offset,
};
use pulldown_cmark::{Options, Parser, html};

use super::front_matter::FrontMatter;
use crate::{
    collect::{dates, fields::Given, words::Words},
    domain::link_pattern::{LinkPattern, Parts},
};

/// The longest shortcode, in bytes; what is longer is text.
const MAX_SHORTCODE: usize = 500;

/// What the file of that name (the way to it, without an extension) gives of its post.
pub(super) fn found(
    name: &str,
    matter: &FrontMatter,
    date: Option<Timestamp>,
    text: &str,
    links: &LinkPattern,
) -> Given {
    let slug = matter.slug.0.as_deref().unwrap_or_else(|| short_name(name).1);
    let day = date.map(|date| Offset::UTC.to_datetime(date).date());
    let own = matter.address().and_then(|address| links.given(address));
    let link = own.or_else(|| links.link(Parts { slug, path: path_of(name), date: day }));
    let text = without_shortcodes(text);
    let excerpt = match matter.summary() {
        Some(summary) => Some(html_of(summary)),
        None => text.split_once("<!--more-->").map(|(before, _)| html_of(before)),
    };
    let picture = matter.picture().and_then(|(address, alt)| {
        let url = link.as_ref().map_or_else(|| links.given(address), |link| link.join(address).ok());
        Some((url?.into(), html_escaped(alt)))
    });
    Given {
        id: matter.id().unwrap_or_default().to_owned(),
        title: matter.title.0.as_deref().map(|title| Words::html(html_escaped(title))),
        links: link.map(String::from).into_iter().collect(),
        text: Some(Words::html(html_of(&text))),
        excerpt: excerpt.map(Words::html),
        pictures: picture.into_iter().collect(),
        categories: matter.categories(),
        published_at: date,
        base: None,
    }
}

/// The date that a file gives, or its name does.
pub(super) fn date(matter: &FrontMatter, name: &str) -> Option<Timestamp> {
    let given = matter.date.0.as_deref().and_then(dates::read);
    given.or_else(|| Offset::UTC.to_timestamp(short_name(name).0?.to_datetime(Time::midnight())).ok())
}

/// The date and the short name that are in a file's name, such as `2024-04-25-title`.
fn short_name(name: &str) -> (Option<Date>, &str) {
    let own = path_of(name).rsplit('/').next().unwrap_or_default();
    let day = own.get(..10).and_then(|day| day.parse::<Date>().ok());
    match (day, own.get(10..).and_then(|rest| rest.strip_prefix('-'))) {
        (Some(day), Some(rest)) if !rest.is_empty() => (Some(day), rest),
        _ => (None, own),
    }
}

/// The way to a post's page: a post that has a folder for itself is `index` there.
fn path_of(name: &str) -> &str {
    name.strip_suffix("/index").unwrap_or(name)
}

/// The HTML of a post's Markdown; HTML in it stays, for it is cleaned like a feed's.
fn html_of(markdown: &str) -> String {
    let mut made = String::new();
    html::push_html(&mut made, Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH));
    made
}

/// Plain text as HTML.
fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Takes out what only the site's generator can fill in: `{{< … >}}`, `{{ … }}`, `{% … %}`.
fn without_shortcodes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, code) = rest.split_at(at);
        kept.push_str(before);
        let end = match code.as_bytes().get(1) {
            Some(b'{') => Some("}}"),
            Some(b'%') => Some("%}"),
            _ => None,
        };
        let near = &code.as_bytes()[..code.len().min(MAX_SHORTCODE)];
        match end.and_then(|end| memchr::memmem::find(near, end.as_bytes())) {
            Some(end) => rest = &code[end + 2..],
            None => {
                kept.push('{');
                rest = &code[1..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{short_name, without_shortcodes};

    #[test]
    fn a_files_name_may_hold_its_date() {
        for (name, day, slug) in [
            ("2024-04-25-a-title", Some("2024-04-25"), "a-title"),
            ("news/2024-04-25-a-title/index", Some("2024-04-25"), "a-title"),
            ("news/a-title", None, "a-title"),
            ("2024-04-25", None, "2024-04-25"),
            ("2024-13-25-x", None, "2024-13-25-x"),
            ("où-2024-04-25", None, "où-2024-04-25"),
            ("index", None, "index"),
        ] {
            let (found, rest) = short_name(name);
            assert_eq!((found.map(|day| day.to_string()).as_deref(), rest), (day, slug), "{name}");
        }
    }

    #[test]
    fn shortcodes_go_and_braces_stay() {
        let text = "a {{< figure src=\"x\" >}}b{% include y %} c {{ site.url }}/d {x} {{ open {% e";
        assert_eq!(without_shortcodes(text), "a b c /d {x} {{ open {% e");
        assert_eq!(without_shortcodes(&"{{".repeat(100_000)).len(), 200_000);
    }
}
