//! A feed's XML as small trees: its head, and its entries. What comes in is hostile and often broken; what goes out is
//! what could be read for sure, with word of what had to be mended: junk before the root, characters that XML forbids,
//! bare ampersands, tags that do not match, an early end. It never invents posts: an entry that cannot be mended is left
//! out. What the elements mean is said by `fields`.

use std::{collections::VecDeque, rc::Rc};

use url::Url;

use super::{
    plain,
    spaces::{Space, Spaces},
    xml::{Piece, Pieces, attributes, content, has_forbidden, is_sound, name_of, without_forbidden},
};

/// Elements nest no deeper than this in any feed, broken ones included.
const MAX_DEPTH: usize = 512;

/// More elements than this in one entry, or in the head, are not looked at.
const MAX_ELEMENTS: usize = 300;

/// No more entries than this are kept: the first ones and the last ones.
pub(super) const MAX_ENTRIES: usize = 500;

/// Elements of which posts are not made and in which people write what is no XML.
const UNUSED: [&str; 7] = ["author", "creator", "contributor", "managingeditor", "webmaster", "generator", "textinput"];

/// What a feed holds.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    /// The name of its root in lower case, without a prefix.
    pub(super) root: String,
    /// What is said of the feed as a whole.
    pub(super) head: Vec<Element<'a>>,
    /// The first entries, in the feed's order.
    pub(super) first: Vec<Element<'a>>,
    /// The last of those that come after them.
    pub(super) last: VecDeque<Element<'a>>,
    /// How many entries there are in all.
    pub(super) count: usize,
    /// What had to be mended.
    pub(super) mended: Mended,
}

/// What had to be mended so that a feed could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mended {
    /// Whether anything had to be.
    pub(super) is_mended: bool,
    /// Whether the document ended too early.
    pub(super) was_cut: bool,
    /// How many entries were left out.
    pub(super) left_out: usize,
}

/// Why a document is not read: half a sentence about "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Elements within elements, built to exhaust us.
    #[error("its elements nest too deep")]
    Deep,
    /// No element in it is one that a feed begins with.
    #[error("it holds no feed")]
    NoFeed,
    /// It ended before its first entry did. Taken for an empty feed, all that it holds would be new the next time.
    #[error("it broke off before the end of its first entry")]
    Cut,
}

/// How many names of elements may have no end.
const MOST_UNCLOSED: usize = 64;

/// An element with what is in it.
#[derive(Debug)]
pub(super) struct Element<'a> {
    /// Whose word its name is.
    pub(super) space: Space,
    /// Its name in lower case, without a prefix.
    pub(super) name: String,
    /// What is written in it, when it is an element that holds text for people; see [`is_text`].
    pub(super) inner: &'a str,
    /// Its own text, decoded.
    pub(super) text: String,
    /// The elements in it.
    pub(super) children: Vec<Element<'a>>,
    /// What addresses in it are relative to, where `xml:base` says so.
    pub(super) base: Option<Rc<Url>>,
    /// Its name as it is written.
    written: &'a str,
    attributes: Vec<(&'a str, String)>,
}

impl Element<'_> {
    /// An attribute by its name in lower case, without a prefix.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let local = |written: &str| written.rsplit(':').next().unwrap_or_default().eq_ignore_ascii_case(name);
        let found = self.attributes.iter().find(|(written, _)| !written.starts_with("xmlns") && local(written));
        found.map(|(_, value)| value.trim())
    }
}

/// Reads a document that was found at `home`.
pub(super) fn read<'a>(text: &'a str, home: &Url) -> Result<Document<'a>, Unreadable> {
    let mut walk = Walk::new(home);
    let mut pieces = Pieces { rest: text };
    let mut is_torn = false;
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => walk.text(text),
            Piece::Data(data) => walk.data(data),
            Piece::Tag(tag) if tag.starts_with("</") => walk.close(name_of(tag)),
            Piece::Tag(tag) => walk.open(tag, &mut pieces.rest)?,
            Piece::Other => {}
            Piece::Torn(rest) => is_torn = !walk.ends_with(rest),
        }
    }
    walk.finish(is_torn)
}

