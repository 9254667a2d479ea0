//! What a mail will look like, made by the same road as the real one and spliced for nobody in particular. It makes no
//! issue and mails nothing.

use jiff::Timestamp;
use mail_parser::MessageParser;

use super::{
    NewsroomError, alerts_before, configured_list, draft_of,
    ready::{edition, rendered},
};
use crate::{
    app::App,
    compose::{self, Composed},
    deliver::message::{Personal, Template},
    domain::{
        address::EmailAddress,
        delivery::Lane,
        issue::{Draft, IssueId, IssueKind},
        mailing::{Mailing, MailingId, Purpose, Rendered},
        slug::Slug,
    },
    store::StoreError,
};

/// A mail to look at.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
    /// The whole message.
    pub eml: Vec<u8>,
}

/// A draft as readers would get it now.
///
/// # Errors
/// When a template is broken.
pub async fn preview(app: &App, draft: &Draft) -> Result<Preview, NewsroomError> {
    let edition = edition(app, IssueId(0), draft, "");
    let (rendered, _) = rendered(app, edition, edition.now).await?;
    show(app, rendered, purpose(draft), edition.now)
}

/// The withdrawal that is kept ready while an alert goes out; `None` of what needs none.
///
/// # Errors
/// When a template is broken.
pub async fn preview_withdrawal(app: &App, draft: &Draft) -> Result<Option<Preview>, NewsroomError> {
    let edition = edition(app, IssueId(0), draft, "");
    let (_, withdrawal) = rendered(app, edition, edition.now).await?;
    withdrawal.map(|withdrawal| show(app, withdrawal, purpose(draft), edition.now)).transpose()
}

/// An issue: as it was frozen, or as it would be if it were released now.
///
/// # Errors
/// When there is none of that number, or a template is broken.
pub async fn preview_issue(app: &App, id: IssueId) -> Result<Preview, NewsroomError> {
    let issue = app.store.issue(id).await?;
    match app.store.mailing_of_issue(id).await? {
        Some(frozen) => {
            let rendered = Rendered { subject: frozen.subject, message: frozen.message, notes: Vec::new() };
            show(app, rendered, frozen.purpose, frozen.made_at)
        }
        None => preview(app, &draft_of(app, &issue).await?).await,
    }
}

/// The digest that a list would get if its slot were now.
///
/// # Errors
/// When there is too little news for one, or a template is broken.
pub async fn preview_digest(app: &App, name: &Slug) -> Result<Preview, NewsroomError> {
    let list = configured_list(app, name)?;
    let mut candidates = Vec::new();
    for feed in &list.feeds {
        candidates.extend(app.store.news_for(feed, name).await?);
    }
    let slot = list.time_zone.to_datetime(app.clock.now());
    match compose::digest(list, candidates, alerts_before(app, list, None).await?, slot) {
        Composed::Draft(draft) => preview(app, &draft).await,
        too_few => Err(NewsroomError::NoDigest { list: name.to_string(), why: too_few.to_string() }),
    }
}

fn purpose(draft: &Draft) -> Purpose {
    match draft.kind() {
        IssueKind::Drill => Purpose::Drill { issue: IssueId(0) },
        IssueKind::Digest | IssueKind::Alert => Purpose::Issue { issue: IssueId(0), list: draft.list.clone() },
    }
}

fn show(app: &App, rendered: Rendered, purpose: Purpose, made_at: Timestamp) -> Result<Preview, NewsroomError> {
    let list = match &purpose {
        Purpose::Issue { list, .. } => Some(configured_list(app, list)?),
        Purpose::Drill { .. } | Purpose::Notice => None,
    };
    let mailing = Mailing {
        id: MailingId(0),
        purpose,
        lane: Lane::Digest,
        subject: rendered.subject,
        message: rendered.message,
        made_at,
        expires_at: None,
        answers: None,
    };
    let domain = app.config.sender.address.domain();
    let template = Template::parse(&mailing, list, domain).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let reader = EmailAddress::parse("reader@example.org").expect("it is an address");
    let slots = app.links().for_nobody(list.zip(mailing.purpose.issue()));
    let message_id = format!("preview@{domain}");
    let mut eml = Vec::new();
    let personal = Personal {
        message_id: &message_id,
        answers: None,
        to: &reader,
        to_name: "",
        leave_address: None,
        slots: &slots,
    };
    template.splice(&personal, &mut eml);
    let (html, text) = match MessageParser::default().parse(&eml) {
        Some(message) => (body(message.body_html(0)), body(message.body_text(0))),
        None => Default::default(),
    };
    Ok(Preview { subject: mailing.subject, html, text, eml })
}

/// As a terminal or a page shows it: with LF alone.
fn body(part: Option<std::borrow::Cow<'_, str>>) -> String {
    part.map(|part| part.replace("\r\n", "\n")).unwrap_or_default()
}
