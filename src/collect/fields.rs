//! What the elements of an entry mean, in each kind of RSS, Atom and CDF. An element with what is in it comes in; what the
//! feed says of the post goes out, nothing of it cleaned or judged yet. Where several elements say the same thing, the
//! one made for it counts before those that others borrowed.

use jiff::Timestamp;
use url::Url;

use super::{
    dates,
    document::Element,
    spaces::Space::{self, Content, Dublin, Feed, Itunes, Media, Terms, Xhtml},
    words::Words,
};

/// What a feed says of one entry.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The id that it gave it, or nothing.
    pub(super) id: String,
    /// Its title.
    pub(super) title: Option<Words>,
    /// The pages it leads to, the best one first, not made absolute against the feed's own address yet.
    pub(super) links: Vec<String>,
    /// Its text.
    pub(super) text: Option<Words>,
    /// A summary or the text, whichever the site puts there.
    pub(super) excerpt: Option<Words>,
    /// Addresses of pictures that are attached, the best one first, with their descriptions.
    pub(super) pictures: Vec<(String, String)>,
    /// The names of its categories.
    pub(super) categories: Vec<String>,
    /// Its date.
    pub(super) published_at: Option<Timestamp>,
    /// What addresses in its text are relative to, when it says so.
    pub(super) base: Option<Url>,
}

/// The elements that hold an id, the best one first.
const IDS: [(Space, &str); 3] = [(Feed, "guid"), (Feed, "id"), (Dublin, "identifier")];

/// The elements that hold a title.
const TITLES: [(Space, &str); 3] = [(Feed, "title"), (Dublin, "title"), (Media, "title")];

/// The elements that hold the whole text.
const TEXTS: [(Space, &str); 5] =
    [(Content, "encoded"), (Feed, "content"), (Xhtml, "body"), (Feed, "body"), (Feed, "fullitem")];

/// The elements that hold a summary, or the whole text in feeds that have no other place for it.
const EXCERPTS: [(Space, &str); 3] = [(Feed, "summary"), (Feed, "description"), (Dublin, "description")];

/// The elements that hold the date of publication and, after those, the date of the last change.
const DATES: [(Space, &str); 11] = [
    (Feed, "pubdate"),
    (Feed, "published"),
    (Feed, "issued"),
    (Terms, "issued"),
    (Dublin, "date"),
    (Feed, "date"),
    (Feed, "created"),
    (Terms, "created"),
    (Feed, "updated"),
    (Feed, "modified"),
    (Terms, "modified"),
];

/// Reads an entry.
pub(super) fn read(entry: &Element<'_>) -> Given {
    let text = words(entry, &TEXTS);
    let base = text.as_ref().and_then(|(_, element)| element.base.clone()).or_else(|| entry.base.clone());
    Given {
        id: id(entry),
        title: words(entry, &TITLES).map(|(title, _)| title),
        links: links(entry),
        text: text.map(|(text, _)| text),
        excerpt: words(entry, &EXCERPTS).map(|(excerpt, _)| excerpt),
        pictures: pictures(entry),
        categories: categories(entry),
        published_at: date(entry),
        base: base.map(|base| (*base).clone()),
    }
}

/// The title of the feed itself.
pub(super) fn feed_title(head: &[Element<'_>]) -> String {
    let found =
        TITLES.iter().flat_map(|wanted| named(head, *wanted)).filter_map(text_of).find(|words| !words.is_blank());
    found.map(|words| words.as_title()).unwrap_or_default()
}

/// The elements of that name.
fn named<'e, 'a>(elements: &'e [Element<'a>], (space, name): (Space, &str)) -> impl Iterator<Item = &'e Element<'a>> {
    elements.iter().filter(move |element| element.space == space && element.name == name)
}

fn text_of(element: &Element<'_>) -> Option<Words> {
    match (element.space, element.inner) {
        // One that is never closed has only what came up to the next tag.
        (_, "") => Some(Words::unsaid(element.text.clone())),
        (Content | Xhtml, inner) => Some(Words::read_html(inner)),
        (_, inner) => Words::read(inner, element.get("type"), element.get("mode")),
    }
}

/// The first text of the best element that has one.
fn words<'e, 'a>(entry: &'e Element<'a>, wanted: &[(Space, &str)]) -> Option<(Words, &'e Element<'a>)> {
    let found = wanted.iter().flat_map(|wanted| named(&entry.children, *wanted));
    found.filter_map(|element| Some((text_of(element)?, element))).find(|(words, _)| !words.is_blank())
}

