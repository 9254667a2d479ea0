//! Two programs that verify signatures and know nothing of ours: dkimpy and opendkim. Both are told the public keys, so
//! that neither asks the DNS, and each is started once for many messages.

use std::{
    collections::BTreeMap, fs::Permissions, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::LazyLock,
};

use data_encoding::BASE64;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidings::{
    deliver::dkim::fresh_key,
    domain::dkim::{Algorithm, DkimKey, PrivateKey, Selector},
};

use super::python;

/// The selectors of the keys that the tests sign with.
pub(crate) const SELECTORS: [&str; 2] = ["e1", "r1"];

/// What the verifiers make of one message: for each signature, by its selector, whether it is valid. They agree.
pub(crate) type Verdicts = BTreeMap<String, bool>;

struct TestKey {
    pem: String,
    key: DkimKey,
}

static KEYS: LazyLock<Vec<TestKey>> = LazyLock::new(|| {
    let algorithms = [Algorithm::Ed25519Sha256, Algorithm::RsaSha256];
    let made = SELECTORS.into_iter().zip(algorithms).map(|(selector, algorithm)| {
        let pem = fresh_key(algorithm).expect("a key").expose_secret().to_owned();
        let key = PrivateKey::from_pem(&pem).expect("a key that will do");
        let selector = Selector::parse(selector).expect("a selector");
        TestKey { pem, key: DkimKey { selector, domain: "example.org".into(), key } }
    });
    made.collect()
});

/// The keys of the tests.
pub(crate) fn keys() -> Vec<DkimKey> {
    KEYS.iter().map(|test| test.key.clone()).collect()
}

/// The sections of config.toml that make a house sign; the keys are in files beside it.
pub(crate) fn sections() -> String {
    let section =
        |selector| format!("[[dkim]]\nselector = \"{selector}\"\nkey = {{ file = \"dkim-{selector}.pem\" }}\n");
    SELECTORS.map(section).concat()
}

/// Writes those files.
pub(super) fn write_keys(folder: &Path) {
    for test in KEYS.iter() {
        let path = folder.join(format!("dkim-{}.pem", test.key.selector));
        std::fs::write(&path, &test.pem).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
    }
}

/// Asserts that each message has one signature of each key of the tests, and that both verifiers find it valid.
pub(crate) fn assert_all_signed(messages: &[Vec<u8>]) {
    let wanted: Verdicts = SELECTORS.into_iter().map(|selector| (selector.to_owned(), true)).collect();
    for (message, verdicts) in messages.iter().zip(verdicts(messages)) {
        assert_eq!(verdicts, wanted, "{}", String::from_utf8_lossy(message));
    }
}

/// What both say of each message.
///
/// # Panics
/// When they do not agree, or one of them is not to be had.
pub(crate) fn verdicts(messages: &[Vec<u8>]) -> Vec<Verdicts> {
    let (one, other) = (by_dkimpy(messages), by_opendkim(messages));
    for ((message, one), other) in messages.iter().zip(&one).zip(&other) {
        assert_eq!(one, other, "dkimpy and opendkim do not agree on:\n{:?}", String::from_utf8_lossy(message));
    }
    one
}

fn by_dkimpy(messages: &[Vec<u8>]) -> Vec<Verdicts> {
    let records: BTreeMap<String, String> =
        KEYS.iter().map(|test| (test.key.record_name(), test.key.record_value())).collect();
    let messages: Vec<String> = messages.iter().map(|message| BASE64.encode(message)).collect();
    let question = json!({ "records": records, "messages": messages });
    let answer = python::answer(include_str!("../../fixtures/dkim/verify.py"), &question);
    let verdict = |pair: &Value| {
        let valid = pair[1].as_bool().expect("a verdict");
        (pair[0].as_str().expect("a selector").to_owned(), valid)
    };
    let of_message = |pairs: &Value| pairs.as_array().expect("a list").iter().map(verdict).collect();
    answer.as_array().expect("a list").iter().map(of_message).collect()
}

/// opendkim names one signature of a message, so it gets the message once for each, with that one alone.
fn by_opendkim(messages: &[Vec<u8>]) -> Vec<Verdicts> {
    let folder = TempDir::new().expect("a temporary folder");
    let records: Vec<String> =
        KEYS.iter().map(|test| format!("{} {}\n", test.key.record_name(), test.key.record_value())).collect();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("keys"), records.concat()).expect("written");
    let settings = format!("Mode v\nTestPublicKeys {}\n", path("keys").display());
    std::fs::write(path("settings"), settings).expect("written");
    let mut files = Vec::new();
    for (nth, message) in messages.iter().enumerate() {
        for (selector, alone) in with_one_signature_each(message) {
            let name = format!("{nth}-{selector}");
            std::fs::write(path(&name), alone).expect("written");
            files.push((nth, selector, name));
        }
    }
    let mut found = vec![Verdicts::new(); messages.len()];
    if files.is_empty() {
        return found;
    }
    let said = run_opendkim(folder.path(), &files.iter().map(|(.., name)| name.as_str()).collect::<Vec<_>>());
    for (nth, selector, name) in files {
        let begin = format!("opendkim: {name}: verification (");
        let line = said.lines().find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("opendkim says nothing of {name}:\n{said}"));
        found[nth].insert(selector, line.ends_with("succeeded"));
    }
    found
}

fn run_opendkim(folder: &Path, files: &[&str]) -> String {
    let program = std::env::var("OPENDKIM")
        .expect("OPENDKIM names the program opendkim; run the tests by scripts/test, which finds or gets it");
    let mut command = Command::new(program);
    command.current_dir(folder).args(["-x", "settings", "-t", &files.join(",")]);
    let ended = command.output().expect("opendkim starts");
    let said = [ended.stdout, ended.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

/// The message once for each of its signatures, without the others, by the selector of the one that is left.
fn with_one_signature_each(message: &[u8]) -> Vec<(String, Vec<u8>)> {
    let end = message.windows(4).position(|at| at == b"\r\n\r\n").expect("a message has a body") + 2;
    let (head, rest) = message.split_at(end);
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
    }
    let is_signature = |field: &Vec<u8>| field.to_ascii_lowercase().starts_with(b"dkim-signature:");
    let signatures: Vec<&Vec<u8>> = fields.iter().filter(|field| is_signature(field)).collect();
    let alone = |one: &&Vec<u8>| {
        let kept = fields.iter().filter(|field| !is_signature(field) || field == one);
        let message = [kept.flatten().copied().collect(), rest.to_vec()].concat();
        (selector_of(one), message)
    };
    signatures.iter().map(alone).collect()
}

fn selector_of(field: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(field).split_whitespace().collect();
    let selector = text.split(';').find_map(|tag| tag.strip_prefix("s="));
    selector.expect("a signature has a selector").to_owned()
}
