//! The filters that templates have besides Tera's own: `date`, `fill`, `cut`, `wrap`, `underline`, `label`, `plain`.
//! Each takes a text (`fill` also a phrase that depends on a number) and gives a text; Tera escapes what they give in
//! HTML.

use jiff::ZonedDateTime;
use tera::{Error, Kwargs, Map, State, Tera, TeraResult, Value};

use super::text;
use crate::domain::phrases::{Counted, Phrases, fill, names_in};

/// Makes the filters known. Must come before any template is added.
pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("date", date);
    tera.register_filter("fill", filled);
    tera.register_filter("cut", cut);
    tera.register_filter("wrap", wrap);
    tera.register_filter("underline", underline);
    tera.register_filter("label", |slug: &str, _: Kwargs, _: &State| label(slug));
    tera.register_filter("plain", |html: &str, _: Kwargs, _: &State| text::from_html(html).map_err(Error::message));
}

/// `{{ post.date | date }}`: "25 April 2024" on the list's calendar, in its language. `format` is that of strftime.
fn date(value: &str, kwargs: Kwargs, state: &State) -> TeraResult<String> {
    let dates = &phrases(state)?.dates;
    let format = kwargs.get::<&str>("format")?.unwrap_or(&dates.date);
    let date: ZonedDateTime = value.parse().map_err(|_| Error::message(format!("`{value}` is not a date")))?;
    dates.write(&date, format).map_err(|error| Error::message(format!("the date format `{format}`: {error}")))
}

/// `{{ phrase.sent_to | fill(address=slot.address) }}`: the phrase with its `{address}` filled in. One that depends on a
/// number takes its form from `count`.
fn filled(phrase: &Value, kwargs: Kwargs, state: &State) -> TeraResult<String> {
    let counted;
    let phrase = match phrase.as_str() {
        Some(phrase) => phrase,
        None => {
            let forms = phrase.as_map().ok_or_else(|| Error::message("this is no phrase"))?;
            let form = |name: &'static str| forms.get(&name.into()).and_then(Value::as_str).map(str::to_owned);
            counted = Counted { one: form("one"), other: form("other").unwrap_or_default() };
            phrases(state)?.counted(&counted, kwargs.must_get("count")?)
        }
    };
    let values: Vec<(String, String)> =
        kwargs.iter().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value.to_string()))).collect();
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match names_in(phrase).into_iter().find(|name| values.iter().all(|(known, _)| known != name)) {
        Some(name) => Err(Error::message(format!("the phrase “{phrase}” wants `{name}`"))),
        None => Ok(fill(phrase, &values)),
    }
}

/// The phrases of the mail's language.
fn phrases(state: &State) -> TeraResult<&'static Phrases> {
    let mail = state.get::<Map>("mail")?.unwrap_or_default();
    Ok(Phrases::of(mail.get(&"language".into()).and_then(Value::as_str).unwrap_or_default()))
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
