//! What may be fetched: public addresses, and the private ranges that the configuration names. Addresses come in, yes
//! or no goes out. A name is resolved here and only the addresses that passed are handed on, so what was checked is
//! what is connected to. Nothing here opens a connection.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// IPv4 ranges that are not the public Internet (IANA special-purpose registry, RFC 6890 and successors).
const CLOSED_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// The only IPv6 block handed out for the public Internet; everything outside it is closed.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Ranges inside it that are not public.
const CLOSED_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which carries any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// NAT64's well-known prefix (RFC 6052): an IPv4 address dressed for IPv6-only networks.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The networks that may be fetched from.
#[derive(Clone, Debug, Default)]
pub(super) struct Networks {
    /// Private ranges that the configuration allows besides the public Internet.
    allowed: Arc<[IpNet]>,
}

/// A host that may not be fetched, found somewhere inside an error of the HTTP client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{host}` is not at a public address")]
pub(super) struct ClosedHost {
    /// Its name or address, as the URL had it.
    pub(super) host: String,
}

impl Networks {
    /// The public Internet and `allowed`.
    pub(super) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed: allowed.into() }
    }

    /// Whether an address may be connected to. An IPv4 address in IPv6 dress counts as what it is.
    pub(super) fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }

    /// Checks a URL whose host is an address: the HTTP client does not resolve those, so [`Gate`] never sees them.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), ClosedHost> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.allow(address) { Ok(()) } else { Err(ClosedHost { host: address.to_string() }) }
    }
}

/// Whether an address belongs to the public Internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !CLOSED_V4.iter().any(|&range| inside_v4(range, address)),
        IpAddr::V6(address) if inside_v6(NAT64, address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        IpAddr::V6(address) => {
            inside_v6(GLOBAL_V6, address) && !CLOSED_V6.iter().any(|&range| inside_v6(range, address))
        }
    }
}

fn inside_v4((start, bits): (Ipv4Addr, u8), address: Ipv4Addr) -> bool {
    Ipv4Net::new_assert(start, bits).contains(&address)
}

fn inside_v6((start, bits): (Ipv6Addr, u8), address: Ipv6Addr) -> bool {
    Ipv6Net::new_assert(start, bits).contains(&address)
}

/// The resolver given to the HTTP client: the system's, with closed addresses taken out of every answer.
#[derive(Debug)]
pub(super) struct Gate(pub(super) Networks);

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> = found.filter(|address| networks.allow(address.ip())).collect();
            if open.is_empty() {
                let closed: Box<dyn Error + Send + Sync> = Box::new(ClosedHost { host: name.as_str().to_owned() });
                return Err(closed);
            }
            let addresses: Addrs = Box::new(open.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Networks, is_public};
    use std::net::IpAddr;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    #[test]
    fn only_the_public_internet_is_open() {
        let closed = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.9.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in closed {
            assert!(!is_public(address(text)), "{text} is closed");
        }
        let open = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2a00:1450::1",
            "64:ff9b::8.8.8.8",
        ];
        for text in open {
            assert!(is_public(address(text)), "{text} is open");
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_dress_is_what_it_is() {
        let networks = Networks::default();
        assert!(!networks.allow(address("::ffff:127.0.0.1")));
        assert!(!networks.allow(address("::ffff:192.168.0.1")));
        assert!(networks.allow(address("::ffff:8.8.8.8")));
    }

    #[test]
    fn the_configuration_may_open_a_private_range_and_no_more() {
        let networks = Networks::new(vec!["10.1.0.0/16".parse().expect("range"), "fd00::/8".parse().expect("range")]);
        assert!(networks.allow(address("10.1.2.3")));
        assert!(networks.allow(address("::ffff:10.1.2.3")));
        assert!(networks.allow(address("fd00::5")));
        assert!(!networks.allow(address("10.2.0.1")));
        assert!(!networks.allow(address("127.0.0.1")));
    }

    #[test]
    fn a_host_written_as_an_odd_number_is_still_an_address() {
        let networks = Networks::default();
        for url in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://1270.0.1./",
        ] {
            let Ok(url) = url.parse::<url::Url>() else { continue };
            assert!(networks.check_literal(&url).is_err() || url.domain().is_some(), "{url} is refused");
        }
        assert!(networks.check_literal(&"http://2130706433/".parse().expect("url")).is_err());
        assert!(networks.check_literal(&"http://8.8.8.8/".parse().expect("url")).is_ok());
    }
}
