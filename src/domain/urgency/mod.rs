//! Urgent rules: which posts are breaking. A post, the rules and the time come in; a verdict with its reason goes out.
//! It decides nothing about whether a post is news at all: that is the judge's.

mod markup;
mod pattern;

use jiff::{SignedDuration, Timestamp};

use super::{
    post::{Post, Urgency, Verdict},
    slug::Slug,
    span,
};
pub use pattern::{PatternError, WordPattern};
use pattern::{Words, fold};

/// A rule of `[[urgent]]`: a post is breaking when one of the words is in one of the fields, or when it has one of the
/// categories; but not when it has a word of `unless`, nor when it is too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrgentRule {
    /// Its short name, shown in verdicts and subjects.
    pub name: Slug,
    /// What to look for.
    pub words: Vec<WordPattern>,
    /// Where to look for `words` and `unless`.
    pub fields: Vec<Field>,
    /// Names of categories that make a post breaking by themselves, in any case.
    pub categories: Vec<String>,
    /// What must not be in the fields, nor in the title.
    pub unless: Vec<WordPattern>,
    /// Matching posts older than this are not breaking. One without a date counts as new.
    pub max_age: SignedDuration,
}

/// A part of a post in which a rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The title.
    Title,
    /// The summary.
    Summary,
    /// The text of the body.
    Body,
    /// The names of the categories.
    Categories,
}

impl Field {
    /// Every field, in the order in which errors and help name them.
    pub const ALL: [Self; 4] = [Self::Title, Self::Summary, Self::Body, Self::Categories];

    /// The word for it, as in config.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Summary => "summary",
            Self::Body => "body",
            Self::Categories => "categories",
        }
    }

    /// The field of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// What a rule makes of a post.
enum Finding {
    Nothing,
    /// It matches, but something speaks against it; the text says all.
    Spared(String),
    Breaking(String),
}

/// Breaking when any rule says so; the first that does gives the reason. Else routine, and the reason tells of rules
/// that would have matched.
pub fn judge_urgency(post: &Post, rules: &[UrgentRule], now: Timestamp) -> Verdict {
    let read = Read::of(post, rules);
    let mut spared = Vec::new();
    for rule in rules {
        match rule.look_at(post, &read, now) {
            Finding::Breaking(reason) => {
                return Verdict { urgency: Urgency::Breaking, rule: Some(rule.name.clone()), reason };
            }
            Finding::Spared(reason) => spared.push(reason),
            Finding::Nothing => {}
        }
    }
    let reason = if spared.is_empty() { "no urgent rule matches".into() } else { spared.join("; ") };
    Verdict { urgency: Urgency::Routine, rule: None, reason }
}

impl UrgentRule {
    fn look_at(&self, post: &Post, read: &Read, now: Timestamp) -> Finding {
        let name = &self.name;
        let Some(evidence) = self.word_in(read).or_else(|| self.category_of(post)) else { return Finding::Nothing };
        if let Some((word, field)) = self.excluded_by(read) {
            let place = field.name();
            return Finding::Spared(format!(
                "rule `{name}` matches {evidence}, but “{word}” in the {place} (`unless`) excludes it"
            ));
        }
        let age = post.published_at.map(|published| now.duration_since(published));
        match age.filter(|age| *age > self.max_age) {
            Some(age) => Finding::Spared(format!(
                "rule `{name}` matches {evidence}, but the post is {} old (max_age {})",
                span::in_words(age),
                span::written(self.max_age)
            )),
            None => Finding::Breaking(format!("rule `{name}`: {evidence}")),
        }
    }

    fn word_in(&self, read: &Read) -> Option<String> {
        let fields = self.fields.iter().copied();
        let (word, field) = read.find(&self.words, fields)?;
        Some(format!("“{word}” in the {}", field.name()))
    }

    /// The category as the rule spells it, since the feed's spelling may hold anything.
    fn category_of(&self, post: &Post) -> Option<String> {
        let of_post: Vec<String> = post.categories.iter().map(|category| fold(category.trim())).collect();
        let wanted = self.categories.iter().find(|category| of_post.contains(&fold(category.trim())))?;
        Some(format!("the category “{wanted}”"))
    }

    fn excluded_by(&self, read: &Read) -> Option<(String, Field)> {
        let fields = self.fields.iter().copied().filter(|field| *field != Field::Title);
        read.find(&self.unless, std::iter::once(Field::Title).chain(fields))
    }
}

/// A post's texts cut into words, once for all rules. Categories are texts of their own, so that no phrase spans two.
struct Read(Vec<(Field, Words)>);

impl Read {
    fn of(post: &Post, rules: &[UrgentRule]) -> Self {
        let wanted = |field: Field| field == Field::Title || rules.iter().any(|rule| rule.fields.contains(&field));
        let mut texts = Vec::new();
        for field in Field::ALL.into_iter().filter(|field| wanted(*field)) {
            match field {
                Field::Title => texts.push((field, Words::of(&post.title))),
                Field::Summary => texts.push((field, Words::of(&post.summary))),
                Field::Body => texts.push((field, Words::of(&markup::text(&post.body_html)))),
                Field::Categories => texts.extend(post.categories.iter().map(|name| (field, Words::of(name)))),
            }
        }
        Self(texts)
    }

    fn find(&self, patterns: &[WordPattern], fields: impl Iterator<Item = Field>) -> Option<(String, Field)> {
        for field in fields {
            for (_, words) in self.0.iter().filter(|(of, _)| *of == field) {
                if let Some(word) = patterns.iter().find_map(|pattern| pattern.find_in(words)) {
                    return Some((word, field));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
