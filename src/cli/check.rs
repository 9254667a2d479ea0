//! `tidings check`: is all well? Everything is looked at, and all that is wrong is told. Nothing is mailed; a database that
//! is not there yet is made.

use std::{path::Path, process::ExitCode};

use serde::Serialize;

use super::{open, output::Output};
use crate::{app::App, deliver::session::Connector, domain::feed::FeedState};

#[derive(Serialize)]
struct Finding {
    what: String,
    well: bool,
    detail: String,
}

/// Looks at configuration, database, templates, keys, feeds and relays.
pub(super) async fn check(place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
    let app = open::app(place).await?;
    let mut findings =
        vec![well("configuration", format!("{} lists, {} feeds", app.config.lists.len(), app.config.feeds.len()))];
    findings.push(well("database", app.config.database.to_string()));
    findings.extend(templates(&app));
    for key in &app.config.dkim {
        let what = format!("key `{}`", key.selector);
        findings.push(well(&what, format!("signs as {} ({})", key.domain, key.key.algorithm().as_str())));
    }
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
    let all_well = findings.iter().all(|finding| finding.well);
    output.print(&findings, |findings| {
        let lines = findings.iter().map(|finding| {
            let word = if finding.well { "well" } else { "ILL " };
            format!("  {word}  {}: {}", finding.what, finding.detail)
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn templates(app: &App) -> Vec<Finding> {
    let problems = app.renderer.check();
    if problems.is_empty() {
        return vec![well("templates", "all of them render sample content".to_owned())];
    }
    problems.iter().map(|problem| ill("templates", problem.to_string())).collect()
}

fn well(what: &str, detail: String) -> Finding {
    Finding { what: what.to_owned(), well: true, detail }
}

fn ill(what: &str, detail: String) -> Finding {
    Finding { what: what.to_owned(), well: false, detail }
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
