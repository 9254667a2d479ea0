//! Starting Chromium's driver and, through it, Chromium; ending both, however a test ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use super::Scripts;

/// What Chromium is told: no window, no word to anyone but our pages, and nothing that differs from machine to machine.
/// Its own sandbox wants rights that a build machine may not give, and it sees nothing but our own pages.
const ARGUMENTS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
];

/// How long the driver may take to end its browser before both are killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running driver.
pub(super) struct Driver {
    process: Child,
    /// Kept open, for the driver may write to it.
    _output: BufReader<ChildStdout>,
    port: u16,
    /// Home of both, with the browser's profile.
    home: TempDir,
}

impl Driver {
    /// Starts it on a free port. It wants the same one of IPv4 and of IPv6, and gives up when that of one is free and that
    /// of the other is not; then it is started anew.
    ///
    /// # Panics
    /// When nobody says where it is, or it ends by itself again and again.
    pub(super) fn start() -> Self {
        (0..10).find_map(|_| Self::started()).expect("Chromium's driver stays")
    }

    /// A driver; `None` when it ended by itself.
    fn started() -> Option<Self> {
        let program = std::env::var("CHROMEDRIVER")
            .expect("CHROMEDRIVER names Chromium's driver; run the tests by scripts/test, which finds or gets it");
        let home = TempDir::new().expect("a temporary folder");
        let mut command = Command::new(program);
        command.args(["--port=0", "--log-level=SEVERE"]).env("HOME", home.path()).env("TMPDIR", home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut process = command.spawn().expect("Chromium's driver starts");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let port = loop {
            line.clear();
            if output.read_line(&mut line).expect("lines") == 0 {
                let _ = process.wait();
                return None;
            }
            let said = line.trim_end().trim_end_matches('.').rsplit_once("started successfully on port ");
            if let Some((_, port)) = said {
                break port.parse().expect("a port");
            }
        };
        Some(Self { process, _output: output, port, home })
    }

    /// Starts a browser.
    ///
    /// # Panics
    /// When nobody says where it is, or it does not start.
    pub(super) async fn open_browser(&self, scripts: Scripts) -> Client {
        let program = std::env::var("CHROMIUM")
            .expect("CHROMIUM names a Chromium; run the tests by scripts/test, which finds or gets it");
        let profile = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let arguments: Vec<&str> = ARGUMENTS.iter().copied().chain([profile.as_str()]).collect();
        let preferences = match scripts {
            Scripts::On => json!({}),
            // 2 is "block", as the browser's settings write it.
            Scripts::Off => json!({"profile.managed_default_content_settings.javascript": 2}),
        };
        let options = json!({"binary": program, "args": arguments, "prefs": preferences});
        let logs = json!({"browser": "ALL"});
        // In milliseconds; a machine with much to do may take its time.
        let timeouts = json!({"script": 120_000, "pageLoad": 120_000});
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs,
            "timeouts": timeouts});
        let Value::Object(capabilities) = wanted else { unreachable!("it is written as an object") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let opened = builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{}", self.port)).await;
        opened.unwrap_or_else(|error| panic!("Chromium does not start: {error}"))
    }

    /// Asks the driver to end its browser and itself.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port)?;
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.shut_down();
        let group = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group.filter(|_| matches!(self.process.try_wait(), Ok(None))) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

/// A command that only Chromium's driver knows.
#[derive(Debug)]
pub(super) struct Own {
    /// Where it goes, below the session: `goog/cdp/execute`.
    pub(super) path: &'static str,
    /// What it says.
    pub(super) body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
