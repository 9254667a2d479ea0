//! A ping: how long after it the alert of a new post is at the relay, with a feed that is otherwise looked at once a day.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Options,
    alert::wait_for,
    daemon::Running,
    house::{House, Road, Signing},
    sink::{Offer, Sink},
    table::{Table, median, whole},
};

/// How many readers the alert goes to.
const READERS: usize = 100;

const SECRET: &str = "the-secret-of-the-feed";
const SUBJECT: &str = "Coalition condemns the transfer";
/// Measures it, as often as asked.
pub(crate) fn table(options: &Options) -> anyhow::Result<Table> {
    let about = format!(
        "`tidings serve` with {READERS} readers and a feed that it looks at once a day. The feed gets a post that condemns, \
         and `/hooks/feed/site` is called: until the first message of the alert is whole at the relay. Median of {} \
         (slowest).",
        options.repeat
    );
    let mut table = Table::new("From a ping to the alert", &about, &["first message ms"]);
    let mut times = Vec::new();
    for _ in 0..options.repeat {
        times.push(first_message()?.as_secs_f64() * 1e3);
        eprintln!("  {:?} ms", times.last());
    }
    let slowest = times.iter().copied().fold(0.0, f64::max);
    table.row([format!("{} ({})", whole(median(times)), whole(slowest))]);
    Ok(table)
}

fn first_message() -> anyhow::Result<Duration> {
    let sink = Sink::watching(Offer::Chunking, SUBJECT)?;
    let house = House::empty()?;
    house.lead(Road { port: sink.port(), sessions: 4, signing: Signing::Off })?;
    let path = house.path().join("config.toml");
    let url = "url = \"feed.xml\"\n";
    let config = fs::read_to_string(&path)?.replace(url, &format!("{url}every = \"1d\"\nping = \"{SECRET}\"\n"));
    fs::write(path, format!("{config}[[urgent]]\nname = \"condemnation\"\nwords = [\"condemn*\"]\n"))?;
    house.import(READERS)?;
    let looked = house.run().stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    anyhow::ensure!(looked.success(), "the first look failed");
    let _daemon = Running(house.tidings().arg("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, house.web_port()));
    wait_for("the daemon does not answer", || TcpStream::connect(address).ok())?;
    publish(&house)?;
    let began = Instant::now();
    ping(address)?;
    let message = wait_for("no message of the alert came", || sink.seen_at())?;
    wait_for("the alert did not come to all", || (sink.messages() == READERS as u64).then_some(()))?;
    sink.verdict()?;
    Ok(message.saturating_duration_since(began))
}

/// Puts a post into the feed that is breaking.
fn publish(house: &House) -> anyhow::Result<()> {
    let feed = house.path().join("feed.xml");
    let now = jiff::fmt::rfc2822::to_string(&Timestamp::now().to_zoned_datetime(TimeZone::UTC))?;
    let post = format!(
        "<item><title>{SUBJECT}</title><guid>new</guid><link>https://example.org/new/</link><pubDate>{now}</pubDate>\
         <description>The whole statement.</description></item>"
    );
    let text = fs::read_to_string(&feed)?.replacen("<item>", &format!("{post}<item>"), 1);
    let fresh = house.path().join("fresh.xml");
    fs::write(&fresh, text)?;
    fs::rename(fresh, feed)?;
    Ok(())
}

/// Calls the hook as any site can.
fn ping(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let head = format!(
        "POST /hooks/feed/site HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 202 "), "the ping was not taken: {answer}");
    Ok(())
}
