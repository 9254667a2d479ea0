//! `tidings intake`: one message on standard input, for a mail server's pipe.

use std::{io::Read, path::Path, process::ExitCode};

use clap::Args;

use super::{open, output::say};
use crate::intake::{self, ENOUGH, Incoming, Taken};

/// Exit code that asks the mail server to try again later (EX_TEMPFAIL); any other would make it bounce the message.
const TRY_AGAIN: u8 = 75;

/// One message on standard input, for a mail server's pipe.
#[derive(Debug, Args)]
pub(super) struct Intake {
    /// The address it came to; Postfix fills in `${original_recipient}`. Without it the headers tell.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Its envelope sender, empty when it has none; Postfix fills in `${sender}`. Without it `Return-Path` tells
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

impl Intake {
    /// Never fails in a way that bounces mail: whatever goes wrong, the mail server is asked to try again.
    pub(super) async fn run(self, place: Option<&Path>) -> anyhow::Result<ExitCode> {
        match self.take(place).await {
            Ok(taken) => {
                say(&taken.to_string())?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                super::problem::report(&error);
                Ok(ExitCode::from(TRY_AGAIN))
            }
        }
    }

    async fn take(&self, place: Option<&Path>) -> anyhow::Result<Taken> {
        let mut message = Vec::new();
        let mut input = std::io::stdin().lock();
        input.by_ref().take(ENOUGH as u64).read_to_end(&mut message)?;
        // The rest is read too: a mail server that cannot write it all would call the pipe broken.
        std::io::copy(&mut input, &mut std::io::sink())?;
        let app = open::app(place).await?;
        let incoming = Incoming { recipient: self.to.as_deref(), sender: self.from.as_deref(), bytes: &message };
        let taken = intake::take(&app, &incoming).await?;
        app.store.close().await;
        Ok(taken)
    }
}
