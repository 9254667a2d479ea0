//! `[[dkim]]`: the keys that sign messages.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{
    mistake::{Position, Problem},
    section::{Section, Value},
};
use crate::domain::{
    dkim::{self, DkimKey, KeyError, PrivateKey, Selector},
    sender::Sender,
};

/// How a person gets a key that will do.
const MAKE_ONE: &str = "make one with `tidings dkim new`";

/// Reads `[[dkim]]`. Several keys may sign at once: RSA and Ed25519, and the old and the new one while they change.
pub(super) fn keys(top: &mut Section<'_, '_>, sender: Option<&Sender>) -> Vec<DkimKey> {
    let mut taken = BTreeMap::new();
    top.sections("dkim").into_iter().filter_map(|section| key(section, &mut taken, sender)).collect()
}

fn key(
    mut section: Section<'_, '_>,
    taken: &mut BTreeMap<Selector, usize>,
    sender: Option<&Sender>,
) -> Option<DkimKey> {
    let selector = section.required("selector", |value| value.selector(taken));
    let key = section.required("key", Value::private_key);
    let sender = sender.map(|sender| sender.address.domain());
    let domain = section.optional("domain", |value| value.signing_domain(sender));
    section.finish();
    let domain = domain.or_else(|| sender.map(str::to_owned));
    Some(DkimKey { selector: selector?, domain: domain?, key: key? })
}

impl Value<'_, '_> {
    fn selector(&self, taken: &mut BTreeMap<Selector, usize>) -> Result<Selector, Problem> {
        let selector = Selector::parse(self.text()?).map_err(|error| {
            Problem::new(error).hint("write letters, digits and hyphens, such as \"t1\" or \"2024-11\"")
        })?;
        if let Some(first) = taken.get(&selector) {
            return Err(Problem::new(format!("the selector `{selector}` is taken already, on line {first}"))
                .hint("each key has a record of its own, so give this one another selector"));
        }
        taken.insert(selector.clone(), Position::of(self.source.text, self.span.start).line);
        Ok(selector)
    }

    fn private_key(&self) -> Result<PrivateKey, Problem> {
        let text = self.secret()?;
        PrivateKey::from_pem(text.expose_secret()).map_err(|error| {
            let hint = match error {
                KeyError::Locked => "unlock it with `openssl pkey`, or make one with `tidings dkim new`",
                KeyError::Public => "name the file that begins with `-----BEGIN PRIVATE KEY-----`",
                _ => MAKE_ONE,
            };
            Problem::new(error).hint(hint)
        })
    }

    /// A domain whose signature counts for the sender's.
    fn signing_domain(&self, sender: Option<&str>) -> Result<String, Problem> {
        let none = || Problem::new("not a domain name").hint("write it bare, such as \"example.org\"");
        let domain = dkim::signing_domain(self.text()?).ok_or_else(none)?;
        match sender {
            Some(sender) if !dkim::is_aligned(&domain, sender) => {
                let problem = format!("does not speak for the sender's domain `{sender}`");
                Err(Problem::new(problem).hint("write that domain or one above it, or take this line out"))
            }
            _ => Ok(domain),
        }
    }
}
