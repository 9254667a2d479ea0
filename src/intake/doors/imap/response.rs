//! What an IMAP server says (RFC 3501 §7), as far as we need to understand it: bytes come in; responses go out, whole, with
//! their literals beside the text. It reads no more than a response may hold, and understands nothing it need not.

use crate::{domain::wire::one_line, intake::ENOUGH};

/// The longest text of a response, in octets: a search may find very many.
const TEXT_MAX: usize = 1 << 20;

/// The largest literal, in octets: the message that we ask for, and some more for a server that counts otherwise.
const LITERAL_MAX: usize = ENOUGH + (64 << 10);

/// The longest words of a server that are shown, in characters.
const SHOWN: usize = 200;

/// One response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// Its text without the CRLF; a literal is only announced in it: `{342}`.
    text: String,
    /// Its literals, in order.
    literals: Vec<Vec<u8>>,
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
}

/// A response that belongs to no command by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Untagged<'a> {
    /// How things are; with the code in brackets and its number, if it has one: `UIDVALIDITY` and 7.
    Status(Status, &'a str, Option<u32>),
    /// What the server can do.
    Capability(Vec<&'a str>),
    /// What a search found.
    Search(Vec<u32>),
    /// Messages are there, most often new ones.
    Exists,
    /// Anything else.
    Other,
}

/// The bytes are not IMAP, or too many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The first response in `bytes` and its length, once it is there whole.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Response, usize)>, Malformed> {
    let mut response = Response { text: String::new(), literals: Vec::new() };
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return if response.text.len() + rest.len() > TEXT_MAX { Err(Malformed) } else { Ok(None) };
        };
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        response.text.push_str(&String::from_utf8_lossy(line));
        if response.text.len() > TEXT_MAX {
            return Err(Malformed);
        }
        at += end + 1;
        let Some(size) = announced(&response.text) else { return Ok(Some((response, at))) };
        let taken: usize = response.literals.iter().map(Vec::len).sum();
        if taken.saturating_add(size) > LITERAL_MAX {
            return Err(Malformed);
        }
        let Some(literal) = bytes.get(at..at + size) else { return Ok(None) };
        response.literals.push(literal.to_vec());
        at += size;
    }
}

/// The size of the literal that follows, when the text announces one. Words for people never do, whatever they end with.
fn announced(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("* ")?;
    let first = rest.split(' ').next().unwrap_or_default();
    if status(first).is_some() {
        return None;
    }
    let (_, size) = text.strip_suffix('}')?.rsplit_once('{')?;
    size.strip_suffix('+').unwrap_or(size).parse().ok()
}

fn status(word: &str) -> Option<Status> {
    match word.to_ascii_uppercase().as_str() {
        "OK" => Some(Status::Ok),
        "NO" => Some(Status::No),
        "BAD" => Some(Status::Bad),
        "BYE" => Some(Status::Bye),
        _ => None,
    }
}

impl Response {
    /// What it says.
    pub(super) fn read(&self) -> Untagged<'_> {
        let Some(rest) = self.text.strip_prefix("* ") else { return Untagged::Other };
        let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if let Some(status) = status(first) {
            let code = rest.strip_prefix('[').and_then(|code| code.split(']').next()).unwrap_or_default();
            let (name, number) = code.split_once(' ').unwrap_or((code, ""));
            return Untagged::Status(status, name, number.parse().ok());
        }
        let words = || rest.split_ascii_whitespace();
        match first.to_ascii_uppercase().as_str() {
            "CAPABILITY" => Untagged::Capability(words().collect()),
            "SEARCH" => Untagged::Search(words().filter_map(|word| word.parse().ok()).collect()),
            number if number.parse::<u32>().is_ok() && rest.eq_ignore_ascii_case("EXISTS") => Untagged::Exists,
            _ => Untagged::Other,
        }
    }

    /// How the command of this tag went, when this says so.
    pub(super) fn outcome_of(&self, tag: &str) -> Option<Status> {
        let rest = self.text.strip_prefix(tag)?.strip_prefix(' ')?;
        status(rest.split(' ').next().unwrap_or_default())
    }

    /// True when the server asks for the rest of a command.
    pub(super) fn is_invitation(&self) -> bool {
        self.text == "+" || self.text.starts_with("+ ")
    }

    /// The body in a FETCH response about this message, if it is one and has it.
    pub(super) fn body_of(&self, uid: u32) -> Option<Vec<u8>> {
        let (_, items) = self.text.strip_prefix("* ")?.split_once(' ')?;
        let (name, items) = items.split_once(' ')?;
        if !name.eq_ignore_ascii_case("FETCH") {
            return None;
        }
        let mut literals = self.literals.iter();
        let (mut is_it, mut body) = (false, None);
        let mut before = String::new();
        for item in tokens(items) {
            let value = match &item {
                Token::Bare(word) => {
                    is_it |= before == "UID" && word.parse() == Ok(uid);
                    before = word.to_ascii_uppercase();
                    continue;
                }
                Token::Quoted(text) => Some(text.clone().into_bytes()),
                Token::Literal => literals.next().cloned(),
            };
            // `BODY[]<0>`, of which only the first octets were asked for; some write it without the number.
            if before.starts_with("BODY[]") {
                body = value;
            }
            before = String::new();
        }
        body.filter(|_| is_it)
    }

    /// Its words for people: short, and without addresses.
    pub(super) fn words(&self) -> String {
        let words = self.text.split_ascii_whitespace().skip(1);
        let masked: Vec<&str> = words.map(|word| if word.contains('@') { "…" } else { word }).collect();
        one_line(&masked.join(" ")).chars().take(SHOWN).collect()
    }

    /// How many octets it holds.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.literals.iter().map(Vec::len).sum::<usize>()
    }
}

