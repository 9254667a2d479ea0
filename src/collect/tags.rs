//! HTML to tokens, in one pass and in linear time, by the rules a browser goes by (WHATWG HTML §13.2.5) as far as they
//! decide where a tag begins and ends. What comes in is hostile; what goes out borrows from it, entities still encoded.
//! Comments, doctypes and elements whose content is not markup (scripts, styles, …) are left out. It judges nothing.

/// More attributes than this on one tag are not looked at.
const MAX_ATTRIBUTES: usize = 32;

/// Elements whose content is text to a browser and never part of a post.
const RAW: [&str; 9] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"];

/// One piece of HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text, entities still encoded.
    Text(&'a str),
    /// An opening tag.
    Open(Tag<'a>),
    /// A closing tag's name in lower case.
    Close(String),
}

/// An opening tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// Its name in lower case.
    pub(super) name: String,
    /// Whether it ended with `/>`.
    pub(super) closes_itself: bool,
    attributes: Vec<(String, &'a str)>,
}

impl<'a> Tag<'a> {
    /// An attribute's value, entities still encoded, space around it removed.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }
}

/// Walks through HTML.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// Starts at the beginning of `html`.
    pub(super) fn new(html: &'a str) -> Self {
        Self { rest: html }
    }

    /// Takes `length` bytes off the front.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Passes over everything up to and including `end`, or to the end of the document.
    fn skip_past(&mut self, end: &str) {
        self.rest = self.rest.find(end).map_or("", |at| &self.rest[at + end.len()..]);
    }

    /// Passes over the content of a raw element, up to its closing tag.
    fn skip_raw(&mut self, name: &str) {
        while let Some(at) = self.rest.find("</") {
            self.rest = &self.rest[at + 2..];
            let after = self.rest.as_bytes().get(name.len());
            let closes = self.rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name));
            if closes && after.is_none_or(|byte| matches!(byte, b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r' | b'\x0C')) {
                return self.skip_past(">");
            }
        }
        self.rest = "";
    }

    /// Reads a tag whose `<` or `</` is already taken. Nothing comes out when the document ends inside it.
    fn tag(&mut self) -> Option<Tag<'a>> {
        let name_length = self.rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))?;
        let name = self.take(name_length).to_ascii_lowercase();
        let mut attributes: Vec<(String, &'a str)> = Vec::new();
        let mut closes_itself = false;
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            match self.rest.chars().next()? {
                '>' => {
                    self.take(1);
                    return Some(Tag { name, closes_itself, attributes });
                }
                '/' => {
                    self.take(1);
                    closes_itself = self.rest.starts_with('>');
                }
                _ => {
                    let (key, value) = self.attribute()?;
                    let key = key.to_ascii_lowercase();
                    if attributes.len() < MAX_ATTRIBUTES && !attributes.iter().any(|(known, _)| *known == key) {
                        attributes.push((key, value));
                    }
                }
            }
        }
    }

    /// Reads one attribute.
    fn attribute(&mut self) -> Option<(&'a str, &'a str)> {
        // A first `=` belongs to the name.
        let first = self.rest.chars().next()?.len_utf8();
        let ends_name = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
        let length = first + self.rest[first..].find(ends_name)?;
        let name = self.take(length);
        let after = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let Some(value) = after.strip_prefix('=') else { return Some((name, "")) };
        self.rest = value.trim_start_matches(|c: char| c.is_ascii_whitespace());
        match self.rest.chars().next()? {
            quote @ ('"' | '\'') => {
                self.take(1);
                let end = self.rest.find(quote)?;
                let value = self.take(end);
                self.take(1);
                Some((name, value))
            }
            _ => {
                let end = self.rest.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
                Some((name, self.take(end)))
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let bytes = self.rest.as_bytes();
            match (*bytes.first()?, bytes.get(1).copied(), bytes.get(2).copied()) {
                (b'<', Some(b'a'..=b'z' | b'A'..=b'Z'), _) => {
                    self.take(1);
                    let Some(tag) = self.tag() else {
                        self.rest = "";
                        return None;
                    };
                    if RAW.contains(&tag.name.as_str()) {
                        self.skip_raw(&tag.name);
                        continue;
                    }
                    return Some(Token::Open(tag));
                }
                (b'<', Some(b'/'), Some(b'a'..=b'z' | b'A'..=b'Z')) => {
                    self.take(2);
                    let Some(tag) = self.tag() else {
                        self.rest = "";
                        return None;
                    };
                    return Some(Token::Close(tag.name));
                }
                (b'<', Some(b'!'), _) if self.rest.starts_with("<!--") => {
                    self.take(4);
                    // `<!-->` and `<!--->` are whole comments.
                    if let Some(rest) = self.rest.strip_prefix('>').or_else(|| self.rest.strip_prefix("->")) {
                        self.rest = rest;
                    } else {
                        self.skip_past("-->");
                    }
                }
                (b'<', Some(b'!' | b'?' | b'/'), _) => self.skip_past(">"),
                _ => {
                    // A `<` that opens nothing is text.
                    let from = usize::from(bytes[0] == b'<');
                    let end = self.rest[from..].find('<').map_or(self.rest.len(), |at| at + from);
                    return Some(Token::Text(self.take(end)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens};
    use proptest::prelude::*;

    fn read(html: &str) -> String {
        Tokens::new(html)
            .map(|token| match token {
                Token::Text(text) => format!("{text}|"),
                Token::Close(name) => format!("/{name}|"),
                Token::Open(tag) => format!("{}[{}]|", tag.name, tag.get("href").unwrap_or("-")),
            })
            .collect()
    }

    #[test]
    fn tags_end_where_a_browser_ends_them() {
        assert_eq!(read("<p>One <B>two</b></P>"), "p[-]|One |b[-]|two|/b|/p|");
        assert_eq!(read(r#"<a title="</a>" href='x>y'>t</a>"#), "a[x>y]|t|/a|");
        assert_eq!(read("<a href = /x checked>t"), "a[/x]|t|");
        assert_eq!(read("<a/href=x/>t"), "a[x/]|t|");
        assert_eq!(read("1 < 2 <3 a<b"), "1 |< 2 |<3 a|");
        assert_eq!(read("é<a href=\"é\">é"), "é|a[é]|é|");
    }

    #[test]
    fn what_is_not_content_is_passed_over() {
        assert_eq!(read("a<!-- <p> -->b<!-->c<!doctype x>d<?php x ?>e</>f</ x>g"), "a|b|c|d|e|f|g|");
        assert_eq!(read("a<script>if (x</b>y) '</scripty>'</SCRIPT >b"), "a|b|");
        assert_eq!(read("a<style>p{}"), "a|");
        assert_eq!(read("a<p class=\"x"), "a|");
        assert_eq!(read("a<!-- b"), "a|");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_tokens_panic(html in "[<>/!\\-=\"'a-cé \\PC]{0,80}") {
            let _ = Tokens::new(&html).count();
        }
    }
}
