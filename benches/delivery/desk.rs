//! The desk before a million readers: how long each of its pages takes, as a browser on this machine would wait for it. A
//! digest was sent to all of them and an alert waits in its window, so that there are two million deliveries as well; a
//! correction of the digest is held.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::SignedDuration;
use tidings::{
    app::App,
    clock::Clock,
    config::SecondPerson,
    domain::{access::AccessTokenId, address::EmailAddress, issue::IssueId, slug::Slug, staff::Role},
    newsroom::{self, By, Correction, Placed, Sending, Statement},
    staff::{self, Passwords, Step},
};

use super::{
    Options,
    alert::wait_for,
    daemon::Running,
    house::{House, LIST, Road, Signing, runtime},
    measure,
    smtp_sink::SmtpSink,
    table::{Table, count, median, whole},
};

const READERS: usize = 1_000_000;
const SESSIONS: usize = 4;

/// How often each page is asked for.
const TIMES: usize = 20;

/// No page of the desk may take longer, in milliseconds.
const LIMIT: f64 = 100.0;

/// What is looked at.
const PAGES: &[&str] = &[
    "/desk",
    "/desk/issues",
    "/desk/issues?state=queued&list=news",
    "/desk/issues/1",
    "/desk/issues/1/mail",
    "/desk/issues/2",
    "/desk/issues/1/correct",
    "/desk/issues/2/withdraw",
    "/desk/issues/3",
    "/desk/write",
    "/desk/posts",
    "/desk/posts/1",
    "/desk/readers",
    "/desk/readers?list=news",
    "/desk/readers?list=news&before=500000",
    "/desk/readers/500000",
    "/desk/lists",
    "/desk/lists/news",
    "/desk/feeds",
    "/desk/feeds/site",
    "/desk/relays",
    "/desk/staff",
    "/desk/deeds",
    "/desk/account",
];

/// The beginning of many readers' addresses.
const SEARCHED: &str = "reader5";

/// Measures each page.
pub(crate) fn table(_: &Options) -> anyhow::Result<Table> {
    let about = format!(
        "`tidings serve` on SQLite with {readers} readers, {readers} messages sent and as many waiting. Each page is asked for \
         {TIMES} times, over a connection of its own, by an owner who is signed in. No page may take {LIMIT} ms.",
        readers = count(READERS),
    );
    let mut table =
        Table::new("The desk before a million readers", &about, &["page", "median ms", "slowest ms", "KiB"]);
    let house = house()?;
    let cookie = prepared(&house)?;
    let _daemon = Running(house.tidings().arg("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, house.web_port()));
    wait_for("the daemon does not answer", || TcpStream::connect(address).ok())?;
    let mut too_slow = Vec::new();
    let seal = seal_in(&ask(address, "/desk/readers", &cookie, None)?.1)?;
    let search = format!("seal={seal}&wanted={SEARCHED}");
    let pages = PAGES.iter().map(|page| (*page, None)).chain([("/desk/readers", Some(search.as_str()))]);
    for (path, form) in pages {
        let page = form.map_or_else(|| path.to_owned(), |_| format!("{path}, searched for {SEARCHED}"));
        let (mut times, mut size) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let (took, answer) = ask(address, path, &cookie, form)?;
            times.push(took.as_secs_f64() * 1e3);
            size = answer.len();
        }
        let slowest = times.iter().copied().fold(0.0, f64::max);
        if slowest > LIMIT {
            too_slow.push(format!("{page} took {slowest:.1} ms"));
        }
        eprintln!("  {page}: {slowest:.1} ms at most");
        table.row([format!("`{page}`"), whole(median(times)), whole(slowest), count(size / 1024)]);
    }
    anyhow::ensure!(too_slow.is_empty(), "{}\n{table}", too_slow.join("; "));
    Ok(table)
}

/// An office that has sent a digest to all its readers.
fn house() -> anyhow::Result<House> {
    let house = House::empty()?;
    house.import(READERS)?;
    house.queue(READERS)?;
    let mut sink = SmtpSink::start()?;
    house.lead(Road { port: sink.port(), sessions: SESSIONS, signing: Signing::Off })?;
    let sent = measure::sending(house.run(), READERS, &|| sink.messages());
    sink.still_runs()?;
    eprintln!("  a digest was sent in {:?}", sent?.wall);
    Ok(house)
}

/// Queues an alert that waits in its window, has a correction wait for staff, and signs an owner in; gives what
/// their cookie holds.
fn prepared(house: &House) -> anyhow::Result<String> {
    runtime()?.block_on(async {
        let app = App::open(house.config()?, Clock::System).await?;
        let list = Slug::parse(LIST)?;
        let statement =
            Statement { list: &list, subject: "Coalition condemns the transfer", markdown: "The text.", key: None };
        let draft = newsroom::draft_alert(&app, &statement)?;
        let (by, window) = (By::Machine("bench".to_owned()), SignedDuration::from_hours(10));
        let sending = Sending { by: &by, window };
        newsroom::send(&app, &draft, &sending).await?;
        let mut strict = house.config()?;
        strict.staff.second_person = SecondPerson::Needed;
        let strict = App::open(strict, Clock::System).await?;
        let said = Correction { subject: "The digest was wrong", wrong: "One date.", markdown: "The text." };
        let correction = newsroom::draft_correction(&app, IssueId(1), &said).await?;
        let program = By::Token { id: AccessTokenId(1), name: "bench".to_owned() };
        let placed = newsroom::send(&strict, &correction, &Sending { by: &program, window }).await?;
        strict.store.close().await;
        anyhow::ensure!(matches!(placed, Placed::Waits(_)), "the correction does not wait: {placed:?}");
        let owner = EmailAddress::parse("owner@example.org")?;
        let (_, link) = staff::appoint(&app, &owner, "Olga", Role::Owner, "the benchmark").await?;
        let token = link.rsplit('/').next().unwrap_or_default();
        let password = "a sentence of a few words".to_owned().into();
        let step = staff::choose_password(&app, &Passwords::default(), token, password).await?;
        app.store.close().await;
        match step {
            Step::In(signed_in) => Ok(signed_in.cookie),
            Step::Code(_) => anyhow::bail!("a code is asked for"),
        }
    })
}

/// What the buttons of a page carry.
fn seal_in(page: &str) -> anyhow::Result<String> {
    let rest = page.split_once("name=\"seal\" value=\"").map(|(_, rest)| rest);
    let seal = rest.and_then(|rest| rest.split_once('"')).context("the page has no seal")?;
    Ok(seal.0.to_owned())
}

/// Asks for a page, or sends it a form; gives how long it took until all of the answer was there, and the answer.
fn ask(address: SocketAddr, page: &str, cookie: &str, form: Option<&str>) -> anyhow::Result<(Duration, String)> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    let (method, body) = form.map_or(("GET", ""), |form| ("POST", form));
    let question = format!(
        "{method} {page} HTTP/1.1\r\nHost: {address}\r\nCookie: __Host-tidings={cookie}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let took = began.elapsed();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200 "), "{page} was answered by {answer:.200}");
    Ok((took, answer))
}
