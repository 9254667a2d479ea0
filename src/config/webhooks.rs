//! `[[webhooks]]`: the house's own systems that are told of what happens here, and what each is told.

use secrecy::ExposeSecret;
use url::Url;

use super::{
    mistake::Problem,
    section::{Names, Section, Value},
    value::is_loopback,
};
use crate::domain::{
    list::List,
    slug::Slug,
    webhook::{EventKind, SigningKey, Webhook},
};

/// Reads `[[webhooks]]`.
pub(super) fn webhooks(top: &mut Section<'_, '_>, lists: &[List]) -> Vec<Webhook> {
    let mut names = Names::default();
    top.sections("webhooks").into_iter().filter_map(|section| webhook(section, &mut names, lists)).collect()
}

fn webhook(mut section: Section<'_, '_>, names: &mut Names, lists: &[List]) -> Option<Webhook> {
    let name = section.name(names);
    let url = section.required("url", Value::webhook_url);
    let key = section.required("secret", Value::webhook_key);
    let events = section.or("events", EventKind::ALL.to_vec(), |value| value.each(Value::event_kind));
    let lists = section.or("lists", Vec::new(), |value| value.each(|value| value.one_of(lists)));
    let private_networks = section.or("private_networks", Vec::new(), |value| value.each(Value::network));
    section.finish();
    Some(Webhook { name: name?, url: url?, key: key?, events: once(events), lists: once(lists), private_networks })
}

/// What is named twice is wanted once.
fn once<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

impl Value<'_, '_> {
    fn webhook_url(&self) -> Result<Url, Problem> {
        let url = self.web_url()?;
        if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
            let problem = Problem::new("is not https: whoever is on the way reads the addresses of readers");
            self.warn(problem.hint("give that system a certificate, and write `https://`"));
        }
        Ok(url)
    }

    fn webhook_key(&self) -> Result<SigningKey, Problem> {
        SigningKey::parse(self.secret()?.expose_secret()).map_err(|error| {
            Problem::new(error)
                .hint("make one with `echo whsec_$(openssl rand -base64 32)`, and give it to that system")
        })
    }

    fn event_kind(&self) -> Result<EventKind, Problem> {
        let word = self.text()?;
        let words = EventKind::ALL.into_iter().map(EventKind::as_str);
        EventKind::from_word(word).ok_or_else(|| Problem::new("not an event").suggest(word, words))
    }

    /// The name of one of the lists.
    fn one_of(&self, lists: &[List]) -> Result<Slug, Problem> {
        let name = self.slug()?;
        let is_there = lists.iter().any(|list| list.name == name);
        let names = lists.iter().map(|list| list.name.as_str());
        if is_there { Ok(name) } else { Err(Problem::new("there is no such list").suggest(self.text()?, names)) }
    }
}
