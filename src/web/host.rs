//! The name that a request is for. The pages answer to their own names only, so that a page of somebody else's name cannot
//! be ours (DNS rebinding), and no cache keeps what was asked for by another name. Links are never made from it.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::Site;
use crate::config::{Config, Desk};

/// Lets a request through that is for one of our names.
pub(super) async fn check(State(site): State<Site>, request: Request, next: Next) -> Response {
    if is_ours(&site.names, request.uri(), request.headers()) {
        return next.run(request).await;
    }
    site.problem(
        StatusCode::MISDIRECTED_REQUEST,
        "This server does not answer to that name. Whoever runs it can add the name to [web] hosts, or of the desk to \
         [desk] base_url.",
    )
}

fn is_ours(names: &Names, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::HOST).iter();
    let named = match (uri.authority(), given.next(), given.next()) {
        (_, _, Some(_)) => return false,
        (Some(authority), ..) => Some(authority.clone()),
        (None, Some(host), None) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        (None, None, None) => None,
    };
    named.is_some_and(|named| names.has(&named))
}

/// True when a browser says that the page which has it ask is somebody else's. One that says nothing of it may be asking
/// for any page: browsers without `Sec-Fetch-Site` name no origin either when a page, as ours do, wants no referrer sent.
pub(super) fn is_from_elsewhere(site: &Site, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, None | Some("null")) => false,
        (None, Some(origin)) => {
            let authority = origin.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok());
            !authority.is_some_and(|authority| site.names.has(&authority))
        }
    }
}

/// The names that pages answer to.
#[derive(Clone, Debug)]
pub(super) struct Names {
    own: Vec<String>,
    listen: IpAddr,
}

impl Names {
    /// Those of the public pages.
    pub(super) fn public(config: &Config) -> Self {
        let own = config.base_url.host_str().map(str::to_owned).into_iter().chain(config.web.hosts.iter().cloned());
        Self { own: own.collect(), listen: config.web.listen.ip() }
    }

    /// Those of a desk with an address of its own: no page of the public ones is its own kind.
    pub(super) fn desk(desk: &Desk) -> Self {
        Self { own: desk.base_url.host_str().map(str::to_owned).into_iter().collect(), listen: desk.listen.ip() }
    }

    fn has(&self, named: &Authority) -> bool {
        let bare = |name: &str| name.trim_matches(['[', ']']).to_ascii_lowercase();
        let name = bare(named.host().trim_end_matches('.'));
        let is_loopback = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || self.own.iter().any(|own| bare(own) == name) || name == self.listen.to_string()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri, header};

    use super::{Names, is_ours};
    use crate::config::Config;

    #[test]
    fn the_pages_answer_to_their_own_names_only() {
        let mut config = Config { base_url: "https://news.example.org/".parse().expect("a URL"), ..Config::default() };
        config.web.hosts = vec!["www.example.org".to_owned()];
        let names = Names::public(&config);
        let is = |hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            is_ours(&names, &Uri::from_static("/join"), &headers)
        };
        for host in [
            "news.example.org",
            "NEWS.example.org.:443",
            "www.example.org",
            "127.0.0.1:8080",
            "[::1]:8080",
            "localhost",
        ] {
            assert!(is(&[host]), "{host}");
        }
        for host in [
            "example.org",
            "news.example.org.evil.example",
            "evil.example",
            "192.0.2.1",
            "",
            "a b",
            "news.example.org@evil.example:1",
        ] {
            assert!(!is(&[host]), "{host}");
        }
        assert!(!is(&[]));
        assert!(!is(&["news.example.org", "evil.example"]));
    }
}
