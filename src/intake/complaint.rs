//! A reader's complaint: what a mail provider sends when somebody calls our message spam (ARF, RFC 5965 §3). A letter
//! comes in; what kind of complaint it is, and whom it names, goes out, or nothing when it is none.

use super::letter::Letter;
use crate::domain::{address::EmailAddress, bounce::fit_to_show};

/// What a feedback report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// True when a reader does not want our mail: `abuse`, `fraud`, `opt-out` and what providers write instead. Else it
    /// is about signatures or viruses, or takes a complaint back (`not-spam`, RFC 6430), and nothing follows from it.
    pub is_complaint: bool,
    /// Its type (RFC 5965 §3.1) and the program that made it, fit to be shown.
    pub words: String,
    /// Whom it names, which proves nothing. Most providers leave it out.
    pub recipients: Vec<EmailAddress>,
}

/// The most lines that are read of a report.
const MOST_LINES: usize = 200;

/// What a letter says, when it is a feedback report.
pub fn read(letter: &Letter<'_>) -> Option<Feedback> {
    let parts = letter.parts();
    let report = parts.iter().find(|part| part.kind == "message/feedback-report")?;
    let fields: Vec<(String, &str)> = report
        .text
        .lines()
        .take(MOST_LINES)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    let value = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let kind = value("feedback-type")?.to_ascii_lowercase();
    let named = ["original-rcpt-to", "removal-recipient"].into_iter().filter_map(value);
    Some(Feedback {
        is_complaint: !matches!(kind.as_str(), "not-spam" | "virus" | "auth-failure" | "dmarc" | "miscategorized"),
        words: fit_to_show(&format!("{kind}, said by {}", value("user-agent").unwrap_or("a program without a name"))),
        recipients: named.filter_map(|it| EmailAddress::parse(it.trim_matches(['<', '>'])).ok()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Feedback, read};
    use crate::intake::{Incoming, letter::Letter};

    fn feedback(report: &str) -> Option<Feedback> {
        let message = format!(
            "From: <feedback@example.net>\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\
             \r\n--b\r\n\r\nThis is a report.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n{report}\r\n--b\r\n\
             Content-Type: message/rfc822\r\n\r\nSubject: ours\r\n\r\nx\r\n--b--\r\n"
        );
        read(&Letter::read(&Incoming { recipient: None, sender: None, bytes: message.as_bytes() }))
    }

    #[test]
    fn a_reader_who_calls_it_spam_complains_and_one_who_takes_it_back_does_not() {
        let said = feedback("Feedback-Type: Abuse\r\nUser-Agent: A/1\r\nOriginal-Rcpt-To: <ana@example.org>\r\n")
            .expect("one");
        assert!(said.is_complaint);
        assert_eq!((said.words.as_str(), said.recipients[0].local()), ("abuse, said by A/1", "ana"));
        for (kind, expected) in [
            ("fraud", true),
            ("opt-out", true),
            ("other", true),
            ("not-spam", false),
            ("virus", false),
            ("auth-failure", false),
        ] {
            let said = feedback(&format!("Version: 1\r\nFeedback-Type: {kind}")).expect("a report");
            assert_eq!(said.is_complaint, expected, "{kind}");
        }
    }

    #[test]
    fn what_has_no_type_is_no_feedback() {
        assert_eq!(feedback("Version: 1"), None);
        let plain = b"Subject: abuse\r\n\r\nFeedback-Type: abuse\r\n";
        assert_eq!(read(&Letter::read(&Incoming { recipient: None, sender: None, bytes: plain })), None);
    }

    proptest! {
        #[test]
        fn no_report_panics(report in "(Feedback-Type|User-Agent|X)[: <>@.a-z\r\n]{0,60}|\\PC{0,80}") {
            let _ = feedback(&report);
        }
    }
}
