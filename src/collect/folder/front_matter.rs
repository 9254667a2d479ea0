//! Front matter: what a Markdown file of a static site says of itself above its text, in YAML between lines of `---` or in
//! TOML between lines of `+++`. The file's text comes in; what matters of it and the rest go out. Generators differ, and so
//! do their users: what is of no use is passed over, and what is of another form than one expects is taken where it can be.

use std::fmt;

use serde::Deserialize;

use super::value::{Picture, Text, Texts};

/// Longer front matter is not read, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// What matters.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(super) struct FrontMatter {
    pub(super) title: Text,
    pub(super) date: Text,
    pub(super) slug: Text,
    permalink: Text,
    url: Text,
    id: Text,
    guid: Text,
    summary: Text,
    description: Text,
    excerpt: Text,
    image: Picture,
    image_alt: Text,
    categories: Texts,
    category: Texts,
    tags: Texts,
    taxonomies: Taxonomies,
    draft: Text,
    published: Text,
}

/// Where Zola has categories.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct Taxonomies {
    categories: Texts,
    tags: Texts,
}

/// Parts a file into its front matter and its text. The reason why that cannot be done is half a sentence about the file.
pub(super) fn part(file: &str) -> Result<(FrontMatter, &str), String> {
    let file = file.trim_start_matches('\u{FEFF}');
    let first = file.lines().next().unwrap_or_default().trim_end();
    if !matches!(first, "---" | "+++") {
        return Err("it has no front matter".to_owned());
    }
    let inside = file.split_once('\n').map_or("", |(_, rest)| rest);
    let mut end = 0;
    for line in inside.split_inclusive('\n') {
        let is_last = line.trim_end() == first || (first == "---" && line.trim_end() == "...");
        if end > LONGEST {
            break;
        }
        if is_last {
            let matter = &inside[..end];
            let read = if first == "---" { of_yaml(matter) } else { of_toml(matter) };
            return Ok((read?, &inside[end + line.len()..]));
        }
        end += line.len();
    }
    Err(format!("its front matter does not end, or is longer than {} KiB", LONGEST / 1024))
}

fn of_yaml(text: &str) -> Result<FrontMatter, String> {
    if text.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 5_000,
            max_events: 20_000,
            max_aliases: 100,
            max_anchors: 100,
        },
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("its YAML is broken: {}", first_line(&error)))
}

fn of_toml(text: &str) -> Result<FrontMatter, String> {
    toml::from_str(text).map_err(|error| format!("its TOML is broken: {}", error.message()))
}

/// The rest of such a message shows the file.
fn first_line(error: &impl fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

impl FrontMatter {
    /// True for what is not to be seen yet.
    pub(super) fn is_draft(&self) -> bool {
        let says = |text: &Text, word: &str| text.0.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(word));
        says(&self.draft, "true")
            || says(&self.draft, "yes")
            || says(&self.published, "false")
            || says(&self.published, "no")
    }

    /// What makes the post the same tomorrow, when it says so.
    pub(super) fn id(&self) -> Option<&str> {
        first([&self.id, &self.guid])
    }

    /// Where its page is, when it says so.
    pub(super) fn address(&self) -> Option<&str> {
        first([&self.permalink, &self.url])
    }

    /// It in short.
    pub(super) fn summary(&self) -> Option<&str> {
        first([&self.summary, &self.description, &self.excerpt])
    }

    /// The address of its picture, and what that shows.
    pub(super) fn picture(&self) -> Option<(&str, &str)> {
        let alt = self.image.alt.as_deref().or(self.image_alt.0.as_deref()).unwrap_or_default();
        Some((self.image.address.as_deref()?, alt))
    }

    /// The names of its categories, then of its tags.
    pub(super) fn categories(&self) -> Vec<String> {
        let all = [&self.categories, &self.category, &self.taxonomies.categories, &self.tags, &self.taxonomies.tags];
        all.into_iter().flat_map(|texts| texts.0.iter().cloned()).collect()
    }
}

