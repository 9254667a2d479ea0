//! A press office with so many readers and a digest queued to all of them, made before any clock starts. Of one house,
//! each run gets a copy of its own.

use std::{
    fmt::Write,
    fs::{self, File},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tidings::{
    app::App,
    clock::Clock,
    config::Config,
    publish::{self, PassOptions},
};

use super::{
    measure::{self, Measured},
    smtp_sink::free_port,
};

/// The list that all readers are on.
pub(crate) const LIST: &str = "news";

/// How many posts stand in the digest, and how many sentences in each: together they make messages of about 9 KB.
const POSTS: usize = 1;
const SENTENCES: usize = 1;

/// Whether messages are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// They are not.
    Off,
    /// With DKIM, by a key of RSA-2048.
    Rsa,
}

/// How a copy of a house reaches its relay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Road {
    /// The relay's port, on this machine.
    pub(crate) port: u16,
    /// How many connections at once.
    pub(crate) sessions: usize,
    /// Whether messages are signed.
    pub(crate) signing: Signing,
}

/// A folder with config.toml, a database and all that belongs to it.
#[derive(Debug)]
pub(crate) struct House {
    folder: TempDir,
    web_port: u16,
}

impl House {
    /// An office with nobody on its list.
    pub(crate) fn empty() -> anyhow::Result<Self> {
        let house = Self::bare()?;
        fs::write(house.path().join("feed.xml"), feed(Timestamp::now())?)?;
        house.lead(Road { port: 9, sessions: 1, signing: Signing::Off })?;
        Ok(house)
    }

    /// An office with a digest queued to so many readers.
    pub(crate) fn queued(readers: usize) -> anyhow::Result<Self> {
        let house = Self::empty()?;
        house.import(readers)?;
        house.queue(readers)?;
        Ok(house)
    }

    /// Imports so many readers from a CSV file, by the program; gives what that cost.
    pub(crate) fn import(&self, readers: usize) -> anyhow::Result<Measured> {
        let path = self.path().join("readers.csv");
        let mut csv = BufWriter::new(File::create(&path)?);
        for n in 0..readers {
            writeln!(csv, "reader{n}@example.org,Reader {n}")?;
        }
        csv.flush()?;
        let mut command = self.tidings();
        command.args(["subscribers", "import", LIST, "readers.csv"]);
        let measured = measure::alone(command)?;
        fs::remove_file(path)?;
        Ok(measured)
    }

    /// Lets a day pass, so that the digest is due and queued to so many readers; gives how long it took to compose, render
    /// and queue it.
    pub(crate) fn queue(&self, readers: usize) -> anyhow::Result<Duration> {
        runtime()?.block_on(async {
            let day = SignedDuration::from_hours(24);
            let clock = Clock::manual(Timestamp::now() - day);
            let app = App::open(self.config()?, clock.clone()).await?;
            let pass = publish::publish_due(&app, PassOptions { backfill: POSTS }).await?;
            anyhow::ensure!(pass.posts == POSTS, "the feed gave {} posts: {:?}", pass.posts, pass.notes);
            clock.advance(day);
            let began = Instant::now();
            let pass = publish::publish_due(&app, PassOptions::default()).await?;
            let took = began.elapsed();
            let (due, _) = app.store.due(clock.now()).await?;
            app.store.close().await;
            anyhow::ensure!(pass.digests == 1 && due == readers as u64, "{due} are due: {:?}", pass.notes);
            Ok(took)
        })
    }

    /// A copy that sends by this road.
    pub(crate) fn copy(&self, road: Road) -> anyhow::Result<Self> {
        let copy = Self::bare()?;
        for name in ["feed.xml", "tidings.db", "tidings.db.secret"] {
            fs::copy(self.path().join(name), copy.path().join(name)).with_context(|| format!("cannot copy {name}"))?;
        }
        // What was copied is to be on the disk, or the run that is measured waits for it.
        File::open(copy.path().join("tidings.db"))?.sync_all()?;
        copy.lead(road)?;
        Ok(copy)
    }

    /// Lets it send by this road from now on.
    pub(crate) fn lead(&self, road: Road) -> anyhow::Result<()> {
        let mut config = config(road, self.web_port);
        if road.signing == Signing::Rsa {
            config.push_str("[[dkim]]\nselector = \"bench\"\nkey = { file = \"dkim.pem\" }\n");
            fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(self.path().join("dkim.pem"))?
                .write_all(&rsa_key()?)?;
        }
        fs::write(self.path().join("config.toml"), config)?;
        Ok(())
    }

    /// The program, to be run in this house with nothing of our environment that it would heed.
    pub(crate) fn tidings(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.current_dir(self.path()).args(["--config", "config.toml"]);
        for name in ["TIDINGS_CONFIG", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// One pass of the program, which sends all that is queued.
    pub(crate) fn run(&self) -> Command {
        let mut command = self.tidings();
        command.arg("run");
        command
    }

    /// What its config.toml says.
    ///
    /// # Errors
    /// When this build does not know a key that was asked for.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.path().join("config.toml"), &|_| None)?)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where its daemon would listen.
    pub(crate) fn web_port(&self) -> u16 {
        self.web_port
    }

    fn bare() -> anyhow::Result<Self> {
        Ok(Self { folder: TempDir::new()?, web_port: free_port()? })
    }
}

/// A runtime for what the library does.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn config(road: Road, web_port: u16) -> String {
    let Road { port, sessions, .. } = road;
    format!(
        r#"base_url = "https://news.example.org"
database = "sqlite://tidings.db"
[sender]
name = "Example Coalition"
address = "news@example.org"
postal_address = "1 Example Street, Washington, DC"
[[feeds]]
name = "site"
url = "feed.xml"
[[lists]]
name = "{LIST}"
title = "Coalition news"
feeds = ["site"]
digest = "0 0 * * *"
alerts = true
[[relays]]
name = "sink"
host = "127.0.0.1"
port = {port}
tls = "none"
connections = {sessions}
[web]
listen = "127.0.0.1:{web_port}"
"#
    )
}

/// The site's feed, with posts of the days before yesterday.
fn feed(now: Timestamp) -> anyhow::Result<String> {
    let mut feed = String::from(
        "<rss version=\"2.0\"><channel><title>Example</title><link>https://example.org/</link><description>x</description>",
    );
    for nth in 0..POSTS {
        let at = now - SignedDuration::from_hours(25 + nth as i64);
        let date = jiff::fmt::rfc2822::to_string(&at.to_zoned_datetime(jiff::tz::TimeZone::UTC))?;
        let story =
            "The committee heard three witnesses on Tuesday and will publish what they said. ".repeat(SENTENCES);
        write!(
            feed,
            "<item><title>What the committee heard, part {nth}</title><guid>https://example.org/?p={nth}</guid>\
             <link>https://example.org/{nth}/</link><pubDate>{date}</pubDate><description>{story}</description></item>"
        )?;
    }
    feed.push_str("</channel></rss>");
    Ok(feed)
}

/// A fresh key, made by OpenSSL as CONTRIBUTING and providers tell people to.
fn rsa_key() -> anyhow::Result<Vec<u8>> {
    let made = Command::new("openssl").args(["genrsa", "2048"]).output().context("openssl does not start")?;
    anyhow::ensure!(made.status.success(), "openssl made no key");
    Ok(made.stdout)
}
