//! Two runs at the same time, as when cron starts one while the last has not ended: one issue, each reader once.

use std::{collections::BTreeMap, sync::Arc};

use tidings::app::App;

use super::SLOT;
use crate::world::{Post, Ran, Setup, World, run};

/// How often each story is told: a race shows itself now and then.
const TIMES: i64 = 5;

/// Runs in parallel, on one database each with an app of its own.
async fn at_once(apps: &[Arc<App>]) -> Vec<Ran> {
    let runs: Vec<_> = apps
        .iter()
        .map(|app| {
            tokio::spawn({
                let app = Arc::clone(app);
                async move { run(&app).await }
            })
        })
        .collect();
    let mut ran = Vec::new();
    for one in runs {
        ran.push(one.await.expect("no panic"));
    }
    ran
}

/// At a slot, everything is new at once: two statements and three stories.
async fn one_issue_each(setup: Setup) {
    let world = setup.start().await;
    world.begin(20).await;
    let apps = [Arc::clone(&world.app), world.another().await, world.another().await];
    let mut posts: Vec<Post> = Vec::new();
    world.until(SLOT);
    for time in 0..TIMES {
        let titles = ["Coalition condemns a transfer", "Coalition condemns a use", "Webinar", "Report", "Anniversary"];
        posts.splice(0..0, titles.map(|title| world.post(&format!("{title} ({time})"))));
        world.feed_has(&posts);
        let ran = at_once(&apps).await;
        // What one run found may have come too late for the other's slot, and is made by the next run.
        let made = ran.iter().fold((0, 0, 0), |sum, ran| {
            let made = ran.made();
            (sum.0 + made.0, sum.1 + made.1, sum.2 + made.2)
        });
        assert_eq!(made, (5, 2, 1), "week {time}: {ran:#?}");
        let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
        for mail in world.new_mails() {
            if mail.header("feedback-id").contains("digest") {
                let posts = mail.text.split("Sent as a").next().unwrap_or_default();
                assert!(!posts.contains("condemns"), "{}", mail.text);
            }
            *subjects.entry(mail.subject).or_default() += 1;
        }
        assert_eq!(subjects.len(), 3, "{subjects:?}");
        assert!(subjects.values().all(|&count| count == 20), "{subjects:?}");
        world.hours(7 * 24);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_at_the_same_time_make_one_issue_on_sqlite() {
    one_issue_each(World::setup()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_at_the_same_time_make_one_issue_on_postgres() {
    one_issue_each(World::setup().on_postgres()).await;
}
