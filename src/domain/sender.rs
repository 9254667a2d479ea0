//! The sender: who a mail says it is from, as config.toml describes it.

use super::address::EmailAddress;

/// The organisation that writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its name, as readers see it in From and at the top of each mail.
    pub name: String,
    /// The From address. Its domain is also that of Message-IDs and List-Ids.
    pub address: EmailAddress,
    /// Where replies go, when not to `address`.
    pub reply_to: Option<EmailAddress>,
    /// The postal address for the footer, which anti-spam law asks for.
    pub postal_address: String,
    /// The press contact line of alerts; may be empty.
    pub press_contact: String,
    /// The accent colour of mails and pages, `#rrggbb`.
    pub accent: String,
}
