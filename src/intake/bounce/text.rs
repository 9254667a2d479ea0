//! Reads bounces that are only words for people: most of those there are. A letter and its parts come in, what it says
//! goes out. Whether a mail system wrote it is asked first, for readers write about mail too, and their answering
//! machines quote what we sent, which may be about things that could not be delivered.

use super::{Failure, Finding, code::codes};
use crate::{
    domain::{
        bounce::{fit_to_show, kind_in_words, kind_of},
        report::ReportKind,
    },
    intake::{
        letter::{Letter, Part},
        machine::{MAIL_SYSTEMS, says_automatic_subject},
    },
};

/// How many lines are read.
const MOST_LINES: usize = 200;

/// How mail systems call themselves in `From`, beside the names of their mailboxes.
const SYSTEMS: [&str; 6] = [
    "mail delivery",
    "delivery system",
    "delivery subsystem",
    "mail system",
    "mail administrator",
    "system administrator",
];

/// What says that a message did not arrive.
const ANNOUNCEMENTS: [&str; 52] = [
    "not be delivered",
    "cannot be delivered",
    "can't be delivered",
    "couldn't be delivered",
    "not delivered",
    "not been delivered",
    "not have been delivered",
    "undeliverable",
    "undelivered",
    "unable to deliver",
    "able to deliver",
    "unable to be delivered",
    "not deliver",
    "non-delivery",
    "did not reach",
    "not be reached",
    "did not receive",
    "delivery fail",
    "delivery has failed",
    "delivery error",
    "delivery problem",
    "delivery was aborted",
    "failure delivery",
    "failure notice",
    "delivery to the following recipient",
    "delevery to the following recipient",
    "failed recipient",
    "failed address",
    "failed mail",
    "mail failed",
    "mail error",
    "returned mail",
    "mail returned",
    "has been returned",
    "returned to sender",
    "returning message to sender",
    "was rejected",
    "automatically rejected",
    "permanent error",
    "permanent fatal error",
    "does not like recipient",
    "an error was detected",
    "error-for:",
    "unzustellbar",
    "nicht zugestellt werden",
    "non remis",
    "n'a pas pu etre",
    "n'a pas pu être",
    "no pudo ser entregado",
    "не может быть доставлено",
    "无法发送",
    "投递失败",
];

/// What says that it is still being tried.
const DELAYS: [&str; 13] = [
    "has been delayed",
    "message delayed",
    "delayed mail",
    "(delay)",
    "not yet been delivered",
    "delivery attempts will",
    "will continue to",
    "will continue trying",
    "will be retried",
    "still being retried",
    "this is just a warning",
    "is a warning only",
    "warning message only",
];

/// What stands above the message that is returned.
const RETURNED: [&str; 13] = [
    "original message",
    "original mail",
    "old message",
    "message header",
    "copy of the message",
    "copy of your message",
    "returned message",
    "returned mail",
    "message text follows",
    "message follows",
    "unsent message",
    "forwarded message",
    "header of the original",
];

/// What a letter says of a message of ours, if a mail system wrote it.
pub(super) fn read(letter: &Letter<'_>, parts: &[Part<'_>]) -> Finding {
    let system = is_system(letter);
    let subject = letter.subject.to_lowercase();
    if !system && (says_automatic_subject(&subject) || !says(&subject, &ANNOUNCEMENTS)) {
        return Finding::Nothing("no mail system wrote it");
    }
    let lines = report_lines(parts);
    let text = lines.join("\n");
    if says(&subject, &DELAYS) || says(&text, &DELAYS) {
        return Finding::Delayed;
    }
    let is_known = says(&text, &ANNOUNCEMENTS) || kind_in_words(&text) == Some(ReportKind::Hard);
    let is_receipt = letter.kind().contains("disposition-notification");
    let is_told = is_known || (system && !is_receipt && says(&subject, &ANNOUNCEMENTS));
    // What comes back to the envelope sender from a mail system is a bounce, in whatever words (RFC 5321 §3.6.3).
    let is_returned = system && !is_receipt && letter.sender.as_deref().is_some_and(str::is_empty);
    if is_told || is_returned {
        Finding::Failed(failure(letter, &lines, &text))
    } else {
        Finding::Nothing("it does not say that a message failed")
    }
}

/// The words for people in a letter, until those of the message that it returns.
pub(super) fn report_lines<'a>(parts: &'a [Part<'a>]) -> Vec<&'a str> {
    let is_text = |part: &&Part<'_>| part.kind.starts_with("text/") && !part.kind.contains("rfc822");
    let depth = parts.iter().filter(is_text).map(|part| part.depth).min().unwrap_or(0);
    let texts = parts.iter().filter(is_text).filter(|part| part.depth == depth);
    let lines = texts.flat_map(|part| part.text.lines().take_while(|line| !begins_returned(line)));
    lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('>')).take(MOST_LINES).collect()
}

