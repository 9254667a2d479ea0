//! `tidings staff`: who works at the desk. The first owner can only be made here.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::{
    open,
    output::{Output, say, table},
};
use crate::{
    domain::{address::EmailAddress, staff::Role},
    staff::{self, Dismissed},
};

/// Who says so, in the ledger.
const BY: &str = "somebody at the machine";

/// The people who work at the desk.
#[derive(Debug, Subcommand)]
pub(super) enum Staff {
    /// Everybody, with their roles
    List,
    /// Make somebody staff: they get a mail with a link to choose a password, which is printed too
    Add {
        /// Their address
        address: String,
        /// Their name, as colleagues know it
        #[arg(long, default_value = "")]
        name: String,
        /// What they may do
        #[arg(long, value_enum, default_value_t = RoleWord::Viewer)]
        role: RoleWord,
    },
    /// Give somebody another role; they must sign in anew
    Role {
        /// Their address
        address: String,
        /// What they may do from now on
        #[arg(value_enum)]
        role: RoleWord,
    },
    /// Mail and print another link to choose a password
    Link {
        /// Their address
        address: String,
    },
    /// Take somebody off the staff
    Remove {
        /// Their address
        address: String,
    },
}

/// A role as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleWord {
    /// Looks at everything
    Viewer,
    /// Writes alerts and tests them
    Editor,
    /// Sends, stops and corrects
    Publisher,
    /// Says who is staff
    Owner,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Editor => Self::Editor,
            RoleWord::Publisher => Self::Publisher,
            RoleWord::Owner => Self::Owner,
        }
    }
}

#[derive(Serialize)]
struct Row {
    address: String,
    name: String,
    role: Role,
    has_password: bool,
    has_second_factor: bool,
    since: jiff::Timestamp,
}

impl Staff {
    pub(super) async fn run(self, place: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
        let app = open::by_hand(place).await?;
        match self {
            Self::List => {
                let rows: Vec<Row> = app.store.accounts().await?.into_iter().map(row).collect();
                output.print(&rows, |rows| rows_table(rows))?;
            }
            Self::Add { address, name, role } => {
                let (staff, link) = staff::appoint(&app, &parse(&address)?, &name, role.into(), BY).await?;
                say(&format!(
                    "{} is {} now; the mail with this link goes out with the next run:",
                    staff.address,
                    staff.role.as_str()
                ))?;
                say(&link)?;
            }
            Self::Role { address, role } => {
                let (address, role) = (parse(&address)?, Role::from(role));
                staff::give_role(&app, &address, role, BY).await?;
                say(&format!("{address} is {} now, and must sign in anew", role.as_str()))?;
            }
            Self::Link { address } => {
                let address = parse(&address)?;
                let account = app.store.account_of(&address).await?;
                let account = account.with_context(|| format!("{address} is not staff"))?;
                say(&staff::invite(&app, &account.staff).await?)?;
            }
            Self::Remove { address } => {
                let address = parse(&address)?;
                match staff::dismiss(&app, &address, BY).await? {
                    Dismissed::Now => say(&format!("{address} is staff no more"))?,
                    Dismissed::NotStaff => anyhow::bail!("{address} is not staff"),
                }
            }
        }
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(account: crate::store::staff::Account) -> Row {
    Row {
        address: account.staff.address.reveal().to_owned(),
        name: account.staff.name,
        role: account.staff.role,
        has_password: account.password.is_some(),
        has_second_factor: account.second_factor.is_some(),
        since: account.made_at,
    }
}

fn rows_table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let signs_in = match (row.has_password, row.has_second_factor) {
            (false, _) => "not yet",
            (true, false) => "password",
            (true, true) => "password and code",
        };
        vec![
            row.address.clone(),
            row.name.clone(),
            row.role.as_str().to_owned(),
            signs_in.to_owned(),
            row.since.strftime("%Y-%m-%d").to_string(),
        ]
    });
    table(&["address", "name", "role", "signs in with", "since"], &cells.collect::<Vec<_>>())
}

fn parse(address: &str) -> anyhow::Result<EmailAddress> {
    EmailAddress::parse(address).with_context(|| format!("cannot take `{}`", address.escape_debug()))
}
