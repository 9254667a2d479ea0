//! config.toml: what ships is honest, and every mistake is told at once, by key and line, without any secret.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::LazyLock};

use jiff::SignedDuration;
use rsa::{
    pkcs1::EncodeRsaPrivateKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
};
use secrecy::{ExposeSecret, SecretString};
use tidings::{
    config::{Config, ConfigError, Database, SecondPerson, SecretSource, Web},
    deliver::dkim::fresh_key,
    domain::{
        dkim::Algorithm,
        list::Alerts,
        relay::{Place, Proof, Relay, Timers, Tls, TokenSource},
        schedule::Schedule,
    },
};

const SHIPPED: &str = include_str!("../../config.toml");

/// How an example in the shipped file begins. One that is a section goes on in the lines below it.
const EXAMPLE: &str = "# e.g. ";

/// The least that a file may hold.
const LEAST: &str = r#"
base_url = "https://news.example.org"
[sender]
name = "Coalition"
address = "news@example.org"
postal_address = "1 Example Street"
[[feeds]]
name = "site"
url = "https://example.org/feed/"
[[lists]]
name = "news"
title = "News"
feeds = ["site"]
digest = "0 9 * * MON"
[[relays]]
name = "main"
host = "smtp.example.org"
"#;

fn env(name: &str) -> Option<String> {
    match name {
        "SMTP_PASSWORD" | "IMAP_PASSWORD" => Some("hunter2-hunter2".to_owned()),
        "TIDINGS_SECRET" => Some("0123456789abcdef-open-sesame".to_owned()),
        "PING_SECRET" => Some("0123456789abcdef-ping".to_owned()),
        "POSTMARK_HOOK" => Some("0123456789abcdef-postmark".to_owned()),
        "MAILGUN_HOOK" => Some("0123456789abcdef-mailgun".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// A folder such as the shipped file expects.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_secret(folder.path(), "dkim-t1.pem", ED25519.expose_secret());
    fs::create_dir(folder.path().join("subscribers")).expect("made");
    fs::create_dir(folder.path().join("templates")).expect("made");
    folder
}

static ED25519: LazyLock<SecretString> = LazyLock::new(|| fresh_key(Algorithm::Ed25519Sha256).expect("a key"));
static RSA: LazyLock<SecretString> = LazyLock::new(|| fresh_key(Algorithm::RsaSha256).expect("a key"));

/// A file that only its owner may read.
fn write_secret(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("written");
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).expect("set");
}

/// The shipped file with the examples in these of its sections made statements.
fn with_examples(is_wanted: impl Fn(&str) -> bool) -> String {
    let mut wanted = false;
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix(EXAMPLE) {
        Some(statement) => {
            wanted = if statement.starts_with('[') { is_wanted(statement) } else { wanted };
            if wanted { statement } else { line }
        }
        None => {
            wanted = false;
            line
        }
    });
    lines.map(|line| format!("{line}\n")).collect()
}

fn parse_in(folder: &Path, text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, &folder.join("config.toml"), &env)
}

fn password(relay: &Relay) -> &str {
    match relay.login.as_ref().map(|login| &login.proof) {
        Some(Proof::Password(password)) => password.expose_secret(),
        other => panic!("no password: {other:?}"),
    }
}

/// Parses a file that stands in no folder of note, and gives what it prints.
fn complaint(text: &str) -> String {
    match Config::parse(text, Path::new("config.toml"), &env) {
        Ok(config) => panic!("no mistake found; warnings: {:?}", config.warnings),
        Err(error) => error.to_string(),
    }
}

/// The least file with one line more, or with `from` replaced.
fn with(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "{from}");
    LEAST.replacen(from, to, 1)
}

#[test]
fn the_shipped_file_is_all_defaults_and_its_own_sections() {
    let folder = folder();
    let shipped = parse_in(folder.path(), SHIPPED).expect("the shipped file is right");
    let expected = Config {
        base_url: "https://news.example.org/".parse().expect("url"),
        database: Database::Sqlite(folder.path().join("data/tidings.db")),
        subscribers: folder.path().join("subscribers"),
        templates: Some(folder.path().join("templates")),
        sender: shipped.sender.clone(),
        staff: shipped.staff.clone(),
        feeds: shipped.feeds.clone(),
        urgent: shipped.urgent.clone(),
        lists: shipped.lists.clone(),
        relays: shipped.relays.clone(),
        ..Config::default()
    };
    assert_eq!(format!("{shipped:#?}"), format!("{expected:#?}"));
    assert_eq!(shipped.sender.address.reveal(), "news@example.org");
    assert_eq!(shipped.feeds[0].every, SignedDuration::from_mins(10));
    assert_eq!(shipped.lists[0].alerts, Alerts::Immediate);
    assert!(shipped.lists[0].digest.is_some());
    let relay = &shipped.relays[0];
    assert_eq!((relay.tls, relay.ehlo.as_str()), (Tls::Implicit, "news.example.org"));
    assert_eq!(relay.place.to_string(), "smtp.example.org:465");
    assert_eq!(relay.timers, Timers::default());
    assert_eq!(password(relay), "hunter2-hunter2");
    assert!(shipped.warnings.is_empty(), "{:?}", shipped.warnings);
}

