//! Sample content: what `tidings check` fills templates with, and what a template's author can look at. All of it is
//! made up; none of it is ever mailed to readers.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::{Button, Fact, Notice, markdown_to_html};
use crate::domain::{
    event::{Event, When},
    issue::{Content, Draft, FollowUp, IssueId, IssueKey, Remedy, SentAlert, Statement},
    list::{Alerts, Archive, List, Privacy},
    post::{Post, PostId, Standing, StoredPost, Urgency, Verdict},
    slug::Slug,
};

/// The moment at which the sample is rendered.
pub fn now() -> Timestamp {
    noon(2024, 4, 25)
}

/// A list in New York.
pub fn list() -> List {
    List {
        name: slug("news"),
        description: String::new(),
        privacy: Privacy::Public,
        archive: Archive::Open,
        title: "Coalition news".into(),
        digest: None,
        time_zone: TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC),
        feeds: vec![slug("site")],
        alerts: Alerts::Immediate,
        min_posts: 1,
        max_posts: 10,
        sections: vec!["Conferences".into(), "Events".into()],
        language: "en".into(),
        alerts_per_day: 3,
        alert_hold: SignedDuration::ZERO,
    }
}

/// A digest with an image, a post without a link, and titles.
pub fn digest() -> Draft {
    let mut posts = vec![meeting(), webinar(), clearance(), report()];
    let more = posts.split_off(3);
    draft(
        IssueKey::Slot(civil::date(2024, 4, 25).at(9, 0, 0, 0)),
        Content::Digest { posts, more, alerts: vec![sent_alert()] },
    )
}

/// An alert that a breaking post makes.
pub fn alert() -> Draft {
    draft(IssueKey::Post(PostId(5)), Content::Post(Box::new(condemnation())))
}

/// An alert that staff write.
pub fn manual_alert() -> Draft {
    let statement = Statement {
        subject: "Statement on the reported use of cluster munitions near a market".into(),
        body_html: markdown_to_html(
            "We are **alarmed** by reports that cluster munitions struck a market this morning.\n\n\
             - All parties must protect civilians.\n- Fragments must not be touched.\n\n\
             Background: [the convention](https://example.org/convention).",
        ),
        written_at: now(),
        follows: None,
    };
    draft(IssueKey::Manual("sample".into()), Content::Statement(statement))
}

/// The correction of an alert.
pub fn correction() -> Draft {
    let wrong = "The statement of this morning named the wrong district.".into();
    follow_up(Remedy::Correction { wrong }, "The market that was struck is in the **northern** district.")
}

/// The withdrawal of an alert, with a reason.
pub fn withdrawal() -> Draft {
    follow_up(Remedy::Withdrawal, "The report on which it stood has been taken back by its author.")
}

fn follow_up(remedy: Remedy, markdown: &str) -> Draft {
    let follows = FollowUp {
        first: IssueId(6),
        subject: "Statement on the reported use of cluster munitions near a market".into(),
        went_at: now(),
        remedy,
    };
    let statement = Statement {
        subject: "The strike was in the northern district".into(),
        body_html: markdown_to_html(markdown),
        written_at: now(),
        follows: Some(follows),
    };
    draft(IssueKey::Withdrawal(IssueId(6)), Content::Statement(statement))
}

/// A notice to staff.
pub fn notice() -> Notice {
    Notice {
        subject: "The feed `site` has failed since yesterday".into(),
        paragraphs: vec![
            "The feed `site` could not be read for 24 hours. Posts published since then have not been mailed.".into(),
            "Nothing is lost: they will be found when the feed can be read again.".into(),
        ],
        facts: vec![
            Fact { name: "Feed".into(), value: "https://example.org/feed/".into() },
            Fact { name: "Last answer".into(), value: "403 Forbidden".into() },
            Fact { name: "Next look".into(), value: "25 April 2024, 14:00 UTC".into() },
        ],
        button: Some(Button { label: "Open the feed".into(), url: "https://example.org/feed/".into() }),
        language: "en".into(),
        reply_to: None,
    }
}

fn sent_alert() -> SentAlert {
    SentAlert {
        subject: "Condemnation: Coalition condemns use of cluster munitions near a hospital".into(),
        link: link("use-near-a-hospital"),
        sent_at: noon(2024, 4, 20),
    }
}

