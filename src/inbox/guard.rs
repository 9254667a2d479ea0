//! Who may read and clear the inbox by web: judged from a request's headers alone. It stops other sites that the
//! reader's browser has open: one that renamed itself to this machine's address (DNS rebinding), and one that sends
//! a form here. It is no login; who may connect at all is decided by where the page listens.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Whether Host is a name that nobody on the internet can own: an IP address, `localhost`, or a name without a dot.
pub(super) fn is_local_name(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, HOST.as_str()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').map_or("", |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    let single_label = !name.is_empty() && !name.contains('.');
    name.parse::<IpAddr>().is_ok() || name.ends_with(".localhost") || single_label
}

/// Whether a form came from one of our own pages, or from a program that is no browser.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    match (text(headers, "sec-fetch-site"), text(headers, ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            // Older browsers, and plain HTTP to another machine, send only where the form was.
            let sent_from = origin.split_once("://").map(|(_, authority)| authority);
            sent_from.is_some() && sent_from == text(headers, HOST.as_str())
        }
        // Every browser sends at least one of the two with a form.
        (None, None) => true,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::{is_local_name, is_same_origin};
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_names_that_nobody_can_own_are_local() {
        for ours in ["127.0.0.1:8080", "[::1]:8080", "192.168.1.7", "localhost:8080", "inbox.localhost", "Devbox:80"] {
            assert!(is_local_name(&headers(&[("host", ours)])), "{ours}");
        }
        for theirs in ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "", ":80", "[::1"] {
            assert!(!is_local_name(&headers(&[("host", theirs)])), "{theirs}");
        }
        assert!(!is_local_name(&HeaderMap::new()));
    }

    #[test]
    fn a_form_from_elsewhere_is_foreign() {
        let host = ("host", "127.0.0.1:8080");
        for ours in [
            &[host][..],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[host, ("origin", "http://127.0.0.1:8080")],
        ] {
            assert!(is_same_origin(&headers(ours)), "{ours:?}");
        }
        for theirs in [
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8080")][..],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("origin", "http://127.0.0.1:9090")],
            &[host, ("origin", "https://evil.example")],
            &[host, ("origin", "null")],
            &[("origin", "null")],
        ] {
            assert!(!is_same_origin(&headers(theirs)), "{theirs:?}");
        }
    }
}
