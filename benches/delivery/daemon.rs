//! The daemon at rest: how soon it answers, and how much memory it keeps.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    Options,
    house::House,
    measure,
    table::{Table, median, mib, whole},
};

/// How long it is left alone before its memory is read.
const REST: Duration = Duration::from_secs(3);

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is ended with its owner.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures it, as often as asked.
pub(crate) fn table(options: &Options) -> anyhow::Result<Table> {
    let about = format!(
        "`tidings serve` with an empty list: from its start to the first connection that it accepts, and its memory after \
         {} seconds; what is not its own is its program's file, as far as the kernel has mapped it. Median of {}.",
        REST.as_secs(),
        options.repeat
    );
    let columns = ["start to first accept ms", "memory MiB", "its own MiB"];
    let mut table = Table::new("The daemon at rest", &about, &columns);
    let (mut accepts, mut memories) = (Vec::new(), [Vec::new(), Vec::new()]);
    let house = House::empty()?;
    for _ in 0..options.repeat {
        let began = Instant::now();
        let daemon = Running(house.tidings().arg("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, house.web_port()));
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(began.elapsed() < PATIENCE, "the daemon does not answer");
            thread::sleep(Duration::from_micros(500));
        }
        accepts.push(began.elapsed().as_secs_f64() * 1e3);
        thread::sleep(REST);
        for (figure, memories) in ["VmRSS:", "RssAnon:"].into_iter().zip(&mut memories) {
            let memory = measure::memory(daemon.0.id(), figure);
            memories.push(memory.ok_or_else(|| anyhow::anyhow!("the daemon has ended"))? as f64);
        }
    }
    let [memory, own] = memories.map(|memories| mib(median(memories) as u64));
    table.row([whole(median(accepts)), memory, own]);
    Ok(table)
}
