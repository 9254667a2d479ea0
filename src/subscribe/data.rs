//! All that we know of a person, gathered in one place: what they may have as a file, and what staff see. An address goes
//! in; every row that says more of them than a number comes out. It changes nothing.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app::App,
    domain::{address::EmailAddress, request::Request, slug::Slug, subscription::Subscriber},
    store::{StoreError, requests::PastRequest},
};

/// All that we know of a person, as they may have it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Data {
    /// Their address.
    pub address: String,
    /// Their name, as we were given it.
    pub name: String,
    /// Since when we have their address.
    pub known_since: Option<Timestamp>,
    /// What they are and were subscribed to.
    pub subscriptions: Vec<DataSubscription>,
    /// What they did about it.
    pub record: Vec<DataLine>,
    /// What was asked for in their name.
    pub requests: Vec<DataRequest>,
    /// What was mailed to them, the newest first.
    pub messages: Vec<DataMessage>,
    /// What other systems said of these messages.
    pub bounces: Vec<DataBounce>,
    /// Why they get no mail.
    pub suppressions: Vec<DataSuppression>,
    /// Letters of theirs that could not be handled and are kept.
    pub letters: Vec<DataLetter>,
}

/// What they are or were subscribed to.
#[derive(Clone, Debug, Serialize)]
pub struct DataSubscription {
    /// The name of the list.
    #[serde(skip)]
    pub name: Slug,
    /// The title of the list.
    pub list: String,
    /// How far it has come.
    pub state: &'static str,
    /// By which door, or how it came.
    pub by: &'static str,
    /// They get its digests.
    pub digests: bool,
    /// They get its alerts.
    pub alerts: bool,
    /// Since when.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended; empty while it has not.
    pub ended_reason: String,
}

/// Something that they did about it.
#[derive(Clone, Debug, Serialize)]
pub struct DataLine {
    /// When.
    pub at: Timestamp,
    /// The title of the list.
    pub list: String,
    /// What they did.
    pub act: &'static str,
    /// By which door, or how it came.
    pub by: &'static str,
    /// From which network address, as far as it is kept; may be empty.
    pub from: String,
    /// The words that were agreed to; may be empty.
    pub agreed_to: String,
}

/// Something that was asked for in their name.
#[derive(Clone, Debug, Serialize)]
pub struct DataRequest {
    /// When.
    pub at: Timestamp,
    /// What was asked for.
    pub to: &'static str,
    /// The titles of the lists.
    pub lists: Vec<String>,
    /// By which door, or how it came.
    pub by: &'static str,
    /// From which network address, as far as it is kept; may be empty.
    pub from: String,
    /// The words that were agreed to; may be empty.
    pub agreed_to: String,
    /// What came of it; may be empty.
    pub answer: String,
    /// When it was answered by mail.
    pub mailed_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// A message to them.
#[derive(Clone, Debug, Serialize)]
pub struct DataMessage {
    /// When.
    pub at: Timestamp,
    /// Its subject.
    pub subject: String,
    /// The issue; none: a notice.
    pub issue: Option<i64>,
    /// The title of its list; none: a notice.
    pub list: Option<String>,
    /// How far it has come.
    pub state: &'static str,
    /// Since when it is so.
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: i64,
    /// What came of it; may be empty.
    pub answer: String,
}

/// What another system said of a message.
#[derive(Clone, Debug, Serialize)]
pub struct DataBounce {
    /// When.
    pub at: Timestamp,
    /// Of which kind.
    pub kind: &'static str,
    /// What was said.
    pub words: String,
}

/// Why they get no mail.
#[derive(Clone, Debug, Serialize)]
pub struct DataSuppression {
    /// The name of the list; none: every list.
    #[serde(skip)]
    pub name: Option<Slug>,
    /// When.
    pub at: Timestamp,
    /// The title of the list.
    pub list: String,
    /// By which door, or how it came.
    pub by: &'static str,
    /// Why.
    pub reason: String,
}

/// A letter of theirs that is kept.
#[derive(Clone, Debug, Serialize)]
pub struct DataLetter {
    /// When.
    pub at: Timestamp,
    /// How long it is.
    pub octets: i64,
    /// Why it is kept.
    pub why_kept: String,
}

/// All that we know of the person with this address; `None` when that is nothing.
///
/// # Errors
/// When the store cannot be read.
pub async fn data_about(app: &App, address: &EmailAddress) -> Result<Option<Data>, StoreError> {
    latest_data_about(app, address, i64::MAX).await
}

/// The same, with only so many of the messages to them, the newest.
///
/// # Errors
/// When the store cannot be read.
pub async fn latest_data_about(app: &App, address: &EmailAddress, messages: i64) -> Result<Option<Data>, StoreError> {
    let subscriber = match app.store.subscriber_of(address).await? {
        Some(id) => app.store.subscriber(id).await?,
        None => None,
    };
    let mut data = Data { address: address.reveal().to_owned(), ..Data::default() };
    let is_asked_for = data.of_address(app, address).await?;
    if let Some(subscriber) = &subscriber {
        data.of_subscriber(app, subscriber, messages).await?;
    }
    let is_known = subscriber.is_some() || is_asked_for || !data.suppressions.is_empty() || !data.letters.is_empty();
    Ok(is_known.then_some(data))
}

impl Data {
    /// What is known by the address alone. `true` when a request still holds it: of those that do not, only the guards know.
    async fn of_address(&mut self, app: &App, address: &EmailAddress) -> Result<bool, StoreError> {
        let titles =
            |request: &Request| request.wishes.iter().map(|wish| super::title_of(app, &wish.list)).collect::<Vec<_>>();
        let mailbox = app.secret.fingerprint(&address.without_tag());
        let requests = app.store.requests_of(&mailbox).await?;
        // Another tag of the same mailbox is another address.
        let is_held = requests.iter().any(|it| it.request.address.as_ref() == Some(address));
        let requests = requests.into_iter().filter(|it| it.request.address.as_ref().is_none_or(|it| it == address));
        self.requests = requests
            .map(|PastRequest { request, answer, mailed_at }| DataRequest {
                at: request.asked_at,
                to: request.kind.as_str(),
                lists: titles(&request),
                by: request.door.as_str(),
                from: request.origin,
                agreed_to: request.text,
                answer,
                mailed_at,
                confirmed_at: request.confirmed_at,
            })
            .collect();
        self.suppressions = app
            .store
            .suppressions_of(address)
            .await?
            .into_iter()
            .map(|it| DataSuppression {
                at: it.made_at,
                list: it.list.as_ref().map_or_else(|| "every list".to_owned(), |list| super::title_of(app, list)),
                name: it.list,
                by: it.kind.as_str(),
                reason: it.reason,
            })
            .collect();
        let letters = app.store.dead_letters_from(address).await?;
        self.letters =
            letters.into_iter().map(|it| DataLetter { at: it.at, octets: it.size, why_kept: it.reason }).collect();
        Ok(is_held)
    }

