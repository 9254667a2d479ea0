//! One table of the file, whose keys are taken one by one; what is left at the end was not known. A mistake is
//! written down and reading goes on, so that all of them are told at once.

use std::{collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    mistake::{Position, Problem},
    source::Source,
};
use crate::domain::slug::Slug;

/// A table of the file.
pub(super) struct Section<'s, 'i> {
    pub(super) source: &'s Source<'i>,
    key: String,
    span: Option<Range<usize>>,
    table: DeTable<'i>,
    known: Vec<&'static str>,
}

/// One value of the file, with its full key and its place.
pub(super) struct Value<'s, 'i> {
    pub(super) source: &'s Source<'i>,
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: DeValue<'i>,
}

/// What names stand for in one array of tables: each only once.
#[derive(Default)]
pub(super) struct Names(BTreeMap<Slug, usize>);

impl<'s, 'i> Section<'s, 'i> {
    /// The whole file.
    pub(super) fn top(source: &'s Source<'i>, table: DeTable<'i>) -> Self {
        Self { source, key: String::new(), span: None, table, known: Vec::new() }
    }

    /// A table that stands as a value, such as `{ env = "NAME" }`.
    pub(super) fn of(value: &Value<'s, 'i>) -> Option<Self> {
        let DeValue::Table(table) = &value.value else { return None };
        Some(Self {
            source: value.source,
            key: value.key.clone(),
            span: Some(value.span.clone()),
            table: table.clone(),
            known: Vec::new(),
        })
    }

    /// The value of a key, when the key is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'s, 'i>> {
        self.known.push(key);
        let found = self.table.remove(key)?;
        Some(Value { source: self.source, key: self.path(key), span: found.span(), value: found.into_inner() })
    }

    /// The value of a key as `read` understands it; `None` when the key is absent or its value will not do.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'s, 'i>) -> Result<T, Problem>,
    ) -> Option<T> {
        self.take(key)?.read(read)
    }

    /// The same with a default for a key that is absent.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'s, 'i>) -> Result<T, Problem>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// The same for a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'s, 'i>) -> Result<T, Problem>,
    ) -> Option<T> {
        let Some(value) = self.take(key) else {
            self.mistake(key, Problem::new("missing; it has no default"));
            return None;
        };
        value.read(read)
    }

    /// The table `[key]`; an empty one when it is absent.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let path = self.path(key);
        if let Some(value) = self.take(key) {
            if let Some(section) = Self::of(&value) {
                return section;
            }
            let inner = format!("write `{key} = {{ … }}`");
            let hint = if self.key.is_empty() { format!("write `[{key}]` on a line of its own") } else { inner };
            value.mistake(value.expected("a section").hint(hint));
        }
        Self { source: self.source, key: path, span: None, table: DeTable::new(), known: Vec::new() }
    }

    /// The tables `[[key]]`, in their order.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let hint = format!("write `[[{key}]]` above each");
        let DeValue::Array(items) = value.value else {
            value.mistake(value.expected("an array of sections").hint(hint));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (nth, item) in items.into_iter().enumerate() {
            let item = Value::item(self.source, &value.key, nth, item);
            match Self::of(&item) {
                Some(section) => sections.push(section),
                None => item.mistake(item.expected("a section").hint(hint.clone())),
            }
        }
        sections
    }

    /// The `name` of one of several, which no other of them may have.
    pub(super) fn name(&mut self, names: &mut Names) -> Option<Slug> {
        let value = self.take("name");
        let Some(value) = value else {
            self.mistake("name", Problem::new("missing; it has no default"));
            return None;
        };
        let name = value.read(Value::slug)?;
        let line = Position::of(self.source.text, value.span.start).line;
        if let Some(first) = names.0.get(&name) {
            value.mistake(Problem::new(format!("the name `{name}` is taken already, on line {first}")));
        } else {
            names.0.insert(name.clone(), line);
        }
        Some(name)
    }

    /// Notes a mistake about a key of this section that is absent.
    pub(super) fn mistake(&self, key: &str, problem: Problem) {
        self.source.mistake(&self.path(key), self.span.clone(), problem);
    }

    /// Notes something unwise about this section.
    pub(super) fn warn(&self, key: &str, problem: Problem) {
        self.source.warn(&self.path(key), self.span.clone(), problem);
    }

    /// Reports every key that nobody took. Each section ends with this.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let mut problem = Problem::new("unknown key").suggest(key.get_ref(), self.known.iter().copied());
            if !self.key.is_empty() && super::TOP_KEYS.contains(&key.get_ref().as_ref()) {
                problem = problem.hint("this key stands above the first `[section]`");
            }
            self.source.mistake(&self.path(key.get_ref()), Some(key.span()), problem);
        }
    }

    fn path(&self, key: &str) -> String {
        let key = key.escape_debug();
        if self.key.is_empty() { key.to_string() } else { format!("{}.{key}", self.key) }
    }
}

impl Names {
    /// True when something has that name.
    pub(super) fn contains(&self, name: &Slug) -> bool {
        self.0.contains_key(name)
    }

    /// All names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(Slug::as_str)
    }
}

impl<'s, 'i> Value<'s, 'i> {
    /// The value as `read` understands it; a problem is noted, with the key and the place.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Self) -> Result<T, Problem>) -> Option<T> {
        read(self).map_err(|problem| self.mistake(problem)).ok()
    }

    /// Each item of an array as `read` understands it; items that will not do are noted and left out.
    pub(super) fn each<T>(&self, read: impl Fn(&Self) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
        let DeValue::Array(items) = &self.value else {
            return Err(self.expected("an array").hint("write `[\"…\", \"…\"]`"));
        };
        let items = items.iter().cloned().enumerate();
        Ok(items.filter_map(|(nth, item)| Self::item(self.source, &self.key, nth, item).read(&read)).collect())
    }

    /// True for `[]`.
    pub(super) fn is_empty_array(&self) -> bool {
        matches!(&self.value, DeValue::Array(items) if items.is_empty())
    }

    /// Notes a mistake about this value.
    pub(super) fn mistake(&self, problem: Problem) {
        self.source.mistake(&self.key, Some(self.span.clone()), problem);
    }

    /// Notes something unwise about this value.
    pub(super) fn warn(&self, problem: Problem) {
        self.source.warn(&self.key, Some(self.span.clone()), problem);
    }

    /// The problem of a value of the wrong type. The value itself is not quoted: it may be a secret.
    pub(super) fn expected(&self, wanted: &str) -> Problem {
        let found = match &self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a section",
        };
        Problem::new(format!("expected {wanted}, found {found}"))
    }

    fn item(source: &'s Source<'i>, key: &str, nth: usize, item: Spanned<DeValue<'i>>) -> Self {
        Self { source, key: format!("{key}[{nth}]"), span: item.span(), value: item.into_inner() }
    }
}
