//! The connections on which the pages are asked for: taken in, spoken HTTP/1.1 on, ended. A listener and a router come in.
//! Who says nothing or half a request is hung up on, nobody can have so many that delivery has none left, and nobody keeps
//! the daemon from ending. It knows nothing of what is asked.

use std::{
    io::{Error, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
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
    /// How long one lives, however busy: who reads answers slowly gives its place back too.
    pub age: Duration,
    /// How long an answer that is under way may still take when its connection is to end.
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

/// One connection, to its end. HTTP/1.1 only: no reader needs more behind a proxy, and it has the fewest ways to be abused.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, stop: &Stop, manner: Manner) {
    let pages = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        pages.call(request)
    });
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
    // Whoever has not got their answer by then is cut off.
    let _ = timeout(manner.farewell, talk).await;
}