#[test]
fn every_commented_default_of_the_shipped_file_is_true() {
    let folder = folder();
    let shipped = format!("{:#?}", parse_in(folder.path(), SHIPPED).expect("right"));
    let mut defaults = 0;
    for line in SHIPPED.lines() {
        let Some(statement) = line.strip_prefix("# ").filter(|rest| is_statement(rest)) else { continue };
        let text = SHIPPED.replacen(line, statement, 1);
        let config = parse_in(folder.path(), &text).unwrap_or_else(|error| panic!("{line}\n{error}"));
        assert_eq!(format!("{config:#?}"), shipped, "{line}");
        defaults += 1;
    }
    assert!(defaults > 20, "only {defaults} defaults were found");
}

#[test]
fn every_example_of_the_shipped_file_is_right() {
    let folder = folder();
    let shipped = format!("{:#?}", parse_in(folder.path(), SHIPPED).expect("right"));
    let mut changed = 0;
    for line in SHIPPED.lines() {
        let Some(statement) = line.strip_prefix(EXAMPLE) else { continue };
        let text = if statement.starts_with('[') {
            with_examples(|section| section == statement)
        } else if with_examples(|_| true).contains(&format!("\n{statement}\n")) {
            // It was tried with its section.
            continue;
        } else {
            SHIPPED.replacen(line, statement, 1)
        };
        let config = parse_in(folder.path(), &text);
        let config = config.unwrap_or_else(|error| panic!("{line}\n{error}"));
        changed += usize::from(format!("{config:#?}") != shipped);
    }
    assert!(changed >= 3, "only {changed} examples do something");
}

/// An unknown key makes its section name the keys it knows: each of them must be in the shipped file.
#[test]
fn the_shipped_file_shows_every_key_there_is() {
    let folder = folder();
    let mut asked = Vec::new();
    let shipped = with_examples(|_| true);
    for line in shipped.lines().filter(|line| line.starts_with('[')) {
        let text = shipped.replacen(&format!("\n{line}\n"), &format!("\n{line}\nqqq = 1\n"), 1);
        asked.push(parse_in(folder.path(), &text).expect_err("qqq is unknown"));
    }
    asked.push(parse_in(folder.path(), &format!("qqq = 1\n{SHIPPED}")).expect_err("qqq is unknown"));
    let mut keys = 0;
    for error in asked {
        let hint = error.mistakes[0].hint.as_deref().expect("a hint");
        let known = hint.strip_prefix("known here: ").expect("the known keys");
        for key in known.split(", ").map(|key| key.trim_matches('`')) {
            let statement = format!("{key} = ");
            let section = [format!("[{key}]"), format!("[[{key}]]")];
            assert!(shipped.contains(&statement) || section.iter().any(|header| shipped.contains(header)), "{key}");
            keys += 1;
        }
    }
    assert!(keys > 50, "only {keys} keys were found");
}

fn is_statement(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        && !text.starts_with("key = ")
}

#[test]
fn the_least_file_is_enough() {
    let config = Config::parse(LEAST, Path::new("config.toml"), &env).expect("enough");
    assert_eq!(config.base_url.as_str(), "https://news.example.org/");
    assert_eq!(config.lists[0].alerts, Alerts::Off);
    assert_eq!(config.web, Web::default());
    assert!(matches!(config.secret, SecretSource::BesideDatabase));
    assert!(config.relays[0].login.is_none());
}

#[test]
fn many_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = r#"base_url = "news.example.org"
databse = "sqlite://x.db"
[sender]
name = "Coalition"
address = "news"
[[feeds]]
name = "site"
url = "https://example.org/feed/"
evry = "10m"
[[feeds]]
name = "site"
url = "gopher://example.org"
every = 10
[[lists]]
name = "News"
title = ""
feeds = ["sight", "site", "site"]
digest = "every monday"
time_zone = "America/New_Yrok"
[[lists]]
name = "quiet"
title = "Quiet"
[[relays]]
name = "main"
host = "smtp.example.org:465"
tls = "start-tls"
connections = 0
username = "news"
[delivery]
retry = ["1m", "soon"]
alert_expires = "0h"
[web]
listen = "localhost:8080"
"#;
    // What is wrong with a schedule is for the schedule to say.
    let schedule = Schedule::parse("every monday", "UTC").expect_err("not a schedule").to_string();
    let expected = include_str!("../fixtures/config/mistakes.txt").replace("@SCHEDULE@", &schedule);
    assert_eq!(complaint(text), expected.trim_end());
}

#[test]
fn an_empty_file_names_all_that_is_needed() {
    assert_eq!(complaint(""), include_str!("../fixtures/config/empty.txt").trim_end());
}

#[test]
fn broken_toml_shows_its_line_and_a_caret() {
    let text = with("url = \"https://example.org/feed/\"", "every = \"10m");
    let line = text.lines().position(|line| line.starts_with("every")).expect("it is there") + 1;
    let told = complaint(&text);
    assert!(told.starts_with(&format!("config.toml:{line}: ")), "{told}");
    assert!(told.ends_with("\n  | every = \"10m\n  |             ^"), "{told}");
}

