//! Readers by the API: pages without gaps, masks, consent, leaving, being erased.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tidings::domain::access::Scope;

use super::house;
use crate::world::{World, address_of, api::Program, pages::Pages, relay::Answer, stores::told_on_both_engines};

/// All entries of a listing, page by page; something is done between pages.
async fn walked(program: &Program<'_>, path: &str, mut between: impl AsyncFnMut()) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = program.get(&format!("{path}?limit=3{cursor}")).await.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 3);
        all.extend(items.iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        cursor = format!("&cursor={next}");
        between().await;
    }
}

told_on_both_engines!(pages_have_no_gap_and_no_entry_twice_while_others_come_and_go);
async fn pages_have_no_gap_and_no_entry_twice_while_others_come_and_go() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    for n in 10..20 {
        world.join("news", &format!("reader{n}@example.org")).await;
    }
    let mut n = 100;
    let found = walked(&program, "/lists/news/subscriptions", async || {
        n += 1;
        if n < 103 {
            world.join("news", &format!("reader{n}@example.org")).await;
            world.part("news", &format!("reader{}@example.org", n - 90)).await;
        }
    })
    .await;
    let numbers: Vec<i64> = found.iter().map(|it| it["subscriber"].as_i64().expect("a number")).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
    let addresses: BTreeSet<&str> = found.iter().map(|it| it["address"].as_str().expect("an address")).collect();
    for n in [1, 2, 10, 11, 12, 15, 19, 101, 102] {
        assert!(addresses.contains(format!("reader{n}@example.org").as_str()), "{n}: {addresses:?}");
    }

    let issue = |n| json!({ "list": "news", "subject": format!("Alert {n}"), "markdown": "Words." });
    let mut sent = 0;
    let mut alert = async || {
        sent += 1;
        let readers = program.get("/lists/news").await.json()["readers_of_alerts"].clone();
        let body = json!({ "alert": issue(sent), "expected_readers": readers });
        assert_eq!(program.alerts(&sent.to_string(), &body).await.status, StatusCode::CREATED);
    };
    for _ in 0..7 {
        alert().await;
    }
    let found = walked(&program, "/issues", alert).await;
    let numbers: Vec<i64> = found.iter().map(|it| it["id"].as_i64().expect("a number")).collect();
    let eighth = *numbers.first().expect("issues");
    assert_eq!(numbers, (1..=eighth).rev().collect::<Vec<_>>(), "those that came meanwhile push nothing out");
    assert_eq!(numbers.len(), 8);
    let readers = found[0]["readers"].as_u64().expect("a number");
    let deliveries = walked(&program, &format!("/issues/{eighth}/deliveries"), async || {}).await;
    assert_eq!(deliveries.len() as u64, readers);

    let foreign = program.get("/issues?limit=3").await.json()["next"].as_str().expect("more").to_owned();
    for query in [
        format!("/runs?cursor={foreign}"),
        "/issues?cursor=x".into(),
        "/issues?limit=0".into(),
        "/issues?limit=201".into(),
        "/issues?limit=x".into(),
        "/issues?page=2".into(),
        "/issues?limit=1&limit=2".into(),
    ] {
        assert_eq!(program.get(&query).await.problem(), "invalid", "{query}");
    }
}

#[tokio::test]
async fn addresses_are_masked_unless_a_token_may_see_them() {
    let (world, pages) = house().await;
    let masked = Program::with(&world, &pages, &[Scope::SubscribersRead, Scope::DeliveriesRead]).await;
    let whole = Program::with(&world, &pages, &Scope::ALL).await;
    let issue = world.issues().await[0].id.0;
    for path in ["/lists/news/subscriptions".to_owned(), format!("/issues/{issue}/deliveries")] {
        assert!(whole.get(&path).await.text.contains("reader1@example.org"));
        let seen = masked.get(&path).await.text;
        assert!(!seen.contains("reader1@") && seen.contains("r***@e***.org"), "{seen}");
    }
    let found = masked.post("/subscribers/find", &json!({ "address": "reader1@example.org" })).await.text;
    assert!(found.contains("\"news\"") && !found.contains("reader1@"), "{found}");
}

#[tokio::test]
async fn who_may_not_see_an_address_sees_no_name_and_no_words_of_a_relay_that_say_as_much() {
    let (world, pages) = house().await;
    let masked = Program::with(&world, &pages, &[Scope::SubscribersRead, Scope::DeliveriesRead]).await;
    let whole = Program::with(&world, &pages, &Scope::ALL).await;
    world.sql("UPDATE subscribers SET name = 'Ana Author' WHERE address = 'reader1@example.org'").await;
    world
        .relay
        .answer_recipient("reader1@example.org", Answer::Reply("550 5.1.1 mailbox reader1 of Ana Author is not known"));
    world.next_look(&[world.post("Coalition condemns another transfer")]).await;
    let issue = world.issues().await.iter().map(|issue| issue.id.0).max().expect("an issue");
    let listing = ("/lists/news/subscriptions".to_owned(), "Ana Author");
    for (path, words) in [listing, (format!("/issues/{issue}/deliveries"), "mailbox reader1 of Ana Author")] {
        let seen = whole.get(&path).await.text;
        assert!(seen.contains(words), "{seen}");
        let seen = masked.get(&path).await.text;
        assert!(!seen.contains("Ana") && !seen.contains("reader1"), "{seen}");
    }
    let seen = masked.get(&format!("/issues/{issue}/deliveries")).await.text;
    assert!(seen.contains("550 5.1.1 mailbox"), "why is told: {seen}");
}

