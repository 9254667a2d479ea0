//! Links by which one of staff chooses a password: an invitation, or because it was forgotten. A link comes by mail, is
//! good for a day and once, and ends every session of whoever uses it.

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

use super::{Passwords, SignInError, SignedIn, Step, sign_in, tries::Tries};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        address::EmailAddress,
        staff::{PasswordError, Staff, judge_password},
        token::Purpose,
    },
    queue,
    render::{Button, Notice, RenderError},
    store::{StoreError, Tx, staff::Account},
};

const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many links somebody is mailed within a day, when anybody may ask for them; and when an owner does.
const AT_MOST: u64 = 5;
const AT_MOST_BY_OWNERS: u64 = 20;

/// Why no password was chosen.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not ours, used, too old, or of somebody who is staff no more. Which of these is not said.
    #[error("this link is not good, or not good any more")]
    Link,
    /// A wrong password was tried too often.
    #[error("there were too many tries; please wait a few minutes")]
    TooOften,
    /// The password is not good enough.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The notice's template is broken.
    #[error("the mail with the link cannot be rendered")]
    Render(#[from] RenderError),
}

/// Mails somebody a link to choose their first password, and gives it. Also anew, while they have none.
///
/// # Errors
/// When they have had too many, or the store or a template fails.
pub async fn invite(app: &App, staff: &Staff) -> Result<String, LinkError> {
    let paragraphs = vec![
        format!("You can work at the desk of {} now, as {}.", app.config.sender.name, staff.role.as_str()),
        "Choose a password by this link. It is good for a day, and once.".to_owned(),
    ];
    let letter = Letter { subject: "You can work at the desk", paragraphs, why: "they are staff" };
    let mailed = mail_link(app, staff, letter, AT_MOST_BY_OWNERS).await?;
    mailed.ok_or(LinkError::Link)
}

/// Mails a link to who forgot their password. To whoever asks this gives nothing, so that nobody learns who is staff.
///
/// # Errors
/// When the store or a template fails.
pub async fn ask_for_link(app: &App, address: &EmailAddress) -> Result<(), LinkError> {
    let Some(account) = app.store.account_of(address).await? else { return Ok(()) };
    let paragraphs = vec![
        "Somebody, we hope you, asked at the desk for a way to choose a new password. It is good for a day, and once."
            .to_owned(),
        "If it was not you, do nothing: nothing has changed.".to_owned(),
    ];
    let letter = Letter { subject: "Choose a new password", paragraphs, why: "somebody asked for it at the desk" };
    mail_link(app, &account.staff, letter, AT_MOST).await?;
    Ok(())
}

/// What is written above a link.
struct Letter {
    subject: &'static str,
    paragraphs: Vec<String>,
    /// Why it goes, for the ledger.
    why: &'static str,
}

async fn mail_link(app: &App, staff: &Staff, letter: Letter, at_most: u64) -> Result<Option<String>, LinkError> {
    let now = app.clock.now();
    // Anybody may ask, and again: then nothing is written, for which others would wait.
    if app.store.count_staff_links(staff.id, GOOD_FOR, now).await? >= at_most {
        return Ok(None);
    }
    let mut tx = app.store.begin().await?;
    let Some(link) = tx.add_staff_link(staff.id, GOOD_FOR, at_most, now).await? else {
        return Ok(tx.undo().await.map(|()| None)?);
    };
    // Whoever has it has the account, and whoever made it may have seen it.
    let Letter { subject, paragraphs, why } = letter;
    let reason = format!("a link to choose a password, good for a day, is mailed to {}: {why}", staff.address);
    tx.record(now, &staff.id.about(), "link", &reason).await?;
    tx.commit().await?;
    let url = app.links().welcome_staff(link);
    let button = Some(Button { label: "Choose a password".to_owned(), url: url.clone() });
    let notice = Notice { subject: subject.to_owned(), paragraphs, button, language: "en".into(), ..Notice::default() };
    let rendered = app.renderer.notice(&notice, now)?;
    queue::queue_notice(&app.store, &rendered, std::slice::from_ref(&staff.address), now).await?;
    Ok(Some(url))
}

