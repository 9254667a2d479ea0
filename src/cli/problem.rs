//! How an error is shown: what happened, why, and what to do. It is the only place where hints are made.

use std::{error::Error, process::ExitCode};

use crate::{
    app::OpenError, collect::CollectError, config::ConfigError, deliver::DeliverError, domain::schedule::ScheduleError,
    explain::ExplainError, newsroom::NewsroomError, render::RenderError, store::StoreError, subscribe::ImportError,
};

/// Exit code when the command line is wrong; clap's own.
const USAGE: u8 = 2;

/// Exit code when the configuration is wrong.
const CONFIGURATION: u8 = 3;

/// Prints an error with its causes and a hint; gives the exit code.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(mistakes) = error.downcast_ref::<ConfigError>() {
        eprintln!("{mistakes}");
        return ExitCode::from(CONFIGURATION);
    }
    eprintln!("error: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // A transparent wrapper says the same as what it wraps.
        if !said.contains(&cause) {
            eprintln!("  caused by: {cause}");
            said = cause;
        }
    }
    if let Some(hint) = hint(error) {
        eprintln!("  hint: {hint}");
    }
    // A crontab line is an argument like any other: one that cannot be read is wrong usage.
    if error.is::<ScheduleError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// What a person can do about it.
fn hint(error: &anyhow::Error) -> Option<String> {
    for cause in error.chain() {
        let hint = if let Some(store) = store_error(cause) {
            store_hint(store)
        } else if let Some(open) = cause.downcast_ref::<OpenError>() {
            open_hint(open)
        } else if let Some(collect) = cause.downcast_ref::<CollectError>() {
            collect_hint(collect)
        } else if let Some(newsroom) = cause.downcast_ref::<NewsroomError>() {
            newsroom_hint(newsroom)
        } else if let Some(ImportError::Bad(lines)) = cause.downcast_ref::<ImportError>() {
            let shown: Vec<String> = lines.iter().take(20).map(|line| format!("\n    {line}")).collect();
            let more = lines.len().saturating_sub(20);
            let rest = if more > 0 { format!("\n    and {more} more") } else { String::new() };
            Some(format!("mend these lines, or pass over them with --skip-bad:{}{rest}", shown.concat()))
        } else if cause.downcast_ref().map(std::io::Error::kind) == Some(std::io::ErrorKind::AlreadyExists) {
            Some("nothing is written over: name another file".to_owned())
        } else if cause.downcast_ref::<RenderError>().is_some() {
            Some("`tidings check` tries every template with sample content".to_owned())
        } else {
            None
        };
        if hint.is_some() {
            return hint;
        }
    }
    None
}

/// The store's error, bare or in one that only passes it on and so hides it from the chain.
fn store_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a StoreError> {
    match (cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref())
    {
        (Some(OpenError::Store(store)), ..)
        | (_, Some(NewsroomError::Store(store)), ..)
        | (_, _, Some(ImportError::Store(store)), ..)
        | (.., Some(ExplainError::Store(store)), _)
        | (.., Some(DeliverError::Store(store))) => Some(store),
        _ => cause.downcast_ref(),
    }
}

fn store_hint(error: &StoreError) -> Option<String> {
    let hint = match error {
        StoreError::Busy => "wait for the other `tidings` to end, or look what holds the database",
        StoreError::Silent => "look whether its server runs, and what lies between",
        StoreError::Full => "make room on the disk; nothing is lost, and the next run goes on from here",
        StoreError::ReadOnly => "let this user write the database file and its folder",
        StoreError::Unreachable { .. } => "look at `database` in config.toml, and whether this user may reach it",
        StoreError::Lock { .. } => "let this user write the folder of the database",
        StoreError::Damaged(_) => "restore the database from a backup",
        StoreError::Migration(_) => "the database may be newer than this program: use the newest `tidings`",
        StoreError::Conflict | StoreError::Missing(_) | StoreError::LeaseLost | StoreError::Engine(_) => return None,
    };
    Some(hint.to_owned())
}

fn open_hint(error: &OpenError) -> Option<String> {
    match error {
        OpenError::NoSecret => Some("set `secret` in config.toml; make one with `openssl rand -hex 32`".to_owned()),
        OpenError::Secret { .. } => Some("let this user read and write it; links in sent mail depend on it".to_owned()),
        _ => None,
    }
}

/// A feed's address that is a page's is the usual mistake.
fn collect_hint(error: &CollectError) -> Option<String> {
    match error {
        CollectError::WebPage { feed: Some(feed) } => Some(format!(
            "set `url = \"{feed}\"` for this feed in config.toml; `tidings feeds try {feed}` shows what is in it"
        )),
        CollectError::WebPage { feed: None } => {
            Some("`tidings feeds try` with the page's URL looks for its feed in the usual places".to_owned())
        }
        _ => None,
    }
}

fn newsroom_hint(error: &NewsroomError) -> Option<String> {
    match error {
        NewsroomError::MadeBefore(_) => Some("to send it once more on purpose, give another --key".to_owned()),
        NewsroomError::WrongState { .. } => Some("`tidings issues list` shows how each one stands".to_owned()),
        NewsroomError::WhoAreYou => Some("say who you are: --by ADDRESS, one of `notify` in [staff] or who may send at the desk".to_owned()),
        NewsroomError::NotStaff(_) => Some("add the address to `notify` in [staff] of config.toml, or let them send: `tidings staff role ADDRESS publisher`".to_owned()),
        NewsroomError::WaitsForSecond { issue } | NewsroomError::SamePerson { issue } => Some(format!(
            "another of staff approves it by the link they were sent, or: tidings issues approve {issue} --by ADDRESS"
        )),
        NewsroomError::NobodyMailed { issue } => {
            Some(format!("when it is not to go out, give it up: tidings issues cancel {issue}"))
        }
        NewsroomError::Render(_) => Some("`tidings check` tries every template with sample content".to_owned()),
        _ => None,
    }
}
