//! What one of staff sees and decides about an issue by the link in a mail of ours. The link is bound to the issue and the
//! person, and leads to nothing more once the issue is done with. Looking changes nothing; what sends wants a word typed,
//! so that no program that presses buttons can send.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    By, Confirmation, NewsroomError, Seen, by::is_staff, cancel, configured_list, draft_of, hold, preview_issue, ready,
    window,
};
use crate::{
    app::App,
    config::SecondPerson,
    domain::{
        delivery::DeliveryState,
        issue::{IssueId, IssueState},
        span,
        subscription::SubscriberId,
        token::{Purpose, TokenError},
    },
    store::issues::StoredIssue,
};

/// Why a link leads nowhere, or what was wished was not done.
#[derive(Debug, thiserror::Error)]
pub enum DecidingError {
    /// It is none of ours, or belongs to somebody who is no longer one of staff.
    #[error("this link is not one of ours")]
    NotOurs,
    /// What was wished was not done.
    #[error(transparent)]
    Refused(#[from] NewsroomError),
}

/// What may be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Stop it, until it is released.
    Stop,
    /// Let it go, as far as this person may.
    Release,
    /// Let it go, as the second person.
    Approve,
    /// Give it up for good.
    GiveUp,
}

/// How an issue stands, for one of staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It goes out then, unless it is stopped.
    GoesAt(Timestamp),
    /// It is being sent.
    BeingSent,
    /// It is held for a person to decide.
    Held,
    /// It waits for a second person, who may be this one.
    WaitsForSecond,
    /// This person wants it out, so that another must approve it.
    WaitsForAnother,
    /// It was given up.
    Cancelled,
    /// Nothing of it waits any more.
    Done,
}

/// What one of staff sees.
#[derive(Debug)]
pub struct Deciding {
    /// Who they are; `None` for who only looks.
    pub by: Option<By>,
    /// The issue.
    pub issue: StoredIssue,
    /// How it stands.
    pub stands: Stands,
    /// To whom it goes, in words.
    pub whom: String,
    /// The list's title.
    pub list: String,
    /// When it goes, on the list's clock, and how long that is from now; empty when that is not to come.
    pub goes: String,
    /// What may be decided, what is wished the most often first.
    pub may: Vec<Decision>,
    /// What must be typed for it to go.
    confirmation: Confirmation,
    /// How many of its messages are in each state that any is in.
    pub states: BTreeMap<DeliveryState, u64>,
    /// What was last written down of it: who decides must have seen that.
    pub seen: i64,
}

impl Deciding {
    /// How many were sent so far.
    pub fn sent(&self) -> u64 {
        self.states.get(&DeliveryState::Sent).copied().unwrap_or(0)
    }

    /// What must be typed for a decision that cannot be taken back; stopping can, and must be quick.
    pub fn confirmation_of(&self, decision: Decision) -> Option<Confirmation> {
        match decision {
            Decision::Stop => None,
            Decision::GiveUp => Some(Confirmation { word: "give up".to_owned(), ..self.confirmation.clone() }),
            Decision::Release | Decision::Approve => Some(self.confirmation.clone()),
        }
    }
}

impl Decision {
    /// The word of a form.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "stop" => Some(Self::Stop),
            "release" => Some(Self::Release),
            "approve" => Some(Self::Approve),
            "give-up" => Some(Self::GiveUp),
            _ => None,
        }
    }
}

/// How an issue stands, for whoever holds this link. It only reads.
///
/// # Errors
/// When the link is none of ours, or the store cannot be read.
pub async fn deciding(app: &App, token: &str) -> Result<Deciding, DecidingError> {
    let (issue, by) = holder(app, token).await?;
    Ok(look(app, issue, Some(&by)).await?)
}

/// How an issue stands, for one of staff who is known otherwise, and whom a shell lets look; `None`: for one who may decide
/// nothing, or has decided nothing yet. It only reads.
///
/// # Errors
/// When there is no such issue, its list is no longer configured, or the store cannot be read.
pub async fn deciding_by(app: &App, issue: IssueId, by: Option<&By>) -> Result<Deciding, NewsroomError> {
    look(app, issue, by).await
}

/// The text of the mail, while there is something to decide about it; else nothing. That it cannot be rendered may be why it
/// is held, and then it says so.
pub async fn text_to_decide(app: &App, now: &Deciding) -> String {
    if now.may.is_empty() {
        return String::new();
    }
    preview_issue(app, now.issue.id).await.map_or_else(|error| error.to_string(), |preview| preview.text)
}

/// Does what was decided, when this person may decide it now; gives how the issue stands then. `typed` must be the word
/// that confirms, but to stop it, and `seen` what [`Deciding::seen`] was on the page: what others decided since must have
/// been seen by whoever lets it go, or gives it up.
///
/// # Errors
/// As [`deciding`], and when it may not be done.
pub async fn decide(
    app: &App,
    token: &str,
    decision: Decision,
    typed: &str,
    seen: Option<i64>,
) -> Result<Deciding, DecidingError> {
    let (issue, by) = holder(app, token).await?;
    let app = app.by(by.actor(app).await.map_err(NewsroomError::from)?);
    Ok(decide_by(&app, issue, &by, decision, typed, seen).await?)
}

