//! Progress of a delivery: a bar on a terminal, nothing elsewhere; and the summary of what was delivered.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    app::App,
    deliver::{
        self, Until,
        tally::{Counts, Tally},
    },
    stop::Stop,
};

/// Delivers, and shows how far it is on a terminal.
pub(super) async fn deliver(app: &App, until: Until, stop: &Stop) -> anyhow::Result<Counts> {
    let room = app.post_room().await?;
    let tally = Arc::new(Tally::default());
    if !std::io::stderr().is_terminal() {
        return Ok(deliver::deliver(&room, until, stop, tally).await?);
    }
    let (due, _) = app.store.due(app.clock.now()).await?;
    let bar = ProgressBar::new(due).with_style(style());
    let drawing = tokio::spawn({
        let (bar, tally) = (bar.clone(), Arc::clone(&tally));
        async move {
            loop {
                let counts = tally.counts();
                bar.set_position(counts.total());
                bar.set_message(format!("refused {}", counts.refused));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let done = deliver::deliver(&room, until, stop, tally).await;
    drawing.abort();
    bar.finish_and_clear();
    Ok(done?)
}

/// `sent 200, deferred 0, refused 0`, and what else there is to say.
pub(super) fn summary(counts: &Counts) -> String {
    let mut text = format!("sent {}, deferred {}, refused {}", counts.sent, counts.deferred, counts.refused);
    for (count, word) in [(counts.unknown, "unknown"), (counts.expired, "expired"), (counts.dropped, "dropped")] {
        if count > 0 {
            text.push_str(&format!(", {word} {count}"));
        }
    }
    text
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("sending  {bar:20}  {percent:>3} %  {per_sec:.0}  {eta} left  {msg}")
        .expect("the template is a constant")
        .progress_chars("█▉░")
}
