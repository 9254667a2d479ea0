//! What is kept of documents, sound and broken, and what is refused.

use super::{Document, Element, MAX_ENTRIES, Mended, Unreadable, read};
use proptest::prelude::*;
use std::time::Instant;
use url::Url;

fn document(xml: &str) -> Result<Document<'_>, Unreadable> {
    read(xml, &Url::parse("https://example.org/feed").expect("a URL"))
}

fn shown(elements: &[Element<'_>]) -> String {
    let each = elements.iter().map(|element| {
        format!("{}({}{}{})", element.name, element.inner, element.text.trim(), shown(&element.children))
    });
    each.collect()
}

/// The entries, and what was mended.
fn entries(xml: &str) -> (String, Mended) {
    let document = document(xml).expect("a feed");
    (shown(&document.first), document.mended)
}

fn in_channel(inside: &str) -> String {
    format!("<rss version='2.0'><channel>{inside}</channel></rss>")
}

#[test]
fn an_entry_has_its_elements_and_the_head_has_its_own() {
    let xml = in_channel(
        "<title>S</title><image><title>no</title></image><item><title>a <b>c</b></title>\
         <m:group xmlns:m='http://search.yahoo.com/mrss/'><m:content url='x'/></m:group><link>l</link></item>\
         <link>h</link>",
    );
    let document = document(&xml).expect("a feed");
    assert_eq!(shown(&document.head), "title(S)image()link(h)");
    assert_eq!(shown(&document.first), "item(title(a <b>c</b>)group(content())link(l))");
    assert_eq!(document.mended, Mended::default());
}

#[test]
fn broken_characters_and_entities_are_mended() {
    let (found, mended) =
        entries(&in_channel("<item><link>a\u{8}b & c &nbsp;&eacute;&lt;&nosuch; &amp d</link></item>"));
    assert_eq!(found, "item(link(ab & c \u{A0}é<&nosuch; &amp d))");
    assert_eq!(mended, Mended { is_mended: true, ..Mended::default() });
    assert!(!entries(&in_channel("<item><link>&eacute;&amp;</link><title>a<br></title></item>")).1.is_mended);
    assert!(entries(&in_channel("<item><title>a & b</title></item>")).1.is_mended);
}

#[test]
fn the_root_is_found_behind_what_a_server_wrote_before_it() {
    let (found, mended) =
        entries("Warning: x on line <b>1</b>\n<rss><channel><item><link>a</link></item></channel></rss>");
    assert_eq!((found.as_str(), mended.is_mended), ("item(link(a))", true));
    for none in ["", "hello", "<svg/>", "<rss", "<rss version='2.0'></rss>", "<html><title>x</title></html>"] {
        assert_eq!(document(none).err(), Some(Unreadable::NoFeed), "{none}");
    }
    for one in
        ["<RSS><Channel/></RSS>", "<CHANNEL></CHANNEL>", "<a:feed xmlns:a='urn:x'/>", "<entry/>", "<rdf:RDF><item/>"]
    {
        assert!(document(one).is_ok(), "{one}");
    }
}

#[test]
fn an_early_end_costs_only_the_entry_it_is_in() {
    for end in ["<item><title>b</tit", "<item><title>b", "<item><link>b</link>", "<item", "<!-- ", "<item><![CDATA[x"] {
        let (found, mended) = entries(&format!("<rss><channel><item><link>a</link></item>{end}"));
        assert_eq!((found.as_str(), mended.was_cut, mended.left_out), ("item(link(a))", true, 0), "{end}");
    }
    let (found, mended) = entries("<feed><entry><id>a</id></entry></feed");
    assert_eq!((found.as_str(), mended), ("entry(id(a))", Mended { is_mended: true, ..Mended::default() }));
    for cut in ["<rss><channel><title>x <!-- ", "<rss><channel>", "<rss><channel><item><title>x</title>"] {
        assert_eq!(document(cut).err(), Some(Unreadable::Cut), "{cut}");
    }
}

#[test]
fn an_entry_whose_tags_do_not_match_is_left_out() {
    let good = "<item><link>g</link></item>";
    for bad in ["<item><link>b</item>", "<item><a></b></a></item>", "<item><link>b</link>"] {
        let (found, mended) = entries(&in_channel(&format!("{good}{bad}{good}")));
        assert_eq!(found, "item(link(g))item(link(g))", "{bad}");
        assert_eq!((mended.left_out, mended.was_cut), (1, false), "{bad}");
    }
}

#[test]
fn what_posts_are_not_made_of_cannot_spoil_one() {
    let (found, mended) = entries("<feed><entry><author><name>x</b> & y</author><author/><id>a</id></entry></feed>");
    assert_eq!(found, "entry(author(<name>x</b> & y)author()id(a))");
    assert!(!mended.is_mended);
}

#[test]
fn a_missing_end_tag_in_the_head_costs_nothing() {
    let (found, mended) = entries("<rss><channel><image><item><link>a</link></item></channel></rss>");
    assert_eq!((found.as_str(), mended.is_mended, mended.was_cut), ("item(link(a))", true, false));
}

#[test]
fn addresses_are_relative_to_the_nearest_base() {
    let xml = "<feed xml:base='https://a.example/x/'><entry xml:base='y/'><content xml:base='javascript:x'>t</content></entry><entry/></feed>";
    let document = document(xml).expect("a feed");
    let bases = document.first.iter().map(|entry| entry.base.as_ref().map_or("none", |base| base.as_str()));
    assert_eq!(bases.collect::<Vec<_>>(), ["https://a.example/x/y/", "https://a.example/x/"]);
    assert_eq!(document.first[0].children[0].base.as_ref().map(|base| base.as_str()), Some("https://a.example/x/y/"));
}

#[test]
fn the_first_and_the_last_entries_are_kept() {
    let items: String = (0..1_700).map(|n| format!("<item><guid>{n}</guid></item>")).collect();
    let xml = in_channel(&items);
    let document = document(&xml).expect("a feed");
    assert_eq!((document.count, document.first.len(), document.last.len()), (1_700, MAX_ENTRIES, MAX_ENTRIES));
    assert_eq!(document.last[0].children[0].text, "1200");
}

#[test]
fn a_bomb_is_refused_or_does_no_harm() {
    assert_eq!(document(&in_channel(&"<x>".repeat(100_000))).err(), Some(Unreadable::Deep));
    let many = document(&in_channel(&"<a><b x='='/></a>".repeat(100_000))).expect("a feed").head.len();
    assert!(many < 1_000, "{many}");
    // Each of these would cost minutes if it were read again and again.
    for part in [
        "<title>",
        "<title><![CDATA[]]>",
        "<![CDATA[",
        "<!--",
        "<item>",
        "</item>",
        "<item></a>",
        "<a '",
        "&eacute;",
        "<b/>",
        "<item/>",
        "<a xmlns:b='c'/>",
        "<author>",
        "<title></title>",
        "<p><q></p>",
    ] {
        let xml = format!("<rss><channel>{}", part.repeat(50_000));
        let begun = Instant::now();
        let _ = document(&xml);
        assert!(begun.elapsed().as_secs() < 5, "{part} took {:?}", begun.elapsed());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_no_entry_is_in_another(
        xml in "(<(/?(rss|channel|item|title|b|author|m:item)|b/|item/|x xmlns='y')>|x|&|<|<!--|\\]\\]>|<!\\[CDATA\\[){0,40}"
    ) {
        let xml = format!("<rss>{xml}");
        if let Ok(document) = document(&xml) {
            let nested = document.first.iter().flat_map(|entry| &entry.children).any(|element| element.name == "item" && element.written == "item" && element.space == super::Space::Feed);
            prop_assert!(!nested);
        }
    }
}
