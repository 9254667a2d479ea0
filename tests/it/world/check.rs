//! The message checker: every message that any test makes goes through it. Bytes come in; it panics with a list of
//! all that is wrong with them, or gives back what a reader's program makes of them.

use std::collections::BTreeMap;

use jiff::fmt::rfc2822::DateTimeParser;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// Every sender in the tests has this in their postal address.
pub(crate) const POSTAL_ADDRESS: &str = "1 Example Street";

/// Gmail hides what comes after.
const MAX_HTML_BYTES: usize = 102 * 1024;
const ONCE: [&str; 8] =
    ["date", "message-id", "from", "to", "subject", "mime-version", "content-type", "auto-submitted"];
const OF_LISTS: [&str; 5] = ["list-id", "list-unsubscribe", "list-post", "precedence", "feedback-id"];

/// A message as a reader's program shows it.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Decoded.
    pub(crate) subject: String,
    /// The text part, with LF line ends.
    pub(crate) text: String,
    /// The HTML part, with LF line ends.
    pub(crate) html: String,
    /// What is in each calendar file, with LF line ends.
    pub(crate) calendars: Vec<String>,
    /// Header values as they stand, unfolded, by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
}

/// Checks one message as it goes over the wire, before dot-stuffing.
///
/// # Panics
/// With one line for each fault.
pub(crate) fn check_message(bytes: &[u8]) -> Checked {
    let (checked, faults) = examine(bytes);
    assert!(faults.is_empty(), "a bad message:\n- {}\n\n{}", faults.join("\n- "), String::from_utf8_lossy(bytes));
    checked
}

fn examine(bytes: &[u8]) -> (Checked, Vec<String>) {
    let mut faults = Vec::new();
    let (head, body) = split(bytes, &mut faults);
    check_lines(&head, &body, &mut faults);
    let headers = check_headers(&head, &mut faults);
    let checked = check_parts(bytes, headers, &mut faults);
    check_list(&checked, &mut faults);
    (checked, faults)
}

fn split(bytes: &[u8], faults: &mut Vec<String>) -> (String, String) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Some((head, body)) = text.split_once("\r\n\r\n") {
        return (head.to_owned(), body.to_owned());
    }
    faults.push("no empty line after the headers".into());
    (text, String::new())
}

fn check_lines(head: &str, body: &str, faults: &mut Vec<String>) {
    for line in head.split("\r\n") {
        let may_be_utf8 = line.starts_with("To: ");
        check_line(line, faults);
        fault_if(!line.is_ascii() && !may_be_utf8, || format!("a header line that is not ASCII: {line}"), faults);
        for word in line.split_whitespace().filter(|word| word.starts_with("=?")) {
            fault_if(word.len() > 75, || format!("an encoded word of {} octets: {word}", word.len()), faults);
        }
    }
    for line in body.split("\r\n") {
        check_line(line, faults);
        fault_if(!line.is_ascii(), || format!("a body line that is not ASCII: {line}"), faults);
        fault_if(line.len() > 76, || format!("a body line of {} octets: {line}", line.len()), faults);
        fault_if(line.ends_with([' ', '\t']), || format!("a body line that ends in a blank: {line:?}"), faults);
        fault_if(line.contains("={"), || format!("a slot mark left over: {line}"), faults);
    }
    fault_if(!body.ends_with("\r\n"), || "the last line has no end".into(), faults);
}

fn check_line(line: &str, faults: &mut Vec<String>) {
    fault_if(line.contains(['\r', '\n']), || format!("a bare CR or LF: {line:?}"), faults);
    fault_if(line.contains('\0'), || format!("a NUL: {line:?}"), faults);
    fault_if(line.len() > 998, || format!("a line of {} octets", line.len()), faults);
}

fn check_headers(head: &str, faults: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for field in head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n") {
        let (name, value) = field.split_once(": ").unwrap_or((field, ""));
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fault_if(!is_name || value.trim().is_empty(), || format!("not a header: {field:?}"), faults);
        let name = name.to_ascii_lowercase();
        // Two signatures may stand side by side (RFC 8463), and each relay adds its own trace.
        let may_repeat = matches!(name.as_str(), "dkim-signature" | "received");
        let before = headers.insert(name.clone(), value.to_owned());
        fault_if(before.is_some() && !may_repeat, || format!("the header {name} stands twice"), faults);
    }
    for name in ONCE {
        fault_if(!headers.contains_key(name), || format!("no header {name}"), faults);
    }
    let value = |name: &str| headers.get(name).map_or("", String::as_str);
    let date = value("date");
    let zone = date.rsplit(' ').next().unwrap_or("");
    let is_numeric = zone.len() == 5 && zone.starts_with(['+', '-']) && zone[1..].bytes().all(|b| b.is_ascii_digit());
    let is_date = DateTimeParser::new().parse_timestamp(date).is_ok();
    fault_if(!is_date || !is_numeric, || format!("not a date: {date}"), faults);
    let id = value("message-id");
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or("");
    let is_id = inner.split_once('@').is_some_and(|(left, right)| !left.is_empty() && right.contains('.'))
        && inner.matches('@').count() == 1
        && inner.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'));
    fault_if(!is_id, || format!("not a Message-ID: {id}"), faults);
    headers
}

