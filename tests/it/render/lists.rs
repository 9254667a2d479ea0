//! What a digest looks like where its list says so: sections by category, the alerts that went before it, and templates
//! of the list's own.

use std::fs;

use tidings::{
    domain::{
        issue::{Content, Draft},
        list::List,
        slug::Slug,
    },
    newsroom::{self, By},
    render::{Flavour, sample},
};

use super::{folder, ours, received, renderer};
use crate::world::{Mail, World, check::Checked};

fn rendered(draft: &Draft, list: &List) -> Checked {
    received(&ours().render(draft, list, Flavour::Live, sample::now()).expect("it renders"), Some(draft))
}

/// Where each text stands, in order.
fn in_order(text: &str, words: &[&str]) -> bool {
    let mut rest = text;
    words.iter().all(|word| {
        let found = rest.split_once(word).map(|(_, after)| after);
        rest = found.unwrap_or_default();
        found.is_some()
    })
}

#[test]
fn posts_are_gathered_under_the_sections_of_their_list() {
    let list = List { sections: vec!["events".into(), "Conferences".into()], ..sample::list() };
    let checked = rendered(&sample::digest(), &list);
    let order = ["EVENTS", "Webinar", "CONFERENCES", "Twelfth meeting", "MORE NEWS", "We can farm", "Also new"];
    assert!(in_order(&checked.text, &order), "{}", checked.text);
    let html = ["<h2", "events</h2>", "<h3", "Webinar", "Conferences</h2>", "More news</h2>", "Also new</h2>"];
    assert!(in_order(&checked.html, &html), "{}", checked.html);
    assert!(checked.subject.starts_with("Twelfth meeting"), "the newest is the subject: {}", checked.subject);

    let plain = rendered(&sample::digest(), &List { sections: Vec::new(), ..list });
    assert!(!plain.text.contains("MORE NEWS") && !plain.html.contains("<h3"), "{}", plain.text);
    assert!(in_order(&plain.text, &["Twelfth meeting", "Webinar", "We can farm"]), "{}", plain.text);
}

#[test]
fn a_digest_of_many_posts_keeps_its_sections_as_titles() {
    let mut draft = sample::digest();
    if let Content::Digest { posts, .. } = &mut draft.content {
        for post in posts.iter_mut() {
            post.post.summary = String::new();
        }
        let post = posts[1].clone();
        posts.resize(400, post);
    }
    let checked = rendered(&draft, &sample::list());
    assert!(checked.html.len() < 100_000 && checked.html.contains("Events</h2>"), "{}", checked.html.len());
}

#[tokio::test]
async fn a_digest_names_in_one_line_each_alert_since_the_one_before() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.next_look(&[world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let digest = world.mails().pop().expect("a digest");
    let line = "Sent as an alert since the last digest\n--------------------------------------\n\n\
                Condemnation: Coalition condemns a transfer\n24 April 2024\n";
    assert!(digest.subject.starts_with("Webinar |") && digest.text.contains(line), "{}", digest.text);

    world.next_look(&[world.post("Report")]).await;
    world.until("2024-05-06T09:00:00Z");
    world.run().await;
    let next: Mail = world.mails().pop().expect("a digest");
    assert!(next.subject.starts_with("Report |") && !next.text.contains("condemns"), "only once: {}", next.text);
}

#[tokio::test]
async fn an_alert_that_goes_after_a_younger_digest_is_named_in_the_next() {
    let world = World::setup().list("alert_hold = \"30m\"").start().await;
    world.begin(1).await;
    world.next_look(&[world.post("Webinar")]).await;
    world.until("2024-04-29T08:45:00Z");
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let digest = world.mails_to("reader1@example.org").pop().expect("a digest");
    assert!(digest.subject.starts_with("Webinar |") && !digest.text.contains("condemns"), "not sent: {}", digest.text);
    world.hours(1);
    world.run().await;
    world.next_look(&[world.post("Report")]).await;
    world.until("2024-05-06T09:00:00Z");
    world.run().await;
    let next = world.mails_to("reader1@example.org").pop().expect("a digest");
    assert!(next.subject.starts_with("Report |") && next.text.contains("Condemnation: Coalition"), "{}", next.text);
}

#[tokio::test]
async fn a_cancelled_alert_is_not_named() {
    let world = World::new().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let alert = world.app.store.newest_issues(1).await.expect("issues").remove(0);
    newsroom::cancel(&world.app, alert.id, "it was wrong", &By::Machine("a test".to_owned()))
        .await
        .expect("it can be cancelled");
    world.next_look(&[world.post("Webinar")]).await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let digest = world.mails().pop().expect("a digest");
    assert!(digest.subject.starts_with("Webinar") && !digest.text.contains("condemns"), "{}", digest.text);
}

#[test]
fn a_list_may_have_templates_of_its_own() {
    let site = folder("digest.subject.txt", "Of the site: {{ list.title }}");
    fs::write(
        site.path().join("base.txt"),
        "{% block content %}{% endblock %}\nFrame\n{% block footer %}{% endblock %}1 Example Street\n",
    )
    .expect("written");
    fs::create_dir(site.path().join("news")).expect("made");
    let own = |name: &str, text: &str| fs::write(site.path().join("news").join(name), text).expect("written");
    own("digest.subject.txt", "{% include \"site/digest.subject.txt\" %}, for itself");
    let frame = include_str!("../../../templates/base.html").replace("<body class=\"page\">", "<body>Own frame");
    own("base.html", &frame);
    let renderer = renderer(Some(site.path().to_owned())).expect("sound");
    assert_eq!(renderer.check(), []);
    let render = |list: &List| {
        let draft = sample::digest();
        received(&renderer.render(&draft, list, Flavour::Live, sample::now()).expect("it renders"), Some(&draft))
    };
    let news = render(&sample::list());
    assert_eq!(news.subject, "Of the site: Coalition news, for itself");
    assert!(news.html.contains("Own frame") && news.html.contains("Read more"), "our digest in the list's frame");
    assert!(news.text.contains("\nFrame\n"), "the site's frame of the text: {}", news.text);
    let other = render(&List { name: Slug::parse("other").expect("a slug"), ..sample::list() });
    assert_eq!(other.subject, "Of the site: Coalition news");
    assert!(!other.html.contains("Own frame"));
}

#[test]
fn a_fault_in_a_lists_template_is_found_and_named_by_its_folder() {
    let site = folder("alert.txt", "{{ post.titel }}");
    fs::create_dir(site.path().join("news")).expect("made");
    fs::write(site.path().join("news/digest.txt"), "{{ list.titel }}").expect("written");
    let renderer = renderer(Some(site.path().to_owned())).expect("its syntax is sound");
    let files: Vec<_> = renderer.check().into_iter().map(|problem| problem.file).collect();
    assert!(files.contains(&"news/digest.txt".to_owned()) && files.contains(&"alert.txt".to_owned()), "{files:?}");
    assert!(!files.iter().any(|file| file.starts_with("site/")), "{files:?}");
    assert_eq!(renderer.folders().collect::<Vec<_>>(), ["news"]);
}
