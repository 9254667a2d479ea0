//! The daemon: a clock around the flows. It wakes collecting and publishing, keeps delivery going, takes in mail, and
//! serves the pages. It holds no state: what it does when, the store says.

pub mod connections;

use std::{sync::Arc, time::Duration};

use axum::Router;
use futures_util::future::join_all;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::connections::Manner;
use crate::{
    access,
    app::App,
    deliver::{self, Until, tally::Tally},
    domain::{
        feed::Feed,
        run::{Did, RunId, RunKind},
        webhook::Webhook,
    },
    intake::{self, doors::Doors},
    newsroom,
    publish::{self, Pass, PassOptions},
    staff,
    stop::{Ask, Stop},
    subscribe, webhooks,
};

/// How often it looks whether a feed, a slot or a file is due.
const TICK: Duration = Duration::from_secs(10);

/// How often it looks whether somebody has asked to join, or a system of the house is to be told something.
const ANSWER: Duration = Duration::from_secs(1);

/// How long one turn may take of what is done again and again.
const TURN: Duration = Duration::from_secs(15 * 60);

/// How long delivery waits after it failed as a whole before it begins anew.
const REST: Duration = Duration::from_secs(1);

/// Pages, and where they are served.
#[derive(Debug)]
pub struct Served {
    /// Where who wants them connects.
    pub listener: TcpListener,
    /// The pages.
    pub router: Router,
}

/// Runs until it is told to stop: the clock's work, delivery, mail that comes in by `doors`, and what is `served`, each on
/// its own listener. What fails is logged and tried again.
pub async fn serve(app: Arc<App>, served: Vec<Served>, doors: Doors, stop: Stop) {
    let clock_work = tokio::spawn(stopping(stop.clone(), keep_publishing(Arc::clone(&app), stop.clone())));
    let listening = tokio::spawn(stopping(stop.clone(), keep_listening(Arc::clone(&app), stop.clone())));
    let answers = tokio::spawn(stopping(stop.clone(), keep_answering(Arc::clone(&app), stop.clone())));
    let delivery = tokio::spawn(stopping(stop.clone(), keep_delivering(Arc::clone(&app), stop.clone())));
    let calling = tokio::spawn(stopping(stop.clone(), keep_calling(Arc::clone(&app), stop.clone())));
    let intake = tokio::spawn(stopping(stop.clone(), keep_taking(Arc::clone(&app), doors, stop.clone())));
    let answering = served.into_iter().map(async |Served { listener, router }| {
        connections::answer(&listener, router, &stop, Manner::default()).await;
    });
    join_all(answering).await;
    end(clock_work, &stop).await;
    end(listening, &stop).await;
    end(intake, &stop).await;
    end(calling, &stop).await;
    end(answers, &stop).await;
    end(delivery, &stop).await;
}

/// Work without which the daemon must not go on: when it ends by itself, or panics, everything is told to stop.
async fn stopping(stop: Stop, work: impl Future<Output = ()>) {
    struct AskAtTheEnd(Stop);
    impl Drop for AskAtTheEnd {
        fn drop(&mut self) {
            if !self.0.is_asked() {
                self.0.ask();
            }
        }
    }
    let _ask_at_the_end = AskAtTheEnd(stop);
    work.await;
}

/// Waits until a task has ended; told to end now, waits only for what ends by itself at once.
async fn end(task: JoinHandle<()>, stop: &Stop) {
    let abort = task.abort_handle();
    let ended = tokio::select! {
        ended = task => ended,
        () = async { stop.asked(Ask::Now).await; sleep(REST).await } => {
            abort.abort();
            return;
        }
    };
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic.into_panic());
    }
}

/// Does one turn of what is done again and again, but not for ever: `None` when it was given up. All of it may be done twice,
/// and what waits for a server that has fallen silent must not be the last that this process does.
async fn in_a_turn<T>(what: &str, doing: impl Future<Output = T>) -> Option<T> {
    let done = timeout(TURN, doing).await.ok();
    if done.is_none() {
        tracing::error!("{what} took longer than {} minutes, and is begun anew", TURN.as_secs() / 60);
    }
    done
}

async fn keep_publishing(app: Arc<App>, stop: Stop) {
    let mut number = None;
    while !stop.is_asked() {
        number = in_a_turn("a run", run(&app, number)).await.flatten();
        tokio::select! {
            () = sleep(TICK) => {}
            () = stop.asked(Ask::Finish) => {}
        }
    }
}

/// Feeds that are pinged are looked at aside from the clock's work, each by itself: none waits for another that hangs.
async fn keep_listening(app: Arc<App>, stop: Stop) {
    join_all(app.config.feeds.iter().map(|feed| listen(&app, feed, &stop))).await;
    stop.asked(Ask::Finish).await;
}

async fn listen(app: &App, feed: &Feed, stop: &Stop) {
    while !stop.is_asked() {
        tokio::select! {
            () = publish::pinged(app, feed) => {}
            () = stop.asked(Ask::Finish) => return,
        }
        match in_a_turn("a look at a feed that was pinged", publish::look_at_pinged(app, feed)).await {
            None => {}
            Some(Ok(pass)) => told(&pass),
            Some(Err(error)) => {
                tracing::error!(feed = %feed.name, "a ping was not followed up, and is with the next look: {error}")
            }
        }
    }
}

