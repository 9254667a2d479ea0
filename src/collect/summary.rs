//! The summary of a post: one paragraph of plain text, about sixty words. Cleaned HTML comes in; text goes out, without
//! what a CMS adds for readers of its feed ("[…]", "Continue reading", "The post … appeared first on …").

use super::{
    plain,
    tags::{Token, Tokens},
};

/// About as many words as a summary has.
const WORDS: usize = 60;

/// A summary may be this many words longer when that is all there is.
const SLACK: usize = 10;

/// A first paragraph shorter than this (a dateline, say) takes the next one along, and a sentence that ends before this
/// is no summary.
const ENOUGH: usize = 20;

/// A text with more words than this is no excerpt, whatever it ends with.
const MAX_EXCERPT: usize = 2 * WORDS;

/// No summary is longer, in characters, whatever it takes for words.
const MAX_LENGTH: usize = 1_000;

/// So many marks of "there is more" are taken off one text.
const MAX_MARKS: usize = 5;

/// How the line that WordPress adds to each post begins and goes on, in the languages seen most.
const FOOTERS: [(&str, &str); 13] = [
    ("The post ", " appeared first on "),
    ("The post ", " first appeared on "),
    ("Der Beitrag ", " erschien zuerst auf "),
    ("L'article ", " est apparu en premier sur "),
    ("L’article ", " est apparu en premier sur "),
    ("Cet article ", " est apparu en premier sur "),
    ("La entrada ", " se publicó primero en "),
    ("El cargo ", " apareció primero en "),
    ("L'articolo ", " proviene da "),
    ("L’articolo ", " proviene da "),
    ("Het bericht ", " verscheen eerst op "),
    ("O post ", " apareceu primeiro em "),
    ("O conteúdo ", " aparece primeiro em "),
];

/// Words that stand at the end of an excerpt and lead to the rest.
const MORE: [&str; 8] =
    ["continue reading", "read more", "read the rest", "read on", "weiterlesen", "lire la suite", "leer más", "more"];

/// The summary of an excerpt: all of it, cut when it is long.
pub(super) fn of_excerpt(clean_html: &str) -> String {
    cut(&without_more(&plain_text(clean_html)))
}

/// Whether a text is an excerpt: short, and broken off with "[…]", "Read more" or the like.
pub(super) fn is_excerpt(clean_html: &str) -> bool {
    let text = plain_text(without_footer(clean_html));
    words(&text) <= MAX_EXCERPT && shortened(text.trim()).is_some()
}

/// The summary of a whole post: its first paragraph, and the next ones when that is very short.
pub(super) fn of_body(clean_html: &str) -> String {
    let lines = lines(clean_html);
    let has_paragraphs = lines.iter().any(|line| line.is_paragraph);
    let mut text = String::new();
    for line in lines.iter().filter(|line| line.is_paragraph || !has_paragraphs) {
        if words(&text) >= ENOUGH {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&line.text);
    }
    cut(&without_more(&text))
}

/// Takes the line that WordPress adds off the end of a cleaned post.
pub(super) fn without_footer(clean_html: &str) -> &str {
    let trimmed = clean_html.trim_end();
    match trimmed.rfind("<p") {
        Some(at) if trimmed.ends_with("</p>") && footer_start(&plain_text(&trimmed[at..])) == Some(0) => {
            trimmed[..at].trim_end()
        }
        _ => clean_html,
    }
}

/// The blocks of cleaned HTML, each as a line of plain text.
pub(super) fn text_lines(clean_html: &str) -> Vec<String> {
    lines(clean_html).into_iter().map(|line| line.text).collect()
}

/// The text of cleaned HTML on one line.
pub(super) fn plain_text(clean_html: &str) -> String {
    lines(clean_html).into_iter().map(|line| line.text).collect::<Vec<_>>().join(" ")
}

/// One block of text.
struct Line {
    text: String,
    /// Whether it stands in a `<p>`, and not in a heading, caption or list.
    is_paragraph: bool,
}

