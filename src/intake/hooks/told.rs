//! What a provider says of one recipient, in the provider's own texts, and how a report is made of it. The texts come in
//! as hostile as any; what goes out is a report, with words that hold no address.

use serde_json::Value;

use crate::{
    domain::{
        address::{EmailAddress, without_addresses},
        report::{Report, ReportKind},
        token::Secret,
        wire::one_line,
    },
    intake::evidence::delivery_in,
};

/// The most words that are kept, in characters.
const MOST_WORDS: usize = 300;

/// What a provider says of one recipient.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    /// What became of the message, by the provider's own words.
    pub(super) kind: ReportKind,
    /// Whom it was for.
    pub(super) recipient: &'a str,
    /// Where the enhanced status code (RFC 3463) may stand, best first.
    pub(super) code: [&'a str; 2],
    /// What to show to people, piece by piece; empty ones are left out.
    pub(super) words: [&'a str; 3],
    /// Where our own name of the delivery may stand: its Message-ID, or the sender of the envelope.
    pub(super) named: [&'a str; 2],
}

impl Told<'_> {
    /// The report, unless nothing in it says whom it is about.
    pub(super) fn report(self, secret: &Secret) -> Option<Report> {
        let delivery = self.named.into_iter().find_map(|text| delivery_in(text, secret));
        let recipient = EmailAddress::parse(self.recipient).ok();
        if delivery.is_none() && recipient.is_none() {
            return None;
        }
        let codes = || self.code.into_iter().filter_map(status_code);
        let code = codes().find(|(_, subject, detail)| (*subject, *detail) != (0, 0)).or_else(|| codes().next());
        let words: Vec<&str> = self.words.into_iter().map(str::trim).filter(|words| !words.is_empty()).collect();
        // Cut twice, for the first cut bounds the work and the second what is kept.
        let words: String = words.join(": ").chars().take(4 * MOST_WORDS).collect();
        let words = one_line(&without_addresses(&words, recipient.as_ref())).chars().take(MOST_WORDS).collect();
        Some(Report { delivery, recipient, kind: judged(self.kind, code), code, words })
    }
}

/// A provider calls much permanent that a reader is not to pay for: a full mailbox (x.2.2), a refusal for now (4.x.x), and
/// what is said of us and not of the address (x.7.x).
fn judged(kind: ReportKind, code: Option<(u8, u16, u16)>) -> ReportKind {
    match (kind, code) {
        (ReportKind::Hard, Some((4, _, _) | (_, 2, 2))) => ReportKind::Soft,
        (ReportKind::Hard, Some((_, 7, _))) => ReportKind::Policy,
        _ => kind,
    }
}

/// The text at a place of a JSON value; empty when there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The values of an array at a place of a JSON value.
pub(super) fn each<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The first status code of a failure in a text, such as `smtp; 550 5.1.1 no such user`.
fn status_code(text: &str) -> Option<(u8, u16, u16)> {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    numbers.filter(|word| word.len() <= "5.999.999".len()).find_map(|word| {
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let is_code = parts.next().is_none() && matches!(class, "4" | "5");
        let (class, subject, detail) = (class.parse().ok()?, subject.parse().ok()?, detail.parse().ok()?);
        (is_code && subject <= 999 && detail <= 999).then_some((class, subject, detail))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Told, status_code};
    use crate::domain::{report::ReportKind, token::Secret};

    fn secret() -> Secret {
        Secret::new(vec![7; 32]).expect("long enough")
    }

    fn told<'a>(recipient: &'a str, words: &'a str) -> Told<'a> {
        Told { kind: ReportKind::Hard, recipient, code: ["", words], words: ["", words, ""], named: ["", ""] }
    }

    #[test]
    fn a_code_is_found_where_it_stands() {
        for (text, code) in [
            ("5.1.1", Some((5, 1, 1))),
            ("smtp; 550 5.1.1 <ana@example.org>... no such user", Some((5, 1, 1))),
            ("smtp;554-5.7.26. Unauthenticated", Some((5, 7, 26))),
            ("from 5.6.7.8 or 4.3: no", None),
            ("2.0.0 OK", None),
            ("5.1.99999", None),
            ("5..1", None),
            ("", None),
        ] {
            assert_eq!(status_code(text), code, "{text}");
        }
    }

    #[test]
    fn words_hold_no_address_and_are_bounded() {
        let said = "550 5.1.1 <Ana@example.org>\r\nno; ask\tpostmaster@example.net";
        let report = told("ana@example.org", said).report(&secret()).expect("a recipient");
        assert_eq!(report.words, "550 5.1.1 <a***@e***.org> no; ask …");
        assert_eq!((report.kind, report.code), (ReportKind::Hard, Some((5, 1, 1))));
        let long = "x".repeat(5_000);
        assert_eq!(told("ana@example.org", &long).report(&secret()).expect("a recipient").words.len(), 300);
        assert!(told("nobody", said).report(&secret()).is_none());
    }

    #[test]
    fn a_reader_does_not_pay_for_a_full_mailbox_nor_for_what_is_said_of_us() {
        let kind = |words| told("ana@example.org", words).report(&secret()).expect("a recipient").kind;
        assert_eq!(kind("552 5.2.2 over quota"), ReportKind::Soft);
        assert_eq!(kind("450 4.4.7 expired"), ReportKind::Soft);
        assert_eq!(kind("550 5.7.1 listed"), ReportKind::Policy);
        assert_eq!(kind("550 5.1.1 no such user"), ReportKind::Hard);
        assert_eq!(kind("no such user"), ReportKind::Hard);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", other in "[0-9.a-z@<> ]{0,80}") {
            for (recipient, words) in [(&text, &other), (&other, &text)] {
                let told = Told { named: [words.as_str(), recipient.as_str()], ..told(recipient, words) };
                let _ = told.report(&secret());
            }
        }
    }
}
