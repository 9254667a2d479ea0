//! The pages of posts, lists, feeds and relays: what they say, who may press what, and what follows from it.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::StatusCode;
use tidings::{
    domain::{
        issue::IssueKind,
        post::{PostId, Standing, StoredPost},
        staff::Role,
    },
    publish,
};

use crate::world::{
    FEED, Setup, World,
    desk::{Desk, ED, OLGA, PIA, VERA},
    feed_server::Response,
    pages::{Answer as Page, Pages},
    post,
    relay::{Answer, Stage},
    slug,
    stores::told_on_both_engines,
};

const READER: &str = "reader1@example.org";
/// When the digest of the world goes.
const SLOT: &str = "2024-04-29T09:00:00Z";

/// A house with two readers and its first look behind it, and one of each role, whose invitations go with the next run.
async fn house(setup: Setup) -> (World, Pages) {
    let world = setup.start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    world.staff_of_each_role().await;
    (world, pages)
}

/// The newest post.
async fn newest(world: &World) -> StoredPost {
    world.app.store.posts_page(&Default::default(), 1).await.expect("posts").pop().expect("a post")
}

async fn standing(world: &World, id: PostId) -> Standing {
    world.app.store.post(id).await.expect("the store answers").expect("a post").standing
}

/// Every page of this file.
async fn all_paths(world: &World) -> Vec<String> {
    let id = newest(world).await.id.0;
    let paths = ["/desk/posts", "/desk/lists", "/desk/lists/news", "/desk/lists/news/digest", "/desk/feeds"];
    let more = ["/desk/feeds/site".to_owned(), "/desk/relays".to_owned(), format!("/desk/posts/{id}")];
    let mail = format!("/desk/posts/{id}/mail?list=news");
    paths.into_iter().map(str::to_owned).chain(more).chain([mail]).collect()
}

/// Sends a post as an alert to `news`: looks at the plan, and types a word.
async fn send(desk: &mut Desk<'_>, id: PostId, window: &str, typed: &str) -> Page {
    let path = format!("/desk/posts/{}/alert", id.0);
    let fields = [("list", "news"), ("window", window)];
    let plan = desk.press(&path, &[&fields[..], &[("do", "plan")]].concat()).await;
    assert_eq!(plan.status, StatusCode::OK, "{}", plan.text);
    let seen = plan.hidden("seen");
    let fields = [&fields[..], &[("do", "send"), ("seen", &seen), ("typed", typed)]].concat();
    desk.press(&path, &fields).await
}

told_on_both_engines!(a_post_that_is_sent_as_an_alert_goes_once_and_is_in_no_digest);
async fn a_post_that_is_sent_as_an_alert_goes_once_and_is_in_no_digest() {
    let (world, pages) = house(World::setup()).await;
    world.next_look(&[world.post("A quiet story"), world.post("Another story")]).await;
    assert!(world.mails_to(READER).is_empty(), "neither is breaking");
    let id = newest(&world).await.id;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let listing = pia.get("/desk/posts").await;
    for words in ["A quiet story", "https://example.org/a-quiet-story/", "rel=\"noreferrer\"", "no urgent rule"] {
        assert!(listing.text.contains(words), "{words} is not in {}", listing.text);
    }
    let path = format!("/desk/posts/{}", id.0);
    assert!(pia.get(&path).await.text.contains("Send as alert"));
    let mail = pia.get(&format!("{path}/mail?list=news")).await;
    assert!(mail.text.contains("A quiet story"), "{}", mail.text);
    assert!(mail.headers["content-security-policy"].to_str().expect("text").starts_with("sandbox;"));

    let page = send(&mut pia, id, "0s", "no").await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("type “yes” to confirm"), "{}", page.text);
    assert!(world.issues().await.is_empty());
    let fields = [("list", "news"), ("window", "0s")];
    let seen = pia.press(&format!("{path}/alert"), &[&fields[..], &[("do", "plan")]].concat()).await.hidden("seen");
    let fields = [&fields[..], &[("do", "send"), ("seen", &seen), ("typed", "yes")]].concat();
    let sent = pia.press(&format!("{path}/alert"), &fields).await;
    let alert = world.issues().await.pop().expect("an issue");
    let place = |said: &str| format!("/desk/issues/{}?said={said}", alert.id.0);
    assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, place("sent").as_str()));
    // Who presses twice, or loads the page anew, is led to what was sent, and does not read that nothing was.
    assert_eq!(pia.press(&format!("{path}/alert"), &fields).await.location(), place("before"));
    let page = pia.get(&path).await;
    assert_eq!((alert.kind, alert.key), (IssueKind::Alert, format!("post:{}", id.0)));
    assert!(world.ledger(&alert.id.about()).await[0].starts_with("queued: by p***@e***.org"));
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), 1);
    assert_eq!(world.mails_to(READER)[0].subject, "Breaking: A quiet story");
    assert!(!page.text.contains("value=\"dismiss\"") && !page.text.contains("value=\"plan\""), "{}", page.text);

    // Neither the button again, nor another look, nor the digest brings it once more.
    let fields = [("list", "news"), ("window", "0s"), ("do", "plan")];
    let again = pia.press(&format!("{path}/alert"), &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("carries this post already"), "{}", again.text);
    world.minutes(10);
    world.run().await;
    world.until(SLOT);
    world.run().await;
    let issues = world.issues().await;
    assert_eq!(issues.len(), 2);
    let digest = world.app.store.posts_of_issue(issues[1].id).await.expect("posts");
    assert!(!digest.contains(&id) && digest.len() == 1, "{digest:?}");
    assert_eq!(world.mails_to(READER).len(), 2);
    let listing = Desk::signed_in(&pages, PIA).await.get("/desk/posts").await;
    assert!(listing.text.contains("(alert of news, queued)") && listing.text.contains("(digest of news, queued)"));
}

