//! Who does something. It comes from a shell, which knows who is there, and goes into the ledger.

use std::fmt;

use super::NewsroomError;
use crate::{
    app::App,
    domain::{
        access::{Access, AccessTokenId},
        actor::Actor,
        address::EmailAddress,
        staff::Right,
        subscription::SubscriberId,
    },
    store::StoreError,
};

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// One of staff: they hold a link of ours, are signed in, or were named at the machine.
    Staff {
        /// Their number in the store, which stands for them there.
        id: SubscriberId,
        /// Their address.
        address: EmailAddress,
    },
    /// Whoever types at the machine, by the name that it has for them.
    Machine(String),
    /// A program that holds an access token. It is no person, however many people use it.
    Token {
        /// The token's number.
        id: AccessTokenId,
        /// What people call it.
        name: String,
    },
}

impl By {
    /// The one of staff who has this address.
    ///
    /// # Errors
    /// [`NewsroomError::NotStaff`], and when the store cannot be written.
    pub async fn staff(app: &App, address: &EmailAddress) -> Result<Self, NewsroomError> {
        if !is_staff(app, address).await? {
            return Err(NewsroomError::NotStaff(address.clone()));
        }
        let people = app.store.people(std::slice::from_ref(address), app.clock.now()).await?;
        let id = *people.first().expect("one for each address");
        Ok(Self::Staff { id, address: address.clone() })
    }

    /// The same for who only looks: nothing is written, and whom the store does not know has done nothing yet. `None` when
    /// they are not known, or are none of those who may decide.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn known_staff(app: &App, address: &EmailAddress) -> Result<Option<Self>, StoreError> {
        if !is_staff(app, address).await? {
            return Ok(None);
        }
        let id = app.store.subscriber_of(address).await?;
        Ok(id.map(|id| Self::Staff { id, address: address.clone() }))
    }

    /// The program that holds this.
    pub fn token(access: &Access) -> Self {
        Self::Token { id: access.id, name: access.name.clone() }
    }

    /// What they are called in the ledger beside what they did.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn actor(&self, app: &App) -> Result<Actor, StoreError> {
        Ok(match self {
            Self::Staff { id, address } => match app.store.account_of(address).await? {
                Some(account) => Actor::Staff(account.staff.id),
                None => Actor::Person(*id),
            },
            Self::Machine(name) => Actor::Machine(name.clone()),
            Self::Token { id, .. } => Actor::Token(*id),
        })
    }

    /// Their number, when they are known to be one of staff.
    pub fn person(&self) -> Option<SubscriberId> {
        match self {
            Self::Staff { id, .. } => Some(*id),
            Self::Machine(_) | Self::Token { .. } => None,
        }
    }
}

/// As the ledger and staff are told, with the address masked.
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff { address, .. } => write!(f, "{address}"),
            Self::Machine(name) => write!(f, "{name} at the machine"),
            Self::Token { id, name } => write!(f, "the program “{name}” ({})", id.about()),
        }
    }
}

/// True for those who may let things go, or stop them: who has an account at the desk may what their role allows, and of
/// the others those may whom config.toml names as staff.
pub(super) async fn is_staff(app: &App, address: &EmailAddress) -> Result<bool, StoreError> {
    let account = app.store.account_of(address).await?;
    let is_named = || app.config.staff.notify.iter().any(|staff| staff.key() == address.key());
    Ok(account.map_or_else(is_named, |account| account.staff.role.may(Right::Send)))
}
