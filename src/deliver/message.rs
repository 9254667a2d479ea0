//! The splice: one reader's message from a frozen mailing. A mailing is parsed once into stretches of bytes and
//! slots; then each message is its headers, the stretches copied, and the few short values encoded in between. What
//! goes out is ASCII (but for an address that needs SMTPUTF8), CRLF, no line longer than 998 octets. It never
//! renders, signs or sends.

use std::{fmt::Write as _, ops::Range};

use jiff::tz::TimeZone;

use super::header;
use crate::domain::{
    address::EmailAddress,
    list::List,
    mailing::{Mailing, Purpose, Slot, SlotForm, SlotValues},
    wire::{self, QuotedPrintable},
};

/// Why a frozen mailing is not one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No empty line between headers and body.
    #[error("the mailing has no empty line after its headers")]
    NoBody,
    /// Something besides ASCII, or a line end that is not CRLF.
    #[error("the mailing holds a character that is not ASCII, or a line that does not end in CRLF")]
    NotCanonical,
    /// A line that begins as a mark does but is none: made by another version, or damaged.
    #[error("the mailing holds an unknown slot mark `{0}`")]
    UnknownMark(String),
}

/// A mailing's message, parsed once, to be spliced for each reader.
#[derive(Clone, Debug)]
pub struct Template {
    /// Headers that all readers share, each ending in CRLF; the first ones of the message come before them.
    head: String,
    body: String,
    segments: Vec<Segment>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Segment {
    Fixed(Range<usize>),
    Slot(Slot, SlotForm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Issue,
    Notice,
}

/// What a message has of its own.
#[derive(Clone, Copy, Debug)]
pub struct Personal<'a> {
    /// The Message-ID without its angle brackets: the same on each try.
    pub message_id: &'a str,
    /// The Message-ID of the reader's own message that this one answers, likewise.
    pub answers: Option<&'a str>,
    /// Who it is for.
    pub to: &'a EmailAddress,
    /// Their name; may be empty.
    pub to_name: &'a str,
    /// The address that takes a reader off the list by mail, when an intake is set up.
    pub leave_address: Option<&'a EmailAddress>,
    /// The values of the slots; the leave link is that of `List-Unsubscribe` too.
    pub slots: &'a SlotValues,
}

impl Template {
    /// Parses a mailing. `list` is its list as configured now, for the title in `List-Id`; none for a notice, or when
    /// the list has gone from the configuration since. `domain` is the sender's.
    ///
    /// # Errors
    /// The frozen text is damaged; see [`TemplateError`].
    pub fn parse(mailing: &Mailing, list: Option<&List>, domain: &str) -> Result<Self, TemplateError> {
        let (shared, body) = mailing.message.split_once("\r\n\r\n").ok_or(TemplateError::NoBody)?;
        if !mailing.message.is_ascii() || has_bare_break(&mailing.message) {
            return Err(TemplateError::NotCanonical);
        }
        let date = mailing.made_at.to_zoned_datetime(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z");
        let mut head = format!("Date: {date}\r\n{shared}\r\nAuto-Submitted: auto-generated\r\n");
        head.push_str("X-Auto-Response-Suppress: OOF, AutoReply\r\n");
        let kind = match &mailing.purpose {
            Purpose::Notice | Purpose::Drill { .. } => Kind::Notice,
            Purpose::Issue { issue, list: name } => {
                let title = list.map_or(name.as_str(), |list| list.title.as_str());
                let lane = header::lane_word(mailing.lane);
                let sender = header::feedback_sender(domain);
                let id = format!("<{name}.{domain}>");
                // Writing to a String cannot fail.
                let _ = write!(head, "List-Id: {}\r\n", header::id_of_list(title, &id));
                let _ = write!(head, "List-Post: NO\r\nPrecedence: bulk\r\n");
                let _ = write!(head, "Feedback-ID: {}:{name}:{lane}:{sender}\r\n", issue.0);
                Kind::Issue
            }
        };
        Ok(Self { head, body: body.to_owned(), segments: segments(body)?, kind })
    }

    /// Writes one reader's message to the end of `out`.
    pub fn splice(&self, personal: &Personal<'_>, out: &mut Vec<u8>) {
        out.reserve(self.head.len() + self.body.len() + 1024);
        header::push_message_id(out, "Message-ID", personal.message_id);
        // RFC 5322 §3.6.4: mail programs show it beneath the one that it answers.
        for name in ["In-Reply-To", "References"] {
            if let Some(id) = personal.answers {
                header::push_message_id(out, name, id);
            }
        }
        header::push_to(out, personal.to, personal.to_name);
        if self.kind == Kind::Issue {
            header::push_unsubscribe(out, &personal.slots.leave_url, personal.leave_address);
        }
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b"\r\n");
        for segment in &self.segments {
            match segment {
                Segment::Fixed(range) => out.extend_from_slice(&self.body.as_bytes()[range.clone()]),
                Segment::Slot(slot, form) => QuotedPrintable::new(out).value(personal.slots.get(*slot), *form),
            }
        }
    }
}

fn segments(body: &str) -> Result<Vec<Segment>, TemplateError> {
    let mut segments = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in body.split_inclusive("\r\n") {
        if line.starts_with("={") {
            let unknown = || TemplateError::UnknownMark(line.trim_end().to_owned());
            let (slot, form, length) = wire::read_mark(line).ok_or_else(unknown)?;
            segments.push(Segment::Fixed(begin..at));
            segments.push(Segment::Slot(slot, form));
            begin = at + length;
        }
        at += line.len();
    }
    segments.push(Segment::Fixed(begin..at));
    Ok(segments)
}

fn has_bare_break(text: &str) -> bool {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    let returns = text.bytes().filter(|byte| *byte == b'\r').count();
    lines != returns || text.matches("\r\n").count() != lines
}
