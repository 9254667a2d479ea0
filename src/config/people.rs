//! `[sender]`, `[staff]` and `[web]`: who writes, who is told, and where readers reach us.

use std::{collections::BTreeSet, net::SocketAddr};

use ipnet::IpNet;

use super::{
    mistake::Problem,
    section::{Section, Value},
};
use crate::domain::{address::EmailAddress, sender::Sender};

/// The accent colour when none is chosen.
pub(super) const ACCENT: &str = "#0b5c6b";

/// `[staff]`: who is told of failing feeds, held issues and alerts, and who lets alerts go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// The addresses of those who are told. Who has an account at the desk may what their role allows; the others of them
    /// may decide about issues.
    pub notify: Vec<EmailAddress>,
    /// Whether an alert by hand needs two of them.
    pub second_person: SecondPerson,
}

/// Whether an alert by hand waits for a second person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondPerson {
    /// It does.
    Needed,
    /// Who writes it sends it.
    #[default]
    NotNeeded,
}

/// `[web]`: the public pages and the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where we listen.
    pub listen: SocketAddr,
    /// The networks of proxies in front of us, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// Names that the pages answer to besides that of `base_url`.
    pub hosts: Vec<String>,
}

/// `[joining]`: the limits of mails that are sent because somebody asked, all within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// How much is kept of where somebody came from.
    pub origins: Origins,
    /// The most for those who ask from one network.
    pub per_network: u64,
    /// The most to one receiving domain.
    pub per_domain: u64,
    /// The most in all.
    pub at_most: u64,
}

/// How much the consent record keeps of where somebody came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origins {
    /// The whole network address.
    Whole,
    /// The network it belongs to: /24 or /64.
    Network,
    /// Nothing.
    None,
}

impl Default for Joining {
    fn default() -> Self {
        Self { origins: Origins::Network, per_network: 20, per_domain: 300, at_most: 1000 }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            proxies: ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network")).to_vec(),
            hosts: Vec::new(),
        }
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
    let second_person = section.or("second_person", SecondPerson::NotNeeded, |value| {
        value.either(SecondPerson::Needed, SecondPerson::NotNeeded)
    });
    let people: BTreeSet<String> = notify.iter().map(EmailAddress::key).collect();
    if second_person == SecondPerson::Needed && people.len() < 2 {
        let hint = "name two addresses or more in `notify`, or make two people publishers or owners of the desk: who \
                    writes an alert cannot approve it";
        section.warn("second_person", Problem::new("`notify` names no second person").hint(hint));
    }
    section.finish();
    Staff { notify, second_person }
}

/// Reads `[web]`.
pub(super) fn web(top: &mut Section<'_, '_>) -> Web {
    let mut section = top.section("web");
    let listen = section.or("listen", Web::default().listen, Value::socket);
    let proxies = section.or("proxies", Web::default().proxies, |value| value.each(Value::network));
    let hosts = section.or("hosts", Vec::new(), |value| value.each(Value::host));
    section.finish();
    Web { listen, proxies, hosts }
}

/// Reads `[joining]`.
pub(super) fn joining(top: &mut Section<'_, '_>) -> Joining {
    let (mut section, default) = (top.section("joining"), Joining::default());
    let mut limit =
        |key, default| section.or(key, default, |value| value.count(0, 1_000_000).map(|count| count as u64));
    let per_network = limit("per_network", default.per_network);
    let per_domain = limit("per_domain", default.per_domain);
    let at_most = limit("at_most", default.at_most);
    let origins = section.or("origins", default.origins, Value::origins);
    section.finish();
    Joining { origins, per_network, per_domain, at_most }
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

    fn origins(&self) -> Result<Origins, Problem> {
        const WORDS: [&str; 3] = ["whole", "network", "none"];
        match self.text()? {
            "whole" => Ok(Origins::Whole),
            "network" => Ok(Origins::Network),
            "none" => Ok(Origins::None),
            other => Err(Problem::new("no such word").suggest(other, WORDS.into_iter())),
        }
    }

    pub(super) fn socket(&self) -> Result<SocketAddr, Problem> {
        self.text()?.parse().map_err(|_| {
            Problem::new("not an address to listen on")
                .hint("write an IP address and a port: \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every network")
        })
    }
}