#[tokio::test]
async fn an_alert_of_a_post_waits_in_its_window_and_for_a_second_person() {
    let (world, pages) = house(
        World::setup().staff("notify = [\"desk@example.org\", \"chief@example.org\"]").staff("second_person = true"),
    )
    .await;
    world.next_look(&[world.post("A quiet story")]).await;
    let id = newest(&world).await.id;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let place = send(&mut pia, id, "2m", "yes").await.location().to_owned();
    let page = pia.get(&place).await;
    assert!(page.text.contains("second person"), "{}", page.text);
    let issue = world.held_issue().await;
    let olga = tidings::newsroom::By::staff(&world.app, &crate::world::address_of(OLGA)).await.expect("staff");
    tidings::newsroom::approve(&world.app, issue, &olga, tidings::newsroom::Seen::Now).await.expect("approved");
    world.run().await;
    assert!(world.mails_to(READER).is_empty(), "its window has just opened");
    world.minutes(2);
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), 1);
}

#[tokio::test]
async fn who_sends_a_post_must_have_seen_it_as_it_is() {
    let (world, pages) = house(World::setup()).await;
    let quiet = world.post("A quiet story");
    world.next_look(std::slice::from_ref(&quiet)).await;
    let id = newest(&world).await.id;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let path = format!("/desk/posts/{}/alert", id.0);
    let fields = [("list", "news"), ("window", "0s")];
    let seen = pia.press(&path, &[&fields[..], &[("do", "plan")]].concat()).await.hidden("seen");
    world.next_look(&[quiet.saying("<p>It says something else now.</p>")]).await;
    let fields = [&fields[..], &[("do", "send"), ("seen", &seen), ("typed", "yes")]].concat();
    let page = pia.press(&path, &fields).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("the post was changed meanwhile"), "{}", page.text);
    assert!(world.issues().await.is_empty());
    for (list, window) in [("nowhere", "0s"), ("news", "a while"), ("news", "25h"), ("", "")] {
        let page = pia.press(&path, &[("list", list), ("window", window), ("do", "send"), ("typed", "yes")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{list} {window}");
    }
}

told_on_both_engines!(viewers_and_editors_look_at_all_of_it_and_change_nothing_by_any_route);
async fn viewers_and_editors_look_at_all_of_it_and_change_nothing_by_any_route() {
    let (world, pages) = house(World::setup().feed("flood = 2")).await;
    let flood: Vec<_> = (1..=3).map(|n| world.post(&format!("Story {n} of many"))).collect();
    world.next_look(&flood).await;
    let id = newest(&world).await.id;
    assert_eq!(standing(&world, id).await, Standing::Held);
    let (one, feed) = (format!("/desk/posts/{}", id.0), "/desk/feeds/site".to_owned());
    for address in [VERA, ED] {
        let mut desk = Desk::signed_in(&pages, address).await;
        desk.get("/desk").await;
        let before = world.rows().await;
        for path in all_paths(&world).await.iter().filter(|path| !path.ends_with("/digest")) {
            let page = desk.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
            assert!(!page.text.contains("name=\"do\""), "{address} has a button on {path}: {}", page.text);
        }
        let alert = format!("{one}/alert");
        let presses: [(&str, &[(&str, &str)]); 8] = [
            (&one, &[("do", "release")]),
            (&one, &[("do", "dismiss")]),
            (&alert, &[("do", "plan"), ("list", "news"), ("window", "0s")]),
            (&alert, &[("do", "send"), ("list", "news"), ("window", "0s"), ("typed", "yes"), ("seen", "x")]),
            (&feed, &[("do", "look")]),
            (&feed, &[("do", "release"), ("up_to", "999")]),
            (&feed, &[("do", "dismiss"), ("up_to", "999")]),
            ("/desk/feeds/nothing", &[("do", "look")]),
        ];
        for (path, fields) in presses {
            assert_eq!(desk.press(path, fields).await.status, StatusCode::FORBIDDEN, "{address}: {path} {fields:?}");
        }
        let changes = before.changes(&world.rows().await);
        assert!(changes.is_empty(), "{address} changes something:\n{}", changes.join("\n"));
    }
    for address in [PIA, OLGA] {
        let page = Desk::signed_in(&pages, address).await.get(&one).await;
        assert!(page.text.contains("Release") && page.text.contains("Never send"), "{}", page.text);
    }
}

#[tokio::test]
async fn nobody_sees_these_pages_who_is_not_signed_in() {
    let (world, pages) = house(World::setup()).await;
    let desk = Desk::outside(&pages);
    for path in all_paths(&world).await {
        let answer = desk.get(&path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.location().starts_with("/desk/sign-in"), "{path}");
    }
}

told_on_both_engines!(held_posts_are_decided_one_by_one_and_all_that_were_seen_at_once);
async fn held_posts_are_decided_one_by_one_and_all_that_were_seen_at_once() {
    let (world, pages) = house(World::setup().feed("flood = 2")).await;
    let mut posts: Vec<_> = (1..=5).map(|n| world.post(&format!("Story {n} of many"))).collect();
    world.next_look(&posts).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let held = world.app.store.posts_standing(&slug("site"), Standing::Held).await.expect("posts");
    let ids: Vec<PostId> = held.iter().map(|post| post.id).collect();
    assert_eq!(ids.len(), 5);
    let path = |id: PostId| format!("/desk/posts/{}", id.0);
    assert_eq!(pia.press(&path(ids[0]), &[("do", "release")]).await.status, StatusCode::OK);
    assert_eq!(pia.press(&path(ids[1]), &[("do", "dismiss")]).await.status, StatusCode::OK);
    let again = pia.press(&path(ids[1]), &[("do", "release")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("it stands otherwise by now"), "{}", again.text);
    assert_eq!((standing(&world, ids[0]).await, standing(&world, ids[1]).await), (Standing::News, Standing::Dismissed));
    assert!(pia.get(&path(ids[0])).await.text.contains("it was held, and is news now, by staff"));

    // What came since the page was looked at is not decided about.
    let page = pia.get("/desk/feeds/site").await;
    let up_to = page.hidden("up_to");
    posts.extend((6..=8).map(|n| world.post(&format!("Story {n} of many"))));
    world.next_look(&posts).await;
    let page = pia.press("/desk/feeds/site", &[("do", "release"), ("up_to", &up_to)]).await;
    assert!(page.text.contains("3 posts became news"), "{}", page.text);
    let page = pia.press("/desk/feeds/site", &[("do", "release"), ("up_to", &up_to)]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    for up_to in ["", "x", "-1"] {
        let page = pia.press("/desk/feeds/site", &[("do", "dismiss"), ("up_to", up_to)]).await;
        assert!(page.status.is_client_error(), "{up_to}");
    }
    let count = async |standing| world.app.store.count_standing(&slug("site"), standing).await.expect("a count");
    assert_eq!((count(Standing::Held).await, count(Standing::News).await), (3, 4));
    let page = pia.press("/desk/feeds/site", &[("do", "dismiss"), ("up_to", "999")]).await;
    assert!(page.text.contains("3 posts will never be sent"), "{}", page.text);
    assert_eq!(count(Standing::Dismissed).await, 4);
    // The wish to send it after all is refused: it was said that it never is.
    let fields = [("list", "news"), ("window", "0s"), ("do", "plan")];
    let page = pia.press(&format!("{}/alert", path(ids[1])), &fields).await;
    assert!(page.text.contains("was dismissed by staff"), "{}", page.text);
    let deeds = pia.get("/desk/deeds").await;
    assert!(deeds.text.contains("pia@example.org: decided, feed:site"), "{}", deeds.text);
}

told_on_both_engines!(of_what_an_issue_carries_nobody_reads_that_it_is_never_sent);
async fn of_what_an_issue_carries_nobody_reads_that_it_is_never_sent() {
    let (world, pages) = house(World::setup().feed("flood = 2")).await;
    let flood: Vec<_> = (1..=3).map(|n| world.post(&format!("Story {n} of many"))).collect();
    world.next_look(&flood).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let carried = newest(&world).await;
    let up_to = pia.get("/desk/feeds/site").await.hidden("up_to");
    send(&mut pia, carried.id, "2m", "yes").await;
    let issue = world.issues().await.pop().expect("an alert").id;
    // It is to be decided about no more, though the guards still hold it.
    let page = pia.get("/desk/feeds/site").await;
    assert!(page.text.contains("of many") && !page.text.contains(&carried.post.title), "{}", page.text);
    assert!(pia.get("/desk").await.text.contains("2 posts of the feed “site” to be decided about"));
    let one = format!("/desk/posts/{}", carried.id.0);
    let page = pia.get(&one).await;
    assert!(!page.text.contains("value=\"release\"") && !page.text.contains("value=\"dismiss\""), "{}", page.text);

    let where_it_is = format!("It is in issue {}: stop it there.", issue.0);
    let page = pia.press(&one, &[("do", "dismiss")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains(&where_it_is), "{}", page.text);
    let page = pia.press("/desk/feeds/site", &[("do", "dismiss"), ("up_to", &up_to)]).await;
    let where_it_is = format!("“{}” is in issue {}: stop it there.", carried.post.title, issue.0);
    for words in ["2 posts will never be sent.", &where_it_is, "Nothing of it is held."] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert_eq!(standing(&world, carried.id).await, Standing::Held);
    let page = pia.press("/desk/feeds/site", &[("do", "release"), ("up_to", &up_to)]).await;
    assert_eq!(page.status, StatusCode::CONFLICT, "{}", page.text);
    world.minutes(2);
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), 1, "it was sent, as it was said");
    // There is nothing to be stopped any more.
    let page = pia.press(&one, &[("do", "dismiss")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(!page.text.contains("stop it there"), "{}", page.text);
}

#[tokio::test]
async fn on_the_command_line_as_well_what_an_issue_carries_is_not_said_never_to_be_sent() {
    let (world, pages) = house(World::setup().feed("flood = 2")).await;
    let flood: Vec<_> = (1..=3).map(|n| world.post(&format!("Story {n} of many"))).collect();
    world.next_look(&flood).await;
    let carried = newest(&world).await.id;
    send(&mut Desk::signed_in(&pages, PIA).await, carried, "2m", "yes").await;
    let issue = world.issues().await.pop().expect("an alert").id;
    let held = world.tidings(&["feeds", "held", "site"]).await.well();
    assert_eq!(held.matches("of many").count(), 2, "{held}");
    let said = world.tidings(&["feeds", "dismiss", "site"]).await.well();
    let where_it_is = format!("post {} is in issue {}: stop it there", carried.0, issue.0);
    assert!(said.contains("2 posts will not be mailed") && said.contains(&where_it_is), "{said}");
    assert_eq!(standing(&world, carried).await, Standing::Held);
}

#[tokio::test]
async fn what_is_held_becomes_no_alert_by_a_release_but_by_being_sent_as_one() {
    let (world, pages) = house(World::setup().feed("flood = 2")).await;
    let mut posts: Vec<_> = (1..=4).map(|n| world.post(&format!("Story {n} of many"))).collect();
    posts.extend([world.post("Coalition condemns a transfer"), world.post("Coalition condemns another")]);
    world.next_look(&posts).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let held = world.app.store.posts_standing(&slug("site"), Standing::Held).await.expect("posts");
    let named = |title: &str| held.iter().find(|post| post.post.title == title).expect("it is held").id;
    let breaking = ["Coalition condemns a transfer", "Coalition condemns another"].map(named);
    let page = pia.get("/desk/feeds/site").await;
    assert!(page.text.contains("2 of them would be breaking by themselves"), "{}", page.text);
    pia.press(&format!("/desk/posts/{}", breaking[0].0), &[("do", "release")]).await;
    pia.press("/desk/feeds/site", &[("do", "release"), ("up_to", &page.hidden("up_to"))]).await;
    assert_eq!(world.run().await.made(), (0, 0, 0));
    assert!(world.mails_to(READER).is_empty());
    let page = pia.get(&format!("/desk/posts/{}", breaking[1].0)).await;
    assert!(page.text.contains("staff released it into the digest"), "{}", page.text);
    send(&mut pia, breaking[1], "0s", "yes").await;
    world.run().await;
    assert_eq!(world.mails_to(READER)[0].subject, "Condemnation: Coalition condemns another");
    world.until(SLOT);
    world.run().await;
    let digest = &world.mails_to(READER)[1].text;
    let (news, alerts) = digest.split_once("Sent as an alert since the last digest").expect("both");
    assert!(news.contains("condemns a transfer") && !news.contains("condemns another"), "{digest}");
    assert!(alerts.contains("condemns another") && !alerts.contains("condemns a transfer"), "{digest}");
}

told_on_both_engines!(look_now_looks_now);
async fn look_now_looks_now() {
    let (world, pages) = house(World::setup().feed("every = \"1d\"")).await;
    let looks = || world.site.requests().iter().filter(|request| request.target == FEED).count();
    world.minutes(1);
    world.run().await;
    assert_eq!(looks(), 1, "it is not due for a day");
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let page = pia.press("/desk/feeds/site", &[("do", "look")]).await;
    assert!(page.text.contains("It is looked at within moments"), "{}", page.text);
    assert!(page.text.contains("now: it is said to have news"), "{}", page.text);
    // Whoever waits for the feed in this process is woken.
    let woken = publish::pinged(&world.app, &world.app.config.feeds[0]);
    tokio::time::timeout(Duration::from_secs(60), woken).await.expect("the daemon would look now");
    world.feed_has(&[world.post("Coalition condemns a transfer")]);
    world.run().await;
    assert_eq!((looks(), world.mails_to(READER).len()), (2, 1));
    let page = pia.get("/desk/feeds/site").await;
    assert!(page.text.contains("look wanted: by staff") && !page.text.contains("said to have news"), "{}", page.text);
}

#[tokio::test]
async fn a_feed_that_fails_says_since_when_and_why() {
    let (world, pages) = house(World::setup()).await;
    world.site.serve(FEED, Response::ok("").status(503));
    world.minutes(10);
    world.run().await;
    let vera = Desk::signed_in(&pages, VERA).await;
    for path in ["/desk/feeds", "/desk/feeds/site"] {
        let page = vera.get(path).await;
        for words in ["cannot be read since Wed 24 April 2024, 12:10 UTC", "1 failure in a row", "503"] {
            assert!(page.text.contains(words), "{words} is not in {}", page.text);
        }
    }
    assert!(vera.get("/desk").await.text.contains("<a href=\"/desk/feeds/site\">The feed “site” cannot be read"));
}

#[tokio::test]
async fn what_a_site_or_a_relay_writes_runs_nothing_on_these_pages() {
    let (world, pages) = house(World::setup().feed("flood = 1")).await;
    let hostile = "<script>alert(1)</script> <img src=x onerror=alert(1)> \"><b onclick='x'>";
    world.relay.answer_recipient(READER, Answer::Reply("550 5.1.1 <reader1@example.org> <img src=x onerror=alert(1)>"));
    world.next_look(&[world.post(&format!("Coalition condemns {hostile}"))]).await;
    world.next_look(&[world.post(&format!("One {hostile}")), world.post(&format!("Two {hostile}"))]).await;
    let vera = Desk::signed_in(&pages, VERA).await;
    // As if nothing had been taken out of them when they came.
    world.sql("UPDATE posts SET title = '<img src=x onerror=alert(1)> \"><b onclick=x>', summary = title").await;
    assert!(vera.get("/desk/posts").await.text.contains("&lt;img src=x"));
    for path in all_paths(&world).await {
        let page = vera.get(&path).await;
        for bad in ["<script>", "<img src=x", "<b onclick"] {
            assert!(!page.text.contains(bad), "{bad} on {path}: {}", page.text);
        }
    }
    let relays = vera.get("/desk/relays").await;
    assert!(relays.text.contains("r***@e***.org") && !relays.text.contains(READER), "{}", relays.text);
    for query in
        ["feed=%3Cscript%3E&standing=%3Cscript%3E&urgency=x&after=%3Cscript%3E", "after=9.", "after=.", "feed=a%00b"]
    {
        let page = vera.get(&format!("/desk/posts?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        assert!(!page.text.contains("<script>"), "{}", page.text);
    }
    for path in
        ["/desk/posts/x", "/desk/posts/0", "/desk/posts/99999999999999999999", "/desk/lists/%FF", "/desk/feeds/.."]
    {
        assert_eq!(vera.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

told_on_both_engines!(posts_are_filtered_and_paged_by_the_address);
async fn posts_are_filtered_and_paged_by_the_address() {
    let (world, pages) = house(World::setup().feed("flood = 100")).await;
    let posts: Vec<_> = (1..=30).map(|n| world.post(&format!("Story number {n}."))).collect();
    world.next_look(&posts).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let vera = Desk::signed_in(&pages, VERA).await;
    let titles = |page: &Page| -> Vec<String> {
        let links = page.text.split("<h2><a href=\"/desk/posts/").skip(1);
        links.map(|link| link.split(['>', '<']).nth(1).expect("a title").to_owned()).collect()
    };
    let page = vera.get("/desk/posts").await;
    let mut seen = titles(&page);
    assert_eq!((seen.len(), seen[0].as_str()), (25, "Coalition condemns a transfer"));
    assert_eq!(seen[1], "Story number 1.", "of one look, in the feed's own order");
    let next = page.text.split("<a href=\"/desk/posts?after=").nth(1).expect("a link to older ones");
    let next = format!("/desk/posts?after={}", next.split('"').next().expect("it ends"));
    let page = vera.get(&next).await;
    seen.extend(titles(&page));
    assert_eq!(seen.len(), 32);
    assert_eq!(seen.last().map(String::as_str), Some("An old story"));
    assert!(!page.text.contains("Older posts"), "{}", page.text);
    let of = async |query: &str| titles(&vera.get(&format!("/desk/posts?{query}")).await);
    assert_eq!(of("urgency=breaking").await, ["Coalition condemns a transfer"]);
    assert_eq!(of("standing=baseline&feed=site").await, ["An old story"]);
    assert!(of("feed=other").await.is_empty());
    assert!(vera.get("/desk/posts?feed=other").await.text.contains("No post is like that."));
    let narrowed = vera.get("/desk/posts?standing=news").await;
    assert!(narrowed.text.contains("/desk/posts?standing=news&amp;after="), "{}", narrowed.text);
}

told_on_both_engines!(a_list_says_when_it_goes_next_what_waits_and_how_it_grows);
async fn a_list_says_when_it_goes_next_what_waits_and_how_it_grows() {
    let setup = World::setup().list("time_zone = \"Europe/Paris\"").list("min_posts = 2");
    let (world, pages) = house(setup).await;
    world.next_look(&[world.post("A quiet story")]).await;
    world.hours(24);
    world.join("news", "late@example.org").await;
    world.part("news", READER).await;
    let vera = Desk::signed_in(&pages, VERA).await;
    let page = vera.get("/desk/lists").await;
    for words in ["Next digest: Mon 29 April 2024, 09:00 CEST", "1 post waiting · 2 get digests · 2 get alerts"] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    let page = vera.get("/desk/lists/news").await;
    for words in [
        "at 09:00 on Monday, Paris time",
        "Mon 6 May 2024, 09:00 CEST",
        "A quiet story",
        "The digest waits until there are 2 posts.",
        "<tr><td>25 April 2024</td><td class=\"number\">1</td><td class=\"number\">1</td><td class=\"number\">2</td></tr>",
        "<tr><td>24 April 2024</td><td class=\"number\">2</td><td class=\"number\">0</td><td class=\"number\">2</td></tr>",
        "aria-label=\"Readers: 0 on 26 January 2024, 2 on 25 April 2024\"",
    ] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert!(!page.text.contains("<iframe"), "{}", page.text);
    let none = vera.get("/desk/lists/news/digest").await;
    assert_eq!(none.status, StatusCode::CONFLICT);
    assert!(none.text.contains("1 new post, and the list waits for 2"), "{}", none.text);

    world.next_look(&[world.post("A quiet story"), world.post("Another story")]).await;
    let page = vera.get("/desk/lists/news").await;
    assert!(page.text.contains("<iframe class=\"mail\" sandbox"), "{}", page.text);
    let before = world.rows().await;
    let mail = vera.get("/desk/lists/news/digest").await;
    assert!(mail.text.contains("Another story"), "{}", mail.text);
    let header = |name: &str| mail.headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("x-frame-options"), "SAMEORIGIN");
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert!(before.changes(&world.rows().await).is_empty(), "a preview changes no row");
}

told_on_both_engines!(a_relay_says_what_it_did_lately_and_what_it_would_not_take);
async fn a_relay_says_what_it_did_lately_and_what_it_would_not_take() {
    let (world, pages) = house(World::setup().relay("rate = \"1000/m\"")).await;
    let vera = Desk::signed_in(&pages, VERA).await;
    let page = vera.get("/desk/relays").await;
    for words in ["not known", "It was given nothing within the last day.", "1000/m", "All that was offered was taken."]
    {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    world.relay.answer_recipient(READER, Answer::Reply("550 5.1.1 <reader1@example.org> is not here"));
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    let page = vera.get("/desk/relays").await;
    for words in [
        "It took messages last at Wed 24 April 2024, 12:10 UTC.",
        // One reader, and the five who were invited.
        "<dd>6 sent</dd>",
        "6; refused 1, no clear answer 0",
        "is not here",
        "r***@e***.org",
    ] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert!(!page.text.contains(READER), "{}", page.text);
    world.minutes(59);
    let page = vera.get("/desk/relays").await;
    assert!(page.text.contains("<dd>0 sent</dd>") && page.text.contains("6; refused 1"), "{}", page.text);

    world.relay.answer(Stage::Connect, Answer::Reply("554 No service for you"));
    world.next_look(&[world.post("Coalition condemns another transfer")]).await;
    let page = vera.get("/desk/relays").await;
    for words in ["in trouble", "In trouble since Wed 24 April 2024, 13:19 UTC.", "No service for you", "alarm:"] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert!(vera.get("/desk").await.text.contains("<a href=\"/desk/relays\">relay in trouble (relay:main)"));
    // What it did is forgotten after a day.
    world.clock.advance(SignedDuration::from_hours(26));
    world.app.store.forget_relay_minutes(world.clock.now()).await.expect("forgotten");
    assert!(!world.dump().await.contains("relay_minutes"));
}

#[tokio::test]
async fn a_list_that_has_not_begun_and_a_feed_that_was_not_looked_at_have_their_pages() {
    let world = World::new().await;
    let pages = Pages::of(&world).await;
    world.staff(VERA, Role::Viewer).await;
    world.feed_has(&[post("A story")]);
    let vera = Desk::signed_in(&pages, VERA).await;
    let before = world.rows().await;
    for (path, words) in [
        ("/desk/posts", "No post has come yet."),
        ("/desk/lists", "0 posts waiting"),
        ("/desk/lists/news", "No post waits."),
        ("/desk/feeds", "not looked at yet"),
        ("/desk/feeds/site", "with the next pass"),
    ] {
        let page = vera.get(path).await;
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert_eq!(vera.get("/desk/lists/news/digest").await.status, StatusCode::CONFLICT);
    assert!(before.changes(&world.rows().await).is_empty());
}
