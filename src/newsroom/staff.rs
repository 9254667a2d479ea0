//! Telling staff, by a notice on the same road as every other mail, so that it gets the same retries.

use std::slice;

use super::by::is_staff;
use crate::{
    app::App,
    domain::{address::EmailAddress, issue::IssueId, staff::Right},
    queue::{self, ReadyNotice},
    render::{Button, Notice},
    store::StoreError,
};

/// A notice to staff, ready to be written down with what it tells of. `None` when nobody is to be told, or when the
/// notice's template is broken: that is logged, for it must not stop what it tells of.
///
/// # Errors
/// When the store cannot be written.
pub async fn notice_to_staff(app: &App, notice: &Notice) -> Result<Option<ReadyNotice>, StoreError> {
    let people = &app.config.staff.notify;
    if people.is_empty() {
        tracing::warn!("nobody is told ([staff] notify is empty): {}", notice.subject);
        return Ok(None);
    }
    let now = app.clock.now();
    match app.renderer.notice(notice, now) {
        Ok(rendered) => Ok(Some(queue::ready_notice(&app.store, &rendered, people, now).await?)),
        Err(error) => {
            tracing::error!("staff could not be told “{}”: {error}", notice.subject);
            Ok(None)
        }
    }
}

/// The same about an issue, for each of staff by itself: its button leads to a page where this person can decide about
/// this issue. Those of the desk who may send are told too, whether config.toml names them or not; who is named there and
/// may not decide gets no button.
///
/// # Errors
/// When the store cannot be written.
pub async fn notices_about(app: &App, issue: IssueId, notice: &Notice) -> Result<Vec<ReadyNotice>, StoreError> {
    let people = told_of_issues(app).await?;
    if people.is_empty() {
        tracing::warn!("nobody is told ([staff] notify is empty, and nobody at the desk may send): {}", notice.subject);
    }
    let now = app.clock.now();
    let (mut ready, mut told) = (Vec::with_capacity(people.len()), Vec::new());
    for address in &people {
        let person = app.store.people(slice::from_ref(address), now).await?;
        if told.contains(&person) {
            continue;
        }
        let url = app.links().staff(issue, person[0]);
        told.push(person);
        let button = is_staff(app, address).await?.then(|| Button { label: "Look at it and decide".into(), url });
        let own = Notice { button, ..notice.clone() };
        match app.renderer.notice(&own, now) {
            Ok(rendered) => {
                ready.push(queue::ready_notice(&app.store, &rendered, slice::from_ref(address), now).await?)
            }
            Err(error) => tracing::error!("staff could not be told “{}”: {error}", notice.subject),
        }
    }
    Ok(ready)
}

/// Whom config.toml names, and who of the desk may send.
async fn told_of_issues(app: &App) -> Result<Vec<EmailAddress>, StoreError> {
    let accounts = app.store.accounts().await?.into_iter().map(|account| account.staff);
    let deciders = accounts.filter(|staff| staff.role.may(Right::Send)).map(|staff| staff.address);
    Ok(app.config.staff.notify.iter().cloned().chain(deciders).collect())
}
