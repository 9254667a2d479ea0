//! Postfix's smtp-sink as a real process: it takes every message and writes each into a file of its own. What it has is
//! the oracle of delivery, for it knows nothing of our rows.

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A running smtp-sink; it ends with its test.
pub(crate) struct Sink {
    process: Child,
    folder: TempDir,
    port: u16,
}

/// A message as the sink got it, whole.
pub(crate) struct Taken {
    /// The envelope's recipient.
    pub(crate) recipient: String,
    /// The Message-ID.
    pub(crate) message_id: String,
    /// Headers and body, with line feeds for line ends, as the sink writes them.
    pub(crate) text: String,
}

impl Sink {
    /// Starts one on a free port and waits until it answers.
    pub(crate) async fn start() -> Self {
        let program = std::env::var("SMTP_SINK")
            .expect("SMTP_SINK names Postfix's smtp-sink; run the tests by scripts/test, which finds it");
        let folder = TempDir::new().expect("a temporary folder");
        // The sink gives up root's rights before it writes.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("open to the sink");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let process = Command::new(program)
            .arg("-d")
            .arg(folder.path().join("%H."))
            .args([&format!("127.0.0.1:{port}"), "100"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("smtp-sink starts");
        let sink = Self { process, folder, port };
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        sink
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many messages it has begun to take; cheap.
    pub(crate) fn begun(&self) -> usize {
        std::fs::read_dir(self.folder.path()).expect("the sink's folder").count()
    }

    /// Forgets what it has taken.
    pub(crate) fn forget(&self) {
        for file in std::fs::read_dir(self.folder.path()).expect("the sink's folder") {
            std::fs::remove_file(file.expect("a file").path()).expect("it goes away");
        }
    }

    /// All messages that came to their end. One that broke off is no message.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let files = std::fs::read_dir(self.folder.path()).expect("the sink's folder");
        files.filter_map(|file| read(&file.expect("a file").path())).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(file: &Path) -> Option<Taken> {
    let text = String::from_utf8(std::fs::read(file).expect("a message")).expect("ASCII");
    let field = |name: &str| Some(text.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned());
    let boundary = text.split_once("boundary=\"")?.1.split_once('"')?.0;
    if !text.trim_end().ends_with(&format!("--{boundary}--")) {
        return None;
    }
    let recipient = field("X-Rcpt-Args:")?.trim_matches(['<', '>']).to_owned();
    Some(Taken { recipient, message_id: field("Message-ID:")?, text })
}
