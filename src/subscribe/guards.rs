//! The guards against being used as somebody's weapon: how many mails go out because strangers asked for them. Counts and
//! limits go in, the reason for silence comes out. Pure: it counts nothing itself.

use crate::{config::Joining, domain::address::EmailAddress, store::requests::Counted};

/// The most mails on request to one address in a day, and in thirty days, whoever asks by whatever door.
const A_DAY: u64 = 1;
const A_MONTH: u64 = 3;

/// Local parts that belong to nobody in person: a mail to them is somebody else's idea.
const ROLES: [&str; 9] =
    ["abuse", "bounce", "bounces", "hostmaster", "mailer-daemon", "no-reply", "noreply", "postmaster", "spam"];

/// Why a request is not answered. Whoever asked is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The address had its mail of this day.
    AddressToday,
    /// The address had its mails of this month.
    AddressThisMonth,
    /// The network it came from asks for too many.
    Network,
    /// The receiving domain gets too many.
    Domain,
    /// All in all it is too many; staff must hear of it.
    Everybody,
    /// Nobody in person reads mail there.
    Role,
    /// It is one of our own addresses: an answer would come back to us.
    Ourselves,
}

impl Silence {
    /// In words, for the record.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AddressToday => "this address had a mail on request within a day",
            Self::AddressThisMonth => "this address had three mails on request within thirty days",
            Self::Network => "too many were asked for from one network within an hour",
            Self::Domain => "too many were asked for to one domain within an hour",
            Self::Everybody => "too many were asked for within an hour",
            Self::Role => "no person reads mail at this address",
            Self::Ourselves => "the address is our own",
        }
    }
}

/// Whether one more mail may go.
pub(super) fn allow(counted: &Counted, limits: &Joining) -> Result<(), Silence> {
    let checks = [
        (counted.to_address_today < A_DAY, Silence::AddressToday),
        (counted.to_address_this_month < A_MONTH, Silence::AddressThisMonth),
        (counted.for_network < limits.per_network, Silence::Network),
        (counted.to_domain < limits.per_domain, Silence::Domain),
        (counted.to_anybody < limits.at_most, Silence::Everybody),
    ];
    checks.into_iter().find(|(is_well, _)| !is_well).map_or(Ok(()), |(_, why)| Err(why))
}

/// Whether this can be the address of somebody who wants our mail.
pub(super) fn may_be_asked_for(address: &EmailAddress, own: &[&EmailAddress]) -> Result<(), Silence> {
    let whole = address.local().to_lowercase();
    let local = whole.split('+').next().unwrap_or_default();
    let is_own = |own: &&EmailAddress| {
        own.domain().eq_ignore_ascii_case(address.domain()) && own.local().to_lowercase() == local
    };
    if own.iter().any(is_own) {
        return Err(Silence::Ourselves);
    }
    if ROLES.contains(&local) { Err(Silence::Role) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Silence, allow, may_be_asked_for};
    use crate::{config::Joining, domain::address::EmailAddress, store::requests::Counted};

    #[test]
    fn the_first_limit_that_is_reached_is_the_reason() {
        let limits = Joining { per_network: 20, per_domain: 300, at_most: 1000, ..Joining::default() };
        let none = Counted::default();
        assert_eq!(allow(&none, &limits), Ok(()));
        for (counted, why) in [
            (Counted { to_address_today: 1, to_address_this_month: 1, ..none }, Silence::AddressToday),
            (Counted { to_address_this_month: 3, ..none }, Silence::AddressThisMonth),
            (Counted { for_network: 20, ..none }, Silence::Network),
            (Counted { to_domain: 300, ..none }, Silence::Domain),
            (Counted { to_anybody: 1000, ..none }, Silence::Everybody),
        ] {
            assert_eq!(allow(&counted, &limits), Err(why));
        }
        let just_below =
            Counted { to_address_today: 0, to_address_this_month: 2, for_network: 19, to_domain: 299, to_anybody: 999 };
        assert_eq!(allow(&just_below, &limits), Ok(()));
    }

    #[test]
    fn roles_and_ourselves_are_never_written_to_on_request() {
        let address = |text| EmailAddress::parse(text).expect("an address");
        let own = address("news@example.org");
        for (text, verdict) in [
            ("ana@example.org", Ok(())),
            ("newsroom@example.org", Ok(())),
            ("news@example.net", Ok(())),
            ("News+join.news@EXAMPLE.org", Err(Silence::Ourselves)),
            ("Abuse@example.net", Err(Silence::Role)),
            ("noreply+x@example.net", Err(Silence::Role)),
        ] {
            assert_eq!(may_be_asked_for(&address(text), &[&own]), verdict, "{text}");
        }
    }
}