/// The blocks of cleaned HTML as plain text, without empty ones.
fn lines(clean_html: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut raw = String::new();
    let mut is_paragraph = false;
    let mut finish = |raw: &mut String, is_paragraph: bool| {
        let text = plain::one_line(&plain::decode(raw));
        raw.clear();
        if !text.is_empty() {
            found.push(Line { text, is_paragraph });
        }
    };
    for token in Tokens::new(clean_html) {
        match token {
            Token::Text(piece) => raw.push_str(piece),
            Token::Open(tag) if is_inline(&tag.name) => {}
            Token::Close(name) if is_inline(&name) => {}
            Token::Open(tag) if matches!(tag.name.as_str(), "br" | "img" | "wbr") => raw.push(' '),
            Token::Open(tag) => {
                finish(&mut raw, is_paragraph);
                is_paragraph = tag.name == "p";
            }
            Token::Close(_) => {
                finish(&mut raw, is_paragraph);
                is_paragraph = false;
            }
        }
    }
    finish(&mut raw, is_paragraph);
    found
}

/// Whether an element stands inside a line.
fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "b"
            | "cite"
            | "code"
            | "del"
            | "em"
            | "i"
            | "ins"
            | "kbd"
            | "mark"
            | "q"
            | "s"
            | "samp"
            | "small"
            | "strong"
            | "sub"
            | "sup"
            | "u"
            | "var"
    )
}

/// Where in a text the line that WordPress adds begins, when the text ends with it.
fn footer_start(text: &str) -> Option<usize> {
    FOOTERS.iter().find_map(|(begin, middle)| {
        let middle = text.rfind(middle)?;
        // The name of a site is short; a sentence about what appeared first is not.
        (text.len() - middle < 200).then(|| text[..middle].rfind(begin)).flatten()
    })
}

/// Takes "[…]", "Read more →" and the like off the end. What then breaks off in mid-sentence ends with the sentence
/// before, or else with "…".
fn without_more(text: &str) -> String {
    let mut kept = text.trim();
    if let Some(at) = footer_start(kept) {
        kept = kept[..at].trim_end();
    }
    let marked = kept.len();
    for _ in 0..MAX_MARKS {
        let Some(shorter) = shortened(kept) else { break };
        kept = shorter.trim_end();
    }
    let is_whole = kept.is_empty() || kept.ends_with(['.', '!', '?', '…', ':', '"', '”', '»', ')']);
    if kept.len() == marked || is_whole {
        kept.to_owned()
    } else {
        broken_off(&kept.split(' ').collect::<Vec<_>>(), "")
    }
}

/// The text without one mark of "there is more", when it ends with one.
fn shortened(text: &str) -> Option<&str> {
    if let Some(inner) = text.strip_suffix([']', ')']) {
        let open = inner.rfind(['[', '('])?;
        let mark = inner[open + 1..].trim().trim_end_matches(['.', '…', ' ']).to_lowercase();
        return (mark.is_empty() || MORE.contains(&mark.as_str())).then_some(&text[..open]);
    }
    let arrowless = text.trim_end_matches(['→', '»', '›', '>', ' ', '\u{A0}']);
    let lower = arrowless.to_lowercase();
    // Only where lower case is as long can a place in it be one in the text.
    if lower.len() != arrowless.len() {
        return None;
    }
    MORE[..MORE.len() - 1].iter().find_map(|more| {
        let at = lower.rfind(more)?;
        let before = arrowless.get(..at)?.trim_end();
        // "Continue reading" may name the post; the others stand alone. Both follow the end of something.
        let is_last = at + more.len() == lower.len() || (*more == "continue reading" && lower.len() - at < 200);
        let follows_end = before.is_empty() || before.ends_with(['.', '!', '?', '…', ']', ')', '"', '”', '»']);
        (is_last && follows_end).then_some(&text[..at])
    })
}

fn words(text: &str) -> usize {
    text.split(' ').filter(|word| !word.is_empty()).count()
}

