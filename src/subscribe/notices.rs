//! What readers are told by mail about their subscriptions: confirm, you get it already, welcome, goodbye, how to leave,
//! and how all of this is done. Nothing that whoever asked has typed stands in them.

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    domain::{
        list::{Alerts, List},
        request::RequestId,
        subscription::{SubscriberId, Subscription},
        token::Claim,
    },
    render::{Button, Fact, Notice},
    store::StoreError,
};

/// The language of these texts.
const LANGUAGE: &str = "en";

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
    let (links, sender) = (app.links(), &app.config.sender.name);
    let reply_to = links.confirm_by_mail(request);
    let mut paragraphs = vec![
        format!("Somebody, we hope you, asked us to send this by mail from {sender} to your address."),
        "If it was you, please confirm it within seven days.".to_owned(),
    ];
    if reply_to.is_some() {
        paragraphs.push("You can also confirm by answering this mail, with no words at all.".to_owned());
    }
    paragraphs.push("If it was not you, do nothing: without your confirmation you get nothing from us.".to_owned());
    Notice {
        subject: format!("Please confirm: {}", titles(lists)),
        paragraphs,
        facts: lists.iter().map(|list| what_it_is(list)).collect(),
        button: Some(Button { label: "Yes, send it to me".to_owned(), url: links.confirm(request) }),
        language: LANGUAGE.to_owned(),
        reply_to,
    }
}

/// They asked for what they have.
pub(super) fn already(app: &App, subscriber: SubscriberId, lists: &[&List]) -> Notice {
    Notice {
        subject: format!("You get it already: {}", titles(lists)),
        paragraphs: vec![
            format!(
                "Somebody, perhaps you, asked us to send you this by mail from {}. You get it already, so nothing has \
                 changed.",
                app.config.sender.name
            ),
            "If mails from us do not reach you, please look into your folder of unwanted mail.".to_owned(),
        ],
        facts: lists.iter().map(|list| what_it_is(list)).collect(),
        button: Some(choose(app, subscriber)),
        language: LANGUAGE.to_owned(),
        reply_to: None,
    }
}

/// They have confirmed.
pub(super) fn welcome(app: &App, subscriber: SubscriberId, lists: &[&List]) -> Notice {
    Notice {
        subject: format!("Welcome: {}", titles(lists)),
        paragraphs: vec![
            format!("Thank you. From now on {} sends you this.", app.config.sender.name),
            "Each mail has a link to leave. To choose what you get, or to leave everything, use the button; the link \
             is yours alone and does not expire."
                .to_owned(),
        ],
        facts: lists.iter().map(|list| what_it_is(list)).collect(),
        button: Some(choose(app, subscriber)),
        language: LANGUAGE.to_owned(),
        reply_to: None,
    }
}

/// They have left by mail, and see no page that says so.
pub(super) fn goodbye(app: &App, subscriber: SubscriberId, title: &str) -> Notice {
    Notice {
        subject: format!("You have left: {title}"),
        paragraphs: vec![
            format!(
                "You asked by mail to leave {title}, and get nothing more of it. A message that was on its way at this \
                 moment may still arrive."
            ),
            "If that was a mistake, the button leads to a page where you can ask for it again.".to_owned(),
        ],
        button: Some(choose(app, subscriber)),
        language: LANGUAGE.to_owned(),
        ..Notice::default()
    }
}

/// Somebody who could not show that the address is theirs asked to leave.
pub(super) async fn leave(app: &App, active: &[&Subscription]) -> Result<Notice, StoreError> {
    let links = app.links();
    let (mut facts, mut only) = (Vec::new(), None);
    for subscription in active {
        let number = app.store.state_of_list(&subscription.list, app.clock.now()).await?.number;
        let claim = Claim { list: number, subscriber: subscription.subscriber };
        facts.push(Fact { name: super::title_of(app, &subscription.list), value: links.leave(claim) });
        only = Some(claim);
    }
    let only = only.filter(|_| active.len() == 1);
    let reply_to = only.and_then(|claim| links.leave_by_mail(claim));
    let mut paragraphs = vec![format!(
        "Somebody, we hope you, asked by mail that {} should send you nothing more. An address in a mail can be forged, \
         so please say it once more, by the link.",
        app.config.sender.name
    )];
    if reply_to.is_some() {
        paragraphs.push("You can also answer this mail, with no words at all.".to_owned());
    }
    paragraphs.push("If it was not you, do nothing: nothing has changed.".to_owned());
    let button = match (only, active.first()) {
        (Some(claim), _) => Some(Button { label: "Leave".to_owned(), url: links.leave(claim) }),
        (None, Some(first)) => Some(choose(app, first.subscriber)),
        (None, None) => None,
    };
    Ok(Notice {
        subject: "Do you want to leave?".to_owned(),
        paragraphs,
        facts: if only.is_some() { Vec::new() } else { facts },
        button,
        language: LANGUAGE.to_owned(),
        reply_to,
    })
}

/// How to join and to leave, for who asked by mail.
pub(super) fn help(app: &App, lists: &[&List]) -> Notice {
    let links = app.links();
    let mut paragraphs = vec![
        format!("You asked by mail how to get, or no longer get, what {} sends.", app.config.sender.name),
        "To leave, use the link in any mail that you got from us; it works at once.".to_owned(),
    ];
    if let Some(intake) = &links.intake {
        paragraphs.push(format!(
            "By mail: write to {} with the one word “subscribe” in the subject, and behind it the name of a list where \
             there are several; or “unsubscribe”. We answer with a mail to confirm.",
            intake.reveal()
        ));
    }
    Notice {
        subject: "How to join and how to leave".to_owned(),
        paragraphs,
        facts: lists.iter().map(|list| Fact { name: list.name.to_string(), value: list.title.clone() }).collect(),
        button: Some(Button { label: "Choose what you want to get".to_owned(), url: links.join() }),
        language: LANGUAGE.to_owned(),
        reply_to: None,
    }
}

fn choose(app: &App, subscriber: SubscriberId) -> Button {
    Button { label: "Choose what you get".to_owned(), url: app.links().preferences(subscriber) }
}

/// A list's title, and when it comes.
fn what_it_is(list: &List) -> Fact {
    Fact { name: list.title.clone(), value: when_it_comes(list) }
}

/// When a list comes, in words.
pub(crate) fn when_it_comes(list: &List) -> String {
    match (&list.digest, list.alerts) {
        (Some(digest), Alerts::Immediate) => format!("a digest {}, and alerts at once", digest.describe()),
        (Some(digest), Alerts::Off) => format!("a digest {}", digest.describe()),
        (None, _) => "alerts at once".to_owned(),
    }
}

fn titles(lists: &[&List]) -> String {
    lists.iter().map(|list| list.title.as_str()).collect::<Vec<_>>().join(", ")
}
