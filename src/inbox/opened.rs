//! The page that shows one message: what was asked for in its address comes in, one of four views of the message and
//! the links between them go out.

use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;

use super::Inbox;
use super::frame::{self, RemoteImages};
use super::kept::people;
use super::moment::{Moment, size};
use super::reading::{self, Attached, Excerpt, HeaderLine};

/// What the page's address asks for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Asked {
    view: Option<View>,
    #[serde(default)]
    width: Width,
    images: Option<RemoteImages>,
}

/// A way to look at a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum View {
    Html,
    Text,
    Headers,
    Source,
}

/// How wide the frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Width {
    /// Room for a message of 600 px.
    #[default]
    Wide,
    /// 320 px.
    Phone,
}

/// The page's content.
#[derive(Debug, Serialize)]
pub(super) struct Opened {
    id: u64,
    subject: String,
    from: Vec<String>,
    to: Vec<String>,
    cc: Vec<String>,
    reply_to: Vec<String>,
    /// The envelope.
    sender: String,
    recipients: Vec<String>,
    received: Moment,
    size: String,
    newer: Option<u64>,
    older: Option<u64>,
    attached: Vec<Attached>,
    views: [Choice; 4],
    view: View,
    frame: Option<Frame>,
    text: Option<Excerpt>,
    headers: Option<Vec<HeaderLine>>,
    source: Option<Excerpt>,
}

/// A link to another look at the message, or the mark of this one.
#[derive(Debug, Serialize)]
struct Choice {
    label: &'static str,
    link: String,
    is_current: bool,
}

/// What stands around a message's HTML.
#[derive(Debug, Serialize)]
struct Frame {
    address: String,
    sandbox: &'static str,
    width: Width,
    widths: [Choice; 2],
    /// Where its remote images are shown, when it has some and they are not.
    show_images: Option<String>,
}

impl Opened {
    /// The message with this number; `None` when it is not held.
    pub(super) fn new(inbox: &Inbox, id: &str, asked: Asked) -> Option<Self> {
        let messages = inbox.messages();
        let id: u64 = id.parse().ok()?;
        let at = messages.iter().position(|message| message.id == id)?;
        let kept = &messages[at];
        let parsed = kept.parsed();
        let (html, text) = (frame::html(&parsed), reading::plain_text(&parsed));
        let best = if html.is_some() { View::Html } else { View::Text };
        let view = asked.view.unwrap_or(best);
        Some(Self {
            id,
            subject: kept.glance().subject.clone(),
            from: people(parsed.from()),
            to: people(parsed.to()),
            cc: people(parsed.cc()),
            reply_to: people(parsed.reply_to()),
            sender: kept.sender.clone(),
            recipients: kept.recipients.clone(),
            received: inbox.moment(kept.received_at),
            size: size(kept.bytes.len()),
            newer: messages.get(at + 1).map(|newer| newer.id),
            older: at.checked_sub(1).map(|older| messages[older].id),
            attached: reading::attached(&parsed),
            views: View::ALL.map(|(other, label)| Choice {
                label,
                link: Asked { view: Some(other), ..asked }.link(id),
                is_current: other == view,
            }),
            view,
            frame: html.filter(|_| view == View::Html).map(|html| Frame::new(id, asked, html)),
            text: text.filter(|_| view == View::Text).map(reading::with_links),
            headers: (view == View::Headers).then(|| reading::headers(&parsed)),
            source: (view == View::Source).then(|| reading::source(&kept.bytes)),
        })
    }
}

impl Frame {
    fn new(id: u64, asked: Asked, html: &str) -> Self {
        let images = if asked.images.is_some() { "?images=1" } else { "" };
        let hidden = asked.images.is_none() && frame::names_remote_images(html);
        let choice = |label, width| {
            let link = Asked { width, ..asked }.link(id);
            Choice { label, link, is_current: asked.width == width }
        };
        Self {
            address: format!("{id}/frame{images}"),
            sandbox: frame::SANDBOX,
            width: asked.width,
            widths: [choice("Wide", Width::Wide), choice("Phone", Width::Phone)],
            show_images: hidden.then(|| Asked { images: Some(RemoteImages::Show), ..asked }.link(id)),
        }
    }
}

impl Asked {
    /// The address of the page that asks for this, relative to any page of a message.
    fn link(self, id: u64) -> String {
        let mut query = Serializer::new(String::new());
        if let Some(view) = self.view {
            query.append_pair("view", view.name());
        }
        if self.width == Width::Phone {
            query.append_pair("width", "phone");
        }
        if self.images.is_some() {
            query.append_pair("images", "1");
        }
        let query = query.finish();
        if query.is_empty() { id.to_string() } else { format!("{id}?{query}") }
    }
}

impl View {
    const ALL: [(Self, &str); 4] =
        [(Self::Html, "HTML"), (Self::Text, "Text"), (Self::Headers, "Headers"), (Self::Source, "Source")];

    fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Text => "text",
            Self::Headers => "headers",
            Self::Source => "source",
        }
    }
}
