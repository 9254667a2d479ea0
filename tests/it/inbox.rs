//! The inbox, over real sockets: SMTP conversations written octet by octet, and its pages read by HTTP.

use std::net::SocketAddr;
use std::path::Path;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tidings::clock::Clock;
use tidings::inbox::{Inbox, Settings, page};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

async fn inbox_with(folder: Option<&Path>, limit: usize) -> Inbox {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings { listen, folder: folder.map(Path::to_owned), limit };
    let clock = Clock::manual("2026-11-23T14:05:09Z".parse().expect("it is an instant"));
    Inbox::start(settings, clock).await.expect("a free port is there")
}

async fn inbox() -> Inbox {
    inbox_with(None, 10_000).await
}

/// A client that writes exactly what it is told and reads replies one by one.
struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects and reads the greeting.
    async fn connect(inbox: &Inbox) -> Self {
        let stream = TcpStream::connect(inbox.address()).await.expect("the inbox listens");
        let mut client = Self(BufReader::new(stream));
        assert_eq!(client.code().await, 220);
        client
    }

    /// Connects and says EHLO.
    async fn greeted(inbox: &Inbox) -> Self {
        let mut client = Self::connect(inbox).await;
        assert_eq!(client.ask("EHLO client.example\r\n").await, 250);
        client
    }

    async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(octets.as_ref()).await.expect("the inbox reads");
    }

    /// One reply, all its lines.
    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = self.0.read_line(&mut reply).await.expect("the inbox writes");
            assert!(read > 0, "the inbox hung up after {reply:?}");
            assert!(reply.ends_with("\r\n"));
            if reply.as_bytes()[start + 3] == b' ' {
                return reply;
            }
        }
    }

    async fn code(&mut self) -> u16 {
        self.reply().await[..3].parse().expect("a reply begins with a code")
    }

    /// Sends something and gives the code of the one reply to it.
    async fn ask(&mut self, octets: impl AsRef<[u8]>) -> u16 {
        self.send(octets).await;
        self.code().await
    }

    async fn codes<const N: usize>(&mut self) -> [u16; N] {
        let mut codes = [0; N];
        for code in &mut codes {
            *code = self.code().await;
        }
        codes
    }

    /// Hands over a message for one recipient.
    async fn hand_over(&mut self, content: &str) {
        self.send("MAIL FROM:<news@example.org>\r\nRCPT TO:<anna@reader.example>\r\nDATA\r\n").await;
        assert_eq!(self.codes().await, [250, 250, 354]);
        assert_eq!(self.ask(format!("{content}\r\n.\r\n")).await, 250);
    }

    async fn is_hung_up_on(&mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.expect("the inbox closes in order");
        rest.is_empty()
    }
}

const ENVELOPE: &str = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n";

#[tokio::test]
async fn a_message_is_kept_with_its_envelope_and_exact_octets() {
    let inbox = inbox().await;
    let mut client = Client::connect(&inbox).await;
    client.send("EHLO client.example\r\n").await;
    let offer = client.reply().await;
    for extension in
        ["PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "SIZE 26214400", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN"]
    {
        assert!(offer.contains(&format!("{extension}\r\n")), "{extension} is offered in {offer}");
    }
    assert_eq!(client.ask("MAIL FROM:<> SIZE=99 BODY=8BITMIME SMTPUTF8\r\n").await, 250);
    assert_eq!(client.ask("RCPT TO:<müller@example.org>\r\n").await, 250);
    assert_eq!(client.ask("RCPT TO:<b@example.org>\r\n").await, 250);
    assert_eq!(client.ask("DATA\r\n").await, 354);
    let stuffed = b"..first\r\nSubject: \xff\0\r\n\r\n...\r\n..\r\nbare \n.\n and \r.\r\n.\r\n";
    assert_eq!(client.ask(stuffed).await, 250);
    assert_eq!(client.ask("QUIT\r\n").await, 221);
    assert!(client.is_hung_up_on().await);

    let kept = inbox.wait_for(1).await;
    assert_eq!((kept[0].id, &*kept[0].sender), (1, ""));
    assert_eq!(kept[0].received_at.to_string(), "2026-11-23T14:05:09Z");
    assert_eq!(kept[0].recipients, ["müller@example.org", "b@example.org"]);
    assert_eq!(kept[0].bytes, b".first\r\nSubject: \xff\0\r\n\r\n..\r\n.\r\nbare \n.\n and \r.\r\n");
}

