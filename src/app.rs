//! Puts config, store, secret, templates and clock together, once. A shell opens an [`App`]; flows take it apart and
//! give each step only what that step uses.

use std::{collections::HashMap, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use data_encoding::HEXLOWER;
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, Notify};

use crate::{
    clock::Clock,
    collect::{self, Caller, CollectError, Collector, Policy},
    config::{Config, Database, SecretSource},
    deliver::{PostRoom, dkim::Signer, letterhead::Letterhead},
    domain::{
        actor::Actor,
        links::Links,
        run::{RunId, RunKind},
        slug::Slug,
        token::Secret,
        webhook::Webhook,
    },
    render::{RenderError, Renderer, Settings},
    store::{Store, StoreError, runs::RunInHand},
};

/// Everything a flow works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What config.toml says.
    pub config: Arc<Config>,
    /// Where the rows are.
    pub store: Store,
    /// The key of tokens.
    pub secret: Secret,
    /// The templates.
    pub renderer: Arc<Renderer>,
    /// What fetches feeds.
    pub collector: Arc<Collector>,
    /// What calls the house's own systems, by the names of their webhooks.
    pub callers: Arc<HashMap<Slug, Caller>>,
    /// The time.
    pub clock: Clock,
    /// Wakes whoever waits for a ping of a feed. It carries nothing: the row does.
    pub pinged: Arc<HashMap<Slug, Notify>>,
    /// Who makes alerts makes them alone: a statement that came by two feeds must be found by the second when the first
    /// has made its alert.
    pub alerting: Arc<Mutex<()>>,
}

/// Why the parts could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The templates.
    #[error("cannot use the templates")]
    Templates(#[from] RenderError),
    /// What fetches feeds.
    #[error("cannot fetch feeds")]
    Collector(#[from] CollectError),
    /// The secret beside the database.
    #[error("cannot read or make the secret `{path}`")]
    Secret {
        /// Its file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// PostgreSQL has no place beside it.
    #[error("a secret must be configured when the database is PostgreSQL")]
    NoSecret,
}

impl App {
    /// Opens the store, reads the templates and the secret.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let renderer = Renderer::new(Settings {
            templates: config.templates.clone(),
            sender: config.sender.clone(),
            base_url: config.base_url.clone(),
        })?;
        let collector = Collector::new(Policy {
            private_networks: config.collect.private_networks.clone(),
            timeout: config.collect.timeout,
            max_bytes: usize::try_from(config.collect.max_size).unwrap_or(usize::MAX),
            user_agent: collect::user_agent(&config.base_url),
            ..Policy::default()
        })?;
        let callers = config.webhooks.iter().map(|webhook| {
            let caller = Caller::new(webhook.private_networks.clone(), collect::user_agent(&config.base_url))?;
            Ok((webhook.name.clone(), caller))
        });
        let callers = Arc::new(callers.collect::<Result<_, CollectError>>()?);
        let store = match &config.database {
            Database::Sqlite(file) => Store::open_sqlite(file).await?,
            Database::Postgres(url) => Store::open_postgres(url.expose_secret()).await?,
        };
        let store = store.telling(config.webhooks.iter().flat_map(Webhook::wants).collect());
        let secret = match &config.secret {
            SecretSource::Given(secret) => secret.clone(),
            SecretSource::BesideDatabase => {
                let path = store.engine().beside(".secret").ok_or(OpenError::NoSecret)?;
                secret_in(&path).map_err(|source| OpenError::Secret { path: path.display().to_string(), source })?
            }
        };
        let pinged = Arc::new(config.feeds.iter().map(|feed| (feed.name.clone(), Notify::new())).collect());
        let (config, renderer, collector) = (Arc::new(config), Arc::new(renderer), Arc::new(collector));
        Ok(Self { config, store, secret, renderer, collector, callers, clock, pinged, alerting: Arc::default() })
    }

    /// The same, for what is done within a run of this number: what it writes into the ledger carries that.
    pub fn in_run(&self, id: RunId, kind: RunKind) -> Self {
        let run = RunInHand { id, kind, began_at: self.clock.now() };
        Self { store: self.store.in_run(run), ..self.clone() }
    }

    /// The same, for what somebody does: what it writes into the ledger carries who.
    pub fn by(&self, actor: Actor) -> Self {
        Self { store: self.store.by(actor), ..self.clone() }
    }

    /// What links to readers' pages are made of.
    pub fn links(&self) -> Links {
        Links {
            base_url: self.config.base_url.clone(),
            desk_url: self.config.desk_url().clone(),
            intake: self.config.intake.address.clone(),
            secret: self.secret.clone(),
        }
    }

    /// What delivery works with.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn post_room(&self) -> Result<PostRoom, StoreError> {
        let mut lists = HashMap::new();
        for list in &self.config.lists {
            let state = self.store.state_of_list(&list.name, self.clock.now()).await?;
            lists.insert(list.name.clone(), (state.number, list.clone()));
        }
        Ok(PostRoom {
            store: self.store.clone(),
            relays: self.config.relays.clone(),
            domains: self.config.domains.clone(),
            retries: self.config.delivery.retries.clone(),
            hold_after: self.config.delivery.hold_after,
            drain: self.config.delivery.drain,
            letterhead: Letterhead { sender: self.config.sender.clone(), links: self.links(), lists },
            signer: Signer::new(&self.config.dkim).map(Arc::new),
            clock: self.clock.clone(),
        })
    }
}

/// The secret in that file; one is made, for its owner's eyes only, when there is none. Links signed with it must work
/// for years, so it is made whole before it is seen.
fn secret_in(path: &Path) -> std::io::Result<Secret> {
    if !path.exists() {
        let text = HEXLOWER.encode(&rand::random::<[u8; 32]>());
        let fresh = path.with_extension(format!("secret-{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link, not a rename: when two processes make one at the same time, the first one stays.
        let linked = fs::hard_link(&fresh, path);
        fs::remove_file(&fresh)?;
        // The name must survive a power cut as well as the content.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()?;
        if let Err(error) = linked
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
    }
    let text = fs::read_to_string(path)?;
    let short = || std::io::Error::new(std::io::ErrorKind::InvalidData, "it is shorter than 16 bytes");
    Secret::new(text.trim().as_bytes().to_vec()).ok_or_else(short)
}
