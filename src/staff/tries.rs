//! Tries to sign in, each counted before it is made: by address and by network, and those from a device that is known by
//! that alone, so that nobody keeps its owner waiting. From the fifth in vain on, the next must wait, twice as long each
//! time. Who must wait is refused without a write.

use jiff::{SignedDuration, Timestamp};

use super::{Browser, SignInError, device};
use crate::{
    app::App,
    domain::{address::EmailAddress, network::network_of, staff::StaffId},
    store::{StoreError, sessions::Failures, staff::Account},
};

/// How many tries in vain cost no wait: for one account, and for one network, where a whole office may sit.
const FREE_BY_ACCOUNT: u64 = 4;
const FREE_BY_NETWORK: u64 = 20;

/// The longest wait.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// Whose tries are counted: those for an account, or by a browser that is known for its owner's; else also those from a
/// network.
pub(super) struct Tries {
    account: String,
    network: Option<String>,
}

impl Tries {
    /// Tries of a password.
    pub(super) fn of(app: &App, address: &EmailAddress, account: Option<&Account>, browser: Browser<'_>) -> Self {
        match account.and_then(|account| device::number(app, account, browser)) {
            Some(number) => Self::by_themselves(format!("device {number}")),
            None => {
                let account = format!("address {}", app.secret.fingerprint(address).as_str());
                Self { account, network: network(browser) }
            }
        }
    }

    /// Tries of a code, after a right password.
    pub(super) fn of_codes(app: &App, account: &Account, browser: Browser<'_>) -> Self {
        match device::number(app, account, browser) {
            Some(number) => Self::by_themselves(format!("code by {number}")),
            None => Self { network: network(browser), ..Self::of_own_codes(account.staff.id) },
        }
    }

    /// Tries of a code by who is signed in.
    pub(super) fn of_own_codes(id: StaffId) -> Self {
        Self::by_themselves(format!("code {}", id.0))
    }

    /// Tries of the present password by who is signed in.
    pub(super) fn of_own_password(id: StaffId) -> Self {
        Self::by_themselves(format!("password {}", id.0))
    }

    fn by_themselves(account: String) -> Self {
        Self { account, network: None }
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

fn network(browser: Browser<'_>) -> Option<String> {
    browser.origin.map(|origin| format!("network {}", network_of(origin)))
}

fn must_wait(before: Option<Failures>, now: Timestamp) -> SignInError {
    let next_at = before.map_or(now, |failures| failures.next_at);
    SignInError::Wait(next_at.duration_since(now).max(SignedDuration::from_secs(1)))
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
