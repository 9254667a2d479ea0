//! Step 3: gathers posts into an issue. A list, its candidate posts and a slot come in; a draft goes out, or the
//! reason why there is none. Pure: it reads no store, asks no clock and renders nothing.

use std::{cmp::Reverse, fmt};

use data_encoding::HEXLOWER;
use jiff::{Timestamp, civil::DateTime};
use sha2::{Digest, Sha256};

use crate::domain::{
    issue::{Content, Draft, FollowUp, IssueKey, Remedy, SentAlert, Statement},
    list::List,
    post::StoredPost,
    wire,
};

/// What became of the posts of a slot.
#[derive(Clone, Debug)]
pub enum Composed {
    /// There is an issue to render.
    Draft(Box<Draft>),
    /// The slot passes without one; the posts wait for the next.
    TooFew {
        /// How many posts there were.
        found: usize,
        /// How many the list wants at least.
        wanted: usize,
    },
}

/// The ledger's sentence.
impl fmt::Display for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft(draft) => write!(f, "{} posts", draft.post_ids().len()),
            Self::TooFew { found: 0, .. } => f.write_str("no new posts"),
            Self::TooFew { found: 1, wanted } => write!(f, "1 new post, and the list waits for {wanted}"),
            Self::TooFew { found, wanted } => write!(f, "{found} new posts, and the list waits for {wanted}"),
        }
    }
}

/// The digest of a slot: candidates newest first, as many as the list shows, the rest by title; and the alerts since the
/// digest before, which alone make none.
pub fn digest(list: &List, mut candidates: Vec<StoredPost>, alerts: Vec<SentAlert>, slot: DateTime) -> Composed {
    let wanted = list.min_posts.max(1);
    if candidates.len() < wanted {
        return Composed::TooFew { found: candidates.len(), wanted };
    }
    // Of one date, or of none, the feed's own order decides: it has the newest first, and numbers were given in it.
    candidates.sort_by_key(|post| (Reverse(post.date()), post.id));
    let more = candidates.split_off(candidates.len().min(list.max_posts.max(1)));
    let content = Content::Digest { posts: candidates, more, alerts };
    Composed::Draft(Box::new(Draft { list: list.name.clone(), key: IssueKey::Slot(slot), content }))
}

/// The alert that a breaking post makes by itself.
pub fn alert(list: &List, post: StoredPost) -> Draft {
    Draft { list: list.name.clone(), key: IssueKey::Post(post.id), content: Content::Post(Box::new(post)) }
}

/// The alert that staff make of a statement. Two with the same `key` are one.
pub fn manual_alert(list: &List, statement: Statement, key: String) -> Draft {
    Draft { list: list.name.clone(), key: IssueKey::Manual(key), content: Content::Statement(statement) }
}

/// The drill of such an alert: the same in all but its readers. Drilled twice, it is two.
pub fn drill(list: &List, statement: Statement, key: &str, now: Timestamp) -> Draft {
    let key = IssueKey::Drill(format!("{key}:{}", now.as_millisecond()));
    Draft { list: list.name.clone(), key, content: Content::Statement(statement) }
}

/// What follows an issue that was wrong, to those who were mailed it. There is one withdrawal of an issue; of
/// corrections, two with the same words are one.
pub fn follow_up(list: &List, statement: Statement, follows: FollowUp) -> Draft {
    let key = match &follows.remedy {
        Remedy::Withdrawal => IssueKey::Withdrawal(follows.first),
        Remedy::Correction { wrong } => {
            let words = key_of(&statement.subject, &format!("{wrong}\0{}", statement.body_html));
            IssueKey::Correction(follows.first, words)
        }
    };
    let content = Content::Statement(Statement { follows: Some(follows), ..statement });
    Draft { list: list.name.clone(), key, content }
}

/// The key of a manual alert whose author gave none: its own words, so that sending it twice by mistake is one alert.
pub fn key_of(subject: &str, markdown: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(subject);
    hash.update([0]);
    hash.update(markdown);
    HEXLOWER.encode(&hash.finalize()[..16])
}

