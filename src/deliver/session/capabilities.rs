//! What a relay says it can do: the lines of its EHLO reply (RFC 5321 §4.1.1.1). A reply goes in, known keywords come
//! out; unknown ones and malformed parameters are passed over. What was offered before TLS is never kept.

use super::reply::ReplyLines;

/// The extensions a relay offers, of those we know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Commands may be sent in groups (RFC 2920).
    pub pipelining: bool,
    /// BDAT instead of DATA (RFC 3030).
    pub chunking: bool,
    /// Octets above 127 in a message (RFC 6152).
    pub eight_bit_mime: bool,
    /// Addresses and headers in UTF-8 (RFC 6531).
    pub smtputf8: bool,
    /// TLS on request (RFC 3207).
    pub starttls: bool,
    /// Enhanced codes in replies (RFC 2034).
    pub enhanced_status_codes: bool,
    /// Delivery status notifications on request (RFC 3461).
    pub dsn: bool,
    /// The SIZE parameter is understood (RFC 1870); its number is the most octets taken, 0 for no fixed limit.
    pub size: Option<u64>,
    /// AUTH PLAIN (RFC 4616).
    pub auth_plain: bool,
    /// AUTH LOGIN, which no RFC describes and which many relays have alone.
    pub auth_login: bool,
    /// AUTH XOAUTH2, which Google and Microsoft describe.
    pub auth_xoauth2: bool,
}

impl Capabilities {
    /// Reads an EHLO reply. Its first line is the relay's name and greeting, and offers nothing.
    pub fn read(hello: &ReplyLines) -> Self {
        let mut offered = Self::default();
        for line in hello.lines.iter().skip(1) {
            // RFC 5321 §2.4: keywords are the same in any case. `AUTH=` is how some wrote it before RFC 2554.
            let line = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_whitespace();
            match words.next().unwrap_or_default() {
                "PIPELINING" => offered.pipelining = true,
                "CHUNKING" => offered.chunking = true,
                "8BITMIME" => offered.eight_bit_mime = true,
                "SMTPUTF8" => offered.smtputf8 = true,
                "STARTTLS" => offered.starttls = true,
                "ENHANCEDSTATUSCODES" => offered.enhanced_status_codes = true,
                "DSN" => offered.dsn = true,
                "SIZE" => offered.size = Some(words.next().and_then(|size| size.parse().ok()).unwrap_or(0)),
                "AUTH" => {
                    for mechanism in words {
                        offered.auth_plain |= mechanism == "PLAIN";
                        offered.auth_login |= mechanism == "LOGIN";
                        offered.auth_xoauth2 |= mechanism == "XOAUTH2";
                    }
                }
                _ => {}
            }
        }
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, ReplyLines};

    fn read(lines: &[&str]) -> Capabilities {
        let lines = std::iter::once("relay.example.org").chain(lines.iter().copied()).map(str::to_owned).collect();
        Capabilities::read(&ReplyLines { code: 250, lines })
    }

    #[test]
    fn keywords_are_the_same_in_any_case() {
        let offered = read(&["pipelining", "Chunking", "8bitmime", "SmtpUtf8", "size 1000", "dsn", "starttls"]);
        assert!(offered.pipelining && offered.chunking && offered.eight_bit_mime && offered.smtputf8 && offered.dsn);
        assert!(offered.starttls && !offered.enhanced_status_codes);
        assert_eq!(offered.size, Some(1000));
    }

    #[test]
    fn both_ways_of_writing_auth_are_read() {
        for line in ["AUTH PLAIN CRAM-MD5 LOGIN", "auth=login plain", "AUTH =PLAIN LOGIN PLAIN"] {
            let offered = read(&[line]);
            assert!(offered.auth_plain && offered.auth_login, "{line}");
        }
        let offered = read(&["AUTH XOAUTH2", "AUTH=LOGIN"]);
        assert!(!offered.auth_plain && offered.auth_login);
    }

    #[test]
    fn a_strange_size_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE many", "SIZE 99999999999999999999999"] {
            assert_eq!(read(&[line]).size, Some(0), "{line}");
        }
        assert_eq!(read(&["SIZES 5"]).size, None);
    }

    #[test]
    fn the_first_line_offers_nothing() {
        let hello = ReplyLines { code: 250, lines: vec!["STARTTLS".into()] };
        assert_eq!(Capabilities::read(&hello), Capabilities::default());
    }
}
