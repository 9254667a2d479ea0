//! A post that announces an event, from the feed to a reader's calendar.

use tidings::{
    domain::issue::Content,
    render::{Flavour, sample},
};

use super::{live, ours, received};
use crate::world::{World, check::check_message, feed_server::Response};

#[test]
fn an_announced_event_is_told_and_attached() {
    let draft = sample::digest();
    let checked = received(&live(&draft), Some(&draft));
    let told = "Thursday 2 May 2024, 11:00–12:30 ET\nOnline\nTo add it to your calendar, open the attached event-2024-05-02.ics.\n";
    assert!(checked.text.contains(told), "{}", checked.text);
    assert!(checked.html.contains("Thursday 2 May 2024, 11:00–12:30 ET<br>Online<br>"), "{}", checked.html);
    insta::assert_snapshot!(checked.calendars.join("\n").replace("\n ", ""));
}

#[test]
fn an_event_has_the_same_uid_whenever_it_is_mailed() {
    let uid = |now: &str| {
        let draft = sample::digest();
        let now = now.parse().expect("an instant");
        let rendered = ours().render(&draft, &sample::list(), Flavour::Live, now).expect("it renders");
        let calendars = received(&rendered, Some(&draft)).calendars;
        calendars[0].lines().find(|line| line.starts_with("UID:")).map(str::to_owned)
    };
    assert_eq!(uid("2024-04-25T12:00:00Z"), uid("2024-05-01T12:00:00Z"));
}

#[test]
fn an_event_that_has_begun_is_not_announced() {
    let draft = sample::digest();
    let begun = "2024-05-02T15:00:00Z".parse().expect("an instant");
    let rendered = ours().render(&draft, &sample::list(), Flavour::Live, begun).expect("it renders");
    let checked = received(&rendered, Some(&draft));
    assert!(checked.calendars.is_empty() && !checked.text.contains("event-2024"), "{}", checked.text);
}

#[test]
fn events_of_one_day_have_files_of_their_own() {
    let mut draft = sample::digest();
    if let Content::Digest { posts, .. } = &mut draft.content {
        posts[0].post.event = posts[1].post.event.clone();
    }
    let checked = received(&live(&draft), Some(&draft));
    assert_eq!(checked.calendars.len(), 2);
    assert!(checked.text.contains("event-2024-05-02.ics") && checked.text.contains("event-2024-05-02-2.ics"));
}

#[test]
fn what_an_event_is_called_cannot_change_its_file() {
    let mut draft = sample::digest();
    if let Content::Digest { posts, .. } = &mut draft.content {
        let event = posts[1].post.event.as_mut().expect("the sample has an event");
        event.name =
            "A; b, \\c\r\nEND:VEVENT\nDTSTART:19700101T000000Z \u{E000}leave_url\u{E001} ={leave_url.text}".into();
        event.place = "é".repeat(300);
    }
    let calendar = received(&live(&draft), Some(&draft)).calendars.remove(0).replace("\n ", "");
    assert!(
        calendar.contains("SUMMARY:A\\; b\\, \\\\c END:VEVENT DTSTART:19700101T000000Z leave_url ={leave_url.text}\n"),
        "{calendar}"
    );
}

#[tokio::test]
async fn a_webinar_in_a_feed_is_in_its_readers_calendar() {
    let world = World::setup().signed().start().await;
    world.begin(2).await;
    let feed = r#"<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>S</title><item>
        <title>Webinar: what the rules mean</title><guid>w</guid><link>https://example.org/w/</link><category>Events</category>
        <pubDate>Wed, 24 Apr 2024 12:05:00 +0000</pubDate><content:encoded><![CDATA[<p>Join us.</p>
        <ul><li><b>When:</b> Thursday, 2 May 2024, 11:00&#8211;12:30 ET</li><li><b>Where:</b> Online</li></ul>]]></content:encoded>
        </item></channel></rss>"#;
    world.site.serve("/feed/", Response::ok(feed));
    world.hours(1);
    world.run().await;
    world.until("2024-04-29T09:00:00Z");
    world.run().await;
    let messages = world.relay.messages();
    assert_eq!(messages.len(), 2);
    for message in &messages {
        let checked = check_message(&message.bytes);
        let calendar = checked.calendars[0].replace("\n ", "");
        for line in [
            "DTSTART:20240502T150000Z",
            "DTEND:20240502T163000Z",
            "SUMMARY:Webinar: what the rules mean",
            "LOCATION:Online",
            "URL:https://example.org/w/",
        ] {
            assert!(calendar.lines().any(|found| found == line), "{line} is not in {calendar}");
        }
    }
}
