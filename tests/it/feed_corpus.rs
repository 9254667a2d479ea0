//! Feeds as feedparser is tested with: some 2,200 small files, which `scripts/test` fetches and names in
//! `FEEDPARSER_TESTS`. Each says in a comment what feedparser reads in it. What we read of titles, links, ids and dates is
//! compared with that; where we differ on purpose, the rule is written here.

mod expectation;
mod page;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::Offset};
use tidings::collect::parse::{self, Reading};
use url::Url;

use expectation::{Claim, Subject, Value, claims};

/// Where feedparser's own test server serves the files; relative addresses in them go from there.
const HOME: &str = "http://127.0.0.1:8097/tests/";

fn folder() -> PathBuf {
    let folder = std::env::var("FEEDPARSER_TESTS")
        .expect("FEEDPARSER_TESTS names feedparser's tests; run the tests by scripts/test, which fetches them");
    PathBuf::from(folder)
}

/// One file of the corpus.
struct Case {
    /// Its path below the folder.
    name: String,
    bytes: Vec<u8>,
    /// The type it is served as.
    content_type: Option<String>,
    /// What it says of itself.
    expression: String,
}

impl Case {
    fn url(&self) -> Url {
        Url::parse(HOME).and_then(|home| home.join(&self.name)).expect("a URL")
    }

    fn letters(&self) -> String {
        letters(&self.bytes)
    }

    /// The encoding that its XML declaration names.
    fn declared(&self) -> String {
        self.letters()
            .split("encoding=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default()
            .to_owned()
    }

    fn read(&self) -> Result<Reading, String> {
        self.read_as(&self.bytes)
    }

    fn read_as(&self, bytes: &[u8]) -> Result<Reading, String> {
        parse::read(bytes, self.content_type.as_deref(), &self.url()).map_err(|reason| reason.to_string())
    }

    /// The same file, with a title in each entry: an entry of which nothing could be shown is no post, and many of these
    /// files have nothing but the one element that they are about.
    fn read_with_titles(&self) -> Result<Reading, String> {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        let mut from = 0;
        while let Some(at) = text[from..].find('<').map(|at| at + from) {
            let name: String =
                text[at + 1..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '-')).collect();
            let (prefix, local) = name
                .rsplit_once(':')
                .map_or(("", name.as_str()), |(_, local)| (&name[..name.len() - local.len()], local));
            from = at + 1;
            if matches!(local.to_ascii_lowercase().as_str(), "item" | "entry")
                && let Some(end) = text[at..].find('>').map(|end| at + end).filter(|end| !text[..*end].ends_with('/'))
            {
                text.insert_str(end + 1, &format!("<{prefix}title>Shown</{prefix}title>"));
            }
        }
        self.read_as(text.as_bytes())
    }
}

/// The ASCII of a file. In encodings of two or four octets the others are zero.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
}

/// All files below a folder of the corpus.
fn cases(below: &str) -> Vec<Case> {
    let mut paths = Vec::new();
    gather(&folder().join(below), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "{below} is there");
    paths.into_iter().map(|path| case(&path)).collect()
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = file.expect("a file").path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|end| end == "xml") {
            paths.push(path);
        }
    }
}

fn case(path: &Path) -> Case {
    let bytes = fs::read(path).expect("a file of the corpus");
    let name = path.strip_prefix(folder()).expect("below the folder").to_string_lossy().into_owned();
    let text = letters(&bytes);
    let line = |key: &str| {
        let lines = text.lines().map(str::trim);
        lines.filter_map(|line| line.strip_prefix(key)).map(|rest| rest.trim().to_owned()).next()
    };
    let is_served = name.contains("http");
    Case {
        content_type: line("Header:").filter(|_| is_served).and_then(|header| {
            let (key, value) = header.split_once(':')?;
            key.trim().eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
        }),
        expression: line("Expect:").unwrap_or_default().trim_end_matches("-->").trim().to_owned(),
        name,
        bytes,
    }
}

/// A claim of a file beside what we found.
struct Compared {
    name: String,
    claim: Claim,
    ours: Option<String>,
}

/// All claims about titles, links, ids and dates in the files of these folders, and those that are not read.
fn compared(folders: &[&str]) -> (Vec<Compared>, Vec<String>) {
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for case in folders.iter().flat_map(|below| cases(below)) {
        let claims = claims(&case.expression);
        unread.extend(claims.unread.into_iter().map(|part| format!("{}: {part}", case.name)));
        let Ok(reading) = case.read() else {
            all.extend(claims.read.into_iter().map(|claim| Compared { name: case.name.clone(), claim, ours: None }));
            continue;
        };
        for claim in claims.read {
            let is_shown = reading.posts.len() > claim.entry;
            let ours = match claim.subject {
                Subject::Link | Subject::Id | Subject::Date if !is_shown => {
                    ours(&case.read_with_titles().expect("it was read before"), &claim)
                }
                _ => ours(&reading, &claim),
            };
            all.push(Compared { name: case.name.clone(), claim, ours });
        }
    }
    (all, unread)
}

