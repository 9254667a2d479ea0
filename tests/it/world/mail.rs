//! A mail as it arrived: what the relay kept, checked, and as its reader sees it.

use std::collections::BTreeMap;

use super::{check::check_message, relay::Received};

/// A mail that the relay has taken, and that has passed the checker.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// The envelope's recipient.
    pub(crate) to: String,
    /// The envelope's sender.
    pub(crate) from: String,
    /// Its subject.
    pub(crate) subject: String,
    /// Its text part.
    pub(crate) text: String,
    /// Its HTML part.
    pub(crate) html: String,
    /// Its headers, by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Mail {
    /// Reads what a relay has taken.
    ///
    /// # Panics
    /// When it has a fault.
    pub(super) fn read(received: &Received) -> Self {
        let checked = check_message(&received.bytes);
        Self {
            to: received.recipient.clone(),
            from: received.sender.clone(),
            subject: checked.subject,
            text: checked.text,
            html: checked.html,
            headers: checked.headers,
        }
    }

    /// The value of a header; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The first link of a kind in its text, whole: `https://…/confirm/…`.
    pub(crate) fn link_to(&self, kind: &str) -> &str {
        let part = format!("/{kind}/");
        let found = self.text.split_whitespace().find(|word| word.starts_with("http") && word.contains(&part));
        found.unwrap_or_else(|| panic!("no link to {kind} in {}", self.text))
    }

    /// The path of that link: `/confirm/…`.
    pub(crate) fn path_to(&self, kind: &str) -> String {
        let link = self.link_to(kind);
        link.find(&format!("/{kind}/")).map(|at| link[at..].to_owned()).expect("it is in the link")
    }

    /// The address to leave by, from List-Unsubscribe.
    pub(crate) fn leave_address(&self) -> String {
        let field = self.header("list-unsubscribe");
        let address = field.split_once("<mailto:").and_then(|(_, rest)| rest.split_once('>'));
        address.unwrap_or_else(|| panic!("no address to leave in `{field}`")).0.replace("%2B", "+")
    }

    /// A part of it as a preview shows it: to nobody in particular, and with nobody's links.
    pub(crate) fn to_nobody(&self, part: &str) -> String {
        let (leave, choose) = (self.leave_link(), self.link_to("preferences"));
        let base = leave.split_once("/leave/").expect("a page of ours").0;
        let ask = format!("{base}/leave");
        part.replace(leave, &ask).replace(choose, &ask).replace(&self.to, "reader@example.org")
    }

    /// The link to leave by, from List-Unsubscribe.
    pub(crate) fn leave_link(&self) -> &str {
        let field = self.header("list-unsubscribe");
        let link = field.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        link.map(|(link, _)| link).unwrap_or_else(|| panic!("no link to leave in `{field}`"))
    }
}

/// The subjects of mails, in order.
pub(crate) fn subjects(mails: &[Mail]) -> Vec<&str> {
    mails.iter().map(|mail| mail.subject.as_str()).collect()
}

/// The recipients of mails, sorted.
pub(crate) fn recipients(mails: &[Mail]) -> Vec<&str> {
    let mut recipients: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    recipients.sort_unstable();
    recipients
}
