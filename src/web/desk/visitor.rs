//! Who asks for a page of the desk. A request comes in; the session of its cookie goes out, or the way to sign in. What is
//! POSTed must carry the seal of that session, and come from a page of ours: nobody can have somebody else's browser press
//! a button here.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    Site,
    pages::{Around, DeskPage, Problem},
};
use crate::{
    app::App,
    domain::{actor::Actor, staff::Right},
    newsroom::{By, NewsroomError},
    staff::{self, Session},
    store::StoreError,
    web::{form::Form, host},
};

/// What the cookie of a session is called.
const SESSION: &str = "tidings";
/// What the cookie is called by which a browser is known, and how long it is kept, in seconds: a year.
const DEVICE: &str = "tidings-device";
const DEVICE_KEPT: u32 = 365 * 24 * 60 * 60;

/// Somebody who is signed in.
#[derive(Debug)]
pub(super) struct Visitor(pub(super) Session);

/// Somebody who is signed in, and whose page asks by itself: they may not be there.
#[derive(Debug)]
pub(super) struct Watcher(pub(super) Visitor);

/// Somebody who is signed in, with what they pressed.
#[derive(Debug)]
pub(super) struct Pressed {
    pub(super) visitor: Visitor,
    pub(super) form: Form,
}

impl Visitor {
    /// The app, for what they do: the ledger says that it was they.
    pub(super) fn app(&self, site: &Site) -> App {
        site.app.by(Actor::Staff(self.0.staff.id))
    }

    /// Who they are in the newsroom.
    pub(super) async fn by(&self, site: &Site) -> Result<By, NewsroomError> {
        By::staff(&site.app, &self.0.staff.address).await
    }

    /// The same, to look at something: nothing is written. `None` for who may decide nothing, or has decided nothing yet.
    pub(super) async fn known(&self, site: &Site) -> Result<Option<By>, StoreError> {
        By::known_staff(&site.app, &self.0.staff.address).await
    }

    /// The refusal of what their role does not allow; `None` when it does.
    pub(super) fn refused(&self, site: &Site, right: Right) -> Option<Response> {
        let role = self.0.staff.role;
        let text = format!("Your role is {}: it does not allow this.", role.as_str());
        (!role.may(right)).then(|| self.problem(site, StatusCode::FORBIDDEN, &text))
    }

    /// The refusal of what did not come from a page of ours that they have open: it has the seal of another session or none,
    /// or their browser says that a page of somebody else's sends it.
    pub(super) fn not_theirs(&self, site: &Site, headers: &HeaderMap, seal: &str) -> Option<Response> {
        let is_theirs = !host::is_from_elsewhere(site, headers) && staff::is_form_seal(&site.app, &self.0, seal);
        let text = "This did not come from a page of this desk that you have open. Nothing was done.";
        (!is_theirs).then(|| self.problem(site, StatusCode::FORBIDDEN, text))
    }

    /// A page for them.
    pub(super) fn page<P: DeskPage>(&self, site: &Site, status: StatusCode, page: &P) -> Response {
        site.pages.desk(status, page, &Around::visitor(site, &self.0))
    }

    /// What went wrong, and what to do.
    pub(super) fn problem(&self, site: &Site, status: StatusCode, text: &str) -> Response {
        self.page(site, status, &Problem { text })
    }

    /// Something of ours does not work now.
    pub(super) fn failed(&self, site: &Site, what: &str, error: &dyn std::error::Error) -> Response {
        tracing::error!("{what} could not be shown or done at the desk: {error}");
        self.problem(
            site,
            StatusCode::SERVICE_UNAVAILABLE,
            "This cannot be done just now. Please try again in a minute.",
        )
    }
}

impl FromRequestParts<Site> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        signed_in(site, &parts.headers).await?.ok_or_else(|| way_in(site, parts))
    }
}

impl FromRequestParts<Site> for Watcher {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let found = match cookie(site, &parts.headers, SESSION) {
            Some(cookie) => staff::left_signed_in(&site.app, &cookie).await,
            None => Ok(None),
        };
        let session = found.map_err(|error| site.failed("who is signed in", &error))?;
        session.map(|session| Self(Visitor(session))).ok_or_else(|| way_in(site, parts))
    }
}

impl FromRequest<Site> for Pressed {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, site).await?;
        pressed(site, visitor, Request::from_parts(parts, body)).await
    }
}

