//! What a letter asks for, and doing it: so far, leaving by mail. A message and the address it came to go in; what was
//! done goes out. It answers nobody.

use mail_parser::{HeaderValue, MessageParser};

use super::{Incoming, Taken};
use crate::{
    app::App,
    domain::address::EmailAddress,
    store::StoreError,
    subscribe::{self, LeaveError, Visit},
};

/// Where mail servers write the address a message came to, best first.
const RECIPIENT_HEADERS: [&str; 3] = ["X-Original-To", "Delivered-To", "To"];

/// Does what one message asks for.
///
/// # Errors
/// When the store fails.
pub(super) async fn act(app: &App, incoming: &Incoming<'_>) -> Result<Taken, StoreError> {
    match command(app, incoming.recipient, incoming.bytes) {
        Err(why) => Ok(Taken::Nothing(why)),
        Ok(Command::Leave(token)) => match subscribe::leave(app, &token, Visit::Mail).await {
            Ok(_) => Ok(Taken::Left),
            Err(LeaveError::Store(error)) => Err(error),
            Err(error) => Ok(Taken::Nothing(error.to_string())),
        },
        Ok(Command::Unknown(part)) => Ok(Taken::Nothing(format!("nothing is done yet about mail to `+{part}`"))),
    }
}

/// What the plus part of the address asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Leave(String),
    Unknown(String),
}

fn command(app: &App, recipient: Option<&str>, message: &[u8]) -> Result<Command, String> {
    let Some(intake) = &app.config.intake.address else { return Err("no [intake] address is configured".to_owned()) };
    let to = match recipient {
        Some(text) => EmailAddress::parse(text).ok(),
        None => recipients(message).into_iter().find(|to| plus_part(to, intake).is_some()),
    };
    let Some(part) = to.as_ref().and_then(|to| plus_part(to, intake)) else {
        return Err("the message did not come to one of our addresses".to_owned());
    };
    Ok(match part.split_once('.') {
        Some(("leave", token)) => Command::Leave(token.to_owned()),
        // Only the first word: the rest may be a token.
        Some((word, _)) => Command::Unknown(word.to_owned()),
        None => Command::Unknown(part),
    })
}

/// `leave.TOKEN` of `news+leave.TOKEN@example.org`, in lower case, for mail systems fold it.
fn plus_part(to: &EmailAddress, intake: &EmailAddress) -> Option<String> {
    let local = to.local().to_lowercase();
    let part = local.strip_prefix(&format!("{}+", intake.local().to_lowercase()))?;
    (to.domain() == intake.domain()).then(|| part.to_owned())
}

fn recipients(message: &[u8]) -> Vec<EmailAddress> {
    let Some(parsed) = MessageParser::default().parse(message) else { return Vec::new() };
    let values = RECIPIENT_HEADERS.iter().flat_map(|name| parsed.header_values(*name));
    let texts = values.flat_map(|value| match value {
        HeaderValue::Address(addresses) => {
            addresses.iter().filter_map(|one| one.address().map(str::to_owned)).collect::<Vec<_>>()
        }
        HeaderValue::Text(text) => vec![text.to_string()],
        _ => Vec::new(),
    });
    texts.filter_map(|text| EmailAddress::parse(text.trim_matches(['<', '>'])).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{plus_part, recipients};
    use crate::domain::address::EmailAddress;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    #[test]
    fn a_plus_address_is_known_in_any_case_and_only_at_our_own_address() {
        let intake = address("News@example.org");
        assert_eq!(plus_part(&address("NEWS+LEAVE.ABC@EXAMPLE.org"), &intake).as_deref(), Some("leave.abc"));
        assert_eq!(plus_part(&address("news@example.org"), &intake), None);
        assert_eq!(plus_part(&address("newsroom+leave.abc@example.org"), &intake), None);
        assert_eq!(plus_part(&address("news+leave.abc@example.net"), &intake), None);
    }

    #[test]
    fn the_recipient_is_read_from_the_headers_that_mail_servers_write() {
        let message =
            b"Delivered-To: news+leave.abc@example.org\r\nTo: \"A, B\" <x@example.org>, y@example.org\r\n\r\n";
        let found: Vec<String> = recipients(message).iter().map(|to| to.reveal().to_owned()).collect();
        assert_eq!(found, ["news+leave.abc@example.org", "x@example.org", "y@example.org"]);
        assert!(recipients(b"").is_empty());
    }
}