/// What we found of what a claim is about. Two entries that nothing tells apart are one post.
fn ours(reading: &Reading, claim: &Claim) -> Option<String> {
    let post = reading.posts.get(claim.entry).or(reading.posts.first());
    match claim.subject {
        Subject::FeedTitle => Some(reading.title.clone()),
        Subject::Title => Some(post.map(|post| post.title.clone()).unwrap_or_default()),
        Subject::Id => Some(post?.fingerprint.clone()),
        Subject::Link => post?.link.clone(),
        Subject::Date => Some(post?.published_at?.to_string()),
    }
}

impl Compared {
    fn agrees(&self) -> bool {
        let Some(ours) = &self.ours else { return false };
        self.claim.values.iter().any(|value| {
            let expected = value.text();
            match self.claim.subject {
                Subject::FeedTitle | Subject::Title => expected.is_some_and(|expected| is_title(ours, expected)),
                Subject::Id => expected == Some(ours.as_str()),
                // We write an address as a browser would.
                Subject::Link => {
                    expected.and_then(|text| Url::parse(text).ok()).is_some_and(|url| url.as_str() == ours)
                }
                Subject::Date => instant(value).is_some_and(|instant| instant.to_string() == *ours),
            }
        })
    }
}

/// Titles are plain text with us: what a reader of the page would see. feedparser's are HTML or text, and do not say
/// which; so ours may be the one or the text of the other.
fn is_title(ours: &str, expected: &str) -> bool {
    let line = expected.split_whitespace().collect::<Vec<_>>().join(" ");
    ours == line || ours == page::text(expected)
}

fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Several(numbers) => {
            let numbers: Vec<i64> =
                numbers.iter().filter_map(|n| if let Value::Number(n) = n { Some(*n) } else { None }).collect();
            let [year, month, day, hour, minute, second, ..] = numbers[..] else { return None };
            let small = |n: i64| i8::try_from(n).ok();
            let date = DateTime::new(
                i16::try_from(year).ok()?,
                small(month)?,
                small(day)?,
                small(hour)?,
                small(minute)?,
                small(second)?,
                0,
            )
            .ok()?;
            Offset::UTC.to_timestamp(date).ok()
        }
        Value::Text(text) => text.parse().ok().or_else(|| Some(rfc2822::parse(text).ok()?.timestamp())),
        _ => None,
    }
}

/// Files whose titles, links, ids or dates we read otherwise, and why.
const DIFFER: [(&str, &str); 10] = [
    ("entities/lang.xml", "HTML 4's bracket; browsers show that of HTML 5, and so do we"),
    ("entities/rang.xml", "HTML 4's bracket; browsers show that of HTML 5, and so do we"),
    ("wellformed/base/http_entry_id_base_content_location.xml", "an id is a name: as it is written, and no address"),
    ("wellformed/base/http_entry_id_base_docuri.xml", "an id is a name: as it is written, and no address"),
    ("wellformed/base/http_entry_link_base_content_location.xml", "Content-Location is no base (RFC 7231 appendix B)"),
    ("wellformed/base/http_item_link_base_content_location.xml", "Content-Location is no base (RFC 7231 appendix B)"),
    ("wellformed/sanitize/entry_title_crazy.xml", WHOLE_PAGE),
    ("wellformed/sanitize/feed_title_crazy.xml", WHOLE_PAGE),
    (
        "wellformed/sanitize/xml_declaration_unexpected_character.xml",
        "a declaration is no text to us, nor to a browser",
    ),
    ("wellformed/sanitize/xml_malicious_comment.xml", "a comment that never ends hides the rest, as in a browser"),
];

/// Parts of expressions about the same things in a form that is not read here; the other parts of the files are.
const UNREAD: [&str; 3] = [
    "wellformed/atom/entry_link_multiple.xml: entries[0]['links'][1] == {'rel': 'service.post', 'type': \
     'application/atom+xml', 'href': 'http://www.example.com/post'}",
    "wellformed/atom10/entry_link_multiple.xml: entries[0]['links'][1] == {'rel': 'service.post', 'type': \
     'application/atom+xml', 'href': 'http://www.example.com/post'}",
    "wellformed/rss/item_image_link_bleed.xml: len(entries[0]['links']) == 1",
];

