//! A list: what one subscribes to, as config.toml describes it.

use jiff::{SignedDuration, tz::TimeZone};

use super::{schedule::Schedule, slug::Slug};

/// A list as configured.
#[derive(Clone, Debug)]
pub struct List {
    /// Its short name, part of `List-Id` and of links: stable for ever.
    pub name: Slug,
    /// Its name as readers see it.
    pub title: String,
    /// What it is, in a sentence, for those who think of joining; may be empty.
    pub description: String,
    /// Who may join it.
    pub privacy: Privacy,
    /// Whether its past issues can be read on the web.
    pub archive: Archive,
    /// When digests go out: crontab(5) in the list's zone. `None`: this list sends alerts only.
    pub digest: Option<Schedule>,
    /// The zone of its schedule, and of the dates its mails show.
    pub time_zone: TimeZone,
    /// The feeds whose posts it carries.
    pub feeds: Vec<Slug>,
    /// Whether breaking posts are mailed at once.
    pub alerts: Alerts,
    /// A digest with fewer posts waits for the next slot. At least 1.
    pub min_posts: usize,
    /// At most this many posts in one digest, newest first; the rest are linked by title.
    pub max_posts: usize,
    /// Categories under whose names the posts of a digest are gathered, in this order.
    pub sections: Vec<String>,
    /// BCP 47 language of its mails, such as `en`.
    pub language: String,
    /// More automatic alerts than this in 24 hours are held.
    pub alerts_per_day: usize,
    /// How long staff can stop an automatic alert before it goes out; zero: it goes at once.
    pub alert_hold: SignedDuration,
}

/// Who may see a list and join it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Anybody.
    Public,
    /// Those whom staff put on it; nobody else is shown that it exists.
    Private,
}

/// Whether past issues can be read on the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// By anybody, unless the list is private.
    Open,
    /// By nobody.
    Closed,
}

impl List {
    /// True when anybody may read its past issues.
    pub fn has_archive(&self) -> bool {
        self.archive == Archive::Open && self.privacy == Privacy::Public
    }
}

/// Whether a list mails breaking posts at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alerts {
    /// At once.
    Immediate,
    /// Never; breaking posts wait for the digest as all others.
    Off,
}
