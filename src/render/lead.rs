//! How an alert begins: with its words. A post's cleaned body comes in; it goes out without the picture that may stand
//! first in it, which most programs do not show and which says again what the headline says.

/// What may stand around a picture.
const WRAPPERS: [&str; 5] = ["div", "p", "a", "b", "em"];

/// The body after the picture that it begins with. One with a caption stays, and so does one that is all there is.
pub(super) fn without_first_image(html: &str) -> &str {
    after_image(html.trim_start()).map(str::trim_start).filter(|rest| !rest.is_empty()).unwrap_or(html)
}

fn after_image(html: &str) -> Option<&str> {
    let (name, rest) = tag(html)?;
    if name == "img" {
        return Some(rest);
    }
    let wrapper = WRAPPERS.iter().find(|wrapper| **wrapper == name)?;
    let rest = after_image(rest.trim_start())?.trim_start();
    rest.strip_prefix("</")?.strip_prefix(wrapper)?.strip_prefix('>')
}

/// The name of the tag that the HTML begins with, and what comes after the tag. A serializer wrote it, so each
/// attribute is quoted.
fn tag(html: &str) -> Option<(&str, &str)> {
    let inner = html.strip_prefix('<')?;
    let name = inner.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let mut quoted = false;
    let end = inner.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })?;
    Some((name, &inner[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::without_first_image;

    #[test]
    fn only_a_picture_that_stands_first_and_alone_is_taken_out() {
        let image = "<img src=\"x\" alt=\"a > b\">";
        for first in [image.to_owned(), format!("<div>{image}</div>"), format!(" <p><a href=\"y\">{image}</a> </p>\n")]
        {
            assert_eq!(without_first_image(&format!("{first}<p>Words {image}</p>")), format!("<p>Words {image}</p>"));
        }
        for kept in [
            String::new(),
            "Words".to_owned(),
            format!("<p>Words</p>{image}"),
            format!("<div>{image}</div>"),
            format!("<div>{image}<div>A caption</div></div><p>Words</p>"),
            "<p>".to_owned(),
            "<img src=\"".to_owned(),
        ] {
            assert_eq!(without_first_image(&kept), kept);
        }
    }

    #[test]
    fn a_body_of_nothing_but_tags_is_left_as_it_is() {
        let deep = "<div>".repeat(200);
        assert_eq!(without_first_image(&deep), deep);
    }
}
