//! AUTH as an inbox needs it (RFC 4954): PLAIN and LOGIN are spoken to their end, and any credentials are right. What
//! was sent is looked at only for its form, and is kept nowhere.

use data_encoding::BASE64;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::server::{Line, Wire, WireError};

/// Why the exchange failed, as a reply.
type Refusal = &'static str;

/// Speaks `mechanism` to its end.
pub(super) async fn accept_any<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    mechanism: u64,
    initial_response: &str,
) -> Result<Result<(), Refusal>, WireError> {
    let first_challenge = match mechanism {
        AUTH_PLAIN => "334 ",
        AUTH_LOGIN => "334 VXNlcm5hbWU6",
        _ => return Ok(Err("504 5.5.4 only PLAIN and LOGIN are offered")),
    };
    let first = match initial_response {
        "" => ask(wire, first_challenge).await?,
        // An empty initial response is written as one equals sign.
        "=" => Some(Vec::new()),
        response => BASE64.decode(response.as_bytes()).ok(),
    };
    let Some(first) = first else { return Ok(Err(MALFORMED)) };
    if mechanism == AUTH_PLAIN {
        // authorization identity NUL authentication identity NUL password (RFC 4616 section 2)
        let well_formed = first.iter().filter(|byte| **byte == 0).count() == 2;
        return Ok(if well_formed { Ok(()) } else { Err(MALFORMED) });
    }
    let password = ask(wire, "334 UGFzc3dvcmQ6").await?;
    Ok(password.map(drop).ok_or(MALFORMED))
}

const MALFORMED: Refusal = "501 5.5.2 cancelled, or not as the mechanism wants it";

/// Sends a challenge and decodes the answer; `None` when it is no base64 or the client cancelled with `*`.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    challenge: &str,
) -> Result<Option<Vec<u8>>, WireError> {
    wire.reply(challenge);
    let Line::Whole(line) = wire.line().await? else { return Ok(None) };
    let answer = line.strip_suffix(b"\r\n").unwrap_or(&line);
    Ok(BASE64.decode(answer).ok())
}
