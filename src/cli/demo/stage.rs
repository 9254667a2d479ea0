//! Sets the demo up: a temporary folder with a real config.toml and a real subscribers' file, the sample site, the
//! inbox that stands in for a relay, and the web pages, all on this machine. What comes in is where to listen; what
//! goes out is a [`Stage`] with an [`App`] on it, opened as every other command opens it, but for a clock to be moved
//! by hand. Closing it removes the folder.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use axum::{Router, response::Redirect, routing::get};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{sample, site::Site};
use crate::{
    app::App,
    clock::Clock,
    config::Config,
    inbox::{Inbox, Settings, page},
    web,
};

/// Everything that the demo plays on.
pub(super) struct Stage {
    /// The whole of Tidings.
    pub(super) app: Arc<App>,
    /// The relay that it hands its messages to.
    pub(super) inbox: Inbox,
    /// The campaign's site.
    pub(super) site: Site,
    /// Where the pages are, without a slash at the end.
    pub(super) pages: String,
    /// Whether the pages are where they were asked for, or elsewhere because that was taken.
    pub(super) place: Place,
    folder: TempDir,
    server: JoinHandle<()>,
}

/// Where the pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where they were asked for.
    AsAsked,
    /// On a free port, for something else listens on this address.
    Taken(SocketAddr),
}

impl Stage {
    /// Sets everything up, with the clock at `start`. Messages are kept in the folder `keep` too, if there is one.
    pub(super) async fn set(listen: SocketAddr, keep: Option<PathBuf>, start: Timestamp) -> anyhow::Result<Self> {
        let clock = Clock::manual(start);
        let folder =
            tempfile::Builder::new().prefix("tidings-demo-").tempdir().context("cannot make a temporary folder")?;
        let site = Site::start(clock.clone()).await.context("cannot start the sample site")?;
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let inbox = Inbox::start(Settings { listen: free, folder: keep, ..Settings::default() }, clock.clone()).await?;
        let (listener, place) = bind(listen).await.with_context(|| format!("cannot listen on `{listen}`"))?;
        let at = listener.local_addr()?;
        let pages = format!("http://{}", reachable(at));
        write_files(folder.path(), &config_toml(&pages, at, &site, &inbox))?;
        let config = Config::load(&folder.path().join("config.toml"), &|_| None)?;
        let app = Arc::new(App::open(config, clock).await?);
        let router = router(Arc::clone(&app), inbox.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the pages ended: {error}");
            }
        });
        Ok(Self { app, inbox, site, pages, place, folder, server })
    }

    /// The temporary folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends everything and removes the temporary folder.
    pub(super) async fn strike(self) -> io::Result<()> {
        self.server.abort();
        self.inbox.stop().await;
        self.app.store.close().await;
        self.folder.close()
    }
}

/// The inbox, and the pages that readers reach by the links in its messages.
fn router(app: Arc<App>, inbox: Inbox) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/inbox/")))
        .merge(page::router(inbox, "/inbox"))
        .merge(web::router(app))
}

/// Listens where it was asked for; on a free port when another program does.
async fn bind(listen: SocketAddr) -> io::Result<(TcpListener, Place)> {
    match TcpListener::bind(listen).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let free = SocketAddr::new(listen.ip(), 0);
            Ok((TcpListener::bind(free).await?, Place::Taken(listen)))
        }
        bound => Ok((bound?, Place::AsAsked)),
    }
}

/// An address that this machine's browser can open.
fn reachable(mut at: SocketAddr) -> SocketAddr {
    if at.ip().is_unspecified() {
        at.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    at
}

fn write_files(folder: &Path, config: &str) -> anyhow::Result<()> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    };
    fs::create_dir(folder.join("subscribers")).context("cannot make the folder `subscribers`")?;
    write("config.toml", config)?;
    write("subscribers/news.csv", sample::READERS)
}

/// The configuration: the example's, with this machine's addresses in it.
fn config_toml(pages: &str, listen: SocketAddr, site: &Site, inbox: &Inbox) -> String {
    let (feed, relay) = (site.url.as_str(), inbox.address());
    format!(
        r#"# The configuration of the demo: a site, a list and a relay on this machine.

base_url = "{pages}"

[sender]
name = "Example Coalition"
address = "news@example.org"
postal_address = "1 Example Street, Washington, DC"
press_contact = "press@example.org"

[[feeds]]
name = "site"
url = "{feed}feed/"
every = "10m"
max_age = "30d"

[collect]
private_networks = ["127.0.0.0/8"]                # this machine, where the sample site is

[[urgent]]
name = "condemnation"
words = ["condemn*"]
in = ["title"]
max_age = "48h"

[[lists]]
name = "news"
title = "Coalition news"
feeds = ["site"]
digest = "0 9 * * MON"
time_zone = "America/New_York"
alerts = true
min_posts = 3                                     # a digest waits until there are three

[[relays]]
name = "inbox"
host = "{}"
port = {}
tls = "none"

[web]
listen = "{listen}"
"#,
        relay.ip(),
        relay.port(),
    )
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn links_lead_to_an_address_that_can_be_opened() {
        let shown = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(shown("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(shown("[::1]:9"), "[::1]:9");
        assert_eq!(shown("192.168.1.5:80"), "192.168.1.5:80");
    }
}
