//! Subscribers as CSV: what people's files look like, what must never happen, and the way out and back in again.

use std::io::{self, Read};

use jiff::Timestamp;
use proptest::prelude::*;
use tidings::{
    domain::{
        address::EmailAddress,
        consent::Door,
        slug::Slug,
        subscription::{Choice, SubscriberId, Subscription, SubscriptionState, clean_name},
    },
    subscribe::csv::{LineProblem, read, write},
};

/// Each row as `line address name`, or `line: problem`.
fn rows(bytes: &[u8]) -> Vec<String> {
    read(bytes)
        .map(|row| match row {
            Ok((line, who)) => format!("{line} {} {}", who.address.reveal(), who.name).trim_end().to_owned(),
            Err(bad) => format!("{}: {}", bad.line, bad.problem),
        })
        .collect()
}

fn subscription(address: &str, name: &str) -> Subscription {
    Subscription {
        subscriber: SubscriberId(1),
        address: EmailAddress::parse(address).expect("an address"),
        name: name.to_owned(),
        list: Slug::parse("news").expect("a slug"),
        state: SubscriptionState::Active,
        consent: Door::File,
        choice: Choice::ALL,
        began_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
        ended_reason: String::new(),
    }
}

fn written(rows: &[Subscription]) -> String {
    let mut output = Vec::new();
    write(&mut output, rows).expect("memory can be written");
    String::from_utf8(output).expect("text")
}

#[test]
fn the_shipped_example_reads_without_a_mistake() {
    let rows: Vec<_> = read(&include_bytes!("../../subscribers/example.csv")[..]).collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let (_, who) = row.expect("right");
        assert!(who.address.domain().starts_with("example."), "{}", who.address.reveal());
    }
}

#[test]
fn a_file_needs_no_header_and_knows_one() {
    let expected = ["1 ana@example.org Ana", "2 bo@example.org"];
    assert_eq!(rows(b"ana@example.org,Ana\nbo@example.org"), expected);
    assert_eq!(rows(b"Name;E-mail\nAna;ana@example.org"), ["2 ana@example.org Ana"]);
    let parts = b"id\tlast_name\tfirst_name\tEMAIL\n7\tReader\tAna\tana@example.org\n8\t\tBo\tbo@example.org\n";
    assert_eq!(rows(parts), ["2 ana@example.org Ana Reader", "3 bo@example.org Bo"]);
}

#[test]
fn empty_lines_and_comments_are_passed_over_and_counted() {
    let text = b"# our readers\n\naddress,name\n  # paused: x@example.org\nana@example.org,\"Reader,\nAna\"\n , \n\nbo@example.org\n";
    let expected = ["5 ana@example.org Reader, Ana", "7: there is no address", "9 bo@example.org"];
    assert_eq!(rows(text), expected);
}

#[test]
fn every_encoding_gives_the_same_readers() {
    let text = "address,name\nana@example.org,Añá\n";
    let utf16 = |order: fn(u16) -> [u8; 2]| ["\u{feff}", text].concat().encode_utf16().flat_map(order).collect();
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("latin")).collect();
    let files: [Vec<u8>; 5] =
        [text.into(), ["\u{feff}", text].concat().into(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), latin];
    for file in files {
        assert_eq!(rows(&file), ["2 ana@example.org Añá"]);
    }
}

#[test]
fn the_same_address_again_is_told_with_the_line_of_the_first() {
    let text = b"ana@example.org,Ana\nbo@example.org\nANA@Example.org,Ana again\n";
    assert_eq!(rows(text)[2], "3: the same address is on line 1");
}

#[test]
fn what_is_wrong_with_a_line_is_told_without_its_address() {
    let long = format!("{}@example.org", "a".repeat(70_000));
    let text =
        format!("ana at example.org\nana@localhost\nb\0o@example.org\n{long}\n\"ana@example.org\"x\nbo@example.org\n");
    let told = rows(text.as_bytes());
    assert_eq!(told.len(), 6);
    assert_eq!(told[1], "2: the part after the @ is not a domain name");
    assert_eq!(told[2], "3: the address holds bytes that are not text");
    assert_eq!(told[3], "4: is longer than 64 KiB");
    assert_eq!(told[4], "5: there is text after a closing quotation mark");
    assert_eq!(told[5], "6 bo@example.org");
    assert!(told[..5].iter().all(|line| !line.contains("ana")), "{told:?}");
}

#[test]
fn bytes_that_are_not_of_the_encoding_are_told() {
    let text =
        [b"ana@example.org,\xc3\xa9\n".repeat(20_000), b"b\xff@example.org\nbo@example.org,\xff\n".to_vec()].concat();
    let told = rows(&text);
    // A garbled name costs the name, a garbled address the line.
    assert_eq!(told[20_000..], ["20001: the address holds bytes that are not text", "20002 bo@example.org"]);
}