#[tokio::test]
async fn a_pipelined_group_gets_one_reply_for_each_command_in_order() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    client.send(format!("{ENVELOPE}RCPT TO:<>\r\nNOOP\r\nVRFY b\r\nDATA\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 501, 250, 252, 354]);
    // The content and the whole next group come in one piece.
    client.send(format!("one\r\n.\r\n{ENVELOPE}DATA\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 250, 354]);
    client.send(format!("two\r\n.\r\n{ENVELOPE}RSET\r\nDATA\r\nQUIT\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 250, 250, 503, 221]);
    let texts: Vec<_> = inbox.messages().iter().map(|kept| kept.bytes.clone()).collect();
    assert_eq!(texts, [b"one\r\n", b"two\r\n"]);
}

#[tokio::test]
async fn chunks_are_put_together_without_a_look_at_what_they_hold() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    client.send(format!("{ENVELOPE}BDAT 7\r\n.\r\n.\r\n.BDAT 6 LAST\r\nQUIT\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 250, 250]);
    assert_eq!(inbox.wait_for(1).await[0].bytes, b".\r\n.\r\n.QUIT\r\n");

    client.send(format!("{ENVELOPE}BDAT 0 LAST\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 250]);
    assert!(inbox.wait_for(2).await[1].bytes.is_empty());
}

#[tokio::test]
async fn a_refused_chunk_is_not_taken_for_commands() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    assert_eq!(client.ask("BDAT 6 LAST\r\nQUIT\r\n").await, 503);
    client.send(format!("{ENVELOPE}BDAT 1\r\nxDATA\r\nRCPT TO:<c@example.org>\r\nBDAT 26214400\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 250, 503, 503]);
    client.send(vec![b'x'; 26_214_400]).await;
    assert_eq!(client.code().await, 552);
    assert_eq!(client.ask("BDAT 6 LAST\r\nQUIT\r\n").await, 503);
    assert_eq!(client.ask("BDAT six\r\n").await, 501);
    assert!(client.is_hung_up_on().await, "where the chunk ends is unknown");
    assert!(inbox.messages().is_empty());
}

#[tokio::test]
async fn nothing_but_a_dot_between_two_crlf_ends_the_content() {
    for smuggled in ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n.\r\r\n"] {
        let inbox = inbox().await;
        let mut client = Client::greeted(&inbox).await;
        client.send(format!("{ENVELOPE}DATA\r\n")).await;
        assert_eq!(client.codes().await, [250, 250, 354]);
        let inner = "MAIL FROM:<chief@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nfake\r\n.\r\n";
        assert_eq!(client.ask(format!("real{smuggled}{inner}")).await, 250);
        assert_eq!(client.ask("NOOP\r\n").await, 250, "no other reply came before this one");
        let kept = inbox.messages();
        assert_eq!((kept.len(), &*kept[0].sender), (1, "a@example.org"), "{smuggled:?}");
        assert!(kept[0].bytes.ends_with(b"fake\r\n"));
    }
}

#[tokio::test]
async fn a_command_that_hides_another_behind_a_bare_line_end_is_hung_up_on() {
    for hidden in ["NOOP\nMAIL FROM:<a@example.org>\r\n", "NOOP\rMAIL FROM:<a@example.org>\r\n", "NOOP\n"] {
        let inbox = inbox().await;
        let mut client = Client::greeted(&inbox).await;
        assert_eq!(client.ask(hidden).await, 521, "{hidden:?}");
        assert!(client.is_hung_up_on().await);
    }
}

#[tokio::test]
async fn an_oversize_message_is_refused_before_and_after_it_came() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    assert_eq!(client.ask("MAIL FROM:<a@example.org> SIZE=26214401\r\n").await, 552);
    client.send(format!("{ENVELOPE}DATA\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 354]);
    let line = [&[b'x'; 1022][..], b"\r\n"].concat();
    client.send(line.repeat(25 * 1024 + 1)).await;
    assert_eq!(client.ask("\r\n.\r\n").await, 552);
    client.hand_over("small").await;
    assert_eq!(inbox.messages().len(), 1);

    client.send(format!("{ENVELOPE}BDAT 18446744073709551614 LAST\r\n")).await;
    assert_eq!(client.codes().await, [250, 250, 552]);
    assert!(client.is_hung_up_on().await);
}

#[tokio::test]
async fn commands_out_of_order_or_beyond_the_offer_are_refused() {
    let inbox = inbox().await;
    let mut client = Client::connect(&inbox).await;
    assert_eq!(client.ask("MAIL FROM:<a@example.org>\r\n").await, 503);
    assert_eq!(client.ask("HELO client.example\r\n").await, 250);
    for (command, code) in [
        ("RCPT TO:<b@example.org>\r\n", 503),
        ("MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n", 555),
        ("MAIL FROM:<a@example.org> ENVID=x\r\n", 555),
        ("MAIL FROM:<ä@example.org>\r\n", 553),
        ("MAIL FROM:a@example.org\r\n", 501),
        ("MAIL FROM:<a@example.org>\r\n", 250),
        ("MAIL FROM:<a@example.org>\r\n", 503),
        ("DATA\r\n", 503),
        ("RCPT TO:<b@example.org> NOTIFY=NEVER\r\n", 555),
        ("RCPT TO:<ä@example.org>\r\n", 553),
        ("STARTTLS\r\n", 502),
        ("EXPN all\r\n", 502),
        ("HELP\r\n", 214),
        ("WHAT\r\n", 500),
        ("\r\n", 500),
    ] {
        assert_eq!(client.ask(command).await, code, "{command:?}");
    }
}

#[tokio::test]
async fn a_client_that_only_errs_is_hung_up_on() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    assert_eq!(client.ask(format!("{}\r\n", "x".repeat(20_000))).await, 500);
    client.send("WHAT\r\n".repeat(19)).await;
    assert_eq!(client.codes().await, [500; 19]);
    assert_eq!(client.code().await, 421);
    assert!(client.is_hung_up_on().await);
}

#[tokio::test]
async fn recipients_and_connections_have_an_end() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    assert_eq!(client.ask("MAIL FROM:<a@example.org>\r\n").await, 250);
    client.send("RCPT TO:<b@example.org>\r\n".repeat(101)).await;
    assert_eq!(client.codes::<100>().await, [250; 100]);
    assert_eq!(client.code().await, 452);

    let mut others = Vec::new();
    for _ in 0..99 {
        others.push(Client::connect(&inbox).await);
    }
    let stream = TcpStream::connect(inbox.address()).await.expect("the inbox listens");
    assert_eq!(Client(BufReader::new(stream)).code().await, 421);
}

#[tokio::test]
async fn any_credentials_are_right() {
    for (dialogue, code) in [
        (&["AUTH PLAIN AGEAYg==\r\n"][..], 235),
        (&["AUTH PLAIN\r\n", "AGEAYg==\r\n"], 235),
        (&["AUTH LOGIN\r\n", "YQ==\r\n", "Yg==\r\n"], 235),
        (&["AUTH LOGIN YQ==\r\n", "Yg==\r\n"], 235),
        (&["AUTH LOGIN\r\n", "*\r\n"], 501),
        (&["AUTH PLAIN !\r\n"], 501),
        (&["AUTH PLAIN YQ==\r\n"], 501),
        (&["AUTH CRAM-MD5\r\n"], 504),
    ] {
        let inbox = inbox().await;
        let mut client = Client::greeted(&inbox).await;
        let (last, before) = dialogue.split_last().expect("there is something to say");
        for line in before {
            assert_eq!(client.ask(line).await, 334, "{dialogue:?}");
        }
        assert_eq!(client.ask(last).await, code, "{dialogue:?}");
        let again = if code == 235 { 503 } else { 235 };
        assert_eq!(client.ask("AUTH PLAIN AGEAYg==\r\n").await, again, "{dialogue:?}");
    }
}

#[tokio::test]
async fn a_stopped_inbox_frees_its_port_and_stays_readable() {
    let inbox = inbox().await;
    let mut client = Client::greeted(&inbox).await;
    client.hand_over("Subject: a\r\n\r\nb").await;
    inbox.stop().await;
    TcpListener::bind(inbox.address()).await.expect("the port is free");
    assert_eq!(inbox.messages().len(), 1);
}

#[tokio::test]
async fn the_folder_copies_the_inbox_and_fills_the_next_one() {
    let folder = tempfile::tempdir().expect("there is room");
    let names = || {
        let entries = std::fs::read_dir(folder.path()).expect("the folder is there");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("it is readable").file_name()).collect();
        names.sort();
        names
    };
    let first = inbox_with(Some(folder.path()), 2).await;
    let mut client = Client::greeted(&first).await;
    for subject in ["Oldest", "../../etc/passwd", "Meeting in Geneva"] {
        client.hand_over(&format!("From: <f@x.example>\r\nTo: <t@x.example>\r\nSubject: {subject}\r\n\r\ntext")).await;
    }
    let kept = first.wait_for(2).await;
    assert_eq!(names(), ["000002-etc-passwd.eml", "000003-meeting-in-geneva.eml"]);
    first.stop().await;
    std::fs::write(folder.path().join("from-elsewhere.eml"), "Subject: Foreign\r\n\r\n").expect("there is room");
    std::fs::write(folder.path().join(".000009-cut-short.eml.part"), "Subj").expect("there is room");

    let second = inbox_with(Some(folder.path()), 2).await;
    let read: Vec<_> = second.messages().iter().map(|message| (message.id, message.bytes.clone())).collect();
    assert_eq!(read, [(3, kept[1].bytes.clone()), (4, b"Subject: Foreign\r\n\r\n".to_vec())]);
    assert_eq!(second.messages()[0].sender, "f@x.example");
    assert_eq!(second.messages()[0].recipients, ["t@x.example"]);
    second.clear().await;
    assert_eq!(names(), [".000009-cut-short.eml.part", "000002-etc-passwd.eml"], "only what it held is removed");
}

/// A web page's answer, taken apart.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The pages of an inbox under `/inbox`, served on a socket of their own.
struct Web {
    address: SocketAddr,
    client: reqwest::Client,
}

impl Web {
    async fn serve(inbox: &Inbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port is there");
        let address = listener.local_addr().expect("it is bound");
        let router = page::router(inbox.clone(), "/inbox");
        tokio::spawn(async move { axum::serve(listener, router).await });
        // The pages are plain HTTP, but the client wants to know its TLS in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { address, client: client.build().expect("the client's settings are sound") }
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}/inbox{path}", self.address)
    }

    async fn get(&self, path: &str) -> Answer {
        Self::answer(self.client.get(self.at(path))).await
    }

    async fn clear(&self, name: &'static str, value: &str) -> Answer {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_str(value).expect("it is a value"));
        Self::answer(self.client.post(self.at("/clear")).header(name, value)).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the page answers");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("the answer has an end") }
    }
}

#[tokio::test]
async fn the_list_shows_newest_first_and_finds_by_subject_and_address() {
    let inbox = inbox().await;
    let web = Web::serve(&inbox).await;
    let empty = web.get("/").await;
    assert!(empty.text.contains("No mail yet") && !empty.text.contains("http-equiv=\"refresh\""));
    // Whoever wants a page that changes by itself says so.
    assert!(empty.text.contains("href=\"./?live=1\""), "{}", empty.text);
    assert!(web.get("/?live=1").await.text.contains("http-equiv=\"refresh\""));

    let mut client = Client::greeted(&inbox).await;
    for number in 1..=51 {
        client.hand_over(&format!("From: Press <p@x.example>\r\nSubject: Number {number}.\r\n\r\nText {number}")).await;
    }
    client.hand_over("Subject: =?utf-8?b?0JzQuNGA?=\r\n\r\n").await;

    let first = web.get("/").await.text;
    assert!(!first.contains("http-equiv=\"refresh\""));
    let places = ["Мир", "Number 51.", "Number 50.", "Number 3."].map(|subject| first.find(subject));
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
    assert!(!first.contains("Number 2."), "a page has fifty rows");
    assert!(first.contains("href=\"./?page=2\"") && first.contains("1–50 of 52") && first.contains("Text 51"));
    let second = web.get("/?page=2&live=1").await.text;
    assert!(second.contains("Number 2.") && second.contains("Number 1.") && !second.contains("Number 3."));
    assert!(second.contains("http-equiv=\"refresh\""));
    assert!(web.get("/?page=999").await.text.contains("Number 1."), "past the end is the end");

    let found = web.get("/?q=%D0%BC%D0%B8%D1%80+ANNA@").await.text;
    assert!(found.contains("1 of 52 messages") && found.contains("Мир") && !found.contains("Number"));
    assert!(web.get("/?q=nowhere").await.text.contains("0 of 52 messages"));
}

#[tokio::test]
async fn a_message_has_four_views_and_its_files() {
    let inbox = inbox().await;
    let web = Web::serve(&inbox).await;
    let mut client = Client::greeted(&inbox).await;
    let content = "From: Press <p@x.example>\r\nSubject: Two\r\n ways\r\nX-Odd: a<b\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain\r\n\r\nPlain, see https://x.example/a?b=1&c=2.\r\n\
        --a\r\nContent-Type: text/html\r\n\r\n<p>Rich <img src=\"https://x.example/i.png\">\r\n--a--\r\n\
        --m\r\nContent-Type: text/html; name=\"a \\\"b.html\"\r\nContent-Disposition: attachment\r\n\r\n<b>\r\n--m--";
    client.hand_over(content).await;

    let html = web.get("/1").await;
    assert_eq!(html.status, StatusCode::OK);
    assert!(html.text.contains("<h1 dir=\"auto\">Two ways</h1>") && html.text.contains("src=\"1/frame\""));
    assert!(html.text.contains("href=\"1?images=1\""), "remote images are a choice");
    assert!(web.get("/1?width=phone&images=1").await.text.contains("<iframe class=\"phone\""));
    let text = web.get("/1?view=text").await.text;
    assert!(text.contains("<a href=\"https://x.example/a?b=1&amp;c=2\" target=\"_blank\""));
    let headers = web.get("/1?view=headers").await.text;
    assert!(headers.contains("<th scope=\"row\">X-Odd</th><td>a&lt;b</td>") && headers.contains("Two\r\n ways"));
    assert!(web.get("/1?view=source").await.text.contains("--a--"));

    let source = web.get("/1/source").await;
    assert_eq!(source.text, format!("{content}\r\n"));
    assert_eq!(source.header("content-disposition"), "attachment; filename=\"000001-two-ways.eml\"");
    let part = web.get("/1/parts/0").await;
    assert_eq!((&*part.text, part.header("content-type")), ("<b>", "application/octet-stream"));
    assert_eq!(part.header("content-security-policy"), "sandbox; default-src 'none'");
    assert!(part.header("content-disposition").starts_with("attachment; filename=\"a"));

    for missing in ["/2", "/x", "/2/frame", "/2/source", "/1/parts/9", "/1/parts/x"] {
        assert_eq!(web.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn hostile_html_is_only_ever_in_a_frame_that_may_do_nothing() {
    let inbox = inbox().await;
    let web = Web::serve(&inbox).await;
    let mut client = Client::greeted(&inbox).await;
    let attack = "<script>alert(document.domain)</script><img src=http://x.example/i>";
    client
        .hand_over(&format!("From: \"{attack}\" <a@x>\r\nSubject: {attack}\r\nContent-Type: text/html\r\n\r\n{attack}"))
        .await;

    for path in ["/", "/?q=%3Cscript%3Ealert", "/1", "/1?view=text", "/1?view=headers", "/1?view=source", "/1?images=1"]
    {
        let page = web.get(path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text.contains("<script") && !page.text.contains("<img"), "{path} holds no HTML of the message");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-src 'self'"), "{policy}");
        assert!(!policy.contains("script") && !policy.contains("http"), "{policy}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!((page.header("cache-control"), page.header("x-content-type-options")), ("no-store", "nosniff"));
    }
    let page = web.get("/1").await.text;
    assert!(page.contains("&lt;script&gt;alert(document.domain)"), "the subject is there, escaped");
    assert!(page.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""));

    for (path, images) in [("/1/frame", "img-src data:; "), ("/1/frame?images=1", "img-src data: https: http:; ")] {
        let frame = web.get(path).await;
        assert!(frame.text.contains(attack), "the frame shows what was sent");
        let policy = frame.header("content-security-policy");
        let start = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; ";
        assert!(policy.starts_with(start) && policy.contains(images), "{policy}");
        assert!(!policy.contains("allow-scripts") && !policy.contains("allow-same-origin"), "{policy}");
        assert_eq!(frame.header("referrer-policy"), "no-referrer");
        assert_eq!(frame.header("x-frame-options"), "", "the page must be able to frame it");
    }
}

#[tokio::test]
async fn whatever_octets_came_can_be_looked_at() {
    let inbox = inbox().await;
    let web = Web::serve(&inbox).await;
    let mut client = Client::greeted(&inbox).await;
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(300);
    let unclosed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(300);
    let odd = ["", "\r\n", ":", "\n\n\n", "\0", "From", "From:\r\nTo: ,;:<\r\nSubject:\r\n\r\n", &nested, &unclosed];
    for (at, content) in odd.iter().enumerate() {
        client.send(format!("{ENVELOPE}BDAT {} LAST\r\n{content}", content.len())).await;
        assert_eq!(client.codes().await, [250; 3]);
        for view in ["html", "text", "headers", "source"] {
            let page = web.get(&format!("/{}?view={view}", at + 1)).await;
            assert_eq!(page.status, StatusCode::OK, "{view} of {content:?}");
        }
    }
    assert_eq!(web.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_our_own_page_may_clear_the_inbox() {
    let inbox = inbox().await;
    let web = Web::serve(&inbox).await;
    Client::greeted(&inbox).await.hand_over("Subject: a\r\n\r\n").await;
    assert_eq!(web.clear("origin", "https://evil.example").await.status, StatusCode::FORBIDDEN);
    assert_eq!(web.clear("origin", "null").await.status, StatusCode::FORBIDDEN);
    assert_eq!(web.clear("sec-fetch-site", "cross-site").await.status, StatusCode::FORBIDDEN);
    assert_eq!(web.get("/clear").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(inbox.messages().len(), 1);
    let cleared = web.clear("origin", &format!("http://{}", web.address)).await;
    assert_eq!((cleared.status, cleared.header("location")), (StatusCode::SEE_OTHER, "./"));
    assert!(inbox.messages().is_empty());
}

#[tokio::test]
async fn a_site_that_renames_itself_to_this_machine_reads_nothing() {
    let inbox = inbox().await;
    let web = Web::serve(&inbox).await;
    for (host, status) in [("evil.example", 421), ("localhost", 200)] {
        let answer = Web::answer(web.client.get(web.at("/")).header("host", host)).await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
    let root = Web::answer(web.client.get(format!("http://{}/inbox", web.address))).await;
    assert_eq!((root.status, root.header("location")), (StatusCode::PERMANENT_REDIRECT, "/inbox/"));
}
