//! The API of programs: which token may do what, on which lists; alerts that go once; pages without gaps; problems.

mod alerts;
mod described;
mod readers;
mod tokens;

use serde_json::{Value, json};
use tidings::domain::access::Scope;

use crate::world::{World, api::Operation, pages::Pages};

/// Another list, with a feed of its own.
const OTHER: &str = "[[feeds]]\nname = \"elsewhere\"\nurl = \"SITE/elsewhere\"\n\
     [[lists]]\nname = \"other\"\ntitle = \"Other news\"\nfeeds = [\"elsewhere\"]\nalerts = true";

/// A house in which something of everything is on the list `news`, and nobody on `other`.
async fn house() -> (World, Pages) {
    let world = World::setup().also(OTHER).start().await;
    let pages = Pages::of(&world).await;
    world.begin(2).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!(world.mails_to("reader1@example.org").len(), 1);
    (world, pages)
}

/// The path of an operation, of what is in the house.
async fn path_in(world: &World, operation: &Operation) -> String {
    let issue = world.issues().await[0].id.0;
    let reader = world.app.store.subscriptions_of(&crate::world::address_of("reader1@example.org")).await;
    let reader = reader.expect("subscriptions")[0].subscriber.0;
    let run = world.app.store.newest_runs(1).await.expect("runs")[0].id.0;
    let post = world.app.store.find_posts("condemns").await.expect("posts")[0].id.0;
    let mut path = operation.path.replace("{list}", "news");
    for (name, number) in [("issue", issue), ("subscriber", reader), ("run", run), ("post", post)] {
        path = path.replace(&format!("{{{name}}}"), &number.to_string());
    }
    path
}

/// A body that an operation takes; null when it takes none.
fn body_of(operation: &Operation) -> Value {
    let alert = json!({ "list": "news", "subject": "By a program", "markdown": "Words." });
    match operation.id.as_str() {
        "subscribe" => json!({ "address": "new@example.org", "consent": "given" }),
        "findSubscriber" | "forgetSubscriber" => json!({ "address": "reader2@example.org" }),
        "stopIssue" => json!({ "reason": "a mistake" }),
        "planAlert" => alert,
        "sendAlert" => json!({ "alert": alert, "expected_readers": 2 }),
        _ => Value::Null,
    }
}

fn all_but(scope: Scope) -> Vec<Scope> {
    Scope::ALL.into_iter().filter(|other| *other != scope).collect()
}
