//! `tidings serve`: the daemon.

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::Context;
use tokio::net::TcpListener;

use super::open;
use crate::{daemon, intake::doors::Doors, stop::Stop, web};

/// Serves until SIGTERM or SIGINT; a second one ends at once.
pub(super) async fn serve(place: Option<&Path>) -> anyhow::Result<ExitCode> {
    let app = Arc::new(open::app(place).await?);
    let at = app.config.web.listen;
    let listener = TcpListener::bind(at).await.with_context(|| format!("cannot listen on `{at}`"))?;
    let doors = Doors::open(&app)?;
    let stop = Stop::default();
    stop.on_signals()?;
    tracing::info!("serving on http://{}", listener.local_addr()?);
    if let Some(place) = doors.lmtp() {
        tracing::info!("taking mail by LMTP on {place}");
    }
    let router = web::whole(Arc::clone(&app));
    daemon::serve(Arc::clone(&app), router, listener, doors, stop).await;
    app.store.close().await;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}