/// Cuts a long text.
fn cut(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let text = if words.len() > WORDS + SLACK { broken_off(&words[..WORDS], words[WORDS]) } else { text.to_owned() };
    // A text without spaces still has to end somewhere.
    match text.char_indices().nth(MAX_LENGTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Words up to the end of their last sentence when it comes late enough, else all of them and "…". `next` is the word
/// that would follow.
fn broken_off(words: &[&str], next: &str) -> String {
    let following = words.iter().skip(1).chain([&next]);
    let sentence =
        words.iter().zip(following).collect::<Vec<_>>().into_iter().rposition(|(word, next)| ends_sentence(word, next));
    match sentence {
        Some(last) if last + 1 >= ENOUGH => words[..=last].join(" "),
        _ => format!("{}…", words.join(" ").trim_end_matches([',', ';', ':', '-', '–', '—', ' '])),
    }
}

/// Whether a sentence ends between two words. "U.S.", "No." and "e.g." end none.
fn ends_sentence(word: &str, next: &str) -> bool {
    let bare = word.trim_end_matches(['"', '”', '’', ')', '»']);
    let Some(stem) = bare.strip_suffix(['.', '!', '?']) else { return false };
    let length = stem.chars().count();
    let is_title = length == 2 && stem.starts_with(char::is_uppercase);
    let is_abbreviation = bare.ends_with('.') && (stem.contains('.') || length < 2 || is_title);
    !is_abbreviation && next.chars().next().is_some_and(|c| !c.is_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{of_body, of_excerpt, plain_text, without_footer};

    #[test]
    fn what_a_cms_adds_is_taken_off() {
        let footer = "<p>The post <a href=\"https://example.org/x/\">A title</a> appeared first on <a href=\"https://example.org\">Site</a>.</p>";
        let cases = [
            ("<p>One two [&#8230;]</p>", "One two…"),
            ("One two, […]", "One two…"),
            ("One two. [...]", "One two."),
            ("One two… Continue reading <b>A title</b> →", "One two…"),
            ("One two. Read more »", "One two."),
            ("One two &#8230; <a href=\"/x\">Continue reading<span> “A title”</span></a>", "One two …"),
            ("One two (more…)", "One two…"),
            ("Weiter gehts. Weiterlesen", "Weiter gehts."),
            ("Please continue reading the report", "Please continue reading the report"),
            ("See more (in French)", "See more (in French)"),
            ("", ""),
            ("[…]", ""),
        ];
        for (html, text) in cases {
            assert_eq!(of_excerpt(html), text, "{html}");
        }
        assert_eq!(of_excerpt(&format!("<p>One two [&#8230;]</p>\n{footer}")), "One two…");
        assert_eq!(
            of_excerpt("L’été. L’article <a href=\"x\">L’été</a> est apparu en premier sur <a href=\"y\">S</a>."),
            "L’été."
        );
        assert_eq!(without_footer(&format!("<p>x</p>\n{footer}\n")), "<p>x</p>");
        assert_eq!(without_footer("<p>The post office</p>"), "<p>The post office</p>");
    }

    #[test]
    fn a_summary_is_the_first_paragraph() {
        let long = "word ".repeat(25);
        assert_eq!(of_body(&format!("<h2>Head</h2><p>{long}</p><p>Second</p>")), long.trim());
        assert_eq!(
            of_body("<p>Geneva, 20 June</p><div>caption</div><p>The meeting opened.</p>"),
            "Geneva, 20 June The meeting opened."
        );
        assert_eq!(of_body("Bare<br>text &amp; more"), "Bare text & more");
        assert_eq!(plain_text("<ul><li>a</li><li>b<b>c</b></li></ul>"), "a bc");
    }

    #[test]
    fn a_long_text_is_cut_at_a_sentence_or_a_word() {
        let sentence = "The U.S. government said so in its report of May. ".repeat(10);
        let cut = of_body(&format!("<p>{sentence}</p>"));
        assert!(cut.ends_with("report of May.") && cut.split(' ').count() <= 60, "{cut}");
        let endless = of_body(&format!("<p>{}</p>", "word, ".repeat(200)));
        let excerpt = of_excerpt(&format!("{}And so it [&#8230;]", "One two three four five. ".repeat(5)));
        assert!(excerpt.ends_with("four five."), "{excerpt}");
        assert!(endless.ends_with("word…") && endless.split(' ').count() == 60, "{endless}");
        let whole = format!("{}end. Next", "word ".repeat(59));
        assert!(of_body(&format!("<p>{whole} {}</p>", "more ".repeat(20))).ends_with("word end."));
        assert_eq!(of_body(&"x".repeat(5000)).chars().count(), 1001);
    }
}
