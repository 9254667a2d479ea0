//! What a clock that was ahead has put off is brought back: digest slots that were done with before they came, and
//! deliveries that were queued in what is still the future. The store comes in, and the ledger and whoever looks after the
//! run are told. It sends nothing by itself, and never brings back what staff's windows put off.

use jiff::Timestamp;

use super::Pass;
use crate::{
    app::App,
    store::{StoreError, latest_present},
};

/// Brings back what waits for a time that an earlier run took for the present.
pub(super) async fn bring_back(app: &App, pass: &mut Pass) -> Result<(), StoreError> {
    let now = app.clock.now();
    let latest = latest_present(now);
    for list in &app.config.lists {
        let state = app.store.state_of_list(&list.name, now).await?;
        let ahead = state.slots_until.max(state.baseline_at);
        if ahead > latest {
            let mut tx = app.store.begin().await?;
            tx.bring_back_list(&list.name, now).await?;
            let reason = format!("{}; its digests go on from now", was_ahead(ahead));
            tx.record(now, &format!("list:{}", list.name), "brought back", &reason).await?;
            tx.commit().await?;
            pass.notes.push(format!("list `{}`: {reason}", list.name));
        }
    }
    for (mailing, ahead) in app.store.queued_after(latest).await? {
        let mut tx = app.store.begin().await?;
        let count = tx.bring_back(mailing, latest, now).await?;
        let reason = format!("{}; {count} messages that were queued by it are due now", was_ahead(ahead));
        tx.record(now, &format!("mailing:{}", mailing.0), "brought back", &reason).await?;
        tx.commit().await?;
        pass.notes.push(format!("mailing {}: {reason}", mailing.0));
    }
    Ok(())
}

fn was_ahead(ahead: Timestamp) -> String {
    format!("this machine's clock, or another's, was ahead at some time: it said {ahead:.0}")
}
