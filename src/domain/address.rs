//! An e-mail address, parsed once at the border. Text comes in from people, files and mail; what goes out is an
//! address whose `Display` and `Debug` are masked, so that no log can leak it. It never asks the DNS.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A mailbox that can be written to over SMTP: the local part as typed, the domain in lower-case A-labels
/// (RFC 5890), within the limits of RFC 5321 §4.5.3.1. Two addresses are the same when they differ only in case.
#[derive(Clone)]
pub struct EmailAddress {
    text: String,
    at: usize,
}

/// Why a text is not an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing before or after the `@`, or no `@`.
    #[error("not an e-mail address (expected name@example.org)")]
    Malformed,
    /// A control character or a space where none may be.
    #[error("an e-mail address may not hold spaces or control characters")]
    BadCharacter,
    /// Beyond RFC 5321 §4.5.3.1: 64 octets before the `@`, 254 in all.
    #[error("an e-mail address may have 64 octets before the @ and 254 in all")]
    TooLong,
    /// The domain has no dot, is an IP literal, or is not a valid international name.
    #[error("the part after the @ is not a domain name")]
    BadDomain,
}

impl EmailAddress {
    /// Reads one address, without a display name.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(AddressError::BadCharacter);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Malformed)?;
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Malformed);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::BadDomain)?;
        if !domain.contains('.') || domain.ends_with('.') {
            return Err(AddressError::BadDomain);
        }
        if local.len() > 64 || local.len() + 1 + domain.len() > 254 {
            return Err(AddressError::TooLong);
        }
        let text = format!("{local}@{domain}");
        lettre::Address::from_str(&text).map_err(|_| AddressError::Malformed)?;
        Ok(Self { at: local.len(), text })
    }

    /// The address itself, for the store, the envelope, the message and the export; nowhere else.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The part before the `@`, as typed.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// The part after the `@`, in lower-case A-labels.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The address without what stands behind a `+` in its local part: most mail systems put all of these into one mailbox.
    pub fn without_tag(&self) -> Self {
        let local = self.local().split('+').next().unwrap_or_default();
        Self::parse(&format!("{local}@{}", self.domain())).unwrap_or_else(|_| self.clone())
    }

    /// What makes two addresses one and the same: the whole in lower case.
    pub fn key(&self) -> String {
        self.text.to_lowercase()
    }

    /// True when the local part needs SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local().is_ascii()
    }
}

/// A text of another system without addresses, for such texts are logged, shown and mailed: `known` is masked as everywhere,
/// any other is left out.
pub fn without_addresses(text: &str, known: Option<&EmailAddress>) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let known = known.map(|known| (known.text.to_ascii_lowercase(), known.to_string()));
    let is_part = |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '(' | ')' | '"' | ',' | ';' | ':');
    let mut shown = String::new();
    for piece in text.split_inclusive(|c| !is_part(c)) {
        let word = piece.trim_end_matches(|c| !is_part(c));
        // Lower-casing ASCII moves no byte, so places found in the one are places in the other.
        let place = known.as_ref().and_then(|(address, mask)| {
            word.to_ascii_lowercase().find(address).map(|at| (at, at + address.len(), mask))
        });
        match place {
            Some((from, to, mask)) => shown.extend([&word[..from], mask, &word[to..]]),
            None if word.contains('@') => shown.push('…'),
            None => shown.push_str(word),
        }
        shown.push_str(&piece[word.len()..]);
    }
    shown
}

/// A text of another system without who it is about, for what is written down about many and outlives each: no addresses,
/// and neither the address's local part nor the name where they stand as words of their own.
pub fn without_person(text: &str, address: &EmailAddress, name: &str) -> String {
    let tagless = address.local().split('+').next().unwrap_or_default();
    let named = [address.local(), tagless, name.trim()];
    let text = without_addresses(text, None);
    named.into_iter().filter(|name| name.chars().count() > 1).fold(text, |text, name| without_word(&text, name))
}

