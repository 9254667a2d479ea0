//! Why a message came back: a refusal's codes and words come in, and how much of it is the reader's doing goes out. It is
//! one rule for what a relay says at once and for what comes back by mail later. Pure: it knows no message.

use super::report::ReportKind;

/// The mailbox is there and takes nothing now. It is asked first: who has a full mailbox is not gone.
const FULL: [&str; 13] = [
    "quota",
    "mailbox full",
    "mailbox is full",
    "mailfolder is full",
    "full mailbox",
    "mail box space",
    "too much mail",
    "storage limit",
    "storage space",
    "insufficient storage",
    "not enough space",
    "disk full",
    "mailbox size",
];

/// Nobody is there.
const GONE: [&str; 56] = [
    "user unknown",
    "unknown user",
    "user is unknown",
    "no such user",
    "user not found",
    "user not known",
    "not a valid user",
    "unknown recipient",
    "recipient unknown",
    "no such recipient",
    "recipient not found",
    "invalid recipient",
    "not a valid recipient",
    "recipient name is not recognized",
    "unrecognised-or-name",
    "no such mailbox",
    "no mailbox here by that name",
    "no mailbox by that name",
    "unknown mailbox",
    "invalid mailbox",
    "mailbox not found",
    "mailbox disabled",
    "mailbox is disabled",
    "mailbox is inactive",
    "bad destination mailbox",
    "not a valid mailbox",
    "no such address",
    "unknown address",
    "address unknown",
    "invalid address",
    "address not found",
    "addressee unknown",
    "unknown or illegal",
    "unrouteable address",
    "unroutable address",
    "recipient address rejected: access denied",
    "no such account",
    "account not found",
    "account has been disabled",
    "account has been closed",
    "account is disabled",
    "account disabled",
    "account is inactive",
    "invalid final delivery",
    "no longer valid",
    "no longer exists",
    "not listed in",
    "does not exist",
    "doesn't exist",
    "doesn't have a",
    "unknown host",
    "host unknown",
    "domain not found",
    "existiert nicht",
    "n'existe pas",
    "не существует",
];

/// It may work another time, or another message may.
const PASSING: [&str; 14] = [
    "try again",
    "temporar",
    "timed out",
    "timeout",
    "too long",
    "too large",
    "too big",
    "message size",
    "size limit",
    "too many hops",
    "loop",
    "connection refused",
    "not responding",
    "busy",
];

/// Words that are never said of a recipient.
const SENDERS_FAULT: [&str; 9] =
    ["spam", "spf", "dkim", "dmarc", "reputation", "blacklisted", "blocklisted", "blacklist", "blocklist"];

/// How a relay says to RCPT that it takes nothing from us, whoever the recipient is: as Postfix, Exim, Exchange, sendmail
/// and qmail have it.
const TURNED_AWAY: [&str; 12] = [
    "relay access denied",
    "relaying denied",
    "relay denied",
    "unable to relay",
    "cannot relay",
    "relay not permitted",
    "relaying not permitted",
    "relaying not allowed",
    "rcpthosts",
    "client host rejected",
    "helo command rejected",
    "sender address rejected",
];

/// Words that say of a refusal by rule (x.7.y) that it is about whom we wrote to, and not about us.
const CLOSED: [&str; 7] = ["relay", "relaying", "restricted", "members", "group", "recipients", "authorized"];

/// Words that make of a bare 550 something else than a missing mailbox.
const OTHER: [&str; 14] = [
    "message",
    "content",
    "policy",
    "sender",
    "client",
    "host",
    "ip",
    "access",
    "prohibited",
    "prohibition",
    "denied",
    "attachment",
    "virus",
    "relay",
];

/// What a refusal means for its reader: by the enhanced code (RFC 3463) where that says it, else by the words, else by
/// the reply code (RFC 5321 §4.2). Never a complaint. What nobody can tell is soft: only the third time it counts.
pub fn kind_of(code: Option<u16>, enhanced: Option<(u8, u16, u16)>, words: &str) -> ReportKind {
    let by_code = enhanced.and_then(by_enhanced).or_else(|| who_is_there(words));
    by_code
        .or_else(|| by_rule(enhanced, words))
        .or_else(|| kind_in_words(words))
        .unwrap_or_else(|| by_reply(code, enhanced, words))
}

/// What the words alone say, when they are of those that are known: that the reader is gone, or that it may pass.
pub fn kind_in_words(words: &str) -> Option<ReportKind> {
    who_is_there(words).or_else(|| says(words, &PASSING).then_some(ReportKind::Soft))
}

fn who_is_there(words: &str) -> Option<ReportKind> {
    match (says(words, &FULL), says(words, &GONE)) {
        (true, _) => Some(ReportKind::Soft),
        (false, true) => Some(ReportKind::Hard),
        (false, false) => None,
    }
}

/// Phrases are found over the end of a line.
fn says(words: &str, phrases: &[&str]) -> bool {
    let flat = words.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    phrases.iter().any(|phrase| flat.contains(phrase))
}

