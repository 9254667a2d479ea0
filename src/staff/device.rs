//! Devices: browsers with which somebody of staff has signed in before. Each keeps a text and shows it when its owner signs
//! in again, so that those tries are counted apart: who guesses passwords elsewhere does not keep them waiting. The text
//! signs nobody in, and does not say whose it is; when the password or the second factor changes, it is worth nothing.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;

use crate::{app::App, domain::token::Purpose, store::staff::Account};

/// Where a try to sign in comes from.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The address of its network, if that is known.
    pub origin: Option<IpAddr>,
    /// What it was given to keep when its owner last signed in; empty: nothing.
    pub device: &'a str,
}

/// What the browser is to keep of somebody who signed in.
pub(super) fn fresh(app: &App, owner: &Account) -> String {
    let number = BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>());
    let seal = app.secret.seal(Purpose::Device, &sealed(&number, owner));
    format!("{number}.{seal}")
}

/// The number of a browser with which this person has signed in; `None` for any other.
pub(super) fn number<'a>(app: &App, owner: &Account, browser: Browser<'a>) -> Option<&'a str> {
    let (number, seal) = browser.device.split_once('.')?;
    app.secret.is_seal(Purpose::Device, &sealed(number, owner), seal).then_some(number)
}

/// Whoever had a session once, and many such texts, is to gain no tries at what was changed since.
fn sealed(number: &str, owner: &Account) -> String {
    let [password, factor] = [&owner.password, &owner.second_factor].map(|it| it.as_deref().unwrap_or_default());
    format!("{number}.{}.{password}.{factor}", owner.staff.id.0)
}
