//! The HTML part after its template: styles written into each element, images made safe for mail. Parsers of HTML
//! recurse, so whatever parses it runs on a thread of its own with a deep stack.

use std::thread;

use css_inline::CSSInliner;

use super::RenderError;

/// Enough for HTML nested some 20,000 deep; a post's body is nested at most 256 deep.
const STACK_BYTES: usize = 32 << 20;
/// The widest an image can be drawn: the sheet's 600 px less its padding.
const MAX_IMAGE_WIDTH: u32 = 520;

/// Runs `work` on a thread with a deep stack, and waits for it.
pub(super) fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, RenderError> + Send) -> Result<T, RenderError> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("render".into()).stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| RenderError::Crashed(error.to_string()))?;
        worker.join().unwrap_or_else(|_| Err(RenderError::Crashed("the renderer panicked".to_owned())))
    })
}

/// Writes the rules of `<style>` into the elements, for mail programs that drop it; media queries stay where they
/// are. It loads nothing.
pub(super) fn finish(html: &str) -> Result<String, RenderError> {
    let inliner = CSSInliner::options().load_remote_stylesheets(false).keep_at_rules(true).build();
    let inlined = inliner.inline(html).map_err(|error| RenderError::Styles(error.to_string()))?;
    Ok(fit_images(&charset_first(&inlined)))
}

/// The inliner puts the media queries first; the charset must stand within the first 1,024 bytes to count.
fn charset_first(html: &str) -> String {
    const CHARSET: &str = "<meta charset=\"utf-8\">";
    html.replacen(CHARSET, "", 1).replacen("<head>", &format!("<head>{CHARSET}"), 1)
}

/// Gives each image an `alt`, and takes away a width that would burst the sheet in programs that know no `max-width`.
/// The HTML was just written by a serializer, so each attribute is quoted.
fn fit_images(html: &str) -> String {
    let mut fitted = String::with_capacity(html.len() + 64);
    let mut rest = html;
    while let Some(at) = rest.find("<img ") {
        let (before, image) = rest.split_at(at);
        fitted.push_str(before);
        let end = tag_end(image);
        fitted.push_str(&fit_image(&image[..end]));
        rest = &image[end..];
    }
    fitted.push_str(rest);
    fitted
}

/// Where the tag's closing `>` is, outside of quotes.
fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    tag.bytes()
        .position(|byte| {
            quoted ^= byte == b'"';
            byte == b'>' && !quoted
        })
        .unwrap_or(tag.len())
}

fn fit_image(tag: &str) -> String {
    let mut attributes = attributes(tag.strip_prefix("<img ").unwrap_or(tag));
    if !attributes.iter().any(|(name, _)| *name == "alt") {
        attributes.push(("alt", ""));
    }
    let widest = MAX_IMAGE_WIDTH.to_string();
    let width = attributes.iter_mut().find(|(name, _)| *name == "width");
    if let Some(width) = width.filter(|(_, value)| value.parse::<u32>().is_ok_and(|width| width > MAX_IMAGE_WIDTH)) {
        width.1 = &widest;
        attributes.retain(|(name, _)| *name != "height");
    }
    let mut fitted = "<img".to_owned();
    for (name, value) in attributes {
        // The serializer leaves these two as they are in quotes, which confuses lesser parsers than a browser's.
        let value = value.replace('<', "&lt;").replace('>', "&gt;");
        fitted.push_str(&format!(" {name}=\"{value}\""));
    }
    fitted
}

/// The attributes of a serialized tag, their values still escaped.
fn attributes(mut inner: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    while let Some((name, after)) = inner.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else { break };
        found.push((name.trim(), value));
        inner = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{finish, fit_images, on_deep_stack};

    #[test]
    fn each_image_has_an_alt_and_fits_the_sheet() {
        assert_eq!(
            fit_images("<p><img src=\"a>b\" width=\"1024\" height=\"600\">x<img alt=\"y\" width=\"90\" src=\"c\"></p>"),
            "<p><img src=\"a&gt;b\" width=\"520\" alt=\"\">x<img alt=\"y\" width=\"90\" src=\"c\"></p>"
        );
        assert_eq!(fit_images("no image &lt;img "), "no image &lt;img ");
    }

    #[test]
    fn deeply_nested_html_is_finished_without_a_crash() {
        let deep = format!("<style>div{{color:red}}</style>{}x{}", "<div>".repeat(3_000), "</div>".repeat(3_000));
        let finished = on_deep_stack(|| finish(&deep)).expect("finished");
        assert_eq!(finished.matches("color: red").count(), 3_000);
        assert!(finished.contains("<head><meta charset=\"utf-8\">"), "{}", &finished[..80]);
    }
}