#[test]
fn broken_toml_never_shows_a_secret() {
    for broken in [
        "password = \"hunter2",
        "password = hunter2",
        "secret = \"hunter2",
        "password = \"\"\"\nhunter2\n",
        "key = hunter2",
        "token = { command = [\"x\", \"hunter2 ] }",
        "x = { password = hunter2 }",
        "database = \"postgres://news:hunter2@localhost/tidings",
        "url = \"https://news:hunter2@example.org/",
    ] {
        let told = complaint(&format!("{LEAST}\n{broken}"));
        assert!(!told.contains("hunter2"), "{broken}: {told}");
    }
}

#[test]
fn no_mistake_and_no_debug_text_shows_a_secret() {
    let text = with(
        "base_url",
        "secret = \"correct-horse-battery\"\ndatabase = \"postgres://u:hunter2@db/tidings\"\nbase_url",
    ) + "username = \"news\"\npassword = \"hunter2\"\n";
    let config = Config::parse(&text, Path::new("config.toml"), &env).expect("right");
    let shown = format!("{config:?} {}", config.database);
    assert!(!shown.contains("hunter2") && !shown.contains("battery"), "{shown}");
    assert_eq!(config.database.to_string(), "postgres://db/tidings");
    for wrong in [
        with("base_url = \"https://news", "base_url = \"https://user:hunter2@news"),
        with("https://example.org/feed/", "https://user:hunter2@example.org/feed/"),
        with("base_url", "secret = \"hunter2\"\nbase_url"),
        with("base_url", "database = \"mysql://u:hunter2@db/x\"\nbase_url"),
        with("base_url", "database = \"postgres://u:hunter2@:x/x\"\nbase_url"),
        format!("{LEAST}username = \"news\"\npassword = [\"hunter2\"]\n"),
        format!("{LEAST}tls = \"none\"\nusername = \"news\"\npassword = \"hunter2\"\n"),
    ] {
        let told = complaint(&wrong);
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_secret_comes_from_the_environment_or_from_a_file() {
    let folder = folder();
    fs::write(folder.path().join("key"), "0123456789abcdef\n").expect("written");
    for source in ["{ env = \"TIDINGS_SECRET\" }", "{ file = \"key\" }", "\"0123456789abcdef\""] {
        let config = parse_in(folder.path(), &with("base_url", &format!("secret = {source}\nbase_url")));
        assert!(matches!(config.expect(source).secret, SecretSource::Given(_)));
    }
    fs::write(folder.path().join("password"), "two words\r\n").expect("written");
    let text = format!("{LEAST}username = \"news\"\npassword = {{ file = \"password\" }}\n");
    let config = parse_in(folder.path(), &text).expect("right");
    assert_eq!(password(&config.relays[0]), "two words");
}

#[test]
fn a_secret_that_cannot_be_read_is_named() {
    for (source, told) in [
        ("{ env = \"NOT_THERE\" }", "secret: the environment variable `NOT_THERE` is not set"),
        ("{ env = \"EMPTY\" }", "secret: is empty"),
        ("{ file = \"not-there\" }", "secret: cannot read the file `not-there`: "),
        ("{ file = \"\" }", "secret: expected a path"),
        ("{ env = \"TIDINGS_SECRET\", file = \"key\" }", "secret: expected either `env` or `file`"),
        ("{ evn = \"TIDINGS_SECRET\" }", "secret.evn: unknown key\n  hint: did you mean `env`?"),
        ("\"short\"", "secret: is shorter than 16 bytes"),
    ] {
        let text = complaint(&with("base_url", &format!("secret = {source}\nbase_url")));
        assert!(text.contains(told), "{source}: {text}");
    }
}

#[test]
fn each_kind_of_feed_has_its_own_keys_and_no_others() {
    let of = |lines: &str| with("url = \"https://example.org/feed/\"", lines);
    let (site, link) = ("url = \"https://example.org/\"", "link = \"https://example.org/{slug}/\"");
    for (lines, wanted) in [
        (
            format!("{site}\nkind = \"wordpres\"\n{link}"),
            "feeds[0].kind: not a kind of feed\n  hint: did you mean `wordpress`?",
        ),
        (format!("{site}\nkind = 7"), "feeds[0].kind: expected a text"),
        (format!("{site}\ncategories = [\"a\"]"), "feeds[0].categories: unknown key"),
        ("kind = \"wordpress\"\nurl = \"content\"".to_owned(), "feeds[0].url: not a URL"),
        (format!("{site}\nkind = \"wordpress\"\n{link}"), "feeds[0].link: unknown key"),
        (format!("{site}\nkind = \"wordpress\"\nwebsub = true"), "feeds[0].websub: unknown key"),
        (format!("{site}\nkind = \"wordpress\"\ncategories = [\"a b\"]"), "feeds[0].categories[0]: expected the slug"),
        ("kind = \"folder\"\nurl = \"content\"".to_owned(), "feeds[0].link: missing"),
        (format!("{site}\nkind = \"folder\"\n{link}"), "feeds[0].url: expected a folder"),
        (
            format!("kind = \"folder\"\nurl = \"x\"\n{}", link.replace("slug", "title")),
            "feeds[0].link: `{title}` is not known",
        ),
    ] {
        let told = complaint(&of(&lines));
        assert!(told.contains(wanted) && told.matches("feeds[0]").count() == 1, "{lines}: {told}");
    }
}

#[test]
fn a_ping_wants_a_secret_that_nobody_guesses_and_none_is_shown() {
    let pinged = |secret: &str| {
        with("url = \"https://example.org", &format!("ping = \"{secret}\"\nurl = \"https://example.org"))
    };
    let told = complaint(&pinged("hunter2"));
    assert!(told.contains("feeds[0].ping: is shorter than 16 characters") && !told.contains("hunter2"), "{told}");
    let config = Config::parse(&pinged("hunter2-hunter2-hunter2"), Path::new("config.toml"), &env).expect("right");
    assert!(config.feeds[0].ping.is_some() && !format!("{config:?}").contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let key = folder.path().join("key");
    fs::write(&key, "0123456789abcdef").expect("written");
    let text = with("base_url", "secret = { file = \"key\" }\nbase_url");
    for (mode, warned) in [(0o644, true), (0o600, false), (0o640, false), (0o660, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("set");
        let config = parse_in(folder.path(), &text).expect("right");
        assert_eq!(config.warnings.iter().any(|warning| warning.key == "secret.file"), warned, "{mode:o}");
    }
}

#[test]
fn machines_that_share_a_database_must_share_the_secret() {
    let text = with("base_url", "database = \"postgres://db/tidings\"\nbase_url");
    assert!(complaint(&text).contains("config.toml: secret: missing; with PostgreSQL"));
}

#[test]
fn a_password_never_goes_over_the_network_in_clear() {
    let clear = "tls = \"none\"\nusername = \"news\"\npassword = \"x\"\n";
    assert!(complaint(&format!("{LEAST}{clear}")).contains("relays[0].tls: `none` would send the password"));
    for here in ["localhost", "127.0.0.1", "::1", "[::1]"] {
        let text = with("smtp.example.org", here) + clear;
        let config = Config::parse(&text, Path::new("config.toml"), &env).expect(here);
        assert_eq!(config.relays[0].tls, Tls::None);
        assert!(config.relays[0].place.to_string().ends_with(":25"));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
    let open = Config::parse(&format!("{LEAST}tls = \"none\"\n"), Path::new("config.toml"), &env).expect("allowed");
    assert_eq!(open.warnings[0].key, "relays[0].tls");
}

/// The least file and one key. `lines` are about it.
fn with_key(pem: &str, lines: &str) -> String {
    format!("{LEAST}[[dkim]]\nkey = \"\"\"\n{pem}\"\"\"\n{lines}\n")
}

#[test]
fn keys_of_both_kinds_and_of_both_forms_sign_side_by_side() {
    let folder = folder();
    write_secret(folder.path(), "rsa.pem", RSA.expose_secret());
    let old_form = rsa::PrivateKey::new(&mut rand::rng(), 2048).expect("a key").to_pkcs1_pem(LineEnding::CRLF);
    let lines = "[[dkim]]\nselector = \"t1\"\nkey = { file = \"rsa.pem\" }\n\
                 [[dkim]]\nselector = \"E1\"\nkey = { file = \"dkim-t1.pem\" }\ndomain = \"Mail.Example.org\"\n";
    let text = with_key(&old_form.expect("PEM"), &format!("selector = \"t0.news\"\n{lines}"));
    let config = parse_in(folder.path(), &text).expect("right");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let names: Vec<String> = config.dkim.iter().map(|key| key.record_name()).collect();
    assert_eq!(
        names,
        ["t0.news._domainkey.example.org", "t1._domainkey.example.org", "e1._domainkey.mail.example.org"]
    );
    let kinds: Vec<&str> = config.dkim.iter().map(|key| key.key.algorithm().as_str()).collect();
    assert_eq!(kinds, ["rsa-sha256", "rsa-sha256", "ed25519-sha256"]);
    let shown = format!("{config:?} {config:#?}");
    let secrets = text.lines().chain(RSA.expose_secret().lines()).chain(ED25519.expose_secret().lines());
    for line in secrets.filter(|line| line.len() == 64) {
        assert!(!shown.contains(line), "a key is shown: {shown}");
    }
}

#[test]
fn a_key_that_cannot_sign_is_told_why_and_never_shown() {
    let small = rsa::PrivateKey::new(&mut rand::rng(), 1024).expect("a key");
    let small = small.to_pkcs8_pem(LineEnding::LF).expect("PEM");
    let good = RSA.expose_secret();
    let public = rsa::PrivateKey::new(&mut rand::rng(), 1024).expect("a key").to_public_key();
    let public = public.to_public_key_pem(LineEnding::LF).expect("PEM");
    let locked = good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old_locked = good.replace("BEGIN PRIVATE KEY-----", "BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n");
    let old_locked = old_locked.replace("END PRIVATE", "END RSA PRIVATE");
    let mut lines: Vec<&str> = good.lines().collect();
    lines.swap(13, 14);
    let damaged = lines.join("\n") + "\n";
    let curve = rcgen::KeyPair::generate().expect("a key of the curve P-256").serialize_pem();
    for (pem, told) in [
        (small.as_str(), "an RSA key of fewer than 2048 bits, which receivers do not trust (RFC 8301)"),
        (&public, "this is the public half; the private one signs"),
        (&locked, "the key is locked by a password"),
        (&old_locked, "the key is locked by a password"),
        (&damaged, "a damaged key"),
        (&curve, "a key that is neither RSA nor Ed25519"),
        ("hunter2", "not a private key in PEM"),
        (&good[..800], "not a private key in PEM"),
    ] {
        let shown = complaint(&with_key(pem, "selector = \"t1\""));
        assert!(shown.contains(&format!("dkim[0].key: {told}\n  hint: ")), "{shown}");
        assert_eq!(shown.matches("config.toml:").count(), 1, "{shown}");
        assert!(
            !shown.contains("hunter2") && pem.lines().all(|line| line.len() < 60 || !shown.contains(line)),
            "{shown}"
        );
    }
}

#[test]
fn a_key_needs_a_name_of_its_own_and_a_domain_that_speaks_for_the_sender() {
    let key = ED25519.expose_secret();
    let twice = with_key(key, "selector = \"t1\"\n[[dkim]]\nselector = \"T1\"\nkey = { env = \"NOT_THERE\" }");
    let shown = complaint(&twice);
    assert!(shown.contains("dkim[1].selector: the selector `t1` is taken already, on line "), "{shown}");
    assert!(shown.contains("dkim[1].key: the environment variable `NOT_THERE` is not set"), "{shown}");
    for (lines, told) in [
        ("", "dkim[0].selector: missing"),
        ("selector = \"a;b\"", "dkim[0].selector: not a selector\n  hint: write letters"),
        (
            "selector = \"t1\"\ndomain = \"example.net\"",
            "dkim[0].domain: does not speak for the sender's domain `example.org`\n  hint: ",
        ),
        ("selector = \"t1\"\ndomain = \"org\"", "dkim[0].domain: not a domain name\n  hint: "),
        ("selector = \"t1\"\ndomain = \"a b.example.org\"", "dkim[0].domain: not a domain name\n  hint: "),
        ("selectr = \"t1\"", "dkim[0].selectr: unknown key\n  hint: did you mean `selector`?"),
    ] {
        let shown = complaint(&with_key(key, lines));
        assert!(shown.contains(told), "{shown}");
    }
    assert!(complaint(&format!("{LEAST}[[dkim]]\nselector = \"t1\"\n")).contains("dkim[0].key: missing"));
    assert!(complaint(&format!("{LEAST}[dkim]\nselector = \"t1\"\n")).contains("hint: write `[[dkim]]` above each"));
}

/// The last line of a key may end in `=` and so look like a statement.
#[test]
fn broken_toml_near_a_key_shows_no_line_of_it() {
    let key = RSA.expose_secret();
    for line in [9, 26] {
        let mut lines: Vec<String> = with_key(key, "selector = \"t1\"").lines().map(str::to_owned).collect();
        let begins = lines.iter().position(|line| line.starts_with("-----BEGIN")).expect("the key");
        lines[begins + line] = format!("abc= \\q{}", &lines[begins + line][4..]);
        let shown = complaint(&lines.join("\n"));
        assert!(!shown.contains("abc"), "{shown}");
        let inline = shown_inline(key);
        assert!(!inline.contains("MII"), "{inline}");
    }
}

/// A complaint about a key in an inline table that is broken off.
fn shown_inline(key: &str) -> String {
    complaint(&format!("dkim = [{{ selector = \"t1\", key = \"\"\"\n{key}\"\"\" \n{LEAST}"))
}

#[test]
fn a_token_comes_from_a_file_or_a_program_and_is_neither_read_nor_run_yet() {
    let folder = folder();
    let source = |token: &str| {
        let text = format!("{LEAST}username = \"news\"\ntoken = {token}\n");
        let config = parse_in(folder.path(), &text).expect(token);
        assert!(!format!("{config:?}").contains("hunter2"));
        match &config.relays[0].login.as_ref().expect("a login").proof {
            Proof::Token(source) => source.clone(),
            Proof::Password(_) => panic!("a password"),
        }
    };
    let TokenSource::File(path) = source("{ file = \"no/token\" }") else { panic!("a file") };
    assert_eq!(path, folder.path().join("no/token"));
    for (program, expected) in [("oama", "oama".into()), ("bin/oama", folder.path().join("bin/oama"))] {
        let command = source(&format!("{{ command = [\"{program}\", \"hunter2\", \"\"] }}"));
        let TokenSource::Command { program, arguments, folder: runs_in } = command else { panic!("a command") };
        assert_eq!((program, arguments.len()), (expected, 2));
        assert_eq!(arguments[0].expose_secret(), "hunter2");
        assert_eq!(runs_in, folder.path().join(""));
    }
}

#[test]
fn a_login_that_is_not_whole_or_not_one_is_a_mistake() {
    for (lines, told) in [
        ("username = \"news\"", "relays[0].password: missing; `username` goes with it, or with `token`"),
        ("password = \"x\"", "relays[0].username: missing; it goes with `password` or `token`"),
        ("token = { file = \"t\" }", "relays[0].username: missing; it goes with `password` or `token`"),
        ("username = \"n\"\npassword = \"x\"\ntoken = { file = \"t\" }", "relays[0].token: the relay has a `password`"),
        ("username = \"n\"\ntoken = \"hunter2\"", "relays[0].token: expected a section, found a text\n  hint: a token"),
        ("username = \"n\"\ntoken = {}", "relays[0].token: expected either `file` or `command`\n  hint: write"),
        ("username = \"n\"\ntoken = { command = [] }", "relays[0].token: `command` names no program\n  hint: write"),
        ("username = \"n\"\ntoken = { command = \"oama x\" }", "relays[0].token: `command` is not an array"),
        ("username = \"n\"\ntoken = { env = \"T\" }", "relays[0].token.env: unknown key"),
        ("username = \"n\"\ntoken = { file = \"t\" }\ntls = \"none\"", "relays[0].tls: `none` would send the token"),
    ] {
        let shown = complaint(&format!("{LEAST}{lines}\n"));
        assert!(shown.contains(told) && !shown.contains("hunter2"), "{told}: {shown}");
    }
}

#[test]
fn a_socket_takes_the_place_of_host_port_and_tls() {
    let at_socket = with("host = \"smtp.example.org\"", "socket = \"run/relay.sock\"");
    let text = format!("{at_socket}username = \"news\"\npassword = \"x\"\n");
    let config = Config::parse(&text, Path::new("/etc/tidings/config.toml"), &env).expect("right");
    assert_eq!(config.relays[0].place, Place::Socket("/etc/tidings/run/relay.sock".into()));
    assert_eq!(config.relays[0].tls, Tls::None);
    assert!(config.warnings.is_empty(), "a password to this machine is nothing to warn of: {:?}", config.warnings);
    assert!(Config::parse(&format!("{at_socket}tls = \"none\"\n"), Path::new("config.toml"), &env).is_ok());
    for (line, told) in [
        (
            "host = \"localhost\"",
            "relays[0].host: the relay has a `socket` already\n  hint: take out `host` or `socket`",
        ),
        ("port = 25", "relays[0].port: the relay has a `socket` already"),
        ("tls = \"starttls\"", "relays[0].tls: there is no TLS over a `socket`"),
    ] {
        let shown = complaint(&format!("{at_socket}{line}\n"));
        assert!(shown.contains(told), "{told}: {shown}");
    }
}

#[test]
fn a_certificate_and_its_key_go_together_and_into_tls() {
    let folder = folder();
    fs::write(folder.path().join("client.pem"), "a certificate").expect("written");
    fs::write(folder.path().join("client.key"), "line 1\nline 2\n").expect("written");
    let (certificate, key) = ("certificate = \"client.pem\"\n", "key = { file = \"client.key\" }\n");
    let config = parse_in(folder.path(), &format!("{LEAST}{certificate}{key}")).expect("right");
    let ours = config.relays[0].certificate.as_ref().expect("a certificate");
    assert_eq!((ours.chain.as_str(), ours.key.expose_secret()), ("a certificate", "line 1\nline 2"));
    for (lines, told) in [
        (certificate.to_owned(), "relays[0].key: missing; `certificate` and `key` go together"),
        (key.to_owned(), "relays[0].certificate: missing; `certificate` and `key` go together"),
        (format!("{certificate}{key}tls = \"none\"\n"), "relays[0].certificate: is shown in TLS, and there is none"),
        (format!("certificate = \"none.pem\"\n{key}"), "relays[0].certificate: cannot read the file `"),
        (format!("{certificate}key = [\"hunter2\"]\n"), "relays[0].key: expected a text, `{ env"),
    ] {
        let shown = parse_in(folder.path(), &format!("{LEAST}{lines}")).expect_err(told).to_string();
        assert!(shown.contains(told) && !shown.contains("hunter2"), "{told}: {shown}");
    }
}

#[test]
fn a_base_url_is_one_that_paths_can_be_added_to() {
    let base = "\"https://news.example.org\"";
    for (url, told) in [
        ("\"https://news.example.org/?a=1\"", "may not have a `?` or `#`"),
        ("\"https://news.example.org/#a\"", "may not have a `?` or `#`"),
        ("\"ftp://news.example.org\"", "expected an http or https URL"),
        ("\"https://\"", "not a URL: empty host"),
        ("true", "expected a text, found true or false"),
    ] {
        let text = complaint(&with(base, url));
        assert!(text.contains(told), "{url}: {text}");
    }
    let config = Config::parse(&with(base, "\"http://example.org/news\""), Path::new("c.toml"), &env).expect("allowed");
    assert_eq!(config.base_url.join("leave/x").expect("joins").as_str(), "http://example.org/news/leave/x");
    assert_eq!(config.warnings[0].key, "base_url");
    let local = Config::parse(&with(base, "\"http://localhost:8080\""), Path::new("c.toml"), &env).expect("allowed");
    assert!(local.warnings.is_empty(), "{:?}", local.warnings);
}

#[test]
fn a_feed_may_be_a_file_beside_the_config() {
    let folder = folder();
    fs::write(folder.path().join("feed.xml"), "<rss/>").expect("written");
    let config = parse_in(folder.path(), &with("https://example.org/feed/", "feed.xml")).expect("right");
    assert_eq!(config.feeds[0].url.to_file_path(), Ok(folder.path().join("feed.xml")));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let config = parse_in(folder.path(), &with("https://example.org/feed/", "example.org/feed/")).expect("allowed");
    assert!(config.warnings[0].hint.as_deref().is_some_and(|hint| hint.contains("https://")));
}

#[test]
fn a_list_or_a_rule_that_could_do_nothing_is_a_mistake() {
    for (text, told) in [
        (with("feeds = [\"site\"]\n", ""), "lists[0].feeds: missing; a list with a digest needs"),
        (with("[\"site\"]", "[]"), "lists[0].feeds: names no feed"),
        (with("digest = \"0 9 * * MON\"\n", ""), "lists[0].digest: the list has neither"),
        (with("title", "min_posts = 30\ntitle"), "lists[0].min_posts: is more than `max_posts` (20)"),
        (format!("{LEAST}[[urgent]]\nname = \"now\"\n"), "urgent[0].words: the rule has neither"),
        (format!("{LEAST}[[urgent]]\nname = \"now\"\nwords = []\n"), "urgent[0].words: the rule has neither"),
        (format!("{LEAST}[[urgent]]\nname = \"now\"\nwords = [\"a\"]\nin = []\n"), "urgent[0].in: is empty"),
    ] {
        let shown = complaint(&text);
        assert!(shown.contains(told), "{told}: {shown}");
        assert_eq!(shown.matches("config.toml:").count(), 1, "{shown}");
    }
    let by_hand = with("feeds = [\"site\"]\ndigest = \"0 9 * * MON\"", "alerts = true");
    assert!(Config::parse(&by_hand, Path::new("config.toml"), &env).expect("allowed").lists[0].feeds.is_empty());
}

#[test]
fn who_wants_a_second_person_is_warned_when_none_is_named_and_a_window_may_be_none() {
    let staff = |people: &str| format!("{LEAST}[staff]\nnotify = [{people}]\nsecond_person = true\n");
    for people in ["", "\"desk@example.org\"", "\"desk@example.org\", \"Desk@Example.org\""] {
        // There may be one at the desk.
        let config = Config::parse(&staff(people), Path::new("config.toml"), &env).expect("unwise but right");
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings[0].contains("staff.second_person: `notify` names no second person"), "{warnings:?}");
    }
    let config = Config::parse(&staff("\"a@example.org\", \"b@example.org\""), Path::new("config.toml"), &env);
    let config = config.expect("two");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.staff.second_person, SecondPerson::Needed);
    for (written, seconds) in [("0s", 0), ("90s", 90)] {
        let text = with("title", &format!("alert_hold = \"{written}\"\ntitle"));
        let config = Config::parse(&text, Path::new("config.toml"), &env).expect("right");
        assert_eq!(config.lists[0].alert_hold.as_secs(), seconds);
    }
    assert!(complaint(&with("title", "alert_hold = \"soon\"\ntitle")).contains("lists[0].alert_hold: not a duration"));
}

#[test]
fn a_key_in_the_wrong_place_is_sent_to_the_right_one() {
    let shown = complaint(&with("[sender]", "[sender]\ndatabase = \"sqlite://x.db\""));
    assert!(
        shown.ends_with("sender.database: unknown key\n  hint: this key stands above the first `[section]`"),
        "{shown}"
    );
    assert!(complaint(&with("[[feeds]]", "[feeds]")).contains("feeds: expected an array of sections, found a section"));
    assert!(complaint(&with("[sender]", "[[sender]]")).contains("sender: expected a section, found an array"));
}

#[test]
fn a_rule_that_mails_nothing_is_warned_of() {
    let text = format!("{LEAST}[[urgent]]\nname = \"now\"\ncategories = [\"Urgent\"]\n");
    let config = Config::parse(&text, Path::new("config.toml"), &env).expect("allowed");
    assert_eq!(config.warnings[0].key, "urgent");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = folder();
    let path = folder.path().join("config.toml");
    let absent = Config::load(&path, &env).expect_err("absent").to_string();
    assert!(absent.starts_with(&format!("{}: cannot be read: ", path.display())), "{absent}");
    fs::write(&path, b"name = \"\xff\"").expect("written");
    assert!(Config::load(&path, &env).expect_err("not text").to_string().contains("is not UTF-8 text"));
    fs::write(&path, LEAST).expect("written");
    assert!(Config::load(&path, &env).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\PC|[\\[\\]=\"'{}\n.#]){0,80}", at in 0_usize..400) {
        let _ = Config::parse(&text, Path::new("config.toml"), &env);
        let cut = LEAST.get(..at.min(LEAST.len())).unwrap_or(LEAST);
        let _ = Config::parse(&format!("{cut}{text}"), Path::new("config.toml"), &env);
    }
}

/// The least file with a hook of these lines.
fn with_hook(lines: &str) -> String {
    format!("{LEAST}[[hooks]]\nname = \"provider\"\n{lines}\n")
}

#[test]
fn a_hook_that_proves_nothing_is_told_why() {
    for (lines, told) in [
        ("", "hooks[0].kind: missing"),
        ("kind = \"sendgird\"", "hooks[0].kind: not a kind of hook\n  hint: did you mean `sendgrid`?"),
        ("kind = \"ses\"", "hooks[0].topic: missing"),
        ("kind = \"ses\"\ntopic = \"bounces\"", "hooks[0].topic: not the ARN of an SNS topic\n  hint: "),
        ("kind = \"ses\"\nuser = \"x\"", "hooks[0].user: unknown key"),
        ("kind = \"postmark\"\nuser = \"a:b\"", "hooks[0].user: a user's name may not hold a colon"),
        ("kind = \"postmark\"\nuser = \"a\"\npassword = \"hunter2\"", "hooks[0].password: is shorter than 16"),
        (
            "kind = \"sendgrid\"\npublic_key = \"x\"",
            "hooks[0].public_key: not a public key on the curve P-256\n  hint: ",
        ),
        ("kind = \"mailgun\"", "hooks[0].signing_key: missing"),
        ("kind = \"mailgun\"\nsigning_key = \"\"", "hooks[0].signing_key: is empty"),
    ] {
        let text = complaint(&with_hook(lines));
        assert!(text.contains(told) && !text.contains("hunter2"), "{lines}: {text}");
    }
    let ses = "kind = \"ses\"\ntopic = \"arn:aws:sns:us-east-1:123456789012:bounces\"";
    let twice = format!("{}[[hooks]]\nname = \"provider\"\n{ses}\n", with_hook(ses));
    assert!(complaint(&twice).contains("hooks[1].name: the name `provider` is taken already"));
}

#[test]
fn no_debug_text_shows_the_secret_of_a_hook() {
    let password = "correct-horse-battery";
    for lines in [
        format!("kind = \"postmark\"\nuser = \"postmark\"\npassword = \"{password}\""),
        format!("kind = \"mailgun\"\nsigning_key = \"{password}\""),
    ] {
        let config = Config::parse(&with_hook(&lines), Path::new("config.toml"), &env).expect("right");
        let shown = format!("{config:?} {config:#?}");
        assert!(config.hooks.len() == 1 && !shown.contains(password), "{shown}");
    }
}

#[test]
fn a_desk_of_its_own_needs_an_address_and_a_name_and_shares_neither_with_the_public_pages() {
    let desk = |lines: &str| format!("{LEAST}[desk]\n{lines}\n");
    for (lines, says) in [
        ("listen = \"127.0.0.1:8081\"", "desk.base_url: missing"),
        ("base_url = \"https://desk.example.org\"", "desk.listen: missing"),
        (
            "listen = \"127.0.0.1:8080\"\nbase_url = \"https://desk.example.org\"",
            "desk.listen: is where the public pages are, too",
        ),
    ] {
        assert!(complaint(&desk(lines)).contains(says), "{lines}: {}", complaint(&desk(lines)));
    }
    let both = desk("listen = \"127.0.0.1:8081\"\nbase_url = \"https://desk.example.org/press\"");
    let config = Config::parse(&both, Path::new("config.toml"), &env).expect("right");
    assert_eq!(config.desk_url().as_str(), "https://desk.example.org/press/");
    let none = Config::parse(&desk(""), Path::new("config.toml"), &env).expect("right");
    assert_eq!(none.desk_url(), &none.base_url);
}

#[test]
fn a_webhook_has_a_key_of_the_standard_and_wants_what_there_is() {
    let hook =
        |lines: &str| format!("{LEAST}[[webhooks]]\nname = \"crm\"\nurl = \"https://crm.example.org\"\n{lines}\n");
    let key = "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    for (lines, says) in [
        ("".to_owned(), "webhooks[0].secret: missing"),
        ("secret = \"whsec_c2hvcnQ=\"".to_owned(), "webhooks[0].secret: not the secret of a webhook"),
        (format!("{key}\nevents = [\"issue.send\"]"), "did you mean `issue.sent`?"),
        (format!("{key}\nlists = [\"nowhere\"]"), "webhooks[0].lists[0]: there is no such list"),
    ] {
        assert!(complaint(&hook(&lines)).contains(says), "{lines}: {}", complaint(&hook(&lines)));
    }
    let config = Config::parse(&hook(key), Path::new("config.toml"), &env).expect("right");
    assert_eq!(config.webhooks[0].events.len(), 3);
    assert!(!format!("{config:?}").contains("MfKQ9r8G"));
}
