//! What mails and notices say by themselves, in each language: the tables below `templates/phrases`, embedded. A
//! language tag comes in, its phrases go out; a language that has none gets the English ones. Values are filled into a
//! phrase as they are: who writes HTML escapes them afterwards.

use std::sync::LazyLock;

use jiff::{ZonedDateTime, fmt::strtime};
use serde::{Deserialize, Serialize};

/// The languages, English first: each a tag and its table.
const TABLES: [(&str, &str); 4] = [
    ("en", include_str!("../../templates/phrases/en.toml")),
    ("fr", include_str!("../../templates/phrases/fr.toml")),
    ("es", include_str!("../../templates/phrases/es.toml")),
    ("lo", include_str!("../../templates/phrases/lo.toml")),
];

static LANGUAGES: LazyLock<Vec<(&str, Phrases)>> = LazyLock::new(|| {
    let read = |table| toml::from_str(table).expect("the embedded tables are tested");
    TABLES.iter().map(|(tag, table)| (*tag, read(table))).collect()
});

/// All phrases of a language. A table that lacks one, or has one too many, is no table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrases {
    plural: Plural,
    /// Names of months and days, and how dates are written.
    pub dates: Dates,
    /// When digests come; `None` where `Schedule::describe` says it better.
    pub schedule: Option<ScheduleWords>,
    /// What the templates of mails say.
    pub mail: MailPhrases,
    /// What notices to readers say.
    pub notice: NoticePhrases,
}

/// From which number on a language says "many".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Plural {
    /// All but 1, as in English.
    FromTwo,
    /// All but 0 and 1, as in French.
    AboveOne,
    /// The noun never changes, as in Lao.
    Never,
}

/// A phrase that depends on a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// For one thing; where there is none, as for many.
    pub one: Option<String>,
    /// For many.
    pub other: String,
}

/// How dates are written. The formats are those of strftime, with `%A`, `%B` and `%-d` in the language's own words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dates {
    /// A day: "25 April 2024".
    pub date: String,
    /// A day with its weekday: "Thursday 25 April 2024".
    pub day: String,
    /// The first of a month, "1er" in French.
    first: String,
    months: [String; 12],
    /// Monday first.
    weekdays: [String; 7],
}

/// Declares tables of phrases, so that each is a field and a name in the file, and is told to templates by that name.
macro_rules! phrases {
    ($(#[$about:meta])* $table:ident: $($name:ident),* $(,)?; $($counted:ident),* $(,)?) => {
        $(#[$about])*
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "each phrase stands in `templates/phrases/en.toml`")]
        pub struct $table {
            $(pub $name: String,)*
            $(pub $counted: Counted,)*
        }
    };
}

phrases! {
    /// When digests come, in short.
    ScheduleWords: daily, weekly, monthly, at_set_times, zone;
}

phrases! {
    /// What the templates of mails say: `phrase.NAME` there.
    MailPhrases: labelled, headed, breaking, untitled, read_more, read_statement, add_to_calendar, press_contact, also_new, other_posts, why_digest,
    why_alert, withdrawn, correction, we_withdraw, we_sent, withdrawal, not_right, this_is_right, takes_the_place,
    why_correction, sent_to, choose, leave, on_the_web, greeting, greeting_by_name;
    sent_as_alerts, and_more, more_on_site
}

phrases! {
    /// What notices to readers say.
    NoticePhrases: confirm_subject, confirm_who, confirm_please, confirm_by_answer, confirm_not_you, confirm_button,
    already_subject, already_who, already_where, welcome_subject, welcome_thanks, welcome_links, goodbye_subject,
    goodbye_done, goodbye_mistake, leave_subject, leave_who, leave_by_answer, leave_not_you, leave_button, help_subject,
    help_who, help_leave, help_by_mail, help_button, digest, digest_and_alerts, alerts;
}

impl Phrases {
    /// The phrases of a language, by the first part of its tag: `fr-CA` is French.
    pub fn of(tag: &str) -> &'static Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let found = LANGUAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(primary));
        &found.unwrap_or(&LANGUAGES[0]).1
    }

    /// The form of a phrase for so many things.
    pub fn counted<'a>(&self, phrase: &'a Counted, count: u64) -> &'a str {
        let is_one = match self.plural {
            Plural::FromTwo => count == 1,
            Plural::AboveOne => count <= 1,
            Plural::Never => false,
        };
        phrase.one.as_deref().filter(|_| is_one).unwrap_or(&phrase.other)
    }
}

impl Dates {
    /// A date by a format of strftime: `%A` and `%B` are the language's names of weekday and month.
    ///
    /// # Errors
    /// When the format is none.
    pub fn write(&self, date: &ZonedDateTime, format: &str) -> Result<String, jiff::Error> {
        let mut format = format.replace("%A", self.weekday(date.weekday().to_monday_zero_offset()));
        format = format.replace("%B", &self.months[(date.month().unsigned_abs() as usize - 1) % 12]);
        if date.day() == 1 {
            format = format.replace("%-d", &self.first);
        }
        strtime::format(format, date)
    }

