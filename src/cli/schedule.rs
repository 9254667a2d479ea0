//! `tidings schedule`: a crontab line in words, and its next times.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::output::Output;
use crate::domain::schedule::{Schedule, zone_named};

/// A crontab line in words, and its next times.
#[derive(Debug, Args)]
pub(super) struct Line {
    /// Five fields, or @daily and friends, in quotes
    line: String,
    /// The time zone, such as Europe/Paris
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Begin here instead of now, such as 2026-03-29T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// How many times to show
    #[arg(short, value_name = "N", default_value_t = 5)]
    n: usize,
}

#[derive(Serialize)]
struct Report {
    line: String,
    zone: String,
    words: String,
    next: Vec<Timestamp>,
}

impl Line {
    pub(super) fn run(self, output: Output) -> anyhow::Result<ExitCode> {
        let schedule = Schedule::parse(&self.line, &self.zone)?;
        let (zone, _) = zone_named(schedule.zone_name())?;
        let next = schedule.slots_after(self.from.unwrap_or_else(Timestamp::now)).take(self.n);
        let report = Report {
            line: schedule.line().to_owned(),
            zone: schedule.zone_name().to_owned(),
            words: schedule.describe(),
            next: next.map(|slot| slot.at).collect(),
        };
        output.print(&report, |report| {
            let times = report
                .next
                .iter()
                .map(|at| at.to_zoned_datetime(zone.clone()).strftime("  %a %d %b %Y %H:%M %Z").to_string());
            format!("{}\n{}", report.words, times.collect::<Vec<_>>().join("\n"))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
