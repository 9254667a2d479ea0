//! A real Postfix, as a process of its own: it takes mail on a port of 127.0.0.1 and keeps it in a folder. What it kept
//! is the oracle of delivery, for it knows nothing of our rows.
//!
//! ```ignore
//! let postfix = Postfix::setup().recipient("bad@example.net", "550 5.1.1 no such reader").start().await;
//! // … send through `postfix.relay()` …
//! assert_eq!(postfix.kept().await[0].recipient, "good@example.net");
//! ```

mod unpacked;

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tidings::domain::{
    relay::{Dsn, Login, Manner, Place, Proof, Relay, Timers, Tls},
    slug::Slug,
};
use tokio::net::TcpStream;

use self::unpacked::{DROPPED, OWNER, Unpacked};
use super::{
    doors::Client,
    nobody::{give_to_owner, owner},
    relay::certificate::Certificate,
};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to start.
const START: Duration = Duration::from_secs(15);

/// Where mail waits that Postfix has and has not yet put into its folder; in this order, none can slip through.
const QUEUES: [&str; 4] = ["maildrop", "incoming", "active", "deferred"];

/// The services that keep mail, or hand it on; who is asked for more is not needed here.
const SERVICES: &str = "
cleanup   unix       n - n -     0 cleanup
qmgr      unix       n - n 300   1 qmgr
tlsmgr    unix       - - n 1000? 1 tlsmgr
rewrite   unix       - - n -     - trivial-rewrite
bounce    unix       - - n -     0 bounce
defer     unix       - - n -     0 bounce
trace     unix       - - n -     0 bounce
verify    unix       - - n -     1 verify
proxymap  unix       - - n -     - proxymap
error     unix       - - n -     - error
retry     unix       - - n -     - error
virtual   unix       - n n -     - virtual
lmtp      unix       - - n -     - lmtp
anvil     unix       - - n -     1 anvil
postlog   unix-dgram n - n -     1 postlogd
";

/// What a Postfix is to be, before it starts.
pub(crate) struct PostfixSetup {
    settings: Vec<String>,
    services: String,
    recipients: String,
    login: Option<(&'static str, &'static str)>,
    tls: Tls,
}

