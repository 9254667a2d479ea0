//! The habits: every file says what it is for, names say something, addresses and secrets are revealed only where they
//! must be, nothing unfinished ships, and each table has one writer.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, Token, tokens};

/// Words that say nothing, in the name of a module, file or type.
const EMPTY_WORDS: [&str; 16] = [
    "util", "utils", "helper", "helpers", "common", "core", "manager", "managers", "service", "services", "handler",
    "handlers", "model", "models", "types", "misc",
];

/// Where an address may be shown whole, and why.
const REVEALING: [(&str, &str); 18] = [
    ("src/store/", "the rows hold it"),
    ("src/domain/wire.rs", "`From` and `To` name it"),
    ("src/deliver/", "the envelope names it, and where one leaves by mail"),
    ("src/subscribe/csv/export.rs", "who exports wants it"),
    ("src/subscribe/data.rs", "people may have all that we know of them"),
    ("src/cli/subscribers.rs", "`find --reveal` is asked for it"),
    ("src/cli/staff.rs", "the listing of staff is for who runs the house"),
    ("src/cli/suppressions.rs", "`list --reveal` is asked for it"),
    ("src/domain/webhook.rs", "a system of the house is told whom an event is about"),
    ("src/domain/staff.rs", "staff see each other's whole, and no password holds it"),
    ("src/staff/factor.rs", "a program for codes names the account by it"),
    ("src/web/api/admitted.rs", "a program may see it whose token has that very scope"),
    ("src/web/desk/", "staff see each other's whole, and those who may send also readers'"),
    ("src/subscribe/notices.rs", "the help names our own"),
    ("src/render/calendar.rs", "the sender's own stands as who publishes an event"),
    ("src/render/mime.rs", "the sender's own stands in `From` and `Reply-To`"),
    ("src/render/view.rs", "templates may show the sender's own"),
    ("src/newsroom/preview.rs", "the reader of a preview is made up"),
];

/// Where a secret may be shown, and why.
const EXPOSING: [(&str, &str); 9] = [
    ("src/config/", "it is checked, and a URL loses its password before it is shown"),
    ("src/app.rs", "PostgreSQL's URL holds one"),
    ("src/cli/dkim.rs", "who makes a key wants it in a file"),
    ("src/deliver/session/", "the login is written to the relay"),
    ("src/staff/", "a password is judged and hashed"),
    ("src/tls.rs", "our own key takes part in the handshake"),
    ("src/intake/doors/imap/", "the login is written to the mailbox"),
    ("src/intake/hooks/", "what a provider shows is compared with it"),
    ("src/publish/pings.rs", "what a site shows is compared with it"),
];

/// Files that do not begin by saying what they are for.
fn silent(sources: &[Source]) -> Vec<String> {
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    silent.map(|source| format!("{}: does not begin with `//!`", source.path)).collect()
}

/// Names of modules, files and types that say nothing.
fn empty_names(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        let of_files = source.path.trim_end_matches(".rs").split('/').map(str::to_owned);
        let tokens = tokens(&source.code);
        let named = tokens
            .windows(2)
            .filter(|pair| matches!(pair[0].text.as_str(), "mod" | "struct" | "enum" | "trait" | "type" | "union"));
        let of_items = named.map(|pair| pair[1].text.clone());
        for name in of_files.chain(of_items) {
            if words_of(&name).iter().any(|word| EMPTY_WORDS.contains(&word.as_str())) {
                wrong.push(format!("{}: the name `{name}` says nothing", source.path));
            }
        }
    }
    wrong
}

/// `HeaderLine` and `header_line` are both "header" and "line".
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c.is_uppercase() || c == '_' {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Functions that use `list` as a verb: it is a noun here.
fn listing_functions(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        for pair in tokens(&source.code).windows(2) {
            if pair[0].text == "fn" && pair[1].text.starts_with("list_") {
                wrong.push(format!("{}:{}: `fn {}`", source.path, pair[1].line, pair[1].text));
            }
        }
    }
    wrong
}

/// Calls of a method, by the code that ships, outside the places where it is allowed.
fn calls(sources: &[Source], method: &str, allowed: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| !allowed.iter().any(|(place, _)| source.path.starts_with(place))) {
        // Both `x.method()` and `X::method`.
        let is_call = |pair: &&[Token]| matches!(pair[0].text.as_str(), "." | "::") && pair[1].text == method;
        let found = tokens(&source.shipped);
        wrong.extend(found.windows(2).filter(is_call).map(|p| format!("{}:{}: `{method}`", source.path, p[1].line)));
    }
    wrong
}

/// What must be gone before anything is kept.
fn unfinished(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        let code = tokens(&source.code);
        for pair in code.windows(2) {
            let [first, second] = [pair[0].text.as_str(), pair[1].text.as_str()];
            let is_macro = second == "!" && matches!(first, "todo" | "unimplemented" | "dbg");
            if is_macro || (first == "[" && second == "ignore") {
                wrong.push(format!("{}:{}: `{first}{second}`", source.path, pair[0].line));
            }
        }
        let marks = tokens(&source.comments)
            .into_iter()
            .filter(|token| matches!(token.text.as_str(), "TODO" | "FIXME" | "XXX" | "HACK"));
        wrong.extend(marks.map(|mark| format!("{}:{}: `{}`", source.path, mark.line, mark.text)));
    }
    wrong
}

