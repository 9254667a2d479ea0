//! An IMAP server that says what it is told to, whatever that is. Conversations go in, one for each connection; what the
//! clients said comes out.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

/// Ends the connection behind what was said.
pub(crate) const HANG_UP: &str = "HANG UP";

/// What is answered to a line that holds the word; `TAG` stands for the tag of that line.
pub(crate) type Turn = (&'static str, &'static str);

/// How every conversation begins that comes as far as the mailbox.
pub(crate) const ENTER: [Turn; 3] = [
    ("LOGIN", "TAG OK come in\r\n"),
    ("CAPABILITY", "* CAPABILITY IMAP4rev1 UIDPLUS\r\nTAG OK\r\n"),
    ("SELECT", "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT 5] next\r\nTAG OK [READ-WRITE] open\r\n"),
];

/// A server that plays its conversations one after the other; it ends with its test.
pub(crate) struct ImapServer {
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
    playing: JoinHandle<()>,
}

impl ImapServer {
    /// One that greets as usual.
    pub(crate) async fn plays(conversations: Vec<Vec<Turn>>) -> Self {
        Self::greets("* OK ready\r\n", conversations).await
    }

    /// One that greets otherwise.
    pub(crate) async fn greets(greeting: &'static str, conversations: Vec<Vec<Turn>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let playing = tokio::spawn({
            let said = Arc::clone(&said);
            async move {
                for turns in conversations {
                    let (stream, _) = listener.accept().await.expect("a listening socket accepts");
                    play(BufReader::new(stream), greeting, turns, &said).await;
                }
            }
        });
        Self { port, said, playing }
    }

    /// It as a line of `[intake]`.
    pub(crate) fn imap(&self, more: &str) -> String {
        let port = self.port;
        format!("imap = {{ host = \"127.0.0.1\", port = {port}, username = \"news\", password = \"hunter2\", {more} }}")
    }

    /// Each line that was said to it.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().expect("no panic").clone()
    }
}

impl Drop for ImapServer {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

async fn play(
    mut stream: BufReader<tokio::net::TcpStream>,
    greeting: &str,
    turns: Vec<Turn>,
    said: &Mutex<Vec<String>>,
) {
    stream.get_mut().write_all(greeting.as_bytes()).await.expect("the client reads");
    for (word, answer) in turns {
        let mut line = String::new();
        // Who hangs up early has heard enough.
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        said.lock().expect("no panic").push(line.trim_end().to_owned());
        assert!(line.contains(word), "{word} should come, not {line}");
        let answer = answer.replace("TAG", line.split(' ').next().unwrap_or_default());
        let ends = answer.ends_with(HANG_UP);
        let _ = stream.get_mut().write_all(answer.trim_end_matches(HANG_UP).as_bytes()).await;
        if ends {
            return;
        }
    }
    // It waits for the client to leave.
    let mut line = String::new();
    let _ = stream.read_line(&mut line).await;
}
