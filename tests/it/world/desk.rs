//! Somebody at the desk of a world: a browser by hand, with one cookie, that fills in forms with their seal.

use jiff::Timestamp;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
};
use tidings::{
    domain::staff::{Role, Staff},
    staff,
};
use totp_rs::{Builder, Secret};

use super::{
    World, address_of,
    pages::{Answer, FORM, Pages, encoded},
};

/// A password that is good enough.
pub(crate) const PASSWORD: &str = "four words make one";

/// The six digits that a phone shows which holds this secret.
pub(crate) fn code_at(secret: &str, now: Timestamp) -> String {
    let secret: String = secret.split_whitespace().collect();
    let secret = Secret::try_from_base32(&secret).expect("base32");
    let totp = Builder::new().with_secret(secret).build().expect("sound");
    totp.generate(now.as_second().unsigned_abs()).to_string()
}

/// A viewer.
pub(crate) const VERA: &str = "vera@example.org";
/// An editor.
pub(crate) const ED: &str = "ed@example.org";
/// A publisher.
pub(crate) const PIA: &str = "pia@example.org";
/// Another publisher.
pub(crate) const PAUL: &str = "paul@example.org";
/// An owner.
pub(crate) const OLGA: &str = "olga@example.org";

/// Somebody with a browser.
pub(crate) struct Desk<'a> {
    pages: &'a Pages,
    /// What the browser holds: `name=value`; empty while nobody is signed in.
    pub(crate) cookie: String,
    /// By what it is known from when somebody last signed in: `name=value`; empty when nobody has.
    pub(crate) device: String,
    origin: &'static str,
}

impl World {
    /// Somebody of each role, and a second publisher.
    pub(crate) async fn staff_of_each_role(&self) {
        let publishers = [(PIA, Role::Publisher), (PAUL, Role::Publisher)];
        for (address, role) in
            [(VERA, Role::Viewer), (ED, Role::Editor), (OLGA, Role::Owner)].into_iter().chain(publishers)
        {
            self.staff(address, role).await;
        }
    }

    /// Somebody of this role, who has chosen [`PASSWORD`].
    pub(crate) async fn staff(&self, address: &str, role: Role) -> Staff {
        let address = address_of(address);
        let (staff, link) = staff::appoint(&self.app, &address, "", role, "the test").await.expect("appointed");
        let token = link.rsplit('/').next().expect("a token");
        let chosen = staff::choose_password(&self.app, &staff::Passwords::default(), token, PASSWORD.into()).await;
        chosen.expect("a good link and a good password");
        staff
    }
}

impl<'a> Desk<'a> {
    /// A browser that has not been here.
    pub(crate) fn outside(pages: &'a Pages) -> Self {
        Self { pages, cookie: String::new(), device: String::new(), origin: "198.51.100.7" }
    }

    /// A browser whose owner has signed in with [`PASSWORD`].
    pub(crate) async fn signed_in(pages: &'a Pages, address: &str) -> Self {
        let mut desk = Self::outside(pages);
        let answer = desk.sign_in(address, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        desk
    }

    /// The same, from another network.
    pub(crate) fn from(mut self, origin: &'static str) -> Self {
        self.origin = origin;
        self
    }

    pub(crate) async fn sign_in(&mut self, address: &str, password: &str) -> Answer {
        self.post("/desk/sign-in", &[("address", address), ("password", password), ("next", "")]).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "", &[]).await
    }

    /// POSTs a form as it is.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.ask(Method::POST, path, &encoded(fields), &[]).await;
        for set in answer.headers.get_all(SET_COOKIE) {
            let pair = set.to_str().expect("text").split(';').next().expect("a pair").to_owned();
            match pair.split_once('=').expect("a pair") {
                ("__Host-tidings-device", _) => self.device = pair,
                (_, "") => self.cookie.clear(),
                _ => self.cookie = pair,
            }
        }
        answer
    }

    /// POSTs a form with the seal that the first page shows.
    pub(crate) async fn press(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let seal = self.get("/desk").await.hidden("seal");
        self.post(path, &[&[("seal", seal.as_str())], fields].concat()).await
    }

    /// Opens a page whose answer comes bit by bit.
    pub(crate) async fn open(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.pages.request(method, path).header("x-forwarded-for", self.origin);
        let cookies = [&self.cookie, &self.device].into_iter().filter(|cookie| !cookie.is_empty());
        cookies.fold(request, |request, cookie| request.header(COOKIE, cookie))
    }

    /// Brings a file for a list, as the form of the import does.
    pub(crate) async fn bring(&self, list: &str, file: &str, content: &[u8]) -> Answer {
        let seal = self.get("/desk").await.hidden("seal");
        self.bring_parts(&[("seal", "", seal.as_bytes()), ("list", "", list.as_bytes()), ("file", file, content)]).await
    }

    /// POSTs parts as they are, each with its name, the name of its file (none: it is no file) and its content.
    pub(crate) async fn bring_parts(&self, parts: &[(&str, &str, &[u8])]) -> Answer {
        let mut body = Vec::new();
        for (name, file, content) in parts {
            let file = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
            let head = format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend([head.as_bytes(), content, b"\r\n"].concat());
        }
        body.extend(b"--cut--\r\n");
        let request = self.pages.request(Method::POST, "/desk/readers/import").header(COOKIE, &self.cookie);
        Answer::of(request.header(CONTENT_TYPE, "multipart/form-data; boundary=cut").body(body)).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(method, path);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, FORM).body(body.to_owned());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }
}

impl Answer {
    /// Where it leads.
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().expect("text"))
    }
}
