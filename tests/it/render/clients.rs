//! What our mails use, held against what mail programs can do, as caniemail.com has tried it. Whatever Outlook or Gmail
//! lacks must stand in the list below with what its reader sees instead, and nothing stands there that is not so. Such
//! tests want `CANIEMAIL`, which `scripts/test` sets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;
use tidings::render::{Flavour, sample};

use super::{ours, received};

/// What we use although Outlook or Gmail does not know it everywhere, and what is there without it.
const ALLOWED: [(&str, &str); 35] = [
    ("css-at-media", "the sheet is 600 px wide and its cells keep their padding; only phones gain by less"),
    (
        "css-at-media-prefers-color-scheme",
        "the mail stays light, or the program darkens it by itself: text and ground are plain colours",
    ),
    (
        "css-border",
        "no border is wider than 6 px, and all are on cells of tables but that of a quotation, which is then an indent",
    ),
    ("css-border-radius", "the button has square corners"),
    (
        "css-display",
        "what is `inline-block` has its room by `mso-padding-alt`, `block` is for pictures that stand alone, and what is hidden holds no table",
    ),
    ("css-font-size", "sizes are in px"),
    ("css-font-weight", "weights are words"),
    ("css-height", "`auto` is for pictures, which have no height of their own"),
    ("css-important", "it stands in media queries only, in lower case and with a blank before it"),
    ("css-line-height", "lines are a little lower or higher"),
    ("css-margin", "no margin is negative; the sheet is centred by `align`, and the body's margin is only for looks"),
    ("css-max-height", "what is hidden by it is hidden by `mso-hide` as well"),
    ("css-max-width", "the sheet stands in a table of 600 px for Outlook, and pictures have a width in px"),
    ("css-overflow", "what is hidden by it is hidden by `mso-hide` or `display` as well"),
    ("css-overflow-wrap", "`word-break` does the same"),
    ("css-padding", "room stands in cells of tables; a list and a quotation have the program's own indent"),
    ("css-selector-adjacent-sibling", "it stands in the dark sheet only: a caption is then as light as other text"),
    ("css-selector-child", "as the selector for siblings"),
    ("css-selector-class", "it stands in media queries only; all else is written into the elements"),
    ("css-selector-grouping", "as that for classes"),
    ("css-selector-universal", "as that for classes"),
    ("css-text-align", "sides are `left` and `right`"),
    (
        "css-text-decoration",
        "`none` is known everywhere but in some accounts of others in Gmail's app, which underline links",
    ),
    ("css-text-wrap", "a headline breaks where it must"),
    ("css-white-space", "a fact's name may wrap"),
    ("css-width", "it is for pictures, which have a `width` of their own"),
    ("css-word-break", "a long word breaks all the same"),
    ("html-align", "`center` is known"),
    ("html-body", "the ground is that of the table within"),
    ("html-dir", "each cell has its `text-align` as well"),
    ("html-doctype", "nothing depends on it"),
    ("html-lists", "no list counts down or from elsewhere"),
    ("html-meta-color-scheme", "as the query for dark"),
    ("html-style", "it holds media queries only, in the head, and is far below 16 KB"),
    ("html-width", "tables have their width in px or the whole, pictures in px"),
];

/// What the data says nothing of: as old as HTML mail, or read by one program only.
const UNTRIED: [&str; 23] = [
    "css--ms-text-size-adjust",
    "css--webkit-text-size-adjust",
    "css-color",
    "css-mso-hide",
    "css-mso-padding-alt",
    "css-mso-table-lspace",
    "css-mso-table-rspace",
    "html-a",
    "html-alt",
    "html-bgcolor",
    "html-border",
    "html-br",
    "html-charset",
    "html-class",
    "html-content",
    "html-head",
    "html-href",
    "html-html",
    "html-meta",
    "html-name",
    "html-scope",
    "html-src",
    "html-title",
];