/// Who is signed in, if somebody is.
pub(super) async fn signed_in(site: &Site, headers: &HeaderMap) -> Result<Option<Visitor>, Response> {
    let Some(cookie) = cookie(site, headers, SESSION) else { return Ok(None) };
    let found = staff::signed_in(&site.app, &cookie).await;
    found.map(|session| session.map(Visitor)).map_err(|error| site.failed("who is signed in", &error))
}

/// What somebody pressed, when it is theirs.
pub(super) async fn pressed(site: &Site, visitor: Visitor, request: Request) -> Result<Pressed, Response> {
    let headers = request.headers().clone();
    let form = form(site, request).await?;
    match visitor.not_theirs(site, &headers, form.one("seal")) {
        Some(refused) => Err(refused),
        None => Ok(Pressed { visitor, form }),
    }
}

/// The form that a request brings.
pub(super) async fn form(site: &Site, request: Request) -> Result<Form, Response> {
    let body = Bytes::from_request(request, site).await;
    Ok(Form::read(&body.map_err(IntoResponse::into_response)?))
}

/// Leads to where somebody signs in, and from there to the page that was asked for, when it was to look at.
pub(super) fn way_in(site: &Site, parts: &Parts) -> Response {
    let wanted = if parts.method.is_safe() { parts.uri.path_and_query().map_or("", |path| path.as_str()) } else { "" };
    Redirect::to(&way_in_to(site, wanted)).into_response()
}

/// Where somebody signs in who wants that page.
pub(super) fn way_in_to(site: &Site, wanted: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    format!("{}?next={next}", site.desk_path("/sign-in"))
}

/// By what the browser is known from when its owner last signed in; empty when it is not.
pub(super) fn device(site: &Site, headers: &HeaderMap) -> String {
    cookie(site, headers, DEVICE).unwrap_or_default()
}

/// What a cookie holds.
fn cookie(site: &Site, headers: &HeaderMap, name: &str) -> Option<String> {
    let name = full_name(site, name);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// The header that gives a browser the cookie of a session.
pub(super) fn set_session(site: &Site, cookie: &str) -> HeaderValue {
    set_cookie(site, SESSION, cookie, "")
}

/// The header that takes it away.
pub(super) fn end_session(site: &Site) -> HeaderValue {
    set_cookie(site, SESSION, "", "; Max-Age=0")
}

/// The header that gives a browser by what it is known.
pub(super) fn set_device(site: &Site, device: &str) -> HeaderValue {
    set_cookie(site, DEVICE, device, &format!("; Max-Age={DEVICE_KEPT}"))
}

fn set_cookie(site: &Site, name: &str, value: &str, age: &str) -> HeaderValue {
    let secure = if is_https(site) { "; Secure" } else { "" };
    // Lax, not Strict: who follows a link in a mail to staff is signed in there.
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", full_name(site, name));
    HeaderValue::from_str(&text).expect("base64 and a name are ASCII")
}

/// Behind https a browser takes a cookie of such a name from nobody but this very host (RFC 6265bis §4.1.3.2). Without
/// https there is none, and only a machine by itself has no https.
fn full_name(site: &Site, name: &str) -> String {
    if is_https(site) { format!("__Host-{name}") } else { name.to_owned() }
}

fn is_https(site: &Site) -> bool {
    site.app.config.desk_url().scheme() == "https"
}

/// A page of the desk to go to after signing in; the first one for anything else, so that nobody is sent elsewhere.
pub(super) fn next_page(next: &str) -> &str {
    let below = next.strip_prefix("/desk").unwrap_or_default();
    let is_ours = below.starts_with(['/', '?']) && !below.starts_with("//");
    let is_plain = below.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours && is_plain { below } else { "" }
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        assert_eq!(next_page("/desk/staff?x=1"), "/staff?x=1");
        assert_eq!(next_page("/desk?x"), "?x");
        for elsewhere in [
            "",
            "/desk",
            "/",
            "https://evil.example/desk/",
            "//evil.example/desk",
            "/desk//evil.example",
            "/desk/\\evil",
            "/desk/\r\nx: y",
            "/desk.evil.example",
            "/deskevil",
            "desk/x",
        ] {
            assert_eq!(next_page(elsewhere), "", "{elsewhere}");
        }
    }
}