fn first<const N: usize>(texts: [&Text; N]) -> Option<&str> {
    texts.into_iter().find_map(|text| text.0.as_deref())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FrontMatter, LONGEST, part};

    fn read(file: &str) -> (FrontMatter, String) {
        let (matter, text) = part(file).unwrap_or_else(|why| panic!("{why}: {file}"));
        (matter, text.to_owned())
    }

    #[test]
    fn yaml_and_toml_say_the_same() {
        let yaml = "---\r\ntitle: \"A title: with a colon\"\r\ndate: 2024-04-25T10:00:00+02:00\r\ndraft: false\r\ncategories: [News, 2024]\r\n\
                    tags:\r\n  - arms\r\nimage: {path: /a.jpg, alt: A hall}\r\ndescription: In short.\r\nweight: 3\r\n---\r\nText";
        let toml = "+++\ntitle = \"A title: with a colon\"\ndate = 2024-04-25T10:00:00+02:00\ndraft = false\ncategories = [\"News\", 2024]\n\
                    tags = \"arms\"\ndescription = \"In short.\"\nimage = { path = \"/a.jpg\", alt = \"A hall\" }\n[extra]\nx = 1\n+++\nText";
        let ((yaml, text), (toml, other)) = (read(yaml), read(toml));
        assert_eq!(
            (yaml.title.0.as_deref(), yaml.date.0.as_deref()),
            (Some("A title: with a colon"), Some("2024-04-25T10:00:00+02:00"))
        );
        assert_eq!(yaml.categories(), ["News", "2024", "arms"]);
        assert_eq!((yaml.picture(), yaml.summary()), (Some(("/a.jpg", "A hall")), Some("In short.")));
        assert_eq!((text.as_str(), other.as_str()), ("Text", "Text"));
        assert_eq!(yaml, toml);
        let zola = read("+++\ndate = 2024-04-25\n[taxonomies]\ncategories = [\"News\"]\n+++\n").0;
        assert_eq!((zola.date.0.as_deref(), zola.categories()), (Some("2024-04-25"), vec!["News".to_owned()]));
    }

    #[test]
    fn what_looks_like_something_else_is_a_text_all_the_same() {
        let matter = read("---\ntitle: 2024\ndate: 2024-04-25\nslug: yes\nsummary:\ndescription: In short.\ncategories: News, More\nimage: [a.jpg, b.jpg]\nimage_alt: A hall\nx: [1, {y: 2}]\n---\n").0;
        assert_eq!((matter.title.0.as_deref(), matter.date.0.as_deref()), (Some("2024"), Some("2024-04-25")));
        assert_eq!((matter.summary(), matter.picture()), (Some("In short."), Some(("a.jpg", "A hall"))));
        assert_eq!(matter.categories(), ["News", "More"]);
        let odd = read("---\ntitle: [a, b]\ndate: {x: y}\n---\nText ---\n---\n");
        assert_eq!((odd.0.title.0, odd.0.date.0, odd.1.as_str()), (None, None, "Text ---\n---\n"));
    }

    #[test]
    fn drafts_are_known_in_each_dialect() {
        for (draft, is_draft) in [
            ("draft: true", true),
            ("draft: yes", true),
            ("published: false", true),
            ("draft: false", false),
            ("x: y", false),
        ] {
            assert_eq!(read(&format!("---\n{draft}\n---\n")).0.is_draft(), is_draft, "{draft}");
        }
        assert!(read("+++\ndraft = true\n+++\n").0.is_draft());
    }

    #[test]
    fn what_is_broken_is_told_and_a_bomb_costs_nothing() {
        let laughs: String =
            (1..20).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","))).collect();
        let deep = format!("x: {}", "[".repeat(10_000));
        for (file, why) in [
            ("", "it has no front matter"),
            ("# Title\n---\n", "it has no front matter"),
            ("---\ntitle: x\n", "its front matter does not end"),
            ("---\ntitle: \"x\n---\n", "its YAML is broken: "),
            ("---\n- a\n---\n", "its YAML is broken: "),
            ("+++\ntitle = x\n+++\n", "its TOML is broken: "),
            (&format!("---\na0: &a0 [x]\n{laughs}---\n"), "its YAML is broken: "),
            (&format!("---\n{deep}\n---\n"), "its YAML is broken: "),
            (&format!("+++\n{}\n+++\n", deep.replace(": ", " = ")), "its TOML is broken: "),
            (&format!("---\n{}---\n", "x: y\n".repeat(LONGEST)), "its front matter does not end"),
        ] {
            let told = part(file).expect_err(why);
            assert!(told.starts_with(why), "{told}");
        }
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "(---|\\+\\+\\+|\n|title|: |= |\\[|\\]|\\{|\\}|\"|&a|\\*a|- |é|2024-01-01|!!x){0,30}") {
            let _ = part(&text);
            let _ = part(&format!("---\n{text}\n---\n"));
            let _ = part(&format!("+++\n{text}\n+++\n"));
        }
    }
}
