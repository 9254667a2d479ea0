//! What a letter asks for: by the address it came to (`news+leave.TOKEN@`), or by a plain word in its subject or first
//! lines. Texts come in, a command goes out, or nothing. It asks no store: whether a token is good, and whether there is
//! such a list, is found out by who does the command.

use super::letter::Letter;
use crate::domain::{address::EmailAddress, slug::Slug};

/// The length of a token: see [`crate::domain::token`].
const TOKEN: usize = 32;

/// The longest word that stands before a colon at the front of a subject without being part of it: `Re:`, `Antw:`.
const PREFIX: usize = 5;

/// Which of our addresses a letter came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// None that we know.
    Other,
    /// The address itself.
    Bare,
    /// What stands behind the plus, in lower case, for mail systems fold it.
    Plus(String),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To get a list; `None`: the only one there is.
    Join(Option<Slug>),
    /// To leave, by a token that says who and what.
    Leave(String),
    /// To leave, by who it says it is from.
    AskToLeave,
    /// To confirm what was asked for, by a token.
    Confirm(String),
    /// How this works.
    Help,
}

/// Which of our addresses a letter came to: a plus part, when one of them has one.
pub fn door(letter: &Letter<'_>, intake: &EmailAddress) -> Door {
    let doors = letter.recipients();
    let doors = doors.iter().map(|to| door_of(to, intake)).filter(|door| *door != Door::Other);
    doors.reduce(|first, next| if first == Door::Bare { next } else { first }).unwrap_or(Door::Other)
}

fn door_of(to: &EmailAddress, intake: &EmailAddress) -> Door {
    let (local, ours) = (to.local().to_lowercase(), intake.local().to_lowercase());
    match local.strip_prefix(&ours) {
        _ if to.domain() != intake.domain() => Door::Other,
        Some("") => Door::Bare,
        Some(rest) => rest.strip_prefix('+').map_or(Door::Other, |part| Door::Plus(part.to_owned())),
        None => Door::Other,
    }
}

/// What a letter asks for, if anything. At the bare address it must be all that its subject or its first line says, for
/// much is written that begins with “help”.
pub fn command(letter: &Letter<'_>, door: &Door) -> Option<Command> {
    match door {
        Door::Other => None,
        Door::Plus(part) => in_part(part),
        Door::Bare => in_words(without_prefixes(&letter.subject))
            .or_else(|| letter.lines.first().and_then(|line| in_words(line.as_str()))),
    }
}

fn in_part(part: &str) -> Option<Command> {
    let (word, rest) = part.split_once('.').unwrap_or((part, ""));
    match (word, rest) {
        ("leave" | "unsubscribe", rest) if is_token(rest) => Some(Command::Leave(rest.to_owned())),
        ("confirm", rest) if !rest.is_empty() => Some(Command::Confirm(rest.to_owned())),
        _ => in_words(&format!("{word} {rest}")),
    }
}

