//! The headers that the splice writes: who a message is for, and what marks it as one of a list. Values come in as
//! people wrote them; what goes out is ASCII that nothing in a value can end or add to (but for an address that needs
//! SMTPUTF8, which stands in `To` as it is).

use std::fmt::Write as _;

use crate::domain::{address::EmailAddress, delivery::Lane, wire};

/// RFC 5322 §2.1.1, without CRLF.
const MAX_LINE: usize = 998;

/// `To`, with the name as a phrase. The address is written as it is: it was checked when it was parsed.
pub(super) fn push_to(out: &mut Vec<u8>, to: &EmailAddress, name: &str) {
    out.extend_from_slice(b"To: ");
    out.extend_from_slice(wire::mailbox("To", name, to).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A header that holds one Message-ID (RFC 5322 §3.6.4).
pub(super) fn push_message_id(out: &mut Vec<u8>, name: &str, id: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": <");
    out.extend(id.bytes().filter(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>')));
    out.extend_from_slice(b">\r\n");
}

/// RFC 2369 §3.2 and RFC 8058: one line, the link first, and one-click only where the link is https.
pub(super) fn push_unsubscribe(out: &mut Vec<u8>, link: &str, leave_address: Option<&EmailAddress>) {
    let mut line = String::from("List-Unsubscribe: ");
    let is_web = link.starts_with("https://") || link.starts_with("http://");
    if is_web {
        line.push('<');
        push_uri(&mut line, link);
        line.push('>');
    }
    if let Some(address) = leave_address {
        line.push_str(if is_web { ", <mailto:" } else { "<mailto:" });
        push_uri(&mut line, address.reveal());
        line.push('>');
    }
    // A folded or broken link is worse than none: it breaks signatures and leads nowhere.
    if (is_web || leave_address.is_some()) && line.len() <= MAX_LINE {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
        if link.starts_with("https://") {
            out.extend_from_slice(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
        }
    }
}

/// What could end the `<…>` or is not ASCII is percent-encoded.
fn push_uri(line: &mut String, uri: &str) {
    for byte in uri.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'`') {
            line.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(line, "%{byte:02X}");
        }
    }
}

/// RFC 2919 §3: a phrase and the identifier, at most 255 octets. The title is quoted, or encoded in words of at most
/// 75 octets that hold whole characters (RFC 2047 §2 and §5).
pub(super) fn id_of_list(title: &str, id: &str) -> String {
    let title: String = wire::one_line(title).chars().take(60).collect();
    let phrase = wire::phrase(&title);
    let fits_one_line = "List-Id: ".len() + phrase.len() + 1 + id.len() <= wire::SHORT_LINE;
    let whole = format!("{phrase}{}{id}", if fits_one_line { " " } else { "\r\n " });
    if title.is_empty() || whole.len() > 255 { id.to_owned() } else { whole }
}

/// The kind of mail in `Feedback-ID`.
pub(super) fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Notice => "notice",
        Lane::Alert => "alert",
        Lane::Digest => "digest",
    }
}

/// The sender's part of `Feedback-ID`: 5 to 15 letters and digits, the same in every mail of this sender.
pub(super) fn feedback_sender(domain: &str) -> String {
    let name: String = domain.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    format!("{name:x<5}")
}

#[cfg(test)]
mod tests {
    use super::{feedback_sender, id_of_list, push_to, push_unsubscribe};
    use crate::domain::address::EmailAddress;

    fn unsubscribe(link: &str, address: Option<&str>) -> String {
        let address = address.map(|text| EmailAddress::parse(text).expect("address"));
        let mut out = Vec::new();
        push_unsubscribe(&mut out, link, address.as_ref());
        String::from_utf8(out).expect("ascii")
    }

    #[test]
    fn one_click_is_offered_only_where_the_link_is_https() {
        assert_eq!(
            unsubscribe("https://e.org/l/x", Some("news+leave.x@e.org")),
            "List-Unsubscribe: <https://e.org/l/x>, <mailto:news+leave.x@e.org>\r\n\
             List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        );
        assert_eq!(unsubscribe("http://localhost/l/x", None), "List-Unsubscribe: <http://localhost/l/x>\r\n");
        assert_eq!(unsubscribe("", Some("leave@e.org")), "List-Unsubscribe: <mailto:leave@e.org>\r\n");
        assert_eq!(unsubscribe("", None), "");
        assert_eq!(unsubscribe("javascript:alert(1)", None), "");
    }

    #[test]
    fn a_link_cannot_end_its_header() {
        let line = unsubscribe("http://e.org/>,\r\nBcc: é", None);
        assert_eq!(line, "List-Unsubscribe: <http://e.org/%3E,%0D%0ABcc:%20%C3%A9>\r\n");
        assert_eq!(unsubscribe(&format!("http://e.org/{}", "x".repeat(1_000)), None), "");
    }

    #[test]
    fn a_name_is_quoted_or_encoded_and_never_ends_its_header() {
        let to = |name: &str| {
            let (mut out, address) = (Vec::new(), EmailAddress::parse("ana@example.org").expect("address"));
            push_to(&mut out, &address, name);
            String::from_utf8(out).expect("ascii")
        };
        assert_eq!(to(""), "To: ana@example.org\r\n");
        assert_eq!(to(" \r\n"), "To: ana@example.org\r\n");
        assert_eq!(to("Ana"), "To: \"Ana\" <ana@example.org>\r\n");
        assert_eq!(to(".a \"b\" \\"), "To: \".a \\\"b\\\" \\\\\" <ana@example.org>\r\n");
        assert_eq!(to("Ána"), "To: =?utf-8?b?w4FuYQ==?= <ana@example.org>\r\n");
        assert_eq!(to("A\r\nBcc: b"), "To: \"A Bcc: b\" <ana@example.org>\r\n");
        let long = to(&"ສົມສີ ".repeat(40));
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
        assert!(to(&"x".repeat(70)).ends_with("\"\r\n <ana@example.org>\r\n"));
    }

    #[test]
    fn a_list_id_keeps_to_rfc_2919() {
        assert_eq!(id_of_list("News, \"all\" <x>", "<n.e.org>"), "\"News, \\\"all\\\" <x>\" <n.e.org>");
        assert_eq!(id_of_list("", "<n.e.org>"), "<n.e.org>");
        let long = id_of_list(&"ສ".repeat(200), "<n.e.org>");
        assert!(long.len() <= 255 || long == "<n.e.org>");
    }

    #[test]
    fn the_feedback_sender_has_five_to_fifteen_letters() {
        assert_eq!(feedback_sender("news.example.org"), "newsexampleorg");
        assert_eq!(feedback_sender("t.co"), "tcoxx");
        assert_eq!(feedback_sender("a-very-long-name.example.org"), "averylongnameex");
    }
}
