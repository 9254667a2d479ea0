//! The site's posts, and its feed in WordPress's form: entities in titles, CDATA, cut summaries, content:encoded.

use std::fmt::Write;

use jiff::Timestamp;

/// A post of the site.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    title: String,
    id: String,
    path: String,
    published_at: Option<Timestamp>,
    body: String,
}

/// A post without a date. Its id and its link follow from its title.
pub(crate) fn post(title: &str) -> Post {
    let slug: String = title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Post {
        title: title.to_owned(),
        id: format!("https://example.org/?p={slug}"),
        path: slug,
        published_at: None,
        body: format!("<p>{title}: the whole story in a few words.</p>"),
    }
}

impl Post {
    /// Published at an instant.
    pub(crate) fn at(self, instant: Timestamp) -> Self {
        Self { published_at: Some(instant), ..self }
    }

    /// Published at an instant such as `2024-04-25T10:00:00Z`.
    pub(crate) fn dated(self, instant: &str) -> Self {
        self.at(instant.parse().expect("an instant"))
    }

    /// With another id, such as a site gives that was moved.
    pub(crate) fn id(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// With another title; its id and link stay.
    pub(crate) fn titled(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }

    /// With this HTML.
    pub(crate) fn saying(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    /// Its page on the site.
    pub(crate) fn link(&self) -> String {
        format!("https://example.org/{}/", self.path)
    }

    fn write(&self, feed: &mut String) {
        let date = self.published_at.map(|at| {
            let text = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
            format!("<pubDate>{text}</pubDate>")
        });
        let (title, link, id, body) = (escape(&self.title), self.link(), escape(&self.id), &self.body);
        let date = date.unwrap_or_default();
        write!(
            feed,
            "<item>\n<title>{title}</title>\n<link>{link}</link>\n<dc:creator><![CDATA[Press office]]></dc:creator>\n\
             {date}\n<category><![CDATA[News]]></category>\n<guid isPermaLink=\"false\">{id}</guid>\n\
             <description><![CDATA[<p>{title} [&#8230;]</p>\n]]></description>\n\
             <content:encoded><![CDATA[{body}]]></content:encoded>\n</item>\n"
        )
        .expect("a String takes all");
    }
}

/// A feed of these posts, in this order.
pub(crate) fn feed_of(posts: &[Post]) -> String {
    let mut feed = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rss version=\"2.0\"\n\
         \txmlns:content=\"http://purl.org/rss/1.0/modules/content/\"\n\
         \txmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n\
         <channel>\n<title>Example Coalition &#8211; News</title>\n<link>https://example.org</link>\n\
         <description>News of the coalition</description>\n<generator>https://wordpress.org/?v=6.5.2</generator>\n",
    );
    for post in posts {
        post.write(&mut feed);
    }
    feed.push_str("</channel>\n</rss>\n");
    feed
}

/// As WordPress writes a title.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&#038;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('’', "&#8217;").replace('–', "&#8211;")
}
