//! The demo as a person starts it: the real program, in an empty folder, with nothing in its environment.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::world::check::check_message;

/// The demo with these arguments, in a folder of its own whose `tmp` takes what is temporary. `--listen` keeps demos
/// that run at the same time apart.
fn demo(place: &Path, arguments: &[&str]) -> Command {
    let tmp = place.join("tmp");
    fs::create_dir_all(&tmp).expect("a folder for temporary files");
    let here = place.join("empty");
    fs::create_dir_all(&here).expect("an empty folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.arg("demo").args(arguments).current_dir(here).env_clear().env("TMPDIR", tmp);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

fn to_the_end(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{stdout}\n{stderr}");
    assert_eq!(stderr, "", "nothing goes to standard error");
    stdout.into_owned()
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Running words, whatever the lines they stand in.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A demo whose pages are open; it is told to end, or killed, when it is dropped.
struct Open {
    child: Child,
    printed: String,
}

impl Open {
    /// Waits until the demo has told its story.
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut printed = String::new();
        while !printed.contains("Ctrl-C ends") {
            assert_ne!(lines.read_line(&mut printed).expect("lines"), 0, "it ended too early:\n{printed}");
        }
        Self { child, printed }
    }

    /// `127.0.0.1:PORT` of the inbox.
    fn pages(&self) -> &str {
        let (_, rest) = self.printed.split_once("  inbox     http://").expect("the inbox is named");
        rest.split_once('/').expect("a URL").0
    }

    fn interrupt(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status().expect("there is a `kill`");
        assert!(told.success());
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // It has ended, unless a test failed.
        let _ = self.child.kill();
    }
}

/// The answer to a request without a body, as it came.
fn ask(pages: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(pages).expect("the pages are open");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {pages}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    answer
}

#[test]
fn the_demo_shows_everything_and_leaves_nothing_behind() {
    let place = TempDir::new().expect("a temporary folder");
    let printed = words(&to_the_end(demo(place.path(), &["--exit", "--listen", "127.0.0.1:0"])));
    for line in [
        "list `news`: 12 joined from its file",
        "first look: 5 posts are known from now on and none of them is mailed",
        "collected 0 posts, 0 alerts, 0 digests; sent 0, deferred 0, refused 0",
        "collected 1 post, 1 alert, 0 digests; sent 12, deferred 0, refused 0",
        "→ HTTP/1.1 200 OK",
        "1 new post, and the list waits for 3",
        "collected 0 posts, 0 alerts, 1 digest; sent 11, deferred 0, refused 0",
        "left by one click (RFC 8058)",
        "The ten runs sent nothing twice.",
        "All arrived. The inbox has 23 messages: each of 11 readers got exactly one alert and one digest",
    ] {
        assert!(printed.contains(line), "no line {line:?} in:\n{printed}");
    }
    assert_eq!(entries(&place.path().join("empty")), [""; 0]);
    assert_eq!(entries(&place.path().join("tmp")), [""; 0]);
}

#[test]
fn every_message_of_the_demo_is_sound_and_comes_to_each_reader_once() {
    let place = TempDir::new().expect("a temporary folder");
    let kept = place.path().join("kept");
    let keep = kept.to_str().expect("a path in UTF-8");
    to_the_end(demo(place.path(), &["--exit", "--listen", "127.0.0.1:0", "--keep", keep]));
    let mut mails: Vec<(String, String)> = Vec::new();
    for file in entries(&kept) {
        let checked = check_message(&fs::read(kept.join(&file)).expect("a message"));
        mails.push((checked.subject, checked.headers["to"].clone()));
    }
    let alert = "Condemnation: Coalition condemns fifth US transfer of cluster munitions to Ukraine";
    let (alerts, digests): (Vec<_>, Vec<_>) = mails.iter().partition(|(subject, _)| subject == alert);
    assert_eq!((alerts.len(), digests.len()), (12, 11));
    assert!(
        digests.iter().all(|(subject, _)| subject.ends_with("better address… and 2 more | Coalition news")),
        "{digests:?}"
    );
    mails.sort();
    mails.dedup();
    assert_eq!(mails.len(), 23, "no reader has the same mail twice");
}

#[test]
fn the_demo_works_where_no_root_certificates_are() {
    let place = TempDir::new().expect("a temporary folder");
    let mut command = demo(place.path(), &["--exit", "--listen", "127.0.0.1:0"]);
    command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", place.path());
    assert!(to_the_end(command).contains("All arrived."));
    let config = place.path().join("config.toml");
    fs::write(
        &config,
        "base_url = \"http://127.0.0.1\"\n[sender]\nname = \"N\"\naddress = \"n@example.org\"\npostal_address = \"P\"\n\
         [[feeds]]\nname = \"site\"\nurl = \"https://127.0.0.1:1/\"\n[[lists]]\nname = \"news\"\ntitle = \"T\"\n\
         feeds = [\"site\"]\ndigest = \"@daily\"\n[[relays]]\nname = \"r\"\nhost = \"127.0.0.1\"\ntls = \"none\"\n",
    )
    .expect("a configuration");
    let mut looked = Command::new(env!("CARGO_BIN_EXE_tidings"));
    looked.arg("--config").arg(&config).args(["feeds", "try", "site"]).env_clear();
    looked.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", place.path());
    let Output { status, stderr, .. } = looked.output().expect("the program starts");
    let said = String::from_utf8_lossy(&stderr);
    assert!(!status.success() && said.contains("certificates"), "an https feed says what is missing: {said}");
}

#[test]
fn two_demos_stand_side_by_side_and_their_pages_stay_open_until_they_are_ended() {
    let place = TempDir::new().expect("a temporary folder");
    // Whoever asks for a port that is taken gets a free one and is told.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("an address").to_string();
    let (first, second) =
        (Open::start(demo(place.path(), &["--listen", &at])), Open::start(demo(place.path(), &["--listen", &at])));
    assert_ne!(first.pages(), second.pages());
    assert!(words(&first.printed).contains(&format!("Something else listens on {at}")), "{}", first.printed);
    let pages = first.pages();

    assert!(ask(pages, "GET", "/").contains("location: /inbox/"));
    let inbox = ask(pages, "GET", "/inbox/");
    assert!(inbox.contains("23 messages") && inbox.contains("Condemnation: "), "{inbox}");
    assert!(ask(pages, "GET", "/elsewhere").starts_with("HTTP/1.1 404"));

    let mail = ask(pages, "GET", "/inbox/1/source").replace("=\r\n", "");
    let (_, link) = mail.split_once(&format!("List-Unsubscribe: <http://{pages}")).expect("a link to these pages");
    let path = link.split_once('>').expect("a whole link").0;
    assert!(ask(pages, "GET", path).contains("Leave Coalition news?"));
    assert!(ask(pages, "POST", path).contains("You have left Coalition news"));

    for open in [first, second] {
        open.interrupt();
    }
    assert_eq!(entries(&place.path().join("tmp")), [""; 0]);
}