fn check_parts(bytes: &[u8], headers: BTreeMap<String, String>, faults: &mut Vec<String>) -> Checked {
    let nothing = Message::default();
    let message = MessageParser::default().parse(bytes);
    fault_if(message.is_none(), || "it does not parse as MIME".into(), faults);
    let message = message.as_ref().unwrap_or(&nothing);
    for (name, addresses) in [("From", message.from()), ("To", message.to())] {
        let found: Vec<_> = addresses.iter().flat_map(|list| list.iter()).filter_map(|one| one.address()).collect();
        let is_one = matches!(found[..], [one] if one.contains('@'));
        fault_if(!is_one, || format!("{name} is not one address: {found:?}"), faults);
    }
    let subject = message.subject().unwrap_or("").to_owned();
    let is_plain = !subject.trim().is_empty() && !subject.chars().any(char::is_control);
    fault_if(!is_plain, || format!("not a subject: {subject:?}"), faults);
    fault_if(has_entity(&subject), || format!("an HTML entity in the subject: {subject}"), faults);

    let root = headers.get("content-type").map_or("", String::as_str);
    // Files stand behind what is read, in a part around both.
    let is_mixed = root.starts_with("multipart/mixed;");
    let is_read = is_mixed || root.starts_with("multipart/alternative;");
    fault_if(!is_read, || format!("the message is {root}"), faults);
    let first = if is_mixed { 2 } else { 1 };
    let kinds: Vec<String> = message.parts.iter().skip(first).map(kind).collect();
    let are_right = match kinds.as_slice() {
        [text, html, files @ ..] => {
            [text.as_str(), html] == ["text/plain utf-8", "text/html utf-8"]
                && files.is_empty() != is_mixed
                && files.iter().all(|file| file == "text/calendar utf-8")
        }
        _ => false,
    };
    fault_if(!are_right, || format!("the parts are {kinds:?}"), faults);
    let lines = |part: Option<&MessagePart<'_>>| match part.map(|part| &part.body) {
        Some(PartType::Text(text) | PartType::Html(text)) => text.replace("\r\n", "\n"),
        _ => String::new(),
    };
    let (text, html) = (lines(message.parts.get(first)), lines(message.parts.get(first + 1)));
    for (name, part) in [("text", &text), ("HTML", &html)] {
        fault_if(part.trim().is_empty(), || format!("the {name} part is empty"), faults);
        let words = part.split_whitespace().collect::<Vec<_>>().join(" ");
        fault_if(!words.contains(POSTAL_ADDRESS), || format!("no postal address in the {name} part"), faults);
        let has_mark = part.contains(['\u{E000}', '\u{E001}']);
        fault_if(has_mark, || format!("a slot mark left over in the {name} part"), faults);
    }
    fault_if(html.len() >= MAX_HTML_BYTES, || format!("the HTML has {} bytes", html.len()), faults);
    fault_if(!html.contains("<html lang=\""), || "the HTML says no language".into(), faults);
    for image in html.split("<img ").skip(1).filter_map(|rest| rest.split_once('>')) {
        fault_if(!image.0.contains("alt=\""), || format!("an image without alt: {}", image.0), faults);
    }
    let calendars: Vec<String> = message.parts.iter().skip(first + 2).map(|file| lines(Some(file))).collect();
    for calendar in &calendars {
        check_calendar(calendar, faults);
    }
    Checked { subject, text, html, calendars, headers }
}

/// What RFC 5545 wants of every calendar, and RFC 5546 of a published event.
fn check_calendar(calendar: &str, faults: &mut Vec<String>) {
    let long = calendar.lines().find(|line| line.len() > 75);
    fault_if(long.is_some(), || format!("a calendar line of more than 75 octets: {long:?}"), faults);
    let whole = calendar.replace("\n ", "");
    for (name, times) in [
        ("BEGIN:VCALENDAR", 1),
        ("VERSION:2.0", 1),
        ("PRODID:", 1),
        ("METHOD:PUBLISH", 1),
        ("BEGIN:VEVENT", 1),
        ("UID:", 1),
        ("DTSTAMP:", 1),
        ("DTSTART", 1),
        ("SUMMARY:", 1),
        ("ORGANIZER", 1),
        ("END:VEVENT", 1),
        ("END:VCALENDAR", 1),
    ] {
        let found = whole.lines().filter(|line| line.starts_with(name)).count();
        fault_if(found != times, || format!("a calendar file has {name} {found} times:\n{calendar}"), faults);
    }
}

