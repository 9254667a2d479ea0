//! `tidings demo`: everything on sample data, with no set-up and no network. It sets a stage on this machine, tells a
//! story on it, and leaves the pages open to look around. It touches nothing outside its temporary folder.

mod arrived;
mod prose;
mod sample;
mod site;
mod stage;
mod story;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;

use self::{
    prose::{fact, pause, say},
    stage::{Place, Stage},
};
use crate::stop::{Ask, Stop};

/// Show everything on sample data, with a built-in inbox.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where the inbox and the readers' pages are; a free port is taken when this one is not
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// End when all is shown, with exit code 1 unless everything arrived
    #[arg(long)]
    exit: bool,
    /// Keep each message as a file in this folder too
    #[arg(long, value_name = "FOLDER", hide = true)]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let stop = Stop::default();
        stop.on_signals()?;
        let beginning = story::moment(story::BEGINNING).timestamp();
        let stage = Stage::set(self.listen, self.keep, beginning).await?;
        let told = tokio::select! {
            told = story::tell(&stage, &stop) => told.map(Some),
            () = stop.asked(Ask::Finish) => Ok(None),
        };
        if let (Ok(Some(_)), false) = (&told, self.exit) {
            look_around(&stage);
            stop.asked(Ask::Finish).await;
        }
        let struck = stage.strike().await;
        let is_well = told?.is_some_and(|faults| faults.is_empty());
        struck.context("cannot remove the temporary folder")?;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What there is to see while the pages are open.
fn look_around(stage: &Stage) {
    pause();
    if let Place::Taken(asked) = stage.place {
        say(&format!("Something else listens on {asked}, so the pages have taken another port."));
    }
    fact("inbox", &format!("{}/inbox/", stage.pages));
    fact("site", stage.site.url.as_str());
    fact("settings", &stage.folder().join("config.toml").display().to_string());
    pause();
    say("Open the inbox to read the mails, and follow their links. Ctrl-C ends the demo and removes its folder.");
}
