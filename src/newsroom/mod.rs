//! Flow D: what staff do with issues, and what is told to them. A shell calls it; no rule of it lives in a shell, and who
//! wishes something is a [`By`]. The road of an alert by hand is: `draft` → `preview` → `send`, where it may wait for a
//! second person (`release`) and then in a window (`window`), in which it can be stopped (`stop`); once it is out it can be
//! corrected or withdrawn (`correct`), and staff get a report of it (`report`). By the link in such a mail one of staff
//! decides (`deciding`). A drill takes the same road, to staff alone.

mod alarms;
mod by;
mod confirmation;
mod correct;
mod deciding;
mod draft;
mod error;
mod held_posts;
mod post_alerts;
mod preview;
mod ready;
mod release;
mod report;
mod send;
mod sent_alerts;
mod staff;
mod stop;
mod suppressions;
mod window;

use crate::{
    app::App,
    domain::{issue::IssueId, issue::IssueState, list::List, slug::Slug},
    store::{StoreError, issues::StoredIssue},
};

pub use alarms::tell_alarms;
pub use by::By;
pub use confirmation::Confirmation;
pub use correct::{Correction, draft_correction, draft_withdrawal};
pub use deciding::{
    Deciding, DecidingError, Decision, Stands, decide, decide_by, deciding, deciding_by, text_to_decide,
};
pub use draft::{Statement, draft_alert, draft_drill, draft_of};
pub use error::NewsroomError;
pub use held_posts::{Carried, Decided, PostDecision, decide_held};
pub use post_alerts::{draft_alert_of_post, words_of};
pub use preview::{Preview, preview, preview_digest, preview_issue, preview_withdrawal};
pub(crate) use ready::ready;
pub use release::{Seen, approve, plan_release, release};
pub use send::{Placed, Plan, Sending, plan, send, send_expecting, test};
pub(crate) use sent_alerts::alerts_before;
pub use staff::{notice_to_staff, notices_about};
pub use stop::{cancel, hold};
pub use suppressions::{Lifted, lift, suppress};

/// What follows issues that are on their way: those who were mailed one late get its correction as well, and staff are
/// told how each alert fared. May run twice with no harm.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn aftercare_due(app: &App) -> Result<(), StoreError> {
    correct::late_corrections_due(app).await?;
    report::reports_due(app).await
}

/// The title of a list, as readers see it.
pub fn title_of<'a>(app: &'a App, name: &'a Slug) -> &'a str {
    configured_list(app, name).map_or(name.as_str(), |list| &list.title)
}

/// The list of that name.
pub(crate) fn configured_list<'a>(app: &'a App, name: &Slug) -> Result<&'a List, NewsroomError> {
    let list = app.config.list(name.as_str());
    list.ok_or_else(|| NewsroomError::NoList(name.to_string()))
}

/// Someone else was quicker.
fn decided_already(id: IssueId, needed: IssueState) -> NewsroomError {
    NewsroomError::WrongState { issue: id.0, state: "decided upon already", needed: needed.as_str() }
}

fn needs(issue: &StoredIssue, needed: IssueState) -> Result<(), NewsroomError> {
    if issue.state == needed {
        return Ok(());
    }
    Err(NewsroomError::WrongState { issue: issue.id.0, state: issue.state.as_str(), needed: needed.as_str() })
}
