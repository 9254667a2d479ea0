//! Mails in the language of their list: what they say by themselves, how dates are written, which way they are read; and
//! that templates have no words of their own.

use tidings::{
    domain::{list::List, phrases::Phrases},
    render::{Flavour, sample},
};

use super::{ours, received};
use crate::world::{World, check::Checked, pages::Pages};

/// The sample list in another language.
fn list(language: &str) -> List {
    List { language: language.into(), ..sample::list() }
}

fn digest(language: &str) -> Checked {
    let draft = sample::digest();
    received(&ours().render(&draft, &list(language), Flavour::Live, sample::now()).expect("it renders"), Some(&draft))
}

fn alert(language: &str) -> Checked {
    let draft = sample::alert();
    received(&ours().render(&draft, &list(language), Flavour::Live, sample::now()).expect("it renders"), Some(&draft))
}

/// What a template shows besides what is filled in: without tags, styles and comments, and without what only staff see.
fn own_words(template: &str) -> String {
    let mut shown = template.to_owned();
    for (begin, end) in [
        ("{% if mail.flavour", "{% endif %}"),
        ("<style>", "</style>"),
        ("{% block styles %}", "{% endblock styles %}"),
        ("{% block dark_styles %}", "{% endblock dark_styles %}"),
        ("{{", "}}"),
        ("{%", "%}"),
    ] {
        shown = without(&shown, begin, end);
    }
    let shown = without(&without(&shown, "<!--", "-->"), "<", ">");
    without(&shown, "&", ";").trim().to_owned()
}

fn without(text: &str, begin: &str, end: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some((before, inner)) = rest.split_once(begin) {
        kept.push_str(before);
        rest = inner.split_once(end).map_or("", |(_, after)| after);
    }
    kept + rest
}

#[test]
fn no_template_of_a_mail_has_words_of_its_own() {
    for (name, template) in [
        ("base.html", include_str!("../../../templates/base.html")),
        ("base.txt", include_str!("../../../templates/base.txt")),
        ("digest.html", include_str!("../../../templates/digest.html")),
        ("digest.txt", include_str!("../../../templates/digest.txt")),
        ("digest.subject.txt", include_str!("../../../templates/digest.subject.txt")),
        ("alert.html", include_str!("../../../templates/alert.html")),
        ("alert.txt", include_str!("../../../templates/alert.txt")),
        ("alert.subject.txt", include_str!("../../../templates/alert.subject.txt")),
        ("correction.html", include_str!("../../../templates/correction.html")),
        ("correction.txt", include_str!("../../../templates/correction.txt")),
        ("correction.subject.txt", include_str!("../../../templates/correction.subject.txt")),
        ("notice.html", include_str!("../../../templates/notice.html")),
        ("notice.txt", include_str!("../../../templates/notice.txt")),
    ] {
        let words = own_words(template);
        assert!(!words.contains(char::is_alphabetic), "`{name}` says by itself: {words}");
    }
    assert_eq!(own_words("<td class=\"x\">{{ a }} More</td>&nbsp;"), "More");
}

#[test]
fn a_french_digest_speaks_french() {
    let checked = digest("fr");
    assert_eq!(checked.subject, "Twelfth meeting of states parties closes in Geneva et 3 autres | Coalition news");
    insta::assert_snapshot!(checked.text);
}

#[test]
fn an_alert_speaks_the_language_of_its_list() {
    for (language, subject, date) in [
        ("fr", "Urgent : Coalition condemns", "25 avril 2024"),
        ("es-MX", "Urgente: Coalition condemns", "25 de abril de 2024"),
        ("lo", "ຂ່າວດ່ວນ: Coalition condemns", "25 ເມສາ 2024"),
    ] {
        let mut draft = sample::alert();
        if let tidings::domain::issue::Content::Post(post) = &mut draft.content {
            post.verdict.rule = None;
        }
        let rendered = ours().render(&draft, &list(language), Flavour::Live, sample::now()).expect("it renders");
        let checked = received(&rendered, Some(&draft));
        assert!(checked.subject.starts_with(subject), "{}", checked.subject);
        let phrases = &Phrases::of(language).mail;
        for words in [&phrases.read_statement, &phrases.press_contact, &phrases.choose, &phrases.leave, date] {
            assert!(checked.text.contains(words), "`{words}` is not in {}", checked.text);
            assert!(checked.html.contains(words), "`{words}` is not in {}", checked.html);
        }
        let english = &Phrases::of("en").mail;
        for words in [&english.read_statement, &english.press_contact, &english.choose, &english.leave, "April"] {
            assert!(
                !checked.text.replace("25 April 2024. The", "").contains(words),
                "`{words}` is in {}",
                checked.text
            );
        }
    }
}

#[test]
fn a_language_without_phrases_gets_the_english_ones() {
    assert!(alert("de").text.contains("Leave this list:"));
    assert!(alert("de").html.contains("<html lang=\"de\" dir=\"ltr\">"));
}

#[test]
fn a_language_written_from_the_right_turns_the_page() {
    for checked in [digest("ar"), alert("he-IL")] {
        let html = checked.html;
        assert!(html.contains("dir=\"rtl\"") && html.contains("text-align: right"), "{html}");
        for wrong in ["text-align: left", "padding-left: 24px", "border-left", "→"] {
            assert!(!html.contains(wrong), "`{wrong}` in {html}");
        }
    }
    assert!(digest("ar").html.contains("Read more ←"));
    let html = alert("ar").html;
    assert!(html.contains("border-right: 6px solid #b3261e") && html.contains("padding-right: 12px"), "{html}");
}

#[tokio::test]
async fn notices_to_readers_speak_the_language_of_the_list_they_ask_for() {
    for (language, please, welcome, digest) in [
        ("fr", "Merci de confirmer : Coalition news", "Bienvenue : Coalition news", "un résumé le lundi à 09:00, UTC"),
        (
            "es",
            "Por favor, confirme: Coalition news",
            "Le damos la bienvenida",
            "un resumen cada lunes a las 09:00, UTC",
        ),
        ("lo", "ກະລຸນາຢືນຢັນ: Coalition news", "ຍິນດີຕ້ອນຮັບ", "ສະຫຼຸບຂ່າວ ທຸກວັນຈັນ ເວລາ 09:00, UTC"),
    ] {
        let world = World::setup().list(&format!("language = \"{language}\"")).start().await;
        let pages = Pages::of(&world).await;
        world.begin(0).await;
        world.asks("ana@reader.example", "198.51.100.7").await;
        world.run().await;
        let confirm = world.new_mails().remove(0);
        assert_eq!(confirm.subject, please);
        assert!(confirm.text.contains(digest), "{}", confirm.text);
        assert!(confirm.html.contains(&format!("<html lang=\"{language}\"")), "{}", confirm.html);
        pages.post(&confirm.path_to("confirm"), &[]).await;
        world.run().await;
        let mail = world.new_mails().remove(0);
        assert!(mail.subject.starts_with(welcome), "{}", mail.subject);
        assert!(!mail.text.contains(['{', '}']), "{}", mail.text);
    }
}