impl PostfixSetup {
    /// A line more in its main.cf.
    pub(crate) fn set(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    /// Mail for a domain goes on by this transport (transport(5)), and is tried again every second.
    pub(crate) fn hands_on(self, domain: &str, transport: &str) -> Self {
        let this = self.set(&format!("relay_domains = {domain}"));
        let this = this.set(&format!("transport_maps = inline:{{ {{ {domain} = {transport} }} }}"));
        let this = this.set("minimal_backoff_time = 1s").set("maximal_backoff_time = 1s");
        this.set("queue_run_delay = 1s").set("transport_retry_time = 1s")
    }

    /// Mail for a domain goes into the pipe of this command (pipe(8)).
    pub(crate) fn pipes(mut self, domain: &str, command: &str) -> Self {
        let attributes = "null_sender= user=nobody";
        self.services.push_str(&format!("pipe unix - n n - - pipe\n  {attributes} argv={command}\n"));
        self.hands_on(domain, "pipe:")
    }

    /// It answers so to RCPT TO for this address.
    pub(crate) fn recipient(mut self, address: &str, answer: &str) -> Self {
        self.recipients.push_str(&format!("{address} {answer}\n"));
        self
    }

    /// TLS on request, and no mail without.
    pub(crate) fn starttls(self) -> Self {
        Self { tls: Tls::StartTls, ..self }.set("smtpd_tls_security_level = encrypt")
    }

    /// It wants this login, which Cyrus SASL looks up in its own database.
    pub(crate) fn login(self, username: &'static str, password: &'static str) -> Self {
        let this = Self { login: Some((username, password)), ..self };
        this.set("smtpd_sasl_auth_enable = yes").set("smtpd_client_restrictions = permit_sasl_authenticated, reject")
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(self) -> Postfix {
        self.start_with(|_| String::new()).await
    }

    /// The same, with a line more in its main.cf that names its own folder.
    pub(crate) async fn start_with(self, line: impl FnOnce(&Path) -> String) -> Postfix {
        let (unpacked, folder) = (Unpacked::found(), TempDir::new().expect("a temporary folder"));
        let certificate = Certificate::new("127.0.0.1");
        let home = &folder.path().to_owned();
        for name in ["etc", "etc/sasl", "kept", "log", "data", "queue"] {
            fs::create_dir(home.join(name)).expect("a folder");
        }
        let own = ["bounce", "corrupt", "defer", "hold", "pid", "private", "public", "saved", "trace"];
        for name in own.iter().chain(&QUEUES) {
            fs::create_dir(home.join("queue").join(name)).expect("a folder");
        }
        let write = |name: &str, text: &str| fs::write(home.join(name), text).expect("written");
        write("etc/main.cf", &(main_cf(&unpacked, home) + &self.settings.join("\n") + "\n" + &line(home) + "\n"));
        let listen = || {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let port = free.expect("a free port").port();
            write("etc/master.cf", &format!("127.0.0.1:{port} inet n - n - - smtpd{SERVICES}{}", self.services));
            port
        };
        let port = listen();
        write("etc/recipients", &self.recipients);
        write("etc/server.pem", &(certificate.server().key.clone() + &certificate.server().certificate));
        fs::copy(certificate.ca_path(), home.join("etc/ca.pem")).expect("copied");
        write("etc/sasl/smtpd.conf", &sasl_conf(home));
        if let Some((username, password)) = self.login {
            add_login(&unpacked, home, username, password);
        }
        let mut command = unpacked.program_in(home, "usr/lib/postfix/sbin/master");
        give_to_owner(home);
        command.arg("-d").env("MAIL_CONFIG", home.join("etc")).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let master = command.spawn().expect("there is a `setpriv`");
        let mut postfix = Postfix { master, folder, port, certificate, login: self.login, tls: self.tls };
        for _ in 0..5 {
            match tokio::time::timeout(START, postfix.started()).await {
                Ok(Started::Answers) => return postfix,
                // It ends at once, without a word, when another story has taken its port meanwhile.
                Ok(Started::Ended) => postfix.port = listen(),
                // On a busy machine it was seen to start without its logger, and then it stands still after a few lines.
                Err(_) => {}
            }
            postfix.end();
            postfix.master = command.spawn().expect("there is a `setpriv`");
        }
        panic!("Postfix does not start: {}", postfix.log());
    }
}

/// A running Postfix; it ends with its test, and all that it started.
pub(crate) struct Postfix {
    master: Child,
    folder: TempDir,
    port: u16,
    certificate: Certificate,
    login: Option<(&'static str, &'static str)>,
    tls: Tls,
}

/// How it began.
enum Started {
    Answers,
    Ended,
}

/// A message as Postfix kept it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The envelope's sender.
    pub(crate) sender: String,
    /// The envelope's recipient.
    pub(crate) recipient: String,
    /// The header in which Postfix says how it got it.
    pub(crate) received: String,
    /// What came after that header, with CRLF for the line feeds that Postfix writes.
    pub(crate) bytes: Vec<u8>,
}

impl Postfix {
    /// One in clear text, with no login, that keeps everything and offers what it offers by default.
    pub(crate) fn setup() -> PostfixSetup {
        PostfixSetup {
            settings: Vec::new(),
            services: String::new(),
            recipients: String::new(),
            login: None,
            tls: Tls::None,
        }
    }

    /// It as config.toml would describe it.
    pub(crate) fn relay(&self) -> Relay {
        Relay {
            name: Slug::parse("postfix").expect("a slug"),
            place: Place::Tcp { host: "127.0.0.1".to_owned(), port: self.port },
            tls: self.tls,
            ca: Some(self.certificate.ca_path().to_owned()),
            certificate: None,
            login: self.login.map(|(username, password)| Login {
                username: username.into(),
                proof: Proof::Password(password.into()),
            }),
            priority: 1,
            weight: None,
            rate: None,
            dsn: Dsn::Off,
            connections: 1,
            manner: Manner::Chunked,
            window: 16,
            messages_per_connection: None,
            connection_age: Duration::from_secs(300),
            ehlo: "client.example.org".to_owned(),
            timers: Timers::default(),
        }
    }

    /// Where it takes mail.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A client that has said EHLO.
    pub(crate) async fn client(&self) -> Client<TcpStream> {
        let mut client = Client::greeted(TcpStream::connect(("127.0.0.1", self.port)).await.expect("it listens")).await;
        assert_eq!(client.ask("EHLO client.example\r\n").await, 250);
        client
    }

    /// Gives it a message.
    pub(crate) async fn take(&self, from: &str, to: &str, message: &str) {
        let taken = tokio::time::timeout(PATIENCE, self.take_now(from, to, message)).await;
        assert!(taken.is_ok(), "Postfix does not take a message: {}", self.log());
    }

