//! Telling staff of alarms. Steps raise them in the store; here they become one notice, written down in the transaction
//! that marks them told, so that a kill loses neither and nobody is told twice.

use super::notice_to_staff;
use crate::{
    app::App,
    queue,
    render::{Fact, Notice},
    store::{StoreError, alarms::DueAlarm},
};

/// Tells staff of every alarm that is due to be told, in one notice, and of what is over. When another process is at it,
/// or an alarm has changed meanwhile, the next call tells it.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn tell_alarms(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let due = app.store.due_alarms(now).await?;
    if due.is_empty() {
        return Ok(());
    }
    let notice = notice_to_staff(app, &notice(&due)).await?;
    // A broken template may be mended: then they are told after all.
    if notice.is_none() && !app.config.staff.notify.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    for alarm in &due {
        if !tx.alarm_told(alarm, now).await? {
            return Ok(());
        }
    }
    if let Some(notice) = &notice {
        queue::write_notice(&mut tx, notice).await?;
    }
    tx.commit().await
}

/// The alarms that still ring come first.
fn notice(due: &[DueAlarm]) -> Notice {
    let (ringing, over): (Vec<&DueAlarm>, Vec<_>) = due.iter().partition(|alarm| alarm.over_at.is_none());
    let all = || ringing.iter().chain(&over).copied();
    Notice {
        subject: subject(&ringing, &over),
        paragraphs: all().map(paragraph).collect(),
        facts: all().map(|alarm| Fact { name: alarm.about.clone(), value: how_it_stands(alarm) }).collect(),
        button: None,
        language: "en".into(),
        reply_to: None,
    }
}

fn subject(ringing: &[&DueAlarm], over: &[&DueAlarm]) -> String {
    let (word, first) = match (ringing, over) {
        ([first, ..], _) => ("Alarm", Some(first)),
        ([], over) => ("All clear", over.first()),
    };
    let first = first.map_or(String::new(), |alarm| headline(alarm));
    match ringing.len() + over.len() {
        0 | 1 => format!("{word}: {first}"),
        count => format!("{word}: {first}, and {} more", count - 1),
    }
}

fn paragraph(alarm: &DueAlarm) -> String {
    match (alarm.over_at, alarm.told_at) {
        (None, None) => alarm.words.clone(),
        (None, Some(_)) => format!("It goes on. {}", alarm.words),
        (Some(_), Some(_)) => format!("It is over: {}.", headline(alarm)),
        (Some(_), None) => format!("It is over already: {}. It was: {}", headline(alarm), alarm.words),
    }
}

fn headline(alarm: &DueAlarm) -> String {
    format!("{} ({})", alarm.kind.title(), alarm.about)
}

/// Instants to the second: who reads it wants to know whether it was in the night.
fn how_it_stands(alarm: &DueAlarm) -> String {
    match alarm.over_at {
        None => format!("noticed at {:.0}", alarm.at),
        Some(over) => format!("noticed at {:.0}, over since {over:.0}", alarm.at),
    }
}
