//! The second factor: six digits that a program on somebody's phone shows, new every half minute (RFC 6238). A secret
//! and a code come in; whether it is right goes out. Each code is good once.

use jiff::Timestamp;
use totp_rs::{Builder, Secret, Totp};

use super::{Session, tries::Tries};
use crate::{
    app::App,
    domain::{address::EmailAddress, staff::StaffId},
    store::StoreError,
};

/// A fresh secret, to be shown once.
#[derive(Debug)]
pub struct Factor {
    /// In base32, for who types it.
    pub secret: String,
    /// As a link, for who takes a picture of it.
    pub url: String,
}

/// Why a second factor was not turned on.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The code is not that of the secret, or not of this minute.
    #[error("the code does not match; is the phone's clock right?")]
    Wrong,
    /// There is one. Another takes its place only when a code of it was given, to turn it off.
    #[error("a second factor is on; to use another, turn this one off first")]
    On,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A fresh secret for somebody. Nothing is written down yet.
pub fn fresh_factor(app: &App, address: &EmailAddress) -> Factor {
    same_factor(app, address, &Secret::generate().to_base32())
}

/// The same secret once more, for who mistyped its code; a fresh one when it is none.
pub fn same_factor(app: &App, address: &EmailAddress, secret: &str) -> Factor {
    let Some(secret) = read(secret) else { return fresh_factor(app, address) };
    let text = secret.to_base32();
    let house: String = app.config.sender.name.chars().filter(|c| *c != ':').collect();
    let account: String = address.reveal().chars().filter(|c| *c != ':').collect();
    let named = Builder::new().with_secret(secret).with_issuer(Some(house)).with_account_name(account).build();
    let url = named.ok().and_then(|totp| totp.to_url().ok()).unwrap_or_default();
    Factor { secret: text, url }
}

/// Turns the second factor on, once a code shows that the phone has the secret. The other sessions end. It takes the place
/// of no other: a session that somebody left open is not enough.
///
/// # Errors
/// See [`FactorError`].
pub async fn turn_on_factor(app: &App, session: &Session, secret: &str, code: &str) -> Result<(), FactorError> {
    let staff = &session.staff;
    let step = step_of(app.clock.now(), secret, code).ok_or(FactorError::Wrong)?;
    let mut tx = app.store.begin().await?;
    if !tx.use_factor_step(staff.id, step).await? {
        return Err(FactorError::Wrong);
    }
    if !tx.turn_on_second_factor(staff.id, secret).await? {
        return Err(FactorError::On);
    }
    tx.end_other_sessions(staff.id, session.digest()).await?;
    let reason = format!("{} signs in with a second factor from now on; their other sessions ended", staff.address);
    tx.record(app.clock.now(), &staff.id.about(), "second factor", &reason).await?;
    Ok(tx.commit().await?)
}

/// Turns it off, for who has a code of it: a session that somebody left open is not enough.
///
/// # Errors
/// See [`FactorError`].
pub async fn turn_off_factor(app: &App, session: &Session, code: &str) -> Result<(), FactorError> {
    let staff = &session.staff;
    let secret = app.store.account(staff.id).await?.second_factor.unwrap_or_default();
    let tries = Tries::of_own_codes(staff.id);
    tries.count(app).await.map_err(|_| FactorError::Wrong)?;
    if !is_right(app, staff.id, &secret, code).await? {
        return Err(FactorError::Wrong);
    }
    tries.forgive(app).await?;
    let mut tx = app.store.begin().await?;
    tx.turn_off_second_factor(staff.id).await?;
    let reason = format!("{} signs in without a second factor from now on", staff.address);
    tx.record(app.clock.now(), &staff.id.about(), "second factor", &reason).await?;
    Ok(tx.commit().await?)
}

/// Whether a code is right, and was not used before.
pub(super) async fn is_right(app: &App, id: StaffId, secret: &str, code: &str) -> Result<bool, StoreError> {
    let Some(step) = step_of(app.clock.now(), secret, code) else { return Ok(false) };
    let mut tx = app.store.begin().await?;
    let fresh = tx.use_factor_step(id, step).await?;
    tx.commit().await?;
    Ok(fresh)
}

/// The step that a code belongs to: this half minute, the one before or the one after.
fn step_of(now: Timestamp, secret: &str, code: &str) -> Option<u64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| totp(secret))?.and_then(|totp| totp.check(&code, u64::try_from(now.as_second()).ok()?))
}

fn totp(secret: &str) -> Option<Totp> {
    Builder::new().with_secret(read(secret)?).build().ok()
}

/// A secret of 160 bits: a shorter one, which a forged form might bring, is none of ours.
fn read(secret: &str) -> Option<Secret> {
    (secret.len() == 32).then(|| Secret::try_from_base32(secret).ok())?
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::step_of;

    #[test]
    fn the_codes_of_the_standard_are_right_in_their_half_minute_and_the_ones_beside_it() {
        // RFC 6238, appendix B: the secret is "12345678901234567890", and of its eight digits the last six are a code.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let at = |second| Timestamp::from_second(second).expect("in range");
        assert_eq!(step_of(at(59), secret, "287082"), Some(1));
        assert_eq!(step_of(at(1_111_111_109), secret, "081 804"), Some(37_037_036));
        assert_eq!(step_of(at(59 + 30), secret, "287082"), Some(1));
        assert_eq!(step_of(at(59 + 61), secret, "287082"), None);
        for wrong in ["287083", "", "94287082", "28708２", "abcdef"] {
            assert_eq!(step_of(at(59), secret, wrong), None, "{wrong}");
        }
        assert_eq!(step_of(at(59), "not base32!", "287082"), None);
    }
}