/// A text without each place where `name` stands by itself, in any case of ASCII.
fn without_word(text: &str, name: &str) -> String {
    let (lower, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let is_inside = |c: char| c.is_alphanumeric();
    let (mut kept, mut from) = (String::new(), 0);
    for (at, _) in lower.match_indices(&name) {
        let end = at + name.len();
        let is_part = lower[..at].chars().next_back().is_some_and(is_inside)
            || lower[end..].chars().next().is_some_and(is_inside);
        if !is_part {
            kept.push_str(&text[from..at]);
            kept.push('…');
            from = end;
        }
    }
    kept + &text[from..]
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.local().chars().next().unwrap_or('*');
        let suffix = self.domain().rsplit('.').next().unwrap_or("");
        let domain = self.domain().chars().next().unwrap_or('*');
        write!(f, "{first}***@{domain}***.{suffix}")
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for EmailAddress {}

/// Serialized masked as well: JSON output goes to logs and terminals.
impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, EmailAddress, without_person};

    #[test]
    fn an_address_keeps_its_local_part_and_lowers_its_domain() {
        let address = EmailAddress::parse(" Ana.Reader@Example.ORG ").expect("valid");
        assert_eq!(address.reveal(), "Ana.Reader@example.org");
        for (text, bare) in [("ana+1@example.org", "ana@example.org"), ("+x@example.org", "+x@example.org")] {
            assert_eq!(EmailAddress::parse(text).expect("an address").without_tag().reveal(), bare);
        }
        assert_eq!(address.key(), "ana.reader@example.org");
        assert_eq!(address, EmailAddress::parse("ANA.reader@example.org").expect("valid"));
    }

    #[test]
    fn what_is_said_of_a_person_can_be_kept_without_who_it_is() {
        let ana = EmailAddress::parse("Ana.Lopez+news@example.org").expect("valid");
        for (said, kept) in [
            ("<ana.lopez+news@example.org>: over quota", "<…>: over quota"),
            ("mailbox of ANA.LOPEZ is full (Ana Lopez)", "mailbox of … is full (…)"),
            ("user ana.lopez+news, ana.lopezz, xana.lopez", "user …, ana.lopezz, xana.lopez"),
            ("ana lopez", "…"),
            ("é Ana Lopez é", "é … é"),
            ("blocked by a list", "blocked by a list"),
        ] {
            assert_eq!(without_person(said, &ana, "Ana Lopez"), kept);
        }
        assert_eq!(without_person("a b", &EmailAddress::parse("a@b.example").expect("valid"), ""), "a b");
    }

    #[test]
    fn an_international_domain_becomes_a_labels_and_only_the_local_part_needs_smtputf8() {
        let address = EmailAddress::parse("ana@exämple.org").expect("valid");
        assert_eq!(address.domain(), "xn--exmple-cua.org");
        assert!(!address.needs_smtputf8());
        assert!(EmailAddress::parse("añá@example.org").expect("valid").needs_smtputf8());
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for (text, error) in [
            ("", AddressError::Malformed),
            ("ana", AddressError::Malformed),
            ("@example.org", AddressError::Malformed),
            ("ana@", AddressError::Malformed),
            ("a..b@example.org", AddressError::Malformed),
            ("<ana@example.org>", AddressError::BadDomain),
            ("ana@localhost", AddressError::BadDomain),
            ("ana@[127.0.0.1]", AddressError::BadDomain),
            ("ana@example.org.", AddressError::BadDomain),
            ("ana@example.org\r\nBcc: all@example.org", AddressError::BadCharacter),
            ("ana b@example.org", AddressError::BadCharacter),
        ] {
            assert_eq!(EmailAddress::parse(text).err(), Some(error), "{text:?}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        assert_eq!(EmailAddress::parse(&long).err(), Some(AddressError::TooLong));
    }

    #[test]
    fn an_address_prints_masked() {
        let address = EmailAddress::parse("ana@example.org").expect("valid");
        assert_eq!(format!("{address} {address:?}"), "a***@e***.org a***@e***.org");
        assert_eq!(serde_json::to_string(&address).expect("json"), "\"a***@e***.org\"");
    }
}