    /// The name of a weekday, counted from Monday, which is 0.
    pub fn weekday(&self, from_monday: i8) -> &str {
        &self.weekdays[usize::from(from_monday.unsigned_abs()) % 7]
    }
}

/// The phrase with each `{name}` replaced by its value. A name without a value stays as it is, and so does what looks
/// like one within a value.
pub fn fill(phrase: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(phrase.len());
    let mut rest = phrase;
    while let Some((before, name, after)) = next_name(rest) {
        filled.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The names that a phrase wants to be filled with, in its order.
pub fn names_in(phrase: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), phrase);
    while let Some((_, name, after)) = next_name(rest) {
        names.push(name);
        rest = after;
    }
    names
}

fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, inner) = text.split_once('{')?;
    let (name, after) = inner.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::ZonedDateTime;
    use toml::{Table, Value};

    use super::{Phrases, TABLES, fill, names_in};

    /// Every text of a table, by its name.
    fn texts(value: &Value, path: &str, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Table(table) => {
                table.iter().for_each(|(name, value)| texts(value, &format!("{path}.{name}"), found))
            }
            Value::String(text) => drop(found.insert(path.to_owned(), text.clone())),
            _ => {}
        }
    }

    fn texts_of(table: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        texts(&Value::Table(table.parse::<Table>().expect("TOML")), "", &mut found);
        found
    }

    #[test]
    fn every_language_has_every_phrase_with_the_same_names_in_it() {
        let english = texts_of(TABLES[0].1);
        for (tag, table) in TABLES {
            // That none is missing is seen when the tables are read.
            assert!(Phrases::of(tag).schedule.is_some() != (tag == "en"), "{tag}");
            for (path, text) in texts_of(table) {
                assert!(!text.trim().is_empty(), "{tag}{path} is empty");
                let Some(meant) = english.get(&path) else { continue };
                let (mut names, mut wanted) = (names_in(&text), names_in(meant));
                names.sort_unstable();
                wanted.sort_unstable();
                assert_eq!(names, wanted, "{tag}{path}: {text}");
                // What is nothing but names, and how numbers stand in dates, may well be the same.
                let blanks: Vec<_> = names_in(&text).into_iter().map(|name| (name, "")).collect();
                let has_words = fill(&text, &blanks).contains(char::is_alphabetic);
                let is_form = !has_words || path.starts_with(".dates") || path == ".plural";
                assert!(tag == "en" || is_form || text != *meant, "{tag}{path} is the English: {text}");
            }
        }
    }

    #[test]
    fn a_language_is_known_by_the_first_part_of_its_tag() {
        for (tag, more) in [
            ("fr", "Lire la suite"),
            ("fr-CA", "Lire la suite"),
            ("ES", "Leer más"),
            ("lo", "ອ່ານຕໍ່"),
            ("ar", "Read more"),
            ("", "Read more"),
        ] {
            assert_eq!(Phrases::of(tag).mail.read_more, more, "{tag}");
        }
    }

    #[test]
    fn each_language_counts_its_own_way() {
        let said = |tag: &str, count| {
            let phrases = Phrases::of(tag);
            let phrase = phrases.counted(&phrases.mail.more_on_site, count);
            fill(phrase, &[("count", &count.to_string())])
        };
        assert_eq!(said("fr", 0), "Et 0 autre sur notre site.");
        assert_eq!(said("fr", 1), "Et 1 autre sur notre site.");
        assert_eq!(said("fr", 2), "Et 2 autres sur notre site.");
        assert_eq!(said("en", 1), "And 1 more on our site.");
        assert!(said("lo", 1).contains("ອີກ 1 ເລື່ອງ"));
    }

    #[test]
    fn dates_are_written_in_the_language() {
        let date: ZonedDateTime = "2024-08-01T11:00[America/New_York]".parse().expect("a date");
        let written = |tag: &str| {
            let dates = &Phrases::of(tag).dates;
            dates.write(&date, &dates.day).expect("a format")
        };
        assert_eq!(written("en"), "Thursday 1 August 2024");
        assert_eq!(written("fr"), "jeudi 1er août 2024");
        assert_eq!(written("es"), "jueves 1 de agosto de 2024");
        assert_eq!(written("lo"), "ວັນພະຫັດ 1 ສິງຫາ 2024");
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        assert_eq!(fill("{a}, {b} {c} {", &[("a", "{b}"), ("b", "x")]), "{b}, x {c} {");
        assert_eq!(names_in("{a}, {b} {"), ["a", "b"]);
    }
}
