//! A form as a browser sends it: fields by name, in order. Bytes come in; texts go out. It judges nothing.

use url::form_urlencoded;

/// More fields than any of our forms has.
const MOST: usize = 1_000;

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`: a body, or a query.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().take(MOST).collect())
    }

    /// The first field of that name, without blanks around it; empty when there is none.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default().trim()
    }

    /// The same, as it was typed: blanks may belong to a password.
    pub(super) fn exactly<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every field of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// True when there is a field of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn fields_are_read_as_they_were_typed() {
        let form = Form::read(b"address=+ana%2Bx%40example.org+&list=news&list=alerts&list=&x");
        assert_eq!(form.one("address"), "ana+x@example.org");
        assert_eq!(form.all("list").collect::<Vec<_>>(), ["news", "alerts", ""]);
        assert!(form.has("x") && !form.has("y"));
        assert_eq!((form.one("x"), form.one("y")), ("", ""));
        assert_eq!(Form::read(&b"a=1&".repeat(5_000)).all("a").count(), 1_000);
    }
}
