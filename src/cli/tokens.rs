//! `tidings tokens`: which programs may use the API. A token is printed when it is made, and never again.

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    open,
    output::{Output, say, table},
};
use crate::{
    access::{self, NewToken},
    app::App,
    domain::{
        access::{AccessTokenId, Reach, Scope},
        span,
        subscription::clean_name,
    },
    store::access::StoredToken,
};

/// The programs that may use the API.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Every token, with what it may do and when it was used
    List,
    /// Make a token, and print it: it is shown this once
    Add {
        /// What to call it: the program that will hold it
        name: String,
        /// What it may do; give it again for more
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// The list it is for; give it again for more. Without it: every list
        #[arg(long = "list", value_name = "LIST")]
        lists: Vec<String>,
        /// How long it is good (90d, 12h); without it, until it is revoked
        #[arg(long, value_name = "TIME", value_parser = good_for)]
        expires: Option<SignedDuration>,
    },
    /// Take a token back, at once and for good
    Revoke {
        /// Its number
        number: i64,
    },
}

#[derive(Serialize)]
struct Row {
    id: i64,
    name: String,
    scopes: Vec<&'static str>,
    lists: Option<Vec<String>>,
    is_good: bool,
    made_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    seen_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Made {
    id: i64,
    token: String,
}

impl Tokens {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::List => {
                let rows: Vec<Row> = app.store.access_tokens().await?.into_iter().map(|it| row(&app, it)).collect();
                output.print(&rows, |rows| rows_table(rows))?;
            }
            Self::Add { name, scopes, lists, expires } => {
                let name = clean_name(&name);
                anyhow::ensure!(!name.is_empty(), "a token needs a name of letters");
                let reach = reach(&app, &lists)?;
                let new = NewToken { name: &name, scopes: &scopes, reach, good_for: expires };
                let (id, token) = access::make(&app, &new).await?;
                output.print(&Made { id: id.0, token }, |made| {
                    format!("token {} for {name}; it is shown this once:\n{}", made.id, made.token)
                })?;
            }
            Self::Revoke { number } => {
                if !access::revoke(&app, AccessTokenId(number)).await? {
                    anyhow::bail!("there is no token {number} that is not revoked");
                }
                say(&format!("token {number} is good for nothing from now on"))?;
            }
        }
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

fn reach(app: &App, lists: &[String]) -> anyhow::Result<Reach> {
    if lists.is_empty() {
        return Ok(Reach::Whole);
    }
    Ok(Reach::Lists(lists.iter().map(|name| open::list(app, name)).collect::<Result<_, _>>()?))
}

fn scope(text: &str) -> Result<Scope, String> {
    let words = || Scope::ALL.map(Scope::as_str).join(", ");
    Scope::from_word(text).ok_or_else(|| format!("there is no such scope; there is: {}", words()))
}

fn good_for(text: &str) -> Result<SignedDuration, String> {
    let span = span::read(text).filter(|span| span.is_positive());
    span.ok_or_else(|| "write a whole number with s, m, h or d, such as 90d".to_owned())
}

fn row(app: &App, stored: StoredToken) -> Row {
    let access = stored.access;
    Row {
        id: access.id.0,
        is_good: access.is_good_at(app.clock.now()),
        scopes: access.scopes.iter().map(|scope| scope.as_str()).collect(),
        lists: match access.reach {
            Reach::Whole => None,
            Reach::Lists(lists) => Some(lists.iter().map(ToString::to_string).collect()),
        },
        name: access.name,
        made_at: stored.made_at,
        expires_at: access.expires_at,
        revoked_at: access.revoked_at,
        seen_at: stored.seen_at,
    }
}

fn rows_table(rows: &[Row]) -> String {
    let day = |at: Option<Timestamp>| at.map(|at| at.strftime("%Y-%m-%d").to_string());
    let cells = rows.iter().map(|row| {
        let state = match (row.is_good, row.revoked_at) {
            (true, _) => "good",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        };
        vec![
            row.id.to_string(),
            row.name.clone(),
            state.to_owned(),
            day(row.expires_at).unwrap_or_else(|| "never".to_owned()),
            day(row.seen_at).unwrap_or_else(|| "never".to_owned()),
            row.lists.as_ref().map_or_else(|| "every list".to_owned(), |lists| lists.join(" ")),
            row.scopes.join(" "),
        ]
    });
    let heads = ["token", "name", "state", "expires", "last used", "lists", "scopes"];
    table(&heads, &cells.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{good_for, scope};

    #[test]
    fn what_is_typed_wrong_is_told() {
        assert!(good_for("90d").is_ok() && good_for("0d").is_err() && good_for("90").is_err());
        assert!(scope("lists:read").is_ok());
        assert!(scope("all").is_err_and(|told| told.contains("lists:read, subscribers:read")));
    }
}
