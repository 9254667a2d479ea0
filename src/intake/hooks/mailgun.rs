//! Mailgun: each request signs a time and a token with HMAC-SHA-256, and tells of one thing. The signature does not cover
//! what it tells, so a token is good for a short time and for one body.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    AHEAD, HookError, is_fresh,
    told::{Told, text},
};
use crate::{
    domain::{
        report::{Report, ReportKind},
        token::Secret,
    },
    store::Store,
};

/// How long a token is good.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// The longest token, in characters; those of Mailgun have 50.
const LONGEST_TOKEN: usize = 100;

/// Proves that Mailgun signed a time, not long ago, and a token; gives the token.
pub(super) fn prove(key: &SecretString, request: &Value, now: Timestamp) -> Result<String, HookError> {
    let time = match request.pointer("/signature/timestamp") {
        Some(Value::String(time)) => time.clone(),
        Some(Value::Number(time)) => time.to_string(),
        _ => String::new(),
    };
    let token = text(request, "/signature/token");
    let signature = HEXLOWER.decode(text(request, "/signature/signature").as_bytes()).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).expect("a key may have any length");
    mac.update(time.as_bytes());
    mac.update(token.as_bytes());
    mac.verify_slice(&signature).map_err(|_| HookError::Refused("the signature is wrong"))?;
    // Time and token are signed as one text: digits could be moved from the one to the other.
    if token.is_empty() || token.len() > LONGEST_TOKEN || time.len() != 10 {
        return Err(HookError::Refused("the time or the token is not as Mailgun makes them"));
    }
    let signed_at = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match signed_at {
        Some(signed_at) if is_fresh(signed_at, now, LONGEST) => Ok(token.to_owned()),
        _ => Err(HookError::Refused("it was signed too long ago")),
    }
}

/// Keeps a token for the body that it first came with. Who sends the same again, as Mailgun does when our answer was lost,
/// is welcome; who sends something else with it is not Mailgun.
pub(super) async fn bind(store: &Store, token: &str, body: &[u8], now: Timestamp) -> Result<(), HookError> {
    let body = HEXLOWER.encode(&Sha256::digest(body));
    // By then each of them is too old, by the clock of any machine that shares the rows.
    let forget = now.checked_sub(LONGEST + AHEAD + AHEAD).unwrap_or(Timestamp::MIN);
    if store.bind_hook_token(token, &body, now, forget).await? {
        return Ok(());
    }
    Err(HookError::Refused("its token came with another body before"))
}

/// What a request tells of a bounce or a complaint.
pub(super) fn reports(secret: &Secret, request: &Value) -> Vec<Report> {
    let Some(event) = request.pointer("/event-data") else { return Vec::new() };
    let Some(kind) = kind(event) else { return Vec::new() };
    let (message, description) = (text(event, "/delivery-status/message"), text(event, "/delivery-status/description"));
    let told = Told {
        kind,
        recipient: text(event, "/recipient"),
        code: [text(event, "/delivery-status/enhanced-code"), message],
        words: [
            text(event, "/event"),
            if event.pointer("/reject").is_some() { text(event, "/reject/reason") } else { text(event, "/reason") },
            if message.is_empty() { description } else { message },
        ],
        named: [text(event, "/message/headers/message-id"), ""],
    };
    told.report(secret).into_iter().collect()
}

/// What Mailgun's words for an event mean, by its documentation.
fn kind(event: &Value) -> Option<ReportKind> {
    let reason = text(event, "/reason");
    match text(event, "/event") {
        "failed" => match (text(event, "/severity"), reason) {
            // It was tried for as long as it is tried, which Mailgun may call temporary nevertheless.
            (_, "old") => Some(ReportKind::Soft),
            (_, "suppress-bounce" | "suppress-unsubscribe") => Some(ReportKind::Hard),
            (_, "suppress-complaint") => Some(ReportKind::Complaint),
            ("permanent", "espblock") => Some(ReportKind::Policy),
            ("permanent", "greylisted") => Some(ReportKind::Soft),
            ("permanent", _) => Some(ReportKind::Hard),
            // It will be tried again.
            _ => None,
        },
        "complained" => Some(ReportKind::Complaint),
        // By Mailgun's own link: it will not send to that address any more.
        "unsubscribed" => Some(ReportKind::Hard),
        // Mailgun itself would not take it.
        "rejected" => Some(ReportKind::Policy),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::kind;
    use crate::domain::report::ReportKind::{Complaint, Hard, Policy, Soft};

    #[test]
    fn each_event_has_its_kind() {
        let failed = |severity: &str, reason: &str| json!({"event": "failed", "severity": severity, "reason": reason});
        for (event, wanted) in [
            (failed("permanent", "bounce"), Some(Hard)),
            (failed("permanent", "generic"), Some(Hard)),
            (failed("permanent", "suppress-bounce"), Some(Hard)),
            (failed("permanent", "suppress-complaint"), Some(Complaint)),
            (failed("permanent", "espblock"), Some(Policy)),
            (failed("permanent", "old"), Some(Soft)),
            (failed("temporary", "old"), Some(Soft)),
            (failed("temporary", "generic"), None),
            (json!({"event": "complained"}), Some(Complaint)),
            (json!({"event": "unsubscribed"}), Some(Hard)),
            (json!({"event": "rejected"}), Some(Policy)),
            (json!({"event": "delivered"}), None),
            (json!({"event": null}), None),
            (json!([]), None),
        ] {
            assert_eq!(kind(&event), wanted, "{event}");
        }
    }
}
