//! `tidings explain`: why did (or didn't) this address get this post?

use std::{path::Path, process::ExitCode};

use clap::Args;

use super::{open, output::Output};
use crate::{domain::address::EmailAddress, explain};

/// Why did (or didn't) this address get this post?
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The post: its link, its number, or words of its title
    post: String,
    /// The reader's address
    address: String,
}

impl Explain {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::app(place).await?;
        let address = EmailAddress::parse(&self.address)?;
        let steps = explain::explain(&app, &self.post, &address).await?;
        output.print(&steps, |steps| steps.join("\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
