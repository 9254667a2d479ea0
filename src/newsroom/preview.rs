//! What a mail will look like, made by the same road as the real one and spliced for nobody in particular. It makes no
//! issue and mails nothing.

use jiff::Timestamp;
use mail_parser::MessageParser;

use super::{Flavour, NewsroomError, alerts_before, configured_list, draft_of, render_draft};
use crate::{
    app::App,
    compose::{self, Composed},
    deliver::message::{Personal, Template},
    domain::{
        address::EmailAddress,
        delivery::Lane,
        issue::{Draft, IssueId},
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
pub fn preview(app: &App, draft: &Draft) -> Result<Preview, NewsroomError> {
    let rendered = render_draft(app, draft, Flavour::Live)?;
    show(app, &draft.list, rendered, IssueId(0), app.clock.now())
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
            show(app, &issue.list, rendered, id, frozen.made_at)
        }
        None => preview(app, &draft_of(app, &issue).await?),
    }
}

/// The digest that a list would get if its slot were now.
///
/// # Errors
/// When there is too little news for one, or a template is broken.
pub async fn preview_digest(app: &App, name: &Slug) -> Result<Preview, NewsroomError> {
    let list = configured_list(app, name)?;
    let now = app.clock.now();
    app.store.state_of_list(name, now).await?;
    let mut candidates = Vec::new();
    for feed in &list.feeds {
        candidates.extend(app.store.news_for(feed, name).await?);
    }
    let slot = list.time_zone.to_datetime(now);
    match compose::digest(list, candidates, alerts_before(app, list, None).await?, slot) {
        Composed::Draft(draft) => preview(app, &draft),
        too_few => Err(NewsroomError::NoDigest { list: name.to_string(), why: too_few.to_string() }),
    }
}

fn show(
    app: &App,
    list: &Slug,
    rendered: Rendered,
    issue: IssueId,
    made_at: Timestamp,
) -> Result<Preview, NewsroomError> {
    let mailing = Mailing {
        id: MailingId(0),
        purpose: Purpose::Issue { issue, list: list.clone() },
        lane: Lane::Digest,
        subject: rendered.subject,
        message: rendered.message,
        made_at,
        expires_at: None,
    };
    let domain = app.config.sender.address.domain();
    let configured = configured_list(app, list)?;
    let template =
        Template::parse(&mailing, Some(configured), domain).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let reader = EmailAddress::parse("reader@example.org").expect("it is an address");
    let slots = app.links().for_nobody(configured, issue);
    let message_id = format!("preview@{domain}");
    let mut eml = Vec::new();
    let personal = Personal { message_id: &message_id, to: &reader, to_name: "", leave_address: None, slots: &slots };
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
