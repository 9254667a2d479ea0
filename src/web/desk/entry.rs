//! The way in: signing in, the code, a forgotten password, the link of an invitation, and the way out. Whoever does not
//! get in learns no reason that would help them.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use secrecy::SecretString;
use serde::Serialize;

use super::{
    Site,
    pages::{DeskPage, Problem, Word},
    visitor::{Pressed, device, end_session, next_page, set_device, set_session},
};
use crate::{
    domain::address::EmailAddress,
    staff::{self, Browser, LinkError, SignInError, SignedIn, Step},
    web::{Token, form::Form, host, origin::Origin, text},
};

const NO_MATCH: &str = "Address and password do not match.";

/// The form to sign in: what was typed, the page to come to, and why it did not work.
#[derive(Serialize)]
struct SignIn<'a> {
    address: &'a str,
    next: &'a str,
    wrong: &'a str,
}

/// The code of the second factor; `half_way` shows that the password was right.
#[derive(Serialize)]
struct Code<'a> {
    half_way: &'a str,
    next: &'a str,
    wrong: &'a str,
}

/// The form for who forgot their password.
#[derive(Serialize)]
struct Forgotten {}

/// Look into your mailbox.
#[derive(Serialize)]
struct ForgottenAsked {}

/// The form to choose a password by a link.
#[derive(Serialize)]
struct ChoosePassword<'a> {
    address: &'a str,
    wrong: &'a str,
}

impl DeskPage for SignIn<'_> {
    const TEMPLATE: &'static str = "desk/sign-in.html";
    const WORD: Word = Word::None;
}

impl DeskPage for Code<'_> {
    const TEMPLATE: &'static str = "desk/code.html";
    const WORD: Word = Word::None;
}

impl DeskPage for Forgotten {
    const TEMPLATE: &'static str = "desk/forgotten.html";
    const WORD: Word = Word::None;
}

impl DeskPage for ForgottenAsked {
    const TEMPLATE: &'static str = "desk/forgotten-asked.html";
    const WORD: Word = Word::None;
}

impl DeskPage for ChoosePassword<'_> {
    const TEMPLATE: &'static str = "desk/choose-password.html";
    const WORD: Word = Word::None;
}

pub(super) async fn page(State(site): State<Site>, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    site.outside(StatusCode::OK, &SignIn { address: "", next: query.one("next"), wrong: "" })
}

pub(super) async fn sign_in(
    State(site): State<Site>,
    Origin(origin): Origin,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&body);
    let (typed, next) = (form.one("address"), form.one("next"));
    let again = |status, wrong: &str| site.outside(status, &SignIn { address: typed, next, wrong });
    // Somebody else's page must not sign its visitors in to an account of its own.
    if host::is_from_elsewhere(&site, &headers) {
        return again(StatusCode::FORBIDDEN, "Please sign in on this page.");
    }
    let Ok(address) = EmailAddress::parse(typed) else { return again(StatusCode::UNAUTHORIZED, NO_MATCH) };
    let password = SecretString::from(form.exactly("password").to_owned());
    let browser = Browser { origin, device: &device(&site, &headers) };
    match staff::sign_in(&site.app, &site.passwords, &address, password, browser).await {
        Ok(step) => after(&site, step, next),
        Err(SignInError::Wrong | SignInError::Late) => again(StatusCode::UNAUTHORIZED, NO_MATCH),
        Err(error @ SignInError::Wait(_)) => again(StatusCode::TOO_MANY_REQUESTS, &sentence(&error)),
        Err(SignInError::Store(error)) => site.failed("a sign-in", &error),
    }
}

pub(super) async fn code(
    State(site): State<Site>,
    Origin(origin): Origin,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&body);
    let (half_way, next) = (form.one("half_way"), form.one("next"));
    let again = |status, wrong: &str| site.outside(status, &Code { half_way, next, wrong });
    if host::is_from_elsewhere(&site, &headers) {
        return again(StatusCode::FORBIDDEN, "Please give the code on this page.");
    }
    let browser = Browser { origin, device: &device(&site, &headers) };
    match staff::give_code(&site.app, half_way, form.one("code"), browser).await {
        Ok(signed_in) => enter(&site, &signed_in, next),
        Err(SignInError::Wrong) => {
            again(StatusCode::UNAUTHORIZED, "The code does not match, or was used before. Wait for the next one.")
        }
        Err(error @ SignInError::Wait(_)) => again(StatusCode::TOO_MANY_REQUESTS, &sentence(&error)),
        Err(error @ SignInError::Late) => {
            site.outside(StatusCode::UNAUTHORIZED, &SignIn { address: "", next, wrong: &sentence(&error) })
        }
        Err(SignInError::Store(error)) => site.failed("a code", &error),
    }
}

