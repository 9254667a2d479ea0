//! The message that all readers share: headers and a multipart/alternative body, in a multipart/mixed one where files
//! are attached; built once with lettre. Subject, text, HTML and files come in; ASCII with slot marks goes out, the
//! same bytes for the same input. Headers that differ by reader or delivery (`To`, `Date`, `Message-ID`, `List-*`) are
//! the splice's.

use data_encoding::HEXLOWER;
use lettre::message::{
    Body, MultiPart, SinglePart,
    header::{
        ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers, MIME_VERSION_1_0,
        Subject,
    },
};
use sha2::{Digest, Sha256};

use super::{RenderError, calendar::CalendarFile};
use crate::domain::{
    address::EmailAddress,
    mailing::SlotForm,
    sender::Sender,
    wire::{self, QuotedPrintable, WireError},
};

/// The frozen text of a mailing. `subject` is one line already; `text` and `html` hold placeholders for slots.
pub(super) fn message(
    sender: &Sender,
    subject: &str,
    text: &str,
    html: &str,
    files: &[CalendarFile],
) -> Result<String, RenderError> {
    let mut headers = Headers::new();
    headers.insert_raw(mailbox("From", &sender.name, &sender.address));
    if let Some(address) = &sender.reply_to {
        headers.insert_raw(mailbox("Reply-To", &sender.name, address));
    }
    headers.set(Subject::from(subject.to_owned()));
    headers.set(MIME_VERSION_1_0);
    let body = MultiPart::alternative()
        .boundary(boundary(&[subject, text, html]))
        .singlepart(part(ContentType::TEXT_PLAIN, text, SlotForm::Text).map_err(spoilt("the text part"))?)
        .singlepart(part(ContentType::TEXT_HTML, html, SlotForm::Html).map_err(spoilt("the HTML part"))?);
    let body = if files.is_empty() {
        body
    } else {
        let mut mixed = MultiPart::mixed().boundary(boundary(&["mixed", subject, text, html])).multipart(body);
        for file in files {
            mixed = mixed.singlepart(attachment(file)?);
        }
        mixed
    };
    let mut message = headers.to_string().into_bytes();
    message.extend_from_slice(&body.formatted());
    String::from_utf8(message).map_err(|error| RenderError::Sender(error.to_string()))
}

fn part(kind: ContentType, content: &str, form: SlotForm) -> Result<SinglePart, WireError> {
    Ok(SinglePart::builder().header(kind).body(encoded(content, form)?))
}

fn encoded(content: &str, form: SlotForm) -> Result<Body, WireError> {
    let mut encoded = Vec::with_capacity(content.len() + content.len() / 8);
    QuotedPrintable::new(&mut encoded).body(content, form)?;
    Ok(Body::dangerous_pre_encoded(encoded, ContentTransferEncoding::QuotedPrintable))
}

fn attachment(file: &CalendarFile) -> Result<SinglePart, RenderError> {
    let kind = format!("text/calendar; charset=utf-8; method=PUBLISH; name=\"{}\"", file.name);
    let kind = ContentType::parse(&kind).expect("the name is made of letters, digits and hyphens");
    let body = encoded(&file.content, SlotForm::Text).map_err(spoilt("the calendar file"))?;
    Ok(SinglePart::builder().header(kind).header(ContentDisposition::attachment(&file.name)).body(body))
}

fn spoilt(file: &'static str) -> impl Fn(WireError) -> RenderError {
    move |error| RenderError::Slot { file: file.to_owned(), reason: error.to_string() }
}

/// Not left to lettre, which writes a name like "A.B." bare: an obsolete form (RFC 5322 §4.1) that some programs do not
/// read.
fn mailbox(header: &'static str, name: &str, address: &EmailAddress) -> HeaderValue {
    let value = wire::mailbox(header, name, address);
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(header), value.clone(), value)
}

/// Made of the content, so that the same issue is the same bytes. `=_` never occurs in quoted-printable text, so no
/// line of a part can be taken for it (RFC 2045 §6.7).
fn boundary(contents: &[&str]) -> String {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update(content.as_bytes());
        hash.update([0]);
    }
    format!("=_{}", HEXLOWER.encode(&hash.finalize()[..12]))
}
