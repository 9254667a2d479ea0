//! The newsroom's pages: writing, testing and sending an alert, stopping, approving, correcting and withdrawing one, and what
//! each role may do by any route.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use tidings::domain::issue::IssueId;

use crate::world::{
    Setup, World, address_of,
    desk::{Desk, ED, OLGA, PAUL, PIA, VERA},
    pages::{Answer as Page, Pages, encoded},
    recipients,
    relay::Answer,
    stores::told_on_both_engines,
};

const READER: &str = "reader1@example.org";

/// What staff write, as the form brings it.
const STATEMENT: [(&str, &str); 4] = [
    ("list", "news"),
    ("subject", "Statement on the transfer"),
    ("text", "The coalition **condemns** it.\r\n\r\nPress: press@example.org"),
    ("kind", "alert"),
];

/// A house with two readers and its first look behind it, and somebody of each role; who were invited know it.
async fn house(setup: Setup) -> (World, Pages) {
    let world = setup.start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    world.staff_of_each_role().await;
    world.run().await;
    world.new_mails();
    (world, pages)
}

/// Presses a button of a page where staff write.
async fn press(desk: &mut Desk<'_>, path: &str, deed: &str, more: &[(&str, &str)]) -> Page {
    let own: &[(&str, &str)] = if path == "/desk/write" { &STATEMENT } else { &[] };
    desk.press(path, &[&[("do", deed)], more, own, &[("window", "0s")]].concat()).await
}

/// Writes the alert and sends it; gives the issue that its page is about.
async fn sent(desk: &mut Desk<'_>, window: &str) -> IssueId {
    let plan = press(desk, "/desk/write", "plan", &[("window", window)]).await;
    assert_eq!(plan.status, StatusCode::OK, "{}", plan.text);
    let (key, more) = (plan.hidden("key"), [("window", window), ("typed", "yes")]);
    let page = press(desk, "/desk/write", "send", &[&[("key", key.as_str())], &more[..]].concat()).await;
    issue_of(&page)
}

/// The issue to whose page somebody is led.
fn issue_of(page: &Page) -> IssueId {
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let (_, rest) = page.location().split_once("/desk/issues/").expect("the page of an issue");
    IssueId(rest.split('?').next().expect("a number").parse().expect("a number"))
}

fn path_of(issue: IssueId) -> String {
    format!("/desk/issues/{}", issue.0)
}

/// Presses a button of an issue's page, as it is now.
async fn decide(desk: &mut Desk<'_>, issue: IssueId, deed: &str, typed: &str) -> Page {
    let path = path_of(issue);
    let seen = desk.get(&path).await.hidden("seen");
    desk.press(&path, &[("do", deed), ("typed", typed), ("seen", &seen)]).await
}

