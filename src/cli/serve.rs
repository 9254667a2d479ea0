//! `tidings serve`: the daemon.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use anyhow::Context;
use tokio::net::TcpListener;

use super::open;
use crate::{
    daemon::{self, Served},
    intake::doors::Doors,
    stop::Stop,
    web,
};

/// Serves until SIGTERM or SIGINT; a second one ends at once.
pub(super) async fn serve(place: Option<&Path>) -> anyhow::Result<ExitCode> {
    let app = Arc::new(open::app(place).await?);
    let public = listen(app.config.web.listen).await?;
    let desk = match &app.config.desk {
        Some(desk) => Some(listen(desk.listen).await?),
        None => None,
    };
    let doors = Doors::open(&app)?;
    let stop = Stop::default();
    stop.on_signals()?;
    if let Some(desk) = &desk {
        tracing::info!("the desk is on http://{}", desk.local_addr()?);
    }
    tracing::info!("serving on http://{}", public.local_addr()?);
    if let Some(place) = doors.lmtp() {
        tracing::info!("taking mail by LMTP on {place}");
    }
    let mut served = vec![Served { listener: public, router: web::whole(Arc::clone(&app)) }];
    served.extend(desk.zip(web::desk(Arc::clone(&app))).map(|(listener, router)| Served { listener, router }));
    daemon::serve(Arc::clone(&app), served, doors, stop).await;
    app.store.close().await;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}

async fn listen(at: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(at).await.with_context(|| format!("cannot listen on `{at}`"))
}
