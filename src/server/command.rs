//! Command lines that cannot be obeyed: no command, a wrong one, or one with parameters that were not offered (RFC 5321
//! section 4.1.1.11). What was parsed comes in; a yes or no, or the reply to give, goes out.

use std::borrow::Cow;

use smtp_proto::{Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo};

/// The reply to a parameter of an extension that was not offered.
pub const NOT_OFFERED: &str = "555 5.5.4 a parameter was not offered";

/// Whether MAIL came with more than BODY, SMTPUTF8, SIZE and AUTH.
pub fn is_exceeded_by_mail(from: &MailFrom<Cow<'_, str>>) -> bool {
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
pub fn is_exceeded_by_rcpt(to: &RcptTo<Cow<'_, str>>) -> bool {
    *to != RcptTo { address: to.address.clone(), ..RcptTo::default() }
}

/// The reply to a line that is no command.
pub fn misread(error: &Error) -> &'static str {
    match error {
        Error::SyntaxError { .. } => "501 5.5.4 not understood",
        Error::InvalidSenderAddress => "501 5.1.7 that is no sender's address",
        Error::InvalidRecipientAddress => "501 5.1.3 that is no recipient's address",
        Error::InvalidParameter { .. } => "501 5.5.4 a parameter is wrong",
        Error::UnsupportedParameter { .. } => NOT_OFFERED,
        _ => "500 5.5.2 no such command",
    }
}
