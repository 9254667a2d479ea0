//! `tidings dkim`: makes a key that signs messages, and prints what of it belongs into the DNS. The private half goes
//! into a file for its owner's eyes and nowhere else.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{open, output::Output};
use crate::{
    deliver::dkim::fresh_key,
    domain::dkim::{Algorithm, DkimKey, PrivateKey, Selector, signing_domain},
};

/// The most that one string of a TXT record holds (RFC 1035 §3.3).
const STRING: usize = 255;

/// The keys that sign messages.
#[derive(Debug, Subcommand)]
pub(super) enum Dkim {
    /// Make a key; print its lines for config.toml and its DNS record
    New(New),
    /// The DNS records of the keys in config.toml
    Show,
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The key's name among those of the domain; a new key gets a new one
    #[arg(long, default_value = "t1")]
    selector: String,
    /// The domain that signs; that of the sender in config.toml when not given
    #[arg(long)]
    domain: Option<String>,
    /// An RSA key of 2048 bits, which every receiver can verify; so it is when nothing is said
    #[arg(long, conflicts_with = "ed25519")]
    rsa: bool,
    /// An Ed25519 key, to be used beside an RSA key: not every receiver can verify it
    #[arg(long)]
    ed25519: bool,
    /// The file of the private key, which must not be there yet; dkim-SELECTOR.pem when not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Record {
    selector: String,
    domain: String,
    algorithm: &'static str,
    name: String,
    value: String,
    /// The value as a TXT record holds it.
    strings: Vec<String>,
}

#[derive(Serialize)]
struct Made {
    file: String,
    config: String,
    record: Record,
}

impl Dkim {
    pub(super) fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        match self {
            Self::New(new) => output.print(&new.make(place)?, made_text)?,
            Self::Show => {
                let records: Vec<Record> = open::config(place)?.dkim.iter().map(Record::of).collect();
                output.print(&records, |records| match records.as_slice() {
                    [] => "no key signs messages; `tidings dkim new` makes one".to_owned(),
                    records => records.iter().map(record_text).collect::<Vec<_>>().join("\n\n"),
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    fn make(&self, place: Option<&Path>) -> anyhow::Result<Made> {
        let selector = Selector::parse(&self.selector)
            .with_context(|| format!("cannot use `{}`: letters, digits and hyphens are wanted", self.selector))?;
        let domain = match &self.domain {
            Some(domain) => signing_domain(domain).with_context(|| format!("`{domain}` is no domain name"))?,
            None => open::config(place)?.sender.address.domain().to_owned(),
        };
        let algorithm = if self.ed25519 { Algorithm::Ed25519Sha256 } else { Algorithm::RsaSha256 };
        let file = self.out.clone().unwrap_or_else(|| format!("dkim-{selector}.pem").into());
        let pem = fresh_key(algorithm)?;
        let key = PrivateKey::from_pem(pem.expose_secret())?;
        write_new(&file, pem.expose_secret()).with_context(|| format!("cannot make `{}`", file.display()))?;
        let file = seen_from(place, &file);
        let config = format!("[[dkim]]\nselector = \"{selector}\"\nkey = {{ file = {file:?} }}");
        let config = match &self.domain {
            Some(_) => format!("{config}\ndomain = \"{domain}\""),
            None => config,
        };
        let record = Record::of(&DkimKey { selector, domain, key });
        Ok(Made { file, config, record })
    }
}

impl Record {
    fn of(key: &DkimKey) -> Self {
        let value = key.record_value();
        Self {
            selector: key.selector.to_string(),
            domain: key.domain.clone(),
            algorithm: key.key.algorithm().as_str(),
            name: key.record_name(),
            strings: strings(&value),
            value,
        }
    }
}

/// Writes a file that was not there before, for its owner's eyes only.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The path as config.toml has to name it: paths in it are relative to its own folder.
fn seen_from(place: Option<&Path>, file: &Path) -> String {
    let folder_of = |path: &Path| std::path::absolute(path).ok()?.parent()?.canonicalize().ok();
    let config = place.map_or_else(open::find, Path::to_owned);
    let name = file.file_name().filter(|_| folder_of(file) == folder_of(&config)).map(PathBuf::from);
    name.or_else(|| std::path::absolute(file).ok()).unwrap_or_else(|| file.to_owned()).display().to_string()
}

/// A value in pieces that fit into a TXT record, which a reader puts together without a gap (RFC 6376 §3.6.2.2).
fn strings(value: &str) -> Vec<String> {
    value.as_bytes().chunks(STRING).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
}

fn made_text(made: &Made) -> String {
    format!(
        "The private key is in `{}`; keep it where only Tidings can read it.\n\n\
         1. Publish this record:\n\n{}\n\n\
         2. When it can be seen (`dig +short TXT {}`), write into config.toml:\n\n{}",
        made.file,
        record_text(&made.record),
        made.record.name,
        indented(&made.config)
    )
}

fn record_text(record: &Record) -> String {
    let strings: Vec<String> = record.strings.iter().map(|string| format!("\"{string}\"")).collect();
    let zone_line = match strings.as_slice() {
        [string] => format!("{}. IN TXT {string}", record.name),
        _ => format!("{}. IN TXT (\n    {} )", record.name, strings.join("\n    ")),
    };
    format!(
        "  name    {}\n  type    TXT\n  value   {}\n\n  or, for a zone file:\n\n{}",
        record.name,
        record.value,
        indented(&zone_line)
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