pub(super) async fn sign_out(State(site): State<Site>, pressed: Pressed) -> Response {
    if let Err(error) = staff::sign_out(&site.app, &pressed.visitor.0).await {
        return pressed.visitor.failed(&site, "signing out", &error);
    }
    let mut response = site.go("/sign-in");
    response.headers_mut().insert(header::SET_COOKIE, end_session(&site));
    response
}

pub(super) async fn forgotten_page(State(site): State<Site>) -> Response {
    site.outside(StatusCode::OK, &Forgotten {})
}

/// Whoever asks gets the same answer, at once: the mail is made after it.
pub(super) async fn forgotten(State(site): State<Site>, body: Bytes) -> Response {
    if let Ok(address) = EmailAddress::parse(Form::read(&body).one("address")) {
        let app = std::sync::Arc::clone(&site.app);
        tokio::spawn(async move {
            if let Err(error) = staff::ask_for_link(&app, &address).await {
                tracing::error!("a link to choose a password was not mailed: {error}");
            }
        });
    }
    site.outside(StatusCode::OK, &ForgottenAsked {})
}

pub(super) async fn welcome_page(State(site): State<Site>, token: Token) -> Response {
    match staff::link_owner(&site.app, text(&token)).await {
        Ok(owner) => choose(&site, StatusCode::OK, owner.address.reveal(), ""),
        Err(error) => link_problem(&site, &error),
    }
}

pub(super) async fn welcome(State(site): State<Site>, token: Token, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&body);
    // Nor by a link of its own, fresh as it may be.
    if host::is_from_elsewhere(&site, &headers) {
        let text = "Nothing was done. Please open the link from your mail, and choose the password there.";
        return site.outside(StatusCode::FORBIDDEN, &Problem { text });
    }
    let owner = match staff::link_owner(&site.app, text(&token)).await {
        Ok(owner) => owner,
        Err(error) => return link_problem(&site, &error),
    };
    let again = |wrong: &str| choose(&site, StatusCode::UNPROCESSABLE_ENTITY, owner.address.reveal(), wrong);
    let password = form.exactly("password");
    if password != form.exactly("again") {
        return again("The two are not the same.");
    }
    let password = SecretString::from(password.to_owned());
    match staff::choose_password(&site.app, &site.passwords, text(&token), password).await {
        Ok(step) => after(&site, step, ""),
        Err(LinkError::Password(wrong)) => again(&sentence(&wrong)),
        Err(error) => link_problem(&site, &error),
    }
}

fn choose(site: &Site, status: StatusCode, address: &str, wrong: &str) -> Response {
    site.outside(status, &ChoosePassword { address, wrong })
}

fn link_problem(site: &Site, error: &LinkError) -> Response {
    match error {
        LinkError::Link | LinkError::Password(_) | LinkError::TooOften => site.outside(
            StatusCode::GONE,
            &Problem {
                text: "This link is not good, or not good any more: it can be used once, within a day. Ask for another \
                       where you sign in.",
            },
        ),
        LinkError::Store(error) => site.failed("a link of staff", error),
        LinkError::Render(error) => site.failed("a link of staff", error),
    }
}

fn after(site: &Site, step: Step, next: &str) -> Response {
    match step {
        Step::In(signed_in) => enter(site, &signed_in, next),
        Step::Code(half_way) => site.outside(StatusCode::OK, &Code { half_way: &half_way, next, wrong: "" }),
    }
}

/// Gives the browser cookies that it never had before, and leads to the page that was wanted.
pub(super) fn enter(site: &Site, signed_in: &SignedIn, next: &str) -> Response {
    let mut response = site.go(next_page(next));
    for cookie in [set_session(site, &signed_in.cookie), set_device(site, &signed_in.device)] {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// An error as a sentence.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", characters.as_str())
}
