//! What arrived, counted in the inbox and not by Tidings itself: how many alerts and digests each reader got. Messages
//! come in; what is missing, too many or unexpected goes out, a sentence for each.

use std::{collections::BTreeMap, sync::Arc};

use mail_parser::{HeaderValue, MessageParser};

use crate::inbox::KeptMessage;

/// How many messages of each kind one reader has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Alerts.
    pub(super) alerts: usize,
    /// Digests.
    pub(super) digests: usize,
    /// Messages that are neither.
    pub(super) others: usize,
}

/// Each recipient's messages, by the envelope.
pub(super) fn counted(messages: &[Arc<KeptMessage>]) -> BTreeMap<String, Arrived> {
    let mut counts: BTreeMap<String, Arrived> = BTreeMap::new();
    for message in messages {
        for recipient in &message.recipients {
            let count = counts.entry(recipient.clone()).or_default();
            match kind(&message.bytes).as_deref() {
                Some("alert") => count.alerts += 1,
                Some("digest") => count.digests += 1,
                _ => count.others += 1,
            }
        }
    }
    counts
}

/// What is wrong: every reader is to have one alert and one digest, but for the one who `left` after the alert.
pub(super) fn wrong(counts: &BTreeMap<String, Arrived>, readers: &[&str], left: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for reader in readers {
        let wanted = Arrived { alerts: 1, digests: usize::from(*reader != left), others: 0 };
        let found = counts.get(*reader).copied().unwrap_or_default();
        if found != wanted {
            faults.push(format!(
                "{reader} got {} alerts, {} digests and {} other messages instead of {}, {} and 0",
                found.alerts, found.digests, found.others, wanted.alerts, wanted.digests
            ));
        }
    }
    let strangers = counts.keys().filter(|address| !readers.contains(&address.as_str()));
    faults.extend(strangers.map(|address| format!("{address} got mail and is no reader")));
    faults
}

/// The kind of mail as `Feedback-ID` has it: issue, list, kind and sender.
fn kind(message: &[u8]) -> Option<String> {
    header(message, "Feedback-ID")?.split(':').nth(2).map(str::to_owned)
}

/// The first link of List-Unsubscribe (RFC 2369 §3.2).
pub(super) fn leave_link(message: &[u8]) -> Option<String> {
    // It is the one header that a mail parser takes for a list of addresses.
    let parsed = MessageParser::default().parse(message)?;
    let value = parsed.header_raw("List-Unsubscribe")?;
    let (_, rest) = value.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

fn header(message: &[u8], name: &str) -> Option<String> {
    match MessageParser::default().parse(message)?.header(name)? {
        HeaderValue::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Arrived, kind, leave_link, wrong};

    const READERS: [&str; 2] = ["ana@example.org", "bo@example.org"];

    fn counts(of: &[(&str, usize, usize)]) -> BTreeMap<String, Arrived> {
        let count = |&(reader, alerts, digests): &(&str, usize, usize)| {
            (reader.to_owned(), Arrived { alerts, digests, ..Arrived::default() })
        };
        of.iter().map(count).collect()
    }

    #[test]
    fn a_reader_missed_twice_served_or_served_after_leaving_is_named() {
        let [ana, bo] = READERS;
        assert!(wrong(&counts(&[(ana, 1, 1), (bo, 1, 0)]), &READERS, bo).is_empty());
        for bad in [
            vec![(bo, 1, 0)],
            vec![(ana, 1, 0), (bo, 1, 0)],
            vec![(ana, 1, 2), (bo, 1, 0)],
            vec![(ana, 1, 1), (bo, 1, 1)],
            vec![(ana, 1, 1), (bo, 1, 0), ("eve@example.org", 1, 1)],
        ] {
            assert_eq!(wrong(&counts(&bad), &READERS, bo).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn kind_and_link_are_read_from_the_headers() {
        let message = b"List-Unsubscribe: <http://127.0.0.1:1/leave/x>, <mailto:a@example.org>\r\n\
            Feedback-ID: 7:news:digest:exampleorg\r\n\r\nText\r\n";
        assert_eq!(kind(message).as_deref(), Some("digest"));
        assert_eq!(leave_link(message).as_deref(), Some("http://127.0.0.1:1/leave/x"));
        assert_eq!((kind(b"\r\n"), leave_link(b"\r\n")), (None, None));
    }
}
