//! A report: what another system says became of a message of ours.

use super::{address::EmailAddress, mailing::MailingId, subscription::SubscriberId};

/// What another system says became of a message of ours: in a bounce that came by mail, or over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The delivery it is about, when our own seal proves it.
    pub delivery: Option<(MailingId, SubscriberId)>,
    /// Whom the message was for, when the report says so.
    pub recipient: Option<EmailAddress>,
    /// What became of it.
    pub kind: ReportKind,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub code: Option<(u8, u16, u16)>,
    /// What was said, for people to read: one line, without addresses.
    pub words: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The address takes no mail, and will take none later.
    Hard,
    /// This message did not arrive; another may.
    Soft,
    /// We were refused, and would be whoever the reader is: our standing, our signature, what we wrote.
    Policy,
    /// The reader says that it is spam.
    Complaint,
}
