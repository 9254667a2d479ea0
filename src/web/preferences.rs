//! The page where a reader chooses what they get, by the link in each mail. GET changes nothing; the buttons POST.

use axum::{
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Site, Token,
    form::Form,
    origin::Origin,
    pages::{ChosenList, Page, Tick},
    text,
};
use crate::{
    domain::subscription::{Choice, Wanted},
    subscribe::{self, Chosen, Offered, Preferences, PreferencesError, Rest, Saved},
};

pub(super) async fn page(State(site): State<Site>, token: Token) -> Response {
    match subscribe::preferences(&site.app, text(&token)).await {
        Ok(preferences) => show(&site, &preferences, text(&token), ""),
        Err(error) => problem(&site, &error),
    }
}

pub(super) async fn choose(State(site): State<Site>, Origin(origin): Origin, token: Token, body: Bytes) -> Response {
    let (form, token) = (Form::read(&body), text(&token));
    let done = if form.one("do") == "leave-all" {
        let left = subscribe::leave_all(&site.app, token, origin).await;
        left.map(|now| (now, "You have left everything. A message that was on its way may still arrive."))
    } else {
        match chosen(&site, token, &form).await {
            Ok(chosen) => subscribe::choose(&site.app, token, &chosen, origin).await.map(said),
            Err(error) => Err(error),
        }
    };
    match done {
        Ok((preferences, said)) => show(&site, &preferences, token, said),
        Err(error) => problem(&site, &error),
    }
}

fn said(Saved { preferences, rest }: Saved) -> (Preferences, &'static str) {
    let said = match rest {
        Rest::Done => "It is saved.",
        Rest::Asked => {
            "It is saved. Please look into your mailbox: what you did not get before begins when you press the button in \
             the mail that is on its way, if all is well. We send at most one such mail a day."
        }
        Rest::TooMany => {
            "What you get already is saved. For the rest, too many people ask just now: please try again in an hour."
        }
    };
    (preferences, said)
}

/// What is ticked. A form tells nothing of boxes that are not, so each list that is offered is looked for.
async fn chosen(site: &Site, token: &str, form: &Form) -> Result<Vec<Chosen>, PreferencesError> {
    let offered = subscribe::preferences(&site.app, token).await?.offered;
    Ok(offered
        .into_iter()
        .map(|Offered { list, .. }| {
            let wanted = |part: &str| Wanted::of(form.has(&format!("{part}.{list}")));
            let choice = Choice { digests: wanted("digests"), alerts: wanted("alerts") };
            Chosen { list, choice }
        })
        .collect())
}

/// All that we know of the reader, as a file.
pub(super) async fn data(State(site): State<Site>, token: Token) -> Response {
    let preferences = match subscribe::preferences(&site.app, text(&token)).await {
        Ok(preferences) => preferences,
        Err(error) => return problem(&site, &error),
    };
    let data = match subscribe::data_about(&site.app, &preferences.subscriber.address).await {
        Ok(Some(data)) => data,
        Ok(None) => return problem(&site, &PreferencesError::Gone),
        Err(error) => return site.failed("a reader's data", &error),
    };
    let json = serde_json::to_vec_pretty(&data).expect("texts and numbers are JSON");
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"my-data.json\""),
    ];
    (headers, json).into_response()
}

pub(super) async fn erase_page(State(site): State<Site>, token: Token) -> Response {
    match subscribe::preferences(&site.app, text(&token)).await {
        Ok(preferences) => {
            let address = preferences.subscriber.address.to_string();
            let back = site.app.links().preferences(preferences.subscriber.id);
            site.pages.answer(StatusCode::OK, &Page::Erase { address: &address, back: &back })
        }
        Err(error) => problem(&site, &error),
    }
}

pub(super) async fn erase(State(site): State<Site>, token: Token) -> Response {
    match subscribe::erase(&site.app, text(&token)).await {
        // Once more is as good as once.
        Ok(()) | Err(PreferencesError::Gone) => site.pages.answer(StatusCode::OK, &Page::Erased),
        Err(error) => problem(&site, &error),
    }
}

fn show(site: &Site, preferences: &Preferences, token: &str, said: &str) -> Response {
    let address = preferences.subscriber.address.to_string();
    let lists = preferences.offered.iter().map(|offered| ChosenList {
        name: offered.list.as_str(),
        title: &offered.title,
        description: &offered.description,
        when: &offered.when,
        digests: shown(offered.has.digests, offered.gets.digests),
        alerts: shown(offered.has.alerts, offered.gets.alerts),
    });
    let agreement = &preferences.agreement;
    let page = Page::Preferences { lists: lists.collect(), address: &address, token, said, agreement };
    site.pages.answer(StatusCode::OK, &page)
}

fn shown(has: Wanted, gets: Wanted) -> Tick {
    match (has, gets) {
        (Wanted::No, _) => Tick::Absent,
        (Wanted::Yes, Wanted::Yes) => Tick::Ticked,
        (Wanted::Yes, Wanted::No) => Tick::Empty,
    }
}

fn problem(site: &Site, error: &PreferencesError) -> Response {
    match error {
        PreferencesError::Token(_) => site.not_ours(),
        PreferencesError::Gone => {
            site.problem(StatusCode::GONE, "Nothing is known of you here any more: you get no mail from us.")
        }
        PreferencesError::Store(error) => site.failed("a page of choices", error),
    }
}