/// Whose password a link lets choose, while it is good. Nothing is done.
///
/// # Errors
/// See [`LinkError`].
pub async fn link_owner(app: &App, token: &str) -> Result<Staff, LinkError> {
    Ok(good_link(app, token).await?.1)
}

/// Chooses a password by a link, and signs its owner in; where a second factor is on, its code is still asked for.
///
/// # Errors
/// See [`LinkError`].
pub async fn choose_password(
    app: &App,
    passwords: &Passwords,
    token: &str,
    password: SecretString,
) -> Result<Step, LinkError> {
    let (link, staff) = good_link(app, token).await?;
    judge_password(password.expose_secret(), &staff.address)?;
    let hash = passwords.hash(password).await;
    let now = app.clock.now();
    let mut tx = app.store.by(Actor::Staff(staff.id)).begin().await?;
    if !tx.use_staff_link(link, now).await? {
        return Err(LinkError::Link);
    }
    change_password(&mut tx, app, &staff, &hash).await?;
    tx.commit().await?;
    let account = Account { password: Some(hash), ..app.store.account(staff.id).await? };
    match account.second_factor {
        Some(_) => Ok(Step::Code(sign_in::half_way(app, &account))),
        None => sign_in::enter(app, account).await?.map(Step::In).ok_or(LinkError::Link),
    }
}

/// Writes a password down; every session of its owner, and every other link, ends.
pub(super) async fn change_password(tx: &mut Tx, app: &App, staff: &Staff, hash: &str) -> Result<(), StoreError> {
    tx.set_password(staff.id, hash).await?;
    tx.end_sessions_of(staff.id).await?;
    tx.drop_staff_links(staff.id).await?;
    let reason = format!("{} chose a password; all their sessions ended", staff.address);
    tx.record(app.clock.now(), &staff.id.about(), "password", &reason).await
}

async fn good_link(app: &App, token: &str) -> Result<(i64, Staff), LinkError> {
    let id = app.secret.verify_number(Purpose::StaffLink, token).map_err(|_| LinkError::Link)?;
    let link = app.store.staff_link(id).await?.ok_or(LinkError::Link)?;
    let is_good = link.used_at.is_none() && app.clock.now().duration_since(link.made_at) <= GOOD_FOR;
    let account = app.store.account(link.staff).await?;
    if !is_good || account.ended_at.is_some() {
        return Err(LinkError::Link);
    }
    Ok((id, account.staff))
}

/// Changes the password of who is signed in and knows the present one. Their sessions end, and one begins anew.
///
/// # Errors
/// [`LinkError::Password`] for the new one, and [`LinkError::Link`] when the present one is wrong.
pub async fn change_own_password(
    app: &App,
    passwords: &Passwords,
    staff: &Staff,
    present: SecretString,
    new: SecretString,
) -> Result<SignedIn, LinkError> {
    let tries = Tries::of_own_password(staff.id);
    tries.count(app).await.map_err(|error| match error {
        SignInError::Store(error) => LinkError::Store(error),
        _ => LinkError::TooOften,
    })?;
    let account = app.store.account(staff.id).await?;
    if !passwords.is_right(present, account.password.clone()).await {
        return Err(LinkError::Link);
    }
    tries.forgive(app).await?;
    judge_password(new.expose_secret(), &staff.address)?;
    let hash = passwords.hash(new).await;
    let mut tx = app.store.begin().await?;
    // It was chosen anew by a link meanwhile, and this session has ended: it is not for this one to choose.
    if !tx.hold_account(&account).await? {
        tx.undo().await?;
        return Err(LinkError::Link);
    }
    change_password(&mut tx, app, staff, &hash).await?;
    tx.commit().await?;
    sign_in::enter(app, Account { password: Some(hash), ..account }).await?.ok_or(LinkError::Link)
}
