//! JSON Feed (versions 1 and 1.1). Text comes in; what the feed says of its posts goes out, nothing of it cleaned yet.
//! Numbers where texts should be are read as texts, and what has the wrong type is passed over.

use serde_json::Value;

use super::{dates, fields::Given, words::Words};

/// A JSON Feed.
#[derive(Debug, Default)]
pub(super) struct JsonFeed {
    /// Its title.
    pub(super) title: String,
    /// Its posts.
    pub(super) items: Vec<Given>,
    /// Whether a number stood where a text should.
    pub(super) is_mended: bool,
}

/// Reads a JSON Feed, or says why it is none: half a sentence about "it".
pub(super) fn read(text: &str) -> Result<JsonFeed, String> {
    let feed: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON that can be read: {error}"))?;
    let version = feed.get("version").and_then(Value::as_str).unwrap_or_default();
    let items = feed.get("items").and_then(Value::as_array);
    let Some(items) = items.filter(|_| version.contains("jsonfeed.org/version/1")) else {
        return Err("it is JSON, but no JSON Feed".to_owned());
    };
    let mut is_mended = false;
    let title = Fields { of: &feed, is_mended: &mut is_mended }.text("title").unwrap_or_default();
    let title = Words::unsaid(title).as_title();
    let items = items.iter().filter(|item| item.is_object()).map(|item| found(item, &mut is_mended)).collect();
    Ok(JsonFeed { title, items, is_mended })
}

/// The fields of one object.
struct Fields<'a> {
    of: &'a Value,
    is_mended: &'a mut bool,
}

impl Fields<'_> {
    fn text(&mut self, key: &str) -> Option<String> {
        match self.of.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => {
                *self.is_mended = true;
                Some(number.to_string())
            }
            _ => None,
        }
    }
}

fn found(item: &Value, is_mended: &mut bool) -> Given {
    let mut fields = Fields { of: item, is_mended };
    let mut text = |key: &str| fields.text(key).filter(|text| !text.trim().is_empty());
    let body = text("content_html").map(Words::html).or_else(|| text("content_text").map(Words::unsaid));
    let pictures = ["image", "banner_image"].into_iter().filter_map(&mut text);
    let attached = item.get("attachments").and_then(Value::as_array).into_iter().flatten().filter(|attachment| {
        attachment.get("mime_type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("image/"))
    });
    let attached = attached.filter_map(|attachment| attachment.get("url")?.as_str().map(str::to_owned));
    let pictures: Vec<String> = pictures.chain(attached).collect();
    let tags = item.get("tags").and_then(Value::as_array).into_iter().flatten();
    Given {
        id: text("id").unwrap_or_default(),
        title: text("title").map(Words::unsaid),
        links: ["url", "external_url"].into_iter().filter_map(&mut text).collect(),
        text: body,
        excerpt: text("summary").map(Words::unsaid),
        pictures: pictures.into_iter().map(|address| (address, String::new())).collect(),
        categories: tags.filter_map(as_text).collect(),
        published_at: ["date_published", "date_modified"].into_iter().find_map(|key| dates::read(&text(key)?)),
        base: None,
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn numbers_become_text_and_what_has_the_wrong_type_is_passed_over() {
        let feed = read(
            r#"{"version":"https://jsonfeed.org/version/1","title":5,"items":[
                {"id":7,"title":2024,"url":null,"summary":[],"tags":["a",1,{}],"image":"/a.jpg",
                 "attachments":[{"url":"/b.png","mime_type":"image/png"},{"url":"/c.mp3","mime_type":"audio/mpeg"},3]},3]}"#,
        )
        .expect("a feed");
        let [item] = &feed.items[..] else { panic!("one item") };
        assert_eq!((item.id.as_str(), feed.title.as_str(), feed.is_mended), ("7", "5", true));
        assert_eq!(item.title.as_ref().map(|title| title.text.as_str()), Some("2024"));
        assert_eq!((item.links.len(), item.excerpt.is_none(), item.categories.join("|")), (0, true, "a|1".to_owned()));
        let pictures: Vec<&str> = item.pictures.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(pictures, ["/a.jpg", "/b.png"]);
    }

    #[test]
    fn other_json_is_no_feed() {
        for json in ["{}", r#"{"items":[]}"#, r#"{"version":"https://jsonfeed.org/version/1","items":3}"#, "{", "[1]"] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
