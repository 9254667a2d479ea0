//! Suppressions by staff's hand: adding one, and lifting one that may be lifted. What a reader wished stays.

use crate::{
    app::App,
    domain::{address::EmailAddress, suppression::SuppressionKind},
    store::{StoreError, suppressions::Scope},
};

/// What lifting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifted {
    /// They can be written to again, and what came back before counts no more.
    Lifted,
    /// There is no such suppression.
    NotSuppressed,
    /// It is of a kind that staff may not lift.
    Stays(SuppressionKind),
}

/// Suppresses an address for all lists or one; `false` when it is already.
///
/// # Errors
/// When the store cannot be written.
pub async fn suppress(app: &App, address: &EmailAddress, scope: Scope<'_>, reason: &str) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let is_new = tx.suppress(address, scope, SuppressionKind::Staff, reason, now).await?;
    if is_new {
        tx.record(now, "suppressions", "added", &address.to_string()).await?;
    }
    tx.commit().await?;
    Ok(is_new)
}

/// Lifts a suppression, unless a reader wished for it.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn lift(app: &App, address: &EmailAddress, scope: Scope<'_>) -> Result<Lifted, StoreError> {
    let now = app.clock.now();
    let kind = match app.store.suppression_kind(address, scope).await? {
        None => return Ok(Lifted::NotSuppressed),
        Some(kind) if !kind.may_be_lifted() => return Ok(Lifted::Stays(kind)),
        Some(kind) => kind,
    };
    let mut tx = app.store.begin().await?;
    // Of the kind that was looked at: a complaint that comes in between stays.
    if !tx.lift(address, scope, kind, now).await? {
        return Ok(Lifted::NotSuppressed);
    }
    tx.record(now, "suppressions", "lifted", &format!("{address}: it was suppressed by {}", kind.as_str())).await?;
    tx.commit().await?;
    Ok(Lifted::Lifted)
}
