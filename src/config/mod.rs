//! config.toml and the environment → [`Config`]. All is read and checked once, here, into the domain's own types;
//! every mistake is told at once, by key and line, with a hint. Nothing here opens a connection or writes a file.

mod api;
mod database;
mod desk;
mod dkim;
mod feeds;
mod hooks;
mod intake;
mod lists;
mod mistake;
mod people;
mod relays;
mod secret;
mod section;
mod source;
mod value;
mod webhooks;

use std::path::{Path, PathBuf};

use url::Url;

pub use self::{
    api::Api,
    database::Database,
    desk::Desk,
    feeds::Collect,
    intake::{Afterwards, Intake, LmtpPlace, Mailbox},
    mistake::{ConfigError, Mistake, Position},
    people::{Joining, Origins, SecondPerson, Staff, Web},
    relays::Delivery,
    secret::SecretSource,
};
use self::{
    mistake::Problem,
    section::{Names, Section, Value},
    source::Source,
    value::is_loopback,
};
use crate::domain::{
    address::EmailAddress,
    dkim::DkimKey,
    feed::Feed,
    hook::Hook,
    list::{Alerts, List},
    relay::{DomainLimit, Relay},
    sender::Sender,
    urgency::UrgentRule,
    webhook::Webhook,
};

/// The keys that stand above the first `[section]`.
const TOP_KEYS: [&str; 5] = ["base_url", "database", "secret", "templates", "subscribers"];

const DATABASE: &str = "data/tidings.db";
const SUBSCRIBERS: &str = "subscribers";

/// All that a person sets. The fields are named as the sections and keys of config.toml are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where readers reach the web pages. It ends with a slash, so that `join` adds to it.
    pub base_url: Url,
    /// Where the store lives.
    pub database: Database,
    /// The key that signs links.
    pub secret: SecretSource,
    /// A folder whose files take the place of the embedded templates, file by file.
    pub templates: Option<PathBuf>,
    /// The folder of the subscribers' CSV files.
    pub subscribers: PathBuf,
    /// Who writes.
    pub sender: Sender,
    /// Who is told.
    pub staff: Staff,
    /// Where posts come from.
    pub feeds: Vec<Feed>,
    /// How far we go to get them.
    pub collect: Collect,
    /// What cannot wait.
    pub urgent: Vec<UrgentRule>,
    /// What one subscribes to.
    pub lists: Vec<List>,
    /// Whom we hand messages to, in order of preference.
    pub relays: Vec<Relay>,
    /// How fast, to whom.
    pub domains: Vec<DomainLimit>,
    /// What signs messages; none when the relay does.
    pub dkim: Vec<DkimKey>,
    /// How often we try.
    pub delivery: Delivery,
    /// The public pages, and the desk when it has no address of its own.
    pub web: Web,
    /// Where the desk is, when it has an address of its own.
    pub desk: Option<Desk>,
    /// Programs that ask.
    pub api: Api,
    /// Those who join by themselves.
    pub joining: Joining,
    /// Mail that comes in.
    pub intake: Intake,
    /// Which mail providers tell us of bounces and complaints over HTTP.
    pub hooks: Vec<Hook>,
    /// Which of the house's own systems are told of what happens.
    pub webhooks: Vec<Webhook>,
    /// What is unwise but not wrong, in the order of the file.
    pub warnings: Vec<Mistake>,
}

impl Config {
    /// The list of that name, when it is configured.
    pub fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.name.as_str() == name)
    }

    /// The feed of that name, when it is configured.
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.feeds.iter().find(|feed| feed.name.as_str() == name)
    }

    /// Reads the file at `path`; `env` gives the variables of the environment.
    ///
    /// # Errors
    /// Every mistake at once, or the one that kept us from reading the file.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let unread = |problem: String, hint: Option<&str>| ConfigError {
            path: path.to_owned(),
            mistakes: vec![Mistake { key: String::new(), position: None, problem, hint: hint.map(str::to_owned) }],
        };
        let bytes = std::fs::read(path).map_err(|error| {
            unread(format!("cannot be read: {error}"), Some("`tidings init` makes one; `--config FILE` names another"))
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| unread("is not UTF-8 text".to_owned(), Some("save it again as UTF-8")))?;
        Self::parse(&text, path, env)
    }

    /// Reads the text of a file that is, or would be, at `path`: paths in it are relative to that file's folder. The
    /// files of secrets and certificates are read, and folders looked for; nothing else outside the text is touched.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn parse(text: &str, path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = Source::new(text, path, env);
        let table = source.table()?.into_inner();
        let config = read(Section::top(&source, table));
        let warnings = source.verdict()?;
        let config = config.expect("what is required is there, or else the verdict was an error");
        Ok(Self { warnings, ..config })
    }

    /// Where staff reach the desk: at an address of its own, or among the public pages.
    pub fn desk_url(&self) -> &Url {
        self.desk.as_ref().map_or(&self.base_url, |desk| &desk.base_url)
    }
}