/// The HTML of every kind of mail, with everything that the templates can draw.
fn mails() -> Vec<String> {
    let mut mails = Vec::new();
    for draft in [sample::digest(), sample::alert(), sample::manual_alert()] {
        for flavour in [Flavour::Live, Flavour::Test] {
            for language in ["en", "ar"] {
                let list = tidings::domain::list::List { language: language.into(), ..sample::list() };
                let rendered = ours().render(&draft, &list, flavour, sample::now()).expect("it renders");
                mails.push(received(&rendered, Some(&draft)).html);
            }
        }
    }
    let notice = ours().notice(&sample::notice(), sample::now()).expect("it renders");
    mails.push(received(&notice, None).html);
    mails
}

/// What a mail uses, by the names of caniemail.com: elements, attributes, properties, units, at-rules, selectors.
fn used(html: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut note = |kind: &str, name: &str| {
        used.insert(format!("{kind}-{name}"));
    };
    let mut rest = html;
    while let Some((_, inner)) = rest.split_once('<') {
        if let Some(comment) = inner.strip_prefix("!--") {
            note("html", "comments");
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        // What a serializer wrote has its attributes quoted.
        let mut quoted = false;
        let end = inner.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (tag, after) = inner.split_at(end.unwrap_or(inner.len()));
        rest = after;
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if name.starts_with('/') {
            continue;
        }
        note("html", element(&name.to_ascii_lowercase()));
        for (name, value) in attributes_of(attributes) {
            match name {
                "style" => declarations(value, &mut note),
                "name" if value == "color-scheme" => note("html", "meta-color-scheme"),
                _ => note("html", name),
            }
        }
        if name == "style"
            && let Some((sheet, after)) = rest.split_once("</style>")
        {
            style_sheet(sheet, &mut note);
            rest = after;
        }
    }
    used
}

fn attributes_of(mut text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    while let Some((name, after)) = text.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else { break };
        found.push((name.trim(), value));
        text = after;
    }
    found
}

/// One name for elements that are tried together.
fn element(name: &str) -> &str {
    match name {
        "!doctype" => "doctype",
        "h1" | "h2" | "h3" | "h4" => "h1-h6",
        "ul" | "ol" | "li" => "lists",
        "table" | "tr" | "td" | "th" | "tbody" => "table",
        "b" | "strong" => "strong",
        other => other,
    }
}

fn declarations(text: &str, note: &mut impl FnMut(&str, &str)) {
    for (property, value) in text.split(';').filter_map(|declaration| declaration.split_once(':')) {
        let property = property.trim();
        note("css", property);
        if value.contains("!important") {
            note("css", "important");
        }
        for word in value.split_whitespace() {
            let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
            match unit {
                "px" | "em" | "rem" | "vh" | "vw" if unit.len() < word.len() => note("css", &format!("unit-{unit}")),
                "%" => note("css", "unit-percent"),
                _ => {}
            }
        }
    }
}

/// A sheet of media queries with rules in them.
fn style_sheet(sheet: &str, note: &mut impl FnMut(&str, &str)) {
    for query in sheet.split('@').skip(1) {
        let (condition, rules) = query.split_once('{').expect("a query has rules");
        note("css", &format!("at-{}", condition.split_whitespace().next().unwrap_or_default()));
        if condition.contains("prefers-color-scheme") {
            note("css", "at-media-prefers-color-scheme");
        }
        for rule in rules.split('}') {
            let Some((selector, body)) = rule.split_once('{') else { continue };
            for (sign, name) in
                [('.', "class"), ('*', "universal"), (',', "grouping"), ('>', "child"), ('+', "adjacent-sibling")]
            {
                if selector.contains(sign) {
                    note("css", &format!("selector-{name}"));
                }
            }
            declarations(body, note);
        }
    }
}

/// The feature that tells of a name: itself, or what it is one side or one part of ("padding-left", "border-top-color").
fn feature<'a>(features: &'a BTreeMap<String, Value>, name: &str) -> Option<&'a Value> {
    let mut name = name.to_owned();
    loop {
        if let Some(found) = features.get(&name) {
            return Some(found);
        }
        name.truncate(name.rfind('-').filter(|at| *at > 4)?);
    }
}

