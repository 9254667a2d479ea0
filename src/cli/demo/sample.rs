//! The sample data, embedded: a campaign's ten posts as WordPress's feed has them, their pictures, and a dozen readers.
//! Texts go out, cut into the pieces that the demo shows one after the other; nothing comes in.

use jiff::{Timestamp, fmt::rfc2822};

/// The readers of the sample, in the form that `subscribers/` takes.
pub(super) const READERS: &str = include_str!("../sample/readers.csv");

/// The site that the sample's links lead to.
pub(super) const ORIGIN: &str = "https://example.org";

const FEED: &str = include_str!("../sample/feed.xml");

/// A post's picture by its path below `/wp-content/uploads/`.
const PICTURES: [(&str, &[u8]); 10] = [
    ("2023/10/statement.jpg", include_bytes!("../sample/images/2023-10-statement.jpg")),
    ("2023/11/the-hague.jpg", include_bytes!("../sample/images/2023-11-the-hague.jpg")),
    ("2023/12/oslo.jpg", include_bytes!("../sample/images/2023-12-oslo.jpg")),
    ("2024/03/anniversary.jpg", include_bytes!("../sample/images/2024-03-anniversary.jpg")),
    ("2024/03/statement.jpg", include_bytes!("../sample/images/2024-03-statement.jpg")),
    ("2024/04/statement.jpg", include_bytes!("../sample/images/2024-04-statement.jpg")),
    ("2024/06/preparatory-meeting.jpg", include_bytes!("../sample/images/2024-06-preparatory-meeting.jpg")),
    ("2024/07/letter.jpg", include_bytes!("../sample/images/2024-07-letter.jpg")),
    ("2024/08/webinar.jpg", include_bytes!("../sample/images/2024-08-webinar.jpg")),
    ("2024/09/meeting.jpg", include_bytes!("../sample/images/2024-09-meeting.jpg")),
];

/// The feed, in pieces.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// Everything before the first post.
    pub(super) head: &'static str,
    /// The posts, newest first.
    pub(super) posts: Vec<Post>,
    /// Everything after the last post.
    pub(super) tail: &'static str,
}

/// One post of the feed. Title and body are HTML.
#[derive(Clone, Debug)]
pub(super) struct Post {
    /// The whole `<item>`.
    pub(super) xml: &'static str,
    /// When the site published it.
    pub(super) published: Timestamp,
    /// Where its own page is, from the site's root.
    pub(super) path: &'static str,
    /// Its headline.
    pub(super) title: &'static str,
    /// Its text, with pictures as the site's scripts would find them.
    pub(super) body: &'static str,
}

impl Feed {
    /// The sample feed.
    pub(super) fn sample() -> Self {
        Self::cut().expect("the sample is part of the program, and a test reads it")
    }

    fn cut() -> Option<Self> {
        const BEGIN: &str = "\t<item>";
        const END: &str = "</item>\n";
        let (head, rest) = FEED.split_at(FEED.find(BEGIN)?);
        let (items, tail) = rest.split_at(rest.rfind(END)? + END.len());
        let posts = items.split_inclusive(END).map(Post::cut).collect::<Option<_>>()?;
        Some(Self { head, posts, tail })
    }
}

impl Post {
    fn cut(xml: &'static str) -> Option<Self> {
        let body = between(xml, "<content:encoded><![CDATA[", "]]></content:encoded>")?;
        let date = between(xml, "<pubDate>", "</pubDate>")?;
        Some(Self {
            xml,
            published: rfc2822::parse(date).ok()?.timestamp(),
            path: between(xml, "<link>", "</link>")?.strip_prefix(ORIGIN)?,
            title: between(xml, "<title>", "</title>")?,
            // WordPress writes this line into feeds only.
            body: body.split("<p>The post <a href=").next().unwrap_or(body),
        })
    }
}

/// The picture at a path below `/wp-content/uploads/`.
pub(super) fn picture(path: &str) -> Option<&'static [u8]> {
    PICTURES.iter().find(|(known, _)| *known == path).map(|(_, bytes)| *bytes)
}

/// The addresses of the sample's readers.
pub(super) fn addresses() -> Vec<&'static str> {
    READERS.lines().skip(1).filter_map(|line| line.split_once(',')).map(|(address, _)| address).collect()
}

fn between(text: &'static str, begin: &str, end: &str) -> Option<&'static str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{FEED, Feed, addresses, picture};

    #[test]
    fn the_pieces_put_together_are_the_feed_again() {
        let feed = Feed::sample();
        assert_eq!(feed.posts.len(), 10);
        let items: String = feed.posts.iter().map(|post| post.xml).collect();
        assert_eq!(format!("{}{items}{}", feed.head, feed.tail), FEED);
        assert!(feed.posts.is_sorted_by(|newer, older| newer.published > older.published));
        assert!(feed.posts.iter().all(|post| !post.body.contains("appeared first on")));
    }

    #[test]
    fn every_picture_of_a_post_is_there_and_light() {
        for post in Feed::sample().posts {
            let (_, rest) = post.body.rsplit_once("/wp-content/uploads/").expect("each post has a picture");
            let path = rest.split('"').next().unwrap_or(rest).split(' ').next().unwrap_or(rest);
            let bytes = picture(path).unwrap_or_else(|| panic!("no picture {path}"));
            assert!(bytes.starts_with(&[0xff, 0xd8, 0xff]) && bytes.len() < 40_000, "{path}");
        }
        assert!(picture("2024/09/other.jpg").is_none());
    }

    #[test]
    fn no_reader_stands_twice_and_all_are_in_domains_made_for_examples() {
        let addresses = addresses();
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 12);
        let allowed = ["@example.org", "@example.com", "@example.net"];
        assert!(addresses.iter().all(|address| allowed.iter().any(|domain| address.ends_with(domain))));
    }
}
