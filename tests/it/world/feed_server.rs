//! A site with feeds, on a real socket. A test says what each path answers; the server answers it and remembers what was
//! asked. It never invents anything: a path that was not set is 404.
//!
//! ```ignore
//! let site = FeedServer::start().await;
//! site.serve("/feed/", Response::feed(XML).etag("\"v1\""));
//! // … fetch site.url("/feed/") …
//! assert_eq!(site.requests()[0].header("user-agent"), Some("Tidings/0.1.0"));
//! ```

#![allow(dead_code, reason = "each story uses a part of it")]

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use futures_util::{StreamExt, stream};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};
use url::Url;

/// The most that a request may bring, in bytes.
const MAX_BODY: usize = 100_000;

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct FeedServer {
    address: SocketAddr,
    site: Arc<Mutex<Site>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Site {
    pages: HashMap<String, Response>,
    requests: Vec<Request>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) target: String,
    /// All its headers.
    pub(crate) headers: HeaderMap,
    /// What it brought; as text, for forms.
    pub(crate) body: String,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What a path answers, each time it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Content,
    answers_conditions: bool,
    gate: Option<Arc<Semaphore>>,
}

#[derive(Clone, Debug)]
enum Content {
    Whole(Bytes),
    /// The bytes again and again, for ever.
    Endless(Bytes),
    /// The bytes, and then nothing more, with the connection left open.
    Stalled(Bytes),
}

impl Response {
    /// 200 with this body and no headers of its own.
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        let body = Content::Whole(body.into());
        Self { status: 200, headers: Vec::new(), body, answers_conditions: false, gate: None }
    }

    /// 200 with a feed.
    pub(crate) fn feed(xml: impl Into<Bytes>) -> Self {
        Self::ok(xml).header("content-type", "application/rss+xml; charset=UTF-8")
    }

    /// A redirect: 301, 302, 303, 307 or 308.
    pub(crate) fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::ok("moved").status(status).header("location", location)
    }

    /// 200 whose body never ends.
    pub(crate) fn endless(chunk: impl Into<Bytes>) -> Self {
        Self { body: Content::Endless(chunk.into()), ..Self::ok("") }
    }

    /// 200 whose body begins and then stops coming.
    pub(crate) fn stalled(start: impl Into<Bytes>) -> Self {
        Self { body: Content::Stalled(start.into()), ..Self::ok("") }
    }

    /// 200 with this body packed by gzip.
    pub(crate) fn gzipped(body: &[u8]) -> Self {
        Self::ok(gzip(body)).header("content-encoding", "gzip")
    }

    /// 200 with a small gzip body that unpacks to `size` bytes of spaces.
    pub(crate) fn gzip_bomb(size: usize) -> Self {
        Self::ok(gzip_of_spaces(size)).header("content-encoding", "gzip")
    }

    /// Each answer waits until the gate has a permit for it, and takes that.
    pub(crate) fn behind(self, gate: &Arc<Semaphore>) -> Self {
        Self { gate: Some(Arc::clone(gate)), ..self }
    }

    /// With another status.
    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With an `ETag`, and 304 to those who have it.
    pub(crate) fn etag(self, etag: &str) -> Self {
        Self { answers_conditions: true, ..self }.header("etag", etag)
    }

    /// With `Last-Modified`, and 304 to those who name the same instant.
    pub(crate) fn last_modified(self, date: &str) -> Self {
        Self { answers_conditions: true, ..self }.header("last-modified", date)
    }

    /// Whether the request says that it has this already.
    fn is_known_to(&self, request: &HeaderMap) -> bool {
        let same = |mine: &str, theirs: HeaderName| {
            let mine = self.headers.iter().find(|(name, _)| name == mine);
            mine.is_some_and(|(_, value)| {
                request.get(theirs).is_some_and(|theirs| theirs.as_bytes() == value.as_bytes())
            })
        };
        self.answers_conditions
            && (same("etag", header::IF_NONE_MATCH) || same("last-modified", header::IF_MODIFIED_SINCE))
    }

    fn into_http(self, request: &HeaderMap) -> axum::response::Response {
        let is_known = self.is_known_to(request);
        let body = match self.body {
            _ if is_known => Body::empty(),
            Content::Whole(bytes) => Body::from(bytes),
            Content::Endless(bytes) => Body::from_stream(stream::repeat(Ok::<_, Infallible>(bytes))),
            Content::Stalled(bytes) => {
                Body::from_stream(stream::iter([Ok::<_, Infallible>(bytes)]).chain(stream::pending()))
            }
        };
        let mut response = axum::response::Response::new(body);
        *response.status_mut() = StatusCode::from_u16(if is_known { 304 } else { self.status }).expect("a status");
        for (name, value) in self.headers {
            let name: HeaderName = name.parse().expect("a header name");
            response.headers_mut().append(name, HeaderValue::from_str(&value).expect("a header value"));
        }
        response
    }
}