#[test]
fn a_quotation_mark_too_many_loses_nobody() {
    let text = b"ana@example.org,\"Ana\nbo@example.org,Bo\n\"cy@example.org,Cy\"\ndi@example.org,\n\"\nel@example.org,El\n\"\n";
    let found: Vec<_> = read(&text[..]).filter_map(Result::ok).map(|(line, _)| line).collect();
    assert_eq!(found, [2, 4, 6]);
}

#[test]
fn an_export_brings_back_only_who_is_active() {
    let mut rows = vec![subscription("ana@example.org", "Ana"), subscription("bo@example.org", "Bo")];
    rows[0].state = SubscriptionState::Ended;
    rows[0].ended_at = Some(Timestamp::UNIX_EPOCH);
    let text = written(&rows);
    let expected = "address,name,state,consent,began_at,ended_at\n\
        ana@example.org,Ana,ended,file,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z\n\
        bo@example.org,Bo,active,file,1970-01-01T00:00:00Z,\n";
    assert_eq!(text, expected);
    let book = b"email,city,state\nana@example.org,Sacramento,CA\n";
    assert_eq!(self::rows(book), ["2 ana@example.org"]);
    assert_eq!(self::rows(text.as_bytes()), ["2: its state is `pending` or `ended`", "3 bo@example.org Bo"]);
}

#[test]
fn no_cell_of_an_export_is_a_formula_or_a_comment() {
    let rows = [
        subscription("=1+1@example.org", "=HYPERLINK(1)"),
        subscription("+1@example.org", "-1"),
        subscription("#a@example.org", "'=x"),
        // Some spreadsheets begin a cell behind each semicolon.
        subscription("a@example.org", "Ana;=1+1; +b;c;'-d"),
    ];
    let text = written(&rows);
    let body: Vec<&str> = text.lines().skip(1).collect();
    assert!(body[0].starts_with("'=1+1@example.org,'=HYPERLINK(1),"), "{text}");
    assert!(body[1].starts_with("'+1@example.org,'-1,"), "{text}");
    assert!(body[2].starts_with("\"#a@example.org\",''=x,"), "{text}");
    assert!(body[3].starts_with("a@example.org,Ana;'=1+1;' +b;c;''-d,"), "{text}");
    assert_eq!(self::rows(text.as_bytes())[3], "5 a@example.org Ana;=1+1; +b;c;'-d");
}

/// A file that breaks after its first bytes.
struct Torn<'a>(&'a [u8]);

impl Read for Torn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_file_that_cannot_be_read_on_says_so_once_and_ends() {
    let rows: Vec<_> = read(Torn(b"ana@example.org\nbo@exam")).collect();
    let [Err(bad)] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(matches!(bad.problem, LineProblem::Unreadable(_)), "{bad}");
}

#[test]
fn a_hundred_thousand_readers_come_in_the_order_of_the_file() {
    let mut text = String::from("address,name\n");
    (0..100_000).for_each(|nth| text.push_str(&format!("reader{nth}@example.org,\"Reader, {nth}\"\n")));
    for (nth, row) in read(text.as_bytes()).enumerate() {
        let (line, who) = row.expect("right");
        assert_eq!(line, nth + 2);
        assert_eq!(who.address.local(), format!("reader{nth}"));
        assert_eq!(who.name, format!("Reader, {nth}"));
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(
        people in prop::collection::vec(("[a-z0-9=+#'-]{1,12}", "[\\PC'=+@\",;#-]{0,90}"), 0..12),
    ) {
        let rows: Vec<Subscription> = people
            .iter()
            .enumerate()
            .map(|(nth, (local, name))| {
                // A garbled name does not come back, and what cleaning cuts may end with a space.
                let name = clean_name(&clean_name(&name.replace('\u{fffd}', "?")));
                subscription(&format!("{local}{nth}@example.org"), &name)
            })
            .collect();
        let text = written(&rows);
        for behind in text.split(';').skip(1) {
            prop_assert!(!behind.trim_start_matches(' ').starts_with(['=', '+', '-', '@']), "{}", text);
        }
        let back: Vec<_> = read(text.as_bytes()).collect();
        prop_assert_eq!(back.len(), rows.len());
        for (row, read) in rows.iter().zip(back) {
            let (_, who) = read.map_err(|bad| TestCaseError::fail(format!("{bad} in {text}")))?;
            prop_assert_eq!(who.address.reveal(), row.address.reveal());
            prop_assert_eq!(&who.name, &row.name);
        }
    }

    #[test]
    fn no_bytes_panic_and_no_line_is_told_twice(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        told_once(&bytes)?;
    }

    #[test]
    fn no_text_that_looks_like_csv_panics(text in "([a-c@.\"',;\t\r\n#\u{0}é ]|@example\\.org){0,200}") {
        told_once(text.as_bytes())?;
    }
}

fn told_once(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut last = 0;
    for row in read(bytes) {
        let line = row.map_or_else(|bad| bad.line, |(line, _)| line);
        prop_assert!(line > last, "line {line} after line {last}");
        last = line;
    }
    Ok(())
}
