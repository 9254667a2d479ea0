//! Who asks: a program with a token. A request comes in; what its token is good for goes out, or the problem with it. No
//! cookie is looked at, so that no browser can be made to ask in somebody's name.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{
    super::Site,
    problem::{Kind, Problem},
};
use crate::{
    access,
    app::App,
    domain::{
        access::{Access, Reach, Scope},
        actor::Actor,
        address::{EmailAddress, without_addresses, without_person},
        list::List,
        slug::Slug,
    },
    newsroom::By,
};

/// A program whose token is good, and who has not asked too often.
#[derive(Debug)]
pub(super) struct Admitted(Access);

impl Admitted {
    /// The problem of a token that lacks a scope.
    pub(super) fn needs(&self, scope: Scope) -> Result<(), Problem> {
        let detail = || format!("The token lacks the scope {}.", scope.as_str());
        if self.0.may(scope) { Ok(()) } else { Err(Problem::new(Kind::WrongScope, detail())) }
    }

    /// The problem of a token that does not reach every list, with what is about all of them.
    pub(super) fn needs_every_list(&self) -> Result<(), Problem> {
        match self.0.reach {
            Reach::Whole => Ok(()),
            Reach::Lists(_) => Err(Problem::new(Kind::NotEveryList, "The token is for some lists only.")),
        }
    }

    /// The list of that name, when it is there and the token reaches it.
    pub(super) fn list<'a>(&self, site: &'a Site, name: &str) -> Result<&'a List, Problem> {
        self.lists(site).find(|list| list.name.as_str() == name).ok_or_else(Problem::not_found)
    }

    /// The lists that it reaches.
    pub(super) fn lists<'a>(&self, site: &'a Site) -> impl Iterator<Item = &'a List> {
        site.app.config.lists.iter().filter(|list| self.reaches(&list.name))
    }

    /// Their names; `None` when it reaches every list, also those that are no longer configured.
    pub(super) fn only(&self) -> Option<&[Slug]> {
        match &self.0.reach {
            Reach::Whole => None,
            Reach::Lists(lists) => Some(lists),
        }
    }

    /// The feeds of the lists that it reaches; `None` when it reaches every one.
    pub(super) fn only_feeds(&self, site: &Site) -> Option<Vec<Slug>> {
        self.only().map(|_| self.lists(site).flat_map(|list| list.feeds.iter().cloned()).collect())
    }

    pub(super) fn reaches(&self, list: &Slug) -> bool {
        self.0.reach.has(list)
    }

    /// An address as it may be shown to this program.
    pub(super) fn shows(&self, address: &EmailAddress) -> String {
        if self.0.may(Scope::AddressesRead) { address.reveal().to_owned() } else { address.to_string() }
    }

    /// What somebody is called, as it may be shown to this program: it says no less than their address.
    pub(super) fn shows_name(&self, name: String) -> String {
        if self.0.may(Scope::AddressesRead) { name } else { String::new() }
    }

    /// A relay's words about somebody, as they may be shown to this program.
    pub(super) fn shows_answer(&self, answer: &str, about: &EmailAddress, name: &str) -> String {
        match self.0.may(Scope::AddressesRead) {
            true => without_addresses(answer, Some(about)),
            false => without_person(answer, about, name),
        }
    }

    /// The app, for what it does: the ledger says that it was this token.
    pub(super) fn app(&self, site: &Site) -> App {
        site.app.by(Actor::Token(self.0.id))
    }

    /// Who it is in the newsroom.
    pub(super) fn by(&self) -> By {
        By::token(&self.0)
    }

    pub(super) fn access(&self) -> &Access {
        &self.0
    }
}

impl FromRequestParts<Site> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let found = match shown(&parts.headers) {
            Some(text) => access::admit(&site.app, text).await?,
            None => None,
        };
        let Some(access) = found else {
            let detail = "Send a token that is good now in the header Authorization, as “Bearer tidings_…”.";
            return Err(Problem::new(Kind::NoToken, detail));
        };
        let (rate, now) = (site.app.config.api.rate, site.app.clock.now());
        site.api.paces.leave(access.id, rate, now).map_err(|wait| {
            let seconds = wait.as_secs().unsigned_abs() + 1;
            Problem::new(Kind::TooMany, format!("This token may ask at a rate of {rate}.")).after(seconds)
        })?;
        Ok(Self(access))
    }
}

/// The token that a request shows, when it shows one and no other (RFC 6750 §2.1).
fn shown(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}
