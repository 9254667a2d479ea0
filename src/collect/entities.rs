//! Entities that a document declares for itself (XML 1.0 §4.2): plain words are put where they are named. A document comes
//! in; the same goes out, with those words in it. Entities made of entities, of markup, or from elsewhere are never
//! expanded, and a document grows by no more than 100 KB, so that none can be built to grow without end.

use std::borrow::Cow;

/// No document grows by more, in bytes.
const MAX_GROWTH: usize = 100_000;

/// No more entities than this are taken from one document.
const MAX_ENTITIES: usize = 50;

/// The longest entity that is one, in bytes.
const MAX_LENGTH: usize = 200;

/// The document with its own entities expanded.
pub(super) fn expanded(text: &str) -> Cow<'_, str> {
    let Some((start, end)) = declarations(text) else { return Cow::Borrowed(text) };
    let known = declared(&text[start..end]);
    if known.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = text[..end].to_owned();
    let mut rest = &text[end..];
    let mut growth = 0;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let name = reference[1..].split_once(';').map_or("", |(name, _)| name);
        let value = known.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        match value.filter(|value| growth + value.len() <= MAX_GROWTH) {
            Some(value) => {
                growth += value.len();
                out.push_str(value);
                rest = &reference[name.len() + 2..];
            }
            None => {
                out.push('&');
                rest = &reference[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the declarations are in brackets, at the beginning of a document.
fn declarations(text: &str) -> Option<(usize, usize)> {
    let head = &text[..text.floor_char_boundary(20_000)];
    let doctype = head.find("<!DOCTYPE")?;
    let start = doctype + head[doctype..].find('[')?;
    let is_inside = !head[doctype..start].contains('>');
    let end = start + head[start..].find(']')?;
    is_inside.then_some((start, end))
}

/// The entities that are plain words, with their names.
fn declared(declarations: &str) -> Vec<(&str, &str)> {
    let each = declarations.split("<!ENTITY").skip(1).filter_map(|declaration| {
        let (name, rest) = declaration.trim_start().split_once(|c: char| c.is_whitespace())?;
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, _) = rest[1..].split_once(quote)?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let is_plain = !value.contains(['<', '>', '&', '%', '"', '\'']) && value.len() <= MAX_LENGTH;
        (is_name && is_plain).then_some((name, value))
    });
    each.take(MAX_ENTITIES).collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_GROWTH, expanded};
    use proptest::prelude::*;

    #[test]
    fn plain_words_are_put_where_they_are_named() {
        let head = "<!DOCTYPE rss [<!ENTITY id \"tag:a.example,\">\n <!ENTITY b 'c'>]>";
        assert_eq!(
            expanded(&format!("{head}<x>&id;1 &b;&amp;&nosuch;&</x>")),
            format!("{head}<x>tag:a.example,1 c&amp;&nosuch;&</x>")
        );
        assert_eq!(expanded("<rss>&id;</rss>"), "<rss>&id;</rss>");
    }

    #[test]
    fn nothing_else_is_expanded() {
        for declaration in [
            "<!ENTITY a '&b;&b;'>",
            "<!ENTITY a '<b>'>",
            "<!ENTITY % a 'b'>",
            "<!ENTITY a SYSTEM 'file:///etc/passwd'>",
            "<!ENTITY a 'x\" onclick=\"y'>",
            "<!ENTITY a 'never closed",
        ] {
            let text = format!("<!DOCTYPE rss [{declaration}]><x>&a;</x>");
            assert_eq!(expanded(&text), text, "{declaration}");
        }
    }

    #[test]
    fn a_document_does_not_grow_without_end() {
        let text = format!("<!DOCTYPE x [<!ENTITY a '{}'>]>{}", "b".repeat(200), "&a;".repeat(100_000));
        assert!(expanded(&text).len() <= text.len() + MAX_GROWTH);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<!DOCTYPE|<!ENTITY| a |\\[|\\]|>|'|\"|&a;|&|;|é| ){0,20}") {
            let _ = expanded(&text);
        }
    }
}