/// Dates that we read otherwise.
const OTHER_DATES: [(&str, &str); 15] = [
    ("-0312", "taken for its first day, a month would make a post of today old"),
    ("031231", "six digits may be anything"),
    ("03-12-31", "most who write so begin with the day"),
    ("-03-12", "taken for its first day, a month would make a post of today old"),
    ("03335", "five digits may be anything"),
    ("Thu, 01 Jan 0100 00:00:01 +0100", "before 1990 there was no feed: a program's mistake"),
    ("Sun, 16 Dec 2012 1:2:3:4 GMT", "the day and the hour are good enough"),
    ("Sun, 16 Dec 2012 11:47:32 +zz:00", "a zone that makes no sense is none"),
    ("Sun, 16 Dec 2012 11:47:32 +00:zz", "a zone that makes no sense is none"),
    ("2003-12", "taken for its first day, a month would make a post of today old"),
    ("2003", "taken for its first day, a year would make a post of today old"),
    ("2003-12-31T10:14:61Z", "the day and the minute are good enough"),
    ("2013-01-28T11:30:00-06:00Textra", "what stands behind it does no harm"),
    ("2013-01-28T09:xx:00Z", "the day is good enough"),
    ("2013-01-28T09:00:00+00:xx", "a zone that makes no sense is none"),
];

/// Files of the sanitiser of which we keep less text.
const LESS_TEXT: [(&str, &str); 11] = [
    ("wellformed/sanitize/item_body_iframe.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_content_encoded_crazy.xml", WHOLE_PAGE),
    ("wellformed/sanitize/item_content_encoded_iframe.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_content_encoded_object.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_description_crazy.xml", WHOLE_PAGE),
    ("wellformed/sanitize/item_description_iframe.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_description_object.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_fullitem_crazy.xml", WHOLE_PAGE),
    ("wellformed/sanitize/item_fullitem_iframe.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_fullitem_object.xml", NEVER_CLOSED),
    ("wellformed/sanitize/item_xhtml_body_iframe.xml", NEVER_CLOSED),
];

const NEVER_CLOSED: &str = "what is never closed hides the rest, as in a browser";
const WHOLE_PAGE: &str = "a whole page as a text: comments are no text to us, nor is its head";

/// Folders whose files are about what is read, and not about encodings.
const FOLDERS: [&str; 3] = ["wellformed", "illformed", "entities"];

#[test]
fn titles_links_ids_and_dates_agree_but_for_those_that_are_named() {
    let (all, unread) = compared(&FOLDERS);
    let differ: BTreeSet<&str> = all.iter().filter(|one| !one.agrees()).map(|one| one.name.as_str()).collect();
    for one in all.iter().filter(|one| !one.agrees()) {
        println!("{}: {:?} {:?}, ours {:?}", one.name, one.claim.subject, one.claim.values, one.ours);
    }
    assert_eq!(differ.into_iter().collect::<Vec<_>>(), DIFFER.map(|(name, _)| name));
    assert_eq!(unread, UNREAD);
    let of = |subject| all.iter().filter(|one| one.claim.subject == subject).count();
    let subjects = [Subject::Title, Subject::FeedTitle, Subject::Link, Subject::Id, Subject::Date];
    assert_eq!(subjects.map(of), [146, 341, 25, 20, 23]);
    for below in ["", "wellformed"] {
        let claims: Vec<&Compared> = all.iter().filter(|one| one.name.starts_with(below)).collect();
        let agree = claims.iter().filter(|one| one.agrees()).count();
        assert!(agree * 100 >= claims.len() * 97, "{agree} of {}", claims.len());
    }
}

/// Their claims are about the title of the feed, which is one letter that only its encoding tells.
#[test]
fn every_encoding_that_the_web_knows_is_read_and_of_every_other_the_press_office_is_told() {
    let (all, _) = compared(&["encoding"]);
    let mut told = 0;
    for case in cases("encoding") {
        let of_case: Vec<&Compared> = all.iter().filter(|one| one.name == case.name).collect();
        if of_case.iter().all(|one| one.agrees()) {
            continue;
        }
        let reading = case.read().expect("a feed");
        assert!(reading.warnings.iter().any(|warning| warning.contains("names an encoding")), "{}", case.name);
        let label = case.declared();
        assert_eq!(encoding_rs::Encoding::for_label(label.as_bytes()), None, "{}: {label}", case.name);
        told += 1;
    }
    assert_eq!((all.len(), told), (111, 60));
}

