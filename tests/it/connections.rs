//! Connections of those who mean no good, or are slow: they get nothing from others, and keep nothing for ever.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
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

/// Pages that answer `/` at once and `/slow` when they are told to.
struct House {
    address: SocketAddr,
    stop: Stop,
    go: Arc<Notify>,
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
        let router = Router::new().route("/", get(async || "at once")).route("/slow", get(slowly));
        let told = stop.clone();
        let serving = tokio::spawn(async move { answer(&listener, router, &told, manner).await });
        Self { address, stop, go, serving }
    }

    /// A connection on which this was said.
    async fn says(&self, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(words).await.expect("said");
        stream
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
    while stream.write_all(REQUEST).await.is_ok()
        && timeout(LONG, stream.read(&mut [0; 4096])).await.is_ok_and(|read| read.is_ok_and(|count| count > 0))
    {}
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
    let mut stream = house.says(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
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
    let mut stream = house.says(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
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
