//! Signing in. An address and a password come in, and a code where a second factor is on; what a cookie is to hold goes
//! out, or one refusal for all that may be wrong, after the same time. Each try is counted before it is made, by address
//! and by network; from the fifth in vain on, the next must wait, twice as long each time.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{Passwords, factor, session};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        address::EmailAddress,
        network::network_of,
        staff::{Staff, StaffId},
        token::Purpose,
    },
    store::{StoreError, sessions::Failures, staff::Account},
};

/// How many tries in vain cost no wait: for one account, and for one network, where a whole office may sit.
const FREE_BY_ACCOUNT: u64 = 4;
const FREE_BY_NETWORK: u64 = 20;

/// The longest wait.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

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
    origin: Option<IpAddr>,
) -> Result<Step, SignInError> {
    let tries = Tries::of(app, address, origin);
    let wait = tries.count(app).await?;
    let account = app.store.account_of(address).await?;
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
pub async fn give_code(app: &App, half_way: &str, code: &str, origin: Option<IpAddr>) -> Result<SignedIn, SignInError> {
    let account = who_is_half_way(app, half_way).await?.ok_or(SignInError::Late)?;
    let id = account.staff.id;
    // Of those alone who know the password, so that nobody else can keep its owner from giving the code.
    let tries = Tries::of_codes(id, origin);
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
    let staff = account.staff;
    let (own, reason) = (app.store.by(Actor::Staff(staff.id)), format!("{} signed in", staff.address));
    own.record(app.clock.now(), &staff.id.about(), "signed in", &reason).await?;
    Ok(Some(SignedIn { staff, cookie }))
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

/// Whose tries are counted: those for an account, and those from a network.
pub(super) struct Tries {
    account: String,
    network: Option<String>,
}

impl Tries {
    /// Tries of a password.
    pub(super) fn of(app: &App, address: &EmailAddress, origin: Option<IpAddr>) -> Self {
        Self::counted(format!("address {}", app.secret.fingerprint(address).as_str()), origin)
    }

    /// Tries of a code, after a right password.
    pub(super) fn of_codes(id: StaffId, origin: Option<IpAddr>) -> Self {
        Self::counted(format!("code {}", id.0), origin)
    }

    fn counted(account: String, origin: Option<IpAddr>) -> Self {
        Self { account, network: origin.map(|origin| format!("network {}", network_of(origin))) }
    }

    fn counters(&self) -> impl Iterator<Item = (&String, u64)> {
        let network = self.network.iter().map(|network| (network, FREE_BY_NETWORK));
        [(&self.account, FREE_BY_ACCOUNT)].into_iter().chain(network)
    }

    /// Counts a try, or refuses it. Gives how long the next must wait, should this be in vain.
    pub(super) async fn count(&self, app: &App) -> Result<SignedDuration, SignInError> {
        let (now, mut longest) = (app.clock.now(), SignedDuration::ZERO);
        // Who must wait is told so without a write: on SQLite everybody who sends waits for the one who writes.
        for (who, _) in self.counters() {
            let before = app.store.failed_sign_ins(who).await?;
            if before.is_some_and(|failures| failures.next_at > now) {
                return Err(must_wait(before, now));
            }
        }
        let mut tx = app.store.begin().await?;
        for (who, free) in self.counters() {
            let before = tx.failed_sign_ins(who).await?;
            let known = before.map_or(0, |failures| failures.count);
            let wait = wait_after(known + 1, free);
            longest = longest.max(wait);
            let next_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
            if !tx.try_sign_in(who, known, next_at, now).await? {
                tx.undo().await?;
                return Err(must_wait(before, now));
            }
        }
        tx.commit().await?;
        Ok(longest)
    }

    /// It was not in vain. Of the account all is forgiven; of the network this one, for others may be guessing there.
    pub(super) async fn forgive(&self, app: &App) -> Result<(), StoreError> {
        let mut tx = app.store.begin().await?;
        tx.forget_failures(&self.account).await?;
        if let Some(network) = &self.network {
            tx.forget_failure(network, app.clock.now()).await?;
        }
        tx.commit().await
    }
}

fn must_wait(before: Option<Failures>, now: Timestamp) -> SignInError {
    let next_at = before.map_or(now, |failures| failures.next_at);
    SignInError::Wait(next_at.duration_since(now).max(SignedDuration::from_secs(1)))
}

/// What the ledger adds when the next try must wait.
fn in_words(wait: SignedDuration) -> String {
    if wait.is_zero() { String::new() } else { format!("; the next try must wait {} seconds", wait.as_secs()) }
}

/// How long to wait after so many tries in vain.
fn wait_after(failures: u64, free: u64) -> SignedDuration {
    match failures.saturating_sub(free) {
        0 => SignedDuration::ZERO,
        more => SignedDuration::from_secs(1 << more.min(10)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::wait_after;

    #[test]
    fn each_further_try_in_vain_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        let waits: Vec<i64> = (1..=14).map(|failures| wait_after(failures, 4).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
        assert_eq!(wait_after(u64::MAX, 20).as_secs(), 900);
    }
}
