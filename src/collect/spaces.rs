//! Whose words the names of a feed's elements are (XML namespaces). Names as written come in, a `Space` goes out. The old
//! formats are told apart by nobody: RSS of every kind and Atom are one space, for their words do not contradict.

/// More declarations than this at one place are not looked at.
const MAX_DECLARED: usize = 200;

/// Whose word a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// RSS of any kind, Atom of any kind, or nobody's.
    Feed,
    /// Dublin Core, the old elements.
    Dublin,
    /// Dublin Core, the newer terms.
    Terms,
    /// RSS 1.0's module for content.
    Content,
    /// Media RSS.
    Media,
    /// RDF.
    Rdf,
    /// Podcasts.
    Itunes,
    /// XHTML.
    Xhtml,
    /// Somebody else's.
    Other,
}

/// What the namespaces are called that feeds use, in lower case and without a slash at the end.
const KNOWN: [(&str, Space); 22] = [
    ("", Space::Feed),
    ("http://www.w3.org/2005/atom", Space::Feed),
    ("http://purl.org/atom/ns#", Space::Feed),
    ("http://purl.org/rss/1.0", Space::Feed),
    ("http://purl.org/rss/1.0/modules/rss091#", Space::Feed),
    ("http://purl.org/net/rss1.1#", Space::Feed),
    ("http://my.netscape.com/rdf/simple/0.9", Space::Feed),
    ("http://channel.netscape.com/rdf/simple/0.9", Space::Feed),
    ("http://my.netscape.com/publish/formats/rss-0.91.dtd", Space::Feed),
    ("http://backend.userland.com/rss", Space::Feed),
    ("http://backend.userland.com/rss2", Space::Feed),
    ("http://blogs.law.harvard.edu/tech/rss", Space::Feed),
    ("http://cyber.law.harvard.edu/rss", Space::Feed),
    ("http://purl.org/dc/elements/1.1", Space::Dublin),
    ("http://purl.org/dc/elements/1.0", Space::Dublin),
    ("http://purl.org/dc/terms", Space::Terms),
    ("http://purl.org/rss/1.0/modules/content", Space::Content),
    ("http://search.yahoo.com/mrss", Space::Media),
    ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", Space::Rdf),
    ("http://www.itunes.com/dtds/podcast-1.0.dtd", Space::Itunes),
    ("http://www.w3.org/1999/xhtml", Space::Xhtml),
    ("http://www.w3.org/xhtml", Space::Xhtml),
];

/// What usual prefixes mean where nobody declared them: a common mistake.
const USUAL: [(&str, Space); 10] = [
    ("", Space::Feed),
    ("atom", Space::Feed),
    ("rss", Space::Feed),
    ("dc", Space::Dublin),
    ("dcterms", Space::Terms),
    ("content", Space::Content),
    ("media", Space::Media),
    ("rdf", Space::Rdf),
    ("itunes", Space::Itunes),
    ("xhtml", Space::Xhtml),
];

/// The namespaces that are declared at one place of a document.
#[derive(Debug, Default)]
pub(super) struct Spaces<'a> {
    /// How deep, by what prefix, and what it means there.
    declared: Vec<(usize, &'a str, Space)>,
}

impl<'a> Spaces<'a> {
    /// Takes in what the tag of an element declares that is `depth` levels deep.
    pub(super) fn declare(&mut self, depth: usize, attributes: &[(&'a str, String)]) {
        for (name, value) in attributes {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(prefix) if prefix.starts_with(':') => &prefix[1..],
                _ => continue,
            };
            if self.declared.len() < MAX_DECLARED {
                self.declared.push((depth, prefix, known(value)));
            }
        }
    }

    /// The root of a feed is a feed's, whatever it says it is, and so are its prefix's other words.
    pub(super) fn adopt(&mut self, written: &'a str) {
        let prefix = written.rsplit_once(':').map_or("", |(prefix, _)| prefix);
        if Self::local(written).eq_ignore_ascii_case("rdf") {
            return;
        }
        self.declared.push((1, prefix, Space::Feed));
    }

    /// Forgets what was declared `depth` levels deep or deeper.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.declared.last().is_some_and(|(declared, _, _)| *declared >= depth) {
            self.declared.pop();
        }
    }

    /// Whose word a name is here.
    pub(super) fn of(&self, written: &str) -> Space {
        let prefix = written.rsplit_once(':').map_or("", |(prefix, _)| prefix);
        let declared = self.declared.iter().rev().find(|(_, known, _)| *known == prefix).map(|(_, _, space)| *space);
        let usual = || USUAL.iter().find(|(known, _)| *known == prefix).map(|(_, space)| *space);
        declared.or_else(usual).unwrap_or(Space::Other)
    }

    /// A name without its prefix.
    pub(super) fn local(written: &str) -> &str {
        written.rsplit(':').next().unwrap_or_default()
    }
}

fn known(name: &str) -> Space {
    let name = name.trim().to_ascii_lowercase();
    let name = name.strip_suffix('/').unwrap_or(&name);
    KNOWN.iter().find(|(known, _)| *known == name).map_or(Space::Other, |(_, space)| *space)
}

#[cfg(test)]
mod tests {
    use super::{Space, Spaces};

    fn attribute<'a>(name: &'a str, value: &str) -> (&'a str, String) {
        (name, value.to_owned())
    }

    #[test]
    fn a_name_is_whose_the_nearest_declaration_says() {
        let mut spaces = Spaces::default();
        spaces.declare(
            1,
            &[
                attribute("xmlns", "http://www.w3.org/2005/Atom"),
                attribute("xmlns:d", "HTTP://purl.org/dc/elements/1.1/"),
            ],
        );
        assert_eq!(
            (spaces.of("title"), spaces.of("d:title"), spaces.of("dc:title")),
            (Space::Feed, Space::Dublin, Space::Dublin)
        );
        spaces.declare(3, &[attribute("xmlns", "http://www.w3.org/1999/xhtml"), attribute("xmlns:d", "urn:x")]);
        assert_eq!((spaces.of("title"), spaces.of("d:title")), (Space::Xhtml, Space::Other));
        spaces.leave(3);
        assert_eq!(
            (spaces.of("title"), spaces.of("d:title"), spaces.of("x:title")),
            (Space::Feed, Space::Dublin, Space::Other)
        );
    }

    #[test]
    fn the_root_of_a_feed_is_a_feeds() {
        let mut spaces = Spaces::default();
        spaces.declare(1, &[attribute("xmlns:f", "http://example.com/newformat#")]);
        spaces.adopt("f:feed");
        assert_eq!((spaces.of("f:entry"), spaces.of("entry")), (Space::Feed, Space::Feed));
    }
}