/// The document as far as it is read.
struct Walk<'a> {
    document: Document<'a>,
    spaces: Spaces<'a>,
    /// Elements that are open.
    open: Vec<Element<'a>>,
    /// Where in `open` the entry is that is being read.
    entry: Option<usize>,
    /// How many elements the entry has so far.
    elements: usize,
    /// Whether tags in the entry do not match.
    is_spoilt: bool,
    /// Whether the root has come.
    has_root: bool,
    /// Whether anything has come that only a feed has: a head or an entry.
    has_feed: bool,
    /// Elements that are never closed from here on: looking for their ends again and again would take for ever.
    unclosed: Vec<&'a str>,
    home: Rc<Url>,
}

impl<'a> Walk<'a> {
    fn new(home: &Url) -> Self {
        Self {
            document: Document::default(),
            spaces: Spaces::default(),
            open: Vec::new(),
            entry: None,
            elements: 0,
            is_spoilt: false,
            has_root: false,
            has_feed: false,
            unclosed: Vec::new(),
            home: Rc::new(home.clone()),
        }
    }

    fn text(&mut self, text: &str) {
        if !self.has_root {
            // Some servers write warnings before the feed.
            self.document.mended.is_mended |= !text.trim().is_empty();
            return;
        }
        self.document.mended.is_mended |= !is_sound(text) || text.contains('<');
        if let Some(element) = self.open.last_mut().filter(|_| !text.trim().is_empty()) {
            element.text.push_str(&without_forbidden(plain::decode(text)));
        }
    }

