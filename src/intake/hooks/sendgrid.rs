//! SendGrid: each request is signed with ECDSA on the curve P-256 over its time and its body, and holds an array of
//! events.

use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;

use super::{
    HookError, Posted, is_fresh,
    told::{Told, text},
};
use crate::domain::{
    hook::EventKey,
    report::{Report, ReportKind},
    token::Secret,
};

/// SendGrid tries for a day, and whether it signs anew each time it does not say.
const LONGEST: SignedDuration = SignedDuration::from_hours(25);

/// Proves that SendGrid signed a request, and not long ago.
pub(super) fn prove(key: &EventKey, posted: &Posted<'_>, now: Timestamp) -> Result<(), HookError> {
    let unsigned = HookError::Refused("it has no signature");
    let header = |name| (posted.header)(name).filter(|value| value.len() <= 200);
    let (Some(signature), Some(time)) =
        (header("x-twilio-email-event-webhook-signature"), header("x-twilio-email-event-webhook-timestamp"))
    else {
        return Err(unsigned);
    };
    let signature = BASE64.decode(signature.trim().as_bytes()).map_err(|_| unsigned)?;
    let signed = [time.as_bytes(), posted.body].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.point())
        .verify(&signed, &signature)
        .map_err(|_| HookError::Refused("the signature is wrong"))?;
    let signed_at = time.trim().parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match signed_at {
        Some(signed_at) if is_fresh(signed_at, now, LONGEST) => Ok(()),
        _ => Err(HookError::Refused("it was signed too long ago")),
    }
}

/// What a request tells of bounces and complaints.
pub(super) fn reports(secret: &Secret, events: &Value) -> Vec<Report> {
    let events = events.as_array().map_or(&[][..], Vec::as_slice);
    events
        .iter()
        .filter_map(|event| Some((kind(event)?, event)))
        .filter_map(|(kind, event)| told(kind, event).report(secret))
        .collect()
}

fn told(kind: ReportKind, event: &Value) -> Told<'_> {
    Told {
        kind,
        recipient: text(event, "/email"),
        code: [text(event, "/status"), text(event, "/reason")],
        words: [text(event, "/event"), text(event, "/bounce_classification"), text(event, "/reason")],
        named: [text(event, "/smtp-id"), ""],
    }
}

/// What SendGrid's words for an event mean, by its documentation.
fn kind(event: &Value) -> Option<ReportKind> {
    let is_ours = matches!(text(event, "/bounce_classification"), "Reputation" | "Content" | "Frequency/Volume");
    match text(event, "/event") {
        "bounce" | "blocked" if is_ours => Some(ReportKind::Policy),
        "bounce" if text(event, "/type") != "blocked" => Some(ReportKind::Hard),
        "bounce" | "blocked" => Some(ReportKind::Soft),
        "dropped" => Some(match text(event, "/reason") {
            "Bounced Address" | "Unsubscribed Address" | "Invalid" => ReportKind::Hard,
            "Spam Reporting Address" => ReportKind::Complaint,
            // It was not sent for a reason of SendGrid's own: what we wrote, or our account.
            _ => ReportKind::Policy,
        }),
        "spamreport" => Some(ReportKind::Complaint),
        // By SendGrid's own link: it will not send to that address any more.
        "unsubscribe" => Some(ReportKind::Hard),
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
        for (event, wanted) in [
            (json!({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}), Some(Hard)),
            (json!({"event": "bounce", "type": "bounce"}), Some(Hard)),
            (json!({"event": "bounce"}), Some(Hard)),
            (json!({"event": "bounce", "type": "blocked", "bounce_classification": "Technical"}), Some(Soft)),
            (json!({"event": "bounce", "type": "blocked", "bounce_classification": "Mailbox Unavailable"}), Some(Soft)),
            (json!({"event": "bounce", "type": "blocked", "bounce_classification": "Reputation"}), Some(Policy)),
            (json!({"event": "bounce", "type": "bounce", "bounce_classification": "Content"}), Some(Policy)),
            (json!({"event": "blocked", "bounce_classification": "Frequency/Volume"}), Some(Policy)),
            (json!({"event": "dropped", "reason": "Bounced Address"}), Some(Hard)),
            (json!({"event": "dropped", "reason": "Spam Reporting Address"}), Some(Complaint)),
            (json!({"event": "dropped", "reason": "Recipient List over Package Quota"}), Some(Policy)),
            (json!({"event": "spamreport"}), Some(Complaint)),
            (json!({"event": "unsubscribe"}), Some(Hard)),
            (json!({"event": "deferred", "reason": "4.2.1 later"}), None),
            (json!({"event": "delivered"}), None),
            (json!({"event": 7}), None),
            (json!("bounce"), None),
        ] {
            assert_eq!(kind(&event), wanted, "{event}");
        }
    }
}
