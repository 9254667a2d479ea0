//! Single values: texts, numbers, durations, sizes, addresses, URLs and paths, each as the domain's own type. A
//! value that will not do gives a problem that says what was expected, and quotes nothing that may be a secret.

use std::{net::IpAddr, path::PathBuf};

use jiff::SignedDuration;
use toml::de::DeValue;
use url::{Host, Url};

use super::{mistake::Problem, section::Value};
use crate::domain::{
    address::EmailAddress,
    slug::Slug,
    span::{self, quantity},
};

/// The longest duration that makes sense here: ten years.
const LONGEST: i64 = 3650 * 86_400;

impl Value<'_, '_> {
    /// Any text.
    pub(super) fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.expected("a text").hint("put it in double quotes")),
        }
    }

    /// One line of text, without control characters; it may be empty.
    pub(super) fn line(&self) -> Result<String, Problem> {
        let text = self.text()?.trim();
        if text.chars().any(char::is_control) {
            return Err(Problem::new("holds a line break or another control character").hint("write it on one line"));
        }
        if text.chars().count() > 500 {
            return Err(Problem::new("is longer than 500 characters"));
        }
        Ok(text.to_owned())
    }

    /// One line of text with something in it.
    pub(super) fn words(&self) -> Result<String, Problem> {
        let line = self.line()?;
        if line.is_empty() { Err(Problem::new("is empty")) } else { Ok(line) }
    }

    /// The short name of something.
    pub(super) fn slug(&self) -> Result<Slug, Problem> {
        Slug::parse(self.text()?).map_err(Problem::new)
    }

    /// An e-mail address without a display name.
    pub(super) fn address(&self) -> Result<EmailAddress, Problem> {
        EmailAddress::parse(self.text()?).map_err(Problem::new)
    }

    /// True or false, as one of two things with names of their own.
    pub(super) fn either<T>(&self, when_true: T, when_false: T) -> Result<T, Problem> {
        match self.value {
            DeValue::Boolean(true) => Ok(when_true),
            DeValue::Boolean(false) => Ok(when_false),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count(&self, least: usize, most: usize) -> Result<usize, Problem> {
        let DeValue::Integer(number) = &self.value else { return Err(self.expected("a whole number")) };
        let number = usize::from_str_radix(number.as_str(), number.radix()).ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Problem::new(format!("expected a whole number from {least} to {most}")))
    }

    /// A duration longer than nothing: a whole number with s, m, h or d.
    pub(super) fn duration(&self) -> Result<SignedDuration, Problem> {
        match self.duration_or_none()? {
            SignedDuration::ZERO => Err(Problem::new("a duration must be longer than nothing")),
            duration => Ok(duration),
        }
    }

    /// A duration that may be nothing.
    pub(super) fn duration_or_none(&self) -> Result<SignedDuration, Problem> {
        const HINT: &str = "write a whole number with s, m, h or d, such as \"90s\", \"10m\", \"48h\" or \"30d\"";
        let DeValue::String(text) = &self.value else { return Err(self.expected("a duration").hint(HINT)) };
        match span::read(text).ok_or_else(|| Problem::new("not a duration").hint(HINT))? {
            duration if duration.as_secs() <= LONGEST => Ok(duration),
            _ => Err(Problem::new("a duration may not be longer than 3650d")),
        }
    }

    /// A number of bytes.
    pub(super) fn size(&self) -> Result<u64, Problem> {
        const HINT: &str = "write a whole number with B, KB, MB, GB (thousands) or KiB, MiB, GiB (1024s)";
        let DeValue::String(text) = &self.value else { return Err(self.expected("a size").hint(HINT)) };
        let (number, unit) = quantity(text).ok_or_else(|| Problem::new("not a size").hint(HINT))?;
        let bytes: u64 = match unit.to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return Err(Problem::new("not a size").hint(HINT)),
        };
        match number.checked_mul(bytes) {
            Some(0) => Err(Problem::new("a size must be more than nothing")),
            Some(size) if size <= 1 << 40 => Ok(size),
            _ => Err(Problem::new("a size may not be more than 1024GiB")),
        }
    }

    /// A URL of the web, with a host and without a name or password in it.
    pub(super) fn web_url(&self) -> Result<Url, Problem> {
        let text = self.text()?;
        let url = Url::parse(text).map_err(|error| {
            Problem::new(format!("not a URL: {error}")).hint("write it whole, such as \"https://news.example.org\"")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Problem::new(format!("expected an http or https URL, found `{}:`", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Problem::new("a URL may not hold a user name or password: URLs are shown in logs"));
        }
        Ok(url)
    }

    /// A path, relative to the folder of the file that names it.
    pub(super) fn path(&self) -> Result<PathBuf, Problem> {
        let text = self.text()?;
        if text.trim().is_empty() || text.contains('\0') {
            return Err(Problem::new("expected a path"));
        }
        Ok(self.source.resolve(text))
    }

    /// A path of a folder that is there.
    pub(super) fn folder(&self) -> Result<PathBuf, Problem> {
        let path = self.path()?;
        if path.is_dir() {
            return Ok(path);
        }
        Err(Problem::new(format!("there is no folder `{}`", path.display()))
            .hint("make it, or take this line out to have the default"))
    }
}

/// True for this machine's own names and addresses.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// A host name or IP address, the latter with or without brackets.
pub(super) fn host(text: &str) -> Option<String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    match Host::parse(text).ok()? {
        Host::Domain(name) if !name.is_empty() => Some(name),
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(ip.to_string()),
        Host::Ipv6(ip) => Some(ip.to_string()),
    }
}

/// A number and what follows it.
#[cfg(test)]
mod tests {
    use super::{host, is_loopback};

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_more() {
        assert_eq!(host("smtp.example.org").as_deref(), Some("smtp.example.org"));
        assert_eq!(host("mail_relay").as_deref(), Some("mail_relay"));
        assert_eq!(host("[::1]").as_deref(), Some("::1"));
        assert_eq!(host("::1").as_deref(), Some("::1"));
        for bad in ["", "smtp.example.org:25", "smtp://example.org", "a b", "a/b", "user@example.org", "a\r\nb"] {
            assert_eq!(host(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for here in
            ["localhost", "LOCALHOST.", "smtp.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["10.0.0.1", "localhost.example.org", "0.0.0.0", "example.org"] {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
