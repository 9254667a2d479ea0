//! Appointing: who is staff, and in which role. There is always one owner, so that nobody is locked out; whoever loses
//! a role or leaves is signed out at once.

use super::{LinkError, links};
use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        staff::{Role, Staff},
    },
    store::StoreError,
};

/// Why somebody was not appointed.
#[derive(Debug, thiserror::Error)]
pub enum AppointError {
    /// They are staff already.
    #[error("{0} is staff already")]
    Already(EmailAddress),
    /// They are not staff.
    #[error("{0} is not staff")]
    NotStaff(EmailAddress),
    /// Somebody must be able to say who is staff.
    #[error("{0} is the only owner; make somebody else owner first")]
    LastOwner(EmailAddress),
    /// The mail with the link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of taking somebody off the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dismissed {
    /// They are staff no more.
    Now,
    /// They were not.
    NotStaff,
}

/// Makes somebody staff and mails them a link to choose a password. Gives it too. `by` is who says so, for the ledger.
///
/// # Errors
/// See [`AppointError`].
pub async fn appoint(
    app: &App,
    address: &EmailAddress,
    name: &str,
    role: Role,
    by: &str,
) -> Result<(Staff, String), AppointError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let Some(id) = tx.add_staff(address, name, role, now).await? else {
        return Err(AppointError::Already(address.clone()));
    };
    tx.record(now, &id.about(), "appointed", &format!("{address} is {} now, by {by}", role.as_str())).await?;
    tx.commit().await?;
    let staff = Staff { id, address: address.clone(), name: name.to_owned(), role };
    let link = links::invite(app, &staff).await?;
    Ok((staff, link))
}

/// Gives somebody another role. Their sessions end: each page they see is of the new role.
///
/// # Errors
/// See [`AppointError`].
pub async fn give_role(app: &App, address: &EmailAddress, role: Role, by: &str) -> Result<(), AppointError> {
    let staff = present(app, address).await?;
    let mut tx = app.store.begin().await?;
    tx.owners_one_by_one().await?;
    if tx.set_role(staff.id, role).await? {
        if tx.count_owners().await? == 0 {
            return Err(AppointError::LastOwner(address.clone()));
        }
        tx.end_sessions_of(staff.id).await?;
        let reason = format!("{address} is {} now, and no longer {}, by {by}", role.as_str(), staff.role.as_str());
        tx.record(app.clock.now(), &staff.id.about(), "role", &reason).await?;
    }
    Ok(tx.commit().await?)
}

/// Takes somebody off the staff. What they did keeps their name.
///
/// # Errors
/// See [`AppointError`].
pub async fn dismiss(app: &App, address: &EmailAddress, by: &str) -> Result<Dismissed, AppointError> {
    let staff = match present(app, address).await {
        Err(AppointError::NotStaff(_)) => return Ok(Dismissed::NotStaff),
        other => other?,
    };
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    tx.owners_one_by_one().await?;
    let owners = tx.count_owners().await?;
    tx.end_staff(staff.id, now).await?;
    if owners > 0 && tx.count_owners().await? == 0 {
        return Err(AppointError::LastOwner(address.clone()));
    }
    tx.end_sessions_of(staff.id).await?;
    tx.drop_staff_links(staff.id).await?;
    tx.record(now, &staff.id.about(), "dismissed", &format!("{address} is staff no more, by {by}")).await?;
    tx.commit().await?;
    Ok(Dismissed::Now)
}

async fn present(app: &App, address: &EmailAddress) -> Result<Staff, AppointError> {
    let account = app.store.account_of(address).await?;
    Ok(account.ok_or_else(|| AppointError::NotStaff(address.clone()))?.staff)
}
