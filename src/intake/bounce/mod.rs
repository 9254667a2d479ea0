//! What a letter says of a message of ours that did not arrive. A letter comes in, a finding goes out: it failed and why,
//! it is late, or it is nothing of the kind. A delivery status (RFC 3464) is read by its fields, all else by its words.
//! Pure; whose message it was is found out elsewhere, by what only we can have made.

pub mod code;
pub mod status;
mod text;

use crate::{
    domain::{
        address::EmailAddress,
        bounce::{blames_sender, fit_to_show, kind_in_words, kind_of},
        report::ReportKind,
    },
    intake::letter::{Letter, Part},
};
use status::{Action, Group};

/// What a letter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A message was given up.
    Failed(Failure),
    /// It is still being tried, and nothing follows from that.
    Delayed,
    /// No bounce: why not.
    Nothing(&'static str),
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Hard, soft or policy.
    pub kind: ReportKind,
    /// The enhanced status code, when there is one.
    pub code: Option<(u8, u16, u16)>,
    /// The reason, fit to be shown: without addresses.
    pub words: String,
    /// Whom it names, which proves nothing.
    pub recipients: Vec<EmailAddress>,
}

/// What a letter says of a message of ours.
pub fn read(letter: &Letter<'_>) -> Finding {
    let parts = letter.parts();
    let statuses = parts.iter().filter(|part| part.kind.ends_with("delivery-status") || status::is_status(&part.text));
    match statuses.min_by_key(|part| part.depth).map(|part| status::groups(&part.text)) {
        Some(groups) if !groups.is_empty() => of_groups(letter, &groups, &parts),
        // Some systems promise a status and write only words.
        _ => text::read(letter, &parts),
    }
}

/// One message goes to one reader. Where it has several recipients it was passed on, and the mildest of what is said of
/// them counts; when it reached any of them, the reader is there.
fn of_groups(letter: &Letter<'_>, groups: &[Group], parts: &[Part<'_>]) -> Finding {
    let is = |action: Action| groups.iter().any(|group| group.action == action);
    let told = text::report_lines(parts).join("\n");
    let failed = groups.iter().filter(|group| group.action == Action::Failed);
    let failed = failed.map(|group| (kind_of_group(group, &told), group));
    let Some((kind, group)) = failed.min_by_key(|(kind, _)| kind.strength()) else {
        return if is(Action::Delayed) {
            Finding::Delayed
        } else {
            Finding::Nothing("it says that the message arrived")
        };
    };
    let reached_some = is(Action::Delayed) || is(Action::Arrived);
    let kind = if reached_some && kind == ReportKind::Hard { ReportKind::Soft } else { kind };
    let recipients =
        groups.iter().flat_map(|group| group.recipients.clone()).chain(failed_recipients(letter)).collect();
    Finding::Failed(Failure { kind, code: group.codes.enhanced, words: fit_to_show(&group.words), recipients })
}

/// By the group's own codes and words; where these say nothing, by the words for people beside it.
fn kind_of_group(group: &Group, told: &str) -> ReportKind {
    let enhanced = group.codes.enhanced;
    let is_vague = matches!(enhanced, None | Some((_, 0, 0)))
        && kind_in_words(&group.words).is_none()
        && !blames_sender(None, &group.words);
    let by_fields = || kind_of(group.codes.reply, enhanced, &group.words);
    if is_vague { kind_in_words(told).unwrap_or_else(by_fields) } else { by_fields() }
}

/// Exim names them in a header of its own.
fn failed_recipients(letter: &Letter<'_>) -> Vec<EmailAddress> {
    let named = letter.header("x-failed-recipients").unwrap_or_default();
    named.split(',').filter_map(|address| EmailAddress::parse(address).ok()).take(10).collect()
}
