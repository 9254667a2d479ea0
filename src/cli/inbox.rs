//! `tidings inbox`: the capture inbox alone.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::output::say;
use crate::{
    clock::Clock,
    inbox::{self, Settings, page},
    stop::{Ask, Stop},
};

/// The capture inbox alone: an SMTP server that keeps what it gets, with a page to read it.
#[derive(Debug, Args)]
pub(super) struct Inbox {
    /// Where it takes mail
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1025")]
    smtp: SocketAddr,
    /// Where its page is
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8025")]
    page: SocketAddr,
    /// Keep each message as a file here too
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Inbox {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = Settings { listen: self.smtp, folder: self.folder, ..Settings::default() };
        let inbox = inbox::Inbox::start(settings, Clock::System).await?;
        let listener =
            TcpListener::bind(self.page).await.with_context(|| format!("cannot listen on `{}`", self.page))?;
        let stop = Stop::default();
        stop.on_signals()?;
        say(&format!("mail for smtp://{} is kept and shown on http://{}", inbox.address(), listener.local_addr()?))?;
        let router = page::router(inbox, "");
        axum::serve(listener, router).with_graceful_shutdown(async move { stop.asked(Ask::Finish).await }).await?;
        Ok(ExitCode::SUCCESS)
    }
}
