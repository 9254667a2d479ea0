//! What a world is to be before it starts: lines of config.toml that differ, the engine, the hour.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicUsize},
};

use jiff::Timestamp;
use tempfile::TempDir;
use tidings::{app::App, clock::Clock, config::Config};

use super::{
    FEED, Signs, World,
    feed_server::{FeedServer, Response},
    relay::ScriptedRelay,
    signatures,
    site::feed_of,
    stores::{self, postgres_database},
};

/// When a world begins: a Wednesday. Its digest goes on Mondays at 09:00, so that of 2024-04-29 is the first.
pub(crate) const START: &str = "2024-04-24T12:00:00Z";

/// A house to be.
#[derive(Debug)]
pub(crate) struct Setup {
    start: Timestamp,
    on_postgres: bool,
    top: Vec<String>,
    sender: Vec<String>,
    feed: Vec<String>,
    list: Vec<String>,
    relay: Vec<String>,
    delivery: Vec<String>,
    staff: Vec<String>,
    intake: Vec<String>,
    more: String,
    signs: Signs,
}

impl Default for Setup {
    fn default() -> Self {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        Self {
            start: START.parse().expect("an instant"),
            on_postgres: stores::is_told_on_postgres(),
            top: lines(&["base_url = \"https://news.example.org\"", "secret = \"a secret of the tests\""]),
            sender: lines(&[
                "name = \"Example Coalition\"",
                "address = \"news@example.org\"",
                "postal_address = \"1 Example Street, Washington, DC\"",
            ]),
            feed: lines(&["name = \"site\""]),
            list: lines(&[
                "name = \"news\"",
                "title = \"Coalition news\"",
                "feeds = [\"site\"]",
                "digest = \"0 9 * * MON\"",
                "alerts = true",
            ]),
            relay: lines(&["name = \"main\"", "host = \"127.0.0.1\"", "tls = \"none\""]),
            delivery: Vec::new(),
            staff: lines(&["notify = [\"desk@example.org\"]"]),
            intake: lines(&["address = \"news@example.org\""]),
            more: String::new(),
            signs: Signs::Nothing,
        }
    }
}

impl Setup {
    /// The store is on PostgreSQL.
    pub(crate) fn on_postgres(self) -> Self {
        Self { on_postgres: true, ..self }
    }

    /// It begins at another instant.
    pub(crate) fn at(self, start: Timestamp) -> Self {
        Self { start, ..self }
    }

    /// A line above all sections; it takes the place of the one with the same key. So do those of the next few.
    pub(crate) fn top(mut self, line: &str) -> Self {
        set(&mut self.top, line);
        self
    }

    /// A line about the sender.
    pub(crate) fn sender(mut self, line: &str) -> Self {
        set(&mut self.sender, line);
        self
    }

    /// A line about the feed `site`.
    pub(crate) fn feed(mut self, line: &str) -> Self {
        set(&mut self.feed, line);
        self
    }

    /// A line about the list `news`.
    pub(crate) fn list(mut self, line: &str) -> Self {
        set(&mut self.list, line);
        self
    }

    /// A line about the relay `main`.
    pub(crate) fn relay(mut self, line: &str) -> Self {
        set(&mut self.relay, line);
        self
    }

    /// A line of `[delivery]`.
    pub(crate) fn delivery(mut self, line: &str) -> Self {
        set(&mut self.delivery, line);
        self
    }

    /// A line of `[staff]`.
    pub(crate) fn staff(mut self, line: &str) -> Self {
        set(&mut self.staff, line);
        self
    }

    /// A line of `[intake]`.
    pub(crate) fn intake(mut self, line: &str) -> Self {
        set(&mut self.intake, line);
        self
    }

    /// Whole sections to be added; `SITE` stands for the site's address.
    pub(crate) fn also(mut self, sections: &str) -> Self {
        self.more.push_str(sections);
        self.more.push('\n');
        self
    }

    /// It signs its messages, and each is verified when the world goes away.
    pub(crate) fn signed(self) -> Self {
        Self { signs: Signs::All, ..self }.also(&signatures::sections())
    }

    /// Starts all of it. The feed is there, without a post.
    pub(crate) async fn start(mut self) -> World {
        let folder = TempDir::new().expect("a temporary folder");
        let (relay, site) = (ScriptedRelay::start().await, FeedServer::start().await);
        set(&mut self.feed, &format!("url = \"{}\"", site.url(FEED)));
        set(&mut self.relay, &format!("port = {}", relay.port()));
        let mut database = format!("sqlite://{}", folder.path().join("data/tidings.db").display());
        if self.on_postgres {
            database = postgres_database().await;
            set(&mut self.top, &format!("database = \"{database}\""));
        }
        if self.signs == Signs::All {
            signatures::write_keys(folder.path());
        }
        std::fs::write(folder.path().join("config.toml"), self.text(&site)).expect("config.toml");
        site.serve(FEED, Response::feed(feed_of(&[])));
        let clock = Clock::manual(self.start);
        let app = App::open(config_in(folder.path()), clock.clone()).await.expect("a house opens");
        World { app: Arc::new(app), relay, site, clock, database, folder, read: AtomicUsize::new(0), signs: self.signs }
    }

    fn text(&self, site: &FeedServer) -> String {
        let site = site.url("").to_string();
        let sections = [
            ("", self.top.clone()),
            ("[sender]", self.sender.clone()),
            ("[staff]", self.staff.clone()),
            ("[[feeds]]", self.feed.clone()),
            ("[collect]", vec!["private_networks = [\"127.0.0.0/8\"]".to_owned()]),
            ("[[urgent]]", vec!["name = \"condemnation\"".to_owned(), "words = [\"condemn*\"]".to_owned()]),
            ("[[lists]]", self.list.clone()),
            ("[[relays]]", self.relay.clone()),
            ("[delivery]", self.delivery.clone()),
            ("[intake]", self.intake.clone()),
        ];
        let sections = sections.map(|(head, lines)| format!("{head}\n{}\n", lines.join("\n")));
        format!("{}\n{}", sections.join("\n"), self.more.replace("SITE", site.trim_end_matches('/')))
    }
}

/// What config.toml in that folder says.
pub(super) fn config_in(folder: &Path) -> Config {
    let path = folder.join("config.toml");
    let text = std::fs::read_to_string(&path).expect("config.toml");
    Config::parse(&text, &path, &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Sets `key = value`, in the place of a line with the same key.
fn set(lines: &mut Vec<String>, line: &str) {
    let key = |line: &str| line.split('=').next().map(|key| key.trim().to_owned());
    match lines.iter_mut().find(|old| key(old) == key(line)) {
        Some(old) => line.clone_into(old),
        None => lines.push(line.to_owned()),
    }
}
