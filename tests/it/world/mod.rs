//! The world that stories are told in: one house with its store, its site, its relay and its clock. Sockets and files
//! are real; only the time is moved by hand.
//!
//! ```ignore
//! let world = World::new().await;
//! world.readers(3).await;
//! world.run().await; // the first look at the site: a baseline
//! world.feed_has(&[world.post("Coalition condemns a transfer")]);
//! world.minutes(10);
//! assert_eq!(world.run().await.pass.alerts, 1);
//! assert_eq!(world.mails_to("reader1@example.org")[0].subject, "Condemnation: Coalition condemns a transfer");
//! ```
//!
//! The relay's own record is the oracle, never our counters; and each mail read through the world has passed
//! [`check::check_message`].

#![allow(dead_code, reason = "each story uses a part of it")]

pub(crate) mod api;
pub(crate) mod browser;
pub(crate) mod check;
pub(crate) mod crawler;
pub(crate) mod desk;
pub(crate) mod doors;
pub(crate) mod dovecot;
pub(crate) mod feed_server;
pub(crate) mod imap_server;
mod mail;
pub(crate) mod manners;
pub(crate) mod name_server;
pub(crate) mod nobody;
mod open;
pub(crate) mod pages;
pub(crate) mod policy;
pub(crate) mod postfix;
pub(crate) mod program;
pub(crate) mod python;
pub(crate) mod relay;
mod rows;
mod setup;
pub(crate) mod signatures;
pub(crate) mod sink;
mod site;
pub(crate) mod stores;
pub(crate) mod wire;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tidings::{
    app::App,
    clock::Clock,
    config::Config,
    deliver::{
        self, Until,
        tally::{Counts, Tally},
    },
    domain::{
        address::EmailAddress,
        consent::Door,
        delivery::Lane,
        issue::IssueId,
        request::{RequestKind, Wish},
        run::RunKind,
        slug::Slug,
        subscription::NewSubscriber,
    },
    intake::bounces,
    newsroom::By,
    publish::{self, Pass, PassOptions},
    stop::Stop,
    store::issues::StoredIssue,
    subscribe::{self, Added, Asked, AskedFrom, Returning, Synced},
};

use self::{
    feed_server::{FeedServer, Response},
    relay::ScriptedRelay,
};
pub(crate) use self::{
    mail::{Mail, recipients, subjects},
    setup::Setup,
    site::{Post, feed_of, post},
};

/// Where the site has its feed.
pub(crate) const FEED: &str = "/feed/";

/// A house and all that it deals with. It goes away with its test.
pub(crate) struct World {
    /// The house itself.
    pub(crate) app: Arc<App>,
    /// Its relay.
    pub(crate) relay: ScriptedRelay,
    /// Its site.
    pub(crate) site: FeedServer,
    /// Its clock, which every [`App`] of this world shares.
    pub(crate) clock: Clock,
    /// The URL of its database, for who looks into that around the program.
    database: String,
    folder: TempDir,
    /// How many mails [`World::new_mails`] has given.
    read: AtomicUsize,
    /// Whether its messages are to be signed.
    signs: Signs,
}

/// Whether a house signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signs {
    /// With each key of the tests.
    All,
    /// Its relay does.
    Nothing,
}

/// Every message of a house that signs is verified, once its story is told.
impl Drop for World {
    fn drop(&mut self) {
        if self.signs == Signs::All && !std::thread::panicking() {
            let messages = self.relay.messages();
            assert!(!messages.is_empty(), "a house that signs has sent nothing");
            signatures::assert_all_signed(&messages.into_iter().map(|message| message.bytes).collect::<Vec<_>>());
        }
    }
}

/// What one pass came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What the subscribers' files gave.
    pub(crate) files: Vec<Synced>,
    /// What was collected and published.
    pub(crate) pass: Pass,
    /// What was delivered, as the tally has it.
    pub(crate) counts: Counts,
}

impl Ran {
    /// Posts, alerts and digests of this pass.
    pub(crate) fn made(&self) -> (usize, usize, usize) {
        (self.pass.posts, self.pass.alerts, self.pass.digests)
    }

