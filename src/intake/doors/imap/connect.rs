//! Opens the connection to a mailbox's server: address, TLS, greeting. Its description comes in, and a talk that can begin
//! with the login goes out. Nothing about TLS is ever given up.

use std::{io, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use super::{
    ImapError,
    response::{Status, Untagged},
    talk::Talk,
};
use crate::{config::Mailbox, domain::relay::Tls, tls::TlsSetup};

/// How long the connection may take, and the handshake as long again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connects, so far that the login comes next.
pub(super) async fn connect(mailbox: &Mailbox) -> Result<Talk, ImapError> {
    let host = mailbox.host.trim_start_matches('[').trim_end_matches(']');
    let tls = match mailbox.tls {
        Tls::None => None,
        Tls::Implicit | Tls::StartTls => Some(TlsSetup::new(host, mailbox.ca.as_deref(), None)?),
    };
    let connected = timeout(PATIENCE, TcpStream::connect((host, mailbox.port))).await;
    let stream = connected.map_err(|_| io::ErrorKind::TimedOut.into()).and_then(|stream| stream);
    let stream = stream.map_err(ImapError::Unreachable)?;
    stream.set_nodelay(true).map_err(ImapError::Unreachable)?;
    match (tls, mailbox.tls) {
        (None, _) => greeted(Talk::new(Box::new(stream))).await,
        (Some(tls), Tls::StartTls) => {
            let mut talk = greeted(Talk::new(Box::new(stream))).await?;
            talk.command("STARTTLS", &[]).await?;
            let stream = talk.into_stream()?;
            // There is no second greeting.
            Ok(Talk::new(encrypted(&tls, stream).await?))
        }
        (Some(tls), _) => greeted(Talk::new(encrypted(&tls, Box::new(stream)).await?)).await,
    }
}

async fn encrypted(tls: &TlsSetup, stream: super::talk::Stream) -> Result<super::talk::Stream, ImapError> {
    let shaken = timeout(PATIENCE, tls.connect(stream)).await;
    Ok(Box::new(shaken.map_err(|_| ImapError::Timeout("TLS"))?.map_err(ImapError::Tls)?))
}

/// The talk after its greeting. A server that takes us for someone who has logged in is not the one we know.
async fn greeted(mut talk: Talk) -> Result<Talk, ImapError> {
    let greeting = talk.next("the greeting").await?;
    match greeting.read() {
        Untagged::Status(Status::Ok, ..) => Ok(talk),
        _ => Err(ImapError::Refused { command: "greeting", said: greeting.words() }),
    }
}
