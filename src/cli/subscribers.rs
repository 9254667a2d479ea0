//! `tidings subscribers`: the readers.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::{
    open,
    output::{Output, counted, say, table},
};
use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        consent::Door,
        slug::Slug,
        subscription::{NewSubscriber, Subscription, clean_name},
    },
    subscribe::{self, Added, BadLines, Forgotten, Imported, Returning},
};

/// The readers.
#[derive(Debug, Subcommand)]
pub(super) enum Subscribers {
    /// Subscribe the people of a CSV file to a list: all of them, or none when a line is bad
    Import {
        /// The list
        list: String,
        /// The file
        file: PathBuf,
        /// Pass over bad lines and tell them
        #[arg(long)]
        skip_bad: bool,
    },
    /// Write a list's readers as CSV
    Export {
        /// The list
        list: String,
        /// The file; standard output when not given
        file: Option<PathBuf>,
    },
    /// Subscribe one person
    Add {
        /// The list
        list: String,
        /// Their address
        address: String,
        /// Their name
        #[arg(long, default_value = "")]
        name: String,
        /// They had left, and asked to come back
        #[arg(long)]
        asked_anew: bool,
    },
    /// Take one person off a list
    Remove {
        /// The list
        list: String,
        /// Their address
        address: String,
    },
    /// Show all that is known of one person: what they get, what they did about it, what they agreed to
    Show {
        /// Their address
        address: String,
    },
    /// Erase one person for good: their address, what they get, how they came
    Forget {
        /// Their address
        address: String,
    },
    /// Find readers by a part of their address or name
    Find {
        /// The part
        text: String,
        /// Show addresses whole instead of masked
        #[arg(long)]
        reveal: bool,
    },
}

#[derive(Serialize)]
struct Row {
    address: String,
    name: String,
    list: Slug,
    state: &'static str,
    consent: &'static str,
    since: jiff::Timestamp,
    ended_reason: String,
}

impl Subscribers {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::Import { list, file, skip_bad } => {
                let bad_lines = if skip_bad { BadLines::PassOver(usize::MAX) } else { BadLines::Refuse };
                let imported = import(&app, &list, &file, bad_lines).await?;
                output.print(&imported, imported_text)?;
            }
            Self::Export { list, file } => export(&app, &open::list(&app, &list)?, file.as_deref()).await?,
            Self::Add { list, address, name, asked_anew } => {
                let list = open::list(&app, &list)?;
                let person = NewSubscriber { address: parse(&address)?, name: clean_name(&name) };
                let returning = if asked_anew { Returning::AskedAnew } else { Returning::StaysAway };
                match subscribe::add(&app, &list, &person, returning).await? {
                    Added::Joined => say(&format!("{} gets `{list}` from now on", person.address))?,
                    Added::AlreadyActive => say(&format!("{} gets `{list}` already", person.address))?,
                    Added::HadLeft => anyhow::bail!(
                        "{} had left `{list}`; if they asked to come back, say so with --asked-anew",
                        person.address
                    ),
                }
            }
            Self::Remove { list, address } => {
                let (list, address) = (open::list(&app, &list)?, parse(&address)?);
                if !subscribe::remove(&app, &list, &address).await? {
                    anyhow::bail!("{address} is not on `{list}`");
                }
                say(&format!("{address} gets `{list}` no more"))?;
            }
            Self::Show { address } => {
                let address = parse(&address)?;
                let Some(data) = subscribe::data_about(&app, &address).await? else {
                    anyhow::bail!("nothing is known of {address}");
                };
                output.print(&data, |data| data.to_string())?;
            }
            Self::Forget { address } => {
                let address = parse(&address)?;
                match subscribe::forget(&app, &address).await? {
                    Forgotten::Erased => say(&format!("{address} is erased, and no import brings it back"))?,
                    Forgotten::NotThere => say(&format!("{address} was not there; no import brings it in"))?,
                }
            }
            Self::Find { text, reveal } => {
                let found = app.store.find_subscriptions(&text, 100).await?;
                let rows: Vec<Row> = found.into_iter().map(|it| row(it, reveal)).collect();
                output.print(&rows, |rows| rows_table(rows))?;
            }
        }
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

async fn import(app: &App, list: &str, file: &Path, bad_lines: BadLines) -> anyhow::Result<Imported> {
    let list = open::list(app, list)?;
    let input = File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(subscribe::import(app, &list, BufReader::new(input), Door::Import, bad_lines).await?)
}

fn imported_text(imported: &Imported) -> String {
    let mut lines: Vec<String> = imported.bad.iter().map(|bad| format!("passed over: {bad}")).collect();
    if imported.erased > 0 {
        lines.push(format!("{} had been erased, and stay away", counted(imported.erased, "reader")));
    }
    lines.push(format!(
        "{} read; {} joined, {} unchanged, {} passed over",
        counted(imported.lines, "reader"),
        imported.joined,
        imported.unchanged,
        imported.passed_over
    ));
    lines.join("\n")
}

async fn export(app: &App, list: &Slug, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = file else {
        return match write_rows(app, list, std::io::stdout().lock()).await {
            // Whoever reads us has read enough.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            other => other,
        };
    };
    // Whole addresses: for its owner's eyes only, and never half a file in the place of a whole one.
    let fresh = path.with_extension(format!("part-{}", std::process::id()));
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh);
    let output = BufWriter::new(opened.with_context(|| format!("cannot write `{}`", fresh.display()))?);
    let written = write_rows(app, list, output).await;
    let placed = written.and_then(|()| Ok(fs::rename(&fresh, path)?));
    if placed.is_err() {
        fs::remove_file(&fresh).with_context(|| format!("cannot remove `{}`", fresh.display()))?;
    }
    placed.with_context(|| format!("cannot write `{}`", path.display()))
}

async fn write_rows(app: &App, list: &Slug, mut output: impl Write) -> anyhow::Result<()> {
    let mut exporting = subscribe::export(app, list).await?;
    while let Some(part) = exporting.next().await? {
        output.write_all(&part)?;
    }
    Ok(output.flush()?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn row(subscription: Subscription, reveal: bool) -> Row {
    Row {
        address: if reveal { subscription.address.reveal().to_owned() } else { subscription.address.to_string() },
        name: subscription.name,
        list: subscription.list,
        state: subscription.state.as_str(),
        consent: subscription.consent.as_str(),
        since: subscription.ended_at.unwrap_or(subscription.began_at),
        ended_reason: subscription.ended_reason,
    }
}

fn rows_table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            row.address.clone(),
            row.name.clone(),
            row.list.to_string(),
            row.state.to_owned(),
            row.since.strftime("%Y-%m-%d").to_string(),
            row.consent.to_owned(),
            row.ended_reason.clone(),
        ]
    });
    table(&["address", "name", "list", "state", "since", "consent", "why ended"], &cells.collect::<Vec<_>>())
}

fn parse(address: &str) -> anyhow::Result<EmailAddress> {
    EmailAddress::parse(address).with_context(|| format!("cannot take `{}`", address.escape_debug()))
}
