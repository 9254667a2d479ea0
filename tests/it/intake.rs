//! Mail that comes in: each letter is taken once, by whatever door, and nothing that comes is lost or blocks the rest.

mod conversation;
mod imap;
mod lmtp;
mod maildir;
mod once;
mod postfix;

use tidings::{domain::subscription::SubscriptionState, newsroom, store::Store};

use crate::world::{Setup, World, address_of};

/// What a mail program writes that leaves by mail.
const UNSUBSCRIBE: &str = "From: someone@example.net\r\nSubject: unsubscribe\r\n\r\n";

/// A world in which so many readers of `news` have a mail.
async fn mailed(setup: Setup, readers: usize) -> World {
    let world = setup.start().await;
    world.begin(readers).await;
    world.next_look(&[world.post("Coalition condemns a transfer")]).await;
    assert_eq!(world.mails().len(), readers);
    world
}

/// The address by which a reader leaves, as it stands in their mail.
fn leave_address(world: &World, reader: usize) -> String {
    let mail = &world.mails_to(&format!("reader{reader}@example.org"))[0];
    let token = mail.leave_link().rsplit('/').next().expect("a token");
    format!("news+leave.{token}@example.org")
}

/// The readers of `news`, of `count`, who are still on it.
async fn remaining(world: &World, count: usize) -> Vec<usize> {
    remaining_in(&world.app.store, count).await
}

async fn remaining_in(store: &Store, count: usize) -> Vec<usize> {
    let mut remaining = Vec::new();
    for n in 1..=count {
        let all = store.subscriptions_of(&address_of(&format!("reader{n}@example.org"))).await.expect("subscriptions");
        if all[0].state == SubscriptionState::Active {
            remaining.push(n);
        }
    }
    remaining
}

/// The subjects of what staff are told of now.
async fn told(world: &World) -> Vec<String> {
    world.new_mails();
    newsroom::tell_alarms(&world.app).await.expect("the store takes it");
    world.run().await;
    world.new_mails().into_iter().filter(|mail| mail.to == "desk@example.org").map(|mail| mail.subject).collect()
}

/// How many letters were tried.
async fn letters(world: &World) -> i64 {
    let mut connection = world.raw().await;
    let (count,) = sqlx::query_as("SELECT COUNT(*) FROM letters").fetch_one(&mut connection).await.expect("letters");
    count
}

/// What was done with those that were taken, sorted.
async fn done(world: &World) -> Vec<String> {
    let mut connection = world.raw().await;
    let done: Vec<(String,)> = sqlx::query_as("SELECT done FROM letters WHERE done IS NOT NULL ORDER BY done")
        .fetch_all(&mut connection)
        .await
        .expect("letters");
    done.into_iter().map(|(done,)| done).collect()
}

/// From now on the store answers, and refuses to let these readers go.
async fn refuse_to_let_go(world: &World, readers: &str) {
    let statement = format!(
        "CREATE TRIGGER refuses BEFORE UPDATE ON subscriptions WHEN new.subscriber IN ({readers})
         BEGIN SELECT RAISE(ABORT, 'no'); END"
    );
    world.sql(&statement).await;
}

async fn let_go(world: &World) {
    world.sql("DROP TRIGGER refuses").await;
}
