//! An issue's progress as it happens, by server-sent events (HTML Standard, 9.2): `drawn` with the part of the page anew, each
//! time that it has changed, and `done` once nothing changes by itself any more. It only reads. Few streams run at a time, and
//! each ends after a while; then the browser asks again by itself, and whoever is signed in no longer is not answered. That it
//! asks is no sign that anybody is there.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep},
};

use super::{
    Site, issue,
    pages::Around,
    post::Number,
    progress::{Part, Progress, moves},
    visitor::{Visitor, Watcher},
};
use crate::{
    domain::issue::IssueId,
    newsroom::{self, By, NewsroomError},
    staff,
};

/// How many streams run at a time: each asks the store once a second.
pub(in crate::web) const AT_ONCE: usize = 24;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// How long a stream runs. It is less than a connection may live, and little enough that a server which is to end does not
/// wait for it.
const LENGTH: Duration = Duration::from_secs(60);

/// How soon the browser asks again once a stream has ended.
const AGAIN: Duration = Duration::from_secs(1);

/// What its answer carries: nobody keeps it, and nginx passes events on as they come.
const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
];

/// Somebody who watches.
struct Watch {
    site: Site,
    visitor: Visitor,
    by: Option<By>,
    issue: IssueId,
    until: Instant,
    /// What was drawn last.
    drawn: String,
    step: Step,
    _turn: OwnedSemaphorePermit,
}

#[derive(Clone, Copy)]
enum Step {
    /// It looks now.
    Look,
    /// It looks after a moment.
    Wait,
    /// It says that nothing more will come.
    Done,
    /// It has said so.
    End,
}

pub(super) async fn stream(State(site): State<Site>, Watcher(visitor): Watcher, id: Number) -> Response {
    let now = match issue::found(&site, &visitor, &id).await {
        Ok(now) => now,
        Err(response) => return response,
    };
    let Ok(turn) = Arc::clone(&site.live_turns).try_acquire_owned() else {
        let text = "Too many watch just now. The page says how to see it anew.";
        return visitor.problem(&site, StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let watch = Watch {
        site,
        visitor,
        by: now.by,
        issue: now.issue.id,
        until: Instant::now() + LENGTH,
        drawn: String::new(),
        step: Step::Look,
        _turn: turn,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

impl Watch {
    /// The next event; `None` when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.step {
                Step::Look => {}
                Step::Wait => sleep(LOOK).await,
                Step::Done => {
                    self.step = Step::End;
                    // An event without data is none to a browser.
                    return Some(Event::default().event("done").data("done"));
                }
                Step::End => return None,
            }
            if Instant::now() >= self.until {
                return None;
            }
            // Whatever fails here, the browser asks again, and then is told by a page.
            let html = self.look().await.ok().flatten()?;
            if html != self.drawn {
                self.drawn.clone_from(&html);
                return Some(Event::default().event("drawn").retry(AGAIN).data(html));
            }
        }
    }

    /// The part of the page as it is now; `None` when nobody is signed in any more.
    async fn look(&mut self) -> Result<Option<String>, NewsroomError> {
        if !staff::is_still_signed_in(&self.site.app, &self.visitor.0).await? {
            return Ok(None);
        }
        let now = newsroom::deciding_by(&self.site.app, self.issue, self.by.as_ref()).await?;
        self.step = if moves(now.stands) { Step::Wait } else { Step::Done };
        let part = Part { progress: Progress::of(&self.site.app, &now).await? };
        Ok(self.site.pages.desk_part(&part, &Around::visitor(&self.site, &self.visitor.0)))
    }
}
