//! Amazon SES: what a message of its topic tells. It may speak of several recipients, in the form of notifications and in
//! that of published events, which differ in one name.

use serde_json::Value;

use super::told::{Told, each, text};
use crate::domain::{
    report::{Report, ReportKind},
    token::Secret,
};

/// What a message tells of bounces and complaints.
pub(super) fn reports(secret: &Secret, message: &Value) -> Vec<Report> {
    let published = text(message, "/eventType");
    let event = if published.is_empty() { text(message, "/notificationType") } else { published };
    // The sender of the envelope is there in any case, the headers where SES is told to send them along.
    let named = [text(message, "/mail/source"), message_id(message)];
    let told = match event {
        "Bounce" => bounces(message, named),
        "Complaint" => complaints(message, named),
        "Reject" => rejects(message, named),
        _ => Vec::new(),
    };
    told.into_iter().filter_map(|told| told.report(secret)).collect()
}

/// The Message-ID that we gave; SES puts one of its own in its place.
fn message_id(message: &Value) -> &str {
    let ours = |header: &&Value| text(header, "/name").eq_ignore_ascii_case("message-id");
    let header = each(message, "/mail/headers").iter().find(ours).map(|header| text(header, "/value"));
    header.unwrap_or_else(|| text(message, "/mail/commonHeaders/messageId"))
}

fn bounces<'a>(message: &'a Value, named: [&'a str; 2]) -> Vec<Told<'a>> {
    let (of, sort) = (text(message, "/bounce/bounceType"), text(message, "/bounce/bounceSubType"));
    let kind = match (of, sort) {
        ("Permanent", _) => ReportKind::Hard,
        (_, "ContentRejected" | "AttachmentRejected") => ReportKind::Policy,
        _ => ReportKind::Soft,
    };
    let recipients = each(message, "/bounce/bouncedRecipients").iter();
    let told = recipients.map(|recipient| Told {
        kind,
        recipient: text(recipient, "/emailAddress"),
        code: [text(recipient, "/status"), text(recipient, "/diagnosticCode")],
        words: [of, sort, text(recipient, "/diagnosticCode")],
        named,
    });
    told.collect()
}

/// The types of RFC 5965 §7.3 and its successors, as SES hands them on.
fn complaints<'a>(message: &'a Value, named: [&'a str; 2]) -> Vec<Told<'a>> {
    let feedback = text(message, "/complaint/complaintFeedbackType");
    let kind = match feedback {
        "not-spam" => return Vec::new(),
        // No reader said it: it is about our signatures (RFC 6591).
        "auth-failure" => ReportKind::Policy,
        _ => ReportKind::Complaint,
    };
    let recipients = each(message, "/complaint/complainedRecipients").iter();
    let told = recipients.map(|recipient| Told {
        kind,
        recipient: text(recipient, "/emailAddress"),
        code: ["", ""],
        words: ["complaint", feedback, text(message, "/complaint/complaintSubType")],
        named,
    });
    told.collect()
}

/// SES itself would not send it.
fn rejects<'a>(message: &'a Value, named: [&'a str; 2]) -> Vec<Told<'a>> {
    let recipients = each(message, "/mail/destination").iter();
    let told = recipients.map(|recipient| Told {
        kind: ReportKind::Policy,
        recipient: recipient.as_str().unwrap_or_default(),
        code: ["", ""],
        words: ["rejected", text(message, "/reject/reason"), ""],
        named,
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::reports;
    use crate::domain::{
        mailing::MailingId,
        report::ReportKind::{self, Complaint, Hard, Policy, Soft},
        subscription::SubscriberId,
        token::{Purpose, Secret},
    };

    fn secret() -> Secret {
        Secret::new(vec![7; 32]).expect("long enough")
    }

    fn kinds(message: &Value) -> Vec<ReportKind> {
        reports(&secret(), message).into_iter().map(|report| report.kind).collect()
    }

    #[test]
    fn each_bounce_has_its_kind_for_each_recipient() {
        for (of, sort, status, wanted) in [
            ("Permanent", "General", "5.1.1", Hard),
            ("Permanent", "OnAccountSuppressionList", "", Hard),
            ("Permanent", "General", "5.7.1", Policy),
            ("Transient", "MailboxFull", "5.2.2", Soft),
            ("Transient", "ContentRejected", "5.6.0", Policy),
            ("Undetermined", "Undetermined", "", Soft),
            ("", "", "", Soft),
        ] {
            let recipient = |address: &str| json!({"emailAddress": address, "status": status});
            let bounced = [recipient("ana@example.org"), recipient("ben@example.org"), json!({"emailAddress": 7})];
            let bounce = json!({"bounceType": of, "bounceSubType": sort, "bouncedRecipients": bounced});
            for event in ["notificationType", "eventType"] {
                assert_eq!(kinds(&json!({event: "Bounce", "bounce": bounce})), [wanted, wanted], "{of} {sort}");
            }
        }
    }

    #[test]
    fn a_complaint_is_one_unless_it_says_otherwise() {
        for (feedback, wanted) in
            [("abuse", vec![Complaint]), ("", vec![Complaint]), ("auth-failure", vec![Policy]), ("not-spam", vec![])]
        {
            let message = json!({"notificationType": "Complaint", "complaint": {
                "complaintFeedbackType": feedback, "complainedRecipients": [{"emailAddress": "ana@example.org"}]}});
            assert_eq!(kinds(&message), wanted, "{feedback}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_the_envelope_or_by_a_header() {
        let name = format!("7.42.{}", secret().seal(Purpose::Delivery, "7.42"));
        for mail in [
            json!({"source": format!("news+bounce.{name}@example.org")}),
            json!({"source": "news@example.org", "headers": [
                {"name": "Subject", "value": "x"}, {"name": "Message-ID", "value": format!("<{name}@example.org>")}]}),
            json!({"commonHeaders": {"messageId": format!("<{name}@example.org>")}}),
        ] {
            let message = json!({"eventType": "Reject", "mail": mail, "reject": {"reason": "Bad content"}});
            assert_eq!(kinds(&message), []);
            let mut message = message;
            message["mail"]["destination"] = json!(["ana@example.org"]);
            let report = &reports(&secret(), &message)[0];
            assert_eq!(report.delivery, Some((MailingId(7), SubscriberId(42))));
            assert_eq!((report.kind, report.words.as_str()), (Policy, "rejected: Bad content"));
        }
    }

    #[test]
    fn other_events_say_nothing() {
        for event in ["Delivery", "Send", "Open", "Click", "DeliveryDelay", "Rendering Failure", "Subscription", ""] {
            assert_eq!(kinds(&json!({"eventType": event, "bounce": {"bouncedRecipients": [{}]}})), []);
        }
        assert_eq!(kinds(&json!("Successfully validated SNS topic for Amazon SES event publishing.")), []);
    }
}
