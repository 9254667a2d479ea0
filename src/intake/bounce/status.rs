//! Reads a delivery status (RFC 3464 §2): text with groups of fields comes in, what it says of each recipient goes out.
//! It takes what real systems write: no groups at all, fields twice, words where codes belong, X.400 reasons. It does not
//! judge; see `mod.rs`.

use super::code::{Codes, codes};
use crate::domain::address::EmailAddress;

/// The most groups that are read.
const MOST_GROUPS: usize = 200;

/// What became of a message for one recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still being tried.
    Delayed,
    /// It arrived, or went on to somewhere else.
    Arrived,
}

/// What a report says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What became of the message.
    pub action: Action,
    /// The best codes there are.
    pub codes: Codes,
    /// The reasons in words: the diagnostic, and what stands beside the codes.
    pub words: String,
    /// Whom it is about, if that can be written to: as we wrote it before as it was made of it.
    pub recipients: Vec<EmailAddress>,
}

/// The fields of one group that we use, as they stand.
#[derive(Debug, Default)]
struct Fields {
    action: Option<String>,
    status: Option<String>,
    diagnostic: Option<String>,
    original: Option<String>,
    last: Option<String>,
    beside: String,
}

/// True for a text that is a delivery status by its looks, whatever its type says.
pub fn is_status(text: &str) -> bool {
    let has = |name: &str| {
        text.lines().any(|line| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
    };
    has("final-recipient:") && (has("action:") || has("status:"))
}

/// What a delivery status says of each of its recipients.
pub fn groups(text: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut fields = Fields::default();
    for line in unfolded(text).iter().map(String::as_str).chain([""]) {
        let named = line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()));
        // Some leave out the empty line between groups: what stands twice begins a new one.
        let ended = named.as_ref().map_or(line.is_empty(), |(name, _)| fields.has(name));
        if ended {
            groups.extend(std::mem::take(&mut fields).into_group());
        }
        if groups.len() == MOST_GROUPS {
            break;
        }
        if let Some((name, value)) = named {
            fields.put(&name, value);
        }
    }
    groups
}

/// Lines, each with those that go on with it (RFC 5322 §2.2.3).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let goes_on = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        match lines.last_mut() {
            Some(last) if goes_on && !last.is_empty() => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines
}

impl Fields {
    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "action" => Some(&mut self.action),
            "status" => Some(&mut self.status),
            "diagnostic-code" => Some(&mut self.diagnostic),
            "original-recipient" => Some(&mut self.original),
            "final-recipient" => Some(&mut self.last),
            _ => None,
        }
    }

    /// True when the group would have to end before this field.
    fn has(&self, name: &str) -> bool {
        match name {
            "action" => self.action.is_some(),
            "final-recipient" => self.last.is_some(),
            "original-recipient" => self.original.is_some() && self.action.is_some(),
            _ => false,
        }
    }

    fn put(&mut self, name: &str, value: &str) {
        if name == "x400-supplementary-info" || name == "x-supplementary-info" {
            self.beside = value.to_owned();
        } else if let Some(place) = self.place(name) {
            place.get_or_insert_with(|| value.to_owned());
        }
    }

    /// A group that says nothing of a recipient is the one about the whole message.
    fn into_group(self) -> Option<Group> {
        let about = [&self.original, &self.last];
        if self.action.is_none() && about.iter().all(|field| field.is_none()) {
            return None;
        }
        let status = self.status.as_deref().unwrap_or_default();
        let diagnostic = self.diagnostic.as_deref().unwrap_or_default();
        // The other system's own words come first: many that pass them on have one code for everything.
        let all = format!("{diagnostic} {} {status}", self.beside);
        let has_more = !diagnostic.is_empty() && !status.contains(' ');
        let words = if has_more { all.trim_end().trim_end_matches(status) } else { all.as_str() };
        let recipients = about.into_iter().flatten().filter_map(|field| recipient(field)).collect();
        Some(Group {
            action: action(self.action.as_deref(), codes(status), codes(diagnostic))?,
            codes: codes(&all),
            words: words.split_whitespace().collect::<Vec<_>>().join(" "),
            recipients,
        })
    }
}