told_on_both_engines!(a_state_that_one_in_many_is_in_is_found_page_by_page_and_no_page_looks_at_all);
async fn a_state_that_one_in_many_is_in_is_found_page_by_page_and_no_page_looks_at_all() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    let issue = world.issues().await[0].id.0;
    // Twenty thousand more, of whom the last alone was not taken.
    let many = "WITH RECURSIVE n(n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM n WHERE n < 21000)";
    world
        .sql(&format!(
            "INSERT INTO subscribers (id, address, address_key, name, added_at)
             {many} SELECT n, 'many' || n || '@example.org', 'many' || n || '@example.org', '', 0 FROM n"
        ))
        .await;
    world
        .sql(&format!(
            "INSERT INTO deliveries (mailing, subscriber, lane, state, attempts, queued_at, changed_at)
             {many} SELECT (SELECT MIN(id) FROM mailings WHERE issue = {issue}), n, 2,
                           CASE n WHEN 21000 THEN 'bounced' ELSE 'sent' END, 1, 0, 0 FROM n"
        ))
        .await;
    let path = format!("/issues/{issue}/deliveries?state=bounced");
    let (mut cursor, mut pages_seen, mut found) = (String::new(), 0, Vec::new());
    loop {
        let page = program.get(&format!("{path}{cursor}")).await.json();
        pages_seen += 1;
        found.extend(page["items"].as_array().expect("items").iter().map(|item| item["subscriber"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        assert!(pages_seen < 5 && found.is_empty(), "{page}");
        cursor = format!("&cursor={next}");
    }
    assert_eq!((found, pages_seen), (vec![Value::from(21_000)], 3));
}

told_on_both_engines!(who_is_asked_gets_nothing_before_they_confirm_and_who_left_comes_back_no_other_way);
async fn who_is_asked_gets_nothing_before_they_confirm_and_who_left_comes_back_no_other_way() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    let join = async |address: &str, consent: &str| {
        program.post("/lists/news/subscriptions", &json!({ "address": address, "consent": consent })).await
    };
    let asked = join("ana@example.org", "ask").await;
    assert_eq!((asked.status, &asked.json()["outcome"]), (StatusCode::ACCEPTED, &"asked".into()));
    assert!(world.app.store.subscriptions_of(&address_of("ana@example.org")).await.expect("read").is_empty());
    world.run().await;
    let mail = world.mails_to("ana@example.org").pop().expect("a mail to confirm");
    assert_eq!(pages.post(&mail.path_to("confirm"), &[]).await.status, StatusCode::OK);
    assert_eq!(join("ana@example.org", "given").await.json()["outcome"], "already");

    assert_eq!(join("ben@example.org", "given").await.json()["outcome"], "joined");
    let found = program.post("/subscribers/find", &json!({ "address": "ben@example.org" })).await.json();
    let number = found["subscriptions"][0]["subscriber"].as_i64().expect("a number");
    let path = format!("/lists/news/subscriptions/{number}");
    for _ in 0..2 {
        assert_eq!(program.post(&format!("{path}/end"), &Value::Null).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(program.get(&path).await.json()["state"], "ended");
    let back = join("ben@example.org", "given").await;
    assert_eq!((back.status, back.problem().as_str()), (StatusCode::CONFLICT, "had-left"));

    let forget = async |address: &str| {
        program.post("/subscribers/forget", &json!({ "address": address })).await.json()["outcome"].clone()
    };
    assert_eq!(forget("ana@example.org").await, "erased");
    assert_eq!(forget("ana@example.org").await, "not-there");
    assert_eq!(join("ana@example.org", "given").await.problem(), "had-left");
    for address in ["", "x", "a@b", "a b@example.org", "a\0@example.org"] {
        assert_eq!(join(address, "given").await.problem(), "invalid", "{address:?}");
    }
}

told_on_both_engines!(a_program_that_asks_too_many_is_told_so_and_keeps_nobody_else_from_asking);
async fn a_program_that_asks_too_many_is_told_so_and_keeps_nobody_else_from_asking() {
    let (world, pages) = house().await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    let other = Program::with(&world, &pages, &Scope::ALL).await;
    let ask = async |program: &Program<'_>, address: &str| {
        let body = json!({ "address": address, "consent": "ask" });
        program.post("/lists/news/subscriptions", &body).await.status
    };
    // More than one network of readers may ask for in an hour are asked, and mailed.
    for n in 0..25 {
        assert_eq!(ask(&program, &format!("ana{n}@reader{n}.example")).await, StatusCode::ACCEPTED);
    }
    let asked = |world: &World| {
        let mails = world.new_mails();
        mails.into_iter().filter(|mail| mail.to.ends_with(".example")).count()
    };
    world.run().await;
    assert_eq!(asked(&world), 25);
    // As if it had asked 5,000 in this hour.
    world
        .sql(
            "INSERT INTO requests (id, kind, address, fingerprint, domain, network, lists, door, origin, text, asked_at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4975)
             SELECT -i, kind, NULL, 'x', '', network, lists, door, origin, text, asked_at
             FROM n, requests WHERE id = (SELECT MAX(id) FROM requests)",
        )
        .await;
    assert_eq!(ask(&program, "ben@reader.example").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(&other, "ben@reader.example").await, StatusCode::ACCEPTED);
    world.asks("carla@reader.example", "198.51.100.7").await;
    world.run().await;
    assert_eq!(asked(&world), 2);
}

#[tokio::test]
async fn nobody_is_asked_to_join_a_private_list() {
    let private = "[[lists]]\nname = \"inner\"\ntitle = \"Inner\"\nfeeds = [\"site\"]\nalerts = true\nprivate = true";
    let world = World::setup().also(private).start().await;
    let pages = Pages::of(&world).await;
    let program = Program::with(&world, &pages, &Scope::ALL).await;
    let body = json!({ "address": "ana@example.org", "consent": "ask" });
    assert_eq!(program.post("/lists/inner/subscriptions", &body).await.problem(), "private-list");
}
