//! Lines → records of fields (RFC 4180, with more separators and some patience). Empty lines and comments are passed
//! over. A quotation mark that is never closed costs its own line only: reading goes on with the next.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use super::{
    BadLine, LineProblem,
    text::{LONGEST, Line, Lines},
};

/// How many lines tell the separator.
const TELLING: usize = 20;

/// The records of a file.
pub(super) struct Records<R> {
    lines: Lines<R>,
    /// Lines that were read ahead, or given back.
    ahead: VecDeque<io::Result<Line>>,
    separator: Option<char>,
    failed: bool,
}

/// The fields of one record, the line where it begins, and the lines that a quoted field took besides.
pub(super) struct Record {
    pub(super) line: usize,
    pub(super) fields: Vec<String>,
    pub(super) more: Vec<io::Result<Line>>,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self { lines: Lines::new(input), ahead: VecDeque::new(), separator: None, failed: false }
    }

    pub(super) fn next(&mut self) -> Option<Result<Record, BadLine>> {
        let separator = self.separator();
        loop {
            let Line { number, text } = match self.line()? {
                Ok(line) => line,
                Err(error) => return Some(self.fail(error)),
            };
            let bad = |problem| Some(Err(BadLine { line: number, problem }));
            let Some(text) = text else { return bad(LineProblem::TooLong) };
            if is_idle(&text) {
                continue;
            }
            let mut fields = Fields::new(separator);
            if fields.add(&text).is_err() {
                return bad(LineProblem::AfterQuote);
            }
            let more = self.close(&mut fields, text.len());
            if fields.is_closed() {
                return Some(Ok(Record { line: number, fields: fields.finish(), more }));
            }
            self.give_back(more);
            return bad(LineProblem::OpenQuote);
        }
    }

    /// Gives back the lines that a quoted field took, to be read as records of their own.
    pub(super) fn give_back(&mut self, lines: Vec<io::Result<Line>>) {
        lines.into_iter().rev().for_each(|line| self.ahead.push_front(line));
    }

    /// Adds lines until an open quotation mark is closed, or cannot be; these are the lines it took.
    fn close(&mut self, fields: &mut Fields, mut size: usize) -> Vec<io::Result<Line>> {
        let mut used = Vec::new();
        while fields.is_open() {
            let Some(line) = self.line() else { break };
            let text = line.as_ref().ok().and_then(|line| line.text.as_deref());
            size += text.map_or(0, str::len) + 1;
            let added = text.filter(|_| size <= LONGEST).is_some_and(|text| fields.add(text).is_ok());
            used.push(line);
            if !added {
                break;
            }
        }
        used
    }

    /// The next line: one of those read ahead, or a new one.
    fn line(&mut self) -> Option<io::Result<Line>> {
        if self.failed {
            return None;
        }
        self.ahead.pop_front().or_else(|| self.lines.next_line().transpose())
    }

    fn fail(&mut self, error: io::Error) -> Result<Record, BadLine> {
        self.failed = true;
        Err(BadLine { line: self.lines.number() + 1, problem: LineProblem::Unreadable(error) })
    }

    /// The separator that most of the first lines hold, outside quotation marks. Names hold commas more often than
    /// tabs or semicolons, so that a comma comes last when it is not alone.
    fn separator(&mut self) -> char {
        if let Some(separator) = self.separator {
            return separator;
        }
        let mut holding = [('\t', 0), (';', 0), (',', 0)];
        let mut told = 0;
        while told < TELLING {
            let Some(line) = self.lines.next_line().transpose() else { break };
            let text = line.as_ref().ok().and_then(|line| line.text.as_deref()).unwrap_or_default();
            if !is_idle(text) {
                let outside: String = text.split('"').step_by(2).collect();
                holding.iter_mut().for_each(|(separator, lines)| *lines += usize::from(outside.contains(*separator)));
            }
            told += 1;
            let failed = line.is_err();
            self.ahead.push_back(line);
            if failed {
                break;
            }
        }
        let most = holding.iter().map(|(_, lines)| *lines).max().unwrap_or(0);
        let found =
            holding.iter().find(|(_, lines)| *lines == most && most > 0).map_or(',', |(separator, _)| *separator);
        *self.separator.insert(found)
    }
}