    async fn take_now(&self, from: &str, to: &str, message: &str) {
        let mut client = self.client().await;
        client.send(format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n")).await;
        assert_eq!(client.codes().await, [250, 250, 354], "{}", self.log());
        assert_eq!(client.ask(format!("{message}\r\n.\r\n")).await, 250);
        assert_eq!(client.ask("QUIT\r\n").await, 221);
    }

    /// A certificate that it takes for a client's.
    pub(crate) fn client_certificate(&self) -> tidings::domain::relay::ClientCertificate {
        self.certificate.client().clone()
    }

    /// All that it took, once none of it is on its way any more.
    pub(crate) async fn kept(&self) -> Vec<Kept> {
        let put_away = async {
            while QUEUES.iter().any(|queue| !is_empty(&self.folder.path().join("queue").join(queue))) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, put_away).await;
        assert!(waited.is_ok(), "Postfix cannot put its mail away: {}", self.log());
        let folder = self.folder.path().join("kept/new");
        let files: Vec<_> = fs::read_dir(folder).map(|files| files.flatten().collect()).unwrap_or_default();
        files.iter().map(|file| read(&fs::read(file.path()).expect("a message"))).collect()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/mail")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.end();
    }
}

impl Postfix {
    /// Waits until it logs what it does, and takes connections. Its logger must be there before anything else is begun:
    /// when more than ten lines wait for it as it starts, it waits for itself, and all others wait for it.
    async fn started(&mut self) -> Started {
        while self.log().is_empty() || TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if self.master.try_wait().expect("a child").is_some() {
                return Started::Ended;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Started::Answers
    }

    fn end(&mut self) {
        let group = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group.filter(|_| matches!(self.master.try_wait(), Ok(None))) {
            // It may end by itself in this moment; then there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.master.wait();
    }
}

fn main_cf(unpacked: &Unpacked, home: &Path) -> String {
    let (home, libraries) = (home.display(), unpacked.path("usr/lib/postfix"));
    let [libraries, commands, meta] = [libraries, unpacked.path("usr/sbin"), unpacked.path("etc/postfix")]
        .map(|path: PathBuf| path.display().to_string());
    let (owner_number, handed_on) = (owner(), Unpacked::HANDED_ON);
    format!(
        "compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = {commands}
daemon_directory = {libraries}/sbin
shlib_directory = {libraries}
meta_directory = {meta}
mail_owner = {OWNER}
setgid_group = {DROPPED}
default_privs = nobody
import_environment = {handed_on}
maillog_file = {home}/log/mail
maillog_file_prefixes = {home}
myhostname = postfix.test
mydestination =
alias_maps =
local_recipient_maps =
local_header_rewrite_clients =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
in_flow_delay = 0
smtpd_error_sleep_time = 0
smtpd_recipient_restrictions = check_recipient_access texthash:{home}/etc/recipients
virtual_mailbox_domains = example.net
virtual_mailbox_base = {home}
virtual_mailbox_maps = static:kept/
virtual_uid_maps = static:{owner_number}
virtual_gid_maps = static:{owner_number}
virtual_minimum_uid = 1
smtpd_tls_chain_files = {home}/etc/server.pem
smtpd_tls_CAfile = {home}/etc/ca.pem
smtpd_tls_auth_only = yes
cyrus_sasl_config_path = {home}/etc/sasl
smtpd_sasl_local_domain = postfix.test
"
    )
}

fn sasl_conf(home: &Path) -> String {
    let database = home.join("etc/sasl/logins");
    format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
        database.display()
    )
}

fn add_login(unpacked: &Unpacked, home: &Path, username: &str, password: &str) {
    let mut command = unpacked.program("usr/sbin/saslpasswd2");
    command.args(["-p", "-c", "-u", "postfix.test", "-f"]).arg(home.join("etc/sasl/logins")).arg(username);
    let mut adding = command.stdin(Stdio::piped()).spawn().expect("saslpasswd2 starts");
    let line = format!("{password}\n");
    adding.stdin.take().expect("a pipe").write_all(line.as_bytes()).expect("it reads");
    assert!(adding.wait().expect("it ends").success(), "saslpasswd2 cannot add the login");
}

/// True when no file is in a folder or below it.
fn is_empty(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).all(|path| path.is_dir() && is_empty(&path))
}

/// Takes Postfix's own headers from the front.
fn read(file: &[u8]) -> Kept {
    let text = String::from_utf8_lossy(file);
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("Postfix writes it");
        line.trim_matches(['<', '>']).to_owned()
    };
    let (sender, recipient) = (field("Return-Path: "), field("Delivered-To: "));
    let mut lines = file.split_inclusive(|byte| *byte == b'\n').skip_while(|line| !line.starts_with(b"Received: "));
    let mut received = lines.next().expect("Postfix writes it").to_vec();
    let mut lines = lines.peekable();
    while let Some(line) = lines.next_if(|line| line.starts_with(b"\t")) {
        received.extend_from_slice(line);
    }
    let bytes = lines.flat_map(|line| [line.strip_suffix(b"\n").unwrap_or(line), b"\r\n"]).collect::<Vec<_>>().concat();
    Kept { sender, recipient, received: String::from_utf8_lossy(&received).into_owned(), bytes }
}