/// The action as it is written, or as the codes have it.
fn action(written: Option<&str>, status: Codes, diagnostic: Codes) -> Option<Action> {
    let word: String = written
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase();
    match word.as_str() {
        "failed" | "failure" | "fail" | "error" => Some(Action::Failed),
        "delayed" | "delay" => Some(Action::Delayed),
        "delivered" | "relayed" | "expanded" => Some(Action::Arrived),
        _ => match (status.enhanced.or(diagnostic.enhanced), status.reply.or(diagnostic.reply)) {
            (Some((5, ..)), _) | (None, Some(500..)) => Some(Action::Failed),
            (Some((4, ..)), _) | (None, Some(_)) => Some(Action::Delayed),
            _ => None,
        },
    }
}

/// `rfc822;ana@example.org`, also without its type or in angle brackets.
fn recipient(field: &str) -> Option<EmailAddress> {
    let address = field.rsplit_once(';').map_or(field, |(_, address)| address);
    EmailAddress::parse(address.trim().trim_matches(['<', '>'])).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Action, groups, is_status};

    type Said = (Action, Option<(u8, u16, u16)>, Vec<String>);

    fn said(text: &str) -> Vec<Said> {
        let said = groups(text).into_iter().map(|group| {
            let recipients = group.recipients.iter().map(|one| one.reveal().to_owned()).collect();
            (group.action, group.codes.enhanced, recipients)
        });
        said.collect()
    }

    #[test]
    fn each_recipient_has_a_group() {
        let text = "Reporting-MTA: dns; mx.example.org\r\nArrival-Date: x\r\n\r\nOriginal-Recipient: rfc822;a@example.org\r\n\
            Final-Recipient: RFC822; <b@example.org>\r\nAction: failed (no such user)\r\nStatus: 5.0.0\r\n\
            Diagnostic-Code: smtp; 550\r\n 5.1.1\r\n\tgone\r\n\r\nFinal-Recipient: rfc822;c@example.org\r\n\
            Action: DELAYED\r\nStatus: 4.4.1 (no answer)\r\n\r\nFinal-Recipient: rfc822;d@example.org\r\nAction: relayed\r\n\
            Status: 2.0.0\r\n";
        let expected = [
            (Action::Failed, Some((5, 1, 1)), vec!["a@example.org".to_owned(), "b@example.org".to_owned()]),
            (Action::Delayed, Some((4, 4, 1)), vec!["c@example.org".to_owned()]),
            (Action::Arrived, None, vec!["d@example.org".to_owned()]),
        ];
        assert_eq!(said(text), expected);
        assert!(is_status(text));
        assert_eq!(groups(text)[0].words, "smtp; 550 5.1.1 gone");
    }

    #[test]
    fn groups_without_an_empty_line_between_them_are_told_apart() {
        let text = "Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; \
            b@example.org\nAction: delivered\n";
        assert_eq!(said(text).iter().map(|it| it.0).collect::<Vec<_>>(), [Action::Failed, Action::Arrived]);
    }

    #[test]
    fn what_is_missing_is_made_up_from_the_rest() {
        let text = "Final-Recipient: <a@example.org>\nDiagnostic-Code: SMTP; 550 5.1.1 no\n\nFinal-Recipient: b\nStatus: 4.2.1\n\n\
            Final-Recipient: rfc822;c@example.org\n\nReporting-MTA: x\n";
        assert_eq!(said(text).iter().map(|it| it.0).collect::<Vec<_>>(), [Action::Failed, Action::Delayed]);
        let text = "Action: failure\nFinal-Recipient: rfc822;a@example.org\nStatus: 553 too large\n";
        assert_eq!(said(text), [(Action::Failed, None, vec!["a@example.org".to_owned()])]);
        assert_eq!(groups(text)[0].codes.reply, Some(553));
        assert!(!is_status("Action: x\n\nhello"));
        assert!(groups("").is_empty());
    }

    #[test]
    fn no_more_groups_are_read_than_anyone_needs() {
        assert_eq!(groups(&"Final-Recipient: x\nAction: failed\n\n".repeat(5000)).len(), 200);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Action|Status|Final-Recipient|Original-Recipient|X|)[:; a-z0-9.@\r\n\t<>]{0,60}|\\PC{0,80}") {
            prop_assert!(groups(&text.repeat(3)).len() <= 200);
        }
    }
}
