//! Each part of a rule as a claim, with the reason that is given for it.

use jiff::{SignedDuration, Timestamp};

use super::{Field, UrgentRule, WordPattern, judge_urgency};
use crate::domain::{
    post::{Post, Urgency, Verdict},
    slug::Slug,
};

fn patterns(words: &[&str]) -> Vec<WordPattern> {
    words.iter().map(|word| WordPattern::parse(word).expect(word)).collect()
}

fn rule() -> UrgentRule {
    UrgentRule {
        name: Slug::parse("condemnation").expect("slug"),
        words: patterns(&["condemn*"]),
        fields: vec![Field::Title],
        categories: vec!["Urgent".into()],
        unless: patterns(&["anniversary"]),
        max_age: SignedDuration::from_hours(48),
    }
}

fn now() -> Timestamp {
    "2026-11-23T09:00Z".parse().expect("an instant")
}

fn titled(title: &str) -> Post {
    Post { title: title.into(), published_at: Some(now() - SignedDuration::from_hours(1)), ..Post::default() }
}

fn judged(post: &Post, rules: &[UrgentRule]) -> (Urgency, String) {
    let Verdict { urgency, reason, .. } = judge_urgency(post, rules, now());
    (urgency, reason)
}

fn breaking(reason: &str) -> (Urgency, String) {
    (Urgency::Breaking, reason.into())
}

fn routine(reason: &str) -> (Urgency, String) {
    (Urgency::Routine, reason.into())
}

#[test]
fn a_word_in_its_field_makes_a_post_breaking() {
    let post = titled("Coalition condemns transfer");
    assert_eq!(judged(&post, &[rule()]), breaking("rule `condemnation`: “condemns” in the title"));
    assert_eq!(judged(&titled("Monthly update"), &[rule()]), routine("no urgent rule matches"));
    assert_eq!(judged(&post, &[]), routine("no urgent rule matches"));
    let elsewhere = Post { summary: "We condemn".into(), body_html: "<p>condemned</p>".into(), ..titled("Update") };
    assert_eq!(judged(&elsewhere, &[rule()]), routine("no urgent rule matches"));
    let everywhere = UrgentRule { fields: Field::ALL.to_vec(), ..rule() };
    let in_summary = breaking("rule `condemnation`: “condemn” in the summary");
    assert_eq!(judged(&elsewhere, std::slice::from_ref(&everywhere)), in_summary);
    let in_body = Post { summary: String::new(), ..elsewhere };
    let expected = breaking("rule `condemnation`: “condemned” in the body");
    assert_eq!(judged(&in_body, std::slice::from_ref(&everywhere)), expected);
    let hidden = Post { body_html: "<a title=\"condemn\" href=\"/condemn\">x</a>".into(), ..titled("Update") };
    assert_eq!(judged(&hidden, &[everywhere]), routine("no urgent rule matches"));
}

#[test]
fn a_category_makes_a_post_breaking_whole_and_in_any_case() {
    let post = Post { categories: vec!["News".into(), " URGENT ".into()], ..titled("Statement") };
    assert_eq!(judged(&post, &[rule()]), breaking("rule `condemnation`: the category “Urgent”"));
    let partly = Post { categories: vec!["Not urgent".into()], ..titled("Statement") };
    assert_eq!(judged(&partly, &[rule()]), routine("no urgent rule matches"));
    let by_word = UrgentRule { fields: vec![Field::Categories], words: patterns(&["urgent"]), ..rule() };
    assert_eq!(judged(&partly, &[by_word]), breaking("rule `condemnation`: “urgent” in the categories"));
    let phrase = UrgentRule { fields: vec![Field::Categories], words: patterns(&["cluster munitions"]), ..rule() };
    let apart = Post { categories: vec!["Cluster".into(), "Munitions".into()], ..titled("Statement") };
    assert_eq!(judged(&apart, &[phrase]), routine("no urgent rule matches"));
}

#[test]
fn a_word_of_unless_spares_a_post_in_the_same_fields_and_the_title() {
    let post = titled("An anniversary: coalition condemns transfer");
    let reason =
        "rule `condemnation` matches “condemns” in the title, but “anniversary” in the title (`unless`) excludes it";
    assert_eq!(judged(&post, &[rule()]), routine(reason));
    let by_body = UrgentRule { fields: vec![Field::Body], ..rule() };
    let spared = Post { body_html: "We condemn".into(), ..titled("Anniversary") };
    assert_eq!(judged(&spared, &[by_body]).0, Urgency::Routine, "the title counts for `unless`");
    let not_looked_at = Post { body_html: "On the anniversary".into(), ..titled("Coalition condemns transfer") };
    assert_eq!(judged(&not_looked_at, &[rule()]).0, Urgency::Breaking);
    let by_category = Post { categories: vec!["urgent".into()], ..titled("Anniversary") };
    assert_eq!(judged(&by_category, &[rule()]).0, Urgency::Routine);
}

#[test]
fn an_old_post_is_not_breaking_and_one_without_a_date_is_new() {
    let aged = |hours| Post { published_at: Some(now() - SignedDuration::from_hours(hours)), ..titled("We condemn") };
    assert_eq!(judged(&aged(48), &[rule()]).0, Urgency::Breaking, "as old as max_age is not older");
    let reason = "rule `condemnation` matches “condemn” in the title, but the post is 3 days old (max_age 48h)";
    assert_eq!(judged(&aged(72), &[rule()]), routine(reason));
    assert_eq!(judged(&aged(-5), &[rule()]).0, Urgency::Breaking);
    let undated = Post { published_at: None, ..titled("We condemn") };
    assert_eq!(judged(&undated, &[rule()]).0, Urgency::Breaking);
    let ancient = Post { published_at: Some(Timestamp::MIN), ..titled("We condemn") };
    assert_eq!(judged(&ancient, &[rule()]).0, Urgency::Routine);
}

#[test]
fn one_rule_that_says_breaking_is_enough() {
    let strict = UrgentRule { name: Slug::parse("strict").expect("slug"), max_age: SignedDuration::ZERO, ..rule() };
    let post = titled("Coalition condemns transfer");
    let verdict = judged(&post, &[strict.clone(), rule()]);
    assert_eq!(verdict, breaking("rule `condemnation`: “condemns” in the title"));
    let told = "rule `strict` matches “condemns” in the title, but the post is 60 minutes old (max_age 0s)";
    assert_eq!(judged(&post, std::slice::from_ref(&strict)), routine(told));
    let spared = judged(&titled("Anniversary: we condemn"), &[strict, rule()]).1;
    assert_eq!(spared.split("; ").count(), 2, "each rule that nearly matched is told: {spared}");
}

#[test]
fn each_field_has_one_word() {
    for field in Field::ALL {
        assert_eq!(Field::from_name(field.name()), Some(field));
    }
    assert_eq!(Field::from_name("Titel"), None);
}
