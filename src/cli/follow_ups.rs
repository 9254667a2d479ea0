//! `tidings issues correct` and `retract`: what follows an issue that was wrong.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use jiff::SignedDuration;

use super::{
    output::Output,
    sending::{self, Outgoing, SendOptions},
};
use crate::{
    app::App,
    domain::issue::{Draft, IssueId},
    newsroom::{self, Correction, Sending},
};

#[derive(Debug, Args)]
pub(super) struct Correct {
    /// The number of the issue that was wrong
    issue: i64,
    /// The headline; the subject says “Correction:” before it
    #[arg(short, long)]
    subject: String,
    /// What is right, in Markdown; `-` reads standard input
    file: PathBuf,
    /// What was wrong, in a sentence: the mail opens with it
    #[arg(long, default_value = "")]
    wrong: String,
    #[command(flatten)]
    options: SendOptions,
}

#[derive(Debug, Args)]
pub(super) struct Retract {
    /// The number of the issue that was wrong
    issue: i64,
    /// Why, in Markdown; without it the mail is the one that was made ready before the issue went out
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    options: SendOptions,
}

impl Correct {
    pub(super) async fn run(&self, app: &App, output: Output) -> anyhow::Result<ExitCode> {
        let markdown = sending::read(&self.file)?;
        let said = Correction { subject: &self.subject, wrong: &self.wrong, markdown: &markdown };
        let draft = newsroom::draft_correction(app, IssueId(self.issue), &said).await?;
        follow_up(app, &draft, &self.options, output).await
    }
}

impl Retract {
    pub(super) async fn run(&self, app: &App, output: Output) -> anyhow::Result<ExitCode> {
        let draft = newsroom::draft_withdrawal(app, IssueId(self.issue), &self.reason).await?;
        follow_up(app, &draft, &self.options, output).await
    }
}

async fn follow_up(app: &App, draft: &Draft, options: &SendOptions, output: Output) -> anyhow::Result<ExitCode> {
    let by = sending::by(app, options.by.as_deref()).await?;
    let sending = Sending { by: &by, window: options.hold.unwrap_or(SignedDuration::ZERO) };
    Outgoing { draft, sending, options }.run(app, output).await
}
