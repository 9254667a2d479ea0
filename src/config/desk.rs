//! `[desk]`: an address of its own for the pages of staff, so that they can be kept away from where readers are.

use std::net::SocketAddr;

use url::Url;

use super::{
    mistake::Problem,
    people::Web,
    section::{Section, Value},
};

/// Where the desk is, when it is not where the public pages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    /// Where we listen for it, and for nothing else.
    pub listen: SocketAddr,
    /// Where staff reach it. It ends with a slash, so that `join` adds to it.
    pub base_url: Url,
}

/// Reads `[desk]`; `None` when the desk is among the public pages.
pub(super) fn desk(top: &mut Section<'_, '_>, web: &Web) -> Option<Desk> {
    let mut section = top.section("desk");
    let (listen, base_url) = (section.take("listen"), section.take("base_url"));
    if listen.is_some() && base_url.is_none() {
        let problem = Problem::new("missing; links in mails to staff are made of it");
        section.mistake(
            "base_url",
            problem.hint("write where staff reach the desk, such as `base_url = \"https://desk.example.org\"`"),
        );
    }
    if base_url.is_some() && listen.is_none() {
        let problem = Problem::new("missing; a desk with a name of its own needs an address of its own");
        section.mistake("listen", problem.hint("write `listen = \"127.0.0.1:8081\"`"));
    }
    let listen = listen.and_then(|value| value.read(|value| own_socket(value, web)));
    let base_url = base_url.and_then(|value| value.read(Value::base_url));
    section.finish();
    Some(Desk { listen: listen?, base_url: base_url? })
}

/// An address to listen on that the public pages do not have.
fn own_socket(value: &Value<'_, '_>, web: &Web) -> Result<SocketAddr, Problem> {
    let listen = value.socket()?;
    // Port 0 is a fresh one each time.
    if listen == web.listen && listen.port() != 0 {
        return Err(Problem::new("is where the public pages are, too")
            .hint("give the desk another port, or take `[desk]` out: then it is among the public pages"));
    }
    Ok(listen)
}
