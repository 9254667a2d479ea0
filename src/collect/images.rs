//! Pictures in a post's HTML: where the picture of an `<img>` really is, behind lazy loading, placeholders and tracking
//! pixels. A tag comes in; the address to show goes out, as the page wrote it, entities still encoded. Nothing is
//! fetched.

use super::tags::Tag;

/// Where scripts that load pictures late keep the address, most usual first.
const LATE: [&str; 5] = ["data-src", "data-lazy-src", "data-original", "data-lazy", "data-img-src"];

/// Where they keep a set of addresses.
const LATE_SETS: [&str; 2] = ["data-srcset", "data-lazy-srcset"];

/// What the names of placeholder pictures hold.
const PLACEHOLDERS: [&str; 9] = [
    "blank.gif",
    "blank.png",
    "spacer.gif",
    "transparent.gif",
    "transparent.png",
    "placeholder.",
    "pixel.gif",
    "1x1.",
    "lazy_placeholder",
];

/// Wide enough for a mail on a sharp screen, in pixels; from a set, the widest up to this is taken.
const WIDE_ENOUGH: f32 = 1300.0;

/// What a picture of density `1x` is taken to measure, in pixels.
const USUAL_WIDTH: f32 = 600.0;

/// What an `<img>` is for the reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Picture<'a> {
    /// A picture at this address.
    At(&'a str),
    /// A character drawn as a picture, to be written as what it stands for.
    Emoji(&'a str),
    /// Nothing that a reader would see.
    Nothing,
}

/// Finds out what an `<img>` is.
pub(super) fn picture<'a>(tag: &Tag<'a>) -> Picture<'a> {
    if is_hidden(tag) {
        return Picture::Nothing;
    }
    let class = tag.get("class").unwrap_or_default();
    let is_emoji = class.split_whitespace().any(|name| matches!(name, "emoji" | "wp-smiley"));
    if let Some(character) = tag.get("alt").filter(|alt| is_emoji && !alt.is_empty()) {
        return Picture::Emoji(character);
    }
    let alone = |names: &[&str]| names.iter().filter_map(|name| tag.get(name)).find(|address| is_address(address));
    let in_set =
        |names: &[&str]| names.iter().filter_map(|name| widest(tag.get(name)?)).find(|address| is_address(address));
    let late = alone(&LATE).or_else(|| in_set(&LATE_SETS));
    late.or_else(|| alone(&["src"])).or_else(|| in_set(&["srcset"])).map_or(Picture::Nothing, Picture::At)
}

/// A width as an attribute gives it, in pixels; percentages are none.
pub(super) fn pixels(value: &str) -> Option<u32> {
    value.strip_suffix("px").unwrap_or(value).trim().parse().ok()
}

/// Whether an address is that of a picture and not of its stand-in.
fn is_address(address: &str) -> bool {
    let begins = |prefix: &str| address.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let lower = address.get(..address.len().min(2000)).unwrap_or_default().to_ascii_lowercase();
    address.contains(['/', '.'])
        && !begins("data:")
        && !begins("about:")
        && !begins("javascript:")
        && !PLACEHOLDERS.iter().any(|name| lower.contains(name))
}

/// Whether a picture is there to be counted, not to be seen.
fn is_hidden(tag: &Tag) -> bool {
    let tiny = |name: &str| tag.get(name).and_then(pixels).is_some_and(|size| size <= 1);
    let style: String =
        tag.get("style").unwrap_or_default().split_whitespace().collect::<String>().to_ascii_lowercase();
    let styled = style.split(';').any(|rule| {
        matches!(
            rule,
            "display:none"
                | "visibility:hidden"
                | "width:0"
                | "width:0px"
                | "width:1px"
                | "height:0"
                | "height:0px"
                | "height:1px"
        )
    });
    tiny("width") || tiny("height") || styled
}

/// The widest picture of a `srcset` that is not wider than a mail can use, else the narrowest.
fn widest(set: &str) -> Option<&str> {
    let words: Vec<&str> = set.split_ascii_whitespace().collect();
    let mut best: Option<(&str, f32)> = None;
    // Addresses may hold commas, so only a comma at the end of a word ends a candidate.
    for candidate in words.chunk_by(|word, _| !word.ends_with(',')) {
        let [address, measures @ ..] = candidate else { continue };
        let measure = measures.first().map_or("1x", |word| word.trim_end_matches(','));
        let (number, scale) = match (measure.strip_suffix('w'), measure.strip_suffix('x')) {
            (Some(width), _) => (width, 1.0),
            (_, density) => (density.unwrap_or("1"), USUAL_WIDTH),
        };
        let width = number.parse().unwrap_or(1.0) * scale;
        let is_better =
            best.is_none_or(
                |(_, known)| {
                    if known > WIDE_ENOUGH { width < known } else { width > known && width <= WIDE_ENOUGH }
                },
            );
        if is_better {
            best = Some((address.trim_end_matches(','), width));
        }
    }
    best.map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::{Picture, picture};
    use crate::collect::tags::{Token, Tokens};

    fn of(html: &str) -> Option<String> {
        let Some(Token::Open(tag)) = Tokens::new(html).next() else { panic!("a tag") };
        match picture(&tag) {
            Picture::At(address) => Some(address.to_owned()),
            Picture::Emoji(character) => Some(format!("emoji {character}")),
            Picture::Nothing => None,
        }
    }

    #[test]
    fn the_picture_is_found_behind_lazy_loading() {
        let at = Some("/a.jpg".to_owned());
        assert_eq!(of("<img src=/a.jpg>"), at);
        assert_eq!(of("<img src='data:image/gif;base64,R0lGOD' data-src=/a.jpg>"), at);
        assert_eq!(of("<img src=/small.jpg data-lazy-src=/a.jpg>"), at);
        assert_eq!(of("<img data-original=/a.jpg src=/blank.gif>"), at);
        assert_eq!(of("<img src=/img/placeholder.svg data-srcset='/s.jpg 300w, /a.jpg 1024w, /xl.jpg 2400w'>"), at);
        assert_eq!(of("<img srcset='/a.jpg 2x, /s.jpg 1x'>"), at);
        assert_eq!(of("<img srcset='/a.jpg, /s.jpg 0.5x'>"), at);
        assert_eq!(of("<img srcset='/xl.jpg 4000w, /a.jpg 2400w'>"), at);
        assert_eq!(of("<img src=/a.jpg srcset='/s.jpg 300w'>"), at);
        assert_eq!(
            of("<img srcset='https://x.example/w_300,h_2/a.jpg 300w'>"),
            Some("https://x.example/w_300,h_2/a.jpg".into())
        );
    }

    #[test]
    fn what_nobody_sees_is_dropped() {
        for html in [
            "<img src=https://t.example/p.gif width=1 height=1>",
            "<img src=/p.gif height='1px'>",
            "<img src=/p.gif width=0>",
            "<img src=/p.gif style='Display: None'>",
            "<img src=/p.gif style='color:red; width: 1px'>",
            "<img>",
            "<img src=''>",
            "<img src=data:image/png;base64,AAAA>",
            "<img src=/wp-includes/images/blank.gif>",
            "<img src=JavaScript:alert(1)//.jpg>",
        ] {
            assert_eq!(of(html), None, "{html}");
        }
        assert_eq!(of("<img src=/a.jpg width=100% height=auto>"), Some("/a.jpg".into()));
        assert_eq!(of("<img class='x emoji' alt='🙂' src=https://s.example/1f642.png>"), Some("emoji 🙂".into()));
    }
}
