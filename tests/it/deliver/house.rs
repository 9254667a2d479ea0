//! A house that only delivers: readers, rendered issues, relays, and a clock that is moved by hand.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use tidings::{
    clock::Clock,
    deliver::{
        self, DeliverError, PostRoom, Until,
        letterhead::Letterhead,
        tally::{Counts, Tally},
    },
    domain::{
        address::EmailAddress,
        consent::Door,
        delivery::{DeliveryState, Lane, Retries},
        issue::{Content, Draft, IssueId, IssueKey},
        links::Links,
        post::{PostId, StoredPost},
        relay::Relay,
        sender::Sender,
        subscription::{NewSubscriber, SubscriberId},
        token::Secret,
    },
    queue::{self, Edition, Ready},
    render::{Flavour, Renderer, Settings, sample},
    stop::Stop,
    store::{
        Store,
        deliveries::{Filter, StoredDelivery},
    },
};
use tokio::task::JoinHandle;

use crate::world::{
    check::{Checked, POSTAL_ADDRESS, check_message},
    eventually,
    manners::Manner,
    relay::{Received, ScriptedRelay},
    stores::TestStore,
};

/// How long an alert of these tests is of use.
pub(super) const ALERT_EXPIRES: SignedDuration = SignedDuration::from_hours(12);

/// A post room with what fills it.
pub(super) struct House {
    pub(super) room: PostRoom,
}

impl House {
    /// A house with these relays.
    pub(super) async fn with(test: &TestStore, relays: Vec<Relay>) -> Self {
        Self::on(test.store.clone(), Clock::manual(sample::now()), relays).await
    }

    /// The same house in another process: the same clock on the wall, but a store of its own.
    pub(super) async fn elsewhere(&self, test: &TestStore) -> Self {
        Self::on(test.open_again().await, self.room.clock.clone(), self.room.relays.clone()).await
    }

    async fn on(store: Store, clock: Clock, relays: Vec<Relay>) -> Self {
        let list = sample::list();
        let state = store.state_of_list(&list.name, clock.now()).await.expect("the list is there");
        let letterhead = Letterhead {
            sender: sender(),
            links: Links {
                desk_url: "https://desk.example.org/".parse().expect("a URL"),
                base_url: "https://news.example.org/".parse().expect("url"),
                intake: Some(address("news@example.org")),
                secret: Secret::new(b"a secret of the tests".to_vec()).expect("long enough"),
            },
            lists: HashMap::from([(list.name.clone(), (state.number, list))]),
        };
        Self {
            room: PostRoom {
                store,
                relays,
                domains: Vec::new(),
                retries: Retries::default(),
                hold_after: 10,
                drain: Duration::from_secs(60),
                letterhead,
                signer: None,
                clock,
            },
        }
    }

    /// The same house with other relays.
    pub(super) fn through(&self, relays: Vec<Relay>) -> Self {
        Self { room: PostRoom { relays, ..self.room.clone() } }
    }

    /// Moves the clock.
    pub(super) fn wait(&self, by: SignedDuration) {
        self.room.clock.advance(by);
    }

    /// Subscribes so many people, `reader0@example.net` and on; gives their addresses.
    pub(super) async fn readers(&self, count: usize) -> Vec<String> {
        let addresses: Vec<String> = (0..count).map(|n| format!("reader{n}@example.net")).collect();
        self.subscribe(&addresses).await;
        addresses
    }

    /// Subscribes people.
    pub(super) async fn subscribe(&self, addresses: &[String]) {
        let people: Vec<NewSubscriber> = addresses
            .iter()
            .map(|text| NewSubscriber {
                address: address(text),
                name: format!("Reader “{}”", &text[..text.len() - 12]),
            })
            .collect();
        let store = &self.room.store;
        let first = store.subscriber_ids(people.len()).await.expect("numbers");
        let mut tx = store.begin().await.expect("begin");
        let joined = tx.subscribe(&sample::list().name, &people, first, Door::Import, self.room.clock.now()).await;
        assert_eq!(joined.expect("subscribed"), people.len() as u64);
        tx.commit().await.expect("commit");
    }

    /// Takes a reader off the list, as one click does.
    pub(super) async fn leave(&self, address: &str) {
        let subscriber = self.subscriber(address).await;
        let mut tx = self.room.store.begin().await.expect("begin");
        let now = self.room.clock.now();
        assert!(tx.end_subscription(&sample::list().name, subscriber, "one click", now).await.expect("ended"));
        tx.commit().await.expect("commit");
    }

    /// A reader's number.
    pub(super) async fn subscriber(&self, text: &str) -> SubscriberId {
        let found = self.room.store.subscriptions_of(&address(text)).await.expect("read");
        found[0].subscriber
    }

    /// Queues a digest to all readers.
    pub(super) async fn digest(&self) -> IssueId {
        self.queue(&DIGEST, None).await
    }

    /// Queues an alert to all readers.
    pub(super) async fn alert(&self) -> IssueId {
        self.queue(&ALERT, Some(ALERT_EXPIRES)).await
    }

    /// Queues an issue that a test made itself, as an alert.
    pub(super) async fn publish(&self, issue: &Issue) -> IssueId {
        self.queue(issue, Some(ALERT_EXPIRES)).await
    }

    /// The same, of use however late.
    pub(super) async fn publish_for_ever(&self, issue: &Issue) -> IssueId {
        self.queue(issue, None).await
    }

