//! One's own affairs: the password, and the second factor.

use axum::{extract::State, http::StatusCode, response::Response};
use qrcodegen::{QrCode, QrCodeEcc};
use secrecy::SecretString;
use serde::Serialize;

use super::{
    Site,
    entry::{enter, sentence},
    pages::{DeskPage, Said, Word},
    visitor::{Pressed, Visitor},
};
use crate::staff::{self, Factor, FactorError, LinkError};

#[derive(Serialize)]
struct Account<'a> {
    said: Said<'a>,
    has_factor: bool,
}

/// A fresh second factor: in base32, in groups of four, and as the path of an SVG with its size in its own units.
#[derive(Serialize)]
struct FreshFactor<'a> {
    secret: &'a str,
    picture: &'a str,
    size: i32,
    wrong: &'a str,
}

impl DeskPage for Account<'_> {
    const TEMPLATE: &'static str = "desk/account.html";
    const WORD: Word = Word::None;
}

impl DeskPage for FreshFactor<'_> {
    const TEMPLATE: &'static str = "desk/factor.html";
    const WORD: Word = Word::None;
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor) -> Response {
    show(&site, &visitor, StatusCode::OK, "")
}

pub(super) async fn password(State(site): State<Site>, Pressed { visitor, form }: Pressed) -> Response {
    let new = form.exactly("password");
    let again = |wrong: &str| show(&site, &visitor, StatusCode::UNPROCESSABLE_ENTITY, wrong);
    if new != form.exactly("again") {
        return again("The two new ones are not the same.");
    }
    let [present, new] = [form.exactly("present"), new].map(|typed| SecretString::from(typed.to_owned()));
    match staff::change_own_password(&visitor.app(&site), &site.passwords, &visitor.0.staff, present, new).await {
        Ok(signed_in) => enter(&site, &signed_in, "/desk/account"),
        Err(LinkError::Link) => again("The present password is not right."),
        Err(error @ LinkError::TooOften) => again(&sentence(&error)),
        Err(LinkError::Password(wrong)) => again(&sentence(&wrong)),
        Err(error) => visitor.failed(&site, "a new password", &error),
    }
}

/// A fresh secret, each time that somebody looks: it is written down only when a code shows that the phone has it.
pub(super) async fn factor_page(State(site): State<Site>, visitor: Visitor) -> Response {
    if visitor.0.has_factor {
        return site.go("/account");
    }
    let factor = staff::fresh_factor(&site.app, &visitor.0.staff.address);
    show_factor(&site, &visitor, StatusCode::OK, &factor, "")
}

pub(super) async fn factor(State(site): State<Site>, Pressed { visitor, form }: Pressed) -> Response {
    if form.one("do") == "off" {
        return match staff::turn_off_factor(&visitor.app(&site), &visitor.0, form.one("code")).await {
            Ok(()) => site.go("/account"),
            Err(error @ (FactorError::Wrong | FactorError::On)) => {
                show(&site, &visitor, StatusCode::UNPROCESSABLE_ENTITY, &sentence(&error))
            }
            Err(FactorError::Store(error)) => visitor.failed(&site, "turning off a second factor", &error),
        };
    }
    let secret: String = form.one("secret").split_whitespace().collect();
    match staff::turn_on_factor(&visitor.app(&site), &visitor.0, &secret, form.one("code")).await {
        Ok(()) => site.go("/account"),
        Err(error @ FactorError::Wrong) => {
            let factor = staff::same_factor(&site.app, &visitor.0.staff.address, &secret);
            show_factor(&site, &visitor, StatusCode::UNPROCESSABLE_ENTITY, &factor, &sentence(&error))
        }
        Err(error @ FactorError::On) => show(&site, &visitor, StatusCode::CONFLICT, &sentence(&error)),
        Err(FactorError::Store(error)) => visitor.failed(&site, "a second factor", &error),
    }
}

fn show(site: &Site, visitor: &Visitor, status: StatusCode, wrong: &str) -> Response {
    visitor.page(site, status, &Account { said: Said::wrong(wrong), has_factor: visitor.0.has_factor })
}

fn show_factor(site: &Site, visitor: &Visitor, status: StatusCode, factor: &Factor, wrong: &str) -> Response {
    let (picture, size) = picture_of(&factor.url);
    let groups: Vec<&str> = (0..factor.secret.len())
        .step_by(4)
        .filter_map(|at| factor.secret.get(at..(at + 4).min(factor.secret.len())))
        .collect();
    let secret = groups.join(" ");
    visitor.page(site, status, &FreshFactor { secret: &secret, picture: &picture, size, wrong })
}

/// A QR code as the path of an SVG, with the margin that readers need, and its size in modules.
fn picture_of(text: &str) -> (String, i32) {
    const MARGIN: i32 = 4;
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return (String::new(), 1) };
    let dark = |x: &i32, y: i32| code.get_module(*x, y);
    let path: String = (0..code.size())
        .flat_map(|y| (0..code.size()).filter(move |x| dark(x, y)).map(move |x| (x, y)))
        .map(|(x, y)| format!("M{},{}h1v1h-1z", x + MARGIN, y + MARGIN))
        .collect();
    (path, code.size() + 2 * MARGIN)
}
