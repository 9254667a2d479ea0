//! Floor 4: the command line. Words come in, are handed to a flow, and what came of it is printed. No rule of the trade
//! lives here.

mod alert;
mod ask;
mod check;
mod deliveries;
mod demo;
mod dkim;
mod explain;
mod feeds;
mod follow_ups;
mod inbox;
mod init;
mod intake;
mod issues;
mod letters;
mod open;
mod output;
mod preview;
mod problem;
mod progress;
mod run;
mod runs;
mod schedule;
mod sending;
mod serve;
mod staff;
mod subscribers;
mod suppressions;
mod tokens;
mod webhooks;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use output::Output;

/// Mails a site's news to the people who asked for it.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    /// The configuration. Without it: config.toml here, then in ~/.config/tidings, then in /etc/tidings.
    #[arg(long, value_name = "FILE", env = "TIDINGS_CONFIG")]
    config: Option<PathBuf>,
    /// Print listings as JSON, for programs to read.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything on sample data, with a built-in inbox; opens on http://127.0.0.1:8080
    Demo(demo::Demo),
    /// Make config.toml, a subscribers folder and a templates folder
    Init(init::Init),
    /// Look whether configuration, templates, database, keys, feeds and relays are well
    Check(check::Check),
    /// One pass, for cron: collect, publish what is due, deliver until idle, exit
    Run(run::Run),
    /// What each run did, skipped and held, with reasons
    Runs(runs::Runs),
    /// The daemon: clock, delivery and web pages
    Serve,
    /// Mail a breaking alert to a list now
    Alert(alert::Alert),
    /// The editions of each list: list, show, preview, hold, release, approve, cancel, correct, retract
    #[command(subcommand)]
    Issues(issues::Issues),
    /// Who got what: list, retry, drop
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// The readers: import, export, add, remove, find
    #[command(subcommand)]
    Subscribers(subscribers::Subscribers),
    /// Who gets nothing, and why: list, add, lift
    #[command(subcommand)]
    Suppressions(suppressions::Suppressions),
    /// The feeds: list, try, and what of them is held
    #[command(subcommand)]
    Feeds(feeds::Feeds),
    /// The people who work at the desk: list, add, role, link, remove
    #[command(subcommand)]
    Staff(staff::Staff),
    /// The programs that may use the API: list, add, revoke
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// The systems of the house that are told of what happens: list, test, retry
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// The keys that sign messages, and their DNS records: new, show
    #[command(subcommand)]
    Dkim(dkim::Dkim),
    /// Why did (or didn't) this address get this post?
    Explain(explain::Explain),
    /// A crontab line in words, and its next times
    Schedule(schedule::Line),
    /// Take in one message on standard input, for a mail server's pipe: commands, bounces, complaints
    Intake(intake::Intake),
    /// Mail that came in and could not be handled: list, show, retry, drop
    #[command(subcommand)]
    Letters(letters::Letters),
    /// The capture inbox alone: an SMTP server that keeps what it gets, with a page to read it
    Inbox(inbox::Inbox),
}

/// Runs the program; gives its exit code: 0 well, 1 failed, 2 wrong usage, 3 wrong configuration.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::begin_logging(matches!(arguments.command, Command::Serve));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(arguments)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => problem::report(&error),
    }
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let output = Output::new(arguments.json);
    let place = arguments.config.as_deref();
    match arguments.command {
        Command::Demo(demo) => demo.run().await,
        Command::Init(init) => init.run(),
        Command::Check(check) => check.run(place, output).await,
        Command::Run(run) => run.run(place, output).await,
        Command::Runs(runs) => runs.run(place, output).await,
        Command::Serve => serve::serve(place).await,
        Command::Alert(alert) => alert.run(place, output).await,
        Command::Issues(issues) => issues.run(place, output).await,
        Command::Deliveries(deliveries) => deliveries.run(place, output).await,
        Command::Subscribers(subscribers) => subscribers.run(place, output).await,
        Command::Suppressions(suppressions) => suppressions.run(place, output).await,
        Command::Feeds(feeds) => feeds.run(place, output).await,
        Command::Staff(staff) => staff.run(place, output).await,
        Command::Tokens(tokens) => tokens.run(place, output).await,
        Command::Webhooks(webhooks) => webhooks.run(place, output).await,
        Command::Dkim(dkim) => dkim.run(place, output),
        Command::Explain(explain) => explain.run(place, output).await,
        Command::Schedule(line) => line.run(output),
        Command::Intake(intake) => intake.run(place).await,
        Command::Letters(letters) => letters.run(place, output).await,
        Command::Inbox(inbox) => inbox.run().await,
    }
}