    async fn queue(&self, issue: &Issue, useful: Option<SignedDuration>) -> IssueId {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let key = IssueKey::Manual(format!("key {}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut draft = Draft { key, ..issue.draft.clone() };
        give_fresh_posts(&mut draft.content);
        let now = self.room.clock.now();
        let expires = useful.map(|useful| now.checked_add(useful).expect("in range"));
        let number = self.room.store.issue_id().await.expect("a number");
        let edition = Edition { issue: number, draft: &draft, slot_at: None, why: "a test", now };
        let ready = Ready { expires_at: expires, ..Ready::at_once(issue.rendered.clone(), now) };
        let queued = queue::queue_issue(&self.room.store, edition, &ready).await;
        queued.expect("queued").issue
    }

    /// Delivers until nothing is due.
    pub(super) async fn run(&self) -> Counts {
        self.start(Until::Idle(Lane::Digest), &Stop::default()).await.expect("no panic").expect("delivered")
    }

    /// Begins to deliver.
    pub(super) fn start(&self, until: Until, stop: &Stop) -> JoinHandle<Result<Counts, DeliverError>> {
        let (room, stop) = (self.room.clone(), stop.clone());
        tokio::spawn(async move { deliver::deliver(&room, until, &stop, Arc::new(Tally::default())).await })
    }

    /// How many deliveries of an issue are in each state.
    pub(super) async fn states(&self, issue: IssueId) -> BTreeMap<DeliveryState, u64> {
        self.room.store.states_of_issue(issue).await.expect("states")
    }

    /// The one delivery to an address.
    pub(super) async fn delivery(&self, text: &str) -> StoredDelivery {
        let filter = Filter { address: Some(address(text)), ..Filter::default() };
        let mut found = self.room.store.deliveries(&filter, 2).await.expect("deliveries");
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    /// Waits until as many deliveries of an issue are in a state.
    pub(super) async fn until_state(&self, issue: IssueId, state: DeliveryState, count: u64) {
        eventually(&format!("{count} deliveries {}", state.as_str()), async || {
            self.states(issue).await.get(&state).copied().unwrap_or(0) == count
        })
        .await;
    }
}

/// What an issue of these tests says; rendered once, for rendering takes longer than delivering.
pub(super) struct Issue {
    draft: Draft,
    rendered: tidings::domain::mailing::Rendered,
}

static DIGEST: LazyLock<Issue> = LazyLock::new(|| Issue::new(sample::digest()));
static ALERT: LazyLock<Issue> = LazyLock::new(|| Issue::new(sample::manual_alert()));

impl Issue {
    /// A statement that says this, in HTML.
    pub(super) fn saying(body_html: &str) -> Self {
        let mut draft = sample::manual_alert();
        if let Content::Statement(statement) = &mut draft.content {
            statement.body_html = body_html.to_owned();
        }
        Self::new(draft)
    }

    fn new(draft: Draft) -> Self {
        let base_url = "https://news.example.org/".parse().expect("url");
        let renderer = Renderer::new(Settings { templates: None, sender: sender(), base_url });
        let renderer = renderer.expect("the built-in templates are sound");
        let rendered = renderer.render(&draft, &sample::list(), Flavour::Live, sample::now()).expect("it renders");
        Self { draft, rendered }
    }
}

fn sender() -> Sender {
    Sender {
        name: "Example Coalition".into(),
        address: address("news@example.org"),
        reply_to: None,
        postal_address: POSTAL_ADDRESS.into(),
        press_contact: String::new(),
        accent: "#0b5c6b".into(),
    }
}

pub(super) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

/// The window of a relay that is not told another one.
pub(super) const WINDOW: usize = 16;

/// The relay's own description, with so many connections.
pub(super) fn wide(relay: &ScriptedRelay, connections: usize) -> Relay {
    Relay { connections, ..relay.relay() }
}

/// What a relay took, each message checked, in order.
pub(super) fn checked(relay: &ScriptedRelay) -> Vec<(Received, Checked)> {
    relay.assert_well_spoken();
    relay.messages().into_iter().map(|received| (received.clone(), check_message(&received.bytes))).collect()
}

/// The recipients of all that a relay took, sorted.
pub(super) fn recipients(relay: &ScriptedRelay) -> Vec<String> {
    let mut recipients: Vec<String> = relay.messages().into_iter().map(|received| received.recipient).collect();
    recipients.sort_unstable();
    recipients
}

/// The same, sorted as [`recipients`] are.
pub(super) fn sorted(mut addresses: Vec<String>) -> Vec<String> {
    addresses.sort_unstable();
    addresses
}

/// Each connection over which a message came was spoken to in this manner: no trouble has made the relay distrusted.
pub(super) fn assert_spoken(relay: &ScriptedRelay, manner: Manner) {
    let ledger = relay.ledger();
    let over: BTreeMap<usize, Manner> =
        ledger.messages.iter().map(|message| (message.connection, ledger.manners[&message.connection])).collect();
    assert!(over.values().all(|spoken| *spoken == manner), "offered {manner:?}, and spoken to by connection: {over:?}");
}

/// A post is in one issue of a list: each draft has posts of its own.
fn give_fresh_posts(content: &mut Content) {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let renumber = |post: &mut StoredPost| post.id = PostId(NEXT.fetch_add(1, Ordering::Relaxed));
    match content {
        Content::Digest { posts, more, .. } => posts.iter_mut().chain(more).for_each(renumber),
        Content::Post(post) => renumber(post),
        Content::Statement(_) => {}
    }
}
