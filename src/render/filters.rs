//! The filters that templates have besides Tera's own: `date`, `cut`, `wrap`, `underline`, `label`, `plain`. Each
//! takes a text and gives a text; Tera escapes what they give in HTML.

use jiff::{ZonedDateTime, fmt::strtime};
use tera::{Error, Kwargs, State, Tera, TeraResult};

use super::text;

/// Makes the filters known. Must come before any template is added.
pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("date", date);
    tera.register_filter("cut", cut);
    tera.register_filter("wrap", wrap);
    tera.register_filter("underline", underline);
    tera.register_filter("label", |slug: &str, _: Kwargs, _: &State| label(slug));
    tera.register_filter("plain", |html: &str, _: Kwargs, _: &State| text::from_html(html).map_err(Error::message));
}

/// `{{ post.date | date }}`: "25 April 2024" on the list's calendar. `format` is that of strftime.
fn date(value: &str, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let format = kwargs.get::<&str>("format")?.unwrap_or("%-d %B %Y");
    let date: ZonedDateTime = value.parse().map_err(|_| Error::message(format!("`{value}` is not a date")))?;
    strtime::format(format, &date).map_err(|error| Error::message(format!("the date format `{format}`: {error}")))
}

/// `{{ post.title | cut(length=60) }}`: at most so many characters, cut at a word's end.
fn cut(value: &str, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    Ok(text::cut(value, kwargs.must_get("length")?))
}

/// `{{ post.excerpt | wrap }}`: lines of at most 72 characters, or of `width`.
fn wrap(value: &str, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    Ok(text::wrap(value, kwargs.get("width")?.unwrap_or(text::WIDTH)))
}

/// `{{ post.title | wrap | underline }}`: a rule of `-`, or of `with`, below.
fn underline(value: &str, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    Ok(text::underline(value, kwargs.get("with")?.unwrap_or("-")))
}

/// `{{ post.rule | label }}`: a rule's name as a word, "arms-transfer" as "Arms transfer".
fn label(slug: &str) -> String {
    let words = slug.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