    /// True when a note of this pass holds these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.pass.notes.iter().any(|note| note.contains(words))
    }
}

impl World {
    /// A house as config.toml's example describes it, on SQLite, at [`setup::START`]; its site's feed has no post yet.
    pub(crate) async fn new() -> Self {
        Self::setup().start().await
    }

    /// A house to be described first.
    pub(crate) fn setup() -> Setup {
        Setup::default()
    }

    /// Subscribes reader1@example.org, reader2@… and so on to `news`.
    pub(crate) async fn readers(&self, count: usize) {
        for n in 1..=count {
            let address = format!("reader{n}@example.org");
            assert_eq!(self.join("news", &address).await, Added::Joined);
        }
    }

    /// Adds one person to a list, as staff would.
    pub(crate) async fn join(&self, list: &str, address: &str) -> Added {
        let person = NewSubscriber { address: address_of(address), name: String::new() };
        subscribe::add(&self.app, &slug(list), &person, Returning::StaysAway).await.expect("the store takes them")
    }

    /// Takes one person off a list, as staff would.
    pub(crate) async fn part(&self, list: &str, address: &str) {
        let gone = subscribe::remove(&self.app, &slug(list), &address_of(address)).await;
        assert!(gone.expect("the store takes it"), "{address} was on {list}");
    }

    /// The feed has these posts from now on, in this order.
    pub(crate) fn feed_has(&self, posts: &[Post]) {
        self.site.serve(FEED, Response::feed(feed_of(posts)));
    }

    /// A post that is published now.
    pub(crate) fn post(&self, title: &str) -> Post {
        post(title).at(self.clock.now())
    }

    /// So many readers, and a first look at a feed with one old post, which sends nothing.
    pub(crate) async fn begin(&self, readers: usize) {
        self.readers(readers).await;
        self.feed_has(&[post("An old story").dated("2024-04-20T08:00:00Z")]);
        let ran = self.run().await;
        assert_eq!((ran.made(), ran.counts.sent), ((0, 0, 0), 0), "{ran:?}");
    }

    /// Ten minutes later the feed has these posts, and a pass is made.
    pub(crate) async fn next_look(&self, posts: &[Post]) -> Ran {
        self.feed_has(posts);
        self.minutes(10);
        self.run().await
    }

    /// One pass, as `tidings run` makes it.
    pub(crate) async fn run(&self) -> Ran {
        run(&self.app).await
    }

    /// Moves the clock.
    pub(crate) fn minutes(&self, count: i64) {
        self.clock.advance(SignedDuration::from_mins(count));
    }

    /// Moves the clock.
    pub(crate) fn hours(&self, count: i64) {
        self.clock.advance(SignedDuration::from_hours(count));
    }

    /// Moves the clock to an instant, such as `2024-04-29T09:00:00Z`.
    pub(crate) fn until(&self, instant: &str) {
        let instant: Timestamp = instant.parse().expect("an instant");
        self.clock.advance(instant.duration_since(self.clock.now()));
    }

