//! Where a request comes from: the address at the other end of the connection, or what a proxy of ours says. A header
//! that anybody can write is believed only from a proxy that is configured.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::request::Parts,
};
use ipnet::IpNet;

use super::Site;

/// Where a request comes from; `None` when the server was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin(pub(super) Option<IpAddr>);

impl FromRequestParts<Site> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let forwarded: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        Ok(Self(peer.and_then(|peer| beyond_proxies(peer, &forwarded, &site.app.config.web.proxies))))
    }
}

/// The last address in the chain that is not one of our proxies: what stands before it, anybody may have written. `None`
/// when a proxy does not say for whom it asks: to take it for the one who asks would make one network of all readers.
fn beyond_proxies(peer: IpAddr, forwarded: &[&str], proxies: &[IpNet]) -> Option<IpAddr> {
    let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    let mut last = peer.to_canonical();
    for text in forwarded.iter().rev() {
        if !is_proxy(last) {
            break;
        }
        match text.parse::<IpAddr>() {
            Ok(address) => last = address.to_canonical(),
            Err(_) => break,
        }
    }
    (!is_proxy(last)).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::beyond_proxies;

    #[test]
    fn only_our_own_proxies_are_believed() {
        let ip = |text: &str| text.parse().expect("an address");
        let proxies = [ip_net("127.0.0.0/8"), ip_net("10.0.0.0/8")];
        for (peer, forwarded, origin) in [
            ("127.0.0.1", vec!["198.51.100.7"], Some("198.51.100.7")),
            ("127.0.0.1", vec!["203.0.113.1", "198.51.100.7"], Some("198.51.100.7")),
            ("127.0.0.1", vec!["203.0.113.1", "198.51.100.7", "10.1.1.1"], Some("198.51.100.7")),
            ("192.0.2.9", vec!["198.51.100.7"], Some("192.0.2.9")),
            ("127.0.0.1", vec!["nonsense"], None),
            ("127.0.0.1", vec![], None),
            ("127.0.0.1", vec!["10.1.1.1"], None),
            ("::ffff:127.0.0.1", vec!["2001:db8::1"], Some("2001:db8::1")),
        ] {
            assert_eq!(beyond_proxies(ip(peer), &forwarded, &proxies), origin.map(ip), "{peer} {forwarded:?}");
        }
    }

    fn ip_net(text: &str) -> ipnet::IpNet {
        text.parse().expect("a network")
    }
}