/// One word, and the name of a list where it may have one.
fn in_words(text: &str) -> Option<Command> {
    let text = text.to_lowercase();
    let mut words = text.split_whitespace();
    let (word, name, more) = (words.next()?, words.next(), words.next());
    if more.is_some() {
        return None;
    }
    let is_name = name.is_none_or(|name| Slug::parse(name).is_ok());
    match word {
        "subscribe" | "join" if is_name => Some(Command::Join(name.and_then(|name| Slug::parse(name).ok()))),
        "unsubscribe" | "leave" | "signoff" if is_name => Some(Command::AskToLeave),
        "confirm" => name.map(|token| Command::Confirm(token.to_owned())),
        "help" if name.is_none() => Some(Command::Help),
        _ => None,
    }
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A subject without `Re:`, `AW:`, `Antw:`, `回复：` and their like, however many.
fn without_prefixes(subject: &str) -> &str {
    let mut rest = subject.trim();
    while let Some((prefix, behind)) = rest.split_once([':', '：']) {
        let letters = prefix.trim().chars().count();
        if letters == 0 || letters > PREFIX || prefix.trim().contains(char::is_whitespace) {
            break;
        }
        rest = behind.trim();
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Command, Door, command, door, in_part};
    use crate::{
        domain::{address::EmailAddress, slug::Slug},
        intake::{Incoming, letter::Letter},
    };

    fn intake() -> EmailAddress {
        EmailAddress::parse("News@example.org").expect("an address")
    }

    fn door_of(recipient: &str) -> Door {
        door(&Letter::read(&Incoming { recipient: Some(recipient), sender: None, bytes: b"" }), &intake())
    }

    fn asked(message: &str) -> Option<Command> {
        let letter = Letter::read(&Incoming { recipient: None, sender: None, bytes: message.as_bytes() });
        command(&letter, &Door::Bare)
    }

    fn subject(subject: &str) -> Option<Command> {
        asked(&format!("Subject: {subject}\r\n\r\n"))
    }

    fn join(list: &str) -> Option<Command> {
        Some(Command::Join(Some(Slug::parse(list).expect("a slug"))))
    }

    #[test]
    fn a_plus_address_is_known_in_any_case_and_only_at_our_own_address() {
        assert_eq!(door_of("NEWS+LEAVE.ABC@EXAMPLE.org"), Door::Plus("leave.abc".into()));
        assert_eq!(door_of("news@example.org"), Door::Bare);
        assert_eq!(door_of("newsroom+leave.abc@example.org"), Door::Other);
        assert_eq!(door_of("news+leave.abc@example.net"), Door::Other);
        let message = b"To: x@example.org, news@example.org, news+help@example.org\r\n\r\n";
        let letter = Letter::read(&Incoming { recipient: None, sender: None, bytes: message });
        assert_eq!(door(&letter, &intake()), Door::Plus("help".into()));
    }

    #[test]
    fn a_plus_part_is_a_command() {
        let token = "abcdefghijklmnopqrstuvwxyz234567";
        for (part, expected) in [
            ("join.news", join("news")),
            ("subscribe.news", join("news")),
            ("join", Some(Command::Join(None))),
            ("leave", Some(Command::AskToLeave)),
            ("leave.news", Some(Command::AskToLeave)),
            (&format!("leave.{token}"), Some(Command::Leave(token.into()))),
            (&format!("confirm.{token}"), Some(Command::Confirm(token.into()))),
            ("help", Some(Command::Help)),
            ("confirm", None),
            ("confirm.", None),
            ("bounce.1.2.x", None),
            ("anything", None),
            ("", None),
        ] {
            assert_eq!(in_part(part), expected, "{part}");
        }
    }

    #[test]
    fn plain_words_in_the_subject_or_the_first_line_are_commands() {
        assert_eq!(subject("subscribe"), Some(Command::Join(None)));
        assert_eq!(subject("SUBSCRIBE News"), join("news"));
        assert_eq!(subject("Re: AW: Antw: unsubscribe"), Some(Command::AskToLeave));
        assert_eq!(subject("=?utf-8?b?5Zue5aSN77yaIGhlbHA=?="), Some(Command::Help));
        assert_eq!(subject("unsubscribe news"), Some(Command::AskToLeave));
        assert_eq!(asked("Subject: hello there\r\n\r\n\r\n  Subscribe news \r\nthank you\r\n"), join("news"));
        assert_eq!(asked("Subject: \r\n\r\nhelp\r\n"), Some(Command::Help));
        assert_eq!(asked("Content-Type: text/html\r\n\r\n<p>subscribe</p>"), None);
    }

    #[test]
    fn what_only_looks_like_a_command_is_none() {
        for text in [
            "subscribe to our great offers",
            "Help us to help you",
            "help me",
            "How do I subscribe?",
            "Please unsubscribe",
            "urgent matter: subscribe",
            "subscribe <script>",
            ": subscribe",
            "",
        ] {
            assert_eq!(subject(text), None, "{text}");
        }
        assert_eq!(asked("Subject: x\r\n\r\n> subscribe\r\n"), None);
        assert_eq!(asked("Subject: x\r\n\r\nhello\r\nsubscribe\r\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(subject_text in "\\PC{0,60}", part in "\\PC{0,60}", line in "\\PC{0,60}") {
            let _ = (in_part(&part), asked(&format!("Subject: {subject_text}\r\n\r\n{line}")), door_of(&part));
        }
    }
}
