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

/// The machine at the beginning of a run.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    load: String,
    fsync_us: f64,
}

impl Machine {
    /// Looks at it; takes a moment, for the disk is tried.
    pub(crate) fn seen() -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            processor: model.map_or("an unnamed processor", |(_, name)| name).trim().to_owned(),
            cores: thread::available_parallelism()?.get(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            fsync_us: fsync_us(&std::env::temp_dir())?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, load, fsync_us } = self;
        write!(
            f,
            "{processor}, {cores} cores; Linux {kernel}; fsync of 4 KiB {} µs; load before {load}",
            whole(*fsync_us)
        )
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
