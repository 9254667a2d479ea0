//! Bounces as real mail systems wrote them: the 117 samples of flufl.bounce, which `scripts/test` fetches and names in
//! `FLUFL_BOUNCE`. Its own tests say of each sample which addresses failed for good, for now, or not at all.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tidings::{
    domain::report::ReportKind,
    intake::{
        Incoming,
        bounce::{self, Finding},
        complaint,
        letter::Letter,
    },
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

/// Samples in which flufl.bounce finds no address though they tell of a failure: of those it says `Nobody`, and we have
/// the address from the envelope.
const NAMELESS: [(&str, &str); 4] =
    [("bounce_01", "soft"), ("dumbass_01", "soft"), ("simple_42", "policy"), ("simple_43", "hard")];

/// Messages that were given up though the reader is there, or for a reason that nobody gives.
const SOFT: [(&str, &str); 1] = [("", "")];

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

fn found(bytes: &[u8]) -> Finding {
    bounce::read(&Letter::read(&Incoming { recipient: None, sender: None, bytes }))
}

fn word(finding: &Finding) -> &'static str {
    match finding {
        Finding::Failed(failure) => failure.kind.as_str(),
        Finding::Delayed => "delayed",
        Finding::Nothing(_) => "nothing",
    }
}

mod tests {
    use super::*;

    #[test]
    fn show() {
        for (name, bytes) in samples() {
            let finding = found(&bytes);
            let told = told().get(&name).copied();
            println!("{name:16} {:>9} {told:?} {finding:?}", word(&finding));
        }
    }
}