/// True when a receiving system refuses us, and would refuse any reader's message: by the codes of RFC 7372, RFC 7505
/// and RFC 8617, by those that large providers made up beside them, or in words.
pub fn blames_sender(enhanced: Option<(u8, u16, u16)>, words: &str) -> bool {
    match enhanced {
        Some((_, 7, 20..=32 | 40 | 509 | 515 | 606..=649 | 703..=708 | 750)) => true,
        Some((_, 7, _)) => has_word(words, &SENDERS_FAULT) || has_word(words, &["blocked", "listed"]),
        Some(_) => false,
        None => has_word(words, &SENDERS_FAULT),
    }
}

/// True when the relay that we give our mail to says to RCPT, in words, that it takes none from us. Said by anybody else,
/// such as the last system of a chain, it is about the address.
pub fn turns_us_away(words: &str) -> bool {
    // A relay that has asked the recipient's own system tells what that one said.
    says(words, &TURNED_AWAY) && !says(words, &["recipient address rejected"])
}

/// Codes that say it all. The others are used for many things, and their words say more.
fn by_enhanced(enhanced: (u8, u16, u16)) -> Option<ReportKind> {
    match enhanced {
        (5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1) | (5, 4, 4 | 310) => Some(ReportKind::Hard),
        (_, 1, 7..=9) => Some(ReportKind::Policy),
        (5, 2, 2 | 3) => Some(ReportKind::Soft),
        _ => None,
    }
}

fn by_rule(enhanced: Option<(u8, u16, u16)>, words: &str) -> Option<ReportKind> {
    match enhanced {
        _ if blames_sender(enhanced, words) => Some(ReportKind::Policy),
        Some((5, 7, _)) if has_word(words, &CLOSED) => Some(ReportKind::Soft),
        Some((5, 7, _)) => Some(ReportKind::Policy),
        // Systems that give a code of another kind may still say in words that it is about us.
        Some((_, 0, 0)) if has_word(words, &SENDERS_FAULT) => Some(ReportKind::Policy),
        Some(_) | None => None,
    }
}

/// By the reply code alone 550, 551 and 553 say that there is no such mailbox, unless they speak of something else.
fn by_reply(code: Option<u16>, enhanced: Option<(u8, u16, u16)>, words: &str) -> ReportKind {
    let generic = matches!(enhanced, None | Some((5, 0 | 1, 0)));
    match code {
        Some(550 | 551 | 553) if generic && !has_word(words, &OTHER) => ReportKind::Hard,
        _ => ReportKind::Soft,
    }
}

fn has_word(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

/// A foreign text fit to be kept and shown: one line, no addresses, at most 300 characters.
pub fn fit_to_show(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = cleaned.split_whitespace().map(|word| if word.contains('@') { "***" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::{ReportKind, fit_to_show, kind_of};

    #[test]
    fn a_refusal_is_known_by_its_codes_and_its_words() {
        use ReportKind::{Hard, Policy, Soft};
        let none = None;
        for (code, enhanced, words, expected) in [
            (Some(550), Some((5, 1, 1)), "no", Hard),
            (Some(550), Some((5, 1, 1)), "no such user, and no spam", Hard),
            (Some(550), Some((5, 4, 4)), "Host not found", Hard),
            (Some(550), Some((5, 1, 10)), "null MX", Hard),
            (Some(552), Some((5, 2, 2)), "over quota", Soft),
            (Some(552), Some((5, 3, 4)), "message too large", Soft),
            (Some(553), Some((5, 3, 0)), "... Addressee unknown, relay=[192.0.2.1]", Hard),
            (Some(550), Some((5, 0, 0)), "User unknown or not available", Hard),
            (Some(550), Some((5, 5, 0)), "mailbox does not exist", Hard),
            (Some(550), Some((5, 4, 1)), "Recipient address rejected: Access denied", Hard),
            (Some(550), Some((5, 7, 1)), "Recipient address rejected: user unknown", Hard),
            (Some(550), Some((5, 7, 1)), "blocked using a list", Policy),
            (Some(550), Some((5, 7, 1)), "we do not like you", Policy),
            (Some(550), Some((5, 7, 26)), "not authenticated", Policy),
            (Some(421), Some((4, 7, 26)), "not authenticated", Policy),
            (Some(553), Some((5, 1, 8)), "your domain does not resolve", Policy),
            (Some(550), Some((5, 7, 1)), "you may not write to this group", Soft),
            (Some(550), Some((5, 7, 1)), "unable to relay", Soft),
            (Some(451), Some((4, 4, 7)), "expired", Soft),
            (Some(550), none, "mailbox unavailable", Hard),
            (Some(550), none, "rejected due to DMARC policy", Policy),
            (Some(550), none, "access denied for your IP", Soft),
            (Some(550), none, "user unknown", Hard),
            (Some(552), none, "Quota violation", Soft),
            (Some(554), none, "transaction failed", Soft),
            (None, none, "I've given up", Soft),
            (None, none, "the recipient name\n   is not recognized", Hard),
        ] {
            assert_eq!(kind_of(code, enhanced, words), expected, "{code:?} {enhanced:?} {words}");
        }
    }

    #[test]
    fn what_is_kept_of_foreign_words_has_no_address_in_it() {
        assert_eq!(fit_to_show("550 <ana@example.org>:\r\n  user\u{1b}[31m unknown"), "550 *** user [31m unknown");
        assert_eq!(fit_to_show(&"ä".repeat(1000)).chars().count(), 300);
    }
}
