//! What a test file of feedparser says of itself: a Python expression in a comment, which claims things about what was
//! read. Text comes in; claims go out that can be compared with posts, and the parts that speak of the same things in a
//! form that is not read here. Nothing is ever taken for agreement.

use std::str::Chars;

use std::iter::Peekable;

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The feed's own title.
    FeedTitle,
    /// An entry's title.
    Title,
    /// The page that an entry leads to.
    Link,
    /// What makes it the same entry tomorrow.
    Id,
    /// When it was published or, failing that, changed.
    Date,
}

/// One thing that the file claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// What it is about.
    pub(crate) subject: Subject,
    /// Which entry, from 0.
    pub(crate) entry: usize,
    /// What it must be: one of these.
    pub(crate) values: Vec<Value>,
}

/// A value of Python's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    /// A tuple or a list.
    Several(Vec<Value>),
    Dictionary(Vec<(Value, Value)>),
    /// `True`, `False`, `None`.
    Word(String),
}

impl Value {
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The value of a key.
    fn of(&self, key: &str) -> Option<&Value> {
        let Self::Dictionary(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }
}

/// All that an expression claims.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// What can be compared.
    pub(crate) read: Vec<Claim>,
    /// Parts that speak of a title, link, id or date in a form that is not read.
    pub(crate) unread: Vec<String>,
}

/// Reads an expression: parts joined by `and`, each of them a chain of `==`, or several chains joined by `or` that are
/// about one thing.
pub(crate) fn claims(expression: &str) -> Claims {
    let mut claims = Claims::default();
    for part in parted(expression, " and ") {
        let mut either: Vec<Vec<Claim>> = Vec::new();
        for chain in parted(part, " or ") {
            either.extend(claims_of(chain));
        }
        match &mut either[..] {
            _ if leads_elsewhere(expression) && part.contains("['href']") => {}
            [one] if !part.contains(" or ") => claims.read.append(one),
            [first, others @ ..] if others.len() + 1 == parted(part, " or ").len() => {
                let same = |other: &Claim| other.subject == first[0].subject && other.entry == first[0].entry;
                match others.iter().all(|other| other.iter().all(same)) && first.len() == 1 {
                    true => {
                        let more = others.iter().flatten().flat_map(|other| other.values.clone());
                        first[0].values.extend(more);
                        claims.read.append(first);
                    }
                    false => note_unread(&mut claims, part),
                }
            }
            _ => note_unread(&mut claims, part),
        }
    }
    claims
}

/// The claims of one chain of `==`, when all of it is read.
fn claims_of(chain: &str) -> Option<Vec<Claim>> {
    let sides = parted(chain, "==");
    let (last, paths) = sides.split_last().filter(|(_, paths)| !paths.is_empty())?;
    let value = value(last.trim())?;
    let read = paths.iter().map(|path| {
        let (subject, entry) = subject(path.trim())?;
        Some(Claim { subject, entry, values: vec![value.clone()] })
    });
    read.collect::<Option<Vec<Claim>>>().or_else(|| match paths {
        [path] => Some(vec![of_link(path.trim(), &value)?]),
        _ => None,
    })
}

/// Notes what is about a post's title, link, id or date, or the feed's title, and was not read. What kind of link or title
/// it is, its language and what it is relative to are nothing that a post has.
fn note_unread(claims: &mut Claims, part: &str) {
    let of_post = ["['title']", ".title", "['link']", ".link", "['links']", "['id']", "['guid']", "_parsed']"];
    let kinds = ["['rel']", "['type']", "['hreflang']", "['length']", "['links'][0]['title']", "['links'][2]"];
    let is_of_post = part.contains("entries[") && of_post.iter().any(|word| part.contains(word));
    let is_of_feed = part.contains("feed['title']") || part.contains("feed.title");
    let is_of_another = ["['source']", "['psc_chapters']", "expired"].iter().any(|word| part.contains(word));
    if (is_of_post || is_of_feed) && !is_of_another && !kinds.iter().any(|word| part.contains(word)) {
        claims.unread.push(part.trim().to_owned());
    }
}

/// Cuts at a word that stands outside of quotation marks and brackets.
fn parted<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    let mut skip = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if skip => skip = false,
            (Some(_), '\\') => skip = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            _ if depth == 0 && at >= from && text[at..].starts_with(word) => {
                parts.push(&text[from..at]);
                from = at + word.len();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// What a path such as `entries[0]['title']` or `feed.title` is about.
fn subject(path: &str) -> Option<(Subject, usize)> {
    let (root, rest) = path.split_at(path.find(['[', '.'])?);
    let keys = keys(rest)?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match (root, &keys[..]) {
        ("feed", ["title"] | ["title_detail", "value"]) => Some((Subject::FeedTitle, 0)),
        ("entries", [entry, of_entry @ ..]) => {
            let subject = match of_entry {
                ["title"] | ["title_detail", "value"] => Subject::Title,
                ["link"] => Subject::Link,
                ["id" | "guid"] => Subject::Id,
                ["published_parsed" | "updated_parsed" | "created_parsed" | "published" | "updated" | "created"] => {
                    Subject::Date
                }
                _ => return None,
            };
            Some((subject, entry.parse().ok()?))
        }
        _ => None,
    }
}

/// Whether the file itself says that its link is not the page's: it is a licence's, say.
fn leads_elsewhere(expression: &str) -> bool {
    expression.contains("['rel'] ==") && !expression.contains("'alternate'")
}

/// A claim about the first of an entry's links: it is the page's, when the file does not say otherwise.
fn of_link(path: &str, value: &Value) -> Option<Claim> {
    let entry = path.strip_prefix("entries[")?;
    let (entry, rest) = entry.split_once(']')?;
    let value = match (rest, value) {
        ("['links'][0]['href']", value) => value.clone(),
        ("['links'][0]", link) if link.of("rel")?.text() == Some("alternate") => link.of("href")?.clone(),
        _ => return None,
    };
    Some(Claim { subject: Subject::Link, entry: entry.parse().ok()?, values: vec![value] })
}

/// `[0]['title']` or `.title` to what stands in them.
fn keys(mut rest: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            keys.push(after[..end].to_owned());
            rest = &after[end..];
        } else {
            let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
            keys.push(key.trim_matches(['\'', '"']).to_owned());
            rest = after;
        }
    }
    Some(keys)
}