/// The programs of Outlook and Gmail that do not know a feature, or not wholly, in their newest version tried.
fn lacking(feature: &Value) -> Vec<String> {
    let mut lacking = Vec::new();
    for family in ["outlook", "gmail"] {
        for (platform, versions) in feature["stats"][family].as_object().into_iter().flatten() {
            // Windows Mail is no more since 2024.
            if platform == "windows-mail" {
                continue;
            }
            let newest =
                versions.as_object().and_then(|versions| versions.iter().max_by_key(|(version, _)| number(version)));
            if let Some((_, support)) =
                newest.filter(|(_, support)| !support.as_str().is_some_and(|s| s.starts_with('y')))
            {
                lacking.push(format!("{family} {platform} {support}"));
            }
        }
    }
    lacking
}

/// "16.80" and "2019-10" as numbers to be compared.
fn number(version: &str) -> Vec<u32> {
    version.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect()
}

#[test]
fn nothing_that_outlook_or_gmail_lacks_is_used_without_a_fallback() {
    let file =
        std::env::var("CANIEMAIL").expect("CANIEMAIL names the data of caniemail.com; run the tests by scripts/test");
    let data: Value = serde_json::from_str(&fs::read_to_string(file).expect("a file of text")).expect("JSON");
    let features = data["data"].as_array().expect("features").iter();
    let features: BTreeMap<String, Value> =
        features.map(|feature| (feature["slug"].as_str().expect("a name").to_owned(), feature.clone())).collect();
    assert!(features.len() > 250, "{}", features.len());

    let used: BTreeSet<String> = mails().iter().flat_map(|mail| used(mail)).collect();
    let (mut found, mut untried) = (BTreeMap::new(), BTreeSet::new());
    for name in &used {
        match feature(&features, name) {
            None => drop(untried.insert(name.as_str())),
            Some(feature) => {
                let lacking = lacking(feature);
                if !lacking.is_empty() {
                    found.insert(feature["slug"].as_str().expect("a name"), lacking.join(", "));
                }
            }
        }
    }
    let allowed: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let surprises: Vec<_> = found.iter().filter(|(name, _)| !allowed.contains(*name)).collect();
    assert!(surprises.is_empty(), "used, lacking and without a fallback that is said: {surprises:#?}");
    let stale: Vec<_> = allowed.iter().filter(|name| !found.contains_key(*name)).collect();
    assert!(stale.is_empty(), "allowed, and not used or not lacking: {stale:?}");
    assert_eq!(untried, UNTRIED.into_iter().collect(), "what the data says nothing of");
}

#[test]
fn the_lint_sees_what_a_mail_uses() {
    let html = "<!doctype html><style>@media (max-width: 9px) { .a > b { display: flex !important; } }</style>\
                <p style=\"margin-left: 2em; width: 50%\" align=\"left\">x<!-- y --></p>";
    let used = used(html);
    for name in [
        "html-doctype",
        "css-at-media",
        "css-selector-child",
        "css-selector-class",
        "css-display",
        "css-important",
        "html-p",
        "css-margin-left",
        "css-unit-em",
        "css-unit-percent",
        "html-align",
        "html-comments",
    ] {
        assert!(used.contains(name), "{name} is not in {used:?}");
    }
    let features = BTreeMap::from([(
        "css-margin".to_owned(),
        serde_json::json!({"slug": "css-margin", "stats":
        {"outlook": {"windows": {"2007": "y", "2019": "a #1"}}, "gmail": {"ios": {"2019-08": "n", "2020-02": "y"}}}}),
    )]);
    let margin = feature(&features, "css-margin-left").expect("a margin's side is a margin");
    assert_eq!(lacking(margin), ["outlook windows \"a #1\""]);
    assert!(feature(&features, "css-color").is_none());
}
