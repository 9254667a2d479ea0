//! What readers are told by mail about their subscriptions: confirm, you get it already, welcome, goodbye, how to leave,
//! and how all of this is done, in the language of the list. Nothing that whoever asked has typed stands in them.

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    domain::{
        list::{Alerts, List},
        phrases::{Phrases, fill},
        request::RequestId,
        slug::Slug,
        subscription::{SubscriberId, Subscription},
        token::Claim,
    },
    render::{Button, Fact, Notice},
    store::StoreError,
};

/// How long a notice is kept that is done with: longer than a report may come that names no message, and than the guards
/// remember a request. After that nobody asks about it any more.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

/// How many are forgotten in one transaction.
const PAGE: i64 = 500;

/// Forgets notices, to readers and to staff, that are done with and old. To call it twice does no harm.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget_old_notices(app: &App) -> Result<u64, StoreError> {
    let before = app.clock.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let mut forgotten = 0;
    loop {
        let page = app.store.forget_notices(before, PAGE).await?;
        forgotten += page;
        if page < PAGE.unsigned_abs() {
            return Ok(forgotten);
        }
    }
}

/// Asks the owner of an address whether they asked.
pub(super) fn confirm(app: &App, request: RequestId, lists: &[&List]) -> Notice {
    let (links, language) = (app.links(), language_of(lists));
    let phrases = &Phrases::of(language).notice;
    let reply_to = links.confirm_by_mail(request);
    let mut paragraphs = vec![from(app, &phrases.confirm_who), phrases.confirm_please.clone()];
    paragraphs.extend(reply_to.is_some().then(|| phrases.confirm_by_answer.clone()));
    paragraphs.push(phrases.confirm_not_you.clone());
    Notice {
        subject: about(&phrases.confirm_subject, lists),
        paragraphs,
        facts: lists.iter().map(|list| what_it_is(list)).collect(),
        button: Some(Button { label: phrases.confirm_button.clone(), url: links.confirm(request) }),
        language: language.to_owned(),
        reply_to,
    }
}

/// They asked for what they have.
pub(super) fn already(app: &App, subscriber: SubscriberId, lists: &[&List]) -> Notice {
    let language = language_of(lists);
    let phrases = &Phrases::of(language).notice;
    Notice {
        subject: about(&phrases.already_subject, lists),
        paragraphs: vec![from(app, &phrases.already_who), phrases.already_where.clone()],
        facts: lists.iter().map(|list| what_it_is(list)).collect(),
        button: Some(choose(app, subscriber, language)),
        language: language.to_owned(),
        reply_to: None,
    }
}

/// They have confirmed.
pub(super) fn welcome(app: &App, subscriber: SubscriberId, lists: &[&List]) -> Notice {
    let language = language_of(lists);
    let phrases = &Phrases::of(language).notice;
    Notice {
        subject: about(&phrases.welcome_subject, lists),
        paragraphs: vec![from(app, &phrases.welcome_thanks), phrases.welcome_links.clone()],
        facts: lists.iter().map(|list| what_it_is(list)).collect(),
        button: Some(choose(app, subscriber, language)),
        language: language.to_owned(),
        reply_to: None,
    }
}

/// They have left by mail, and see no page that says so.
pub(super) fn goodbye(app: &App, subscriber: SubscriberId, list: &Slug) -> Notice {
    let language = language_in(app, list);
    let (phrases, title) = (&Phrases::of(language).notice, super::title_of(app, list));
    let of_it = |phrase: &str| fill(phrase, &[("list", &title)]);
    Notice {
        subject: of_it(&phrases.goodbye_subject),
        paragraphs: vec![of_it(&phrases.goodbye_done), phrases.goodbye_mistake.clone()],
        button: Some(choose(app, subscriber, language)),
        language: language.to_owned(),
        ..Notice::default()
    }
}