fn meeting() -> StoredPost {
    stored(
        1,
        noon(2024, 4, 24),
        Urgency::Routine,
        Post {
            title: "Twelfth meeting of states parties closes in Geneva".into(),
            link: link("twelfth-meeting"),
            summary:
                "Delegates from 94 states ended four days of talks with a plan for clearance and victim assistance \
                  to 2030. The Coalition welcomed two new ratifications and asked every state that has not joined \
                  to say when it will."
                    .into(),
            image: Some("https://example.org/media/geneva.jpg".into()),
            image_alt: "Delegates in the assembly hall of the Palais des Nations".into(),
            categories: vec!["Conferences".into()],
            ..Post::default()
        },
    )
}

fn webinar() -> StoredPost {
    stored(
        2,
        noon(2024, 4, 22),
        Urgency::Routine,
        Post {
            title: "Webinar: what the new transfer rules mean for parliaments".into(),
            link: link("webinar-transfer-rules"),
            summary: "Three legislators and a former inspector explain how a parliament can follow a shipment from \
                  the export licence to the port. Thursday 2 May, 11:00 in New York; questions are welcome in \
                  English, French and Spanish."
                .into(),
            categories: vec!["Events".into()],
            event: Some(panel()),
            ..Post::default()
        },
    )
}

fn panel() -> Event {
    let hour = |hour, minute| {
        let at = civil::date(2024, 5, 2).at(hour, minute, 0, 0).to_zoned_datetime(TimeZone::UTC);
        at.expect("UTC has no gaps").timestamp()
    };
    Event {
        name: String::new(),
        when: When::Hours { starts: hour(15, 0), ends: Some(hour(16, 30)), offset: -4 * 3600, zone: "ET".into() },
        place: "Online".into(),
    }
}

fn clearance() -> StoredPost {
    stored(
        3,
        noon(2024, 4, 19),
        Urgency::Routine,
        Post {
            title: "“We can farm here again”: a valley is declared clear".into(),
            summary: "After eleven years of survey and clearance, the last minefield of the valley was handed back to \
                  the families who left it."
                .into(),
            ..Post::default()
        },
    )
}

fn report() -> StoredPost {
    let title = "Annual report: casualties fall for the third year, funding falls faster";
    stored(
        4,
        noon(2024, 4, 17),
        Urgency::Routine,
        Post { title: title.into(), link: link("annual-report"), ..Post::default() },
    )
}

fn condemnation() -> StoredPost {
    stored(
        5,
        noon(2024, 4, 25),
        Urgency::Breaking,
        Post {
            title: "Coalition condemns fifth transfer of cluster munitions".into(),
            link: link("fifth-transfer"),
            summary:
                "The Coalition condemns, in the strongest terms, the fifth transfer of cluster munitions announced \
                  today."
                    .into(),
            body_html:
                "<p>Washington, 25 April 2024. The Coalition <strong>condemns</strong>, in the strongest terms, \
                    the fifth transfer of cluster munitions announced today.</p>\
                    <p>These weapons scatter hundreds of submunitions over an area as large as several football \
                    fields. Many do not explode on impact and remain, for decades, a danger to farmers and \
                    children.</p>\
                    <blockquote><p>Each transfer makes the next one easier, and clearance longer.</p></blockquote>\
                    <p>We call on the government to:</p>\
                    <ul><li>stop all transfers of cluster munitions at once;</li>\
                    <li>publish what was sent, and where it was used;</li>\
                    <li>join the <a href=\"https://example.org/convention\">convention</a> that 112 states have \
                    joined.</li></ul>"
                    .into(),
            categories: vec!["Statements".into()],
            ..Post::default()
        },
    )
}

fn stored(id: i64, at: Timestamp, urgency: Urgency, post: Post) -> StoredPost {
    let rule = (urgency == Urgency::Breaking).then(|| slug("condemnation"));
    StoredPost {
        id: PostId(id),
        feed: slug("site"),
        post: Post { fingerprint: format!("sample-{id}"), published_at: Some(at), ..post },
        first_seen_at: at,
        news_at: Some(at),
        standing: Standing::News,
        standing_reason: "sample".into(),
        verdict: Verdict { urgency, reason: "sample".into(), rule },
    }
}

fn draft(key: IssueKey, content: Content) -> Draft {
    Draft { list: slug("news"), key, content }
}

fn link(page: &str) -> Option<String> {
    Some(format!("https://example.org/{page}/"))
}

fn noon(year: i16, month: i8, day: i8) -> Timestamp {
    let noon = civil::date(year, month, day).at(12, 0, 0, 0).to_zoned_datetime(TimeZone::UTC);
    noon.expect("UTC has no gaps").timestamp()
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("the sample's names are slugs")
}
