//! The frame that a message's HTML is shown in. The HTML is hostile and is not cleaned, since a tester wants to see
//! what was sent; instead the browser is told to run nothing in it, to send nothing from it and to fetch nothing for
//! it, in the response's own headers, so that this holds when the frame is opened by itself too.

use mail_parser::{Message, PartType};
use serde::Deserialize;

use super::cid;

/// What the frame may do, written into the `iframe` as well: open a link in a new tab, and nothing else.
pub(super) const SANDBOX: &str = "allow-popups allow-popups-to-escape-sandbox";

/// Whether pictures on other hosts are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum RemoteImages {
    /// The reader asked for it: their senders will see that somebody looked.
    #[serde(rename = "1")]
    Show,
}

/// The Content-Security-Policy of the frame's response.
pub(super) fn policy(images: Option<RemoteImages>) -> String {
    let sources = match images {
        Some(RemoteImages::Show) => "data: https: http:",
        None => "data:",
    };
    format!(
        "sandbox {SANDBOX}; default-src 'none'; img-src {sources}; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
}

/// The HTML that a message carries, if it does.
pub(super) fn html<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.as_ref()),
        _ => None,
    })
}

/// The document that the frame shows: the message's HTML with its own pictures put in, and links that open a new tab.
pub(super) fn document(html: &str, message: &Message<'_>) -> String {
    let html = disarm(html);
    let html = html.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let has_doctype = html.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    let split = if has_doctype { html.find('>').map_or(html.len(), |at| at + 1) } else { 0 };
    let doctype = if has_doctype { &html[..split] } else { "<!doctype html>" };
    // The first `base` wins, so a later one of the message's own cannot change where links open.
    format!("{doctype}<base target=\"_blank\">{}", cid::inline(&html[split..], message))
}

/// Whether the HTML seems to name pictures on other hosts. A wrong guess only shows or hides a link.
pub(super) fn names_remote_images(html: &str) -> bool {
    let plain: String =
        html.chars().filter(|c| !matches!(c, '"' | '\'' | ' ')).collect::<String>().to_ascii_lowercase();
    let starts = ["src=http", "src=//", "srcset=http", "background=http", "url(http", "url(//"];
    starts.iter().any(|start| plain.contains(start))
}

/// Takes the two elements out of force that a policy cannot: a `link` may look up a host or connect to it before any
/// policy is asked, and an `iframe` may hide such a `link` in an attribute.
fn disarm(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let mut disarmed = String::with_capacity(html.len());
    let mut done = 0;
    for (at, _) in lower.match_indices('<') {
        let name = &lower[at + 1..];
        // A bare `meta` says nothing, and may stand wherever a `link` may.
        let (old, new) = if name.starts_with("link") {
            ("link", "meta")
        } else if name.starts_with("iframe") {
            ("iframe", "x-iframe")
        } else {
            continue;
        };
        disarmed.push_str(&html[done..=at]);
        disarmed.push_str(new);
        done = at + 1 + old.len();
    }
    disarmed.push_str(&html[done..]);
    disarmed
}

#[cfg(test)]
mod tests {
    use super::{disarm, document, names_remote_images, policy};
    use mail_parser::MessageParser;

    fn framed(html: &str) -> String {
        document(html, &MessageParser::default().parse(b"Subject: x\r\n\r\n").expect("it is a message"))
    }

    #[test]
    fn links_open_a_new_tab_and_the_doctype_stays_first() {
        assert_eq!(framed("<p>a"), "<!doctype html><base target=\"_blank\"><p>a");
        assert_eq!(framed("\r\n<!DOCTYPE html>\n<p>"), "<!DOCTYPE html><base target=\"_blank\">\n<p>");
        assert_eq!(framed("<!doctype"), "<!doctype<base target=\"_blank\">");
        assert_eq!(framed(""), "<!doctype html><base target=\"_blank\">");
    }

    #[test]
    fn nothing_connects_before_the_policy_is_asked() {
        let hostile = "<LINK rel=preconnect href=//x><iFrame srcdoc=\"&lt;link&gt;\">é<a>";
        assert_eq!(disarm(hostile), "<meta rel=preconnect href=//x><x-iframe srcdoc=\"&lt;link&gt;\">é<a>");
    }

    #[test]
    fn remote_images_are_fetched_only_when_asked_for() {
        assert!(!policy(None).contains("http"));
        assert!(policy(Some(super::RemoteImages::Show)).contains("img-src data: https: http:"));
    }

    #[test]
    fn remote_images_are_noticed() {
        for html in ["<img src=\"https://x/y\">", "<td background='http://x'>", "a{b:url( 'https://x' )}"] {
            assert!(names_remote_images(html), "{html}");
        }
        assert!(!names_remote_images("<a href=\"https://x\"><img src=\"data:x\"><img src=cid:y>"));
    }
}
