//! Is a letter from a machine? Then nobody answers it: two machines that answer each other never end (RFC 3834 §2). What
//! comes in is a letter; what goes out is the first mark of a machine found on it, in words. A mark too many costs a
//! person a second try; one too few may cost a storm of mail.

use jiff::SignedDuration;

use super::letter::Letter;
use crate::domain::address::EmailAddress;

/// Local parts that mail systems themselves write from.
pub(super) const MAIL_SYSTEMS: [&str; 6] =
    ["mailer-daemon", "mailerdaemon", "mail-daemon", "maildaemon", "mdaemon", "postmaster"];

/// Local parts of other addresses that machines write from, whole.
const MACHINES: [&str; 15] = [
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "autoreply",
    "auto-reply",
    "listserv",
    "majordomo",
    "mailman",
    "smartlist",
    "sympa",
    "root",
    "daemon",
];

/// Their beginnings and ends.
const MACHINES_BEGIN: [&str; 7] = ["owner-", "bounce-", "bounces-", "bounce+", "bounces+", "noreply-", "no-reply-"];
const MACHINES_END: [&str; 6] = ["-request", "-owner", "-bounce", "-bounces", "-noreply", "-no-reply"];

/// Names of headers that lists, robots and answering machines write.
const MARKS: [&str; 10] = [
    "x-loop",
    "x-beenthere",
    "x-mailing-list",
    "x-listname",
    "x-vacation",
    "x-failed-recipients",
    "x400-content-identifier",
    "x-amazon-auto-reply",
    "x-cron-env",
    "feedback-id",
];

/// What an answering machine puts at the front of a subject, in the languages in which we have seen it.
const SUBJECTS: [&str; 24] = [
    "auto:",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "autoresponse",
    "automatic reply",
    "automatic response",
    "automated response",
    "out of office",
    "out of the office",
    "out-of-office",
    "on vacation",
    "abwesenheit",
    "abwesend",
    "automatische antwort",
    "automatisch antwoord",
    "réponse automatique",
    "absence du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "risposta automatica",
    "resposta automática",
];

/// What answering machines write in their first lines.
const WORDS: [&str; 26] = [
    "out of office",
    "out of the office",
    "on vacation",
    "on holiday",
    "on annual leave",
    "auto-reply",
    "auto reply",
    "autoreply",
    "automatic reply",
    "automatic response",
    "automated response",
    "automatically generated",
    "do not reply",
    "away until",
    "will be back",
    "have received your",
    "abwesend",
    "nicht im büro",
    "automatische antwort",
    "réponse automatique",
    "absence du bureau",
    "en vacances",
    "absent du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "de vacaciones",
];

/// Nobody reads a mail and has answered it sooner than this after it was sent.
const QUICKEST: SignedDuration = SignedDuration::from_secs(10);

/// RFC 5321 §6.3: a message with so many has gone in circles.
const HOPS: usize = 100;

