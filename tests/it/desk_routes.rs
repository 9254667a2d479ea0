//! Every route of the desk, one by one: what it carries, who is let in, who may press what, and that nobody can press it in
//! somebody else's name. The routes are read from the source of the desk: one that is not in the table below fails.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::{
    Method, StatusCode,
    header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION},
};
use tidings::domain::staff::Role;

use crate::world::{
    World,
    desk::{Desk, PASSWORD},
    pages::{FORM, Pages, encoded},
};

/// Who may press a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Also who is not signed in; another site's page may have its visitors press it, which does no harm.
    Outsiders,
    /// Also who is not signed in, but from no page but ours.
    OutsidersHere,
    /// Who is signed in, and of this role or one above it.
    From(Role),
}

/// A button: where it is POSTed to, with what of which nothing comes, and who may press it. A route with buttons for
/// different roles stands here once for each.
struct Button {
    route: &'static str,
    /// The path that is asked, with something in the place of `{…}`.
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    may: May,
}

/// Every button of the desk. Whoever adds a route with `post(…)` adds a line.
const BUTTONS: &[Button] = &[
    button("/desk/sign-in", "/desk/sign-in", &[("address", "x"), ("password", "x")], May::OutsidersHere),
    button("/desk/code", "/desk/code", &[("half_way", "x"), ("code", "1")], May::OutsidersHere),
    button("/desk/forgotten", "/desk/forgotten", &[("address", "nobody@example.org")], May::Outsiders),
    button("/desk/welcome/{token}", "/desk/welcome/x", &[], May::OutsidersHere),
    button("/desk/sign-out", "/desk/sign-out", &[], May::From(Role::Viewer)),
    button("/desk/account/password", "/desk/account/password", &[("password", "x")], May::From(Role::Viewer)),
    button("/desk/account/factor", "/desk/account/factor", &[("code", "1")], May::From(Role::Viewer)),
    button("/desk/issues/{id}", "/desk/issues/1", &[("do", "stop")], May::From(Role::Publisher)),
    button("/desk/issues/{id}", "/desk/issues/1", &[("do", "release"), ("typed", "yes")], May::From(Role::Publisher)),
    button("/desk/issues/{id}/{remedy}", "/desk/issues/1/correct", &[("do", "preview")], May::From(Role::Editor)),
    button("/desk/issues/{id}/{remedy}", "/desk/issues/1/withdraw", &[("do", "test")], May::From(Role::Editor)),
    button("/desk/issues/{id}/{remedy}", "/desk/issues/1/withdraw", &[("do", "send")], May::From(Role::Publisher)),
    button("/desk/issues/{id}/{remedy}/preview", "/desk/issues/1/correct/preview", &[], May::From(Role::Editor)),
    button("/desk/write", "/desk/write", &[("do", "preview")], May::From(Role::Editor)),
    button("/desk/write", "/desk/write", &[("do", "test"), ("list", "news")], May::From(Role::Editor)),
    button("/desk/write", "/desk/write", &[("do", "plan"), ("list", "news")], May::From(Role::Publisher)),
    button("/desk/write", "/desk/write", &[("do", "send"), ("list", "news")], May::From(Role::Publisher)),
    button("/desk/write/preview", "/desk/write/preview", &[("list", "news")], May::From(Role::Editor)),
    button("/desk/posts/{id}", "/desk/posts/1", &[("do", "dismiss")], May::From(Role::Publisher)),
    button("/desk/posts/{id}/alert", "/desk/posts/1/alert", &[("list", "news")], May::From(Role::Publisher)),
    button("/desk/readers", "/desk/readers", &[("wanted", "x")], May::From(Role::Viewer)),
    button("/desk/readers/add", "/desk/readers/add", &[("address", "x")], May::From(Role::Publisher)),
    button("/desk/readers/export", "/desk/readers/export", &[("list", "x")], May::From(Role::Publisher)),
    button("/desk/readers/{id}", "/desk/readers/999", &[("do", "forget")], May::From(Role::Publisher)),
    button("/desk/readers/import", "/desk/readers/import", &[("list", "news")], May::From(Role::Publisher)),
    button("/desk/readers/import/{upload}", "/desk/readers/import/x", &[("do", "import")], May::From(Role::Publisher)),
    button("/desk/feeds/{name}", "/desk/feeds/site", &[("do", "look")], May::From(Role::Publisher)),
    button("/desk/staff", "/desk/staff", &[("address", "x")], May::From(Role::Owner)),
    button("/desk/staff/{id}", "/desk/staff/1", &[("role", "king")], May::From(Role::Owner)),
    button("/desk/staff/{id}", "/desk/staff/999", &[("do", "dismiss")], May::From(Role::Owner)),
];

/// What can be looked at without being signed in.
const OUTSIDE: [&str; 4] = ["/desk/sign-in", "/desk/forgotten", "/desk/welcome/{token}", "/desk/desk.js"];

