//! Pictures that a message carries with it: `cid:` addresses in its HTML (RFC 2392) become `data:` addresses, so that
//! they show without a request. Only images are taken, and only so many octets, however often they are named.

use std::collections::HashMap;

use data_encoding::BASE64;
use mail_parser::{Message, MessagePart, MimeHeaders};

/// The largest picture in octets that is put into the page.
const PICTURE_MAX: usize = 1 << 20;

/// How many octets all pictures may add to the page.
const ADDED_MAX: usize = 16 << 20;

/// The HTML with its own pictures in it.
pub(super) fn inline(html: &str, message: &Message<'_>) -> String {
    let named = message.parts.iter().filter_map(|part| Some((part.content_id()?, part)));
    let parts: HashMap<&str, &MessagePart<'_>> = named.collect();
    let lower = html.to_ascii_lowercase();
    let mut inlined = String::with_capacity(html.len());
    let mut done = 0;
    for (at, name) in lower.match_indices("cid:") {
        let opens_an_address = html[..at].ends_with(['"', '\'', '(', '=', ' ']);
        let rest = &html[at + name.len()..];
        let id = &rest[..rest.find(['"', '\'', ')', '>', '<', ' ', '\r', '\n', '\t']).unwrap_or(rest.len())];
        if at < done || !opens_an_address {
            continue;
        }
        let Some(address) = parts.get(id).and_then(|part| picture(part)) else { continue };
        if inlined.len() + address.len() > html.len() + ADDED_MAX {
            break;
        }
        inlined.push_str(&html[done..at]);
        inlined.push_str(&address);
        done = at + name.len() + id.len();
    }
    inlined.push_str(&html[done..]);
    inlined
}

/// The picture that a part holds, as a `data:` address.
fn picture(part: &MessagePart<'_>) -> Option<String> {
    let kind = part.content_type().filter(|kind| kind.ctype().eq_ignore_ascii_case("image"))?.subtype()?;
    let tame = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let small = part.contents().len() <= PICTURE_MAX;
    (tame && small).then(|| format!("data:image/{kind};base64,{}", BASE64.encode(part.contents())))
}

#[cfg(test)]
mod tests {
    use super::inline;
    use mail_parser::MessageParser;

    fn inlined(html: &str, kind: &str, base64: &str) -> String {
        let message = format!(
            "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n\
             --b\r\nContent-Type: {kind}\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             {base64}\r\n--b--\r\n"
        );
        inline(html, &MessageParser::default().parse(message.as_bytes()).expect("it is a message"))
    }

    #[test]
    fn a_picture_shows_where_it_is_named() {
        let html = "<img src=\"CID:logo@x\"><b style='background:url(cid:logo@x)'>";
        let data = "data:image/gif;base64,R0lG";
        let shown = format!("<img src=\"{data}\"><b style='background:url({data})'>");
        assert_eq!(inlined(html, "image/gif", "R0lG"), shown);
    }

    #[test]
    fn nothing_but_a_picture_of_the_message_is_put_in() {
        for html in ["<img src=cid:other>", "acid:logo@x", "cid:", "<img src=\"cid:"] {
            assert_eq!(inlined(html, "image/gif", "R0lG"), html);
        }
        let html = "<img src=cid:logo@x>";
        assert_eq!(inlined(html, "text/html", "R0lG"), html);
        assert_eq!(inlined(html, "image/x\"onload=y", "R0lG"), html);
        assert_eq!(inlined(html, "image/gif", &"R0lG".repeat(400_000)), html, "it is too large");
    }

    #[test]
    fn a_picture_named_without_end_does_not_fill_the_memory() {
        let html = "<img src=cid:logo@x>".repeat(99);
        let shown = inlined(&html, "image/gif", &"R0lG".repeat(200_000));
        assert!((super::ADDED_MAX / 2..=html.len() + super::ADDED_MAX).contains(&shown.len()), "{}", shown.len());
    }
}
