//! Where somebody came from, as far as it tells one person from another and as far as it is kept. A network address in,
//! text out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Origins;

/// Where somebody came from, as far as the record keeps it.
pub(super) fn kept(origins: Origins, origin: Option<IpAddr>) -> String {
    match (origins, origin) {
        (Origins::None, _) | (_, None) => String::new(),
        (Origins::Network, Some(address)) => network_of(address),
        (Origins::Whole, Some(address)) => address.to_canonical().to_string(),
    }
}

/// The network that an address belongs to, as far as one subscriber of an access provider has it to themselves: /24 of
/// IPv4, /64 of IPv6.
pub(super) fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{kept, network_of};
    use crate::config::Origins;

    #[test]
    fn a_network_is_what_one_household_has() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(network_of(address.parse().expect("an address")), network);
        }
    }

    #[test]
    fn the_record_keeps_what_the_settings_say() {
        let origin = Some("192.0.2.77".parse().expect("an address"));
        assert_eq!(kept(Origins::Whole, origin), "192.0.2.77");
        assert_eq!(kept(Origins::Network, origin), "192.0.2.0/24");
        assert_eq!(kept(Origins::None, origin), "");
        assert_eq!(kept(Origins::Whole, None), "");
    }
}