/// True for an empty line and for a comment.
fn is_idle(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Text after a closing quotation mark.
#[derive(Debug)]
struct AfterQuote;

/// One record while it is taken apart.
struct Fields {
    separator: char,
    done: Vec<String>,
    field: String,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a field's first character.
    Before,
    /// In a field without quotation marks.
    Plain,
    /// Between quotation marks.
    Quoted,
    /// Just after a quotation mark that ends the field, or is half of a doubled one.
    Quote,
    /// After the field's end, where only spaces may be.
    After,
    /// What came does not make a record.
    Broken,
}

impl Fields {
    fn new(separator: char) -> Self {
        Self { separator, done: Vec::new(), field: String::new(), place: Place::Before }
    }

    /// Adds one line. A second line continues a quoted field after a line break.
    fn add(&mut self, line: &str) -> Result<(), AfterQuote> {
        if self.is_open() {
            self.field.push('\n');
        }
        for c in line.chars() {
            self.place = self.step(c);
            if self.place == Place::Broken {
                return Err(AfterQuote);
            }
        }
        Ok(())
    }

    fn step(&mut self, c: char) -> Place {
        match (self.place, c) {
            (Place::Quoted, '"') => Place::Quote,
            (Place::Quote, '"') | (Place::Quoted, _) => {
                self.field.push(c);
                Place::Quoted
            }
            (_, c) if c == self.separator => {
                self.done.push(std::mem::take(&mut self.field));
                Place::Before
            }
            (Place::Before, '"') => Place::Quoted,
            (Place::Before, c) if c.is_whitespace() => Place::Before,
            (Place::Before | Place::Plain, c) => {
                self.field.push(c);
                Place::Plain
            }
            (Place::Quote | Place::After, c) if c.is_whitespace() => Place::After,
            (Place::Quote | Place::After | Place::Broken, _) => Place::Broken,
        }
    }

    fn is_open(&self) -> bool {
        self.place == Place::Quoted
    }

    fn is_closed(&self) -> bool {
        !matches!(self.place, Place::Quoted | Place::Broken)
    }

    fn finish(mut self) -> Vec<String> {
        self.done.push(self.field);
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, Records};

    /// Each record as its line and its fields, or the line and the words of what is wrong.
    fn read(text: &str) -> Vec<(usize, String)> {
        let mut records = Records::new(text.as_bytes());
        std::iter::from_fn(|| records.next())
            .map(|record| match record {
                Ok(Record { line, fields, .. }) => (line, fields.join("|")),
                Err(bad) => (bad.line, bad.problem.to_string()),
            })
            .collect()
    }

    fn one(text: &str) -> String {
        read(text).into_iter().map(|(line, fields)| format!("{line}:{fields}")).collect::<Vec<_>>().join(" / ")
    }

    #[test]
    fn fields_are_split_at_the_separator_outside_quotation_marks() {
        assert_eq!(one("a,b,\n"), "1:a|b|");
        assert_eq!(one("a,\"b, c\""), "1:a|b, c");
        assert_eq!(one("a, \"b \"\"c\"\"\" ,d"), "1:a|b \"c\"|d");
        assert_eq!(one("a,b \"c\" d"), "1:a|b \"c\" d");
        assert_eq!(one("a,\"\""), "1:a|");
    }

    #[test]
    fn the_separator_is_what_most_of_the_first_lines_hold() {
        assert_eq!(one("a;b, c\nd;e, f"), "1:a|b, c / 2:d|e, f");
        assert_eq!(one("a\tb, c"), "1:a|b, c");
        assert_eq!(one("a,\"b;c\"\nd,e"), "1:a|b;c / 2:d|e");
        assert_eq!(one("a,b\nc,d;e"), "1:a|b / 2:c|d;e");
        assert_eq!(one("# a;b\na,b"), "2:a|b");
    }

    #[test]
    fn a_record_has_the_number_of_its_first_line() {
        assert_eq!(one("# x\n\na,\"b\n\n# c\"\n  # y\nd"), "3:a|b\n\n# c / 7:d");
    }

    #[test]
    fn a_broken_quotation_mark_costs_its_own_line_only() {
        let open = "a quotation mark is never closed";
        let after = "there is text after a closing quotation mark";
        assert_eq!(one("a,\"b\nc,d\ne,f"), format!("1:{open} / 2:c|d / 3:e|f"));
        assert_eq!(one("a,\"b\nc,\"d\"\ne,f"), format!("1:{open} / 2:c|d / 3:e|f"));
        assert_eq!(one("\"a\" b,c\nd"), format!("1:{after} / 2:d"));
        let long = format!("a,\"b\n{}", "c,d\n".repeat(40_000));
        let records = read(&long);
        assert_eq!((records.len(), records[0].clone()), (40_001, (1, open.to_owned())));
        assert_eq!(records[40_000], (40_001, "c|d".to_owned()));
    }
}