/// True for the line above a returned message, or for its first header.
fn begins_returned(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    if ["received: ", "return-path: ", "return-path:<"].iter().any(|header| line.starts_with(header)) {
        return true;
    }
    let is_heading = line.starts_with(['-', '=', '*', '|', '_'])
        || line.ends_with(':')
        || line.trim_end_matches('.').ends_with("follows");
    is_heading && RETURNED.iter().any(|words| line.contains(words))
}

/// True when it says that a mail system wrote it.
fn is_system(letter: &Letter<'_>) -> bool {
    let from = letter.header("from").unwrap_or_default().to_lowercase();
    let sender = letter.sender.as_deref().unwrap_or_default().to_lowercase();
    MAIL_SYSTEMS.iter().chain(&SYSTEMS).any(|system| from.contains(system))
        || sender.starts_with("mailer-daemon")
        || letter.header("x-failed-recipients").is_some()
        || letter.kind().ends_with(" delivery-status")
}

fn failure(letter: &Letter<'_>, lines: &[&str], text: &str) -> Failure {
    // A reason often goes on in the line behind its code.
    let coded = lines.iter().enumerate().filter(|(_, line)| codes(line) != codes(""));
    let reasons: Vec<&str> = coded.flat_map(|(at, line)| [Some(*line), lines.get(at + 1).copied()]).flatten().collect();
    let reason = reasons.join("\n");
    let found = codes(&reason);
    let kind = match kind_of(found.reply, found.enhanced, &reason) {
        ReportKind::Soft => kind_of(None, found.enhanced, text),
        clear => clear,
    };
    let line = |is: fn(&str) -> bool| lines.iter().find(|line| is(line)).copied();
    let words = reasons.first().copied();
    let words = words.or_else(|| line(|line| kind_in_words(line).is_some()));
    let words = words.or_else(|| line(|line| says(line, &ANNOUNCEMENTS)));
    Failure {
        kind,
        code: found.enhanced,
        words: fit_to_show(words.unwrap_or(&letter.subject)),
        recipients: super::failed_recipients(letter),
    }
}

/// True when the text has one of these phrases, in whatever case and over the ends of its lines.
fn says(text: &str, phrases: &[&str]) -> bool {
    let flat = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    phrases.iter().any(|phrase| flat.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::{Finding, read};
    use crate::{
        domain::report::ReportKind,
        intake::{Incoming, letter::Letter},
    };

    fn found(sender: &str, message: &str) -> String {
        let letter = Letter::read(&Incoming { recipient: None, sender: Some(sender), bytes: message.as_bytes() });
        match read(&letter, &letter.parts()) {
            Finding::Failed(failure) => format!("{} {}", failure.kind.as_str(), failure.words),
            Finding::Delayed => "delayed".into(),
            Finding::Nothing(_) => "nothing".into(),
        }
    }

    #[test]
    fn a_mail_systems_words_are_read_until_the_returned_message() {
        let message = "From: MAILER-DAEMON@mx.example.org\r\nSubject: failure notice\r\n\r\nI was not able to deliver.\r\n\
            <ana@example.org>:\r\nRemote host said: 452 4.2.2 over\r\nquota\r\n--- Below is a copy of the message.\r\n\
            user unknown\r\n";
        assert_eq!(found("", message), "soft Remote host said: 452 4.2.2 over");
        let message = message.replace("452 4.2.2 over\r\nquota", "550 no\r\nno such user");
        assert_eq!(found("", &message), format!("{} Remote host said: 550 no", ReportKind::Hard.as_str()));
    }

    #[test]
    fn an_answering_machine_that_quotes_our_news_is_no_bounce() {
        for subject in ["Automatic reply: Aid could not be delivered", "Re: Aid could not be delivered", "Away"] {
            let message = format!(
                "From: Ana <ana@example.org>\r\nSubject: {subject}\r\n\r\nI am away.\r\n> Aid could not be delivered.\r\n"
            );
            assert_eq!(found("", &message), "nothing", "{subject}");
        }
    }

    #[test]
    fn what_a_mail_system_sends_back_in_words_we_do_not_know_is_soft() {
        let message = "From: Mailer-Daemon <x>\r\nSubject: Zut\r\n\r\nQuelque chose.\r\n";
        assert_eq!(found("", message), "soft Zut");
        assert_eq!(found("postmaster@example.org", message), "nothing");
    }
}