/// Reads the whole file. `None` when something required is absent or wrong, which is then among the mistakes.
fn read(mut top: Section<'_, '_>) -> Option<Config> {
    let (source, default) = (top.source, Config::default());
    let base_url = top.required("base_url", Value::base_url);
    let database = top.or("database", Database::Sqlite(source.resolve(DATABASE)), Value::database);
    let secret = signing_key(&mut top, &database);
    let beside = Some(source.resolve("templates")).filter(|folder| folder.is_dir());
    let templates = top.or("templates", beside, |value| value.folder().map(Some));
    let subscribers = top.or("subscribers", source.resolve(SUBSCRIBERS), Value::folder);
    let sender = people::sender(&mut top);
    let dkim = dkim::keys(&mut top, sender.as_ref());
    let staff = people::staff(&mut top);
    let mut feed_names = Names::default();
    let feeds = feeds::feeds(&mut top, &mut feed_names);
    let collect = feeds::collect(&mut top);
    let urgent = lists::urgent(&mut top);
    let lists = lists::lists(&mut top, &feed_names);
    let relays = relays::relays(&mut top, base_url.as_ref().unwrap_or(&default.base_url));
    let domains = relays::domains(&mut top);
    let delivery = relays::delivery(&mut top);
    let web = people::web(&mut top);
    let desk = desk::desk(&mut top, &web);
    let api = api::api(&mut top);
    let joining = people::joining(&mut top);
    let intake = intake::intake(&mut top);
    let hooks = hooks::hooks(&mut top);
    let webhooks = webhooks::webhooks(&mut top, &lists);
    if !urgent.is_empty() && lists.iter().all(|list| list.alerts == Alerts::Off) {
        let problem = Problem::new("no list has `alerts = true`, so no post is ever mailed at once");
        top.warn("urgent", problem.hint("set `alerts = true` in a `[[lists]]`, or take the rules out"));
    }
    top.finish();
    Some(Config {
        base_url: base_url?,
        database,
        secret,
        templates,
        subscribers,
        sender: sender?,
        staff,
        feeds,
        collect,
        urgent,
        lists,
        relays,
        domains,
        dkim,
        delivery,
        web,
        desk,
        api,
        joining,
        intake,
        hooks,
        webhooks,
        warnings: Vec::new(),
    })
}

/// Reads `secret`. Beside a SQLite file we can keep one of our own; machines that share a server must share the key.
fn signing_key(top: &mut Section<'_, '_>, database: &Database) -> SecretSource {
    let line = top.take("secret");
    if line.is_none() && matches!(database, Database::Postgres(_)) {
        top.mistake(
            "secret",
            Problem::new("missing; with PostgreSQL every machine needs the same one")
                .hint("write `secret = { env = \"TIDINGS_SECRET\" }` and make it with `openssl rand -hex 32`"),
        );
    }
    line.and_then(|value| value.read(Value::signing_key)).unwrap_or(SecretSource::BesideDatabase)
}

impl Value<'_, '_> {
    /// Where readers reach us: a URL to which paths can be added.
    fn base_url(&self) -> Result<Url, Problem> {
        let mut url = self.web_url()?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Problem::new("may not have a `?` or `#`: paths are added to it"));
        }
        if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
            let problem = Problem::new("is not https, which one-click unsubscribe (RFC 8058) and readers' trust need");
            self.warn(problem.hint("put a web server with a certificate in front, and write `https://`"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(url)
    }
}

/// All defaults, relative to the working folder. There are no feeds, lists or relays, and the sender is a stand-in:
/// these and `base_url` have no default in a file.
impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: Url::parse("http://127.0.0.1:8080/").expect("it is written above"),
            database: Database::Sqlite(DATABASE.into()),
            secret: SecretSource::BesideDatabase,
            templates: None,
            subscribers: SUBSCRIBERS.into(),
            sender: Sender {
                name: "Tidings".to_owned(),
                address: EmailAddress::parse("tidings@example.org").expect("it is written above"),
                reply_to: None,
                postal_address: String::new(),
                press_contact: String::new(),
                accent: people::ACCENT.to_owned(),
            },
            staff: Staff::default(),
            feeds: Vec::new(),
            collect: Collect::default(),
            urgent: Vec::new(),
            lists: Vec::new(),
            relays: Vec::new(),
            domains: Vec::new(),
            dkim: Vec::new(),
            delivery: Delivery::default(),
            web: Web::default(),
            desk: None,
            api: Api::default(),
            joining: Joining::default(),
            intake: Intake::default(),
            hooks: Vec::new(),
            webhooks: Vec::new(),
            warnings: Vec::new(),
        }
    }
}