/// The root of a feed with neither a channel nor an entry in it is none to us: whoever serves that has a broken site, and
/// should hear of it. EBCDIC is read by nobody.
#[test]
fn every_well_formed_feed_is_read() {
    let all: Vec<Case> = ["wellformed", "entities", "encoding"].iter().flat_map(|below| cases(below)).collect();
    let (mut read, mut empty, mut ebcdic) = (0, 0, 0);
    for case in all.iter().filter(|case| !case.expression.contains("bozo") || case.expression.contains("not bozo")) {
        let text = case.letters().to_lowercase();
        match case.read() {
            Ok(_) => read += 1,
            Err(_) if case.bytes.starts_with(b"\x4C\x6F\xA7\x94") => ebcdic += 1,
            Err(reason) => {
                assert_eq!(reason, "it holds no feed", "{}", case.name);
                assert!(
                    !["<channel", "<feed", "<item", "<entry"].iter().any(|part| text.contains(part)),
                    "{}",
                    case.name
                );
                empty += 1;
            }
        }
    }
    assert_eq!((read, empty, ebcdic), (2133, 53, 21));
}

#[test]
fn nothing_in_any_file_could_do_harm_and_none_takes_long() {
    let mut seen = 0;
    for case in ["wellformed", "illformed", "entities", "encoding"].iter().flat_map(|below| cases(below)) {
        let begun = Instant::now();
        let reading = case.read();
        assert!(begun.elapsed().as_secs_f32() < 1.0, "{} took {:?}", case.name, begun.elapsed());
        for post in reading.iter().flat_map(|reading| &reading.posts) {
            seen += usize::from(!post.body_html.is_empty());
            assert_eq!(page::faults(&post.body_html), Vec::<String>::new(), "{}: {}", case.name, post.body_html);
            for address in [&post.link, &post.image].into_iter().flatten() {
                assert!(address.starts_with("http://") || address.starts_with("https://"), "{}: {address}", case.name);
            }
        }
    }
    assert!(seen > 0, "{seen}");
}

/// What is safe in the files of the sanitiser is kept: each says what is left of its description.
#[test]
fn no_text_is_lost_with_what_could_do_harm() {
    let mut lost = Vec::new();
    let mut count = 0;
    for case in cases("wellformed/sanitize") {
        let Some(expected) = case.expression.split_once("entries[0]['description'] == ") else { continue };
        let Some(expected) = expectation::value(expected.1).and_then(|value| Some(page::text(value.text()?))) else {
            continue;
        };
        let post = case.read().ok().and_then(|reading| reading.posts.into_iter().next());
        let ours = post.map(|post| page::text(&post.body_html)).unwrap_or_default();
        count += 1;
        if ours != expected {
            println!("{}: {expected:?}, ours {ours:?}", case.name);
            lost.push(case.name);
        }
    }
    assert_eq!((lost, count), (LESS_TEXT.map(|(name, _)| name.to_owned()).to_vec(), 471));
}

#[test]
fn cut_off_anywhere_no_file_makes_us_panic() {
    for case in ["wellformed", "illformed", "entities", "encoding"].iter().flat_map(|below| cases(below)) {
        for part in 1..8 {
            let begun = Instant::now();
            let _ = case.read_as(&case.bytes[..case.bytes.len() * part / 8]);
            assert!(begun.elapsed().as_secs_f32() < 1.0, "{} took {:?}", case.name, begun.elapsed());
        }
    }
}

/// The dates that feedparser's own tests try, each with what it means.
#[test]
fn dates_are_read_as_feedparser_reads_them() {
    let text = fs::read_to_string(folder().join("runtests.py")).expect("its tests are there");
    let table = text.split("\ndate_tests = {\n").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("a table");
    let mut differ = Vec::new();
    let mut count = 0;
    for line in table.lines().map(str::trim).filter(|line| line.starts_with("('")) {
        let end = line.rfind("),").expect("an end") + 1;
        let Some(Value::Several(row)) = expectation::value(&line[..end]) else { panic!("{line}") };
        let [Value::Text(date), meant] = &row[..] else { panic!("{line}") };
        let feed = format!("<rss><channel><item><title>x</title><pubDate>{date}</pubDate></item></channel></rss>");
        let reading = parse::read(feed.as_bytes(), None, &Url::parse(HOME).expect("a URL")).expect("a feed");
        let (ours, theirs) = (reading.posts[0].published_at, instant(meant));
        count += 1;
        if ours != theirs {
            println!("{date}: {theirs:?}, ours {ours:?}");
            differ.push(date.clone());
        }
    }
    assert_eq!((differ, count), (OTHER_DATES.map(|(date, _)| date.to_owned()).to_vec(), 71));
}
