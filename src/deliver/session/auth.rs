//! Logs in with AUTH PLAIN (RFC 4616), AUTH LOGIN or AUTH XOAUTH2. The password or token is revealed only into the line
//! that is written; it is in no error, no Debug output, and not in clear text to another machine.

use std::time::Duration;

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};

use super::{
    capabilities::Capabilities,
    offer::COMMAND_OCTETS,
    outcome::{Meaning, meaning},
    reply::ReplyLines,
    stage::Stage,
    token,
    trouble::{Disorder, Trouble},
    wire::Wire,
};
use crate::domain::{
    delivery::Reply,
    relay::{Login, Proof},
};

/// What is written to the relay to show that we are who we say.
pub(super) enum Credential {
    /// For PLAIN or LOGIN.
    Password(SecretString),
    /// For XOAUTH2.
    Token(SecretString),
}

impl Credential {
    /// The password, or a fresh token.
    pub(super) async fn of(login: &Login, limit: Duration) -> Result<Self, Trouble> {
        match &login.proof {
            Proof::Password(password) => Ok(Self::Password(password.clone())),
            Proof::Token(source) => Ok(Self::Token(token::fresh(source, limit).await.map_err(Trouble::Token)?)),
        }
    }
}

/// Logs in, with PLAIN rather than LOGIN: it takes fewer round trips. A token is good for XOAUTH2 and nothing else, and
/// a password never goes where a token belongs.
pub(super) async fn log_in(
    wire: &mut Wire,
    username: &str,
    credential: &Credential,
    offered: &Capabilities,
) -> Result<(), Trouble> {
    if !wire.keeps_secrets() {
        return Err(Trouble::ClearTextLogin);
    }
    let last = match credential {
        Credential::Token(token) if offered.auth_xoauth2 => xoauth2(wire, username, token).await?,
        Credential::Token(_) => return Err(Trouble::NoXoauth2),
        Credential::Password(password) if offered.auth_plain => plain(wire, username, password).await?,
        Credential::Password(password) if offered.auth_login => two_questions(wire, username, password).await?,
        Credential::Password(_) => return Err(Trouble::NoAuthMechanism),
    };
    match meaning(Stage::Auth, last.code) {
        Meaning::Yes => Ok(()),
        Meaning::No => Err(Trouble::Auth(last.into())),
        Meaning::Nonsense => Err(unexpected(last)),
    }
}

/// AUTH PLAIN (RFC 4616).
async fn plain(wire: &mut Wire, username: &str, password: &SecretString) -> Result<ReplyLines, Trouble> {
    let identity = SecretString::from(format!("\0{username}\0{}", password.expose_secret()));
    let response = encoded(identity.expose_secret().as_bytes());
    let reply = first_answer(wire, "PLAIN", &response).await?;
    Ok(hushed(reply, &[&response, password]))
}

/// AUTH LOGIN, which asks for the name and then for the password.
async fn two_questions(wire: &mut Wire, username: &str, password: &SecretString) -> Result<ReplyLines, Trouble> {
    let challenge = wire.ask(Stage::Auth, b"AUTH LOGIN\r\n").await?;
    challenged(challenge)?;
    let challenge = answer(wire, &encoded(username.as_bytes())).await?;
    challenged(challenge)?;
    let response = encoded(password.expose_secret().as_bytes());
    Ok(hushed(answer(wire, &response).await?, &[&response, password]))
}

/// AUTH XOAUTH2, as Google and Microsoft describe it. A relay that does not like the token challenges us to hear why;
/// only after an empty answer does it refuse.
async fn xoauth2(wire: &mut Wire, username: &str, token: &SecretString) -> Result<ReplyLines, Trouble> {
    let identity = SecretString::from(format!("user={username}\x01auth=Bearer {}\x01\x01", token.expose_secret()));
    let response = encoded(identity.expose_secret().as_bytes());
    let mut reply = first_answer(wire, "XOAUTH2", &response).await?;
    if reply.code == 334 {
        let why = challenge_text(&reply);
        reply = wire.ask(Stage::Auth, b"\r\n").await?;
        reply.lines.extend(why);
    }
    Ok(hushed(reply, &[&response, token]))
}

/// What a challenge says, in one line that can be shown.
fn challenge_text(challenge: &ReplyLines) -> Option<String> {
    let decoded = BASE64.decode(challenge.lines.first()?.trim().as_bytes()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    Some(token::without_tokens(&line))
}

/// Names a mechanism and gives its first answer, in one line where that is allowed.
async fn first_answer(wire: &mut Wire, mechanism: &str, response: &SecretString) -> Result<ReplyLines, Trouble> {
    let line = SecretString::from(format!("AUTH {mechanism} {}\r\n", response.expose_secret()));
    if line.expose_secret().len() <= COMMAND_OCTETS {
        return wire.ask(Stage::Auth, line.expose_secret().as_bytes()).await;
    }
    // RFC 4954 §4: an answer too long for the command waits for the challenge.
    let challenge = wire.ask(Stage::Auth, format!("AUTH {mechanism}\r\n").as_bytes()).await?;
    challenged(challenge)?;
    answer(wire, response).await
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
