//! A world whose pages are open, on a socket, at the very address that its links name: what a mail says can be followed
//! as it stands.

use std::{net::SocketAddr, sync::Arc};

use tidings::web;
use tokio::net::TcpListener;

use super::{Setup, World};

impl Setup {
    /// Starts all of it, and the public pages with it. They stay open as long as their test runs.
    pub(crate) async fn open(self) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let world = self.top(&format!("base_url = \"http://{address}\"")).start().await;
        let router = web::whole(Arc::clone(&world.app)).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        world
    }
}

impl World {
    /// The address of a page of ours, by its path: `/join`.
    pub(crate) fn page(&self, path: &str) -> String {
        self.app.config.base_url.join(path.trim_start_matches('/')).expect("a path").into()
    }
}