/// Reads a literal, and all of it.
pub(crate) fn value(text: &str) -> Option<Value> {
    let mut chars = text.chars().peekable();
    let value = literal(&mut chars)?;
    space(&mut chars);
    chars.next().is_none().then_some(value)
}

fn space(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

fn literal(chars: &mut Peekable<Chars<'_>>) -> Option<Value> {
    space(chars);
    match *chars.peek()? {
        '\'' | '"' => {
            let mut text = string(chars)?;
            // Strings one after the other, or added, are one.
            loop {
                space(chars);
                if chars.next_if_eq(&'+').is_some() {
                    space(chars);
                }
                match chars.peek() {
                    Some('\'' | '"') => text.push_str(&string(chars)?),
                    _ => return Some(Value::Text(text)),
                }
            }
        }
        '(' => several(chars, ')').map(Value::Several),
        '[' => several(chars, ']').map(Value::Several),
        '{' => dictionary(chars),
        _ => {
            let mut word = String::new();
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) {
                word.push(c);
            }
            match word.parse() {
                Ok(number) => Some(Value::Number(number)),
                Err(_) => matches!(word.as_str(), "True" | "False" | "None").then_some(Value::Word(word)),
            }
        }
    }
}

fn several(chars: &mut Peekable<Chars<'_>>, end: char) -> Option<Vec<Value>> {
    chars.next();
    let mut values = Vec::new();
    loop {
        space(chars);
        if chars.next_if_eq(&end).is_some() {
            return Some(values);
        }
        values.push(literal(chars)?);
        space(chars);
        chars.next_if_eq(&',');
    }
}

fn dictionary(chars: &mut Peekable<Chars<'_>>) -> Option<Value> {
    chars.next();
    let mut pairs = Vec::new();
    loop {
        space(chars);
        if chars.next_if_eq(&'}').is_some() {
            return Some(Value::Dictionary(pairs));
        }
        let key = literal(chars)?;
        space(chars);
        chars.next_if_eq(&':')?;
        pairs.push((key, literal(chars)?));
        space(chars);
        chars.next_if_eq(&',');
    }
}

/// A string with its escapes.
fn string(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quote = chars.next()?;
    let mut text = String::new();
    loop {
        match chars.next()? {
            c if c == quote => return Some(text),
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'x' => text.push(coded(chars, 2)?),
                'u' => text.push(coded(chars, 4)?),
                'U' => text.push(coded(chars, 8)?),
                c @ ('\\' | '\'' | '"') => text.push(c),
                c => text.extend(['\\', c]),
            },
            c => text.push(c),
        }
    }
}

fn coded(chars: &mut Peekable<Chars<'_>>, digits: usize) -> Option<char> {
    let code: String = chars.take(digits).collect();
    char::from_u32(u32::from_str_radix(&code, 16).ok()?)
}

#[test]
fn expressions_of_python_are_read_and_what_is_not_read_is_told() {
    let read = claims(
        r#"not bozo and entries[0]['title'] == entries[1]['title'] == 'A and \u00e9' + "b==" and feed.title == 'x'
           and entries[0]['published_parsed'] == (2004, 1, -1) and entries[0]['links'][0] == {'rel': 'alternate', 'href': 'h'}
           and entries[0]['description'] == 'x' and len(entries[0]['link']) == 2 and feed['title'] == 'a' or feed['title'] == 'b'"#,
    );
    let claim = |subject, entry, value| Claim { subject, entry, values: vec![value] };
    let text = |text: &str| Value::Text(text.to_owned());
    let date = Value::Several(vec![Value::Number(2004), Value::Number(1), Value::Number(-1)]);
    assert_eq!(
        read.read,
        [
            claim(Subject::Title, 0, text("A and éb==")),
            claim(Subject::Title, 1, text("A and éb==")),
            claim(Subject::FeedTitle, 0, text("x")),
            claim(Subject::Date, 0, date),
            claim(Subject::Link, 0, text("h")),
            Claim { subject: Subject::FeedTitle, entry: 0, values: vec![text("a"), text("b")] },
        ]
    );
    assert_eq!(read.unread, ["len(entries[0]['link']) == 2"]);
}