/// The same for one of staff who is known otherwise.
///
/// # Errors
/// As [`deciding_by`], and when it may not be done.
pub async fn decide_by(
    app: &App,
    issue: IssueId,
    by: &By,
    decision: Decision,
    typed: &str,
    seen: Option<i64>,
) -> Result<Deciding, NewsroomError> {
    let now = look(app, issue, Some(by)).await?;
    let wanted = now.confirmation_of(decision);
    if !now.may.contains(&decision) || (wanted.is_some() && seen != Some(now.seen)) {
        return Err(not_now(&now, decision));
    }
    if let Some(wanted) = wanted.filter(|wanted| !wanted.agrees(typed)) {
        return Err(NewsroomError::NotConfirmed { word: wanted.word });
    }
    match decision {
        Decision::Stop => drop(hold(app, issue, "stopped", by).await?),
        Decision::GiveUp => drop(cancel(app, issue, "given up", by).await?),
        Decision::Release => drop(super::release(app, issue, by, Seen::UpTo(now.seen)).await?),
        Decision::Approve => drop(super::approve(app, issue, by, Seen::UpTo(now.seen)).await?),
    }
    look(app, issue, Some(by)).await
}

/// The issue and the person whom a link names.
async fn holder(app: &App, token: &str) -> Result<(IssueId, By), DecidingError> {
    let (issue, person) =
        app.secret.verify_pair(Purpose::Staff, token).map_err(|_: TokenError| DecidingError::NotOurs)?;
    let person = app.store.subscriber(SubscriberId(person)).await.map_err(NewsroomError::from)?;
    let person = person.ok_or(DecidingError::NotOurs)?;
    if !is_staff(app, &person.address).await.map_err(NewsroomError::from)? {
        return Err(DecidingError::NotOurs);
    }
    Ok((IssueId(issue), By::Staff { id: person.id, address: person.address }))
}

async fn look(app: &App, id: IssueId, by: Option<&By>) -> Result<Deciding, NewsroomError> {
    let issue = app.store.issue(id).await?;
    let states = app.store.states_of_issue(id).await?;
    let is_done = is_done_with(&issue, &states);
    let stands = stands(app, &issue, by, is_done);
    let draft = draft_of(app, &issue).await?;
    let may = may(stands, app.config.staff.second_person);
    let list = configured_list(app, &issue.list)?;
    let headcount = ready::estimate_for(app, &issue, &draft).await?;
    let whom = window::whom_of(&draft, list, headcount);
    let is_estimate = issue.queued_at.is_none() && draft.follows().is_some();
    Ok(Deciding {
        whom: if is_estimate { format!("about {whom}") } else { whom },
        list: list.title.clone(),
        goes: match stands {
            Stands::GoesAt(at) => {
                let left = span::in_words(at.duration_since(app.clock.now()));
                format!("at {}, in {left}", window::at(at, list))
            }
            _ => String::new(),
        },
        confirmation: Confirmation::of(issue.kind, &issue.list, headcount.all()),
        states,
        seen: app.store.last_entry_about(&id.about()).await?,
        by: by.cloned(),
        issue,
        stands,
        may,
    })
}

/// True when nothing of an issue waits any more.
pub(super) fn is_done_with(issue: &StoredIssue, states: &BTreeMap<DeliveryState, u64>) -> bool {
    issue.queued_at.is_some() && states.keys().all(|state| state.is_settled())
}

fn stands(app: &App, issue: &StoredIssue, by: Option<&By>, is_done: bool) -> Stands {
    let now = app.clock.now();
    match (issue.state, issue.wanted_by) {
        (IssueState::Cancelled, _) => Stands::Cancelled,
        (IssueState::Queued, _) if is_done => Stands::Done,
        (IssueState::Queued, _) => match issue.goes_at.filter(|at| *at > now) {
            Some(at) => Stands::GoesAt(at),
            None => Stands::BeingSent,
        },
        (IssueState::Held, Some(first)) if by.and_then(By::person) == Some(first) => Stands::WaitsForAnother,
        (IssueState::Held, Some(_)) => Stands::WaitsForSecond,
        (IssueState::Held, None) => Stands::Held,
    }
}

/// What may be decided as it stands. That somebody wants it out does not take from them that they may give it up.
fn may(stands: Stands, needs: SecondPerson) -> Vec<Decision> {
    match stands {
        Stands::GoesAt(_) | Stands::BeingSent => vec![Decision::Stop],
        Stands::Held => vec![Decision::Release, Decision::GiveUp],
        // Two were needed when it was wanted, and are no longer.
        Stands::WaitsForSecond | Stands::WaitsForAnother if needs == SecondPerson::NotNeeded => {
            vec![Decision::Release, Decision::GiveUp]
        }
        Stands::WaitsForSecond => vec![Decision::Approve, Decision::GiveUp],
        Stands::WaitsForAnother => vec![Decision::GiveUp],
        Stands::Cancelled | Stands::Done => Vec::new(),
    }
}

/// Why a decision may not be made as the issue stands.
fn not_now(now: &Deciding, decision: Decision) -> NewsroomError {
    let issue = now.issue.id.0;
    let state = match now.stands {
        Stands::WaitsForAnother if decision == Decision::Approve => return NewsroomError::SamePerson { issue },
        Stands::WaitsForSecond | Stands::WaitsForAnother => return NewsroomError::WaitsForSecond { issue },
        Stands::GoesAt(_) | Stands::BeingSent => "queued",
        Stands::Held => "held",
        Stands::Cancelled => "cancelled",
        Stands::Done => "done with",
    };
    let needed = match decision {
        Decision::Stop => "being sent",
        Decision::Release | Decision::Approve => "held",
        Decision::GiveUp => "held or queued",
    };
    NewsroomError::WrongState { issue, state, needed }
}