    fn data(&mut self, data: &str) {
        self.document.mended.is_mended |= has_forbidden(data);
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(&without_forbidden(data.to_owned()));
        }
    }

    /// Opens an element, and closes it where nothing in it is looked at: then `rest` begins behind it.
    fn open(&mut self, tag: &'a str, rest: &mut &'a str) -> Result<(), Unreadable> {
        let written = name_of(tag);
        let attributes = attributes(tag);
        let depth = self.open.len() + 1;
        if depth > MAX_DEPTH {
            return Err(Unreadable::Deep);
        }
        self.spaces.declare(depth, &attributes);
        let name = Spaces::local(written).to_lowercase();
        if !self.has_root {
            if !matches!(name.as_str(), "rss" | "feed" | "rdf" | "channel" | "entry") {
                self.document.mended.is_mended = true;
                self.spaces.leave(depth);
                return Ok(());
            }
            self.has_root = true;
            self.document.root.clone_from(&name);
            self.spaces.adopt(written);
        }
        let space = self.spaces.of(written);
        let closes_itself = tag.ends_with("/>");
        if is_entry(space, &name) {
            // The entry before this one was never closed.
            self.drop_entry();
            self.entry = Some(self.open.len());
            self.elements = 0;
        }
        self.has_feed |= matches!(name.as_str(), "channel" | "feed") || self.entry.is_some();
        let base = self.base(&attributes);
        let is_opaque = is_text(space, &name) || UNUSED.contains(&name.as_str());
        let inner = if closes_itself || !is_opaque { None } else { self.inner(written, rest) };
        if let Some(inner) = inner {
            *rest = &rest[inner.len()..];
            self.document.mended.is_mended |= is_text(space, &name) && !is_sound_inside(inner);
        }
        let inner = inner.unwrap_or_default();
        self.open.push(Element {
            space,
            name,
            inner,
            text: String::new(),
            children: Vec::new(),
            base,
            written,
            attributes,
        });
        if closes_itself {
            self.close_last();
        }
        Ok(())
    }

    /// What is written up to the end of an element of this name, when it has one.
    fn inner(&mut self, written: &'a str, rest: &'a str) -> Option<&'a str> {
        // So many names without an end are no feed, and each more would be looked for to the end of the document.
        if self.unclosed.contains(&written) || self.unclosed.len() >= MOST_UNCLOSED {
            return None;
        }
        let inner = content(rest, written);
        if inner.is_none() {
            self.unclosed.push(written);
        }
        inner
    }

    /// What addresses are relative to from here on (RFC 3986 §5.1), when anything says so.
    fn base(&self, attributes: &[(&str, String)]) -> Option<Rc<Url>> {
        let outer = self.open.last().and_then(|element| element.base.clone());
        let own = attributes.iter().find(|(name, _)| *name == "xml:base").map(|(_, value)| value.trim());
        let Some(own) = own else { return outer };
        let joined = outer.as_ref().unwrap_or(&self.home).join(own).ok();
        joined.filter(|url| matches!(url.scheme(), "http" | "https")).map(Rc::new).or(outer)
    }

    fn close(&mut self, written: &str) {
        let Some(last) = self.open.last() else { return };
        let (space, name) = (self.spaces.of(written), Spaces::local(written).to_lowercase());
        if last.written == written {
            return self.close_last();
        }
        self.document.mended.is_mended = true;
        match self.entry {
            Some(_) if is_entry(space, &name) => self.drop_entry(),
            Some(_) => self.is_spoilt = true,
            // Somebody forgot an end tag in the head.
            None => {
                if let Some(at) = self.open.iter().rposition(|element| element.written == written) {
                    self.open.truncate(at + 1);
                    self.close_last();
                }
            }
        }
    }

    /// Closes the element that was opened last, and hands it to where it belongs.
    fn close_last(&mut self) {
        let depth = self.open.len();
        self.spaces.leave(depth);
        let Some(element) = self.open.pop() else { return };
        let at = depth - 1;
        match self.entry {
            Some(entry) if entry == at => {
                if self.is_spoilt {
                    self.document.mended.left_out += 1;
                } else {
                    self.keep_entry(element);
                }
                (self.entry, self.is_spoilt, self.elements) = (None, false, 0);
            }
            Some(_) if self.elements < MAX_ELEMENTS => {
                self.elements += 1;
                if let Some(parent) = self.open.last_mut() {
                    parent.children.push(element);
                }
            }
            None if self.document.head.len() < MAX_ELEMENTS && self.is_in_head() => self.document.head.push(element),
            _ => {}
        }
    }

    fn is_in_head(&self) -> bool {
        self.open.last().is_some_and(|parent| matches!(parent.name.as_str(), "channel" | "feed"))
    }

    /// Whether the last octet of an end tag is all that is missing; then the element is closed.
    fn ends_with(&mut self, torn: &str) -> bool {
        let is_end = torn.starts_with("</") && self.open.last().is_some_and(|last| last.written == name_of(torn));
        if is_end {
            self.document.mended.is_mended = true;
            self.close_last();
        }
        is_end
    }

    fn keep_entry(&mut self, element: Element<'a>) {
        let document = &mut self.document;
        document.count += 1;
        if document.first.len() < MAX_ENTRIES {
            document.first.push(element);
            return;
        }
        if document.last.len() == MAX_ENTRIES {
            document.last.pop_front();
        }
        document.last.push_back(element);
    }

    /// Gives up the entry that is being read, when there is one.
    fn drop_entry(&mut self) {
        if let Some(at) = self.entry.take() {
            self.open.truncate(at);
            self.spaces.leave(at + 1);
            self.document.mended.left_out += 1;
            self.document.mended.is_mended = true;
        }
        self.is_spoilt = false;
    }

    /// Ends the document. An entry that broke off is none.
    fn finish(mut self, is_torn: bool) -> Result<Document<'a>, Unreadable> {
        if !self.has_feed {
            return Err(Unreadable::NoFeed);
        }
        let mended = &mut self.document.mended;
        mended.was_cut = is_torn || !self.open.is_empty();
        mended.is_mended |= mended.was_cut || mended.left_out > 0;
        if mended.was_cut && self.document.count == 0 {
            return Err(Unreadable::Cut);
        }
        Ok(self.document)
    }
}

fn is_entry(space: Space, name: &str) -> bool {
    space == Space::Feed && matches!(name, "item" | "entry")
}

/// Whether an element holds text for people, and so, it may be, HTML.
pub(super) fn is_text(space: Space, name: &str) -> bool {
    match space {
        Space::Feed => {
            matches!(name, "title" | "description" | "summary" | "content" | "body" | "fullitem")
        }
        Space::Content => name == "encoded",
        Space::Dublin => matches!(name, "title" | "description"),
        Space::Media => matches!(name, "title" | "description"),
        Space::Xhtml => name == "body",
        Space::Terms | Space::Rdf | Space::Itunes | Space::Other => false,
    }
}

/// Whether what stands in an element for people is sound XML, CDATA and bare tags aside.
fn is_sound_inside(inner: &str) -> bool {
    Pieces { rest: inner }.all(|piece| match piece {
        Piece::Text(text) => is_sound(text),
        Piece::Data(data) => !has_forbidden(data),
        Piece::Tag(_) | Piece::Other => true,
        Piece::Torn(_) => false,
    })
}

#[cfg(test)]
mod tests;
