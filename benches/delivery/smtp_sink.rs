//! Postfix's smtp-sink as a process of its own. It keeps no message; its running counters, written to a file, say how
//! many it has taken.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::FileExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;
use tempfile::NamedTempFile;

/// A running smtp-sink; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct SmtpSink {
    process: Child,
    port: u16,
    counters: NamedTempFile,
}

/// The program that the environment names, which scripts/bench has found or unpacked.
pub(crate) fn program(variable: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::var_os(variable);
    let program = program.with_context(|| format!("{variable} names no program; run this by scripts/bench"))?;
    Ok(program.into())
}

impl SmtpSink {
    /// Starts one on a free port and waits until it answers.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        let counters = NamedTempFile::new()?;
        let process = Command::new(program("SMTP_SINK")?)
            .args(["-c", &format!("127.0.0.1:{port}"), "100"])
            .stdin(Stdio::null())
            .stdout(counters.reopen()?)
            .stderr(Stdio::inherit())
            .spawn()
            .context("smtp-sink does not start")?;
        let mut sink = Self { process, port, counters };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            sink.still_runs()?;
            thread::sleep(Duration::from_millis(5));
        }
        Ok(sink)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Fails when it has ended by itself, or somebody ended it: then no client is to blame for what it did not send.
    pub(crate) fn still_runs(&mut self) -> anyhow::Result<()> {
        let ended = self.process.try_wait()?;
        anyhow::ensure!(ended.is_none(), "smtp-sink has ended in the middle of a run: {ended:?}");
        Ok(())
    }

    /// How many messages it has taken; cheap.
    pub(crate) fn messages(&self) -> u64 {
        newest_count(self.counters.as_file()).unwrap_or(0)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nothing listens on at this moment.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The last `mesg=N` in the file: each update is a line that ends in a carriage return.
fn newest_count(file: &File) -> Option<u64> {
    const UPDATE: u64 = 256;
    let length = file.metadata().ok()?.len();
    let mut tail = [0; UPDATE as usize];
    let read = file.read_at(&mut tail, length.saturating_sub(UPDATE)).ok()?;
    let tail = String::from_utf8_lossy(&tail[..read]).into_owned();
    let (_, count) = tail.rsplit_once("mesg=")?;
    count.split_once(|c: char| !c.is_ascii_digit())?.0.parse().ok()
}
