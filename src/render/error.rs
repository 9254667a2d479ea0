//! What can go wrong with a template, said so that its author can mend it: file, line, what is missing, what exists.

use std::{error::Error as _, fmt, path::PathBuf};

use tera::ErrorKind;

/// Why something could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template is wrong: its syntax, or a name that does not exist.
    #[error("{0}")]
    Template(Problem),
    /// The folder of the site's own templates cannot be read.
    #[error("cannot read the template `{}`", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A template wrote without end.
    #[error("the template `{file}` writes more than {limit} bytes")]
    TooLarge {
        /// The template.
        file: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A template wrote nothing.
    #[error("the template `{0}` writes nothing")]
    Empty(String),
    /// A slot was changed by a filter, or stands where none can be filled.
    #[error("the template `{file}` spoils a slot: {reason}")]
    Slot {
        /// The template.
        file: String,
        /// What became of the slot.
        reason: String,
    },
    /// The style sheet cannot be read.
    #[error("the styles of the template cannot be read: {0}")]
    Styles(String),
    /// The sender's name and address make no header.
    #[error("the sender makes no valid header: {0}")]
    Sender(String),
    /// The thread that renders ended early.
    #[error("rendering stopped: {0}")]
    Crashed(String),
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file: `builtin/…` for one of ours, else that of the site's folder.
    pub file: String,
    /// The line, counted from 1, when it is known.
    pub line: Option<usize>,
    /// What is wrong, with the names that exist when one does not.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "template `{}`, line {line}: {}", self.file, self.message),
            None => write!(f, "template `{}`: {}", self.file, self.message),
        }
    }
}

impl RenderError {
    /// Tera's error; `file` is the template that was asked for.
    pub(super) fn from_tera(error: &tera::Error, file: &str) -> Self {
        let problem = match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => Problem {
                file: report.filename().to_owned(),
                line: Some(report.span().start_line),
                message: sentence(report.message()),
            },
            ErrorKind::Msg(report) if report.contains("--> ") => from_report(report, file),
            other => {
                let mut message = sentence(&other.to_string());
                if let Some(source) = error.source() {
                    message = format!("{message} ({source})");
                }
                Problem { file: file.to_owned(), line: None, message }
            }
        };
        Self::Template(problem)
    }

    /// The same with another name for the file that is wrong.
    pub(super) fn with_file(mut self, rename: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::Template(problem) => problem.file = rename(&problem.file),
            Self::TooLarge { file, .. } | Self::Empty(file) | Self::Slot { file, .. } => *file = rename(file),
            Self::Folder { .. } | Self::Styles(_) | Self::Sender(_) | Self::Crashed(_) => {}
        }
        self
    }

    /// The same as a problem, for listings of all that is wrong.
    pub fn into_problem(self, file: &str) -> Problem {
        match self {
            Self::Template(problem) => problem,
            other => Problem { file: file.to_owned(), line: None, message: other.to_string() },
        }
    }
}

/// Templates are added all at once, and then Tera gives what is wrong with them as one text: for each, a line
/// `error: …` and a line `--> file:line:column`. The first is reported.
fn from_report(report: &str, file: &str) -> Problem {
    let mut lines = report.lines();
    let message = sentence(lines.next().unwrap_or_default().trim_start_matches("error: "));
    let place = lines.find_map(|line| line.trim_start().strip_prefix("--> "));
    let mut place = place.unwrap_or(file).rsplitn(3, ':');
    let (_column, line, file_found) = (place.next(), place.next(), place.next());
    Problem { file: file_found.unwrap_or(file).to_owned(), line: line.and_then(|line| line.parse().ok()), message }
}

/// Tera's sentences begin with a capital letter and may end in a full stop; ours do neither.
fn sentence(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
