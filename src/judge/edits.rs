//! Was a post changed since it was mailed? What it said then and says now come in; what is different goes out, in words.
//! Pure: case and spaces, marks of HTML and what leads nowhere else in a link are no change.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::known::link_key;
use crate::domain::post::Post;

/// A change of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is different, in words.
    pub words: String,
    /// What it says now, as a digest: two edits with the same one are the same.
    pub digest: String,
}

/// What is different; `None` when it says what it said.
pub fn edit(before: &Post, now: &Post) -> Option<Edit> {
    let link = |post: &Post| post.link.as_deref().map(|link| link_key(link).unwrap_or_else(|| link.to_owned()));
    let (text_before, text_now) = (text(before), text(now));
    let mut words = Vec::new();
    if before.title_key() != now.title_key() {
        words.push(format!("its title is “{}” now", now.title));
    }
    if link(before) != link(now) {
        words.push(format!("its link is {} now", now.link.as_deref().unwrap_or("missing")));
    }
    if text_before != text_now {
        words.push("its text is another one now".to_owned());
    }
    if words.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for part in [now.title_key(), link(now).unwrap_or_default(), text_now] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    Some(Edit { words: words.join("; "), digest: HEXLOWER.encode(&hash.finalize()[..16]) })
}

/// What a reader sees of its body, or of its summary when it has none.
fn text(post: &Post) -> String {
    let html = if post.body_html.trim().is_empty() { &post.summary } else { &post.body_html };
    let mut seen = String::with_capacity(html.len());
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                seen.push(' ');
            }
            _ if is_tag => {}
            c => seen.push(c),
        }
    }
    seen.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::edit;
    use crate::domain::post::Post;

    fn post(title: &str, link: &str, body: &str) -> Post {
        Post { title: title.to_owned(), link: Some(link.to_owned()), body_html: body.to_owned(), ..Post::default() }
    }

    #[test]
    fn only_what_a_reader_would_notice_is_an_edit() {
        let before = post("A statement", "https://example.org/a/", "<p>Forty <em>were</em> hurt.</p>");
        for same in [
            before.clone(),
            post("a  Statement", "http://www.example.org/a?utm_source=rss", "<p>Forty were  hurt.</p>\n"),
            Post { summary: "Another summary".to_owned(), image: Some("x".to_owned()), ..before.clone() },
        ] {
            assert_eq!(edit(&before, &same), None, "{same:?}");
        }
        for (now, words) in [
            (post("A correction", "https://example.org/a/", &before.body_html), "its title is “A correction” now"),
            (
                post("A statement", "https://example.org/b/", &before.body_html),
                "its link is https://example.org/b/ now",
            ),
            (
                post("A statement", "https://example.org/a/", "<p>Fourteen were hurt.</p>"),
                "its text is another one now",
            ),
            (Post { link: None, ..before.clone() }, "its link is missing now"),
        ] {
            assert_eq!(edit(&before, &now).expect("an edit").words, words);
        }
        let twice = post("B", "https://example.org/a/", "x");
        assert_eq!(edit(&before, &twice).expect("an edit").words, "its title is “B” now; its text is another one now");
        assert_eq!(edit(&before, &twice), edit(&before, &twice));
        let other = post("C", "https://example.org/a/", "x");
        assert_ne!(edit(&before, &twice).map(|it| it.digest), edit(&before, &other).map(|it| it.digest));
    }

    #[test]
    fn a_post_without_a_body_is_told_by_its_summary() {
        let of = |summary: &str| Post { summary: summary.to_owned(), ..Post::default() };
        assert!(edit(&of("Forty were hurt."), &of("Fourteen were hurt.")).is_some());
        assert!(edit(&of("a < b"), &of("a < b")).is_none());
    }
}
