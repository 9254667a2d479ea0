//! What the figures were taken on: the processor, the kernel, the disk, the load. It only reads, but for one small file.

use std::{
    fmt,
    fs::{self, File},
    io::Write,
    path::Path,
    thread,
    time::Instant,
};

use super::table::{median, whole};

/// The machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
}

/// How busy it is at a moment: what else runs, and how long the disk takes. Of a quiet machine, the figures of the
/// beginning and of the end are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mood {
    fsync_us: f64,
    load: f64,
}

impl Machine {
    /// Looks at it.
    pub(crate) fn seen() -> anyhow::Result<Self> {
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            processor: model.map_or("an unnamed processor", |(_, name)| name).trim().to_owned(),
            cores: thread::available_parallelism()?.get(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        })
    }
}

impl Mood {
    /// Looks at it; takes a moment, for the disk is tried.
    pub(crate) fn now() -> anyhow::Result<Self> {
        let load = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok());
        Ok(Self { fsync_us: fsync_us(&std::env::temp_dir())?, load: load.unwrap_or(f64::NAN) })
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel } = self;
        write!(f, "{processor}, {cores} cores; Linux {kernel}")
    }
}

impl fmt::Display for Mood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load {:.1}, fsync of 4 KiB {} µs", self.load, whole(self.fsync_us))
    }
}

/// How long the disk of the houses takes to keep 4 KiB for good: the median of a hundred, in microseconds.
fn fsync_us(folder: &Path) -> anyhow::Result<f64> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    Ok(median(times))
}
