//! Signing in. An address and a password come in, and a code where a second factor is on; what a cookie is to hold goes
//! out, or one refusal for all that may be wrong, after the same time. Each try is counted before it is made (`tries`).

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{Browser, Passwords, device, factor, session, tries::Tries};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        address::EmailAddress,
        staff::{Staff, StaffId},
        token::Purpose,
    },
    store::{StoreError, staff::Account},
};

/// How long a right password waits for its code.
const CODE_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// What comes after a right password.
#[derive(Debug)]
pub enum Step {
    /// They are in.
    In(SignedIn),
    /// Their second factor is asked for; the text shows that the password was right.
    Code(String),
}

/// Somebody signed in just now.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub staff: Staff,
    /// What the cookie is to hold.
    pub cookie: String,
    /// What their browser is to keep, by which it is known when they sign in again.
    pub device: String,
}

/// Why somebody did not get in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address, password or code. Which of them is not said.
    #[error("that did not match")]
    Wrong,
    /// They are to wait before they try again.
    #[error("there were too many tries; the next can be made in {} seconds", .0.as_secs().max(1))]
    Wait(SignedDuration),
    /// It took too long: the password is asked for anew.
    #[error("it took too long; please begin anew")]
    Late,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tries a password.
///
/// # Errors
/// See [`SignInError`].
pub async fn sign_in(
    app: &App,
    passwords: &Passwords,
    address: &EmailAddress,
    password: SecretString,
    browser: Browser<'_>,
) -> Result<Step, SignInError> {
    let account = app.store.account_of(address).await?;
    let tries = Tries::of(app, address, account.as_ref(), browser);
    let wait = tries.count(app).await?;
    let hash = account.as_ref().and_then(|account| account.password.clone());
    let right = passwords.is_right(password, hash).await;
    let Some(account) = account.filter(|_| right) else {
        let reason = format!("{address} could not sign in{}", in_words(wait));
        app.store.record(app.clock.now(), "desk", "refused", &reason).await?;
        return Err(SignInError::Wrong);
    };
    tries.forgive(app).await?;
    if account.second_factor.is_some() {
        return Ok(Step::Code(half_way(app, &account)));
    }
    enter(app, account).await?.map(Step::In).ok_or(SignInError::Late)
}

/// Tries the code of a second factor, after a right password.
///
/// # Errors
/// See [`SignInError`].
pub async fn give_code(app: &App, half_way: &str, code: &str, browser: Browser<'_>) -> Result<SignedIn, SignInError> {
    let account = who_is_half_way(app, half_way).await?.ok_or(SignInError::Late)?;
    let id = account.staff.id;
    // Of those alone who know the password, so that nobody else can keep its owner from giving the code.
    let tries = Tries::of_codes(app, &account, browser);
    let wait = tries.count(app).await?;
    let Some(secret) = &account.second_factor else { return Err(SignInError::Late) };
    if !factor::is_right(app, id, secret, code).await? {
        let reason = format!("{} knew the password and gave a wrong code{}", account.staff.address, in_words(wait));
        app.store.record(app.clock.now(), "desk", "refused", &reason).await?;
        return Err(SignInError::Wrong);
    }
    tries.forgive(app).await?;
    enter(app, account).await?.ok_or(SignInError::Late)
}

/// Lets somebody in who has shown that they know the password of this account; `None` when it is another by now.
pub(super) async fn enter(app: &App, account: Account) -> Result<Option<SignedIn>, StoreError> {
    let Some(cookie) = session::begin(app, &account).await? else { return Ok(None) };
    let (device, staff) = (device::fresh(app, &account), account.staff);
    let (own, reason) = (app.store.by(Actor::Staff(staff.id)), format!("{} signed in", staff.address));
    own.record(app.clock.now(), &staff.id.about(), "signed in", &reason).await?;
    Ok(Some(SignedIn { staff, cookie, device }))
}

/// A text that shows that somebody's password was right a moment ago. It is good while they have that password.
pub(super) fn half_way(app: &App, account: &Account) -> String {
    let (id, at) = (account.staff.id, app.clock.now().as_second());
    format!("{}.{at}.{}", id.0, app.secret.seal(Purpose::SignIn, &sealed(account, at)))
}

/// What the seal of [`half_way`] is of.
fn sealed(account: &Account, at: i64) -> String {
    format!("{}.{at}.{}", account.staff.id.0, account.password.as_deref().unwrap_or_default())
}

async fn who_is_half_way(app: &App, half_way: &str) -> Result<Option<Account>, StoreError> {
    let parts: Vec<&str> = half_way.split('.').collect();
    let [id, at, seal] = parts[..] else { return Ok(None) };
    let (Ok(id), Ok(at)) = (id.parse(), at.parse()) else { return Ok(None) };
    let account = match app.store.account(StaffId(id)).await {
        Err(StoreError::Missing(_)) => return Ok(None),
        account => account?,
    };
    let is_ours = app.secret.is_seal(Purpose::SignIn, &sealed(&account, at), seal);
    let began = Timestamp::from_second(at).unwrap_or(Timestamp::MIN);
    let is_fresh = app.clock.now().duration_since(began) <= CODE_WITHIN;
    Ok((is_ours && is_fresh && account.ended_at.is_none()).then_some(account))
}

/// What the ledger adds when the next try must wait.
fn in_words(wait: SignedDuration) -> String {
    if wait.is_zero() { String::new() } else { format!("; the next try must wait {} seconds", wait.as_secs()) }
}
