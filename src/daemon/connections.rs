//! The connections on which the pages are asked for: taken in, spoken HTTP/1.1 on, ended. A listener and a router come in.
//! Who says nothing or half a request is hung up on, nobody can have so many that delivery has none left, and nobody keeps
//! the daemon from ending. What somebody wants done is done, though they are gone before the answer. It knows nothing of
//! what is asked.

use std::{
    convert::Infallible,
    error,
    io::{Error, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::{Body, Incoming},
    server::conn::http1,
    service::{HttpService, Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::stop::{Ask, Stop};

/// The most that the head of a request may weigh, in bytes.
const HEAD: usize = 64 * 1024;

/// How long we wait when the system has no more connections to give.
const SCARCE: Duration = Duration::from_secs(1);

/// How connections are treated. Tests treat them otherwise, to see in a moment what takes a minute.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The most at once; others wait to be taken in.
    pub most: usize,
    /// How long the head of a request may take, and how long nothing may be asked.
    pub head: Duration,
    /// How long one is asked anything, however busy, and how long an answer that is under way then may still take: who
    /// reads answers slowly gives its place back too.
    pub age: Duration,
    /// How long an answer that is under way may still take when we are told to end.
    pub farewell: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            most: 512,
            head: Duration::from_secs(15),
            age: Duration::from_secs(300),
            farewell: Duration::from_secs(10),
        }
    }
}

/// Answers whoever connects, until told to stop; then gives the answers under way a moment.
pub async fn answer(listener: &TcpListener, router: Router, stop: &Stop, manner: Manner) {
    let places = Arc::new(Semaphore::new(manner.most));
    let mut open = JoinSet::new();
    let taking_in = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            let (stream, peer) = accept(listener).await;
            let (router, stop) = (router.clone(), stop.clone());
            open.spawn(async move {
                converse(stream, peer, router, &stop, manner).await;
                drop(place);
            });
            while open.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = taking_in => {}
        () = stop.asked(Ask::Finish) => {}
    }
    tokio::select! {
        () = async { while open.join_next().await.is_some() {} } => {}
        () = stop.asked(Ask::Now) => {}
    }
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_theirs(&error) => {}
            Err(error) => {
                tracing::error!("no connection can be taken in: {error}");
                sleep(SCARCE).await;
            }
        }
    }
}

/// True when who had connected is gone again.
fn is_theirs(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}

/// One connection, to its end, and to the end of what was to be done by it.
///
/// hyper forgets a request as soon as its connection ends. One that only looks may be forgotten; but a phone that loses its
/// network has not changed its owner's mind, so what changes something goes on here, beside the talk.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, stop: &Stop, manner: Manner) {
    let pages = TowerToHyperService::new(router);
    let (deeds, mut begun) = mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let is_safe = request.method().is_safe();
        let (answer, deeds) = (pages.call(request), deeds.clone());
        async move {
            if is_safe {
                return answer.await;
            }
            let (give, given) = oneshot::channel();
            let deed = async move {
                // Nobody may wait for the answer any more.
                let _ = give.send(answer.await);
            };
            deeds.send(deed).expect("deeds are done for as long as we talk");
            given.await.expect("a deed that was begun is answered for as long as we talk")
        }
    });
    let doing = async {
        while let Some(deed) = begun.recv().await {
            deed.await;
        }
    };
    tokio::select! {
        // There are no more deeds once the talk is over, for it has the one end of their channel.
        ((), ()) = async { tokio::join!(talk(stream, service, stop, manner), doing) } => {}
        // Whoever has not got their answer by then is cut off.
        () = async { stop.asked(Ask::Finish).await; sleep(manner.farewell).await } => {}
    }
}

/// What is said on a connection. HTTP/1.1 only: no reader needs more behind a proxy, and it has the fewest ways to be abused.
async fn talk<S, B>(stream: TcpStream, service: S, stop: &Stop, manner: Manner)
where
    S: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body<Error: Into<Box<dyn error::Error + Send + Sync>>> + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(manner.head).max_header_size(HEAD);
    let mut talk = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // However it ended: the other end knows, and there is nobody else to tell.
        _ = talk.as_mut() => return,
        () = sleep(manner.age) => {}
        () = stop.asked(Ask::Finish) => {}
    }
    talk.as_mut().graceful_shutdown();
    // An answer that was begun late has its time as well; whoever has not got theirs by then is cut off.
    let _ = timeout(manner.age, talk).await;
}