/// The tables of the migrations.
fn tables(migrations: &str) -> BTreeSet<&str> {
    migrations.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next()).collect()
}

/// Tables whose rows are added and never changed.
const ADDED_ONLY: [&str; 2] = ["issue_posts", "ledger"];
/// Tables whose rows stay as they are while they are there.
const FROZEN: [&str; 1] = ["mailings"];

/// The file `deliveries.rs` and those in the folder `deliveries/` are one room.
fn room(path: &str) -> &str {
    let path = path.strip_prefix("src/store/").unwrap_or(path);
    path.split(['/', '.']).next().unwrap_or(path)
}

/// Statements that leave it to the engine in which order it takes rows of JSON and what is joined to them. SQLite walked
/// over all readers of a list for each batch of an import.
fn free_joins(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for behind in source.quoted.split('"').filter_map(|text| text.split_once("{each}")).map(|(_, behind)| behind) {
            let words: Vec<&str> = std::iter::once("{each}").chain(behind.split_whitespace()).collect();
            let is_free = |pair: &[&str]| pair[1] == "JOIN" && !matches!(pair[0], "CROSS" | "LEFT");
            if behind.starts_with(',') || words.windows(2).any(is_free) {
                found.push(format!("{}: `{{each}}{behind}`", source.path));
            }
        }
    }
    found
}

/// Tables that several files write, or none; statements that change what must not change, or that name no table of ours.
fn writers(sources: &[Source], tables: &BTreeSet<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut writers: BTreeMap<&str, BTreeSet<&str>> = tables.iter().map(|table| (*table, BTreeSet::new())).collect();
    for source in sources {
        let words: Vec<&str> = source.quoted.split_whitespace().map(|word| word.trim_matches('"')).collect();
        for (at, word) in words.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |before| words[before]);
            let table = match (before, *word) {
                ("INSERT", "INTO") | ("DELETE", "FROM") => words.get(at + 1),
                // `ON CONFLICT … DO UPDATE` and `FOR UPDATE` name no table.
                ("DO" | "FOR", "UPDATE") => None,
                (_, "UPDATE") => words.get(at + 1),
                _ => None,
            };
            let Some(table) = table else { continue };
            let is_kept = ADDED_ONLY.contains(table) || (*word == "UPDATE" && FROZEN.contains(table));
            if before != "INSERT" && is_kept {
                wrong.push(format!("{}: a statement changes `{table}`", source.path));
            }
            match writers.get_mut(table) {
                Some(files) => drop(files.insert(room(&source.path))),
                None => wrong.push(format!("{}: a statement writes to `{table}`, which is no table", source.path)),
            }
        }
    }
    for (table, files) in writers.into_iter().filter(|(_, files)| files.len() != 1) {
        wrong.push(format!("`{table}` is written by {} files: {files:?}", files.len()));
    }
    wrong
}

mod tests {
    use std::{fs, path::Path};

    use super::{
        EXPOSING, REVEALING, calls, empty_names, free_joins, listing_functions, room, silent, tables, unfinished,
        words_of, writers,
    };
    use crate::tidy::source::Source;

