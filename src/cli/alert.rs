//! `tidings alert`: mails a statement to a list now, after a look and a confirmation; or to staff, as a drill; or to one
//! address, as a test.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;

use super::{
    open,
    output::Output,
    progress,
    sending::{self, Outgoing, Report, SendOptions},
};
use crate::{
    app::App,
    deliver::Until,
    domain::{address::EmailAddress, delivery::Lane, issue::Draft, slug::Slug, span},
    newsroom::{self, Sending, Statement},
    stop::Stop,
};

/// Shown below the options.
const ROAD: &str = "\
The road of an alert:
  tidings alert news -s HEADLINE text.md --preview           shows what sending would do; does nothing
  tidings alert news -s HEADLINE text.md --test me@my.org    TEST: to one address, marked [Test]
  tidings alert news -s HEADLINE text.md --drill             DRILL: to staff only, marked [Drill]
  tidings alert news -s HEADLINE text.md --hold 2m           LIVE: to every reader, in two minutes

A live alert wants “yes” typed, or above 1,000 readers the list's name; a drill wants “drill”.
Its withdrawal is made ready before it goes; `tidings issues retract` mails that, and
`tidings issues correct` what is right, to exactly those who were mailed the alert.";

/// Mail a breaking alert to a list now
#[derive(Debug, Args)]
#[command(after_help = ROAD)]
pub(super) struct Alert {
    /// The list to alert
    list: String,
    /// The headline, which is also the subject
    #[arg(short, long)]
    subject: String,
    /// The statement in Markdown; `-` reads standard input
    file: PathBuf,
    /// TEST: mail it, marked as a test, to this address alone
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["drill", "preview"])]
    test: Option<String>,
    /// DRILL: let it take the whole road to staff only, marked as a drill
    #[arg(long)]
    drill: bool,
    /// Two alerts with the same key are one; without it the words themselves are the key
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    options: SendOptions,
}

impl Alert {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        let list = open::list(&app, &self.list)?;
        let draft = self.draft(&app, &list)?;
        if let Some(address) = &self.test {
            return test(&app, &draft, address, output).await;
        }
        let by = sending::by(&app, self.options.by.as_deref()).await?;
        let sending = Sending { by: &by, window: self.options.hold.unwrap_or(SignedDuration::ZERO) };
        Outgoing { draft: &draft, sending, options: &self.options }.run(&app, output).await
    }

    fn draft(&self, app: &App, list: &Slug) -> anyhow::Result<Draft> {
        let markdown = sending::read(&self.file)?;
        let statement = Statement { list, subject: &self.subject, markdown: &markdown, key: self.key.as_deref() };
        let draft =
            if self.drill { newsroom::draft_drill(app, &statement) } else { newsroom::draft_alert(app, &statement) };
        Ok(draft?)
    }
}

async fn test(app: &App, draft: &Draft, address: &str, output: Output) -> anyhow::Result<ExitCode> {
    let to =
        EmailAddress::parse(address).with_context(|| format!("cannot send a test to `{}`", address.escape_debug()))?;
    let stop = Stop::default();
    stop.on_signals()?;
    newsroom::test(app, draft, &to).await?;
    let delivered = progress::deliver(app, Until::Idle(Lane::Notice), &stop).await?;
    app.store.close().await;
    sending::finish(output, Report { issue: None, kind: None, readers: 1, waits: false, delivered })
}

/// The span that `--hold` is given.
pub(super) fn hold(text: &str) -> Result<SignedDuration, String> {
    let longest = SignedDuration::from_hours(24);
    let span = span::read(text).ok_or("write a whole number with s, m or h, such as 90s or 2m")?;
    if span > longest { Err("a window may not be longer than 24h".to_owned()) } else { Ok(span) }
}