/// A statement from its author's headline and the cleaned HTML made of its Markdown.
pub fn statement(subject: &str, body_html: String, now: Timestamp) -> Statement {
    Statement { subject: wire::one_line(subject), body_html, written_at: now, follows: None }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

    use super::{Composed, alert, digest, manual_alert, statement};
    use crate::domain::{
        issue::{Content, IssueKey, IssueKind},
        list::{Alerts, Archive, List, Privacy},
        post::{Post, PostId, Standing, StoredPost, Urgency, Verdict},
        slug::Slug,
    };

    fn slug(text: &str) -> Slug {
        Slug::parse(text).expect("slug")
    }

    fn list(min_posts: usize, max_posts: usize) -> List {
        List {
            name: slug("news"),
            description: String::new(),
            privacy: Privacy::Public,
            archive: Archive::Open,
            title: "Coalition news".into(),
            digest: None,
            time_zone: TimeZone::UTC,
            feeds: vec![slug("site")],
            alerts: Alerts::Immediate,
            min_posts,
            max_posts,
            sections: Vec::new(),
            language: "en".into(),
            alerts_per_day: 3,
            alert_hold: SignedDuration::ZERO,
        }
    }

    /// A post dated so many hours after the first, or without a date of its own.
    fn post(id: i64, hours: Option<i64>) -> StoredPost {
        let start = Timestamp::from_second(1_700_000_000).expect("in range");
        let published_at = hours.map(|hours| start + SignedDuration::from_hours(hours));
        StoredPost {
            id: PostId(id),
            feed: slug("site"),
            post: Post { title: format!("Post {id}"), published_at, ..Post::default() },
            news_at: None,
            first_seen_at: start,
            standing: Standing::News,
            standing_reason: String::new(),
            verdict: Verdict { urgency: Urgency::Routine, reason: String::new(), rule: None },
        }
    }

    fn slot() -> civil::DateTime {
        civil::date(2026, 11, 23).at(9, 0, 0, 0)
    }

    #[test]
    fn a_digest_shows_the_newest_first_and_the_rest_by_title() {
        let candidates = vec![post(1, Some(2)), post(2, None), post(3, Some(9)), post(4, Some(2))];
        let Composed::Draft(draft) = digest(&list(1, 3), candidates, vec![], slot()) else {
            panic!("there are enough posts")
        };
        let Content::Digest { posts, more, .. } = &draft.content else { panic!("a digest") };
        assert_eq!(posts.iter().map(|post| post.id.0).collect::<Vec<_>>(), [3, 1, 4]);
        assert_eq!(more.iter().map(|post| post.id.0).collect::<Vec<_>>(), [2]);
        assert_eq!(draft.key.to_text(), "slot:2026-11-23T09:00:00");
    }

    #[test]
    fn too_few_posts_wait_and_the_reason_is_said() {
        let reason = |min, posts: Vec<StoredPost>| digest(&list(min, 10), posts, vec![], slot()).to_string();
        assert_eq!(reason(0, vec![]), "no new posts");
        assert_eq!(reason(2, vec![post(1, None)]), "1 new post, and the list waits for 2");
        assert_eq!(reason(3, vec![post(1, None), post(2, None)]), "2 new posts, and the list waits for 3");
        assert_eq!(reason(2, vec![post(1, None), post(2, None)]), "2 posts");
    }

    #[test]
    fn an_alert_is_one_of_a_kind_by_its_post_or_its_key() {
        let automatic = alert(&list(1, 10), post(7, None));
        assert_eq!((automatic.kind(), automatic.key), (IssueKind::Alert, IssueKey::Post(PostId(7))));
        let written = statement("A\r\nstatement ", "<p>x</p>".into(), Timestamp::UNIX_EPOCH);
        assert_eq!(written.subject, "A statement");
        let manual = manual_alert(&list(1, 10), written, "k1".into());
        assert_eq!((manual.kind(), manual.key.to_text().as_str()), (IssueKind::Alert, "manual:k1"));
    }
}
