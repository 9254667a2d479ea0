//! Who did something that a person, or a program in a person's place, may be asked about. It stands in the ledger beside
//! what was done. What happens by itself has no actor.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use super::{access::AccessTokenId, staff::StaffId, subscription::SubscriberId};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// One of staff, signed in at the desk.
    Staff(StaffId),
    /// One of staff without an account, whom config.toml names, by the link of a mail.
    Person(SubscriberId),
    /// A program that holds an access token of the API.
    Token(AccessTokenId),
    /// Whoever types at the machine, by the name that it has for them.
    Machine(String),
}

/// As the ledger keeps it: `staff:3`, `person:7`, `token:2`, `machine:ana`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff(id) => f.write_str(&id.about()),
            Self::Person(id) => write!(f, "person:{}", id.0),
            Self::Token(id) => f.write_str(&id.about()),
            Self::Machine(name) => write!(f, "machine:{name}"),
        }
    }
}

/// The text is none of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this names nobody")]
pub struct NotAnActor;

impl FromStr for Actor {
    type Err = NotAnActor;

    fn from_str(text: &str) -> Result<Self, NotAnActor> {
        let (kind, rest) = text.split_once(':').ok_or(NotAnActor)?;
        let number = || rest.parse::<i64>().map_err(|_| NotAnActor);
        match kind {
            "staff" => Ok(Self::Staff(StaffId(number()?))),
            "person" => Ok(Self::Person(SubscriberId(number()?))),
            "token" => Ok(Self::Token(AccessTokenId(number()?))),
            "machine" if !rest.is_empty() => Ok(Self::Machine(rest.to_owned())),
            _ => Err(NotAnActor),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessTokenId, Actor, NotAnActor, StaffId, SubscriberId};

    #[test]
    fn an_actor_is_read_back_as_it_was_written() {
        for actor in [
            Actor::Staff(StaffId(3)),
            Actor::Person(SubscriberId(7)),
            Actor::Token(AccessTokenId(12)),
            Actor::Machine("ana: at \"night\"".to_owned()),
        ] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for nobody in ["", "staff", "staff:", "staff:x", "machine:", "reader:3", "3"] {
            assert_eq!(nobody.parse::<Actor>(), Err(NotAnActor), "{nobody}");
        }
    }
}
