//! Links: where readers reach what is theirs, by web and by mail. Numbers go in; URLs and addresses with a token in them
//! go out. Each is good for one purpose only.

use url::Url;

use super::{
    address::EmailAddress,
    issue::IssueId,
    request::RequestId,
    subscription::SubscriberId,
    token::{Claim, Purpose, Secret},
};

/// RFC 5321 §4.5.3.1.1: the longest local part.
const LOCAL_PART: usize = 64;

/// What links are made of.
#[derive(Clone, Debug)]
pub struct Links {
    /// Where readers reach the web pages; ends in `/`.
    pub base_url: Url,
    /// The address that takes mail in, when there is one.
    pub intake: Option<EmailAddress>,
    /// The key of tokens.
    pub secret: Secret,
}

impl Links {
    /// The page to leave one list.
    pub fn leave(&self, claim: Claim) -> String {
        format!("{}leave/{}", self.base_url, self.secret.sign(Purpose::Leave, claim))
    }

    /// Where mail ends that subscription at once.
    pub fn leave_by_mail(&self, claim: Claim) -> Option<EmailAddress> {
        self.plus(&format!("leave.{}", self.secret.sign(Purpose::Leave, claim)))
    }

    /// The page where a subscriber chooses what they get.
    pub fn preferences(&self, subscriber: SubscriberId) -> String {
        format!("{}preferences/{}", self.base_url, self.secret.sign_number(Purpose::Preferences, subscriber.0))
    }

    /// The page that confirms a request.
    pub fn confirm(&self, request: RequestId) -> String {
        format!("{}confirm/{}", self.base_url, self.secret.sign_number(Purpose::Confirm, request.0))
    }

    /// Where mail confirms a request: a reply does.
    pub fn confirm_by_mail(&self, request: RequestId) -> Option<EmailAddress> {
        self.plus(&format!("confirm.{}", self.secret.sign_number(Purpose::Confirm, request.0)))
    }

    /// The page where one of staff decides about an issue.
    pub fn staff(&self, issue: IssueId, person: SubscriberId) -> String {
        format!("{}staff/{}", self.base_url, self.secret.sign_pair(Purpose::Staff, (issue.0, person.0)))
    }

    /// The page where anybody can ask to join.
    pub fn join(&self) -> String {
        format!("{}join", self.base_url)
    }

    /// The intake address with a plus part, unless there is none or it would grow too long.
    pub fn plus(&self, part: &str) -> Option<EmailAddress> {
        let intake = self.intake.as_ref()?;
        let local = format!("{}+{part}", intake.local());
        if local.len() > LOCAL_PART {
            return None;
        }
        EmailAddress::parse(&format!("{local}@{}", intake.domain())).ok()
    }
}
