//! Bounces as real mail systems wrote them: the 117 samples of flufl.bounce, which `scripts/test` fetches and names in
//! `FLUFL_BOUNCE`. Its own tests say of each sample which addresses failed for good, for now, or not at all.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tidings::intake::{
    Incoming,
    bounce::{self, Finding},
    command, complaint,
    letter::Letter,
    machine,
};

/// What flufl.bounce's test says of a sample. It tells the message's fate, and not how much is the reader's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It names addresses that failed for good.
    Permanent,
    /// It names addresses that are tried again.
    Temporary,
    /// It names none.
    Nobody,
}

/// Failures in which flufl.bounce finds no address, or which it does not test. We have the address from the envelope.
const NAMELESS: [&str; 4] = ["bounce_01", "dumbass_01", "simple_42", "simple_43"];

fn folder() -> PathBuf {
    let folder = std::env::var("FLUFL_BOUNCE")
        .expect("FLUFL_BOUNCE names the unpacked flufl.bounce; run the tests by scripts/test, which fetches it");
    PathBuf::from(folder).join("tests")
}

/// Each sample by its name.
fn samples() -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder().join("data")).expect("the samples are there");
    let paths =
        files.map(|file| file.expect("a file").path()).filter(|path| path.extension().is_some_and(|it| it == "txt"));
    let named = paths.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("a sample"))
    });
    named.collect()
}

/// What its tests say: lines of `('detector', 'sample.txt', [b'address'], True if temporary),`.
fn told() -> BTreeMap<String, Told> {
    let text = fs::read_to_string(folder().join("test_detectors.py")).expect("its tests are there");
    let table = text.split("DETECTORS = [").nth(1).and_then(|rest| rest.split("\n]").next()).expect("a table");
    let mut told = BTreeMap::new();
    for row in table.split("),\n").filter(|row| row.contains(".txt'")) {
        let name = row.split(".txt'").next().and_then(|start| start.rsplit('\'').next()).expect("a sample's name");
        let one = match (row.contains("b'"), row.trim_end().ends_with("True")) {
            (false, _) => Told::Nobody,
            (true, true) => Told::Temporary,
            (true, false) => Told::Permanent,
        };
        // A sample that one of its detectors does not know may be known to another.
        let known = told.entry(name.to_owned()).or_insert(one);
        if *known == Told::Nobody {
            *known = one;
        }
    }
    told
}

fn letter(bytes: &[u8]) -> Letter<'_> {
    Letter::read(&Incoming { recipient: None, sender: None, bytes })
}

/// What we find: `hard`, `soft`, `policy`, `delayed`, `nothing`.
fn word(finding: &Finding) -> &'static str {
    match finding {
        Finding::Failed(failure) => failure.kind.as_str(),
        Finding::Delayed => "delayed",
        Finding::Nothing(_) => "nothing",
    }
}

#[test]
fn at_least_95_of_100_samples_come_to_what_their_own_test_says() {
    let (samples, told) = (samples(), told());
    assert_eq!(samples.len(), 117);
    let differ = samples.iter().filter(|(name, bytes)| {
        let fate = match bounce::read(&letter(bytes)) {
            Finding::Failed(_) => Told::Permanent,
            Finding::Delayed => Told::Temporary,
            Finding::Nothing(_) => Told::Nobody,
        };
        fate != told.get(*name).copied().unwrap_or(Told::Nobody)
    });
    let differ: Vec<&str> = differ.map(|(name, _)| name.as_str()).collect();
    assert_eq!(differ, NAMELESS);
    assert!(differ.len() * 100 <= samples.len() * 5, "{differ:?}");
}

/// Each one by its name, so that whoever changes a rule sees what it does.
#[test]
fn each_sample_has_its_kind() {
    let kinds = samples().into_iter().map(|(name, bytes)| format!("{name}: {}", word(&bounce::read(&letter(&bytes)))));
    insta::assert_snapshot!(kinds.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_a_person_or_their_answering_machine_wrote_is_no_bounce() {
    let told = told();
    let others: Vec<&String> =
        told.keys().filter(|name| told[*name] == Told::Nobody && !NAMELESS.contains(&name.as_str())).collect();
    assert_eq!(others, ["groupwise_03", "qmail_08"]);
    let samples = samples();
    for name in others {
        assert_eq!(word(&bounce::read(&letter(&samples[name]))), "nothing", "{name}");
    }
}

#[test]
fn nobody_answers_a_sample_and_none_is_a_complaint() {
    for (name, bytes) in samples() {
        // A bounce is known as one before it is asked whether it is to be answered.
        let is_report = !matches!(bounce::read(&letter(&bytes)), Finding::Nothing(_));
        assert!(is_report || machine::mark(&letter(&bytes), &[]).is_some(), "{name}");
        assert_eq!(complaint::read(&letter(&bytes)), None, "{name}");
    }
}

#[test]
fn cut_off_at_any_line_no_sample_panics_and_no_other_mail_becomes_a_bounce() {
    let told = told();
    for (name, bytes) in samples() {
        let is_bounce = NAMELESS.contains(&name.as_str()) || told[&name] != Told::Nobody;
        let mut end = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            let cut = letter(&bytes[..end]);
            let found = word(&bounce::read(&cut));
            assert!(is_bounce || found == "nothing", "{name} cut at {end}: {found}");
            let _ = (complaint::read(&cut), machine::mark(&cut, &[]), command::command(&cut, &command::Door::Bare));
        }
    }
}
