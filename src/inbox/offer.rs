//! What EHLO offers, and whether a command's parameters keep to it (RFC 5321 section 4.1.1.11). Parsed commands come
//! in; a yes or no goes out.

use std::borrow::Cow;

use smtp_proto::{MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo};

use super::smtp::SIZE_MAX;

/// The reply to a parameter of an extension that was not offered.
pub(super) const NOT_OFFERED: &str = "555 5.5.4 a parameter was not offered";

/// The reply to EHLO, line by line.
pub(super) fn ehlo_reply() -> [String; 8] {
    let size = format!("250-SIZE {SIZE_MAX}");
    [
        "250-localhost",
        "250-PIPELINING",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-CHUNKING",
        &size,
        "250-AUTH PLAIN LOGIN",
        "250 ENHANCEDSTATUSCODES",
    ]
    .map(str::to_owned)
}

/// Whether MAIL came with more than BODY, SMTPUTF8, SIZE and AUTH.
pub(super) fn is_exceeded_by_mail(from: &MailFrom<Cow<'_, str>>) -> bool {
    let offered = MailFrom {
        address: from.address.clone(),
        flags: from.flags & (MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_SMTPUTF8),
        size: from.size,
        auth: from.auth.clone(),
        ..MailFrom::default()
    };
    *from != offered
}

/// Whether RCPT came with any parameter at all.
pub(super) fn is_exceeded_by_rcpt(to: &RcptTo<Cow<'_, str>>) -> bool {
    *to != RcptTo { address: to.address.clone(), ..RcptTo::default() }
}