/// A word of a FETCH response; parentheses are passed over.
#[derive(Debug)]
enum Token {
    Bare(String),
    Quoted(String),
    /// The next of the literals.
    Literal,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '(' | ')' | ' ' => {}
            '"' => {
                let mut quoted = String::new();
                while let Some(c) = rest.next().filter(|c| *c != '"') {
                    quoted.push(if c == '\\' { rest.next().unwrap_or(c) } else { c });
                }
                found.push(Token::Quoted(quoted));
            }
            '{' => {
                while rest.next_if(|c| *c != '}').is_some() {}
                rest.next();
                found.push(Token::Literal);
            }
            first => {
                let mut word = String::from(first);
                while let Some(c) = rest.next_if(|c| !matches!(c, '(' | ')' | ' ' | '"' | '{')) {
                    word.push(c);
                }
                found.push(Token::Bare(word));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Malformed, Response, Status, TEXT_MAX, Untagged, parse};

    fn whole(bytes: &[u8]) -> Response {
        let (response, length) = parse(bytes).expect("well-formed").expect("whole");
        assert_eq!(length, bytes.len());
        response
    }

    #[test]
    fn a_response_is_read_once_it_is_whole() {
        let bytes = b"* 12 FETCH (UID 34 FLAGS (\\Seen) BODY[]<0> {11}\r\nUID 99\r\n)\r\n)\r\n* 13 EXISTS\r\n";
        for end in 0..bytes.len() - 14 {
            assert_eq!(parse(&bytes[..end]), Ok(None), "{end}");
        }
        let (response, length) = parse(bytes).expect("well-formed").expect("whole");
        assert_eq!(&bytes[length..], b"* 13 EXISTS\r\n");
        assert_eq!(response.body_of(34).as_deref(), Some(&b"UID 99\r\n)\r\n"[..]));
        assert_eq!(response.body_of(99), None);
        assert_eq!(whole(b"* 13 EXISTS\r\n").read(), Untagged::Exists);
    }

    #[test]
    fn a_body_may_come_in_quotation_marks_or_before_its_number_or_not_at_all() {
        let body = |text: &str| whole(format!("* 1 FETCH ({text})\r\n").as_bytes()).body_of(7);
        assert_eq!(body(r#"BODY[] "a \"b\" UID 8" UID 7"#).as_deref(), Some(&b"a \"b\" UID 8"[..]));
        assert_eq!(body(r#"UID 7 BODY[]<0> """#).as_deref(), Some(&b""[..]));
        assert_eq!(body("UID 7 BODY[] NIL"), None);
        assert_eq!(body("UID 7 FLAGS (\\Seen)"), None);
        assert_eq!(body(r#"UID 7 X "BODY[]" "y""#), None);
    }

    #[test]
    fn words_for_people_announce_no_literal_and_show_no_address() {
        let response = whole(b"t4 NO [AUTHENTICATIONFAILED] no ana@example.org here {5}\r\n");
        assert_eq!(response.outcome_of("t4"), Some(Status::No));
        assert_eq!(response.outcome_of("t"), None);
        assert_eq!(response.words(), "NO [AUTHENTICATIONFAILED] no … here {5}");
        assert_eq!(whole(b"* OK hello {9}\r\n").read(), Untagged::Status(Status::Ok, "", None));
        assert_eq!(whole(b"* ok [UIDNEXT 17] next\r\n").read(), Untagged::Status(Status::Ok, "UIDNEXT", Some(17)));
        assert!(whole(b"+ idling\r\n").is_invitation() && whole(b"+\r\n").is_invitation());
        assert_eq!(whole(b"* SEARCH 4 9 x\r\n").read(), Untagged::Search(vec![4, 9]));
        assert_eq!(whole(b"* SEARCH\r\n").read(), Untagged::Search(vec![]));
    }

    #[test]
    fn nobody_is_read_without_end() {
        assert_eq!(parse(&vec![b'a'; TEXT_MAX + 1]), Err(Malformed));
        assert_eq!(parse(b"* 1 FETCH (BODY[] {99999999999}\r\n"), Err(Malformed));
        assert_eq!(parse(b"* 1 FETCH (BODY[] {999999999999999999999999}\r\n").map(|it| it.is_some()), Ok(true));
        let many = b"* 1 FETCH (BODY[] {600000}\r\n".iter().chain(&[b'a'; 600_000]).chain(b" {600000}\r\n");
        assert_eq!(parse(&many.copied().collect::<Vec<_>>()), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[*+t1 ]{0,3}[A-Z0-9\\[\\]{}()\" \\\\\r\n]{0,80}") {
            for bytes in [&bytes[..], text.as_bytes()] {
                if let Ok(Some((response, length))) = parse(bytes) {
                    prop_assert!(length <= bytes.len());
                    let _ = (response.read(), response.body_of(1), response.words(), response.outcome_of("t1"));
                }
            }
        }
    }
}
