//! A line of numbers over days, as a picture: the numbers come in, and points of an SVG line go out, with what stands beside
//! it. Pure.

use serde::Serialize;

use crate::domain::number::grouped;

/// The picture's own measures; a page stretches it.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 160.0;

/// A line, ready to be drawn.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// What it shows, for those who do not see it.
    pub(super) words: String,
    /// The points of a `polyline`.
    pub(super) points: String,
    /// What stands at its top and at its bottom.
    pub(super) most: String,
    pub(super) least: String,
    /// What stands at its two ends.
    pub(super) from: String,
    pub(super) to: String,
}

impl Line {
    /// The line of these numbers, each with its label, in order; `None` when there are fewer than two.
    pub(super) fn of(what: &str, numbers: &[(String, u64)]) -> Option<Self> {
        let [(from, first), .., (to, last)] = numbers else { return None };
        let most = numbers.iter().map(|(_, number)| *number).max()?;
        let least = numbers.iter().map(|(_, number)| *number).min()?;
        #[allow(clippy::cast_precision_loss, reason = "a picture is some hundred pixels wide")]
        let place = |at: usize, number: u64| {
            let across = WIDTH * at as f64 / (numbers.len() - 1) as f64;
            let share = if most == least { 0.5 } else { (number - least) as f64 / (most - least) as f64 };
            format!("{across:.1},{:.1}", HEIGHT * (1.0 - share))
        };
        let points: Vec<String> = numbers.iter().enumerate().map(|(at, (_, number))| place(at, *number)).collect();
        Some(Self {
            words: format!("{what}: {} on {from}, {} on {to}", grouped(*first), grouped(*last)),
            points: points.join(" "),
            most: grouped(most),
            least: grouped(least),
            from: from.clone(),
            to: to.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    fn line(numbers: &[u64]) -> Option<Line> {
        let numbers: Vec<_> = numbers.iter().enumerate().map(|(at, number)| (format!("day {at}"), *number)).collect();
        Line::of("Readers", &numbers)
    }

    #[test]
    fn the_highest_number_stands_at_the_top_and_the_lowest_at_the_bottom() {
        let line = line(&[10, 1_010, 510]).expect("a line");
        assert_eq!(line.points, "0.0,160.0 300.0,0.0 600.0,80.0");
        assert_eq!((line.most.as_str(), line.least.as_str()), ("1,010", "10"));
        assert_eq!(line.words, "Readers: 10 on day 0, 510 on day 2");
    }

    #[test]
    fn numbers_that_are_all_the_same_make_a_level_line_and_one_makes_none() {
        assert_eq!(line(&[7, 7]).expect("a line").points, "0.0,80.0 600.0,80.0");
        assert!(line(&[7]).is_none() && line(&[]).is_none());
    }
}