    fn migrations() -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations");
        let files = fs::read_dir(folder).expect("the migrations are there");
        files.map(|file| fs::read_to_string(file.expect("an entry").path()).expect("text")).collect()
    }

    fn everything() -> Vec<Source> {
        Source::all(&["src", "tests", "benches", "fuzz/fuzz_targets"])
    }

    fn said(text: &str, rule: impl Fn(&[Source]) -> Vec<String>) -> usize {
        rule(&[Source::new("src/x/y.rs", text)]).len()
    }

    #[test]
    fn every_file_begins_by_saying_what_it_is_for() {
        assert_eq!(silent(&everything()), [""; 0]);
        assert_eq!(said("use std::fs;\n", silent), 1);
        assert_eq!(said("//! What it is for.\n", silent), 0);
    }

    #[test]
    fn names_say_something() {
        assert_eq!(empty_names(&everything()), [""; 0]);
        assert_eq!(empty_names(&[Source::new("src/x/mail_utils.rs", "")]).len(), 1);
        for wrong in ["mod common;", "struct QueueManager;", "pub enum MailTypes {}", "trait Handler {}"] {
            assert_eq!(said(wrong, empty_names), 1, "{wrong}");
        }
        assert_eq!(said("struct Coremark; enum Kind {} // mod common;", empty_names), 0);
        assert_eq!(words_of("src/XMLHeader_line"), ["src/", "x", "m", "l", "header", "line"]);
    }

    #[test]
    fn a_list_is_a_thing_and_not_a_deed() {
        assert_eq!(listing_functions(&everything()), [""; 0]);
        assert_eq!(said("pub async fn list_issues() {}", listing_functions), 1);
        assert_eq!(said("fn whitelist_x() {} struct list_y; \"fn list_z\"", listing_functions), 0);
    }

    #[test]
    fn addresses_and_secrets_are_shown_only_where_they_must_be() {
        assert_eq!(calls(&everything(), "reveal", &REVEALING), [""; 0]);
        assert_eq!(calls(&everything(), "expose_secret", &EXPOSING), [""; 0]);
        let revealed = |path, text| calls(&[Source::new(path, text)], "reveal", &REVEALING).len();
        assert_eq!(revealed("src/web/x.rs", "a.reveal()"), 1);
        assert_eq!(revealed("src/web/x.rs", "all.map(EmailAddress::reveal)"), 1);
        assert_eq!(revealed("src/store/x.rs", "a.reveal()"), 0);
        assert_eq!(revealed("src/web/x.rs", "reveal_all(); #[cfg(test)] mod tests { fn x() { a.reveal() } }"), 0);
        let sources = everything();
        for (place, _) in REVEALING.iter().chain(&EXPOSING) {
            let is_used = sources.iter().any(|source| source.path.starts_with(place));
            assert!(is_used, "{place} is allowed something and is not there");
        }
    }

    #[test]
    fn nothing_that_ships_unwraps() {
        assert_eq!(calls(&everything(), "unwrap", &[]), [""; 0]);
        assert_eq!(said("fn x() { y.unwrap() }", |sources| calls(sources, "unwrap", &[])), 1);
        assert_eq!(said("fn x() { y.unwrap_or(z) }", |sources| calls(sources, "unwrap", &[])), 0);
    }

    #[test]
    fn nothing_unfinished_is_kept() {
        assert_eq!(unfinished(&everything()), [""; 0]);
        for wrong in ["fn x() { todo!() }", "dbg!(x);", "#[ignore] fn x() {}", "#[ignore = \"x\"]", "// TODO: x"] {
            assert_eq!(said(wrong, unfinished), 1, "{wrong}");
        }
        assert_eq!(said("#[rustfmt::skip] fn todo() { \"todo!() TODO\"; ignore(x) }", unfinished), 0);
    }

    #[test]
    fn what_is_joined_to_rows_of_json_comes_in_the_order_that_is_written() {
        assert_eq!(free_joins(&Source::all(&["src/store"])), [""; 0]);
        let found = |sql: &str| free_joins(&[Source::new("a.rs", &format!("x(\"{sql}\")"))]).len();
        assert_eq!(found("SELECT 1 FROM {each} JOIN posts p ON p.id = value->>0"), 1);
        assert_eq!(found("SELECT 1 FROM (SELECT value->>0 AS id FROM {each}) v CROSS JOIN a INNER JOIN b"), 1);
        assert_eq!(found("SELECT (SELECT 1 FROM a JOIN b) FROM {each} CROSS JOIN c LEFT JOIN d ON d.id = c.id"), 0);
        assert_eq!(found("SELECT 1 FROM {each}, posts p WHERE p.id = value->>0"), 1);
        assert_eq!(found("SELECT 1 FROM a JOIN b"), 0);
    }

    #[test]
    fn each_table_has_one_writer() {
        let migrations = migrations();
        let tables = tables(&migrations);
        assert!(tables.contains("deliveries") && tables.len() > 10, "{tables:?}");
        assert_eq!(writers(&Source::all(&["src/store"]), &tables), [""; 0]);
        let named = ["feeds"].into();
        let one = Source::new("a.rs", "x(\"INSERT INTO feeds (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $1\")");
        let other =
            Source::new("b.rs", "x(\"SELECT a FROM feeds FOR UPDATE SKIP LOCKED\"); y(\"UPDATE feeds SET a = 1\")");
        let unknown = Source::new("c.rs", "x(\"DELETE FROM {table}\")");
        assert_eq!(writers(std::slice::from_ref(&one), &named), [""; 0]);
        assert_eq!(
            (room("src/store/deliveries/claims.rs"), room("src/store/deliveries.rs")),
            ("deliveries", "deliveries")
        );
        assert_eq!(writers(&[], &named), ["`feeds` is written by 0 files: {}"]);
        assert_eq!(writers(&[one, other], &named), ["`feeds` is written by 2 files: {\"a\", \"b\"}"]);
        assert_eq!(writers(&[unknown], &named).len(), 2);
        let changed = Source::new("d.rs", "x(\"INSERT INTO ledger (a) VALUES (1)\"); y(\"UPDATE ledger SET a = 1\")");
        assert_eq!(writers(&[changed], &["ledger"].into()), ["d.rs: a statement changes `ledger`"]);
        let gone = |sql: &str| {
            let source = Source::new("e.rs", &format!("x(\"INSERT INTO mailings (a) VALUES (1)\"); y(\"{sql}\")"));
            writers(&[source], &["mailings"].into()).len()
        };
        assert_eq!((gone("UPDATE mailings SET a = 1"), gone("DELETE FROM mailings")), (1, 0));
    }
}