impl FeedServer {
    /// Starts on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let site: Arc<Mutex<Site>> = Arc::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&site));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("the server runs") });
        Self { address, site, task }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().expect("a URL")
    }

    /// The address of a path, by the name `localhost`.
    pub(crate) fn url_by_name(&self, path: &str) -> Url {
        format!("http://localhost:{}{path}", self.address.port()).parse().expect("a URL")
    }

    /// Sets what a path answers from now on, whatever its query; one that ends in `?page=2`, say, is for that page only.
    pub(crate) fn serve(&self, path: &str, response: Response) {
        self.site().pages.insert(path.to_owned(), response);
    }

    /// Everything that was asked, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.site().requests.clone()
    }

    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(site): State<Arc<Mutex<Site>>>, request: HttpRequest) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, MAX_BODY).await.expect("a small body");
    let body = String::from_utf8_lossy(&body).into_owned();
    let page = {
        let mut site = site.lock().unwrap_or_else(PoisonError::into_inner);
        site.requests.push(Request { target: parts.uri.to_string(), headers: parts.headers.clone(), body });
        let number = |part: &&str| part.starts_with("page=");
        let page = parts.uri.query().unwrap_or_default().split('&').find(number).unwrap_or_default();
        let of_page = site.pages.get(&format!("{}?{page}", parts.uri.path()));
        of_page
            .or_else(|| site.pages.get(parts.uri.path()))
            .cloned()
            .unwrap_or_else(|| Response::ok("nothing here").status(404))
    };
    if let Some(gate) = &page.gate {
        gate.acquire().await.expect("the gate stays").forget();
    }
    page.into_http(&parts.headers)
}

/// gzip (RFC 1952) without compression: stored blocks.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut chunks = body.chunks(0xFFFF).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).expect("a chunk fits");
        out.push(u8::from(chunks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(chunk);
    }
    out.extend(crc32(body).to_le_bytes());
    out.extend(u32::try_from(body.len()).expect("a small body").to_le_bytes());
    out
}

/// gzip of `size` spaces: one fixed-code block (RFC 1951 §3.2.6) of a space and then matches of 258 bytes at distance 1.
/// The checksum at the end is wrong, which nobody lives to see.
fn gzip_of_spaces(size: usize) -> Vec<u8> {
    let mut bits = Bits { out: vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255], used: 8 };
    bits.push(&[true, true, false]);
    // Literal 32 is 0x30 + 32 in eight bits; length code 285 is 0b1100_0101; distance code 0 is five zeros.
    let space = [false, true, false, true, false, false, false, false];
    let longest = [true, true, false, false, false, true, false, true];
    bits.push(&space);
    for _ in 0..size / 258 {
        bits.push(&longest);
        bits.push(&[false; 5]);
    }
    bits.push(&[false; 7]);
    bits.out.extend([0; 8]);
    bits.out
}

struct Bits {
    out: Vec<u8>,
    used: u8,
}

impl Bits {
    fn push(&mut self, bits: &[bool]) {
        for bit in bits {
            if self.used == 8 {
                self.out.push(0);
                self.used = 0;
            }
            if let Some(last) = self.out.last_mut() {
                *last |= u8::from(*bit) << self.used;
            }
            self.used += 1;
        }
    }
}

/// CRC-32 as gzip wants it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
