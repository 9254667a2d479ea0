//! Postmark: it logs in with a user's name and a password (RFC 7617), and tells of one thing in each request.

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    HookError, Posted,
    told::{Told, text},
};
use crate::domain::{
    report::{Report, ReportKind},
    token::{self, Secret},
};

/// Proves that a request knows the password, in a time that tells nothing of it.
pub(super) fn prove(user: &str, password: &SecretString, posted: &Posted<'_>) -> Result<(), HookError> {
    let refused = HookError::Refused("the user or the password is wrong");
    let given = (posted.header)("authorization").and_then(|value| value.split_once(' '));
    let Some((_, given)) = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")) else {
        return Err(refused);
    };
    let given = BASE64.decode(given.trim().as_bytes()).unwrap_or_default();
    let wanted = format!("{user}:{}", password.expose_secret());
    if token::is_same_secret(&given, wanted.as_bytes()) { Ok(()) } else { Err(refused) }
}

/// What a request tells of a bounce or a complaint.
pub(super) fn reports(secret: &Secret, event: &Value) -> Vec<Report> {
    let kind = match text(event, "/RecordType") {
        "Bounce" | "SpamComplaint" => bounce_kind(text(event, "/Type"), event),
        "SubscriptionChange" => change_kind(event),
        _ => None,
    };
    let Some(kind) = kind else { return Vec::new() };
    let email = text(event, "/Email");
    let told = Told {
        kind,
        recipient: if email.is_empty() { text(event, "/Recipient") } else { email },
        code: [text(event, "/Details"), text(event, "/Description")],
        words: [text(event, "/Type"), text(event, "/Description"), text(event, "/Details")],
        // Postmark gives messages an id of its own. Ours stands in the bounce itself, when that is sent along.
        named: [text(event, "/Content"), ""],
    };
    told.report(secret).into_iter().collect()
}

/// Postmark's types of bounces, by the meaning that its documentation gives them.
fn bounce_kind(kind: &str, event: &Value) -> Option<ReportKind> {
    let is_inactive = event.pointer("/Inactive").and_then(Value::as_bool) == Some(true);
    match kind {
        "SpamComplaint" => Some(ReportKind::Complaint),
        // What Postmark will not send to any more takes no mail, whatever was the reason.
        "HardBounce" | "BadEmailAddress" | "ManuallyDeactivated" | "Unsubscribe" => Some(ReportKind::Hard),
        "AutoResponder"
        | "Transient"
        | "AddressChange"
        | "Subscribe"
        | "OpenRelayTest"
        | "ChallengeVerification"
        | "InboundError"
        | "TemplateRenderingFailed" => None,
        _ if is_inactive => Some(ReportKind::Hard),
        "Blocked" | "SpamNotification" | "DMARCPolicy" | "VirusNotification" | "SMTPApiError" => {
            Some(ReportKind::Policy)
        }
        _ => Some(ReportKind::Soft),
    }
}

/// An address that is sent to no more, or again.
fn change_kind(event: &Value) -> Option<ReportKind> {
    let is_stopped = event.pointer("/SuppressSending").and_then(Value::as_bool) == Some(true);
    match text(event, "/SuppressionReason") {
        _ if !is_stopped => None,
        "SpamComplaint" => Some(ReportKind::Complaint),
        _ => Some(ReportKind::Hard),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::reports;
    use crate::domain::{
        report::ReportKind::{self, Complaint, Hard, Policy, Soft},
        token::Secret,
    };

    fn kind(event: &serde_json::Value) -> Option<ReportKind> {
        let secret = Secret::new(vec![7; 32]).expect("long enough");
        reports(&secret, event).first().map(|report| report.kind)
    }

    #[test]
    fn each_type_has_its_kind() {
        for (name, wanted) in [
            ("HardBounce", Some(Hard)),
            ("BadEmailAddress", Some(Hard)),
            ("ManuallyDeactivated", Some(Hard)),
            ("Unsubscribe", Some(Hard)),
            ("SoftBounce", Some(Soft)),
            ("DnsError", Some(Soft)),
            ("Unknown", Some(Soft)),
            ("SpamNotification", Some(Policy)),
            ("Blocked", Some(Policy)),
            ("DMARCPolicy", Some(Policy)),
            ("SMTPApiError", Some(Policy)),
            ("SpamComplaint", Some(Complaint)),
            ("AutoResponder", None),
            ("Transient", None),
            ("ChallengeVerification", None),
        ] {
            let event = json!({"RecordType": "Bounce", "Type": name, "Email": "ana@example.org", "Details": "no"});
            assert_eq!(kind(&event), wanted, "{name}");
        }
    }

    #[test]
    fn what_postmark_will_not_send_to_any_more_is_hard() {
        let inactive =
            json!({"RecordType": "Bounce", "Type": "SMTPApiError", "Inactive": true, "Email": "a@example.org"});
        assert_eq!(kind(&inactive), Some(Hard));
        let change = |stopped: bool, reason: &str| {
            kind(&json!({"RecordType": "SubscriptionChange", "Recipient": "a@example.org",
                         "SuppressSending": stopped, "SuppressionReason": reason}))
        };
        assert_eq!(change(true, "ManualSuppression"), Some(Hard));
        assert_eq!(change(true, "SpamComplaint"), Some(Complaint));
        assert_eq!(change(false, ""), None);
        for other in ["Delivery", "Open", "Click", "Inbound", ""] {
            assert_eq!(kind(&json!({"RecordType": other, "Email": "a@example.org"})), None, "{other}");
        }
    }
}
