//! Where somebody came from, as far as the record keeps it. A network address in, text out.

use std::net::IpAddr;

use crate::{config::Origins, domain::network::network_of};

/// Where somebody came from, as far as the record keeps it.
pub(super) fn kept(origins: Origins, origin: Option<IpAddr>) -> String {
    match (origins, origin) {
        (Origins::None, _) | (_, None) => String::new(),
        (Origins::Network, Some(address)) => network_of(address),
        (Origins::Whole, Some(address)) => address.to_canonical().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::kept;
    use crate::config::Origins;

    #[test]
    fn the_record_keeps_what_the_settings_say() {
        let origin = Some("192.0.2.77".parse().expect("an address"));
        assert_eq!(kept(Origins::Whole, origin), "192.0.2.77");
        assert_eq!(kept(Origins::Network, origin), "192.0.2.0/24");
        assert_eq!(kept(Origins::None, origin), "");
        assert_eq!(kept(Origins::Whole, None), "");
    }
}
