//! Telling staff, by a notice on the same road as every other mail, so that it gets the same retries.

use crate::{
    app::App,
    queue::{self, ReadyNotice},
    render::Notice,
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