fn kind(part: &MessagePart<'_>) -> String {
    let Some(kind) = part.content_type() else { return "untyped".into() };
    let charset = kind.attribute("charset").unwrap_or("no charset");
    format!("{}/{} {charset}", kind.ctype(), kind.subtype().unwrap_or(""))
}

/// A message to a list has all of a list's headers; a notice has none.
fn check_list(checked: &Checked, faults: &mut Vec<String>) {
    let found: Vec<_> = OF_LISTS.into_iter().filter(|name| checked.headers.contains_key(*name)).collect();
    let one_click = checked.headers.get("list-unsubscribe-post").map(String::as_str);
    if found.is_empty() {
        return fault_if(one_click.is_some(), || "one-click headers on a notice".into(), faults);
    }
    fault_if(found.len() != OF_LISTS.len(), || format!("of a list's headers only {found:?}"), faults);
    let field = checked.headers.get("list-unsubscribe").map_or("", String::as_str);
    let link = field.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or("", |(link, _)| link);
    if link.starts_with("http") {
        let html = checked.html.replace("&amp;", "&");
        fault_if(!checked.text.contains(link), || format!("no link to leave in the text part: {link}"), faults);
        fault_if(!html.contains(link), || format!("no link to leave in the HTML part: {link}"), faults);
    } else {
        fault_if(!link.starts_with("mailto:"), || format!("List-Unsubscribe leads nowhere: {field}"), faults);
    }
    let wanted = link.starts_with("https://").then_some("List-Unsubscribe=One-Click");
    fault_if(one_click != wanted, || format!("List-Unsubscribe-Post is {one_click:?} for {link}"), faults);
}

/// `&…;` with a name or a number between.
fn has_entity(text: &str) -> bool {
    text.split('&').skip(1).filter_map(|rest| rest.split_once(';')).any(|(name, _)| {
        !name.is_empty() && name.len() < 10 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
    })
}

fn fault_if(is_fault: bool, say: impl FnOnce() -> String, faults: &mut Vec<String>) {
    if is_fault {
        faults.push(say());
    }
}

#[cfg(test)]
mod tests {
    use super::examine;

    const GOOD: &str = "Date: Thu, 25 Apr 2024 12:00:00 +0000\r\n\
        Message-ID: <7.1@example.org>\r\n\
        From: News <news@example.org>\r\n\
        To: reader@example.net\r\n\
        Subject: News\r\n\
        MIME-Version: 1.0\r\n\
        Auto-Submitted: auto-generated\r\n\
        List-Id: <news.example.org>\r\n\
        List-Post: NO\r\n\
        List-Unsubscribe: <https://e.org/l/x>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
        Precedence: bulk\r\n\
        Feedback-ID: 7:news:digest:exampleorg\r\n\
        Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nText 1 Example Street https://e.org/l/x\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
        <html lang=\"en\"><img alt=\"\" src=\"y\">\r\n1 Example Street https://e.org/l/x</html>\r\n--b--\r\n";

    #[test]
    fn a_good_message_has_no_fault_and_each_fault_is_named() {
        assert_eq!(examine(GOOD.as_bytes()).1, Vec::<String>::new());
        for (good, bad, fault) in [
            ("Subject: News\r\n", "Subject: News\n", "a bare CR or LF"),
            ("Subject: News", "Subject: N\0ws", "a NUL"),
            ("Subject: News", "Subject: Néws", "not ASCII"),
            ("Subject: News", "Subject: A&amp;B", "an HTML entity"),
            ("Subject: News", "Subject: News\r\nSubject: Again", "stands twice"),
            ("Subject: News\r\n", "", "no header subject"),
            ("+0000", "GMT", "not a date"),
            ("Apr 2024", "Avril 2024", "not a date"),
            ("<7.1@example.org>", "7.1@example.org", "not a Message-ID"),
            ("To: reader@example.net", "To: a@example.net, b@example.net", "To is not one address"),
            ("text/plain; charset=utf-8", "text/plain; charset=latin1", "the parts are"),
            ("Text 1 Example Street", "Text", "no postal address in the text part"),
            ("Text 1 Example", "Text ={leave_url.text}= 1 Example", "a slot mark left over"),
            ("Text 1 Example", "Text\t\r\n1 Example", "ends in a blank"),
            ("<html lang=\"en\">", "<html>", "says no language"),
            ("alt=\"\" ", "", "an image without alt"),
            ("List-Post: NO\r\n", "", "of a list's headers only"),
            ("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", "List-Unsubscribe-Post is None"),
            ("Street https://e.org/l/x\r\n", "Street\r\n", "no link to leave in the text part"),
            ("Text 1", &format!("{} 1", "x".repeat(80)), "a body line of 115 octets"),
        ] {
            assert!(GOOD.contains(good), "{good}");
            let faults = examine(GOOD.replace(good, bad).as_bytes()).1;
            assert!(faults.iter().any(|found| found.contains(fault)), "{fault} is not in {faults:?}");
        }
    }
}
