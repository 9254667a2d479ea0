//! Logs in with AUTH PLAIN (RFC 4616) or AUTH LOGIN. The password is revealed only into the line that is written; it
//! is in no error, no Debug output, and not in clear text to another machine.

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};

use super::{
    capabilities::Capabilities,
    offer::COMMAND_OCTETS,
    outcome::{Meaning, meaning},
    reply::ReplyLines,
    stage::Stage,
    trouble::{Disorder, Trouble},
    wire::Wire,
};
use crate::domain::{delivery::Reply, relay::Login};

/// Logs in, with PLAIN when it is offered: it takes fewer round trips.
pub(super) async fn log_in(wire: &mut Wire, login: &Login, offered: &Capabilities) -> Result<(), Trouble> {
    if !wire.keeps_secrets() {
        return Err(Trouble::ClearTextLogin);
    }
    let last = if offered.auth_plain {
        plain(wire, login).await?
    } else if offered.auth_login {
        let challenge = wire.ask(Stage::Auth, b"AUTH LOGIN\r\n").await?;
        challenged(challenge)?;
        let challenge = answer(wire, &encoded(login.username.as_bytes())).await?;
        challenged(challenge)?;
        let response = encoded(login.password.expose_secret().as_bytes());
        hushed(answer(wire, &response).await?, &[&response, &login.password])
    } else {
        return Err(Trouble::NoAuthMechanism);
    };
    match meaning(Stage::Auth, last.code) {
        Meaning::Yes => Ok(()),
        Meaning::No => Err(Trouble::Auth(last.into())),
        Meaning::Nonsense => Err(unexpected(last)),
    }
}

async fn plain(wire: &mut Wire, login: &Login) -> Result<ReplyLines, Trouble> {
    let identity = SecretString::from(format!("\0{}\0{}", login.username, login.password.expose_secret()));
    let response = encoded(identity.expose_secret().as_bytes());
    let line = SecretString::from(format!("AUTH PLAIN {}\r\n", response.expose_secret()));
    let reply = if line.expose_secret().len() <= COMMAND_OCTETS {
        wire.ask(Stage::Auth, line.expose_secret().as_bytes()).await?
    } else {
        // RFC 4954 §4: a response too long for the command waits for the challenge.
        let challenge = wire.ask(Stage::Auth, b"AUTH PLAIN\r\n").await?;
        challenged(challenge)?;
        answer(wire, &response).await?
    };
    Ok(hushed(reply, &[&response, &login.password]))
}

/// Answers a challenge.
async fn answer(wire: &mut Wire, response: &SecretString) -> Result<ReplyLines, Trouble> {
    let line = SecretString::from(format!("{}\r\n", response.expose_secret()));
    wire.ask(Stage::Auth, line.expose_secret().as_bytes()).await
}

/// A relay that shows us our own words in its reply must not bring them into a log.
fn hushed(mut reply: ReplyLines, secrets: &[&SecretString]) -> ReplyLines {
    for line in &mut reply.lines {
        for secret in secrets {
            *line = line.replace(secret.expose_secret(), "***");
        }
    }
    reply
}

/// Only 334 asks for more; a refusal here is a refusal of the login.
fn challenged(reply: ReplyLines) -> Result<(), Trouble> {
    match reply.code {
        334 => Ok(()),
        400..=599 => Err(Trouble::Auth(reply.into())),
        _ => Err(unexpected(reply)),
    }
}

fn unexpected(reply: ReplyLines) -> Trouble {
    Trouble::Protocol(Stage::Auth, Disorder::Unexpected(Reply::from(reply)))
}

fn encoded(bytes: &[u8]) -> SecretString {
    SecretString::from(BASE64.encode(bytes))
}