/// Those who ask to join wait for their mail, so this looks more often than the clock.
async fn keep_answering(app: Arc<App>, stop: Stop) {
    while !stop.is_asked() {
        if let Some(Err(error)) = in_a_turn("the answering of requests", subscribe::answer_requests(&app)).await {
            tracing::error!("requests were not answered, and are tried again: {error}");
        }
        tokio::select! {
            () = sleep(ANSWER) => {}
            () = stop.asked(Ask::Finish) => {}
        }
    }
}

/// Each webhook is called by itself: none waits for another that hangs.
async fn keep_calling(app: Arc<App>, stop: Stop) {
    let keep = async |webhook: &Webhook| {
        while !stop.is_asked() {
            let calling = webhooks::call_due(&app, webhook, || !stop.is_asked());
            if let Some(Err(error)) = in_a_turn("the calls of a webhook", calling).await {
                tracing::error!(webhook = %webhook.name, "what it is to be told waits: {error}");
            }
            tokio::select! {
                () = sleep(ANSWER) => {}
                () = stop.asked(Ask::Finish) => {}
            }
        }
    };
    join_all(app.config.webhooks.iter().map(keep)).await;
    stop.asked(Ask::Finish).await;
}

/// One run, of this number or a fresh one; gives the number back when nothing was written down that carries it.
async fn run(app: &App, number: Option<RunId>) -> Option<RunId> {
    let number = match number {
        Some(number) => number,
        None => match app.store.run_number().await {
            Ok(number) => number,
            Err(error) => {
                tracing::error!("no run can begin: {error}");
                return None;
            }
        },
    };
    let app = app.in_run(number, RunKind::Serve);
    let (did, trouble) = tick(&app).await;
    match app.store.end_run(did, trouble.as_deref(), app.clock.now()).await {
        Ok(is_written) => (!is_written).then_some(number),
        Err(error) => {
            tracing::error!("it is not written down that a run ended: {error}");
            None
        }
    }
}

/// One turn of the clock: everything that is due now. Gives what was published, and why not all of it could be.
async fn tick(app: &App) -> (Did, Option<String>) {
    match subscribe::sync_files(app).await {
        Ok(files) => {
            for file in files {
                match file {
                    Ok(synced) => {
                        let (list, done) = (&synced.list, &synced.imported);
                        tracing::info!(%list, joined = done.joined, "read a subscribers file");
                        for bad in &done.bad {
                            tracing::warn!(%list, "passed over in its subscribers file: {bad}");
                        }
                    }
                    Err(error) => tracing::warn!("a subscribers file was not read: {error}"),
                }
            }
        }
        Err(error) => tracing::error!("the subscribers files were not read: {error}"),
    }
    if let Err(error) = subscribe::forget_old_requests(app).await {
        tracing::error!("those who asked long ago were not forgotten: {error}");
    }
    if let Err(error) = subscribe::forget_old_notices(app).await {
        tracing::error!("old notices were not forgotten: {error}");
    }
    if let Err(error) = staff::forget_old_sessions(app).await {
        tracing::error!("sessions that have ended were not forgotten: {error}");
    }
    if let Err(error) = webhooks::note_events(app).await {
        tracing::error!("what webhooks are to be told was not noted: {error}");
    }
    if let Err(error) = access::forget_old_answers(app).await {
        tracing::error!("answers to programs were not forgotten: {error}");
    }
    if let Err(error) = intake::forget_old_letters(app).await {
        tracing::error!("it was not forgotten which letters came long ago: {error}");
    }
    if let Err(error) = app.store.forget_relay_minutes(app.clock.now()).await {
        tracing::error!("what relays did yesterday was not forgotten: {error}");
    }
    match intake::bounces::judge_bounces(app).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "judged bounces and complaints"),
        Err(error) => tracing::error!("bounces were not judged: {error}"),
    }
    if let Err(error) = newsroom::tell_alarms(app).await {
        tracing::error!("staff were not told of alarms: {error}");
    }
    if let Err(error) = newsroom::aftercare_due(app).await {
        tracing::error!("corrections and reports wait: {error}");
    }
    match publish::publish_due(app, PassOptions::default()).await {
        Ok(pass) => {
            told(&pass);
            (pass.did(0), None)
        }
        Err(error) => {
            tracing::error!("publishing failed and is tried again: {error}");
            (Did::default(), Some(error.to_string()))
        }
    }
}

/// Logs what a pass did.
fn told(pass: &Pass) {
    for note in &pass.notes {
        tracing::info!("{note}");
    }
    if pass.alerts + pass.digests > 0 {
        tracing::info!(posts = pass.posts, alerts = pass.alerts, digests = pass.digests, "published");
    }
}

/// Doors that were never opened are no reason to end.
async fn keep_taking(app: Arc<App>, doors: Doors, stop: Stop) {
    doors.keep(app, stop.clone()).await;
    stop.asked(Ask::Finish).await;
}

/// Delivery begins anew when it fails: its claims are taken up by itself.
async fn keep_delivering(app: Arc<App>, stop: Stop) {
    while !stop.is_asked() {
        let delivered = match app.post_room().await {
            Ok(room) => {
                let tally = Arc::new(Tally::default());
                deliver::deliver(&room, Until::Stopped, &stop, tally).await.map(drop).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = delivered {
            tracing::error!("delivery failed and begins anew: {error}");
            tokio::select! {
                () = sleep(REST) => {}
                () = stop.asked(Ask::Finish) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::in_a_turn;

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_hangs_is_not_the_last() {
        assert_eq!(in_a_turn("a run", pending::<u32>()).await, None);
        assert_eq!(in_a_turn("a run", ready(7)).await, Some(7));
    }
}
