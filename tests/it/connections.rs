//! Connections of those who mean no good, or are slow: they get nothing from others, and keep nothing for ever. What somebody
//! wanted done is done, though their connection is gone.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use tidings::{
    daemon::connections::{Manner, answer},
    stop::Stop,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

/// Longer than anything here takes when all is well.
const LONG: Duration = Duration::from_secs(20);
/// A moment.
const SHORT: Duration = Duration::from_millis(500);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n";
const DEED: &[u8] = b"POST /deed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
const DONE: &[u8] = b"GET /done HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Pages that answer `/` at once and `/slow` when they are told to. What is POSTed to `/deed` is done when they are told
/// to, and `/done` says how many were.
struct House {
    address: SocketAddr,
    stop: Stop,
    go: Arc<Notify>,
    begun: Arc<Notify>,
    done: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl House {
    async fn with(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (stop, go) = (Stop::default(), Arc::new(Notify::new()));
        let slow = Arc::clone(&go);
        let slowly = async move || {
            slow.notified().await;
            "at last"
        };
        let (begun, done) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let (at_it, go_on, count) = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&done));
        let deed = async move || {
            at_it.notify_one();
            go_on.notified().await;
            count.fetch_add(1, Ordering::SeqCst);
            "as you wish"
        };
        let count = Arc::clone(&done);
        let router = Router::new()
            .route("/", get(async || "at once"))
            .route("/slow", get(slowly))
            .route("/deed", post(deed))
            .route("/done", get(async move || format!("{} done", count.load(Ordering::SeqCst))))
            .route("/wrong", post(async || -> &'static str { panic!("as it was told") }));
        let told = stop.clone();
        let serving = tokio::spawn(async move { answer(&listener, router, &told, manner).await });
        Self { address, stop, go, begun, done, serving }
    }

    /// A connection on which this was said.
    async fn says(&self, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(words).await.expect("said");
        stream
    }

    /// Somebody wants a deed done and is gone before it is: the server sees that before it answers others.
    async fn wants_a_deed_and_is_gone(&self) {
        let stream = self.says(DEED).await;
        timeout(LONG, self.begun.notified()).await.expect("it is begun");
        drop(stream);
    }

    /// How many deeds were done.
    fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    async fn ends(self) {
        timeout(LONG, self.serving).await.expect("it ends").expect("it does not panic");
    }
}

/// A manner in which nothing ends by itself within a test.
fn patient() -> Manner {
    Manner { most: 100, head: 10 * LONG, age: 10 * LONG, farewell: 10 * LONG }
}

/// All that comes until the connection is ended from the other side.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is reset has ended as well.
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the connection ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What comes, as far as these words.
async fn hears(stream: &mut TcpStream, words: &str) {
    let (mut heard, mut buffer) = (String::new(), [0; 1024]);
    while !heard.contains(words) {
        let count = timeout(LONG, stream.read(&mut buffer)).await.expect("an answer").expect("a connection");
        assert!(count > 0, "it ended after {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

/// Asks again and again.
async fn asks_until_it_is_hung_up_on(stream: &mut TcpStream) {
    while stream.write_all(REQUEST).await.is_ok()
        && timeout(LONG, stream.read(&mut [0; 4096])).await.is_ok_and(|read| read.is_ok_and(|count| count > 0))
    {}
}

#[tokio::test]
async fn who_says_nothing_or_half_a_request_is_hung_up_on() {
    let house = House::with(Manner { head: SHORT, ..patient() }).await;
    for words in [&b""[..], b"G", b"GET / HTTP/1.1\r\nHost: local", b"GET / HTTP/1.1\r\nHost: localhost\r\n"] {
        let said = rest(&mut house.says(words).await).await;
        assert!(!said.contains("at once"), "{said}");
    }
    // So is who has asked once and then says nothing.
    assert!(rest(&mut house.says(REQUEST).await).await.ends_with("at once"));
}

#[tokio::test]
async fn who_takes_every_place_gives_them_back() {
    let house = House::with(Manner { most: 3, head: SHORT, ..patient() }).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(house.says(b"GET /").await);
    }
    hears(&mut house.says(REQUEST).await, "at once").await;
}

#[tokio::test]
async fn nobody_keeps_a_place_for_ever_by_asking_again_and_again() {
    let house = House::with(Manner { age: SHORT, ..patient() }).await;
    let mut stream = house.says(REQUEST).await;
    hears(&mut stream, "at once").await;
    asks_until_it_is_hung_up_on(&mut stream).await;
    hears(&mut house.says(REQUEST).await, "at once").await;
}

#[tokio::test]
async fn an_answer_that_was_begun_late_has_its_time_and_no_more() {
    let house = House::with(Manner { head: SHORT, age: 4 * SHORT, farewell: Duration::ZERO, ..patient() }).await;
    let mut streams = [house.says(REQUEST).await, house.says(REQUEST).await];
    for stream in &mut streams {
        hears(stream, "at once").await;
        stream.write_all(SLOW).await.expect("said");
    }
    // They are older than may be once what came a while later is as old as may be.
    rest(&mut house.says(b"").await).await;
    asks_until_it_is_hung_up_on(&mut house.says(REQUEST).await).await;
    house.go.notify_one();
    assert!(rest(&mut streams[0]).await.ends_with("at last"));
    assert_eq!(rest(&mut streams[1]).await, "");
}

#[tokio::test]
async fn what_somebody_wants_done_is_done_though_they_are_gone() {
    let house = House::with(patient()).await;
    house.wants_a_deed_and_is_gone().await;
    for _ in 0..2 {
        hears(&mut house.says(REQUEST).await, "at once").await;
    }
    house.go.notify_one();
    let all_done = async {
        while house.done() == 0 {
            hears(&mut house.says(REQUEST).await, "at once").await;
        }
    };
    timeout(LONG, all_done).await.expect("it is done");
    // Who waits for it gets the answer.
    let mut stream = house.says(DEED).await;
    house.go.notify_one();
    hears(&mut stream, "as you wish").await;
}

#[tokio::test]
async fn a_place_is_taken_until_what_was_wanted_on_it_is_done() {
    let house = House::with(Manner { most: 1, ..patient() }).await;
    house.wants_a_deed_and_is_gone().await;
    let mut other = house.says(DONE).await;
    assert!(timeout(SHORT, other.readable()).await.is_err(), "nobody is answered yet");
    house.go.notify_one();
    hears(&mut other, "1 done").await;
}

#[tokio::test]
async fn what_is_being_done_is_waited_for_before_we_end_and_not_for_ever() {
    let house = House::with(patient()).await;
    let done = Arc::clone(&house.done);
    house.wants_a_deed_and_is_gone().await;
    hears(&mut house.says(REQUEST).await, "at once").await;
    house.stop.ask();
    house.go.notify_one();
    house.ends().await;
    assert_eq!(done.load(Ordering::SeqCst), 1);

    for manner in [Manner { farewell: SHORT, ..patient() }, patient()] {
        let house = House::with(manner).await;
        let (go, done) = (Arc::clone(&house.go), Arc::clone(&house.done));
        house.wants_a_deed_and_is_gone().await;
        house.stop.ask();
        if manner.farewell != SHORT {
            house.stop.ask();
        }
        house.ends().await;
        // Nobody is at it any more.
        go.notify_one();
        tokio::task::yield_now().await;
        assert_eq!(done.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_deed_that_panics_ends_its_connection_and_nothing_else() {
    let house = House::with(Manner { most: 1, ..patient() }).await;
    let mut stream = house.says(b"POST /wrong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(rest(&mut stream).await, "");
    hears(&mut house.says(REQUEST).await, "at once").await;
}

#[tokio::test]
async fn half_a_request_does_not_keep_us_from_ending() {
    let house = House::with(Manner { farewell: SHORT, ..patient() }).await;
    let mut halves = [house.says(b"GET / HTTP/1.1\r\nHos").await, house.says(b"").await, house.says(REQUEST).await];
    hears(&mut halves[2], "at once").await;
    house.stop.ask();
    house.ends().await;
    for half in &mut halves {
        rest(half).await;
    }
}

#[tokio::test]
async fn an_answer_under_way_is_given_before_we_end() {
    let house = House::with(patient()).await;
    let mut stream = house.says(SLOW).await;
    // What was asked first is under way once what was asked later is answered.
    hears(&mut house.says(REQUEST).await, "at once").await;
    house.stop.ask();
    house.go.notify_one();
    assert!(rest(&mut stream).await.ends_with("at last"));
    house.ends().await;
}

#[tokio::test]
async fn told_to_end_now_we_wait_for_nobody() {
    let house = House::with(patient()).await;
    let mut stream = house.says(SLOW).await;
    house.stop.ask();
    house.stop.ask();
    assert_eq!(rest(&mut stream).await, "");
    house.ends().await;
}

#[tokio::test]
async fn only_http_1_is_spoken_and_a_head_is_bounded() {
    let house = House::with(patient()).await;
    let mut other = house.says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let said = rest(&mut other).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said:?}");
    let large = [b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", &vec![b'x'; 80 * 1024][..], b"\r\n\r\n"].concat();
    let mut stream = TcpStream::connect(house.address).await.expect("a connection");
    // It may hang up before it has heard all of it.
    let _ = stream.write_all(&large).await;
    let said = rest(&mut stream).await;
    assert!(!said.contains("at once"), "{said}");
}
