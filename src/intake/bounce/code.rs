//! Finds codes in foreign words: the enhanced ones of RFC 3463 (`5.1.1`) and the reply codes of RFC 5321 §4.2 (`550`).
//! Text comes in; numbers go out, or nothing. Version numbers, addresses of machines and dates look much the same, so it
//! takes only what cannot well be one of those.

/// The codes found in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// The first reply code that refuses.
    pub reply: Option<u16>,
    /// The first enhanced code that refuses, one that says more than `x.0.0` before one that does not.
    pub enhanced: Option<(u8, u16, u16)>,
}

/// Reply codes that a mail server refuses with.
const REFUSALS: [u16; 25] = [
    421, 450, 451, 452, 454, 455, 500, 501, 502, 503, 504, 521, 523, 530, 535, 541, 550, 551, 552, 553, 554, 555, 556,
    571, 577,
];

/// The codes in a text.
pub fn codes(text: &str) -> Codes {
    let mut codes = Codes::default();
    for (number, before) in numbers(text) {
        if codes.reply.is_none() && !before.is_alphanumeric() && number.len() == 3 {
            codes.reply = number.parse().ok().filter(|code| REFUSALS.contains(code));
        }
        let is_vague = codes.enhanced.is_none_or(|(_, subject, detail)| (subject, detail) == (0, 0));
        if is_vague && let Some(found) = enhanced(number).filter(|_| !before.is_alphabetic()) {
            let says_more = codes.enhanced.is_none() || (found.1, found.2) != (0, 0);
            codes.enhanced = if says_more { Some(found) } else { codes.enhanced };
        }
    }
    codes
}

/// Runs of digits and dots, without dots at their ends, and the character before each.
fn numbers(text: &str) -> impl Iterator<Item = (&str, char)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text;
    let mut before = ' ';
    std::iter::from_fn(move || {
        let begin = rest.find(|c: char| c.is_ascii_digit())?;
        let (skipped, from) = rest.split_at(begin);
        before = skipped.chars().next_back().unwrap_or(before);
        let end = from.find(|c| !is_number(c)).unwrap_or(from.len());
        let (number, behind) = from.split_at(end);
        // What goes on with letters is a name, such as `550k` or `5.1.1x`.
        let is_name = behind.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        let found = (if is_name { "" } else { number.trim_end_matches('.') }, before);
        (rest, before) = (behind, '0');
        Some(found)
    })
}

/// `5.1.1`: class 4 or 5, then twice a number of at most three digits with no zero at its front (RFC 3463 §2).
fn enhanced(number: &str) -> Option<(u8, u16, u16)> {
    let mut parts = number.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let is_part = |part: &str| (1..=3).contains(&part.len()) && (part == "0" || !part.starts_with('0'));
    if parts.next().is_some() || !matches!(class, "4" | "5") || !is_part(subject) || !is_part(detail) {
        return None;
    }
    let (subject, detail) = (subject.parse().ok()?, detail.parse().ok()?);
    // The subjects go from 0 to 7; others are version numbers.
    (subject <= 7).then_some((class.parse().ok()?, subject, detail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Codes, codes};

    #[test]
    fn codes_are_found_where_systems_write_them() {
        for (text, reply, enhanced) in [
            ("550 5.1.1 <x>... User unknown", Some(550), Some((5, 1, 1))),
            ("550-5.7.26 not authenticated", Some(550), Some((5, 7, 26))),
            ("Sorry, no mailbox here by that name. (#5.1.1)", None, Some((5, 1, 1))),
            ("smtp; 550: 5.1.1 <x>", Some(550), Some((5, 1, 1))),
            ("said: 554 no", Some(554), None),
            ("[SMTP Error Code 550]", Some(550), None),
            ("Status: 5.0.0 and then 5.2.2", None, Some((5, 2, 2))),
            ("5.2.2 before 5.0.0 and 5.1.1", None, Some((5, 2, 2))),
            ("gives error 5.7.1.", None, Some((5, 7, 1))),
            ("4.4.7", None, Some((4, 4, 7))),
        ] {
            assert_eq!(codes(text), Codes { reply, enhanced }, "{text}");
        }
    }

    #[test]
    fn versions_addresses_and_dates_are_no_codes() {
        for text in [
            "host 5.6.7.8",
            "Exim 4.60",
            "v5.1.1",
            "Service 5.5.2653.19",
            "5.1.053",
            "4.9.1",
            "2.1.5",
            "at 12:55:01",
            "5500",
            "1550",
            "550k",
            "x550",
            "12.550",
            "",
        ] {
            assert_eq!(codes(text), Codes::default(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9. x\u{e9}-]{0,40}|\\PC{0,40}") {
            if let Some((class, subject, _)) = codes(&text).enhanced {
                prop_assert!(matches!(class, 4 | 5) && subject <= 7);
            }
        }
    }
}