told_on_both_engines!(an_alert_is_written_previewed_tested_sent_and_stopped_in_its_window);
async fn an_alert_is_written_previewed_tested_sent_and_stopped_in_its_window() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let page = pia.get("/desk/write?list=news").await;
    assert!(page.text.contains("Coalition news, 2 readers"), "{}", page.text);
    // The mail beside the form stands in the page itself, and has pictures.
    assert!(page.headers["content-security-policy"].to_str().expect("text").ends_with("; img-src https: http: data:"));
    let page = press(&mut pia, "/desk/write", "preview", &[]).await;
    assert!(page.text.contains("srcdoc=\"&lt;!DOCTYPE html"), "{}", page.text);
    assert!(page.text.contains("**condemns**"), "the text is carried along: {}", page.text);
    let page = press(&mut pia, "/desk/write", "test", &[]).await;
    assert!(page.text.contains("A test goes to pia@example.org"), "{}", page.text);
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails), [PIA]);
    assert_eq!(mails[0].subject, "[Test] Statement on the transfer");

    let plan = press(&mut pia, "/desk/write", "plan", &[("window", "2m")]).await;
    for words in ["2 readers of Coalition news", "in 2 minutes", "Send to 2 readers", "type “yes”", "ready: “"] {
        assert!(plan.text.contains(words), "{words} is not in {}", plan.text);
    }
    let page = press(&mut pia, "/desk/write", "send", &[("window", "2m"), ("typed", "no")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("Nothing was sent: type “yes” to confirm."), "{}", page.text);
    assert_eq!(world.issues().await.len(), 0);

    let issue = sent(&mut pia, "2m").await;
    let page = pia.get(&path_of(issue)).await;
    for words in ["An alert goes out soon", ">2:00<", "class=\"large\">Stop it", "data-live=\"/desk/issues/"] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    world.minutes(1);
    let page = decide(&mut pia, issue, "stop", "").await;
    assert_eq!(page.location(), format!("{}?said=stop", path_of(issue)));
    let page = pia.get(page.location()).await;
    assert!(page.text.contains("It is stopped.") && page.text.contains("An alert is held"), "{}", page.text);
    assert!(!page.text.contains("data-live"), "nothing moves: {}", page.text);
    world.minutes(5);
    world.run().await;
    assert!(world.mails_to(READER).is_empty());
    assert_eq!(decide(&mut pia, issue, "give-up", "yes").await.status, StatusCode::CONFLICT);
    decide(&mut pia, issue, "give-up", "give up").await;
    let page = pia.get(&format!("{}?said=give-up", path_of(issue))).await;
    assert!(page.text.contains("It is given up.") && page.text.contains("An alert was given up"), "{}", page.text);
    world.run().await;
    assert!(world.mails_to(READER).is_empty());
    let ledger = world.ledger(&issue.about()).await;
    assert!(ledger.iter().any(|line| line.starts_with("held: stopped, by p***@e***.org")), "{ledger:?}");
    let deeds = pia.get("/desk/deeds").await;
    assert!(deeds.text.contains("pia@example.org: held"), "{}", deeds.text);
}

told_on_both_engines!(a_button_that_is_pressed_twice_sends_once);
async fn a_button_that_is_pressed_twice_sends_once() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let key = pia.get("/desk/write").await.hidden("key");
    let more = [("key", key.as_str()), ("typed", "yes")];
    let first = press(&mut pia, "/desk/write", "send", &more).await;
    let second = press(&mut pia, "/desk/write", "send", &more).await;
    assert_eq!(issue_of(&first), issue_of(&second));
    let page = pia.get(second.location()).await;
    assert!(page.text.contains("This was sent before, and is not sent again"), "{}", page.text);
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), 1);
    // A form that is made anew may say the same once more: it is another alert.
    let key = pia.get("/desk/write").await.hidden("key");
    let third = press(&mut pia, "/desk/write", "send", &[("key", key.as_str()), ("typed", "yes")]).await;
    assert_ne!(issue_of(&third), issue_of(&first));
}

