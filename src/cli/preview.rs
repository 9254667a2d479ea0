//! `tidings issues preview`: a mail as readers get it, printed, written into files, or shown side by side on a page.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::{open, output::say};
use crate::{
    app::App,
    domain::issue::IssueId,
    inbox::side_by_side::{self, Mail},
    newsroom::{self, Preview},
    stop::{Ask, Stop},
};

/// What to look at, and how.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// A number or a list
    what: String,
    /// Write preview.html, preview.txt and preview.eml into this folder instead of printing the text
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Show it on a page, as a phone and a desk do, in light and dark, with its text part
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8026")]
    serve: Option<SocketAddr>,
}

impl Look {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let preview = match self.what.parse() {
            Ok(number) => newsroom::preview_issue(app, IssueId(number)).await?,
            Err(_) => newsroom::preview_digest(app, &open::list(app, &self.what)?).await?,
        };
        if let Some(folder) = &self.out {
            write(&preview, folder)?;
        }
        match self.serve {
            Some(address) => serve(preview, address).await,
            None if self.out.is_some() => Ok(()),
            None => Ok(say(&format!("Subject: {}\n\n{}", preview.subject, preview.text))?),
        }
    }
}

fn write(preview: &Preview, folder: &Path) -> anyhow::Result<()> {
    let Preview { eml, html, text, .. } = preview;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    for (name, bytes) in
        [("preview.eml", eml.as_slice()), ("preview.html", html.as_bytes()), ("preview.txt", text.as_bytes())]
    {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        say(&format!("{}", path.display()))?;
    }
    Ok(())
}

async fn serve(preview: Preview, address: SocketAddr) -> anyhow::Result<()> {
    let Preview { subject, html, text, eml } = preview;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on `{address}`"))?;
    let stop = Stop::default();
    stop.on_signals()?;
    say(&format!("“{subject}” is shown on http://{}/ until you end this", listener.local_addr()?))?;
    let router = side_by_side::router(Mail { subject, html, text, eml });
    axum::serve(listener, router).with_graceful_shutdown(async move { stop.asked(Ask::Finish).await }).await?;
    Ok(())
}
