//! A real Dovecot, as a process of its own: it serves one mailbox by IMAP, in clear text, under TLS and with STARTTLS. The
//! mailbox is a Maildir, whose files are the oracle of what became of a message.
//!
//! ```ignore
//! let dovecot = Dovecot::setup().start().await;
//! dovecot.put("Subject: one\r\n\r\n");
//! // … take it through `dovecot.imap("tls = \"implicit\"")` …
//! assert_eq!(dovecot.flags("INBOX"), ["S"]);
//! ```

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
};

use super::{nobody, relay::certificate::Certificate};

/// Where Dovecot looks for its modules; for TLS nowhere else.
const MODULES: &[u8] = b"/usr/lib/dovecot/modules\0";

/// What a Dovecot is to be, before it starts.
pub(crate) struct DovecotSetup {
    settings: Vec<String>,
    password: &'static str,
}

impl DovecotSetup {
    /// It cannot say that mail came.
    pub(crate) fn without_idle(self) -> Self {
        self.set("imap_capability = IMAP4rev1 LITERAL+ UIDPLUS MOVE")
    }

    /// It can do nothing but what every server can.
    pub(crate) fn with_the_least(self) -> Self {
        self.set("imap_capability = IMAP4rev1")
    }

    /// A line more in its configuration.
    pub(crate) fn set(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    /// The password of its one user.
    pub(crate) fn password(self, password: &'static str) -> Self {
        Self { password, ..self }
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(self) -> Dovecot {
        // Paths of sockets are short, and so is the name that its library has room for.
        let folder = tempfile::Builder::new().tempdir_in("/tmp").expect("a temporary folder");
        let (clear, encrypted) = (free_port(), free_port());
        let certificate = Certificate::new("127.0.0.1");
        let home = folder.path();
        for name in ["lib", "state", "mail", "mail/new", "mail/cur", "mail/tmp"] {
            fs::create_dir(home.join(name)).expect("a folder");
        }
        let root = std::env::var_os("DOVECOT_ROOT").map(PathBuf::from);
        let root =
            root.expect("DOVECOT_ROOT names the folder with Dovecot; run the tests by scripts/test, which sets it");
        let conf = home.join("dovecot.conf");
        let write = |name: &str, text: &str| fs::write(home.join(name), text).expect("written");
        write("cert.pem", &certificate.server().certificate);
        write("key.pem", &certificate.server().key);
        write("users", &format!("news:{{PLAIN}}{}::::::\n", self.password));
        let below = |path: &str| if root.as_os_str().is_empty() { Path::new("/").join(path) } else { root.join(path) };
        write("dovecot.conf", &configuration(home, &below("usr/lib/dovecot"), clear, encrypted, &self.settings));
        let mut command = nobody::command();
        if !root.as_os_str().is_empty() {
            command.arg(format!("LD_LIBRARY_PATH={}", libraries(&root, home)));
        }
        // By itself it asks the `doveconf` that is installed what its configuration says.
        command
            .arg(below("usr/bin/doveconf"))
            .args(["-f", "service=master", "-c"])
            .arg(&conf)
            .args(["-m", "master", "-e"]);
        command.arg(below("usr/sbin/dovecot")).arg("-F").arg("-c").arg(&conf).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        nobody::give_to_owner(home);
        let master = command.spawn().expect("there is a `setpriv`");
        let mut dovecot = Dovecot { master, folder, clear, encrypted, certificate, put: AtomicUsize::new(0) };
        while !dovecot.answers().await {
            let ended = dovecot.master.try_wait().expect("a child");
            assert!(ended.is_none(), "Dovecot ended: {}", dovecot.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        dovecot
    }
}

/// A running Dovecot; it ends with its test, and all that it started.
pub(crate) struct Dovecot {
    master: Child,
    folder: TempDir,
    clear: u16,
    encrypted: u16,
    certificate: Certificate,
    put: AtomicUsize,
}

impl Dovecot {
    /// One with the mailbox of `news`, whose password is `secret`.
    pub(crate) fn setup() -> DovecotSetup {
        DovecotSetup { settings: Vec::new(), password: "secret" }
    }

    /// It as a line of `[intake]`, with the port that goes with `tls = "…"` in `more`.
    pub(crate) fn imap(&self, more: &str) -> String {
        let port = if more.contains("implicit") { self.encrypted } else { self.clear };
        let password = if more.contains("password") { "" } else { "password = \"secret\", " };
        let ca = if more.contains("\"none\"") { String::new() } else { self.trusted() };
        format!("imap = {{ host = \"127.0.0.1\", port = {port}, username = \"news\", {password}{ca}{more} }}")
    }

    fn trusted(&self) -> String {
        format!("ca = \"{}\", ", self.certificate.ca_path().display())
    }

    /// A message as a mail server puts it there.
    pub(crate) fn put(&self, message: &str) {
        let nth = self.put.fetch_add(1, Ordering::Relaxed);
        self.put_as(&format!("new/{}.M{nth}.host", 1_700_000_000 + nth), message);
    }

    /// A message as a mail program leaves it that somebody has read it with.
    pub(crate) fn put_read(&self, message: &str) {
        let nth = self.put.fetch_add(1, Ordering::Relaxed);
        self.put_as(&format!("cur/{}.M{nth}.host:2,S", 1_700_000_000 + nth), message);
    }

    /// A message under a name of its own.
    pub(crate) fn put_as(&self, name: &str, message: &str) {
        let (tmp, name) = (self.mail().join("tmp/put"), self.mail().join(name));
        fs::write(&tmp, message).expect("written");
        fs::rename(tmp, name).expect("put");
    }

    /// The flags of all messages in a mailbox, in the order of their names: `S` for one that was read, `ST` for one that is
    /// marked as deleted too.
    pub(crate) fn flags(&self, mailbox: &str) -> Vec<String> {
        let folder = if mailbox == "INBOX" { self.mail() } else { self.mail().join(format!(".{mailbox}")) };
        let names = |below: &str| {
            let entries = fs::read_dir(folder.join(below)).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().expect("a name")).collect::<Vec<_>>()
        };
        let mut all = [names("new"), names("cur")].concat();
        all.sort();
        all.iter().map(|name| name.split_once(":2,").map_or("", |(_, flags)| flags).to_owned()).collect()
    }

    /// It forgets how it has numbered its messages, and numbers them anew, under another UIDVALIDITY.
    pub(crate) fn forget_its_numbers(&self) {
        for entry in fs::read_dir(self.mail()).expect("a folder").flatten() {
            if entry.file_name().to_string_lossy().starts_with("dovecot") {
                fs::remove_file(entry.path()).expect("a file");
            }
        }
        let anew = "3 V1234567890 N1 G0123456789abcdef0123456789abcdef\n";
        fs::write(self.mail().join("dovecot-uidlist"), anew).expect("written");
        nobody::give_to_owner(&self.mail());
    }

    /// Where the mailbox lies.
    pub(crate) fn mail(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn answers(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.clear)).await else { return false };
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("ready") {
                return true;
            }
        }
        false
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.end();
    }
}

impl Dovecot {
    /// Ends it; its files stay.
    pub(crate) fn end(&mut self) {
        let group = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group.filter(|_| matches!(self.master.try_wait(), Ok(None))) {
            // It may end by itself in this moment; then there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.master.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}

/// The folders of its libraries, the first with one that looks for modules where they were unpacked.
fn libraries(root: &Path, home: &Path) -> String {
    let programs = root.join("usr/lib/dovecot");
    let modules = home.join("m");
    symlink(programs.join("modules"), &modules).expect("a link");
    let library = fs::read(programs.join("libdovecot.so.0")).expect("Dovecot's library");
    let at = library.windows(MODULES.len()).position(|part| part == MODULES).expect("it names the folder");
    let mut name = modules.into_os_string().into_encoded_bytes();
    name.resize(MODULES.len(), 0);
    assert_eq!(name.last(), Some(&0), "the folder's name is too long for it");
    fs::write(home.join("lib/libdovecot.so.0"), [&library[..at], &name, &library[at + MODULES.len()..]].concat())
        .expect("written");
    let of_machine = fs::read_dir(root.join("usr/lib")).expect("a folder").flatten().map(|entry| entry.path());
    let of_machine = of_machine.filter(|path| path.to_string_lossy().contains("-linux-"));
    let own = [home.join("lib"), programs.clone(), programs.join("modules"), programs.join("modules/old-stats")];
    let joined = std::env::join_paths(own.into_iter().chain(of_machine)).expect("no colon in a path");
    joined.into_string().expect("paths in UTF-8")
}

fn configuration(home: &Path, programs: &Path, clear: u16, encrypted: u16, settings: &[String]) -> String {
    let (user, group) = (nobody::name("-un"), nobody::name("-gn"));
    let (owner, owners) = (nobody::owner(), nobody::group());
    let (home, programs, settings) = (home.display(), programs.display(), settings.join("\n"));
    format!(
        "base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
libexec_dir = {programs}
mail_plugin_dir = {programs}/modules
import_environment = LD_LIBRARY_PATH
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {home}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={owners} home={home}/mail
}}
mail_location = maildir:{home}/mail
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {clear}
  }}
  inet_listener imaps {{
    port = {encrypted}
    ssl = yes
  }}
}}
{settings}
"
    )
}
