//! `[[hooks]]`: the mail providers that tell us of bounces and complaints over HTTP, and what proves that it is they.

use secrecy::{ExposeSecret, SecretString};

use super::{
    mistake::Problem,
    section::{Names, Section, Value},
};
use crate::domain::hook::{EventKey, Hook, Provider, Topic};

/// The kinds of hooks, as they are named in the file.
const KINDS: [&str; 4] = ["ses", "postmark", "sendgrid", "mailgun"];

/// The fewest characters of a secret by which anybody on the web could have us do something.
const SHORTEST: usize = 16;

/// Reads `[[hooks]]`.
pub(super) fn hooks(top: &mut Section<'_, '_>) -> Vec<Hook> {
    let mut names = Names::default();
    top.sections("hooks").into_iter().filter_map(|section| hook(section, &mut names)).collect()
}

fn hook(mut section: Section<'_, '_>, names: &mut Names) -> Option<Hook> {
    let name = section.name(names);
    let kind = section.required("kind", |value| {
        let kind = value.text()?;
        let known = KINDS.into_iter().find(|known| *known == kind);
        known.ok_or_else(|| Problem::new("not a kind of hook").suggest(kind, KINDS.into_iter()))
    });
    let Some(kind) = kind else {
        // Which keys belong here depends on the kind: of what cannot be known nothing is said.
        return None;
    };
    let provider = match kind {
        "ses" => section.required("topic", Value::topic).map(|topic| Provider::Ses { topic }),
        "postmark" => {
            let user = section.required("user", Value::user_name);
            let password = section.required("password", Value::long_secret);
            user.zip(password).map(|(user, password)| Provider::Postmark { user, password })
        }
        "sendgrid" => section.required("public_key", Value::event_key).map(|key| Provider::SendGrid { key }),
        _ => section.required("signing_key", Value::long_secret).map(|key| Provider::Mailgun { key }),
    };
    section.finish();
    Some(Hook { name: name?, provider: provider? })
}

impl Value<'_, '_> {
    fn topic(&self) -> Result<Topic, Problem> {
        Topic::parse(self.text()?).map_err(|error| {
            Problem::new(error)
                .hint("copy it from the SNS console, such as \"arn:aws:sns:us-east-1:123456789012:bounces\"")
        })
    }

    fn event_key(&self) -> Result<EventKey, Problem> {
        EventKey::parse(self.text()?).map_err(|error| {
            Problem::new(error).hint("copy the verification key from SendGrid's settings of the event webhook")
        })
    }

    /// The name of a user, who logs in with it and a password with a colon in between.
    fn user_name(&self) -> Result<String, Problem> {
        let user = self.words()?;
        if user.contains(':') { Err(Problem::new("a user's name may not hold a colon")) } else { Ok(user) }
    }

    /// A secret that is not to be guessed over the web.
    pub(super) fn long_secret(&self) -> Result<SecretString, Problem> {
        let secret = self.secret()?;
        if secret.expose_secret().chars().count() < SHORTEST {
            return Err(Problem::new(format!("is shorter than {SHORTEST} characters"))
                .hint("make one with `openssl rand -hex 16`"));
        }
        Ok(secret)
    }
}
