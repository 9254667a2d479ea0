//! Links: where readers reach what is theirs, by web and by mail. Numbers go in; URLs and addresses with a token in them
//! go out. Each is good for one purpose only.

use url::Url;

use super::{
    address::EmailAddress,
    issue::IssueId,
    list::List,
    mailing::SlotValues,
    phrases::Phrases,
    request::RequestId,
    subscription::SubscriberId,
    token::{Claim, Purpose, Secret},
    websub::WatchId,
};

/// RFC 5321 §4.5.3.1.1: the longest local part.
const LOCAL_PART: usize = 64;

/// What links are made of.
#[derive(Clone, Debug)]
pub struct Links {
    /// Where readers reach the web pages; ends in `/`.
    pub base_url: Url,
    /// Where staff reach the desk; ends in `/`.
    pub desk_url: Url,
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

    /// The page where anybody can ask for a mail with links to leave.
    pub fn ask_to_leave(&self) -> String {
        format!("{}leave", self.base_url)
    }

    /// An issue on the web; the beginning of all pages when its list has no archive.
    pub fn past_issue(&self, list: &List, issue: IssueId) -> String {
        match list.has_archive() {
            true => format!("{}archive/{}/{}", self.base_url, list.name, issue.0),
            false => self.base_url.to_string(),
        }
    }

    /// What stands in the slots when a mail is shown to whoever looks at it, and not to a reader.
    pub fn for_nobody(&self, issue: Option<(&List, IssueId)>) -> SlotValues {
        let language = issue.map_or("en", |(list, _)| &list.language);
        SlotValues {
            greeting: Phrases::of(language).mail.greeting.clone(),
            address: "reader@example.org".to_owned(),
            leave_url: self.ask_to_leave(),
            preferences_url: self.ask_to_leave(),
            web_url: issue.map_or_else(|| self.base_url.to_string(), |(list, issue)| self.past_issue(list, issue)),
        }
    }

    /// Where the hub of a watch tells us of news.
    pub fn hub_callback(&self, watch: WatchId) -> String {
        format!("{}hooks/websub/{}", self.base_url, self.secret.sign_number(Purpose::Hub, watch.0))
    }

    /// The page where one of staff chooses a password.
    pub fn welcome_staff(&self, link: i64) -> String {
        format!("{}desk/welcome/{}", self.desk_url, self.secret.sign_number(Purpose::StaffLink, link))
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
