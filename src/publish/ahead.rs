//! Digest slots that a clock which was ahead has done away with before they came: they are taken back. The store comes in, and
//! the ledger and whoever looks after the run are told. It sends nothing by itself, and touches nothing that was queued: what
//! staff were told of when it goes is not moved.

use super::Pass;
use crate::{
    app::App,
    store::{StoreError, latest_present},
};

/// Has the slots of each list done with up to now, where they are done with up to a time that is still to come.
pub(super) async fn bring_back(app: &App, pass: &mut Pass) -> Result<(), StoreError> {
    let now = app.clock.now();
    for list in &app.config.lists {
        let until = app.store.state_of_list(&list.name, now).await?.slots_until;
        if until <= latest_present(now) {
            continue;
        }
        let mut tx = app.store.begin().await?;
        tx.take_back_slots(&list.name, now).await?;
        let reason = format!("a clock was ahead at some time, and said {until:.0}; digests go on from now");
        tx.record(now, &format!("list:{}", list.name), "brought back", &reason).await?;
        tx.commit().await?;
        pass.notes.push(format!("list `{}`: {reason}", list.name));
    }
    Ok(())
}