    /// What is known of one whom we have a number for.
    async fn of_subscriber(&mut self, app: &App, subscriber: &Subscriber, messages: i64) -> Result<(), StoreError> {
        self.name.clone_from(&subscriber.name);
        self.known_since = Some(subscriber.added_at);
        self.subscriptions = app
            .store
            .subscriptions_of(&subscriber.address)
            .await?
            .into_iter()
            .map(|it| DataSubscription {
                list: super::title_of(app, &it.list),
                name: it.list,
                state: it.state.as_str(),
                by: it.consent.as_str(),
                digests: it.choice.digests.flag() == 1,
                alerts: it.choice.alerts.flag() == 1,
                began_at: it.began_at,
                ended_at: it.ended_at,
                ended_reason: it.ended_reason,
            })
            .collect();
        self.record = app
            .store
            .consents_of(subscriber.id)
            .await?
            .into_iter()
            .map(|line| DataLine {
                at: line.at,
                list: super::title_of(app, &line.list),
                act: line.act.as_str(),
                by: line.door.as_str(),
                from: line.origin,
                agreed_to: line.text,
            })
            .collect();
        self.messages = app
            .store
            .deliveries_to(subscriber.id, messages)
            .await?
            .into_iter()
            .map(|it| DataMessage {
                at: it.queued_at,
                subject: it.subject,
                issue: it.issue.as_ref().map(|(issue, _)| issue.0),
                list: it.issue.map(|(_, list)| super::title_of(app, &list)),
                state: it.state.as_str(),
                since: it.changed_at,
                tries: it.attempts,
                answer: it.answer.unwrap_or_default(),
            })
            .collect();
        self.bounces = app
            .store
            .bounces_of(subscriber.id)
            .await?
            .into_iter()
            .map(|it| DataBounce { at: it.at, kind: it.said.kind.as_str(), words: it.said.words })
            .collect();
        Ok(())
    }
}

impl DataSubscription {
    /// What they get of it, in words.
    pub fn gets(&self) -> &'static str {
        match (self.digests, self.alerts) {
            (true, true) => "digests and alerts",
            (true, false) => "digests",
            (false, true) => "alerts",
            (false, false) => "nothing",
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.address, self.name)?;
        if let Some(since) = self.known_since {
            writeln!(f, "  known since {since}")?;
        }
        for it in &self.subscriptions {
            let gets = it.gets();
            write!(f, "  {}: {}, {gets}, by {} since {}", it.list, it.state, it.by, it.began_at)?;
            match &it.ended_at {
                Some(at) => writeln!(f, ", ended at {at}: {}", it.ended_reason)?,
                None => writeln!(f)?,
            }
        }
        for line in &self.record {
            write!(f, "  {}  {} {} by {}", line.at, line.act, line.list, line.by)?;
            writeln!(f, "{}{}", behind(" from ", &line.from), quoted(&line.agreed_to))?;
        }
        for it in &self.requests {
            write!(f, "  {}  somebody asked to {} {} by {}", it.at, it.to, it.lists.join(", "), it.by)?;
            write!(f, "{}{}{}", behind(" from ", &it.from), quoted(&it.agreed_to), behind("; ", &it.answer))?;
            writeln!(f, "{}", it.confirmed_at.map_or(String::new(), |at| format!("; confirmed at {at}")))?;
        }
        for it in &self.suppressions {
            writeln!(f, "  {}  gets nothing more of {} ({}): {}", it.at, it.list, it.by, it.reason)?;
        }
        for it in &self.messages {
            let of = it.issue.map_or_else(|| "a notice".to_owned(), |issue| format!("issue {issue}"));
            write!(f, "  {}  {of}, “{}”: {} since {}", it.at, it.subject, it.state, it.since)?;
            writeln!(f, "{}", behind(": ", &it.answer))?;
        }
        for it in &self.bounces {
            writeln!(f, "  {}  came back ({}): {}", it.at, it.kind, it.words)?;
        }
        for it in &self.letters {
            writeln!(f, "  {}  a letter of {} octets is kept: {}", it.at, it.octets, it.why_kept)?;
        }
        Ok(())
    }
}

/// A text behind a few words; nothing when it is empty.
fn behind(words: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{words}{text}") }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": “{text}”") }
}
