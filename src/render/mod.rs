//! Step 4: turns a draft or a notice into what is mailed, once for all readers. Content and time come in; subject,
//! frozen message and notes go out. It sends nothing and loads nothing, and the same input gives the same bytes.

mod calendar;
mod error;
mod filters;
mod html;
mod lead;
mod library;
mod markdown;
mod mime;
mod notice;
pub mod sample;
mod sections;
mod text;
mod view;

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use url::Url;

pub use error::{Problem, RenderError};
pub use markdown::markdown_to_html;
pub use notice::{Button, Fact, Notice};

use crate::domain::{
    issue::{Content, Draft, IssueKind},
    list::List,
    mailing::Rendered,
    sender::Sender,
    wire,
};
use calendar::CalendarFile;
use library::Library;

/// Gmail shows about 102 KB of HTML and hides the rest, the link to leave with it.
const MAX_HTML_BYTES: usize = 100_000;
/// Longer subjects are cut at a word's end.
const DIGEST_SUBJECT_LENGTH: usize = 90;
const SUBJECT_LENGTH: usize = 150;

/// What rendering needs to know of the house.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of the site's own templates, which replace ours file by file; in it, one for each list that has
    /// templates of its own.
    pub templates: Option<PathBuf>,
    /// Who the mails are from.
    pub sender: Sender,
    /// Where readers reach the web pages.
    pub base_url: Url,
}

/// For readers, or to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// As readers get it.
    Live,
    /// For staff: a band and the subject say that it was not sent to readers.
    Test,
    /// The drill of an alert, for staff: a band and the subject say so, and nothing is red.
    Drill,
}

impl Flavour {
    fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Drill => "drill",
        }
    }
}

/// How much of each post is mailed. The order is that in which sizes are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Full,
    Excerpts,
    Titles,
}

impl Size {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Excerpts => "excerpts",
            Self::Titles => "titles",
        }
    }

    /// What the ledger is told.
    fn note(self) -> Option<String> {
        (self != Self::Full).then(|| format!("cut to {} to stay under 100 KB", self.word()))
    }
}

/// Both parts of a mail, and the subject.
struct Parts {
    subject: String,
    text: String,
    html: String,
    files: Vec<CalendarFile>,
}

/// Renders issues and notices.
pub struct Renderer {
    settings: Settings,
    library: Library,
    /// The templates of lists that have some of their own, by the list's name.
    of_lists: BTreeMap<String, Library>,
}

impl Renderer {
    /// Reads all templates.
    ///
    /// # Errors
    /// The site's folder cannot be read, or a template has a syntax error or extends one that does not exist.
    pub fn new(settings: Settings) -> Result<Self, RenderError> {
        let folder = settings.templates.as_deref();
        let site = folder.map_or_else(|| Ok(Vec::new()), library::templates_in)?;
        let folders = folder.map_or_else(|| Ok(Vec::new()), library::folders_in)?;
        let of_list = |(name, own): (String, Vec<_>)| Ok((name.clone(), Library::of_list(&site, &name, &own)?));
        let of_lists = folders.into_iter().map(of_list).collect::<Result<_, RenderError>>()?;
        Ok(Self { library: Library::of_site(&site)?, of_lists, settings })
    }

    /// Renders an issue of a list, as large as it can be under 100 KB. Takes some milliseconds of work.
    ///
    /// # Errors
    /// A template is broken; nothing of the issue may be sent then.
    pub fn render(
        &self,
        draft: &Draft,
        list: &List,
        flavour: Flavour,
        now: Timestamp,
    ) -> Result<Rendered, RenderError> {
        let library = self.of_lists.get(list.name.as_str()).unwrap_or(&self.library);
        self.render_from(library, draft, list, flavour, now)
    }

    /// The names of the folders with a list's own templates; they do no good where no list has that name.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.of_lists.keys().map(String::as_str)
    }

    fn render_from(
        &self,
        library: &Library,
        draft: &Draft,
        list: &List,
        flavour: Flavour,
        now: Timestamp,
    ) -> Result<Rendered, RenderError> {
        let mut notes = Vec::new();
        let fill = Fill { settings: &self.settings, library };
        let parts = html::on_deep_stack(|| fill.fit(draft, list, flavour, now, &mut notes))?;
        freeze(&self.settings.sender, parts, notes)
    }

    /// Renders a notice.
    ///
    /// # Errors
    /// A template is broken.
    pub fn notice(&self, notice: &Notice, now: Timestamp) -> Result<Rendered, RenderError> {
        let fill = Fill { settings: &self.settings, library: &self.library };
        let context = view::notice(&self.settings, notice, now)?;
        let subject = text::cut(&wire::one_line(&notice.subject), SUBJECT_LENGTH);
        let parts = html::on_deep_stack(|| fill.parts("notice", &context, subject))?;
        let mut sender = self.settings.sender.clone();
        sender.reply_to = notice.reply_to.clone().or(sender.reply_to);
        freeze(&sender, parts, Vec::new())
    }

    /// Renders every template with sample content and says all that is wrong, so that a broken template is found
    /// before an issue needs it.
    pub fn check(&self) -> Vec<Problem> {
        let (list, now) = (sample::list(), sample::now());
        let mut problems = Vec::new();
        let samples = [
            ("digest.html", sample::digest()),
            ("alert.html", sample::alert()),
            ("alert.html", sample::manual_alert()),
            ("correction.html", sample::correction()),
            ("correction.html", sample::withdrawal()),
        ];
        for library in self.of_lists.values().chain([&self.library]) {
            for (file, draft) in &samples {
                for flavour in [Flavour::Live, Flavour::Test, Flavour::Drill] {
                    let rendered = self.render_from(library, draft, &list, flavour, now);
                    problems.extend(rendered.err().map(|error| error.into_problem(file)));
                }
            }
        }
        let notice = self.notice(&sample::notice(), now);
        problems.extend(notice.err().map(|error| error.into_problem("notice.html")));
        problems.dedup();
        problems
    }
}