    /// Every mail that the relay has taken, in order.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.relay.messages().iter().map(Mail::read).collect()
    }

    /// The mails that the relay has taken since this was asked last.
    pub(crate) fn new_mails(&self) -> Vec<Mail> {
        let mails = self.mails();
        let read = self.read.swap(mails.len(), Ordering::Relaxed);
        mails.into_iter().skip(read).collect()
    }

    /// The mails to one address.
    pub(crate) fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.to == address).collect()
    }

    /// The house once more, on the same database and clock: another process, or the same one after a change of its
    /// configuration or templates.
    pub(crate) async fn another(&self) -> Arc<App> {
        Arc::new(App::open(self.config(), self.clock.clone()).await.expect("the house opens again"))
    }

    /// Closes the house and opens it anew: what a restart does.
    pub(crate) async fn restart(&mut self) {
        self.app.store.close().await;
        self.app = self.another().await;
    }

    /// A file of the house, by its path beside config.toml.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the house.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Changes config.toml; [`World::restart`] or a program of its own takes it up.
    pub(crate) fn change_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file("config.toml")).expect("config.toml");
        assert!(text.contains(from), "config.toml does not have {from}");
        self.write("config.toml", &text.replace(from, to));
    }

    /// Adds sections to config.toml.
    pub(crate) fn add_config(&self, sections: &str) {
        let text = std::fs::read_to_string(self.file("config.toml")).expect("config.toml");
        self.write("config.toml", &format!("{text}\n{sections}\n"));
    }

    /// The issues, the oldest first.
    pub(crate) async fn issues(&self) -> Vec<StoredIssue> {
        let mut issues = self.app.store.newest_issues(1000).await.expect("issues");
        issues.reverse();
        issues
    }

    /// The one issue that is held.
    pub(crate) async fn held_issue(&self) -> IssueId {
        let issues = self.issues().await;
        let mut held = issues.iter().filter(|issue| issue.state.as_str() == "held");
        let id = held.next().expect("an issue is held").id;
        assert!(held.next().is_none(), "only one issue is held: {issues:?}");
        id
    }

    /// The states of an issue's deliveries with their counts, in words: `sent 2, dropped 1`.
    pub(crate) async fn states(&self, issue: IssueId) -> String {
        let states = self.app.store.states_of_issue(issue).await.expect("states");
        let words = states.iter().map(|(state, count)| format!("{} {count}", state.as_str()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The ledger's lines about something such as `feed:site`, as `event: reason`.
    pub(crate) async fn ledger(&self, about: &str) -> Vec<String> {
        let entries = self.app.store.entries_about(about, 1000).await.expect("the ledger");
        entries.into_iter().map(|entry| format!("{}: {}", entry.event, entry.reason)).collect()
    }

    /// Somebody asks to join `news` from a network address, as the pages would have it.
    pub(crate) async fn asks(&self, address: &str, origin: &str) {
        let (address, news) = (address_of(address), [Wish::whole(slug("news"))]);
        let asked = Asked {
            kind: RequestKind::Join,
            address: &address,
            wishes: &news,
            door: Door::Web,
            from: AskedFrom::Network(origin.parse().expect("an address")),
        };
        subscribe::ask(&self.app, &asked).await.expect("anybody may ask");
    }

    /// What config.toml says now.
    fn config(&self) -> Config {
        setup::config_in(self.folder.path())
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// One pass of any [`App`], as `tidings run` makes it.
pub(crate) async fn run(app: &App) -> Ran {
    run_with(app, PassOptions::default()).await
}

/// One pass with options, as a run of its own.
pub(crate) async fn run_with(app: &App, options: PassOptions) -> Ran {
    let app = &app.in_run(app.store.run_number().await.expect("a number"), RunKind::Run);
    app.store.begin_run().await.expect("the store takes it");
    let files = subscribe::sync_files(app).await.expect("the store takes the files");
    let files = files.into_iter().map(|file| file.expect("a readable file")).collect();
    bounces::judge_bounces(app).await.expect("the store takes it");
    let pass = publish::publish_due(app, options).await.expect("publishing goes well");
    subscribe::forget_old_requests(app).await.expect("the store forgets");
    subscribe::forget_old_notices(app).await.expect("the store forgets");
    subscribe::answer_requests(app).await.expect("the store takes the answers");
    let counts = send(app, Lane::Digest, &Stop::default()).await;
    bounces::judge_bounces(app).await.expect("the store takes it");
    app.store.end_run(pass.did(counts.sent), None, app.clock.now()).await.expect("the store takes it");
    Ran { files, pass, counts }
}

/// Delivers until nothing is due in `lane` and those before it.
pub(crate) async fn send(app: &App, lane: Lane, stop: &Stop) -> Counts {
    let room = app.post_room().await.expect("what delivery works with");
    deliver::deliver(&room, Until::Idle(lane), stop, Arc::new(Tally::default())).await.expect("delivery goes well")
}

/// A short name.
pub(crate) fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

/// Somebody at the machine, who does what staff do.
pub(crate) fn somebody() -> By {
    By::Machine("ana".to_owned())
}

/// An address.
pub(crate) fn address_of(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

/// Asks again and again until it is so; for what happens in rows, which wake nobody.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(std::time::Duration::from_secs(20), asked).await.is_ok(), "waited in vain for {what}");
}
