//! A policy server for Postfix (its SMTPD_POLICY_README): it lets so many transactions begin and then refuses more, until
//! it relents. It is asked by Postfix and knows nothing of us.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A running policy server; it ends with its test.
pub(crate) struct Policy {
    port: u16,
    left: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Policy {
    /// One that lets `left` transactions begin and then answers `refusal`.
    pub(crate) async fn that_answers(left: usize, refusal: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let left = Arc::new(AtomicUsize::new(left));
        let shared = Arc::clone(&left);
        let accepting = tokio::spawn(async move {
            let mut talking = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("a listening socket accepts");
                talking.spawn(talk(stream, Arc::clone(&shared), refusal));
            }
        });
        Self { port, left, accepting }
    }

    /// The line of main.cf that has Postfix ask it.
    pub(crate) fn setting(&self, restrictions: &str) -> String {
        format!("{restrictions} = check_policy_service inet:127.0.0.1:{}", self.port)
    }

    /// From now on it has nothing against anybody.
    pub(crate) fn relent(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A question is lines of `name=value`, ended by an empty one; an answer likewise.
async fn talk(stream: TcpStream, left: Arc<AtomicUsize>, refusal: &'static str) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
        if line == "\n" {
            let less = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
            let is_left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
            let action = if is_left { "DUNNO" } else { refusal };
            if stream.write_all(format!("action={action}\n\n").as_bytes()).await.is_err() {
                return;
            }
        }
        line.clear();
    }
}