/// Somebody who could not show that the address is theirs asked to leave.
pub(super) async fn leave(app: &App, active: &[&Subscription]) -> Result<Notice, StoreError> {
    let links = app.links();
    let language = active.first().map_or("", |first| language_in(app, &first.list));
    let phrases = &Phrases::of(language).notice;
    let (mut facts, mut only) = (Vec::new(), None);
    for subscription in active {
        let number = app.store.state_of_list(&subscription.list, app.clock.now()).await?.number;
        let claim = Claim { list: number, subscriber: subscription.subscriber };
        facts.push(Fact { name: super::title_of(app, &subscription.list), value: links.leave(claim) });
        only = Some(claim);
    }
    let only = only.filter(|_| active.len() == 1);
    let reply_to = only.and_then(|claim| links.leave_by_mail(claim));
    let mut paragraphs = vec![from(app, &phrases.leave_who)];
    paragraphs.extend(reply_to.is_some().then(|| phrases.leave_by_answer.clone()));
    paragraphs.push(phrases.leave_not_you.clone());
    let button = match (only, active.first()) {
        (Some(claim), _) => Some(Button { label: phrases.leave_button.clone(), url: links.leave(claim) }),
        (None, Some(first)) => Some(choose(app, first.subscriber, language)),
        (None, None) => None,
    };
    Ok(Notice {
        subject: phrases.leave_subject.clone(),
        paragraphs,
        facts: if only.is_some() { Vec::new() } else { facts },
        button,
        language: language.to_owned(),
        reply_to,
    })
}

/// How to join and to leave, for who asked by mail.
pub(super) fn help(app: &App, lists: &[&List]) -> Notice {
    let (links, language) = (app.links(), language_of(lists));
    let phrases = &Phrases::of(language).notice;
    let mut paragraphs = vec![from(app, &phrases.help_who), phrases.help_leave.clone()];
    if let Some(intake) = &links.intake {
        paragraphs.push(fill(&phrases.help_by_mail, &[("address", intake.reveal())]));
    }
    Notice {
        subject: phrases.help_subject.clone(),
        paragraphs,
        facts: lists.iter().map(|list| Fact { name: list.name.to_string(), value: list.title.clone() }).collect(),
        button: Some(Button { label: phrases.help_button.clone(), url: links.join() }),
        language: language.to_owned(),
        reply_to: None,
    }
}

fn choose(app: &App, subscriber: SubscriberId, language: &str) -> Button {
    Button { label: Phrases::of(language).mail.choose.clone(), url: app.links().preferences(subscriber) }
}

/// A list's title, and when it comes.
fn what_it_is(list: &List) -> Fact {
    Fact { name: list.title.clone(), value: when_it_comes(list) }
}

/// When a list comes, in its own words.
pub(crate) fn when_it_comes(list: &List) -> String {
    let phrases = Phrases::of(&list.language);
    let digest = |phrase: &str| {
        let when = list.digest.as_ref().map(|digest| digest.describe_in(phrases));
        fill(phrase, &[("when", &when.unwrap_or_default())])
    };
    match (&list.digest, list.alerts) {
        (Some(_), Alerts::Immediate) => digest(&phrases.notice.digest_and_alerts),
        (Some(_), Alerts::Off) => digest(&phrases.notice.digest),
        (None, _) => phrases.notice.alerts.clone(),
    }
}

/// The phrase with the sender's name.
fn from(app: &App, phrase: &str) -> String {
    fill(phrase, &[("sender", &app.config.sender.name)])
}

/// The phrase with the titles of lists.
fn about(phrase: &str, lists: &[&List]) -> String {
    let titles: Vec<&str> = lists.iter().map(|list| list.title.as_str()).collect();
    fill(phrase, &[("lists", &titles.join(", "))])
}

/// One mail has one language: that of the first list it is about.
fn language_of<'a>(lists: &[&'a List]) -> &'a str {
    lists.first().map_or("", |list| &list.language)
}

/// The language of a list, as far as it is configured.
fn language_in<'a>(app: &'a App, name: &Slug) -> &'a str {
    app.config.list(name.as_str()).map_or("", |list| &list.language)
}
