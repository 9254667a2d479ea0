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
    store::StoreError,
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
        return Ok(Step::Code(half_way(app, account.staff.id)));
    }
    Ok(Step::In(enter(app, account.staff).await?))
}

/// Tries the code of a second factor, after a right password.
///
/// # Errors
/// See [`SignInError`].
pub async fn give_code(app: &App, half_way: &str, code: &str, origin: Option<IpAddr>) -> Result<SignedIn, SignInError> {
    let id = who_is_half_way(app, half_way).ok_or(SignInError::Late)?;
    let account = app.store.account(id).await?;
    // Of those alone who know the password, so that nobody else can keep its owner from giving the code.
    let tries = Tries::of_codes(id, origin);
    let wait = tries.count(app).await?;
    let (Some(secret), None) = (&account.second_factor, account.ended_at) else { return Err(SignInError::Late) };
    if !factor::is_right(app, id, secret, code).await? {
        let reason = format!("{} knew the password and gave a wrong code{}", account.staff.address, in_words(wait));
        app.store.record(app.clock.now(), "desk", "refused", &reason).await?;
        return Err(SignInError::Wrong);
    }
    tries.forgive(app).await?;
    Ok(enter(app, account.staff).await?)
}

/// Lets somebody in who has shown that they may.
pub(super) async fn enter(app: &App, staff: Staff) -> Result<SignedIn, StoreError> {
    let cookie = session::begin(app, &staff).await?;
    let (own, reason) = (app.store.by(Actor::Staff(staff.id)), format!("{} signed in", staff.address));
    own.record(app.clock.now(), &staff.id.about(), "signed in", &reason).await?;
    Ok(SignedIn { staff, cookie })
}

/// A text that shows that somebody's password was right a moment ago.
pub(super) fn half_way(app: &App, id: StaffId) -> String {
    let text = format!("{}.{}", id.0, app.clock.now().as_second());
    format!("{text}.{}", app.secret.seal(Purpose::SignIn, &text))
}

fn who_is_half_way(app: &App, half_way: &str) -> Option<StaffId> {
    let (text, seal) = half_way.rsplit_once('.')?;
    if !app.secret.is_seal(Purpose::SignIn, text, seal) {
        return None;
    }
    let (id, at) = text.split_once('.')?;
    let at = Timestamp::from_second(at.parse().ok()?).ok()?;
    (app.clock.now().duration_since(at) <= CODE_WITHIN).then_some(StaffId(id.parse().ok()?))
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

    /// Counts a try, or refuses it. Gives how long the next must wait, should this be in vain.
    pub(super) async fn count(&self, app: &App) -> Result<SignedDuration, SignInError> {
        let (now, mut longest) = (app.clock.now(), SignedDuration::ZERO);
        let mut tx = app.store.begin().await?;
        let network = self.network.as_ref().map(|network| (network, FREE_BY_NETWORK));
        for (who, free) in [(&self.account, FREE_BY_ACCOUNT)].into_iter().chain(network) {
            let before = tx.failed_sign_ins(who).await?;
            let known = before.map_or(0, |failures| failures.count);
            let wait = wait_after(known + 1, free);
            longest = longest.max(wait);
            let next_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
            if !tx.try_sign_in(who, known, next_at, now).await? {
                let next_at = before.map_or(now, |failures| failures.next_at);
                return Err(SignInError::Wait(next_at.duration_since(now).max(SignedDuration::from_secs(1))));
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
