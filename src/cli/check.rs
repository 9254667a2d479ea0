//! `tidings check`: is all well? Everything is looked at, and all that is wrong is told. Nothing is mailed; a database that
//! is not there yet is made.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::ExitCode,
};

use clap::Args;
use serde::Serialize;
use url::Url;

use super::{open, output::Output};
use crate::{
    app::App,
    deliver::{
        dkim::{Dns, Published},
        session::Connector,
    },
    domain::{dkim::DkimKey, feed::FeedState},
    intake::doors::imap::Visitor,
};

/// Look whether all is well.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The name server to ask for the records of keys, such as 192.0.2.53:53; the system's when not given
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: Option<SocketAddr>,
}

#[derive(Serialize)]
struct Finding {
    what: String,
    found: Found,
    detail: String,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Found {
    Well,
    /// It could not be looked at.
    Note,
    /// It works, and not as it should.
    Warning,
    Ill,
}

impl Found {
    fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Note => "note",
            Self::Warning => "WARN",
            Self::Ill => "ILL ",
        }
    }
}

impl Check {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::app(place).await?;
        let mut findings =
            vec![well("configuration", format!("{} lists, {} feeds", app.config.lists.len(), app.config.feeds.len()))];
        findings.push(well("database", app.config.database.to_string()));
        findings.extend(desk(&app));
        findings.extend(templates(&app));
        findings.extend(keys(&app.config.dkim, self.dns).await);
        findings.extend(feeds(&app).await);
        findings.extend(relays(&app).await);
        findings.extend(doors(&app).await);
        let is_ill = findings.iter().any(|finding| finding.found == Found::Ill);
        output.print(&findings, |findings| {
            let line = |finding: &Finding| format!("  {}  {}: {}", finding.found.word(), finding.what, finding.detail);
            findings.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(if is_ill { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// What signs, and whether receivers can know it.
async fn keys(keys: &[DkimKey], server: Option<SocketAddr>) -> Vec<Finding> {
    let dns = if keys.is_empty() { Err(String::new()) } else { Dns::new(server) };
    let mut findings = Vec::new();
    for key in keys {
        let published = match &dns {
            Ok(dns) => dns.published(key).await,
            Err(why) => Published::Silent(why.clone()),
        };
        let record = key.record_name();
        let hint = "`tidings dkim show` prints it as it should be";
        let (found, detail) = match published {
            Published::Same => (Found::Well, format!("{record} is published")),
            Published::Nothing => (Found::Warning, format!("{record} is not published; {hint}")),
            Published::Other => (Found::Warning, format!("{record} has another key; {hint}")),
            Published::Several => {
                (Found::Warning, format!("{record} has more than one record; leave ours alone there"))
            }
            Published::Withdrawn => (Found::Warning, format!("{record} says that the key is withdrawn; {hint}")),
            Published::Silent(why) => (Found::Note, format!("{record} could not be looked up: {why}")),
        };
        findings.push(Finding { what: format!("key `{}`", key.selector), found, detail });
    }
    findings
}

async fn feeds(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    for feed in &app.config.feeds {
        let what = format!("feed `{}`", feed.name);
        findings.push(match app.collector.collect(feed, &FeedState::default()).await {
            Ok(look) => well(&what, {
                let newest = look.posts().first().map_or(String::new(), |post| format!(", “{}” first", post.title));
                format!("{} posts{newest}", look.posts().len())
            }),
            Err(error) => ill(&what, chain(&error)),
        });
    }
    findings
}

async fn relays(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    for relay in &app.config.relays {
        let what = format!("relay `{}`", relay.name);
        findings.push(match Connector::new(relay.clone()) {
            Err(error) => ill(&what, chain(&error)),
            Ok(connector) => match connector.open().await {
                Err(trouble) => ill(&what, chain(&trouble)),
                Ok(session) => {
                    session.quit().await;
                    well(&what, format!("{} takes us", relay.place))
                }
            },
        });
    }
    findings
}

/// Whether the desk can be served at its own address, if it has one.
fn desk(app: &App) -> Option<Finding> {
    app.config.desk.as_ref().map(|desk| can_listen("desk", desk.listen, &desk.base_url))
}

fn can_listen(what: &str, at: SocketAddr, url: &Url) -> Finding {
    match TcpListener::bind(at) {
        Ok(_) => well(what, format!("can be served on {at}, for {url}")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let detail = format!("on {at}, for {url}, somebody listens: `tidings serve`, if it runs");
            Finding { what: what.to_owned(), found: Found::Note, detail }
        }
        Err(error) => ill(what, format!("cannot be served on {at}: {error}")),
    }
}

async fn doors(app: &App) -> Vec<Finding> {
    let intake = &app.config.intake;
    let mut findings = Vec::new();
    if let Some(folder) = &intake.maildir {
        let missing = ["new", "cur"].into_iter().map(|name| folder.join(name)).find(|folder| !folder.is_dir());
        findings.push(match missing {
            None => well("Maildir", format!("{} is there", folder.display())),
            Some(missing) => ill("Maildir", format!("there is no folder `{}`", missing.display())),
        });
    }
    if let Some(mailbox) = &intake.imap {
        let what = format!("mailbox `{}`", mailbox.mailbox);
        findings.push(match Visitor::arrive(mailbox).await {
            Err(error) => ill(&what, chain(&error)),
            Ok(visitor) => {
                visitor.leave().await;
                well(&what, format!("{}:{} lets us in", mailbox.host, mailbox.port))
            }
        });
    }
    findings
}

fn templates(app: &App) -> Vec<Finding> {
    let problems = app.renderer.check();
    let mut findings: Vec<_> = problems.iter().map(|problem| ill("templates", problem.to_string())).collect();
    if problems.is_empty() {
        findings.push(well("templates", "all of them render sample content".to_owned()));
    }
    let is_list = |folder: &&str| app.config.lists.iter().any(|list| list.name.as_str() == *folder);
    for folder in app.renderer.folders().filter(|folder| !is_list(folder)) {
        let detail = format!("no list is called `{folder}`, so nothing uses that folder");
        findings.push(Finding { what: "templates".to_owned(), found: Found::Warning, detail });
    }
    findings
}

fn well(what: &str, detail: String) -> Finding {
    Finding { what: what.to_owned(), found: Found::Well, detail }
}

fn ill(what: &str, detail: String) -> Finding {
    Finding { what: what.to_owned(), found: Found::Ill, detail }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
