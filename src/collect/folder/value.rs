//! The values of front matter, read leniently: a number or a date is a text where a text is wanted, one text is a list of
//! one, and what is of no use is nothing. What a reader of YAML or TOML hands on comes in; texts go out.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// How TOML's reader hands on a date.
const TOML_DATE: &str = "$__toml_private_datetime";

/// A text, whatever it looks like to the reader: a number, a date, a truth. Nothing when it is a list or a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<String>);

/// One text or several.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

/// The address of a picture, or a table with that and what it shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Picture {
    /// Where it is.
    pub(super) address: Option<String>,
    /// What it shows.
    pub(super) alt: Option<String>,
}

/// One scalar as text, a list, or a table of scalars.
enum Value {
    Nothing,
    Text(String),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whatever)
    }
}

struct Whatever;

impl<'de> Visitor<'de> for Whatever {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = entries.next_key()? {
            match key {
                Value::Text(key) => table.push((key, entries.next_value()?)),
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        match &mut table[..] {
            [(key, date)] if key == TOML_DATE => Ok(std::mem::replace(date, Value::Nothing)),
            _ => Ok(Value::Table(table)),
        }
    }
}

impl Value {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(value.text()))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::List(list) => list.into_iter().filter_map(Value::text).collect(),
            // Several in one text have commas between them.
            value => {
                let text = value.text().unwrap_or_default();
                text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
            }
        }))
    }
}

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Table(table) => {
                let mut picture = Self::default();
                for (key, value) in table {
                    match key.as_str() {
                        "path" | "src" | "url" | "image" => picture.address = value.text(),
                        "alt" => picture.alt = value.text(),
                        _ => {}
                    }
                }
                picture
            }
            Value::List(list) => Self { address: list.into_iter().find_map(Value::text), alt: None },
            value => Self { address: value.text(), alt: None },
        })
    }
}