#[tokio::test]
async fn each_role_does_what_it_may_by_every_route_and_nothing_else() {
    let (world, pages) = house(World::setup()).await;
    let mut olga = Desk::signed_in(&pages, OLGA).await;
    let issue = sent(&mut olga, "5m").await;
    let path = path_of(issue);
    let (correct, withdraw) = (format!("{path}/correct"), format!("{path}/withdraw"));
    for (address, may_write) in [(VERA, false), (ED, true)] {
        let mut desk = Desk::signed_in(&pages, address).await;
        let writes = if may_write { StatusCode::OK } else { StatusCode::FORBIDDEN };
        for looks in ["/desk/issues", &path, &format!("{path}/mail")] {
            assert_eq!(desk.get(looks).await.status, StatusCode::OK, "{address} looks at {looks}");
        }
        let page = desk.get(&path).await;
        assert!(!page.text.contains("Stop it") && !page.text.contains("name=\"do\""), "{}", page.text);
        assert!(!page.text.contains("Correct it"), "nobody has it yet: {}", page.text);
        assert_eq!(page.text.contains("Write an alert"), may_write, "{}", page.text);
        for writing in ["/desk/write", &correct, &withdraw] {
            assert_eq!(desk.get(writing).await.status, writes, "{address} opens {writing}");
            let more = [("subject", "Other words"), ("text", "Other words")];
            for deed in ["preview", "test", "write"] {
                assert_eq!(press(&mut desk, writing, deed, &more).await.status, writes, "{address} {deed} {writing}");
            }
            let part = desk.press(&format!("{writing}/preview"), &STATEMENT).await;
            assert_eq!(part.status, writes, "{address} previews {writing}");
            for deed in ["plan", "send"] {
                let more = [&more[..], &[("typed", "yes")]].concat();
                let page = press(&mut desk, writing, deed, &more).await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{address} {deed} {writing}");
            }
        }
        let key = [("idempotency-key", "a-key")];
        let api = desk.ask(Method::POST, "/api/v1/alerts", "", &key).await;
        assert_eq!(api.status, StatusCode::UNAUTHORIZED, "who is signed in is no token");
        let seen = olga.get(&path).await.hidden("seen");
        for deed in ["stop", "release", "approve", "give-up", "x"] {
            let page = desk.press(&path, &[("do", deed), ("typed", "yes"), ("seen", &seen)]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{address} {deed}");
        }
    }
    assert_eq!(world.issues().await.len(), 1, "nobody made another");
    assert_eq!(world.states(issue).await, "queued 2", "nobody stopped it");
    // Without the seal nobody does anything.
    let seen = olga.get(&path).await.hidden("seen");
    for (path, fields) in [
        ("/desk/write", [("do", "send"), ("typed", "yes")]),
        ("/desk/write/preview", STATEMENT[..2].try_into().expect("two")),
        (path.as_str(), [("do", "stop"), ("seen", seen.as_str())]),
        (correct.as_str(), [("do", "send"), ("typed", "yes")]),
    ] {
        assert_eq!(olga.post(path, &fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    // Nobody at all is led to the way in, from the stream too.
    let outside = Desk::outside(&pages);
    for path in ["/desk/issues", "/desk/write", &path, &format!("{path}/live"), &format!("{path}/mail"), &correct] {
        assert_eq!(outside.get(path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    let mut pia = Desk::signed_in(&pages, PIA).await;
    assert_eq!(decide(&mut pia, issue, "stop", "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.held_issue().await, issue);
}

told_on_both_engines!(another_publisher_approves_at_the_desk_what_one_wants_out);
async fn another_publisher_approves_at_the_desk_what_one_wants_out() {
    let staff = "notify = [\"desk@example.org\", \"chief@example.org\"]";
    let (world, pages) = house(World::setup().staff(staff).staff("second_person = true")).await;
    let (mut pia, mut paul) = (Desk::signed_in(&pages, PIA).await, Desk::signed_in(&pages, PAUL).await);
    let plan = press(&mut pia, "/desk/write", "plan", &[("window", "2m")]).await;
    assert!(plan.text.contains("Ask a second person to approve it"), "{}", plan.text);
    assert!(plan.text.contains("2 minutes after it is approved"), "{}", plan.text);
    let issue = sent(&mut pia, "2m").await;
    let page = pia.get(&format!("{}?said=sent", path_of(issue))).await;
    assert!(page.text.contains("You want it out. Another of staff was asked to approve it."), "{}", page.text);
    assert!(!page.text.contains("value=\"approve\""), "{}", page.text);
    for deed in ["approve", "release"] {
        let own = decide(&mut pia, issue, deed, "yes").await;
        assert_eq!(own.status, StatusCode::CONFLICT, "{deed}");
        assert!(own.text.contains("another of staff must approve it"), "{}", own.text);
    }
    let vera = Desk::signed_in(&pages, VERA).await;
    let page = vera.get(&path_of(issue)).await;
    assert!(page.text.contains("It does when a second person approves it."), "{}", page.text);
    assert_eq!(decide(&mut paul, issue, "approve", "no").await.status, StatusCode::CONFLICT);
    world.hours(1);
    world.run().await;
    assert!(world.mails_to(READER).is_empty());
    let page = decide(&mut paul, issue, "approve", "yes").await;
    assert_eq!(page.location(), format!("{}?said=approve", path_of(issue)));
    let page = paul.get(page.location()).await;
    assert!(page.text.contains("It is let go.") && page.text.contains(">2:00<"), "{}", page.text);
    world.minutes(2);
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), 1);
}

told_on_both_engines!(a_page_of_the_desk_that_is_old_lets_nothing_go);
async fn a_page_of_the_desk_that_is_old_lets_nothing_go() {
    let (world, pages) = house(World::setup()).await;
    let (mut pia, mut paul) = (Desk::signed_in(&pages, PIA).await, Desk::signed_in(&pages, PAUL).await);
    let issue = sent(&mut pia, "5m").await;
    decide(&mut pia, issue, "stop", "").await;
    let path = path_of(issue);
    let old = pia.get(&path).await.hidden("seen");
    decide(&mut paul, issue, "release", "yes").await;
    decide(&mut paul, issue, "stop", "").await;
    for seen in [old.as_str(), "", "x"] {
        let page = pia.press(&path, &[("do", "release"), ("typed", "yes"), ("seen", seen)]).await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{seen}");
        assert!(page.text.contains("it stands otherwise by now"), "{}", page.text);
    }
    world.hours(1);
    world.run().await;
    assert!(world.mails_to(READER).is_empty());
    // An address that somebody made up claims nothing that is not so.
    for claim in ["release", "approve", "give-up", "x"] {
        let page = pia.get(&format!("{path}?said={claim}")).await;
        assert!(!page.text.contains("role=\"status\""), "{claim}: {}", page.text);
    }
}

told_on_both_engines!(what_was_wrong_is_corrected_and_withdrawn_at_the_desk);
async fn what_was_wrong_is_corrected_and_withdrawn_at_the_desk() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let first = sent(&mut pia, "0s").await;
    world.run().await;
    world.join("news", "late@reader.example").await;
    world.new_mails();
    for (address, may_write) in [(VERA, false), (ED, true), (PIA, true)] {
        let page = Desk::signed_in(&pages, address).await.get(&path_of(first)).await;
        assert_eq!(page.text.contains("Correct it"), may_write, "{address}: {}", page.text);
    }
    let correct = format!("{}/correct", path_of(first));
    let page = pia.get(&correct).await;
    assert!(page.text.contains("value=\"Statement on the transfer\""), "{}", page.text);
    assert!(page.text.contains("It was sent to 2 readers."), "{}", page.text);
    let words = [("subject", "The transfer was in May"), ("wrong", "We wrote April."), ("text", "It was in *May*.")];
    let page = press(&mut pia, &correct, "preview", &words).await;
    assert!(page.text.contains("We wrote April."), "{}", page.text);
    let page = press(&mut pia, &correct, "plan", &words).await;
    assert!(page.text.contains("2 readers who were mailed “Statement on the transfer”"), "{}", page.text);
    let send = [&words[..], &[("typed", "yes")]].concat();
    let correction = issue_of(&press(&mut pia, &correct, "send", &send).await);
    assert_eq!(issue_of(&press(&mut pia, &correct, "send", &send).await), correction, "twice is once");
    world.run().await;
    let mails = world.new_mails();
    assert_eq!(recipients(&mails)[..2], [READER, "reader2@example.org"]);
    assert_eq!(mails[0].subject, "Correction: The transfer was in May");
    let page = pia.get(&path_of(correction)).await;
    assert!(page.text.contains(&format!("issue {}</a>", first.0)), "it leads to the first: {}", page.text);

    let withdraw = format!("{}/withdraw", path_of(first));
    let page = press(&mut pia, &withdraw, "plan", &[]).await;
    assert!(page.text.contains("Send to 2 readers"), "{}", page.text);
    let withdrawal = issue_of(&press(&mut pia, &withdraw, "send", &[("typed", "yes")]).await);
    world.new_mails();
    world.run().await;
    assert_eq!(world.mails_to(READER).len(), 3);
    assert_eq!(world.states(withdrawal).await, "sent 2");
    for nowhere in ["/desk/issues/999/correct", "/desk/issues/999", "/desk/issues/x", "/desk/issues/1/nothing"] {
        assert_eq!(pia.get(nowhere).await.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
}

#[tokio::test]
async fn a_drill_goes_to_staff_alone_and_wants_its_own_word() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let drill = [("kind", "drill")];
    let page = press(&mut pia, "/desk/write", "plan", &drill).await;
    assert!(
        page.text.contains("This is a drill.") && page.text.contains("Send the drill to 1 of staff"),
        "{}",
        page.text
    );
    let page = press(&mut pia, "/desk/write", "send", &[&drill[..], &[("typed", "yes")]].concat()).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    let issue = issue_of(&press(&mut pia, "/desk/write", "send", &[&drill[..], &[("typed", "drill")]].concat()).await);
    world.run().await;
    assert!(world.mails_to(READER).is_empty());
    assert_eq!(world.states(issue).await, "sent 1");
    assert!(!pia.get(&path_of(issue)).await.text.contains("Correct it"), "no reader has it");
}

#[tokio::test]
async fn above_a_thousand_readers_the_desk_wants_the_lists_name() {
    let (world, pages) = house(World::setup()).await;
    for n in 3..=1_001 {
        world.join("news", &format!("reader{n}@example.org")).await;
    }
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let page = press(&mut pia, "/desk/write", "plan", &[]).await;
    assert!(page.text.contains("Send to 1,001 readers") && page.text.contains("type “news”"), "{}", page.text);
    let page = press(&mut pia, "/desk/write", "send", &[("typed", "yes")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(world.issues().await.len(), 0);
    issue_of(&press(&mut pia, "/desk/write", "send", &[("typed", "news")]).await);
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_with_the_text_still_there() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    for (field, value, told) in [
        ("subject", " ", "needs a subject and a statement"),
        ("list", "nowhere", "has no list `nowhere`"),
        ("list", "../news", "has no list"),
        ("window", "25h", "choose when it goes"),
        ("window", "soon", "choose when it goes"),
    ] {
        for deed in ["plan", "send"] {
            let page = press(&mut pia, "/desk/write", deed, &[(field, value), ("typed", "yes")]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
            assert!(page.text.contains(told) && page.text.contains("**condemns**"), "{told}: {}", page.text);
        }
    }
    // A long statement is no trouble, and one beyond all measure is not read.
    let long = "Every word of it counts. ".repeat(2_000);
    let page = press(&mut pia, "/desk/write", "preview", &[("text", &long)]).await;
    assert_eq!(page.status, StatusCode::OK);
    let beyond = "x".repeat(600_000);
    let page = press(&mut pia, "/desk/write", "preview", &[("text", &beyond)]).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.issues().await.len(), 0);
}

#[tokio::test]
async fn neither_a_title_nor_a_statement_runs_anything_on_the_pages_of_issues() {
    let (world, pages) = house(World::setup()).await;
    let hostile = "Coalition condemns </title><script>alert(1)</script>\"><img src=x onerror=alert(1)>";
    world.next_look(&[world.post(hostile)]).await;
    let issue = world.issues().await.pop().expect("an alert").id;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let typed = [("subject", hostile), ("text", "</textarea><script>alert(1)</script>\n\n[x](javascript:alert(1))")];
    let path = path_of(issue);
    let mut shown = vec![
        pia.get("/desk").await,
        pia.get("/desk/issues").await,
        pia.get(&path).await,
        pia.get(&format!("{path}/correct")).await,
        pia.get(&format!("{path}/live")).await,
    ];
    for deed in ["preview", "plan"] {
        shown.push(press(&mut pia, "/desk/write", deed, &typed).await);
    }
    shown.push(pia.press("/desk/write/preview", &[&typed[..], &[("list", "news")]].concat()).await);
    for page in shown {
        assert_eq!(page.status, StatusCode::OK);
        let text = page.text.replace("<script src=\"/desk/desk.js\" defer></script>", "");
        for bad in ["<script", "<img", "onerror=alert(1)>"] {
            let found = text.find(bad).map(|at| &text[at..text.len().min(at + 60)]);
            assert!(found.is_none(), "{found:?}");
        }
    }
    let mail = pia.get(&format!("{path}/mail")).await;
    assert!(!mail.text.contains("<script"), "{}", mail.text);
    let policy = mail.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
}

told_on_both_engines!(what_came_back_is_told_by_reason_with_nobodys_address);
async fn what_came_back_is_told_by_reason_with_nobodys_address() {
    let (world, pages) = house(World::setup()).await;
    for reader in ["reader3@example.org", "reader4@example.org"] {
        world.join("news", reader).await;
    }
    for (n, said) in
        [(1, "550 5.1.1 <reader1@example.org> is unknown"), (3, "550 5.1.1 no such user"), (4, "554 5.6.0 not that")]
    {
        world.relay.answer_recipient(&format!("reader{n}@example.org"), Answer::Reply(said));
    }
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let issue = sent(&mut pia, "0s").await;
    world.run().await;
    let page = pia.get(&path_of(issue)).await;
    for words in [
        "There is no such mailbox (5.1.1): 2",
        "It did not work this time (5.6.0): 1",
        "r***@e***.org",
        "sent 1, waiting 0, refused 3, unknown 0",
        "*** is unknown",
    ] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    assert!(!page.text.contains(READER), "{}", page.text);
    assert!(pia.get("/desk/issues").await.text.contains("sent to 1 of 4, refused 3"));
}

#[tokio::test]
async fn all_issues_are_found_by_list_by_state_and_page_by_page() {
    let events = "[[lists]]\nname = \"events\"\ntitle = \"Events\"\nfeeds = [\"site\"]\nalerts = true\n";
    let (world, pages) = house(World::setup().also(events)).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    assert!(pia.get("/desk/issues").await.text.contains("Nothing was sent yet."));
    for n in 0..27 {
        let subject = format!("Statement {n:02}");
        press(&mut pia, "/desk/write", "send", &[("subject", &subject), ("window", "24h"), ("typed", "yes")]).await;
    }
    let first = pia.get("/desk/issues?list=news").await;
    assert!(first.text.contains("Statement 26") && first.text.contains("Statement 02"), "{}", first.text);
    assert!(!first.text.contains("Statement 01"), "{}", first.text);
    assert!(first.text.contains("goes soon"), "{}", first.text);
    let (_, rest) = first.text.split_once("/desk/issues?list=news&amp;before=").expect("older ones");
    let before = rest.split('"').next().expect("a number");
    let second = pia.get(&format!("/desk/issues?list=news&before={before}")).await;
    assert!(second.text.contains("Statement 01") && second.text.contains("Statement 00"), "{}", second.text);
    assert!(!second.text.contains("Statement 02") && !second.text.contains("Older issues"), "{}", second.text);
    assert!(pia.get("/desk/issues?list=events").await.text.contains("No issue is like that."));
    assert!(pia.get("/desk/issues?state=held").await.text.contains("No issue is like that."));
    let newest = world.issues().await.pop().expect("an issue").id;
    decide(&mut pia, newest, "stop", "").await;
    let held = pia.get("/desk/issues?state=held").await;
    assert!(held.text.contains("Statement 26") && !held.text.contains("Statement 25"), "{}", held.text);
    let today = pia.get("/desk").await;
    assert!(today.text.contains(&format!("href=\"{}\"", path_of(newest))), "{}", today.text);
    // What is no word of ours is as if it had not been asked for.
    assert!(pia.get("/desk/issues?state=%3Cscript%3E&before=x&list=..").await.text.contains("Statement 26"));
}

#[tokio::test]
async fn progress_is_told_as_it_happens_and_ends_with_the_issue_or_the_session() {
    let (world, pages) = house(World::setup()).await;
    let (mut pia, mut paul) = (Desk::signed_in(&pages, PIA).await, Desk::signed_in(&pages, PAUL).await);
    let issue = sent(&mut pia, "5m").await;
    let path = format!("{}/live", path_of(issue));
    let mut watched = pia.open(&path).await;
    assert_eq!(watched.headers()["content-type"], "text/event-stream");
    assert_eq!(watched.headers()["cache-control"], "no-store");
    let begins = watched.chunk().await.expect("a stream").expect("an event");
    let begins = String::from_utf8(begins.to_vec()).expect("text");
    assert!(begins.contains("event: drawn") && begins.contains("5:00"), "{begins}");
    let mut other = paul.open(&path).await;
    other.chunk().await.expect("a stream").expect("an event");
    paul.press("/desk/sign-out", &[]).await;
    let rest = other.text().await.expect("it ends with the session");
    assert!(!rest.contains("event: done"), "{rest}");
    world.clock.advance(SignedDuration::from_secs(5));
    let later = watched.chunk().await.expect("a stream").expect("an event");
    assert!(String::from_utf8_lossy(&later).contains("4:55"), "{later:?}");
    decide(&mut pia, issue, "stop", "").await;
    let rest = watched.text().await.expect("it ends with the issue");
    assert!(rest.contains("An alert is held") && rest.contains("event: done\ndata: done\n\n"), "{rest}");
    // Who asks again is told the same at once.
    let again = pia.get(&path).await.text;
    assert!(again.contains("An alert is held") && again.contains("event: done\ndata: done\n\n"), "{again}");
}

#[tokio::test]
async fn a_page_that_is_left_open_keeps_nobody_signed_in() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let issue = sent(&mut pia, "5m").await;
    decide(&mut pia, issue, "stop", "").await;
    let path = format!("{}/live", path_of(issue));
    // The browser asks again by itself, all night.
    for _ in 0..6 {
        world.hours(2);
        assert_eq!(pia.get(&path).await.status, StatusCode::OK);
    }
    world.hours(1);
    assert_eq!(pia.get(&path).await.status, StatusCode::SEE_OTHER);
    assert_eq!(pia.get("/desk").await.status, StatusCode::SEE_OTHER);
}

told_on_both_engines!(what_was_typed_is_not_lost_when_the_session_ended_meanwhile);
async fn what_was_typed_is_not_lost_when_the_session_ended_meanwhile() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let issue = sent(&mut pia, "0s").await;
    let seal = pia.get("/desk").await.hidden("seal");
    world.hours(13);
    let before = world.rows().await;
    let typed = "Two hours of work & </textarea><script>alert(1)</script>";
    let fields = [("seal", seal.as_str()), ("subject", "A <b>headline</b>"), ("text", typed), ("do", "plan")];
    let (correct, withdraw) = (format!("{}/correct", path_of(issue)), format!("{}/withdraw", path_of(issue)));
    for place in ["/desk/write", &correct, &withdraw] {
        for path in [place, &format!("{place}/preview")] {
            let page = pia.post(path, &fields).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            let way_in = format!("/desk/sign-in?next={}", place.replace('/', "%2F"));
            for words in ["Two hours of work &amp; &lt;", "A &lt;b&gt;headline&lt;", &way_in] {
                assert!(page.text.contains(words), "{words} is not in {}", page.text);
            }
            assert!(page.text.contains("readonly") && !page.text.contains("<script"), "{}", page.text);
            assert_eq!(page.headers["cache-control"], "no-store");
        }
    }
    // What somebody else's page sends is shown to nobody, and what is no text is nothing to lose.
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let page = pia.ask(Method::POST, "/desk/write", &encoded(&fields), &[header]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{header:?}");
        assert!(!page.text.contains("Two hours"), "{}", page.text);
    }
    assert_eq!(pia.post("/desk/write", &[("do", "plan"), ("text", "  ")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(pia.post(&path_of(issue), &fields).await.status, StatusCode::SEE_OTHER);
    assert!(before.changes(&world.rows().await).is_empty());
}

#[tokio::test]
async fn only_so_many_watch_at_a_time_and_places_come_free() {
    let (_world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let issue = sent(&mut pia, "5m").await;
    let path = format!("{}/live", path_of(issue));
    let mut watched = Vec::new();
    loop {
        let response = pia.open(&path).await;
        if response.status() != StatusCode::OK {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            break;
        }
        watched.push(response);
    }
    assert_eq!(watched.len(), 24);
    decide(&mut pia, issue, "stop", "").await;
    for stream in watched {
        stream.text().await.expect("it ends");
    }
    assert_eq!(pia.get(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn to_look_at_issues_and_write_changes_no_row() {
    let (world, pages) = house(World::setup()).await;
    let mut pia = Desk::signed_in(&pages, PIA).await;
    let issue = sent(&mut pia, "5m").await;
    let ed = Desk::signed_in(&pages, ED).await;
    let paul = Desk::signed_in(&pages, PAUL).await;
    let before = world.rows().await;
    let path = path_of(issue);
    for desk in [&pia, &ed, &paul] {
        for path in ["/desk/issues", "/desk/write", &path, &format!("{path}/mail"), &format!("{path}/correct")] {
            assert_eq!(desk.get(path).await.status, StatusCode::OK, "{path}");
        }
    }
    let changes = before.changes(&world.rows().await);
    assert!(changes.is_empty(), "{changes:?}");
    assert!(world.app.store.subscriber_of(&address_of(PAUL)).await.expect("the store answers").is_some());
}