const fn button(
    route: &'static str,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    may: May,
) -> Button {
    Button { route, path, fields, may }
}

const OWNER: &str = "owner@example.org";

/// A route as the source has it.
#[derive(Debug)]
struct Route {
    path: String,
    has_get: bool,
    has_post: bool,
}

impl Route {
    /// A path of it: something that is there stands in the place of what is `{…}`.
    fn example(&self) -> String {
        match self.path.as_str() {
            "/desk/lists/{name}" => return "/desk/lists/news".to_owned(),
            "/desk/feeds/{name}" => return "/desk/feeds/site".to_owned(),
            "/desk/issues/{id}/{remedy}" => return "/desk/issues/1/correct".to_owned(),
            _ => {}
        }
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// Every route that stands in the source of the desk.
fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/desk")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("the desk is there") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => open.push(path),
                false => routes.extend(routes_in(&fs::read_to_string(path).expect("a source file"))),
            }
        }
    }
    assert!(routes.len() >= 13, "the routes are not where they were looked for: {routes:?}");
    routes
}

fn routes_in(source: &str) -> Vec<Route> {
    let mut routes = Vec::new();
    for rest in source.split(".route(").skip(1) {
        let (_, rest) = rest.split_once('"').expect("a route begins with its path");
        let (path, rest) = rest.split_once('"').expect("a path ends");
        // Up to the bracket that closes the call.
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let methods = &rest[..end.expect("a call ends")];
        let has = |method: &str| methods.contains(&format!("{method}("));
        assert!(path.starts_with("/desk") && !has("any") && !has("put") && !has("delete"), "{path}: {methods}");
        routes.push(Route { path: path.to_owned(), has_get: has("get"), has_post: has("post") });
    }
    routes
}

async fn house() -> (World, Pages) {
    let world = World::new().await;
    for role in Role::ALL {
        world.staff(&address(role), role).await;
    }
    let pages = Pages::of(&world).await;
    (world, pages)
}

fn address(role: Role) -> String {
    format!("{}@example.org", role.as_str())
}

/// Asks, and reads the head of the answer alone: some answers never end.
async fn head(pages: &Pages, method: Method, path: &str, cookie: &str) -> (StatusCode, HeaderMap) {
    let response = pages.request(method, path).header(COOKIE, cookie).header(CONTENT_TYPE, FORM).send().await;
    let response = response.expect("an answer");
    (response.status(), response.headers().clone())
}

#[test]
fn every_button_of_the_desk_stands_in_the_table() {
    let routes = routes();
    let with_buttons: BTreeSet<&str> =
        routes.iter().filter(|route| route.has_post).map(|route| route.path.as_str()).collect();
    let in_table: BTreeSet<&str> = BUTTONS.iter().map(|button| button.route).collect();
    assert_eq!(with_buttons, in_table, "left: the source of the desk; right: `BUTTONS` in this file");
    let found = routes_in("x.route(\"/desk/a/{b}\", get(c::d).post(\n e::f)).route(\"/desk/g\", get(h))");
    let found: Vec<_> = found.iter().map(|route| (route.path.as_str(), route.has_get, route.has_post)).collect();
    assert_eq!(found, [("/desk/a/{b}", true, true), ("/desk/g", true, false)]);
}

#[tokio::test]
async fn no_answer_of_the_desk_can_be_framed_elsewhere_kept_or_run_scripts_of_others() {
    let (world, pages) = house().await;
    world.run().await;
    world.begin(1).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let owner = Desk::signed_in(&pages, OWNER).await;
    let (mut mails, mut well) = (0, 0);
    let nowhere = Route { path: "/desk/nowhere".to_owned(), has_get: true, has_post: true };
    for route in routes().into_iter().chain([nowhere]) {
        for (method, cookie) in [(Method::GET, ""), (Method::GET, owner.cookie.as_str()), (Method::POST, "")] {
            let path = route.example();
            let (status, headers) = head(&pages, method.clone(), &path, cookie).await;
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let what = format!("{method} {path}: {status} {headers:?}");
            let policy = header("content-security-policy");
            // A mail is shown in a frame of our own pages, where nothing of it runs.
            let is_mail = policy.starts_with("sandbox;") && policy.contains("frame-ancestors 'self'");
            let frames = if is_mail { "SAMEORIGIN" } else { "DENY" };
            mails += usize::from(is_mail);
            well += usize::from(status == StatusCode::OK);
            assert_eq!(header("x-frame-options"), frames, "{what}");
            assert!(is_mail || policy.contains("frame-ancestors 'none'"), "{what}");
            assert!(policy.contains("default-src 'none'"), "{what}");
            let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src"));
            assert!(scripts.is_none_or(|part| part.trim() == "script-src 'self'"), "{what}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-store"),
            ] {
                assert!(header(name).contains(value), "{name}: {what}");
            }
        }
    }
    assert!(mails >= 1 && well >= 20, "{mails} mails and {well} pages were looked at");
}

