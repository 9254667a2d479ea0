//! Staff's Markdown (CommonMark, with tables) as HTML. HTML typed into it shows as typed. It does not judge links: what
//! comes out goes through the same cleaning as a feed's HTML before anything is made of it.

use pulldown_cmark::{Event, Options, Parser, html};

/// Quotes and lists nested deeper than this are flattened.
const MAX_DEPTH: usize = 32;

/// The HTML of a statement's Markdown.
pub fn markdown_to_html(markdown: &str) -> String {
    let mut depth = 0_usize;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).filter_map(
        |event| match event {
            Event::Html(typed) | Event::InlineHtml(typed) => Some(Event::Text(typed)),
            Event::Start(_) => {
                depth += 1;
                (depth <= MAX_DEPTH).then_some(event)
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                (depth < MAX_DEPTH).then_some(event)
            }
            other => Some(other),
        },
    );
    let mut made = String::new();
    html::push_html(&mut made, events);
    made
}

#[cfg(test)]
mod tests {
    use super::markdown_to_html;

    #[test]
    fn markdown_becomes_plain_html() {
        let html = markdown_to_html("## Call\n\nStop *now*.\n\n- [text](https://example.org/a?b=1&c=2)\n");
        assert_eq!(
            html,
            "<h2>Call</h2>\n<p>Stop <em>now</em>.</p>\n<ul>\n\
             <li><a href=\"https://example.org/a?b=1&amp;c=2\">text</a></li>\n</ul>\n"
        );
    }

    #[test]
    fn html_that_was_typed_shows_as_typed() {
        assert_eq!(markdown_to_html("a <b>c</b>"), "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n");
    }

    #[test]
    fn deep_nesting_is_flattened() {
        let html = markdown_to_html(&format!("{} deep", ">".repeat(5_000)));
        assert!(html.matches("<blockquote>").count() <= 32, "{}", html.len());
        assert!(html.contains("deep"));
    }
}
