//! `[sender]`, `[staff]` and `[web]`: who writes, who is told, and where readers reach us.

use std::net::SocketAddr;

use super::{
    mistake::Problem,
    section::{Section, Value},
};
use crate::domain::{address::EmailAddress, sender::Sender};

/// The accent colour when none is chosen.
pub(super) const ACCENT: &str = "#0b5c6b";

/// `[staff]`: who is told of failing feeds, held issues and alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// Their addresses.
    pub notify: Vec<EmailAddress>,
}

/// `[web]`: the public pages and the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where we listen.
    pub listen: SocketAddr,
}

impl Default for Web {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}

/// Reads `[sender]`.
pub(super) fn sender(top: &mut Section<'_, '_>) -> Option<Sender> {
    let mut section = top.section("sender");
    let name = section.required("name", Value::words);
    let address = section.required("address", Value::address);
    let reply_to = section.optional("reply_to", Value::address);
    let postal_address = section.required("postal_address", Value::words);
    let press_contact = section.or("press_contact", String::new(), Value::line);
    let accent = section.or("accent", ACCENT.to_owned(), Value::colour);
    section.finish();
    Some(Sender { name: name?, address: address?, reply_to, postal_address: postal_address?, press_contact, accent })
}

/// Reads `[staff]`.
pub(super) fn staff(top: &mut Section<'_, '_>) -> Staff {
    let mut section = top.section("staff");
    let notify = section.or("notify", Vec::new(), |value| value.each(Value::address));
    section.finish();
    Staff { notify }
}

/// Reads `[web]`.
pub(super) fn web(top: &mut Section<'_, '_>) -> Web {
    let mut section = top.section("web");
    let listen = section.or("listen", Web::default().listen, Value::socket);
    section.finish();
    Web { listen }
}

impl Value<'_, '_> {
    fn colour(&self) -> Result<String, Problem> {
        let text = self.text()?;
        match text.strip_prefix('#') {
            Some(digits) if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Ok(text.to_ascii_lowercase())
            }
            _ => Err(Problem::new("not a colour").hint("write it as \"#rrggbb\", such as \"#0b5c6b\"")),
        }
    }

    fn socket(&self) -> Result<SocketAddr, Problem> {
        self.text()?.parse().map_err(|_| {
            Problem::new("not an address to listen on")
                .hint("write an IP address and a port: \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every network")
        })
    }
}