/// The templates that a mail is made with, and what they say of the house.
#[derive(Clone, Copy)]
struct Fill<'a> {
    settings: &'a Settings,
    library: &'a Library,
}

impl Fill<'_> {
    /// Tries each size until the HTML is small enough.
    fn fit(
        &self,
        draft: &Draft,
        list: &List,
        flavour: Flavour,
        now: Timestamp,
        notes: &mut Vec<String>,
    ) -> Result<Parts, RenderError> {
        let name = match (draft.kind(), draft.follows()) {
            (IssueKind::Digest, _) => "digest",
            (IssueKind::Alert | IssueKind::Drill, None) => "alert",
            (IssueKind::Alert | IssueKind::Drill, Some(_)) => "correction",
        };
        let render = |size| {
            let mut files = calendar::files(self.settings, draft, now, size);
            let context = view::issue(self.settings, draft, list, flavour, now, size, &files)?;
            let subject = self.subject(name, &context, flavour)?;
            let parts = self.parts(name, &context, subject)?;
            // A file that nothing tells of would only be a riddle.
            files.retain(|file| parts.html.contains(&file.name) || parts.text.contains(&file.name));
            Ok(Parts { files, ..parts })
        };
        let larger: &[Size] = if has_page(&draft.content) { &[Size::Full, Size::Excerpts] } else { &[] };
        for size in larger {
            match render(*size) {
                Ok(parts) if parts.html.len() <= MAX_HTML_BYTES => {
                    notes.extend(size.note());
                    return Ok(parts);
                }
                Ok(_) | Err(RenderError::TooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let last = if larger.is_empty() { Size::Full } else { Size::Titles };
        let parts = render(last)?;
        notes.extend(last.note());
        let bytes = parts.html.len();
        if bytes > MAX_HTML_BYTES {
            notes.push(format!("the HTML is {} KB: some mail programs will hide its end", bytes.div_ceil(1000)));
        }
        Ok(parts)
    }

    fn subject(&self, name: &str, context: &tera::Context, flavour: Flavour) -> Result<String, RenderError> {
        let file = format!("{name}.subject.txt");
        let written = wire::one_line(&self.library.fill(&file, context)?);
        if written.is_empty() {
            return Err(RenderError::Empty(file));
        }
        let length = if name == "digest" { DIGEST_SUBJECT_LENGTH } else { SUBJECT_LENGTH };
        let subject = text::cut(&written, length);
        Ok(match flavour {
            Flavour::Live => subject,
            Flavour::Test => format!("[Test] {subject}"),
            Flavour::Drill => format!("[Drill] {subject}"),
        })
    }

    fn parts(&self, name: &str, context: &tera::Context, subject: String) -> Result<Parts, RenderError> {
        let file = format!("{name}.html");
        let written = self.library.fill_part(&file, context, &subject)?;
        let html = html::finish(&written)?;
        if slot_count(&written) != slot_count(&html) {
            let reason = "it is lost or doubled when the styles are written in".to_owned();
            return Err(RenderError::Slot { file, reason });
        }
        let text = text::tidy(&self.library.fill_part(&format!("{name}.txt"), context, &subject)?);
        Ok(Parts { subject, text, html, files: Vec::new() })
    }
}

fn freeze(sender: &Sender, parts: Parts, notes: Vec<String>) -> Result<Rendered, RenderError> {
    let message = mime::message(sender, &parts.subject, &parts.text, &parts.html, &parts.files)?;
    Ok(Rendered { subject: parts.subject, message, notes })
}

/// What has no page on the site to lead to cannot be cut: the rest would be nowhere.
fn has_page(content: &Content) -> bool {
    match content {
        Content::Digest { .. } => true,
        Content::Post(post) => post.post.link.is_some(),
        Content::Statement(_) => false,
    }
}

/// Content could hold a mark's characters as HTML entities; a count that grows gives it away.
fn slot_count(text: &str) -> usize {
    text.matches(wire::SLOT_BEGIN).count()
}
