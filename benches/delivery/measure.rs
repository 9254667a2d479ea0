//! Runs a program to its end and says what it cost: time by the wall clock, processor time, the most memory it had; and
//! how the messages came in meanwhile, by the sink's own count.

use std::{
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

/// How often the sink's count and the program's memory are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// How long a sink may take to have counted what it has answered for.
const SETTLING: Duration = Duration::from_secs(2);

/// What one run cost.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From before it was started until it had ended.
    pub(crate) wall: Duration,
    /// Of the program, in user and in system mode.
    pub(crate) cpu: Duration,
    /// The most memory it had resident, in KiB.
    pub(crate) peak_kib: u64,
    /// Messages each second while the middle of them came in, from a tenth to nine tenths; none when they were too few.
    pub(crate) steady: Option<f64>,
}

impl Measured {
    /// Messages each second, from start to end of the program.
    pub(crate) fn rate(&self, messages: usize) -> f64 {
        messages as f64 / self.wall.as_secs_f64()
    }

    /// Processor time for each message, in microseconds.
    pub(crate) fn cpu_each(&self, messages: usize) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / messages as f64
    }
}

/// What a program that sends nothing costs.
pub(crate) fn alone(command: Command) -> anyhow::Result<Measured> {
    run(command, 0, &|| 0)
}

/// What it costs a program to send so many messages.
///
/// # Errors
/// When it does not end well, or the sink, which is asked by `count`, did not get exactly so many.
pub(crate) fn sending(command: Command, messages: usize, count: &(dyn Fn() -> u64 + Sync)) -> anyhow::Result<Measured> {
    let name = command.get_program().to_string_lossy().into_owned();
    let measured = run(command, messages as u64, count)?;
    let ended = Instant::now();
    while count() < messages as u64 && ended.elapsed() < SETTLING {
        thread::sleep(LOOK);
    }
    let got = count();
    anyhow::ensure!(got == messages as u64, "`{name}` was to send {messages} messages and the sink got {got}");
    Ok(measured)
}

fn run(mut command: Command, messages: u64, count: &(dyn Fn() -> u64 + Sync)) -> anyhow::Result<Measured> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (before, began) = (children_cpu()?, Instant::now());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("`{name}` does not start"))?;
    let (pid, has_ended) = (child.id(), AtomicBool::new(false));
    let (status, wall, (peak_kib, arrivals)) = thread::scope(|scope| {
        let watch = scope.spawn(|| watch(pid, &has_ended, began, count));
        let status = child.wait();
        let wall = began.elapsed();
        has_ended.store(true, Ordering::Release);
        (status, wall, watch.join().expect("watching does not panic"))
    });
    let status = status?;
    anyhow::ensure!(status.success(), "`{name}` ended with {status}");
    // It is the only child that was waited for in between, so that the difference is its own.
    let cpu = children_cpu()?.saturating_sub(before);
    Ok(Measured { wall, cpu, peak_kib, steady: steady(&arrivals, messages) })
}

/// The processor time of all children that have ended and were waited for.
fn children_cpu() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let both = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(both.unsigned_abs()))
}

/// When so many messages had come.
type Arrival = (Duration, u64);

fn watch(pid: u32, has_ended: &AtomicBool, began: Instant, count: &(dyn Fn() -> u64 + Sync)) -> (u64, Vec<Arrival>) {
    let (mut peak, mut arrivals) = (0, Vec::<Arrival>::new());
    while !has_ended.load(Ordering::Acquire) {
        peak = memory(pid, "VmHWM:").unwrap_or(0).max(peak);
        let now = (began.elapsed(), count());
        if arrivals.last().is_none_or(|last| last.1 < now.1) {
            arrivals.push(now);
        }
        thread::sleep(LOOK);
    }
    (peak, arrivals)
}

/// A figure of a process's memory in KiB, as the kernel calls it; none when the process has ended.
pub(crate) fn memory(pid: u32, figure: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure))?;
    line.split_whitespace().next()?.parse().ok()
}

fn steady(arrivals: &[Arrival], messages: u64) -> Option<f64> {
    let (begin, begun) = arrivals.iter().find(|(_, count)| *count * 10 >= messages && *count > 0)?;
    let (end, done) = arrivals.iter().rev().find(|(_, count)| *count * 10 <= messages * 9)?;
    let (time, came) = (end.checked_sub(*begin)?, done.checked_sub(*begun)?);
    // Fewer looks than ten would measure how often we look.
    (time > LOOK * 10).then(|| came as f64 / time.as_secs_f64())
}
