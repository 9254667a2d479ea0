//! Devices: browsers with which somebody of staff has signed in before. Each keeps a text and shows it when its owner signs
//! in again, so that those tries are counted apart: who guesses passwords elsewhere does not keep them waiting. The text
//! signs nobody in, and does not say whose it is.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;

use crate::{
    app::App,
    domain::{address::EmailAddress, token::Purpose},
};

/// Where a try to sign in comes from.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The address of its network, if that is known.
    pub origin: Option<IpAddr>,
    /// What it was given to keep when its owner last signed in; empty: nothing.
    pub device: &'a str,
}

/// What the browser is to keep of somebody who signed in.
pub(super) fn fresh(app: &App, owner: &EmailAddress) -> String {
    let number = BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>());
    let seal = app.secret.seal(Purpose::Device, &sealed(&number, owner));
    format!("{number}.{seal}")
}

/// The number of a browser with which this person has signed in; `None` for any other.
pub(super) fn number<'a>(app: &App, owner: &EmailAddress, browser: Browser<'a>) -> Option<&'a str> {
    let (number, seal) = browser.device.split_once('.')?;
    app.secret.is_seal(Purpose::Device, &sealed(number, owner), seal).then_some(number)
}

fn sealed(number: &str, owner: &EmailAddress) -> String {
    format!("{number}.{}", owner.key())
}