fn id(entry: &Element<'_>) -> String {
    let found = IDS.iter().flat_map(|wanted| named(&entry.children, *wanted)).map(|element| element.text.trim());
    // RSS 1.0 names its entries like all that RDF speaks of.
    let found = found.chain(entry.get("about"));
    found.into_iter().find(|id| !id.is_empty()).unwrap_or_default().to_owned()
}

/// The pages that an entry leads to: not its comments, its sound, its source.
fn links(entry: &Element<'_>) -> Vec<String> {
    let mut pages = Vec::new();
    let mut others = Vec::new();
    for link in named(&entry.children, (Feed, "link")) {
        let is_own = link.get("rel").is_none_or(|rel| rel.is_empty() || rel.eq_ignore_ascii_case("alternate"));
        let is_page = link.get("type").is_none_or(|kind| kind.contains("html"));
        let address = link.get("href").unwrap_or(link.text.trim());
        if is_own && !address.is_empty() {
            if is_page { &mut pages } else { &mut others }.push(absolute(link, address));
        }
    }
    pages.append(&mut others);
    // CDF has it on the entry itself.
    pages.extend(entry.get("href").map(str::to_owned));
    pages
}

/// An address in an element, against what that says it is relative to.
fn absolute(element: &Element<'_>, address: &str) -> String {
    let joined = element.base.as_ref().and_then(|base| base.join(address.trim()).ok());
    joined.map_or_else(|| address.to_owned(), String::from)
}

/// The date that can be read. An element that comes twice was changed the second time.
fn date(entry: &Element<'_>) -> Option<Timestamp> {
    let found = DATES.iter().find_map(|wanted| {
        let elements: Vec<_> = named(&entry.children, *wanted).collect();
        elements.iter().rev().find_map(|element| dates::read(&element.text))
    });
    found.or_else(|| dates::read(entry.get("lastmod")?))
}

/// Pictures that the feed itself attaches.
fn pictures(entry: &Element<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut thumbnails = Vec::new();
    media(&entry.children, &mut found, &mut thumbnails);
    found.append(&mut thumbnails);
    for element in &entry.children {
        let kind = element.get("type").unwrap_or_default();
        let address = match (element.space, element.name.as_str()) {
            (Feed, "enclosure") if is_picture(kind, element.get("url")) => element.get("url"),
            (Feed, "link") if kind.starts_with("image/") && element.get("rel") != Some("alternate") => {
                element.get("href")
            }
            (Itunes, "image") => element.get("href"),
            _ => None,
        };
        found.extend(address.map(|address| (absolute(element, address), String::new())));
    }
    found
}

/// Media RSS: contents, alone or in groups, and thumbnails beside or in them.
fn media(elements: &[Element<'_>], contents: &mut Vec<(String, String)>, thumbnails: &mut Vec<(String, String)>) {
    let description = named(elements, (Media, "description")).filter_map(text_of).next();
    let beside = description.map(|words| words.as_title()).unwrap_or_default();
    for element in elements.iter().filter(|element| element.space == Media) {
        let own = named(&element.children, (Media, "description")).filter_map(text_of).next();
        let alt = own.map(|words| words.as_title()).unwrap_or_else(|| beside.clone());
        match (element.name.as_str(), element.get("url")) {
            ("content", Some(url)) if element.get("medium") == Some("image") || is_picture_of(element) => {
                contents.push((absolute(element, url), alt));
            }
            ("thumbnail", Some(url)) => thumbnails.push((absolute(element, url), alt)),
            _ => {}
        }
        if matches!(element.name.as_str(), "content" | "group") {
            media(&element.children, contents, thumbnails);
        }
    }
}

fn is_picture_of(element: &Element<'_>) -> bool {
    element.get("medium").is_none() && is_picture(element.get("type").unwrap_or_default(), element.get("url"))
}

/// Whether a medium is a picture, by its type or, without one, by its name.
fn is_picture(kind: &str, url: Option<&str>) -> bool {
    if !kind.is_empty() {
        return kind.starts_with("image/");
    }
    let path = url.unwrap_or_default().split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif"].iter().any(|end| path.ends_with(end))
}

fn categories(entry: &Element<'_>) -> Vec<String> {
    let of = |element: &Element<'_>| match (element.space, element.name.as_str()) {
        (Feed, "category") => {
            let named = [element.get("label"), element.get("term"), Some(element.text.trim())];
            named.into_iter().flatten().find(|name| !name.is_empty()).map(str::to_owned)
        }
        (Dublin, "subject") => Some(element.text.trim().to_owned()),
        _ => None,
    };
    entry.children.iter().filter_map(of).collect()
}