#[tokio::test]
async fn who_is_not_signed_in_sees_nothing_but_the_way_in() {
    let (_world, pages) = house().await;
    for route in routes().into_iter().filter(|route| route.has_get && !OUTSIDE.contains(&route.path.as_str())) {
        for cookie in ["", "__Host-tidings=x", "tidings=x"] {
            let (status, headers) = head(&pages, Method::GET, &route.example(), cookie).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{}", route.path);
            let way = headers[LOCATION].to_str().expect("text");
            assert!(way.starts_with("/desk/sign-in?next=%2Fdesk"), "{}: {way}", route.path);
        }
    }
}

/// Refused is who may not, whatever stands in the path and the form: what is not there is refused as what is.
#[tokio::test]
async fn each_button_is_pressed_by_those_who_may_and_refused_to_all_others() {
    let (_world, pages) = house().await;
    for Button { route, path, fields, may } in BUTTONS {
        let May::From(least) = may else { continue };
        let nobody = Desk::outside(&pages).post(path, fields).await;
        assert_eq!(nobody.status, StatusCode::SEE_OTHER, "{route} by nobody");
        assert!(nobody.location().starts_with("/desk/sign-in"), "{route} by nobody: {}", nobody.location());
        for role in Role::ALL {
            let mut desk = Desk::signed_in(&pages, &address(role)).await;
            let answer = desk.press(path, fields).await;
            let what = format!("{route} by {}: {} {}", role.as_str(), answer.status, answer.text);
            if role >= *least {
                assert!(answer.status != StatusCode::FORBIDDEN && !answer.status.is_server_error(), "{what}");
                assert!(!answer.location().starts_with("/desk/sign-in?"), "{what}");
            } else {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
                assert!(answer.text.contains("it does not allow this"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn no_button_can_be_pressed_without_the_seal_or_from_somebody_elses_page() {
    let (world, pages) = house().await;
    let mut owner = Desk::signed_in(&pages, OWNER).await;
    let other = Desk::signed_in(&pages, OWNER).await.get("/desk").await.hidden("seal");
    let seal = owner.get("/desk").await.hidden("seal");
    let before = world.rows().await;
    for Button { route, path, fields, may } in BUTTONS {
        let foreign =
            [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")];
        let sealed = encoded(&[&[("seal", seal.as_str())], *fields].concat());
        match may {
            May::Outsiders => {}
            May::OutsidersHere => {
                for header in foreign {
                    let answer = Desk::outside(&pages).ask(Method::POST, path, &encoded(fields), &[header]).await;
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{route} {header:?}");
                }
            }
            May::From(_) => {
                for header in foreign {
                    let answer = owner.ask(Method::POST, path, &sealed, &[header]).await;
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{route} {header:?}");
                    assert!(answer.text.contains("Nothing was done"), "{route}: {}", answer.text);
                }
                for seal in [None, Some(""), Some("x"), Some(other.as_str())] {
                    let seal: Vec<(&str, &str)> = seal.map(|seal| ("seal", seal)).into_iter().collect();
                    let answer = owner.post(path, &[&seal[..], fields].concat()).await;
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{route} {seal:?}");
                }
            }
        }
    }
    assert_eq!(before.changes(&world.rows().await), [""; 0], "nothing was done");
}

/// Three kinds of tries in turn, so that what else the machine does falls on all of them. A password costs fifty times what
/// all the rest does: whoever left it out would answer in a small part of the time.
#[tokio::test]
async fn who_has_no_account_is_refused_after_as_long_as_who_has_the_wrong_password() {
    const TRIES: usize = 5;
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    let mut took: [Vec<Duration>; 3] = Default::default();
    for n in 0..TRIES {
        world.staff(&format!("known{n}@example.org"), Role::Viewer).await;
        let invited = crate::world::address_of(&format!("invited{n}@example.org"));
        tidings::staff::appoint(&world.app, &invited, "", Role::Viewer, "the test").await.expect("appointed");
    }
    Desk::outside(&pages).sign_in("first@example.org", PASSWORD).await;
    for n in 0..TRIES {
        for (kind, took) in ["known", "invited", "unknown"].into_iter().zip(&mut took) {
            let began = Instant::now();
            let answer = Desk::outside(&pages).sign_in(&format!("{kind}{n}@example.org"), "a wrong password").await;
            took.push(began.elapsed());
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{kind}");
        }
    }
    let median = |mut all: Vec<Duration>| {
        all.sort();
        all[TRIES / 2]
    };
    let [known, invited, unknown] = took.map(median);
    for (kind, other) in [("invited", invited), ("unknown", unknown)] {
        assert!(other * 3 > known && known * 3 > other, "known {known:?}, {kind} {other:?}");
    }
}