/// The first mark of a machine on a letter; `None`: a person may have written it. `ours` are the addresses that we
/// ourselves write from.
pub fn mark(letter: &Letter<'_>, ours: &[&EmailAddress]) -> Option<&'static str> {
    sender_mark(letter, ours).or_else(|| header_mark(letter)).or_else(|| form_mark(letter))
}

/// The first mark of an answer that no person wrote: of a vacation, of a ticket system, of a mail system. A letter that
/// carries its own proof needs no other: but an answering machine that answers to a link to leave wants nothing.
pub fn answer_mark(letter: &Letter<'_>) -> Option<&'static str> {
    if letter.sender.as_deref() == Some("") {
        return Some("its envelope sender is empty");
    }
    let is_answer = |(name, value): &(String, String)| match name.as_str() {
        "auto-submitted" => !first_word(&value.to_ascii_lowercase()).eq("no"),
        "precedence" => value.to_ascii_lowercase().contains("auto"),
        "x-vacation" => true,
        // Mail programs and people wish for no answer with it; it does not say that this is one.
        "x-auto-response-suppress" => false,
        name => says_automatic(name),
    };
    letter.headers.iter().any(is_answer).then_some("it is an answer that no person wrote").or_else(|| form_mark(letter))
}

/// The first mark of a machine on an answer to a mail of ours with this subject, so long after that was sent. For answers by
/// which somebody gets more mail: a machine may carry no other mark.
pub fn reply_mark(letter: &Letter<'_>, subject: &str, after: Option<SignedDuration>) -> Option<&'static str> {
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if after.is_some_and(|after| after < QUICKEST) {
        return Some("it came sooner than anybody can read and answer");
    }
    // Whoever answers keeps the subject; what writes the same to everybody has one of its own.
    if !folded(&letter.subject).contains(&folded(subject)) {
        return Some("its subject is not that of the mail it answers");
    }
    let written = folded(&letter.lines.join(" "));
    WORDS.iter().any(|words| written.contains(words)).then_some("its words are an answering machine's")
}

fn sender_mark(letter: &Letter<'_>, ours: &[&EmailAddress]) -> Option<&'static str> {
    let Some(sender) = &letter.sender else { return Some("nobody knows its envelope sender") };
    let Ok(envelope) = EmailAddress::parse(sender) else {
        return Some("its envelope sender is empty, or none that can be written to");
    };
    let Some(from) = &letter.from else { return Some("it does not say who wrote it, or names more than one") };
    for address in [&envelope, from] {
        if is_machine(address.local()) {
            return Some("its sender's name is a machine's");
        }
        if ours.iter().any(|ours| is_ours(address, ours)) {
            return Some("it says that we wrote it");
        }
    }
    // A reply goes to one address, and that must be where the message is from (RFC 3834 §4).
    (envelope != *from).then_some("its envelope sender is not who it says wrote it")
}

fn is_machine(local: &str) -> bool {
    let local = local.to_lowercase();
    MAIL_SYSTEMS.contains(&local.as_str())
        || MACHINES.contains(&local.as_str())
        || MACHINES_BEGIN.iter().any(|begin| local.starts_with(begin))
        || MACHINES_END.iter().any(|end| local.ends_with(end))
}

/// With whatever stands behind a plus.
fn is_ours(address: &EmailAddress, ours: &EmailAddress) -> bool {
    let name = |address: &EmailAddress| address.local().split('+').next().unwrap_or_default().to_lowercase();
    address.domain() == ours.domain() && name(address) == name(ours)
}

fn header_mark(letter: &Letter<'_>) -> Option<&'static str> {
    let mut hops = 0;
    for (name, value) in &letter.headers {
        let value = value.to_ascii_lowercase();
        let found = match name.as_str() {
            // RFC 3834 §5: what is not `no`, with or without parameters, is a machine's.
            "auto-submitted" => (first_word(&value) != "no").then_some("`Auto-Submitted` says that a machine made it"),
            "precedence" => matches!(first_word(&value), "bulk" | "junk" | "list" | "auto_reply" | "auto-reply")
                .then_some("`Precedence` says that it is bulk or automatic"),
            // A wish, and no mark of a machine; but it is a wish for no answer.
            "x-auto-response-suppress" => {
                (first_word(&value) != "none").then_some("`X-Auto-Response-Suppress` wishes for no answer")
            }
            "content-identifier" => value.contains("auto").then_some("`Content-Identifier` says that it is automatic"),
            "x-spam-flag" => (first_word(&value) == "yes").then_some("it was marked as spam"),
            "received" => {
                hops += 1;
                (hops >= HOPS).then_some("it has passed a hundred mail servers")
            }
            name if name.starts_with("list-") => Some("it came from a list"),
            name if MARKS.contains(&name) || says_automatic(name) => Some("it has a header that machines write"),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// `X-Autoreply`, `X-Auto-Response`, `X-Autogenerated`, `X-Machine-Generated` and their like.
fn says_automatic(name: &str) -> bool {
    let joined: String = name.chars().filter(|c| *c != '-' && *c != '_').collect();
    ["autorepl", "autorespon", "autogenerated", "autoanswer", "machinegenerated"]
        .iter()
        .any(|word| joined.contains(word))
}

fn first_word(value: &str) -> &str {
    value.split([';', ' ', '\t', '\r', '\n', '(']).next().unwrap_or_default()
}

fn form_mark(letter: &Letter<'_>) -> Option<&'static str> {
    if letter.kind().starts_with("multipart/report") {
        return Some("it is a report");
    }
    says_automatic_subject(&letter.subject).then_some("its subject is an answering machine's")
}

/// True for a subject that an answering machine writes.
pub(super) fn says_automatic_subject(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    SUBJECTS.iter().any(|begin| subject.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{mark, reply_mark};
    use crate::{
        domain::address::EmailAddress,
        intake::{Incoming, letter::Letter},
    };

    fn marked(sender: Option<&str>, message: &str) -> Option<&'static str> {
        let ours = EmailAddress::parse("news@press.example.org").expect("an address");
        let letter = Letter::read(&Incoming { recipient: None, sender, bytes: message.as_bytes() });
        mark(&letter, &[&ours])
    }

    /// A person's message with one more header.
    fn with(header: &str) -> Option<&'static str> {
        marked(Some("ana@example.org"), &format!("From: Ana <ana@example.org>\r\n{header}\r\n\r\nsubscribe\r\n"))
    }

    #[test]
    fn a_person_has_no_mark_of_a_machine() {
        for header in [
            "Subject: subscribe",
            "Subject: Re: the office",
            "Auto-Submitted: no",
            "Auto-Submitted: No (because)",
            "X-Auto-Response-Suppress: None",
            "Precedence: first-class",
            "X-Spam-Flag: NO",
            "X-Mailer: A program",
            "Content-Type: multipart/alternative; boundary=b",
        ] {
            assert_eq!(with(header), None, "{header}");
        }
    }

    #[test]
    fn each_mark_of_a_machine_is_seen() {
        for header in [
            "Auto-Submitted: auto-replied",
            "AUTO-SUBMITTED: Auto-Generated; owner-email=x",
            "Auto-Submitted: \u{fffd}",
            "Precedence: bulk",
            "precedence: Junk",
            "Precedence: list",
            "Precedence: auto_reply",
            "List-Id: <news.example.org>",
            "List-Unsubscribe: <https://example.org>",
            "X-Auto-Response-Suppress: OOF, AutoReply",
            "X-Loop: x",
            "Content-Identifier: Auto-replied",
            "X400-Content-Identifier: x",
            "X-Autoreply: yes",
            "X-Auto-Reply-From: x",
            "X-Autorespond: x",
            "X-AutoGenerated: Mirror",
            "X-Machine-Generated: x",
            "X-Spam-Flag: YES",
            "Subject: Automatic reply: news",
            "Subject: =?utf-8?q?R=C3=A9ponse_automatique?=",
            "Subject: Abwesenheitsnotiz",
            "Subject: Out of Office",
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
            "Content-Type: multipart/report; boundary=b",
        ] {
            assert!(with(header).is_some(), "{header}");
        }
        assert!(with(&["Received: from a by b"; 99].join("\r\n")).is_none());
        assert!(with(&["Received: from a by b"; 100].join("\r\n")).is_some());
    }

    #[test]
    fn an_answer_that_no_person_wrote_is_known_whoever_it_says_it_is_from() {
        let answers = |sender: Option<&str>, header: &str| {
            let message = format!("From: ana@example.org\r\n{header}\r\n\r\n");
            let letter = Letter::read(&Incoming { recipient: None, sender, bytes: message.as_bytes() });
            super::answer_mark(&letter).is_some()
        };
        let ana = Some("ana@example.org");
        for (sender, header) in
            [(None, "Subject: x"), (ana, "X-Auto-Response-Suppress: All"), (Some("b@example.org"), "X: y")]
        {
            assert!(!answers(sender, header), "{sender:?} {header}");
        }
        for (sender, header) in [
            (Some(""), "Subject: x"),
            (ana, "Auto-Submitted: auto-replied"),
            (ana, "Precedence: auto_reply"),
            (ana, "X-Autoreply: yes"),
            (ana, "Subject: Out of office"),
            (ana, "Content-Type: multipart/report; boundary=b"),
        ] {
            assert!(answers(sender, header), "{sender:?} {header}");
        }
    }

    #[test]
    fn an_answer_that_a_person_may_have_written_keeps_the_subject_and_takes_its_time() {
        let marked = |subject: &str, written: &str, after: Option<i64>| {
            let message = format!("From: ana@example.org\r\nSubject: {subject}\r\n\r\n{written}\r\n");
            let letter = Letter::read(&Incoming { recipient: None, sender: None, bytes: message.as_bytes() });
            reply_mark(&letter, "Please confirm: Coalition news", after.map(SignedDuration::from_secs)).is_some()
        };
        for (subject, written) in [
            ("Re: Please confirm: Coalition news", ""),
            ("AW: [EXTERN] please  confirm: coalition\r\n news", "Yes, please.\r\nSent from my telephone"),
            ("Please confirm: Coalition news", "> We are out of office: a quotation"),
        ] {
            assert!(!marked(subject, written, Some(10)) && !marked(subject, written, None), "{subject}");
            assert!(marked(subject, written, Some(9)), "{subject}");
        }
        for (subject, written) in [
            ("I am not here", ""),
            ("Re: Please confirm", ""),
            ("", ""),
            ("Re: Please confirm: Coalition news", "Thank you. I am on holiday until Monday."),
            ("Re: Please confirm: Coalition news", "Je suis\r\nen vacances."),
            ("[#77] Re: Please confirm: Coalition news", "We have received your request."),
        ] {
            assert!(marked(subject, written, Some(3600)), "{subject}: {written}");
        }
    }

    #[test]
    fn nobody_is_answered_but_the_one_who_sent_it_and_wrote_it() {
        for (sender, from) in [
            (Some(""), "ana@example.org"),
            (Some("<>"), "ana@example.org"),
            (None, "ana@example.org"),
            (Some("MAILER-DAEMON"), "ana@example.org"),
            (Some("ana@example.org"), "MAILER-DAEMON@example.org"),
            (Some("ana@example.org"), "other@example.org"),
            (Some("ana@example.org"), "ana@example.org, ben@example.org"),
            (Some("ana@example.org"), ""),
            (Some("postmaster@example.org"), "postmaster@example.org"),
            (Some("NoReply@example.org"), "noreply@example.org"),
            (Some("owner-x@example.org"), "owner-x@example.org"),
            (Some("x-request@example.org"), "x-request@example.org"),
            (Some("x-bounces@example.org"), "ana@example.org"),
            (Some("news@press.example.org"), "news@press.example.org"),
            (Some("news+bounce.1.2.x@press.example.org"), "ana@example.org"),
        ] {
            assert!(marked(sender, &format!("From: {from}\r\n\r\n")).is_some(), "{sender:?} {from}");
        }
        assert_eq!(marked(Some("ANA@example.org"), "From: Ana <ana@EXAMPLE.org>\r\n\r\n"), None);
        assert_eq!(marked(None, "Return-Path: <ana@example.org>\r\nFrom: ana@example.org\r\n\r\n"), None);
    }
}
