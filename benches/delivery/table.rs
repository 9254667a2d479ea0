//! Markdown tables, and the middle of repeated measurements.

use std::fmt;

use super::measure::Measured;

/// A table with a heading.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heading: String,
    about: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table: its heading, what it measures, and the names of its columns.
    pub(crate) fn new(heading: &str, about: &str, columns: &[&str]) -> Self {
        let names = columns.iter().map(|&name| name.to_owned()).collect();
        Self { heading: heading.to_owned(), about: about.to_owned(), rows: vec![names] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

/// Padded, so that it can be read as it is.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}\n", self.heading, self.about)?;
        let columns = self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (nth, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
            if nth == 0 {
                let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width.max(3))).collect();
                writeln!(f, "| {} |", rules.join(" | "))?;
            }
        }
        Ok(())
    }
}

/// The middle one of some figures. None of them is an error of ours, so that there is always one.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What several runs of the same thing came to.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    messages: usize,
    runs: Vec<Measured>,
}

impl Runs {
    /// None yet, each of so many messages.
    pub(crate) fn of(messages: usize) -> Self {
        Self { messages, runs: Vec::new() }
    }

    /// One more.
    pub(crate) fn push(&mut self, measured: Measured) {
        self.runs.push(measured);
    }

    /// The last one in words, for whoever waits.
    pub(crate) fn newest(&self) -> String {
        let Some(run) = self.runs.last() else { return String::new() };
        format!("{} messages/s, {:.1} s", whole(run.rate(self.messages)), run.wall.as_secs_f64())
    }

    /// The median of messages each second, from start to end of the program.
    pub(crate) fn rate(&self) -> f64 {
        median(self.runs.iter().map(|run| run.rate(self.messages)))
    }

    /// The median with the lowest and the highest.
    pub(crate) fn rates(&self) -> String {
        let rates = || self.runs.iter().map(|run| run.rate(self.messages));
        let (low, high) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
        if self.runs.len() == 1 {
            return whole(low);
        }
        format!("{} ({}–{})", whole(self.rate()), whole(low), whole(high))
    }

    /// The median of messages each second while the middle of them came in; none when they were too few to tell.
    pub(crate) fn steady(&self) -> Option<f64> {
        let steady: Vec<f64> = self.runs.iter().filter_map(|run| run.steady).collect();
        (!steady.is_empty()).then(|| median(steady))
    }

    /// The median of the processor time for each message, in microseconds.
    pub(crate) fn cpu_each(&self) -> String {
        whole(median(self.runs.iter().map(|run| run.cpu_each(self.messages))))
    }

    /// The most memory that any of them had.
    pub(crate) fn peak(&self) -> String {
        mib(self.runs.iter().map(|run| run.peak_kib).max().unwrap_or(0))
    }
}

/// A figure that is read at a glance: `12,345`, and with a decimal only when it is small.
pub(crate) fn whole(figure: f64) -> String {
    if figure < 99.95 { format!("{figure:.1}") } else { count(figure.round() as usize) }
}

/// A figure, or a dash where there is none.
pub(crate) fn or_dash(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), whole)
}

/// A number with commas: `12,345`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// KiB as MiB.
pub(crate) fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}
